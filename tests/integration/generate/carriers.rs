//! The line around a body: who writes, who was called, how bad it is, whose traffic.

use super::bodies;
use super::dice::Dice;
use super::subjects::{Subject, Subjects};
use crate::reference::Library;

pub struct Carriers {
    /// By pack: names, hosts, loggers.
    names: Vec<String>,
    hosts: Vec<Vec<String>>,
    loggers: Vec<Vec<String>>,
    foreign_hosts: Vec<String>,
    foreign_loggers: Vec<String>,
}

/// Facts of one line; empty where it does not say them.
struct Facts {
    service: String,
    host: String,
    level: &'static str,
    status: String,
    tenant: Option<(&'static str, String)>,
}

const TENANT_KEYS: [&str; 12] = [
    "tenant",
    "tenant",
    "tenantId",
    "tenant_id",
    "org",
    "orgId",
    "org_id",
    "customer",
    "customer_id",
    "realm",
    "customerId",
    "Tenant",
];
const TENANTS: [&str; 16] = [
    "acme",
    "nordbank-retail",
    "studio-7",
    "t-9",
    "42",
    "Öst-1",
    "a.b:c",
    "S1234567D",
    "01010112345",
    "bob@acme.example",
    "9a5b5c2b-e510-4012-8a4c-70fbb17032b5",
    "-",
    "",
    "none",
    "a b",
    "0123456789abcdef0123456789abcdef",
];

impl Carriers {
    pub fn new(library: &Library) -> Carriers {
        let plain = |hosts: &Vec<String>| {
            hosts.iter().map(|host| host.trim_start_matches("*.").to_string()).collect::<Vec<_>>()
        };
        Carriers {
            names: library
                .packs
                .iter()
                .map(|pack| pack.names.first().cloned().unwrap_or_else(|| pack.provider.id.clone()))
                .collect(),
            hosts: library.packs.iter().map(|pack| plain(&pack.evidence.strong.hosts)).collect(),
            loggers: library.packs.iter().map(|pack| pack.evidence.strong.loggers.clone()).collect(),
            foreign_hosts: library.foreign.iter().flat_map(|list| plain(&list.evidence.hosts)).collect(),
            foreign_loggers: library.foreign.iter().flat_map(|list| list.evidence.loggers.clone()).collect(),
        }
    }

    /// A provider's name as people write it: the subject's own, another's, or a neutral word.
    pub fn name_of(&self, dice: &mut Dice, subject: &Subject) -> String {
        let own = subject.pack.filter(|_| dice.chance(65)).unwrap_or_else(|| dice.below(self.names.len()));
        let name = &self.names[own];
        let other = dice.below(self.names.len());
        let camel: String = name.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
        match dice.below(14) {
            0..=3 => name.clone(),
            4 => camel,
            5 => format!("{name}-gateway"),
            6 => format!("{camel}TokenClient"),
            7 => format!("{name}_connector"),
            8 => format!("{name}-{}-bridge", self.names[other]),
            9 => format!("{name} and {}", self.names[other]),
            10 if self.names[other] != *name => format!("{name}/{}", self.names[other]),
            11 => format!("{name}x"),
            _ => dice.pick(&["api-gw", "checkout-web", "upstream", "kyc"]).to_string(),
        }
    }

    fn service(&self, dice: &mut Dice, subject: &Subject) -> String {
        if dice.chance(45) {
            return dice
                .pick(&[
                    "api-gw",
                    "checkout-web",
                    "crm",
                    "sso",
                    "license-proxy",
                    "c.a.web.ErrorHandler",
                    "com.acme.oidc.TokenClient",
                ])
                .to_string();
        }
        let own = subject.pack.unwrap_or(0);
        if let (true, Some(logger)) = (dice.chance(15), self.loggers[own].first()) {
            return format!("{logger}Client");
        }
        if dice.chance(5) {
            return format!("{}events", dice.one_of(&self.foreign_loggers));
        }
        self.name_of(dice, subject).replace(' ', "-")
    }

    fn host(&self, dice: &mut Dice, subject: &Subject) -> String {
        let own = subject.pack.filter(|_| dice.chance(60)).unwrap_or_else(|| dice.below(self.hosts.len()));
        let domain = match dice.below(10) {
            0..=5 => dice.one_of(&self.hosts[own]).to_string(),
            6 => dice.one_of(&self.foreign_hosts).to_string(),
            7 => format!("{}.evil.example", dice.one_of(&self.hosts[own])),
            _ => "acme.example".to_string(),
        };
        let label = dice.pick(&["acme.", "api.", "login.", "sign.", "dev-4411.", "a.b.", ""]);
        if domain.is_empty() { "idp.acme.example".to_string() } else { format!("{label}{domain}") }
    }

    fn facts(&self, dice: &mut Dice, subject: &Subject) -> Facts {
        let service = if dice.chance(60) { self.service(dice, subject) } else { String::new() };
        let host = if dice.chance(30) { self.host(dice, subject) } else { String::new() };
        let level = match dice.below(10) {
            0..=5 => dice.pick(&["error", "warn", "ERROR", "WARN", "fatal"]),
            6 | 7 => dice.pick(&["info", "debug", "INFO"]),
            _ => "",
        };
        let status = if dice.chance(40) { subject.status.to_string() } else { String::new() };
        let tenant = dice.chance(35).then(|| (dice.pick(&TENANT_KEYS), dice.pick(&TENANTS).to_string()));
        Facts { service, host, level, status, tenant }
    }

    pub fn line(&self, dice: &mut Dice, subject: &Subject) -> String {
        let facts = self.facts(dice, subject);
        match dice.below(12) {
            0..=3 => self.json_line(dice, subject, &facts),
            4 | 5 => self.logfmt_line(dice, subject, &facts),
            6 => self.access_line(dice, subject, &facts),
            _ => self.text_line(dice, subject, &facts),
        }
    }

    fn pairs(&self, dice: &mut Dice, facts: &Facts) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |names: &[&'static str], value: String, dice: &mut Dice| {
            if !value.is_empty() {
                pairs.push((dice.pick(names).to_string(), value));
            }
        };
        add(&["level", "level", "lvl", "severity", "log.level"], facts.level.to_string(), dice);
        add(
            &[
                "service",
                "svc",
                "app",
                "component",
                "logger",
                "idp",
                "provider",
                "service.name",
                "name",
                "topic",
                "branch",
                "user_agent",
                "client",
            ],
            facts.service.clone(),
            dice,
        );
        let address = match dice.below(4) {
            0 => facts.host.clone(),
            _ if facts.host.is_empty() => String::new(),
            1 => format!("https://idp.acme.example/a?next=https%3A%2F%2F{}", facts.host),
            _ => format!("https://{}/oauth2/v1/token", facts.host),
        };
        add(&["url", "host", "upstream", "uri", "iss"], address, dice);
        add(&["status", "http_status", "statusCode", "http"], facts.status.clone(), dice);
        if let Some((key, value)) = &facts.tenant {
            pairs.push((key.to_string(), value.clone()));
        }
        pairs
    }

    fn json_line(&self, dice: &mut Dice, subject: &Subject, facts: &Facts) -> String {
        let mut pairs = self.pairs(dice, facts);
        let mut tail = String::new();
        let key = dice.pick(&[
            "body",
            "error",
            "err",
            "response",
            "data",
            "upstream",
            "ctx",
            "exception",
            "payload",
        ]);
        match dice.below(6) {
            0 => pairs.extend(subject.pairs.iter().cloned()),
            1 => tail = format!(",\"{key}\":{}", bodies::json(dice, &subject.pairs)),
            2 => tail = format!(",\"{key}\":{}", bodies::nested(dice, &subject.pairs)),
            3 => tail = format!(",\"{key}\":[{}]", bodies::json(dice, &subject.pairs)),
            _ => {
                let said = if dice.chance(30) {
                    format!("{} call ", self.name_of(dice, subject))
                } else {
                    String::new()
                };
                let body = bodies::any(dice, subject);
                pairs.push((
                    dice.pick(&["msg", "message", "error", "err", "note", "body", "detail", "log"])
                        .to_string(),
                    format!("{said}{body}"),
                ));
            }
        }
        if pairs.is_empty() {
            pairs.push(("ts".to_string(), "1789".to_string()));
        }
        let head = bodies::json(dice, &pairs);
        let line = format!("{}{tail}}}", &head[..head.len() - 1]);
        let line =
            if dice.chance(12) { bodies::nested(dice, &[("msg".to_string(), line.clone())]) } else { line };
        match dice.below(12) {
            0 => {
                format!("2026-11-22 09:00:07 {} upstream said {line} (attempt 2)", facts.level.to_uppercase())
            }
            _ => line,
        }
    }

    fn logfmt_line(&self, dice: &mut Dice, subject: &Subject, facts: &Facts) -> String {
        let mut pairs = self.pairs(dice, facts);
        if dice.chance(50) {
            pairs.extend(subject.pairs.iter().cloned());
        } else {
            let body = bodies::any(dice, subject);
            pairs.push((
                dice.pick(&["msg", "error", "err", "body", "query", "uri", "detail"]).to_string(),
                body,
            ));
        }
        let line = bodies::logfmt(dice, &pairs);
        if dice.chance(20) {
            format!("2026-11-22T09:00:00Z {} {line}", facts.level.to_uppercase())
        } else {
            line
        }
    }

    fn access_line(&self, dice: &mut Dice, subject: &Subject, facts: &Facts) -> String {
        let target = bodies::query(dice, &subject.pairs);
        let referer =
            if facts.host.is_empty() { "-".to_string() } else { format!("https://{}/", facts.host) };
        let agent = dice.pick(&["Mozilla/5.0", "okta-sdk-java/1.0", "curl/8"]);
        format!(
            "10.2.0.9 - - [20/Nov/2026:09:14:10 +0000] \"GET {target} HTTP/1.1\" {} 0 \"{referer}\" \"{agent}\"",
            subject.status
        )
    }

    fn text_line(&self, dice: &mut Dice, subject: &Subject, facts: &Facts) -> String {
        let level = facts.level.to_uppercase();
        let service = if facts.service.is_empty() { "worker" } else { &facts.service };
        let head = match dice.below(10) {
            0 => format!("2026-11-20T09:14:07.412Z {level} 1 --- [nio-8080-exec-3] {service} :"),
            1 => format!("2026-11-20 09:14:36.700 {level}  [{service}] c.a.web.Handler -"),
            2 => format!("[2026-11-20T17:14:23.118] [{level}] {service} -"),
            3 => format!(
                "{}1121 10:00:02.123456       1 client.go:211]",
                if level == "INFO" { "I" } else { "E" }
            ),
            4 => format!("{level} {service}:"),
            5 => format!("{service} {level}"),
            6 => format!("[{}] {service}", level.to_lowercase()),
            7 => String::new(),
            _ => format!("2026-11-20T09:14:40Z {level} {service}"),
        };
        let mut words = vec![head];
        if let Some((key, value)) = facts.tenant.as_ref().filter(|_| dice.chance(60)) {
            words.push(format!("{key}={value}"));
        } else if dice.chance(8) {
            words.push(format!("POST /v1/tenants/{}/certificates", dice.pick(&TENANTS)));
        }
        if dice.chance(40) {
            words.push(format!(
                "{} {}",
                self.name_of(dice, subject),
                dice.pick(&["call", "answered", "failed", "ok (200);", "said:", "request ->", "error"])
            ));
        }
        if !facts.host.is_empty() {
            words.push(format!("POST https://{}/oauth2/v1/token", facts.host));
        }
        if !facts.status.is_empty() {
            words.push(format!("{} {}", dice.pick(&["->", "status", "HTTP", "upstream"]), facts.status));
        }
        words.push(bodies::any(dice, subject));
        words.join(" ")
    }

    pub fn trace(&self, dice: &mut Dice, subject: &Subject, body: &str) -> String {
        let name = self.name_of(dice, subject).replace([' ', '/', '-'], "");
        match dice.below(3) {
            0 => format!(
                "2026-11-20 09:14:08,901 ERROR [worker-3] c.a.sync.Job - sync failed tenant=acme\ncom.acme.{name}.UpstreamException: 403 from upstream\n\tat com.acme.http.Client.post(Client.java:88)\nCaused by: com.acme.http.BodyException: {body}\n\t... 14 more"
            ),
            1 => format!(
                "Traceback (most recent call last):\n  File \"/srv/{name}/client.py\", line 3, in call\n{name}.errors.UpstreamError: {body}"
            ),
            _ => format!(
                "Error: {body}\n    at {name}Client.call (/app/dist/client.js:14:11)\n    at Object.<anonymous> (/app/node_modules/{name}-sdk/index.js:1:1)"
            ),
        }
    }

    /// Lines of ordinary services, now and then with a code where it means nothing.
    pub fn noise(&self, dice: &mut Dice, subjects: &Subjects) -> String {
        let code = subjects.code(dice);
        match dice.below(16) {
            0 => {
                "10.1.1.1 - - [20/Nov/2026:09:15:03 +0000] \"GET /img/logo.png HTTP/1.1\" 200 510".to_string()
            }
            1 => format!(
                "{{\"level\":\"info\",\"request_id\":\"9a5b5c2b-e510-4{}-8a4c-70fbb17032b5\",\"status\":200}}",
                dice.below(1000)
            ),
            2 => format!(
                "2026-11-20T09:15:01Z INFO crm lead created phone=\"510-{}-2233\"",
                400 + dice.below(20)
            ),
            3 => format!("INFO handles {code} and server_error"),
            4 => format!("ok 14 - test_{code}_returns_400"),
            5 => format!("{{\"codes\":[\"{code}\",\"server_error\",\"invalid_scope\"],\"level\":\"error\"}}"),
            6 => format!("level=info svc=web {code}=0 error=null"),
            7 => format!("| {code} | the text |"),
            8 => format!("usage: cli [--error {code}] --help"),
            9 => format!("{{\"level\":\"warn\",\"labels\":{{\"code\":\"{code}\"}},\"{code}\":true}}"),
            10 => format!("GET /docs/{code}?lang=en HTTP/1.1\" 200"),
            11 => format!("ERROR could not open /etc/errors/{code}.yaml"),
            12 => format!("INFO rule loaded: rate(app_errors_total{{code=\"{code}\"}}[5m])"),
            13 => "ERROR java.lang.IllegalStateException: Session not found".to_string(),
            14 => format!("{{\"alert\":{{\"reason\":\"{code}\"}},\"msg\":\"ok\"}}"),
            _ => format!("DEBUG cache {} hit", dice.word(12)),
        }
    }
}
