//! A channel's signatures: the key stays here, the request carries what it gives.

use http::header::{HeaderName, HeaderValue};
use nave_core::manifest::CredentialKind;
use nave_core::signing::{HmacAlgorithm, Part, template};
use nave_core::webhook::Encoding;
use ring::hmac;
use url::Position;

use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::{Inner, Prepared};
use crate::secrets::SecretBytes;

/// Bytes of a held body that are signed at a time.
const PIECE_BYTES: u32 = 64 << 10;

impl Inner {
    /// The headers of a request that is signed with a key: made anew for every try, since they hold the time.
    pub(super) async fn signed(
        &self,
        prepared: &Prepared<'_>,
        kind: &CredentialKind,
        secret: &SecretBytes,
        name: &str,
        body: &Source,
    ) -> Result<Applied, EgressError> {
        let CredentialKind::Hmac { header, prefix, algorithm, encoding, over, time, id_header } = kind else {
            return Err(credential::unusable(name, "its kind signs nothing"));
        };
        let unusable = |why: String| EgressError::denied("net.credential-unusable", why);
        let (id, key) = match id_header {
            None => (&b""[..], secret.expose()),
            Some(_) => credential::split_pair(secret, name)?,
        };
        if key.is_empty() {
            return Err(credential::unusable(name, "its key is empty"));
        }
        self.known.remember([key]);
        let at = time.as_ref().map(|time| time.format.write((self.dialer.clock)().0)).unwrap_or_default();
        let algorithm = match algorithm {
            HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        let url = &prepared.url;
        for part in template(over).map_err(unusable)? {
            match part {
                Part::Literal(text) => context.update(text.as_bytes()),
                Part::Time => context.update(at.as_bytes()),
                Part::Method => context.update(prepared.method.as_str().as_bytes()),
                Part::Host => context.update(url[Position::BeforeHost..Position::AfterPort].as_bytes()),
                Part::Target => context.update(url[Position::BeforePath..Position::AfterQuery].as_bytes()),
                Part::Path => context.update(url.path().as_bytes()),
                Part::Query => context.update(url.query().unwrap_or_default().as_bytes()),
                Part::Id => context.update(id),
                Part::Body => update(&mut context, body).await?,
            }
        }
        let digest = context.sign();
        let text = match encoding {
            Encoding::Base64 => {
                use base64::Engine as _;
                base64::prelude::BASE64_STANDARD.encode(digest.as_ref())
            }
            Encoding::Hex => digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let mut headers = Vec::new();
        let mut add = |header: &str, value: &[u8]| -> Result<(), EgressError> {
            let header = HeaderName::from_bytes(header.as_bytes())
                .map_err(|_| EgressError::denied("net.credential-unusable", format!("`{header}` is not a header name")))?;
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| credential::unusable(name, "it has a line break or a control character"))?;
            headers.push((header, value));
            Ok(())
        };
        add(header, format!("{prefix}{text}").as_bytes())?;
        if let Some(time) = time {
            add(&time.header, at.as_bytes())?;
        }
        if let Some(header) = id_header {
            add(header, id)?;
        }
        Ok(Applied::Headers(headers))
    }
}

async fn update(context: &mut hmac::Context, body: &Source) -> Result<(), EgressError> {
    match body {
        Source::Bytes(bytes) => context.update(bytes),
        Source::Blob(blob) => {
            let mut at = 0;
            while at < blob.size() {
                let piece = blob.read(at, PIECE_BYTES).await.map_err(|error| {
                    EgressError::Unreachable(format!("the body cannot be read, so that nothing was signed or sent: {error}"))
                })?;
                if piece.is_empty() {
                    return Err(EgressError::Unreachable("the body is shorter than it says; nothing was signed or sent".into()));
                }
                context.update(&piece);
                at += piece.len() as u64;
            }
        }
    }
    Ok(())
}
