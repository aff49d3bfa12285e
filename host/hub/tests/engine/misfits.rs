//! A value that the other system's field does not take: rejected, cut or transformed as its mapping says, counted, and never taken
//! back as that system's word (S3.14).

use nave_core::accounting::{Counts, OutCounts};
use nave_core::model::{Record, Run};

use super::bench::{Bench, Kind};
use super::policies::only_record;
use super::system::{Fault, System};

on_both_stores!(
    what_does_not_fit_is_set_aside_and_counted,
    what_is_cut_is_counted_once_and_quiet_afterwards,
    what_is_cut_and_whose_answer_was_lost_is_nobodys_word,
    what_was_cut_there_before_the_hub_came_is_nobodys_word,
);

const LONG: &str = r#"{"last":"Berg","title":"head of everything"}"#;

fn mapping(system: &str, lines: &str) -> String {
    format!(
        "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"marker\"\n\
         [flow.in]\n[flow.out]\n\
         [[field]]\nremote = \"last\"\ncanonical = \"last_name\"\ndirection = \"both\"\nbecause = \"both\"\n\
         [[field]]\nremote = \"email\"\ncanonical = \"email\"\ndirection = \"both\"\nbecause = \"both\"\n\
         [[field]]\nremote = \"title\"\ncanonical = \"job_title\"\ndirection = \"both\"\nbecause = \"both\"\n{lines}"
    )
}

async fn bench(kind: Kind, lines: &str) -> Bench {
    let (crm, books) = (mapping("crm", ""), mapping("books", lines));
    let files = [("mappings/crm-contacts.toml", crm.as_str()), ("mappings/books-contacts.toml", books.as_str())];
    let bench = Bench::new(kind, vec![System::new("crm", &["contacts"]), System::new("books", &["contacts"])], &files);
    bench.approve_all().await;
    bench
}

fn out(run: &Run) -> OutCounts {
    let Counts::Out(counts) = run.counts else { panic!("{run:?}") };
    counts
}

fn title(record: &Record) -> String {
    record.value("job_title").map(|value| value.display()).unwrap_or_default()
}

/// What the books hold under `title`.
fn in_books(bench: &Bench) -> String {
    let books = bench.system("books");
    books.at("contacts", &books.only_id("contacts"), "title")
}

async fn what_does_not_fit_is_set_aside_and_counted(kind: Kind) {
    let bench = bench(kind, "max-length = 10\n").await;
    bench.system("crm").create("contacts", LONG);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    let counts = out(&run);
    assert_eq!((counts.wanted, counts.failed, counts.rejected, counts.truncated), (1, 1, 1, 0), "{counts:?}");
    assert!(counts.balances() && bench.system("books").writes() == 0);
    let letter = bench.store.dead_letters(0, 10).unwrap().remove(0);
    assert_eq!((letter.class.as_str(), letter.field.as_deref()), ("length", Some("title")));
    assert!(letter.message.contains("the value has 18 characters, `title` takes 10"), "{}", letter.message);
    assert!(letter.fix.contains("misfit") && letter.message.contains("mappings/books-contacts.toml"), "{letter:?}");
    assert_eq!(bench.engine.meters()["books-contacts"].misfits["reject"], 1);
}

async fn what_is_cut_is_counted_once_and_quiet_afterwards(kind: Kind) {
    let bench = bench(kind, "max-length = 10\nmisfit = \"truncate\"\n").await;
    bench.system("crm").create("contacts", LONG);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!((out(&run).delivered, out(&run).truncated, out(&run).rejected), (1, 1, 0), "{run:?}");
    assert_eq!(in_books(&bench), "head of e…");
    super::policies::check_quiet(&bench).await;
    assert_eq!((title(&only_record(&bench)).as_str(), in_books(&bench).as_str()), ("head of everything", "head of e…"));
    assert_eq!(bench.engine.meters()["books-contacts"].misfits["truncate"], 1);
}

async fn what_is_cut_and_whose_answer_was_lost_is_nobodys_word(kind: Kind) {
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        let bench = bench(kind, "max-length = 10\nmisfit = \"truncate\"\n").await;
        bench.system("crm").create("contacts", LONG);
        bench.engine.run_in("crm-contacts", false).await.unwrap();
        bench.system("books").fault(fault);
        let _ = bench.engine.run_out("books-contacts").await;
        bench.pass(600_000);
        bench.quiet().await;
        bench.pass(600_000);
        bench.quiet().await;
        assert_eq!(
            (title(&only_record(&bench)).as_str(), in_books(&bench).as_str()),
            ("head of everything", "head of e…"),
            "{fault:?}"
        );
        super::policies::check_quiet(&bench).await;
    }
}

async fn what_was_cut_there_before_the_hub_came_is_nobodys_word(kind: Kind) {
    for first in ["crm-contacts", "books-contacts"] {
        let bench = bench(kind, "max-length = 10\nmisfit = \"truncate\"\n").await;
        bench.system("crm").create("contacts", r#"{"last":"Berg","email":"ada@x.test","title":"head of everything"}"#);
        bench.pass(60_000);
        // Somebody typed there what the old interface had cut, a minute later.
        bench.system("books").create("contacts", r#"{"last":"Berg","email":"ada@x.test","title":"head of e…"}"#);
        bench.pass(60_000);
        let then = if first == "crm-contacts" { "books-contacts" } else { "crm-contacts" };
        for flow in [first, then] {
            bench.engine.run_in(flow, false).await.unwrap();
        }
        bench.quiet().await;
        let record = only_record(&bench);
        assert_eq!((title(&record).as_str(), in_books(&bench).as_str()), ("head of everything", "head of e…"), "{first} first");
        let crm = bench.system("crm");
        assert_eq!(crm.at("contacts", &crm.only_id("contacts"), "title"), "head of everything", "{first} first");
    }
}
