//! What a merge that is taken back leaves in the systems: every value as it was spelled there, and what was empty is empty (S4.17).
//! Invariants attacked: I7, I12.

use nave_core::catalog::ChangeDetection;
use nave_core::model::RecordId;
use nave_hub::engine::merges::MergeState;

use super::bench::{Bench, Kind};
use super::merges::{STEP, merged, outcomes, there};
use super::policies::check_quiet;
use super::system::System;

on_both_stores!(
    spelled_as_it_was_with_objects_kept_in_step,
    spelled_as_it_was_with_objects_put_away,
    spelled_as_it_was_where_an_object_is_made_again,
    what_its_system_took_over_from_the_other_goes_back,
    what_was_changed_since_is_written_as_the_record_says,
);

const SWITCH: &str = "archive = { active = false }\nrestore = { active = true }\nduplicates = \"archive\"";
const MERGE: &str = "duplicates = \"merge\"";

fn file(system: &str, head: &str) -> (String, String) {
    let field = |remote: &str, canonical: &str, read: &str| {
        format!(
            "[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nin = \"{read}\"\nbecause = \"anywhere\"\n"
        )
    };
    let text = [
        format!("connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"marker\"\n{head}\n"),
        "[flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n".to_owned(),
        field("first", "first_name", "trim"),
        field("email", "email", "trim | lower"),
        field("phone", "phone", "phone"),
        field("country", "address.country", "country(name)"),
        field("city", "address.city", "trim"),
        "[[list]]\nremote = \"phones\"\ncanonical = \"phones\"\ndirection = \"both\"\nid = \"id\"\nbecause = \"anywhere\"\n".to_owned(),
        "[[list.field]]\nremote = \"value\"\ncanonical = \"number\"\ndirection = \"both\"\nin = \"phone\"\nbecause = \"as the list\"\n"
            .to_owned(),
    ];
    (format!("mappings/{system}-contacts.toml"), text.concat())
}

const ADA: &str = r#"{"first":"Ada","email":"ada@x.test","phone":"+46 70 555 00 01","country":"sweden",
    "phones":[{"value":"+46 70 555 00 03"}]}"#;
const AUGUSTA: &str = r#"{"first":"Augusta","email":"Augusta@Y.test","phone":"+46-70-555-00-02","country":"SWEDEN",
    "city":"Lund","phones":[{"value":"+46-70-555-00-04"}]}"#;

/// Ada as the CRM spells her, Augusta as the books do; both systems have both.
async fn twice(kind: Kind, policy: &str) -> (Bench, RecordId, RecordId) {
    let files = ["crm", "books"].map(|system| file(system, policy));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let systems = ["crm", "books"].map(|name| {
        let mut system = System::new(name, &["contacts", "companies"]);
        system.capabilities.changes = ChangeDetection::FullScan;
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench.system("books").state.lock().unwrap().clock += 10_000;
    bench.system("books").create("contacts", AUGUSTA);
    bench.quiet().await;
    let all = bench.store.records_after(RecordId(0), 10).unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    let ids = (all[0].id, all[1].id);
    (bench, ids.0, ids.1)
}

async fn taken_back(bench: &Bench, merge: u64) {
    let undone = bench.engine.unmerge(merge, &[], "vera", "two people after all").await.unwrap();
    assert_eq!(undone.state, MergeState::Undone, "{:?}", outcomes(&undone));
    check_quiet(bench).await;
}

async fn check(kind: Kind, policy: &str) {
    let (bench, ada, augusta) = twice(kind, policy).await;
    let before = there(&bench);
    let holds = |text: &str| before.iter().filter(|thing| thing.contains(text)).count();
    let own = ["+46 70 555 00 01", "+46-70-555-00-02", "+46 70 555 00 03", "+46-70-555-00-04", "Augusta@Y.test"];
    assert_eq!(own.map(holds), [1; 5], "each spells its own: {before:#?}");
    let merge = merged(&bench, ada, augusta).await;
    bench.quiet().await;
    let now = there(&bench);
    assert!(now.iter().all(|thing| thing.contains("city: Lund") && !thing.contains("+46 70 555 00 01")), "{now:#?}");
    taken_back(&bench, merge.id).await;
    assert_eq!(there(&bench), before);
}

async fn spelled_as_it_was_with_objects_kept_in_step(kind: Kind) {
    check(kind, STEP).await;
}

async fn spelled_as_it_was_with_objects_put_away(kind: Kind) {
    check(kind, SWITCH).await;
}

async fn spelled_as_it_was_where_an_object_is_made_again(kind: Kind) {
    check(kind, MERGE).await;
}

async fn what_its_system_took_over_from_the_other_goes_back(kind: Kind) {
    let (bench, ada, augusta) = twice(kind, STEP).await;
    let before = there(&bench);
    let object = |record| bench.engine.locate(record, "crm", "contacts").unwrap();
    let (of_ada, of_augusta) = (object(ada), object(augusta));
    let spelled = bench.system("crm").at("contacts", &of_augusta, "country");
    assert_eq!(spelled, "Sweden");
    let merge = merged(&bench, ada, augusta).await;
    bench.system("crm").put("contacts", &of_ada, "country", &spelled);
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", &of_ada, "country"), spelled, "it means the same: nothing is written");
    taken_back(&bench, merge.id).await;
    assert_eq!(there(&bench), before);
    // It is over: whoever spells it otherwise from now on is left alone.
    bench.system("crm").put("contacts", &of_ada, "country", &spelled);
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", &of_ada, "country"), spelled);
}

/// The former spelling means something else by now: what the record says is written.
async fn what_was_changed_since_is_written_as_the_record_says(kind: Kind) {
    let (bench, ada, augusta) = twice(kind, STEP).await;
    let object = |system: &str, record| bench.engine.locate(record, system, "contacts").unwrap();
    let (own, copy, other) = (object("crm", ada), object("books", ada), object("books", augusta));
    let merge = merged(&bench, ada, augusta).await;
    // Somebody edits Ada's copy, and later Augusta's own object: that one is right as long as they are one.
    for (thing, phone) in [(&copy, "0046 70 555 00 05"), (&other, "0046 70 555 00 06")] {
        bench.system("books").state.lock().unwrap().clock += 100_000;
        bench.system("books").put("contacts", thing, "phone", phone);
        bench.quiet().await;
    }
    assert_eq!(bench.system("crm").at("contacts", &own, "phone"), "+46705550006");
    taken_back(&bench, merge.id).await;
    let phones = [("crm", &own), ("books", &copy), ("books", &other)];
    let phones = phones.map(|(system, thing)| bench.system(system).at("contacts", thing, "phone"));
    assert_eq!(phones, ["+46705550005", "+46705550005", "0046 70 555 00 06"]);
}
