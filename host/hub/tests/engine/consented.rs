//! Fields of consent: a refusal stands until its own source grants again, and what the hub wrote is nobody's refusal.

use nave_core::Value;
use nave_core::model::{RecordId, RecordState, RemoteKey};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    a_refusal_reaches_everybody_and_only_its_source_lifts_it,
    what_the_hub_wrote_is_nobodys_refusal,
    a_default_of_what_the_hub_made_is_no_stance,
    what_a_system_does_not_take_it_refuses,
    what_is_gone_refuses_still,
    consent_has_no_heirs,
    merged_records_keep_both_refusals_and_part_with_their_own,
    a_steward_refuses_and_grants,
    another_mapping_lifts_no_refusal,
    a_steward_lifts_what_nobody_can_lift_any_more,
    who_was_deleted_everywhere_and_comes_back_has_said_no,
);

const PEOPLE: &str = r#"
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
remote = "first"
canonical = "first_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "mail"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
[[field]]
remote = "news"
canonical = "x.test.news"
direction = "both"
in = "enum_map(yes = yes, no = no, asked = asked)"
because = "people say it anywhere"
"#;

const FIELD: &str = "steward = \"ops\"\n[fields.x.test.news]\ntype = \"enum\"\nvalues = [\"yes\", \"no\", \"asked\"]\n\
    survivorship = { refusal = [\"no\"], grant = [\"yes\"] }\nbecause = \"who said no is not written to\"\n\
    [[match]]\nkey = \"email\"\nagree = []\n";

const NEWS: &str = "x.test.news";

fn files() -> Vec<(&'static str, String)> {
    vec![
        ("entities/contact.toml", FIELD.to_owned()),
        ("mappings/crm-contacts.toml", PEOPLE.to_owned()),
        ("mappings/mail-contacts.toml", PEOPLE.replace("\"crm\"", "\"mail\"")),
    ]
}

fn as_str(files: &[(&'static str, String)]) -> Vec<(&'static str, &'static str)> {
    files.iter().map(|(path, text)| (*path, &*text.clone().leak())).collect()
}

/// A hub with Ada in both systems; each says what it is given, nothing where that is empty.
async fn ada(kind: Kind, crm: &str, mail: &str) -> Bench {
    let systems = vec![System::new("crm", &["contacts"]), System::new("mail", &["contacts"])];
    let bench = Bench::new(kind, systems, &as_str(&files()));
    bench.round().await;
    bench.approve_all().await;
    for (system, says) in [("crm", crm), ("mail", mail)] {
        bench.system(system).create_as("contacts", &format!("{system}1"), &ada_says(says));
    }
    bench.quiet().await;
    bench
}

fn ada_says(says: &str) -> String {
    let news = if says.is_empty() { "null".to_owned() } else { format!("\"{says}\"") };
    format!(r#"{{"first":"Ada","mail":"ada@x.test","news":{news}}}"#)
}

/// Somebody says it there.
async fn says(bench: &Bench, system: &str, says: &str) {
    bench.pass(1_000);
    let value = if says.is_empty() { Value::Null } else { Value::text(says) };
    bench.system(system).edit("contacts", &format!("{system}1"), |body| body.put("news", value));
    bench.quiet().await;
}

/// Somebody deletes it in the CRM, which tells.
async fn gone(bench: &Bench, id: &str) {
    bench.system("crm").state.lock().unwrap().tells = true;
    bench.system("crm").delete("contacts", id);
    bench.quiet().await;
    let key = RemoteKey::new("crm", "contacts", id);
    let row = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    assert!(!bench.store.contributions(&[row]).unwrap()[0].as_ref().unwrap().is_active(), "{id} is there");
}

/// What the record holds, and what the CRM and the mailing system hold.
fn holds(bench: &Bench) -> String {
    let record =
        bench.store.records_after(RecordId(0), 10).unwrap().into_iter().find(|record| record.state == RecordState::Active);
    let record = record.unwrap().value(NEWS).map_or_else(|| "-".to_owned(), Value::display);
    let there = |system: &str| match bench.system(system).at("contacts", &format!("{system}1"), "news") {
        nothing if nothing.is_empty() || nothing == "–" => "-".to_owned(),
        news => news,
    };
    format!("{record}: {} {}", there("crm"), there("mail"))
}

fn claim(bench: &Bench, system: &str) -> String {
    let key = RemoteKey::new(system, "contacts", format!("{system}1"));
    let id = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    let row = bench.store.contributions(&[id]).unwrap()[0].clone().unwrap();
    row.claims.get(NEWS).map_or_else(|| "-".to_owned(), |claim| claim.value.display())
}

async fn a_refusal_reaches_everybody_and_only_its_source_lifts_it(kind: Kind) {
    let mut bench = ada(kind, "yes", "yes").await;
    assert_eq!(holds(&bench), "yes: yes yes");
    says(&bench, "crm", "no").await;
    assert_eq!(holds(&bench), "no: no no");
    // A newer grant of somebody else is put back; emptied, the refusal stands where it was said.
    says(&bench, "mail", "yes").await;
    assert_eq!(holds(&bench), "no: no no");
    bench.restart();
    says(&bench, "crm", "").await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "crm").as_str()), ("no: no no", "no"));
    says(&bench, "crm", "asked").await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "crm").as_str()), ("no: no no", "no"));
    says(&bench, "crm", "yes").await;
    assert_eq!(holds(&bench), "yes: yes yes");
}

async fn what_the_hub_wrote_is_nobodys_refusal(kind: Kind) {
    let mut bench = ada(kind, "yes", "yes").await;
    // The answer to the hub's own write is lost: what is read then is the hub's word all the same.
    bench.system("mail").fault(Fault::LostAnswer);
    bench.system("crm").put("contacts", "crm1", "news", "no");
    bench.round().await;
    for _ in 0..3 {
        bench.pass(3_600_000);
        bench.round().await;
    }
    bench.quiet().await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "mail").as_str()), ("no: no no", "yes"));
    // Read anew in full, after a restart, and when something else is edited there: still nobody's.
    bench.restart();
    bench.engine.run_in("mail-contacts", true).await.unwrap();
    bench.system("mail").put("contacts", "mail1", "first", "Augusta");
    bench.quiet().await;
    assert_eq!(claim(&bench, "mail"), "yes");
    says(&bench, "crm", "yes").await;
    assert_eq!(holds(&bench), "yes: yes yes");
}

async fn a_default_of_what_the_hub_made_is_no_stance(kind: Kind) {
    let systems = vec![System::new("crm", &["contacts"]), System::new("mail", &["contacts"])];
    let bench = Bench::new(kind, systems, &as_str(&files()));
    bench.round().await;
    bench.approve_all().await;
    // Nobody knows what Ada wants, and the mailing system makes her "no" by itself.
    bench.system("mail").state.lock().unwrap().defaults.insert("news".into(), "no".into());
    bench.system("crm").create_as("contacts", "crm1", &ada_says(""));
    bench.quiet().await;
    let made = bench.system("mail").only_id("contacts");
    let there = || bench.system("mail").at("contacts", &made, "news");
    assert_eq!(there(), "no");
    says(&bench, "crm", "yes").await;
    assert_eq!(there(), "yes", "a default is nobody's refusal");
    // What somebody says there afterwards is.
    bench.system("mail").put("contacts", &made, "news", "no");
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", "crm1", "news"), "no");
}

async fn what_a_system_does_not_take_it_refuses(kind: Kind) {
    let bench = ada(kind, "", "").await;
    // She wrote to the mailing system that she wants nothing; it takes no grant for her.
    let insists = (("mail1".to_owned(), "news".to_owned()), "no".to_owned());
    bench.system("mail").state.lock().unwrap().insists.extend([insists]);
    says(&bench, "crm", "yes").await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "mail").as_str()), ("no: no no", "no"));
}

async fn what_is_gone_refuses_still(kind: Kind) {
    let bench = ada(kind, "no", "yes").await;
    assert_eq!(holds(&bench), "no: no no");
    gone(&bench, "crm1").await;
    let mail = || bench.system("mail").at("contacts", "mail1", "news");
    says(&bench, "mail", "yes").await;
    assert_eq!((mail().as_str(), claim(&bench, "mail").as_str()), ("no", "yes"));
    // The same system grants, by another object.
    bench.system("crm").create_as("contacts", "crm2", &ada_says("yes"));
    bench.quiet().await;
    assert_eq!(mail(), "yes");
}

async fn consent_has_no_heirs(kind: Kind) {
    let bench = ada(kind, "no", "").await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "mail").as_str()), ("no: no no", "-"));
    // The mailing system holds what the hub wrote, and has said nothing when the CRM's object goes.
    gone(&bench, "crm1").await;
    assert_eq!(claim(&bench, "mail"), "-");
    bench.system("crm").create_as("contacts", "crm2", &ada_says("yes"));
    bench.quiet().await;
    assert_eq!(bench.system("mail").at("contacts", "mail1", "news"), "yes");
    // A grant has none either: nobody who is there has given it.
    gone(&bench, "crm2").await;
    assert_eq!((holds(&bench).split(':').next(), claim(&bench, "mail").as_str()), (Some("-"), "-"));
}

async fn merged_records_keep_both_refusals_and_part_with_their_own(kind: Kind) {
    let bench = ada(kind, "no", "yes").await;
    bench.system("mail").create_as("contacts", "mail2", r#"{"first":"Augusta","mail":"countess@x.test","news":"yes"}"#);
    bench.quiet().await;
    let records: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
    let [ada, countess] = records[..] else { panic!("{records:?}") };
    let value = |id: RecordId| bench.store.records(&[id]).unwrap()[0].as_ref().unwrap().value(NEWS).map(|value| value.display());
    assert_eq!((value(ada).as_deref(), value(countess).as_deref()), (Some("no"), Some("yes")));
    let merge = bench.engine.merge(ada, countess, Some(countess), "ann", "one person").await.unwrap();
    assert_eq!(value(countess).as_deref(), Some("no"), "the refusal came along");
    bench.engine.unmerge(merge.id, &[], "ann", "two after all").await.unwrap();
    assert_eq!((value(ada).as_deref(), value(countess).as_deref()), (Some("no"), Some("yes")));
}

async fn a_steward_refuses_and_grants(kind: Kind) {
    let bench = ada(kind, "yes", "yes").await;
    let ada = bench.store.records_after(RecordId(0), 10).unwrap()[0].id;
    let say = async |value: &str| {
        bench.engine.steward_says(ada, (NEWS, value), "ann", "she rang").await.map(|(_, value)| value.display())
    };
    assert_eq!(say("no").await.unwrap(), "no");
    says(&bench, "crm", "yes").await;
    bench.quiet().await;
    assert_eq!(holds(&bench), "no: no no");
    let neither = say("asked").await.unwrap_err().to_string();
    assert!(neither.contains("neither refuses nor grants"), "{neither}");
    // His grant lifts his own refusal, and nobody else's.
    assert_eq!(say("yes").await.unwrap(), "yes");
    bench.quiet().await;
    assert_eq!(holds(&bench), "yes: yes yes");
    says(&bench, "mail", "no").await;
    assert_eq!(say("yes").await.unwrap(), "no");
}

async fn another_mapping_lifts_no_refusal(kind: Kind) {
    let mut bench = ada(kind, "no", "yes").await;
    let without: Vec<_> = files()
        .into_iter()
        .map(|(path, text)| match path {
            "mappings/crm-contacts.toml" => (path, text.split("[[field]]\nremote = \"news\"").next().unwrap().to_owned()),
            _ => (path, text),
        })
        .collect();
    bench.configure(&as_str(&without));
    bench.round().await;
    bench.approve_all().await;
    says(&bench, "mail", "yes").await;
    assert_eq!((holds(&bench).as_str(), claim(&bench, "crm").as_str()), ("no: no no", "no"));
}

async fn a_steward_lifts_what_nobody_can_lift_any_more(kind: Kind) {
    let mut bench = ada(kind, "no", "yes").await;
    let ada = bench.store.records_after(RecordId(0), 10).unwrap()[0].id;
    let without: Vec<_> = files().into_iter().filter(|(path, _)| !path.contains("crm")).collect();
    bench.systems.remove("crm");
    bench.configure(&as_str(&without));
    bench.round().await;
    bench.approve_all().await;
    let held = |bench: &Bench| bench.system("mail").at("contacts", "mail1", "news");
    says(&bench, "mail", "yes").await;
    assert_eq!(held(&bench), "no", "a connection that is removed takes no refusal with it");
    let (_, now) = bench.engine.steward_says(ada, (NEWS, "yes"), "ann", "she signed").await.unwrap();
    bench.quiet().await;
    assert_eq!((now.display().as_str(), held(&bench).as_str()), ("yes", "yes"));
    // Who refuses there is heard all the same.
    says(&bench, "mail", "no").await;
    let (_, now) = bench.engine.steward_says(ada, (NEWS, "yes"), "ann", "she signed").await.unwrap();
    assert_eq!(now.display(), "no");
}

/// Ada, who refused in the CRM, is deleted in both systems; then somebody comes. What he is told to have said, and what is in the
/// system that he came in by.
async fn comes_back(kind: Kind, refused: (&str, &str), through: &str, body: &str) -> (String, String, Bench) {
    let mut bench = ada(kind, refused.0, refused.1).await;
    for system in ["crm", "mail"] {
        bench.system(system).state.lock().unwrap().tells = true;
        bench.system(system).delete("contacts", &format!("{system}1"));
    }
    bench.quiet().await;
    let states: Vec<RecordState> = bench.store.records_after(RecordId(0), 10).unwrap().into_iter().map(|r| r.state).collect();
    assert!(matches!(states[..], [RecordState::Deleted { .. }]), "{states:?}");
    bench.restart();
    bench.pass(1_000_000);
    bench.system(through).state.lock().unwrap().clock = bench.engine.now().0;
    bench.system(through).create_as("contacts", "back", body);
    bench.quiet().await;
    let key = RemoteKey::new(through, "contacts", "back");
    let id = bench.engine.record_of(&key).unwrap().unwrap();
    let record = bench.store.records(&[id]).unwrap().remove(0).unwrap();
    let says = record.value(NEWS).map_or_else(|| "-".to_owned(), Value::display);
    let there = bench.system(through).at("contacts", "back", "news");
    (says, there, bench)
}

async fn who_was_deleted_everywhere_and_comes_back_has_said_no(kind: Kind) {
    let other = ada_says("yes").replace("ada@x.test", "bo@x.test");
    for (refused, through, body, expected) in [
        // Somebody else's grant lifts nothing, and the system is told.
        (("no", "yes"), "mail", ada_says("yes"), "no"),
        (("no", ""), "mail", ada_says(""), "no"),
        // Who says nothing where it was refused has not granted; who grants there has.
        (("no", "yes"), "crm", ada_says(""), "no"),
        (("no", "yes"), "crm", ada_says("yes"), "yes"),
        (("no", "no"), "crm", ada_says("yes"), "no"),
        // Nobody had refused, or it is another person.
        (("yes", "yes"), "mail", ada_says("yes"), "yes"),
        (("no", "yes"), "mail", other.clone(), "yes"),
    ] {
        let (says, there, bench) = comes_back(kind, refused, through, &body).await;
        assert_eq!((says.as_str(), there.as_str()), (expected, expected), "{refused:?}, {through}: {body}");
        // Nothing else of the old record is there, and nothing more goes on.
        let key = RemoteKey::new(through, "contacts", "back");
        let id = bench.engine.record_of(&key).unwrap().unwrap();
        let record = bench.store.records(&[id]).unwrap().remove(0).unwrap();
        assert_eq!(record.value("first_name"), Some(&Value::text("Ada")));
        super::policies::check_quiet(&bench).await;
        // It holds when the same one goes and comes once more.
        if expected == "no" {
            for system in ["crm", "mail"] {
                let ids: Vec<String> = bench.system(system).state.lock().unwrap().things["contacts"].keys().cloned().collect();
                bench.system(system).state.lock().unwrap().tells = true;
                ids.iter().for_each(|id| bench.system(system).delete("contacts", id));
            }
            bench.quiet().await;
            bench.pass(1_000_000);
            bench.system("mail").state.lock().unwrap().clock = bench.engine.now().0;
            bench.system("mail").create_as("contacts", "again", &ada_says(""));
            bench.quiet().await;
            assert_eq!(bench.system("mail").at("contacts", "again", "news"), "no", "{refused:?}, {through}: {body}");
        }
    }
}
