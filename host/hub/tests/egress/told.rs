//! Alerts on the wire: webhooks and mail over real sockets, only to what `nave.toml` names, secrets from the vault alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_core::alert::{Alert, Condition, News};
use nave_core::catalog::{SourceFile, check};
use nave_core::model::Time;
use nave_hub::alerts::{Message, Outlet as _, Outlets};
use nave_hub::egress::{Egress, EgressConfig};
use nave_hub::engine::Engine;
use nave_hub::spoke::{Spoke, SpokeError, Spokes, Transforms};
use nave_store::{Memory, Store};

use crate::server::{Server, ok, status};
use crate::setup::{CANARY, Names, Secrets};
use crate::smtp::{Secured, Smtp};
use crate::tls::Authority;

/// No system: only the settings matter here.
struct Nothing;

impl Spokes for Nothing {
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        Err(SpokeError::Misconfigured(connection.to_owned()))
    }

    fn transforms(&self) -> Arc<dyn Transforms> {
        unreachable!("nothing is transformed here")
    }
}

struct Told {
    outlets: Outlets,
    store: Arc<dyn Store>,
    secrets: Arc<Secrets>,
}

/// A hub with these `[alerts.sinks.ops]` lines.
fn hub(lines: &str, ca: Option<Vec<u8>>) -> Told {
    let text = format!("[alerts.sinks.ops]\n{lines}");
    let sources = [SourceFile { path: "nave.toml".into(), text }];
    let (catalog, _) = check(&sources, &BTreeMap::new()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engine = Engine::new(store.clone(), Arc::new(catalog), Arc::new(Nothing), Arc::new(|| Time(1_000)), "test".into());
    let (names, secrets) = (Arc::new(Names::default()), Arc::new(Secrets::default()));
    names.set("mail.test", &[&["127.0.0.1"]]);
    let config = EgressConfig { extra_ca_pem: ca, resolver: names, ..EgressConfig::default() };
    let egress = Egress::new(config).unwrap();
    Told { outlets: Outlets::new(Arc::new(engine), egress, secrets.clone(), store.clone()), store, secrets }
}

fn message() -> Message {
    let condition = Condition {
        kind: "dead-letter".into(),
        subject: "erp-contacts length".into(),
        count: 7,
        since: Time(0),
        what: "7 set aside; the first: \"quoted\"\nand a second line".into(),
        fix: "nave dlq list --flow erp-contacts --class length".into(),
        runbook: "length".into(),
        owner: "sales-ops".into(),
    };
    Message::new("test", &Alert { id: 3, condition, ..Alert::default() }, News::Opened, Time(5_000))
}

fn loopback(lines: &str) -> String {
    format!("{lines}\nnetworks = [\"127.0.0.0/8\"]\ninsecure = true\nbecause = \"a test\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_json_and_slack_gets_a_text() {
    let server = Server::start(|_| ok("")).await;
    for (kind, path_secret) in [("webhook", ""), ("slack", "\npath-secret = \"hook\"")] {
        let lines =
            format!("kind = \"{kind}\"\nurl = \"http://127.0.0.1:{}/in/\"\nbearer = \"token\"{path_secret}", server.port());
        let told = hub(&loopback(&lines), None);
        told.secrets.set("token", CANARY);
        told.secrets.set("hook", "T1/B2/x9");
        told.outlets.tell("ops", &message()).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!(request.header("authorization"), [format!("Bearer {CANARY}")], "{kind}");
        assert_eq!(request.header("content-type"), ["application/json"], "{kind}");
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        match kind {
            "slack" => {
                assert_eq!(request.line(), "POST /in/T1/B2/x9 HTTP/1.1");
                let text = body["text"].as_str().unwrap();
                for part in
                    ["[nave test] dead-letter erp-contacts length (7)", "\"quoted\"", "Who: sales-ops", "nave runbook length"]
                {
                    assert!(text.contains(part), "{part}: {text}");
                }
            }
            _ => {
                assert_eq!(request.line(), "POST /in/ HTTP/1.1");
                let parts = (&body["alert"], &body["kind"], &body["news"], &body["count"], &body["owner"]);
                assert_eq!(parts, (&3.into(), &"dead-letter".into(), &"opened".into(), &7.into(), &"sales-ops".into()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_not_reached_and_no_error_holds_a_secret() {
    let server = Server::start(|_| status(500, "", "no")).await;
    let url = format!("url = \"http://127.0.0.1:{}/in/\"\npath-secret = \"hook\"", server.port());
    let lines = format!("kind = \"slack\"\n{url}\ninsecure = true\nbecause = \"a test\"\n");
    let told = hub(&lines, None);
    told.secrets.set("hook", "T1/B2/secret-part");
    let denied = told.outlets.tell("ops", &message()).await.unwrap_err();
    assert!(denied.contains("net.address-denied"), "{denied}");
    assert!(server.requests().is_empty());
    assert!(told.store.audit(10).unwrap().iter().any(|line| line.action == "net.address-denied"), "and audited");
    let told = hub(&loopback(&format!("kind = \"slack\"\n{url}")), None);
    told.secrets.set("hook", "T1/B2/secret-part");
    let failed = told.outlets.tell("ops", &message()).await.unwrap_err();
    assert!(failed.contains("500") && !failed.contains("secret-part"), "{failed}");
    // A secret that was given for another host does not go here.
    told.secrets.bind("hook", &["https://hooks.slack.com"]);
    let held = told.outlets.tell("ops", &message()).await.unwrap_err();
    assert!(held.contains("nave connection approve hub"), "{held}");
    assert_eq!(server.requests().len(), 1);
}

/// One mail over such a server; the error's text, or none.
async fn mail(
    secured: Secured,
    tls: &str,
    login: bool,
    ca: &Authority,
    change: impl Fn(String) -> String,
) -> (Smtp, Option<String>) {
    let smtp = Smtp::start(secured).await;
    let login = if login { "user = \"nave\"\nsecret = \"smtp\"\n" } else { "" };
    let lines = format!(
        "kind = \"mail\"\nhost = \"mail.test\"\nport = {}\ntls = \"{tls}\"\n{login}from = \"nave@example.com\"\nto = [\"ops@example.com\"]\n",
        smtp.port
    );
    let told = hub(&change(loopback(&lines)), Some(ca.pem.clone()));
    told.secrets.set("smtp", CANARY);
    let answer = told.outlets.tell("ops", &message()).await;
    (smtp, answer.err())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_encrypted_and_signed_in() {
    let ca = Authority::new();
    let acceptor = || ca.acceptor("mail.test", |_| ());
    for (secured, tls, login) in [
        (Secured::StartTls(acceptor()), "starttls", true),
        (Secured::Tls(acceptor()), "tls", true),
        (Secured::Plain, "none", false),
    ] {
        let (smtp, error) = mail(secured, tls, login, &ca, |lines| lines).await;
        assert_eq!(error, None, "{tls}");
        let mails = smtp.mails();
        assert_eq!(mails.len(), 1, "{tls}");
        let arrived = &mails[0];
        assert_eq!((arrived.from.as_str(), arrived.to.as_slice()), ("nave@example.com", &["ops@example.com".to_owned()][..]));
        assert!(arrived.text.contains("Subject: [nave test] dead-letter erp-contacts length (7)"), "{}", arrived.text);
        assert!(arrived.text.contains("nave dlq list --flow erp-contacts --class length"), "{}", arrived.text);
        assert_eq!(arrived.user.as_deref(), login.then_some("nave"), "{tls}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_not_who_it_should_be_gets_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let same = |lines: String| lines;
    for (what, secured, tls, says) in [
        ("another authority", Secured::StartTls(theirs.acceptor("mail.test", |_| ())), "starttls", ""),
        ("another name", Secured::Tls(ours.acceptor("evil.test", |_| ())), "tls", "TLS"),
        ("no STARTTLS", Secured::Plain, "starttls", "offers no STARTTLS"),
    ] {
        let (smtp, error) = mail(secured, tls, true, &ours, same).await;
        let error = error.unwrap_or_else(|| panic!("{what}: it was sent"));
        assert!(error.contains(says) && !error.contains(CANARY), "{what}: {error}");
        assert!(smtp.mails().is_empty(), "{what}");
        assert!(!smtp.lines().iter().any(|line| line.starts_with("AUTH")), "{what}: {:?}", smtp.lines());
    }
    let far = |lines: String| lines.replace("networks = [\"127.0.0.0/8\"]\n", "");
    let (smtp, error) = mail(Secured::Plain, "none", false, &ours, far).await;
    assert!(error.unwrap().contains("net.address-denied"));
    assert!(smtp.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_said_without_the_password() {
    let ca = Authority::new();
    let wrong = |lines: String| lines.replace("ops@example.com", "nobody@example.com");
    let (smtp, error) = mail(Secured::Tls(ca.acceptor("mail.test", |_| ())), "tls", true, &ca, wrong).await;
    let error = error.unwrap();
    assert!(error.contains("Mailbox unavailable") && !error.contains(CANARY), "{error}");
    assert!(smtp.mails().is_empty());
}
