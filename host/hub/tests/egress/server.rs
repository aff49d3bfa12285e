//! A server of a few lines that does what it is told, also what no server should, and remembers every byte it got.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// One request as it was on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    /// Number of the request on this connection, from 1.
    pub(crate) request: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Captured {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or("")
    }

    /// All values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }
}

/// What is done after a request.
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Again and again, until the other side is gone.
    Endless(Vec<u8>),
    /// Nothing more, with the connection open.
    Hang,
    Close,
    /// Waits until this many requests have arrived in all.
    Await(usize),
}

pub(crate) fn ok(body: &str) -> Vec<Step> {
    status(200, "", body)
}

pub(crate) fn status(status: u16, headers: &str, body: &str) -> Vec<Step> {
    vec![Step::Send(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())]
}

pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(bytes.into())]
}

type Script = dyn Fn(&Captured) -> Vec<Step> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    captured: Arc<Mutex<Vec<Captured>>>,
    connections: Arc<AtomicUsize>,
    arrived: tokio::sync::watch::Sender<usize>,
    script: Arc<Script>,
    /// Requests being answered now, and the most there were.
    busy: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Captured) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    pub(crate) async fn start_with(
        tls: Option<tokio_rustls::TlsAcceptor>,
        script: impl Fn(&Captured) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            captured: Arc::default(),
            connections: Arc::default(),
            arrived: tokio::sync::watch::channel(0).0,
            script: Arc::new(script),
            busy: Arc::default(),
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let (server, tls) = (accepting.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => server.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                server.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn requests(&self) -> Vec<Captured> {
        self.captured.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn busiest(&self) -> usize {
        self.busy.1.load(Ordering::SeqCst)
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut buffer = Vec::new();
        for request in 1.. {
            let Some(captured) = read_request(&mut stream, &mut buffer, request).await else { return };
            self.captured.lock().unwrap().push(captured.clone());
            self.arrived.send_modify(|count| *count += 1);
            let now = self.busy.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.busy.1.fetch_max(now, Ordering::SeqCst);
            let mut open = true;
            for step in (self.script)(&captured) {
                open = match step {
                    Step::Send(bytes) => {
                        // Counted out before the answer, or the next request could overtake the count.
                        self.busy.0.fetch_sub(1, Ordering::SeqCst);
                        let sent = stream.write_all(&bytes).await.is_ok();
                        self.busy.0.fetch_add(1, Ordering::SeqCst);
                        sent
                    }
                    Step::Endless(bytes) => {
                        while stream.write_all(&bytes).await.is_ok() {}
                        false
                    }
                    Step::Hang => {
                        let _ = stream.read(&mut [0]).await;
                        false
                    }
                    Step::Close => false,
                    Step::Await(count) => self.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.is_ok(),
                };
                if !open {
                    break;
                }
            }
            self.busy.0.fetch_sub(1, Ordering::SeqCst);
            if !open {
                return;
            }
        }
    }
}

/// The next request, framed as its head says; what follows stays in `buffer`.
async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, request: usize) -> Option<Captured> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut captured = Captured { request, head, body: Vec::new() };
    let length: usize = captured.header("content-length").first().map_or(0, |value| value.parse().unwrap());
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    captured.body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(captured)
}
