//! A small SMTP server on loopback: the protocol is the crate `mailin`'s parser and state machine, sockets and TLS are ours. It
//! takes mail for `ops@example.com` and keeps it. No mail server of the world runs on it; it refuses what RFC 5321 refuses.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How it is spoken to.
#[derive(Clone)]
pub(crate) enum Secured {
    /// Not encrypted; offers nothing.
    Plain,
    /// Offers STARTTLS.
    StartTls(TlsAcceptor),
    /// From the first byte.
    Tls(TlsAcceptor),
}

/// One mail as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    /// Who signed in.
    pub(crate) user: Option<String>,
}

pub(crate) struct Smtp {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Smtp {
    pub(crate) async fn start(secured: Secured) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, lines) = (Arc::<Mutex<Vec<Mail>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let server = Self { port, mails: mails.clone(), lines: lines.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mails, lines, secured) = (mails.clone(), lines.clone(), secured.clone());
                tokio::spawn(async move {
                    let Secured::Tls(acceptor) = &secured else {
                        let acceptor = if let Secured::StartTls(acceptor) = &secured { Some(acceptor.clone()) } else { None };
                        let keeper = Keeper { mails, mail: Mail::default() };
                        let mut session = session(acceptor.is_some(), acceptor.is_some(), keeper);
                        let mut stream = stream;
                        if converse(&mut stream, &mut session, &lines, true).await.is_some()
                            && let Some(acceptor) = acceptor
                            && let Ok(mut stream) = acceptor.accept(stream).await
                        {
                            session.tls_active();
                            converse(&mut stream, &mut session, &lines, false).await;
                        }
                        return;
                    };
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut session = session(false, true, Keeper { mails, mail: Mail::default() });
                        session.tls_active();
                        converse(&mut stream, &mut session, &lines, true).await;
                    }
                });
            }
        });
        server
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// Every line that was sent to it before TLS, and after.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

fn session(start_tls: bool, auth: bool, keeper: Keeper) -> Session<Keeper> {
    let mut builder = SessionBuilder::new("mail.test");
    if auth {
        builder.enable_auth(AuthMechanism::Plain);
    }
    if start_tls {
        builder.enable_start_tls();
    }
    builder.build(IpAddr::from([127, 0, 0, 1]), keeper)
}

/// Lines in, answers out; `Some` where TLS is to begin.
async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    session: &mut Session<Keeper>,
    lines: &Mutex<Vec<String>>,
    greet: bool,
) -> Option<()> {
    if greet {
        stream.write_all(&session.greeting().buffer().unwrap()).await.ok()?;
    }
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(2).position(|two| two == b"\r\n") {
                break at + 2;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let line: Vec<u8> = buffer.drain(..end).collect();
        lines.lock().unwrap().push(String::from_utf8_lossy(&line).trim_end().to_owned());
        let answer = session.process(&line);
        if !matches!(answer.action, Action::NoReply) {
            stream.write_all(&answer.buffer().unwrap()).await.ok()?;
        }
        match answer.action {
            Action::UpgradeTls => return Some(()),
            Action::Close => return None,
            Action::Reply | Action::NoReply => {}
        }
    }
}

#[derive(Clone)]
struct Keeper {
    mails: Arc<Mutex<Vec<Mail>>>,
    mail: Mail,
}

impl Handler for Keeper {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        (self.mail.from, self.mail.to, self.mail.text) = (from.to_owned(), Vec::new(), String::new());
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if to != "ops@example.com" {
            return response::NO_MAILBOX;
        }
        self.mail.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, buffer: &[u8]) -> std::io::Result<()> {
        self.mail.text.push_str(&String::from_utf8_lossy(buffer));
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.mails.lock().unwrap().push(self.mail.clone());
        response::OK
    }

    fn auth_plain(&mut self, _authorization: &str, user: &str, password: &str) -> Response {
        if password != crate::setup::CANARY {
            return response::INVALID_CREDENTIALS;
        }
        self.mail.user = Some(user.to_owned());
        response::AUTH_OK
    }
}
