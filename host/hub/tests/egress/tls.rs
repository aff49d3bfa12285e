//! Line 82, a private authority, and the company's proxy.

use std::sync::Arc;
use std::time::Duration;

use nave_hub::egress::{Egress, EgressConfig, EgressConfigError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, ok};
use crate::setup::{Setup, get, outcome};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    /// The same key as the issuer's.
    key: KeyPair,
    pub(crate) pem: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem().into_bytes(), certificate.der().clone());
        Self { der, key: KeyPair::from_pem(&key.serialize_pem()).unwrap(), issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(crate) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// A certificate of this authority.
    pub(crate) fn signed(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        params.signed_by(key, &self.issuer).unwrap().der().clone()
    }

    /// An acceptor with a certificate for this name.
    pub(crate) fn acceptor(&self, name: &str, change: impl Fn(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Two requests to a server with this certificate: both pass over one connection, or neither reaches it.
pub(crate) async fn check(what: &str, authority: &Authority, acceptor: TlsAcceptor, expected: &str) {
    let server = Server::start_with(Some(acceptor), |_| ok("{}")).await;
    let mut setup = Setup::new(&format!("https://api.test:{}", server.port()));
    setup.ca = Some(authority.pem.clone());
    let channel = setup.channel();
    for _ in 0..2 {
        let result = get(&channel, "/x").await;
        assert_eq!(outcome(&result), expected, "{what}: {result:?}");
    }
    assert_eq!(server.requests().len(), if expected == "200" { 2 } else { 0 }, "{what}");
    if expected == "200" {
        assert_eq!(server.connections(), 1, "{what}: reused");
    }
}

#[tokio::test]
async fn only_a_good_certificate_of_a_known_authority_passes() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    check("good", &ours, ours.acceptor("api.test", |_| ()), "200").await;
    check("wrong name", &ours, ours.acceptor("evil.test", |_| ()), "net.unreachable").await;
    check("unknown authority", &ours, theirs.acceptor("api.test", |_| ()), "net.unreachable").await;
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    check("expired", &ours, ours.acceptor("api.test", expired), "net.unreachable").await;
    let early = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    check("not valid yet", &ours, ours.acceptor("api.test", early), "net.unreachable").await;
}

/// Line 81: HTTP/2 is not spoken, so nothing of it can be turned against the hub.
#[tokio::test]
async fn a_server_that_speaks_only_http_2_is_not_spoken_to() {
    let ours = Authority::new();
    for (protocols, expected) in [(&["http/1.1"][..], "200"), (&["h2", "http/1.1"], "200"), (&["h2"], "net.unreachable")] {
        let mut config = ServerConfig::clone(ours.acceptor("api.test", |_| ()).config());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        check(&protocols.join(" "), &ours, TlsAcceptor::from(Arc::new(config)), expected).await;
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut setup = Setup::new(&format!("https://api.test:{}", listener.local_addr().unwrap().port()));
    setup.bounds.connect = Duration::from_millis(300);
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.unreachable");
}

/// Numbers of two bytes each in a field of a hello.
fn pairs(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// T82: what the hub offers a server, by the bytes of its first message: TLS 1.2 and 1.3, suites that keep past secrets, no signature
/// over SHA-1 or MD5, and nothing sent before the server has shown who it is.
#[tokio::test]
async fn only_good_protocols_suites_and_signatures_are_offered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hello = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        client.read_exact(&mut head).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        client.read_exact(&mut hello).await.unwrap();
        (head[0], hello)
    });
    let setup = Setup::new(&format!("https://api.test:{port}"));
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.unreachable");
    let (kind, hello) = hello.await.unwrap();
    assert_eq!((kind, hello[0]), (22, 1), "a handshake, a client's hello");
    // Type and length, version, random; then what has a length of its own before it.
    let mut rest = &hello[4 + 2 + 32..];
    let mut take = |width: usize| {
        let length = rest[..width].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let found = &rest[width..width + length];
        rest = &rest[width + length..];
        found
    };
    let (_session, suites, compression, mut extensions) = (take(1), pairs(take(2)), take(1), take(2));
    let mut found = std::collections::BTreeMap::new();
    while let [a, b, c, d, more @ ..] = extensions {
        let (data, after) = more.split_at(usize::from(u16::from_be_bytes([*c, *d])));
        found.insert(u16::from_be_bytes([*a, *b]), data);
        extensions = after;
    }
    assert_eq!(compression, [0], "no compression");
    assert_eq!(pairs(&found[&43][1..]), [0x0304, 0x0303], "TLS 1.3 and 1.2");
    let good = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0x00ff];
    assert!(!suites.is_empty() && suites.iter().all(|suite| good.contains(suite)), "{suites:x?}");
    let schemes = pairs(&found[&13][2..]);
    // The high byte of an old scheme is its hash: 1 and 2 are MD5 and SHA-1.
    assert!(!schemes.is_empty() && schemes.iter().all(|scheme| scheme >> 8 >= 4), "{schemes:x?}");
    assert!(!found.contains_key(&42), "no early data");
    assert!(found.contains_key(&0) && found.contains_key(&16), "the name that is meant, and HTTP/1.1");
}

#[tokio::test]
async fn a_plain_server_is_no_tls_server() {
    let server = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("https://api.test:{}", server.port()));
    setup.bounds.connect = Duration::from_millis(300);
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.unreachable");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for proxy in ["proxy", "https://proxy:1", "http://user:pw@proxy:1", "socks5://proxy"] {
        let config = EgressConfig { proxy: Some(proxy.into()), ..EgressConfig::default() };
        assert!(matches!(Egress::new(config), Err(EgressConfigError::Proxy(_))), "{proxy}");
    }
    for pem in [&b""[..], b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let config = EgressConfig { extra_ca_pem: Some(pem.to_vec()), ..EgressConfig::default() };
        assert!(matches!(Egress::new(config), Err(EgressConfigError::Authorities(_))));
    }
}

/// A proxy that connects every tunnel to `to`, or answers with `refusal`.
async fn proxy(to: std::net::SocketAddr, refusal: Option<&'static str>) -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let heads = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                if let Some(refusal) = refusal {
                    let _ = client.write_all(refusal.as_bytes()).await;
                    return;
                }
                let mut server = tokio::net::TcpStream::connect(to).await.unwrap();
                client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn the_proxy_is_asked_for_the_vetted_address_and_only_for_the_outside() {
    let authority = Authority::new();
    let server = Server::start_with(Some(authority.acceptor("api.test", |_| ())), |_| ok("{}")).await;
    let (address, asked) = proxy(server.address, None).await;
    let mut setup = Setup::new("https://api.test/v1");
    setup.ca = Some(authority.pem.clone());
    setup.proxy = Some(address.clone());
    setup.names.set("api.test", &[&["93.184.216.34"], &["169.254.169.254"]]);
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "200");
    assert_eq!(*asked.lock().unwrap(), ["CONNECT 93.184.216.34:443 HTTP/1.1\r\nHost: 93.184.216.34:443\r\n\r\n"]);
    assert_eq!((server.requests()[0].header("host"), setup.names.asked()), (vec!["api.test"], 1));
    // What the proxy could reach and the grant does not cover.
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.address-denied");

    let inside = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", inside.port()));
    setup.proxy = Some(address);
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "200");
    assert_eq!(asked.lock().unwrap().len(), 1, "what a grant's networks cover is dialled directly");
}

/// T113: the proxy's own address is judged too, and looked up once: what no grant lifts no setting does.
#[tokio::test]
async fn a_proxy_is_not_where_nobody_may_go() {
    let authority = Authority::new();
    let server = Server::start_with(Some(authority.acceptor("api.test", |_| ())), |_| ok("{}")).await;
    let (address, asked) = proxy(server.address, None).await;
    let port = address.rsplit(':').next().unwrap().to_owned();
    for (proxy, found, expected) in [
        ("169.254.169.254", &[][..], "net.address-denied"),
        ("0.0.0.0", &[], "net.address-denied"),
        ("[fd00:ec2::254]", &[], "net.address-denied"),
        ("[::ffff:169.254.169.254]", &[], "net.address-denied"),
        ("proxy.test", &["169.254.169.254"], "net.address-denied"),
        ("proxy.test", &["127.0.0.1", "100.100.100.200"], "net.address-denied"),
        ("proxy.test", &["127.0.0.1"], "200"),
        ("127.0.0.1", &[], "200"),
    ] {
        let mut setup = Setup::new("https://api.test/v1");
        setup.ca = Some(authority.pem.clone());
        setup.proxy = Some(format!("http://{proxy}:{port}"));
        setup.names.set("api.test", &[&["93.184.216.34"]]);
        if !found.is_empty() {
            setup.names.set("proxy.test", &[found, &["169.254.169.254"]]);
        }
        assert_eq!(outcome(&get(&setup.channel(), "/x").await), expected, "{proxy} {found:?}");
        let noted = setup.audit.notes().iter().filter(|note| note.action == "net.address-denied").count();
        assert_eq!(noted, usize::from(expected != "200"), "{proxy} {found:?}");
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_proxy_that_refuses_leaves_the_call_unsent() {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    for refusal in [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "HTTP/1.1 302 Found\r\n\r\n",
        "nonsense\r\n\r\n",
        "",
        "HTTP/1.1 20",
    ] {
        let (address, _) = proxy(nowhere, Some(refusal)).await;
        let mut setup = Setup::new("http://api.test");
        setup.proxy = Some(address);
        setup.names.set("api.test", &[&["93.184.216.34"]]);
        assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.unreachable", "{refusal:?}");
    }
}

/// A secret goes no other way than the one that it was given for, also where its host is the right one.
#[tokio::test]
async fn a_secret_that_was_given_without_the_proxy_and_the_authority_stays() {
    let authority = Authority::new();
    let server = Server::start_with(Some(authority.acceptor("api.test", |_| ())), |_| ok("{}")).await;
    let (address, asked) = proxy(server.address, None).await;
    let mut setup = Setup::new("https://api.test/v1");
    setup.credential(nave_core::manifest::CredentialKind::Basic {});
    setup.ca = Some(authority.pem.clone());
    setup.proxy = Some(address.clone());
    setup.names.set("api.test", &[&["93.184.216.34"]]);
    let digest = ring::digest::digest(&ring::digest::SHA256, &authority.pem);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let (proxy, ca) = (format!("proxy {address}"), format!("ca sha256:{digest}"));
    for (given, expected) in [
        (vec!["https://api.test"], "net.secret-held"),
        (vec!["https://api.test", &proxy], "net.secret-held"),
        (vec!["https://api.test", &ca], "net.secret-held"),
        (vec!["https://api.test", "proxy http://127.0.0.1:1", &ca], "net.secret-held"),
        (vec!["https://api.test", &proxy, &ca], "200"),
    ] {
        setup.secrets.bind("crm-key", &given);
        let before = asked.lock().unwrap().len();
        assert_eq!(outcome(&get(&setup.channel(), "/x").await), expected, "{given:?}");
        assert_eq!(asked.lock().unwrap().len() - before, usize::from(expected == "200"), "{given:?}");
    }
}
