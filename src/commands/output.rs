//! How we speak to people: messages on stderr, numbers they can read, colour only where it is wanted.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::logging;
use crate::catalogue::diagnostic::Diagnostic;
use crate::config::Refused;
use crate::event::Millis;

/// A message of ours on stderr: a line of text, or one of the log where the log is JSON. Values from input that are in
/// it are escaped by the caller. A closed stderr is nobody's trouble.
pub fn say(message: fmt::Arguments<'_>) {
    match logging::is_json() {
        true => tracing::info!("{message}"),
        false => print(message),
    }
}

/// The same for what went wrong.
pub fn complain(message: fmt::Arguments<'_>) {
    match logging::is_json() {
        true => tracing::error!("{message}"),
        false => print(message),
    }
}

/// The same for what is likely a mistake in a file.
pub fn warn(finding: &Diagnostic) {
    match logging::is_json() {
        true => tracing::warn!("{finding}"),
        false => print(format_args!("{finding}")),
    }
}

/// The same for files that cannot be used: the first line begins with a place, as editors and people look for it.
pub fn refuse(refused: &Refused) {
    match logging::is_json() {
        true => tracing::error!("{refused}; nothing was started"),
        false => {
            let _ = write!(io::stderr().lock(), "{}", refused.findings);
            print(format_args!("{}; nothing was started", refused.consequence()));
        }
    }
}

fn print(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "faultline: {message}");
}

/// Whether colour is welcome on this stream: a terminal, and no `NO_COLOR` (<https://no-color.org>).
pub fn wants_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 line`, `2 lines`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `17 B`, `4.2 MiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `0.4 s`, `75 s`.
pub fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} s", grouped(duration.as_secs()))
    }
}

/// `2026-11-20 09:14:03` in UTC; `-` where it is not known or no calendar has it.
pub fn time(at: Option<Millis>) -> String {
    at.and_then(|Millis(ms)| Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// RFC 3339 with milliseconds, as machines like it.
pub fn time_rfc3339(at: Option<Millis>) -> Option<String> {
    let at = Timestamp::from_millisecond(at?.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(
            [0, 1023, 1024, 1 << 20, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "16384.0 PiB"]
        );
    }

    #[test]
    fn times_are_shown_in_utc_and_an_impossible_one_is_not() {
        assert_eq!(time(Some(Millis(1_795_166_043_117))), "2026-11-20 09:14:03");
        assert_eq!(
            time_rfc3339(Some(Millis(1_795_166_043_117))).as_deref(),
            Some("2026-11-20T09:14:03.117Z")
        );
        assert_eq!(time(Some(Millis(i64::MAX))), "-");
    }
}
