//! Somebody types into a system while the hub is about to write the same field there: the edit wins or loses by the field's rule,
//! as any other, and what lost is kept as what that system said (S4.16).

use nave_core::Value;
use nave_core::model::ContributionId;

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, mapping, only_record, open_reviews, set};
use super::system::System;

on_both_stores!(
    an_edit_in_the_midst_of_a_sync_wins_where_it_is_newer,
    an_edit_in_the_midst_of_a_sync_loses_where_it_is_older,
    who_moves_to_another_country_keeps_the_number,
);

/// Both systems have Ada. Her title is changed in the CRM and read; before it is written to the books somebody changes it there,
/// `after` milliseconds later.
async fn check(kind: Kind, after: i64, wins: &str, loses: (&str, &str)) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench.pass(3_600_000);
    let typed = |system: &str, at: i64, title: &str| {
        bench.system(system).state.lock().unwrap().clock = at;
        let id = bench.system(system).only_id("contacts");
        bench.system(system).edit("contacts", &id, |body| body.put("title", Value::text(title)));
    };
    let at = bench.engine.now().0 - 60_000;
    typed("crm", at, "captain");
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    typed("books", at + after, "chief");
    bench.engine.run_out("books-contacts").await.unwrap();
    bench.quiet().await;
    for system in ["crm", "books"] {
        let id = bench.system(system).only_id("contacts");
        assert_eq!(bench.system(system).at("contacts", &id, "title"), wins, "{system}");
    }
    // What lost is not lost: it is what that system said, and `record why` shows it.
    let record = only_record(&bench);
    assert_eq!(record.value("job_title"), Some(&Value::text(wins)));
    let ids: Vec<ContributionId> = record.contributions.clone();
    let rows = bench.store.contributions(&ids).unwrap();
    let loser = rows.iter().flatten().find(|row| row.key.connection == loses.0).unwrap();
    assert_eq!(loser.claims.get("job_title").unwrap().value, Value::text(loses.1));
    assert_eq!(open_reviews(&bench), []);
}

async fn an_edit_in_the_midst_of_a_sync_wins_where_it_is_newer(kind: Kind) {
    check(kind, 30_000, "chief", ("crm", "captain")).await;
}

async fn an_edit_in_the_midst_of_a_sync_loses_where_it_is_older(kind: Kind) {
    check(kind, -30_000, "captain", ("books", "chief")).await;
}

/// A number that is spelled without its country is read in that of the person. Somebody corrects the country alone: nobody has said
/// another number, and the one that is there is spelled out.
async fn who_moves_to_another_country_keeps_the_number(kind: Kind) {
    let more = "[[field]]\nremote = \"country\"\ncanonical = \"address.country\"\ndirection = \"both\"\nbecause = \"x\"\n\
                [[field]]\nremote = \"phone\"\ncanonical = \"phone\"\ndirection = \"both\"\nin = \"phone(country)\"\nbecause = \"x\"\n";
    let files = ["crm", "books"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", "") + more));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    let text = r#"{"first":"Ada","last":"Ek","email":"ada@x.test","country":"AT","phone":"0664 1234567"}"#;
    let id = bench.system("crm").create("contacts", text);
    bench.quiet().await;
    set(bench.system("crm"), &id, "country", Value::text("DE"));
    bench.quiet().await;
    let there = bench.system("books").only_id("contacts");
    assert_eq!(only_record(&bench).value("phone"), Some(&Value::text("+436641234567")));
    assert_eq!(bench.system("books").at("contacts", &there, "phone"), "+436641234567");
    assert_eq!(bench.system("crm").at("contacts", &id, "phone"), "+436641234567");
    // Another number is one.
    set(bench.system("crm"), &id, "phone", Value::text("030 1234567"));
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &there, "phone"), "+49301234567");
    check_quiet(&bench).await;
}
