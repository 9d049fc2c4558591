//! Any label value comes back whole from its label block, and two tenants are two series, unless cleaning makes one of
//! them: what is invisible is dropped, 128 bytes are kept, nothing left is `-`.

use std::collections::{BTreeMap, HashMap};

use super::{error, limited, seen};
use crate::aggregation::{LABEL_BYTES_MAX, clean_tenant};
use crate::event::{Delta, Label, TenantKey};
use crate::ledger::labels::block;
use crate::ledger::{Births, Encoder, Head, Ledger, Limits, Value};

/// What a scraper makes of a block: names and values. Refuses what the text formats do not promise.
fn parse(block: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = block.strip_prefix('{')?;
    loop {
        let (name, after) = rest.split_once("=\"")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return None;
        }
        let mut value = String::new();
        let mut chars = after.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\n' => return None,
                '\\' => value.push(match chars.next()? {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    _ => return None,
                }),
                c => value.push(c),
            }
        }
        labels.push((name.to_owned(), value));
        match chars.next()? {
            ',' => rest = chars.as_str(),
            '}' if chars.as_str().is_empty() => return Some(labels),
            _ => return None,
        }
    }
}

/// Numbers that are the same on every machine (xorshift).
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as usize
}

/// Bytes of all kinds, and every kind of trick that is known.
fn hostile_values() -> Vec<String> {
    let mut state = 0x2545_f491_4f6c_dd1d;
    let pieces = [
        "\"", "\\", "\n", "}", "{", ",", "=", "\u{2028}", "\u{202e}", "\u{0}", "é", "_other", "-", " 1", "#",
    ];
    let mut values: Vec<String> = (0..10_000)
        .map(|n| match n % 3 {
            0 => {
                let bytes: Vec<u8> =
                    (0..random(&mut state) % 200).map(|_| random(&mut state) as u8).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            1 => (0..random(&mut state) % 12).map(|_| pieces[random(&mut state) % pieces.len()]).collect(),
            _ => (0..random(&mut state) % 12)
                .filter_map(|_| char::from_u32(random(&mut state) as u32 % 0x11_0000))
                .collect(),
        })
        .collect();
    values.extend(
        [
            "",
            "-",
            "--",
            "_other",
            "__other",
            "_open",
            "_unknown",
            "\"",
            "\\",
            "\\\"",
            "\\n",
            "\n",
            "\r\n",
            "}",
            "\"} 1",
            "a\"} 1\nfaultline_errors_total{code=\"forged\"} 9",
            "a\",tenant=\"b",
            "\u{2028}",
            "a\u{2029}b",
            "\u{200f}a",
            "\u{202e}a\u{202c}",
            "\u{feff}",
            "a\u{0}b",
            "\u{1b}[2J",
            "# EOF",
            "# HELP x y",
            " ",
            "\t",
            "{{template}}",
            "$1",
            "%s",
        ]
        .map(str::to_owned),
    );
    for head in [126, 127, 128, 129] {
        values.push(format!("{}é\"", "x".repeat(head)));
        values.push(format!("{}\u{1f600}", "x".repeat(head - 2)));
        values.push(format!("{}\\", "x".repeat(head - 1)));
    }
    values
}

#[test]
fn any_value_comes_back_from_its_block() {
    for value in hostile_values() {
        for values in [[value.as_str(), "b"], ["a", value.as_str()], [value.as_str(), value.as_str()]] {
            let block = block(&[("one", values[0]), ("other_one", values[1])]);
            let expected =
                [("one", values[0]), ("other_one", values[1])].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(parse(&block).as_deref(), Some(&expected[..]), "{block:?}");
            assert!(!block.contains('\n'));
        }
    }
}

/// The tenants of an exposition with their counts.
fn tenants(ledger: &Ledger) -> Vec<(String, u64)> {
    #[derive(Default)]
    struct Tenants(Vec<(String, u64)>, bool);
    impl Encoder for Tenants {
        fn family(&mut self, head: Head) {
            self.1 = head.name == "faultline_tenant_errors_total";
        }

        fn sample(&mut self, block: &str, value: Value) {
            if let (true, Value::Whole(count)) = (self.1, value) {
                let labels = parse(block).unwrap_or_else(|| panic!("{block:?}"));
                assert_eq!(
                    labels.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
                    ["provider", "category", "tenant"]
                );
                self.0.push((labels[2].1.clone(), count));
            }
        }
    }
    let mut tenants = Tenants::default();
    ledger.encode(Births::ALL, &mut tenants);
    tenants.0
}

#[test]
fn two_tenants_are_two_series_unless_cleaning_makes_them_one() {
    let mut ledger =
        Ledger::new(Limits { tenants_max: 100_000, series_max: 100_000, sources_max: 1 }, Default::default());
    let mut expected = BTreeMap::<String, u64>::new();
    let mut visible: HashMap<Label, String> = HashMap::new();
    for value in hostile_values() {
        let tenant = clean_tenant(&value);
        // Cleaning is what it says: two values become one only when what is visible of their first 128 bytes is equal.
        let mut seen_of_it: String = value.chars().filter(|c| !is_dropped(*c)).collect();
        seen_of_it.truncate(seen_of_it.floor_char_boundary(LABEL_BYTES_MAX));
        if seen_of_it.is_empty() {
            seen_of_it = "-".to_owned();
        }
        let first = visible.entry(tenant.clone()).or_insert_with(|| seen_of_it.clone());
        assert_eq!(*first, seen_of_it, "{value:?} became {tenant:?}");
        *expected.entry(tenant.to_string()).or_default() += 1;
        let mut delta = Delta { source: "s".into(), ..Delta::default() };
        delta.tenants.add(TenantKey { provider: "p".into(), category: "c".into(), tenant }, &seen(1));
        ledger.commit(delta);
    }
    let series = tenants(&ledger);
    assert_eq!(series.len(), expected.len(), "each has one series");
    assert_eq!(series.into_iter().collect::<BTreeMap<_, _>>(), expected);
    assert!(expected.len() > 7_000, "{}", expected.len());
}

/// Written down a second time: controls, zero width, line and paragraph ends, directions.
fn is_dropped(c: char) -> bool {
    let code = u32::from(c);
    c.is_control()
        || [0x61c, 0xfeff].contains(&code)
        || (0x200b..=0x200f).contains(&code)
        || (0x2028..=0x202e).contains(&code)
        || (0x2060..=0x206f).contains(&code)
}

#[test]
fn a_hostile_name_in_any_other_label_is_one_label_too() {
    let mut ledger = limited(10, 100_000);
    for value in hostile_values().iter().step_by(7) {
        ledger.open_source(value);
        let mut delta = Delta { source: "s".into(), ..Delta::default() };
        delta.errors.add(error(value, value, value), &seen(1));
        ledger.commit(delta);
    }
    struct AllParse;
    impl Encoder for AllParse {
        fn family(&mut self, _: Head) {}

        fn sample(&mut self, block: &str, _: Value) {
            assert!(block.is_empty() || parse(block).is_some(), "{block:?}");
        }
    }
    ledger.encode(Births::ALL, &mut AllParse);
}
