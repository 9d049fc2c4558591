//! The fifty faults that every tail has to stand, one test each at least, named by its number.
//!
//! | theme | numbers |
//! |---|---|
//! | `rotation` | 1 to 4, 6, 41 |
//! | `truncation` | 7 to 12 |
//! | `identity` | 13 to 18, 29 |
//! | `compressed` | 5, 36 |
//! | `lines` | 20 to 25, 34, 35, 48, 49 |
//! | `directories` | 19, 26 to 28, 30, 39 |
//! | `many` | 31 to 33, 40 |
//! | `state` | 37, 38, 42 to 47, 50 |
//! | `nth` | every call of the tail fails once, in every way |
//! | `between` | a rotation happens between any two calls of one look, in every way |
//!
//! `scene` plays a case line by line in every way that must not matter, with crashes; `daemon` is all of the program
//! that is exact, where a case is about rules, encodings or the state directory.

mod scene;
mod daemon;
mod rotation;
mod truncation;
mod identity;
mod compressed;
mod lines;
mod directories;
mod many;
mod state;
mod nth;
mod between;

/// A number without a test is a promise without one.
#[test]
fn every_number_has_a_test() {
    let texts = [
        include_str!("rotation.rs"),
        include_str!("truncation.rs"),
        include_str!("identity.rs"),
        include_str!("compressed.rs"),
        include_str!("lines.rs"),
        include_str!("directories.rs"),
        include_str!("many.rs"),
        include_str!("state.rs"),
    ];
    let has = |number: u32| {
        let name = format!("#[test]\nfn f{number:02}_");
        texts.iter().any(|text| text.contains(&name))
    };
    let missing: Vec<u32> = (1..=50).filter(|number| !has(*number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
