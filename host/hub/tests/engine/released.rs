//! A steward's word that is taken back: the field's rule chooses again, and what was only typed by mistake binds nobody (S4.8, I12).

use nave_core::Value;
use nave_core::model::{DecisionChoice, RecordId, RemoteKey, ReviewKind};
use nave_hub::engine::EngineError;

use super::bench::{Bench, Kind};
use super::policies::{ADA, mapping, open_reviews};
use super::system::System;

on_both_stores!(the_rule_chooses_again, a_refusal_of_consent_stands, both_words_of_merged_records_go, what_a_person_types);

const SYSTEMS: [&str; 2] = ["books", "crm"];
const NUMBERS: &str = "[[field]]\nremote = \"tel\"\ncanonical = \"phone\"\ndirection = \"both\"\nbecause = \"anywhere\"\n\
    [[field]]\nremote = \"land\"\ncanonical = \"address.country\"\ndirection = \"both\"\nbecause = \"anywhere\"\n";

/// Ada, a pilot, in both systems.
async fn ada(kind: Kind, contact: &str) -> Bench {
    let files = SYSTEMS.map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", "") + NUMBERS));
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("entities/contact.toml", contact));
    let bench = Bench::new(kind, SYSTEMS.map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench
}

fn first(bench: &Bench) -> RecordId {
    bench.store.records_after(RecordId(0), 1).unwrap()[0].id
}

async fn release(bench: &Bench, record: RecordId, field: &str) -> Result<(), EngineError> {
    bench.engine.steward_releases(record, field, "ann", "typed by mistake").await.map(drop)
}

/// `steward captain`: she says so. `release`: she takes it back. `crm major`: it is typed there. `decide crm`: the question is answered with
/// what that system says. `sync`.
async fn does(bench: &Bench, step: &str) {
    let (what, value) = step.split_once(' ').unwrap_or((step, ""));
    match what {
        "sync" => bench.quiet().await,
        "steward" => drop(bench.engine.steward_says(first(bench), ("job_title", value), "ann", "she rang").await.unwrap()),
        "release" => release(bench, first(bench), "job_title").await.unwrap(),
        "decide" => {
            let [review] = &open_reviews(bench)[..] else { panic!("no question at {step}") };
            let said = RemoteKey::new(value, "contacts", bench.system(value).only_id("contacts"));
            bench.engine.decide(review.id, DecisionChoice::Remote(said), "ann", "asked her").await.unwrap();
        }
        system => {
            let system = bench.system(system);
            system.state.lock().unwrap().clock += 100_000;
            system.edit("contacts", &system.only_id("contacts"), |body| body.put("title", Value::text(value)));
        }
    }
}

/// What the record holds after these steps, the systems in the order of their names, and whether a person is asked.
async fn check(kind: Kind, rule: &str, steps: &str, expected: &str) {
    let contact = format!("[fields.job_title]\nsurvivorship = {rule}\nsteward = \"hr\"\nbecause = \"x\"\n");
    let bench = ada(kind, &contact).await;
    for step in steps.split(", ") {
        does(&bench, step).await;
    }
    bench.quiet().await;
    let holds = bench.store.records(&[first(&bench)]).unwrap()[0].as_ref().unwrap().value("job_title").map(Value::display);
    let there = SYSTEMS.map(|name| bench.system(name).at("contacts", &bench.system(name).only_id("contacts"), "title"));
    let asked = open_reviews(&bench).iter().any(|review| matches!(review.kind, ReviewKind::Conflict { .. }));
    let asked = if asked { " ?" } else { "" };
    assert_eq!(format!("{}: {}{asked}", holds.unwrap_or_default(), there.join(" ")), expected, "{rule}: {steps}");
}

async fn the_rule_chooses_again(kind: Kind) {
    for (rule, steps, expected) in [
        // Nobody had heard of it.
        ("\"newest\"", "steward captain, release", "pilot: pilot pilot"),
        // What is typed later counts again, and did not while the word stood.
        ("\"newest\"", "steward captain, sync, books major", "captain: captain captain"),
        ("\"newest\"", "steward captain, sync, release, books major", "major: major major"),
        ("\"newest\"", "steward captain, sync, books major, sync, release", "major: major major"),
        // Whoever owns it, says what he said.
        ("{ owner = \"crm\" }", "steward captain, sync, release, books major", "pilot: pilot pilot"),
        ("{ owner = \"crm\" }", "steward captain, sync, release, crm major", "major: major major"),
        // Where only a person decides, he is asked about it again.
        ("\"manual\"", "steward captain, sync, release", "pilot: pilot pilot"),
        ("\"manual\"", "books major, sync, decide books, sync, release", "major: major major ?"),
        ("\"three-way\"", "books major, crm admiral, sync, decide books", "major: major major"),
        ("\"three-way\"", "books major, crm admiral, sync, decide books, release", "pilot: major admiral ?"),
        // Another word is another word.
        ("\"newest\"", "steward captain, release, steward major", "major: major major"),
    ] {
        check(kind, rule, steps, expected).await;
    }
    let bench = ada(kind, "").await;
    for (field, expected) in
        [("job_title", "no steward has said anything of `job_title`"), ("job_titel", "did you mean `job_title`?")]
    {
        let error = release(&bench, first(&bench), field).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

async fn a_refusal_of_consent_stands(kind: Kind) {
    const CONTACT: &str = "steward = \"hr\"\n[fields.x.test.news]\ntype = \"enum\"\nvalues = [\"yes\", \"no\"]\n\
        survivorship = { refusal = [\"no\"], grant = [\"yes\"] }\nbecause = \"x\"\n";
    const NEWS: &str = "x.test.news";
    let bench = ada(kind, CONTACT).await;
    let ada = first(&bench);
    let holds = || bench.store.records(&[ada]).unwrap()[0].as_ref().unwrap().value(NEWS).map(Value::display);
    bench.engine.steward_says(ada, (NEWS, "no"), "ann", "she rang").await.unwrap();
    let error = release(&bench, ada, NEWS).await.unwrap_err().to_string();
    assert!(error.contains("nave record set contact/1 x.test.news yes --reason TEXT"), "{error}");
    assert_eq!(holds().as_deref(), Some("no"), "what was not taken back stands");
    bench.engine.steward_says(ada, (NEWS, "yes"), "ann", "she rang").await.unwrap();
    release(&bench, ada, NEWS).await.unwrap();
    assert_eq!(holds(), None, "nobody says anything of it");
}

async fn both_words_of_merged_records_go(kind: Kind) {
    let bench = ada(kind, "").await;
    bench.system("books").create("contacts", &ADA.replace("ada@", "augusta@"));
    bench.quiet().await;
    let records: Vec<RecordId> = bench.store.records_after(RecordId(0), 9).unwrap().iter().map(|record| record.id).collect();
    let [one, other] = records[..] else { panic!("{records:?}") };
    for (record, value) in [(one, "captain"), (other, "major")] {
        bench.engine.steward_says(record, ("job_title", value), "ann", "she rang").await.unwrap();
    }
    bench.engine.merge(one, other, Some(other), "ann", "one person").await.unwrap();
    // By the name that it had, too.
    release(&bench, one, "job_title").await.unwrap();
    let holds = bench.store.records(&[other]).unwrap()[0].as_ref().unwrap().value("job_title").map(Value::display);
    assert_eq!(holds.as_deref(), Some("pilot"));
}

/// What a person types becomes what the hub holds, or an error that says what to type.
async fn what_a_person_types(kind: Kind) {
    let bench = ada(kind, "").await;
    let say = async |field: &str, text: &str| {
        let said = bench.engine.steward_says(first(&bench), (field, text), "ann", "she rang").await;
        said.map_or_else(|error| format!("! {error}"), |(_, value)| value.display())
    };
    assert_eq!(say("phone", "030 1234567").await, "0301234567", "nobody knows of which country");
    for (field, text, expected) in [
        ("address.country", "Germany", "DE"),
        ("phone", "030 1234567", "+49301234567"),
        ("phone", "+43 1 2345678", "+4312345678"),
        ("phone", "", "–"),
        ("company", "company/9", "! there is no company/9"),
        ("company", "contact/1", "! `company` names a company by its number, as company/3, and not \"contact/1\""),
        ("company", "1", "! there is no company/1"),
        ("company", "", "–"),
        ("phones", "1", "! `phones` is no single value"),
    ] {
        let said = say(field, text).await;
        assert!(
            if expected.starts_with('!') { said.starts_with(expected) } else { said == expected },
            "{field} {text:?}: {said}"
        );
    }
}
