//! What is deleted, doubled or outside the filter, as the mapping's policies say. Invariants attacked: I7, I11, I12, I14.

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_core::model::{DecisionChoice, Record, RecordId, RecordState, RemoteKey, Review, ReviewId};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    what_is_deleted_there_is_put_away_elsewhere,
    what_is_put_away_comes_back,
    what_a_system_calls_gone_once_it_is_put_away_is_not_forgotten,
    a_second_object_gone_does_not_archive,
    what_leaves_the_filter_is_put_away,
    who_is_outside_of_the_pilot_is_left_as_he_is,
    what_leaves_the_filter_is_deleted_if_a_person_agrees,
    duplicates_are_merged_if_a_person_agrees,
    what_the_system_cannot_merge_is_set_aside,
    duplicates_are_put_away,
    what_an_out_makes_up_is_written_with_the_create,
);

const SWITCH: &str = "archive = { active = false }\nrestore = { active = true }\n";

/// Contacts of a system; `head` and `out` are added to the file and to its `[flow.out]`.
pub(crate) fn mapping(system: &str, head: &str, out: &str) -> String {
    let field = |remote: &str, canonical: &str| {
        format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n")
    };
    format!(
        "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"marker\"\n{head}\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n{out}\n{}{}{}{}",
        field("first", "first_name"),
        field("last", "last_name"),
        field("email", "email"),
        field("title", "job_title"),
    )
}

pub(crate) async fn bench(kind: Kind, systems: &[(&str, &str, &str)]) -> Bench {
    let files: Vec<(String, String)> =
        systems.iter().map(|(name, head, out)| (format!("mappings/{name}-contacts.toml"), mapping(name, head, out))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let systems = systems.iter().map(|(name, ..)| {
        let mut system = System::new(name, &["contacts"]);
        // What is gone is noticed.
        system.capabilities.changes = ChangeDetection::FullScan;
        system
    });
    let bench = Bench::new(kind, systems.collect(), &files);
    bench.approve_all().await;
    bench
}

pub(crate) const ADA: &str = r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test","title":"pilot"}"#;

pub(crate) fn only_record(bench: &Bench) -> Record {
    let mut all = bench.store.records_after(RecordId(0), 100).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn open_reviews(bench: &Bench) -> Vec<Review> {
    bench.store.reviews(true, ReviewId(0), 100).unwrap()
}

/// Another round changes nothing anywhere.
pub(crate) async fn check_quiet(bench: &Bench) {
    let before: Vec<usize> = bench.systems.values().map(System::writes).collect();
    bench.quiet().await;
    bench.quiet().await;
    assert_eq!(bench.systems.values().map(System::writes).collect::<Vec<_>>(), before, "a second sync writes nothing");
}

/// A scan misses something, and a second one misses it again: only then it is gone (I11).
pub(crate) async fn missed(bench: &Bench) {
    bench.quiet().await;
    bench.quiet().await;
}

pub(crate) fn set(system: &System, id: &str, path: &str, value: Value) {
    system.edit("contacts", id, |body| body.put(path, value));
}

async fn what_is_deleted_there_is_put_away_elsewhere(kind: Kind) {
    let bench = bench(kind, &[("drop", "delete = \"archive\"", ""), ("erp", SWITCH, ""), ("files", "", "")]).await;
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    let (erp, files) = (bench.system("erp").only_id("contacts"), bench.system("files").only_id("contacts"));
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "", "nothing is put away that is in use");
    let writes = bench.system("files").writes();
    bench.system("drop").delete("contacts", &id);
    missed(&bench).await;
    let record = only_record(&bench);
    assert_eq!(record.state, RecordState::Archived);
    assert_eq!(record.value("email").map(Value::display).as_deref(), Some("ada@x.test"), "it keeps what it held");
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "no");
    assert_eq!(bench.system("erp").at("contacts", &erp, "first"), "Ada");
    assert_eq!(bench.system("files").at("contacts", &files, "active"), "", "a mapping without `archive` leaves it");
    assert_eq!(bench.system("files").writes(), writes);
    assert_eq!(open_reviews(&bench).len(), 0);
    // What is archived is not kept in step any more.
    set(bench.system("files"), &files, "first", Value::text("Augusta"));
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &erp, "first"), "Ada");
    check_quiet(&bench).await;
}

async fn what_is_put_away_comes_back(kind: Kind) {
    let bench = bench(kind, &[("drop", "delete = \"archive\"", ""), ("erp", SWITCH, "")]).await;
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    let erp = bench.system("erp").only_id("contacts");
    let thing = bench.system("drop").state.lock().unwrap().things["contacts"][&id].clone();
    let put_away = async || {
        bench.system("drop").delete("contacts", &id);
        missed(&bench).await;
        assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "no");
        assert_eq!(only_record(&bench).state, RecordState::Archived);
    };
    // It is there again.
    put_away().await;
    bench.system("drop").state.lock().unwrap().things.get_mut("contacts").unwrap().insert(id.clone(), thing);
    bench.quiet().await;
    assert_eq!(only_record(&bench).state, RecordState::Active);
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "yes");
    check_quiet(&bench).await;
    // Somebody puts it in use again where it was put away: that is heard, not fought.
    put_away().await;
    set(bench.system("erp"), &erp, "active", Value::Bool(true));
    bench.quiet().await;
    assert_eq!(only_record(&bench).state, RecordState::Active);
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "yes");
    assert_eq!(bench.system("drop").at("contacts", &id, "first"), "gone", "nothing is resurrected");
    check_quiet(&bench).await;
}

/// A system that says of what is put away that it is gone, and takes no writes to it (Xero): the record is wanted there again,
/// and somebody has to know (I4).
async fn what_a_system_calls_gone_once_it_is_put_away_is_not_forgotten(kind: Kind) {
    let bench = bench(kind, &[("drop", "delete = \"archive\"", ""), ("erp", SWITCH, "")]).await;
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    let thing = |system: &str, id: &str| bench.system(system).state.lock().unwrap().things["contacts"][id].clone();
    let back = |system: &str, id: &str, thing| {
        bench.system(system).state.lock().unwrap().things.get_mut("contacts").unwrap().insert(id.to_owned(), thing)
    };
    let (erp, ada) = (bench.system("erp").only_id("contacts"), thing("drop", &id));
    bench.system("drop").delete("contacts", &id);
    missed(&bench).await;
    let away = thing("erp", &erp);
    bench.system("erp").delete("contacts", &erp);
    missed(&bench).await;
    assert_eq!(only_record(&bench).state, RecordState::Archived, "it was put away, not deleted");
    back("drop", &id, ada);
    bench.quiet().await;
    assert_eq!(only_record(&bench).state, RecordState::Active);
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].message.contains("put away in erp"), "{}", letters[0].message);
    check_quiet(&bench).await;
    // Somebody restores it there by hand.
    back("erp", &erp, away);
    set(bench.system("erp"), &erp, "active", Value::Bool(true));
    bench.quiet().await;
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    set(bench.system("drop"), &id, "title", Value::text("boss"));
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &erp, "title"), "boss");
    only_record(&bench);
    check_quiet(&bench).await;
}

async fn a_second_object_gone_does_not_archive(kind: Kind) {
    let bench = bench(kind, &[("drop", "delete = \"archive\"", ""), ("erp", SWITCH, "")]).await;
    bench.system("drop").create("contacts", ADA);
    let second = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    bench.system("drop").delete("contacts", &second);
    missed(&bench).await;
    assert_eq!(only_record(&bench).state, RecordState::Active, "it is still there once");
    let erp = bench.system("erp").only_id("contacts");
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "");
    check_quiet(&bench).await;
}

const PILOT: &str = "filter = \"job_title = pilot\"\n";

async fn who_is_outside_of_the_pilot_is_left_as_he_is(kind: Kind) {
    const PILOT: &str = "pilot = \"job_title = pilot\"\non-leave = \"archive\"\nfilter = \"first_name != Nobody\"";
    let mut bench = bench(kind, &[("drop", "", ""), ("erp", SWITCH, PILOT)]).await;
    let ada = bench.system("drop").create("contacts", ADA);
    bench.system("drop").create("contacts", r#"{"first":"Bea","last":"Ek","email":"bea@x.test","title":"cook"}"#);
    bench.quiet().await;
    assert_eq!(bench.system("erp").dump("contacts").len(), 1, "Ada alone");
    let erp = bench.system("erp").only_id("contacts");
    // Who leaves it is not put away, as one who leaves the filter is; what he becomes is not told.
    set(bench.system("drop"), &ada, "title", Value::text("cook"));
    set(bench.system("drop"), &ada, "first", Value::text("Augusta"));
    bench.quiet().await;
    let at = |bench: &Bench, path: &str| bench.system("erp").at("contacts", &erp, path);
    assert_eq!((at(&bench, "title"), at(&bench, "first"), at(&bench, "active")), ("pilot".into(), "Ada".into(), String::new()));
    // It is made wider: the others follow, and what is equal is not written again.
    let wider = [("drop", mapping("drop", "", "")), ("erp", mapping("erp", SWITCH, "pilot-percent = 100"))];
    let files = wider.map(|(system, text)| (format!("mappings/{system}-contacts.toml"), text));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    bench.configure(&files);
    bench.approve_all().await;
    let before = bench.system("erp").writes();
    bench.quiet().await;
    assert_eq!((at(&bench, "title"), at(&bench, "first")), ("cook".into(), "Augusta".into()));
    assert_eq!((bench.system("erp").dump("contacts").len(), bench.system("erp").writes() - before), (2, 2));
    check_quiet(&bench).await;
}

async fn what_leaves_the_filter_is_put_away(kind: Kind) {
    let out = format!("{PILOT}on-leave = \"archive\"");
    let bench = bench(kind, &[("drop", "", ""), ("erp", SWITCH, &out)]).await;
    // The ERP has one of its own, that was never in the pilot: nobody puts that away.
    let own = bench.system("erp").create("contacts", r#"{"first":"Bob","last":"B","email":"bob@x.test","title":"boss"}"#);
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    let made = || {
        let state = bench.system("erp").state.lock().unwrap();
        state.things["contacts"].keys().find(|key| **key != own).unwrap().clone()
    };
    let erp = made();
    let active = || (bench.system("erp").at("contacts", &erp, "active"), bench.system("erp").at("contacts", &own, "active"));
    set(bench.system("drop"), &id, "title", Value::text("clerk"));
    bench.quiet().await;
    assert_eq!(active(), ("no".into(), String::new()));
    assert_eq!(bench.system("erp").at("contacts", &erp, "title"), "pilot", "outside the filter nothing else is sent");
    check_quiet(&bench).await;
    // Drift: put in use there although it is outside; the flow puts it away again.
    set(bench.system("erp"), &erp, "active", Value::Bool(true));
    bench.quiet().await;
    assert_eq!(active().0, "no");
    set(bench.system("drop"), &id, "title", Value::text("pilot"));
    bench.quiet().await;
    assert_eq!(active(), ("yes".into(), String::new()));
    check_quiet(&bench).await;
}

async fn what_leaves_the_filter_is_deleted_if_a_person_agrees(kind: Kind) {
    let out = format!("{PILOT}on-leave = \"delete\"");
    let bench = bench(kind, &[("drop", "", ""), ("erp", "", &out)]).await;
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    let erp = bench.system("erp").only_id("contacts");
    set(bench.system("erp"), &erp, "first", Value::text("Augusta"));
    bench.quiet().await;
    set(bench.system("drop"), &id, "title", Value::text("clerk"));
    check_asked(&bench, "Augusta Lovelace no longer belongs into erp: delete it there?", &erp).await;
    let review = open_reviews(&bench).remove(0);
    // The record changes while the question waits: what was agreed to was another record.
    bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "not a customer").await.unwrap();
    set(bench.system("drop"), &id, "last", Value::text("King"));
    check_asked(&bench, "Augusta King no longer belongs into erp: delete it there?", &erp).await;
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "still not").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &erp, "first"), "gone");
    assert_eq!(only_record(&bench).state, RecordState::Active);
    assert_eq!(bench.system("drop").at("contacts", &id, "first"), "Augusta", "what the ERP said stays said");
    check_quiet(&bench).await;
    // Back in the filter it is made again; when it leaves once more, a person is asked once more.
    set(bench.system("drop"), &id, "title", Value::text("pilot"));
    bench.quiet().await;
    let again = bench.system("erp").only_id("contacts");
    assert_eq!(bench.system("erp").at("contacts", &again, "first"), "Augusta");
    set(bench.system("drop"), &id, "title", Value::text("clerk"));
    check_asked(&bench, "Augusta King no longer belongs into erp: delete it there?", &again).await;
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Refuse, "vera", "she is a friend").await.unwrap();
    bench.quiet().await;
    set(bench.system("drop"), &id, "last", Value::text("Byron"));
    bench.quiet().await;
    assert_eq!(open_reviews(&bench).len(), 0, "a refusal is not asked again (I12)");
    assert_eq!(bench.system("erp").at("contacts", &again, "last"), "King");
    check_quiet(&bench).await;
}

/// One review with these words is open, and nothing is removed before it is answered.
async fn check_asked(bench: &Bench, title: &str, erp: &str) {
    bench.quiet().await;
    let deletes = |bench: &Bench| bench.system("erp").state.lock().unwrap().writes.iter().filter(|w| !w.contains("ate")).count();
    let before = deletes(bench);
    bench.quiet().await;
    let open: Vec<String> = open_reviews(bench).into_iter().map(|review| review.title).collect();
    assert_eq!(open, [title]);
    assert!(!bench.system("erp").at("contacts", erp, "email").is_empty());
    assert_ne!(bench.system("erp").at("contacts", erp, "email"), "gone");
    assert_eq!(deletes(bench), before);
}

async fn duplicates_are_merged_if_a_person_agrees(kind: Kind) {
    let bench = bench(kind, &[("drop", "", ""), ("erp", "duplicates = \"merge\"", "")]).await;
    let one = bench.system("erp").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test"}"#);
    let two = bench.system("erp").create("contacts", ADA);
    let title = format!("Ada Lovelace is there twice in erp: merge {two} into {one}?");
    check_asked(&bench, &title, &two).await;
    assert_eq!(bench.system("erp").at("contacts", &one, "title"), "pilot", "the first gets the record's values meanwhile");
    // Its answer gets lost: looked up, not repeated.
    bench.system("erp").fault(Fault::LostAnswer);
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "the same person").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &two, "first"), format!("merged into {one}"));
    let merges = bench.system("erp").state.lock().unwrap().writes.iter().filter(|write| write.starts_with("Merge")).count();
    assert_eq!(merges, 1);
    let record = only_record(&bench);
    assert_eq!(record.value("job_title").map(Value::display).as_deref(), Some("pilot"), "what the second said stays said");
    let key = RemoteKey::new("erp", "contacts", one);
    let first = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    assert_eq!(record.fields.get("job_title").unwrap().winner, first);
    assert_eq!(open_reviews(&bench).len(), 0);
    check_quiet(&bench).await;
}

/// Nobody is asked for what cannot be done, and it does not wait for ever without a word (I4).
async fn what_the_system_cannot_merge_is_set_aside(kind: Kind) {
    let mut bench = bench(kind, &[("drop", "", ""), ("erp", "duplicates = \"merge\"", "")]).await;
    bench.systems.get_mut("erp").unwrap().capabilities.mergeable = false;
    bench.restart();
    bench.system("erp").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test"}"#);
    bench.system("erp").create("contacts", ADA);
    bench.quiet().await;
    assert_eq!(open_reviews(&bench), []);
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].message.contains("erp says that it merges nothing"), "{}", letters[0].message);
    assert_eq!(bench.store.dirty_count("erp-contacts").unwrap(), 0, "nothing waits");
    check_quiet(&bench).await;
}

async fn duplicates_are_put_away(kind: Kind) {
    let head = format!("{SWITCH}duplicates = \"archive\"");
    let bench = bench(kind, &[("drop", "", ""), ("erp", &head, "")]).await;
    let one = bench.system("erp").create("contacts", ADA);
    let two = bench.system("erp").create("contacts", ADA);
    bench.quiet().await;
    let active = || [&one, &two].map(|id| bench.system("erp").at("contacts", id, "active"));
    assert_eq!(active(), ["", "no"]);
    assert_eq!(bench.system("erp").writes(), 1);
    let id = bench.system("drop").only_id("contacts");
    bench.system("drop").state.lock().unwrap().clock = 2_000_000;
    set(bench.system("drop"), &id, "first", Value::text("Augusta"));
    bench.quiet().await;
    assert_eq!([&one, &two].map(|id| bench.system("erp").at("contacts", id, "first")), ["Augusta", "Ada"]);
    check_quiet(&bench).await;
    // The first one goes: the second takes its place, and is in use again.
    bench.system("erp").delete("contacts", &one);
    missed(&bench).await;
    assert_eq!(active(), ["gone", "yes"]);
    assert_eq!(bench.system("erp").at("contacts", &two, "first"), "Augusta");
    check_quiet(&bench).await;
}

/// A default in `out` is written once, when the thing is made, and never comes back as somebody's opinion.
async fn what_an_out_makes_up_is_written_with_the_create(kind: Kind) {
    let title = "canonical = \"job_title\"\ndirection = \"both\"\n";
    let made_up = mapping("erp", "", "").replace(title, &format!("{title}out = \"job_title | default('unknown')\"\n"));
    let systems = vec![System::new("drop", &["contacts"]), System::new("erp", &["contacts"])];
    let files = [("mappings/drop-contacts.toml", &*mapping("drop", "", "")), ("mappings/erp-contacts.toml", made_up.as_str())];
    let bench = Bench::new(kind, systems, &files);
    bench.approve_all().await;
    let id = bench.system("drop").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test"}"#);
    bench.quiet().await;
    let erp = bench.system("erp").only_id("contacts");
    assert_eq!(bench.system("erp").at("contacts", &erp, "title"), "unknown");
    assert_eq!(only_record(&bench).value("job_title"), None);
    assert_eq!(bench.system("drop").at("contacts", &id, "title"), "", "it is nobody's opinion");
    check_quiet(&bench).await;
    set(bench.system("drop"), &id, "title", Value::text("pilot"));
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &erp, "title"), "pilot");
}
