//! What a server's certificate authority says of the certificate, where the server hands it on (OCSP stapling, RFC 6960).
//!
//! The chain, the name and the dates are judged by the TLS library, which reads no such statement. Here it is read: a certificate
//! that its issuer says is revoked is refused. A statement counts if the issuer signed it, or somebody that the issuer made for
//! that, and if it is of this certificate and this time; any other is as none. A certificate that asks for one ("must staple",
//! RFC 7633) is refused without. Nothing is fetched: a server without a statement of its own is taken as it was.
//!
//! Formats are read by `x509-ocsp` and `x509-cert`; what was signed is taken from the bytes as they came, never spelled again.

use std::sync::Arc;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_ocsp::{BasicOcspResponse, CertId, CertStatus, OcspResponse, OcspResponseStatus};

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA2: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// What a certificate is for that signs such statements in place of its issuer.
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// Features of TLS that a certificate asks for, and the number of this one.
const TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
const STATUS_REQUEST: u8 = 5;
/// How far an authority's clock may be ahead of this one.
const SKEW_S: u64 = 5 * 60;
/// Certificates in a statement that are looked at.
const DELEGATES_MAX: usize = 4;

/// Judges servers' certificates as the TLS library does, and then by what is stapled to them.
#[derive(Debug)]
pub(super) struct Stapled {
    inner: Arc<WebPkiServerVerifier>,
    roots: Vec<Issuer>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Whose key may have signed: its name, and its key with what kind it is.
#[derive(Debug)]
struct Issuer {
    name: Vec<u8>,
    kind: Vec<u8>,
    key: Vec<u8>,
}

/// What is said of a certificate.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Good,
    Revoked,
    /// Nothing that counts, and why.
    Nothing(&'static str),
}

/// A signed thing as it came: what was signed, the kind of signature, the signature.
struct Signed<'a> {
    text: &'a [u8],
    kind: &'a [u8],
    signature: &'a [u8],
}

impl Stapled {
    pub(super) fn new(roots: RootCertStore, provider: Arc<rustls::crypto::CryptoProvider>) -> Result<Self, String> {
        let anchors = roots.roots.iter().filter_map(|root| {
            let name = sequence(root.subject.as_ref())?;
            let (kind, key) = key_of(&sequence(root.subject_public_key_info.as_ref())?)?;
            Some(Issuer { name, kind, key })
        });
        let anchors = anchors.collect();
        let algorithms = provider.signature_verification_algorithms;
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { inner: inner.map_err(|error| error.to_string())?, roots: anchors, algorithms })
    }

    /// Whether the key made the signature, by one of the algorithms that are spoken.
    fn signed_by(&self, issuer: &Issuer, signed: &Signed<'_>) -> bool {
        let fits = self.algorithms.all.iter().filter(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == issuer.kind && algorithm.signature_alg_id().as_ref() == signed.kind
        });
        fits.into_iter().any(|algorithm| algorithm.verify_signature(&issuer.key, signed.text, signed.signature).is_ok())
    }

    /// Those whose name is that of the certificate's issuer, and whose key signed it.
    fn issuers<'a>(&'a self, leaf: &Certificate, signed: &Signed<'_>, sent: &'a [Issuer]) -> Vec<&'a Issuer> {
        let name = leaf.tbs_certificate.issuer.to_der().unwrap_or_default();
        let named = self.roots.iter().chain(sent).filter(|issuer| issuer.name == name);
        named.filter(|issuer| self.signed_by(issuer, signed)).collect()
    }

    fn judge(&self, leaf: &Certificate, raw: &[u8], chain: &[CertificateDer<'_>], stapled: &[u8], now: u64) -> Said {
        if stapled.is_empty() {
            return Said::Nothing("nothing is stapled");
        }
        let sent: Vec<Issuer> = chain.iter().filter_map(|sent| Certificate::from_der(sent).ok().and_then(issuer_of)).collect();
        let Some(signed) = parts(raw) else { return Said::Nothing("the certificate cannot be read") };
        let Ok(response) = OcspResponse::from_der(stapled) else { return Said::Nothing("it cannot be read") };
        let (OcspResponseStatus::Successful, Some(bytes)) = (response.response_status, response.response_bytes) else {
            return Said::Nothing("it says nothing of a certificate");
        };
        let body = bytes.response.as_bytes();
        if bytes.response_type != BASIC {
            return Said::Nothing("it is of another kind");
        }
        let (Ok(basic), Some(statement)) = (BasicOcspResponse::from_der(body), parts(body)) else {
            return Said::Nothing("it cannot be read");
        };
        let mut found = Said::Nothing("its issuer did not sign it");
        for issuer in self.issuers(leaf, &signed, &sent) {
            if self.signed_by(issuer, &statement) || self.delegated(issuer, &basic, &statement, now) {
                found = of_this(leaf, issuer, &basic, now);
            }
            if !matches!(found, Said::Nothing(_)) {
                break;
            }
        }
        found
    }

    /// Whether somebody signed whom the issuer made for that, and who is that now.
    fn delegated(&self, issuer: &Issuer, basic: &BasicOcspResponse, statement: &Signed<'_>, now: u64) -> bool {
        basic.certs.iter().flatten().take(DELEGATES_MAX).any(|delegate| {
            let own = &delegate.tbs_certificate;
            let validity =
                own.validity.not_before.to_unix_duration().as_secs()..=own.validity.not_after.to_unix_duration().as_secs();
            let may = matches!(own.get::<ExtendedKeyUsage>(), Ok(Some((_, uses))) if uses.0.contains(&OCSP_SIGNING));
            let Ok(raw) = delegate.to_der() else { return false };
            let named = own.issuer.to_der().is_ok_and(|name| name == issuer.name);
            may && named
                && validity.contains(&now)
                && parts(&raw).is_some_and(|signed| self.signed_by(issuer, &signed))
                && issuer_of(delegate.clone()).is_some_and(|delegate| self.signed_by(&delegate, statement))
        })
    }
}

/// What a statement that is signed says of this certificate. That it was revoked stays true when the statement is old.
fn of_this(leaf: &Certificate, issuer: &Issuer, basic: &BasicOcspResponse, now: u64) -> Said {
    let mut found = Said::Nothing("it is of another certificate");
    for single in basic.tbs_response_data.responses.iter().filter(|single| is_of(&single.cert_id, leaf, issuer)) {
        let from = single.this_update.0.to_unix_duration().as_secs();
        let until = single.next_update.map(|until| until.0.to_unix_duration().as_secs());
        match single.cert_status {
            _ if from > now + SKEW_S => found = Said::Nothing("it is of a time to come"),
            CertStatus::Revoked(_) => return Said::Revoked,
            CertStatus::Good(_) if until.is_none_or(|until| now <= until + SKEW_S) => found = Said::Good,
            CertStatus::Good(_) => found = Said::Nothing("it is too old"),
            CertStatus::Unknown(_) => found = Said::Nothing("its issuer does not know the certificate"),
        }
    }
    found
}

fn is_of(id: &CertId, leaf: &Certificate, issuer: &Issuer) -> bool {
    let algorithm = match id.hash_algorithm.oid {
        // It names the certificate, and vouches for nothing.
        SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
        SHA2 => &SHA256,
        _ => return false,
    };
    id.serial_number == leaf.tbs_certificate.serial_number
        && id.issuer_name_hash.as_bytes() == digest(algorithm, &issuer.name).as_ref()
        && id.issuer_key_hash.as_bytes() == digest(algorithm, &issuer.key).as_ref()
}

/// Whether a certificate says that it comes with a statement or not at all.
fn must_staple(leaf: &Certificate) -> bool {
    let asked = leaf.tbs_certificate.extensions.iter().flatten().find(|extension| extension.extn_id == TLS_FEATURE);
    asked.is_some_and(|asked| asked.extn_value.as_bytes().windows(3).any(|number| number == [2, 1, STATUS_REQUEST]))
}

fn issuer_of(certificate: Certificate) -> Option<Issuer> {
    let own = certificate.tbs_certificate;
    let (kind, key) = key_of(&own.subject_public_key_info.to_der().ok()?)?;
    Some(Issuer { name: own.subject.to_der().ok()?, kind, key })
}

/// Kind and bits of a key.
fn key_of(info: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let read = |reader: &mut SliceReader<'_>| {
        reader.sequence(|inner| {
            let kind = AnyRef::decode(inner)?;
            Ok((kind.value().to_vec(), BitStringRef::decode(inner)?.raw_bytes().to_vec()))
        })
    };
    SliceReader::new(info).and_then(|mut reader| read(&mut reader)).ok()
}

/// What is in a sequence, made one.
fn sequence(inside: &[u8]) -> Option<Vec<u8>> {
    AnyRef::new(x509_cert::der::Tag::Sequence, inside).and_then(|any| any.to_der()).ok()
}

/// The three parts of a certificate or a statement; what follows them is not signed.
fn parts(bytes: &[u8]) -> Option<Signed<'_>> {
    let whole = AnyRef::from_der(bytes).ok()?;
    let mut reader = SliceReader::new(whole.value()).ok()?;
    let text = reader.tlv_bytes().ok()?;
    let kind = AnyRef::decode(&mut reader).ok()?.value();
    let signature = BitStringRef::decode(&mut reader).ok()?.as_bytes()?;
    Some(Signed { text, kind, signature })
}

impl ServerCertVerifier for Stapled {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        // What the library takes and this cannot read asks for nothing.
        let Ok(leaf) = Certificate::from_der(end_entity) else { return Ok(verified) };
        match self.judge(&leaf, end_entity, intermediates, ocsp_response, now.as_secs()) {
            Said::Good => Ok(verified),
            Said::Revoked => Err(Error::InvalidCertificate(CertificateError::Revoked)),
            Said::Nothing(_) if must_staple(&leaf) => Err(Error::InvalidCertificate(CertificateError::UnknownRevocationStatus)),
            Said::Nothing(why) => {
                if !ocsp_response.is_empty() {
                    tracing::debug!(why, "what is stapled to a certificate does not count");
                }
                Ok(verified)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
