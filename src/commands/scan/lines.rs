//! Hits as a grep would print them: `file:line: verdict provider code | line`, escaped, one for each verdict.
//!
//! Rendered where they are found and numbered where they are printed, since only then the number of lines before the
//! block is known.

use std::io::{self, Write};

use super::Filter;
use crate::commands::escape::{Escaped, push_escaped};
use crate::event::{Fault, Judgement, Label, Verdict};

/// What may gather before it is handed on.
const BIG_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub struct Lines {
    filter: Filter,
    text: Vec<u8>,
    /// Line number in the job, and where its text ends.
    marks: Vec<(u64, usize)>,
}

impl Lines {
    pub fn new(filter: Filter) -> Lines {
        Lines { filter, text: Vec::new(), marks: Vec::new() }
    }

    pub fn push(&mut self, line_number: u64, raw: &[u8], judgement: &Judgement) {
        for fault in judgement.faults.iter().filter(|fault| self.filter.admits(fault.verdict)) {
            self.text.extend_from_slice(head(fault).as_bytes());
            push_escaped(raw.trim_ascii_end(), &mut self.text);
            self.marks.push((line_number, self.text.len()));
        }
    }

    pub fn is_big(&self) -> bool {
        self.weight() >= BIG_BYTES
    }

    pub fn weight(&self) -> usize {
        self.text.len() + size_of::<(u64, usize)>() * self.marks.len()
    }

    pub fn take(&mut self) -> Lines {
        std::mem::replace(self, Lines::new(self.filter))
    }

    pub fn print(&self, name: &Label, lines_before: u64, to: &mut impl Write) -> io::Result<()> {
        let mut from = 0;
        for &(line, end) in &self.marks {
            write!(to, "{}:{}: ", Escaped(name.as_bytes()), lines_before + line)?;
            to.write_all(&self.text[from..end])?;
            to.write_all(b"\n")?;
            from = end;
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn of_text(line: u64, text: &str) -> Lines {
        Lines { filter: Filter::All, text: text.into(), marks: vec![(line, text.len())] }
    }
}

pub fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match => "match",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Foreign => "foreign",
    }
}

/// What is not settled is `-`.
fn head(fault: &Fault) -> String {
    let shown = |label: &Option<Label>| label.as_deref().unwrap_or("-").to_owned();
    format!("{} {} {} | ", verdict_name(fault.verdict), shown(&fault.provider), shown(&fault.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(verdict: Verdict) -> Fault {
        Fault {
            verdict,
            provider: Some("okta".into()),
            code: None,
            wire_code: None,
            category: None,
            tenant: None,
            candidates: vec![],
            rule: None,
            evidence: vec![],
            role: Default::default(),
        }
    }

    #[test]
    fn each_verdict_is_a_line_and_hostile_bytes_are_escaped() {
        let mut lines = Lines::new(Filter::Only(Verdict::Match));
        let judgement =
            Judgement { faults: vec![fault(Verdict::Match), fault(Verdict::Foreign)], tenant_refused: None };
        lines.push(3, b"first\x1b[0m\n\tat x\r\n", &judgement);
        let mut out = Vec::new();
        lines.print(&"a\nb.log".into(), 10, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\\nb.log:13: match okta - | first\\x1b[0m\\n\tat x\n");
    }
}
