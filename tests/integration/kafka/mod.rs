//! A real Apache Kafka for tests, without containers: Java, the jars from Maven Central, loopback.
//!
//! `tests/all.sh` fetches the jars and says in `FAULTLINE_KAFKA_LIB` where they are; without it a test that asks for a
//! cluster is skipped by name. `Cluster::start` brings nodes up that the test may kill, `shared` is one node for all tests
//! of the process that leave it alone: topics of their own, made by `Cluster::topic`. `Mock` is librdkafka's own broker,
//! which comes up in milliseconds and knows no security, no deletes and no CRCs.
//!
//! What `Producer` writes it notes once the broker has it, so that counters can be compared with `Noted`. What is
//! tested with it, and itself, is in `on_kafka`.

pub mod process;
pub mod certificates;
pub mod properties;
pub mod broker;
pub mod client;
pub mod wire;
pub mod batch;
pub mod admin;
pub mod noted;
pub mod producer;
pub mod odd;
pub mod corrupt;
pub mod proxy;
pub mod mock;

use std::path::PathBuf;

/// The directory of the jars. Where Java or they are missing, the test that asks is skipped by name.
pub fn jars(test: &str) -> Option<PathBuf> {
    let lacks = "FAULTLINE_KAFKA_LIB names no directory of Kafka's jars; tests/all.sh makes one";
    let lib = std::env::var_os("FAULTLINE_KAFKA_LIB").map(PathBuf::from).filter(|lib| lib.is_dir());
    if lib.is_none() {
        crate::tools::skip(test, lacks);
    }
    lib.filter(|_| crate::tools::has(test, "java"))
}

/// Past the test harness, which keeps the output of tests that pass.
pub fn say(text: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "{text}").expect("stderr is open");
}
