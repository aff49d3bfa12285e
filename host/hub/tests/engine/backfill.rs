//! Data from before that do not fit: told by rule before anything is taken in; then kept as they came, and nothing else is done with
//! them until they fit. Invariants attacked: I7, I14.

use nave_core::Value;
use nave_core::accounting::{Counts, InCounts};
use nave_core::model::{RecordId, Run, RunStatus};
use nave_core::profile::{Broken, Profile};

use super::bench::{Bench, Kind};
use super::policies::set;
use super::system::System;

on_both_stores!(
    a_profile_counts_by_rule_and_keeps_nothing,
    what_does_not_fit_is_kept_and_nothing_else_is_done_with_it,
    what_is_kept_comes_in_once_it_fits,
    what_is_known_here_is_set_aside_as_ever,
    without_being_told_nothing_is_kept,
    what_was_kept_is_found_after_a_restart,
);

const BOOKS: &str = r#"
connection = "books"
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
because = "anywhere"
max-length = 5
misfit = "reject"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "anywhere"
"#;

const ERP: &str = r#"
connection = "erp"
stream = "contacts"
entity = "contact"
steward = "ops"
marker = "marker"
[flow.in]
freshness = "1h"
filter = "kind != \"test\""
[flow.out]
freshness = "5m"
[[field]]
remote = "first"
canonical = "first_name"
direction = "both"
because = "anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
because = "anywhere"
[[field]]
remote = "born"
canonical = "birth_date"
direction = "in"
in = "date(iso8601)"
[[field]]
remote = "source"
canonical = "archived"
direction = "in"
in = "boolean"
[[field]]
remote = "kind"
direction = "ignore"
because = "only filtered by"
"#;

struct Old {
    bench: Bench,
    /// Fits, fits nowhere else, has no such birthday, is neither.
    ids: [String; 4],
}

async fn old(kind: Kind) -> Old {
    let files = [("mappings/erp-contacts.toml", ERP), ("mappings/books-contacts.toml", BOOKS)];
    let bench = Bench::new(kind, vec![System::new("erp", &["contacts"]), System::new("books", &["contacts"])], &files);
    bench.approve_all().await;
    let erp = bench.system("erp");
    let ids = [
        r#"{"first":"Ada","email":"ada@x.test","born":"1815-12-10","source":false}"#,
        r#"{"first":"Maximiliana","email":"max@x.test","born":"1980-01-31"}"#,
        r#"{"first":"Bea","email":"bea@x.test","born":"31.02.1980"}"#,
        r#"{"first":"Cleo","email":"cleo@x.test","born":"31.04.1975","source":"perhaps"}"#,
    ]
    .map(|body| erp.create("contacts", body));
    erp.create("contacts", r#"{"first":"Test","email":"t@x.test","born":"never","kind":"test"}"#);
    Old { bench, ids }
}

fn counts(run: &Run) -> InCounts {
    assert_eq!(run.status, RunStatus::Success, "{run:?}");
    assert!(run.counts.balances(), "{run:?}");
    match run.counts {
        Counts::In(counts) => counts,
        Counts::Out(_) => panic!("{run:?}"),
    }
}

fn rule<'p>(profile: &'p Profile, destination: Option<&str>, field: &str) -> &'p Broken {
    let found = profile.rules.iter().find(|((to, _, path), _)| to.as_deref() == destination && path == field);
    found.unwrap_or_else(|| panic!("{destination:?} {field}: {:?}", profile.rules)).1
}

async fn a_profile_counts_by_rule_and_keeps_nothing(kind: Kind) {
    let Old { bench, ids } = old(kind).await;
    let profile = bench.engine.profile("erp-contacts").await.unwrap();
    assert_eq!((profile.read, profile.left_out, profile.misfit, profile.refused), (5, 1, 2, 1), "{profile:?}");
    let born = rule(&profile, None, "born");
    assert_eq!(born.count, 2, "{profile:?}");
    let shown: Vec<(&str, Option<&str>)> =
        born.examples.iter().map(|example| (example.remote_id.as_str(), example.value.as_deref())).collect();
    assert_eq!(shown, [(ids[2].as_str(), Some("99.99.9999")), (ids[3].as_str(), Some("99.99.9999"))], "a birthday is a person's");
    assert_eq!(born.message, None, "what is said of it has it in it");
    let source = rule(&profile, None, "source");
    assert_eq!((source.count, source.examples[0].value.as_deref()), (1, Some("perhaps")), "{profile:?}");
    let long = rule(&profile, Some("books-contacts"), "first");
    assert_eq!((long.count, long.examples[0].remote_id.as_str()), (1, ids[1].as_str()), "{profile:?}");
    assert_eq!(long.examples[0].value.as_deref(), Some("Aaaaaaaaaaa"));
    // Nothing of it is here or anywhere.
    assert_eq!(bench.store.records_after(RecordId(0), 10).unwrap(), []);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    assert_eq!(bench.store.checkpoint("erp", "contacts").unwrap(), None);
    assert_eq!(bench.store.runs(None, 10).unwrap(), []);
    assert_eq!(bench.system("books").writes() + bench.system("erp").writes(), 0);
    assert!(bench.system("erp").state.lock().unwrap().acknowledged.is_empty());
    assert!(bench.engine.profile("nosuch").await.is_err());
}

async fn what_does_not_fit_is_kept_and_nothing_else_is_done_with_it(kind: Kind) {
    let Old { bench, ids } = old(kind).await;
    let run = bench.engine.backfill("erp-contacts", true, "ann", "from before 1990").await.unwrap();
    let counted = counts(&run);
    assert_eq!((counted.read, counted.created, counted.filtered, counted.archived, counted.quarantined), (5, 2, 1, 2, 0));
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    let known = bench.engine.archived("erp-contacts").unwrap();
    assert_eq!(known.keys().cloned().collect::<Vec<_>>(), [ids[2].clone(), ids[3].clone()]);
    let kept = bench.engine.archived_one("erp-contacts", &ids[2]).unwrap();
    assert!(String::from_utf8(kept.raw).unwrap().contains("31.02.1980"), "as it came");
    assert!(kept.message.starts_with("born: "), "{}", kept.message);
    assert!(bench.engine.archived_one("erp-contacts", "nosuch").is_err());
    let audit = bench.store.audit(10).unwrap();
    assert!(
        audit.iter().any(|line| line.actor == "ann" && line.detail.contains("2 kept") && line.detail.contains("before 1990"))
    );
    // It goes nowhere, and is not tried again, however it is read.
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").dump("contacts").len(), 1, "Ada; Maximiliana is too long there");
    for full in [false, true] {
        let counted = counts(&bench.engine.run_in("erp-contacts", full).await.unwrap());
        assert_eq!((counted.quarantined, counted.archived), (0, if full { 2 } else { 0 }), "{counted:?}");
    }
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert!(letters.iter().all(|letter| letter.class == "length"), "{letters:?}");
    assert_eq!(bench.store.records_after(RecordId(0), 10).unwrap().len(), 2);
}

async fn what_is_kept_comes_in_once_it_fits(kind: Kind) {
    let Old { bench, ids } = old(kind).await;
    bench.engine.backfill("erp-contacts", true, "ann", "from before").await.unwrap();
    // Somebody edits it, and it still does not fit: that is no old thing any more.
    set(bench.system("erp"), &ids[2], "first", Value::text("Beatrix"));
    let counted = counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counted.quarantined, counted.archived), (1, 0), "{counted:?}");
    set(bench.system("erp"), &ids[2], "born", Value::text("1980-02-28"));
    let counted = counts(&bench.engine.run_in("erp-contacts", false).await.unwrap());
    assert_eq!((counted.created, counted.quarantined, counted.archived), (1, 0, 0), "{counted:?}");
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), [], "its dead letter went");
    assert_eq!(bench.engine.archived("erp-contacts").unwrap().keys().cloned().collect::<Vec<_>>(), [ids[3].clone()]);
    assert!(bench.engine.archived_one("erp-contacts", &ids[2]).is_err());
    assert_eq!(bench.store.records_after(RecordId(0), 10).unwrap().len(), 3);
}

async fn what_is_known_here_is_set_aside_as_ever(kind: Kind) {
    let Old { bench, ids } = old(kind).await;
    bench.engine.backfill("erp-contacts", true, "ann", "from before").await.unwrap();
    set(bench.system("erp"), &ids[0], "born", Value::text("10.12.1815"));
    let counted = counts(&bench.engine.backfill("erp-contacts", true, "ann", "again").await.unwrap());
    assert_eq!((counted.archived, counted.quarantined), (2, 1), "a record hangs on it: somebody has to look");
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 1);
}

async fn without_being_told_nothing_is_kept(kind: Kind) {
    let Old { bench, .. } = old(kind).await;
    let counted = counts(&bench.engine.backfill("erp-contacts", false, "ann", "").await.unwrap());
    assert_eq!((counted.archived, counted.quarantined), (0, 2));
    assert_eq!(bench.store.dead_letters(0, 10).unwrap().len(), 2);
    // Told so later, their dead letters go.
    let counted = counts(&bench.engine.backfill("erp-contacts", true, "ann", "they stay").await.unwrap());
    assert_eq!((counted.archived, counted.quarantined), (2, 0));
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
}

async fn what_was_kept_is_found_after_a_restart(kind: Kind) {
    let Old { mut bench, ids } = old(kind).await;
    bench.engine.backfill("erp-contacts", true, "ann", "from before").await.unwrap();
    bench.restart();
    assert_eq!(bench.engine.archived("erp-contacts").unwrap().len(), 2);
    assert!(bench.engine.archived_one("erp-contacts", &ids[3]).unwrap().message.contains("born"));
    let counted = counts(&bench.engine.run_in("erp-contacts", true).await.unwrap());
    assert_eq!((counted.archived, counted.quarantined), (2, 0));
}
