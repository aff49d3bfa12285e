//! Something over there writes what the hub writes: it is seen by its rhythm, since no connector tells an actor (S1.6).

use nave_core::Value;

use super::bench::{Bench, Kind};
use super::policies::bench as systems;
use super::system::System;

on_both_stores!(what_changes_each_write_at_once_is_an_unknown_writer, a_person_who_corrects_something_is_not);

async fn people(kind: Kind) -> Bench {
    let bench = systems(kind, &[("crm", "", ""), ("books", "", "")]).await;
    for at in 0..4 {
        let text = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create_as("contacts", &format!("x{at}"), &text);
    }
    bench.quiet().await;
    bench
}

fn thing(system: &System, first: &str) -> String {
    let state = system.state.lock().unwrap();
    let found = state.things["contacts"].iter().find(|(_, thing)| thing.body.at("first") == Some(&Value::text(first)));
    found.map(|(id, _)| id.clone()).unwrap()
}

/// The hub writes a title of each of so many to the books, and something there makes it another one at once.
async fn rewrites(bench: &Bench, count: usize) {
    for at in 0..count {
        bench.pass(3_600_000);
        bench.system("crm").edit("contacts", &format!("x{at}"), |body| body.put("title", Value::text("captain")));
        bench.engine.run_in("crm-contacts", false).await.unwrap();
        bench.engine.run_out("books-contacts").await.unwrap();
        let id = thing(bench.system("books"), &format!("P{at}"));
        assert_eq!(bench.system("books").at("contacts", &id, "title"), "captain");
        bench.system("books").edit("contacts", &id, |body| body.put("title", Value::text("CAPTAIN")));
        bench.pass(5_000);
        bench.engine.run_in("books-contacts", false).await.unwrap();
    }
}

async fn what_changes_each_write_at_once_is_an_unknown_writer(kind: Kind) {
    let mut bench = people(kind).await;
    rewrites(&bench, 3).await;
    bench.restart();
    let found = bench.engine.unknown_writers().unwrap();
    let [writer] = &found[..] else { panic!("{found:?}") };
    let named = [&writer.connection, &writer.entity, &writer.field, &writer.path].map(String::as_str);
    assert_eq!((named, writer.count), (["books", "contact", "job_title", "title"], 3));
    // It is forgotten where it does it no more.
    bench.pass(8 * 86_400_000);
    assert_eq!(bench.engine.unknown_writers().unwrap(), []);
}

async fn a_person_who_corrects_something_is_not(kind: Kind) {
    let bench = people(kind).await;
    rewrites(&bench, 1).await;
    // And one who edits, an hour after anything was written.
    for at in 0..4 {
        bench.pass(3_600_000);
        let id = thing(bench.system("books"), &format!("P{at}"));
        bench.system("books").edit("contacts", &id, |body| body.put("title", Value::text(format!("chief {at}"))));
        bench.engine.run_in("books-contacts", false).await.unwrap();
    }
    assert_eq!(bench.engine.unknown_writers().unwrap(), []);
}
