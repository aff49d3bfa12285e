//! A system of a few lines on this machine, which answers what it is told to, and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What it answers to every request.
#[derive(Clone)]
pub(super) struct Answer {
    /// Sent at once.
    pub(super) bytes: Vec<u8>,
    /// Sent again and again after that, until the other side is gone.
    pub(super) endless: Option<&'static [u8]>,
    /// Puts the request's head into the body.
    pub(super) echo: bool,
    /// Says nothing more, and keeps the connection.
    pub(super) hang: bool,
}

impl Answer {
    pub(super) fn of(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), endless: None, echo: false, hang: false }
    }
}

/// The system. Ends with its runtime.
pub(super) struct Server {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start(answer: Answer) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, heard) = (answer.clone(), heard.clone());
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    let mut piece = [0; 4096];
                    loop {
                        let read = stream.read(&mut piece).await.unwrap_or(0);
                        if read == 0 {
                            return;
                        }
                        text.extend_from_slice(&piece[..read]);
                        if !text.windows(4).any(|four| four == b"\r\n\r\n") {
                            continue;
                        }
                        let head = String::from_utf8_lossy(&text).into_owned();
                        text.clear();
                        heard.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
                        let bytes = match answer.echo {
                            true => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()).into_bytes(),
                            false => answer.bytes.clone(),
                        };
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                        while let Some(more) = answer.endless {
                            if stream.write_all(more).await.is_err() {
                                return;
                            }
                        }
                        if answer.hang {
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        Ok(Self { port, asked })
    }

    /// Heads of the requests that reached it.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
