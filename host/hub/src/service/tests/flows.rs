//! Plans, sync, pauses, status, tokens.

use super::*;

/// What was agreed to is what was shown, give or take what moves in a system at work.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_grew_is_shown_again() {
    for (more, agreed) in [(10, true), (11, false)] {
        let bench = Bench::new();
        bench.crm.put("companies", "c0", r#"{"name":"Acme"}"#, 1_000);
        bench.sync().await;
        plans::plan(&bench.engine, None, 10, &[], &ProgressSender::none()).await.unwrap();
        (1..=more).for_each(|at| bench.crm.put("companies", &format!("c{at}"), &format!(r#"{{"name":"Acme {at}"}}"#), 2_000));
        bench.sync().await;
        let only = Some("books-companies");
        let answer = plans::apply(&bench.engine, only, "", "ada").await.unwrap();
        assert_eq!(answer.applied.is_empty(), !agreed, "{answer:?}");
        assert_eq!(answer.grown.values().collect::<Vec<_>>().is_empty(), agreed, "{answer:?}");
        if !agreed {
            assert_eq!(answer.grown["books-companies"], "11 more creates");
            bench.sync().await;
            assert_eq!(bench.books.count("companies"), 0);
            plans::plan(&bench.engine, only, 10, &[], &ProgressSender::none()).await.unwrap();
            assert_eq!(plans::apply(&bench.engine, only, "", "ada").await.unwrap().applied, ["books-companies"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_apply_and_sync() {
    let bench = Bench::new();
    bench.crm.put("companies", "c1", r#"{"name":"Acme"}"#, 1_000);
    bench.crm.put("contacts", "5432", ADA, 2_000);
    let first = bench.sync().await;
    assert_eq!(bench.books.count("contacts"), 0, "nothing is sent before its plan was agreed to");
    assert!(lines(&first).contains(&"books-contacts out: wanted 1, held 1".to_owned()), "{:?}", lines(&first));
    assert_eq!(first.runs.len(), 8, "flows that are held run once per sync, not once per round: {:?}", lines(&first));
    let early = plans::apply(&bench.engine, None, "", "ada").await.unwrap();
    assert_eq!((early.applied.len(), early.unseen.len()), (0, 4), "nobody has seen a plan yet");
    assert_eq!(early.never_planned, early.unseen, "and that is said, not that something changed");

    let plan = plans::plan(&bench.engine, None, 10, &[], &ProgressSender::none()).await.unwrap();
    let order: Vec<&str> = plan.flows.iter().map(|flow| flow.flow.as_str()).collect();
    assert_eq!(order, ["books-companies", "crm-companies", "books-contacts", "crm-contacts"], "what is referred to goes first");
    let contacts = &plan.flows[2];
    assert_eq!((contacts.creates, contacts.updates, contacts.approved), (1, 0, false));
    assert_eq!(contacts.writes[0].operation, "create");
    let only = plans::plan(&bench.engine, Some("nope"), 10, &[], &ProgressSender::none()).await.unwrap_err();
    assert_eq!(only.code, "not-found");

    let applied = plans::apply(&bench.engine, Some("books-contacts"), "pilot", "ada").await.unwrap();
    assert_eq!(applied.applied, ["books-contacts"]);
    let applied = plans::apply(&bench.engine, None, "", "ada").await.unwrap();
    assert_eq!((applied.applied.len(), applied.already.len()), (3, 1));

    let second = bench.sync().await;
    assert_eq!((bench.books.count("companies"), bench.books.count("contacts")), (1, 1));
    let there = bench.books.things.lock().unwrap().clone();
    let contact = &there.iter().find(|((stream, _), _)| stream == "contacts").unwrap().1.0;
    assert!(contact.contains("\"company\":\"new1\""), "the edge is over there too: {contact}");
    assert!(lines(&second).contains(&"books-contacts out: wanted 1, delivered 1".to_owned()), "{:?}", lines(&second));
    // What the hub made over there is read back once, with the paths that only that system fills.
    let third = bench.sync().await;
    let written = |answer: &SyncAnswer| answer.runs.iter().any(|line| line.direction() == "out" && line.moved());
    assert!(!written(&third), "{:?}", lines(&third));
    let fourth = bench.sync().await;
    assert!(fourth.runs.iter().all(|line| !line.moved()), "{:?}", lines(&fourth));
    let audit = audits::list(&bench.engine, 50, "").unwrap();
    assert_eq!(audit.entries.iter().filter(|line| line.action == "plan.applied" && line.actor == "ada").count(), 4);
    assert_eq!(audit.entries.iter().filter(|line| line.action == "sync").count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_system_down_does_not_stop_the_others() {
    let bench = Bench::new();
    bench.crm.put("contacts", "5432", ADA, 2_000);
    *bench.books.down.lock().unwrap() = true;
    let answer = bench.sync().await;
    let failed: Vec<&str> = answer.runs.iter().filter(|line| line.message.is_some()).map(|line| line.flow.as_str()).collect();
    assert!(failed.iter().all(|flow| flow.starts_with("books")) && !failed.is_empty(), "{failed:?}");
    assert!(lines(&answer).contains(&"crm-contacts in: read 1, created 1".to_owned()), "{:?}", lines(&answer));
    let status = status::status(&bench.engine).unwrap();
    let health = |flow: &str| status.flows.iter().find(|line| line.flow == flow).unwrap().health();
    assert_eq!(health("crm-contacts"), "not approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_flows_are_left_out_and_refused_by_name() {
    let bench = Bench::new();
    flow_commands::set_paused(&bench.engine, Some("crm-contacts"), true, "ada").await.unwrap();
    let answer = bench.sync().await;
    assert!(answer.runs.iter().all(|line| line.flow != "crm-contacts"));
    let named = sync::sync(
        &bench.engine,
        &["crm-contacts".into()],
        sync::How { once: true, ..sync::How::default() },
        "ada",
        ProgressSender::none(),
    )
    .await
    .unwrap_err();
    assert_eq!(named.exit, crate::api::exit::PERSON);
    let all = flow_commands::set_paused(&bench.engine, None, false, "ada").await.unwrap();
    assert_eq!(all.flows.len(), 4);
    assert_eq!(status::status(&bench.engine).unwrap().flows.iter().filter(|flow| flow.paused).count(), 0);
    assert_eq!(flow_commands::set_paused(&bench.engine, Some("nope"), true, "").await.unwrap_err().code, "not-found");
    let runs = flow_commands::runs(&bench.engine, None, 3).unwrap().runs;
    assert_eq!(runs.len(), 3);
    assert_eq!(flow_commands::run(&bench.engine, runs[1].run).unwrap().run, runs[1].run);
    assert_eq!(flow_commands::run(&bench.engine, 999).unwrap_err().code, "not-found");
    assert_eq!(flow_commands::run(&bench.engine, 0).unwrap_err().code, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_counts() {
    let bench = in_step().await;
    let status = status::status(&bench.engine).unwrap();
    let flow = |name: &str| status.flows.iter().find(|flow| flow.flow == name).unwrap();
    assert_eq!((flow("crm-contacts").linked, flow("books-contacts").linked, flow("books-companies").linked), (1, 1, 1));
    assert_eq!(flow("crm-contacts").health(), "ok");
    assert!(flow("crm-contacts").last_in.is_some() && flow("crm-contacts").last_out.is_some());
    let contacts = status.records.iter().find(|count| count.entity == "contact").unwrap();
    assert_eq!((contacts.active, contacts.other), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_random_and_only_its_hash_is_kept() {
    let bench = Bench::new();
    let first = operations::token_reset(&bench.engine, "admin", None, "a test", "ada").await.unwrap();
    let second = operations::token_reset(&bench.engine, "admin", None, "a test", "ada").await.unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!(first.token.len(), "nave_".len() + 43, "256 bits");
    let rows = bench.engine.store.tokens().unwrap();
    assert_eq!(rows.len(), 1, "the one before is replaced");
    assert_eq!(rows[0].hash, crate::plugins::digest(second.token.as_bytes()));
    assert!(!format!("{second:?}").contains(&second.token));
    assert_eq!((rows[0].reason.as_str(), rows.len()), ("a test", 1));
    for none in ["", "  "] {
        let refused = operations::token_reset(&bench.engine, "admin", None, none, "ada").await.unwrap_err();
        assert!(refused.code == "usage" && refused.help.is_some_and(|help| help.contains("--because")));
    }
    assert_eq!(bench.engine.store.tokens().unwrap(), rows, "a refusal leaves the one before");
    assert_eq!(operations::token_reset(&bench.engine, "a b", None, "a test", "ada").await.unwrap_err().code, "usage");
}

/// T99: what has an end is worth nothing from then on; another token in its place begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_was_told_to() {
    let bench = Bench::new();
    let row = || bench.engine.store.tokens().unwrap().remove(0);
    let good = |until: Option<Time>, at: i64| row().holds(until.map_or(Time(at), |until| Time(until.0 + at)));
    let made = operations::token_reset(&bench.engine, "admin", Some("90d"), "a test", "ada").await.unwrap();
    let (until, ninety) = (row().until, 90 * 24 * 3_600_000);
    // The clock of these tests goes on with every look at it.
    let lasts = until.map(|until| until.0 - row().created_at.0);
    assert!(lasts.is_some_and(|ms| (ninety - 60_000..=ninety).contains(&ms)), "{lasts:?}");
    assert_eq!(made.until, until.map(|until| until.to_string()));
    assert_eq!([good(until, -1), good(until, 0), good(until, 1)], [true, false, false]);
    for span in ["", "soon", "0d", "-1d", "90", "3651d", "9999999d"] {
        assert_eq!(
            operations::token_reset(&bench.engine, "admin", Some(span), "a test", "ada").await.unwrap_err().code,
            "usage",
            "{span}"
        );
    }
    assert_eq!(row().until, until, "a mistake leaves the one before");
    operations::token_reset(&bench.engine, "admin", None, "a test", "ada").await.unwrap();
    assert!(row().until.is_none() && good(None, i64::MAX));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_under_what_it_ran() {
    let bench = in_step().await;
    let run = flow_commands::runs(&bench.engine, None, 1).unwrap().runs.remove(0).run;
    let shown = serde_json::to_value(flow_commands::run(&bench.engine, run).unwrap()).unwrap();
    assert_eq!(shown["catalog"], bench.engine.catalog().digest);
    assert_eq!(shown["plugins"], serde_json::json!([{"name": "scripted", "digest": "scripted"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_configuration_is_in_force_again_without_a_plan() {
    let bench = in_step().await;
    let changed = || {
        catalog(|text| {
            text.replace(
                "remote = \"email\"\ncanonical = \"email\"\ndirection = \"both\"",
                "remote = \"email\"\ncanonical = \"email\"\ndirection = \"in\"",
            )
        })
    };
    bench.engine.reconfigure(Arc::new(changed()));
    let early = plans::apply(&bench.engine, Some("crm-contacts"), "", "ada").await.unwrap();
    assert_eq!(early.unseen, ["crm-contacts"], "nobody has seen the new one");
    assert!(early.never_planned.is_empty(), "a plan of the old one was shown");
    bench.approve().await;
    bench.engine.reconfigure(Arc::new(catalog(str::to_owned)));
    let back = plans::apply(&bench.engine, Some("crm-contacts"), "the new one was wrong", "ada").await.unwrap();
    assert_eq!(back.applied, ["crm-contacts"]);
    bench.engine.reconfigure(Arc::new(changed()));
    assert_eq!(plans::apply(&bench.engine, Some("crm-contacts"), "", "ada").await.unwrap().applied, ["crm-contacts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_way_field_changed_there_is_reported_and_not_carried_on() {
    let bench = Bench::new();
    // Books get the last name and have no say in it.
    let one_way = |text: &str| {
        text.replace("canonical = \"last_name\"\ndirection = \"both\"", "canonical = \"last_name\"\ndirection = \"out\"")
    };
    let mut changed = catalog(str::to_owned);
    changed.mappings.insert("books-contacts".into(), catalog(one_way).mappings["books-contacts"].clone());
    bench.engine.reconfigure(Arc::new(changed));
    let bench = in_step_over(bench).await;
    bench.books.put("contacts", "b7", r#"{"first":"Adah","last":"Byron","email":"ada@acme.test","born":"1815-12-10"}"#, 9_000);

    let only = ["books-contacts".to_owned()];
    flow_commands::set_paused(&bench.engine, None, true, "ada").await.unwrap();
    flow_commands::set_paused(&bench.engine, Some(&only[0]), false, "ada").await.unwrap();
    let seen = bench.engine.run_in("books-contacts", true).await.unwrap();
    assert_eq!(status::status(&bench.engine).unwrap().flows.iter().map(|flow| flow.drifted).sum::<u64>(), 1);
    let shown = flow_commands::run(&bench.engine, seen.id).unwrap();
    assert_eq!(shown.drifted(), 1, "counted in the run: {shown:?}");
    assert_eq!((shown.drift.len(), shown.drift[0].paths.as_slice()), (1, &["last".to_owned()][..]));
    assert!(!serde_json::to_string(&shown).unwrap().contains("Byron"), "paths, and no values");

    bench.engine.run_out("books-contacts").await.unwrap();
    let why = why::why(&bench.engine, &which("books:b7"), Some("last_name")).unwrap();
    assert_eq!(why.fields[0].display, "Lovelace", "nobody said otherwise");
    let there = bench.books.things.lock().unwrap()[&("contacts".to_owned(), "b7".to_owned())].0.clone();
    assert!(there.contains("Lovelace"), "put right: {there}");
    assert!(bench.crm.things.lock().unwrap()[&("contacts".to_owned(), "5432".to_owned())].0.contains("Lovelace"));
    assert_eq!(status::status(&bench.engine).unwrap().flows.iter().map(|flow| flow.drifted).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_runs_any_more_is_closed_as_failed() {
    let bench = in_step().await;
    let mut left = bench.engine.store.runs(Some("crm-contacts"), 1).unwrap().remove(0);
    left.id = bench.engine.store.heads().unwrap().run;
    (left.status, left.ended_at, left.message) = (nave_core::model::RunStatus::Running, None, None);
    bench.engine.store.commit(nave_store::Batch { runs: vec![left.clone()], ..Default::default() }).unwrap();
    let flow = || status::status(&bench.engine).unwrap().flows.into_iter().find(|flow| flow.flow == "crm-contacts").unwrap();
    assert_eq!(flow().health(), "ok", "as the tester saw it");

    assert_eq!(bench.engine.close_interrupted("the hub was stopped while it ran").await.unwrap(), 1);
    let run = flow_commands::run(&bench.engine, left.id).unwrap();
    assert_eq!(
        (run.status, run.message.as_deref()),
        (nave_core::model::RunStatus::Failed, Some("the hub was stopped while it ran"))
    );
    assert!(run.ended_at.is_some());
    assert_eq!((flow().health(), flow().last_error.as_deref()), ("failing", Some("the hub was stopped while it ran")));
    assert_eq!(bench.engine.close_interrupted("again").await.unwrap(), 0);
    bench.sync().await;
    assert_eq!(flow().health(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_flows_that_are_all_paused_is_no_success() {
    let bench = in_step().await;
    flow_commands::set_paused(&bench.engine, None, true, "ada").await.unwrap();
    let refused = sync::sync(&bench.engine, &[], sync::How::default(), "ada", ProgressSender::none()).await.unwrap_err();
    assert_eq!(refused.exit, crate::api::exit::PERSON);
    assert!(refused.message.contains("every flow is paused") && refused.help.unwrap().contains("`nave resume`"));
    flow_commands::set_paused(&bench.engine, Some("crm-contacts"), false, "ada").await.unwrap();
    assert!(!bench.sync().await.runs.is_empty());
}
