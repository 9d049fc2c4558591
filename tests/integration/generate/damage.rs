//! What transports wrap around a line, and what happens to bytes on the way.

use super::bodies;
use super::dice::Dice;

pub fn wrapped(dice: &mut Dice, line: &str) -> String {
    match dice.below(20) {
        0 | 1 => format!("2026-11-22T08:00:03.000000001Z {} F {line}", dice.pick(&["stdout", "stderr"])),
        2 | 3 => {
            let text = bodies::json_text(dice, &format!("{line}\n"));
            format!("{{\"log\":\"{text}\",\"stream\":\"stderr\",\"time\":\"2026-11-22T08:00:03Z\"}}")
        }
        4 => format!("<{}>Nov 22 08:00:03 node4 {}[771]: {line}", dice.below(192), app(dice)),
        5 => format!("Nov 22 08:00:03 node4 {}: {line}", app(dice)),
        6 => format!("<{}>1 2026-11-22T08:00:03.117Z node4 {} 771 ID47 - {line}", dice.below(192), app(dice)),
        7 => format!(
            "<131>1 2026-11-22T08:00:03.117Z node4 {} 771 ID47 [meta@32473 tenant=\"{}\" zone=\"b\"] {line}",
            app(dice),
            dice.pick(&["acme-sd", "", "S1234567D"])
        ),
        8 => format!("\u{1b}[31m{line}\u{1b}[0m"),
        9 => format!("{line}\r"),
        10 if dice.chance(50) => format!("\u{feff}{line}"),
        _ => line.to_string(),
    }
}

fn app(dice: &mut Dice) -> &'static str {
    dice.pick(&["gateway", "okta-agent", "bankid-csc", "myinfo", "ast-ca", "kernel"])
}

/// One or two accidents.
pub fn damaged(dice: &mut Dice, line: &[u8], before: &[u8]) -> Vec<u8> {
    let mut bytes = line.to_vec();
    for _ in 0..1 + dice.below(2) {
        let at = dice.below(bytes.len());
        match dice.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 => bytes.truncate(at),
            2 => bytes = bytes.split_off(at.min(bytes.len())),
            3 => {
                let part = bytes[at..bytes.len().min(at + 1 + dice.below(40))].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let end = bytes.len().min(at + 1 + dice.below(6));
                bytes.drain(at..end);
            }
            5 => {
                let cut = dice.below(before.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&before[cut.min(before.len())..]);
            }
            _ => bytes.insert(at, b"\"'{}[]=,;:\\ /&%"[dice.below(15)]),
        }
    }
    bytes
}
