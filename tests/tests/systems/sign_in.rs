//! A person agrees at a real OAuth 2 server, in a browser and on another device; tokens are renewed, and an old one that is used
//! again ends in a task for a person. The API behind it is a few lines that ask the server whether a token is good.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nave_tests::http;
use nave_tests::project::{Project, Serving, until};
use nave_tests::sign_in::{Browser, encoded, field};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server is; none where it does not run.
fn server() -> Option<SocketAddr> {
    let Ok(given) = std::env::var("NAVE_OIDC") else {
        eprintln!("skipped: NAVE_OIDC is not set; tests/systems/run.sh starts the OAuth 2 server");
        return None;
    };
    let given: Value = serde_json::from_str(&given).expect("one line of JSON");
    let base = given["base"].as_str().expect("a base").trim_start_matches("http://");
    Some(base.parse().expect("an address"))
}

/// A form sent to the server, by itself.
fn form(server: SocketAddr, path: &str, form: &str) -> Value {
    let page = Browser::default().post(&format!("http://{server}{path}"), form);
    // What is sent in pieces comes with their lengths.
    let text = page.text.find('{').and_then(|from| page.text.get(from..=page.text.rfind('}')?)).unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {page:?}"))
}

/// In front of the server: passes everything on, and remembers the forms. As the API: takes a token that the server calls good.
#[derive(Clone)]
struct Between {
    addr: SocketAddr,
    server: SocketAddr,
    forms: Arc<Mutex<Vec<String>>>,
}

impl Between {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let between = Self { addr: listener.local_addr().expect("an address"), server, forms: Arc::default() };
        let serving = between.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let between = serving.clone();
                std::thread::spawn(move || between.carry(client));
            }
        });
        between
    }

    fn carry(&self, mut client: TcpStream) {
        let Some((head, body)) = request(&mut client) else { return };
        let line = head.lines().next().unwrap_or_default();
        let answer = if line.starts_with("GET /account-info/") || line.starts_with("GET /crm/") {
            let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default();
            let asked = format!("token={}&client_id=api&client_secret=hub-secret", encoded(token));
            let good = form(self.server, "/token/introspection", &asked)["active"] == true;
            let body = r#"{"portalId":7,"accountType":"STANDARD","results":[]}"#;
            match good {
                true => format!(
                    "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                ),
                false => "HTTP/1.1 401 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            }
            .into_bytes()
        } else {
            self.forms.lock().expect("no thread panicked").push(body.clone());
            let mut there = TcpStream::connect(self.server).expect("the server listens");
            let head = head.replace(&self.addr.to_string(), &self.server.to_string());
            write!(there, "{head}\r\nConnection: close\r\n\r\n{body}").expect("it is taken");
            let mut answer = Vec::new();
            there.set_read_timeout(Some(PATIENCE)).expect("a time");
            let _ = there.read_to_end(&mut answer);
            answer
        };
        let _ = client.write_all(&answer);
    }

    /// Refresh tokens that the hub has sent.
    fn refreshes(&self) -> Vec<String> {
        let forms = self.forms.lock().expect("no thread panicked").clone();
        forms.iter().filter_map(|form| field(form, "refresh_token")).collect()
    }
}

fn request(client: &mut TcpStream) -> Option<(String, String)> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(Ok(0), str::parse::<usize>).ok()?;
            if bytes.len() >= end + 4 + length {
                return Some((head, String::from_utf8_lossy(&bytes[end + 4..]).into_owned()));
            }
        }
        match client.read(&mut piece).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// A connection that signs in at the server. Nobody has agreed yet.
fn connected(between: &Between) -> Project {
    let project = Project::init();
    project.install("hubspot");
    let (url, here) = (format!("url=http://{}", between.addr), between.addr);
    let network = ["--grant-network", "127.0.0.0/8", "--insecure", "--because", "it runs on this machine"];
    let mut arguments = vec!["connection", "add", "hubspot", "--name", "crm", "--set", &url, "--credential-kind", "token=oauth2"];
    arguments.extend(["--secret-from", "-", "--yes"]);
    arguments.extend(network);
    project.tell(&arguments, "hub:hub-secret");
    let granted = |addr: SocketAddr| {
        format!("base = \"http://{addr}\"\nnetworks = [\"127.0.0.0/8\"]\ninsecure = true\nbecause = \"it runs on this machine\"")
    };
    let more = "device = { endpoint = \"token\", path = \"/device/auth\" }\nscopes = \"openid offline_access\"\n\
                parameters = { prompt = \"consent\" }\nissuer = \"http://SERVER\"\nkind = \"oauth2\""
        .replace("SERVER", &between.server.to_string());
    let file = project
        .read("connections/crm.toml")
        .replace("base = \"https://app.hubspot.com\"", &granted(between.server))
        .replace("base = \"https://api.hubapi.com\"", &granted(here))
        .replace("/oauth/authorize", "/auth")
        .replace("/oauth/v1/token", "/token")
        .replace("kind = \"oauth2\"", &more);
    project.write("connections/crm.toml", &file);
    project.ok(&["connection", "approve", "--reason", "a test", "--yes"]);
    project
}

fn standing(project: &Project, serving: &Serving) -> Value {
    let token = project.json(&["token", "reset", "ann", "--because", "a test"])["token"].as_str().expect("a token").to_owned();
    let header = format!("Bearer {token}");
    let answer = http::request(serving.addr, "GET", "/v1/authorizations", &[("authorization", &header)], None);
    answer.expect("an answer").json()["authorizations"][0].clone()
}

#[test]
fn an_old_refresh_token_that_is_used_again_ends_in_a_persons_task() {
    let Some(server) = server() else { return };
    let between = Between::start(server);
    let project = connected(&between);
    let serving = project.serve();
    let begun = project.json(&["connection", "authorize", "crm", "--no-wait"]);
    let page = Browser::default().agree(begun["address"].as_str().expect("an address"));
    assert!(page.status == 200 && page.text.contains("Agreed"), "{page:?}");
    let now = standing(&project, &serving);
    assert_eq!((&now["state"], &now["scopes"]), (&"good".into(), &serde_json::json!(["openid", "offline_access"])), "{now}");
    project.ok(&["connection", "check", "crm"]);

    // Tokens live for two seconds: they are renewed, each time with the newest refresh token.
    let renewed = until("it is renewed twice", || {
        project.ok(&["connection", "check", "crm"]);
        let sent = between.refreshes();
        (sent.len() >= 2).then_some(sent)
    });
    assert_ne!(renewed[0], renewed[1], "the server rotates them");

    // Somebody has the first one, and uses it: the server takes everything back.
    let replay =
        format!("grant_type=refresh_token&refresh_token={}&client_id=hub&client_secret=hub-secret", encoded(&renewed[0]));
    assert_eq!(form(server, "/token", &replay)["error"], "invalid_grant");
    let said = until("the hub is refused", || {
        let ran = project.run(&["connection", "check", "crm"]);
        (ran.code == Some(4)).then(|| format!("{}{}", ran.out, ran.err))
    });
    assert!(said.contains("invalid_grant") && said.contains("nave connection authorize crm"), "{said}");
    let asked = between.refreshes().len();
    for _ in 0..3 {
        assert_eq!(project.run(&["connection", "check", "crm"]).code, Some(4));
    }
    assert_eq!(between.refreshes().len(), asked, "the server is not asked again");
    assert_eq!(standing(&project, &serving)["state"], "needs-reauth");
    until("it is told", || {
        let alerts = project.json(&["alert", "list"])["alerts"].clone();
        alerts.as_array()?.iter().any(|alert| alert["kind"] == "needs-reauth" && alert["subject"] == "crm").then_some(())
    });

    let begun = project.json(&["connection", "authorize", "crm", "--no-wait"]);
    assert_eq!(Browser::default().agree(begun["address"].as_str().expect("an address")).status, 200);
    project.ok(&["connection", "check", "crm"]);
    serving.stop();
}

#[test]
fn a_person_agrees_on_another_device() {
    let Some(server) = server() else { return };
    let between = Between::start(server);
    let project = connected(&between);
    let mut waiting = project
        .command(&["connection", "authorize", "crm", "--device"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("nave runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(waiting.stdout.take().expect("its output")));
    let mut line = || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    let begun = line();
    assert_eq!((&begun["way"], &begun["state"]), (&"device".into(), &"waiting".into()), "{begun}");
    let page = Browser::default().agree(begun["address-with-code"].as_str().expect("an address with the code"));
    assert!(page.status == 200 && page.text.contains("Success"), "{page:?}");
    assert_eq!(line()["state"], "agreed");
    assert_eq!(nave_tests::project::wait_for(&mut waiting), Some(0));
    project.ok(&["connection", "check", "crm"]);
}
