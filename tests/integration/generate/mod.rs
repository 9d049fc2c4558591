//! A seeded stream of log records: grammar first (subject, body, carrier, wrapper), then noise and damage.
//!
//! A subject is a literal of a pack or a near miss of one (`subjects`); a body writes it down (`bodies`); a carrier is
//! the line around it, with services, hosts, levels, statuses and tenants (`carriers`); a wrapper is what a transport
//! adds, and now and then the end of a line is missing (`damage`). Same seed and packs, same records.

mod dice;
mod subjects;
mod bodies;
mod carriers;
mod damage;

use crate::reference::Library;
use carriers::Carriers;
use dice::Dice;
use subjects::Subjects;

pub struct Generator {
    dice: Dice,
    subjects: Subjects,
    carriers: Carriers,
}

impl Generator {
    pub fn new(seed: u64, library: &Library) -> Generator {
        Generator {
            dice: Dice::new(seed),
            subjects: Subjects::new(library),
            carriers: Carriers::new(library),
        }
    }

    /// One line, without its end.
    pub fn record(&mut self) -> Vec<u8> {
        let line = if self.dice.chance(8) {
            self.carriers.noise(&mut self.dice, &self.subjects)
        } else {
            self.line()
        };
        let line = damage::wrapped(&mut self.dice, &line).replace('\n', "\\n");
        let line = if self.dice.chance(12) { damage::damaged(&mut self.dice, &line) } else { line };
        line.into_bytes()
    }

    /// An event of several lines: a stack trace around a subject.
    pub fn event(&mut self) -> Vec<u8> {
        let subject = self.subjects.pick(&mut self.dice);
        let body = bodies::any(&mut self.dice, &subject);
        self.carriers.trace(&mut self.dice, &subject, &body).into_bytes()
    }

    /// One record with one to three subjects.
    fn line(&mut self) -> String {
        let dice = &mut self.dice;
        let subject = self.subjects.pick(dice);
        let line = self.carriers.line(dice, &subject);
        if !dice.chance(12) {
            return line;
        }
        let other = self.subjects.pick(dice);
        let second = bodies::any(dice, &other);
        let name = self.carriers.name_of(dice, &other);
        match dice.below(6) {
            0 => format!("{line}; {name} failed: {second}"),
            1 => format!("{line} -> {name} {second}"),
            2 => format!("{line}, {second}"),
            3 => format!("{second} {line}"),
            4 => format!("{line}; {second}"),
            _ => format!("{line} caused by {name}: {second}"),
        }
    }
}
