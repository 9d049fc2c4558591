//! The two text formats, and what they call a family of the same samples.
//!
//! OpenMetrics 1.0 names a counter's family without the `_total` of its samples and an info's without `_info`, has a
//! line for the unit, and ends with `# EOF`; the rules are those of its specification as the parsers of Prometheus and of
//! Python's `prometheus-client` enforce them. The text format 0.0.4 knows neither infos nor units.

use crate::ledger::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// To the letter: a scrape without one of these is refused by Prometheus 3.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What stands behind `# TYPE`.
pub(super) fn type_word(format: Format, name: &str, kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge if format == Format::OpenMetrics && name.ends_with("_info") => "info",
        Kind::Gauge => "gauge",
    }
}

/// The name of a family behind `# TYPE`; `name` is what its samples are called.
pub(super) fn family_name(format: Format, name: &str) -> &str {
    match format {
        Format::Text => name,
        Format::OpenMetrics => {
            name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name)
        }
    }
}

/// The base unit that an OpenMetrics family's name ends in. An info has none.
pub(super) fn unit(family: &str) -> Option<&'static str> {
    ["seconds", "bytes"]
        .into_iter()
        .find(|unit| family.strip_suffix(unit).is_some_and(|before| before.ends_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_names_types_and_units() {
        use Format::{OpenMetrics, Text};
        for (name, kind, family, word, of_unit) in [
            ("faultline_errors_total", Kind::Counter, "faultline_errors", "counter", None),
            ("faultline_bytes_total", Kind::Counter, "faultline_bytes", "counter", Some("bytes")),
            ("process_cpu_seconds_total", Kind::Counter, "process_cpu_seconds", "counter", Some("seconds")),
            ("faultline_code_info", Kind::Gauge, "faultline_code", "info", None),
            ("faultline_series", Kind::Gauge, "faultline_series", "gauge", None),
            ("faultline_pending_bytes", Kind::Gauge, "faultline_pending_bytes", "gauge", Some("bytes")),
            ("terabytes", Kind::Gauge, "terabytes", "gauge", None),
        ] {
            assert_eq!(family_name(OpenMetrics, name), family);
            assert_eq!((type_word(OpenMetrics, name, kind), unit(family)), (word, of_unit), "{name}");
            assert_eq!(family_name(Text, name), name);
        }
        assert_eq!(type_word(Text, "faultline_code_info", Kind::Gauge), "gauge");
    }
}
