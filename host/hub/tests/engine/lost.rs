//! Creates whose answer is lost, where the system offers no way to tell: no key, no marker, nothing to search by.
//! Attacked: I5, I6, I12, on both stores.

use nave_core::Value;
use nave_core::model::{DecisionChoice, RemoteKey, Review, ReviewId, ReviewKind};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    it_is_recognised_by_what_was_sent,
    what_was_never_sent_is_nobodys_question,
    what_may_be_it_waits_for_a_person,
    what_is_not_it_is_taken_up_again,
    of_several_that_may_be_it_one_is_named,
    two_alike_wait_for_a_person,
    arrived_without_a_trace_waits_for_the_next_read,
    another_with_the_same_natural_key_is_not_adopted,
    of_several_under_a_natural_key_the_likeliest_is_ours,
);

const CONTACTS: &str = r#"
connection = "drop"
stream = "contacts"
entity = "contact"
steward = "ops"
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
remote = "last"
canonical = "last_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
"#;

/// A drop and an ERP in step. `more` is added to the ERP's mapping.
async fn bench(kind: Kind, more: &str, batch_max: u32) -> Bench {
    let mut erp = System::new("erp", &["contacts"]);
    erp.capabilities.batch_max = batch_max;
    let there = format!("{more}{}", CONTACTS.replace("\"drop\"", "\"erp\""));
    let files = [("mappings/drop-contacts.toml", CONTACTS), ("mappings/erp-contacts.toml", there.as_str())];
    let bench = Bench::new(kind, vec![System::new("drop", &["contacts"]), erp], &files);
    bench.round().await;
    bench.approve_all().await;
    bench
}

/// One person in the drop, whose creation in the ERP meets a fault.
async fn lost(kind: Kind, more: &str, fault: Fault) -> Bench {
    let bench = bench(kind, more, 10).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@acme.test"}"#);
    bench.system("erp").fault(fault);
    bench.round().await;
    bench
}

/// Some hours; what waits for a person stays wanted, so it never gets quiet.
async fn rounds(bench: &Bench) {
    for _ in 0..4 {
        bench.pass(3_600_000);
        bench.round().await;
    }
}

fn open(bench: &Bench) -> Vec<Review> {
    bench.store.reviews(true, ReviewId(0), 10).unwrap()
}

/// The one open question about a lost create.
fn question(bench: &Bench) -> Review {
    let open = open(bench);
    assert!(matches!(open[..], [Review { kind: ReviewKind::UnknownOutcome { .. }, .. }]), "{open:?}");
    open[0].clone()
}

fn candidates(bench: &Bench, review: &Review) -> Vec<String> {
    let ReviewKind::UnknownOutcome { destination, record } = &review.kind else { return vec![] };
    bench.engine.lost_candidates(destination, *record).unwrap().into_iter().map(|found| found.key.to_string()).collect()
}

fn count(bench: &Bench) -> (usize, usize) {
    (bench.system("drop").dump("contacts").len(), bench.system("erp").dump("contacts").len())
}

fn value(bench: &Bench, system: &str, id: &str, path: &str) -> String {
    bench.system(system).state.lock().unwrap().things["contacts"][id].body.at(path).unwrap().display()
}

/// Both sides are one person, and an edit on one side arrives on the other.
async fn in_step(bench: &Bench, erp_id: &str) {
    let drop_id = bench.system("drop").state.lock().unwrap().things["contacts"].keys().next().unwrap().clone();
    let before = count(bench);
    bench.system("drop").edit("contacts", &drop_id, |body| body.put("first", Value::text("Augusta")));
    bench.quiet().await;
    assert_eq!(value(bench, "erp", erp_id, "first"), "Augusta");
    assert_eq!(count(bench), before, "nothing new");
}

async fn it_is_recognised_by_what_was_sent(kind: Kind) {
    let bench = lost(kind, "", Fault::LostAnswer).await;
    rounds(&bench).await;
    assert_eq!(count(&bench), (1, 1));
    assert!(open(&bench).is_empty(), "nobody had to be asked");
    assert!(bench.store.intents("erp-contacts").unwrap().is_empty());
    assert!(bench.store.parked("erp-contacts").unwrap().is_empty());
    in_step(&bench, &bench.system("erp").only_id("contacts")).await;

    // What never arrived is asked about once the next read did not show it, and sent anew when a person says so.
    let bench = lost(kind, "", Fault::LostRequest).await;
    rounds(&bench).await;
    let review = question(&bench);
    assert_eq!((candidates(&bench, &review), count(&bench)), (vec![], (1, 0)));
    bench.engine.decide(review.id, DecisionChoice::Refuse, "vera", "looked").await.unwrap();
    rounds(&bench).await;
    assert_eq!((count(&bench), open(&bench).len()), ((1, 1), 0));
}

/// The hub dies in the first of five batches: only that one is unknown.
async fn what_was_never_sent_is_nobodys_question(kind: Kind) {
    let mut bench = bench(kind, "", 1).await;
    for n in 0..5 {
        bench.system("drop").create("contacts", &format!(r#"{{"first":"F{n}","last":"L{n}","email":"p{n}@x.test"}}"#));
    }
    bench.system("erp").fault(Fault::LostRequest);
    bench.system("erp").fault(Fault::Hang);
    let round = tokio::time::timeout(std::time::Duration::from_millis(300), bench.round()).await;
    assert!(round.is_err(), "the write was to hang");
    bench.restart();
    assert_eq!(bench.store.intents("erp-contacts").unwrap().len(), 2, "one answer lost, one that the hub died waiting for");
    rounds(&bench).await;
    assert_eq!(count(&bench), (5, 4), "the one that hung was done, and three were sent afterwards");
    bench.engine.decide(question(&bench).id, DecisionChoice::Refuse, "vera", "looked").await.unwrap();
    rounds(&bench).await;
    assert_eq!((count(&bench), open(&bench).len()), ((5, 5), 0));
}

async fn what_may_be_it_waits_for_a_person(kind: Kind) {
    let bench = lost(kind, "", Fault::LostAnswer).await;
    let id = bench.system("erp").only_id("contacts");
    bench.system("erp").edit("contacts", &id, |body| body.put("email", Value::text("countess@acme.test")));
    rounds(&bench).await;
    let review = question(&bench);
    assert_eq!(candidates(&bench, &review), [format!("erp/contacts:{id}")]);
    assert_eq!(count(&bench), (1, 1), "it makes no second person");
    bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "looked").await.unwrap();
    rounds(&bench).await;
    let drop_id = bench.system("drop").only_id("contacts");
    assert_eq!(value(&bench, "drop", &drop_id, "email"), "countess@acme.test", "what was edited there is an opinion");
    in_step(&bench, &id).await;
}

async fn what_is_not_it_is_taken_up_again(kind: Kind) {
    let bench = lost(kind, "", Fault::LostRequest).await;
    let other = bench.system("erp").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"other@acme.test"}"#);
    rounds(&bench).await;
    let review = question(&bench);
    assert_eq!((candidates(&bench, &review).len(), count(&bench)), (1, (1, 1)));
    bench.engine.decide(review.id, DecisionChoice::Refuse, "vera", "her cousin").await.unwrap();
    rounds(&bench).await;
    assert_eq!(count(&bench), (2, 2), "sent anew, and the cousin is a person of her own");
    assert_eq!(value(&bench, "erp", &other, "email"), "other@acme.test");
    assert!(open(&bench).is_empty());
}

async fn of_several_that_may_be_it_one_is_named(kind: Kind) {
    let bench = lost(kind, "", Fault::LostRequest).await;
    let mut ids = Vec::new();
    for n in 0..2 {
        let body = format!(r#"{{"first":"Ada","last":"Lovelace","email":"other{n}@acme.test"}}"#);
        ids.push(bench.system("erp").create("contacts", &body));
    }
    rounds(&bench).await;
    let review = question(&bench);
    let which = bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "").await.unwrap_err().to_string();
    for id in &ids {
        assert!(which.contains(&format!("nave review decide {} erp/contacts:{id}", review.id)), "{which}");
    }
    let key = |id: &str| RemoteKey::new("erp", "contacts", id);
    bench.engine.decide(review.id, DecisionChoice::Remote(key(&ids[1])), "vera", "looked").await.unwrap();
    rounds(&bench).await;
    assert_eq!(count(&bench), (2, 2), "the other one is a person of her own");
    let owners: Vec<_> = ids.iter().map(|id| bench.engine.record_of(&key(id)).unwrap().unwrap()).collect();
    assert_ne!(owners[0], owners[1]);
    in_step(&bench, &ids[1]).await;
}

async fn two_alike_wait_for_a_person(kind: Kind) {
    let bench = bench(kind, "", 10).await;
    for _ in 0..2 {
        bench.system("drop").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":null}"#);
    }
    bench.system("erp").fault(Fault::LostAnswer);
    bench.system("erp").fault(Fault::LostRequest);
    rounds(&bench).await;
    assert_eq!(count(&bench), (2, 1));
    let id = bench.system("erp").only_id("contacts");
    let reviews = open(&bench);
    assert_eq!(reviews.len(), 2, "either may be it: {reviews:?}");
    assert!(reviews.iter().all(|review| candidates(&bench, review) == [format!("erp/contacts:{id}")]));
    bench.engine.decide(reviews[0].id, DecisionChoice::Approve, "vera", "this one").await.unwrap();
    let taken = bench.engine.decide(reviews[1].id, DecisionChoice::Refuse, "vera", "that one not").await;
    taken.unwrap();
    rounds(&bench).await;
    assert_eq!((count(&bench), open(&bench).len()), ((2, 2), 0));
}

async fn arrived_without_a_trace_waits_for_the_next_read(kind: Kind) {
    let bench = lost(kind, "", Fault::LostRequest).await;
    rounds(&bench).await;
    bench.engine.decide(question(&bench).id, DecisionChoice::Approve, "vera", "I see it there").await.unwrap();
    let drop_id = bench.system("drop").only_id("contacts");
    bench.system("drop").edit("contacts", &drop_id, |body| body.put("email", Value::text("new@acme.test")));
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(count(&bench), (1, 0), "nothing is sent on top of it");
    // Still nothing to be seen: asked again.
    assert_eq!(candidates(&bench, &question(&bench)), Vec::<String>::new());
    let id = bench.system("erp").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@acme.test"}"#);
    rounds(&bench).await;
    assert_eq!((count(&bench), open(&bench).len()), ((1, 1), 0), "the read showed it, and nobody needs to be asked any more");
    assert_eq!(value(&bench, "erp", &id, "email"), "new@acme.test");
    in_step(&bench, &id).await;
}

async fn another_with_the_same_natural_key_is_not_adopted(kind: Kind) {
    let natural = "natural-key = \"email\"\n";
    for found_by_search in [true, false] {
        let bench = lost(kind, natural, Fault::LostRequest).await;
        let zed = bench.system("erp").create("contacts", r#"{"first":"Zed","last":"Zimmer","email":"ada@acme.test"}"#);
        bench.system("erp").state.lock().unwrap().search_lags = !found_by_search;
        rounds(&bench).await;
        assert_eq!(value(&bench, "erp", &zed, "first"), "Zed", "nobody overwrote him");
        assert_eq!(count(&bench), (1, 2), "and she was sent again");
    }
    let bench = lost(kind, natural, Fault::LostAnswer).await;
    rounds(&bench).await;
    assert_eq!(count(&bench), (1, 1), "found by its natural key");
}

async fn of_several_under_a_natural_key_the_likeliest_is_ours(kind: Kind) {
    let bench = bench(kind, "natural-key = \"email\"\n", 10).await;
    bench.system("erp").create("contacts", r#"{"first":"Bob","last":"Lovelace","email":"ada@acme.test"}"#);
    bench.system("drop").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"ada@acme.test"}"#);
    bench.system("erp").fault(Fault::LostAnswer);
    bench.engine.run_in("drop-contacts", false).await.unwrap();
    bench.engine.run_out("erp-contacts").await.unwrap();
    bench.engine.run_out("erp-contacts").await.unwrap();
    assert!(bench.store.intents("erp-contacts").unwrap().is_empty());
    let record = bench.store.records_after(nave_core::model::RecordId(0), 1).unwrap().remove(0).id;
    let ours = bench.engine.locate(record, "erp", "contacts").unwrap();
    assert_eq!(value(&bench, "erp", &ours, "first"), "Ada");
}
