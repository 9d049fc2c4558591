//! What the tests of this room read: stack traces as the runtimes lay them out, with what they are called, and lines
//! that stand beside each other without belonging together. Adding a case is adding an element.

/// Each is one event.
pub(super) const TRACES: [(&str, &str); 20] = [
    (
        "java, logged",
        "2026-11-20 09:14:08,901 ERROR [okta-sync] c.a.sync.GroupJob - sync failed for tenant=acme-us\n\
         com.acme.http.UpstreamException: 403 from https://acme.oktapreview.com/oauth2/v1/token\n\
         \tat com.acme.http.Client.post(Client.java:88)\n\
         \tat java.base/java.lang.Thread.run(Thread.java:840)\n\
         Caused by: com.acme.http.BodyException: {\"error\":\"access_denied\"}\n\
         \tat com.acme.http.Body.read(Body.java:12)\n\
         \tSuppressed: java.io.IOException: closed\n\
         \t\tat com.acme.http.Body.close(Body.java:40)\n\
         \t... 14 more\n",
    ),
    (
        "java, a message of several lines",
        "2026-11-20 09:14:08,901 ERROR c.a.Job - failed\n\
         com.acme.http.BodyException: 400 Bad Request\n\
         body of the answer\n\
         invalid_grant it says\n\
         \tat com.acme.http.Client.post(Client.java:88)\n",
    ),
    (
        "java, Spring Boot's blank line",
        "2026-11-20T09:14:07.412Z ERROR 1 --- [nio-8080-exec-3] o.a.c.c.C.[dispatcherServlet] : Servlet threw\n\
         \n\
         org.springframework.security.oauth2.client.ClientAuthorizationException: [invalid_scope] no\n\
         \tat org.springframework.security.oauth2.client.A.b(A.java:1)\n",
    ),
    (
        "java, uncaught",
        "Exception in thread \"main\" java.lang.IllegalStateException: no\n\
         \tat com.acme.Main.main(Main.java:3)\n\
         Caused by: java.io.IOException\n\
         \t... 1 more\n",
    ),
    (
        "java, printed without a log line",
        "no.bankid.csc.CscException: certificate_expired\n\tat no.bankid.csc.Client.call(Client.java:31)\n",
    ),
    (
        "python, logging.exception",
        "2026-11-20 09:14:08,901 ERROR myinfo token call failed\n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 3, in call\n\
         \x20   raise_for_status()\n\
         \x20   ^^^^^^^^^^^^^^^^^^\n\
         requests.exceptions.HTTPError: 401 Client Error\n",
    ),
    (
        "python, chained",
        "Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 3, in call\n\
         \x20   d['x']\n\
         KeyError: 'x'\n\
         \n\
         During handling of the above exception, another exception occurred:\n\
         \n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 5, in call\n\
         \x20 File \"/srv/bankid.py\", line 9, in f\n\
         \x20   g()\n\
         \x20 [Previous line repeated 996 more times]\n\
         bankid.errors.CscError: credential_expired\n\
         \n\
         The above exception was the direct cause of the following exception:\n\
         \n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 7, in <module>\n\
         SystemExit\n",
    ),
    (
        "go, panic",
        "panic: runtime error: invalid memory address or nil pointer dereference\n\
         [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48e7b6]\n\
         \n\
         goroutine 1 [running]:\n\
         main.(*T).Do(0xc000012120, {0x1, 0x2})\n\
         \t/src/a.go:12 +0x1d\n\
         main.main()\n\
         \t/src/a.go:8 +0x1d\n\
         \n\
         goroutine 5 [chan receive, 2 minutes]:\n\
         main.f(...)\n\
         \t/src/a.go:3\n\
         created by main.main in goroutine 1\n\
         \t/src/a.go:9 +0x2\n\
         exit status 2\n",
    ),
    (
        "go, net/http",
        "2026/11/20 09:14:06 http: panic serving 10.0.0.1:3: boom\n\
         goroutine 7 [running]:\n\
         net/http.(*conn).serve.func1(0xc0000a0000)\n\
         \t/usr/local/go/src/net/http/server.go:1850 +0xbf\n\
         panic({0x6a4ec0, 0x73c6d0})\n\
         \t/usr/local/go/src/runtime/panic.go:890 +0x262\n",
    ),
    (
        "go, fatal error",
        "fatal error: all goroutines are asleep - deadlock!\n\
         \n\
         goroutine 1 [semacquire]:\n\
         sync.runtime_Semacquire(0x0?)\n\
         \t/usr/local/go/src/runtime/sema.go:62 +0x27\n\
         ...additional frames elided...\n\
         main.main()\n\
         \t/src/a.go:8 +0x1d\n",
    ),
    (
        ".net, logged",
        "2026-11-20 09:14:08.901 +00:00 [ERR] token call failed\n\
         System.AggregateException: One or more errors occurred. (boom)\n\
         \x20---> System.Net.Http.HttpRequestException: invalid_client\n\
         \x20  at Acme.Okta.Client.PostAsync() in /src/Client.cs:line 30\n\
         --- End of stack trace from previous location ---\n\
         \x20  --- End of inner exception stack trace ---\n\
         \x20  at Acme.Okta.Job.Run() in /src/Job.cs:line 3\n",
    ),
    (
        ".net, console logger",
        "fail: Acme.Okta.Job[13]\n\
         \x20     An unhandled exception.\n\
         \x20     System.InvalidOperationException: boom\n\
         \x20        at Acme.Okta.Job.Run() in /src/Job.cs:line 3\n",
    ),
    (
        ".net, unhandled",
        "Unhandled exception. System.InvalidOperationException: boom\n   at Acme.Main() in /src/a.cs:line 3\n",
    ),
    (
        "node, with its properties",
        "Error: Invalid Encyption key\n\
         \x20   at Object.getPersonData (/app/node_modules/myinfo-connector-v4-nodejs/index.js:120:13)\n\
         \x20   at async /app/index.js:3:7 {\n\
         \x20 code: 'ECONNREFUSED',\n\
         \x20 [cause]: Error: inner\n\
         \x20     at f (/app/a.js:1:1)\n\
         }\n",
    ),
    (
        "node, logged",
        "error: Unhandled rejection\nTypeError [ERR_INVALID_ARG]: no\n    at f (/app/a.js:1:1)\n    at g (/app/a.js:2:1)\n",
    ),
    (
        "node, uncaught",
        "/app/index.js:3\n\
         throw new Error('boom')\n\
         ^\n\
         \n\
         Error: boom\n\
         \x20   at Object.<anonymous> (/app/index.js:3:7)\n\
         \n\
         Node.js v20.1.0\n",
    ),
    (
        "ruby",
        "app.rb:5:in `rescue in charge': outer (RuntimeError)\n\
         \tfrom app.rb:20:in `<main>'\n\
         app.rb:3:in `charge': inner (KeyError)\n\
         \tfrom app.rb:20:in `<main>'\n",
    ),
    (
        "ruby, logged",
        "E, [2026-11-20T09:14:08.901 #12] ERROR -- : boom (RuntimeError)\n\
         app/a.rb:3:in `charge'\n\
         app/b.rb:4:in `<main>'\n",
    ),
    (
        "rust",
        "thread 'main' panicked at src/main.rs:2:5:\n\
         index out of bounds: the len is 3 but the index is 5\n\
         stack backtrace:\n\
         \x20  0: rust_begin_unwind\n\
         \x20            at /rustc/library/std/src/panicking.rs:697:5\n\
         note: run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
    ),
    (
        "json over several lines",
        "2026-11-20 09:14:08 INFO answer: {\n  \"error\": \"access_denied\",\n  \"list\": [\n    1\n  ]\n}\n",
    ),
];

/// Each line begins an event of its own.
pub(super) const NEIGHBOURS: [&str; 12] = [
    "2026-11-20 09:14:08 ERROR a\n2026-11-20 09:14:08 ERROR b\n{\"a\":1}\n{\"b\":2}\n<11>x\nINFO c\nplain\nplain\n",
    "2026-11-20 09:14:08 INFO a\nTraceback (most recent call last):\n",
    "2026-11-20 09:14:08 ERROR a\n\n2026-11-20 09:14:08 ERROR b\n",
    "2026-11-20 09:14:08 ERROR a\ncom.acme.AException: no frame follows\nplain\n",
    "{\"level\":\"error\"}\ncom.acme.AException: x\n",
    "2026-11-20 09:14:08 INFO a\nError: x\n2026-11-20 09:14:08 INFO b\n",
    "2026-11-20T09:14:32Z stdout F a\n2026-11-20T09:14:32Z stderr F \tat x\n",
    "plain\n2026-11-20T09:14:32Z stdout F \tat x\n",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n",
    "{\"log\":\"\\tat x\\n\",\"stream\":\"stdout\",\"kubernetes\":{}}\n{\"log\":\"\\tat x\\n\",\"stream\":\"stdout\",\"kubernetes\":{}}\n",
    "20/Nov/2026:09:14:10 +0000 a\n09:14:08.1 a\n[error] a\nE1121 10:00:02.1 a\nNov 21 10:00:00 h a: x\n INFO [main] a\n",
    "key: value\nOther.Word: x\nKeyError: y\nexit status 2\nNode.js v20\n#1 first\n#2 second\n",
];
