//! What the hub makes itself: canaries that see whether what is answered is done, and test records that leave no trace.

use std::collections::BTreeMap;

use nave_core::Value;
use nave_core::model::{RecordState, RunStatus};
use nave_hub::engine::EngineError;
use nave_hub::engine::roundtrip::Tried;

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, mapping, only_record};
use super::system::{Fault, System};

on_both_stores!(
    a_canary_flies_and_leaves_nothing,
    a_canary_sees_that_nothing_was_stored,
    test_records_are_seeded_and_cleaned,
    test_records_never_go_to_production,
    what_is_edited_there_shows_here,
);

const CANARY: &str =
    "[flow.canary]\nevery = \"1h\"\nvalues = { first_name = \"Canary\", last_name = \"Nave\", email = \"canary@x.test\" }\n";

async fn canaries(kind: Kind) -> Bench {
    let (crm, books) = (mapping("crm", "", ""), mapping("books", "", CANARY));
    let files = [("mappings/crm-contacts.toml", crm.as_str()), ("mappings/books-contacts.toml", books.as_str())];
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench
}

async fn a_canary_flies_and_leaves_nothing(kind: Kind) {
    let bench = canaries(kind).await;
    let before = (bench.system("crm").writes(), bench.system("books").writes());
    for _ in 0..2 {
        bench.pass(3_600_000);
        let flown = bench.engine.canary("books-contacts").await.unwrap();
        assert_eq!(flown.failed, None, "{flown:?}");
    }
    assert_eq!(bench.system("books").writes() - before.1, 4, "made and taken away, twice");
    assert_eq!(bench.system("crm").writes(), before.0, "it goes nowhere else");
    assert_eq!(bench.system("books").dump("contacts").len(), 1);
    check_quiet(&bench).await;
    let none = bench.engine.canary("crm-contacts").await;
    assert!(matches!(none, Err(EngineError::NotFound(_))), "{none:?}");
}

async fn a_canary_sees_that_nothing_was_stored(kind: Kind) {
    let bench = canaries(kind).await;
    bench.system("books").fault(Fault::Unwritten);
    let flown = bench.engine.canary("books-contacts").await.unwrap();
    assert!(flown.failed.as_ref().is_some_and(|why| why.contains("is not there")), "{flown:?}");
    assert_eq!(bench.engine.last_canary("books-contacts").unwrap().as_ref(), Some(&flown));
    let run = bench.store.runs(Some("books-contacts"), 9).unwrap().into_iter().find(|run| Some(run.id) == flown.run).unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    let audit = bench.store.audit(9).unwrap();
    assert!(audit.iter().any(|line| line.action == "canary.failed"), "{audit:?}");
    bench.pass(3_600_000);
    assert_eq!(bench.engine.canary("books-contacts").await.unwrap().failed, None, "it is well again");
    check_quiet(&bench).await;
}

fn person(at: usize) -> BTreeMap<String, Value> {
    let text = |name: &str| Value::text(format!("TEST-DELETE-ME {name} {at}"));
    let email = Value::text(format!("test-delete-me-{at}@example.com"));
    [("first_name", text("first")), ("last_name", text("last")), ("email", email), ("job_title", text("title"))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

async fn test_records_are_seeded_and_cleaned(kind: Kind) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let seeded = bench.engine.seed("contact", &[person(1), person(2)]).await.unwrap();
    assert_eq!(seeded.iter().map(|seeded| seeded.there.len()).collect::<Vec<_>>(), [2, 2], "{seeded:?}");
    assert_eq!(bench.system("books").dump("contacts").len(), 3);
    bench.quiet().await;
    assert_eq!(bench.engine.clean().await.unwrap(), (2, vec![]));
    for system in ["crm", "books"] {
        assert_eq!(bench.system(system).dump("contacts").len(), 1, "{system}");
    }
    check_quiet(&bench).await;
    assert_eq!(bench.engine.clean().await.unwrap(), (0, vec![]));

    // A system that answers and keeps them: it is said.
    bench.engine.seed("contact", &[person(3)]).await.unwrap();
    bench.system("books").fault(Fault::Unwritten);
    let (count, left) = bench.engine.clean().await.unwrap();
    assert!(count == 1 && left.len() == 1 && left[0].starts_with("books/contacts:"), "{left:?}");
    assert_eq!(bench.engine.seeded().unwrap().len(), 1, "it is not forgotten");
}

async fn test_records_never_go_to_production(kind: Kind) {
    let (crm, books) = (mapping("crm", "", ""), mapping("books", "", ""));
    let hub = "environment = \"production\"\n";
    let files =
        [("nave.toml", hub), ("mappings/crm-contacts.toml", crm.as_str()), ("mappings/books-contacts.toml", books.as_str())];
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    let refused = bench.engine.seed("contact", &[person(1)]).await;
    assert!(matches!(&refused, Err(EngineError::Refused(why)) if why.contains("production")), "{refused:?}");
    assert_eq!(bench.system("books").writes() + bench.system("crm").writes(), 0);
}

/// Time passes, and a system's clock is right.
fn later(bench: &Bench, system: &str) {
    bench.pass(1_000_000);
    let now = bench.engine.now().0;
    bench.system(system).state.lock().unwrap().clock = now;
}

async fn what_is_edited_there_shows_here(kind: Kind) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    let record = bench.engine.seed("contact", &[person(1)]).await.unwrap()[0].record;
    let (crm, books) = (bench.system("crm").only_id("contacts"), bench.system("books").only_id("contacts"));
    let mut at = 0;
    for (from, to, there) in [("books", "crm", &crm), ("crm", "books", &books)] {
        at += 1;
        later(&bench, from);
        let value = Value::text(format!("TEST-DELETE-ME {at}"));
        let flow = |system: &str| format!("{system}-contacts");
        let tried = bench.engine.shows(record, &flow(from), &flow(to), "job_title", &value).await.unwrap();
        assert_eq!(tried, Tried::Passed);
        assert_eq!(bench.system(to).at("contacts", there, "title"), value.display());
        assert_eq!(bench.engine.quiescent(record).await.unwrap(), Tried::Passed);
    }
    // What is answered and not done does not pass.
    later(&bench, "crm");
    bench.system("crm").fault(Fault::Nothing);
    bench.system("books").fault(Fault::Unwritten);
    let value = Value::text("TEST-DELETE-ME lost");
    let tried = bench.engine.shows(record, "crm-contacts", "books-contacts", "job_title", &value).await.unwrap();
    assert!(matches!(&tried, Tried::Failed(why) if why.contains("differs")), "{tried:?}");
    // Nothing but a test record is edited so.
    bench.engine.clean().await.unwrap();
    let refused = bench.engine.edit_there("crm-contacts", record, "title", &value).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert!(matches!(only_record(&bench).state, RecordState::Deleted { .. }));
}
