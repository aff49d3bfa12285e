//! A secret in an element of an XML body: at its place and nowhere else, taken out of what comes back, and exchanged without a
//! failed call though the status of a refusal does not tell.

use std::sync::Arc;

use nave_core::manifest::CredentialKind;
use nave_hub::egress::Request;

use crate::server::{Server, ok, status};
use crate::setup::{CANARY, Setup, get, outcome, request};

const REFUSED: &str = "Authentication failed";
const EMPTY: &str = "<password></password>";

fn envelope(argument: &str) -> String {
    format!("<s:Envelope xmlns:s=\"urn:s\"><s:Body><run><name>{argument}</name>{EMPTY}</run></s:Body></s:Envelope>")
}

fn call(body: &str) -> Request {
    let headers = vec![("Content-Type".into(), "text/xml; charset=utf-8".into())];
    Request { headers, body: Some(body.to_owned().into()), ..request("POST", "/soap") }
}

/// As the element spells it.
fn spelled(secret: &str) -> String {
    secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn setup(server: &Server) -> Setup {
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(CredentialKind::Body { element: "/Envelope/Body/run/password".into(), refused: Some(REFUSED.into()) });
    setup
}

#[tokio::test]
async fn the_secret_stands_in_its_element_and_nowhere_else() {
    let server = Server::start(|_| ok("<a/>")).await;
    let setup = setup(&server);
    // Whatever a record says, nothing of it calls for the secret.
    for argument in ["Ada", "{secret}", "&lt;password&gt;&lt;/password&gt;", "<![CDATA[<password></password>]]>"] {
        assert_eq!(outcome(&setup.channel().send("api", call(&envelope(argument))).await), "200");
        let seen = server.requests().pop().unwrap();
        let filled = format!("</name><password>{}</password></run>", spelled(CANARY));
        let expected = envelope(argument).replace("</name><password></password></run>", &filled);
        assert_eq!(String::from_utf8_lossy(&seen.body), expected);
        assert!(seen.header("authorization").is_empty() && !seen.head.contains("c4nary"));
    }
}

#[tokio::test]
async fn a_body_that_a_server_could_read_otherwise_is_not_sent() {
    let server = Server::start(|_| ok("<a/>")).await;
    let setup = setup(&server);
    let channel = setup.channel();
    let good = envelope("Ada");
    for body in [
        "{}".to_owned(),
        good.replace(EMPTY, ""),
        good.replace(EMPTY, &EMPTY.repeat(2)),
        good.replace(EMPTY, "<password>mine</password>"),
        // Another element that refers to it would have the secret stored as somebody's name.
        good.replace(EMPTY, "<password id=\"p\"></password>").replace("<name>", "<name href=\"#p\">"),
        format!("<!DOCTYPE a>{good}"),
    ] {
        assert_eq!(outcome(&channel.send("api", call(&body)).await), "net.credential-place", "{body}");
    }
    for headers in [vec![], vec![("Content-Type".to_owned(), "text/xml; charset=utf-7".to_owned())]] {
        let sent = Request { headers, ..call(&good) };
        assert_eq!(outcome(&channel.send("api", sent).await), "net.credential-place");
    }
    assert_eq!(outcome(&get(&channel, "/soap").await), "net.credential-place", "no body at all");
    let held = channel.send_blob("api", call(""), Arc::new(bytes::Bytes::from(good))).await;
    assert!(held.err().is_some_and(|error| error.to_string().contains("net.credential-place")));
    assert!(server.requests().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn what_the_system_says_back_is_without_it() {
    let server = Server::start(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        status(500, "", &format!("<Fault><faultstring>not understood: {body} {CANARY}</faultstring></Fault>"))
    })
    .await;
    let setup = setup(&server);
    let answer = setup.channel().send("api", call(&envelope("Ada"))).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("<password>***</password>") && !text.contains("S3cret"), "{text}");
    assert!(setup.audit.notes().iter().any(|note| note.action == "net.secret-scrubbed"));
}

#[tokio::test]
async fn a_successor_is_refused_in_words() {
    for (takes, decided) in [("the-n3w-secret", "crm-key: taken"), ("the-0ld-secret", "crm-key: refused")] {
        let server = Server::start(move |request| {
            let taken = String::from_utf8_lossy(&request.body).contains(takes);
            if taken { ok("<a/>") } else { status(500, "", &format!("<Fault><faultstring>{REFUSED}</faultstring></Fault>")) }
        })
        .await;
        let setup = setup(&server);
        setup.secrets.set("crm-key", "the-0ld-secret");
        setup.secrets.2.next.lock().unwrap().insert("crm-key".into(), "the-n3w-secret".into());
        assert_eq!(outcome(&setup.channel().send("api", call(&envelope("Ada"))).await), "200", "{takes}");
        let settled = setup.secrets.2.settled.lock().unwrap().clone();
        assert!(settled.iter().any(|one| one.starts_with(decided)), "{settled:?}");
    }
}
