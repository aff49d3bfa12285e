//! A few records of a plan, written as they were shown and read back; and how a flow says that it reads and writes.

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_hub::engine::EngineError;
use nave_hub::engine::sample::Sampled;

use super::bench::{Bench, Kind};
use super::policies::{ADA, check_quiet, mapping, only_record, set};
use super::system::{Fault, System};

on_both_stores!(
    only_so_many_are_written_and_all_are_read_back,
    what_was_answered_and_not_done_is_found,
    what_is_not_what_was_shown_is_not_written,
    a_flow_says_how_it_reads_and_why,
);

/// Two systems; nobody has agreed to anything yet.
async fn people(kind: Kind, count: usize) -> Bench {
    let files =
        [("mappings/crm-contacts.toml", mapping("crm", "", "")), ("mappings/books-contacts.toml", mapping("books", "", ""))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    for at in 0..count {
        let person = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create("contacts", &person);
    }
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench
}

async fn sample(bench: &Bench, limit: usize) -> Result<Sampled, EngineError> {
    bench.engine.sample("books-contacts", limit, "ann", "").await
}

#[track_caller]
fn check_refused(done: Result<Sampled, EngineError>, word: &str) {
    assert!(matches!(&done, Err(EngineError::Refused(why)) if why.contains(word)), "{done:?}");
}

async fn only_so_many_are_written_and_all_are_read_back(kind: Kind) {
    let bench = people(kind, 7).await;
    check_refused(sample(&bench, 3).await, "nobody has seen");
    bench.engine.plan("books-contacts", 3).await.unwrap();
    check_refused(sample(&bench, 5).await, "showed 3 of 7");
    let done = sample(&bench, 3).await.unwrap();
    assert_eq!((done.records.len(), done.verified.things, done.verified.fields), (3, 3, 12), "{done:?}");
    assert!(done.verified.holds() && done.run.unwrap().counts.balances());
    assert_eq!(bench.system("books").dump("contacts").len(), 3);
    assert!(bench.system("books").state.lock().unwrap().asked.len() >= 3, "each was read back");
    // The rest waits for its plan to be agreed to; and what is written already is not written again.
    bench.engine.run_out("books-contacts").await.unwrap();
    assert!(sample(&bench, 3).await.is_err_and(|error| error.to_string().contains("showed 3 of")));
    assert_eq!(bench.system("books").dump("contacts").len(), 3);
    bench.engine.plan("books-contacts", 10).await.unwrap();
    bench.engine.approve("books-contacts", "ann", "").await.unwrap();
    bench.engine.plan("crm-contacts", 10).await.unwrap();
    bench.engine.approve("crm-contacts", "ann", "").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("books").dump("contacts").len(), 7);
}

async fn what_was_answered_and_not_done_is_found(kind: Kind) {
    let bench = people(kind, 1).await;
    bench.approve_all().await;
    bench.quiet().await;
    let (crm, books) = (bench.system("crm").only_id("contacts"), bench.system("books").only_id("contacts"));
    set(bench.system("crm"), &crm, "title", Value::text("captain"));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench.engine.plan("books-contacts", 3).await.unwrap();
    bench.system("books").fault(Fault::Unwritten);
    let done = sample(&bench, 1).await.unwrap();
    assert_eq!(done.verified.mismatches.len(), 1, "{done:?}");
    let found = &done.verified.mismatches[0];
    assert_eq!(
        (found.path.as_deref(), &found.wanted, &found.found),
        (Some("title"), &Value::text("captain"), &Some(Value::text("pilot")))
    );
    // Nobody said "pilot" again: the record stays as it is, and it is written when the system stores again.
    assert_eq!(only_record(&bench).value("job_title"), Some(&Value::text("captain")));
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "captain");
    assert_eq!(bench.system("crm").at("contacts", &crm, "title"), "captain");
    check_quiet(&bench).await;
}

async fn what_is_not_what_was_shown_is_not_written(kind: Kind) {
    let bench = people(kind, 0).await;
    let ada = bench.system("crm").create("contacts", ADA);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench.engine.plan("books-contacts", 3).await.unwrap();
    set(bench.system("crm"), &ada, "title", Value::text("captain"));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    check_refused(sample(&bench, 1).await, "not what the plan showed");
    assert_eq!(bench.system("books").dump("contacts").len(), 0);
}

async fn a_flow_says_how_it_reads_and_why(kind: Kind) {
    for (changes, word) in [(ChangeDetection::Incremental, "cursor poll"), (ChangeDetection::FullScan, "full scan and compare")] {
        let text = mapping("crm", "", "");
        let mut system = System::new("crm", &["contacts"]);
        system.capabilities.changes = changes;
        let bench = Bench::new(kind, vec![system], &[("mappings/crm-contacts.toml", &text)]);
        let chosen = bench.engine.explain("crm-contacts").await.unwrap();
        assert_eq!((chosen.reads, chosen.writes), (Some(word), Some("read, then write")), "{chosen:?}");
        assert!(chosen.why.iter().any(|why| why.contains("crm") && why.contains("3600 s")), "{chosen:?}");
        assert!(chosen.why.iter().any(|why| why.contains("up to 10 things")), "{chosen:?}");
    }
}
