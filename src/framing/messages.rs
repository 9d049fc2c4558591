//! What shippers put around a line before they send it to a topic: an object in which one field is the line.
//!
//! A preset takes the line out where the object has the shape that its shipper writes, and leaves everything else as it
//! is. `Auto` knows a shipper by the fields that it always writes beside the line. Looked at for hits alone.

use std::borrow::Cow;

use super::json::{self, Value};

/// Whose objects they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wrapping {
    /// Known by their fields, or as they are.
    #[default]
    Auto,
    /// Nobody's.
    Raw,
    Filebeat,
    Fluentbit,
    Vector,
}

/// The line that a message of this shipper carries; `None` where the message has another shape.
pub fn unwrap_message(message: &[u8], wrapping: Wrapping) -> Option<Cow<'_, [u8]>> {
    if wrapping == Wrapping::Raw || !message.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let fields = json::fields(message)?;
    let has = |name: &str| fields.iter().any(|(key, _)| message[key.clone()] == *name.as_bytes());
    let text = |name: &str| {
        let found = fields.iter().rev().find(|(key, _)| message[key.clone()] == *name.as_bytes());
        found.and_then(|(_, value)| matches!(value, Value::Text(_)).then(|| value.record(message)))
    };
    match wrapping {
        Wrapping::Raw => None,
        Wrapping::Filebeat | Wrapping::Vector => text("message"),
        Wrapping::Fluentbit => text("log").or_else(|| text("message")),
        Wrapping::Auto if has("@timestamp") && (has("agent") || has("ecs")) => text("message"),
        Wrapping::Auto if has("source_type") && has("timestamp") => text("message"),
        Wrapping::Auto if has("@timestamp") || has("date") || has("kubernetes") => text("log"),
        Wrapping::Auto => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: &str = r#"{"@timestamp":"2026-11-21T10:00:00Z","@metadata":{"beat":"filebeat"},"agent":{"type":"filebeat"},"message":"ERROR \"x\" E0000011"}"#;
    const BIT: &str = r#"{"@timestamp":1.5,"log":"ERROR E0000011","kubernetes":{"pod_name":"p"}}"#;
    const VECTOR: &str = r#"{"source_type":"file","timestamp":"t","host":"h","message":"ERROR E0000011"}"#;
    const OWN: &str = r#"{"level":"error","message":"ERROR E0000011","timestamp":"t"}"#;

    fn line(message: &str, wrapping: Wrapping) -> Option<String> {
        unwrap_message(message.as_bytes(), wrapping).map(|line| String::from_utf8(line.into_owned()).unwrap())
    }

    #[test]
    fn each_shipper_is_known_by_what_it_always_writes() {
        let plain = Some("ERROR E0000011".to_owned());
        assert_eq!(line(BEAT, Wrapping::Auto).as_deref(), Some("ERROR \"x\" E0000011"));
        assert_eq!(line(BEAT, Wrapping::Filebeat), line(BEAT, Wrapping::Auto));
        assert_eq!(line(BIT, Wrapping::Auto), plain);
        assert_eq!(line(BIT, Wrapping::Fluentbit), plain);
        assert_eq!(line(VECTOR, Wrapping::Auto), plain);
        assert_eq!(line(VECTOR, Wrapping::Vector), plain);
    }

    #[test]
    fn what_no_shipper_wrote_stays_as_it_is() {
        assert_eq!(line(OWN, Wrapping::Auto), None);
        assert_eq!(line(OWN, Wrapping::Filebeat).as_deref(), Some("ERROR E0000011"), "an operator said so");
        assert_eq!(line(BEAT, Wrapping::Raw), None);
        for text in
            ["", "ERROR E0000011", "[1]", r#"{"message":7,"agent":1,"@timestamp":1}"#, r#"{"message":"x""#]
        {
            assert_eq!(line(text, Wrapping::Auto), None, "{text}");
            assert_eq!(line(text, Wrapping::Filebeat), None, "{text}");
        }
    }
}
