//! I10: a secret must be found nowhere outside the vault, in no spelling; and the search finds one that was planted.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::project::Project;
use nave_tests::rng::{Rng, seed};
use nave_tests::systems::{Crm, System};

use super::contacts;

/// Every spelling in which a secret could leak: as it is, URL-encoded, in base64 at every alignment and in both alphabets.
fn spellings(secret: &str) -> Vec<(String, Vec<u8>)> {
    let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut all = vec![("plain".to_owned(), secret.as_bytes().to_vec()), ("url".to_owned(), encoded.into_bytes())];
    for engine in [STANDARD, URL_SAFE] {
        // Alone, as the password of a pair, and at the two other alignments; cut to what the neighbours do not change.
        for shift in 0..3 {
            let text = engine.encode([&b"x".repeat(shift)[..], secret.as_bytes()].concat());
            let inner = text.trim_end_matches('=');
            all.push((format!("base64+{shift}"), inner.as_bytes()[(shift * 4_usize).div_ceil(3)..inner.len() - 1].to_vec()));
        }
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        all.push(("base64".to_owned(), engine.encode(secret).into_bytes()));
    }
    all.push(("hex".to_owned(), secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()));
    all
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// Where a secret is found: name of the place and spelling.
fn search(places: &[(String, Vec<u8>)], secret: &str) -> Vec<String> {
    let spellings = spellings(secret);
    let mut found = Vec::new();
    for (place, bytes) in places {
        for (spelling, needle) in &spellings {
            if holds(bytes, needle) {
                found.push(format!("{place} ({spelling})"));
            }
        }
    }
    found
}

/// Every file below a folder.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if path.is_file() {
            into.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
}

/// Properties of the echoing system's contacts.
const PROPERTIES: [&str; 4] = ["email", "lastname", "nave_id", "lastmodifieddate"];

/// A system that throws whatever it was sent back in its answers: headers, path, all of it.
fn echo() -> (SocketAddr, Arc<Mutex<u64>>) {
    let asked = Arc::new(Mutex::new(0));
    let counter = asked.clone();
    let listener = http::wait(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let addr = listener.local_addr().expect("an address");
    http::runtime().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let counter = counter.clone();
                    async move {
                        *counter.lock().expect("not poisoned") += 1;
                        // Enough of a CRM that something is written to it, and refused.
                        let polite = match request.uri().path() {
                            path if path.starts_with("/crm/v3/properties/") => Some(serde_json::json!({ "results": PROPERTIES.map(|name| {
                                serde_json::json!({ "name": name, "label": name, "type": "string", "hasUniqueValue": name == "nave_id" })
                            }) })),
                            "/crm/v3/objects/contacts/search" => Some(serde_json::json!({ "total": 0, "results": [] })),
                            "/crm/v3/objects/contacts" if request.method() == "GET" => Some(serde_json::json!({ "results": [] })),
                            _ => None,
                        };
                        if let Some(body) = polite {
                            let answer = Response::builder().status(200).header("content-type", "application/json");
                            return answer.body(Full::new(Bytes::from(body.to_string())));
                        }
                        let header = |name: &str| {
                            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
                        };
                        let authorization = header("authorization");
                        let token = authorization.trim_start_matches("Bearer ").to_owned();
                        let message = format!(
                            "you sent {authorization}; in base64 {}, in a URL {}",
                            STANDARD.encode(&token),
                            percent_encoding::utf8_percent_encode(&token, percent_encoding::NON_ALPHANUMERIC)
                        );
                        let body =
                            serde_json::json!({ "message": message, "category": "VALIDATION_ERROR", "token": token }).to_string();
                        let answer =
                            Response::builder().status(400).header("x-echo", token).header("content-type", "application/json");
                        answer.body(Full::new(Bytes::from(body)))
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (addr, asked)
}

fn secret(rng: &mut Rng) -> String {
    // With characters that every encoding changes.
    format!("ca/na+ry {:016x}?{:016x}=&é", rng.next(), rng.next()).replace(' ', "~").replace('é', "!")
}

#[test]
fn canary() {
    let seed = seed(99);
    let mut rng = Rng::new(seed);
    let (kept, thrown) = (secret(&mut rng), secret(&mut rng));
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 20, token: Some(kept.clone()), ..SimConfig::new(3) });
    project.install("hubspot");
    contacts::connect_crm(&project, &crm);
    let (addr, asked) = echo();
    project.connect("hubspot", "echo", &[("url", format!("http://{addr}"))], Some(&thrown));
    let mapping = |connection: &str| {
        format!(
            "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"properties.nave_id\"\n\n[flow.in]\nfreshness = \"24h\"\n\n[flow.out]\nfreshness = \"24h\"\n\n\
             [[field]]\nremote = \"properties.email\"\ncanonical = \"email\"\ndirection = \"both\"\nbecause = \"a test\"\nclear = \"empty-text\"\n\n\
             [[field]]\nremote = \"properties.lastname\"\ncanonical = \"last_name\"\ndirection = \"both\"\nbecause = \"a test\"\nclear = \"empty-text\"\n"
        )
    };
    project.write("mappings/crm.toml", &mapping("crm"));
    project.write("mappings/echo.toml", &mapping("echo"));

    let copy = project.dir().join("copy.nave").display().to_string();

    // Everything that talks, at its most talkative; only the compiler keeps to what concerns people.
    let mut said: Vec<(String, Vec<u8>)> = Vec::new();
    let mut say = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command
            .env("NAVE_LOG", "debug,nave=trace,nave_hub=trace,nave_runtime=trace,nave_store=trace,hyper=trace,cranelift=info")
            .env("RUST_BACKTRACE", "1");
        let ran = nave_tests::project::run(&mut command, None);
        said.push((format!("output of nave {}", arguments.join(" ")), ran.out.clone().into_bytes()));
        said.push((format!("log of nave {}", arguments.join(" ")), ran.err.clone().into_bytes()));
        ran
    };
    let mut talk = |arguments: &[&str]| drop(say(arguments));
    for arguments in [
        &["connection", "check", "crm"][..],
        &["connection", "check", "echo"],
        &["connection", "discover", "crm", "--save"],
        &["connection", "discover", "echo"],
        &["plugin", "call", "echo", "read", "contacts"],
        &["sync"],
        &["plan", "--limit", "100"],
        &["apply"],
        &["sync", "--full"],
        &["status"],
        &["dlq", "list"],
        &["dlq", "show", "1"],
        &["review", "list"],
        &["audit", "--limit", "500"],
        &["run", "list"],
        &["secret", "list"],
        &["connection", "list"],
        &["plugin", "grants"],
        &["record", "list", "contact"],
        &["record", "show", "contact/1"],
        &["doctor"],
        &["backup", &copy],
    ] {
        talk(arguments);
    }
    assert!(*asked.lock().expect("not poisoned") > 0, "the echoing system was asked");
    assert!(crm.sim().expect("a simulator").last_request() > 0, "the CRM was asked, with the secret");
    let serving = project.serve();
    let token = serving.token.clone().unwrap_or_default();
    let bearer = format!("Bearer {token}");
    for path in ["/v1/status", "/v1/audit", "/v1/runs", "/v1/dead-letters", "/v1/connections", "/v1/secrets"] {
        let answer = http::request(serving.addr, "GET", path, &[("authorization", &bearer)], None).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        said.push((format!("answer of {path}"), answer.text.into_bytes()));
    }
    serving.stop();

    let mut places = said;
    files(project.dir(), &mut places);
    assert!(places.iter().any(|(place, _)| place.ends_with("nave.redb")), "the store was searched");
    assert!(places.iter().any(|(place, _)| place.ends_with("copy.nave")), "the backup was searched");
    let stars =
        |place: &str, bytes: &[u8]| place.starts_with("output of nave dlq list") && memchr::memmem::find(bytes, b"***").is_some();
    assert!(places.iter().any(|(place, bytes)| stars(place, bytes)), "a dead letter in the echoing system's words was searched");
    for secret in [&kept, &thrown] {
        assert_eq!(search(&places, secret), Vec::<String>::new(), "a secret was found outside the vault");
    }

    // A search that finds nothing must be able to find something: the same one, with leaks that were planted.
    let planted = |text: String| vec![("planted".to_owned(), format!("…{text}…").into_bytes())];
    for leak in [
        kept.clone(),
        STANDARD.encode(&kept),
        URL_SAFE_NO_PAD.encode(&kept),
        STANDARD.encode(format!("u:{kept}")),
        percent_encoding::utf8_percent_encode(&kept, percent_encoding::NON_ALPHANUMERIC).to_string(),
    ] {
        assert_ne!(search(&planted(leak.clone()), &kept), Vec::<String>::new(), "a planted leak was not found: {leak}");
    }
    fs::write(project.data().join("leak.log"), STANDARD.encode(&thrown)).expect("a leak");
    let mut places = Vec::new();
    files(project.dir(), &mut places);
    let found = search(&places, &thrown);
    assert!(found.iter().all(|place| place.contains("leak.log")) && !found.is_empty(), "{found:?}");
}
