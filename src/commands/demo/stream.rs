//! The demo's log as a source: lines of the script at a few hundred a second, more by day than by night (a day is a
//! minute), and every now and then a provider has an outage. The same seed writes the same events on every machine;
//! only times differ.

use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::script::{Fill, Part, Template, templates};
use crate::source::{Reading, Source, Stop};

const SEED: u64 = 0x0fa1_71e5;
/// How often bytes are written.
const BEAT: Duration = Duration::from_millis(50);
const LINES_PER_SECOND: f64 = 300.0;
const DAY_SECONDS: f64 = 60.0;
/// An outage of one provider begins this often and holds this long; the first one begins soon, so that a short demo
/// sees it.
const OUTAGE_EVERY_SECONDS: f64 = 40.0;
const OUTAGE_BEGINS_SECONDS: f64 = 6.0;
const OUTAGE_HOLDS_SECONDS: f64 = 12.0;

/// Customers, the first ones larger than the last.
const TENANTS: [&str; 12] = [
    "acme",
    "globex",
    "nordbank-retail",
    "sg-retail",
    "studio-7",
    "initech",
    "helse-vest",
    "umbrella",
    "hooli",
    "stark-media",
    "wayne-tv",
    "tyrell",
];
const USERS: [&str; 5] = ["maria", "jonas", "wei", "priya", "tom"];

pub struct Stream {
    writer: Writer,
    started: Instant,
    next_beat: Duration,
    /// Written and not yet read.
    ready: Vec<u8>,
    /// Lines owed: a beat writes whole lines only.
    owed: f64,
}

impl Stream {
    pub fn start() -> Stream {
        let writer = Writer::new(templates());
        Stream { writer, started: Instant::now(), next_beat: Duration::ZERO, ready: Vec::new(), owed: 0.0 }
    }
}

impl Source for Stream {
    fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading> {
        if self.ready.is_empty() {
            let elapsed = self.started.elapsed();
            if elapsed < self.next_beat {
                stop.sleep((self.next_beat - elapsed).min(patience));
                return Ok(Reading::Silence);
            }
            if stop.is_asked() {
                return Ok(Reading::Silence);
            }
            self.next_beat = elapsed + BEAT;
            let at = elapsed.as_secs_f64();
            self.owed += rate(at) * BEAT.as_secs_f64();
            while self.owed >= 1.0 {
                self.owed -= 1.0;
                self.writer.write_event(at, Timestamp::now(), &mut self.ready);
            }
        }
        let n = self.ready.len().min(block.len());
        block[..n].copy_from_slice(&self.ready[..n]);
        self.ready.drain(..n);
        Ok(if n == 0 { Reading::Silence } else { Reading::Bytes(n) })
    }
}

/// Events a second at a time since the start.
fn rate(seconds: f64) -> f64 {
    let day = (seconds / DAY_SECONDS * std::f64::consts::TAU).sin();
    LINES_PER_SECOND * (1.0 + 0.4 * day)
}

/// Picks templates and fills them in.
struct Writer {
    templates: Vec<Template>,
    outages: Vec<String>,
    random: ChaCha8Rng,
}

impl Writer {
    fn new(templates: Vec<Template>) -> Writer {
        let mut outages: Vec<String> = Vec::new();
        for outage in templates.iter().filter_map(Template::outage) {
            if !outages.iter().any(|known| known == outage) {
                outages.push(outage.to_owned());
            }
        }
        Writer { templates, outages, random: ChaCha8Rng::seed_from_u64(SEED) }
    }

    fn outage(&self, seconds: f64) -> Option<&str> {
        let turn = (seconds / OUTAGE_EVERY_SECONDS) as usize;
        let into = seconds % OUTAGE_EVERY_SECONDS;
        let is_on = (OUTAGE_BEGINS_SECONDS..OUTAGE_BEGINS_SECONDS + OUTAGE_HOLDS_SECONDS).contains(&into);
        is_on.then(|| self.outages[turn % self.outages.len()].as_str())
    }

    fn write_event(&mut self, seconds: f64, now: Timestamp, to: &mut Vec<u8>) {
        let picked = self.pick(seconds);
        let filling = Filling { tenant: self.tenant(), now };
        let Writer { templates, random, .. } = self;
        for part in &templates[picked].text {
            match part {
                Part::Text(text) => to.extend_from_slice(text.as_bytes()),
                Part::Fill(fill) => to.extend_from_slice(filling.text(*fill, random).as_bytes()),
            }
        }
    }

    fn pick(&mut self, seconds: f64) -> usize {
        let outage = self.outage(seconds).map(str::to_owned);
        let weights = || self.templates.iter().map(|template| template.weight(outage.as_deref()));
        let all: u32 = weights().sum();
        let mut ticket = below(&mut self.random, all);
        for (place, weight) in self.templates.iter().map(|t| t.weight(outage.as_deref())).enumerate() {
            if ticket < weight {
                return place;
            }
            ticket -= weight;
        }
        unreachable!("a ticket is below the sum of all weights")
    }

    /// The smaller of two draws: early names come often, late ones seldom.
    fn tenant(&mut self) -> &'static str {
        let draw = |random: &mut ChaCha8Rng| below(random, TENANTS.len() as u32);
        let place = draw(&mut self.random).min(draw(&mut self.random));
        TENANTS[place as usize]
    }
}

fn below(random: &mut ChaCha8Rng, bound: u32) -> u32 {
    // The bias of a remainder is far below what anybody sees here.
    random.next_u32() % bound
}

/// What one event says throughout.
struct Filling {
    tenant: &'static str,
    now: Timestamp,
}

impl Filling {
    fn text(&self, fill: Fill, random: &mut ChaCha8Rng) -> String {
        let mut number = |from: u32, to: u32| from + below(random, to - from);
        let time = |format: &str| self.now.to_zoned(TimeZone::UTC).strftime(format).to_string();
        match fill {
            Fill::Iso => time("%Y-%m-%dT%H:%M:%S%.3fZ"),
            Fill::Plain => time("%Y-%m-%d %H:%M:%S,%3f"),
            Fill::Space => time("%Y-%m-%d %H:%M:%S%.3f"),
            Fill::Clf => time("%d/%b/%Y:%H:%M:%S +0000"),
            Fill::Bsd => time("%b %e %H:%M:%S"),
            Fill::Klog => time("%m%d %H:%M:%S%.6f"),
            Fill::Nano => time("%Y-%m-%dT%H:%M:%S%.9fZ"),
            Fill::Epoch => self.now.as_millisecond().to_string(),
            Fill::Tenant => self.tenant.to_owned(),
            Fill::Number => number(10_000, 99_999).to_string(),
            Fill::Duration => number(2, 900).to_string(),
            Fill::Small => number(1, 24).to_string(),
            Fill::Hex => format!("{:012x}", random.next_u64() >> 16),
            Fill::Uuid => uuid(random.next_u64(), random.next_u64()),
            Fill::Ip => format!("10.{}.{}.{}", number(0, 255), number(0, 255), number(1, 254)),
            Fill::Pid => number(300, 32_000).to_string(),
            Fill::User => USERS[number(0, USERS.len() as u32) as usize].to_owned(),
        }
    }
}

/// Version 4.
fn uuid(high: u64, low: u64) -> String {
    let (high, low) = (high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use crate::config::{Settings, build_engine};
    use crate::event::{Judgement, Verdict};
    use crate::pipeline::{Join, Observer, Pipeline, Times};

    #[derive(Default)]
    struct Verdicts(Vec<Judgement>);

    impl Observer for Verdicts {
        fn judged(&mut self, _: u64, _: &[u8], judgement: &Judgement) {
            self.0.push(judgement.clone());
        }
    }

    fn shown(judgement: &Judgement) -> String {
        let fault = &judgement.faults[0];
        match fault.verdict {
            Verdict::Match => format!(
                "match {} {}",
                fault.provider.as_deref().unwrap_or("-"),
                fault.code.as_deref().unwrap_or("-")
            ),
            Verdict::Ambiguous => "ambiguous".to_owned(),
            Verdict::Foreign => "foreign".to_owned(),
        }
    }

    #[test]
    fn every_event_of_the_script_is_judged_as_the_script_says() {
        let settings = Settings::default();
        let engine = build_engine(&settings).unwrap();
        let all = templates();
        assert!(all.len() > 50);
        for template in all {
            let expected = template.expected.clone();
            let mut writer = Writer::new(vec![template]);
            for round in 0..20 {
                let mut text = Vec::new();
                writer.outages.push("none".to_owned());
                writer.write_event(0.0, Timestamp::from_second(1_800_000_000 + round).unwrap(), &mut text);
                let options = settings.pipeline("demo", Join::Events, Times::Arrival);
                let mut pipeline = Pipeline::new(Arc::clone(&engine), options);
                let mut verdicts = Verdicts::default();
                let mut stream = pipeline.stream();
                pipeline.push(&mut stream, &text, None, &mut verdicts);
                pipeline.flush(&mut stream, None, &mut verdicts);
                let got: Vec<String> = verdicts.0.iter().map(shown).collect();
                let wanted: Vec<String> =
                    (expected != "none").then(|| expected.clone()).into_iter().collect();
                assert_eq!(got, wanted, "{}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn all_five_providers_are_on_the_air_and_have_their_outage() {
        let writer = Writer::new(templates());
        let on_air: BTreeSet<&str> = writer
            .templates
            .iter()
            .filter_map(|t| t.expected.strip_prefix("match ")?.split(' ').next())
            .collect();
        let five = BTreeSet::from(["ast-ca", "bankid", "myinfo", "okta", "verimatrix"]);
        assert_eq!(on_air, five);
        let outages: BTreeSet<&str> =
            (0..400).filter_map(|second| writer.outage(f64::from(second))).collect();
        assert_eq!(outages, five);
        assert_eq!(writer.outage(0.0), None);
    }

    #[test]
    fn the_same_seed_writes_the_same_events() {
        let written = || {
            let (mut writer, mut text) = (Writer::new(templates()), Vec::new());
            (0..500)
                .for_each(|at| writer.write_event(f64::from(at) / 10.0, Timestamp::UNIX_EPOCH, &mut text));
            text
        };
        assert_eq!(written(), written());
    }
}
