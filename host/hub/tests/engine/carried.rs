//! `delete = "propagate"`: a deletion is carried on, unless somebody has to be asked first. Invariants attacked: I11, I12.

use nave_core::Value;
use nave_core::model::{ContributionId, DecisionChoice, RecordState, ReviewKind};

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, missed, only_record, open_reviews, set};

on_both_stores!(
    a_deletion_is_carried_on_where_nobody_edited,
    a_newer_edit_elsewhere_is_asked_about,
    an_edit_after_the_agreement_is_asked_about_again,
    what_would_stay_somewhere_is_asked_about,
    what_is_put_away_is_carried_on_too,
    many_deletions_are_asked_about,
    what_came_back_is_asked_about_no_more,
    what_was_edited_after_the_question_is_shown_again,
    what_was_deleted_by_us_is_made_again,
    what_only_the_gone_one_said_is_kept_by_those_who_hold_it,
    what_only_an_export_holds_still_is_kept_by_it,
    what_a_gone_one_says_still_is_not_inherited_from_another,
);

const CARRY: &str = "delete = \"propagate\"";
const BOTH: [(&str, &str, &str); 2] = [("crm", CARRY, ""), ("erp", CARRY, "")];

/// Who deletes, and who knows it too: the one is read before the other, and the other way round.
const ORDERS: [(&str, &str); 2] = [("crm", "erp"), ("erp", "crm")];

/// Somebody made Ada in `from`; everybody has her. Her ids there and in `other`.
async fn ada(bench: &Bench, from: &str, other: &str) -> (String, String) {
    let id = bench.system(from).create("contacts", ADA);
    bench.quiet().await;
    (id, bench.system(other).only_id("contacts"))
}

/// The one open question, and nothing is deleted before it is answered.
fn check_asked(bench: &Bench, title: &str) -> nave_core::model::ReviewId {
    let reviews = open_reviews(bench);
    assert_eq!(reviews.iter().map(|review| review.title.as_str()).collect::<Vec<_>>(), [title]);
    assert!(matches!(reviews[0].kind, ReviewKind::Delete { .. }));
    assert_eq!(only_record(bench).state, RecordState::Active);
    reviews[0].id
}

async fn a_deletion_is_carried_on_where_nobody_edited(kind: Kind) {
    for (from, other) in ORDERS {
        let bench = bench(kind, &BOTH).await;
        let (id, there) = ada(&bench, from, other).await;
        // An edit elsewhere that was carried here before is no newer one; nor is what a system says twice.
        set(bench.system(other), &there, "title", Value::text("boss"));
        bench.quiet().await;
        assert_eq!(bench.system(from).at("contacts", &id, "title"), "boss");
        bench.system(from).delete("contacts", &id);
        missed(&bench).await;
        assert_eq!(open_reviews(&bench), []);
        assert_eq!(bench.system(other).at("contacts", &there, "first"), "gone");
        assert!(matches!(only_record(&bench).state, RecordState::Deleted { .. }));
        check_quiet(&bench).await;
    }
}

async fn a_newer_edit_elsewhere_is_asked_about(kind: Kind) {
    for (from, other) in ORDERS {
        for choice in [DecisionChoice::Approve, DecisionChoice::Refuse] {
            let bench = bench(kind, &BOTH).await;
            let (id, there) = ada(&bench, from, other).await;
            bench.system(from).delete("contacts", &id);
            set(bench.system(other), &there, "title", Value::text("boss"));
            missed(&bench).await;
            let title =
                format!("Ada Lovelace was deleted in {from}, and changed in {other} since: delete it in 1 other place(s) too?");
            let review = check_asked(&bench, &title);
            check_quiet(&bench).await;
            assert_eq!(bench.system(other).at("contacts", &there, "title"), "boss");
            bench.engine.decide(review, choice.clone(), "vera", "asked her").await.unwrap();
            bench.quiet().await;
            assert_eq!(open_reviews(&bench), []);
            if choice == DecisionChoice::Approve {
                assert_eq!(bench.system(other).at("contacts", &there, "title"), "gone");
                assert!(matches!(only_record(&bench).state, RecordState::Deleted { .. }));
            } else {
                assert_eq!(bench.system(other).at("contacts", &there, "title"), "boss");
                set(bench.system(other), &there, "title", Value::text("chair"));
                bench.quiet().await;
                assert_eq!(only_record(&bench).value("job_title").map(Value::display).as_deref(), Some("chair"), "it lives on");
                assert_eq!(bench.system(from).at("contacts", &id, "title"), "gone", "and is not made again");
                assert_eq!(open_reviews(&bench), [], "a refusal is not asked again");
            }
            check_quiet(&bench).await;
        }
    }
}

async fn an_edit_after_the_agreement_is_asked_about_again(kind: Kind) {
    let bench = bench(kind, &BOTH).await;
    let (id, there) = ada(&bench, "crm", "erp").await;
    bench.system("crm").delete("contacts", &id);
    set(bench.system("erp"), &there, "title", Value::text("boss"));
    missed(&bench).await;
    let title = "Ada Lovelace was deleted in crm, and changed in erp since: delete it in 1 other place(s) too?";
    let review = check_asked(&bench, title);
    bench.engine.decide(review, DecisionChoice::Approve, "vera", "left the company").await.unwrap();
    // Before it is carried out, somebody types once more: it is read right before the delete.
    set(bench.system("erp"), &there, "title", Value::text("chair"));
    bench.engine.run_out("erp-contacts").await.unwrap();
    let again = check_asked(&bench, title);
    assert_ne!(again, review);
    assert_eq!(bench.system("erp").at("contacts", &there, "title"), "chair");
    bench.engine.decide(again, DecisionChoice::Approve, "vera", "she has left all the same").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &there, "title"), "gone");
    check_quiet(&bench).await;
}

async fn what_would_stay_somewhere_is_asked_about(kind: Kind) {
    let bench = bench(kind, &[("crm", CARRY, ""), ("erp", CARRY, ""), ("files", "", "")]).await;
    let (id, there) = ada(&bench, "crm", "erp").await;
    bench.system("crm").delete("contacts", &id);
    missed(&bench).await;
    let review = check_asked(&bench, "Ada Lovelace was deleted in crm: delete it in 2 other place(s) too?");
    bench.engine.decide(review, DecisionChoice::Approve, "vera", "asked her").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("erp").at("contacts", &there, "first"), "gone");
    let files = bench.system("files").only_id("contacts");
    assert_eq!(bench.system("files").at("contacts", &files, "first"), "Ada", "its mapping says that it stays");
    check_quiet(&bench).await;
}

async fn what_is_put_away_is_carried_on_too(kind: Kind) {
    let head = format!("{CARRY}\narchive = {{ active = false }}\n");
    let bench = bench(kind, &[("drop", "delete = \"archive\"", ""), ("crm", &head, ""), ("erp", &head, "")]).await;
    let (id, crm) = ada(&bench, "drop", "crm").await;
    let erp = bench.system("erp").only_id("contacts");
    bench.system("drop").delete("contacts", &id);
    missed(&bench).await;
    assert_eq!(only_record(&bench).state, RecordState::Archived);
    assert_eq!(bench.system("erp").at("contacts", &erp, "active"), "no");
    bench.system("crm").delete("contacts", &crm);
    missed(&bench).await;
    assert_eq!(open_reviews(&bench), []);
    assert_eq!(bench.system("erp").at("contacts", &erp, "first"), "gone");
    check_quiet(&bench).await;
}

async fn many_deletions_are_asked_about(kind: Kind) {
    let bench = bench(kind, &BOTH).await;
    // So many that twelve which are gone are no reason to doubt the scan.
    let made = |n: u32| format!(r#"{{"first":"A{n}","last":"L{n}","email":"a{n}@x.test"}}"#);
    let ids: Vec<String> = (0..70).map(|n| bench.system("crm").create("contacts", &made(n))).collect();
    bench.quiet().await;
    ids.iter().take(12).for_each(|id| bench.system("crm").delete("contacts", id));
    missed(&bench).await;
    assert_eq!(bench.system("erp").dump("contacts").len(), 60);
    assert_eq!(open_reviews(&bench).len(), 2, "the first ten were carried on");
    check_quiet(&bench).await;
}

/// The thing is there again before anybody answered: nothing is deleted any more.
async fn what_came_back_is_asked_about_no_more(kind: Kind) {
    let bench = bench(kind, &[("crm", CARRY, ""), ("erp", "", "")]).await;
    let (id, there) = ada(&bench, "crm", "erp").await;
    bench.system("crm").delete("contacts", &id);
    missed(&bench).await;
    let review = check_asked(&bench, "Ada Lovelace was deleted in crm: delete it in 1 other place(s) too?");
    bench.system("crm").create_as("contacts", &id, ADA);
    bench.quiet().await;
    assert_eq!(open_reviews(&bench), []);
    let late = bench.engine.decide(review, DecisionChoice::Approve, "vera", "too late").await.unwrap_err();
    assert!(late.to_string().contains("decided already"), "{late}");
    assert_eq!(only_record(&bench).state, RecordState::Active);
    assert_eq!(bench.system("erp").at("contacts", &there, "first"), "Ada");
    check_quiet(&bench).await;
}

/// An agreement holds for what was to be seen when it was given (I12).
async fn what_was_edited_after_the_question_is_shown_again(kind: Kind) {
    let bench = bench(kind, &[("crm", CARRY, ""), ("erp", CARRY, ""), ("files", "", "")]).await;
    let (id, there) = ada(&bench, "crm", "erp").await;
    bench.system("crm").delete("contacts", &id);
    missed(&bench).await;
    let review = check_asked(&bench, "Ada Lovelace was deleted in crm: delete it in 2 other place(s) too?");
    set(bench.system("erp"), &there, "title", Value::text("boss"));
    bench.quiet().await;
    let refused = bench.engine.decide(review, DecisionChoice::Approve, "vera", "gone for good").await.unwrap_err();
    assert!(refused.to_string().contains("changed in erp after this was asked"), "{refused}");
    assert_eq!(only_record(&bench).state, RecordState::Active);
    bench.engine.decide(review, DecisionChoice::Approve, "vera", "seen").await.unwrap();
    bench.quiet().await;
    assert!(matches!(only_record(&bench).state, RecordState::Deleted { .. }));
    assert_eq!(bench.system("erp").at("contacts", &there, "first"), "gone");
}

/// A deletion that was carried on, and taken back where it was made: everybody has her again.
async fn what_was_deleted_by_us_is_made_again(kind: Kind) {
    let bench = bench(kind, &BOTH).await;
    let (id, there) = ada(&bench, "crm", "erp").await;
    bench.system("crm").delete("contacts", &id);
    missed(&bench).await;
    assert_eq!(bench.system("erp").at("contacts", &there, "first"), "gone");
    bench.system("crm").create_as("contacts", &id, ADA);
    bench.quiet().await;
    assert_eq!(only_record(&bench).state, RecordState::Active);
    let again = bench.system("erp").only_id("contacts");
    assert_eq!(bench.system("erp").at("contacts", &again, "email"), "ada@x.test");
    check_quiet(&bench).await;
}

/// A record that others have still keeps its name, and the same person is found by it when she comes again.
async fn what_only_the_gone_one_said_is_kept_by_those_who_hold_it(kind: Kind) {
    let bench = bench(kind, &[("drop", "", ""), ("crm", "", ""), ("erp", "", "")]).await;
    let (id, crm) = ada(&bench, "drop", "crm").await;
    bench.system("drop").delete("contacts", &id);
    missed(&bench).await;
    let record = only_record(&bench);
    assert_eq!(record.state, RecordState::Active);
    assert_eq!(record.value("email").map(Value::display).as_deref(), Some("ada@x.test"));
    check_quiet(&bench).await;
    bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    only_record(&bench);
    assert_eq!(bench.system("crm").only_id("contacts"), crm, "nobody is made twice");
    check_quiet(&bench).await;
}

/// Where deletions are ignored, what is gone says what it said: nobody says it in its place because a third one is gone.
async fn what_a_gone_one_says_still_is_not_inherited_from_another(kind: Kind) {
    let bench = bench(kind, &[("drop", "delete = \"ignore\"", ""), ("crm", "", ""), ("erp", "", "")]).await;
    let (drop, erp) = (bench.system("drop").create("contacts", ADA), bench.system("erp").create("contacts", ADA));
    bench.quiet().await;
    let record = only_record(&bench).id;
    for (system, id) in [("drop", drop), ("erp", erp)] {
        bench.system(system).delete("contacts", &id);
        missed(&bench).await;
    }
    let claims = |system: &str| {
        let rows = bench.store.contributions_after(ContributionId(0), 100).unwrap();
        rows.iter()
            .filter(|row| row.record == Some(record) && row.key.connection == system)
            .map(|row| row.claims.iter().count())
            .sum::<usize>()
    };
    assert_eq!(claims("crm"), 0, "it says nothing that the drop says");
    assert_eq!(only_record(&bench).value("email").map(Value::display).as_deref(), Some("ada@x.test"));
    check_quiet(&bench).await;
}

/// A system that is only written to holds what it was sent: a record that is there still keeps its name.
async fn what_only_an_export_holds_still_is_kept_by_it(kind: Kind) {
    let bench = bench(kind, &[("drop", "", ""), ("export", "", "")]).await;
    let files =
        [super::policies::mapping("drop", "", ""), super::policies::mapping("export", "", "").replace("\"both\"", "\"out\"")];
    let mut bench = bench;
    bench.configure(&[("mappings/drop-contacts.toml", &files[0]), ("mappings/export-contacts.toml", &files[1])]);
    bench.approve_all().await;
    let id = bench.system("drop").create("contacts", ADA);
    bench.quiet().await;
    bench.system("drop").delete("contacts", &id);
    missed(&bench).await;
    let record = only_record(&bench);
    assert_eq!(record.state, RecordState::Active);
    assert_eq!(record.value("email").map(Value::display).as_deref(), Some("ada@x.test"));
    check_quiet(&bench).await;
}
