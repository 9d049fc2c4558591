//! A failing test, for people: where it stands, its line, expected beside found, and the command that says why.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::commands::escape::Escaped;
use crate::commands::scan::verdict_name;
use crate::event::{Fault, Label, reserved};
use crate::proving::{Expected, Failure};

/// Columns of the side that is expected.
const EXPECTED_CHARS: usize = 38;

pub(super) fn print(failures: &[Failure], dirs: &[PathBuf]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for failure in failures {
        out.write_all(shown(failure, dirs).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

pub(super) fn sum(passed: usize, failed: usize) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{passed} passed, {failed} failed")
}

fn shown(failure: &Failure, dirs: &[PathBuf]) -> String {
    let name = Escaped(failure.name.as_bytes());
    let mut text = format!("{}:{}: {name}\n", Escaped(failure.place.file.as_bytes()), failure.place.line);
    text.push_str(&format!("  line       {}\n", Escaped(failure.line.as_bytes())));
    if let Some(mapping) = &failure.mapping {
        let tenant = mapping.tenant.as_deref().map(|t| format!(", tenant {t}")).unwrap_or_default();
        let said = format!("service {} is {}{tenant}", mapping.service, mapping.provider);
        text.push_str(&format!("  mapping    {}\n", Escaped(said.as_bytes())));
    }
    text.push_str(&row(' ', "", "expected", "found"));
    for place in 0..failure.expected.len().max(failure.found.len()).max(1) {
        text.push_str(&pair(failure.expected.get(place), failure.found.get(place)));
    }
    // An overlay of the case alone is in no directory.
    let unmapped = if failure.mapping.is_some() { "   # without the mapping" } else { "" };
    text.push_str(&format!("  why        {}{unmapped}\n", command(failure, dirs)));
    text
}

/// One expected verdict and one that came, key by key; what differs is marked.
fn pair(expected: Option<&Expected>, found: Option<&Fault>) -> String {
    let (Some(expected), Some(found)) = (expected, found) else {
        let one = |verdict: Option<String>| verdict.unwrap_or_else(|| "nothing".to_owned());
        let expected = one(expected.map(in_words));
        return row('!', "verdict", &expected, &one(found.map(|fault| in_words(&as_expected(fault)))));
    };
    let found = as_expected(found);
    let verdict = |one: &Expected| one.verdict.map(|v| verdict_name(v).to_owned());
    let candidates = |one: &Expected| one.candidates.as_ref().map(|all| all.join(", "));
    [
        ("verdict", verdict(expected), verdict(&found)),
        ("provider", expected.provider.clone(), found.provider.clone()),
        ("code", expected.code.clone(), found.code.clone()),
        ("category", expected.category.clone(), found.category.clone()),
        ("tenant", expected.tenant.clone(), found.tenant.clone()),
        ("rule", expected.rule.clone(), found.rule.clone()),
        ("candidates", candidates(expected), candidates(&found)),
    ]
    .into_iter()
    .filter(|(_, expected, found)| expected.is_some() || found.as_deref().is_some_and(|f| !f.is_empty()))
    .map(|(name, expected, found)| {
        let found = found.unwrap_or_default();
        let differs = expected.as_ref().is_some_and(|expected| *expected != found);
        row(if differs { '!' } else { ' ' }, name, &expected.unwrap_or_default(), &found)
    })
    .collect()
}

fn row(mark: char, name: &str, expected: &str, found: &str) -> String {
    let expected = Escaped(expected.as_bytes()).to_string();
    let found = Escaped(found.as_bytes()).to_string();
    let line = format!("{mark} {name:<10} {expected:<EXPECTED_CHARS$}  {found}");
    format!("{}\n", line.trim_end())
}

fn as_expected(fault: &Fault) -> Expected {
    let text = |label: &Option<Label>| Some(label.as_deref().unwrap_or_default().to_owned());
    Expected {
        verdict: Some(fault.verdict),
        provider: text(&fault.provider),
        code: text(&fault.code),
        category: text(&fault.category),
        tenant: Some(fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT).to_owned()),
        rule: text(&fault.rule),
        candidates: Some(fault.candidates.iter().map(ToString::to_string).collect()),
    }
}

/// `match okta access_denied tenant acme`
fn in_words(one: &Expected) -> String {
    let mut words: Vec<String> = one.verdict.map(|v| verdict_name(v).to_owned()).into_iter().collect();
    words.extend([&one.provider, &one.code].into_iter().flatten().filter(|word| !word.is_empty()).cloned());
    let tenant = one.tenant.as_deref().filter(|tenant| *tenant != reserved::NO_TENANT);
    words.extend(tenant.map(|tenant| format!("tenant {tenant}")));
    let candidates = one.candidates.as_ref().filter(|all| !all.is_empty());
    words.extend(candidates.map(|all| format!("of {}", all.join(", "))));
    words.join(" ")
}

/// What to type to see every step to the verdict, with the rules of the same directories.
fn command(failure: &Failure, dirs: &[PathBuf]) -> String {
    let mut command = "faultline explain".to_owned();
    for dir in dirs {
        command.push_str(&format!(" --rules.dir {}", quoted(&dir.to_string_lossy())));
    }
    format!("{command} --line {}", quoted(&failure.line))
}

/// A word as a POSIX shell takes it; with control characters as bash, ksh and zsh do.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let shown = Escaped(word.as_bytes()).to_string();
    if shown == word && !word.contains('\t') {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str(r"\n"),
            '\t' => out.push_str(r"\t"),
            '\r' => out.push_str(r"\r"),
            c if Escaped(c.to_string().as_bytes()).to_string() == c.to_string() => out.push(c),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!(r"\x{byte:02x}"));
                }
            }
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_word_for_the_shell_whatever_is_in_it() {
        assert_eq!(quoted("a.log"), "a.log");
        assert_eq!(quoted("ERROR it's \"x\" $HOME"), r#"'ERROR it'\''s "x" $HOME'"#);
        assert_eq!(quoted("a\n\tb\\'\u{1b}[1m"), r"$'a\n\tb\\\'\x1b[1m'");
        let word = "a\nb'c\\d \u{202e}é$(x)";
        let echoed = std::process::Command::new("bash")
            .args(["-c", &format!("printf %s {}", quoted(word))])
            .output()
            .expect("bash is there");
        assert_eq!(String::from_utf8_lossy(&echoed.stdout), word);
    }

    #[test]
    fn what_differs_is_marked_and_stands_side_by_side() {
        let expected = Expected {
            verdict: Some(crate::event::Verdict::Match),
            provider: Some("okta".into()),
            tenant: Some("acme".into()),
            ..Expected::default()
        };
        let found = Fault {
            verdict: crate::event::Verdict::Ambiguous,
            provider: Some("okta".into()),
            code: None,
            wire_code: None,
            category: None,
            tenant: None,
            candidates: vec!["okta:a".into(), "okta:b".into()],
            rule: None,
            evidence: Vec::new(),
            role: crate::event::Role::Outer,
        };
        let shown = pair(Some(&expected), Some(&found));
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["!", "verdict", "match", "ambiguous"]);
        assert_eq!(lines[1], ["provider", "okta", "okta"]);
        assert_eq!(lines[2], ["!", "tenant", "acme", "-"]);
        assert_eq!(lines[3], ["candidates", "okta:a,", "okta:b"]);
        assert_eq!(pair(None, Some(&found)).split_whitespace().nth(2), Some("nothing"));
    }
}
