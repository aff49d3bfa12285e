//! The object whose word stood is gone: what the others hold because the hub wrote it there stands, and no earlier word of theirs
//! comes up again. Invariants attacked: I7, I11, I14.

use nave_core::Value;
use nave_core::catalog::ChangeDetection;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, mapping, missed, only_record, set};
use super::system::System;

on_both_stores!(
    what_was_rejected_or_written_over_is_not_revived,
    what_was_cleared_stays_cleared,
    a_newer_word_still_counts,
    who_says_it_himself_said_it_when_he_did,
);

const OWNED: &str = "[fields.last_name]\nsurvivorship = { owner = \"crm\" }\nbecause = \"sales knows\"\n\
                     [fields.email]\nsurvivorship = { owner = \"crm\" }\nbecause = \"sales knows\"\n";

/// Ada, whom the books knew first, in all of them; the CRM owns names and e-mails, and says others since. Her ids in CRM and books.
async fn svensson(kind: Kind, policy: &str) -> (Bench, String, String) {
    let mut files: Vec<(String, String)> =
        ["books", "mail"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", ""))).into();
    files.push(("mappings/crm-contacts.toml".into(), mapping("crm", &format!("delete = \"{policy}\""), "")));
    files.push(("mappings/files-contacts.toml".into(), mapping("files", "", "")));
    files.push(("entities/contact.toml".into(), OWNED.into()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let systems = ["crm", "books", "mail", "files"].map(|name| {
        let mut system = System::new(name, &["contacts"]);
        system.capabilities.changes = ChangeDetection::FullScan;
        // The mail system spells names its own way.
        if name == "mail" {
            system.shouting.insert("last".into());
        }
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    let books =
        bench.system("books").create("contacts", r#"{"first":"Ada","last":"King","email":"ada@old.test","title":"pilot"}"#);
    bench.quiet().await;
    let crm = bench.system("crm").only_id("contacts");
    bench.system("crm").state.lock().unwrap().clock += 10_000;
    for (path, text) in [("last", "Svensson"), ("email", "ada@new.test"), ("title", "boss")] {
        set(bench.system("crm"), &crm, path, Value::text(text));
    }
    bench.quiet().await;
    (bench, crm, books)
}

/// What the record and every system but the CRM hold, one line each.
fn held(bench: &Bench, path: &str, field: &str) -> Vec<String> {
    let mut all = vec![only_record(bench).value(field).map_or_else(String::new, Value::display)];
    for name in ["books", "mail", "files"] {
        let system = bench.system(name);
        all.push(system.at("contacts", &system.only_id("contacts"), path));
    }
    all
}

async fn what_was_rejected_or_written_over_is_not_revived(kind: Kind) {
    for policy in ["detach", "propagate"] {
        let (bench, crm, books) = svensson(kind, policy).await;
        // Somebody edits what the CRM owns; it is put back.
        bench.system("books").state.lock().unwrap().clock += 100_000;
        set(bench.system("books"), &books, "last", Value::text("Edited"));
        bench.quiet().await;
        let all =
            || [("last", "last_name"), ("email", "email"), ("title", "job_title")].map(|(path, name)| held(&bench, path, name));
        let before = all();
        assert_eq!(before[0], ["Svensson", "Svensson", "SVENSSON", "Svensson"]);
        let writes = || ["books", "mail", "files"].map(|name| bench.system(name).writes());
        let written = writes();
        bench.system("crm").delete("contacts", &crm);
        missed(&bench).await;
        assert_eq!((all(), writes()), (before, written), "{policy}");
        check_quiet(&bench).await;
        // What somebody says from now on counts.
        set(bench.system("books"), &books, "last", Value::text("Ek"));
        bench.quiet().await;
        assert_eq!(held(&bench, "last", "last_name"), ["Ek", "Ek", "EK", "Ek"]);
        check_quiet(&bench).await;
    }
}

async fn what_was_cleared_stays_cleared(kind: Kind) {
    let (bench, crm, _) = svensson(kind, "detach").await;
    set(bench.system("crm"), &crm, "title", Value::Null);
    bench.quiet().await;
    let before = held(&bench, "title", "job_title");
    assert!(before[1..].iter().all(|title| title == "–" || title.is_empty()), "{before:?}");
    bench.system("crm").delete("contacts", &crm);
    missed(&bench).await;
    assert_eq!(held(&bench, "title", "job_title")[1..], before[1..]);
    check_quiet(&bench).await;
}

/// An export that is only read says otherwise, and holds it still: later than the CRM it is heard, earlier it is not.
async fn a_newer_word_still_counts(kind: Kind) {
    for (later, expected) in [(false, "Svensson"), (true, "Lindqvist")] {
        let (mut bench, crm, _) = svensson(kind, "detach").await;
        let export = mapping("files", "", "")
            .replace("\"both\"", "\"in\"")
            .replace("[flow.out]\nfreshness = \"5m\"\n", "")
            .replace("marker = \"marker\"\n", "");
        let files = ["crm", "books", "mail"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", "")));
        let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.extend([("entities/contact.toml", OWNED), ("mappings/files-contacts.toml", &export)]);
        bench.configure(&files);
        bench.approve_all().await;
        bench.system("files").state.lock().unwrap().clock = if later { 1_000_000 } else { 5_000 };
        let thing = bench.system("files").only_id("contacts");
        set(bench.system("files"), &thing, "last", Value::text("Lindqvist"));
        bench.quiet().await;
        assert_eq!(held(&bench, "last", "last_name")[..2], ["Svensson", "Svensson"], "the CRM owns it");
        bench.system("crm").delete("contacts", &crm);
        missed(&bench).await;
        assert_eq!(held(&bench, "last", "last_name")[..2], [expected, expected], "later: {later}");
        check_quiet(&bench).await;
    }
}

/// The books say the same as the CRM, and said it last. When the CRM's thing is gone, that they did counts: an export that said
/// something else before them is not heard.
async fn who_says_it_himself_said_it_when_he_did(kind: Kind) {
    let (mut bench, crm, books) = svensson(kind, "detach").await;
    let export = mapping("files", "", "")
        .replace("\"both\"", "\"in\"")
        .replace("[flow.out]\nfreshness = \"5m\"\n", "")
        .replace("marker = \"marker\"\n", "");
    let files = ["crm", "books", "mail"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", "")));
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.extend([("entities/contact.toml", OWNED), ("mappings/files-contacts.toml", &export)]);
    bench.configure(&files);
    bench.approve_all().await;
    let thing = bench.system("files").only_id("contacts");
    bench.system("files").state.lock().unwrap().clock = 1_000_000;
    set(bench.system("files"), &thing, "last", Value::text("Lindqvist"));
    // They say something else and then, before it is put back, the same by themselves.
    bench.system("books").state.lock().unwrap().clock = 2_000_000;
    for last in ["Edited", "Svensson"] {
        bench.pass(3_600_000);
        set(bench.system("books"), &books, "last", Value::text(last));
        bench.engine.run_in("books-contacts", false).await.unwrap();
    }
    bench.quiet().await;
    assert_eq!(held(&bench, "last", "last_name")[..2], ["Svensson", "Svensson"], "the CRM owns it");
    bench.system("crm").delete("contacts", &crm);
    missed(&bench).await;
    assert_eq!(held(&bench, "last", "last_name")[..2], ["Svensson", "Svensson"], "the books said it last");
    check_quiet(&bench).await;
}
