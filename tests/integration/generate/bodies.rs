//! Writes a subject down: JSON (nested, in arrays, escaped), logfmt, lists, queries, forms, XML, CSV, prints of
//! several languages, and prose.

use super::dice::Dice;
use super::subjects::Subject;

type Pairs = [(String, String)];

/// Any of the ways, as text that may stand in a line.
pub fn any(dice: &mut Dice, subject: &Subject) -> String {
    match dice.below(24) {
        0..=4 => json(dice, &subject.pairs),
        5 => nested(dice, &subject.pairs),
        6 => {
            let object = json(dice, &subject.pairs);
            let levels = 1 + dice.below(3);
            escaped(&object, levels)
        }
        7 | 8 => logfmt(dice, &subject.pairs),
        9 => list(&subject.pairs),
        10 | 11 => query(dice, &subject.pairs),
        12 => form(dice, &subject.pairs),
        13 => xml(&subject.pairs),
        14 => format!("2026-11-22,09:00:06,edge,{},{}", subject.code, subject.status),
        15 => node(dice, &subject.pairs),
        16 => python(&subject.pairs),
        _ => prose(dice, subject),
    }
}

pub fn json(dice: &mut Dice, pairs: &Pairs) -> String {
    let blank = if dice.chance(30) { " " } else { "" };
    let mut members: Vec<String> = Vec::new();
    for (name, value) in pairs {
        let value = match value.as_str() {
            number
                if number.bytes().all(|byte| byte.is_ascii_digit())
                    && !number.is_empty()
                    && (number == "0" || !number.starts_with('0'))
                    && dice.chance(70) =>
            {
                number.to_string()
            }
            "null" => "null".to_string(),
            text => format!("\"{}\"", json_text(dice, text)),
        };
        match name.split_once('.').filter(|_| dice.chance(60)) {
            Some((outer, inner)) => {
                members.push(format!("\"{outer}\":{blank}{{\"{inner}\":{blank}{value}}}"))
            }
            None => members.push(format!("\"{name}\":{blank}{value}")),
        }
    }
    format!("{{{}}}", members.join(&format!(",{blank}")))
}

/// A JSON string's inside; the apostrophe now and then as `\u0027`.
pub fn json_text(dice: &mut Dice, text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\u{1b}', "\\u001b");
    if dice.chance(20) { text.replace('\'', "\\u0027") } else { text }
}

pub fn nested(dice: &mut Dice, pairs: &Pairs) -> String {
    let inner = json(dice, pairs);
    let key = dice.pick(&[
        "error", "err", "body", "response", "resp", "data", "upstream", "ctx", "details", "fault", "idp",
    ]);
    match dice.below(5) {
        0 => format!("{{\"{key}\":{inner}}}"),
        1 => format!("{{\"ok\":false,\"{key}\":{{\"status\":400,\"body\":{inner}}}}}"),
        2 => format!("{{\"errors\":[{inner}]}}"),
        3 => format!("[{{\"ok\":true}},{inner}]"),
        _ => {
            let text = json_text(dice, &inner);
            format!("{{\"{key}\":\"{text}\"}}")
        }
    }
}

/// As if it stood in a string that nobody decoded.
pub fn escaped(text: &str, levels: usize) -> String {
    (0..levels).fold(text.to_string(), |text, _| text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub fn logfmt(dice: &mut Dice, pairs: &Pairs) -> String {
    let one = |dice: &mut Dice, (name, value): &(String, String)| {
        let plain = !value.is_empty() && !value.contains([' ', '"', '=']) && !value.ends_with('.');
        if plain && dice.chance(70) {
            format!("{name}={value}")
        } else {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
    };
    pairs.iter().map(|pair| one(dice, pair)).collect::<Vec<_>>().join(" ")
}

fn list(pairs: &Pairs) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", value.replace('"', "'")))
        .collect::<Vec<_>>()
        .join(", ")
}

fn encoded(dice: &mut Dice, text: &str) -> String {
    let blank = if dice.chance(50) { "+" } else { "%20" };
    text.chars()
        .map(|c| match c {
            ' ' => blank.to_string(),
            c if c.is_ascii_alphanumeric() || "_.-~".contains(c) => c.to_string(),
            c => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
        })
        .collect()
}

pub fn query(dice: &mut Dice, pairs: &Pairs) -> String {
    let path = dice.pick(&[
        "/cb",
        "/login/callback",
        "/okta/callback",
        "/bankid/cb",
        "/cb/myinfo",
        "/a/b/okta",
        "https://app.acme.example/sso/cb",
        "https://acme.okta.com/cb",
        "/ast-ca/fail",
        "",
    ]);
    let mut parts: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(dice, value))).collect();
    parts.insert(dice.below(parts.len() + 1), "state=af0".to_string());
    if dice.chance(15) {
        let issuer = dice.pick(&[
            "https://acme.okta.com/oauth2/default",
            "https://idp.acme.example",
            "https://accounts.google.com",
        ]);
        parts.push(format!("iss={}", encoded(dice, issuer)));
    }
    let whole = format!("{path}?{}", parts.join("&"));
    match dice.below(10) {
        0 => encoded(dice, &format!("https://app.acme.example{whole}")),
        1 => format!("{whole}#top"),
        _ => whole,
    }
}

fn form(dice: &mut Dice, pairs: &Pairs) -> String {
    let parts: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(dice, value))).collect();
    format!("{}&state=x1", parts.join("&"))
}

fn xml(pairs: &Pairs) -> String {
    let inner: String = pairs
        .iter()
        .map(|(name, value)| format!("<{name}>{}</{name}>", value.replace('&', "&amp;").replace('<', "&lt;")))
        .collect();
    format!("<Error>{inner}</Error>")
}

fn node(dice: &mut Dice, pairs: &Pairs) -> String {
    let value = |text: &str| {
        if text.parse::<u32>().is_ok() {
            text.to_string()
        } else {
            format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
    };
    let inner = pairs
        .iter()
        .map(|(name, text)| format!("{}: {}", name.replace(['.', '-'], "_"), value(text)))
        .collect::<Vec<_>>()
        .join(", ");
    match dice.below(3) {
        0 => format!("{{ status: 400, data: {{ {inner} }} }}"),
        1 => format!("Error: {{ {inner} }}"),
        _ => format!("{{ {inner} }}"),
    }
}

fn python(pairs: &Pairs) -> String {
    let value = |text: &str| {
        if text.contains('\'') { format!("\"{}\"", text.replace('"', "\\\"")) } else { format!("'{text}'") }
    };
    format!(
        "{{{}}}",
        pairs.iter().map(|(name, text)| format!("'{name}': {}", value(text))).collect::<Vec<_>>().join(", ")
    )
}

pub fn prose(dice: &mut Dice, subject: &Subject) -> String {
    let (code, text, status) = (&subject.code, &subject.text, subject.status);
    match dice.below(26) {
        0 => format!("[{code}] {text}"),
        1 => format!("oauth2: \"{code}\" \"{text}\""),
        2 => format!("{code}: {text}"),
        3 => format!("error: {code}"),
        4 => format!("failed: {code}"),
        5 => format!("failed: {text}"),
        6 => format!("com.acme.http.UpstreamException: {code}"),
        7 => format!("OAuthError: {code} ({text})"),
        8 => format!("request rejected with {code} after 30s"),
        9 => format!("{status} {text}"),
        10 => format!("-> {status} {text}"),
        11 => format!("the answer was {code} (HTTP {status})"),
        12 => text.clone(),
        13 => code.clone(),
        14 => format!("{code} {text}"),
        15 => format!("0 {code} errors"),
        16 => format!("no {code} seen"),
        17 => {
            let code = code.replace([' ', '/'], "_");
            format!("supported=[invalid_request, {code}, invalid_grant, access_denied]")
        }
        18 => format!("expected {code} or invalid_scope"),
        19 => format!("/docs/errors/{code}"),
        20 => format!("{code}_total{{code=\"{code}\"}} 3"),
        21 => format!("select * from audit where error='{code}'"),
        22 => format!("branch=fix/{code}"),
        23 => format!("({code}): {text}"),
        24 => format!("error {code} - {text}."),
        _ => format!("{} ; {code}", text.replace('\'', "&#39;")),
    }
}
