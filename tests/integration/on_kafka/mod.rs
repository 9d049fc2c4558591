//! What is tested on a real Kafka, and on librdkafka's own: the fixture `itself`, the daemon as operators meet it (`cases`),
//! and the promises over kills, rebalances and outages (`proofs`, which run alone).

mod itself;
mod cases;
mod proofs;
