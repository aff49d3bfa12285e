//! A list whose elements are things of their own over there: the ERP keeps each phone in a stream, with its contact's id.
//! Attacked: I1 (a checkpoint per stream), I4, I5, I6, I7, I11, I14, I15 for children, on both stores.

use nave_core::Value;
use nave_core::accounting::{Counts, InCounts};
use nave_core::catalog::{ChangeDetection, DeleteDetection};
use nave_core::model::{RemoteKey, Run};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    there_and_back,
    nothing_is_written_before_the_children_were_read,
    a_fault_at_any_step_changes_nothing_in_the_end,
    a_lost_step_that_is_read_before_it_is_found_is_settled,
    a_refused_step_leaves_the_others_done,
    a_step_that_waits_holds_the_place_of_the_next,
    both_sides_edited_at_once,
    deleted_on_either_side,
    a_child_that_goes_while_it_is_written,
    a_child_that_changes_while_it_is_written,
    a_child_before_its_parent,
    a_parent_that_comes_after_its_children,
    a_child_moves_to_another_parent,
    a_child_that_cannot_be_mapped_is_set_aside,
    children_that_do_not_fit_are_told_and_kept,
    many_vanished_children_are_held,
    a_child_that_two_scans_miss,
    a_child_that_cannot_be_asked_for_is_not_written,
);

const CRM: &str = r#"
connection = "crm"
stream = "contacts"
entity = "contact"
steward = "ops"
marker = "marker"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "last"
canonical = "last_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
[[list]]
remote = "phones"
canonical = "phones"
direction = "both"
id = "id"
because = "people add phones anywhere"
[[list.field]]
remote = "value"
canonical = "number"
"#;

const ERP: &str = r#"
connection = "erp"
stream = "contacts"
entity = "contact"
steward = "ops"
marker = "marker"
[flow.in]
freshness = "1h"
filter = "not hidden"
[flow.out]
freshness = "5m"
[[field]]
remote = "last"
canonical = "last_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
[[part]]
stream = "phones"
parent = "contact"
canonical = "phones"
direction = "both"
only = { type = "phone" }
because = "people add phones anywhere"
[[part.field]]
remote = "value"
canonical = "number"
in = "phone"
"#;

fn bench_of(kind: Kind, erp: System, mapping: &str) -> Bench {
    let systems = vec![System::new("crm", &["contacts"]), erp];
    Bench::new(kind, systems, &[("mappings/crm-contacts.toml", CRM), ("mappings/erp-contacts.toml", mapping)])
}

fn erp() -> System {
    let mut erp = System::new("erp", &["contacts", "phones"]);
    erp.capabilities.searchable.push("contact".into());
    erp
}

pub(crate) fn bench(kind: Kind) -> Bench {
    bench_of(kind, erp(), ERP)
}

pub(crate) const ADA: &str =
    r#"{"last":"Lovelace","email":"ada@acme.test","phones":[{"value":"+4930111"},{"value":"+4930222"}]}"#;

pub(crate) async fn synced(bench: &Bench) {
    bench.round().await;
    bench.approve_all().await;
    bench.quiet().await;
}

/// Phones in the ERP: whose they are (by last name), and the number.
pub(crate) fn erp_phones(bench: &Bench) -> Vec<String> {
    let state = bench.system("erp").state.lock().unwrap();
    let name = |id: &str| state.things["contacts"].get(id).map_or("nobody".into(), |c| c.body.at("last").unwrap().display());
    let mut found: Vec<String> = state.things["phones"]
        .values()
        .map(|phone| {
            let of = phone.body.at("contact").map(Value::display).unwrap_or_default();
            format!("{} {}", name(&of), phone.body.at("value").unwrap().display())
        })
        .collect();
    found.sort();
    found
}

/// Phones in the CRM, the same way.
fn crm_phones(bench: &Bench) -> Vec<String> {
    let state = bench.system("crm").state.lock().unwrap();
    let mut found = Vec::new();
    for contact in state.things["contacts"].values() {
        let Some(Value::List(phones)) = contact.body.at("phones") else { continue };
        let name = contact.body.at("last").unwrap().display();
        found.extend(phones.iter().map(|phone| format!("{name} {}", phone.at("value").unwrap().display())));
    }
    found.sort();
    found
}

/// Both systems hold these, and a second sync finds nothing to write or to learn.
#[track_caller]
fn check(bench: &Bench, expected: &[&str]) {
    assert_eq!(erp_phones(bench), expected, "in the ERP");
    assert_eq!(crm_phones(bench), expected, "in the CRM");
    assert_eq!(bench.system("erp").state.lock().unwrap().broken_keys, 0, "a key always carries the same bytes (I6)");
}

/// Syncs once more, everything read anew: nothing is written.
async fn nothing_more(bench: &Bench) {
    let before = (bench.system("crm").writes(), bench.system("erp").writes());
    bench.pass(3_600_000);
    for flow in ["crm-contacts", "erp-contacts"] {
        let run = bench.engine.run_in(flow, true).await.unwrap();
        assert!(run.counts.balances(), "{run:?}");
    }
    bench.round().await;
    assert_eq!((bench.system("crm").writes(), bench.system("erp").writes()), before, "nothing is left to write");
}

fn edit_phone(bench: &Bench, number: &str, to: &str) {
    let id = phone_id(bench, number);
    bench.system("erp").edit("phones", &id, |body| body.put("value", Value::text(to)));
}

fn phone_id(bench: &Bench, number: &str) -> String {
    let state = bench.system("erp").state.lock().unwrap();
    let found = state.things["phones"].iter().find(|(_, phone)| phone.body.at("value").unwrap().display() == number);
    found.unwrap_or_else(|| panic!("no {number} in the ERP")).0.clone()
}

fn contact_id(bench: &Bench, system: &str, last: &str) -> String {
    let state = bench.system(system).state.lock().unwrap();
    let found = state.things["contacts"].iter().find(|(_, thing)| thing.body.at("last").unwrap().display() == last);
    found.unwrap_or_else(|| panic!("no {last} in {system}")).0.clone()
}

fn edit_crm(bench: &Bench, change: impl FnOnce(&mut Vec<Value>)) {
    let id = contact_id(bench, "crm", "Lovelace");
    bench.system("crm").edit("contacts", &id, |body| {
        if let Value::Object(map) = body
            && let Some(Value::List(list)) = map.get_mut("phones")
        {
            change(list);
        }
    });
}

fn number(text: &str) -> Value {
    Value::Object([("value", Value::text(text))].into())
}

fn in_counts(run: &Run) -> InCounts {
    let Counts::In(counts) = run.counts else { panic!("{run:?}") };
    counts
}

async fn there_and_back(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930222"]);
    assert_eq!(bench.system("erp").writes(), 3, "the contact first, then each phone by itself");
    let first = bench.system("erp").state.lock().unwrap().writes[0].clone();
    assert!(first.starts_with("Create e"), "{first}");
    assert_eq!(bench.system("crm").writes(), 0);
    let kinds: Vec<String> = bench.system("erp").dump("phones");
    assert!(kinds.iter().all(|phone| phone.contains(r#""type":"phone""#)), "{kinds:?}");

    // What the hub wrote is nobody's opinion.
    let key = RemoteKey::new("erp", "contacts", contact_id(&bench, "erp", "Lovelace"));
    let row = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    let row = bench.store.contributions(&[row]).unwrap().pop().unwrap().unwrap();
    assert!(row.claims.is_empty(), "{:?}", row.claims);
    assert_eq!(row.elements["phones"].len(), 2, "each element is tied to its child");

    // And back: one corrected, one more, spelled in the ERP's own way.
    edit_phone(&bench, "+4930222", "+4930333");
    let contact = contact_id(&bench, "erp", "Lovelace");
    bench.system("erp").create("phones", &format!(r#"{{"contact":"{contact}","type":"phone","value":"+49 30 444"}}"#));
    bench.system("erp").create("phones", &format!(r#"{{"contact":"{contact}","type":"fax","value":"+49 30 999"}}"#));
    bench.quiet().await;
    assert_eq!(crm_phones(&bench), ["Lovelace +4930111", "Lovelace +4930333", "Lovelace +4930444"]);
    assert_eq!(
        erp_phones(&bench),
        ["Lovelace +49 30 444", "Lovelace +49 30 999", "Lovelace +4930111", "Lovelace +4930333"],
        "the fax is not ours; a spelling is no difference (I7)"
    );
    assert_eq!(bench.system("erp").writes(), 3);
    nothing_more(&bench).await;
}

async fn nothing_is_written_before_the_children_were_read(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    let erp = bench.system("erp").create("contacts", r#"{"last":"Lovelace","email":"ada@acme.test"}"#);
    bench.system("erp").create("phones", &format!(r#"{{"contact":"{erp}","type":"phone","value":"+4930111"}}"#));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench.system("erp").state.lock().unwrap().unreadable.insert("phones".into());
    let run = bench.engine.run_in("erp-contacts", false).await.unwrap();
    assert_eq!(run.status, nave_core::model::RunStatus::Failed, "{run:?}");
    bench.approve_all().await;
    let run = bench.engine.run_out("erp-contacts").await.unwrap();
    assert!(run.counts.balances(), "{run:?}");
    assert_eq!(bench.system("erp").writes(), 0, "who knows what is there already?");
    assert_eq!(bench.store.dirty_count("erp-contacts").unwrap(), 1, "it is compared again (I4)");
    bench.system("erp").state.lock().unwrap().unreadable.clear();
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930222"]);
    assert_eq!(bench.system("erp").writes(), 1, "only the phone that was missing");
    nothing_more(&bench).await;
}

/// The final state with a fault at one of three writes is the state without one, and nothing is there twice.
async fn a_fault_at_any_step_changes_nothing_in_the_end(kind: Kind) {
    let marked = ERP.replace("parent = \"contact\"", "parent = \"contact\"\nmarker = \"marker\"");
    for mapping in [ERP, marked.as_str()] {
        for at in 0..3 {
            for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Down, Fault::Hang] {
                let mut bench = bench_of(kind, erp(), mapping);
                bench.system("crm").create("contacts", ADA);
                bench.round().await;
                bench.approve_all().await;
                for _ in 0..at {
                    bench.system("erp").fault(Fault::Nothing);
                }
                bench.system("erp").fault(fault);
                if fault == Fault::Hang {
                    let round = tokio::time::timeout(std::time::Duration::from_millis(300), bench.round()).await;
                    assert!(round.is_err(), "the write was to hang");
                    bench.restart();
                } else {
                    bench.round().await;
                }
                bench.quiet().await;
                assert_eq!(bench.system("erp").dump("contacts").len(), 1, "{fault:?} at {at}");
                check(&bench, &["Lovelace +4930111", "Lovelace +4930222"]);
                nothing_more(&bench).await;
            }
        }
    }
}

/// The new phone is in the list before it can be searched for: it is taken for ours, and nothing waits any longer.
async fn a_lost_step_that_is_read_before_it_is_found_is_settled(kind: Kind) {
    let mut system = erp();
    system.capabilities.read_lag_ms = 7_200_000;
    let bench = bench_of(kind, system, ERP);
    bench.system("crm").create("contacts", ADA);
    bench.round().await;
    bench.approve_all().await;
    bench.system("erp").fault(Fault::Nothing);
    bench.system("erp").fault(Fault::LostAnswer);
    bench.system("erp").state.lock().unwrap().search_lags = true;
    bench.round().await;
    assert_eq!(bench.store.intents("erp-contacts").unwrap().len(), 1, "one answer was lost");
    assert_eq!(bench.system("erp").writes(), 2, "and nothing is sent on top of it (I6)");
    bench.round().await;
    assert_eq!(bench.store.intents("erp-contacts").unwrap().len(), 0);
    assert_eq!(bench.store.parked("erp-contacts").unwrap().len(), 0, "nothing waits");
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930222"]);
    nothing_more(&bench).await;
}

async fn a_refused_step_leaves_the_others_done(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    bench.round().await;
    bench.approve_all().await;
    bench.system("erp").fault(Fault::Nothing);
    bench.system("erp").fault(Fault::Refuse);
    bench.quiet().await;
    assert_eq!(erp_phones(&bench), ["Lovelace +4930222"], "the contact and the other phone are there");
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].message.as_str(), letters[0].field.as_deref()), ("phones: no, thank you", Some("phones")));
    // Two are refused in one delivery: both are told.
    edit_crm(&bench, |phones| phones.push(number("+4930333")));
    bench.system("erp").fault(Fault::Refuse);
    bench.system("erp").fault(Fault::Refuse);
    bench.quiet().await;
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].message, "phones: no, thank you; phones: no, thank you");
    // It is tried again when the record changes, and then nothing is set aside any more.
    edit_crm(&bench, |phones| phones.push(number("+4930444")));
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930222", "Lovelace +4930333", "Lovelace +4930444"]);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 0, "it is in order now");
    nothing_more(&bench).await;
}

async fn a_step_that_waits_holds_the_place_of_the_next(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    bench.round().await;
    bench.approve_all().await;
    bench.system("erp").fault(Fault::Nothing);
    bench.system("erp").fault(Fault::Wait);
    bench.round().await;
    assert_eq!(erp_phones(&bench), [""; 0], "the first phone waits, and the second with it");
    assert_eq!(bench.store.parked("erp-contacts").unwrap().len(), 1);
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930222"]);
    assert_eq!(bench.store.parked("erp-contacts").unwrap().len(), 0);
}

async fn both_sides_edited_at_once(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    // Another phone on each side, a new one on each, and one on both: the later edit wins.
    bench.system("crm").state.lock().unwrap().clock = 2_000_000;
    bench.system("erp").state.lock().unwrap().clock = 3_000_000;
    edit_crm(&bench, |phones| {
        phones[0].put("value", Value::text("+4930100"));
        phones[1].put("value", Value::text("+4930200"));
        phones.push(number("+4930300"));
    });
    edit_phone(&bench, "+4930222", "+4930299");
    let contact = contact_id(&bench, "erp", "Lovelace");
    bench.system("erp").create("phones", &format!(r#"{{"contact":"{contact}","type":"phone","value":"+4930400"}}"#));
    bench.quiet().await;
    check(&bench, &["Lovelace +4930100", "Lovelace +4930299", "Lovelace +4930300", "Lovelace +4930400"]);
    nothing_more(&bench).await;
}

async fn deleted_on_either_side(kind: Kind) {
    for full_scan in [false, true] {
        let mut system = erp();
        if full_scan {
            system.capabilities.changes = ChangeDetection::FullScan;
        }
        let bench = bench_of(kind, system, ERP);
        bench.system("crm").create("contacts", ADA);
        synced(&bench).await;
        edit_crm(&bench, |phones| phones.retain(|phone| phone.at("value").unwrap().display() != "+4930111"));
        bench.quiet().await;
        check(&bench, &["Lovelace +4930222"]);
        edit_crm(&bench, |phones| phones.push(number("+4930333")));
        bench.quiet().await;
        bench.system("erp").delete("phones", &phone_id(&bench, "+4930222"));
        if !full_scan {
            // Nothing is inferred from what an incremental read does not name (I11).
            bench.quiet().await;
            assert_eq!(crm_phones(&bench), ["Lovelace +4930222", "Lovelace +4930333"]);
            let counts = in_counts(&bench.engine.run_in("erp-contacts", true).await.unwrap());
            assert_eq!((counts.deleted, counts.unchanged), (1, 2), "{counts:?}");
        }
        bench.quiet().await;
        check(&bench, &["Lovelace +4930333"]);
        nothing_more(&bench).await;
    }
}

/// Gone between our last read and our write: it is not made again, and goes everywhere.
async fn a_child_that_goes_while_it_is_written(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    bench.system("erp").delete("phones", &phone_id(&bench, "+4930222"));
    edit_crm(&bench, |phones| phones[0].put("value", Value::text("+4930100")));
    edit_crm(&bench, |phones| phones[1].put("value", Value::text("+4930200")));
    bench.quiet().await;
    check(&bench, &["Lovelace +4930100"]);
    nothing_more(&bench).await;

    // And in the last moment, after we looked: under a change, and under a deletion.
    edit_crm(&bench, |phones| phones[0].put("value", Value::text("+4930101")));
    bench.system("erp").fault(Fault::Vanish);
    bench.quiet().await;
    check(&bench, &[]);
    edit_crm(&bench, |phones| phones.push(number("+4930300")));
    bench.quiet().await;
    edit_crm(&bench, Vec::clear);
    bench.system("erp").fault(Fault::Vanish);
    bench.quiet().await;
    check(&bench, &[]);
    nothing_more(&bench).await;
}

/// Somebody was faster: what is there is taken in first, then it is decided again.
async fn a_child_that_changes_while_it_is_written(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    bench.system("crm").state.lock().unwrap().clock = 2_000_000;
    edit_crm(&bench, |phones| phones[0].put("value", Value::text("+4930100")));
    bench.system("erp").fault(Fault::Conflict);
    bench.quiet().await;
    check(&bench, &["Lovelace +4930100", "Lovelace +4930222"]);
    nothing_more(&bench).await;
}

/// Made after the contacts were read and before the phones are: the contact is asked for first.
async fn a_child_before_its_parent(kind: Kind) {
    let bench = bench(kind);
    synced(&bench).await;
    let contact = bench.system("erp").create("contacts", r#"{"last":"Late","email":"late@acme.test"}"#);
    bench.system("erp").state.lock().unwrap().unlisted.insert(contact.clone());
    bench.system("erp").create("phones", &format!(r#"{{"contact":"{contact}","type":"phone","value":"+4930111"}}"#));
    bench.system("erp").create("phones", r#"{"contact":"e999","type":"phone","value":"+4930222"}"#);
    bench.pass(3_600_000);
    let counts = in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counts.read, counts.created, counts.filtered), (4, 2, 2), "{counts:?}");
    bench.quiet().await;
    assert_eq!(crm_phones(&bench), ["Late +4930111"]);
    nothing_more(&bench).await;
}

/// A phone whose contact is filtered out is passed over. When the contact comes, so does the phone, though its own
/// stream has long moved on; by asking for it, or by reading the stream again where it cannot be asked for.
async fn a_parent_that_comes_after_its_children(kind: Kind) {
    for searchable in [true, false] {
        let mut system = erp();
        if !searchable {
            system.capabilities.searchable.retain(|path| path != "contact");
        }
        let mapping = ERP.replace("parent = \"contact\"", "parent = \"contact\"\nmarker = \"marker\"");
        let bench = bench_of(kind, system, &mapping);
        let contact = bench.system("erp").create("contacts", r#"{"last":"Shy","email":"shy@acme.test","hidden":true}"#);
        bench.system("erp").create("phones", &format!(r#"{{"contact":"{contact}","type":"phone","value":"+4930111"}}"#));
        let counts = in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
        assert_eq!((counts.created, counts.filtered), (0, counts.read), "{counts:?}");
        synced(&bench).await;
        assert_eq!(crm_phones(&bench), [""; 0]);
        bench.system("erp").edit("contacts", &contact, |body| body.put("hidden", Value::Bool(false)));
        bench.quiet().await;
        assert_eq!(crm_phones(&bench), ["Shy +4930111"], "searchable: {searchable}");
        nothing_more(&bench).await;
    }
}

async fn a_child_moves_to_another_parent(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    bench.system("crm").create("contacts", r#"{"last":"Byron","email":"anne@acme.test","phones":[]}"#);
    synced(&bench).await;
    let (phone, byron) = (phone_id(&bench, "+4930222"), contact_id(&bench, "erp", "Byron"));
    bench.system("erp").edit("phones", &phone, |body| body.put("contact", Value::text(&byron)));
    bench.quiet().await;
    check(&bench, &["Byron +4930222", "Lovelace +4930111"]);
    // And out of the part: a phone that became a fax is a phone no more.
    bench.system("erp").edit("phones", &phone, |body| body.put("type", Value::text("fax")));
    bench.quiet().await;
    assert_eq!(crm_phones(&bench), ["Lovelace +4930111"]);
    assert_eq!(bench.system("erp").dump("phones").len(), 2, "the fax stays where it is");
    nothing_more(&bench).await;
}

async fn a_child_that_cannot_be_mapped_is_set_aside(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    edit_phone(&bench, "+4930222", "call me");
    bench.pass(3_600_000);
    let counts = in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counts.quarantined, counts.updated), (1, 0), "{counts:?}");
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!((letters.len(), letters[0].field.as_deref()), (1, Some("phones.value")), "{letters:?}");
    // Corrected there, and asked for again.
    let phone = phone_id(&bench, "call me");
    bench.system("erp").edit("phones", &phone, |body| body.put("value", Value::text("+4930299")));
    let done = bench.engine.refetch("erp-contacts", "phones", std::slice::from_ref(&phone), "refetch").await.unwrap();
    assert_eq!((done.taken, done.again.len()), (vec![phone], 0));
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 0);
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111", "Lovelace +4930299"]);
}

/// A backfill tells of them before anything is taken in, and keeps them where a person says so, until they fit.
async fn children_that_do_not_fit_are_told_and_kept(kind: Kind) {
    let bench = bench(kind);
    let erp = bench.system("erp");
    let ada = erp.create("contacts", r#"{"last":"Lovelace","email":"ada@x.test"}"#);
    let hidden = erp.create("contacts", r#"{"last":"Hidden","email":"h@x.test","hidden":true}"#);
    let phone = |of: &str, value: &str, kind: &str| {
        erp.create("phones", &format!(r#"{{"contact":"{of}","value":"{value}","type":"{kind}"}}"#))
    };
    phone(&ada, "+4930111", "phone");
    let wrong = phone(&ada, "call me", "phone");
    phone(&ada, "call me", "fax");
    phone(&hidden, "call me too", "phone");
    phone("nobody", "call me too", "phone");
    let profile = bench.engine.profile("erp-contacts").await.unwrap();
    assert_eq!((profile.read, profile.left_out, profile.misfit), (2, 1, 0), "{profile:?}");
    let of = &profile.children["phones"];
    assert_eq!((of.read, of.left_out, of.misfit), (5, 3, 1), "{of:?}");
    let ((_, _, field), broken) = of.rules.first_key_value().unwrap();
    assert_eq!((field.as_str(), broken.count, broken.message.as_ref()), ("phones.value", 1, None), "{of:?}");
    let example = &broken.examples[0];
    assert_eq!(
        (example.remote_id.as_str(), example.value.as_deref()),
        (wrong.as_str(), Some("aaaa aa")),
        "a person's, by its shape"
    );
    assert_eq!(bench.store.records_after(nave_core::model::RecordId(0), 10).unwrap(), []);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);

    let counts = in_counts(&bench.engine.backfill("erp-contacts", true, "ann", "from before").await.unwrap());
    // Parents that are not here are asked for by their ids, too.
    assert_eq!((counts.read, counts.archived, counts.quarantined), (9, 1, 0), "{counts:?}");
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    let known = |bench: &Bench| bench.engine.archived("erp-contacts").unwrap().keys().cloned().collect::<Vec<_>>();
    let name = format!("phones:{wrong}");
    assert_eq!(known(&bench), std::slice::from_ref(&name));
    let kept = bench.engine.archived_one("erp-contacts", &name).unwrap();
    assert!(String::from_utf8(kept.raw).unwrap().contains("call me") && kept.message.starts_with("phones.value: "));
    // It is not tried again, however it is read, and is no dead letter.
    let counts = in_counts(&bench.engine.run_in("erp-contacts", true).await.unwrap());
    assert_eq!((counts.archived, counts.quarantined), (1, 0), "{counts:?}");
    // Corrected there it comes in like any other.
    erp.edit("phones", &wrong, |body| body.put("value", Value::text("+4930222")));
    let counts = in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counts.created, counts.archived), (1, 0), "{counts:?}");
    assert_eq!(known(&bench), Vec::<String>::new());
    // One that is known is set aside as ever: a record hangs on it.
    erp.edit("phones", &wrong, |body| body.put("value", Value::text("ask her")));
    let counts = in_counts(&bench.engine.backfill("erp-contacts", true, "ann", "again").await.unwrap());
    assert_eq!((counts.archived, counts.quarantined), (0, 1), "{counts:?}");
}

/// An emptied answer is no evidence, and many at once are held (I11).
async fn many_vanished_children_are_held(kind: Kind) {
    let mut system = erp();
    system.capabilities.changes = ChangeDetection::FullScan;
    let bench = bench_of(kind, system, ERP);
    let phones: Vec<String> = (10..30).map(|n| format!(r#"{{"value":"+49301{n}"}}"#)).collect();
    bench
        .system("crm")
        .create("contacts", &format!(r#"{{"last":"Many","email":"m@acme.test","phones":[{}]}}"#, phones.join(",")));
    synced(&bench).await;
    assert_eq!(erp_phones(&bench).len(), 20);
    bench.system("erp").state.lock().unwrap().things.get_mut("phones").unwrap().clear();
    bench.pass(3_600_000);
    let counts = in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counts.held, counts.deleted), (20, 0), "{counts:?}");
    bench.quiet().await;
    assert_eq!(crm_phones(&bench).len(), 20, "nobody lost a phone");
}

/// Where deletions show in scans only, one that misses a child is no evidence, and two are, unless it answers (I11).
async fn a_child_that_two_scans_miss(kind: Kind) {
    let mut system = erp();
    system.capabilities.changes = ChangeDetection::FullScan;
    system.capabilities.deletes = DeleteDetection::FullScan;
    let bench = bench_of(kind, system, ERP);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    let phone = phone_id(&bench, "+4930222");
    let deleted = async || {
        bench.pass(3_600_000);
        in_counts(&bench.engine.run_in("erp-contacts", false).await.unwrap()).deleted
    };
    bench.system("erp").state.lock().unwrap().silent = true;
    bench.system("erp").state.lock().unwrap().unlisted.insert(phone.clone());
    assert_eq!((deleted().await, deleted().await, deleted().await), (0, 0, 0), "it answers when it is asked for");
    bench.system("erp").state.lock().unwrap().unlisted.clear();
    assert_eq!(deleted().await, 0);
    bench.system("erp").delete("phones", &phone);
    assert_eq!(deleted().await, 0, "missed once since it was seen");
    assert_eq!(deleted().await, 1, "missed twice");
    bench.quiet().await;
    check(&bench, &["Lovelace +4930111"]);
    nothing_more(&bench).await;
}

/// Nothing is written to a child that cannot be asked for; the others are, and the reason is kept.
async fn a_child_that_cannot_be_asked_for_is_not_written(kind: Kind) {
    let bench = bench(kind);
    bench.system("crm").create("contacts", ADA);
    synced(&bench).await;
    let phone = phone_id(&bench, "+4930222");
    bench.system("erp").state.lock().unwrap().unaskable.insert(phone);
    edit_crm(&bench, |phones| phones[0].put("value", Value::text("+4930100")));
    edit_crm(&bench, |phones| phones[1].put("value", Value::text("+4930200")));
    bench.round().await;
    bench.round().await;
    assert_eq!(erp_phones(&bench), ["Lovelace +4930100", "Lovelace +4930222"]);
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!((letters.len(), letters[0].field.as_deref()), (1, Some("phones.id")), "{letters:?}");
    bench.system("erp").state.lock().unwrap().unaskable.clear();
    edit_crm(&bench, |phones| phones[1].put("value", Value::text("+4930201")));
    bench.quiet().await;
    check(&bench, &["Lovelace +4930100", "Lovelace +4930201"]);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 0);
    nothing_more(&bench).await;
}
