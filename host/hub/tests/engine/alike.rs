//! Records that come to equal others after they were made, and things that wait while others like them come: asked about by itself,
//! once, and never merged by itself. Invariants attacked: I7, I12.

use nave_core::Value;
use nave_core::model::{DecisionChoice, RecordId, RecordState, RemoteKey, Review, ReviewKind};
use nave_hub::engine::merges::MergeState;

use super::bench::{Bench, Kind};
use super::merges::STEP;
use super::policies::{ADA, bench, check_quiet, open_reviews};

on_both_stores!(
    who_comes_to_equal_another_is_asked_about_once,
    who_is_told_apart_is_not_asked_about_again,
    what_is_one_after_all_is_merged_everywhere,
    of_three_that_are_alike_each_is_asked_about,
    a_question_about_what_is_gone_closes_by_itself,
    who_comes_to_be_likely_another_is_asked_about,
    what_agreement_says_is_learned_again_of_four_times_as_many,
    what_was_told_apart_when_it_came_is_not_asked_about,
    two_that_wait_and_are_alike_are_not_made_two_without_a_word,
    what_came_while_it_waited_is_asked_about,
);

const AUGUSTA: &str = r#"{"first":"Augusta","last":"Lovelace","email":"augusta@y.test"}"#;

fn two() -> [(&'static str, &'static str, &'static str); 2] {
    [("crm", STEP, ""), ("books", STEP, "")]
}

/// Ada and Augusta, each in both systems: ids in the CRM, and records.
async fn ada_and_augusta(kind: Kind) -> (Bench, [String; 2], [RecordId; 2]) {
    ada_and_augusta_where(kind, &two()).await
}

async fn ada_and_augusta_where(kind: Kind, systems: &[(&str, &str, &str)]) -> (Bench, [String; 2], [RecordId; 2]) {
    let bench = bench(kind, systems).await;
    let ids = [ADA, AUGUSTA].map(|body| bench.system("crm").create("contacts", body));
    bench.quiet().await;
    let records = [&ids[0], &ids[1]].map(|id| record_of(&bench, id));
    assert_eq!(open_reviews(&bench), []);
    (bench, ids, records)
}

fn record_of(bench: &Bench, id: &str) -> RecordId {
    bench.engine.record_of(&RemoteKey::new("crm", "contacts", id)).unwrap().unwrap()
}

/// What is asked about a record that changed: the record, the candidates.
fn asked(reviews: &[Review]) -> Vec<(RecordId, Vec<RecordId>)> {
    let about = |review: &Review| match &review.kind {
        ReviewKind::Alike { record, candidates, reasons } => {
            assert_eq!(candidates.len(), reasons.len());
            (*record, candidates.clone())
        }
        other => panic!("{other:?}"),
    };
    reviews.iter().map(about).collect()
}

async fn put(bench: &Bench, id: &str, path: &str, value: &str) {
    bench.pass(3_600_000);
    bench.system("crm").state.lock().unwrap().clock = bench.engine.now().0;
    bench.system("crm").put("contacts", id, path, value);
    bench.quiet().await;
}

fn states(bench: &Bench, ids: &[RecordId]) -> Vec<RecordState> {
    bench.store.records(ids).unwrap().into_iter().flatten().map(|record| record.state).collect()
}

async fn who_comes_to_equal_another_is_asked_about_once(kind: Kind) {
    let (bench, ids, [ada, augusta]) = ada_and_augusta(kind).await;
    put(&bench, &ids[1], "email", "ada@x.test").await;
    let reviews = open_reviews(&bench);
    assert_eq!(asked(&reviews), [(augusta, vec![ada])]);
    assert_eq!((reviews[0].steward.as_str(), reviews[0].entity.as_str()), ("ops", "contact"));
    assert!(reviews[0].title.starts_with("Augusta Lovelace changed"), "{}", reviews[0].title);
    // Whatever a rule would have done with something new: both have a history, and stay.
    assert_eq!(states(&bench, &[ada, augusta]), [RecordState::Active, RecordState::Active]);
    // Neither this one nor the other one changing asks again.
    put(&bench, &ids[1], "last", "King").await;
    put(&bench, &ids[1], "last", "Lovelace").await;
    put(&bench, &ids[0], "first", "Augusta").await;
    assert_eq!(open_reviews(&bench), reviews);
    check_quiet(&bench).await;
}

async fn who_is_told_apart_is_not_asked_about_again(kind: Kind) {
    let (bench, ids, [ada, augusta]) = ada_and_augusta(kind).await;
    put(&bench, &ids[1], "email", "ada@x.test").await;
    let review = open_reviews(&bench).remove(0);
    let unclear = bench.engine.decide(review.id, DecisionChoice::Approve, "vera", "yes").await.unwrap_err().to_string();
    assert!(unclear.contains(&format!("nave review decide {} contact/{ada}", review.id)), "{unclear}");
    bench.engine.decide(review.id, DecisionChoice::New, "vera", "mother and daughter").await.unwrap();
    let apart = nave_hub::engine::apart::kept_apart(bench.store.as_ref(), ada, augusta).unwrap().unwrap();
    assert_eq!((apart.merge, apart.review, apart.reason.as_str()), (None, Some(review.id.0), "mother and daughter"));
    for (path, value) in [("email", "augusta@y.test"), ("email", "ada@x.test"), ("first", "Ada")] {
        put(&bench, &ids[1], path, value).await;
        assert_eq!(open_reviews(&bench), [], "{path} = {value}");
    }
    assert_eq!(states(&bench, &[ada, augusta]), [RecordState::Active, RecordState::Active]);
    // A third one is nobody's decision yet.
    let ida = bench.system("crm").create("contacts", r#"{"first":"Ida","last":"Lovelace","email":"ida@x.test"}"#);
    bench.quiet().await;
    put(&bench, &ida, "email", "ada@x.test").await;
    assert_eq!(asked(&open_reviews(&bench)), [(record_of(&bench, &ida), vec![ada, augusta])]);
}

async fn what_is_one_after_all_is_merged_everywhere(kind: Kind) {
    let (bench, ids, [ada, augusta]) = ada_and_augusta(kind).await;
    put(&bench, &ids[1], "email", "ada@x.test").await;
    let review = open_reviews(&bench).remove(0);
    bench.engine.decide(review.id, DecisionChoice::Existing(ada), "vera", "she married").await.unwrap();
    let merge = bench.engine.merges().unwrap().remove(0);
    assert_eq!((merge.state, merge.survivor, merge.loser), (MergeState::Done, ada, augusta), "{merge:?}");
    assert_eq!((merge.by.as_str(), merge.reason.as_str()), ("vera", "she married"));
    assert_eq!(open_reviews(&bench), []);
    let decided = bench.store.decisions(review.id).unwrap();
    assert_eq!(decided.len(), 1);
    assert!(bench.store.review(review.id).unwrap().unwrap().closed_at.is_some());
    check_quiet(&bench).await;
    // Taken back: they were told apart, and are not asked about again.
    bench.engine.unmerge(merge.id, &[], "vera", "two after all").await.unwrap();
    put(&bench, &ids[0], "first", "Augusta").await;
    assert_eq!(open_reviews(&bench), []);
}

async fn of_three_that_are_alike_each_is_asked_about(kind: Kind) {
    let (bench, ids, [ada, augusta]) = ada_and_augusta(kind).await;
    let ida = bench.system("crm").create("contacts", r#"{"first":"Ida","last":"Lovelace","email":"ida@x.test"}"#);
    bench.quiet().await;
    let third = record_of(&bench, &ida);
    put(&bench, &ids[1], "email", "ada@x.test").await;
    put(&bench, &ida, "email", "ada@x.test").await;
    let reviews = open_reviews(&bench);
    assert_eq!(asked(&reviews), [(augusta, vec![ada]), (third, vec![ada, augusta])]);
    // One of the two is the one that she is; what is left of the questions is about the record that carries on.
    bench.engine.decide(reviews[1].id, DecisionChoice::Existing(augusta), "vera", "the same").await.unwrap();
    let left = open_reviews(&bench);
    assert_eq!(asked(&left), [(augusta, vec![ada])], "asked already, and once");
    bench.engine.decide(left[0].id, DecisionChoice::Existing(ada), "vera", "all of them").await.unwrap();
    assert_eq!(open_reviews(&bench), []);
    bench.quiet().await;
    let standing = states(&bench, &[ada, augusta, third]);
    assert_eq!(standing, [RecordState::Active, RecordState::MergedInto(ada), RecordState::MergedInto(augusta)]);
    check_quiet(&bench).await;
}

async fn a_question_about_what_is_gone_closes_by_itself(kind: Kind) {
    // Merged by hand, without looking at the review.
    let (bench, ids, [ada, augusta]) = ada_and_augusta(kind).await;
    put(&bench, &ids[1], "email", "ada@x.test").await;
    bench.engine.merge(ada, augusta, None, "vera", "the same").await.unwrap();
    assert_eq!(open_reviews(&bench), []);
    // Deleted in one system, and so everywhere.
    let carried = format!("{STEP}\ndelete = \"propagate\"");
    let (bench, ids, [ada, augusta]) = ada_and_augusta_where(kind, &[("crm", &carried, ""), ("books", &carried, "")]).await;
    put(&bench, &ids[1], "email", "ada@x.test").await;
    assert_eq!(asked(&open_reviews(&bench)), [(augusta, vec![ada])]);
    bench.system("crm").delete("contacts", &ids[0]);
    super::policies::missed(&bench).await;
    assert!(matches!(states(&bench, &[ada])[..], [RecordState::Deleted { .. }]));
    assert_eq!(open_reviews(&bench), []);
    // It is there again: it is compared as if it came.
    bench.system("crm").create_as("contacts", &ids[0], ADA);
    bench.pass(3_600_000);
    bench.round().await;
    assert_eq!(asked(&open_reviews(&bench)), [(ada, vec![augusta])]);
}

async fn who_comes_to_be_likely_another_is_asked_about(kind: Kind) {
    let bench = bench(kind, &[("crm", STEP, "")]).await;
    // Enough to learn from: who has a name in common has nothing else.
    let given = [
        "Anton",
        "Berta",
        "Cosima",
        "Dietrich",
        "Emilia",
        "Friedrich",
        "Gudrun",
        "Hannes",
        "Irmgard",
        "Jakob",
        "Konstanze",
        "Ludwig",
    ];
    let family = [
        "Abendroth",
        "Birnbaum",
        "Czerny",
        "Dornfeld",
        "Eichinger",
        "Fassbender",
        "Grothmann",
        "Hohenfels",
        "Immendorf",
        "Juchem",
        "Kaltenbach",
        "Lindqvist",
        "Mannteufel",
        "Niedermair",
        "Obermoser",
        "Pfannstiel",
        "Quandt",
        "Rosenzweig",
        "Schickedanz",
        "Trautwein",
    ];
    let mut ids = Vec::new();
    for (at, first) in given.iter().enumerate() {
        for (number, last) in family.iter().enumerate() {
            let title = ["pilot", "cook", "boss", "clerk", "smith"][(at * 7 + number * 3) % 5];
            let body = format!(r#"{{"first":"{first}","last":"{last}","email":"u{at}x{number}q@x.test","title":"{title}"}}"#);
            ids.push(bench.system("crm").create("contacts", &body));
        }
    }
    bench.quiet().await;
    assert_eq!(open_reviews(&bench), []);
    let rare = r#"{"first":"Zebedaeus","last":"Quintilian","email":"zebedaeus.quintilian@x.test","title":"harpist"}"#;
    let one = bench.system("crm").create("contacts", rare);
    bench.quiet().await;
    assert_eq!(open_reviews(&bench), []);
    let other = &ids[47];
    bench.system("crm").edit("contacts", other, |body| {
        let said =
            [("first", "Zebedaeus"), ("last", "Quintilian"), ("email", "zebedaeus.quintilian@y.test"), ("title", "harpist")];
        for (path, value) in said {
            body.put(path, Value::text(value));
        }
    });
    bench.quiet().await;
    // No rule says anything of another mailbox; the score does.
    let reviews = open_reviews(&bench);
    assert_eq!(asked(&reviews), [(record_of(&bench, other), vec![record_of(&bench, &one)])]);
    let ReviewKind::Alike { reasons, .. } = &reviews[0].kind else { panic!() };
    assert!(reasons[0].contains("last name the same"), "{reasons:?}");
}

async fn what_agreement_says_is_learned_again_of_four_times_as_many(kind: Kind) {
    let bench = bench(kind, &[("crm", STEP, "")]).await;
    let row = |space: &str| bench.store.row(space, "contact").unwrap();
    let mut came = 0;
    let mut learned: Vec<Vec<u8>> = Vec::new();
    // So many there are after each step, and so often something was learned by then.
    for (there, times) in [(150, 0), (250, 1), (990, 1), (1010, 2), (1200, 2)] {
        for at in came..there {
            let (first, last) = (at * 7 % 31, at * 13 % 97);
            let body = format!(r#"{{"first":"F{first}irst","last":"L{last}ast","email":"u{at}@x.test","title":"t{}"}}"#, at % 5);
            bench.system("crm").create("contacts", &body);
        }
        came = there;
        bench.quiet().await;
        if let Some(model) = row("match-model").filter(|model| learned.last() != Some(model)) {
            learned.push(model);
        }
        assert_eq!(learned.len(), times, "{there} are there, due at {:?}", row("match-model-due").map(String::from_utf8));
    }
}

async fn what_was_told_apart_when_it_came_is_not_asked_about(kind: Kind) {
    let scored = [("entities/contact.toml", "[scored]\non = false\nbecause = \"by rules alone\"\n")];
    let files = [("mappings/crm-contacts.toml", super::policies::mapping("crm", STEP, ""))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).chain(scored).collect();
    let bench = Bench::new(kind, vec![super::system::System::new("crm", &["contacts"])], &files);
    bench.approve_all().await;
    // Two of one mailbox, told apart when nobody was asked yet: the second one had no name then that is the same.
    let one = bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let other = bench.system("crm").create("contacts", &ADA.replace("Lovelace", "King").replace("Ada\"", "Bo\""));
    bench.quiet().await;
    let waits = open_reviews(&bench).remove(0);
    bench.engine.decide(waits.id, DecisionChoice::New, "vera", "two").await.unwrap();
    bench.quiet().await;
    for (id, path, value) in [(&one, "title", "captain"), (&other, "title", "captain"), (&other, "last", "Lovelace")] {
        put(&bench, id, path, value).await;
        assert_eq!(open_reviews(&bench), [], "{path} = {value}");
    }
}

/// Two things with Ada's mailbox and another name: each waits, and neither is compared with the other.
pub(crate) async fn waiting(kind: Kind) -> (Bench, Vec<Review>) {
    let bench = bench(kind, &two()).await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    for _ in 0..2 {
        bench.system("books").create("contacts", r#"{"first":"Bob","last":"Builder","email":"ada@x.test"}"#);
        bench.quiet().await;
    }
    let reviews = open_reviews(&bench);
    assert_eq!(reviews.len(), 2, "{reviews:?}");
    (bench, reviews)
}

async fn two_that_wait_and_are_alike_are_not_made_two_without_a_word(kind: Kind) {
    for same in [true, false] {
        let (bench, reviews) = waiting(kind).await;
        let new =
            async |review: &Review| bench.engine.decide(review.id, DecisionChoice::New, "vera", "he is no Ada").await.unwrap();
        new(&reviews[0]).await;
        bench.quiet().await;
        let bob = RecordId(bench.store.heads().unwrap().record - 1);
        let decided = new(&reviews[1]).await;
        let again = bench.engine.asked_again(&decided).unwrap().unwrap();
        let open = open_reviews(&bench);
        assert_eq!(open.iter().map(|review| review.id).collect::<Vec<_>>(), [again]);
        assert!(matches!(&open[0].kind, ReviewKind::Match { candidates, .. } if *candidates == [bob]), "{open:?}");
        assert_eq!(bench.store.heads().unwrap().record, bob.0 + 1, "nothing is made before somebody says so");
        let choice = if same { DecisionChoice::Existing(bob) } else { DecisionChoice::New };
        bench.engine.decide(again, choice, "vera", "asked him").await.unwrap();
        bench.quiet().await;
        assert_eq!(open_reviews(&bench), []);
        assert_eq!(bench.store.heads().unwrap().record, bob.0 + 1 + u64::from(!same));
        // What was said holds: neither is Ada, nor the other one where that was said.
        let apart = |one, other| nave_hub::engine::apart::kept_apart(bench.store.as_ref(), one, other).unwrap().is_some();
        let ada = RecordId(1);
        assert!(apart(ada, bob));
        if !same {
            let second = RecordId(bob.0 + 1);
            assert!(apart(ada, second) && apart(bob, second));
        }
        assert_eq!(bench.engine.asked_again(&decided).unwrap(), None);
        check_quiet(&bench).await;
    }
}

async fn what_came_while_it_waited_is_asked_about(kind: Kind) {
    let bench = bench(kind, &two()).await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let waits = bench.system("books").create("contacts", r#"{"first":"Bob","last":"Builder","email":"ada@x.test"}"#);
    bench.quiet().await;
    // Another one comes, and then says of itself what the one that waits says; and a stranger.
    let bob = bench.system("crm").create("contacts", r#"{"first":"Bob","last":"Builder","email":"bob@x.test"}"#);
    bench.quiet().await;
    bench.system("books").put("contacts", &waits, "email", "bob@x.test");
    bench.quiet().await;
    let review = open_reviews(&bench).remove(0);
    let decided = bench.engine.decide(review.id, DecisionChoice::New, "vera", "he is no Ada").await.unwrap();
    let again = bench.engine.asked_again(&decided).unwrap().unwrap();
    bench.engine.decide(again, DecisionChoice::Existing(record_of(&bench, &bob)), "vera", "the same").await.unwrap();
    bench.quiet().await;
    assert_eq!(open_reviews(&bench), []);
    let of_books = bench.engine.record_of(&RemoteKey::new("books", "contacts", waits.as_str())).unwrap();
    assert_eq!(of_books, Some(record_of(&bench, &bob)));
    check_quiet(&bench).await;
}
