//! The same judgement for machines: all that the notes hold, nothing cut for the width of a screen.

use serde_json::{Value, json};

use super::line::{Told, wrapper};
use super::line_outcome::headline;
use crate::attribution::{Proven, Sighting, View};
use crate::commands::scan::verdict_name;
use crate::event::{Fault, Role, reserved};

pub fn json(told: &Told<'_>) -> Value {
    let e = &told.explained;
    let notes = &e.notes;
    json!({
        "record": {
            "lines": e.lines,
            "bytes": told.record.len(),
            "cut": told.cut,
            "records_when_joined": e.events,
            "wrappers": e.wrappers.iter().map(|w| wrapper(*w)).collect::<Vec<_>>(),
            "app": e.record.envelope.app,
            "failing": e.record.envelope.failing,
            "structured_data": e.record.envelope.structured,
        },
        "origin": {
            "path": told.origin.path,
            "topic": told.origin.topic,
            "namespace": told.origin.namespace,
            "pod": told.origin.pod,
            "container": told.origin.container,
            "container_id": told.origin.container_id,
        },
        "views": notes.views.iter().map(view).collect::<Vec<_>>(),
        "hits": notes.sightings.iter().map(sighting).collect::<Vec<_>>(),
        "hits_left_out": notes.sightings_left_out,
        "evidence": {
            "for": notes.witnesses.iter().map(|w| json!({
                "provider": &*w.provider,
                "strength": w.strength.words(),
                "evidence": w.words,
                "where": w.place,
                "own_object_only": w.local,
            })).collect::<Vec<_>>(),
            "foreign": notes.foreign.iter().map(|(m, at)| json!({"mark": m, "where": at})).collect::<Vec<_>>(),
            "symptoms": notes.signs.iter().map(|s| json!({
                "provider": &*s.provider,
                "symptom": s.id,
                "why": s.why,
                "outcome": s.fate.words(),
            })).collect::<Vec<_>>(),
            "endpoints": notes.endpoints.iter()
                .map(|(p, e)| json!({"provider": &**p, "endpoint": &**e})).collect::<Vec<_>>(),
            "http": notes.statuses,
            "names": notes.identities.iter().map(|i| json!({"key": i.key, "value": i.value})).collect::<Vec<_>>(),
        },
        "verdict": e.judgement.faults.iter().map(fault).collect::<Vec<_>>(),
        "absorbed": notes.absorbed.iter().map(headline).collect::<Vec<_>>(),
        "tenant": notes.tenants.iter().map(|t| json!({
            "value": t.value.as_deref().unwrap_or(reserved::NO_TENANT),
            "from": t.source,
            "refused": t.refused.map(|r| r.name()),
        })).collect::<Vec<_>>(),
        "counted": told.series,
        "to_settle": told.advice.overlay.as_ref().map(|overlay| json!({
            "overlay": overlay,
            "maps": told.advice.place,
            "providers": told.advice.providers.iter().map(|p| &**p).collect::<Vec<_>>(),
            "becomes": told.advice.becomes,
        })),
    })
}

fn view(view: &View) -> Value {
    json!({
        "form": view.form,
        "where": view.place,
        "depth": view.depth,
        "text": view.text,
        "decoded": view.decoded,
        "url": view.url,
        "fields": view.fields.iter().map(|(key, value)| json!([key, value])).collect::<Vec<_>>(),
    })
}

fn sighting(s: &Sighting) -> Value {
    let proof = s.proof.as_ref().map(|proof| match proof {
        Proven::By { provider, words, near } => {
            json!({"provider": &**provider, "evidence": words, "where": near.words()})
        }
        Proven::Nobody(doubt) => json!({"provider": null, "why": doubt.words()}),
    });
    json!({
        "text": s.text,
        "what": s.what.map(|w| w.words()),
        "class": s.class.map(|c| c.words()),
        "owners": s.owners.iter().map(|o| json!({
            "provider": &*o.provider,
            "rules": o.rules.iter().map(|r| &**r).collect::<Vec<_>>(),
            "rules_count": o.rules_count,
        })).collect::<Vec<_>>(),
        "where": s.place,
        "around": s.excerpt,
        "times": s.times,
        "position": s.position.map(|p| p.name()),
        "failing": s.failure.map(|f| f.words()),
        "let_go": s.let_go.map(|r| r.words()),
        "proof": proof,
    })
}

fn fault(fault: &Fault) -> Value {
    json!({
        "verdict": verdict_name(fault.verdict),
        "provider": fault.provider.as_deref().unwrap_or(""),
        "code": fault.code.as_deref().unwrap_or(""),
        "wire_code": fault.wire_code.as_deref().unwrap_or(""),
        "category": fault.category.as_deref().unwrap_or(""),
        "tenant": fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT),
        "rule": fault.rule.as_deref().unwrap_or(""),
        "candidates": fault.candidates.iter().map(|c| &**c).collect::<Vec<_>>(),
        "because": fault.evidence,
        "role": if fault.role == Role::Cause { "cause" } else { "outer" },
    })
}
