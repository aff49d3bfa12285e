//! Mail out: the same vetted addresses and the same certificate authorities as every other call; `lettre` speaks SMTP over the
//! connection that is made here, and opens none itself.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ipnet::IpNet;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters, TlsVersion,
};
use lettre::transport::smtp::extension::ClientId;
use nave_core::catalog::{MailTls, Reach};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::Egress;
use super::error::EgressError;
use super::target::Authority;
use crate::secrets::SecretBytes;

/// A mail server that may be reached, and how.
#[derive(Clone, Copy, Debug)]
pub struct MailServer<'a> {
    /// Name.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// How it is encrypted.
    pub tls: MailTls,
    /// Networks that the name may resolve to, beside public addresses.
    pub reach: &'a Reach,
}

impl MailServer<'_> {
    /// As a secret is given for it.
    pub fn origin(&self) -> String {
        format!("smtp://{}:{}", self.host.to_ascii_lowercase(), self.port)
    }
}

impl Egress {
    /// Sends one message. `login` is the user and the password.
    ///
    /// # Errors
    /// Where the server cannot be reached, is not who it should be, or refuses; no text holds the password.
    pub async fn mail(
        &self,
        server: MailServer<'_>,
        login: Option<(&str, &SecretBytes)>,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<(), EgressError> {
        let deadline = Instant::now() + self.dialer.bounds.total;
        match timeout_at(deadline, self.speak(server, login, envelope, message, deadline)).await {
            Ok(done) => done,
            Err(_) => Err(EgressError::NoAnswer("the mail server did not answer in time".into())),
        }
        .map_err(|error| match login {
            Some((_, password)) if !password.is_empty() => {
                let word = String::from_utf8_lossy(password.expose()).into_owned();
                error.map_text(|text| text.replace(&word, "***"))
            }
            _ => error,
        })
    }

    async fn speak(
        &self,
        server: MailServer<'_>,
        login: Option<(&str, &SecretBytes)>,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> Result<(), EgressError> {
        if server.tls == MailTls::None && !server.reach.insecure {
            return Err(EgressError::denied(
                "net.insecure",
                "mail without TLS is not allowed; `insecure = true` with `because` would allow it",
            ));
        }
        let refused = |error: lettre::transport::smtp::Error| EgressError::NoAnswer(chain(&error));
        let hello = ClientId::Domain("nave".to_owned());
        let stream = self.stream(server, deadline).await?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(refused)?;
        if server.tls == MailTls::StartTls {
            if !connection.can_starttls() {
                return Err(EgressError::Unreachable("the mail server offers no STARTTLS; nothing was sent to it".into()));
            }
            connection.starttls(self.mail_tls(server.host)?, &hello).await.map_err(refused)?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.to_owned(), String::from_utf8_lossy(password.expose()).into_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(refused)?;
        }
        connection.send(envelope, message).await.map_err(refused)?;
        // It has taken the message; how it says good-bye changes nothing.
        let _ = connection.quit().await;
        Ok(())
    }

    /// A connection to the server: encrypted from the first byte, or not yet.
    async fn stream(&self, server: MailServer<'_>, deadline: Instant) -> Result<Box<dyn AsyncTokioStream>, EgressError> {
        let host = Host::parse(server.host).map_err(|error| EgressError::Unreachable(format!("{}: {error}", server.host)))?;
        let authority = Authority { tls: server.tls == MailTls::Tls, host, port: server.port };
        let parse = |text: &String| text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        let networks: Vec<IpNet> = server.reach.networks.iter().filter_map(|text| parse(text).ok()).collect();
        let connected = deadline.min(Instant::now() + self.dialer.bounds.connect);
        let addresses = self.dialer.vetted(&authority, &networks, "mail", connected).await?;
        let mut last = "there is no address".to_owned();
        for ip in addresses {
            match timeout_at(connected, self.dialer.tcp(&authority, ip)).await {
                Ok(Ok(tcp)) if authority.tls => {
                    let name = ServerName::try_from(server.host.to_owned())
                        .map_err(|_| EgressError::Unreachable(format!("{} is not a host name", server.host)))?;
                    let peer = tcp.peer_addr().map_err(|error| EgressError::Unreachable(error.to_string()))?;
                    let connector = tokio_rustls::TlsConnector::from(Arc::new(self.dialer.mail_tls_config()));
                    match connector.connect(name, tcp).await {
                        Ok(inner) => return Ok(Box::new(Secured { inner: Box::new(inner), peer })),
                        Err(error) => last = format!("TLS: {error}"),
                    }
                }
                Ok(Ok(tcp)) => return Ok(Box::new(tcp)),
                Ok(Err(EgressError::Unreachable(why))) => last = why,
                Ok(Err(denied)) => return Err(denied),
                Err(_) => last = "no connection in time".into(),
            }
        }
        Err(EgressError::Unreachable(format!("the mail server {} cannot be reached: {last}", server.host)))
    }

    /// The authorities of every other call, and no others.
    fn mail_tls(&self, host: &str) -> Result<TlsParameters, EgressError> {
        let broken = |error: lettre::transport::smtp::Error| EgressError::Unreachable(chain(&error));
        let mut builder = TlsParameters::builder(host.to_owned())
            .certificate_store(CertificateStore::None)
            .set_min_tls_version(TlsVersion::Tlsv12);
        for authority in &self.dialer.authorities {
            // One that cannot be read is one less, as everywhere.
            if let Ok(certificate) = Certificate::from_der(authority.to_vec()) {
                builder = builder.add_root_certificate(certificate);
            }
        }
        builder.build_rustls().map_err(broken)
    }
}

/// A connection that is encrypted already.
struct Secured {
    inner: Box<tokio_rustls::client::TlsStream<TcpStream>>,
    peer: SocketAddr,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secured")
    }
}

impl AsyncTokioStream for Secured {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(cx)
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
