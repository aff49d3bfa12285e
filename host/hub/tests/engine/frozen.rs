//! A field that something over there writes back each time is frozen; nothing else is. Invariants attacked: I5, I12, I14.

use nave_core::Value;
use nave_core::limits::{FREEZE_AFTER_ANY, FREEZE_AFTER_SAME, FREEZE_WITHIN_MS};
use nave_core::model::{ChangeKind, DecisionChoice, Review, ReviewKind};

use super::bench::{Bench, Kind};
use super::policies::{ADA, open_reviews, set};
use super::system::{Fault, System};

on_both_stores!(
    a_field_that_is_written_back_each_time_is_frozen,
    a_frozen_field_is_written_again_if_somebody_says_so,
    a_field_that_is_left_is_left_until_another_value_is_wanted,
    two_systems_that_overwrite_each_other_for_ever_are_stopped,
    an_ordinary_field_may_change_as_often_as_it_likes,
    a_slow_quarrel_is_none,
    what_never_arrived_is_no_quarrel,
    what_another_system_owns_is_rejected_with_a_note,
);

const OWNER: &str = "[fields.job_title]\nsurvivorship = { owner = \"erp\" }\nbecause = \"HR knows\"\n";

fn mapping(system: &str) -> (String, String) {
    let field = |remote: &str, canonical: &str| {
        format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n")
    };
    let names = [("first", "first_name"), ("last", "last_name"), ("email", "email"), ("title", "job_title")];
    let text = format!(
        "connection = \"{system}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n{}",
        names.map(|(own, name)| field(own, name)).concat()
    );
    (format!("mappings/{system}-contacts.toml"), text)
}

/// Ada in both, and her id in the CRM. The ERP owns titles.
pub(crate) async fn bench(kind: Kind) -> (Bench, String, String) {
    let mut files = vec![mapping("crm"), mapping("erp")];
    files.push(("entities/contact.toml".to_owned(), OWNER.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "erp"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    let erp = bench.system("erp").create("contacts", ADA);
    bench.quiet().await;
    let crm = bench.system("crm").only_id("contacts");
    (bench, crm, erp)
}

/// Something in the CRM sets it, whatever the hub writes; the hub reads that and writes its own.
async fn quarrel(bench: &Bench, crm: &str, times: usize) {
    for _ in 0..times {
        set(bench.system("crm"), crm, "title", Value::text("robot"));
        bench.round().await;
    }
}

pub(crate) fn title(bench: &Bench, crm: &str) -> String {
    bench.system("crm").at("contacts", crm, "title")
}

fn frozen(bench: &Bench) -> Review {
    let mut reviews = open_reviews(bench);
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    assert!(matches!(&reviews[0].kind, ReviewKind::Frozen { path, .. } if path == "title"), "{reviews:?}");
    assert_eq!(reviews[0].title, "`title` of Ada Lovelace is changed back in crm each time it is written: write it again?");
    reviews.remove(0)
}

async fn a_field_that_is_written_back_each_time_is_frozen(kind: Kind) {
    let (mut bench, crm, erp) = bench(kind).await;
    let other = bench.system("erp").create("contacts", r#"{"first":"Bo","last":"Ek","email":"bo@x.test","title":"cook"}"#);
    bench.quiet().await;
    let before = bench.system("crm").writes();
    for _ in 0..4 {
        quarrel(&bench, &crm, FREEZE_AFTER_SAME).await;
        bench.restart();
    }
    assert_eq!(bench.system("crm").writes() - before, FREEZE_AFTER_SAME, "it ends by itself");
    assert_eq!(title(&bench, &crm), "robot");
    frozen(&bench);
    // Another field of it, and another record, go on.
    set(bench.system("erp"), &erp, "first", Value::text("Augusta"));
    set(bench.system("erp"), &other, "title", Value::text("chef"));
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", &crm, "first"), "Augusta");
    assert!(bench.system("crm").dump("contacts").iter().any(|thing| thing.contains("chef")));
    assert_eq!(title(&bench, &crm), "robot");
    frozen(&bench);
    let writes = bench.system("crm").writes();
    bench.quiet().await;
    assert_eq!(bench.system("crm").writes(), writes);
}

async fn a_frozen_field_is_written_again_if_somebody_says_so(kind: Kind) {
    let (bench, crm, _) = bench(kind).await;
    quarrel(&bench, &crm, FREEZE_AFTER_SAME + 1).await;
    bench.engine.decide(frozen(&bench).id, DecisionChoice::Approve, "ops", "the robot is off").await.unwrap();
    bench.quiet().await;
    assert_eq!((title(&bench, &crm).as_str(), open_reviews(&bench)), ("pilot", vec![]));
    quarrel(&bench, &crm, FREEZE_AFTER_SAME + 1).await;
    frozen(&bench);
}

async fn a_field_that_is_left_is_left_until_another_value_is_wanted(kind: Kind) {
    let (bench, crm, erp) = bench(kind).await;
    quarrel(&bench, &crm, FREEZE_AFTER_SAME + 1).await;
    bench.engine.decide(frozen(&bench).id, DecisionChoice::Refuse, "ops", "let it").await.unwrap();
    bench.pass(2 * FREEZE_WITHIN_MS);
    quarrel(&bench, &crm, 3).await;
    bench.quiet().await;
    assert_eq!((title(&bench, &crm).as_str(), open_reviews(&bench)), ("robot", vec![]));
    set(bench.system("erp"), &erp, "title", Value::text("captain"));
    bench.quiet().await;
    assert_eq!(title(&bench, &crm), "captain");
}

async fn two_systems_that_overwrite_each_other_for_ever_are_stopped(kind: Kind) {
    let (bench, crm, erp) = bench(kind).await;
    let before = bench.system("crm").writes() + bench.system("erp").writes();
    for at in 0..4 * FREEZE_AFTER_ANY {
        // Whatever is written there, each makes something of its own of it.
        for (system, id) in [("crm", &crm), ("erp", &erp)] {
            set(bench.system(system), id, "last", Value::text(format!("{system} {at}")));
            bench.round().await;
        }
    }
    let writes = bench.system("crm").writes() + bench.system("erp").writes() - before;
    assert!(writes <= 2 * FREEZE_AFTER_ANY + 2, "{writes}");
    assert!(!open_reviews(&bench).is_empty());
}

async fn an_ordinary_field_may_change_as_often_as_it_likes(kind: Kind) {
    let (bench, crm, erp) = bench(kind).await;
    for at in 0..3 * FREEZE_AFTER_SAME {
        // There and back, the same value again and again.
        set(bench.system("erp"), &erp, "title", Value::text(["cook", "pilot"][at % 2]));
        bench.round().await;
        // And what is anybody's is said anywhere.
        let system = ["crm", "erp"][at % 2];
        set(bench.system(system), if system == "crm" { &crm } else { &erp }, "last", Value::text(format!("Ek {at}")));
        bench.round().await;
    }
    bench.quiet().await;
    assert_eq!((title(&bench, &crm).as_str(), open_reviews(&bench)), ("pilot", vec![]));
    let last = format!("Ek {}", 3 * FREEZE_AFTER_SAME - 1);
    assert_eq!(
        [("crm", &crm), ("erp", &erp)].map(|(system, id)| bench.system(system).at("contacts", id, "last")),
        [last.clone(), last]
    );
}

async fn a_slow_quarrel_is_none(kind: Kind) {
    let (bench, crm, _) = bench(kind).await;
    for _ in 0..2 * FREEZE_AFTER_SAME {
        quarrel(&bench, &crm, 1).await;
        bench.pass(FREEZE_WITHIN_MS / 3);
    }
    assert_eq!((title(&bench, &crm).as_str(), open_reviews(&bench)), ("pilot", vec![]));
}

/// S1.9: an edit of a field that another system owns is not carried on, is put back, and leaves a note.
async fn what_another_system_owns_is_rejected_with_a_note(kind: Kind) {
    let (bench, crm, erp) = bench(kind).await;
    let rejected = |bench: &Bench| -> Vec<String> {
        let record = super::policies::only_record(bench).id;
        let changes = bench.store.record_changes(record, 100).unwrap();
        changes
            .into_iter()
            .filter_map(|change| match change.kind {
                ChangeKind::Rejected(_, why) => Some(why),
                _ => None,
            })
            .collect()
    };
    set(bench.system("crm"), &crm, "title", Value::text("boss"));
    set(bench.system("crm"), &crm, "last", Value::text("Byron"));
    bench.quiet().await;
    assert_eq!((title(&bench, &crm).as_str(), bench.system("erp").at("contacts", &erp, "title").as_str()), ("pilot", "pilot"));
    assert_eq!(bench.system("erp").at("contacts", &erp, "last"), "Byron", "what nobody owns goes on");
    assert_eq!(rejected(&bench), ["`job_title`: crm does not own it, erp does"]);
    // The owner's own edit is none, nor is what agrees with it.
    set(bench.system("erp"), &erp, "title", Value::text("captain"));
    bench.quiet().await;
    assert_eq!(rejected(&bench).len(), 1);
}

/// A write that the system asks to bring later was not changed back by anybody, however often it is tried.
async fn what_never_arrived_is_no_quarrel(kind: Kind) {
    let (bench, crm, _) = bench(kind).await;
    set(bench.system("crm"), &crm, "title", Value::text("robot"));
    for _ in 0..2 * FREEZE_AFTER_SAME {
        bench.system("crm").fault(Fault::Wait);
        bench.pass(120_000);
        bench.round().await;
    }
    bench.system("crm").state.lock().unwrap().faults.clear();
    bench.quiet().await;
    assert_eq!((title(&bench, &crm).as_str(), open_reviews(&bench)), ("pilot", vec![]));
}
