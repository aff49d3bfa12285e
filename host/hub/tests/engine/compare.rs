//! What two systems hold is compared through the hub's records: what is missing, extra and differing, each with what there is to
//! do; and each comparison is kept with its difference to the one before (S4.9, S4.11).

use nave_core::Value;
use nave_hub::engine::compare::{Apart, Compared, Finding};
use nave_hub::engine::compared::Pair;

use super::bench::{Bench, Kind};
use super::policies::mapping;
use super::system::System;

on_both_stores!(
    each_difference_comes_with_what_there_is_to_do,
    what_a_filter_leaves_out_is_no_difference,
    what_a_system_keeps_otherwise_is_told_and_writes_nothing,
    what_is_never_sent_is_no_difference,
    what_a_system_takes_over_from_nobody_is_no_difference,
    comparisons_are_kept_with_what_is_new_gone_and_still_there,
);

async fn bench(kind: Kind, books_out: &str) -> Bench {
    let files = [
        ("mappings/crm-contacts.toml", mapping("crm", "", "")),
        ("mappings/books-contacts.toml", mapping("books", "", books_out)),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let systems = ["crm", "books"].map(|name| System::new(name, &["contacts"]));
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    for at in 0..4 {
        person(&bench, "crm", &format!("x{at}"), at);
    }
    bench.quiet().await;
    bench
}

fn person(bench: &Bench, system: &str, id: &str, at: usize) {
    let text = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
    bench.system(system).create_as("contacts", id, &text);
}

fn compare(bench: &Bench) -> Compared {
    bench.engine.compare(["crm", "books"], "contact", 10).unwrap()
}

fn read(bench: &Bench, flow: &str) -> impl Future<Output = ()> {
    let (engine, flow) = (bench.another(), flow.to_owned());
    bench.pass(3_600_000);
    async move {
        engine.run_in(&flow, false).await.unwrap();
    }
}

fn of(compared: &Compared, apart: Apart) -> Vec<&Finding> {
    compared.findings.iter().filter(|finding| finding.apart == apart).collect()
}

async fn each_difference_comes_with_what_there_is_to_do(kind: Kind) {
    let bench = bench(kind, "").await;
    let all = compare(&bench);
    assert_eq!((all.things, all.same, all.apart()), ([4, 4], 4, 0), "{all:?}");
    // A new one, one that is edited, and one that only the books have: read, not carried yet.
    person(&bench, "crm", "x9", 9);
    bench.system("crm").edit("contacts", "x0", |body| body.put("title", Value::text("captain")));
    person(&bench, "books", "y8", 8);
    read(&bench, "crm-contacts").await;
    read(&bench, "books-contacts").await;
    let sent = (bench.system("crm").writes(), bench.system("books").writes());
    let all = compare(&bench);
    assert_eq!((all.same, all.counts), (3, [1, 1, 1, 0, 0]), "{all:?}");
    let [missing] = of(&all, Apart::Missing)[..] else { panic!("{all:?}") };
    assert_eq!(missing.things[0].as_ref().unwrap().remote_id, "x9");
    assert_eq!(missing.things[1], None);
    assert_eq!(missing.then.command, "nave sync books-contacts", "{}", missing.then.action);
    let [extra] = of(&all, Apart::Extra)[..] else { panic!("{all:?}") };
    assert_eq!(extra.things[1].as_ref().unwrap().remote_id, "y8");
    assert_eq!(extra.then.command, "nave sync crm-contacts", "{}", extra.then.action);
    let [differing] = of(&all, Apart::Differing)[..] else { panic!("{all:?}") };
    let [field] = &differing.fields[..] else { panic!("{differing:?}") };
    let (captain, pilot) = (Value::text("captain"), Value::text("pilot"));
    assert_eq!((field.field.as_str(), &field.left, &field.right, &field.canonical), ("job_title", &captain, &pilot, &captain));
    assert_eq!(field.then.command, "nave sync books-contacts", "{}", field.then.action);
    assert_eq!((bench.system("crm").writes(), bench.system("books").writes()), sent, "nothing is written");
    // What is proposed puts it right.
    bench.quiet().await;
    let all = compare(&bench);
    assert_eq!((all.same, all.apart()), (6, 0), "{all:?}");
}

/// An automation in the books sets a title whatever is written. Both agree for the hub, nothing is written because of it, and it is told; a
/// mere spelling is not.
async fn what_a_system_keeps_otherwise_is_told_and_writes_nothing(kind: Kind) {
    let bench = bench(kind, "").await;
    let set = |at: usize, title: &str| {
        bench.system("crm").edit("contacts", &format!("x{at}"), |body| body.put("title", Value::text(title)));
    };
    let in_books = |at: usize| {
        let state = bench.system("books").state.lock().unwrap();
        let first = Value::text(format!("P{at}"));
        state.things["contacts"].iter().find(|(_, thing)| thing.body.at("first") == Some(&first)).unwrap().0.clone()
    };
    for (at, kept) in [(0, "robot"), (1, "robot"), (2, "robot"), (3, "CAPTAIN")] {
        let insists = ((in_books(at), "title".to_owned()), kept.to_owned());
        bench.system("books").state.lock().unwrap().insists.extend([insists]);
        set(at, "captain");
    }
    assert_eq!(bench.engine.unknown_writers().unwrap(), []);
    bench.quiet().await;
    let all = compare(&bench);
    assert_eq!((all.same, all.apart()), (4, 0), "{all:?}");
    let [((1, field), known)] = &all.otherwise.iter().collect::<Vec<_>>()[..] else { panic!("{all:?}") };
    assert_eq!((field.as_str(), known.count, known.first.len()), ("job_title", 3, 3), "{known:?}");
    assert!(known.first.iter().all(|(_, written, kept)| (written, kept) == (&Value::text("captain"), &Value::text("robot"))));
    let [writer] = &bench.engine.unknown_writers().unwrap()[..] else { panic!("three times is no person's doing") };
    assert_eq!((writer.connection.as_str(), writer.field.as_str(), writer.count), ("books", "job_title", 3));
    let writes = bench.system("books").writes();
    bench.pass(7_200_000);
    bench.quiet().await;
    assert_eq!(bench.system("books").writes(), writes, "nobody fights over it");
    // What the automation does no more is gone with the next write.
    bench.system("books").state.lock().unwrap().insists.clear();
    (0..3).for_each(|at| set(at, "pilot"));
    bench.quiet().await;
    assert_eq!(compare(&bench).otherwise.len(), 0);
}

async fn what_a_filter_leaves_out_is_no_difference(kind: Kind) {
    let bench = bench(kind, "filter = \"first_name != 'P2'\"\n").await;
    let all = compare(&bench);
    assert_eq!((all.same, all.apart(), all.meant), (3, 0, 1), "{all:?}");
}

/// The day on which each of two systems first knew somebody is its own. Where both are only read, they are compared in everything.
async fn what_is_never_sent_is_no_difference(kind: Kind) {
    let since = "[[field]]\nremote = \"since\"\ncanonical = \"first_seen\"\ndirection = \"in\"\nin = \"date\"\n";
    let read_only = |text: String| {
        let text = text.replace("direction = \"both\"", "direction = \"in\"").replace("marker = \"marker\"\n", "");
        text.split("[flow.out]").map(|part| part.trim_start_matches("\nfreshness = \"5m\"\n")).collect::<String>()
    };
    for (only_read, counts) in [(false, 0), (true, 1)] {
        let of = |system: &str| {
            let text = mapping(system, "", "") + since;
            (format!("mappings/{system}-contacts.toml"), if only_read { read_only(text) } else { text })
        };
        let files = ["crm", "books"].map(of);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let systems = ["crm", "books"].map(|name| System::new(name, &["contacts"]));
        let bench = Bench::new(kind, systems.into(), &files);
        bench.approve_all().await;
        for (system, since) in [("crm", "2020-01-02"), ("books", "2021-03-04")] {
            let text = format!(r#"{{"first":"Ada","last":"Ek","email":"ada@x.test","title":"pilot","since":"{since}"}}"#);
            bench.system(system).create("contacts", &text);
        }
        bench.quiet().await;
        let all = compare(&bench);
        assert_eq!((all.things, all.counts[Apart::Differing as usize]), ([1, 1], counts), "only read: {only_read}: {all:?}");
    }
}

/// The title goes to the CRM and is only read in the books: that they have none is not to be mended, that they have another one is.
async fn what_a_system_takes_over_from_nobody_is_no_difference(kind: Kind) {
    let title = "remote = \"title\"\ncanonical = \"job_title\"\ndirection = \"both\"";
    let books = mapping("books", "", "").replace(title, &title.replace("both", "in"));
    assert!(books.contains("canonical = \"job_title\"\ndirection = \"in\""), "{books}");
    let files = [("mappings/crm-contacts.toml", mapping("crm", "", "")), ("mappings/books-contacts.toml", books)];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    person(&bench, "crm", "x0", 0);
    bench.quiet().await;
    let all = compare(&bench);
    assert_eq!((all.things, all.same, all.apart()), ([1, 1], 1, 0), "{all:?}");
    let books = bench.system("books");
    books.edit("contacts", &books.only_id("contacts"), |body| body.put("title", Value::text("captain")));
    bench.system("crm").edit("contacts", "x0", |body| body.put("title", Value::text("boss")));
    read(&bench, "books-contacts").await;
    read(&bench, "crm-contacts").await;
    assert_eq!(compare(&bench).counts, [0, 0, 1, 0, 0], "{:?}", compare(&bench));
}

async fn comparisons_are_kept_with_what_is_new_gone_and_still_there(kind: Kind) {
    let mut bench = bench(kind, "").await;
    let pair = Pair { left: "books".into(), right: "crm".into(), entity: "contact".into() };
    assert_eq!(bench.engine.pairs(), std::slice::from_ref(&pair));
    assert!(!bench.engine.compare_due(&pair).await.unwrap(), "the first in an hour");
    bench.pass(3_600_001);
    assert!(bench.engine.compare_due(&pair).await.unwrap());
    bench.engine.put_off_compare(&pair).await.unwrap();
    assert!(!bench.engine.compare_due(&pair).await.unwrap(), "the next in a week");
    let keep = async |bench: &Bench| {
        let compared = bench.engine.compare(["books", "crm"], "contact", 0).unwrap();
        assert!(compared.findings.is_empty());
        let kept = bench.engine.keep_compared(&pair, &compared, "hub").await.unwrap();
        (kept.apart(), kept.new, kept.gone, kept.still)
    };
    assert_eq!(keep(&bench).await, (0, 0, 0, 0));
    (10..17).for_each(|at| person(&bench, "crm", &format!("x{at}"), at));
    read(&bench, "crm-contacts").await;
    assert_eq!(keep(&bench).await, (7, 7, 0, 0));
    assert_eq!(bench.engine.kept_of(&pair).unwrap().unwrap().grew(5), Some(7), "that is told");
    bench.restart();
    person(&bench, "crm", "x20", 20);
    read(&bench, "crm-contacts").await;
    assert_eq!(keep(&bench).await, (8, 1, 0, 7));
    bench.quiet().await;
    assert_eq!(keep(&bench).await, (0, 0, 8, 0));
    let kept = bench.engine.kept_of(&pair).unwrap().unwrap();
    assert_eq!(kept.outcomes.iter().map(|outcome| outcome.apart()).collect::<Vec<_>>(), [0, 7, 8, 0]);
    bench.pass(7 * 86_400_000);
    assert!(bench.engine.compare_due(&pair).await.unwrap());
}
