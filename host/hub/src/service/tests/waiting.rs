//! Reviews and dead letters.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_asked_shown_and_decided() {
    let bench = in_step().await;
    // The same e-mail and nothing else: never guessed.
    bench.books.put("contacts", "b9", r#"{"first":"Bob","last":"Lee","email":"ada@acme.test"}"#, 5_000);
    bench.sync().await;
    let open = reviews::list(&bench.engine, false).unwrap().reviews;
    assert_eq!(open.len(), 1);
    let id = open[0].id;
    assert_eq!(status::status(&bench.engine).unwrap().reviews, 1);
    let waiting = record_answers::show(&bench.engine, &which("books:b9")).unwrap_err();
    assert_eq!(waiting.exit, crate::api::exit::PERSON);
    assert!(waiting.help.unwrap().contains(&format!("nave review show {id}")));
    let shown = reviews::show(&bench.engine, id).unwrap();
    assert_eq!(shown.subject, "books/contacts:b9");
    assert_eq!(shown.choices, ["existing", "new"]);
    assert_eq!(shown.candidates.len(), 1);
    let email = shown.fields.iter().find(|field| field.field == "email").unwrap();
    assert_eq!((email.value.as_str(), email.candidates.as_slice()), ("ada@acme.test", &["ada@acme.test".to_owned()][..]));
    let nobody = reviews::decide(&bench.engine, id, DecisionChoice::Existing(RecordId(999)), false, "ada", "").await.unwrap_err();
    assert_eq!(nobody.code, "not-found");
    let senseless = reviews::decide(&bench.engine, id, DecisionChoice::Approve, false, "ada", "").await.unwrap_err();
    assert_eq!(senseless.exit, crate::api::exit::PERSON);
    reviews::decide(&bench.engine, id, DecisionChoice::New, false, "ada", "asked him").await.unwrap();
    let shown = reviews::show(&bench.engine, id).unwrap();
    assert!(shown.choices.is_empty());
    assert_eq!((shown.decisions[0].choice.as_str(), shown.decisions[0].by.as_str()), ("new", "ada"));
    let why = why::why(&bench.engine, &which("books:b9"), Some("last_name")).unwrap();
    assert_eq!(why.fields[0].decided_by.as_deref(), Some("ada"));
    assert!(why.fields[0].sentence.contains("nobody else says anything"), "{}", why.fields[0].sentence);
    let again = reviews::decide(&bench.engine, id, DecisionChoice::New, false, "bob", "").await.unwrap_err();
    assert!(again.message.contains("already"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_fetched_again() {
    let bench = in_step().await;
    bench.crm.put("contacts", "80", r#"{"first":"Grace","last":"Hopper","born":"not a day"}"#, 6_000);
    bench.crm.put("contacts", "81", "{", 6_000);
    bench.sync().await;
    let listed = dead_letters::list(&bench.engine, None, None, 50).unwrap();
    assert_eq!(listed.dead_letters.len(), 2);
    assert_eq!(listed.classes.iter().map(|class| class.count).sum::<u64>(), 2);
    assert_eq!(listed.dead_letters[0].direction, "in");
    let by_id = |remote: &str| {
        let all = dead_letters::list(&bench.engine, Some("crm-contacts"), None, 50).unwrap().dead_letters;
        all.into_iter().find(|letter| letter.subject == format!("crm/contacts:{remote}"))
    };
    let bad = by_id("80").unwrap();
    assert_eq!(dead_letters::show(&bench.engine, bad.id).unwrap().body.unwrap()["first"], "Grace");
    assert_eq!(dead_letters::show(&bench.engine, by_id("81").unwrap().id).unwrap().body_text.as_deref(), Some("{"));

    // Not mended yet: set aside again, and counted.
    let engine = &bench.engine;
    let retry = async |which: DeadLetters| dead_letters::retry(engine, &which, "ada", &ProgressSender::none()).await;
    let still = retry(DeadLetters::Ids(vec![bad.id])).await.unwrap_err();
    assert_eq!(still.message, "0 records of crm-contacts taken in, 1 set aside again.");
    assert!(still.help.unwrap().contains("`nave dlq list --flow crm-contacts`"));
    assert!(by_id("80").unwrap().count > bad.count);

    bench.crm.put("contacts", "80", r#"{"first":"Grace","last":"Hopper","born":"1906-12-09"}"#, 7_000);
    *bench.crm.down.lock().unwrap() = true;
    assert!(retry(DeadLetters::All).await.unwrap_err().message.contains("no route to it"));
    *bench.crm.down.lock().unwrap() = false;
    let Answer::Done(done) = retry(DeadLetters::All).await.unwrap() else { panic!() };
    assert_eq!(
        (done.count, done.message.as_str()),
        (
            1,
            "1 record of crm-contacts taken in, 1 set aside again. `nave dlq list --flow crm-contacts` says what is still wrong."
        )
    );
    assert!(by_id("80").is_none());
    assert!(record_answers::show(&bench.engine, &which("crm:80")).is_ok());

    // Gone over there: nothing is left to be mended.
    bench.crm.things.lock().unwrap().remove(&("contacts".into(), "81".into()));
    let Answer::Done(done) = retry(DeadLetters::Flow("crm-contacts".into())).await.unwrap() else { panic!() };
    assert_eq!(done.count, 1);
    assert!(dead_letters::list(&bench.engine, None, None, 50).unwrap().dead_letters.is_empty());
    let Answer::Done(done) = retry(DeadLetters::All).await.unwrap() else { panic!() };
    assert_eq!(done.count, 0);
    assert_eq!(retry(DeadLetters::Ids(vec![999])).await.unwrap_err().code, "not-found");
    assert_eq!(retry(DeadLetters::Flow("nope".into())).await.unwrap_err().code, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_is_no_success() {
    let bench = in_step().await;
    bench.crm.put("contacts", "80", "{", 6_000);
    bench.sync().await;
    bench.crm.things.lock().unwrap().remove(&("contacts".into(), "80".into()));
    *bench.crm.silent.lock().unwrap() = true;
    let nope = DeadLetters::Class("nope".into());
    for refused in [
        dead_letters::retry(&bench.engine, &nope, "ada", &ProgressSender::none()).await.unwrap_err(),
        dead_letters::discard(&bench.engine, &nope, "ada", "").await.unwrap_err(),
    ] {
        assert_eq!((refused.exit, refused.message.contains("`nope`")), (crate::api::exit::USAGE, true), "{refused}");
        assert!(refused.help.as_deref().unwrap().contains("there are: 1 syntax"), "{refused:?}");
    }
    let retry = dead_letters::retry(&bench.engine, &DeadLetters::All, "ada", &ProgressSender::none()).await;
    let refused = retry.unwrap_err();
    assert_eq!(refused.exit, crate::api::exit::FAILED);
    assert_eq!(refused.message, "0 records of crm-contacts taken in, 1 not answered for.");
    assert!(refused.help.unwrap().contains("`nave sync crm-contacts --full`"));
    sync::sync(
        &bench.engine,
        &["crm-contacts".into()],
        sync::How { full: true, ..sync::How::default() },
        "ada",
        ProgressSender::none(),
    )
    .await
    .unwrap();
    assert!(dead_letters::list(&bench.engine, None, None, 50).unwrap().dead_letters.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_given_up() {
    let bench = in_step().await;
    bench.crm.put("contacts", "80", "{", 6_000);
    bench.sync().await;
    assert_eq!(status::status(&bench.engine).unwrap().dead_letters, 1);
    dead_letters::discard(&bench.engine, &DeadLetters::All, "ada", "test data").await.unwrap();
    assert_eq!(status::status(&bench.engine).unwrap().dead_letters, 0);
    let line = &audits::list(&bench.engine, 1, "").unwrap().entries[0];
    assert_eq!((line.actor.as_str(), line.action.as_str(), line.detail.as_str()), ("ada", "dead-letter.discarded", "test data"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_tried_again_with_the_next_sync() {
    let bench = in_step().await;
    *bench.books.refuses.lock().unwrap() = true;
    bench.crm.put("contacts", "77", r#"{"first":"Charles","last":"Babbage","email":"cb@engine.test"}"#, 4_000);
    bench.sync().await;
    let letter = dead_letters::list(&bench.engine, None, Some("format"), 50).unwrap().dead_letters.remove(0);
    let charles = record_answers::show(&bench.engine, &which("crm:77")).unwrap();
    assert_eq!((letter.direction.as_str(), &letter.subject, letter.title.as_str()), ("out", &charles.record, "Charles Babbage"));
    let stuck: Vec<&str> = charles.deliveries.iter().map(|delivery| delivery.state.as_str()).collect();
    assert_eq!(stuck, ["dead-letter"]);
    *bench.books.refuses.lock().unwrap() = false;
    bench.sync().await;
    assert_eq!(bench.books.count("contacts"), 1, "nobody has asked to try again");
    dead_letters::retry(&bench.engine, &DeadLetters::Class("format".into()), "ada", &ProgressSender::none()).await.unwrap();
    assert!(dead_letters::list(&bench.engine, None, None, 50).unwrap().dead_letters.is_empty());
    let dirty = record_answers::show(&bench.engine, &which("crm:77")).unwrap().deliveries;
    assert_eq!(
        (dirty[0].flow.as_str(), dirty[0].state.as_str(), dirty[0].detail.as_str()),
        ("books-contacts", "dirty", "to be tried again")
    );
    bench.sync().await;
    assert_eq!(bench.books.count("contacts"), 2);
    assert!(record_answers::show(&bench.engine, &which("crm:77")).unwrap().deliveries.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_candidate_is_refused_until_it_is_meant() {
    let bench = in_step().await;
    bench.crm.put("contacts", "77", r#"{"first":"Charles","last":"Babbage","email":"cb@engine.test"}"#, 4_000);
    bench.books.put("contacts", "b9", r#"{"first":"Bob","last":"Lee","email":"ada@acme.test"}"#, 5_000);
    bench.sync().await;
    let id = reviews::list(&bench.engine, false).unwrap().reviews[0].id;
    let charles: u64 =
        record_answers::show(&bench.engine, &which("crm:77")).unwrap().record.rsplit('/').next().unwrap().parse().unwrap();
    let choice = || DecisionChoice::Existing(RecordId(charles));
    let slip = reviews::decide(&bench.engine, id, choice(), false, "ada", "").await.unwrap_err();
    assert_eq!(slip.exit, crate::api::exit::USAGE);
    assert!(slip.message.contains("none of the records") && slip.help.as_deref().unwrap().contains("--other"), "{slip:?}");
    assert_eq!(reviews::list(&bench.engine, false).unwrap().reviews.len(), 1, "still open");
    reviews::decide(&bench.engine, id, choice(), true, "ada", "asked him").await.unwrap();
    assert_eq!(record_answers::show(&bench.engine, &which("books:b9")).unwrap().record, format!("contact/{charles}"));
}

/// What waits for an answer alone is no work: the scheduler would run it again and again.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_answer_is_no_reason_to_run() {
    let bench = in_step().await;
    let (engine, flow) = (&bench.engine, "books-contacts");
    let work = || crate::scheduler::has_work(engine, flow);
    let ask = async |mailbox: &str, remote: &str| {
        bench.crm.put("contacts", remote, &format!(r#"{{"first":"Nora","last":"Quill","email":"{mailbox}"}}"#), 5_000);
        engine.run_in("crm-contacts", false).await.unwrap();
        bench.books.put("contacts", remote, &format!(r#"{{"first":"Otto","last":"Pfeil","email":"{mailbox}"}}"#), 5_500);
        engine.run_in(flow, false).await.unwrap();
        assert!(work(), "nobody looked at it yet");
        engine.run_out(flow).await.unwrap();
    };
    assert!(!work());
    ask("office@quill.test", "90").await;
    assert_eq!(engine.store.dirty_count(flow).unwrap(), 1, "Nora waits");
    assert!(!work(), "she was looked at, and waits for an answer");
    engine.run_in(flow, false).await.unwrap();
    assert!(work(), "what was read may be what she waited for");
    engine.run_out(flow).await.unwrap();
    assert!(!work());
    bench.crm.put("contacts", "5432", &ADA.replace("Ada", "Adah Ada"), 7_000);
    engine.run_in("crm-contacts", false).await.unwrap();
    assert!(work(), "something else is to be done");
    engine.run_out(flow).await.unwrap();
    assert!(!work());
    let open = reviews::list(engine, false).unwrap().reviews;
    reviews::decide(engine, open[0].id, DecisionChoice::New, false, "ada", "they share a mailbox").await.unwrap();
    assert!(work(), "it was answered");
    engine.run_out(flow).await.unwrap();
    assert_eq!((engine.store.dirty_count(flow).unwrap(), work()), (0, false), "Nora is there now");
}
