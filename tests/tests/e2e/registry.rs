//! Registries and web servers that lie, one answer at a time. Lines 3, 5 and 49 to 54 of the attack list. A real registry:
//! `tests/tests/systems/registry.rs`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use nave_tests::project::Ran;
use serde_json::{Value, json};

use super::signed::{Bench, code};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An answer, as it goes out.
#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The body is sent again and again for as long as anybody reads.
    endless: bool,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), endless: false }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A request: its path with its query, its headers as one text.
type Heard = (String, String);

/// A server that answers by path, and remembers what it was asked.
struct Server {
    addr: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    fn start(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (addr, heard) = (listener.local_addr().expect("an address"), Arc::new(Mutex::new(Vec::new())));
        let (answer, shared) = (Arc::new(answer), Arc::clone(&heard));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&shared));
                std::thread::spawn(move || serve(client, &*answer, &heard));
            }
        });
        Self { addr, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no thread panicked").clone()
    }
}

fn serve(client: TcpStream, answer: &dyn Fn(&str, &str) -> Answer, heard: &Mutex<Vec<Heard>>) {
    let mut reader = BufReader::new(client.try_clone().expect("a handle"));
    let (mut first, mut head) = (String::new(), String::new());
    if reader.read_line(&mut first).is_err() {
        return;
    }
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    heard.lock().expect("no thread panicked").push((path.clone(), head.to_ascii_lowercase()));
    let found = answer(&path, &head.to_ascii_lowercase());
    let mut out = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", found.status);
    for (name, value) in &found.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if !found.endless {
        out.push_str(&format!("content-length: {}\r\n", found.body.len()));
    }
    out.push_str("\r\n");
    let mut client = client;
    if client.write_all(out.as_bytes()).is_err() {
        return;
    }
    while client.write_all(&found.body).is_ok() && found.endless {}
    let _ = client.shutdown(std::net::Shutdown::Write);
    let _ = client.read(&mut [0; 64]);
}

fn sha256(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum runs");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

/// The manifest of a plugin, as registries have it.
fn manifest(plugin: &[u8]) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": format!("sha256:{}", sha256(b"{}")), "size": 2 },
        "layers": [{ "mediaType": "application/wasm", "digest": format!("sha256:{}", sha256(plugin)), "size": plugin.len() }],
    })
}

fn bytes(bench: &Bench) -> Vec<u8> {
    std::fs::read(bench.plugin("phone.wasm", |_| ())).expect("read")
}

fn install(bench: &Bench, source: &str, more: &[&str]) -> Ran {
    let base = ["plugin", "install", source, "--insecure", "--network", "127.0.0.0/8"];
    bench.project.run(&[&base[..], more].concat())
}

/// A registry that gives this manifest and this file, and the code that comes of it.
#[track_caller]
fn check(expected: &str, change: impl FnOnce(&[u8]) -> (Answer, Answer)) {
    let bench = Bench::new();
    let (manifest, blob) = change(&bytes(&bench));
    let server = Server::start(move |path, _| if path.contains("/manifests/") { manifest.clone() } else { blob.clone() });
    let ran = install(&bench, &format!("oci://{}/acme/phone:1", server.addr), &[]);
    let found = if ran.code == Some(0) { "ok".to_owned() } else { code(&ran) };
    assert_eq!(found, expected, "{ran:?}");
    let installed = bench.project.json(&["plugin", "list"])["plugins"].as_array().map_or(0, Vec::len);
    assert_eq!(installed, usize::from(expected == "ok"));
}

fn good(plugin: &[u8]) -> Answer {
    Answer::new(200, manifest(plugin).to_string()).with("content-type", MANIFEST)
}

#[test]
fn what_a_registry_gives_is_what_its_manifest_says_or_nothing() {
    check("ok", |plugin| (good(plugin), Answer::new(200, plugin)));
    // Line 50.
    check("registry.digest", |plugin| {
        let mut altered = plugin.to_vec();
        altered[plugin.len() / 2] ^= 1;
        (good(plugin), Answer::new(200, altered))
    });
    check("registry.digest", |plugin| (good(plugin), Answer::new(200, &plugin[..plugin.len() - 1])));
    check("registry.digest", |plugin| (good(plugin), Answer::new(200, [plugin, b"x"].concat())));
    // Line 51.
    check("registry.digest", |plugin| (good(plugin), Answer { endless: true, ..Answer::new(200, vec![0; 65_536]) }));
    check("plugin.too-large", |plugin| {
        let endless = Answer { endless: true, ..Answer::new(200, vec![b' '; 65_536]) };
        (endless.with("content-type", MANIFEST), Answer::new(200, plugin))
    });
    check("registry.layers", |plugin| {
        let mut many = manifest(plugin);
        let one = many["layers"][0].clone();
        many["layers"] = vec![one; 4_000].into();
        (Answer::new(200, many.to_string()).with("content-type", MANIFEST), Answer::new(200, plugin))
    });
    // Line 54.
    check("registry.media-type", |plugin| {
        (Answer::new(200, manifest(plugin).to_string()).with("content-type", "application/json"), Answer::new(200, plugin))
    });
    check("registry.foreign-layer", |plugin| {
        let mut foreign = manifest(plugin);
        foreign["layers"][0]["urls"] = json!(["http://127.0.0.1:1/x"]);
        (Answer::new(200, foreign.to_string()).with("content-type", MANIFEST), Answer::new(200, plugin))
    });
    // Line 5.
    check("net.no-answer", |plugin| (good(plugin), Answer::new(200, plugin).with("content-encoding", "gzip")));
    check("registry.not-found", |_| (Answer::new(404, ""), Answer::new(404, "")));
    check("registry.status", |plugin| (good(plugin), Answer::new(500, "")));
}

/// Line 52: where a registry sends somebody for the file.
#[test]
fn a_redirect_leads_nowhere_inside_and_takes_no_token_along() {
    for (to, expected) in [
        ("http://169.254.169.254/latest", "registry.redirect"),
        ("https://169.254.169.254/latest", "net.address-denied"),
        ("https://10.0.0.1/x", "net.address-denied"),
        ("https://user:pw@127.0.0.1/x", "registry.redirect"),
        ("file:///etc/passwd", "registry.redirect"),
        ("/v2/again", "registry.redirect"),
    ] {
        check(expected, |plugin| (good(plugin), Answer::new(307, "").with("location", to)));
    }

    let bench = Bench::new();
    let plugin = bytes(&bench);
    let store = Server::start({
        let plugin = plugin.clone();
        move |_, _| Answer::new(200, plugin.clone())
    });
    // A port of the same machine is another host: it lies inside, and nobody named it.
    let to = format!("http://{}/file", store.addr);
    let registry = Server::start(move |path, head| match path {
        _ if path.starts_with("/token") => Answer::new(200, r#"{"token":"a-token-of-the-registry"}"#),
        _ if !head.contains(concat!("authorization: ", "bearer a-token-of-the-registry")) => {
            let realm = format!(
                "Bearer realm=\"http://{}/token\",service=\"r\"",
                head.split("host: ").nth(1).unwrap_or_default().lines().next().unwrap_or_default()
            );
            Answer::new(401, "").with("www-authenticate", realm)
        }
        _ if path.contains("/manifests/") => good(&plugin),
        _ => Answer::new(307, "").with("location", to.clone()),
    });
    let ran = install(&bench, &format!("oci://{}/acme/phone:1", registry.addr), &[]);
    assert_eq!(code(&ran), "registry.redirect");
    assert!(store.heard().is_empty());
    let asked: Vec<String> = registry.heard().into_iter().map(|(path, _)| path).collect();
    assert!(asked[1].starts_with("/token?service=r&scope=repository%3Aacme%2Fphone%3Apull"), "{asked:?}");

    // From a named host to itself by another path the token goes along; the file is the one that the manifest says.
    let plugin = bytes(&bench);
    let registry = Server::start(move |path, head| match path {
        _ if path.contains("/manifests/") => good(&plugin),
        "/elsewhere" => Answer::new(200, plugin.clone()),
        _ => {
            assert!(!head.contains("authorization"));
            Answer::new(302, "").with("location", "/elsewhere")
        }
    });
    assert_eq!(install(&bench, &format!("oci://{}/acme/phone:1", registry.addr), &[]).code, Some(0));
}

/// Line 53: where a registry wants somebody to sign in.
#[test]
fn a_registry_signs_in_at_home_or_where_it_is_granted() {
    let other = Server::start(|_, _| Answer::new(200, r#"{"token":"stolen-or-not"}"#));
    for realm in [
        format!("Bearer realm=\"http://{}/token\"", other.addr),
        "Bearer realm=\"http://169.254.169.254/token\"".to_owned(),
        "Bearer realm=\"https://evil.example/token\"".to_owned(),
        "Bearer realm=\"file:///etc/passwd\"".to_owned(),
    ] {
        check("registry.realm", |plugin| (Answer::new(401, "").with("www-authenticate", realm), Answer::new(200, plugin)));
    }
    assert!(other.heard().is_empty());
    check("registry.sign-in", |plugin| (Answer::new(401, ""), Answer::new(200, plugin)));
    check("registry.sign-in", |plugin| {
        (Answer::new(401, "").with("www-authenticate", "Basic realm=\"x\""), Answer::new(200, plugin))
    });

    let bench = Bench::new();
    let (plugin, realm) = (bytes(&bench), format!("Bearer realm=\"http://{}/token\",service=\"r\"", other.addr));
    let registry = Server::start(move |path, head| match path {
        _ if !head.contains("authorization: bearer stolen-or-not") => {
            Answer::new(401, "").with("www-authenticate", realm.clone())
        }
        _ if path.contains("/manifests/") => good(&plugin),
        _ => Answer::new(200, plugin.clone()),
    });
    let source = format!("oci://{}/acme/phone:1", registry.addr);
    bench.project.ok(&["status"]);
    bench.project.tell(&["secret", "set", "registry"], "robot:s3cret-of-the-robot");
    let host = other.addr.to_string();
    let ran = install(&bench, &source, &["--sign-in-host", &host, "--secret", "registry"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // User and password went to whom they were given for, and the registry got the token only.
    assert!(other.heard().iter().all(|(_, head)| head.contains("authorization: basic ")), "{:?}", other.heard());
    assert!(registry.heard().iter().all(|(_, head)| !head.contains("authorization: basic")), "{:?}", registry.heard());
    assert!(bench.project.json(&["audit", "--limit", "50"]).to_string().contains("secret.given"));
    // The same where the secret is kept elsewhere, and no hub serves the project.
    let file = bench.project.dir().parent().expect("a folder").join("registry-secret");
    std::fs::write(&file, "robot:s3cret-of-the-robot").expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    bench.project.ok(&["secret", "refer", "elsewhere", "--file", &file.display().to_string()]);
    bench.project.ok(&["plugin", "remove", "phone-e164"]);
    let asked = other.heard().len();
    let ran = install(&bench, &source, &["--sign-in-host", &host, "--secret", "elsewhere"]);
    assert!(ran.code == Some(0) && other.heard().len() > asked, "{ran:?}");
    std::fs::remove_file(&file).expect("gone");
    bench.project.ok(&["plugin", "remove", "phone-e164"]);
    let away = install(&bench, &source, &["--sign-in-host", &host, "--secret", "elsewhere"]);
    let said = format!("{away:?}");
    assert!(away.code != Some(0) && said.contains("elsewhere"), "{said}");
}

/// Line 49: a tag that leads to another file, and line 60: the same name from somewhere else.
#[test]
fn a_tag_that_moved_is_not_followed() {
    let bench = Bench::new();
    let (old, new) = (bytes(&bench), std::fs::read(bench.plugin("new.wasm", |one| one["serial"] = json!(9))).expect("read"));
    let now = Arc::new(Mutex::new(old));
    let current = Arc::clone(&now);
    let answer = move |path: &str, _: &str| {
        let plugin = current.lock().expect("no thread panicked").clone();
        if path.contains("/manifests/") { good(&plugin) } else { Answer::new(200, plugin) }
    };
    let (registry, mirror) = (Server::start(answer.clone()), Server::start(answer));
    let source = format!("oci://{}/acme/phone:1", registry.addr);
    assert_eq!(install(&bench, &source, &[]).code, Some(0));
    assert!(bench.project.read("nave.lock").contains(&format!("source = \"{source}\"")), "{}", bench.project.read("nave.lock"));
    *now.lock().expect("no thread panicked") = new;
    assert_eq!(code(&install(&bench, &source, &[])), "plugin.moved");
    assert_eq!(code(&install(&bench, &format!("oci://{}/acme/phone:1", mirror.addr), &[])), "plugin.other-source");
    assert_eq!(bench.project.json(&["plugin", "list"])["plugins"][0]["serial"], 1);
}

/// A plugin of a web server, with the signature beside it.
#[test]
fn a_file_of_a_web_server_is_taken_with_its_signature() {
    let bench = Bench::new().strict();
    let file = bench.plugin("phone.wasm", |_| ());
    let key = bench.key("author.pem");
    bench.trust(&key, "phone-*");
    bench.project.ok(&["plugin", "pack", &file, "--sign", &bench.path("author.pem")]);
    let (plugin, signature) = (std::fs::read(&file).expect("read"), std::fs::read(bench.file("phone.wasm.sig")).expect("read"));
    let server = Server::start(move |path, _| match path {
        "/phone.wasm" | "/bare.wasm" => Answer::new(200, plugin.clone()),
        "/phone.wasm.sig" => Answer::new(200, signature.clone()),
        "/endless.wasm" => Answer { endless: true, ..Answer::new(200, vec![0; 1 << 20]) },
        "/lying.wasm" => Answer { endless: true, ..Answer::new(200, vec![0; 1 << 20]).with("transfer-encoding", "chunked") },
        _ => Answer::new(404, ""),
    });
    let at = |path: &str| format!("http://{}{path}", server.addr);
    assert_eq!(code(&bench.project.run(&["plugin", "install", &at("/phone.wasm")])), "net.insecure");
    assert_eq!(code(&bench.project.run(&["plugin", "install", &at("/phone.wasm"), "--insecure"])), "net.address-denied");
    assert_eq!(code(&install(&bench, &at("/bare.wasm"), &[])), "plugin.unsigned");
    assert_eq!(code(&install(&bench, &at("/none.wasm"), &[])), "registry.not-found");
    // Line 3.
    assert_eq!(code(&install(&bench, &at("/endless.wasm"), &[])), "plugin.too-large");
    assert_eq!(code(&install(&bench, &at("/lying.wasm"), &[])), "net.no-answer");
    assert_eq!(code(&bench.project.run(&["plugin", "install", "ftp://x.example/phone.wasm"])), "usage");
    assert_eq!(code(&bench.project.run(&["plugin", "install", "https://u:p@x.example/phone.wasm"])), "usage");
    assert_eq!(code(&bench.project.run(&["plugin", "install", "oci://x.example/Phone"])), "usage");
    let ran = install(&bench, &at("/phone.wasm"), &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["signed_by"], "Acme GmbH");
}
