//! What needs an open hub: through the one door, over a project as `nave init` makes it.

use serde_json::json;

use crate::api::{Answer, ApiError, Asked, ProgressSender, Request, Service as _, exit};
use crate::hub::Hub;
use crate::project;

/// Asks as every face does: from JSON.
async fn ask(hub: &Hub, request: serde_json::Value) -> Result<Answer, ApiError> {
    let request: Request = serde_json::from_value(request).unwrap();
    hub.call(Asked::by("ada", request), ProgressSender::none()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_hub_answers() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();

    // Secrets: named, counted, never shown.
    ask(&hub, json!({"command": "secret-set", "name": "crm", "value": "canary-7421"})).await.unwrap();
    ask(&hub, json!({"command": "secret-set", "name": "crm", "value": "canary-7422"})).await.unwrap();
    let Answer::Secrets(secrets) = ask(&hub, json!({"command": "secret-list"})).await.unwrap() else { panic!() };
    assert_eq!((secrets.secrets[0].name.as_str(), secrets.secrets[0].version), ("crm", 2));
    for name in ["No Name", ""] {
        assert_eq!(ask(&hub, json!({"command": "secret-set", "name": name, "value": "x"})).await.unwrap_err().exit, exit::USAGE);
    }
    ask(&hub, json!({"command": "secret-remove", "name": "crm"})).await.unwrap();
    assert_eq!(ask(&hub, json!({"command": "secret-remove", "name": "crm"})).await.unwrap_err().code, "not-found");

    // A token opens the door by its hash.
    let Answer::Token(token) = ask(&hub, json!({"command": "token-reset", "name": "admin", "reason": "a test"})).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(hub.tokens().unwrap()[0].hash, crate::plugins::digest(token.token.as_bytes()));

    // What the directory alone tells.
    let Answer::Schemas(schemas) = ask(&hub, json!({"command": "schema-list"})).await.unwrap() else { panic!() };
    assert!(schemas.entities.iter().any(|entity| entity.entity == "contact"));
    ask(&hub, json!({"command": "reload"})).await.unwrap();
    let Answer::Sync(sync) = ask(&hub, json!({"command": "sync"})).await.unwrap() else { panic!() };
    assert!(sync.runs.is_empty(), "there is no flow yet");
    for missing in [
        json!({"command": "connection-check", "name": "nope"}),
        json!({"command": "connection-discover", "name": "nope"}),
        json!({"command": "plugin-call", "connection": "nope", "function": "check"}),
        json!({"command": "sync", "flows": ["nope"]}),
        json!({"command": "mapping-explain", "mapping": "nope"}),
    ] {
        let error = ask(&hub, missing.clone()).await.unwrap_err();
        assert_eq!(error.code, "not-found", "{missing}: {error}");
        assert!(error.help.is_some(), "{missing}: {error}");
    }
    // Past the plan and the journal, by hand: no.
    let write = ask(&hub, json!({"command": "plugin-call", "connection": "crm", "function": "write"})).await.unwrap_err();
    assert_eq!(write.code, "usage");

    // A copy while it is open; never over a file that is there.
    let to = dir.path().join("copy.nave");
    ask(&hub, json!({"command": "backup", "to": to})).await.unwrap();
    let copy = std::fs::read(&to).unwrap();
    assert!(!copy.is_empty());
    assert_eq!(ask(&hub, json!({"command": "backup", "to": to})).await.unwrap_err().code, "usage");
    assert_eq!(std::fs::read(&to).unwrap(), copy);

    let Answer::Doctor(doctor) = ask(&hub, json!({"command": "doctor"})).await.unwrap() else { panic!() };
    let sick: Vec<_> = doctor.checks.iter().filter(|check| !check.ok).collect();
    assert!(sick.is_empty(), "{sick:?}");

    // Everything that changed something is in the audit, and no secret is.
    let Answer::Audit(audit) = ask(&hub, json!({"command": "audit"})).await.unwrap() else { panic!() };
    let actions: Vec<&str> = audit.entries.iter().rev().map(|line| line.action.as_str()).collect();
    let expected =
        ["secret.set", "secret.set", "secret.removed", "token.reset", "configuration.reloaded", "sync", "store.backup"];
    assert_eq!(actions, expected);
    assert!(audit.entries.iter().all(|line| line.actor == "ada"), "by whoever asked: {audit:?}");
    let all = serde_json::to_string(&audit).unwrap();
    assert!(!all.contains("canary") && !all.contains(&token.token));

    // A broken file: the doctor says so, what is in force stays.
    std::fs::write(dir.path().join("mappings").join("bad.toml"), "connection = 7\n").unwrap();
    assert_eq!(ask(&hub, json!({"command": "plan"})).await.unwrap_err().exit, exit::CONFIGURATION);
    let Answer::Doctor(doctor) = ask(&hub, json!({"command": "doctor"})).await.unwrap() else { panic!() };
    assert!(doctor.checks.iter().any(|check| check.name == "configuration" && !check.ok && check.fix.is_some()));
    assert!(ask(&hub, json!({"command": "status"})).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_wrong_key_and_a_damaged_store_each_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    drop(Hub::open(dir.path()).await.unwrap());
    let (key, store) = (dir.path().join("data/master.key"), dir.path().join("data/nave.redb"));
    let kept = std::fs::read(&key).unwrap();
    let refused = async |says: &str, help: &str| {
        let error = Hub::open(dir.path()).await.map(drop).unwrap_err();
        assert_eq!(error.exit, exit::UNAVAILABLE);
        assert!(error.message.contains(says) && error.help.as_deref().unwrap().contains(help), "{error:?}");
    };

    std::fs::remove_file(&key).unwrap();
    refused("master.key is missing", "from where it is kept").await;
    assert!(!key.exists(), "no new key was put in its place");

    std::fs::write(&key, format!("{}\n", "ab".repeat(32))).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    refused("another master key", "put the master.key back").await;

    std::fs::write(&key, &kept).unwrap();
    let whole = std::fs::read(&store).unwrap();
    std::fs::write(&store, &whole[..whole.len() / 3]).unwrap();
    refused("nave.redb", "nave restore FILE --replace").await;
    std::fs::write(&store, &whole).unwrap();
    Hub::open(dir.path()).await.unwrap();

    // A backup is not restored under a key that was made for the occasion.
    let elsewhere = tempfile::tempdir().unwrap();
    project::init(elsewhere.path(), false, "dev").unwrap();
    let error = crate::restore(elsewhere.path(), &store, false, None, "local:ada").unwrap_err();
    assert!(error.message.contains("master.key is missing"), "{error:?}");
    let error = crate::restore(elsewhere.path(), &elsewhere.path().join("none"), false, None, "local:ada").unwrap_err();
    assert_eq!(error.exit, exit::USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_command_waits_for_the_first() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    let first = Hub::open(dir.path()).await.unwrap();
    let path = dir.path().to_owned();
    let mut second = Box::pin(async move { Hub::open(&path).await.map(drop) });
    let early = tokio::select! { biased; ended = &mut second => Some(ended), () = tokio::task::yield_now() => None };
    assert!(early.is_none(), "it is busy, and that is no reason to give up");
    drop(first);
    second.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_granted_without_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();
    let approve = |reason| {
        ask(&hub, json!({"command": "connection-approve", "name": "nope", "secrets": {}, "added": false, "reason": reason}))
    };
    for reason in [json!(null), json!(""), json!(" \n")] {
        let error = approve(reason.clone()).await.unwrap_err();
        assert!(error.message.contains("a grant has a reason"), "{reason}: {error}");
    }
    assert_eq!(approve(json!("it moved")).await.unwrap_err().code, "not-found", "a reason is looked at first, and then the name");
}

/// Whatever has to have a reason, asked for without one: it is refused, by every face, and it is said what to type.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_have_a_reason_is_refused_without_one() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();
    let rule = json!({"kind": "match", "choice": "new", "agree": ["email"]});
    let remote = json!({"remote": {"connection": "crm", "stream": "contacts", "remote_id": "17"}});
    // The request without its reason, the name of that, and what is to be typed.
    let cases = [
        (json!({"command": "review-decide", "id": 3, "choice": "new"}), "reason", "nave review decide 3 new --reason "),
        (
            json!({"command": "review-decide", "id": 3, "choice": remote}),
            "reason",
            "nave review decide 3 crm/contacts:17 --reason ",
        ),
        (json!({"command": "review-bulk", "rule": rule}), "reason", "--reason "),
        (json!({"command": "review-bulk", "rule": rule, "dry-run": true}), "reason", "--reason "),
        (
            json!({"command": "dlq-edit", "id": 7, "field": "email", "value": "a b"}),
            "reason",
            "nave dlq edit 7 email 'a b' --reason ",
        ),
        (json!({"command": "dlq-discard", "which": {"ids": [7, 8]}}), "reason", "nave dlq discard 7 8 --reason "),
        (json!({"command": "dlq-discard", "which": {"class": "length"}}), "reason", "nave dlq discard --class length --reason "),
        (json!({"command": "dlq-discard", "which": "all"}), "reason", "nave dlq discard --all --reason "),
        (
            json!({"command": "merge-records", "one": "contact/1", "other": "crm:2"}),
            "reason",
            "nave match merge contact/1 crm:2 --reason ",
        ),
        (json!({"command": "unmerge", "which": "3"}), "reason", "nave match unmerge 3 --reason "),
        (
            json!({"command": "record-set", "record": "contact/1", "field": "email", "value": "x"}),
            "reason",
            "nave record set contact/1 email x --reason ",
        ),
        (
            json!({"command": "record-release", "record": "contact/1", "field": "email"}),
            "reason",
            "nave record release contact/1 email --reason ",
        ),
        (
            json!({"command": "surge-release", "connection": "crm", "stream": "contacts"}),
            "reason",
            "nave anomalies let-in crm/contacts --reason ",
        ),
        (
            json!({"command": "surge-release", "connection": "crm", "stream": "contacts", "detach": true}),
            "reason",
            "nave anomalies detach crm/contacts --reason ",
        ),
        (json!({"command": "backfill", "flow": "crm", "archive-misfits": true}), "reason", "--archive-misfits --because "),
        (json!({"command": "access-review", "done": true}), "reason", "--reason "),
        (json!({"command": "access-revoke", "what": "token", "name": "admin"}), "reason", "--reason "),
        (json!({"command": "audit-accept"}), "reason", "nave audit accept --reason "),
        (json!({"command": "token-reset", "name": "admin"}), "reason", "--because "),
        (json!({"command": "connection-approve", "name": "crm", "secrets": {}, "added": false}), "reason", "--reason "),
        (
            json!({"command": "field-add", "field": "contact.tier", "from": "crm", "to": ["books"]}),
            "because",
            "nave field add contact.tier --from crm --to books --because ",
        ),
    ];
    for (request, name, typed) in cases {
        for blank in ["", "   ", "\t\n", "\u{a0}", "\u{200b}"] {
            let mut asked = request.clone();
            asked[name] = blank.into();
            let error = ask(&hub, asked).await.map(|answer| format!("{answer:?}")).unwrap_err();
            let help = error.help.clone().unwrap_or_default();
            assert_eq!((error.code.as_str(), error.exit), ("usage", exit::USAGE), "{request} {blank:?}: {error}");
            assert!(help.contains(typed), "{request} {blank:?}: {help}");
        }
    }
    // With one, something else is wrong with it.
    let error = ask(&hub, json!({"command": "review-decide", "id": 3, "choice": "new", "reason": "."})).await.unwrap_err();
    assert_eq!(error.code, "not-found", "{error}");
}
