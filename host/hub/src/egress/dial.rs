//! From an authority to a live HTTP/1.1 connection, by way of vetted addresses only.
//!
//! A name is looked up once. If any of its addresses may not be dialled, none is. The vetted addresses are then tried in
//! order; host name and certificate stay the name's.

use nave_core::grant::Grant;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::address;
use super::body::Outgoing;
use super::bounds::Bounds;
use super::error::EgressError;
use super::resolve::Resolve;
use super::stapled::Stapled;
use super::target::{Authority, Base};
use super::wire::{Counted, Counters};
use super::{EgressConfig, EgressConfigError};
use crate::clock::Clock;

/// Head of a proxy's answer to CONNECT.
const PROXY_HEAD_BYTES_MAX: usize = 8 << 10;

/// Makes connections.
pub(super) struct Dialer {
    tls: Arc<ClientConfig>,
    /// Certificate authorities that are trusted, as they were read.
    pub(super) authorities: Vec<rustls::pki_types::CertificateDer<'static>>,
    proxy: Option<(String, u16)>,
    /// The proxy and the authorities, as a secret is given for them.
    pub(super) way: BTreeSet<String>,
    resolver: Arc<dyn Resolve>,
    /// How each connection was spoken to.
    pub(super) talks: super::talk::Talks,
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
}

/// A connection that can carry a request.
pub(super) struct Live {
    pub(super) sender: http1::SendRequest<Outgoing>,
    pub(super) counters: Arc<Counters>,
    pub(super) born: Instant,
    /// It has carried a request before.
    pub(super) reused: bool,
}

impl Dialer {
    pub(super) fn new(config: EgressConfig) -> Result<Self, EgressConfigError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "some of the system's certificate authorities cannot be read");
        }
        let mut authorities = system.certs.clone();
        roots.add_parsable_certificates(system.certs);
        if let Some(pem) = &config.extra_ca_pem {
            let mut count = 0;
            for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| EgressConfigError::Authorities(error.to_string()))?;
                authorities.push(certificate.clone().into_owned());
                roots.add(certificate).map_err(|error| EgressConfigError::Authorities(error.to_string()))?;
                count += 1;
            }
            if count == 0 {
                return Err(EgressConfigError::Authorities("there is no certificate in it".into()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| EgressConfigError::Authorities(error.to_string()))?
            // The library's own verifier inside, and one more question.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Stapled::new(roots, provider).map_err(EgressConfigError::Authorities)?))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let proxy = config.proxy.as_deref().map(parse_proxy).transpose()?;
        let way = super::way(config.proxy.as_deref(), config.extra_ca_pem.as_deref());
        Ok(Self {
            tls: Arc::new(tls),
            authorities,
            proxy,
            way,
            resolver: config.resolver,
            talks: Default::default(),
            bounds: config.bounds,
            clock: config.clock,
        })
    }

    /// A connection to the base's authority, for a request that was granted.
    pub(super) async fn connect(
        &self,
        granted: &Grant,
        base: &Base,
        endpoint: &str,
        total: Instant,
    ) -> Result<Live, EgressError> {
        let authority = base.authority();
        tracing::trace!(what = granted.what(), "dialling");
        let deadline = total.min(Instant::now() + self.bounds.connect);
        let addresses = self.vetted(&authority, &base.networks, endpoint, deadline).await?;
        let mut last = String::from("there is no address");
        for (at, ip) in addresses.iter().enumerate() {
            // Each address gets its share of what is left, so that one dead address does not use up all of it.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = Instant::now() + left / (addresses.len() - at) as u32;
            match timeout_at(share, self.open(&authority, *ip)).await {
                Ok(Ok(live)) => return Ok(live),
                Ok(Err(EgressError::Unreachable(why))) => last = why,
                Ok(Err(denied)) => return Err(denied),
                Err(_) => last = "no connection in time".into(),
            }
        }
        Err(EgressError::Unreachable(format!("cannot be reached: {last}")))
    }

    /// Addresses of an authority, all of which may be dialled.
    pub(super) async fn vetted(
        &self,
        authority: &Authority,
        networks: &[IpNet],
        endpoint: &str,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, EgressError> {
        let addresses = match &authority.host {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => match timeout_at(deadline, self.resolver.resolve(name)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => return Err(EgressError::Unreachable(format!("the name {name} cannot be resolved: {error}"))),
                Err(_) => return Err(EgressError::Unreachable(format!("the name {name} was not resolved in time"))),
            },
        };
        if addresses.is_empty() {
            return Err(EgressError::Unreachable(format!("the name {} has no address", authority.host)));
        }
        for ip in &addresses {
            if let Err(what) = address::check(*ip, networks) {
                let lift = match address::classify(*ip) {
                    address::Class::Never(_) => "no grant lifts this".to_owned(),
                    _ => format!(
                        "`networks = [\"{}\"]` under [grants.endpoints.{endpoint}] would allow it",
                        IpNet::from(ip.to_canonical())
                    ),
                };
                return Err(EgressError::denied(
                    "net.address-denied",
                    format!("{} leads to {ip}, {what}; {lift}", authority.host),
                ));
            }
        }
        Ok(addresses)
    }

    /// What encrypts mail: as everything else, without naming HTTP.
    pub(super) fn mail_tls_config(&self) -> ClientConfig {
        let mut config = self.tls.as_ref().clone();
        config.alpn_protocols.clear();
        config
    }

    /// A plain connection to an address that was vetted, through the proxy where there is one.
    pub(super) async fn tcp(&self, authority: &Authority, ip: IpAddr) -> Result<TcpStream, EgressError> {
        let unreachable = |error: std::io::Error| EgressError::Unreachable(error.to_string());
        let address = SocketAddr::new(ip, authority.port);
        // A proxy is the way to the outside; what a grant's networks cover lies inside.
        let tcp = match &self.proxy {
            Some(proxy) if address::classify(ip) == address::Class::Public => {
                let at = self.proxy_at(proxy).await?;
                through_proxy(proxy, at, address).await.map_err(EgressError::Unreachable)?
            }
            _ => TcpStream::connect(address).await.map_err(unreachable)?,
        };
        tcp.set_nodelay(true).map_err(unreachable)?;
        Ok(tcp)
    }

    /// Where the proxy is. It stands inside as a rule, and `nave.toml` is its grant; but no setting leads to what no grant lifts.
    async fn proxy_at(&self, (host, port): &(String, u16)) -> Result<SocketAddr, EgressError> {
        let found =
            match host.parse::<IpAddr>() {
                Ok(ip) => vec![ip],
                Err(_) => self.resolver.resolve(host).await.map_err(|error| {
                    EgressError::Unreachable(format!("the name {host} of the proxy cannot be resolved: {error}"))
                })?,
            };
        for ip in &found {
            if let address::Class::Never(what) = address::classify(*ip) {
                let message =
                    format!("the proxy {host} leads to {ip}, {what}; no setting lifts this: correct `proxy` in nave.toml");
                return Err(EgressError::denied("net.address-denied", message));
            }
        }
        let first =
            found.first().ok_or_else(|| EgressError::Unreachable(format!("the name {host} of the proxy has no address")))?;
        Ok(SocketAddr::new(*first, *port))
    }

    async fn open(&self, authority: &Authority, ip: IpAddr) -> Result<Live, EgressError> {
        let tcp = self.tcp(authority, ip).await?;
        self.speak(authority, tcp).await.map_err(EgressError::Unreachable)
    }

    async fn speak(&self, authority: &Authority, tcp: TcpStream) -> Result<Live, String> {
        if !authority.tls {
            return self.handshake(tcp).await;
        }
        let name = match &authority.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| format!("{name} is not a host name"))?,
            Host::Ipv4(ip) => ServerName::IpAddress(IpAddr::V4(*ip).into()),
            Host::Ipv6(ip) => ServerName::IpAddress(IpAddr::V6(*ip).into()),
        };
        let tls = tokio_rustls::TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        self.handshake(tls).await
    }

    async fn handshake<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: T) -> Result<Live, String> {
        let counters = Arc::new(Counters::default());
        let counted = Counted { inner: stream, counters: counters.clone() };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(self.bounds.header_bytes.max(8 << 10))
            .max_headers(self.bounds.headers)
            .handshake(TokioIo::new(counted))
            .await
            .map_err(|error| error.to_string())?;
        // Ends when the sender is dropped and the last body read, or the other side closes.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(Live { sender, counters, born: Instant::now(), reused: false })
    }
}

pub(super) fn parse_proxy(text: &str) -> Result<(String, u16), EgressConfigError> {
    let refuse = |why: &str| Err(EgressConfigError::Proxy(why.to_owned()));
    let Ok(url) = url::Url::parse(text) else { return refuse("it is not an address") };
    if url.scheme() != "http" {
        return refuse("only http proxies are known");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("user and password are not supported");
    }
    match url.host() {
        Some(host) => {
            // A socket wants an IPv6 address without brackets.
            let host = match host {
                Host::Ipv6(ip) => ip.to_string(),
                other => other.to_string(),
            };
            Ok((host, url.port().unwrap_or(3128)))
        }
        None => refuse("the host is missing"),
    }
}

/// A tunnel to the vetted address.
async fn through_proxy(proxy: &(String, u16), at: SocketAddr, address: SocketAddr) -> Result<TcpStream, String> {
    let fail = |error: std::io::Error| format!("proxy {}:{}: {error}", proxy.0, proxy.1);
    let mut tcp = TcpStream::connect(at).await.map_err(fail)?;
    let ask = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    tcp.write_all(ask.as_bytes()).await.map_err(fail)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= PROXY_HEAD_BYTES_MAX {
            return Err(format!("proxy {}:{}: its answer is too long", proxy.0, proxy.1));
        }
        // One byte at a time: what follows the head belongs to the tunnel.
        head.push(tcp.read_u8().await.map_err(fail)?);
    }
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or(b"")).into_owned();
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    if status.is_some_and(|status| status.starts_with('2')) {
        Ok(tcp)
    } else {
        Err(format!("proxy {}:{} refused the tunnel to {address}: {}", proxy.0, proxy.1, line.escape_debug()))
    }
}
