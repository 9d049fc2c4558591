//! Two settings → what differs, by name, and which of it takes effect while the daemon runs.
//!
//! A setting is listed once, here; one that is added elsewhere and forgotten here does not compile.

use super::{Limits, Log, Rules, Settings, State, Web};
use crate::ledger::Exposure;

/// Names as the configuration file spells them, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub at_once: Vec<&'static str>,
    pub at_restart: Vec<&'static str>,
}

enum Effect {
    AtOnce,
    AtRestart,
}

impl Settings {
    /// What `next` says otherwise. Rule directories are listed where their names differ; what is in them is not known
    /// here.
    pub fn changes(&self, next: &Settings) -> Changes {
        use Effect::{AtOnce, AtRestart};
        let Settings { log, web, metrics, sources, state, limits, rules } = next;
        let Log { level, format } = log;
        let Web { listen_addresses, telemetry_path, enable_lifecycle, openmetrics_created, linger } = web;
        let Exposure { zero_first, preinit } = metrics;
        let Limits {
            line_bytes_max,
            event_lines_max,
            tenants_max,
            series_max,
            sources_max,
            open_files_max,
            expansion_ratio_max,
        } = limits;
        let (State { dir }, Rules { dirs }) = (state, rules);
        let mut changes = Changes::default();
        for (name, differs, effect) in [
            ("log.level", *level != self.log.level, AtOnce),
            ("log.format", *format != self.log.format, AtOnce),
            ("web.listen_addresses", *listen_addresses != self.web.listen_addresses, AtRestart),
            ("web.telemetry_path", *telemetry_path != self.web.telemetry_path, AtRestart),
            ("web.enable_lifecycle", *enable_lifecycle != self.web.enable_lifecycle, AtRestart),
            ("web.openmetrics_created", *openmetrics_created != self.web.openmetrics_created, AtRestart),
            ("web.linger", *linger != self.web.linger, AtRestart),
            // A scraper is to see the same rules from its first scrape to its last.
            ("metrics.zero_first", *zero_first != self.metrics.zero_first, AtRestart),
            ("metrics.preinit", *preinit != self.metrics.preinit, AtRestart),
            ("sources", *sources != self.sources, AtRestart),
            ("state.dir", *dir != self.state.dir, AtRestart),
            // A record that waits would be cut at one length and joined at another.
            ("limits.line_bytes_max", *line_bytes_max != self.limits.line_bytes_max, AtRestart),
            ("limits.event_lines_max", *event_lines_max != self.limits.event_lines_max, AtRestart),
            ("limits.tenants_max", *tenants_max != self.limits.tenants_max, AtOnce),
            ("limits.series_max", *series_max != self.limits.series_max, AtOnce),
            ("limits.sources_max", *sources_max != self.limits.sources_max, AtOnce),
            ("limits.open_files_max", *open_files_max != self.limits.open_files_max, AtRestart),
            (
                "limits.expansion_ratio_max",
                *expansion_ratio_max != self.limits.expansion_ratio_max,
                AtRestart,
            ),
            ("rules.dirs", *dirs != self.rules.dirs, AtOnce),
        ] {
            match (differs, effect) {
                (false, _) => {}
                (true, AtOnce) => changes.at_once.push(name),
                (true, AtRestart) => changes.at_restart.push(name),
            }
        }
        changes
    }

    /// What is in effect when everything of `next` that can be is.
    pub fn adopting(self, next: Settings) -> Settings {
        Settings {
            log: next.log,
            web: self.web,
            metrics: self.metrics,
            sources: self.sources,
            state: self.state,
            limits: Limits {
                line_bytes_max: self.limits.line_bytes_max,
                event_lines_max: self.limits.event_lines_max,
                open_files_max: self.limits.open_files_max,
                expansion_ratio_max: self.limits.expansion_ratio_max,
                ..next.limits
            },
            rules: next.rules,
        }
    }
}
