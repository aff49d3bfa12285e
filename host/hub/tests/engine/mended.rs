//! What was set aside is corrected by hand: the correction is a steward's word, nobody else's. Attacked: I4, I12.

use nave_core::model::{ContributionId, DeadLetter, RemoteKey};
use nave_core::survivorship::STEWARD;

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    a_delivery_is_corrected_and_sent,
    a_source_record_is_corrected_and_its_system_does_not_say_so,
    what_is_still_wrong_stays_set_aside,
);

const PEOPLE: &str = r#"
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
remote = "mail"
canonical = "email"
direction = "both"
because = "people correct e-mails anywhere"
[[field]]
remote = "born"
canonical = "birth_date"
in = "date"
direction = "both"
because = "people correct dates anywhere"
"#;

async fn bench(kind: Kind) -> Bench {
    let there = PEOPLE.replace("\"drop\"", "\"erp\"");
    let systems = vec![System::new("drop", &["contacts"]), System::new("erp", &["contacts"])];
    let bench = Bench::new(kind, systems, &[("mappings/drop-contacts.toml", PEOPLE), ("mappings/erp-contacts.toml", &there)]);
    bench.round().await;
    bench.approve_all().await;
    bench
}

fn only(bench: &Bench) -> DeadLetter {
    let mut letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

/// Who asserts what of the only record's field: `erp=…, steward=…`.
fn claims(bench: &Bench, field: &str) -> Vec<String> {
    let rows = bench.store.contributions_after(ContributionId(0), 100).unwrap();
    let claimed = rows.iter().filter_map(|row| Some((row.key.connection.to_string(), row.claims.get(field)?.value.display())));
    let mut all: Vec<String> = claimed.map(|(who, value)| format!("{who}={value}")).collect();
    all.sort();
    all
}

async fn a_delivery_is_corrected_and_sent(kind: Kind) {
    let mut bench = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada the Countess of Lovelace","mail":"ada@x.test"}"#);
    bench.system("erp").fault(Fault::Refuse);
    bench.round().await;
    let letter = only(&bench);
    assert_eq!((letter.class.as_str(), bench.system("erp").writes()), ("format", 0));
    let mended = bench.engine.mend(&letter, "first", "Ada", "ann", "asked her").await.unwrap();
    assert_eq!((mended.field.as_str(), mended.before.as_str()), ("first_name", "Ada the Countess of Lovelace"));
    bench.restart();
    bench.quiet().await;
    assert!(bench.store.dead_letters(0, 10).unwrap().is_empty());
    let there = bench.system("erp").only_id("contacts");
    assert_eq!(bench.system("erp").at("contacts", &there, "first"), "Ada");
    assert_eq!(claims(&bench, "first_name"), ["drop=Ada the Countess of Lovelace", "steward=Ada"]);
    let noted = bench.store.audit(50).unwrap().into_iter().find(|line| line.action == "dead-letter.edited").unwrap();
    assert_eq!((noted.actor.as_str(), noted.detail.as_str()), ("ann", "`first_name`: asked her"));
}

async fn a_source_record_is_corrected_and_its_system_does_not_say_so(kind: Kind) {
    let mut bench = bench(kind).await;
    bench.system("drop").create_as("contacts", "d7", r#"{"first":"Ada","mail":"ada@x.test","born":"the 10th of December"}"#);
    bench.round().await;
    let letter = only(&bench);
    assert_eq!((letter.class.as_str(), letter.field.as_deref()), ("format", Some("born")));
    bench.engine.mend(&letter, "born", "1815-12-10", "ann", "").await.unwrap();
    assert_eq!(claims(&bench, "birth_date"), [format!("{STEWARD}=1815-12-10")], "drop never said that");
    let key = RemoteKey::new("drop", "contacts", "d7");
    let id = bench.store.resolve(&[key]).unwrap()[0].unwrap();
    let row = bench.store.contributions(&[id]).unwrap()[0].clone().unwrap();
    assert_eq!(row.shadow.get("born").unwrap().display(), "the 10th of December", "what it holds there");
    bench.restart();
    bench.quiet().await;
    assert!(bench.store.dead_letters(0, 10).unwrap().is_empty());
    for system in ["drop", "erp"] {
        let there = bench.system(system).only_id("contacts");
        assert_eq!(bench.system(system).at("contacts", &there, "born"), "1815-12-10", "{system}");
    }
}

async fn what_is_still_wrong_stays_set_aside(kind: Kind) {
    let bench = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada","mail":"ada@x.test","born":"the 10th of December"}"#);
    bench.round().await;
    let letter = only(&bench);
    for (field, value, says) in
        [("born", "in winter", "still wrong"), ("first", "Ada", "still wrong"), ("shoe-size", "43", "maps no field")]
    {
        let error = bench.engine.mend(&letter, field, value, "ann", "").await.unwrap_err();
        assert!(error.to_string().contains(says), "{field}: {error}");
    }
    assert_eq!(only(&bench), letter, "as it was");
    assert!(bench.store.records_after(nave_core::model::RecordId(0), 10).unwrap().is_empty());
}
