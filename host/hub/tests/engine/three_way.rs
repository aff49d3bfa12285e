//! Fields that are compared three ways: one side's change wins, two sides' changes are a question. Invariants attacked: I7, I12.

use std::collections::BTreeMap;

use nave_core::Value;
use nave_core::model::{Claim, DecisionChoice, Record, RecordId, RemoteKey, Review, ReviewKind, Rule};

use super::bench::{Bench, Kind};
use super::merges::STEP;
use super::policies::{ADA, check_quiet, mapping, only_record, open_reviews, set};
use super::system::System;

on_both_stores!(
    one_side_changed,
    both_changed_otherwise_and_a_person_decides,
    both_changed_otherwise_and_one_gives_in,
    what_another_rule_chose_is_agreed_on,
    elements_of_a_list_are_compared_each,
    what_only_a_person_decided_stays_a_question,
    a_question_goes_with_its_rule,
    a_spelling_of_its_own_is_no_change,
    what_two_records_made_one_say_is_asked,
    a_hub_that_dies_over_it_ends_the_same,
);

const THREE_WAY: &str = "[fields.job_title]\nsurvivorship = \"three-way\"\nsteward = \"hr\"\nbecause = \"Nobody knows it best\"\n\
                         [fields.phones]\nsurvivorship = \"three-way\"\nsteward = \"hr\"\nbecause = \"Everybody knows some\"\n";
const SYSTEMS: [&str; 3] = ["crm", "desk", "erp"];

fn files(contact: &str) -> Vec<(String, String)> {
    files_with(contact, "")
}

fn files_with(contact: &str, head: &str) -> Vec<(String, String)> {
    let list = "[[list]]\nremote = \"phones\"\ncanonical = \"phones\"\ndirection = \"both\"\nid = \"id\"\nbecause = \"anywhere\"\n\
                [[list.field]]\nremote = \"value\"\ncanonical = \"number\"\ndirection = \"both\"\nbecause = \"as the list\"\n\
                [[list.field]]\nremote = \"kind\"\ncanonical = \"kind\"\ndirection = \"both\"\nbecause = \"as the list\"\n";
    let mut files = SYSTEMS.map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, head, "") + list)).to_vec();
    files.push(("entities/contact.toml".to_owned(), contact.to_owned()));
    files
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// Ada, a pilot everywhere.
async fn bench(kind: Kind, contact: &str) -> Bench {
    let systems = SYSTEMS.map(|name| System::new(name, &["contacts"]));
    let bench = Bench::new(kind, systems.into(), &borrowed(&files(contact)));
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    assert_eq!(titles(&bench), ["pilot"; 3]);
    bench
}

fn change(bench: &Bench, system: &str, title: &str) {
    let id = bench.system(system).only_id("contacts");
    set(bench.system(system), &id, "title", Value::text(title));
}

fn titles(bench: &Bench) -> [String; 3] {
    SYSTEMS.map(|name| bench.system(name).at("contacts", &bench.system(name).only_id("contacts"), "title"))
}

fn title(bench: &Bench) -> (String, Rule) {
    let record = only_record(bench);
    let field = record.fields.get("job_title").unwrap();
    (field.value.display(), field.rule)
}

fn asked(bench: &Bench) -> Review {
    let mut open = open_reviews(bench);
    assert_eq!(open.len(), 1, "{open:?}");
    let review = open.remove(0);
    assert_eq!(review.steward, "hr");
    assert!(matches!(&review.kind, ReviewKind::Conflict { field, .. } if field == "job_title"), "{review:?}");
    review
}

async fn one_side_changed(kind: Kind) {
    let bench = bench(kind, THREE_WAY).await;
    // Whoever it is, whatever the others last said themselves.
    for (system, to) in [("desk", "captain"), ("crm", "major"), ("erp", "colonel"), ("desk", "pilot"), ("crm", "captain")] {
        change(&bench, system, to);
        bench.quiet().await;
        assert_eq!((titles(&bench), title(&bench)), ([to; 3].map(str::to_owned), (to.to_owned(), Rule::ThreeWay)), "{system}");
        check_quiet(&bench).await;
    }
    // Both the same.
    change(&bench, "crm", "nurse");
    change(&bench, "erp", "nurse");
    bench.quiet().await;
    assert_eq!(titles(&bench), ["nurse"; 3]);
    assert_eq!(open_reviews(&bench).len(), 0);
    check_quiet(&bench).await;
}

/// The CRM and the ERP change Ada's title otherwise, before either hears of the other.
async fn disputed(bench: &Bench) -> Review {
    change(bench, "desk", "captain");
    bench.quiet().await;
    change(bench, "crm", "major");
    change(bench, "erp", "admiral");
    bench.quiet().await;
    assert_eq!(title(bench), ("captain".to_owned(), Rule::Undecided));
    assert_eq!(titles(bench), ["major", "captain", "admiral"], "each is left as it is");
    check_quiet(bench).await;
    asked(bench)
}

async fn both_changed_otherwise_and_a_person_decides(kind: Kind) {
    let bench = bench(kind, THREE_WAY).await;
    let review = disputed(&bench).await;
    // What nobody disputes goes on.
    let crm = bench.system("crm").only_id("contacts");
    set(bench.system("crm"), &crm, "first", Value::text("Augusta"));
    bench.quiet().await;
    for name in SYSTEMS {
        assert_eq!(bench.system(name).at("contacts", &bench.system(name).only_id("contacts"), "first"), "Augusta", "{name}");
    }
    assert_eq!(titles(&bench), ["major", "captain", "admiral"]);
    let erp = RemoteKey::new("erp", "contacts", bench.system("erp").only_id("contacts"));
    bench.engine.decide(review.id, DecisionChoice::Remote(erp), "vera", "asked her").await.unwrap();
    bench.quiet().await;
    assert_eq!((titles(&bench), title(&bench)), (["admiral"; 3].map(str::to_owned), ("admiral".to_owned(), Rule::Steward)));
    assert_eq!(open_reviews(&bench).len(), 0);
    check_quiet(&bench).await;
}

async fn both_changed_otherwise_and_one_gives_in(kind: Kind) {
    for (system, to, holds) in [("erp", "major", "major"), ("erp", "captain", "major"), ("crm", "admiral", "admiral")] {
        let bench = bench(kind, THREE_WAY).await;
        disputed(&bench).await;
        change(&bench, system, "consul");
        bench.quiet().await;
        asked(&bench);
        assert_eq!(title(&bench), ("captain".to_owned(), Rule::Undecided), "another word of the same is no answer");
        change(&bench, system, to);
        bench.quiet().await;
        assert_eq!(titles(&bench), [holds; 3], "{system} says {to}");
        assert_eq!(open_reviews(&bench).len(), 0, "nobody has to be asked any more");
        check_quiet(&bench).await;
        change(&bench, "desk", "nurse");
        bench.quiet().await;
        assert_eq!(titles(&bench), ["nurse"; 3]);
    }
}

async fn what_another_rule_chose_is_agreed_on(kind: Kind) {
    let mut bench = bench(kind, "").await;
    change(&bench, "crm", "major");
    change(&bench, "erp", "admiral");
    bench.quiet().await;
    let chosen = title(&bench).0;
    assert_eq!(titles(&bench), [(); 3].map(|()| chosen.clone()));
    bench.configure(&borrowed(&files(THREE_WAY)));
    bench.approve_all().await;
    bench.quiet().await;
    assert_eq!(
        (titles(&bench), open_reviews(&bench).len()),
        ([(); 3].map(|()| chosen.clone()), 0),
        "nobody is asked what was settled"
    );
    change(&bench, "desk", "captain");
    bench.quiet().await;
    assert_eq!(titles(&bench), ["captain"; 3]);
    check_quiet(&bench).await;
}

/// What stands while systems say otherwise is what was agreed on, and the question stays one.
async fn what_only_a_person_decided_stays_a_question(kind: Kind) {
    const MANUAL: &str = "[fields.job_title]\nsurvivorship = \"manual\"\nsteward = \"hr\"\nbecause = \"Only we know\"\n";
    // Who says what under `manual`.
    for changes in [&[("erp", "admiral")][..], &[("crm", "major"), ("erp", "admiral")]] {
        let mut bench = bench(kind, MANUAL).await;
        for (system, to) in changes {
            change(&bench, system, to);
        }
        bench.quiet().await;
        let review = asked(&bench);
        assert_eq!(title(&bench).0, "pilot");
        bench.configure(&borrowed(&files(THREE_WAY)));
        bench.approve_all().await;
        let crm = bench.system("crm").only_id("contacts");
        set(bench.system("crm"), &crm, "first", Value::text("Augusta"));
        bench.quiet().await;
        assert_eq!(title(&bench), ("pilot".to_owned(), Rule::Undecided), "{changes:?}");
        assert_eq!(asked(&bench).id, review.id, "{changes:?}");
    }
}

async fn a_question_goes_with_its_rule(kind: Kind) {
    let mut bench = bench(kind, THREE_WAY).await;
    disputed(&bench).await;
    bench.configure(&borrowed(&files("")));
    bench.approve_all().await;
    let crm = bench.system("crm").only_id("contacts");
    set(bench.system("crm"), &crm, "first", Value::text("Augusta"));
    bench.quiet().await;
    assert_eq!(title(&bench).1, Rule::Newest);
    assert_eq!(open_reviews(&bench).len(), 0);
}

/// The desk writes what it is sent in capitals: that is not what it held against the others.
async fn a_spelling_of_its_own_is_no_change(kind: Kind) {
    let systems = SYSTEMS.map(|name| System::new(name, &["contacts"])).map(|mut system| {
        system.shouting.extend((system.name == "desk").then(|| "title".to_owned()));
        system
    });
    let bench = Bench::new(kind, systems.into(), &borrowed(&files(THREE_WAY)));
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    change(&bench, "erp", "captain");
    bench.quiet().await;
    assert_eq!(titles(&bench), ["captain", "CAPTAIN", "captain"]);
    change(&bench, "desk", "major");
    bench.quiet().await;
    assert_eq!((titles(&bench), title(&bench)), (["major"; 3].map(str::to_owned), ("major".to_owned(), Rule::ThreeWay)));
    assert_eq!(open_reviews(&bench).len(), 0);
    check_quiet(&bench).await;
}

/// The claims on both records, by what said them.
fn claims(bench: &Bench) -> BTreeMap<RemoteKey, Vec<(String, Claim)>> {
    let records = bench.store.records_after(RecordId(0), 100).unwrap();
    let all: Vec<_> = records.into_iter().flat_map(|record| record.contributions).collect();
    let said = |claims: nave_core::NameMap<Claim>| claims.iter().map(|(name, claim)| (name.to_string(), claim.clone())).collect();
    bench.store.contributions(&all).unwrap().into_iter().flatten().map(|row| (row.key.clone(), said(row.claims))).collect()
}

/// Nobody at one record knew what was said at the other.
async fn what_two_records_made_one_say_is_asked(kind: Kind) {
    // What is changed at Bea's before the two are made one: with two changes she is asked about already.
    for changes in [&[][..], &[("crm", "major"), ("desk", "admiral")]] {
        let systems = SYSTEMS.map(|name| System::new(name, &["contacts"]));
        let bench = Bench::new(kind, systems.into(), &borrowed(&files_with(THREE_WAY, STEP)));
        bench.approve_all().await;
        let id_of = |system: &str, email: &str| {
            let state = bench.system(system).state.lock().unwrap();
            let of = |body: &Value| body.at("email").map(Value::display).as_deref() == Some(email);
            state.things["contacts"].iter().find(|(_, thing)| of(&thing.body)).unwrap().0.clone()
        };
        let title = |system: &str, email: &str, to: &str| {
            set(bench.system(system), &id_of(system, email), "title", Value::text(to));
        };
        bench.system("crm").create("contacts", ADA);
        bench.quiet().await;
        bench.system("erp").create("contacts", r#"{"first":"Bea","last":"Byron","email":"bea@y.test","title":"nurse"}"#);
        bench.quiet().await;
        title("desk", "ada@x.test", "captain");
        bench.quiet().await;
        for (system, to) in changes {
            title(system, "bea@y.test", to);
        }
        bench.quiet().await;
        let records = || bench.store.records_after(RecordId(0), 100).unwrap();
        let [ada, bea] = [0, 1].map(|at: usize| records()[at].id);
        let before = (claims(&bench), records().iter().map(|one: &Record| one.fields.clone()).collect::<Vec<_>>());
        let open_before = open_reviews(&bench).len();
        assert_eq!(open_before, changes.len() / 2);
        let merge = bench.engine.merge(ada, bea, None, "vera", "the same person").await.unwrap();
        bench.quiet().await;
        let one = bench.store.records(&[merge.survivor]).unwrap().pop().flatten().unwrap();
        assert_eq!(one.fields.get("job_title").unwrap().rule, Rule::Undecided, "{changes:?}");
        let review = asked(&bench);
        assert!(matches!(&review.kind, ReviewKind::Conflict { record, .. } if *record == merge.survivor), "{review:?}");
        check_quiet(&bench).await;
        bench.engine.unmerge(merge.id, &[], "vera", "two").await.unwrap();
        bench.quiet().await;
        let after = (claims(&bench), records().iter().map(|one: &Record| one.fields.clone()).collect::<Vec<_>>());
        assert_eq!(after, before, "{changes:?}");
        assert_eq!(open_reviews(&bench).len(), open_before, "{changes:?}");
        check_quiet(&bench).await;
    }
}

fn phones(bench: &Bench) -> Vec<Vec<String>> {
    let of = |name: &&str| {
        let id = bench.system(name).only_id("contacts");
        let body = bench.system(name).state.lock().unwrap().things["contacts"][&id].body.clone();
        let Some(Value::List(all)) = body.at("phones").cloned() else { return Vec::new() };
        let text = |one: &Value, part: &str| one.at(part).map(Value::display).unwrap_or_default();
        let mut all: Vec<String> = all.iter().map(|one| format!("{} {}", text(one, "value"), text(one, "kind"))).collect();
        all.sort();
        all
    };
    SYSTEMS.iter().map(of).collect()
}

async fn elements_of_a_list_are_compared_each(kind: Kind) {
    let bench = bench(kind, THREE_WAY).await;
    let edit = |system: &str, all: &[(&str, &str)]| {
        let one = |(number, kind): &(&str, &str)| {
            let parts = [("id", *number), ("value", *number), ("kind", *kind)];
            Value::Object(parts.into_iter().map(|(name, value)| (nave_core::Text::from(name), Value::text(value))).collect())
        };
        let id = bench.system(system).only_id("contacts");
        set(bench.system(system), &id, "phones", Value::List(all.iter().map(one).collect()));
    };
    edit("crm", &[("+49301", "work"), ("+49302", "home")]);
    bench.quiet().await;
    let everywhere = |all: &[&str]| vec![all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(); 3];
    assert_eq!(phones(&bench), everywhere(&["+49301 work", "+49302 home"]));
    // One adds, another one removes.
    edit("crm", &[("+49301", "work"), ("+49302", "home"), ("+49303", "work")]);
    edit("erp", &[("+49302", "home")]);
    bench.quiet().await;
    assert_eq!(phones(&bench), everywhere(&["+49302 home", "+49303 work"]));
    assert_eq!(open_reviews(&bench).len(), 0);
    check_quiet(&bench).await;
}

async fn a_hub_that_dies_over_it_ends_the_same(kind: Kind) {
    for commits in 0..14 {
        let mut bench = bench(kind, THREE_WAY).await;
        change(&bench, "crm", "major");
        change(&bench, "erp", "admiral");
        bench.dies_after(commits, async |bench| bench.quiet().await);
        bench.restart();
        bench.quiet().await;
        assert_eq!(title(&bench), ("pilot".to_owned(), Rule::Undecided), "after {commits}");
        assert_eq!(titles(&bench), ["major", "pilot", "admiral"], "after {commits}");
        asked(&bench);
    }
}
