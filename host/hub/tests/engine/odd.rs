//! One odd thing: it is set aside alone, with what to do about it, and the others go on. Attacked: I4, I14, on both stores.

use nave_core::Value;
use nave_core::limits::EMPTY_PAGES_MAX;
use nave_core::model::{DeadLetter, DeadLetterSubject, RecordId, RemoteKey, RunStatus};

use super::bench::{Bench, Kind};
use super::system::System;

on_both_stores!(
    an_id_that_cannot_be_asked_for,
    a_record_that_is_too_large_or_has_no_id,
    a_source_that_does_not_move_on,
    a_source_that_goes_back,
    a_source_that_answers_nothing_for_long,
    a_thing_merged_into_itself,
    a_failure_is_made_good_by_its_own_direction,
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
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
"#;

/// A drop and an ERP in step.
async fn bench(kind: Kind) -> Bench {
    let there = PEOPLE.replace("\"drop\"", "\"erp\"");
    let systems = vec![System::new("drop", &["contacts"]), System::new("erp", &["contacts"])];
    let bench = Bench::new(kind, systems, &[("mappings/drop-contacts.toml", PEOPLE), ("mappings/erp-contacts.toml", &there)]);
    bench.round().await;
    bench.approve_all().await;
    bench
}

fn person(name: &str) -> String {
    format!(r#"{{"first":"{name}","email":"{name}@x.test"}}"#)
}

fn letters(bench: &Bench) -> Vec<DeadLetter> {
    let letters = bench.store.dead_letters(0, 100).unwrap();
    for letter in &letters {
        // What has no id of its own cannot be tried again by itself.
        let next = if letter.message.starts_with("id: ") { "nave sync drop-contacts --full" } else { "nave dlq retry" };
        assert!(letter.fix.contains(next), "{}", letter.fix);
    }
    letters
}

fn record_of(bench: &Bench, system: &str, id: &str) -> RecordId {
    let key = RemoteKey::new(system, "contacts", id);
    bench.engine.record_of(&key).unwrap().unwrap()
}

fn names(bench: &Bench, system: &str) -> Vec<String> {
    let state = bench.system(system).state.lock().unwrap();
    let mut names: Vec<String> =
        state.things["contacts"].values().map(|thing| thing.body.at("first").unwrap().display()).collect();
    names.sort();
    names
}

async fn an_id_that_cannot_be_asked_for(kind: Kind) {
    let bench = bench(kind).await;
    for (id, name) in [("..", "dots"), ("d1", "ann"), ("a\\b", "slash"), ("d2", "ben")] {
        bench.system("drop").create_as("contacts", id, &person(name));
    }
    bench.system("drop").state.lock().unwrap().unaskable.extend(["..".to_owned(), "a\\b".to_owned()]);
    bench.quiet().await;
    assert_eq!(names(&bench, "erp"), ["ann", "ben", "dots", "slash"], "reading needs no path");
    // Edited there, all four: two can be written back.
    let ids: Vec<String> = bench.system("erp").state.lock().unwrap().things["contacts"].keys().cloned().collect();
    for id in ids {
        bench.system("erp").edit("contacts", &id, |body| {
            let name = body.at("first").unwrap().display();
            body.put("first", Value::text(format!("{name} 2")));
        });
    }
    bench.quiet().await;
    assert_eq!(names(&bench, "drop"), ["ann 2", "ben 2", "dots", "slash"]);
    let letters = letters(&bench);
    let mut set_aside: Vec<RecordId> = letters
        .iter()
        .filter_map(|letter| match &letter.subject {
            DeadLetterSubject::Delivery { record, .. } => Some(*record),
            DeadLetterSubject::SourceRecord { .. } => None,
        })
        .collect();
    set_aside.sort();
    let mut odd = [record_of(&bench, "drop", ".."), record_of(&bench, "drop", "a\\b")];
    odd.sort();
    assert_eq!((set_aside, letters.len()), (odd.to_vec(), 2));
    assert!(letters.iter().all(|letter| letter.message.contains("cannot be asked for: net.bad-path")), "{letters:?}");
}

async fn a_record_that_is_too_large_or_has_no_id(kind: Kind) {
    let bench = bench(kind).await;
    let long = "i".repeat(1_025);
    for (id, body) in [
        ("d1", person("ann")),
        ("d2", person("large")),
        ("", person("nobody")),
        (long.as_str(), person("long")),
        ("d3", person("ben")),
    ] {
        bench.system("drop").create_as("contacts", id, &body);
    }
    bench.system("drop").edit("contacts", "d2", |body| body.put("z", Value::text("z".repeat(4 << 20))));
    bench.system("drop").create_as("contacts", "d4", &person("cy"));
    bench.system("drop").merge("contacts", "d4", "d1");
    bench.system("drop").state.lock().unwrap().things.get_mut("contacts").unwrap().get_mut("d4").unwrap().merged_into =
        Some(String::new());
    bench.quiet().await;
    assert_eq!(names(&bench, "erp"), ["ann", "ben"], "the others go on");
    let mut said: Vec<String> = letters(&bench).into_iter().map(|letter| letter.message.chars().take(34).collect()).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "body: 4194351 bytes, at most 41943",
            "id: 1025 bytes, at most 1024 are t",
            "id: the id is empty",
            "merged-into: the id is empty"
        ]
    );
}

async fn a_source_that_does_not_move_on(kind: Kind) {
    let bench = bench(kind).await;
    bench.system("drop").create("contacts", &person("ann"));
    bench.system("drop").state.lock().unwrap().stuck = true;
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.message.as_deref().is_some_and(|message| message.contains("would never end")), "{run:?}");
    bench.system("drop").state.lock().unwrap().stuck = false;
    bench.quiet().await;
    assert_eq!(names(&bench, "erp"), ["ann"]);
}

/// T39: a checkpoint that this run was at already ends it; those before it are kept, and nothing of what is read twice changes anything.
async fn a_source_that_goes_back(kind: Kind) {
    let bench = bench(kind).await;
    bench.system("drop").create("contacts", &person("ann"));
    bench.system("drop").state.lock().unwrap().circling = true;
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.message.as_deref().is_some_and(|message| message.contains("it goes back, and would never end")), "{run:?}");
    bench.system("drop").state.lock().unwrap().circling = false;
    bench.quiet().await;
    assert_eq!((names(&bench, "drop"), names(&bench, "erp")), (vec!["ann".to_owned()], vec!["ann".to_owned()]));
}

/// T84: empty pages whose mark moves on are not read for ever, and what is behind them is come to.
async fn a_source_that_answers_nothing_for_long(kind: Kind) {
    let bench = bench(kind).await;
    bench.system("drop").create("contacts", &person("ann"));
    bench.system("drop").state.lock().unwrap().empties = 100;
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Success, "a hundred are nothing unusual: {run:?}");
    bench.system("drop").create("contacts", &person("ben"));
    bench.system("drop").state.lock().unwrap().empties = EMPTY_PAGES_MAX + 100;
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.message.as_deref().is_some_and(|message| message.contains("pages in a row without a record")), "{run:?}");
    assert_eq!(bench.system("drop").state.lock().unwrap().empties, 99, "it was not asked again");
    let run = bench.engine.run_in("drop-contacts", false).await.unwrap();
    assert_eq!(run.status, RunStatus::Success, "the next one comes to the end: {run:?}");
    bench.quiet().await;
    assert_eq!(names(&bench, "erp"), ["ann", "ben"]);
}

async fn a_thing_merged_into_itself(kind: Kind) {
    let bench = bench(kind).await;
    let one = bench.system("drop").create("contacts", &person("ann"));
    let two = bench.system("drop").create("contacts", &person("ben"));
    bench.quiet().await;
    let alive = |id: &str| bench.store.records(&[record_of(&bench, "drop", id)]).unwrap().pop().unwrap().unwrap().fields.len();
    // Into itself, and the long way round.
    bench.system("drop").merge("contacts", &one, &one);
    bench.round().await;
    assert_eq!((letters(&bench).len(), alive(&one)), (1, 2), "{:?}", letters(&bench));
    bench.system("drop").merge("contacts", &one, &two);
    bench.round().await;
    bench.system("drop").merge("contacts", &two, &one);
    bench.round().await;
    assert_eq!(alive(&two), 2, "what it held is kept");
    assert_eq!(letters(&bench).len(), 2, "{:?}", letters(&bench));
}

/// What is written without trouble says nothing about what cannot be read.
async fn a_failure_is_made_good_by_its_own_direction(kind: Kind) {
    let bench = bench(kind).await;
    bench.system("erp").state.lock().unwrap().unreadable.insert("contacts".into());
    let error = || bench.store.flow("erp-contacts").unwrap().last_error;
    bench.engine.run_in("erp-contacts", false).await.unwrap();
    assert!(error().is_some(), "it could not be read");
    bench.engine.run_out("erp-contacts").await.unwrap();
    assert!(error().is_some(), "and still cannot");
    bench.system("erp").state.lock().unwrap().unreadable.clear();
    bench.engine.run_in("erp-contacts", false).await.unwrap();
    assert_eq!(error(), None);
}
