//! T82: what an authority says of a server's certificate, stapled by a server to what it shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, SerialNumber, SigningKey};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;
use x509_cert::Certificate;
use x509_cert::der::asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, ResponderId, ResponseBytes,
    ResponseData, RevokedInfo, SingleResponse, Version,
};

use crate::tls::{Authority, check};

const SERIAL: u8 = 77;
const DAY: i64 = 86_400;

/// What is stapled.
#[derive(Clone, Copy)]
struct Statement {
    status: &'static str,
    serial: u8,
    /// Seconds from now.
    from: i64,
    until: i64,
    signer: Signer,
    hash: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Signer {
    Issuer,
    /// Made by the issuer for this.
    Delegate,
    /// Made by the issuer for something else.
    Server,
    /// Made by the issuer for this, long ago.
    OldDelegate,
    /// Made by somebody else for this.
    ForeignDelegate,
    Stranger,
}

const REVOKED: Statement =
    Statement { status: "revoked", serial: SERIAL, from: -DAY, until: DAY, signer: Signer::Issuer, hash: "sha1" };
const GOOD: Statement = Statement { status: "good", ..REVOKED };

fn time(from_now: i64) -> OcspGeneralizedTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    OcspGeneralizedTime(GeneralizedTime::from_unix_duration(Duration::from_secs(now.strict_add_signed(from_now))).unwrap())
}

fn algorithm(oid: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(oid).unwrap(), parameters: None::<Any> }
}

fn octets(bytes: &[u8]) -> OctetString {
    OctetString::new(bytes).unwrap()
}

impl Statement {
    fn bytes(self, authority: &Authority, stranger: &Authority) -> Vec<u8> {
        let issuer = Certificate::from_der(authority.der()).unwrap().tbs_certificate;
        let (hash, oid) = match self.hash {
            "sha1" => (&SHA1_FOR_LEGACY_USE_ONLY, "1.3.14.3.2.26"),
            _ => (&SHA256, "2.16.840.1.101.3.4.2.1"),
        };
        let key = issuer.subject_public_key_info.subject_public_key.raw_bytes();
        let cert_status = match self.status {
            "good" => CertStatus::good(),
            "unknown" => CertStatus::Unknown(Null),
            _ => CertStatus::Revoked(RevokedInfo { revocation_time: time(-DAY), revocation_reason: None }),
        };
        let single = SingleResponse {
            cert_id: CertId {
                hash_algorithm: algorithm(oid),
                issuer_name_hash: octets(digest(hash, &issuer.subject.to_der().unwrap()).as_ref()),
                issuer_key_hash: octets(digest(hash, key).as_ref()),
                serial_number: x509_cert::serial_number::SerialNumber::new(&[self.serial]).unwrap(),
            },
            cert_status,
            this_update: time(self.from),
            next_update: Some(time(self.until)),
            single_extensions: None,
        };
        let data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByKey(octets(digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref())),
            produced_at: time(self.from),
            responses: vec![single],
            response_extensions: None,
        };
        let text = data.to_der().unwrap();
        let made = |by: &Authority| {
            let mut params = CertificateParams::new(vec!["responder.test".to_owned()]).unwrap();
            if self.signer != Signer::Server {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
            }
            if self.signer == Signer::OldDelegate {
                params.not_after = rcgen::date_time_ymd(2001, 1, 1);
            }
            let key = KeyPair::generate().unwrap();
            let certificate = by.signed(&params, &key);
            (key.sign(&text).unwrap(), Some(vec![Certificate::from_der(&certificate).unwrap()]))
        };
        let (signature, certs) = match self.signer {
            Signer::Issuer => (authority.key().sign(&text).unwrap(), None),
            Signer::Stranger => (stranger.key().sign(&text).unwrap(), None),
            Signer::ForeignDelegate => made(stranger),
            Signer::Delegate | Signer::Server | Signer::OldDelegate => made(authority),
        };
        let basic = BasicOcspResponse {
            tbs_response_data: data,
            signature_algorithm: algorithm("1.2.840.10045.4.3.2"),
            signature: BitString::from_bytes(&signature).unwrap(),
            certs,
        };
        let response_bytes = ResponseBytes {
            response_type: ObjectIdentifier::new("1.3.6.1.5.5.7.48.1.1").unwrap(),
            response: octets(&basic.to_der().unwrap()),
        };
        let response = OcspResponse { response_status: OcspResponseStatus::Successful, response_bytes: Some(response_bytes) };
        response.to_der().unwrap()
    }
}

/// A server that shows a certificate, with what else it sends.
fn acceptor(
    authority: &Authority,
    must_staple: bool,
    more: Vec<CertificateDer<'static>>,
    stapled: Vec<u8>,
    version: &'static SupportedProtocolVersion,
) -> TlsAcceptor {
    let mut params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from_slice(&[SERIAL]));
    if must_staple {
        let asks = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5]);
        params.custom_extensions = vec![asks];
    }
    let key = KeyPair::generate().unwrap();
    let mut chain = vec![authority.signed(&params, &key)];
    chain.extend(more);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert_with_ocsp(chain, key, stapled)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_certificate_that_its_authority_says_is_revoked_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let versions = [&rustls::version::TLS12, &rustls::version::TLS13];
    let future = Statement { from: DAY, until: 2 * DAY, ..REVOKED };
    let old = Statement { from: -9 * DAY, until: -8 * DAY, ..REVOKED };
    let by = |signer| Statement { signer, ..REVOKED };
    for (what, statement, expected) in [
        ("good", GOOD, "200"),
        ("revoked", REVOKED, "net.unreachable"),
        ("revoked, named by another hash", Statement { hash: "sha256", ..REVOKED }, "net.unreachable"),
        ("revoked, said some time ago", old, "net.unreachable"),
        ("revoked, by a delegate", by(Signer::Delegate), "net.unreachable"),
        // What does not count is as nothing: else whoever can reach the server's port could shut it off.
        ("revoked in time to come", future, "200"),
        ("another certificate is revoked", Statement { serial: SERIAL + 1, ..REVOKED }, "200"),
        ("revoked, by a stranger", by(Signer::Stranger), "200"),
        ("revoked, by who is no delegate", by(Signer::Server), "200"),
        ("revoked, by who was one", by(Signer::OldDelegate), "200"),
        ("revoked, by a delegate of somebody else", by(Signer::ForeignDelegate), "200"),
        ("not known", Statement { status: "unknown", ..REVOKED }, "200"),
    ] {
        for version in versions {
            let stapled = statement.bytes(&ours, &theirs);
            check(what, &ours, acceptor(&ours, false, Vec::new(), stapled, version), expected).await;
        }
    }
    for (what, stapled) in [("nothing", Vec::new()), ("a letter", b"Dear hub".to_vec()), ("zeros", vec![0; 4_000])] {
        check(what, &ours, acceptor(&ours, false, Vec::new(), stapled, versions[1]), "200").await;
    }
    // Cut off anywhere, it is as nothing, and nothing breaks.
    let whole = REVOKED.bytes(&ours, &theirs);
    for length in (1..whole.len()).step_by(41) {
        let cut = whole[..length].to_vec();
        check(&format!("cut off at {length}"), &ours, acceptor(&ours, false, Vec::new(), cut, versions[1]), "200").await;
    }
}

#[tokio::test]
async fn a_certificate_that_asks_for_a_statement_is_refused_without() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let by = |signer| Statement { signer, ..GOOD };
    for (what, statement, expected) in [
        ("good", Some(GOOD), "200"),
        ("good, by a delegate", Some(by(Signer::Delegate)), "200"),
        ("none", None, "net.unreachable"),
        ("revoked", Some(REVOKED), "net.unreachable"),
        ("too old", Some(Statement { from: -9 * DAY, until: -8 * DAY, ..GOOD }), "net.unreachable"),
        ("of time to come", Some(Statement { from: DAY, until: 2 * DAY, ..GOOD }), "net.unreachable"),
        ("of another certificate", Some(Statement { serial: SERIAL + 1, ..GOOD }), "net.unreachable"),
        ("not known", Some(Statement { status: "unknown", ..GOOD }), "net.unreachable"),
        ("by a stranger", Some(by(Signer::Stranger)), "net.unreachable"),
        ("by the server itself", Some(by(Signer::Server)), "net.unreachable"),
        ("by a delegate of somebody else", Some(by(Signer::ForeignDelegate)), "net.unreachable"),
    ] {
        let stapled = statement.map(|statement| statement.bytes(&ours, &theirs)).unwrap_or_default();
        // Whoever has the key may send along an authority of the same name, made by himself.
        let more = vec![theirs.der().clone()];
        check(what, &ours, acceptor(&ours, true, more, stapled, &rustls::version::TLS13), expected).await;
    }
    // That authority's own word, of its own key: it did not make the certificate.
    let (more, stapled) = (vec![theirs.der().clone()], GOOD.bytes(&theirs, &ours));
    check(
        "an authority of the same name",
        &ours,
        acceptor(&ours, true, more, stapled, &rustls::version::TLS13),
        "net.unreachable",
    )
    .await;
}
