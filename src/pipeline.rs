//! Framing, matcher, attribution and aggregation joined. A stand-in: judges single lines by one invented token.

use std::sync::Arc;

use crate::event::{ErrorKey, Fault, Judgement, Label, Millis, Origin, TenantKey, Verdict, reserved};
use crate::event::{Delta, SourceCounts};

/// What people want to know about a code besides its count.
#[derive(Debug, Clone)]
pub struct CodeInfo {
    pub title: String,
    pub remediation: String,
    pub severity: crate::catalogue::schema::Severity,
}

#[derive(Default)]
pub struct Engine {
    info: Option<CodeInfo>,
}

impl Engine {
    pub fn stand_in() -> Engine {
        Engine {
            info: Some(CodeInfo {
                title: "stand-in".into(),
                remediation: "Renew the token.".into(),
                severity: crate::catalogue::schema::Severity::Warning,
            }),
        }
    }
    pub fn code_info(&self, provider: &str, code: &str) -> Option<&CodeInfo> {
        (provider == "verimatrix" && code.starts_with("MDRM-")).then_some(self.info.as_ref()).flatten()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Lines,
    Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Arrival,
    Lines,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub source: Label,
    pub join: Join,
    pub line_bytes_max: usize,
    pub times: Times,
    pub origin: Origin,
}

pub trait Observer {
    fn judged(&mut self, line_number: u64, raw: &[u8], judgement: &Judgement);
}

pub struct Ignore;
impl Observer for Ignore {
    fn judged(&mut self, _: u64, _: &[u8], _: &Judgement) {}
}

pub struct Pipeline {
    options: Options,
    delta: Delta,
    partial: Vec<u8>,
    over: u64,
    lines: u64,
}

impl Pipeline {
    pub fn new(_engine: Arc<Engine>, options: Options) -> Pipeline {
        let delta = Delta { source: options.source.clone(), ..Delta::default() };
        Pipeline { options, delta, partial: Vec::new(), over: 0, lines: 0 }
    }

    pub fn push(&mut self, bytes: &[u8], now: Option<Millis>, observer: &mut dyn Observer) {
        self.delta.counts.bytes += bytes.len() as u64;
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            let room = self.options.line_bytes_max.saturating_sub(self.partial.len()).min(piece.len());
            self.partial.extend_from_slice(&piece[..room]);
            self.over += (piece.len() - room) as u64;
            if piece.ends_with(b"\n") {
                self.line(now, observer);
            }
        }
    }

    pub fn flush(&mut self, now: Option<Millis>, observer: &mut dyn Observer) {
        if !self.partial.is_empty() {
            self.line(now, observer);
        }
    }

    fn line(&mut self, now: Option<Millis>, observer: &mut dyn Observer) {
        self.lines += 1;
        let line = std::mem::take(&mut self.partial);
        let counts: &mut SourceCounts = &mut self.delta.counts;
        counts.lines += 1;
        if self.over > 0 {
            counts.oversized += 1;
            counts.skipped[0] += std::mem::take(&mut self.over);
        }
        let judgement = judge(&line);
        let Some(fault) = judgement.faults.first() else {
            counts.unmatched += 1;
            return;
        };
        observer.judged(self.lines, line.strip_suffix(b"\n").unwrap_or(&line), &judgement);
        if fault.verdict == Verdict::Ambiguous {
            counts.ambiguous_lines += 1;
            return;
        }
        counts.matched += 1;
        let (provider, code) = (fault.provider.clone().unwrap_or_default(), fault.code.clone().unwrap_or_default());
        let category = fault.category.clone().unwrap_or_default();
        let tenant = fault.tenant.clone().unwrap_or_else(|| reserved::NO_TENANT.into());
        let key = ErrorKey { provider: provider.clone(), category: category.clone(), code };
        let seen = self.delta.errors.entry(key).or_default();
        seen.count += 1;
        seen.last = now;
        seen.first = seen.first.or(now);
        self.delta.tenants.entry(TenantKey { provider, category, tenant }).or_default().count += 1;
    }

    pub fn pending_bytes(&self) -> u64 {
        self.partial.len() as u64 + self.over
    }

    pub fn take_delta(&mut self) -> Delta {
        let mut delta = std::mem::replace(
            &mut self.delta,
            Delta { source: self.options.source.clone(), ..Delta::default() },
        );
        delta.pending_bytes = self.pending_bytes();
        delta
    }

    pub fn classify(&mut self, record: &[u8]) -> Judgement {
        judge(record)
    }
}

fn judge(line: &[u8]) -> Judgement {
    let text = String::from_utf8_lossy(line);
    let Some(at) = text.find("MDRM-") else { return Judgement::default() };
    let code: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let tenant = text.split("tenant=").nth(1).and_then(|t| t.split_whitespace().next()).map(Into::into);
    Judgement {
        faults: vec![Fault {
            verdict: if text.contains("maybe") { Verdict::Ambiguous } else { Verdict::Match },
            provider: Some("verimatrix".into()),
            code: Some(code.as_str().into()),
            wire_code: Some(code.as_str().into()),
            category: Some("token".into()),
            tenant,
            candidates: vec![],
            rule: Some(format!("verimatrix.{code}").into()),
            evidence: vec!["unique token".into()],
            role: Default::default(),
        }],
        tenant_refused: None,
    }
}
