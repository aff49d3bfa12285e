//! What a scan does not show. Invariants attacked: I11, I14.

use nave_core::Value;
use nave_core::catalog::{ChangeDetection, DeleteDetection};
use nave_core::model::{ContributionId, ContributionState, RunStatus};

use super::bench::{Bench, Kind};
use super::system::System;

on_both_stores!(
    one_scan_that_misses_a_thing_deletes_nothing,
    a_thing_that_is_seen_again_is_forgotten,
    a_system_that_can_be_asked_is_asked,
    an_incremental_system_may_scan_too,
    a_scan_that_was_begun_by_another_run_says_nothing,
    a_column_that_nothing_has_fails_the_run_and_clears_nothing,
    a_thing_that_cannot_be_read_says_why,
    what_was_set_aside_goes_when_everything_is_read_without_it,
);

const CONTACTS: &str = r#"
connection = "drop"
stream = "contacts"
entity = "contact"
steward = "ops"
[flow.in]
freshness = "1h"
[[field]]
remote = "first"
canonical = "first_name"
direction = "in"
[[field]]
remote = "email"
canonical = "email"
direction = "in"
"#;

/// Three people, read once.
async fn bench(kind: Kind, changes: ChangeDetection, deletes: DeleteDetection) -> Bench {
    let mut drop = System::new("drop", &["contacts"]);
    drop.capabilities.changes = changes;
    drop.capabilities.deletes = deletes;
    let bench = Bench::new(kind, vec![drop], &[("mappings/drop-contacts.toml", CONTACTS)]);
    for name in ["Ada", "Bo", "Cy"] {
        bench.system("drop").create("contacts", &format!(r#"{{"first":"{name}","email":"{name}@x.test"}}"#));
    }
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d2", "d3"]);
    bench
}

async fn read(bench: &Bench) {
    bench.pass(3_600_000);
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Success, "{run:?}");
}

/// Remote ids that the hub believes to be there.
fn active(bench: &Bench) -> Vec<String> {
    let rows = bench.store.contributions_after(ContributionId(0), 100).unwrap();
    rows.into_iter().filter(|row| row.is_active()).map(|row| row.key.remote_id.to_string()).collect()
}

async fn one_scan_that_misses_a_thing_deletes_nothing(kind: Kind) {
    let mut bench = bench(kind, ChangeDetection::FullScan, DeleteDetection::FullScan).await;
    bench.system("drop").state.lock().unwrap().silent = true;
    bench.system("drop").delete("contacts", "d2");
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d2", "d3"], "one scan is no evidence");
    bench.restart();
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d3"], "two are");
    let rows = bench.store.contributions_after(ContributionId(0), 100).unwrap();
    let gone = rows.iter().find(|row| !row.is_active()).unwrap();
    assert!(matches!(&gone.state, ContributionState::Deleted { evidence, .. } if evidence.contains("two scans")), "{gone:?}");
}

async fn a_thing_that_is_seen_again_is_forgotten(kind: Kind) {
    let bench = bench(kind, ChangeDetection::FullScan, DeleteDetection::FullScan).await;
    bench.system("drop").state.lock().unwrap().silent = true;
    let thing = bench.system("drop").state.lock().unwrap().things["contacts"]["d2"].clone();
    bench.system("drop").delete("contacts", "d2");
    read(&bench).await;
    bench.system("drop").state.lock().unwrap().things.get_mut("contacts").unwrap().insert("d2".into(), thing);
    // Seen by a run that gets no further.
    bench.system("drop").state.lock().unwrap().page = 2;
    bench.system("drop").state.lock().unwrap().pages_left = Some(1);
    let run = bench.engine.run_in("drop-contacts", true).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed, "{run:?}");
    bench.system("drop").state.lock().unwrap().pages_left = None;
    bench.system("drop").delete("contacts", "d2");
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d2", "d3"], "it was there in between");
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d3"]);
}

async fn a_system_that_can_be_asked_is_asked(kind: Kind) {
    // A second scan that misses what `get` shows is wrong.
    let bench = bench(kind, ChangeDetection::FullScan, DeleteDetection::FullScan).await;
    for _ in 0..3 {
        bench.system("drop").edit("contacts", "d2", |body| body.put("first", Value::text("Bob")));
        bench.system("drop").state.lock().unwrap().things.get_mut("contacts").unwrap().get_mut("d2").unwrap().modified = -1;
        read(&bench).await;
    }
    assert_eq!(active(&bench), ["d1", "d2", "d3"]);
    assert_eq!(bench.system("drop").state.lock().unwrap().asked, ["d2", "d2"], "by the second scan and the third");
}

async fn an_incremental_system_may_scan_too(kind: Kind) {
    for page in [0, 1] {
        let bench = bench(kind, ChangeDetection::Incremental, DeleteDetection::Get).await;
        bench.system("drop").delete("contacts", "d2");
        read(&bench).await;
        assert_eq!(active(&bench), ["d1", "d2", "d3"], "nothing changed, so nothing was read");
        bench.system("drop").state.lock().unwrap().everything = true;
        bench.system("drop").state.lock().unwrap().page = page;
        read(&bench).await;
        assert_eq!(active(&bench), ["d1", "d3"], "pages of {page}");
        assert_eq!(bench.system("drop").state.lock().unwrap().asked, ["d2"]);
    }
}

async fn a_scan_that_was_begun_by_another_run_says_nothing(kind: Kind) {
    let mut bench = bench(kind, ChangeDetection::Incremental, DeleteDetection::Get).await;
    bench.system("drop").delete("contacts", "d2");
    {
        let mut state = bench.system("drop").state.lock().unwrap();
        state.everything = true;
        state.page = 1;
        state.pages_left = Some(1);
    }
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed, "{run:?}");
    bench.restart();
    bench.system("drop").state.lock().unwrap().pages_left = None;
    read(&bench).await;
    assert_eq!(bench.system("drop").state.lock().unwrap().asked, [""; 0], "the first page was another run's");
    read(&bench).await;
    assert_eq!(active(&bench), ["d1", "d3"]);
}

async fn a_column_that_nothing_has_fails_the_run_and_clears_nothing(kind: Kind) {
    let mut bench = bench(kind, ChangeDetection::FullScan, DeleteDetection::FullScan).await;
    let email = |bench: &Bench| {
        let records = bench.store.records_after(nave_core::model::RecordId(0), 10).unwrap();
        records.iter().filter(|record| record.value("email").is_some_and(|value| !value.is_empty())).count()
    };
    for change in ["renamed", "still renamed, and the hub was started again"] {
        bench.system("drop").edit("contacts", "d1", |body| {
            body.put("email", Value::Null);
            body.put("first", Value::text(change));
        });
        bench.system("drop").state.lock().unwrap().columns = Some(vec!["first".into()]);
        let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
        let message = run.message.unwrap_or_default();
        assert_eq!(run.status, RunStatus::Failed);
        assert!(message.contains("`email`") && message.contains("mappings/drop-contacts.toml"), "{message}");
        assert_eq!(email(&bench), 3, "a column that is not there says nothing");
        // Neither does a row that a file of other columns lacks, in however many scans.
        let gone = {
            let mut state = bench.system("drop").state.lock().unwrap();
            state.silent = true;
            state.things.get_mut("contacts").unwrap().remove("d3").unwrap()
        };
        for _ in 0..2 {
            bench.engine.run_in("drop-contacts", false).await.unwrap();
        }
        assert_eq!(active(&bench), ["d1", "d2", "d3"]);
        bench.system("drop").state.lock().unwrap().things.get_mut("contacts").unwrap().insert("d3".into(), gone);
        bench.restart();
    }
    bench.system("drop").state.lock().unwrap().columns = Some(vec!["first".into(), "email".into()]);
    read(&bench).await;
    assert_eq!(email(&bench), 2, "an empty cell does");
}

async fn a_thing_that_cannot_be_read_says_why(kind: Kind) {
    let bench = bench(kind, ChangeDetection::FullScan, DeleteDetection::FullScan).await;
    bench.system("drop").state.lock().unwrap().raw = Some(b"! line 3 of p.csv: no id: ,b".to_vec());
    let reason = async || {
        read(&bench).await;
        let letters = bench.store.dead_letters(0, 10).unwrap();
        letters.into_iter().map(|letter| letter.message).collect::<Vec<_>>()
    };
    assert_eq!(reason().await, ["body: line 3 of p.csv: no id: ,b"]);
    bench.system("drop").state.lock().unwrap().raw = Some(b"[1,2]".to_vec());
    assert_eq!(reason().await, ["body: not a JSON object"], "a list is no empty contact");
    let rows = bench.store.contributions_after(ContributionId(0), 100).unwrap();
    assert_eq!(rows.len(), 3, "nothing was made of it");
}

async fn what_was_set_aside_goes_when_everything_is_read_without_it(kind: Kind) {
    for (changes, unsure, full, gone) in [
        (ChangeDetection::FullScan, false, false, true),
        (ChangeDetection::FullScan, true, false, true),
        (ChangeDetection::Incremental, false, false, false),
        (ChangeDetection::Incremental, false, true, true),
        (ChangeDetection::Incremental, true, true, true),
    ] {
        let bench = bench(kind, changes, DeleteDetection::Get).await;
        let letters = || bench.store.dead_letters(0, 10).unwrap();
        let raw = |body: Option<&str>| bench.system("drop").state.lock().unwrap().raw = body.map(|body| body.into());
        raw(Some("! line 3 of p.csv: no id: ,b"));
        for _ in 0..2 {
            read(&bench).await;
            assert_eq!(letters().len(), 1, "it is there still: {changes:?}");
        }
        assert!(letters()[0].fix.ends_with("then `nave sync drop-contacts --full`"), "{}", letters()[0].fix);
        raw(None);
        bench.system("drop").state.lock().unwrap().unsure = unsure;
        bench.engine.run_in("drop-contacts", full).await.unwrap();
        assert_eq!(letters().is_empty(), gone, "{changes:?}, everything: {full}");
    }
}
