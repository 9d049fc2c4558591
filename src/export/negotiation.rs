//! `Accept` and `Accept-Encoding` → the form of an answer, by weight, then by how precisely it was asked for (RFC 9110,
//! 12.4 and 12.5).
//!
//! Prometheus lists what it takes by falling weight and always ends in `*/*`. Its parameter `escaping` says what is to
//! become of names that are not legal; ours all are, so that every scheme gives the same text. Nobody is refused: who
//! accepts nothing that we have gets the text format 0.0.4, uncompressed.

use super::format::Format;

/// What a media range or a coding may weigh at most.
const WHOLE: u16 = 1000;

/// The format for all `Accept` headers of a request, joined by commas; `None` when there was none.
pub(super) fn format(accept: Option<&str>) -> Format {
    let ranges: Vec<_> = list(accept.unwrap_or_default()).enumerate().collect();
    // In the order of our own liking: whoever says `*/*` and no more is a person or knows one format.
    let formats = [Format::Text, Format::OpenMetrics].map(|format| {
        let fits = |(place, range): &(usize, &str)| {
            let (precision, weight) = fit(format, range)?;
            Some((precision, weight, *place))
        };
        // The most precise range decides, whatever it weighs.
        let best = ranges
            .iter()
            .filter_map(fits)
            .max_by_key(|&(precision, weight, place)| (precision, weight, std::cmp::Reverse(place)));
        (format, best.filter(|&(_, weight, _)| weight > 0))
    });
    match formats {
        [
            (_, Some((precision, weight, place))),
            (other, Some((other_precision, other_weight, other_place))),
        ] if (other_weight, other_precision, place) > (weight, precision, other_place) => other,
        [(_, None), (other, Some(_))] => other,
        [(format, _), _] => format,
    }
}

/// How precisely a media range names a format, and its weight in thousandths; nothing if it does not, or is no range.
fn fit(format: Format, range: &str) -> Option<(u8, u16)> {
    let mut parts = split(range, ';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let (all, one, version) = match format {
        Format::Text => ("text/*", "text/plain", "0.0.4"),
        Format::OpenMetrics => ("application/*", "application/openmetrics-text", "1.0.0"),
    };
    let mut precision = match media.as_str() {
        "*/*" => 0,
        media if media == all => 1,
        media if media == one => 3,
        _ => return None,
    };
    let mut weight = WHOLE;
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "version" if media == one && value == version => precision = 4,
            // The draft of 1.0.0; nothing that we write differs between the two.
            "version" if media == one && format == Format::OpenMetrics && value == "0.0.1" => precision = 2,
            "charset" if value.eq_ignore_ascii_case("utf-8") => {}
            "escaping" => {}
            "q" => {
                weight = self::weight(value)?;
                break;
            }
            _ => return None,
        }
    }
    Some((precision, weight))
}

/// Whether an answer is to be compressed, by all `Accept-Encoding` headers of a request, joined by commas.
pub(super) fn wants_gzip(accept_encoding: Option<&str>) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for item in list(accept_encoding.unwrap_or_default()) {
        let mut parts = split(item, ';').map(str::trim);
        let coding = parts.next().unwrap_or_default().to_ascii_lowercase();
        let Some(weight) = parts
            .find_map(|part| part.strip_prefix(['q', 'Q']))
            .map_or(Some(WHOLE), |q| weight(q.trim_start().strip_prefix('=')?.trim()))
        else {
            continue;
        };
        match coding.as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(weight)),
            "identity" => identity = identity.max(Some(weight)),
            "*" => any = any.max(Some(weight)),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    // Not compressed is acceptable to all who do not say otherwise, and what is named goes first.
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// `q` in thousandths, leniently read: `.5` is common. Whatever is above zero stays above it.
fn weight(q: &str) -> Option<u16> {
    let q: f64 = q.parse().ok()?;
    (0.0..=1.0).contains(&q).then(|| (q * f64::from(WHOLE)).ceil() as u16)
}

/// The elements of a comma-separated list, empty ones left out.
fn list(text: &str) -> impl Iterator<Item = &str> {
    split(text, ',').map(str::trim).filter(|item| !item.is_empty())
}

/// Splits where the separator is not in a quoted string.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match c {
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scrapers_get_what_they_weigh_most() {
        use Format::{OpenMetrics, Text};
        for (accept, expected) in [
            // Prometheus 3 with its defaults, and without OpenMetrics.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Text,
            ),
            // Prometheus 3 with native histograms: protobuf is not ours to give.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                 application/openmetrics-text;version=1.0.0;escaping=values;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 2.42, 2.30, 2.4.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Text),
            // curl, a browser, Java.
            ("*/*", Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Text),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Text),
        ] {
            assert_eq!(format(Some(accept)), expected, "{accept}");
        }
        assert_eq!(format(None), Text);
    }

    #[test]
    fn weights_and_precision_decide_as_the_rfc_says() {
        use Format::{OpenMetrics, Text};
        for (accept, expected) in [
            ("", Text),
            (",,;;,", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000", OpenMetrics),
            ("application/*", OpenMetrics),
            ("text/*, application/*", Text),
            ("application/*, text/*", OpenMetrics),
            ("*/*, application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text, text/plain", OpenMetrics),
            ("text/plain, application/openmetrics-text", Text),
            ("text/plain, application/openmetrics-text;version=1.0.0", OpenMetrics),
            ("text/plain;q=0.4, application/openmetrics-text;q=0.5", OpenMetrics),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.4", Text),
            ("text/plain;q=.1,application/openmetrics-text;q=.09", Text),
            // The precise range decides, not the heavy one.
            ("text/*;q=0.1, text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5", Text),
            ("text/*;q=0.9, text/plain;version=0.0.4;q=0.1, application/openmetrics-text;q=0.5", OpenMetrics),
            // Nothing of zero weight while there is something else.
            ("application/openmetrics-text;q=0", Text),
            ("text/plain;q=0, */*;q=0.1", OpenMetrics),
            ("application/openmetrics-text;q=0, */*", Text),
            (
                "application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text;version=0.0.1",
                Text,
            ),
            ("*/*;q=0", Text),
            ("text/plain;q=0.0001, application/openmetrics-text;q=0", Text),
            // Versions, charsets and parameters that are not ours are other types.
            ("application/openmetrics-text;version=2.0.0", Text),
            (
                "application/openmetrics-text;version=2.0.0, application/openmetrics-text;version=1.0.0;q=0.1",
                OpenMetrics,
            ),
            ("application/openmetrics-text;charset=utf-16", Text),
            ("application/openmetrics-text;charset=UTF-8", OpenMetrics),
            ("application/openmetrics-text;escaping=underscores", OpenMetrics),
            ("application/openmetrics-text;version=1.0.0;escaping=dots;q=0.2, text/plain;q=0.1", OpenMetrics),
            ("application/openmetrics-text;shape=round", Text),
            ("application/json, image/png", Text),
            // What is no range does not count.
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=-1", Text),
            ("application/openmetrics-text;q=nan", Text),
            ("application/openmetrics-text;q=x", Text),
            ("application/openmetrics-text;q=", Text),
            ("application/openmetrics-text;version", Text),
            ("\"application/openmetrics-text", Text),
            ("x;a=\"b,application/openmetrics-text\"", Text),
            ("x;a=\"\\\",\", application/openmetrics-text", OpenMetrics),
        ] {
            assert_eq!(format(Some(accept)), expected, "{accept}");
        }
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        for (accept, expected) in [
            ("gzip", true),
            ("x-gzip", true),
            ("GZIP;q=0.001", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("gzip, deflate, br, zstd", true),
            ("*", true),
            ("br;q=1, *;q=0.1", true),
            ("identity;q=0.5, gzip;q=0.5", true),
            ("identity;q=0", false),
            ("gzip;q=0, identity;q=0", false),
            ("identity;q=0, *", true),
            ("", false),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("gzip; q = 0.000", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("identity, gzip;q=0.5", false),
            ("identity", false),
            ("gzip;q=x", false),
            ("gzipped", false),
            (";q=1,,", false),
        ] {
            assert_eq!(wants_gzip(Some(accept)), expected, "{accept}");
        }
        assert!(!wants_gzip(None));
    }

    #[test]
    fn a_version_says_something_of_a_named_format_only() {
        let open = "application/openmetrics-text;q=0";
        for other in ["*/*;version=0.0.1", "application/*;version=0.0.1;version=0.0.1", "*/*;version=1.0.0"] {
            assert_eq!(format(Some(&format!("{open},{other}"))), Format::Text, "{other}");
        }
        let often = format!("text/plain{}", ";version=0.0.4".repeat(300));
        assert_eq!(format(Some(&often)), Format::Text);
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(text in r#"([a-z*]{0,3}/?|text/plain|application/openmetrics-text|gzip|;version=(0\.0\.[14]|1\.0\.0)|[;,="\\ ]|q=|[0-9.]{0,3}|\PC){0,40}"#) {
            format(Some(&text));
            wants_gzip(Some(&text));
        }

        #[test]
        fn the_heavier_of_two_named_formats_is_given(text in 0..=1000u16, open in 0..=1000u16) {
            prop_assume!(text != open);
            let accept = format!("text/plain;q={:.3},application/openmetrics-text;q={:.3}",
                f64::from(text) / 1000.0, f64::from(open) / 1000.0);
            let expected = if open > text { Format::OpenMetrics } else { Format::Text };
            prop_assert_eq!(format(Some(&accept)), expected);
        }
    }
}
