//! Whose a record is, where the record itself does not say: a header, the key, the topic's name, a field. And those who
//! would be somebody else, or a label of their own making.

use super::{Ground, Source, both};
use crate::kafka::broker::{Cluster, shared};
use crate::kafka::noted::{Counts, Shape, Tenant};
use crate::kafka::odd::{Odd, put};
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;

fn source(kafka: &Cluster, topic: &str) -> Source {
    Source::new(&kafka.bootstrap(Listener::Plain), topic)
}

#[test]
fn tenants_come_from_a_header_from_the_key_and_from_the_topics_name() {
    let test = "tenants_come_from_a_header_from_the_key_and_from_the_topics_name";
    let Some(kafka) = shared(test) else { return };
    let headed = Shape { tenant: Tenant::Header("X-Tenant"), hits: 500, ..Shape::default() };
    let keyed = Shape { tenant: Tenant::Key, hits: 500, ..Shape::default() };
    let plain = kafka.client(Listener::Plain);
    let write = |shape| {
        let topic = kafka.topic("whose", 2);
        let mut producer = Producer::new(&plain, &topic, 2, shape);
        producer.write(300);
        (topic, producer.noted().counts())
    };
    let ((by_header, header), (by_key, key)) = (write(headed), write(keyed));
    // A record's topic names its tenant; of the key, which does so too, nobody was told to believe it.
    let prefix = kafka.topic("of", 1);
    let mut by_topic = Counts::default();
    for tenant in ["north", "south"] {
        let topic = format!("{prefix}-{tenant}");
        kafka.create_topic(&topic, 1, &[]);
        let mut producer = Producer::new(&plain, &topic, 1, Shape { hits: 1000, ..keyed });
        producer.write(40);
        let mut counts = producer.noted().counts();
        let faults = std::mem::take(&mut counts.faults);
        for ((provider, code, _), count) in faults {
            *counts.faults.entry((provider, code, tenant.to_owned())).or_default() += count;
        }
        by_topic = both(&by_topic, &counts);
    }
    let grounds = [Ground::new(), Ground::new(), Ground::new()];
    let daemons = [
        grounds[0].start(&source(kafka, &by_header).with("tenant: {header: X-Tenant}")),
        grounds[1].start(&source(kafka, &by_key).with("tenant: key")),
        grounds[2].start(
            &source(kafka, &format!("^{prefix}-(?<tenant>[a-z]+)$")).group(&prefix).with("tenant: topic"),
        ),
    ];
    for (daemon, counts) in daemons.iter().zip([header, key, by_topic]) {
        daemon.counted(&counts);
    }
}

#[test]
fn tenants_come_from_a_field_of_the_object() {
    let Some(kafka) = shared("tenants_come_from_a_field_of_the_object") else { return };
    let topic = kafka.topic("fielded", 1);
    let object = |tenant: &str| {
        format!(
            r#"{{"level":"error","labels":{{"customer.name":{tenant}}},"msg":"drm licence failed: MDRM-501"}}"#
        )
    };
    let values = [r#""acme""#, r#""acme""#, "17", "null", r#"{"a":1}"#, r#""a\nb""#];
    let objects = values.map(object);
    let odd = objects.each_ref().map(|text| Odd { payload: Some(text.as_bytes()), ..Odd::default() });
    put(&kafka.client(Listener::Plain), &topic, &odd);
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic).with("tenant: {field: labels.customer.name}"));
    let sheet = daemon.wait("all are counted", |sheet| {
        sheet.sum("faultline_errors_total", "MDRM-501") >= 6 && super::is_quiet(sheet)
    });
    assert_eq!(sheet.sum("faultline_errors_total", "MDRM-501"), 6);
    let tenants = sheet.by("faultline_tenant_errors_total", "tenant");
    assert_eq!(tenants, [("-", 3), ("17", 1), ("acme", 2)].map(|(name, n)| (name.to_owned(), n)).into());
}

#[test]
fn who_claims_to_be_what_no_tenant_is_called_is_nobody() {
    let test = "who_claims_to_be_what_no_tenant_is_called_is_nobody";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("claimed", 1);
    let line = b"ERROR drm licence failed: MDRM-501";
    let own = b"ERROR drm licence failed: MDRM-501 tenant=own";
    let long = [b'a'; 10_000];
    // None of these becomes a label.
    let claims: [&[u8]; 12] = [
        b"",
        b" ",
        b"\xff\xfe",
        b"x\"} 1\nforged_total{a=\"b",
        b"a\0b",
        b"../../etc",
        b"somebody@example.com",
        b"<script>alert(1)</script>",
        b"{\"a\":1}",
        b"_other",
        b"-",
        &long,
    ];
    let headers: Vec<[(&str, &[u8]); 1]> = claims.iter().map(|claim| [("tenant", *claim)]).collect();
    let other: [(&str, &[u8]); 2] = [("Tenant-Id", b"wrong"), ("x-tenant", b"wrong")];
    let good: [(&str, &[u8]); 1] = [("tenant", b"good")];
    let mut odd: Vec<Odd<'_>> =
        headers.iter().map(|headers| Odd { payload: Some(line), headers, ..Odd::default() }).collect();
    odd.push(Odd { payload: Some(line), headers: &other, ..Odd::default() });
    odd.push(Odd { payload: Some(line), headers: &good, key: Some(b"wrong"), ..Odd::default() });
    odd.push(Odd { payload: Some(own), ..Odd::default() });
    put(&kafka.client(Listener::Plain), &topic, &odd);
    let all = odd.len() as u64;
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic).with("tenant: {header: tenant}"));
    let sheet = daemon.wait("all are counted", |sheet| {
        sheet.sum("faultline_errors_total", "MDRM-501") >= all && super::is_quiet(sheet)
    });
    assert_eq!(sheet.sum("faultline_errors_total", "MDRM-501"), all);
    let tenants = sheet.by("faultline_tenant_errors_total", "tenant");
    assert_eq!(
        tenants,
        [("-", all - 2), ("good", 1), ("own", 1)].map(|(name, n)| (name.to_owned(), n)).into()
    );
    assert!(!sheet.series.keys().any(|series| series.contains("forged") && !series.contains("tenant")));
    daemon.assert_tells_none_of(&["somebody@example.com", "forged_total"]);
}

#[test]
fn tenants_without_end_fill_no_memory() {
    let Some(kafka) = shared("tenants_without_end_fill_no_memory") else { return };
    let topic = kafka.topic("many-tenants", 1);
    let line = b"ERROR drm licence failed: MDRM-501";
    let keys: Vec<String> = (0..5_000).map(|n| format!("tenant-{n}")).collect();
    let odd = keys.iter().map(|key| Odd { payload: Some(line), key: Some(key.as_bytes()), ..Odd::default() });
    put(kafka.client(Listener::Plain).set("linger.ms", "50"), &topic, &odd.collect::<Vec<_>>());
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic).with("tenant: key"));
    let sheet = daemon.wait("all are counted", |sheet| {
        sheet.sum("faultline_errors_total", "MDRM-501") >= 5_000 && super::is_quiet(sheet)
    });
    assert_eq!(sheet.sum("faultline_errors_total", "MDRM-501"), 5_000);
    assert_eq!(sheet.sum("faultline_tenant_errors_total", ""), 5_000);
    assert_eq!(sheet.sum("faultline_tenant_errors_total", "\"_other\""), 4_000, "limits.tenants_max is 1000");
}
