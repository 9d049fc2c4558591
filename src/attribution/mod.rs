//! Hit records → verdicts: whose error it is, which code, which tenant, or that it cannot be known.
//!
//! The steps of one record: `views` reads it as a tree of texts and objects, `evidence` gathers what speaks for whom,
//! `hits` finds the literals of the packs and their error positions, `decide` takes each object and clause through
//! `prove` (whose it is) and `settle` (which code), `tenant` names the customer. [`Attributor`] owns the buffers. The
//! rules are data (`catalogue`); no provider is named here. A wrong provider is worse than none.

mod conjunctions;
mod decide;
mod evidence;
mod origins;
mod hits;
mod lexicon;
mod links;
mod names;
mod notes;
mod noting;
mod objects;
mod pairs;
mod position;
mod printed;
mod prose;
mod prove;
mod reading;
mod settle;
mod spot;
mod tenant;
mod tokens;
mod trace;
mod views;
mod wording;
mod written;

use crate::catalogue::Catalogue;
use crate::catalogue::compile::ProviderId;
use crate::event::{Judgement, Origin, Record, Verdict};
use crate::matcher::{Find, Matcher};
pub use evidence::Strength;
use hits::Finder;
pub use hits::What;
pub use lexicon::Lexicon;
pub use notes::{
    Identity, Notes, Owned, Proven, Reason, Sighting, SignFate, SignNote, TenantNote, View, Witness,
};
pub use position::{Failure, Nowhere, Position};
pub use prove::{Doubt, Near};
use reading::Reading;
pub use trace::{Silent, Trace};
use views::Views;

/// Judges records one after the other; keeps its buffers between them.
pub struct Attributor<T = Silent> {
    views: Views,
    finder: Finder<T>,
}

impl Default for Attributor {
    fn default() -> Attributor {
        Attributor { views: Views::default(), finder: Finder::default() }
    }
}

impl Attributor<Notes> {
    /// One that takes notes of what it decides.
    pub fn noting() -> Attributor<Notes> {
        Attributor { views: Views::default(), finder: Finder::default() }
    }

    /// The verdicts of [`Attributor::judge`], and how they came about.
    pub fn explain(
        &mut self,
        catalogue: &Catalogue,
        lexicon: &Lexicon,
        matcher: &Matcher,
        record: &Record<'_>,
        origin: &Origin,
        cut: bool,
    ) -> (Judgement, Notes) {
        let judgement = self.judge(catalogue, lexicon, matcher, record, origin, cut);
        let mut notes = std::mem::take(&mut self.finder.trace);
        let mut loose = Vec::new();
        matcher.find_loosely(catalogue, &record.text, &mut loose);
        notes.misses(catalogue, &record.text, &loose);
        (judgement, notes)
    }
}

impl<T: Trace> Attributor<T> {
    /// All verdicts about `record`. `cut` says that its end was cut off at a limit.
    pub fn judge(
        &mut self,
        catalogue: &Catalogue,
        lexicon: &Lexicon,
        matcher: &dyn Find,
        record: &Record<'_>,
        origin: &Origin,
        cut: bool,
    ) -> Judgement {
        self.views.read(&record.text, &record.envelope.structured, cut);
        let reading = Reading::of::<T>(catalogue, lexicon, &self.views, record, origin);
        self.finder.trace.see(|notes| notes.reading(&reading));
        self.finder.read(&reading, matcher);
        let hits = std::mem::take(&mut self.finder.hits);
        let trace = &mut self.finder.trace;
        let rulings = reading.decide(hits, &self.finder.signs, trace);
        let mut judgement = Judgement::default();
        for mut ruling in rulings {
            if ruling.fault.verdict != Verdict::Foreign {
                let own: Vec<ProviderId> = ruling.provider.into_iter().collect();
                match tenant::tenant(&reading, &own, ruling.node, trace) {
                    Ok(tenant) => ruling.fault.tenant = tenant,
                    Err(refusal) => judgement.tenant_refused = Some(refusal),
                }
            }
            judgement.faults.push(ruling.fault);
        }
        judgement
    }
}
