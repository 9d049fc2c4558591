//! The stamp as text: what is written is read, and nothing else is.

use proptest::prelude::*;

use crate::positions::stamp::{LEDGER_ID_MAX, OWNERS_MAX, Owner};
use crate::positions::{LedgerId, Stamp, TopicId};

fn stamps() -> impl Strategy<Value = Stamp> {
    let name = prop_oneof!["[a-zA-Z0-9_-]{1,64}", "[a-zA-Z0-9_-]{64}"];
    let owner = (name, 0..=1_u64 << 62).prop_map(|(name, seq)| {
        let ledger = LedgerId::new(&name).expect("a good name");
        Owner { ledger, seq }
    });
    let owners = prop::collection::vec(owner, 1..=OWNERS_MAX + 1);
    (owners, prop::option::of(any::<u128>().prop_map(TopicId))).prop_filter_map(
        "one name twice",
        |(mut before, topic)| {
            let owner = before.remove(0);
            let names: std::collections::BTreeSet<_> =
                before.iter().chain([&owner]).map(|it| it.ledger.clone()).collect();
            (names.len() == before.len() + 1).then_some(Stamp { owner, before, topic })
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_stays_below_the_brokers_limit(stamp in stamps()) {
        let text = stamp.to_string();
        prop_assert!(text.len() < 4_000 && text.is_ascii());
        prop_assert_eq!(Stamp::parse(&text), Some(stamp));
    }

    #[test]
    fn what_is_read_is_what_would_be_written(text in "(fl1|fl2|);[a-c-]{0,3};[0-9+]{0,20};([a-c]:[0-9]{1,2},?){0,4}(;[0-9a-f]{31,33})?;?") {
        if let Some(stamp) = Stamp::parse(&text) {
            prop_assert_eq!(stamp.to_string(), text);
        }
    }

    #[test]
    fn hostile_text_is_no_stamp_and_no_panic(text in any::<String>(), tail in "\\PC{0,40}") {
        prop_assert_eq!(Stamp::parse(&text), None);
        let _ = Stamp::parse(&format!("fl1;a;1;{tail}"));
        let _ = Stamp::parse(&format!("fl1;a;{tail}"));
    }
}

#[test]
fn the_longest_stamp_is_as_long_as_the_limit_says() {
    let owner = |number: usize| Owner {
        ledger: LedgerId::new(&format!("{number:0>LEDGER_ID_MAX$}")).expect("a good name"),
        seq: 1 << 62,
    };
    let before = (1..=OWNERS_MAX).map(owner).collect();
    let stamp = Stamp { owner: owner(0), before, topic: Some(TopicId(u128::MAX)) };
    assert!(stamp.to_string().len() <= 1_482);
    assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp));
}

#[test]
fn a_stamp_that_is_nearly_ours_is_not_ours() {
    assert!(Stamp::parse("fl1;a;7;b:3,c:4").is_some());
    let no_stamps = [
        "",
        "fl1",
        "fl1;a;7",
        "fl2;a;7;",
        "fl1;;7;",
        "fl1;a;07;",
        "fl1;a;+7;",
        "fl1;a;-7;",
        "fl1;a;7;a:3",
        "fl1;a;7;b:3,b:4",
        "fl1;a;7;b",
        "fl1;a;7;,",
        "fl1;a;7;;0",
        "fl1;a;18446744073709551615;",
        "fl1;ä;7;",
        "fl1;a;7;b:3;00;",
        "fl1;a;7;b:3;+0000000000000000000000000000001",
        "fl1;a;7;b:3;0000000000000000000000000000000G",
    ];
    for text in no_stamps {
        assert_eq!(Stamp::parse(text), None, "{text}");
    }
    let many: Vec<String> = (0..=OWNERS_MAX).map(|number| format!("b{number}:1")).collect();
    assert_eq!(Stamp::parse(&format!("fl1;a;7;{}", many.join(","))), None);
}

#[test]
fn a_new_owner_hands_on_the_list_with_the_last_owner_first_and_without_itself() {
    let stamp = Stamp::parse("fl1;a;7;b:3,c:4").expect("ours");
    assert_eq!(
        (stamp.accepted(&name("a")), stamp.accepted(&name("c")), stamp.accepted(&name("x"))),
        (7, 4, 0)
    );
    let owners = stamp.handed_on(&name("b"));
    let text: Vec<String> = owners.iter().map(|owner| format!("{}:{}", owner.ledger, owner.seq)).collect();
    assert_eq!(text, ["a:7", "c:4"]);
}

#[test]
fn the_oldest_owner_falls_off_a_full_list() {
    let many: Vec<String> = (0..OWNERS_MAX).map(|number| format!("b{number}:1")).collect();
    let stamp = Stamp::parse(&format!("fl1;a;7;{}", many.join(","))).expect("ours");
    let owners = stamp.handed_on(&name("x"));
    assert_eq!((owners.len(), owners[0].ledger.clone()), (OWNERS_MAX, name("a")));
    assert!(owners.iter().all(|owner| owner.ledger != name("b15")));
}

fn name(text: &str) -> LedgerId {
    LedgerId::new(text).expect("a good name")
}
