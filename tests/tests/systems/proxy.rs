//! A line between the hub and a system that loses answers: the system has committed, and nobody hears of it.
//!
//! One request per connection. Knows nothing of what it carries but where a request ends.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What to lose, and what was lost.
#[derive(Default)]
struct Plan {
    /// Method and part of the path; how many such answers still pass.
    next: Option<(&'static str, &'static str, usize)>,
    lost: usize,
    requests: usize,
    writes: usize,
    /// Answers since somebody began to listen.
    heard: Option<Vec<String>>,
}

/// A running proxy; it ends with the process.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// In front of a system.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let plan = Arc::clone(&shared);
                // A connection that breaks is the hub's to notice.
                std::thread::spawn(move || carry(client, upstream, &plan));
            }
        });
        Self { addr, plan }
    }

    /// The answer to the nth request (from one) of this method, to a path with this in it, is lost.
    pub(crate) fn lose(&self, method: &'static str, path: &'static str, nth: usize) {
        self.plan.lock().expect("no thread panicked").next = Some((method, path, nth));
    }

    /// Requests so far that went on to the system, and those among them that can change something. Counted before the answer.
    pub(crate) fn sent(&self) -> (usize, usize) {
        let plan = self.plan.lock().expect("no thread panicked");
        (plan.requests, plan.writes)
    }

    /// From now on answers are kept.
    pub(crate) fn hear(&self) {
        self.plan.lock().expect("no thread panicked").heard = Some(Vec::new());
    }

    /// The answers since [`Self::hear`], and no more are kept.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.plan.lock().expect("no thread panicked").heard.take().unwrap_or_default()
    }

    /// Answers lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.plan.lock().expect("no thread panicked").lost
    }
}

fn carry(mut client: TcpStream, upstream: SocketAddr, plan: &Mutex<Plan>) -> Option<()> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (head, body) = request(&mut client)?;
    let mut server = TcpStream::connect(upstream).ok()?;
    server.set_read_timeout(Some(PATIENCE)).ok()?;
    let first = head.lines().next()?.to_owned();
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut sent = kept.collect::<Vec<_>>().join("\r\n");
    sent.push_str("\r\nconnection: close\r\n\r\n");
    server.write_all(sent.as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    if let Ok(mut plan) = plan.lock() {
        plan.requests += 1;
        plan.writes += usize::from(!first.starts_with("GET "));
    }
    let mut answer = Vec::new();
    // The system answers when it has committed, and closes.
    server.read_to_end(&mut answer).ok()?;
    let lose = {
        let mut plan = plan.lock().ok()?;
        if let Some(heard) = &mut plan.heard {
            heard.push(String::from_utf8_lossy(&answer).into_owned());
        }
        let lose = match &mut plan.next {
            Some((method, path, left)) if first.starts_with(*method) && first.contains(*path) => {
                *left -= 1;
                *left == 0
            }
            _ => false,
        };
        if lose {
            plan.next = None;
            plan.lost += 1;
        }
        lose
    };
    if !lose {
        client.write_all(&answer).ok()?;
    }
    client.shutdown(Shutdown::Both).ok()
}

/// Head without its empty line, and body.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let count = client.read(&mut piece).ok()?;
        if count == 0 || bytes.len() > HEAD_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&piece[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut body = bytes.split_off(end + 4);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        let count = client.read(&mut piece).ok()?;
        if count == 0 {
            return None;
        }
        body.extend_from_slice(&piece[..count]);
    }
    Some((head, body))
}
