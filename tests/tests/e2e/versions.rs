//! Plugins built against any version of the contract: the same grants, the same refusals, the same way for secrets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nave_hostile::Contract;
use nave_tests::binary;
use nave_tests::project::Project;
use serde_json::{Value, json};

use super::denied::without;

const SECRET: &str = "s3cr3t-of-the-connection";

/// A request: `GET /a`, its headers in lower case, its body.
type Heard = (String, String, Vec<u8>);

/// Answers `hello`, and notes what it was asked.
fn serve() -> (SocketAddr, Arc<Mutex<Vec<Heard>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (addr, heard) = (listener.local_addr().expect("an address"), Arc::<Mutex<Vec<Heard>>>::default());
    let noted = heard.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let request = answer(client);
            noted.lock().expect("no thread panicked").extend(request);
        }
    });
    (addr, heard)
}

fn answer(mut client: TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut first, mut head) = (String::new(), String::new());
    reader.read_line(&mut first).ok()?;
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).ok()? > 0 {}
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello").ok()?;
    let words: Vec<&str> = first.split(' ').take(2).collect();
    Some((words.join(" "), head, body))
}

/// What a plugin of this version, that reads everything it may and sends its memory out, came to under a file that was changed:
/// the requests that arrived, and the audit's action, which names the grant.
fn tried(contract: Contract, change: impl Fn(&str) -> String, action: &str, grant: &str) -> Vec<String> {
    let (project, (addr, heard)) = (Project::init(), serve());
    let manifest = json!({
        "name": "snoop", "version": "1.0.0", "serial": 1, "title": "Snoop", "description": "", "kind": "connector",
        "settings": { "url": { "label": "l", "type": "url", "required": true } },
        "endpoints": { "api": {
            "base": "{settings.url}", "credential": "key", "reason": "r",
            "allow": [{ "methods": ["GET", "POST"], "paths": ["/"] }],
        } },
        "credentials": { "key": { "kinds": [{ "kind": "bearer" }], "reason": "r" } },
    });
    let file = project.dir().join("snoop.wasm");
    std::fs::write(&file, nave_hostile::snoop(contract, &manifest.to_string(), &[("api", "/a")], ("api", "/memory")))
        .expect("written");
    project.ok(&["plugin", "install", &file.display().to_string()]);
    assert_eq!(project.json(&["plugin", "list"])["plugins"][0]["contract"], contract.as_str());
    project.connect("snoop", "snoop", &[("url", format!("http://{addr}"))], Some(SECRET));
    let before = project.read("connections/snoop.toml");
    project.write("connections/snoop.toml", &change(&before));
    // Whatever it was refused, it says that all is well: what counts is what arrived.
    project.ok(&["plugin", "call", "snoop", "check"]);
    let audit = project.json(&["audit", "--limit", "200"]);
    let lines: Vec<&Value> = audit["entries"].as_array().into_iter().flatten().collect();
    let denied = |line: &&&Value| line["action"].as_str().is_some_and(|action| action.starts_with("net."));
    let denied: Vec<_> = lines.iter().filter(denied).map(|line| (&line["action"], &line["detail"])).collect();
    let named = denied.iter().all(|(said, detail)| *said == action && detail.as_str().is_some_and(|text| text.contains(grant)));
    assert!(named && denied.is_empty() == action.is_empty(), "{contract:?}, {action} by {grant}: {denied:?}");
    let heard = heard.lock().expect("no thread panicked");
    for (request, head, body) in heard.iter() {
        assert!(head.contains(&format!("authorization: bearer {SECRET}")), "{request}: {head}");
        assert!(!body.windows(SECRET.len()).any(|piece| piece == SECRET.as_bytes()), "{request}: the guest had the secret");
    }
    heard.iter().map(|(request, ..)| request.clone()).collect()
}

/// Every version of the contract by every kind of refusal, and by what is allowed.
#[test]
fn every_version_is_held_to_its_grants() {
    let public = |text: &str| {
        text.lines().filter(|line| !line.starts_with("networks")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let without = |text: &str| without(text, "[grants.endpoints.api]");
    let elsewhere = |text: &str| text.replace("paths = [\"/\"]", "paths = [\"/b\"]");
    let read_only = |text: &str| text.replace("[grants.endpoints.api]\n", "[grants.endpoints.api]\nread-only = true\n");
    let check = |change: &dyn Fn(&str) -> String, action: &str, grant: &str, arrives: &[&str]| {
        for contract in Contract::ALL {
            assert_eq!(tried(contract, change, action, grant), arrives, "{contract:?}, {action}");
        }
    };
    check(&str::to_owned, "", "", &["GET /a", "POST /memory"]);
    check(&without, "net.denied", "grants.endpoints.api", &[]);
    check(&elsewhere, "net.method-denied", "grants.endpoints.api", &[]);
    check(&read_only, "net.read-only", "grants.endpoints.api", &["GET /a"]);
    check(&public, "net.address-denied", "networks", &[]);
}

/// A connector built when there was no other version (`tests/guests/v0.1`), and the same one built now.
fn built() -> [PathBuf; 2] {
    [binary::root().join("tests/guests/v0.1/faulty.wasm"), binary::built_from(Path::new("tests/faulty"), "faulty")]
}

/// It asks for the same powers, passes the same cases and fails the same: `nave plugin test` knows no version.
#[test]
fn an_old_plugin_passes_what_a_new_one_passes() {
    let recordings = binary::root().join("tests/faulty/recordings");
    let run = |file: &Path, arguments: &[&str]| -> Value {
        let mut command = std::process::Command::new(binary::nave());
        command.args(["--json", "plugin"]).arg(arguments[0]).arg(file).args(&arguments[1..]);
        let output = command.stdin(std::process::Stdio::null()).output().expect("nave runs");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&output.stderr)))
    };
    let files = built();
    let [old, new] = files.each_ref().map(|file| run(file, &["inspect"]));
    assert_eq!((&old["contract"], &new["contract"]), (&json!("0.1.0"), &json!("0.2.0")));
    assert_eq!((&old["powers"], &old["manifest"]), (&new["powers"], &new["manifest"]));
    for (fault, failed) in [("none", &[][..]), ("lost", &["errors/lost-write"])] {
        let recordings = recordings.display().to_string();
        let setting = format!("fault={fault}");
        let verdicts = |file: &PathBuf| -> Vec<(String, String)> {
            let answer = run(file, &["test", "--recordings", &recordings, "--set", &setting]);
            let text = |case: &Value, name: &str| case[name].as_str().unwrap_or_default().to_owned();
            answer["cases"].as_array().into_iter().flatten().map(|case| (text(case, "name"), text(case, "verdict"))).collect()
        };
        let [old, new] = files.each_ref().map(verdicts);
        assert_eq!(old, new, "{fault}");
        let fails: Vec<&str> = old.iter().filter(|(_, verdict)| verdict == "failed").map(|(name, _)| name.as_str()).collect();
        assert!(fails == failed && old.iter().filter(|(_, verdict)| verdict == "passed").count() >= 64, "{fault}: {old:?}");
    }
}
