//! Requests that the hub signs with a key: over what was really sent, anew for every try, and the guest sees nothing of it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nave_core::manifest::CredentialKind;
use nave_core::signing::HmacAlgorithm;
use nave_core::webhook::{Encoding, SignedTime, TimeFormat};
use nave_hub::egress::Request;
use ring::hmac;

use crate::server::{Captured, Server, ok, status};
use crate::setup::{CANARY, Setup, get, outcome, post, request};

const OVER: &str = "{time}\n{method}\n{host}{target}\n{id}:{body}";

fn kind(algorithm: HmacAlgorithm, encoding: Encoding) -> CredentialKind {
    CredentialKind::Hmac {
        header: "X-Signature".into(),
        prefix: "v1=".into(),
        algorithm,
        encoding,
        over: OVER.into(),
        time: Some(SignedTime { header: "X-Time".into(), format: TimeFormat::Seconds }),
        id_header: Some("X-Key".into()),
    }
}

/// The key is what follows the first colon of the secret.
fn parts() -> (&'static str, &'static str) {
    CANARY.split_once(':').unwrap()
}

async fn start(kind: CredentialKind) -> (Server, Setup) {
    let server =
        Server::start(
            |request| if request.line().contains("/echo") { ok(&format!("{}{}", request.head, CANARY)) } else { ok("{}") },
        )
        .await;
    let mut setup = Setup::new(&format!("http://api.test:{}/v1", server.port()));
    setup.credential(kind);
    setup.clock = Some(Arc::new(AtomicI64::new(1_700_000_000_000)));
    (server, setup)
}

/// The signature of what was on the wire.
fn expected(seen: &Captured, algorithm: hmac::Algorithm) -> Vec<u8> {
    let mut words = seen.line().split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let head = format!("{}\n{method}\n{}{target}\n{}:", seen.header("x-time")[0], seen.header("host")[0], parts().0);
    let text = [head.as_bytes(), &seen.body].concat();
    hmac::sign(&hmac::Key::new(algorithm, parts().1.as_bytes()), &text).as_ref().to_vec()
}

#[tokio::test]
async fn what_is_sent_is_what_is_signed() {
    for (algorithm, of_ring) in [(HmacAlgorithm::Sha256, hmac::HMAC_SHA256), (HmacAlgorithm::Sha512, hmac::HMAC_SHA512)] {
        for encoding in [Encoding::Hex, Encoding::Base64] {
            let (server, setup) = start(kind(algorithm, encoding)).await;
            let channel = setup.channel();
            assert_eq!(outcome(&get(&channel, "/x?b=2&a=%20%C3%A9").await), "200");
            assert_eq!(outcome(&post(&channel, "/y", "{\"n\":1}").await), "200");
            let held = Arc::new(bytes::Bytes::from(vec![7_u8; 200_000]));
            channel.send_blob("api", request("PUT", "/z"), held).await.unwrap();
            for seen in server.requests() {
                let digest = expected(&seen, of_ring);
                let text = match encoding {
                    Encoding::Base64 => STANDARD.encode(digest),
                    Encoding::Hex => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
                };
                assert_eq!(seen.header("x-signature"), [format!("v1={text}").as_str()], "{}", seen.head);
                assert_eq!((seen.header("x-time"), seen.header("x-key")), (vec!["1700000000"], vec![parts().0]));
                assert!(
                    !seen.head.contains(parts().1) && seen.header("authorization").is_empty(),
                    "the key stays: {}",
                    seen.head
                );
            }
            assert_eq!(server.requests().len(), 3);
        }
    }
}

#[tokio::test]
async fn the_plugin_can_neither_set_nor_see_what_signs() {
    let (server, setup) = start(kind(HmacAlgorithm::Sha256, Encoding::Hex)).await;
    let channel = setup.channel();
    for own in ["X-Signature", "x-signature", "X-Time", "X_Time", "X-Key"] {
        let request = Request { headers: vec![(own.into(), "mine".into())], ..request("GET", "/x") };
        assert_eq!(outcome(&channel.send("api", request).await), "net.header-denied", "{own}");
    }
    assert!(server.requests().is_empty());
    let answer = get(&channel, "/echo").await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("***") && !text.contains(parts().1), "{text}");
}

/// A secret without a name before the colon, or with a key that is none.
#[tokio::test]
async fn a_key_that_cannot_sign_is_said_before_anything_is_sent() {
    let (server, setup) = start(kind(HmacAlgorithm::Sha256, Encoding::Hex)).await;
    for secret in ["no-colon", "id:"] {
        setup.secrets.set("crm-key", secret);
        let result = get(&setup.channel(), "/x").await;
        assert_eq!(outcome(&result), "net.credential-unusable");
        assert!(format!("{result:?}").contains("nave secret set crm-key"), "{result:?}");
    }
    assert!(server.requests().is_empty());
}

/// A credential is put on its paths alone.
#[tokio::test]
async fn a_secret_is_used_only_on_the_paths_that_it_was_granted_for() {
    let server = Server::start(|_| status(200, "", "{}")).await;
    for (paths, path, expected) in [
        (vec![], "/v2/x", "200"),
        (vec!["/v1"], "/v1/contacts?a=b", "200"),
        (vec!["/v1"], "/v1", "200"),
        (vec!["/v1"], "/v10", "net.credential-denied"),
        (vec!["/v1"], "/v2/v1", "net.credential-denied"),
        (vec!["/v1", "/v2"], "/v2", "200"),
    ] {
        let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.credential(CredentialKind::Bearer { scheme: None });
        setup.config.credentials.get_mut("key").unwrap().paths = paths.iter().map(ToString::to_string).collect();
        let before = server.requests().len();
        let result = get(&setup.channel(), path).await;
        assert_eq!(outcome(&result), expected, "{paths:?} {path}");
        if expected != "200" {
            assert!(
                server.requests().len() == before && format!("{result:?}").contains("`paths` under [credentials.key]"),
                "{result:?}"
            );
        }
    }
}
