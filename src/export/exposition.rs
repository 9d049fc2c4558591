//! Ledger and telemetry → the Prometheus text format 0.0.4.
//!
//! Label blocks come rendered from the ledger, so a sample costs two copies and a number. Telemetry is appended as its
//! own crate writes it; the names of the two never meet (a test compares them). The second format of the house is to be
//! another [`Encoder`] beside [`Text`].

use std::fmt::Write;

use crate::event::Millis;
use crate::ledger::{Births, Encoder, Head, Kind, Ledger, Value};
use crate::telemetry::Telemetry;

/// A scrape without exactly this is refused by Prometheus 3.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A whole exposition, true values.
pub fn render(ledger: &Ledger, telemetry: &Telemetry) -> String {
    let mut text = String::new();
    encode_ledger(ledger, &mut text);
    telemetry.encode(&mut text);
    text
}

/// Appends what was counted from input, true values, families sorted by name.
pub fn encode_ledger(ledger: &Ledger, text: &mut String) {
    ledger.encode(Births::ALL, &mut Text { text, family: None, is_headed: false });
}

struct Text<'a> {
    text: &'a mut String,
    family: Option<Head>,
    /// The head is written before the first sample, so that a family without one leaves no trace.
    is_headed: bool,
}

impl Encoder for Text<'_> {
    fn family(&mut self, head: Head) {
        self.family = Some(head);
        self.is_headed = false;
    }

    fn sample(&mut self, block: &str, value: Value) {
        let Some(head) = self.family else { return };
        if !self.is_headed {
            push_head(self.text, head);
            self.is_headed = true;
        }
        self.text.push_str(head.name);
        self.text.push_str(block);
        self.text.push(' ');
        match value {
            Value::Whole(count) => push_whole(self.text, count),
            Value::Time(time) => push_seconds(self.text, time),
        }
        self.text.push('\n');
    }
}

fn push_head(text: &mut String, head: Head) {
    let kind = match head.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    let help = head.help.replace('\\', "\\\\").replace('\n', "\\n");
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}", name = head.name)
        .expect("a String takes any text");
}

fn push_whole(text: &mut String, count: u64) {
    write!(text, "{count}").expect("a String takes any text");
}

fn push_seconds(text: &mut String, Millis(millis): Millis) {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    write!(text, "{sign}{}.{:03}", millis / 1000, millis % 1000).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(write: impl Fn(&mut Text)) -> String {
        let mut text = String::new();
        write(&mut Text { text: &mut text, family: None, is_headed: false });
        text
    }

    #[test]
    fn a_family_is_headed_once_and_an_empty_one_not_at_all() {
        let text = text_of(|to| {
            to.family(Head { name: "a_total", kind: Kind::Counter, help: "Empty." });
            to.family(Head { name: "b", kind: Kind::Gauge, help: "A \\ and\na line." });
            to.sample("", Value::Whole(u64::MAX));
            to.sample("{x=\"y\"}", Value::Whole(0));
        });
        assert_eq!(
            text,
            "# HELP b A \\\\ and\\na line.\n# TYPE b gauge\nb 18446744073709551615\nb{x=\"y\"} 0\n"
        );
    }

    #[test]
    fn a_time_is_seconds_to_the_millisecond() {
        for (millis, seconds) in [
            (0, "0.000"),
            (1_700_000_000_007, "1700000000.007"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            let mut text = String::new();
            push_seconds(&mut text, Millis(millis));
            assert_eq!(text, seconds);
        }
    }
}
