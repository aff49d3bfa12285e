//! `renamed-from`: what is stored follows the name, and nobody over there notices. Invariants attacked: I6, I7, I12.

use nave_core::Value;
use nave_core::accounting::Counts;
use nave_core::catalog::Numbers;
use nave_core::catalog::numbers::Rename;
use nave_core::model::{Run, RunStatus};

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, only_record, set};
use super::system::{Fault, System};

on_both_stores!(
    what_is_stored_follows_the_name,
    nothing_runs_under_the_new_name_before,
    a_write_on_its_way_follows_too,
    a_new_hub_has_nothing_to_rename,
    two_names_change_places,
    a_name_is_used_again,
    another_fields_values_are_in_the_way,
    broken_off_at_any_commit,
);

/// A field, a field that is matched by, and a list.
const BEFORE: [&str; 3] = ["x.crm.tier", "x.crm.code", "x.crm.marks"];
const AFTER: [&str; 3] = ["x.crm.level", "x.crm.number", "x.crm.labels"];

fn files(names: [&str; 3], before: Option<[&str; 3]>) -> Vec<(String, String)> {
    let [tier, code, marks] = names;
    let from = |index: usize| before.map_or_else(String::new, |before| format!("renamed-from = \"{}\"\n", before[index]));
    let entity = format!(
        "[fields.{tier}]\ntype = \"text\"\n{}[fields.{code}]\ntype = \"text\"\n{}\
         [fields.{marks}]\ntype = \"list\"\nfields = {{ name = \"text\" }}\nkey = [\"name\"]\n{}\
         [[match]]\nkey = \"{code}\"\nagree = []\n",
        from(0),
        from(1),
        from(2)
    );
    let field = |remote: &str, canonical: &str| {
        format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n")
    };
    let mapping = |system: &str| {
        format!(
            "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"marker\"\n\
             [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n{}{}{}\
             [[list]]\nremote = \"marks\"\ncanonical = \"{marks}\"\ndirection = \"both\"\nid = \"id\"\nbecause = \"anywhere\"\n\
             [[list.field]]\nremote = \"name\"\ncanonical = \"name\"\n",
            field("first", "first_name"),
            field("tier", tier),
            field("code", code),
        )
    };
    vec![
        ("entities/contact.toml".into(), entity),
        ("mappings/crm-contacts.toml".into(), mapping("crm")),
        ("mappings/erp-contacts.toml".into(), mapping("erp")),
    ]
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// Ada in both systems, under the old names.
async fn bench(kind: Kind) -> Bench {
    let systems = vec![System::new("crm", &["contacts"]), System::new("erp", &["contacts"])];
    let bench = Bench::new(kind, systems, &borrowed(&files(BEFORE, None)));
    bench.approve_all().await;
    bench.system("crm").create(
        "contacts",
        r#"{"first":"Ada","tier":"gold","code":"A1","marks":[{"id":1,"name":"early"},{"id":2,"name":"late"}]}"#,
    );
    bench.quiet().await;
    bench
}

fn rename(bench: &mut Bench) {
    bench.configure(&borrowed(&files(AFTER, Some(BEFORE))));
}

async fn renamed(bench: &Bench) -> Vec<(Rename, u64)> {
    bench.engine.rename(&Numbers::named_by(&bench.engine.catalog())).await.unwrap()
}

fn held(run: Run) -> bool {
    let counts = match run.counts {
        Counts::In(counts) => counts.read,
        Counts::Out(counts) => counts.wanted,
    };
    run.status == RunStatus::Failed && counts == 0 && run.message.unwrap_or_default().contains("is called `x.crm.")
}

async fn what_is_stored_follows_the_name(kind: Kind) {
    let mut bench = bench(kind).await;
    let before = only_record(&bench);
    let erp = bench.system("erp").only_id("contacts");
    rename(&mut bench);
    let told = renamed(&bench).await;
    let told: Vec<_> = told.iter().map(|(rename, records)| (rename.from.as_str(), rename.to.as_str(), *records)).collect();
    assert_eq!(told, [(BEFORE[1], AFTER[1], 1), (BEFORE[2], AFTER[2], 1), (BEFORE[0], AFTER[0], 1)]);
    assert_eq!(renamed(&bench).await, [], "once");
    // The same values, the same winners, the same numbers of elements.
    let after = only_record(&bench);
    let spelled = |name: &str| BEFORE.iter().zip(AFTER).fold(name.to_owned(), |name, (old, new)| name.replace(old, new));
    let mut expected: Vec<_> = before.fields.iter().map(|(name, field)| (spelled(name), field.clone())).collect();
    expected.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!(after.fields.iter().map(|(name, field)| (name.to_string(), field.clone())).collect::<Vec<_>>(), expected);
    for row in bench.store.contributions(&after.contributions).unwrap().into_iter().flatten() {
        let names = row.claims.keys().chain(row.elements.keys()).chain(row.shadow.keys()).chain(row.sent.keys());
        let old: Vec<_> = names.filter(|name| BEFORE.iter().any(|before| name.contains(before))).collect();
        assert!(old.is_empty(), "{old:?}");
    }
    bench.approve_all().await;
    check_quiet(&bench).await;
    // It is in step as before: a field, an element, a match.
    set(bench.system("erp"), &erp, "tier", Value::text("silver"));
    bench.system("erp").edit("contacts", &erp, |body| {
        let Some(Value::List(marks)) = body.at("marks").cloned() else { panic!("no marks") };
        body.put("marks", Value::List(marks.into_iter().take(1).collect()));
    });
    bench.quiet().await;
    let crm = bench.system("crm").only_id("contacts");
    assert_eq!(bench.system("crm").at("contacts", &crm, "tier"), "silver");
    let marks = bench.system("crm").dump("contacts").remove(0);
    assert!(marks.contains("early") && !marks.contains("late"), "{marks}");
    bench.system("erp").create("contacts", r#"{"first":"Ada","tier":"silver","code":"A1"}"#);
    bench.quiet().await;
    only_record(&bench);
    check_quiet(&bench).await;
}

async fn nothing_runs_under_the_new_name_before(kind: Kind) {
    let mut bench = bench(kind).await;
    let (crm, before) = (bench.system("crm").only_id("contacts"), only_record(&bench));
    rename(&mut bench);
    set(bench.system("crm"), &crm, "tier", Value::text("silver"));
    assert!(held(bench.engine.run_in("crm-contacts", true).await.unwrap()));
    assert!(held(bench.engine.run_out("erp-contacts").await.unwrap()));
    assert_eq!(only_record(&bench), before);
    // The old names are in force again: nothing was renamed, and nothing has to be.
    bench.configure(&borrowed(&files(BEFORE, None)));
    assert_eq!(bench.engine.renames().unwrap(), []);
    bench.approve_all().await;
    bench.quiet().await;
    assert_eq!(only_record(&bench).value(BEFORE[0]).map(Value::display).as_deref(), Some("silver"));
    check_quiet(&bench).await;
}

async fn a_write_on_its_way_follows_too(kind: Kind) {
    let mut bench = bench(kind).await;
    let (crm, erp) = (bench.system("crm").only_id("contacts"), bench.system("erp").only_id("contacts"));
    bench.system("crm").edit("contacts", &crm, |body| {
        let Some(Value::List(marks)) = body.at("marks").cloned() else { panic!("no marks") };
        body.put("marks", Value::List(marks.into_iter().take(1).collect()));
    });
    bench.system("erp").fault(Fault::LostAnswer);
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(bench.store.intents("erp-contacts").unwrap().len(), 1, "its answer was lost");
    rename(&mut bench);
    renamed(&bench).await;
    bench.approve_all().await;
    bench.quiet().await;
    let row = bench.store.contributions(&only_record(&bench).contributions).unwrap();
    let row = row.into_iter().flatten().find(|row| row.key.connection == "erp").unwrap();
    let path = format!("marks#{}", AFTER[2]);
    assert!(row.shadow.keys().all(|known| !known.contains('#') || *known == path), "{:?}", row.shadow);
    assert_eq!(row.elements.get(AFTER[2]).map(Vec::len), Some(1), "what was sent is known under the new name");
    assert!(!bench.system("erp").dump("contacts").remove(0).contains("late"));
    assert_eq!(bench.system("erp").only_id("contacts"), erp);
    check_quiet(&bench).await;
}

async fn a_new_hub_has_nothing_to_rename(kind: Kind) {
    let systems = vec![System::new("crm", &["contacts"]), System::new("erp", &["contacts"])];
    let bench = Bench::new(kind, systems, &borrowed(&files(AFTER, Some(BEFORE))));
    bench.approve_all().await;
    bench.system("crm").create("contacts", r#"{"first":"Ada","tier":"gold","code":"A1"}"#);
    bench.quiet().await;
    assert_eq!(bench.engine.renames().unwrap(), []);
    assert_eq!(only_record(&bench).value(AFTER[0]).map(Value::display).as_deref(), Some("gold"));
    check_quiet(&bench).await;
}

/// What `nave.lock` says of a new configuration.
fn numbered(bench: &Bench) -> Numbers {
    let (none, catalog) = (Numbers::default(), bench.engine.catalog());
    none.after(&none.steps(&catalog), &catalog)
}

/// Under the old names, applied.
async fn applied(kind: Kind) -> (Bench, Numbers) {
    let mut bench = bench(kind).await;
    let numbers = numbered(&bench);
    bench.lock(&numbers);
    assert_eq!(bench.engine.rename(&numbers).await.unwrap(), []);
    (bench, numbers)
}

/// As `nave.lock` is when fields got these names for those.
fn called(numbers: &Numbers, names: [&str; 3], before: [&str; 3]) -> Numbers {
    let mut after = numbers.clone();
    let fields = after.fields.get_mut("contact").unwrap();
    before.iter().for_each(|name| drop(fields.remove(*name)));
    fields.extend(names.iter().zip(before).map(|(name, before)| ((*name).to_owned(), numbers.fields["contact"][before].clone())));
    after
}

fn shown(bench: &Bench, names: [&str; 3]) -> Vec<Option<String>> {
    let record = only_record(bench);
    names[..2].iter().map(|name| record.value(name).map(Value::display)).collect()
}

fn told(renames: &[(Rename, u64)]) -> Vec<(&str, &str, u64)> {
    renames.iter().map(|(rename, records)| (rename.from.as_str(), rename.to.as_str(), *records)).collect()
}

/// The values of `tier` and `code` have exchanged their names.
const SWAPPED: [&str; 3] = ["x.crm.code", "x.crm.tier", "x.crm.marks"];

/// Elsewhere two applies did it; here the numbers are all there is.
async fn two_names_change_places(kind: Kind) {
    let (mut bench, first) = applied(kind).await;
    bench.configure(&borrowed(&files(SWAPPED, None)));
    let second = called(&first, SWAPPED, BEFORE);
    bench.lock(&second);
    let before = only_record(&bench);
    assert!(held(bench.engine.run_in("crm-contacts", true).await.unwrap()));
    assert!(held(bench.engine.run_out("erp-contacts").await.unwrap()));
    assert_eq!(only_record(&bench), before);
    let done = bench.engine.rename(&second).await.unwrap();
    assert_eq!(told(&done), [(BEFORE[1], BEFORE[0], 1), (BEFORE[0], BEFORE[1], 1)]);
    assert_eq!(shown(&bench, SWAPPED), [Some("gold".to_owned()), Some("A1".to_owned())]);
    assert_eq!(bench.engine.rename(&second).await.unwrap(), [], "once");
    bench.approve_all().await;
    bench.quiet().await;
    let erp = bench.system("erp").only_id("contacts");
    set(bench.system("erp"), &erp, "tier", Value::text("silver"));
    bench.quiet().await;
    let crm = bench.system("crm").only_id("contacts");
    assert_eq!(bench.system("crm").at("contacts", &crm, "tier"), "silver");
    assert_eq!(bench.system("crm").at("contacts", &crm, "code"), "A1");
    check_quiet(&bench).await;
}

/// `tier` was called `level`; then there is a new `tier`.
async fn a_name_is_used_again(kind: Kind) {
    let (mut bench, first) = applied(kind).await;
    let names = [AFTER[0], BEFORE[1], BEFORE[2]];
    let mut changed = files(names, None);
    let again = format!("[fields.{}]\ntype = \"text\"\n[[match]]", BEFORE[0]);
    changed[0].1 = changed[0].1.replace("[[match]]", &again);
    bench.configure(&borrowed(&changed));
    let second = called(&first, names, BEFORE);
    let second = second.after(&second.steps(&bench.engine.catalog()), &bench.engine.catalog());
    bench.lock(&second);
    assert!(held(bench.engine.run_in("crm-contacts", true).await.unwrap()));
    assert_eq!(told(&bench.engine.rename(&second).await.unwrap()), [(BEFORE[0], AFTER[0], 1)]);
    assert_eq!(shown(&bench, [AFTER[0], BEFORE[0], ""]), [Some("gold".to_owned()), None]);
    bench.approve_all().await;
    bench.quiet().await;
    check_quiet(&bench).await;
}

/// `nave.lock` gives `tier`'s number to `code`, and knows nothing of what was `code`.
async fn another_fields_values_are_in_the_way(kind: Kind) {
    let (mut bench, first) = applied(kind).await;
    let mut second = called(&first, SWAPPED, BEFORE);
    second.fields.get_mut("contact").unwrap().get_mut(BEFORE[0]).unwrap().number = 99;
    bench.lock(&second);
    let before = only_record(&bench);
    assert!(held(bench.engine.run_in("crm-contacts", true).await.unwrap()));
    let refused = bench.engine.rename(&second).await.unwrap_err().to_string();
    assert!(refused.contains("`x.crm.tier` of contact is called `x.crm.code` now"), "{refused}");
    assert!(refused.contains("apply the earlier versions of the configuration one after the other"), "{refused}");
    assert_eq!(only_record(&bench), before);
}

/// The hub dies at every commit in turn. Then it is applied again, or the old names are in force again.
async fn broken_off_at_any_commit(kind: Kind) {
    let every = [(AFTER, Some(BEFORE)), (SWAPPED, None)];
    // Opening a file so often takes its time: one of them says it.
    for &(names, word) in if let Kind::Redb = kind { &every[1..] } else { &every[..] } {
        for undone in [false, true] {
            let mut commits = 0;
            while broken_off(kind, names, word, undone, commits).await {
                commits += 1;
            }
            assert!(commits >= 3, "{commits}");
        }
    }
}

/// Whether it died.
async fn broken_off(kind: Kind, names: [&str; 3], word: Option<[&str; 3]>, undone: bool, commits: i64) -> bool {
    let (mut bench, first) = applied(kind).await;
    let before = only_record(&bench).fields;
    let second = called(&first, names, BEFORE);
    bench.configure(&borrowed(&files(names, word)));
    bench.lock(if word.is_some() { &first } else { &second });
    if bench.dies_after(commits, async |bench| bench.engine.rename(&second).await.map(drop)).is_some() {
        return false;
    }
    let (names, numbers) = if undone { (BEFORE, &first) } else { (names, &second) };
    bench.configure(&borrowed(&files(names, word.filter(|_| !undone))));
    bench.lock(if undone || word.is_some() { &first } else { &second });
    let held = bench.engine.run_in("crm-contacts", true).await.unwrap();
    // Where nothing has moved, nothing has to go back.
    assert_eq!(held.status == RunStatus::Failed, !undone || commits > 0, "{commits}: {held:?}");
    assert_eq!(bench.engine.renames().unwrap().is_empty(), undone && commits == 0, "{commits}");
    bench.engine.rename(numbers).await.unwrap();
    assert_eq!(bench.engine.renames().unwrap(), []);
    assert_eq!(shown(&bench, names), [Some("gold".to_owned()), Some("A1".to_owned())], "{commits}");
    if undone {
        assert_eq!(only_record(&bench).fields, before, "{commits}");
    }
    bench.approve_all().await;
    bench.quiet().await;
    check_quiet(&bench).await;
    true
}
