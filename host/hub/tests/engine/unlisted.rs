//! Somebody renames or removes a field in a live system: what it held is not known any more, and is emptied nowhere. Invariant attacked: I4.

use nave_core::Value;
use nave_core::model::RunStatus;

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, only_record};

on_both_stores!(a_field_that_is_no_more_is_not_empty, a_field_that_is_listed_or_never_held_anything_is);

const FIELDS: [&str; 4] = ["first", "last", "email", "title"];

/// Ada in two systems, of which the CRM says what it has.
async fn ada(kind: Kind) -> Bench {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    bench.system("crm").state.lock().unwrap().lists = FIELDS.iter().map(ToString::to_string).collect();
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench
}

fn title(bench: &Bench) -> [String; 2] {
    let books = bench.system("books");
    let held = only_record(bench).value("job_title").map(Value::display).unwrap_or_default();
    [held, books.at("contacts", &books.only_id("contacts"), "title")]
}

/// The title is not in the answers any more, and somebody edits the record besides.
fn renamed(bench: &Bench, lists: &[&str]) {
    let crm = bench.system("crm");
    crm.state.lock().unwrap().lists = lists.iter().map(ToString::to_string).collect();
    crm.edit("contacts", &crm.only_id("contacts"), |body| {
        let Value::Object(fields) = body else { panic!() };
        fields.remove("title");
        body.put("first", Value::text("Augusta"));
    });
}

async fn a_field_that_is_no_more_is_not_empty(kind: Kind) {
    let bench = ada(kind).await;
    let before = title(&bench);
    assert_eq!(before[0], before[1]);
    assert!(!before[0].is_empty());
    renamed(&bench, &["first", "last", "email", "role"]);
    let runs = bench.round().await;
    let said: Vec<String> =
        runs.iter().filter(|run| run.status == RunStatus::Failed).filter_map(|run| run.message.clone()).collect();
    assert!(
        said.iter().any(|said| said.contains("no `title` any more") && said.contains("nave discover crm --save")),
        "{runs:?}"
    );
    assert_eq!(title(&bench), before, "it is emptied nowhere");
    // It is called as before again, and what else was typed comes too.
    let crm = bench.system("crm");
    crm.state.lock().unwrap().lists = FIELDS.iter().map(ToString::to_string).collect();
    crm.put("contacts", &crm.only_id("contacts"), "title", &before[0]);
    bench.quiet().await;
    assert_eq!(only_record(&bench).value("first_name").map(Value::display).as_deref(), Some("Augusta"));
    assert_eq!(title(&bench), before);
}

/// Not all systems send what is empty: it is, where the system lists it, or where its list is none to go by.
async fn a_field_that_is_listed_or_never_held_anything_is(kind: Kind) {
    for lists in [&FIELDS[..], &[], &["first"]] {
        let bench = ada(kind).await;
        renamed(&bench, lists);
        bench.quiet().await;
        let title = title(&bench);
        assert!(title.iter().all(|title| title.is_empty() || title == "–"), "{lists:?}: {title:?}");
    }
}
