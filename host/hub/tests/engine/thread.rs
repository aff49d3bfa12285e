//! One contact with a list of phones and a reference to a company: file → hub → ERP and back, with everything that
//! may come in between. Invariants attacked: I1, I3, I4, I5, I6, I7, I11, I14, I15.

use nave_core::Value;
use nave_core::model::{RecordId, RemoteKey};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    only_what_is_mapped_reaches_a_system,
    there_and_back,
    both_sides_edited_at_once,
    lost_answers_make_no_duplicates,
    a_lost_creation_that_is_read_before_it_is_found_is_settled,
    a_lost_update_is_looked_up_not_claimed,
    a_lost_change_of_what_is_only_written_is_made_again,
    a_refusal_is_set_aside_and_tried_again_when_the_record_changes,
    what_is_merged_over_there_is_one_here,
    an_equal_email_alone_waits_for_a_person,
    gone_there_is_not_made_again,
    a_scan_shows_deletions_whatever_else_tells_of_changes,
);

const DROP_CONTACTS: &str = r#"
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
remote = "last"
canonical = "last_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
in = "trim | lower"
because = "people correct e-mails anywhere"
[[field]]
remote = "company"
canonical = "company"
direction = "both"
in = "reference(companies)"
because = "people change jobs"
[[list]]
remote = "phones"
canonical = "phones"
direction = "both"
id = "id"
because = "people add phones anywhere"
[[list.field]]
remote = "value"
canonical = "number"
direction = "both"
because = "as the list"
"#;

const DROP_COMPANIES: &str = r#"
connection = "drop"
stream = "companies"
entity = "company"
steward = "ops"
marker = "marker"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "name"
canonical = "name"
direction = "both"
because = "companies rename themselves"
"#;

fn bench(kind: Kind) -> Bench {
    let drop = System::new("drop", &["contacts", "companies"]);
    let mut erp = System::new("erp", &["contacts", "companies"]);
    erp.shouting.insert("last".into());
    let erp_contacts = DROP_CONTACTS.replace("\"drop\"", "\"erp\"");
    let erp_companies = DROP_COMPANIES.replace("\"drop\"", "\"erp\"");
    Bench::new(
        kind,
        vec![drop, erp],
        &[
            ("mappings/drop-contacts.toml", DROP_CONTACTS),
            ("mappings/drop-companies.toml", DROP_COMPANIES),
            ("mappings/erp-contacts.toml", &erp_contacts),
            ("mappings/erp-companies.toml", &erp_companies),
        ],
    )
}

const ADA: &str = r#"{"first":"Ada","last":"Lovelace","email":"Ada@Acme.test ","company":"d1","phones":[{"value":"+4930111"},{"value":"+4930222"}]}"#;

async fn ada(bench: &Bench) -> String {
    bench.system("drop").create("companies", r#"{"name":"Acme"}"#);
    bench.system("drop").create("contacts", ADA)
}

/// Contacts over there, the company's id replaced by what it names.
fn there(bench: &Bench, system: &str) -> String {
    let mut text = bench.system(system).dump("contacts").join("\n");
    for (id, company) in &bench.system(system).state.lock().unwrap().things["companies"] {
        text = text.replace(&format!("\"{id}\""), &format!("\"{}\"", company.body.at("name").unwrap().display()));
    }
    text
}

fn phones(body: &Value) -> Vec<String> {
    let Some(Value::List(list)) = body.at("phones") else { return vec![] };
    let mut found: Vec<String> = list.iter().map(|e| e.at("value").unwrap().display()).collect();
    found.sort();
    found
}

fn body(bench: &Bench, system: &str) -> Value {
    let state = bench.system(system).state.lock().unwrap();
    let alive: Vec<&Value> = state.things["contacts"].values().filter(|t| t.merged_into.is_none()).map(|t| &t.body).collect();
    assert_eq!(alive.len(), 1, "one contact in {system}, not {alive:?}");
    alive[0].clone()
}

async fn there_and_back(kind: Kind) {
    let bench = bench(kind);
    ada(&bench).await;
    // Nothing is sent before its plan was seen.
    bench.round().await;
    assert_eq!(bench.system("erp").writes(), 0);
    bench.approve_all().await;
    bench.quiet().await;
    let erp = body(&bench, "erp");
    assert_eq!(erp.at("email").unwrap().display(), "ada@acme.test");
    assert_eq!(phones(&erp), ["+4930111", "+4930222"]);
    let company = erp.at("company").unwrap().display();
    assert!(bench.system("erp").state.lock().unwrap().things["companies"].contains_key(&company), "the edge is over there too");
    // The ERP shouts names. That is its spelling, not an opinion: nothing comes back, nothing is sent again (I7).
    assert_eq!(erp.at("last").unwrap().display(), "LOVELACE");
    assert_eq!(body(&bench, "drop").at("last").unwrap().display(), "Lovelace");
    assert_eq!(bench.system("erp").writes(), 2, "one company, one contact");
    assert_eq!(bench.system("drop").writes(), 0, "trim and lower case alone never write");

    // And back.
    let id = bench.system("erp").only_id("contacts");
    bench.system("erp").edit("contacts", &id, |body| body.put("first", Value::text("Augusta")));
    bench.quiet().await;
    assert_eq!(body(&bench, "drop").at("first").unwrap().display(), "Augusta");
    assert_eq!(bench.system("drop").writes(), 1);
}

/// I13: of canonical data, a system receives only what is mapped to it; judged on the bytes that its plugin was handed.
async fn only_what_is_mapped_reaches_a_system(kind: Kind) {
    let email = r#"[[field]]
remote = "email"
canonical = "email"
direction = "both"
in = "trim | lower"
because = "people correct e-mails anywhere"
"#;
    let erp_contacts = DROP_CONTACTS.replace("\"drop\"", "\"erp\"");
    let blind = erp_contacts.replace(email, "");
    assert_ne!(blind, erp_contacts);
    let erp_companies = DROP_COMPANIES.replace("\"drop\"", "\"erp\"");
    for (mapping, expected) in [(&erp_contacts, true), (&blind, false)] {
        let systems = vec![System::new("drop", &["contacts", "companies"]), System::new("erp", &["contacts", "companies"])];
        let files = [
            ("mappings/drop-contacts.toml", DROP_CONTACTS),
            ("mappings/drop-companies.toml", DROP_COMPANIES),
            ("mappings/erp-contacts.toml", mapping.as_str()),
            ("mappings/erp-companies.toml", erp_companies.as_str()),
        ];
        let bench = Bench::new(kind, systems, &files);
        ada(&bench).await;
        bench.round().await;
        bench.approve_all().await;
        bench.quiet().await;
        let erp = bench.system("erp").state.lock().unwrap();
        let handed: Vec<u8> = erp.keys.values().flatten().copied().collect();
        let handed = String::from_utf8(handed).unwrap().to_lowercase();
        assert!(handed.contains("lovelace"), "{handed}");
        assert_eq!(handed.contains("ada@acme.test"), expected, "{handed}");
    }
}

async fn both_sides_edited_at_once(kind: Kind) {
    let bench = bench(kind);
    let drop_id = ada(&bench).await;
    bench.round().await;
    bench.approve_all().await;
    bench.quiet().await;
    let erp_id = bench.system("erp").only_id("contacts");
    // Another field and another phone on each side, and one field on both: the later edit wins.
    bench.system("drop").state.lock().unwrap().clock = 2_000_000;
    bench.system("erp").state.lock().unwrap().clock = 3_000_000;
    bench.system("drop").edit("contacts", &drop_id, |body| {
        body.put("email", Value::text("new@acme.test"));
        body.put("first", Value::text("Early"));
        if let Value::Object(map) = body
            && let Some(Value::List(list)) = map.get_mut("phones")
        {
            list[0].put("value", Value::text("+4930999"));
        }
    });
    bench.system("erp").edit("contacts", &erp_id, |body| {
        body.put("first", Value::text("Late"));
        if let Value::Object(map) = body
            && let Some(Value::List(list)) = map.get_mut("phones")
        {
            list.push(Value::Object([("value".to_owned(), Value::text("+4930333"))].into()));
        }
    });
    bench.quiet().await;
    for system in ["drop", "erp"] {
        let body = body(&bench, system);
        assert_eq!(body.at("email").unwrap().display(), "new@acme.test", "{system}");
        assert_eq!(body.at("first").unwrap().display(), "Late", "{system}");
        assert_eq!(phones(&body), ["+4930222", "+4930333", "+4930999"], "{system}");
    }
}

/// The final state with a fault is the state without one, and nothing is there twice.
async fn check_fault(kind: Kind, faults: &[Fault], restart: bool) {
    let mut calm = bench(kind);
    ada(&calm).await;
    calm.round().await;
    calm.approve_all().await;
    calm.quiet().await;
    calm.restart();

    let mut bench = bench(kind);
    ada(&bench).await;
    bench.round().await;
    bench.approve_all().await;
    for fault in faults {
        bench.system("erp").fault(*fault);
    }
    if restart {
        let round = tokio::time::timeout(std::time::Duration::from_millis(300), bench.round()).await;
        assert!(round.is_err(), "the write was to hang");
        bench.restart();
    } else {
        bench.round().await;
    }
    bench.quiet().await;
    assert_eq!(there(&bench, "erp"), there(&calm, "erp"), "{faults:?}");
    assert_eq!(there(&bench, "drop"), there(&calm, "drop"), "{faults:?}");
    let erp = bench.system("erp").state.lock().unwrap();
    assert_eq!(erp.things["companies"].len(), 1, "{faults:?}: no second company");
    assert_eq!(erp.broken_keys, 0, "a key always carries the same bytes (I6)");
}

async fn lost_answers_make_no_duplicates(kind: Kind) {
    check_fault(kind, &[], false).await;
    check_fault(kind, &[Fault::LostAnswer], false).await;
    check_fault(kind, &[Fault::LostAnswer, Fault::LostAnswer], false).await;
    check_fault(kind, &[Fault::LostRequest], false).await;
    check_fault(kind, &[Fault::LostRequest, Fault::LostAnswer], false).await;
    check_fault(kind, &[Fault::Down], false).await;
    check_fault(kind, &[Fault::Down, Fault::LostAnswer, Fault::LostRequest], false).await;
    check_fault(kind, &[Fault::Hang], true).await;
}

/// The system shows the new thing in its list before its search finds it: it is bound by its marker, nothing waits any longer,
/// and it is compared again, since the system may have kept less than it was sent.
async fn a_lost_creation_that_is_read_before_it_is_found_is_settled(kind: Kind) {
    let mut bench = bench(kind);
    bench.systems.get_mut("erp").unwrap().capabilities.read_lag_ms = 7_200_000;
    bench.restart();
    ada(&bench).await;
    bench.round().await;
    bench.approve_all().await;
    for fault in [Fault::LostAnswer, Fault::LostAnswer] {
        bench.system("erp").fault(fault);
    }
    bench.system("erp").state.lock().unwrap().search_lags = true;
    bench.round().await;
    let waits = |flow: &str| (bench.store.intents(flow).unwrap().len(), bench.store.parked(flow).unwrap().len());
    assert_eq!((waits("erp-companies"), waits("erp-contacts")), ((1, 1), (1, 1)), "two answers were lost");
    let id = bench.system("erp").only_id("contacts");
    bench.system("erp").edit("contacts", &id, |body| body.put("first", Value::Null));
    bench.round().await;
    assert_eq!((waits("erp-companies"), waits("erp-contacts")), ((0, 0), (0, 0)), "nothing waits");
    bench.quiet().await;
    assert_eq!(body(&bench, "erp").at("company").map(Value::display), Some(bench.system("erp").only_id("companies")));
}

async fn a_lost_update_is_looked_up_not_claimed(kind: Kind) {
    let bench = bench(kind);
    let id = ada(&bench).await;
    bench.round().await;
    bench.approve_all().await;
    bench.quiet().await;
    bench.system("drop").edit("contacts", &id, |body| body.put("first", Value::text("Augusta")));
    bench.system("erp").fault(Fault::LostAnswer);
    bench.round().await;
    bench.quiet().await;
    assert_eq!(body(&bench, "erp").at("first").unwrap().display(), "Augusta");
    // What the hub wrote is nobody's opinion, even though its answer was lost.
    let erp_id = bench.system("erp").only_id("contacts");
    let key = RemoteKey::new("erp", "contacts", erp_id);
    let row = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    let row = bench.store.contributions(&[row]).unwrap().pop().unwrap().unwrap();
    assert!(row.claims.is_empty(), "{:?}", row.claims);
}

/// Of a list that is never read nothing is understood there: whether it arrived is seen in how it is spelled (I4, I6).
async fn a_lost_change_of_what_is_only_written_is_made_again(kind: Kind) {
    let written =
        DROP_CONTACTS.replace("\"drop\"", "\"erp\"").replace("\"both\"", "\"out\"").replace("in = \"trim | lower\"\n", "");
    let written = written.replace("in = \"reference(companies)\"", "").replace("[flow.in]\nfreshness = \"1h\"\n", "");
    for fault in [Fault::LostRequest, Fault::LostAnswer] {
        let systems = ["drop", "erp"].map(|name| System::new(name, &["contacts", "companies"]));
        let mappings = [("mappings/drop-contacts.toml", DROP_CONTACTS), ("mappings/erp-contacts.toml", &written)];
        let companies = ("mappings/drop-companies.toml", DROP_COMPANIES);
        let bench = Bench::new(kind, systems.into(), &[mappings[0], mappings[1], companies]);
        let id = ada(&bench).await;
        bench.round().await;
        bench.approve_all().await;
        bench.quiet().await;
        bench.system("drop").edit("contacts", &id, |body| {
            let mut phone = Value::default();
            phone.put("value", Value::text("+4930333"));
            body.put("phones", Value::List(vec![phone]));
        });
        bench.system("erp").fault(fault);
        bench.quiet().await;
        assert_eq!(phones(&body(&bench, "erp")), ["+4930333"], "{fault:?}");
    }
}

async fn a_refusal_is_set_aside_and_tried_again_when_the_record_changes(kind: Kind) {
    let bench = bench(kind);
    bench.round().await;
    bench.approve_all().await;
    bench.system("drop").create("contacts", r#"{"first":"Max","last":"M","email":"m@x.test"}"#);
    bench.system("erp").fault(Fault::Refuse);
    bench.quiet().await;
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].message, "no, thank you");
    assert!(letters[0].fix.contains("nave "), "{}", letters[0].fix);
    let id = bench.system("drop").only_id("contacts");
    bench.system("drop").edit("contacts", &id, |body| body.put("first", Value::text("Maxi")));
    bench.quiet().await;
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 0, "it is in order now");
    assert_eq!(body(&bench, "erp").at("first").unwrap().display(), "Maxi");
}

async fn what_is_merged_over_there_is_one_here(kind: Kind) {
    let bench = bench(kind);
    bench.round().await;
    bench.approve_all().await;
    let one = bench.system("drop").create("contacts", r#"{"first":"Eve","last":"A","email":"e1@x.test"}"#);
    let two = bench.system("drop").create("contacts", r#"{"first":"Eve","last":"B","email":"e2@x.test"}"#);
    bench.quiet().await;
    assert_eq!(bench.system("erp").dump("contacts").len(), 2);
    bench.system("drop").merge("contacts", &two, &one);
    bench.quiet().await;
    let key = |id: &str| RemoteKey { connection: "drop".into(), stream: "contacts".into(), remote_id: id.into() };
    let first = bench.engine.record_of(&key(&one)).unwrap().unwrap();
    let record = bench.store.records(&[first]).unwrap().pop().unwrap().unwrap();
    assert_eq!(record.contributions.len(), 4, "two in the drop (one of them merged away), two in the ERP, kept in step");
    assert_eq!(bench.system("drop").dump("contacts").len(), 1, "nothing is resurrected");
    assert_eq!(record.id, RecordId(first.0));
}

async fn an_equal_email_alone_waits_for_a_person(kind: Kind) {
    let bench = bench(kind);
    bench.round().await;
    bench.approve_all().await;
    bench.system("drop").create("contacts", r#"{"first":"Ada","last":"Lovelace","email":"shared@x.test"}"#);
    bench.system("erp").create("contacts", r#"{"first":"Bob","last":"Builder","email":"shared@x.test"}"#);
    bench.system("erp").create("contacts", r#"{"first":"Ada","last":"lovelace","email":"shared@x.test"}"#);
    bench.quiet().await;
    let reviews = bench.store.reviews(true, nave_core::model::ReviewId(0), 10).unwrap();
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    bench.engine.decide(reviews[0].id, nave_core::model::DecisionChoice::New, "vera", "another person").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("drop").dump("contacts").len(), 2);
    assert_eq!(bench.system("erp").dump("contacts").len(), 2);
    let again = bench.engine.decide(reviews[0].id, nave_core::model::DecisionChoice::New, "vera", "twice").await;
    assert!(again.is_err(), "a decision is made once (I12)");
}

/// Reading by time tells what changed and never what was deleted: a scan now and then does, and counts.
async fn a_scan_shows_deletions_whatever_else_tells_of_changes(kind: Kind) {
    let mut bench = bench(kind);
    bench.systems.get_mut("erp").unwrap().capabilities.deletes = nave_core::catalog::DeleteDetection::FullScan;
    bench.restart();
    ada(&bench).await;
    bench.round().await;
    bench.approve_all().await;
    bench.quiet().await;
    let id = bench.system("erp").only_id("contacts");
    bench.system("erp").delete("contacts", &id);
    bench.round().await;
    let linked = |bench: &Bench| {
        let rows = bench.store.contributions_after(nave_core::model::ContributionId(0), 100).unwrap();
        rows.iter().filter(|row| row.key.remote_id == id && row.state == nave_core::model::ContributionState::Active).count()
    };
    assert_eq!(linked(&bench), 1, "what changed says nothing of it");
    bench.system("erp").state.lock().unwrap().scans = true;
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(linked(&bench), 1, "one scan is not enough");
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(linked(&bench), 0, "two scans did not see it");
    assert_eq!(bench.system("drop").dump("contacts").len(), 1, "the others keep theirs");
}

async fn gone_there_is_not_made_again(kind: Kind) {
    let bench = bench(kind);
    let mut full = bench;
    full.systems.get_mut("erp").unwrap().capabilities.changes = nave_core::catalog::ChangeDetection::FullScan;
    full.restart();
    ada(&full).await;
    full.round().await;
    full.approve_all().await;
    full.quiet().await;
    let id = full.system("erp").only_id("contacts");
    full.system("erp").delete("contacts", &id);
    full.quiet().await;
    assert_eq!(full.system("erp").dump("contacts").len(), 0);
    assert_eq!(full.system("drop").dump("contacts").len(), 1, "the others keep theirs");
    // An empty answer is not evidence, and many at once are held (I11).
    for n in 0..20 {
        full.system("drop").create("contacts", &format!(r#"{{"first":"F{n}","last":"L{n}","email":"p{n}@x.test"}}"#));
    }
    full.quiet().await;
    assert_eq!(full.system("erp").dump("contacts").len(), 20);
    full.system("erp").state.lock().unwrap().things.get_mut("contacts").unwrap().clear();
    full.pass(3_600_000);
    full.round().await;
    let record = full.store.records_after(RecordId(0), 100).unwrap();
    let active = record.iter().filter(|r| r.state == nave_core::model::RecordState::Active).count();
    assert_eq!(active, 22, "nobody was deleted: twenty at once are held");
}

/// A backup is put back: what is made afterwards is known by other keys than what was made in between (I6).
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_used_again_after_a_restore() {
    let mut bench = super::policies::bench(Kind::Redb, &[("crm", "", ""), ("erp", "", "")]).await;
    let before = bench.keep();
    for name in ["Ada", "Bo"] {
        let person = format!(r#"{{"first":"{name}","last":"Ek","email":"{name}@x.test"}}"#);
        bench.system("crm").create("contacts", &person);
        bench.quiet().await;
        assert!(bench.system("erp").dump("contacts").iter().any(|thing| thing.contains(name)));
        bench.put_back(&before);
        // The first one is gone before the hub sees it again: the next one gets its number.
        for system in ["crm", "erp"] {
            bench.system(system).state.lock().unwrap().things.get_mut("contacts").unwrap().clear();
        }
    }
    let keys: Vec<String> = bench.system("erp").state.lock().unwrap().keys.keys().cloned().collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(bench.system("erp").state.lock().unwrap().broken_keys, 0);
}
