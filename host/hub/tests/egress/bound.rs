//! A secret goes to the hosts that it was given for, and nowhere else, whatever a connection's file says by then.

use nave_core::manifest::CredentialKind;

use crate::server::{Server, ok};
use crate::setup::{Setup, get, outcome};

fn login() -> CredentialKind {
    CredentialKind::Login {
        endpoint: "login".into(),
        path: "/token".into(),
        body: r#"{"user":"{user}","password":"{password}"}"#.into(),
        token: "/token".into(),
        expires_in: None,
        header: None,
    }
}

/// `api` and `login` lie on two ports; `given` says which of them the secret was given for.
async fn check(kind: CredentialKind, given: &[&str], expected: &str) {
    let (api, log_in) = (Server::start(|_| ok("{}")).await, Server::start(|_| ok(r#"{"token":"t0ken-of-a-day"}"#)).await);
    let mut setup = Setup::new(&format!("http://api.test:{}", api.port()));
    setup.endpoint("login", &format!("http://api.test:{}/auth", log_in.port()));
    setup.credential(kind);
    let at = |name: &str| match name {
        "api" => format!("http://api.test:{}", api.port()),
        "login" => format!("http://api.test:{}", log_in.port()),
        "tls" => format!("https://api.test:{}", api.port()),
        other => other.to_owned(),
    };
    let origins: Vec<String> = given.iter().map(|name| at(name)).collect();
    setup.secrets.bind("crm-key", &origins.iter().map(String::as_str).collect::<Vec<_>>());
    let result = get(&setup.channel(), "/x").await;
    assert_eq!(outcome(&result), expected, "{given:?}");
    if let Err(error) = result {
        assert_eq!((api.requests().len(), log_in.requests().len(), setup.names.asked()), (0, 0, 0), "nothing is sent: {given:?}");
        assert!(error.to_string().contains("`nave connection approve crm`"), "{error}");
        assert!(error.to_string().contains("the secret `crm-key` was"), "{error}");
        assert_eq!(setup.audit.notes()[0].action, "net.secret-held");
    }
}

#[tokio::test]
async fn a_secret_is_sent_only_where_it_was_given_for() {
    for kind in [
        CredentialKind::Bearer { scheme: None },
        CredentialKind::Basic {},
        CredentialKind::Header { name: "X-Key".into() },
        CredentialKind::Query { name: "key".into() },
    ] {
        check(kind.clone(), &["api"], "200").await;
        check(kind.clone(), &["login", "api"], "200").await;
        check(kind.clone(), &[], "net.secret-held").await;
        check(kind.clone(), &["login"], "net.secret-held").await;
        check(kind.clone(), &["tls"], "net.secret-held").await;
        check(kind, &["http://api.test", "https://api.test"], "net.secret-held").await;
    }
}

/// The password is for the log-in's host, the token for the other: both must have been said.
#[tokio::test]
async fn a_log_in_is_held_with_its_own_host() {
    check(login(), &["api", "login"], "200").await;
    check(login(), &["api"], "net.secret-held").await;
    check(login(), &["login"], "net.secret-held").await;
}
