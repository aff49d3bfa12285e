//! Shadow mode: everything is computed and noted, nothing is sent, and nothing is lost of the real difference. I4, I14.

use nave_core::Value;
use nave_core::model::{RecordId, RunStatus};

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, mapping, only_record, set};

on_both_stores!(nothing_is_sent_and_all_is_noted, the_report_says_what_became_of_it, switched_off_the_real_difference_goes);

const SHADOW: &str = "mode = \"shadow\"";

/// Two systems that agree on Ada; then the second one's flow is a shadow, and her title changes.
async fn shadowed(kind: Kind) -> (Bench, String, String) {
    let mut bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    let crm = bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let books = bench.system("books").only_id("contacts");
    configure(&mut bench, SHADOW);
    set(bench.system("crm"), &crm, "title", Value::text("captain"));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    (bench, crm, books)
}

fn configure(bench: &mut Bench, out: &str) {
    let files =
        [("mappings/crm-contacts.toml", mapping("crm", "", "")), ("mappings/books-contacts.toml", mapping("books", "", out))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    bench.configure(&files);
}

async fn nothing_is_sent_and_all_is_noted(kind: Kind) {
    let (bench, ..) = shadowed(kind).await;
    bench.system("crm").create("contacts", r#"{"first":"Bea","last":"Ek","email":"bea@x.test","title":"cook"}"#);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let (calls, record) = (bench.system("books").state.lock().unwrap().calls, bench.store.records_after(RecordId(0), 9).unwrap());
    let dirty = bench.store.dirty("books-contacts", RecordId(0), 10).unwrap();
    for _ in 0..2 {
        let run = bench.engine.run_out("books-contacts").await.unwrap();
        assert!(run.counts.balances() && run.status == RunStatus::Success && run.direction == "shadow", "{run:?}");
    }
    assert_eq!(bench.engine.shadow_writes("books-contacts").unwrap(), 2, "one update, one create, each once");
    assert_eq!(bench.system("books").state.lock().unwrap().calls, calls, "no call at all");
    assert_eq!(bench.store.records_after(RecordId(0), 9).unwrap(), record);
    assert_eq!(bench.store.dirty("books-contacts", RecordId(0), 10).unwrap(), dirty, "what waits goes on waiting");
}

async fn the_report_says_what_became_of_it(kind: Kind) {
    let (bench, _, books) = shadowed(kind).await;
    bench.engine.run_out("books-contacts").await.unwrap();
    let report = async || bench.engine.shadow_report("books-contacts").await.unwrap();
    let lines = report().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].path.as_deref(), lines[0].same), (Some("title"), false));
    assert_eq!((&lines[0].wanted, &lines[0].found), (&Value::text("captain"), &Some(Value::text("pilot"))));
    // Somebody does it by hand.
    set(bench.system("books"), &books, "title", Value::text("captain"));
    assert!(report().await[0].same);
    bench.engine.shadow_clear("books-contacts").await.unwrap();
    assert_eq!(report().await, []);
}

async fn switched_off_the_real_difference_goes(kind: Kind) {
    let (mut bench, crm, books) = shadowed(kind).await;
    bench.engine.run_out("books-contacts").await.unwrap();
    set(bench.system("crm"), &crm, "title", Value::text("admiral"));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "pilot");
    configure(&mut bench, "");
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "admiral", "the same agreement holds");
    assert_eq!(only_record(&bench).value("job_title"), Some(&Value::text("admiral")));
    check_quiet(&bench).await;
}
