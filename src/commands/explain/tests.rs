//! What `explain` says of lines and codes, over the built-in packs and small ones of its own.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::overlay::{self, Advice};
use super::*;
use crate::attribution::{Failure, Nowhere, Position, Reason};
use crate::event::{Fault, Verdict};
use crate::pipeline::Pipeline as Judge;

fn book(overlay: Option<&str>) -> Book {
    let file = |text: &str| RuleFile { name: "mapped.yaml".into(), text: text.to_owned().into() };
    Book::open(overlay.map(file).into_iter().collect()).unwrap()
}

fn options() -> Pipeline {
    Pipeline::new("explain".into())
}

fn told<'t>(book: &'t Book, line: &'t [u8], advice: Advice) -> line::Told<'t> {
    let explained = book.engine.explain(line, false, &options());
    let series = counted(&Settings::default(), book, &explained);
    let origin = const {
        &Origin { path: None, topic: None, namespace: None, pod: None, container: None, container_id: None }
    };
    line::Told { book, record: line, origin, cut: false, explained, advice, series }
}

fn text(book: &Book, line: &str) -> String {
    line::text(&told(book, line.as_bytes(), Advice::default()), Page::plain())
}

/// Lines of all case files, and the overlay that a case's mapping asks for.
fn cases() -> Vec<(String, String, Option<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        for line in std::fs::read_to_string(&path).unwrap().lines().filter(|l| !l.trim().is_empty()) {
            let case: Value = serde_json::from_str(line).unwrap();
            let overlay = case.get("mapping").filter(|m| !m.is_null()).map(|m| {
                let tenant = m["tenant"].as_str().map(|t| format!(", tenant: {t:?}")).unwrap_or_default();
                format!(
                    "schema: faultline.rules/v1\noverlay: true\nprovider: {{id: {}}}\nmap: [{{service: {}{tenant}}}]\n",
                    m["provider"].as_str().unwrap(),
                    m["service"]
                )
            });
            cases.push((case["id"].to_string(), case["line"].as_str().unwrap().to_owned(), overlay));
        }
    }
    cases
}

#[test]
fn every_case_is_explained_by_the_judgement_that_classify_gives() {
    let plain = book(None);
    let mut mapped: HashMap<String, Book> = HashMap::new();
    let mut count = 0;
    for (id, line, overlay) in cases() {
        let book = match overlay {
            Some(text) => &*mapped.entry(text.clone()).or_insert_with(|| super::tests::book(Some(&text))),
            None => &plain,
        };
        let judged = Judge::new(Arc::clone(&book.engine), options()).classify(line.as_bytes());
        let told = told(book, line.as_bytes(), Advice::default());
        assert_eq!(told.explained.judgement, judged, "{id} {line}");
        let text = line::text(&told, Page::plain());
        for label in ["Record", "Read as", "Found", "Evidence", "Verdict", "Tenant", "Counted"] {
            assert!(text.lines().any(|l| l.starts_with(label)), "{id}: no {label}\n{text}");
        }
        let words: String = text.split_whitespace().collect();
        for fault in &judged.faults {
            assert_fault_is_told(&id, fault, &words, &told);
        }
        let json = line_json::json(&told);
        assert_eq!(json["verdict"].as_array().unwrap().len(), judged.faults.len(), "{id}");
        count += 1;
    }
    assert!(count >= 1360, "only {count} cases");
}

fn assert_fault_is_told(id: &str, fault: &Fault, words: &str, told: &line::Told<'_>) {
    let named = [&fault.provider, &fault.code, &fault.tenant];
    for label in named.into_iter().flatten() {
        let label: String = label.split_whitespace().collect();
        assert!(words.contains(&label), "{id}: {label} is not named\n{words}");
    }
    let told_proof = |s: &crate::attribution::Sighting| {
        s.let_go.is_none() && s.proof.is_some() && s.position.is_some() && !s.place.is_empty()
    };
    let notes = &told.explained.notes;
    let of_symptom = notes.signs.iter().any(|s| s.fate == crate::attribution::SignFate::Holds);
    let foreign = fault.verdict == Verdict::Foreign && !notes.foreign.is_empty();
    assert!(
        foreign || of_symptom || notes.sightings.iter().any(told_proof),
        "{id}: no hit with position and proof: {notes:#?}"
    );
}

#[test]
fn what_was_let_go_says_why() {
    let book = book(None);
    for (line, found, why) in [
        ("ERROR okta GET /docs/errors/invalid_sad failed", "invalid_sad", Reason::Nowhere(Nowhere::Path)),
        ("ERROR saw 0 invalid_grant errors", "invalid_grant", Reason::Nowhere(Nowhere::Negated)),
        ("ERROR on branch: invalid_grant", "invalid_grant", Reason::Nowhere(Nowhere::Named)),
        (r#"{"level":"error","file":"invalid_grant"}"#, "invalid_grant", Reason::FieldOfNames),
        (
            r#"{"level":"error","error":["invalid_grant","invalid_client","invalid_scope"]}"#,
            "invalid_grant",
            Reason::Listed,
        ),
        ("INFO token refresh answered invalid_grant", "invalid_grant", Reason::Outside),
        ("ERROR cannot open bmdrm-500MDRM-5080.png", "MDRM-508", Reason::PartOfWord),
        ("select * from t where error = 'invalid_grant'", "invalid_grant", Reason::Masked),
        ("ERROR crm failed: Unauthorized.", "Unauthorized.", Reason::WordUnproven),
    ] {
        let notes = book.engine.explain(line.as_bytes(), false, &options()).notes;
        let let_go: Vec<(&str, Option<Reason>)> =
            notes.sightings.iter().map(|s| (&*s.text, s.let_go)).collect();
        assert!(let_go.contains(&(found, Some(why))), "{line}: {let_go:?}");
    }
}

#[test]
fn a_level_that_says_nothing_failed_is_named_as_the_reason() {
    let book = book(None);
    let text = text(&book, "INFO token refresh answered invalid_grant");
    assert!(text.contains("only unique codes count outside (its level"), "{text}");
    let notes = book.engine.explain(b"ERROR okta invalid_grant", false, &options()).notes;
    let hit = notes.sightings.iter().find(|s| s.text == "invalid_grant").unwrap();
    assert_eq!((hit.position, hit.failure), (Some(Position::E4), Some(Failure::Level(true))));
}

#[test]
fn places_are_paths_through_objects_and_the_texts_in_them() {
    let book = book(None);
    for (line, place) in [
        (r#"{"level":"error","body":{"error":"invalid_grant"}}"#, "field body.error"),
        (r#"{"level":"error","msg":"answer {\"error\":\"invalid_grant\"}"}"#, "field msg > error"),
        ("GET /cb?error=access_denied&state=1 302", "query parameter error"),
        ("level=error error=invalid_grant", "pair error"),
        (r#"{"level":"error","msg":"failed: invalid_grant now"}"#, "text of field msg"),
        ("ERROR failed with invalid_grant", "running text"),
    ] {
        let notes = book.engine.explain(line.as_bytes(), false, &options()).notes;
        let places: Vec<&str> = notes.sightings.iter().map(|s| &*s.place).collect();
        assert!(places.contains(&place), "{line}: {places:?}");
    }
}

#[test]
fn no_overlay_is_suggested_where_none_helps() {
    let book = book(None);
    for line in [
        // Two providers' codes that nobody can tell apart by a name: a mark of somebody else beats every name.
        "level=error svc=login host=login.microsoftonline.com error=access_denied",
        // Settled already.
        "ERROR drm MDRM-508",
        // Nothing in it.
        "hello",
    ] {
        let explained = book.engine.explain(line.as_bytes(), false, &options());
        let advice = overlay::advise(&book, line.as_bytes(), false, &options(), &explained);
        assert_eq!(advice.overlay, None, "{line}");
    }
}

#[test]
fn the_end_of_a_time_is_no_service() {
    let book = book(None);
    let line = b"2026-11-20T09:14:40Z ERROR crm request rejected: 510-4001";
    let explained = book.engine.explain(line, false, &options());
    let advice = overlay::advise(&book, line, false, &options(), &explained);
    assert_eq!(advice.place, "service \"crm\"");
}

#[test]
fn what_stands_there_often_is_told_once() {
    let book = book(None);
    let line = "INFO invalid_grant, then invalid_grant and then invalid_grant again";
    let notes = book.engine.explain(line.as_bytes(), false, &options()).notes;
    assert_eq!(notes.sightings.iter().map(|s| s.times).collect::<Vec<_>>(), [3]);
    assert!(text(&book, line).contains("(shared: bankid, okta), 3 times"));
}

#[test]
fn what_is_suggested_settles_the_line_for_each_provider_it_names() {
    let plain = book(None);
    for line in [
        r#"{"level":"error","service":"checkout-web","error":"invalid_grant"}"#,
        r#"{"level":"error","logger":"com.acme.oidc.Client","error":"invalid_client"}"#,
        r#"{"level":"error","url":"https://login.acme.example/token","error":"invalid_grant"}"#,
        r#"{"level":"error","service":"no","error":"invalid_grant"}"#,
    ] {
        let explained = plain.engine.explain(line.as_bytes(), false, &options());
        let advice = overlay::advise(&plain, line.as_bytes(), false, &options(), &explained);
        let overlay = advice.overlay.unwrap_or_else(|| panic!("nothing for {line}"));
        assert_eq!(overlay.lines().count(), 4, "{overlay}");
        assert!(advice.providers.len() > 1, "{line}: {:?}", advice.providers);
        for provider in &advice.providers {
            let text =
                overlay.replace(&format!("id: {}}}", advice.providers[0]), &format!("id: {provider}}}"));
            let faults =
                book(Some(&text)).engine.explain(line.as_bytes(), false, &options()).judgement.faults;
            let settled =
                faults.iter().any(|f| f.verdict == Verdict::Match && f.provider.as_ref() == Some(provider));
            assert!(settled, "{line}\n{text}\n{faults:?}");
        }
    }
}

#[test]
fn a_hostile_record_gives_a_page_of_bounded_length_and_printable_text() {
    let book = book(None);
    let mut record = Vec::new();
    for n in 0..4000 {
        record.extend_from_slice(
            format!("{{\"error\":\"invalid_grant\",\"\u{202e}k{n}\":\"\\u001b[2J\"}}").as_bytes(),
        );
        record.extend_from_slice(b"\x1b[31m\xff\x00 ERROR MDRM-508 ");
    }
    let text = line::text(&told(&book, &record, Advice::default()), Page::plain());
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'));
}
