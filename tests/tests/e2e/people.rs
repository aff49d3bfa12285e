//! The system of the connectors' templates, with people in memory, and bad days by name.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// It serves until the test ends.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) addr: SocketAddr,
    all: Arc<Mutex<BTreeMap<String, Value>>>,
    heard: Arc<Mutex<Vec<String>>>,
    /// Whether names have bad days: nobody hears that `Lost` was kept, and `Taken` is there already.
    moody: bool,
}

/// What it answers; nothing where the connection is cut.
type Answer = Option<(u16, Value)>;

impl People {
    pub(crate) fn start() -> Self {
        Self::with(false)
    }

    /// One that has bad days.
    pub(crate) fn moody() -> Self {
        Self::with(true)
    }

    fn with(moody: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let people = Self { addr: listener.local_addr().expect("an address"), all: Arc::default(), heard: Arc::default(), moody };
        let serving = people.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serving.answer(stream)));
        people
    }

    /// A person who changed in this second.
    pub(crate) fn put(&self, id: &str, second: u32, name: &str) {
        let email = format!("{id}@x.test");
        self.keep(json!({"id": id, "name": name, "email": email, "changed": format!("2026-01-02T03:04:{second:02}Z")}));
    }

    /// A person as it stands here.
    pub(crate) fn keep(&self, person: Value) {
        let id = person["id"].as_str().unwrap_or_default().to_owned();
        self.all.lock().expect("people").insert(id, person);
    }

    /// Nobody is there, and nothing was heard.
    pub(crate) fn clear(&self) {
        self.all.lock().expect("people").clear();
        self.heard.lock().expect("requests").clear();
    }

    /// The path of the person with this e-mail.
    pub(crate) fn place(&self, email: &str) -> String {
        let all = self.all.lock().expect("people");
        let found: Vec<&String> = all.iter().filter(|(_, person)| person["email"] == email).map(|(id, _)| id).collect();
        assert_eq!(found.len(), 1, "{email} is there once: {all:?}");
        format!("/people/{}", found[0])
    }

    /// Requests that wrote, since the last time this was asked: method, path, delivery and body.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().expect("requests"))
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(&stream);
        let (mut first, mut length, mut key, mut line) = (String::new(), 0, String::new(), String::new());
        let _ = lines.read_line(&mut first);
        while lines.read_line(&mut line).is_ok_and(|size| size > 2) {
            if let Some(size) = line.to_lowercase().strip_prefix("content-length:") {
                length = size.trim().parse().unwrap_or(0);
            }
            if let Some(id) = line.to_lowercase().strip_prefix("idempotency-key:") {
                id.trim().clone_into(&mut key);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        let _ = lines.read_exact(&mut body);
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method != "GET" {
            let heard = format!("{method} {path} {key} {}", String::from_utf8_lossy(&body));
            self.heard.lock().expect("requests").push(heard.trim_end().to_owned());
        }
        let Some((status, answer)) = self.asked(method, path, &serde_json::from_slice(&body).unwrap_or_default()) else {
            return;
        };
        let text = answer.to_string();
        let wait = if status == 429 { "\r\nretry-after: 7" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} x{wait}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close",
            text.len()
        );
        let _ = write!(stream, "{head}\r\n\r\n{text}");
    }

    fn asked(&self, method: &str, path: &str, body: &Value) -> Answer {
        let mut all = self.all.lock().expect("people");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let wanted = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            pair.unwrap_or_default().replace("%3A", ":").replace("%40", "@")
        };
        let id = path.strip_prefix("/people/");
        if method == "POST" || method == "PUT" {
            let own = id.map_or_else(|| (all.len() + 1).to_string(), str::to_owned);
            let mut person = body.clone();
            person["id"] = json!(own);
            person["changed"] = json!("2026-02-02T00:00:00Z");
            return match body["name"].as_str().unwrap_or_default() {
                "Taken" if self.moody => Some((409, json!({"message": "there is one"}))),
                name => {
                    all.insert(own, person.clone());
                    // It is done, and nobody hears of it.
                    (name != "Lost" || !self.moody).then_some((if id.is_none() { 201 } else { 200 }, person))
                }
            };
        }
        Some(match (method, id) {
            ("GET", Some(id)) => all.get(id).map_or((404, json!({})), |person| (200, person.clone())),
            ("DELETE", Some(id)) => all.remove(id).map_or((404, json!({})), |person| (200, person)),
            ("GET", None) if !wanted("email").is_empty() => {
                let found: Vec<&Value> = all.values().filter(|person| person["email"] == wanted("email")).collect();
                (200, json!({ "people": found }))
            }
            ("GET", None) => {
                let place = |person: &Value| {
                    (person["changed"].as_str().unwrap_or("").to_owned(), person["id"].as_str().unwrap_or("").to_owned())
                };
                let mut found: Vec<Value> =
                    all.values().filter(|person| place(person) > (wanted("since"), wanted("after"))).cloned().collect();
                found.sort_by_key(place);
                found.truncate(wanted("limit").parse().unwrap_or(usize::MAX));
                (200, json!({ "people": found }))
            }
            _ => (405, json!({})),
        })
    }
}
