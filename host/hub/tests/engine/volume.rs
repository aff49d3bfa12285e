//! Many that go at once are held for a person. Invariants attacked: I11, I12, I14.

use nave_core::Value;
use nave_core::accounting::Counts;
use nave_core::catalog::{ChangeDetection, DeleteDetection};
use nave_core::model::{DecisionChoice, Review, ReviewId, ReviewKind, RunStatus};

use super::bench::{Bench, Kind};
use super::policies::open_reviews;
use super::system::System;

on_both_stores!(
    many_that_vanish_are_held_until_somebody_agrees,
    what_vanished_and_is_not_gone_is_kept,
    what_is_agreed_to_is_exactly_what_was_asked_about,
    what_is_there_again_is_asked_about_no_more,
    deletions_after_the_answer_are_asked_about_anew,
    many_deletions_are_held_until_somebody_agrees,
    deletions_that_are_refused_never_were,
    what_was_deleted_and_is_there_again_waits_no_more,
    one_field_that_many_lost_is_held_until_somebody_agrees,
    a_field_that_is_refused_is_written_back,
    a_hub_that_dies_forgets_nothing_that_it_holds,
    as_many_as_the_flow_says,
);

fn mapping(system: &str, flow: &str) -> (String, String) {
    let field = |remote: &str, canonical: &str| {
        format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n")
    };
    let fields =
        [("first", "first_name"), ("email", "email"), ("title", "job_title")].map(|(own, name)| field(own, name)).concat();
    let text = format!(
        "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n{flow}\n[flow.out]\nfreshness = \"5m\"\n{fields}"
    );
    (format!("mappings/{system}-contacts.toml"), text)
}

/// Thirty people of `crm`, whose things `erp` has too.
async fn bench(kind: Kind, flow: &str, crm: impl FnOnce(&mut System)) -> Bench {
    let (mut first, mut second) = (System::new("crm", &["contacts"]), System::new("erp", &["contacts"]));
    crm(&mut first);
    second.capabilities.changes = ChangeDetection::Incremental;
    let files = [mapping("crm", flow), mapping("erp", "")];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, vec![first, second], &files);
    bench.approve_all().await;
    for at in 0..30 {
        let text = format!(r#"{{"first":"P{at}","email":"p{at}@x.test","title":"pilot {at}"}}"#);
        bench.system("crm").create_as("contacts", &format!("c{at:02}"), &text);
    }
    bench.quiet().await;
    assert_eq!(bench.system("erp").dump("contacts").len(), 30);
    bench
}

/// It shows all that is there, and says nothing of what is not.
fn exports(crm: &mut System) {
    crm.capabilities.changes = ChangeDetection::FullScan;
    crm.capabilities.deletes = DeleteDetection::FullScan;
    crm.state.lock().unwrap().silent = true;
}

/// It tells of deletions.
fn feeds(crm: &mut System) {
    crm.state.lock().unwrap().tells = true;
}

fn id(at: usize) -> String {
    format!("c{at:02}")
}

fn delete(bench: &Bench, which: std::ops::Range<usize>) {
    which.for_each(|at| bench.system("crm").delete("contacts", &id(at)));
}

/// Remote ids that the hub believes to be in the CRM.
fn believed(bench: &Bench) -> usize {
    let objects = bench.store.objects().unwrap();
    objects.iter().find(|of| of.connection == "crm").map_or(0, |of| of.active as usize)
}

/// One run of the CRM's flow. How many were held, and what it says.
async fn read(bench: &Bench) -> (u64, String) {
    run(bench, false).await
}

/// The same, of all that is there.
async fn read_all(bench: &Bench) -> (u64, String) {
    run(bench, true).await
}

async fn run(bench: &Bench, all: bool) -> (u64, String) {
    bench.pass(3_600_000);
    let run = bench.engine.run_in("crm-contacts", all).await.unwrap();
    assert_eq!(run.status, RunStatus::Success, "{run:?}");
    assert!(run.counts.balances(), "{run:?}");
    let Counts::In(counts) = run.counts else { panic!("{run:?}") };
    (counts.held, run.message.unwrap_or_default())
}

/// The one question that is open.
fn question(bench: &Bench, title: &str) -> Review {
    let mut reviews = open_reviews(bench);
    assert_eq!(reviews.iter().map(|review| review.title.as_str()).collect::<Vec<_>>(), [title]);
    assert!(matches!(reviews[0].kind, ReviewKind::Volume { .. }));
    reviews.remove(0)
}

async fn decide(bench: &Bench, review: ReviewId, choice: DecisionChoice) {
    bench.engine.decide(review, choice, "ops", "looked").await.unwrap();
}

const VANISHED: &str = "12 of 30 (contact) vanished from crm at once: are they gone?";

async fn many_that_vanish_are_held_until_somebody_agrees(kind: Kind) {
    let bench = bench(kind, "", exports).await;
    delete(&bench, 0..12);
    for _ in 0..3 {
        let (held, said) = read(&bench).await;
        assert_eq!(held, 12);
        assert!(said.contains("12 of 30 vanished at once; held"), "{said}");
        assert_eq!(believed(&bench), 30);
    }
    let review = question(&bench, VANISHED);
    decide(&bench, review.id, DecisionChoice::Approve).await;
    read(&bench).await;
    assert_eq!(believed(&bench), 18);
    assert_eq!(open_reviews(&bench), []);
    // Once agreed is agreed once.
    delete(&bench, 12..24);
    read(&bench).await;
    read(&bench).await;
    assert_eq!(believed(&bench), 18);
    question(&bench, "12 of 18 (contact) vanished from crm at once: are they gone?");
}

async fn what_vanished_and_is_not_gone_is_kept(kind: Kind) {
    let bench = bench(kind, "", exports).await;
    delete(&bench, 0..12);
    read(&bench).await;
    decide(&bench, question(&bench, VANISHED).id, DecisionChoice::Refuse).await;
    // Of others it is still believed.
    delete(&bench, 12..14);
    for _ in 0..3 {
        let (held, said) = read(&bench).await;
        assert_eq!(held, 12);
        assert!(said.contains("somebody said are not gone"), "{said}");
    }
    assert_eq!(believed(&bench), 28);
    assert_eq!(open_reviews(&bench), []);
}

async fn what_is_agreed_to_is_exactly_what_was_asked_about(kind: Kind) {
    let bench = bench(kind, "", exports).await;
    delete(&bench, 0..12);
    read(&bench).await;
    decide(&bench, question(&bench, VANISHED).id, DecisionChoice::Approve).await;
    delete(&bench, 12..24);
    // One of those that were agreed to is there after all.
    bench.system("crm").create_as("contacts", &id(3), r#"{"first":"P3","email":"p3@x.test","title":"back"}"#);
    read(&bench).await;
    assert_eq!(believed(&bench), 19);
    question(&bench, "12 of 30 (contact) vanished from crm at once: are they gone?");
}

async fn what_is_there_again_is_asked_about_no_more(kind: Kind) {
    let bench = bench(kind, "", exports).await;
    let things = bench.system("crm").state.lock().unwrap().things.clone();
    delete(&bench, 0..12);
    read(&bench).await;
    question(&bench, VANISHED);
    bench.system("crm").state.lock().unwrap().things = things;
    let (held, said) = read(&bench).await;
    assert_eq!((held, said.as_str()), (0, ""));
    assert_eq!(open_reviews(&bench), []);
    assert_eq!(believed(&bench), 30);
}

const DELETED: &str = "12 of 30 (contact) were deleted in crm at once: is that right?";

async fn many_deletions_are_held_until_somebody_agrees(kind: Kind) {
    let bench = bench(kind, "", feeds).await;
    delete(&bench, 0..12);
    let (held, said) = read(&bench).await;
    assert_eq!(held, 12);
    assert!(said.contains("12 of 30 were deleted at once; held"), "{said}");
    let (held, said) = read(&bench).await;
    assert_eq!(held, 0, "they are told of once");
    assert!(said.contains("held"), "and wait all the same: {said}");
    assert_eq!(believed(&bench), 30);
    let review = question(&bench, DELETED);
    // Ten more are no more than may go.
    delete(&bench, 12..22);
    read(&bench).await;
    assert_eq!(believed(&bench), 20);
    decide(&bench, review.id, DecisionChoice::Approve).await;
    read(&bench).await;
    assert_eq!(believed(&bench), 8);
    assert_eq!(open_reviews(&bench), []);
}

async fn deletions_after_the_answer_are_asked_about_anew(kind: Kind) {
    let bench = bench(kind, "", feeds).await;
    delete(&bench, 0..12);
    read(&bench).await;
    decide(&bench, question(&bench, DELETED).id, DecisionChoice::Approve).await;
    delete(&bench, 12..24);
    read(&bench).await;
    assert_eq!(believed(&bench), 18);
    question(&bench, "12 of 18 (contact) were deleted in crm at once: is that right?");
}

async fn deletions_that_are_refused_never_were(kind: Kind) {
    let mut bench = bench(kind, "", feeds).await;
    delete(&bench, 0..12);
    read(&bench).await;
    decide(&bench, question(&bench, DELETED).id, DecisionChoice::Refuse).await;
    read(&bench).await;
    assert_eq!((believed(&bench), read(&bench).await), (30, (0, String::new())));
    assert_eq!(open_reviews(&bench), []);
    // The system tells of them again, as it does whenever all of it is read: the answer stands, also for a hub that starts anew.
    bench.restart();
    let (held, said) = read_all(&bench).await;
    assert!(held == 12 && said.contains("12 were deleted that somebody said are not gone; held"), "{held} {said}");
    assert_eq!((believed(&bench), open_reviews(&bench).len()), (30, 0));
    // Of one that came back and is deleted anew nobody said anything.
    bench.system("crm").create_as("contacts", &id(3), r#"{"first":"P3","email":"p3@x.test","title":"back"}"#);
    read(&bench).await;
    delete(&bench, 3..4);
    read(&bench).await;
    assert_eq!(believed(&bench), 29);
}

async fn what_was_deleted_and_is_there_again_waits_no_more(kind: Kind) {
    let bench = bench(kind, "", feeds).await;
    delete(&bench, 0..12);
    read(&bench).await;
    let review = question(&bench, DELETED).id;
    bench.system("crm").create_as("contacts", &id(3), r#"{"first":"P3","email":"p3@x.test","title":"back"}"#);
    read(&bench).await;
    question(&bench, "11 of 30 (contact) were deleted in crm at once: is that right?");
    decide(&bench, review, DecisionChoice::Approve).await;
    read(&bench).await;
    assert_eq!(believed(&bench), 19);
}

const CLEARED: &str = "`title` of 12 of 30 (contact) was cleared in crm at once: is that right?";

fn clear(bench: &Bench) {
    for at in 0..12 {
        bench.system("crm").edit("contacts", &id(at), |body| {
            body.put("title", Value::Null);
            body.put("first", Value::text(format!("Q{at}")));
        });
    }
}

fn of(bench: &Bench, system: &str, path: &str, starts: &str) -> usize {
    let state = bench.system(system).state.lock().unwrap();
    let all = state.things["contacts"].values();
    all.filter(|thing| thing.body.at(path).is_some_and(|value| value.display().starts_with(starts))).count()
}

async fn one_field_that_many_lost_is_held_until_somebody_agrees(kind: Kind) {
    let bench = bench(kind, "", |_| {}).await;
    clear(&bench);
    read(&bench).await;
    bench.quiet().await;
    // The rest of what was said is taken in; the field stays everywhere else.
    assert_eq!((of(&bench, "erp", "first", "Q"), of(&bench, "erp", "title", "pilot")), (12, 30));
    let review = question(&bench, CLEARED);
    // One is filled in again: it waits no more.
    bench.system("crm").edit("contacts", &id(5), |body| body.put("title", Value::text("pilot again")));
    read(&bench).await;
    decide(&bench, review.id, DecisionChoice::Approve).await;
    bench.quiet().await;
    assert_eq!((of(&bench, "erp", "title", "pilot"), of(&bench, "erp", "title", "pilot again")), (19, 1));
    assert_eq!(open_reviews(&bench), []);
    let writes = bench.system("erp").writes();
    bench.quiet().await;
    assert_eq!(bench.system("erp").writes(), writes);
}

async fn a_field_that_is_refused_is_written_back(kind: Kind) {
    let bench = bench(kind, "", |_| {}).await;
    clear(&bench);
    read(&bench).await;
    decide(&bench, question(&bench, CLEARED).id, DecisionChoice::Refuse).await;
    bench.quiet().await;
    assert_eq!((of(&bench, "crm", "title", "pilot"), of(&bench, "erp", "title", "pilot")), (30, 30));
    assert_eq!(open_reviews(&bench), []);
}

/// At whichever commit it dies: all are held or all are let go, and one question is open.
async fn a_hub_that_dies_forgets_nothing_that_it_holds(kind: Kind) {
    for approve in [false, true] {
        for commits in 1..8 {
            let mut bench = bench(kind, "", feeds).await;
            delete(&bench, 0..12);
            if approve {
                read(&bench).await;
                decide(&bench, question(&bench, DELETED).id, DecisionChoice::Approve).await;
            }
            bench.dies_after(commits, async |bench| read(bench).await);
            read(&bench).await;
            read(&bench).await;
            if approve {
                assert_eq!((believed(&bench), open_reviews(&bench)), (18, vec![]), "{commits}");
            } else {
                assert_eq!(believed(&bench), 30, "{commits}");
                question(&bench, DELETED);
            }
        }
    }
}

async fn as_many_as_the_flow_says(kind: Kind) {
    for (flow, held) in [
        ("hold-above = { count = 12 }", 0),
        ("hold-above = { percent = 40 }", 0),
        ("hold-above = { count = 0, percent = 39 }", 12),
        ("hold-above = { count = 11 }", 12),
    ] {
        let bench = bench(kind, flow, feeds).await;
        delete(&bench, 0..12);
        assert_eq!(read(&bench).await.0, held, "{flow}");
    }
}
