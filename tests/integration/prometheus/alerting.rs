//! The shipped rules in a real server: all of them can be evaluated, and an outage goes all the way to firing.

use std::fs;

use super::server::{Job, Prometheus};
use crate::cli::process::Running;
use crate::tools;

/// As they are shipped, but nobody waits for `for`.
fn impatient_rules() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/faultline.rules.yml");
    let rules = fs::read_to_string(path).unwrap();
    let lines = rules
        .lines()
        .map(|line| if line.trim_start().starts_with("for: ") { "        for: 2s" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_outage_in_the_logs_of_two_instances_goes_to_firing_with_its_texts() {
    const SELF: &str = "an_outage_in_the_logs_of_two_instances_goes_to_firing_with_its_texts";
    if !tools::has(SELF, "prometheus") {
        return;
    }
    let mut daemons = [Running::daemon(&[]), Running::daemon(&[])];
    let addresses = daemons.each_mut().map(Running::address);
    let targets: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let prometheus = Prometheus::start(&[Job::new("faultline", &targets)], &impatient_rules());
    prometheus.wait_for("count(faultline_lines_total) == 2");
    for daemon in &mut daemons {
        for tenant in ["acme", "globex", "initech", "hooli"] {
            for _ in 0..5 {
                daemon.write(
                    format!("{{\"level\":\"error\",\"tenant\":\"{tenant}\",\"errorCode\":\"E0000009\",\"errorSummary\":\"Internal Server Error\",\"errorId\":\"x\"}}\n")
                        .as_bytes(),
                );
            }
        }
    }
    prometheus.wait_for("ALERTS{alertname=\"FaultlineProviderOutage\",alertstate=\"firing\",provider=\"okta\",severity=\"critical\"}");
    let alerts = prometheus.api("alerts")["alerts"].as_array().unwrap().clone();
    let outage =
        alerts.iter().find(|alert| alert["labels"]["alertname"] == "FaultlineProviderOutage").unwrap();
    let description = outage["annotations"]["description"].as_str().unwrap();
    assert!(description.starts_with("100% of the errors of okta"), "{description}");
    assert!(description.contains("tenants hit: 4. Most: E0000009 (internal, "), "{description}");
    // Nothing else is critical: nothing is down, and six hours were not learned yet.
    for alert in &alerts {
        let labels = &alert["labels"];
        assert!(
            labels["severity"] != "critical" || labels["alertname"] == "FaultlineProviderOutage",
            "{alert}"
        );
    }
    let groups = prometheus.api("rules")["groups"].as_array().unwrap().clone();
    let rules: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 25, "{}", rules.len());
    for rule in rules {
        assert_eq!((rule["health"].as_str(), rule["lastError"].as_str()), (Some("ok"), None), "{rule}");
    }
    prometheus.assert_healthy();
}
