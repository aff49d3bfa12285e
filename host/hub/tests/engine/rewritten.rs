//! Something over there writes another value right after the hub's write, and the read-back shows it: that system's word, never its
//! spelling of what was sent. Invariants attacked: I4, I5, I14.

use nave_core::Value;
use nave_hub::engine::compare::Apart;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, open_reviews, set};
use super::system::System;

on_both_stores!(
    what_is_rewritten_at_once_is_that_systems_word,
    what_another_one_owns_is_still_to_be_written_and_then_a_persons,
    what_does_it_each_time_is_an_unknown_writer,
    a_spelling_of_what_was_sent_is_none,
);

const OWNED: &str = "[fields.phone]\nsurvivorship = { owner = \"erp\" }\nbecause = \"accounts call\"\n";
const SENT: &str = "+46705550001";
const THERE: &str = "+46 8 111 22 33";

/// So many people in both, without phones; who owns phones.
async fn bench(kind: Kind, people: usize, owned: &str) -> Bench {
    let phone =
        "[[field]]\nremote = \"phone\"\ncanonical = \"phone\"\ndirection = \"both\"\nin = \"phone\"\nbecause = \"anywhere\"\n";
    let mut files: Vec<(String, String)> = ["crm", "erp"]
        .map(|name| (format!("mappings/{name}-contacts.toml"), super::policies::mapping(name, "", "") + phone))
        .into();
    if !owned.is_empty() {
        files.push(("entities/contact.toml".into(), owned.into()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "erp"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    for at in 0..people {
        let text = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot","phone":"+4670000000{at}"}}"#);
        bench.system("erp").create_as("contacts", &format!("e{at}"), &text);
    }
    bench.quiet().await;
    bench
}

/// The id of a person in the CRM.
fn in_crm(bench: &Bench, at: usize) -> String {
    let state = bench.system("crm").state.lock().unwrap();
    let first = Value::text(format!("P{at}"));
    state.things["contacts"].iter().find(|(_, thing)| thing.body.at("first") == Some(&first)).unwrap().0.clone()
}

/// An automation in the CRM sets this whatever is written to the person.
fn insists(bench: &Bench, at: usize, path: &str, value: &str) {
    let key = (in_crm(bench, at), path.to_owned());
    bench.system("crm").state.lock().unwrap().insists.insert(key, value.to_owned());
}

fn phones(bench: &Bench, at: usize) -> [String; 3] {
    let crm = in_crm(bench, at);
    let key = nave_core::model::RemoteKey::new("crm", "contacts", crm.as_str());
    let record = bench.engine.record_of(&key).unwrap().unwrap();
    let record = bench.store.records(&[record]).unwrap().pop().flatten().unwrap();
    let shown = |system: &str, id: &str| bench.system(system).at("contacts", id, "phone");
    [record.value("phone").map_or_else(String::new, Value::display), shown("crm", &crm), shown("erp", &format!("e{at}"))]
}

fn near_misses(bench: &Bench) -> u64 {
    bench.engine.meters()["crm-contacts"].near_misses
}

async fn what_is_rewritten_at_once_is_that_systems_word(kind: Kind) {
    let bench = bench(kind, 1, "").await;
    insists(&bench, 0, "phone", THERE);
    set(bench.system("erp"), "e0", "phone", Value::text(SENT));
    bench.quiet().await;
    assert_eq!(phones(&bench, 0), ["+4681112233", THERE, "+4681112233"], "an edit there like any other");
    assert_eq!(near_misses(&bench), 1);
    check_quiet(&bench).await;
}

async fn what_another_one_owns_is_still_to_be_written_and_then_a_persons(kind: Kind) {
    let bench = bench(kind, 1, OWNED).await;
    insists(&bench, 0, "phone", THERE);
    let before = bench.system("crm").writes();
    set(bench.system("erp"), "e0", "phone", Value::text(SENT));
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(phones(&bench, 0), [SENT, THERE, SENT]);
    assert_eq!((bench.system("crm").writes() - before, near_misses(&bench)), (1, 1), "not fought over within a run");
    let parked = bench.store.parked("crm-contacts").unwrap();
    assert!(parked.len() == 1 && parked[0].reason.contains("`phone` is another value at once"), "{parked:?}");
    let compared = bench.engine.compare(["crm", "erp"], "contact", 10).unwrap();
    let fields: Vec<_> = compared.findings.iter().filter(|found| found.apart == Apart::Differing).collect();
    assert!(fields.len() == 1 && fields[0].fields[0].field == "phone", "{compared:?}");
    for _ in 0..8 {
        bench.pass(7_200_000);
        bench.round().await;
    }
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert!(letters.len() == 1 && letters[0].message.contains("`phone` is there as it was before"), "{letters:?}");
    let tried = bench.system("crm").writes() - before;
    assert!((2..=6).contains(&tried), "{tried}");
    bench.pass(7_200_000);
    bench.round().await;
    assert_eq!((bench.system("crm").writes() - before, open_reviews(&bench).len()), (tried, 0), "it ends by itself");
    // The automation is off: what waits for a person goes when that person says so.
    bench.system("crm").state.lock().unwrap().insists.clear();
    set(bench.system("erp"), "e0", "phone", Value::text("+46705550002"));
    bench.quiet().await;
    assert_eq!(phones(&bench, 0), ["+46705550002"; 3]);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
}

async fn what_does_it_each_time_is_an_unknown_writer(kind: Kind) {
    let bench = bench(kind, 9, "").await;
    for at in 0..9 {
        insists(&bench, at, "phone", THERE);
        set(bench.system("erp"), &format!("e{at}"), "phone", Value::text(format!("+4670555000{at}")));
    }
    bench.pass(3_600_000);
    bench.round().await;
    let found = bench.engine.unknown_writers().unwrap();
    let [writer] = &found[..] else { panic!("{found:?}") };
    assert_eq!((writer.connection.as_str(), writer.field.as_str(), writer.count), ("crm", "phone", 9));
    assert_eq!(near_misses(&bench), 9);
}

async fn a_spelling_of_what_was_sent_is_none(kind: Kind) {
    let bench = bench(kind, 1, "").await;
    for (path, sent, there) in [
        ("phone", SENT, "+46 70 555 00 01"),
        ("last", "Müller-Lüdenscheid", "MULLER-LUD"),
        ("title", "Sales & Service", "Sales &amp; Service"),
    ] {
        insists(&bench, 0, path, there);
        set(bench.system("erp"), "e0", path, Value::text(sent));
        bench.quiet().await;
        let held = (bench.system("erp").at("contacts", "e0", path), bench.system("crm").at("contacts", &in_crm(&bench, 0), path));
        assert_eq!((held.0.as_str(), held.1.as_str()), (sent, there));
    }
    assert_eq!(near_misses(&bench), 0);
    check_quiet(&bench).await;
}
