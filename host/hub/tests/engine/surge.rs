//! Far more new things than usual are held before anything of them is written anywhere (S4.15). Invariants attacked: I4, I12, I14.

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_core::model::{DecisionChoice, RecordId, RecordState, ReviewKind, RunStatus, Went};

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, mapping, open_reviews};
use super::system::System;

on_both_stores!(
    far_more_than_usual_is_held_until_somebody_agrees,
    what_is_refused_goes_nowhere,
    what_was_refused_is_let_in_after_all,
    what_was_refused_is_detached_for_good,
    a_first_load_is_not_held,
    a_hub_that_dies_goes_on_holding,
    many_changes_are_held_too,
);

const DAY: i64 = 86_400_000;

async fn bench(kind: Kind) -> Bench {
    let files =
        [("mappings/crm-contacts.toml", mapping("crm", "", "")), ("mappings/books-contacts.toml", mapping("books", "", ""))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let systems = ["crm", "books"].map(|name| {
        let mut system = System::new(name, &["contacts"]);
        system.capabilities.changes = ChangeDetection::Incremental;
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    bench
}

fn add(bench: &Bench, day: usize, count: usize) {
    for at in 0..count {
        let text = format!(r#"{{"first":"P{at}","last":"Ek{day}","email":"p{at}.{day}@x.test","title":"pilot"}}"#);
        bench.system("crm").create_as("contacts", &format!("x{day}.{at}"), &text);
    }
}

/// Eight days of ten.
async fn usual(bench: &Bench) {
    for day in 0..8 {
        add(bench, day, 10);
        bench.quiet().await;
        bench.pass(DAY);
    }
    assert_eq!(books(bench), 80);
}

fn books(bench: &Bench) -> usize {
    bench.system("books").dump("contacts").len()
}

async fn night(bench: &Bench) -> String {
    let run = bench.engine.run_in("crm-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Success);
    assert!(run.counts.balances(), "{run:?}");
    run.message.unwrap_or_default()
}

async fn far_more_than_usual_is_held_until_somebody_agrees(kind: Kind) {
    let bench = bench(kind).await;
    usual(&bench).await;
    add(&bench, 8, 500);
    let said = night(&bench).await;
    assert!(said.contains("500 new at once, far more than usual"), "{said}");
    bench.quiet().await;
    assert_eq!(books(&bench), 80, "nothing is written downstream");
    let [review] = &open_reviews(&bench)[..] else { panic!("{:?}", open_reviews(&bench)) };
    assert_eq!(review.title, "500 new (contact) in crm at once, where 10 a day are usual: is that right?");
    assert!(matches!(&review.kind, ReviewKind::Volume { what: Went::Arrived, things: 500, .. }), "{review:?}");
    // What was there before goes on; what comes meanwhile waits with the others.
    bench.system("crm").edit("contacts", "x0.0", |body| body.put("title", Value::text("captain")));
    add(&bench, 9, 3);
    bench.quiet().await;
    assert!(bench.system("books").dump("contacts").iter().any(|body| body.contains("captain")));
    assert_eq!(books(&bench), 80);
    let [review] = &open_reviews(&bench)[..] else { panic!("{:?}", open_reviews(&bench)) };
    assert!(review.title.starts_with("503 new"), "{review:?}");
    bench.engine.decide(review.id, DecisionChoice::Approve, "ops", "an import").await.unwrap();
    bench.quiet().await;
    assert_eq!(books(&bench), 583);
    assert_eq!(open_reviews(&bench), []);
    check_quiet(&bench).await;
    // Once agreed is agreed once.
    add(&bench, 10, 100);
    bench.quiet().await;
    assert_eq!(books(&bench), 583);
    assert_eq!(open_reviews(&bench).len(), 1);
}

async fn what_is_refused_goes_nowhere(kind: Kind) {
    let bench = bench(kind).await;
    usual(&bench).await;
    add(&bench, 8, 100);
    bench.quiet().await;
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Refuse, "ops", "a robot").await.unwrap();
    bench.quiet().await;
    bench.system("crm").edit("contacts", "x8.0", |body| body.put("title", Value::text("captain")));
    bench.pass(DAY);
    add(&bench, 9, 10);
    bench.quiet().await;
    assert_eq!(books(&bench), 90, "the next day's are carried on, and nothing of those");
    assert_eq!(open_reviews(&bench), []);
}

/// A night of a hundred that a person refused.
async fn refused(kind: Kind) -> Bench {
    let bench = bench(kind).await;
    usual(&bench).await;
    add(&bench, 8, 100);
    bench.quiet().await;
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Refuse, "ops", "a robot").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.engine.refused().unwrap().iter().map(|one| one.records).collect::<Vec<_>>(), [100]);
    bench
}

async fn what_was_refused_is_let_in_after_all(kind: Kind) {
    let mut bench = refused(kind).await;
    let crm = ("crm", "contacts");
    let wrong = bench.engine.let_in(("books", "contacts"), &Went::Arrived, "ops", "x").await.unwrap_err().to_string();
    assert!(wrong.contains("nothing that came at once in books/contacts was refused"), "{wrong}");
    assert_eq!(books(&bench), 80);
    let released = bench.engine.let_in(crm, &Went::Arrived, "ops", "an import").await.unwrap();
    assert_eq!((released.done, released.left), (100, 0));
    bench.restart();
    bench.quiet().await;
    assert_eq!((books(&bench), bench.engine.refused().unwrap()), (180, Vec::new()));
    let noted = bench.store.audit(50).unwrap().into_iter().find(|line| line.action == "surge.let-in").unwrap();
    assert_eq!((noted.actor.as_str(), noted.detail.as_str()), ("ops", "an import"));
    check_quiet(&bench).await;
}

async fn what_was_refused_is_detached_for_good(kind: Kind) {
    let mut bench = refused(kind).await;
    // One of them is somebody whom the books know, too.
    bench.system("books").create("contacts", r#"{"first":"P7","last":"Ek8","email":"p7.8@x.test"}"#);
    bench.quiet().await;
    let released = bench.engine.detach_refused(("crm", "contacts"), "ops", "a robot").await.unwrap();
    assert_eq!((released.done, released.left), (99, 1));
    bench.restart();
    // Whatever is edited there, it comes back nowhere; and nothing was deleted.
    for at in 0..3 {
        bench.system("crm").edit("contacts", &format!("x8.{at}"), |body| body.put("title", Value::text("captain")));
    }
    bench.engine.run_in("crm-contacts", true).await.unwrap();
    bench.quiet().await;
    assert_eq!((books(&bench), bench.system("crm").dump("contacts").len()), (81, 180));
    assert_eq!(bench.engine.refused().unwrap().iter().map(|one| one.records).collect::<Vec<_>>(), [1]);
    // They are no records any more, except the one that the books know.
    let all = bench.store.records_after(RecordId(0), 1_000).unwrap();
    assert_eq!(all.iter().filter(|record| matches!(record.state, RecordState::Deleted { .. })).count(), 99);
    assert!(bench.engine.let_in(("crm", "contacts"), &Went::Changed, "ops", "x").await.is_err());
    // The next day's are carried on.
    bench.pass(DAY);
    add(&bench, 9, 10);
    bench.quiet().await;
    assert_eq!(books(&bench), 91);
}

async fn a_first_load_is_not_held(kind: Kind) {
    let bench = bench(kind).await;
    add(&bench, 0, 600);
    bench.quiet().await;
    assert_eq!((books(&bench), open_reviews(&bench).len()), (600, 0));
}

async fn a_hub_that_dies_goes_on_holding(kind: Kind) {
    let mut bench = bench(kind).await;
    usual(&bench).await;
    add(&bench, 8, 500);
    for commits in [1, 2, 3] {
        bench.dies_after(commits, async |bench| bench.quiet().await);
        assert_eq!(books(&bench), 80, "after {commits} commits");
    }
    bench.quiet().await;
    bench.restart();
    bench.quiet().await;
    assert_eq!(books(&bench), 80);
    let review = open_reviews(&bench).remove(0);
    assert!(review.title.starts_with("500 new"), "{review:?}");
    bench.engine.decide(review.id, DecisionChoice::Approve, "ops", "an import").await.unwrap();
    bench.restart();
    bench.quiet().await;
    assert_eq!(books(&bench), 580);
}

async fn many_changes_are_held_too(kind: Kind) {
    let bench = bench(kind).await;
    add(&bench, 0, 600);
    bench.quiet().await;
    bench.pass(DAY);
    for _ in 1..9 {
        bench.quiet().await;
        bench.pass(DAY);
    }
    for at in 0..600 {
        bench.system("crm").edit("contacts", &format!("x0.{at}"), |body| body.put("title", Value::text("captain")));
    }
    let captains = || bench.system("books").dump("contacts").iter().filter(|body| body.contains("captain")).count();
    bench.quiet().await;
    assert_eq!(captains(), 0);
    let review = open_reviews(&bench).remove(0);
    assert!(review.title.starts_with("600 changed"), "{review:?}");
    bench.engine.decide(review.id, DecisionChoice::Approve, "ops", "a rename").await.unwrap();
    bench.quiet().await;
    assert_eq!(captains(), 600);
}
