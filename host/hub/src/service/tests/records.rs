//! Records found, shown and explained.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_and_why() {
    let bench = in_step().await;
    let engine = &bench.engine;
    let shown = record_answers::show(engine, &which("crm:5432")).unwrap();
    assert_eq!(shown.entity, "contact");
    assert_eq!(shown.contributions.len(), 2, "matched by e-mail and last name");
    let company = shown.fields.iter().find(|field| field.field == "company").unwrap();
    assert!(company.display.starts_with("Acme (company/"), "{}", company.display);
    assert_eq!(company.from, "crm/contacts:5432");
    let crm = shown.contributions.iter().find(|row| row.connection == "crm").unwrap();
    let wins = |field: &str| crm.claims.iter().find(|claim| claim.field == field).unwrap().wins;
    assert!(wins("company") && !wins("first_name"), "a remote reference stands for the record");

    let why = why::why(engine, &which("books/contacts:b7"), Some("first_name")).unwrap();
    let field = &why.fields[0];
    assert_eq!((field.display.as_str(), field.from.as_str(), field.rule.as_str()), ("Adah", "books/contacts:b7", "newest"));
    assert_eq!(
        field.sentence,
        "books said so on 1970-01-01 00:00 UTC; the rule `newest` chose it over crm (Ada, 1970-01-01 00:00 UTC)."
    );
    assert_eq!(field.losers.len(), 1);
    assert_eq!((field.losers[0].from.as_str(), field.losers[0].display.as_str()), ("crm/contacts:5432", "Ada"));
    assert!(field.because.as_deref().unwrap_or_default().contains("people correct names anywhere"));
    let agreed = &why::why(engine, &which("crm:5432"), Some("email")).unwrap().fields[0];
    assert!(agreed.sentence.ends_with("chose it; crm says the same."), "{}", agreed.sentence);
    assert_eq!(why::why(engine, &which("crm:5432"), Some("emial")).unwrap_err().code, "not-found");
    assert!(why::why(engine, &which("crm:5432"), None).unwrap().fields.len() >= 4);

    let history = record_answers::history(engine, &which("crm:5432"), 10).unwrap();
    assert_eq!(history.changes.last().unwrap().kind, "created");
    assert!(history.changes[0].sequence > history.changes.last().unwrap().sequence, "newest first");
    let xref = record_answers::xref(engine, &which("crm:5432")).unwrap();
    let ids: Vec<&str> = xref.remotes.iter().map(|remote| remote.remote_id.as_str()).collect();
    assert!(ids.contains(&"5432") && ids.contains(&"b7"), "{ids:?}");
    // Who linked them, when and why.
    let told = |connection: &str| {
        let remote = xref.remotes.iter().find(|remote| remote.connection == connection).unwrap();
        assert!(remote.since.is_some(), "{remote:?}");
        (remote.by.clone().unwrap(), remote.because.clone().unwrap())
    };
    let (made, matched) = if told("crm").1.contains("made of it") { ("crm", "books") } else { ("books", "crm") };
    assert_eq!(told(made).1, "the record was made of it");
    let (by, because) = told(matched);
    assert!(by.starts_with(matched) && by.contains("in run"), "{by}");
    assert!(because.contains("email"), "{because}");
    let linked = format!("linked {matched}/contacts:");
    assert!(history.changes.iter().any(|change| change.kind.starts_with(&linked)), "{:?}", history.changes);
    // What the hub made there is said to be made by it.
    bench.crm.put("contacts", "9", r#"{"first":"Bo","last":"Ek","email":"bo@acme.test"}"#, 5_000);
    bench.sync().await;
    let xref = record_answers::xref(engine, &which("crm:9")).unwrap();
    let books = xref.remotes.iter().find(|remote| remote.connection == "books").unwrap();
    assert_eq!(books.because.as_deref(), Some("made there by the hub"));
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_lead_nowhere_say_what_to_type() {
    let bench = in_step().await;
    for (text, code) in [
        ("contact/999", "not-found"),
        ("999", "not-found"),
        ("crm:999", "not-found"),
        ("nope:1", "not-found"),
        ("crm/companies:5432", "not-found"),
    ] {
        let error = record_answers::show(&bench.engine, &which(text)).unwrap_err();
        assert_eq!(error.code, code, "{text}: {error}");
        assert!(error.help.is_some(), "{text}: {error}");
    }
    let contact = record_answers::show(&bench.engine, &which("crm:5432")).unwrap().record;
    let id = contact.split_once('/').unwrap().1;
    assert_eq!(record_answers::show(&bench.engine, &which(&format!("company/{id}"))).unwrap_err().code, "not-found");
    // The same id in two streams: the person has to say which.
    bench.crm.put("companies", "5432", r#"{"name":"Zed"}"#, 9_000);
    bench.sync().await;
    let error = record_answers::show(&bench.engine, &which("crm:5432")).unwrap_err();
    assert_eq!(error.code, "usage");
    assert!(error.help.unwrap().contains("crm/contacts:5432"));
    assert_eq!(record_answers::show(&bench.engine, &which("crm/companies:5432")).unwrap().title, "Zed");
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_records_lead_to_the_one_that_carries_on() {
    let bench = in_step().await;
    bench.crm.put("contacts", "77", r#"{"first":"Charles","last":"Babbage","email":"cb@engine.test"}"#, 4_000);
    bench.sync().await;
    let id = |record: &str| RecordId(record.split_once('/').unwrap().1.parse().unwrap());
    let ada = record_answers::show(&bench.engine, &which("crm:5432")).unwrap().record;
    let charles = record_answers::show(&bench.engine, &which("crm:77")).unwrap().record;
    bench.engine.write(Cause::default(), |draft| Ok(draft.merge(id(&ada), id(&charles))?)).await.unwrap();
    let shown = record_answers::show(&bench.engine, &which(&charles)).unwrap();
    assert_eq!((shown.record, shown.state.as_str()), (charles.clone(), "merged"));
    assert_eq!(shown.merged_into, Some(ada.clone()));
    assert!(shown.contributions.len() >= 3);
    let history = record_answers::history(&bench.engine, &which(&charles), 20).unwrap();
    let kinds: Vec<&str> = history.changes.iter().map(|change| change.kind.as_str()).collect();
    assert!(
        kinds.contains(&format!("merged into {ada}").as_str()) && kinds.contains(&format!("absorbed {charles}").as_str()),
        "{kinds:?}"
    );
    let listed = search::records(&bench.engine, Some("contact"), "", 0, 50).unwrap();
    assert_eq!(listed.records.iter().map(|line| &line.record).collect::<Vec<_>>(), [&ada]);
}

#[tokio::test(flavor = "multi_thread")]
async fn searching() {
    let bench = in_step().await;
    bench.crm.put("contacts", "77", r#"{"first":"Charles","last":"Babbage","email":"cb@engine.test"}"#, 4_000);
    bench.sync().await;
    let titles = |entity: Option<&str>, query: &str| -> Vec<String> {
        let found = search::records(&bench.engine, entity, query, 0, 50).unwrap();
        found.records.into_iter().map(|line| line.title).collect()
    };
    assert_eq!(titles(None, "ADA@acme.test"), ["Adah Lovelace"], "by match key, as it is spelled here");
    assert_eq!(titles(None, "babb"), ["Charles Babbage"]);
    assert_eq!(titles(None, "charles babbage"), ["Charles Babbage"]);
    assert_eq!(titles(None, "crm:77"), ["Charles Babbage"]);
    assert_eq!(titles(Some("company"), "babb"), Vec::<String>::new());
    assert_eq!(titles(Some("company"), "acm"), ["Acme"]);
    assert_eq!(search::records(&bench.engine, Some("nope"), "", 0, 50).unwrap_err().code, "not-found");
    let mut seen = Vec::new();
    let mut after = Some(0);
    while let Some(start) = after {
        let page = search::records(&bench.engine, None, "", start, 1).unwrap();
        seen.extend(page.records.into_iter().map(|line| line.record));
        after = page.next;
    }
    assert_eq!(seen.len(), 3, "pages of one reach everything once: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_as_of_when_it_is_known_and_who_is_behind() {
    let bench = in_step().await;
    let lag = |connection: &str| {
        let shown = record_answers::show(&bench.engine, &which("crm:5432")).unwrap();
        shown.contributions.iter().find(|row| row.connection == connection).unwrap().lag_s
    };
    assert_eq!((lag("crm"), lag("books")), (Some(0), Some(0)), "told all");
    bench.crm.put("contacts", "5432", &ADA.replace("Lovelace", "King"), 9_000);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let (first, then) = (lag("books").unwrap(), lag("books").unwrap());
    assert!(first > 0 && then > first, "it grows while it waits: {first}, {then}");
    let shown = record_answers::show(&bench.engine, &which("crm:5432")).unwrap();
    let read = &shown.contributions.iter().find(|row| row.connection == "crm").unwrap().read_at;
    let name = shown.fields.iter().find(|field| field.field == "last_name").unwrap();
    assert_eq!((name.from.as_str(), &name.as_of), ("crm/contacts:5432", read));
    bench.sync().await;
    assert_eq!(lag("books"), Some(0), "delivered");
}
