//! Takes off what transports wrap around a record: BOM, CR, ANSI colours, CRI, docker json-file, syslog 3164 and 5424.

use super::objects::{self, Value};
use regex::Regex;
use std::sync::LazyLock;

#[derive(Debug, Default)]
pub struct Unwrapped {
    pub text: String,
    /// Syslog app-name or tag.
    pub app: Option<String>,
    /// What the syslog priority says.
    pub failing: Option<bool>,
    /// Parameters of RFC 5424 structured data.
    pub structured: Vec<(String, String)>,
    /// The transport says that the end is missing.
    pub cut: bool,
}

static CRI: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) ([PF])(?::\S*)? ").expect("valid"));
static PRIORITY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^<(\d{1,3})>").expect("valid"));
static SYSLOG_5424: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^<\d{1,3}>1 \S+ \S+ (\S+) \S+ \S+ (-|\[)").expect("valid"));
static SYSLOG_3164: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ ([A-Za-z0-9_./-]+)(?:\[\d+\])?: ?")
        .expect("valid")
});
/// The file format of some syslog daemons; without a priority only a pid tells it from an application's own header.
static SYSLOG_ISO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:<\d{1,3}>\d{4}-\d\d-\d\dT\S+ \S+ ([A-Za-z0-9_./-]+)(?:\[\d+\])?: ?|\d{4}-\d\d-\d\dT\S+ \S+ ([A-Za-z0-9_./-]+)\[\d+\]: ?)")
        .expect("valid")
});
static ANSI: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;:?]*[A-Za-z]").expect("valid"));

pub fn unwrap(record: &[u8]) -> Unwrapped {
    let mut out = Unwrapped { text: String::from_utf8_lossy(record).into_owned(), ..Unwrapped::default() };
    for _ in 0..4 {
        out.text = plain(&out.text);
        if !(cri(&mut out) || docker(&mut out) || syslog(&mut out)) {
            break;
        }
    }
    out.text = plain(&out.text);
    out
}

/// Without BOM, colours, CR before a line end, trailing line ends; the marks that the views use are free.
fn plain(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = ANSI.replace_all(text, "").replace("\r\n", "\n").replace(['\x01', '\x02'], "\x03");
    text.trim_end_matches(['\n', '\r']).to_string()
}

fn cri(out: &mut Unwrapped) -> bool {
    if !CRI.is_match(&out.text) {
        return false;
    }
    let mut joined = String::new();
    let mut cut = false;
    for line in out.text.split('\n') {
        match CRI.captures(line) {
            Some(found) => {
                joined.push_str(line[found[0].len()..].trim_end_matches('\r'));
                cut = &found[1] == "P";
            }
            None => {
                joined.push_str(line);
                cut = false;
            }
        }
        if !cut {
            joined.push('\n');
        }
    }
    (out.text, out.cut) = (joined, cut);
    true
}

/// Every line is a docker json-file line: the `log` strings, one behind the other.
fn docker(out: &mut Unwrapped) -> bool {
    let mut joined = String::new();
    for line in out.text.split('\n') {
        let Some(read) = objects::object(line, 0) else { return false };
        let known = |name: &str| ["log", "stream", "time", "attrs"].contains(&name);
        if !read.whole
            || !line[read.end..].trim().is_empty()
            || !read.members.iter().all(|(name, _)| known(name))
        {
            return false;
        }
        let text_of = |wanted: &str| {
            read.members.iter().find_map(|(name, value)| match value {
                Value::Text { text, .. } if name == wanted => Some(text),
                _ => None,
            })
        };
        let (Some(log), Some(_)) = (text_of("log"), text_of("stream")) else { return false };
        joined.push_str(log);
    }
    out.text = joined;
    true
}

fn syslog(out: &mut Unwrapped) -> bool {
    let failing = PRIORITY
        .captures(&out.text)
        .and_then(|found| found[1].parse::<u32>().ok())
        .map(|priority| priority % 8 <= 4);
    let header = SYSLOG_5424.captures(&out.text).map(|found| {
        let data_at = found.get(2).expect("the group is not optional").start();
        (found, data_at, structured_data(&out.text[data_at..]))
    });
    // broken structured data is no structured data
    let rest = if let Some((found, data_at, (data, end))) = header.filter(|(_, _, (_, end))| *end > 0) {
        let app = (&found[1] != "-").then(|| found[1].to_string());
        let rest =
            out.text[data_at + end..].strip_prefix(' ').unwrap_or(&out.text[data_at + end..]).to_string();
        (out.app, out.structured) = (app.or(out.app.take()), data);
        rest
    } else if let Some(found) = SYSLOG_3164.captures(&out.text).or_else(|| SYSLOG_ISO.captures(&out.text)) {
        out.app = found.get(1).or(found.get(2)).map(|tag| tag.as_str().to_string());
        out.text[found[0].len()..].to_string()
    } else if let Some(found) = PRIORITY.find(&out.text) {
        out.text[found.end()..].to_string()
    } else {
        return false;
    };
    out.failing = failing.or(out.failing);
    out.text = rest;
    true
}

/// `-` or `[id name="value" …][…]` → the parameters and where they end.
fn structured_data(text: &str) -> (Vec<(String, String)>, usize) {
    static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^\[[^\s\]="]+((?: [^\s\]="]+="(?:[^"\\\]]|\\.)*")*) ?\]"#).expect("valid")
    });
    static PARAMETER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"([^\s\]="]+)="((?:[^"\\\]]|\\.)*)""#).expect("valid"));
    let (mut parameters, mut end) = (Vec::new(), usize::from(text.starts_with('-')));
    while let Some(element) = ELEMENT.captures(&text[end..]) {
        for parameter in PARAMETER.captures_iter(&element[1]) {
            let value = parameter[2].replace("\\\"", "\"").replace("\\]", "]").replace("\\\\", "\\");
            parameters.push((parameter[1].to_string(), value));
        }
        end += element[0].len();
    }
    (parameters, end)
}
