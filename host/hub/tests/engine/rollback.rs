//! A run taken back: what it overwrote comes back where nobody changed it since, and stays. Invariants attacked: I4, I5, I7, I14.

use nave_core::Value;
use nave_core::accounting::Counts;
use nave_core::limits::BEFORE_IMAGE_MS_MAX;
use nave_core::model::DecisionChoice;
use nave_hub::engine::EngineError;
use nave_hub::engine::rollback::{Back, Rollback, left};

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, open_reviews, set};

on_both_stores!(
    fields_go_back_and_stay_until_a_person_lets_go,
    what_somebody_changed_since_is_left_and_listed,
    what_a_later_run_wrote_is_taken_back_first,
    what_was_made_is_put_away,
    what_was_made_is_deleted_if_a_person_agrees,
    what_else_waits_goes_on_waiting,
    nobody_takes_back_what_nobody_has_seen,
    broken_off_anywhere_it_ends_the_same,
    before_images_are_kept_for_a_while,
);

const BEA: &str = r#"{"first":"Bea","last":"Ek","email":"bea@x.test","title":"cook"}"#;

/// Two systems that agree on two people.
async fn people(kind: Kind, books: (&str, &str)) -> Bench {
    let bench = bench(kind, &[("crm", "", ""), ("books", books.0, books.1)]).await;
    bench.system("crm").create("contacts", ADA);
    bench.system("crm").create("contacts", BEA);
    bench.quiet().await;
    bench
}

/// The id of a person, by the e-mail.
fn id(bench: &Bench, system: &str, email: &str) -> String {
    let state = bench.system(system).state.lock().unwrap();
    let is = |body: &Value| body.at("email").is_some_and(|found| found.display() == email);
    state.things["contacts"].iter().find(|(_, thing)| is(&thing.body)).map(|(id, _)| id.clone()).unwrap()
}

fn title(bench: &Bench, system: &str, email: &str) -> String {
    bench.system(system).at("contacts", &id(bench, system, email), "title")
}

/// Somebody changes titles in the CRM; the run that carries them on.
async fn carried(bench: &Bench, titles: &[(&str, &str)]) -> u64 {
    for (email, to) in titles {
        set(bench.system("crm"), &id(bench, "crm", email), "title", Value::text(*to));
    }
    bench.pass(3_600_000);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    let Counts::Out(counts) = run.counts else { panic!("{run:?}") };
    assert_eq!(counts.delivered, titles.len() as u64);
    run.id
}

async fn taken_back(bench: &Bench, run: u64) -> Rollback {
    bench.engine.plan_rollback(run).await.unwrap();
    let done = bench.engine.rollback(run, "ann", "a wrong import").await.unwrap();
    if let Some(run) = &done.run {
        assert!(run.counts.balances() && run.message.is_none(), "{run:?}");
    }
    done
}

async fn fields_go_back_and_stay_until_a_person_lets_go(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let run = carried(&bench, &[("ada@x.test", "captain"), ("bea@x.test", "baker")]).await;
    let plan = bench.engine.plan_rollback(run).await.unwrap();
    assert_eq!(plan.count(|back| back == Back::ToRestore), 2, "{plan:?}");
    assert_eq!(title(&bench, "books", "ada@x.test"), "captain", "a plan changes nothing");

    let done = taken_back(&bench, run).await;
    assert_eq!(done.count(|back| back == Back::Restored), 2, "{done:?}");
    let titles = |system| [title(&bench, system, "ada@x.test"), title(&bench, system, "bea@x.test")];
    assert_eq!(titles("books"), ["pilot", "cook"]);
    check_quiet(&bench).await;
    assert_eq!((titles("books"), titles("crm")), (["pilot", "cook"].map(String::from), ["captain", "baker"].map(String::from)));
    assert_eq!(bench.engine.held_back("books-contacts").unwrap(), (2, vec![run]));
    // Another field of the same person still goes there.
    set(bench.system("crm"), &id(&bench, "crm", "ada@x.test"), "last", Value::text("King"));
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &id(&bench, "books", "ada@x.test"), "last"), "King");
    assert_eq!(titles("books"), ["pilot", "cook"]);

    assert_eq!(bench.engine.let_go(run, "ann", "it was right").await.unwrap(), ("books-contacts".to_owned(), 2));
    bench.quiet().await;
    assert_eq!(titles("books"), ["captain", "baker"]);
    assert_eq!(bench.engine.held_back("books-contacts").unwrap(), (0, vec![]));
    let audit: Vec<String> = bench.store.audit(20).unwrap().into_iter().map(|line| line.action).collect();
    assert!(["run.rolled-back", "rollback.released"].iter().all(|action| audit.iter().any(|known| known == action)), "{audit:?}");
    check_quiet(&bench).await;
}

async fn what_somebody_changed_since_is_left_and_listed(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let run = carried(&bench, &[("ada@x.test", "captain"), ("bea@x.test", "baker")]).await;
    // Not read yet: what is there is asked for before anything is put back.
    set(bench.system("books"), &id(&bench, "books", "bea@x.test"), "title", Value::text("chef"));
    let done = taken_back(&bench, run).await;
    assert_eq!(title(&bench, "books", "ada@x.test"), "pilot");
    assert_eq!(title(&bench, "books", "bea@x.test"), "chef", "somebody's own");
    let listed: Vec<Back> = done.lines.iter().map(|line| line.back).filter(|back| *back != Back::Restored).collect();
    assert_eq!(listed, [Back::Left(left::CHANGED)], "{done:?}");
    bench.quiet().await;
    assert_eq!(title(&bench, "books", "ada@x.test"), "pilot");
    assert_eq!(title(&bench, "books", "bea@x.test"), "chef");
}

async fn what_a_later_run_wrote_is_taken_back_first(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let first = carried(&bench, &[("ada@x.test", "captain")]).await;
    let second = carried(&bench, &[("ada@x.test", "admiral")]).await;
    let early = taken_back(&bench, first).await;
    assert_eq!(early.lines[0].back, Back::Left(left::AGAIN), "{early:?}");
    assert_eq!(title(&bench, "books", "ada@x.test"), "admiral");
    taken_back(&bench, second).await;
    assert_eq!(title(&bench, "books", "ada@x.test"), "captain");
    taken_back(&bench, first).await;
    assert_eq!(title(&bench, "books", "ada@x.test"), "pilot");
    check_quiet(&bench).await;
}

async fn made(bench: &Bench) -> u64 {
    bench.system("crm").create("contacts", r#"{"first":"Cy","last":"Ek","email":"cy@x.test","title":"smith"}"#);
    bench.pass(3_600_000);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench.engine.run_out("books-contacts").await.unwrap().id
}

async fn what_was_made_is_put_away(kind: Kind) {
    let bench = people(kind, ("archive = { active = false }\nrestore = { active = true }\n", "")).await;
    let run = made(&bench).await;
    let done = taken_back(&bench, run).await;
    assert_eq!(done.lines[0].back, Back::Removed, "{done:?}");
    let cy = id(&bench, "books", "cy@x.test");
    assert_eq!(bench.system("books").at("contacts", &cy, "active"), "no");
    check_quiet(&bench).await;
    assert_eq!(bench.system("books").at("contacts", &cy, "active"), "no", "it stays away");
    bench.engine.let_go(run, "ann", "").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &cy, "active"), "yes");
}

async fn what_was_made_is_deleted_if_a_person_agrees(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let run = made(&bench).await;
    let done = taken_back(&bench, run).await;
    assert_eq!(done.lines[0].back, Back::Asked, "{done:?}");
    assert_eq!(bench.system("books").dump("contacts").len(), 3, "nobody agreed yet");
    let review = open_reviews(&bench).remove(0).id;
    bench.engine.decide(review, DecisionChoice::Approve, "ann", "an import by mistake").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("books").dump("contacts").len(), 2);
    check_quiet(&bench).await;
    assert_eq!(bench.system("books").dump("contacts").len(), 2, "it is not made again");
    assert_eq!(bench.system("crm").dump("contacts").len(), 3);
    let again = bench.engine.plan_rollback(run).await.unwrap();
    assert_eq!(again.lines[0].back, Back::Removed, "{again:?}");
}

/// Taking a run back sends nothing else, not even of the same person.
async fn what_else_waits_goes_on_waiting(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let run = carried(&bench, &[("ada@x.test", "captain")]).await;
    let ada = id(&bench, "crm", "ada@x.test");
    set(bench.system("crm"), &ada, "last", Value::text("King"));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    taken_back(&bench, run).await;
    let there = id(&bench, "books", "ada@x.test");
    assert_eq!(bench.system("books").at("contacts", &there, "last"), "Lovelace");
    assert_eq!(title(&bench, "books", "ada@x.test"), "pilot");
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &there, "last"), "King");
    assert_eq!(title(&bench, "books", "ada@x.test"), "pilot");
}

async fn nobody_takes_back_what_nobody_has_seen(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let run = carried(&bench, &[("ada@x.test", "captain")]).await;
    let refused = bench.engine.rollback(run, "ann", "").await;
    assert!(matches!(&refused, Err(EngineError::Refused(why)) if why.contains("--plan")), "{refused:?}");
    assert_eq!(title(&bench, "books", "ada@x.test"), "captain");
    let none = bench.engine.plan_rollback(run + 50).await;
    assert!(matches!(none, Err(EngineError::NotFound(_))), "{none:?}");
}

async fn broken_off_anywhere_it_ends_the_same(kind: Kind) {
    for commits in 1..40 {
        let mut bench = people(kind, ("", "")).await;
        let run = carried(&bench, &[("ada@x.test", "captain"), ("bea@x.test", "baker")]).await;
        bench.engine.plan_rollback(run).await.unwrap();
        let whole =
            bench.dies_after(commits, async |bench: &Bench| bench.engine.rollback(run, "ann", "").await.unwrap()).is_some();
        let done = bench.engine.rollback(run, "ann", "").await.unwrap();
        bench.quiet().await;
        let titles = [title(&bench, "books", "ada@x.test"), title(&bench, "books", "bea@x.test")];
        assert_eq!(titles, ["pilot", "cook"], "after {commits} commits: {done:?}");
        check_quiet(&bench).await;
        if whole {
            return;
        }
    }
    panic!("it is never done");
}

async fn before_images_are_kept_for_a_while(kind: Kind) {
    let bench = people(kind, ("", "")).await;
    let old = carried(&bench, &[("ada@x.test", "captain")]).await;
    bench.engine.plan_rollback(old).await.unwrap();
    bench.pass(BEFORE_IMAGE_MS_MAX);
    let new = carried(&bench, &[("bea@x.test", "baker")]).await;
    let gone = bench.engine.plan_rollback(old).await;
    assert!(matches!(&gone, Err(EngineError::NotFound(why)) if why.contains("not kept any more")), "{gone:?}");
    bench.engine.plan_rollback(new).await.unwrap();
}
