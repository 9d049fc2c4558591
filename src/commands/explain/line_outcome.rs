//! What came of a record, as text: verdict, tenant, counts, and what would settle what is open. Goes on where `line` ends.

use super::line::{TEXT_SHOWN, Told, VALUE_SHOWN};
use super::page::{Page, short};
use crate::event::{Fault, TenantRefusal, Verdict, reserved};

const CANDIDATES_SHOWN: usize = 12;

pub fn verdict(page: &mut Page, told: &Told<'_>) {
    let faults = &told.explained.judgement.faults;
    if faults.is_empty() {
        return nothing(page, told);
    }
    for (place, fault) in faults.iter().enumerate() {
        let label = if place == 0 { "Verdict" } else { "" };
        page.row(label, &headline(fault));
        fault_body(page, told, fault);
    }
    for fault in &told.explained.notes.absorbed {
        page.row("", &format!("taken in by a finer verdict, not counted: {}", headline(fault)));
    }
}

fn nothing(page: &mut Page, told: &Told<'_>) {
    let notes = &told.explained.notes;
    let why = match notes.sightings.first().and_then(|s| s.let_go) {
        None => "nothing of any pack was found in it".to_owned(),
        Some(first) if notes.sightings.iter().all(|s| s.let_go == Some(first)) => {
            format!("all that was found was let go: {}", first.words())
        }
        Some(_) => "all that was found was let go, for the reasons above".to_owned(),
    };
    page.row("Verdict", &format!("none: {why}"));
}

pub fn headline(fault: &Fault) -> String {
    let provider = fault.provider.as_deref().unwrap_or("provider open");
    let code = fault.code.as_deref().unwrap_or("code open");
    match fault.verdict {
        Verdict::Match => format!("match: {provider} {code}"),
        Verdict::Ambiguous => format!("ambiguous: {provider}, {code}"),
        Verdict::Foreign => "foreign: the error of somebody whose catalogue is not loaded".to_owned(),
    }
}

fn fault_body(page: &mut Page, told: &Told<'_>, fault: &Fault) {
    page.sub(2, &format!("because   {}", short(&fault.evidence.join("; "), TEXT_SHOWN)));
    if fault.verdict == Verdict::Match {
        let wire = fault.wire_code.as_ref().filter(|w| fault.code.as_ref() != Some(*w));
        let wire = wire.map(|w| format!(", wire code {w}")).unwrap_or_default();
        let category = fault.category.as_deref().unwrap_or(reserved::UNKNOWN);
        page.sub(2, &format!("category  {category}{wire}"));
        match &fault.rule {
            Some(rule) => page.sub(2, &format!("rule      {rule}")),
            None => page.sub(2, "rule      open: several rules have this code, or none has it"),
        }
    }
    if !fault.candidates.is_empty() {
        let shown: Vec<&str> = fault.candidates.iter().take(CANDIDATES_SHOWN).map(|c| &**c).collect();
        let more = fault.candidates.len().saturating_sub(CANDIDATES_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        page.sub(2, &format!("may be    {}{more}", shown.join(", ")));
    }
    if fault.role == crate::event::Role::Cause {
        page.sub(2, "role      the cause of the error around it");
    }
    let info = fault.provider.as_ref().zip(fault.code.as_ref());
    if let Some(info) = info.and_then(|(p, c)| told.book.engine.code_info(p, c)) {
        page.sub(2, &format!("severity  {}; fault {}", info.severity, info.fault));
        page.sub(2, &format!("to do     {}", short(&info.remediation, TEXT_SHOWN)));
    }
}

pub fn tenant(page: &mut Page, told: &Told<'_>) {
    let notes = &told.explained.notes.tenants;
    if notes.is_empty() {
        return page.row("Tenant", "not asked for: nothing is counted under a tenant");
    }
    let mut said: Vec<String> = Vec::new();
    for note in notes {
        let text = match (&note.value, &note.source, note.refused) {
            (Some(value), Some(source), _) => format!("{}: from {source}", short(value, VALUE_SHOWN)),
            (_, Some(source), Some(why)) => format!(
                "-: {source} was refused, {} (reason {}); nothing else is tried",
                refusal(why),
                why.name()
            ),
            _ => "-: no tenant field, path, host or mapping names one".to_owned(),
        };
        if !said.contains(&text) {
            page.row(if said.is_empty() { "Tenant" } else { "" }, &text);
            said.push(text);
        }
    }
}

pub fn refusal(why: TenantRefusal) -> &'static str {
    match why {
        TenantRefusal::Syntax => "its value is not of the syntax that tenants have",
        TenantRefusal::NationalId => "its value looks like a person's national id",
        TenantRefusal::Email => "its value looks like an e-mail address",
        TenantRefusal::Uuid => "its value is a UUID",
        TenantRefusal::Secret => "its value looks like a secret",
    }
}

pub fn series(page: &mut Page, told: &Told<'_>) {
    if told.series.is_empty() {
        return page.row("Counted", "as an unmatched line only");
    }
    page.row("Counted", "series that go up, with the amount:");
    told.series.iter().for_each(|line| page.verbatim(line));
}

pub fn advice(page: &mut Page, told: &Told<'_>) {
    let advice = &told.advice;
    let faults = &told.explained.judgement.faults;
    if let Some(overlay) = &advice.overlay {
        page.row("To settle", "put this in a .yaml file of a --rules.dir; tried on this very line:");
        overlay.lines().for_each(|line| page.verbatim(line));
        page.row(
            "",
            &format!(
                "with it the line is {}; right only if {} always is that provider's",
                advice.becomes[0], advice.place
            ),
        );
        for (provider, becomes) in advice.providers.iter().zip(&advice.becomes).skip(1) {
            page.row("", &format!("with `{{id: {provider}}}` instead: {becomes}"));
        }
        return;
    }
    let known_open = faults.iter().any(|f| f.verdict == Verdict::Ambiguous && f.provider.is_some());
    let text = if advice.wanted && advice.tried > 0 {
        "no overlay was found that settles it: of the names, hosts and sources seen here none does"
    } else if advice.wanted {
        "the record names no service, logger, host or source that an overlay could map; log one, or give --path or --topic"
    } else if known_open {
        "the provider is known; an overlay cannot settle the code: log the response's own code or message"
    } else if faults.is_empty() && told.explained.notes.sightings.is_empty() {
        "if an error was expected: faultline explain CODE says what each code is recognised by"
    } else {
        return;
    };
    page.row("To settle", text);
}
