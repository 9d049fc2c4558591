//! Ledger and telemetry → one exposition, in either text format, whole or filtered.
//!
//! Label blocks come rendered from the ledger, so a sample costs two copies and a number. Both formats go through one
//! [`Encoder`], and so does telemetry, whose own crate can write the older format only; the names of the two never meet (a
//! test compares them). What a format calls a family is in `format`.

use std::io::Write;

use hyper::body::Bytes;

use super::ask::Filter;
use super::format::{Format, family_name, type_word, unit};
use super::sheets::Sheets;
use crate::event::Millis;
use crate::ledger::{Births, Encoder, Head, Kind, Ledger, Value, label_block};
use crate::telemetry::Telemetry;

/// What an exposition is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub format: Format,
    pub filter: Filter,
    /// A line with the birth of each counter's series. OpenMetrics only.
    pub with_created: bool,
    /// Counters of the ledger that were born later are shown as 0.
    pub shown: Births,
}

impl View {
    /// All families with their true values.
    pub const fn whole(format: Format) -> View {
        View { format, filter: Filter::ALL, with_created: false, shown: Births::ALL }
    }
}

/// A whole exposition.
pub fn render(view: &View, ledger: &Ledger, telemetry: &Telemetry) -> String {
    let mut writer = Writer::new(view);
    writer.ledger(ledger);
    writer.telemetry(telemetry);
    text_of(&writer.finish())
}

/// Appends what was counted from input in the text format 0.0.4, true values, families sorted by name.
pub fn encode_ledger(ledger: &Ledger, text: &mut String) {
    let view = View::whole(Format::Text);
    let mut writer = Writer::new(&view);
    writer.ledger(ledger);
    text.push_str(&text_of(&writer.finish()));
}

/// Appends what the process counts of itself in the text format 0.0.4, families sorted by name.
pub fn encode_telemetry(telemetry: &Telemetry, text: &mut String) {
    let view = View::whole(Format::Text);
    let mut writer = Writer::new(&view);
    writer.telemetry(telemetry);
    text.push_str(&text_of(&writer.finish()));
}

fn text_of(sheets: &[Bytes]) -> String {
    String::from_utf8(sheets.concat()).expect("names, blocks and numbers are text")
}

/// Writes a view, family by family.
pub(super) struct Writer<'a> {
    view: &'a View,
    sheets: Sheets,
    /// Of the family under way; written before its first sample, so that a family without one leaves no trace.
    head: Vec<u8>,
    /// What its samples are called, and their births, if those are shown.
    sample: String,
    created: Option<String>,
    is_shown: bool,
}

impl<'a> Writer<'a> {
    pub fn new(view: &'a View) -> Writer<'a> {
        Writer {
            view,
            sheets: Sheets::default(),
            head: Vec::new(),
            sample: String::new(),
            created: None,
            is_shown: false,
        }
    }

    pub fn ledger(&mut self, ledger: &Ledger) {
        ledger.encode(self.view.shown, self);
    }

    /// Reads `/proc/self`.
    pub fn telemetry(&mut self, telemetry: &Telemetry) {
        for family in telemetry.gather() {
            let kind = if family.is_counter { Kind::Counter } else { Kind::Gauge };
            self.begin(&family.name, kind, &family.help);
            for (labels, value) in &family.samples {
                let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
                self.line(&label_block(&labels), |text| push_float(text, *value));
            }
        }
    }

    pub fn finish(mut self) -> Vec<Bytes> {
        if self.view.format == Format::OpenMetrics {
            self.sheets.room().extend_from_slice(b"# EOF\n");
        }
        self.sheets.finish()
    }

    /// `name` is what the samples are called in the text format 0.0.4.
    fn begin(&mut self, name: &str, kind: Kind, help: &str) {
        self.is_shown = self.view.filter.takes(name);
        self.head.clear();
        if !self.is_shown {
            return;
        }
        let format = self.view.format;
        let (family, word) = (family_name(format, name), type_word(format, name, kind));
        self.sample.clear();
        self.sample.push_str(name);
        self.head.extend_from_slice(b"# HELP ");
        self.head.extend_from_slice(family.as_bytes());
        self.head.push(b' ');
        push_help(&mut self.head, help, format);
        write!(self.head, "\n# TYPE {family} {word}\n").expect("a Vec takes all bytes");
        if format == Format::OpenMetrics
            && word != "info"
            && let Some(unit) = unit(family)
        {
            writeln!(self.head, "# UNIT {family} {unit}").expect("a Vec takes all bytes");
        }
        let has_created = self.view.with_created && format == Format::OpenMetrics && kind == Kind::Counter;
        self.created = has_created.then(|| format!("{family}_created"));
    }

    fn line(&mut self, block: &str, push_value: impl FnOnce(&mut Vec<u8>)) {
        if self.is_shown {
            let text = self.sheets.room();
            text.append(&mut self.head);
            push_line(text, &self.sample, block, push_value);
        }
    }
}

impl Encoder for Writer<'_> {
    fn family(&mut self, head: Head) {
        self.begin(head.name, head.kind, head.help);
    }

    fn sample(&mut self, block: &str, value: Value) {
        self.line(block, |text| match value {
            Value::Whole(count) => push_whole(text, count),
            Value::Time(time) => push_seconds(text, time),
        });
    }

    fn created(&mut self, block: &str, born: Millis) {
        if let Some(created) = self.created.as_ref().filter(|_| self.is_shown) {
            push_line(self.sheets.room(), created, block, |text| push_seconds(text, born));
        }
    }
}

fn push_line(text: &mut Vec<u8>, name: &str, block: &str, push_value: impl FnOnce(&mut Vec<u8>)) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(block.as_bytes());
    text.push(b' ');
    push_value(text);
    text.push(b'\n');
}

/// The older format escapes no quotes, the newer one does.
fn push_help(text: &mut Vec<u8>, help: &str, format: Format) {
    for byte in help.bytes() {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'"' if format == Format::OpenMetrics => text.extend_from_slice(b"\\\""),
            byte => text.push(byte),
        }
    }
}

fn push_whole(text: &mut Vec<u8>, count: u64) {
    write!(text, "{count}").expect("a Vec takes all bytes");
}

fn push_seconds(text: &mut Vec<u8>, Millis(millis): Millis) {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    write!(text, "{sign}{}.{:03}", millis / 1000, millis % 1000).expect("a Vec takes all bytes");
}

/// All digits and no exponent; what is no number as both formats write it.
fn push_float(text: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        text.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        write!(text, "{value}").expect("a Vec takes all bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(format: Format, query: &str, write: impl Fn(&mut Writer)) -> String {
        let view = View { filter: Filter::of_query(query), ..View::whole(format) };
        let mut writer = Writer::new(&view);
        write(&mut writer);
        super::text_of(&writer.finish())
    }

    fn three_families(to: &mut Writer) {
        to.family(Head { name: "a_total", kind: Kind::Counter, help: "Empty." });
        to.family(Head { name: "b_info", kind: Kind::Gauge, help: "A \\ and\na \"line\"." });
        to.sample("{v=\"1\"}", Value::Whole(1));
        to.family(Head { name: "c_seconds_total", kind: Kind::Counter, help: "Time." });
        to.sample("", Value::Whole(u64::MAX));
        to.sample("{x=\"y\"}", Value::Time(Millis(1_500)));
    }

    #[test]
    fn a_family_is_headed_once_and_an_empty_one_not_at_all() {
        assert_eq!(
            text_of(Format::Text, "", three_families),
            "# HELP b_info A \\\\ and\\na \"line\".\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
             # HELP c_seconds_total Time.\n# TYPE c_seconds_total counter\n\
             c_seconds_total 18446744073709551615\nc_seconds_total{x=\"y\"} 1.500\n"
        );
    }

    #[test]
    fn openmetrics_names_families_without_suffix_tells_units_and_ends() {
        assert_eq!(
            text_of(Format::OpenMetrics, "", three_families),
            "# HELP b A \\\\ and\\na \\\"line\\\".\n# TYPE b info\nb_info{v=\"1\"} 1\n\
             # HELP c_seconds Time.\n# TYPE c_seconds counter\n# UNIT c_seconds seconds\n\
             c_seconds_total 18446744073709551615\nc_seconds_total{x=\"y\"} 1.500\n# EOF\n"
        );
    }

    #[test]
    fn births_are_lines_beside_counters_where_they_are_wanted() {
        for (format, with_created, expected) in [
            (Format::Text, true, "a_total 0\nb_bytes 7\n"),
            (Format::OpenMetrics, false, "a_total 0\nb_bytes 7\n"),
            (Format::OpenMetrics, true, "a_total 0\na_created 1700000000.000\nb_bytes 7\n"),
        ] {
            let view = View { with_created, ..View::whole(format) };
            let mut writer = Writer::new(&view);
            writer.family(Head { name: "a_total", kind: Kind::Counter, help: "A." });
            writer.sample("", Value::Whole(0));
            writer.created("", Millis(1_700_000_000_000));
            writer.family(Head { name: "b_bytes", kind: Kind::Gauge, help: "B." });
            writer.sample("", Value::Whole(7));
            let text = super::text_of(&writer.finish());
            let samples: String =
                text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
            assert_eq!(samples, expected);
        }
    }

    #[test]
    fn a_filter_leaves_nothing_of_the_others() {
        let only = "# HELP b_info A \\\\ and\\na \"line\".\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n";
        assert_eq!(text_of(Format::Text, "name[]=b_info&name[]=a", three_families), only);
        assert_eq!(text_of(Format::Text, "name[]=unknown", three_families), "");
        assert_eq!(text_of(Format::OpenMetrics, "name[]=", three_families), "# EOF\n");
    }

    #[test]
    fn a_time_is_seconds_to_the_millisecond() {
        for (millis, seconds) in [
            (0, "0.000"),
            (1_700_000_000_007, "1700000000.007"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            let mut text = Vec::new();
            push_seconds(&mut text, Millis(millis));
            assert_eq!(text, seconds.as_bytes());
        }
    }

    #[test]
    fn floats_are_written_as_both_formats_read_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (1e21, "1000000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut text = Vec::new();
            push_float(&mut text, value);
            assert_eq!(text, expected.as_bytes());
        }
    }
}
