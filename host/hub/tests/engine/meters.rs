//! What is counted of a flow, over the whole thread: latency, attempts, failures, near misses, and the age of what waits.

use std::sync::Arc;

use nave_core::meter::Meter;
use nave_core::model::{Rule, Time};
use nave_hub::engine::Engine;
use nave_hub::spoke::SpokeError;

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    a_change_s_way_is_measured_from_what_its_source_says,
    attempts_and_failures_are_counted_by_class,
    what_something_there_rewrites_at_once_is_a_near_miss_and_is_taken_in,
    the_oldest_change_that_waits_grows_older,
    the_sums_are_there_after_a_restart,
    every_try_of_what_waits_is_shown,
    a_clock_that_is_ahead_does_not_win_by_it,
);

const PEOPLE: &str = r#"
connection = "drop"
stream = "contacts"
entity = "contact"
steward = "ops"
marker = "marker"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "first"
canonical = "first_name"
direction = "both"
because = "people correct names anywhere"
"#;

async fn bench(kind: Kind) -> (Bench, Arc<Engine>) {
    bench_with(kind, "").await
}

/// With these lines in `entities/contact.toml`.
async fn bench_with(kind: Kind, entity: &str) -> (Bench, Arc<Engine>) {
    let there = PEOPLE.replace("\"drop\"", "\"erp\"");
    let systems = vec![System::new("drop", &["contacts"]), System::new("erp", &["contacts"])];
    let files = [
        ("mappings/drop-contacts.toml", PEOPLE),
        ("mappings/erp-contacts.toml", there.as_str()),
        ("entities/contact.toml", entity),
    ];
    let bench = Bench::new(kind, systems, &files);
    bench.round().await;
    bench.approve_all().await;
    let hub = bench.another();
    (bench, hub)
}

async fn round(hub: &Engine) {
    for flow in ["drop-contacts", "erp-contacts"] {
        let _ = hub.run_in(flow, false).await;
    }
    for flow in ["drop-contacts", "erp-contacts"] {
        let _ = hub.run_out(flow).await;
    }
}

fn meter(hub: &Engine, flow: &str) -> Meter {
    hub.meters().remove(flow).unwrap_or_default()
}

async fn a_change_s_way_is_measured_from_what_its_source_says(kind: Kind) {
    let (bench, hub) = bench(kind).await;
    round(&hub).await;
    // The system says when it was: a known time before it was read.
    bench.system("drop").state.lock().unwrap().clock = hub.now().0;
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    bench.pass(40_000);
    round(&hub).await;
    let latency = meter(&hub, "erp-contacts").latency;
    assert_eq!(latency.count, 1);
    // The system's own clock moves by a second with the edit.
    assert!((39_000..41_000).contains(&latency.sum_ms), "{latency:?}");
    assert_eq!(meter(&hub, "drop-contacts").latency.count, 0, "nothing was sent there");
}

async fn attempts_and_failures_are_counted_by_class(kind: Kind) {
    let (bench, hub) = bench(kind).await;
    for fault in [Fault::Refuse, Fault::LostRequest, Fault::Wait, Fault::Nothing] {
        bench.system("drop").create("contacts", r#"{"first":"P"}"#);
        bench.system("erp").fault(fault);
    }
    round(&hub).await;
    let meter = meter(&hub, "erp-contacts");
    assert_eq!(meter.attempts, 4, "{meter:?}");
    let failures: Vec<(&str, u64)> = meter.failures.iter().map(|(class, count)| (class.as_str(), *count)).collect();
    assert_eq!(failures, [("asked-to-wait", 1), ("format", 1), ("unknown", 1)]);
    assert_eq!((meter.records["out wanted"], meter.records["out delivered"], meter.runs["out success"]), (4, 1, 2));
}

async fn what_something_there_rewrites_at_once_is_a_near_miss_and_is_taken_in(kind: Kind) {
    for (after_ms, expected) in [(50, 1), (120_000, 0)] {
        let (bench, hub) = bench(kind).await;
        bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
        round(&hub).await;
        bench.pass(after_ms);
        let there = bench.system("erp").only_id("contacts");
        bench.system("erp").edit("contacts", &there, |body| {
            let Some(map) = (if let nave_core::Value::Object(map) = body { Some(map) } else { None }) else { return };
            map.insert("first", nave_core::Value::text("ADA"));
        });
        round(&hub).await;
        assert_eq!(meter(&hub, "erp-contacts").near_misses, expected, "{after_ms} ms later");
        // It is not held back: it is somebody's value like any other (X.3).
        let here = bench.system("drop").only_id("contacts");
        assert_eq!(bench.system("drop").at("contacts", &here, "first"), "ADA");
    }
}

async fn the_oldest_change_that_waits_grows_older(kind: Kind) {
    let (bench, hub) = bench(kind).await;
    let mapping = hub.mapping("erp-contacts").unwrap();
    let age = || hub.oldest_pending(&mapping).unwrap().map(|since: Time| (hub.now().0 - since.0) / 1_000);
    assert_eq!(age(), None);
    bench.system("erp").state.lock().unwrap().down = Some(SpokeError::Unavailable("503".into()));
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    hub.run_in("drop-contacts", false).await.unwrap();
    bench.pass(30_000);
    assert_eq!(age(), Some(30), "read, not sent");
    let _ = hub.run_out("erp-contacts").await;
    bench.pass(60_000);
    assert_eq!(age(), Some(90), "parked");
    bench.system("drop").create("contacts", r#"{"first":"Bo"}"#);
    hub.run_in("drop-contacts", false).await.unwrap();
    bench.pass(10_000);
    assert_eq!(age(), Some(100), "a younger one changes nothing");
    bench.system("erp").state.lock().unwrap().down = None;
    bench.pass(3_600_000);
    hub.run_out("erp-contacts").await.unwrap();
    assert_eq!(age(), None, "delivered");
}

async fn the_sums_are_there_after_a_restart(kind: Kind) {
    let (mut bench, hub) = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    bench.system("erp").fault(Fault::Refuse);
    round(&hub).await;
    let before = meter(&hub, "erp-contacts");
    assert_eq!(before.attempts, 1);
    drop(hub);
    bench.restart();
    assert_eq!(meter(&bench.engine, "erp-contacts"), before);
}

async fn every_try_of_what_waits_is_shown(kind: Kind) {
    let (bench, hub) = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    hub.run_in("drop-contacts", false).await.unwrap();
    let mut last = 0;
    for _ in 0..4 {
        bench.system("erp").fault(Fault::LostRequest);
        last = hub.run_out("erp-contacts").await.unwrap().id;
        // Past the wait, whatever its jitter.
        bench.pass(2_000_000);
    }
    let record = bench.store.records_after(nave_core::model::RecordId(0), 1).unwrap()[0].id;
    let tries = hub.tries("erp-contacts", record).unwrap();
    assert_eq!(tries.len(), 4, "{tries:?}");
    for (one, minutes) in tries.iter().zip([1, 5, 30]) {
        // Up to a tenth longer, so that not everything is tried at once.
        let (wait, rung) = (one.next.unwrap().0 - one.at.0, minutes * 60_000);
        assert!((rung..=rung * 11 / 10).contains(&wait), "{minutes} minutes: {tries:?}");
    }
    assert_eq!(tries[3].next, None, "then it is set aside");
    assert_eq!(hub.tries_of_run(last).unwrap().len(), 4);
    let letter = bench.store.dead_letters(0, 10).unwrap().remove(0);
    assert_eq!(letter.class, "exhausted");
}

async fn a_clock_that_is_ahead_does_not_win_by_it(kind: Kind) {
    // 7 minutes ahead: measured, and not; the drop's edit is the newer one in truth. Where the rule names who decides then, it is.
    let or_drop = "[fields.first_name]\nsurvivorship = { newest = \"drop\" }\n";
    let cases = [
        (Some(420_000), "", "drop's", Rule::Newest),
        (Some(420_000), or_drop, "drop's", Rule::Newest),
        (None, "", "erp's", Rule::Newest),
        (None, or_drop, "drop's", Rule::Owner),
    ];
    for (measured, rule, expected, by) in cases {
        let (bench, hub) = bench_with(kind, rule).await;
        bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
        round(&hub).await;
        let (here, there) = (bench.system("drop").only_id("contacts"), bench.system("erp").only_id("contacts"));
        let name = |text: &str| nave_core::codec::decode(format!(r#"{{"first":"{text}"}}"#).as_bytes()).unwrap();
        let set = |system: &str, clock: i64| bench.system(system).state.lock().unwrap().clock = clock;
        bench.pass(600_000);
        bench.system("erp").state.lock().unwrap().skew_ms = measured;
        set("erp", hub.now().0 + 420_000);
        bench.system("erp").edit("contacts", &there, |body| *body = name("erp's"));
        bench.pass(60_000);
        set("drop", hub.now().0);
        bench.system("drop").edit("contacts", &here, |body| *body = name("drop's"));
        bench.pass(60_000);
        round(&hub).await;
        let record = bench.store.records_after(nave_core::model::RecordId(0), 1).unwrap().remove(0);
        let field = &record.fields.get("first_name").unwrap();
        assert_eq!((field.value.display().as_str(), field.rule), (expected, by), "measured: {measured:?}, {rule}");
    }
}
