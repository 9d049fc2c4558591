//! The promises of Kafka, held by the real daemon against a real broker: crashes, rebalances, outages.
//!
//! As in `proofs`, each is seeded and exact: what the producer noted is what the instances of a group have counted in the
//! end, all of them together, and readers that scrape all along see no counter fall. All of them, or one:
//!
//!   cargo test --test integration -- --ignored --nocapture --test-threads 1 kafka::proofs::
//!   FAULTLINE_PROOFS=full cargo test … kafka::proofs::killing
//!
//! Without `FAULTLINE_PROOFS=full` a tenth of each figure is run. One figure alone (full, tenth):
//!
//!   FAULTLINE_PROOF_KAFKA_KILLS        kill -9 of a static and of a dynamic member each            50, 5
//!   FAULTLINE_PROOF_KAFKA_NAIVE        the same kills of a consumer without our rules             200, 20
//!   FAULTLINE_PROOF_KAFKA_OUTAGES      kill -9 of the broker under two groups of three instances   20, 2
//!   FAULTLINE_PROOF_KAFKA_REBALANCES   rounds in which each of them leaves, dies and freezes       10, 1
//!   FAULTLINE_PROOF_KAFKA_NODES        kill -9 of one node of three                                10, 1
//!   FAULTLINE_PROOF_KAFKA_MEMBERS      a second member comes and goes                              20, 2
//!   FAULTLINE_PROOF_KAFKA_ZOMBIES      an instance is cut off while another takes over             20, 2
//!   FAULTLINE_PROOF_KAFKA_STOPS        SIGTERM under load                                         200, 20
//!   FAULTLINE_PROOF_KAFKA_DOWN         SIGTERM while the broker is down                            20, 2
//!   FAULTLINE_PROOF_SEED               another course of everything                                 1
//!
//! `instance` is one daemon through all its lives, `scene` some of them on one topic, and what they should have counted.

mod instance;
mod scene;
mod killing;
mod naive;
mod rebalancing;
mod nodes;
mod members;
mod zombies;
mod restoring;
mod stopping;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::kafka::broker::{Cluster, Options, Way};

/// One node for all proofs, which run one after the other; direct, and through a proxy. Who kills it starts it again.
fn broker(test: &str) -> Option<&'static Cluster> {
    static BROKER: OnceLock<Option<Cluster>> = OnceLock::new();
    crate::kafka::jars(test)?;
    let extra =
        [("group.consumer.session.timeout.ms", "2000"), ("group.consumer.heartbeat.interval.ms", "500")];
    let options = Options { way: Way::Proxied, extra: &extra, ..Options::default() };
    let broker = BROKER.get_or_init(|| Cluster::start(test, 1, &options)).as_ref()?;
    // Another proof may have failed in the middle of something.
    match broker.is_running(1) {
        true => broker.resume(1),
        false => _ = broker.start_node(1),
    }
    broker.proxy(1).delay(Duration::ZERO);
    broker.proxy(1).close(false);
    Some(broker)
}

/// Looks until it is so.
#[track_caller]
fn wait_until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "not so within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
