//! I10: a secret must be found nowhere outside the vault, in no spelling: not in what the hub says, logs, keeps, measures or
//! hands on, and not in a guest's memory. And the search finds what was planted, in every kind of place.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nave_hostile::Contract;
use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::leaks::Places;
use nave_tests::project::{Project, until, wait_for};
use nave_tests::rng::{Rng, seed};
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

use super::contacts;

/// Properties of the throwing system's contacts.
const PROPERTIES: [&str; 4] = ["email", "lastname", "nave_id", "lastmodifieddate"];
/// Everything that talks, at its most talkative; only the compiler keeps to what concerns people.
const TALKATIVE: &str = "debug,nave=trace,nave_hub=trace,nave_runtime=trace,nave_store=trace,hyper=trace,cranelift=info";
/// What looks for secrets asks for these, at each of its connections.
const ASKED: [(&str, &str); 7] = [
    ("api", "/refused?a=1"),
    ("api", "/fails"),
    ("api", "/elsewhere"),
    ("api", "/cut-off"),
    ("down", "/nobody-listens"),
    ("tls", "/no-tls"),
    ("api", "/polite"),
];

/// A system that throws whatever it was sent back in its answers, in every spelling; and what plugins sent it of their memory.
#[derive(Clone)]
struct Thrower {
    addr: SocketAddr,
    asked: Arc<Mutex<u64>>,
    memories: Arc<Mutex<Vec<Vec<u8>>>>,
    granted: Arc<Mutex<Granted>>,
}

/// What people agreed to at it.
struct Granted {
    rng: Rng,
    /// Codes, access and refresh tokens that it gave, by what they are.
    given: BTreeMap<String, Vec<u8>>,
    /// It takes everything back.
    over: bool,
}

impl Granted {
    fn make(&mut self, what: &str) -> String {
        let made = secret(&mut self.rng);
        self.given.insert(format!("{what} {}", self.given.len()), made.clone().into_bytes());
        made
    }

    /// Every answer has another refresh token, and an access token that is over at once.
    fn answer(&mut self, form: &str) -> (u16, Value) {
        let message = spelled(form.split('&').filter_map(|pair| Some(decoded(pair.split_once('=')?.1))));
        if self.over {
            return (400, json!({ "error": "invalid_grant", "error_description": message, "message": message }));
        }
        let (access, refresh) = (self.make("an access token"), self.make("a refresh token"));
        let tokens = json!({ "access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 1 });
        (
            200,
            json!({ "message": message }).as_object().into_iter().flatten().fold(tokens, |mut all, (name, value)| {
                all[name] = value.clone();
                all
            }),
        )
    }
}

impl Thrower {
    /// `tokens` are what its `/token` and `/login` give; `planted` is no secret, and is in every refusal.
    fn start(tokens: [String; 2], planted: &str) -> Self {
        let listener = http::wait(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let granted = Granted { rng: Rng::new(seed(98)), given: BTreeMap::new(), over: false };
        let server = Self { addr, asked: Arc::default(), memories: Arc::default(), granted: Arc::new(Mutex::new(granted)) };
        let (serving, planted) = (server.clone(), planted.to_owned());
        http::runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, tokens, planted) = (serving.clone(), tokens.clone(), planted.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let (server, tokens, planted) = (server.clone(), tokens.clone(), planted.clone());
                        async move { server.answer(request, &tokens, &planted).await }
                    });
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        server
    }

    async fn answer(
        &self,
        request: Request<hyper::body::Incoming>,
        [token, login]: &[String; 2],
        planted: &str,
    ) -> Result<Response<Full<Bytes>>, String> {
        *self.asked.lock().expect("not poisoned") += 1;
        let thrown = thrown(&request, planted);
        let uri = request.uri().to_string();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let mut granted = None;
        let polite = match path.as_str() {
            // A person agrees at once, in a browser and at a device.
            "/authorize" => {
                let query = request.uri().query().unwrap_or_default();
                let field = |name: &str| nave_tests::sign_in::field(query, name).unwrap_or_default();
                let code = self.granted.lock().expect("not poisoned").make("a code");
                let (code, state) = (percent(&code), percent(&field("state")));
                let back = format!("{}?code={code}&state={state}", field("redirect_uri"));
                let answer = Response::builder().status(303).header("location", back);
                return answer.body(Full::default()).map_err(|error| error.to_string());
            }
            "/device" => {
                let code = self.granted.lock().expect("not poisoned").make("a device's code");
                let address = format!("http://{}/type-it-in", self.addr);
                Some(json!({ "device_code": code, "user_code": "AB-CD", "verification_uri": address, "interval": 1 }))
            }
            "/grant" => {
                let form = request.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
                let (status, answer) = self.granted.lock().expect("not poisoned").answer(&String::from_utf8_lossy(&form));
                granted = Some(status);
                Some(answer)
            }
            // Enough of a CRM that something is written to it, and refused.
            path if path.starts_with("/crm/v3/properties/") => Some(json!({ "results": PROPERTIES.map(|name| {
                json!({ "name": name, "label": name, "type": "string", "hasUniqueValue": name == "nave_id" })
            }) })),
            "/crm/v3/objects/contacts/search" => Some(json!({ "total": 0, "results": [] })),
            "/crm/v3/objects/contacts" if method == "GET" => Some(json!({ "results": [] })),
            "/token" => Some(json!({ "access_token": token, "token_type": "bearer", "expires_in": 3600, "message": thrown })),
            "/login" => Some(json!({ "token": login, "message": thrown })),
            "/memory" => {
                let memory = request.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
                self.memories.lock().expect("not poisoned").push(memory.to_vec());
                Some(json!({}))
            }
            "/polite" => Some(json!({ "message": thrown })),
            "/cut-off" => return Err("closed without an answer".to_owned()),
            _ => None,
        };
        let status = match path.as_str() {
            _ if granted.is_some() => granted.unwrap_or_default(),
            _ if polite.is_some() => 200,
            "/fails" => 500,
            "/elsewhere" => 302,
            _ => 400,
        };
        let body = polite.unwrap_or_else(|| json!({ "message": thrown, "category": "VALIDATION_ERROR" }));
        let header: String = thrown.chars().filter(|c| (' '..='~').contains(c)).collect();
        let answer = Response::builder().status(status).header("x-thrown", &header).header("content-type", "application/json");
        let location = format!("http://{}/there?from={uri}", self.addr);
        answer.header("location", location).body(Full::new(Bytes::from(body.to_string()))).map_err(|error| error.to_string())
    }
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Everything that a request brought of its sender, as it came and in other spellings.
fn thrown<B>(request: &Request<B>, planted: &str) -> String {
    let mut sent: Vec<String> = vec![request.uri().to_string()];
    for (_, value) in request.headers() {
        let value = value.to_str().unwrap_or_default();
        sent.push(value.to_owned());
        sent.extend(value.split(' ').map(str::to_owned));
        let password = value.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
        sent.extend(password.and_then(|pair| String::from_utf8(pair).ok()?.split_once(':').map(|(_, word)| word.to_owned())));
    }
    let query = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    sent.extend(query.map(|(_, value)| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()));
    format!("planted {planted}; you sent {}", spelled(sent.into_iter()))
}

/// Texts as they are and in other spellings.
fn spelled(texts: impl Iterator<Item = String>) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let spelled = texts.filter(|text| text.len() > 20).map(|text| {
        format!("{text}; {}; {}; {}; {}", STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), percent(&text), hex(&text))
    });
    spelled.collect::<Vec<_>>().join("; ")
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// A port where nobody speaks TLS: every connection is told something else.
fn no_tls() -> SocketAddr {
    use std::io::Write as _;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
        }
    });
    addr
}

fn secret(rng: &mut Rng) -> String {
    // With characters that every encoding changes.
    format!("ca/na+ry~{:016x}?\"{:016x}=&!", rng.next(), rng.next())
}

/// The ways in which a credential is applied, as a manifest has them.
fn kinds() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("bearer", json!({ "kind": "bearer" })),
        ("basic", json!({ "kind": "basic" })),
        ("header", json!({ "kind": "header", "name": "x-key" })),
        ("query", json!({ "kind": "query", "name": "key" })),
        ("hmac", json!({ "kind": "hmac", "header": "x-signature", "over": "{method}{target}{body}" })),
        ("oauth-client-credentials", json!({ "kind": "oauth-client-credentials", "endpoint": "api", "path": "/token" })),
        (
            "login",
            json!({ "kind": "login", "endpoint": "api", "path": "/login", "token": "/token",
                "body": "{\"user\":\"{user}\",\"password\":\"{password}\"}" }),
        ),
        ("oauth2", signs_in()),
        ("device", signs_in()),
    ])
}

/// Of the kinds, the one to which a person agrees in a browser, while the hub serves.
const IN_A_BROWSER: &str = "oauth2";
const AT_A_DEVICE: &str = "device";

fn signs_in() -> Value {
    let place = |path: &str| json!({ "endpoint": "api", "path": path });
    json!({ "kind": "oauth2", "authorization": place("/authorize"), "token": place("/grant"), "device": place("/device") })
}

/// The manifest of what looks for secrets.
fn snoop_manifest(name: &str) -> String {
    let allow = json!([{ "methods": ["GET", "POST"], "paths": ["/"] }]);
    let endpoint =
        |setting: &str| json!({ "base": format!("{{settings.{setting}}}"), "allow": allow, "credential": "key", "reason": "r" });
    let setting = json!({ "label": "l", "type": "url", "required": true });
    let kinds: Vec<Value> = kinds().into_iter().filter(|(name, _)| *name != AT_A_DEVICE).map(|(_, kind)| kind).collect();
    json!({
        "name": name, "version": "1.0.0", "serial": 1, "title": "Snoop", "description": "", "kind": "connector",
        "settings": { "url": setting, "down": setting, "tls": setting, "note": { "label": "l" } },
        "endpoints": { "api": endpoint("url"), "down": endpoint("down"), "tls": endpoint("tls") },
        "credentials": { "key": { "kinds": kinds, "reason": "r" } },
    })
    .to_string()
}

/// All secrets of one hub, by what they are.
struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    fn make(&mut self, rng: &mut Rng, what: &str) -> String {
        let made = secret(rng);
        self.0.insert(what.to_owned(), made.clone().into_bytes());
        made
    }

    #[track_caller]
    fn nowhere_in(&self, places: &Places) {
        for (what, secret) in &self.0 {
            assert_eq!(places.find(secret), [], "{what} was found outside the vault");
        }
    }
}

/// Runs a command with everything logged; what it said is searched.
fn say(project: &Project, places: &mut Places, arguments: &[&str]) -> nave_tests::project::Ran {
    let mut command = project.command(arguments);
    command.env("NAVE_LOG", TALKATIVE).env("RUST_BACKTRACE", "1");
    let ran = nave_tests::project::run(&mut command, None);
    places.add("output", format!("of nave {}", arguments.join(" ")), ran.out.clone());
    places.add("log", format!("of nave {}", arguments.join(" ")), ran.err.clone());
    ran
}

/// A path of the API or a page, with its places filled in.
fn filled(path: &str, connection: &str) -> String {
    let values = [
        ("{flow}", format!("{connection}-contacts")),
        ("{mapping}", format!("{connection}-contacts")),
        ("{left}", "crm".to_owned()),
        ("{right}", connection.to_owned()),
        ("{entity}", "contact".to_owned()),
        ("{number}", "1".to_owned()),
        ("{id}", "1".to_owned()),
        ("{connection}", connection.to_owned()),
        ("{stream}", "contacts".to_owned()),
        ("{remote_id}", "1".to_owned()),
        ("{class}", "rejected".to_owned()),
        ("{name}", connection.to_owned()),
        ("{field}", "contact.email".to_owned()),
        ("{from}", format!("{connection}@now")),
        ("{to}", format!("{connection}@now")),
    ];
    values.iter().fold(path.to_owned(), |path, (place, value)| path.replace(place, value))
}

/// Every answer of the API, every page, and the numbers for Prometheus.
fn ask_everything(serving: SocketAddr, token: &str, connection: &str, places: &mut Places) {
    let bearer = format!("Bearer {token}");
    let get = |path: &str| {
        http::request(serving, "GET", path, &[("authorization", &bearer)], None).unwrap_or_else(|| panic!("no answer of {path}"))
    };
    let routes = get("/v1").json();
    let routes = routes["routes"].as_array().expect("routes").iter().filter(|route| route["method"] == "GET");
    let mut answered = 0;
    for path in routes.map(|route| filled(route["path"].as_str().expect("a path"), connection)) {
        let answer = get(&path);
        answered += usize::from(answer.status == 200);
        places.add("API", format!("{path} ({})", answer.status), answer.text);
    }
    assert!(answered > 40, "{answered} routes of the API answered");
    let mut pages = 0;
    for path in [
        "/",
        "/census",
        "/connections",
        "/connections/{name}",
        "/mappings",
        "/mappings/{mapping}",
        "/merges",
        "/records",
        "/records/contact/1",
        "/reviews",
        "/runbooks",
        "/runbooks/{class}",
        "/schedule",
        "/reconcile",
        "/reconcile/{left}/{right}/contact",
    ] {
        let path = filled(path, connection);
        let answer = get(&path);
        pages += usize::from(answer.status == 200);
        places.add("page", format!("{path} ({})", answer.status), answer.text);
    }
    assert!(pages > 10, "{pages} pages answered");
    let metrics = get("/metrics");
    assert_eq!(metrics.status, 200);
    places.add("metrics", "/metrics", metrics.text);
}

/// A command without any power over others: an administrator's may look into everything.
fn powerless(inner: &Command) -> Command {
    if !nave_tests::project::is_root() {
        let mut command = Command::new(inner.get_program());
        command.args(inner.get_args());
        return command;
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-all", "--inh-caps", "-all"]).arg(inner.get_program()).args(inner.get_args());
    command
}

/// Whether another process of the same user may look into this one.
fn may_look_into(pid: u32) -> bool {
    let looked = powerless(Command::new("head").args(["-c1", &format!("/proc/{pid}/maps")])).output();
    let looked = looked.expect("setpriv and head are there");
    looked.status.success() && !looked.stdout.is_empty()
}

fn mapping(connection: &str) -> String {
    format!(
        "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"properties.nave_id\"\n\n[flow.in]\nfreshness = \"24h\"\n\n[flow.out]\nfreshness = \"24h\"\n\n\
         [[field]]\nremote = \"properties.email\"\ncanonical = \"email\"\ndirection = \"both\"\nbecause = \"a test\"\nclear = \"empty-text\"\n\n\
         [[field]]\nremote = \"properties.lastname\"\ncanonical = \"last_name\"\ndirection = \"both\"\nbecause = \"a test\"\nclear = \"empty-text\"\n"
    )
}

#[test]
fn canary() {
    let mut rng = Rng::new(seed(99));
    let mut secrets = Secrets(BTreeMap::new());
    // No secret, but sixteen letters that stand in names, settings and refusals: the search must come upon them everywhere.
    let planted = format!("{:08x}{:08x}", rng.next() & 0xffff_ffff, rng.next() & 0xffff_ffff);
    let mut places = Places::default();
    let project = Project::init();

    let crm_token = secrets.make(&mut rng, "the CRM's token");
    let crm = Crm::start("crm", SimConfig { records: 20, token: Some(crm_token), ..SimConfig::new(3) });
    project.install("hubspot");
    contacts::connect_crm(&project, &crm);
    let given = [secrets.make(&mut rng, "an access token"), secrets.make(&mut rng, "a log-in's token")];
    let thrower = Thrower::start(given, &planted);
    let throws = format!("t{planted}");
    let thrown = secrets.make(&mut rng, "the throwing system's token");
    project.connect("hubspot", &throws, &[("url", format!("http://{}", thrower.addr))], Some(&thrown));
    project.write("mappings/crm-contacts.toml", &mapping("crm"));
    project.write(&format!("mappings/{throws}-contacts.toml"), &mapping(&throws));

    // Plugins that look for secrets, one of each version of the contract, in turn with a credential of every kind.
    let snoops = Contract::ALL.map(|contract| {
        let (name, file) = (format!("snoop-{contract:?}").to_lowercase().replace('_', "-"), project.dir().join("snoop.wasm"));
        let plugin = nave_hostile::snoop(contract, &snoop_manifest(&name), &ASKED, ("api", "/memory"));
        fs::write(&file, plugin).expect("written");
        project.ok(&["plugin", "install", &file.display().to_string()]);
        name
    });
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let settings = [
        format!("url=http://{}", thrower.addr),
        format!("down=http://{nobody}"),
        format!("tls=https://{}", no_tls()),
        format!("note={planted}"),
    ];
    let kinds: Vec<&str> = kinds().into_keys().collect();
    for (kind, snoop) in kinds.iter().zip(snoops.iter().cycle()) {
        let own = secrets.make(&mut rng, &format!("the secret of {kind}"));
        if *kind == "basic" {
            // As it goes over the wire, which a system may echo encoded once more.
            secrets.0.insert("the pair of basic".to_owned(), STANDARD.encode(format!("somebody:{own}")).into_bytes());
        }
        let own = if matches!(*kind, "basic" | "oauth-client-credentials" | "login" | IN_A_BROWSER | AT_A_DEVICE) {
            format!("somebody:{own}")
        } else {
            own
        };
        let chosen = format!("key={}", if *kind == AT_A_DEVICE { IN_A_BROWSER } else { kind });
        let mut arguments = vec!["connection", "add", snoop, "--name", kind, "--credential-kind", &chosen];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting.as_str()]));
        arguments.extend(["--grant-network", "127.0.0.0/8", "--insecure", "--because", "a test", "--secret-from", "-", "--yes"]);
        project.tell(&arguments, &own);
    }

    // What systems tell, by a signature.
    let hooks = secrets.make(&mut rng, "the secret of the CRM's webhooks");
    let file = project.read("connections/crm.toml");
    project.write("connections/crm.toml", &format!("{file}\n[webhook]\nsecret = \"crm-hooks\"\n"));
    project.tell(&["secret", "set", "crm-hooks"], &hooks);

    let agreed = say(&project, &mut places, &["connection", "authorize", AT_A_DEVICE, "--device"]);
    assert_eq!(agreed.code, Some(0), "{agreed:?}");

    let copy = project.dir().join("copy.nave").display().to_string();
    let mut said = |arguments: &[&str]| say(&project, &mut places, arguments);
    for arguments in [
        &["connection", "check", "crm"][..],
        &["connection", "check", &throws],
        &["connection", "discover", "crm", "--save"],
        &["connection", "discover", &throws],
        &["plugin", "call", &throws, "read", "contacts"],
        &["sync"],
        &["plan", "--limit", "100"],
        &["apply"],
        &["sync", "--full"],
        &["status"],
        &["dlq", "list"],
        &["dlq", "show", "1"],
        &["review", "list"],
        &["audit", "--limit", "500"],
        &["audit", "export"],
        &["run", "list"],
        &["secret", "list"],
        &["connection", "list"],
        &["plugin", "grants"],
        &["plugin", "record", "crm"],
        &["record", "list", "contact"],
        &["record", "show", "contact/1"],
        &["record", "trace", "contact/1"],
        &["access", "list"],
        &["doctor"],
        &["backup", &copy],
    ] {
        let ran = said(arguments);
        if arguments[0] == "dlq" {
            assert!(ran.out.contains("***") && ran.out.contains(&planted), "a dead letter in the system's words: {ran:?}");
        }
    }
    for kind in &kinds {
        let ran = said(&["plugin", "call", kind, "check"]);
        assert!(ran.code == Some(0) || *kind == IN_A_BROWSER, "{kind}: {ran:?}");
    }
    assert!(*thrower.asked.lock().expect("not poisoned") > 0, "the throwing system was asked");
    assert!(crm.sim().expect("a simulator").last_request() > 0, "the CRM was asked, with the secret");

    // The same while it serves, and what systems tell it.
    let log = project.dir().join("serve.log");
    let serve = project.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut serving = powerless(&serve)
        .envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("NAVE_LOG", TALKATIVE)
        .stdin(Stdio::null())
        .stdout(fs::File::create(project.dir().join("serve.out")).expect("a file"))
        .stderr(fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("nave runs");
    let first: Value = until("it says where it serves", || {
        serde_json::from_str(project.read("serve.out").lines().next().unwrap_or_default()).ok()
    });
    // The one line in which the token is told, once.
    fs::remove_file(project.dir().join("serve.out")).expect("it goes");
    let token = first["token"].as_str().expect("the first token").to_owned();
    secrets.0.insert("the token of the API".to_owned(), token.clone().into_bytes());
    secrets.0.insert("the master key".to_owned(), fs::read(project.data().join("master.key")).expect("the master key"));
    let addr: SocketAddr =
        first["address"].as_str().unwrap_or_default().trim_start_matches("http://").parse().expect("an address");
    let sim = crm.sim().expect("a simulator");
    sim.control("POST", "/_sim/webhooks", Some(json!({ "url": format!("http://{addr}/hooks/crm"), "secret": hooks })));
    let forged = [("x-hubspot-signature-v3", hooks.as_str()), ("x-hubspot-request-timestamp", "1")];
    http::request(addr, "POST", "/hooks/crm", &forged, Some(&json!([]))).expect("an answer");
    sim.call(
        "POST",
        "/crm/v3/objects/contacts",
        Some(json!({ "properties": { "email": "told@example.org", "lastname": "Told" } })),
    );
    let begun = say(&project, &mut places, &["connection", "authorize", IN_A_BROWSER, "--no-wait", "--json"]);
    let begun: Value = serde_json::from_str(&begun.out).unwrap_or_else(|_| panic!("{begun:?}"));
    let page = nave_tests::sign_in::Browser::default().follow(begun["address"].as_str().expect("an address"));
    assert_eq!(page.status, 200, "{page:?}");
    places.add("page", "of the sign-in", page.text);
    // Twice, with a renewal between: a token is over before the next call.
    for kind in kinds.iter().chain(&[IN_A_BROWSER, AT_A_DEVICE]) {
        let ran = say(&project, &mut places, &["plugin", "call", kind, "check"]);
        assert_eq!(ran.code, Some(0), "{kind}: {ran:?}");
    }
    // And what was agreed to is taken back, in words that have everything in them.
    thrower.granted.lock().expect("not poisoned").over = true;
    for kind in [IN_A_BROWSER, AT_A_DEVICE] {
        until("the token is over, and refused", || {
            say(&project, &mut places, &["plugin", "call", kind, "check"]);
            let bearer = format!("Bearer {token}");
            let answer =
                http::request(addr, "GET", "/v1/authorizations", &[("authorization", &bearer)], None).expect("an answer");
            let all = answer.json()["authorizations"].as_array().cloned().unwrap_or_default();
            places.add("API", "/v1/authorizations", answer.text);
            all.iter().any(|of| of["connection"] == kind && of["state"] == "needs-reauth").then_some(())
        });
    }
    for arguments in [&["audit", "--limit", "100"][..], &["connection", "list"], &["alert", "list"], &["access", "list"]] {
        say(&project, &mut places, arguments);
    }
    until("what was told is here", || {
        project.run(&["record", "list", "contact", "told@example.org"]).out.contains("\"title\":\"Told\"").then_some(())
    });
    ask_everything(addr, &token, &throws, &mut places);

    // Nobody else looks into it, and it leaves no dump when it crashes.
    let mut other = powerless(Command::new("sleep").arg("600")).spawn().expect("sleep is there");
    // Once it has given up its own power, as the hub did long ago.
    until("an ordinary process is looked into", || may_look_into(other.id()).then_some(()));
    let _ = other.kill();
    let _ = other.wait();
    assert!(!may_look_into(serving.id()), "the hub is looked into by another process of its user");
    let limits = fs::read_to_string(format!("/proc/{}/limits", serving.id())).expect("its limits");
    let dumps = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit of dumps");
    assert_eq!(dumps.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{dumps}");
    nave_tests::project::signal(&serving, libc::SIGABRT);
    assert_eq!(wait_for(&mut serving), None, "it was ended by a signal");
    let left = |folder: &Path| {
        let names =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("core")).collect::<Vec<_>>()
    };
    assert_eq!((left(project.dir()), left(&std::env::current_dir().expect("a folder"))), (vec![], vec![]), "no dump was left");

    let given = std::mem::take(&mut thrower.granted.lock().expect("not poisoned").given);
    let refresh = given.keys().filter(|what| what.starts_with("a refresh token")).count();
    assert!(refresh >= 5, "{refresh} refresh tokens were given, one at each sign-in and each renewal");
    secrets.0.extend(given);
    for (number, memory) in thrower.memories.lock().expect("not poisoned").iter().enumerate() {
        places.add("guest's memory", number.to_string(), memory.clone());
    }
    places.add("log", "of serve", fs::read(&log).expect("its log"));
    fs::remove_file(&log).expect("it goes");
    places.add("backup", "copy.nave", fs::read(&copy).expect("a backup"));
    // The key is where the keys are, and nowhere else; the file of the plugin is not the hub's word.
    places.add_files("file", project.dir(), &["data/master.key", "copy.nave"]);

    secrets.nowhere_in(&places);
    // A search that finds nothing must be able to find something: what was planted is in every kind of place but the sealed ones.
    // Called here twice, and once more by `doctor`; what a browser is needed for, twice at the end.
    let memories = places.many("guest's memory");
    assert!(memories >= 3 * (kinds.len() - 1) + 2 && places.many("file") > 10 && places.many("backup") == 1, "{memories}");
    for kind in ["output", "log", "API", "page", "metrics", "guest's memory", "file"] {
        assert!(places.holding(kind, &planted) > 0, "nothing that was planted was found in {kind}");
    }
    assert_eq!(places.holding("guest's memory", &planted), memories, "each memory has its settings");
    // A key that signs is not sent, so nothing is taken out.
    assert!(places.holding("guest's memory", "***") >= memories * (kinds.len() - 1) / kinds.len(), "what was taken out");
    assert_eq!(places.holding("backup", &planted), 0, "a backup is sealed whole");
    // And a leak of a real secret in each kind of place, in one spelling each, is found there and nowhere else.
    let hex: String = hooks.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (kind, leak) in [
        ("output", hooks.clone()),
        ("log", STANDARD.encode(&hooks)),
        ("API", json!({ "message": hooks }).to_string()),
        ("page", percent(&hooks)),
        ("metrics", hex),
        ("guest's memory", URL_SAFE_NO_PAD.encode(format!("u:{hooks}"))),
        ("backup", STANDARD.encode(format!("us:{hooks}:er"))),
    ] {
        let mut with = Places::default();
        with.add(kind, "planted", format!("…{leak}…"));
        assert!(with.find(hooks.as_bytes()).iter().any(|(found, _)| *found == kind), "a leak in {kind} was not found: {leak}");
    }
    fs::write(project.data().join("leak.log"), STANDARD.encode(&thrown)).expect("a leak");
    let mut files = Places::default();
    files.add_files("file", project.dir(), &["data/master.key"]);
    let found = files.find(thrown.as_bytes());
    assert!(!found.is_empty() && found.iter().all(|(_, place)| place.contains("leak.log")), "{found:?}");
}
