//! What a field name means: error field, error code, identity, status, level, tenant, or a place where codes mean nothing.
//!
//! Names are compared without case and separators (`error-code`, `ErrorCode`); a dotted name is its last part below its
//! first. The lists are section 4 of the attribution rules. Pure functions of the name.

/// What a field's name says of its value; several may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Field(u16);

impl Field {
    /// The value says what went wrong (E1).
    pub const ERROR: Field = Field(1);
    /// The value is a code, not a message.
    pub const CODE: Field = Field(1 << 1);
    /// Says what went wrong if the object is an error's.
    pub const DETAIL: Field = Field(1 << 2);
    /// What stands below it belongs to an answer or an error.
    pub const ANSWER: Field = Field(1 << 3);
    /// Names who was talked to, or who writes.
    pub const IDENTITY: Field = Field(1 << 4);
    /// `name`: an identity of the object that holds the error.
    pub const NAME: Field = Field(1 << 5);
    pub const STATUS: Field = Field(1 << 6);
    pub const LEVEL: Field = Field(1 << 7);
    /// Codes and names in it mean nothing.
    pub const NOWHERE: Field = Field(1 << 8);
    /// Free text of the record itself.
    pub const BODY: Field = Field(1 << 9);
    /// The issuer of a redirect.
    pub const ISSUER: Field = Field(1 << 10);
    /// The kind of a System Log event.
    pub const EVENT_TYPE: Field = Field(1 << 11);

    pub fn is(self, other: Field) -> bool {
        self.0 & other.0 != 0
    }

    const fn and(self, other: Field) -> Field {
        Field(self.0 | other.0)
    }
}

/// The longest name that is looked at.
const NAME_MAX: usize = 64;

/// What the name `key` says; nothing for long or empty ones.
pub fn field(key: &[u8]) -> Field {
    if key.is_empty() || key.len() > NAME_MAX {
        return Field::default();
    }
    let mut parts = key.rsplit(|&b| b == b'.');
    let (mut last, mut before) = ([0; NAME_MAX], [0; NAME_MAX]);
    let last = squeezed(parts.next().unwrap_or_default(), &mut last);
    let Some(parent) = parts.next().map(|part| squeezed(part, &mut before)) else { return single(last) };
    match parent {
        "error" | "err" if last == "code" => Field::ERROR.and(Field::CODE),
        "error" | "err" if matches!(last, "type" | "message" | "msg" | "description" | "reason") => {
            Field::ERROR
        }
        parent if last == "name" && single(parent).is(Field::IDENTITY) => Field::IDENTITY,
        "k8s" | "kubernetes" if matches!(last, "pod" | "container") => Field::IDENTITY,
        _ => single(last),
    }
}

fn single(name: &str) -> Field {
    match name {
        "error" | "err" => Field::ERROR.and(Field::CODE).and(Field::ANSWER),
        "errorcode" | "errcode" => Field::ERROR.and(Field::CODE),
        "errordescription" | "errorsummary" | "errormessage" | "exception" | "cause" => Field::ERROR,
        "code" => Field::DETAIL.and(Field::CODE),
        "message" | "msg" => Field::DETAIL.and(Field::BODY),
        "reason" | "detail" | "description" | "title" => Field::DETAIL,
        "body" | "response" | "resp" | "data" => Field::ANSWER,
        "upstream" => Field::ANSWER.and(Field::IDENTITY),
        "service" | "svc" | "app" | "application" | "component" | "module" | "logger" | "client"
        | "connector" | "idp" | "provider" | "vendor" | "integration" | "target" | "peer" | "appname"
        | "container" | "containername" | "pod" | "podname" | "unit" | "systemdunit" | "servicename"
        | "loggername" | "syslogidentifier" | "program" => Field::IDENTITY,
        "issuer" => Field::IDENTITY.and(Field::ISSUER),
        "iss" => Field::ISSUER,
        "name" => Field::NAME,
        "eventtype" => Field::EVENT_TYPE,
        "status" | "statuscode" | "http" | "httpstatus" | "httpstatuscode" | "licensestatus"
        | "responsecode" | "responsestatus" => Field::STATUS,
        "level" | "lvl" | "severity" | "loglevel" | "levelname" | "priority" => Field::LEVEL,
        "log" => Field::BODY,
        "bucket" | "branch" | "topic" | "file" | "filename" | "metric" | "test" | "useragent" | "ua"
        | "httpuseragent" | "path" | "sql" | "queryname" => Field::NOWHERE,
        _ => Field::default(),
    }
}

/// Lower-case letters and digits, written into `buffer`.
fn squeezed<'b>(part: &[u8], buffer: &'b mut [u8; NAME_MAX]) -> &'b str {
    let mut len = 0;
    for byte in part.iter().filter(|b| b.is_ascii_alphanumeric()) {
        buffer[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    std::str::from_utf8(&buffer[..len]).expect("letters and digits")
}

/// Whether a level word or number says that something failed; `None` when it is no level.
pub fn level(value: &[u8]) -> Option<bool> {
    if let Some(number) = std::str::from_utf8(value).ok().and_then(|v| v.parse::<u32>().ok()) {
        // Bunyan and pino count in tens upwards, syslog from 0 downwards in weight.
        return Some(if number >= 10 { number >= 40 } else { number <= 4 });
    }
    let lower = value.to_ascii_lowercase();
    match &*lower {
        b"warn" | b"warning" | b"err" | b"error" | b"fatal" | b"crit" | b"critical" | b"panic" | b"alert"
        | b"emerg" | b"emergency" | b"severe" | b"dpanic" => Some(true),
        b"info" | b"debug" | b"trace" | b"notice" | b"verbose" | b"fine" | b"information"
        | b"informational" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_separators() {
        for key in ["error_code", "errorCode", "ERROR-CODE", "ErrorCode", "err_code", "error.code"] {
            assert!(field(key.as_bytes()).is(Field::ERROR) && field(key.as_bytes()).is(Field::CODE), "{key}");
        }
        assert!(field(b"service.name").is(Field::IDENTITY));
        assert!(!field(b"user.name").is(Field::IDENTITY));
        assert_eq!(field(b""), Field::default());
    }

    #[test]
    fn levels_are_words_or_numbers() {
        assert_eq!(level(b"WARN"), Some(true));
        assert_eq!(level(b"50"), Some(true));
        assert_eq!(level(b"30"), Some(false));
        assert_eq!(level(b"3"), Some(true));
        assert_eq!(level(b"6"), Some(false));
        assert_eq!(level(b"ok"), None);
    }
}
