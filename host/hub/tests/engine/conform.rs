//! Other rules, other mappings: what is stored is computed anew. Invariants attacked: I5, I8, I14.

use nave_core::Value;
use nave_core::model::ContributionId;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, only_record, set};
use super::system::System;

on_both_stores!(
    another_rule_decides_anew,
    another_spelling_is_spelled_anew,
    another_field_is_said_instead,
    what_the_hub_wrote_is_nobodys_opinion_under_another_mapping_either,
    a_hub_that_dies_over_it_ends_the_same,
);

fn mapping(system: &str, title: &str) -> (String, String) {
    let field = |remote: &str, rest: &str| {
        format!("[[field]]\nremote = \"{remote}\"\n{rest}\ndirection = \"both\"\nbecause = \"anywhere\"\n")
    };
    let text = format!(
        "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n{}{}{}",
        field("last", "canonical = \"last_name\""),
        field("email", "canonical = \"email\""),
        field("title", title),
    );
    (format!("mappings/{system}-contacts.toml"), text)
}

const PLAIN: &str = "canonical = \"job_title\"";
const UPPER: &str = "canonical = \"job_title\"\nin = \"trim | upper\"\nout = \"lower\"";
const NOTES: &str = "canonical = \"notes\"";
const NEWEST: &str = "";
const OWNER: &str = "[fields.job_title]\nsurvivorship = { owner = \"crm\" }\nbecause = \"Sales knows\"\n";

fn files(crm: &str, entity: &str) -> Vec<(String, String)> {
    vec![mapping("crm", crm), mapping("erp", PLAIN), ("entities/contact.toml".to_owned(), entity.to_owned())]
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// Ada, of whom the CRM says that she is a pilot, and the ERP later that she is a captain.
async fn bench(kind: Kind, entity: &str) -> Bench {
    let files = files(PLAIN, entity);
    let bench = Bench::new(kind, ["crm", "erp"].map(|name| System::new(name, &["contacts"])).into(), &borrowed(&files));
    bench.approve_all().await;
    bench.system("crm").create("contacts", r#"{"last":"Lovelace","email":"ada@x.test","title":"pilot"}"#);
    bench.quiet().await;
    let erp = bench.system("erp").only_id("contacts");
    set(bench.system("erp"), &erp, "title", Value::text("captain"));
    bench.quiet().await;
    bench
}

async fn configure(bench: &mut Bench, crm: &str, entity: &str) {
    bench.configure(&borrowed(&files(crm, entity)));
    bench.approve_all().await;
    bench.quiet().await;
}

fn titles(bench: &Bench) -> [String; 2] {
    ["crm", "erp"].map(|name| bench.system(name).at("contacts", &bench.system(name).only_id("contacts"), "title"))
}

fn value(bench: &Bench, field: &str) -> String {
    only_record(bench).value(field).map(Value::display).unwrap_or_default()
}

async fn another_rule_decides_anew(kind: Kind) {
    let mut bench = bench(kind, NEWEST).await;
    assert_eq!((value(&bench, "job_title").as_str(), titles(&bench)), ("captain", ["captain".into(), "captain".into()]));
    for (entity, title) in [(OWNER, "pilot"), (NEWEST, "captain"), (OWNER, "pilot")] {
        configure(&mut bench, PLAIN, entity).await;
        assert_eq!((value(&bench, "job_title").as_str(), titles(&bench)), (title, [title.into(), title.into()]));
        check_quiet(&bench).await;
    }
}

async fn another_spelling_is_spelled_anew(kind: Kind) {
    let mut bench = bench(kind, OWNER).await;
    assert_eq!(value(&bench, "job_title"), "pilot");
    let claimed = |bench: &Bench| {
        let rows = bench.store.contributions_after(ContributionId(0), 10).unwrap();
        rows.iter().find_map(|row| Some(row.claims.get("job_title")?.claimed_at).filter(|_| row.key.connection == "crm")).unwrap()
    };
    let before = claimed(&bench);
    configure(&mut bench, UPPER, OWNER).await;
    assert_eq!((value(&bench, "job_title").as_str(), titles(&bench)), ("PILOT", ["pilot".into(), "PILOT".into()]));
    assert_eq!(claimed(&bench), before, "it was said when it was said");
    check_quiet(&bench).await;
}

async fn another_field_is_said_instead(kind: Kind) {
    let mut bench = bench(kind, OWNER).await;
    configure(&mut bench, NOTES, OWNER).await;
    assert_eq!((value(&bench, "notes").as_str(), value(&bench, "job_title").as_str()), ("pilot", "captain"));
    assert_eq!(titles(&bench), ["pilot", "captain"]);
    check_quiet(&bench).await;
}

async fn what_the_hub_wrote_is_nobodys_opinion_under_another_mapping_either(kind: Kind) {
    let mut bench = bench(kind, NEWEST).await;
    // The CRM holds what the ERP said.
    configure(&mut bench, UPPER, NEWEST).await;
    assert_eq!((value(&bench, "job_title").as_str(), titles(&bench)), ("captain", ["captain".into(), "captain".into()]));
    let rows = bench.store.contributions_after(ContributionId(0), 10).unwrap();
    let crm = rows.iter().find(|row| row.key.connection == "crm").unwrap();
    assert_eq!(crm.claims.get("job_title").map(|claim| claim.value.display()).as_deref(), Some("pilot"));
}

async fn a_hub_that_dies_over_it_ends_the_same(kind: Kind) {
    for commits in 1..7 {
        let mut bench = bench(kind, NEWEST).await;
        bench.configure(&borrowed(&files(UPPER, OWNER)));
        bench.dies_after(commits, async |bench| bench.round().await);
        bench.approve_all().await;
        bench.quiet().await;
        assert_eq!(value(&bench, "job_title"), "pilot", "{commits}");
        assert_eq!(titles(&bench), ["pilot", "pilot"], "{commits}");
        check_quiet(&bench).await;
    }
}
