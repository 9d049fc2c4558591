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

/// The end of the line is missing. Where the rest of nested or escaped JSON, of quotes and of pairs begins is nobody's
/// promise, so only plain lines lose their end here; arbitrary damage is left to the fuzzing of chunks.
pub fn damaged(dice: &mut Dice, line: &str) -> String {
    if line.contains("\\\"")
        || line.contains(['=', '\'', '<'])
        || line.matches('{').count() > 1
        || line.contains('[')
    {
        return line.to_string();
    }
    let kept = dice.below(line.chars().count());
    line.chars().take(kept).collect()
}
