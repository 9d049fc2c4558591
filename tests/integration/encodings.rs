//! Every literal of every pack is found in every spelling that logs carry it in.
//!
//! Each text stands in an error field of a record that names its provider, spelled as an encoder would: the raw scan
//! must see it, the view must decode it, and a verdict must speak of the provider.

use faultline::catalogue::schema::{Pack, Rule};
use faultline::event::Fault;
use faultline::pipeline::{Options, Pipeline};

use crate::cases::{engine, rules};

/// A text with its placeholders filled as a provider would fill them.
fn filled(message: &str) -> String {
    let mut out = message.replace("{param}", "client_id");
    for n in 0..4 {
        out = out.replace(&format!("{{{n}}}"), ["orders.read", "openid", "abc", "x1"][n]);
    }
    out
}

/// The texts of a rule that may stand in an error field, and whether it is one for codes.
fn texts(pack: &Pack, rule: &Rule) -> Vec<(String, bool)> {
    let form = |f: &faultline::catalogue::schema::Form| {
        [&f.token, &f.message].into_iter().flatten().any(|t| t.contains("{message}"))
    };
    let mut texts = Vec::new();
    if pack.forms.iter().any(form) {
        // A placeholder alone proves nothing and is no literal.
        texts.extend(rule.message.as_slice().iter().filter(|m| *m != "{0}").map(|m| (filled(m), false)));
    }
    for template in pack.forms.iter().filter(|f| f.only.is_empty()).filter_map(|f| f.token.as_deref()) {
        let parts = [
            ("{code}", Some(&rule.code)),
            ("{wire}", rule.wire.as_ref()),
            ("{internal}", rule.internal.as_ref()),
            ("{name}", rule.name.as_ref()),
        ];
        let text = parts.into_iter().try_fold(template.to_owned(), |text, (name, value)| {
            if text.contains(name) { value.map(|v| text.replace(name, v)) } else { Some(text) }
        });
        texts.extend(text.map(|t| (t, true)));
    }
    texts
}

fn json_escape(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn unicode_quotes(text: &str) -> String {
    text.chars()
        .map(|c| if "'\"<>&’".contains(c) { format!("\\u{:04x}", c as u32) } else { c.to_string() })
        .collect()
}

fn percent(text: &str, plus: bool) -> String {
    text.bytes()
        .map(|b| match b {
            b' ' if plus => "+".to_owned(),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('\'', "&#39;").replace('"', "&quot;")
}

/// Records that carry `text` as the value of `key` beside the provider's name, one a spelling.
fn spelled(name: &str, key: &str, text: &str) -> Vec<(&'static str, String)> {
    let object = format!("{{\"{key}\":\"{}\"}}", json_escape(text));
    let once = json_escape(&object);
    let twice = json_escape(&once);
    let three = json_escape(&twice);
    let url = format!("https://app.example/{name}/cb?{key}={}&state=1", percent(text, true));
    vec![
        (
            "json",
            format!("{{\"level\":\"error\",\"service\":\"{name}\",\"{key}\":\"{}\"}}", json_escape(text)),
        ),
        (
            "unicode quotes",
            format!("{{\"level\":\"error\",\"service\":\"{name}\",\"{key}\":\"{}\"}}", unicode_quotes(text)),
        ),
        ("json in json", format!("{{\"level\":\"error\",\"service\":\"{name}\",\"body\":\"{once}\"}}")),
        (
            "three levels",
            format!(
                "{{\"level\":\"error\",\"service\":\"{name}\",\"body\":\"{{\\\"inner\\\":\\\"{twice}\\\"}}\"}}"
            ),
        ),
        (
            "four levels",
            format!(
                "{{\"level\":\"error\",\"service\":\"{name}\",\"a\":\"{{\\\"b\\\":\\\"{{\\\\\\\"c\\\\\\\":\\\\\\\"{three}\\\\\\\"}}\\\"}}\"}}"
            ),
        ),
        ("escaped in text", format!("ERROR {name} upstream said {once}")),
        ("logfmt", format!("level=error svc={name} {key}=\"{}\"", json_escape(text))),
        ("query, plus", format!("GET /{name}/cb?{key}={}&state=1 HTTP/1.1", percent(text, true))),
        ("query, percent", format!("GET /{name}/cb?state=1&{key}={} HTTP/1.1", percent(text, false))),
        ("form body", format!("level=error svc={name} body={key}={}&state=1", percent(text, true))),
        ("encoded url", format!("level=error svc={name} uri={}", percent(&url, false))),
        ("html", format!("{{\"level\":\"error\",\"service\":\"{name}\",\"{key}\":\"{}\"}}", html(text))),
        (
            "node print",
            format!("ERROR {name} {{ {key}: '{}' }}", text.replace('\\', "\\\\").replace('\'', "\\'")),
        ),
        ("xml", format!("<Fault><service>{name}</service><{key}>{}</{key}></Fault>", html(text))),
    ]
}

fn speaks_of(provider: &str, faults: &[Fault]) -> bool {
    let prefix = format!("{provider}:");
    faults.iter().any(|f| {
        f.provider.as_deref() == Some(provider) || f.candidates.iter().any(|c| c.starts_with(&prefix))
    })
}

#[test]
fn every_literal_of_every_pack_is_found_in_every_spelling() {
    let rules = rules(&[]);
    let mut pipeline = Pipeline::new(engine(&[]), Options::new("encodings".into()));
    let (mut looked, mut missed) = (0, Vec::new());
    for pack in &rules.packs {
        let name = &pack.names[0];
        for rule in &pack.rules {
            for (text, code) in texts(pack, rule) {
                let short = text.chars().filter(|c| !c.is_whitespace()).count() < 12;
                let key = match (code, short) {
                    (true, _) => "error",
                    (false, false) => "error_description",
                    // Looked for in the fields that the pack names, and in no query.
                    (false, true) => "message",
                };
                for (spelling, record) in spelled(name, key, &text) {
                    if key == "message"
                        && (spelling.starts_with("query") || ["form body", "encoded url"].contains(&spelling))
                    {
                        continue;
                    }
                    looked += 1;
                    if !speaks_of(&pack.provider.id, &pipeline.classify(record.as_bytes()).faults) {
                        missed.push(format!("{} {spelling}: {record}", rule.id));
                    }
                }
            }
        }
    }
    assert!(looked > 20_000, "only {looked} spellings");
    let shown: Vec<&String> = missed.iter().take(40).collect();
    assert!(missed.is_empty(), "{} of {looked} are missed, the first are\n{shown:#?}", missed.len());
}
