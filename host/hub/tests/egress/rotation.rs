//! A secret is replaced while calls are made: none fails, the successor is used once it has worked, and a wrong one is noticed.

use std::sync::{Arc, Mutex};

use nave_core::manifest::CredentialKind;

use crate::server::{Captured, Server, ok, status};
use crate::setup::{Setup, get, outcome};

const OLD: &str = "client:the-0ld-secret";
const NEW: &str = "client:the-n3w-secret";

fn kinds() -> [CredentialKind; 5] {
    [
        CredentialKind::Bearer { scheme: None },
        CredentialKind::Basic {},
        CredentialKind::Header { name: "X-Key".into() },
        CredentialKind::Query { name: "key".into() },
        login(),
    ]
}

fn login() -> CredentialKind {
    CredentialKind::Login {
        endpoint: "api".into(),
        path: "/login".into(),
        body: r#"{"user":"{user}","password":"{password}"}"#.into(),
        token: "/token".into(),
        expires_in: None,
        header: None,
    }
}

/// Whether a request carries the secret of this word (`0ld`, `n3w`), in whatever place.
fn carries(request: &Captured, word: &str) -> bool {
    use base64::Engine as _;
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("client:the-{word}-secret"));
    let all = format!("{}{}", request.head, String::from_utf8_lossy(&request.body));
    all.contains(&format!("the-{word}-secret")) || all.contains(&basic) || all.contains(&format!("token-of-{word}"))
}

/// A system that takes the secrets of these words, and answers others with this status.
async fn system(takes: Arc<Mutex<Vec<&'static str>>>, other: u16) -> Server {
    Server::start(move |request| {
        let Some(word) = takes.lock().unwrap().iter().copied().find(|word| carries(request, word)) else {
            return status(other, "", "");
        };
        ok(&format!(r#"{{"token":"token-of-{word}"}}"#))
    })
    .await
}

fn setup(server: &Server, kind: CredentialKind) -> Setup {
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(kind);
    setup.secrets.set("crm-key", OLD);
    setup
}

fn offer(setup: &Setup) {
    setup.secrets.2.next.lock().unwrap().insert("crm-key".into(), NEW.into());
}

fn settled(setup: &Setup) -> Vec<String> {
    setup.secrets.2.settled.lock().unwrap().clone()
}

/// What the system takes, how it refuses; what a call comes to while the successor waits, and what is decided by it.
#[tokio::test]
async fn no_call_fails_whatever_the_successor_is_worth() {
    for kind in kinds() {
        for (takes, other, expected, decided) in [
            (vec!["0ld", "n3w"], 401, "200", "crm-key: taken"),
            (vec!["n3w"], 401, "200", "crm-key: taken"),
            (vec!["0ld"], 401, "200", "crm-key: refused"),
            (vec!["0ld"], 403, "200", "crm-key: refused"),
        ] {
            let server = system(Arc::new(Mutex::new(takes.clone())), other).await;
            let setup = setup(&server, kind.clone());
            let channel = setup.channel();
            offer(&setup);
            assert_eq!(outcome(&get(&channel, "/x").await), expected, "{kind:?} {takes:?}");
            assert_eq!(settled(&setup), [decided], "{kind:?} {takes:?}");
            let before = server.requests().len();
            assert_eq!(outcome(&get(&channel, "/x").await), expected, "{kind:?} {takes:?}");
            let word = if decided.ends_with("taken") { "n3w" } else { "0ld" };
            assert!(server.requests()[before..].iter().all(|request| carries(request, word)), "{kind:?} {takes:?}");
            let note = if word == "n3w" { "secret.rotated" } else { "secret.not-rotated" };
            assert!(setup.audit.notes().iter().any(|found| found.action == note), "{kind:?}");
            assert!(!setup.audit.text().contains("-secret"), "no secret is in the audit");
        }
    }
}

/// Nothing is decided by a system that refuses both, or is in trouble; and nobody's account is locked by it.
#[tokio::test]
async fn a_system_that_takes_neither_decides_nothing() {
    for kind in kinds() {
        for other in [401, 503] {
            let server = system(Arc::default(), other).await;
            let setup = setup(&server, kind.clone());
            offer(&setup);
            let channel = setup.channel();
            let first = outcome(&get(&channel, "/x").await);
            assert!(matches!(first.as_str(), "401" | "503" | "net.login-refused" | "net.unreachable"), "{kind:?} {first}");
            assert_eq!(settled(&setup), Vec::<String>::new(), "{kind:?} {other}");
        }
    }
    let server = system(Arc::default(), 401).await;
    let setup = setup(&server, login());
    offer(&setup);
    let channel = setup.channel();
    for _ in 0..5 {
        assert_eq!(outcome(&get(&channel, "/x").await), "net.login-refused");
    }
    assert!(server.requests().len() <= 3, "accounts lock: {}", server.requests().len());
}

/// The old one ends over there while forty calls are made.
#[tokio::test]
async fn a_rotation_in_the_middle_of_a_run() {
    for kind in kinds() {
        let takes = Arc::new(Mutex::new(vec!["0ld", "n3w"]));
        let server = system(takes.clone(), 401).await;
        let setup = setup(&server, kind.clone());
        let channel = setup.channel();
        let calls = |number: usize| {
            (0..number)
                .map(|_| {
                    tokio::spawn({
                        let channel = channel.clone();
                        async move { outcome(&get(&channel, "/x").await) }
                    })
                })
                .collect::<Vec<_>>()
        };
        for call in calls(20) {
            assert_eq!(call.await.unwrap(), "200", "{kind:?}");
        }
        offer(&setup);
        for call in calls(20) {
            assert_eq!(call.await.unwrap(), "200", "{kind:?}");
        }
        assert_eq!(settled(&setup), ["crm-key: taken"], "{kind:?}: decided once");
        takes.lock().unwrap().retain(|word| *word == "n3w");
        for call in calls(20) {
            assert_eq!(call.await.unwrap(), "200", "{kind:?}");
        }
    }
}

/// A secret that is kept elsewhere, with what is held of it and what is there by now.
fn kept(server: &Server, kind: CredentialKind, values: &[&str]) -> Setup {
    let setup = setup(server, kind);
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    setup.secrets.2.elsewhere.lock().unwrap().insert("crm-key".into(), values);
    setup
}

/// Before a value from elsewhere is called bad it is fetched once more.
#[tokio::test]
async fn a_refused_value_from_elsewhere_is_exchanged_for_the_one_that_is_there() {
    for kind in kinds() {
        for (values, other, expected) in [
            (&[OLD, NEW][..], 401, "200"),
            (&[OLD, NEW][..], 403, "200"),
            // There is no other: the refusal is the answer, and the system is not asked again.
            (&[OLD][..], 401, "refused"),
            // In trouble it says nothing of the secret.
            (&[OLD, NEW][..], 503, "trouble"),
        ] {
            let takes = if other == 503 { Vec::new() } else { vec!["n3w"] };
            let server = system(Arc::new(Mutex::new(takes)), other).await;
            let setup = kept(&server, kind.clone(), values);
            let found = outcome(&get(&setup.channel(), "/x").await);
            let found = match found.as_str() {
                "401" | "403" | "net.login-refused" => "refused",
                "503" | "net.unreachable" => "trouble",
                other => other,
            };
            assert_eq!(found, expected, "{kind:?} {values:?} {other}");
            let requests = server.requests();
            if expected != "200" {
                assert_eq!(requests.len(), 1, "{kind:?} {values:?} {other}");
            }
            let left = setup.secrets.2.elsewhere.lock().unwrap()["crm-key"].len();
            assert_eq!(left, if expected == "trouble" { 2 } else { 1 }, "{kind:?} {values:?} {other}");
            assert!(!setup.audit.text().contains("-secret"), "no secret is in the audit");
        }
    }
}

/// Another call had it exchanged between what this one sent and its refusal: the refusal is of what was sent.
#[tokio::test]
async fn what_was_sent_is_what_was_refused() {
    let secrets: Arc<std::sync::OnceLock<Arc<crate::setup::Secrets>>> = Arc::default();
    let other = secrets.clone();
    let server = Server::start(move |request| {
        if carries(request, "n3w") {
            return ok("{}");
        }
        other.get().unwrap().2.elsewhere.lock().unwrap().insert("crm-key".into(), vec![NEW.into()]);
        status(401, "", "")
    })
    .await;
    let setup = kept(&server, CredentialKind::Bearer { scheme: None }, &[OLD, NEW]);
    assert!(secrets.set(setup.secrets.clone()).is_ok());
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "200");
    assert_eq!(server.requests().len(), 2);
}

/// One that cannot be had is a system that cannot be reached: nothing is sent, and it may be tried again.
#[tokio::test]
async fn a_value_from_elsewhere_that_cannot_be_had_leaves_the_call_unsent() {
    for kind in kinds() {
        let server = system(Arc::new(Mutex::new(vec!["0ld"])), 401).await;
        let setup = kept(&server, kind.clone(), &[]);
        let channel = setup.channel();
        let found = get(&channel, "/x").await.unwrap_err();
        assert_eq!(found.code(), "net.unreachable", "{kind:?}");
        let said = found.to_string();
        for part in ["net.secret-unreachable", "crm-key", "nothing was sent", "`nave secret check crm-key`"] {
            assert!(said.contains(part), "{kind:?} {part}: {said}");
        }
        assert_eq!(server.requests().len(), 0, "{kind:?}");
        setup.secrets.2.elsewhere.lock().unwrap().insert("crm-key".into(), vec![OLD.into()]);
        assert_eq!(outcome(&get(&channel, "/x").await), "200", "{kind:?}");
    }
}
