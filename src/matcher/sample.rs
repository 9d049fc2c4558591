//! What log text looks like: lines of the common shapes, in words of our own.
//!
//! `classes` counts in it how many places of ordinary text a bucket would let through. No kind of log is meant in
//! particular: what matters is which letters, digits and marks follow each other.

pub const SAMPLE: &str = r#"{"timestamp":"2026-03-10T00:16:40.002224Z","level":"INFO","service":"billing","tenant":"acme","trace_id":"5dd7d3b0778b5075ea77f792837d45e9","span_id":"fb91b577a4274743","message":"request completed","method":"GET","path":"/api/v2/users/741979/profile","status":200,"duration_ms":1062.92}
2026-03-10 00:16:41.118 ERROR 1 --- [nio-8080-exec-12] c.e.gateway.session.TokenRefreshHandler : authentication failed for client: invalid credentials supplied, access denied
2026-03-10T00:16:41,240 WARN  [main] org.example.client.ConnectionPool - connection reset by peer, retrying in 250 ms (attempt 2 of 5)
10.31.153.185 - - [10/Mar/2026:00:16:42 +0000] "POST /oauth2/authorize?client_id=web-app&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcallback&response_type=code&scope=openid%20profile HTTP/1.1" 302 512 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36"
ts=2026-03-10T00:16:43Z level=debug caller=cache.go:88 msg="cache miss" key=session:09d820da5ef74a04 ttl=288s size=4096 user_id=17 request_id=7a4f0e52-9c1d-4b7e-8a33-61d2f5e09b14
<134>Mar 10 00:16:44 gw01 haproxy[311]: 10.1.2.4:51233 frontend~ backend/server1 0/0/1/7/8 200 5121 - - ---- 12/12/0/0/0 0/0
    at com.example.orders.service.OrderService.createOrder(OrderService.java:245)
    at org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1014)
Caused by: java.lang.IllegalStateException: The requested resource could not be found; please verify the configuration of the application
Traceback (most recent call last): File "/usr/lib/python3.11/site-packages/requests/adapters.py", line 501, in send raise ConnectionError(err, request=request)
{"time":1773101804331,"severity":"error","error":{"code":"server_error","description":"An unexpected error occurred while processing the request. Please try again later."},"user":"jane.doe@example.org","host":"auth-gateway-7d9f8b6c5d-5d51a","version":"1.14.2"}
I0310 00:16:45.332019 1 controller.go:114] "Starting workers" controller="deployment" namespace="kube-system" worker count=4 resourceVersion="5200132"
<event id="81723"><name>order.accepted</name><customer>5521</customer><amount currency="EUR">129.90</amount><created>2026-03-10T00:16:46+01:00</created></event>
field4=value31676 field9=value63352 handled in 12 ms, queue depth 5, signature verification not supported for this type of document; user must sign in with a valid password
UPDATE accounts SET status = 'ACTIVE', updated_at = now() WHERE id = 645858 AND organization_id IN (10, 20, 30) -- 0xDEADBEEF 3F2A9C E4D909C290D0FB1CA068FFADDF22CBD0
[2026-03-10 00:16:47 +0100] production.INFO: Device registration successful {"device":"iPhone15,2","os":"iOS 17.3.1","challenge":"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"}
The certificate has expired or is not yet valid: the issuer of the token does not match the expected value, and the parameter is missing from the body of the response.
"#;
