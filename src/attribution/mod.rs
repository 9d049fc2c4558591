//! Hit records → verdicts: whose error it is, which code, which tenant, or that it cannot be known.
//!
//! The steps of one record: `views` reads it as a tree of texts and objects, `evidence` gathers what speaks for whom,
//! `hits` finds the literals of the packs and their error positions, `decide` takes each object and clause through
//! `prove` (whose it is) and `settle` (which code), `tenant` names the customer. [`Attributor`] owns the buffers. The
//! rules are data (`catalogue`); no provider is named here. A wrong provider is worse than none.

mod conjunctions;
mod decide;
mod evidence;
mod hits;
mod lexicon;
mod links;
mod names;
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
mod views;

use crate::catalogue::Catalogue;
use crate::catalogue::compile::ProviderId;
use crate::event::{Judgement, Origin, Record, Verdict};
use crate::matcher::Find;
use hits::Finder;
pub use lexicon::Lexicon;
use reading::Reading;
use views::Views;

/// Judges records one after the other; keeps its buffers between them.
#[derive(Default)]
pub struct Attributor {
    views: Views,
    finder: Finder,
}

impl Attributor {
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
        let reading = Reading::of(catalogue, lexicon, &self.views, record, origin);
        self.finder.read(&reading, matcher);
        let hits = std::mem::take(&mut self.finder.hits);
        let rulings = reading.decide(hits, &self.finder.signs);
        let mut judgement = Judgement::default();
        for mut ruling in rulings {
            if ruling.fault.verdict != Verdict::Foreign {
                let own: Vec<ProviderId> = ruling.provider.into_iter().collect();
                match tenant::tenant(&reading, &own, ruling.node) {
                    Ok(tenant) => ruling.fault.tenant = tenant,
                    Err(refusal) => judgement.tenant_refused = Some(refusal),
                }
            }
            judgement.faults.push(ruling.fault);
        }
        judgement
    }
}
