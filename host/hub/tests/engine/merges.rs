//! Two records made one, told to every system, and made two again. Invariants attacked: I2, I5, I7, I11, I12, I14.

use std::collections::BTreeMap;

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_core::model::{ChangeKind, Claim, Contribution, RecordId, RecordState, RemoteKey};
use nave_hub::engine::EngineError;
use nave_hub::engine::merges::{Merge, MergeState, StepKind, StepOutcome};

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, missed};
use super::system::{Fault, System};

on_both_stores!(
    merged_and_taken_back_with_objects_kept_in_step,
    merged_and_taken_back_with_objects_put_away,
    merged_and_taken_back_where_the_system_cannot_take_it_back,
    references_follow_and_come_back,
    the_order_of_merges_does_not_matter,
    what_only_a_person_decides_is_of_the_oldest_record_that_has_it,
    broken_off_anywhere_a_merge_ends_the_same,
    broken_off_anywhere_an_unmerge_ends_the_same,
    one_system_refuses_and_it_is_resumed,
    the_survivors_object_stands_for_it,
    what_a_system_merged_is_taken_back_too,
    what_came_since_is_assigned,
    what_others_hold_of_a_deleted_object_is_nobodys_edit,
    kept_apart_until_a_steward_says_otherwise,
    what_cannot_be_merged_says_why,
    what_nobody_agreed_to_is_not_sent,
);

/// Contacts and companies of a system; `head` is added to both files.
fn files(system: &str, head: &str) -> [(String, String); 2] {
    let both = |remote: &str, canonical: &str, more: &str| {
        format!(
            "[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n{more}"
        )
    };
    let start = |stream: &str, entity: &str| {
        format!(
            "connection = \"{system}\"\nstream = \"{stream}\"\nentity = \"{entity}\"\nsteward = \"ops\"\nmarker = \"marker\"\n{head}\n\
             [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n"
        )
    };
    let contacts = [
        start("contacts", "contact"),
        both("first", "first_name", ""),
        both("last", "last_name", ""),
        both("email", "email", ""),
        both("title", "job_title", ""),
        both("company", "company", "in = \"reference(companies)\"\n"),
        "[[list]]\nremote = \"phones\"\ncanonical = \"phones\"\ndirection = \"both\"\nid = \"id\"\nbecause = \"anywhere\"\n"
            .into(),
        "[[list.field]]\nremote = \"value\"\ncanonical = \"number\"\ndirection = \"both\"\nbecause = \"as the list\"\n".into(),
    ];
    [
        (format!("mappings/{system}-contacts.toml"), contacts.concat()),
        (format!("mappings/{system}-companies.toml"), start("companies", "company") + &both("name", "name", "")),
    ]
}

pub(crate) const SWITCH: &str = "archive = { active = false }\nrestore = { active = true }\nduplicates = \"archive\"";
pub(crate) const MERGE: &str = "duplicates = \"merge\"";
pub(crate) const STEP: &str = "duplicates = \"keep-in-step\"";

pub(crate) async fn bench(kind: Kind, crm: &str, books: &str) -> Bench {
    bench_where(kind, crm, books, "").await
}

/// Fields of a contact whose value only a person decides.
pub(crate) const MANUAL: &str = "[fields.job_title]\nsurvivorship = \"manual\"\n[fields.last_name]\nsurvivorship = \"manual\"\n";

/// The same with fields of contacts declared otherwise.
pub(crate) async fn bench_where(kind: Kind, crm: &str, books: &str, contact: &str) -> Bench {
    let mut files: Vec<(String, String)> = files("crm", crm).into_iter().chain(files("books", books)).collect();
    if !contact.is_empty() {
        files.push(("entities/contact.toml".to_owned(), contact.to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let systems = ["crm", "books"].map(|name| {
        let mut system = System::new(name, &["contacts", "companies"]);
        system.capabilities.changes = ChangeDetection::FullScan;
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    bench
}

const ADA: &str = r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test","title":"pilot","phones":[{"value":"+4930111"}]}"#;
const AUGUSTA: &str = r#"{"first":"Augusta","email":"augusta@y.test","phones":[{"value":"+4930111"},{"value":"+4930222"}]}"#;

/// The same person twice: Ada from the CRM, Augusta from the books; both systems have both. Their records.
pub(crate) async fn twice(bench: &Bench) -> (RecordId, RecordId) {
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    // Both count their time from the same moment: later things are newer.
    bench.system("books").state.lock().unwrap().clock += 10_000;
    bench.system("books").create("contacts", AUGUSTA);
    bench.quiet().await;
    let all = bench.store.records_after(RecordId(0), 100).unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    (all[0].id, all[1].id)
}

/// What is known of a contribution, without times of reading and versions.
type Said = (bool, BTreeMap<String, Claim>, BTreeMap<String, Value>, Option<RecordId>, String);

fn said(row: &Contribution) -> Said {
    (
        row.is_active(),
        row.claims.iter().map(|(name, claim)| (name.to_string(), claim.clone())).collect(),
        row.shadow.iter().filter(|(path, _)| **path != "active").map(|(path, value)| (path.to_string(), value.clone())).collect(),
        row.record,
        format!("{:?}", row.elements),
    )
}

/// A record as it stands: state, and every field with its value, winner, rule and time.
pub(crate) fn stands(bench: &Bench, id: RecordId) -> String {
    let record = bench.store.records(&[id]).unwrap().pop().flatten().unwrap();
    format!("{:?} {:?}", record.state, record.fields)
}

/// The contributions of records by key.
fn contributions(bench: &Bench, ids: &[RecordId]) -> BTreeMap<RemoteKey, Said> {
    let records = bench.store.records(ids).unwrap();
    let all: Vec<_> = records.into_iter().flatten().flat_map(|record| record.contributions).collect();
    bench.store.contributions(&all).unwrap().into_iter().flatten().map(|row| (row.key.clone(), said(&row))).collect()
}

/// What both systems hold in use, without ids; what is empty is not there.
pub(crate) fn there(bench: &Bench) -> Vec<String> {
    let mut all = Vec::new();
    for system in bench.systems.values() {
        let state = system.state.lock().unwrap();
        for stream in ["companies", "contacts"] {
            let mut of_stream: Vec<String> = state.things[stream]
                .values()
                .filter(|thing| thing.merged_into.is_none() && thing.body.at("active") != Some(&Value::Bool(false)))
                .map(|thing| {
                    let Value::Object(fields) = &thing.body else { panic!() };
                    let own = |name: &str| name != "marker" && name != "active" && name != "company";
                    let fields: Vec<String> = fields
                        .iter()
                        .filter(|(name, value)| own(name) && !value.is_empty())
                        .map(|(name, value)| match value {
                            Value::List(list) => {
                                let mut list: Vec<String> =
                                    list.iter().map(|element| element.at("value").unwrap().display()).collect();
                                list.sort();
                                format!("{name}: {list:?}")
                            }
                            value => format!("{name}: {}", value.display()),
                        })
                        .collect();
                    format!("{} {stream} {fields:?}", system.name)
                })
                .collect();
            of_stream.sort();
            all.extend(of_stream);
        }
    }
    all
}

pub(crate) fn outcomes(merge: &Merge) -> Vec<(&str, &'static str, String)> {
    let word = |outcome: &StepOutcome| match outcome {
        StepOutcome::Waiting(why) => format!("waiting: {why}"),
        StepOutcome::Done => "done".into(),
        StepOutcome::Refused(why) => format!("refused: {why}"),
        StepOutcome::Asked(review) => format!("asked {review}"),
    };
    merge.current().iter().map(|step| (step.connection.as_str(), step.what.word(), word(&step.outcome))).collect()
}

pub(crate) async fn merged(bench: &Bench, one: RecordId, other: RecordId) -> Merge {
    let plan = bench.engine.plan_merge(one, other, None).unwrap();
    let merge = bench.engine.merge(one, other, None, "vera", "the same person").await.unwrap();
    assert_eq!(merge.state, MergeState::Done, "{:?}", outcomes(&merge));
    let kinds =
        |steps: &[nave_hub::engine::merges::Step]| -> Vec<StepKind> { steps.iter().map(|step| step.what.clone()).collect() };
    assert_eq!(kinds(&plan.steps), kinds(&merge.steps), "it does what was planned");
    let holds = bench.store.records(&[merge.survivor]).unwrap().pop().flatten().unwrap();
    for field in &plan.fields {
        assert_eq!(holds.value(&field.field), Some(&field.value), "{}", field.field);
    }
    merge
}

/// Merges, looks at both systems, takes it back, looks at both records and both systems.
async fn check_there_and_back(kind: Kind, crm: &str, books: &str, extra: &str) -> Bench {
    let bench = bench(kind, crm, books).await;
    let (ada, augusta) = twice(&bench).await;
    let before = (stands(&bench, ada), stands(&bench, augusta), there(&bench));
    let said_before = contributions(&bench, &[ada, augusta]);

    let merge = merged(&bench, ada, augusta).await;
    assert_eq!((merge.survivor, merge.loser), (ada, augusta), "the older one carries on");
    assert!(merge.steps.iter().all(|step| step.verified.is_some()), "everything was read back: {:?}", merge.steps);
    let words: Vec<&str> = merge.steps.iter().map(|step| step.what.word()).collect();
    assert_eq!(words, ["update", extra, "update", extra]);
    let now = there(&bench);
    assert!(now.iter().all(|thing| !thing.contains("Ada")), "Augusta is newer: {now:#?}");
    let whole = r#"["email: augusta@y.test", "first: Augusta", "last: Lovelace", "phones: [\"+4930111\", \"+4930222\"]", "title: pilot"]"#;
    assert_eq!(now.iter().filter(|thing| thing.contains(whole)).count(), if extra == "keep-in-step" { 4 } else { 2 }, "{now:#?}");
    check_quiet(&bench).await;
    assert_eq!(there(&bench), now);
    let loser = bench.store.records(&[augusta]).unwrap().pop().flatten().unwrap();
    assert_eq!(loser.state, RecordState::MergedInto(ada), "its number leads there for ever");

    let plan = bench.engine.plan_unmerge(merge.id, &[]).unwrap();
    let undone = bench.engine.unmerge(merge.id, &[], "vera", "two people after all").await.unwrap();
    assert_eq!(undone.state, MergeState::Undone, "{:?}", outcomes(&undone));
    assert_eq!(undone.undo.as_ref().unwrap().left, plan.left);
    assert_eq!((stands(&bench, ada), stands(&bench, augusta), there(&bench)), before);
    let said_after = contributions(&bench, &[ada, augusta]);
    for (key, was) in &said_before {
        let now = &said_after[key];
        assert_eq!((&now.1, &now.3, &now.4), (&was.1, &was.3, &was.4), "{key}");
        if now.0 {
            let held =
                |said: &Said| said.2.iter().filter(|(_, v)| !v.is_empty()).map(|(p, v)| (p.clone(), text(v))).collect::<Vec<_>>();
            assert_eq!(held(now), held(was), "{key}");
        }
    }
    check_quiet(&bench).await;
    assert_eq!((stands(&bench, ada), stands(&bench, augusta), there(&bench)), before);
    let kinds: Vec<ChangeKind> = bench.store.record_changes(augusta, 20).unwrap().into_iter().map(|change| change.kind).collect();
    assert!(kinds.contains(&ChangeKind::UnmergedFrom(ada)) && kinds.contains(&ChangeKind::MergedInto(ada)), "{kinds:?}");
    let audit: Vec<String> = bench.store.audit(50).unwrap().into_iter().map(|line| line.action).collect();
    assert!(["record.merged", "record.unmerged"].iter().all(|action| audit.iter().any(|known| known == action)), "{audit:?}");
    bench
}

/// A value without the ids that a system gives to elements.
fn text(value: &Value) -> String {
    match value {
        Value::List(list) => {
            let mut all: Vec<String> =
                list.iter().map(|element| element.at("value").map_or_else(String::new, Value::display)).collect();
            all.sort();
            format!("{all:?}")
        }
        value => value.display(),
    }
}

async fn merged_and_taken_back_with_objects_kept_in_step(kind: Kind) {
    check_there_and_back(kind, STEP, STEP, "keep-in-step").await;
}

async fn merged_and_taken_back_with_objects_put_away(kind: Kind) {
    let bench = check_there_and_back(kind, SWITCH, SWITCH, "archive").await;
    for system in bench.systems.values() {
        for thing in system.state.lock().unwrap().things["contacts"].values() {
            assert_ne!(thing.body.at("active"), Some(&Value::Bool(false)), "in use again");
        }
    }
}

/// A merge there is for ever: what was merged away is made again under another id, and that is said.
async fn merged_and_taken_back_where_the_system_cannot_take_it_back(kind: Kind) {
    let bench = check_there_and_back(kind, MERGE, MERGE, "merge").await;
    let merge = bench.engine.merge_of(1).unwrap();
    let left = merge.undo.unwrap().left;
    assert_eq!(left.iter().filter(|line| line.contains("under a new id")).count(), 2, "{left:?}");
    let gone = bench.systems.values().flat_map(|system| {
        let state = system.state.lock().unwrap();
        state.things["contacts"].values().filter(|thing| thing.merged_into.is_some()).cloned().collect::<Vec<_>>()
    });
    assert_eq!(gone.count(), 2, "what was merged there stays merged there");
}

async fn references_follow_and_come_back(kind: Kind) {
    for (crm, books) in [(STEP, STEP), (MERGE, MERGE), (MERGE, STEP)] {
        let bench = bench(kind, crm, books).await;
        let acme = bench.system("crm").create("companies", r#"{"name":"Acme"}"#);
        let other = bench.system("crm").create("companies", r#"{"name":"Acme Ltd"}"#);
        bench.system("crm").create("contacts", &ADA.replace("\"title\"", &format!("\"company\":\"{acme}\",\"title\"")));
        bench.system("crm").create("contacts", &AUGUSTA.replace("\"phones\"", &format!("\"company\":\"{other}\",\"phones\"")));
        bench.quiet().await;
        let record = |id: &str| {
            let key = RemoteKey::new("crm", "companies", id);
            bench.engine.record_of(&key).unwrap().unwrap()
        };
        let (one, two) = (record(&acme), record(&other));
        // The company that each person's object names, by its name.
        let works_for = || {
            let mut all = Vec::new();
            for system in bench.systems.values() {
                let state = system.state.lock().unwrap();
                for thing in state.things["contacts"].values() {
                    let id = thing.body.at("company").unwrap().display();
                    let company = state.things["companies"].get(&id).filter(|company| company.merged_into.is_none());
                    let name = company.map_or_else(|| "nobody".into(), |company| company.body.at("name").unwrap().display());
                    all.push(format!("{} {} at {name}", system.name, thing.body.at("first").unwrap().display()));
                }
            }
            all.sort();
            all
        };
        let before = (works_for(), there(&bench));
        let merge = merged(&bench, one, two).await;
        bench.quiet().await;
        let after = works_for();
        assert!(after.iter().all(|line| line.ends_with("at Acme Ltd")), "the newer name, everywhere the same: {after:?}");
        let undone = bench.engine.unmerge(merge.id, &[], "vera", "two companies").await.unwrap();
        bench.quiet().await;
        assert_eq!(bench.engine.merge_of(merge.id).unwrap().state, MergeState::Undone, "{:?}", outcomes(&undone));
        assert_eq!((works_for(), there(&bench)), before, "{crm} {books}");
        check_quiet(&bench).await;
    }
}

/// Three of the same, with what each says drawn anew each time: whichever two are merged first, the same comes out.
async fn the_order_of_merges_does_not_matter(kind: Kind) {
    let mut seed = 7_u64;
    let mut draw = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..12 {
        let policy = [STEP, MERGE, SWITCH][round % 3];
        let rules = if round % 2 == 0 { MANUAL } else { "" };
        let mut people: Vec<(usize, String)> = Vec::new();
        for person in 0..3 {
            let mut body = format!(r#"{{"email":"p{person}@x.test""#);
            for (field, values) in
                [("first", ["Ada", "Ava", "Ida"]), ("last", ["King", "Ek", "Ok"]), ("title", ["cook", "pilot", "boss"])]
            {
                if draw(4) > 0 {
                    body += &format!(r#","{field}":"{}""#, values[draw(3) as usize]);
                }
            }
            let phones: Vec<String> = (0..draw(3)).map(|_| format!(r#"{{"value":"+4930{}"}}"#, draw(4))).collect();
            people.push((draw(2) as usize, format!("{body},\"phones\":[{}]}}", phones.join(","))));
        }
        let mut ends = Vec::new();
        for order in [[(0, 1), (0, 2)], [(0, 2), (0, 1)], [(1, 2), (0, 1)]] {
            let bench = bench_where(kind, policy, policy, rules).await;
            for (time, (system, body)) in people.iter().enumerate() {
                let system = bench.system(["crm", "books"][*system]);
                system.state.lock().unwrap().clock = 10_000 * (time as i64 + 1);
                system.create("contacts", body);
            }
            bench.quiet().await;
            let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
            assert_eq!(ids.len(), 3);
            let of = |person: usize| {
                let all = bench.store.records(&ids).unwrap();
                let email = format!("p{person}@x.test");
                let is = |record: &nave_core::model::Record| record.value("email").is_some_and(|found| found.display() == email);
                all.into_iter().flatten().find(is).unwrap().id
            };
            let people = [of(0), of(1), of(2)];
            for (one, other) in order {
                let standing = |id: RecordId| match bench.store.records(&[id]).unwrap().pop().flatten().unwrap().state {
                    RecordState::MergedInto(into) => into,
                    _ => id,
                };
                merged(&bench, standing(people[one]), standing(people[other])).await;
            }
            bench.quiet().await;
            let survivor =
                bench.store.records(&ids).unwrap().into_iter().flatten().find(|r| r.state == RecordState::Active).unwrap();
            let mut fields: Vec<String> = survivor
                .fields
                .iter()
                .map(|(name, field)| format!("{} {}", name.split('/').next().unwrap(), field.value.display()))
                .collect();
            fields.sort();
            ends.push((fields, there(&bench)));
        }
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "round {round}, {people:?}: {ends:#?}");
    }
}

/// The oldest record has no title; the other two are merged into it in either order, and taken out again in either order.
async fn what_only_a_person_decides_is_of_the_oldest_record_that_has_it(kind: Kind) {
    for first in [1, 2] {
        for out in [1, 2] {
            let bench = bench_where(kind, STEP, STEP, MANUAL).await;
            for (at, title) in ["", r#","title":"pilot""#, r#","title":"boss""#].into_iter().enumerate() {
                bench.system("crm").create("contacts", &format!(r#"{{"first":"P{at}","email":"p{at}@x.test"{title}}}"#));
                bench.quiet().await;
            }
            let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
            let title = |at: usize| {
                let record = bench.store.records(&[ids[at]]).unwrap().pop().flatten().unwrap();
                record.value("job_title").map_or_else(String::new, Value::display)
            };
            // What stands is not what its system says since.
            let object = bench.engine.locate(ids[1], "crm", "contacts").unwrap();
            bench.system("crm").put("contacts", &object, "title", "captain");
            bench.quiet().await;
            assert_eq!([title(0), title(1), title(2)], ["", "pilot", "boss"], "nobody decided otherwise");
            let mut merges = [0; 3];
            for other in [first, 3 - first] {
                merges[other] = merged(&bench, ids[0], ids[other]).await.id;
            }
            assert_eq!(title(0), "pilot", "{first} first");
            for other in [out, 3 - out] {
                bench.engine.unmerge(merges[other], &[], "vera", "two people").await.unwrap();
                let left = if other == out { ["", "boss", "pilot"][out] } else { "" };
                assert_eq!(title(0), left, "{first} first, {other} taken back, {out} before the other");
                assert_eq!(title(other), ["", "pilot", "boss"][other]);
            }
            bench.quiet().await;
            assert_eq!([title(0), title(1), title(2)], ["", "pilot", "boss"]);
        }
    }
}

/// Places where it dies: each on the store in memory, every fifth on the one on disk, which takes its time.
fn step(kind: Kind) -> usize {
    match kind {
        Kind::Memory => 1,
        Kind::Redb => 5,
    }
}

/// Where a hub that died ends up once everything is resumed.
async fn ends(bench: &Bench, ids: &[RecordId]) -> (Vec<String>, Vec<String>, String) {
    for merge in bench.engine.merges().unwrap() {
        if !matches!(merge.state, MergeState::Done | MergeState::Undone) {
            bench.engine.resume_merge(merge.id, "vera").await.unwrap();
        }
    }
    bench.quiet().await;
    let states = bench.engine.merges().unwrap().into_iter().map(|merge| format!("{:?}", merge.state)).collect::<Vec<_>>();
    let values = |id: &RecordId| {
        let record = bench.store.records(&[*id]).unwrap().pop().flatten().unwrap();
        let fields: Vec<String> = record.fields.iter().map(|(name, field)| format!("{name} {}", field.value.display())).collect();
        format!("{:?} {fields:?}", record.state)
    };
    (ids.iter().map(values).collect(), there(bench), states.join(" "))
}

async fn broken_off_anywhere_a_merge_ends_the_same(kind: Kind) {
    let mut undisturbed = None;
    let mut deaths = 0;
    for commits in std::iter::once(199).chain((0..60).step_by(step(kind))) {
        let mut bench = bench(kind, MERGE, STEP).await;
        let (ada, augusta) = twice(&bench).await;
        let done = bench.dies_after(commits, async |bench: &Bench| {
            bench.engine.merge(ada, augusta, None, "vera", "the same").await.map(drop)
        });
        if done.is_none() {
            deaths += 1;
            if bench.engine.merges().unwrap().is_empty() {
                bench.engine.merge(ada, augusta, None, "vera", "the same").await.unwrap();
            }
        } else if commits != 199 {
            break;
        }
        let end = ends(&bench, &[ada, augusta]).await;
        let expected = undisturbed.get_or_insert_with(|| end.clone());
        assert_eq!(end, *expected, "died after {commits} commits");
        assert_eq!(end.2, "Done");
        check_quiet(&bench).await;
    }
    assert!(deaths * step(kind) > 20, "it died at {deaths} places");
}

async fn broken_off_anywhere_an_unmerge_ends_the_same(kind: Kind) {
    let mut undisturbed = None;
    let mut deaths = 0;
    for commits in std::iter::once(199).chain((0..60).step_by(step(kind))) {
        let mut bench = bench(kind, MERGE, STEP).await;
        let (ada, augusta) = twice(&bench).await;
        let merge = merged(&bench, ada, augusta).await;
        let done =
            bench.dies_after(commits, async |bench: &Bench| bench.engine.unmerge(merge.id, &[], "vera", "two").await.map(drop));
        if done.is_none() {
            deaths += 1;
            if bench.engine.merge_of(merge.id).unwrap().undo.is_none() {
                bench.engine.unmerge(merge.id, &[], "vera", "two").await.unwrap();
            }
        } else if commits != 199 {
            break;
        }
        let end = ends(&bench, &[ada, augusta]).await;
        let expected = undisturbed.get_or_insert_with(|| end.clone());
        assert_eq!(end, *expected, "died after {commits} commits");
        assert_eq!(end.2, "Undone");
        check_quiet(&bench).await;
    }
    assert!(deaths * step(kind) > 20, "it died at {deaths} places");
}

async fn one_system_refuses_and_it_is_resumed(kind: Kind) {
    let bench = bench(kind, MERGE, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    // The CRM refuses to merge, and takes the update.
    bench.system("crm").fault(Fault::Refuse);
    let merge = bench.engine.merge(ada, augusta, None, "vera", "the same person").await.unwrap();
    assert_eq!(merge.state, MergeState::Partial, "{:?}", outcomes(&merge));
    let refused: Vec<_> = outcomes(&merge).into_iter().filter(|(.., outcome)| outcome != "done").collect();
    assert_eq!(refused, [("crm", "merge", "refused: no, thank you".to_owned())]);
    let alerts = |bench: &Bench| {
        let wrong = nave_hub::alerts::wrong_now(&bench.engine).unwrap();
        wrong.into_iter().filter(|alert| alert.kind == "merge-partial").map(|alert| alert.fix).collect::<Vec<_>>()
    };
    assert_eq!(alerts(&bench), ["nave match merges show 1"]);
    // It stays so, and is not tried behind anybody's back.
    bench.quiet().await;
    assert_eq!(bench.engine.merge_of(merge.id).unwrap().state, MergeState::Partial);
    let merge = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
    assert_eq!(merge.state, MergeState::Done, "{:?}", outcomes(&merge));
    assert_eq!(alerts(&bench), [""; 0]);
    let again = bench.engine.resume_merge(merge.id, "vera").await.unwrap_err();
    assert!(matches!(again, EngineError::Refused(_)), "{again:?}");
    // And the other way: it refuses to make the object again, or the one after that.
    bench.system("crm").fault(Fault::Nothing);
    bench.system("crm").fault(Fault::Refuse);
    let undone = bench.engine.unmerge(merge.id, &[], "vera", "two people").await.unwrap();
    assert_eq!(undone.state, MergeState::Partial, "{:?}", outcomes(&undone));
    let undone = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
    assert_eq!(undone.state, MergeState::Undone, "{:?}", outcomes(&undone));
    check_quiet(&bench).await;
}

/// `--into` the younger record: its object stays, though the other one is older.
async fn the_survivors_object_stands_for_it(kind: Kind) {
    let bench = bench(kind, MERGE, SWITCH).await;
    let (ada, augusta) = twice(&bench).await;
    let object = |system: &str, record| bench.engine.locate(record, system, "contacts").unwrap();
    let (kept, gone) = (object("crm", augusta), object("crm", ada));
    let merge = bench.engine.merge(ada, augusta, Some(augusta), "vera", "the same").await.unwrap();
    assert_eq!((merge.survivor, merge.state), (augusta, MergeState::Done), "{:?}", outcomes(&merge));
    assert_eq!(bench.system("crm").at("contacts", &gone, "first"), format!("merged into {kept}"));
    assert_eq!(object("crm", augusta), kept);
    assert_eq!(bench.system("crm").at("contacts", &kept, "title"), "pilot");
    check_quiet(&bench).await;
}

async fn what_a_system_merged_is_taken_back_too(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let before = (stands(&bench, ada), stands(&bench, augusta), there(&bench));
    let object = |record| bench.engine.locate(record, "crm", "contacts").unwrap();
    bench.system("crm").merge("contacts", &object(augusta), &object(ada));
    bench.quiet().await;
    let merges = bench.engine.merges().unwrap();
    assert_eq!(merges.len(), 1);
    assert!(merges[0].followed && merges[0].by == "crm", "{merges:?}");
    assert_eq!(merges[0].state, MergeState::Done, "{:?}", outcomes(&merges[0]));
    assert_eq!(bench.engine.merge_that_took(augusta).unwrap(), Some(merges[0].id));
    let undone = bench.engine.unmerge(merges[0].id, &[], "vera", "two people").await.unwrap();
    assert_eq!(undone.state, MergeState::Undone, "{:?}", outcomes(&undone));
    check_quiet(&bench).await;
    assert_eq!((stands(&bench, ada), stands(&bench, augusta), there(&bench)), before);
}

async fn what_came_since_is_assigned(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let merge = merged(&bench, ada, augusta).await;
    let object = |system: &str, record| bench.engine.locate(record, system, "contacts").unwrap();
    let of_augusta = {
        let rows = contributions(&bench, &[ada]);
        let own = |(key, said): (&RemoteKey, &Said)| {
            (key.connection == "books" && said.1.contains_key("first_name")).then(|| key.remote_id.to_string())
        };
        rows.iter().find_map(own).unwrap()
    };
    // Somebody edits her own object in the books, and makes two new ones, which the e-mail and the name tell are hers.
    bench.system("books").state.lock().unwrap().clock += 100_000;
    bench.system("books").edit("contacts", &of_augusta, |body| body.put("title", Value::text("countess")));
    let new = r#"{"first":"Augusta","last":"Lovelace","email":"augusta@y.test"}"#;
    let stays = bench.system("crm").create("contacts", new);
    let goes = bench.system("crm").create("contacts", new);
    bench.quiet().await;
    let key = |id: &str| RemoteKey::new("crm", "contacts", id);
    assert_eq!(bench.engine.record_of(&key(&stays)).unwrap(), Some(ada));
    let assign = [(key(&goes), augusta)];
    let plan = bench.engine.plan_unmerge(merge.id, &assign).unwrap();
    let to = |id: &str| plan.goes.iter().find(|goes| goes.key == key(id)).map(|goes| (goes.to, goes.new)).unwrap();
    assert_eq!((to(&stays), to(&goes)), ((ada, true), (augusta, true)));
    let edited = plan.goes.iter().find(|goes| *goes.key.remote_id == *of_augusta).unwrap();
    assert_eq!((edited.to, edited.edited.as_slice()), (augusta, &["job_title".to_owned()][..]));
    let nobody = bench.engine.plan_unmerge(merge.id, &[(key("c999"), augusta)]).unwrap_err();
    assert!(nobody.to_string().contains("is no object of contact/"), "{nobody}");
    bench.engine.unmerge(merge.id, &assign, "vera", "two people").await.unwrap();
    bench.quiet().await;
    let owner = |id: &str| bench.engine.record_of(&key(id)).unwrap();
    assert_eq!((owner(&stays), owner(&goes)), (Some(ada), Some(augusta)));
    let title = |record| {
        let record = bench.store.records(&[record]).unwrap().pop().flatten().unwrap();
        record.value("job_title").map(Value::display).unwrap_or_default()
    };
    assert_eq!((title(ada), title(augusta)), ("pilot".into(), "countess".into()), "an edit goes with its object");
    assert_eq!(bench.system("crm").at("contacts", &object("crm", augusta), "title"), "countess");
    check_quiet(&bench).await;
}

/// After the merge an object of one of the two is deleted. What the hub had written of it into the other's objects is no edit of
/// theirs: each record gets back what was its own.
async fn what_others_hold_of_a_deleted_object_is_nobodys_edit(kind: Kind) {
    for edited in [false, true] {
        for deletes in ["crm", "books"] {
            let bench = bench(kind, STEP, STEP).await;
            let (ada, augusta) = twice(&bench).await;
            let before = (stands(&bench, ada), stands(&bench, augusta), there(&bench));
            // Ada is of the CRM, Augusta of the books.
            let object = bench.engine.locate(if deletes == "crm" { ada } else { augusta }, deletes, "contacts").unwrap();
            let merge = merged(&bench, ada, augusta).await;
            if edited {
                // What the merged record took up since is of the object that it was said in.
                bench.system(deletes).state.lock().unwrap().clock += 100_000;
                bench.system(deletes).put("contacts", &object, "title", "captain");
                bench.quiet().await;
            }
            let mut assign = Vec::new();
            if edited {
                // One more object of the merged record, which is Augusta's.
                let new = r#"{"first":"Augusta","last":"Lovelace","email":"augusta@y.test"}"#;
                let key = RemoteKey::new("crm", "contacts", bench.system("crm").create("contacts", new));
                bench.quiet().await;
                assert_eq!(bench.engine.record_of(&key).unwrap(), Some(ada));
                assign.push((key, augusta));
            }
            bench.system(deletes).delete("contacts", &object);
            missed(&bench).await;
            let plan = bench.engine.plan_unmerge(merge.id, &assign).unwrap();
            let said: Vec<_> = plan.goes.iter().filter(|goes| !goes.new && !goes.edited.is_empty()).collect();
            let own = |goes: &&&nave_hub::engine::merges::Goes| *goes.key.remote_id != *object;
            assert_eq!(said.iter().filter(own).count(), 0, "{deletes} {edited}: {said:?}");
            bench.engine.unmerge(merge.id, &assign, "vera", "two people").await.unwrap();
            bench.quiet().await;
            let title = |record| {
                let record = bench.store.records(&[record]).unwrap().pop().flatten().unwrap();
                record.value("job_title").map_or_else(String::new, Value::display)
            };
            let titles = match (edited, deletes) {
                (false, _) => ["pilot", ""],
                (true, "crm") => ["captain", ""],
                (true, _) => ["pilot", "captain"],
            };
            assert_eq!([title(ada), title(augusta)], titles, "{deletes} {edited}");
            if !edited {
                let values = |id| {
                    let record = bench.store.records(&[id]).unwrap().pop().flatten().unwrap();
                    record.fields.iter().map(|(name, field)| format!("{name} {}", field.value.display())).collect::<Vec<_>>()
                };
                let was = |text: &str, field: &str| assert!(text.contains(field), "{text}");
                was(&values(ada).join(", "), "first_name Ada");
                was(&values(augusta).join(", "), "first_name Augusta");
                assert!(values(augusta).iter().all(|field| !field.starts_with("last_name")), "{:?}", values(augusta));
                let mut now = there(&bench);
                now.dedup();
                assert_eq!(now, before.2, "{deletes}");
            }
            check_quiet(&bench).await;
        }
    }
}

async fn kept_apart_until_a_steward_says_otherwise(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let merge = merged(&bench, ada, augusta).await;
    bench.engine.unmerge(merge.id, &[], "vera", "mother and daughter").await.unwrap();
    bench.quiet().await;
    let apart = |one, other| nave_hub::engine::apart::kept_apart(bench.store.as_ref(), one, other).unwrap();
    assert_eq!(apart(augusta, ada).unwrap().reason, "mother and daughter");
    let before = (stands(&bench, ada), stands(&bench, augusta));
    // Somebody merges their objects in the CRM: the records stay two (I12), and nothing is made there twice.
    let object = |record| bench.engine.locate(record, "crm", "contacts").unwrap();
    bench.system("crm").merge("contacts", &object(augusta), &object(ada));
    bench.quiet().await;
    assert_eq!((stands(&bench, ada), stands(&bench, augusta)), before);
    assert_eq!(bench.engine.merges().unwrap().len(), 1);
    let audit: Vec<String> = bench.store.audit(50).unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(audit.iter().filter(|action| *action == "merge.kept-apart").count(), 1);
    check_quiet(&bench).await;
    missed(&bench).await;
    // A steward may.
    let plan = bench.engine.plan_merge(ada, augusta, None).unwrap();
    assert_eq!(plan.apart.unwrap().by, "vera");
    merged(&bench, ada, augusta).await;
    assert_eq!(apart(ada, augusta), None);
    check_quiet(&bench).await;
}

async fn what_cannot_be_merged_says_why(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    bench.system("crm").create("companies", r#"{"name":"Acme"}"#);
    bench.quiet().await;
    let acme = RecordId(bench.store.heads().unwrap().record - 1);
    let why = |one, other, into| bench.engine.plan_merge(one, other, into).unwrap_err().to_string();
    assert!(why(ada, ada, None).contains("is one record already"), "{}", why(ada, ada, None));
    assert!(why(ada, acme, None).contains("only records of one kind"), "{}", why(ada, acme, None));
    assert!(why(ada, RecordId(99), None).contains("there is no record 99"));
    assert!(why(ada, augusta, Some(acme)).contains("neither of the two"));
    let merge = merged(&bench, ada, augusta).await;
    assert!(why(ada, augusta, None).contains("was merged into contact/"), "{}", why(ada, augusta, None));
    assert!(why(ada, augusta, None).contains("nave match merges show 1"));
    assert!(bench.engine.merge_of(9).unwrap_err().to_string().contains("there is no merge 9"));
    bench.engine.unmerge(merge.id, &[], "vera", "two").await.unwrap();
    let again = bench.engine.unmerge(merge.id, &[], "vera", "two").await.unwrap_err().to_string();
    assert!(again.contains("taken back already"), "{again}");
    // One that carries on for another is itself merged: first things first.
    let first = merged(&bench, ada, augusta).await;
    bench.system("crm").create("contacts", r#"{"first":"Ida","last":"Ek","email":"ida@x.test"}"#);
    bench.quiet().await;
    let ida = RecordId(bench.store.heads().unwrap().record - 1);
    let second = bench.engine.merge(ada, ida, Some(ida), "vera", "the same").await.unwrap();
    let early = bench.engine.unmerge(first.id, &[], "vera", "two").await.unwrap_err().to_string();
    assert!(early.contains(&format!("`nave match unmerge {} --reason TEXT`", second.id)), "{early}");
}

async fn what_nobody_agreed_to_is_not_sent(kind: Kind) {
    let mut bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let files: Vec<(String, String)> =
        files("crm", STEP).into_iter().chain(files("books", &format!("{STEP}\ndelete = \"ignore\""))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    bench.configure(&files);
    let writes = bench.system("books").writes();
    let merge = bench.engine.merge(ada, augusta, None, "vera", "the same").await.unwrap();
    assert_eq!(merge.state, MergeState::Running, "{:?}", outcomes(&merge));
    assert_eq!(bench.system("books").writes(), writes);
    let waits = outcomes(&merge).into_iter().find(|(connection, ..)| *connection == "books").unwrap().2;
    assert!(waits.contains("nave apply --flow books-contacts"), "{waits}");
    bench.approve_all().await;
    bench.quiet().await;
    assert_eq!(bench.engine.merge_of(merge.id).unwrap().state, MergeState::Done, "the flow's own run looks after it");
}
