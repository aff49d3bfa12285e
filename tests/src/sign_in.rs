//! A system that people agree at (OAuth 2), in a few lines: it rotates refresh tokens and takes everything back where an old one
//! is used again. And a browser that does what browsers do with redirects and cookies.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Longest wait for a peer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the system does.
#[derive(Default)]
struct Plan {
    /// The access token that it gives.
    access: String,
    life_s: u64,
    /// Number of the newest refresh token.
    newest: u64,
    /// Nothing is good any more.
    revoked: bool,
    /// An old refresh token is good for one more time, as with systems that have a grace period.
    lenient: bool,
    /// Answers to token calls wait.
    held: bool,
    /// What the browser brings back beside the code, instead of what is right.
    instead: Option<String>,
    /// Forms that came to the token endpoint.
    asked: Vec<String>,
}

/// A running one; it ends with the process.
#[derive(Clone)]
pub struct TokenServer {
    /// Where it listens.
    pub addr: SocketAddr,
    plan: Arc<(Mutex<Plan>, Condvar)>,
}

impl TokenServer {
    /// Gives this access token, good for so many seconds.
    pub fn start(access: &str, life_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let plan = Arc::new((Mutex::new(Plan { access: access.to_owned(), life_s, ..Plan::default() }), Condvar::new()));
        let server = Self { addr, plan };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                std::thread::spawn(move || server.answer(stream));
            }
        });
        server
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.0.lock().expect("no thread panicked")
    }

    /// Somebody takes the permission back, or an old refresh token is used elsewhere.
    pub fn revoke(&self) {
        self.plan().revoked = true;
    }

    /// An old refresh token is taken once more.
    pub fn be_lenient(&self) {
        self.plan().lenient = true;
    }

    /// Answers to token calls wait, or go on.
    pub fn hold(&self, held: bool) {
        self.plan().held = held;
        self.plan.1.notify_all();
    }

    /// The browser brings this back (a query) in place of what is right.
    pub fn bring_back(&self, query: Option<&str>) {
        self.plan().instead = query.map(str::to_owned);
    }

    /// Forms that came to the token endpoint so far.
    pub fn asked(&self) -> Vec<String> {
        self.plan().asked.clone()
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some((line, body)) = read(&mut stream) else { return };
        let answer = match line.split(' ').nth(1).and_then(|target| target.split_once('?')) {
            Some((_, query)) if line.starts_with("GET ") => self.agree(query),
            _ => self.token(&body),
        };
        let _ = stream.write_all(answer.as_bytes());
    }

    /// The person agrees at once.
    fn agree(&self, query: &str) -> String {
        let state = field(query, "state").unwrap_or_default();
        let back = field(query, "redirect_uri").unwrap_or_default();
        let right = format!("code=c0de&state={}", encoded(&state));
        let brought = self.plan().instead.as_ref().map_or(right, |instead| instead.replace("{state}", &encoded(&state)));
        format!("HTTP/1.1 303 X\r\nLocation: {back}?{brought}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }

    fn token(&self, form: &str) -> String {
        let mut plan = self.plan();
        plan.asked.push(form.to_owned());
        let refused = |plan: &mut Plan| {
            plan.revoked = true;
            json(400, r#"{"error":"invalid_grant"}"#)
        };
        let answer = if let Some(given) = field(form, "refresh_token") {
            let number: u64 = given.trim_start_matches("refresh-").parse().unwrap_or(u64::MAX);
            let known = number == plan.newest || (plan.lenient && number + 1 == plan.newest);
            if plan.revoked || !known { refused(&mut plan) } else { tokens(&mut plan) }
        } else {
            plan.revoked = false;
            tokens(&mut plan)
        };
        // What was decided is decided, whether or not the answer arrives.
        let _unheld = self.plan.1.wait_timeout_while(plan, PATIENCE, |plan| plan.held).expect("no thread panicked");
        answer
    }
}

fn tokens(plan: &mut Plan) -> String {
    plan.newest += 1;
    json(
        200,
        &format!(
            r#"{{"access_token":"{}","refresh_token":"refresh-{}","token_type":"bearer","expires_in":{}}}"#,
            plan.access, plan.newest, plan.life_s
        ),
    )
}

fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The first line and the body of a request or an answer that ends with its connection or says how long it is.
fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let (head, body) = read_all(stream)?;
    Some((head.lines().next()?.to_owned(), body))
}

fn read_all(stream: &mut TcpStream) -> Option<(String, String)> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(Some(0), |(_, length)| length.trim().parse::<usize>().ok())?;
            if bytes.len() >= end + 4 + length {
                return Some((head, String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned()));
            }
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// A field of a query or a form, decoded.
pub fn field(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// As a query carries it.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What a browser got.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Status.
    pub status: u16,
    /// `Location`, where there is one.
    pub location: Option<String>,
    /// Body.
    pub text: String,
}

/// A browser: it keeps cookies by host and port, and asks no other page than it is told to.
#[derive(Default)]
pub struct Browser {
    cookies: Vec<(String, String, String)>,
}

impl Browser {
    /// Opens an address; redirects are the caller's to follow.
    ///
    /// # Panics
    /// Where nobody answers.
    #[track_caller]
    pub fn open(&mut self, address: &str) -> Page {
        self.send("GET", address, None)
    }

    /// Sends a form.
    ///
    /// # Panics
    /// Where nobody answers.
    #[track_caller]
    pub fn post(&mut self, address: &str, form: &str) -> Page {
        self.send("POST", address, Some(form))
    }

    #[track_caller]
    fn send(&mut self, method: &str, address: &str, form: Option<&str>) -> Page {
        let rest = address.strip_prefix("http://").unwrap_or_else(|| panic!("no address: {address}"));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut stream = TcpStream::connect(host).expect("somebody listens");
        let jar: Vec<String> =
            self.cookies.iter().filter(|(of, ..)| of == host).map(|(_, name, value)| format!("{name}={value}")).collect();
        let jar = if jar.is_empty() { String::new() } else { format!("Cookie: {}\r\n", jar.join("; ")) };
        let body = form.unwrap_or_default();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let more = form.map(|form| format!("{kind}Content-Length: {}\r\n", form.len())).unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{jar}{more}Connection: close\r\n\r\n{body}")
            .expect("it is taken");
        let mut bytes = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.read_to_end(&mut bytes).expect("an answer");
        let all = String::from_utf8_lossy(&bytes).into_owned();
        let (head, text) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let mut page = Page { text: text.to_owned(), ..Page::default() };
        page.status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("location") {
                page.location = Some(value.trim().to_owned());
            }
            if name.eq_ignore_ascii_case("set-cookie")
                && let Some((name, value)) = value.split(';').next().and_then(|pair| pair.trim().split_once('='))
            {
                self.cookies.retain(|(of, known, _)| of != host || known != name);
                if !value.is_empty() {
                    self.cookies.push((host.to_owned(), name.to_owned(), value.to_owned()));
                }
            }
        }
        page
    }

    /// Opens an address and follows where it leads, to the first page that is none of those.
    ///
    /// # Panics
    /// Where it goes round in circles.
    #[track_caller]
    pub fn follow(&mut self, address: &str) -> Page {
        self.go(address, false)
    }

    /// The same, and sends off every form on the way: logs in as `alice`, and agrees.
    ///
    /// # Panics
    /// Where it goes round in circles.
    #[track_caller]
    pub fn agree(&mut self, address: &str) -> Page {
        self.go(address, true)
    }

    #[track_caller]
    fn go(&mut self, address: &str, agrees: bool) -> Page {
        let mut at = address.to_owned();
        let mut page = self.open(&at);
        for _ in 0..30 {
            if let Some(location) = page.location.take() {
                at = resolved(&at, &location);
                page = self.open(&at);
            } else if let Some((action, fields)) = form(&page.text).filter(|_| agrees) {
                at = resolved(&at, &action);
                page = self.post(&at, &fields);
            } else {
                return page;
            }
        }
        panic!("it goes round in circles from {address}")
    }
}

/// An address as a page at another one names it.
fn resolved(at: &str, named: &str) -> String {
    let Some(path) = named.strip_prefix('/') else { return named.to_owned() };
    let authority = at.trim_start_matches("http://").split('/').next().unwrap_or_default();
    format!("http://{authority}/{path}")
}

/// The first form of a page, filled in: where it goes, and what it sends.
fn form(page: &str) -> Option<(String, String)> {
    let form = page.split_once("<form")?.1;
    let form = form.split_once("</form>").map_or(form, |(form, _)| form);
    let of = |tag: &str, name: &str| {
        let value = tag.split_once(&format!(" {name}=\""))?.1;
        value.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (head, _) = form.split_once('>')?;
    let action = of(&format!(" {head}"), "action")?;
    let mut fields = Vec::new();
    for tag in form.split("<input").skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let Some(name) = of(tag, "name") else { continue };
        let value =
            if matches!(name.as_str(), "login" | "password") { "alice".to_owned() } else { of(tag, "value").unwrap_or_default() };
        fields.push(format!("{}={}", encoded(&name), encoded(&value)));
    }
    Some((action, fields.join("&")))
}
