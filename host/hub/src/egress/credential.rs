//! How a credential becomes a header or a query parameter. Decides; does no I/O.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use nave_core::manifest::CredentialKind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;
use zeroize::Zeroizing;

use super::error::EgressError;
use super::scrub::STARS;
use crate::secrets::SecretBytes;

/// What is put on a request.
pub(super) enum Applied {
    /// Nothing: the endpoint has no credential.
    Nothing,
    Header(HeaderName, HeaderValue),
    Headers(Vec<(HeaderName, HeaderValue)>),
    Query(String, Zeroizing<String>),
    /// Another body: the plugin's, with the secret in it.
    Body(Bytes),
}

impl Applied {
    /// The address with the credential.
    pub(super) fn url(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Self::Query(name, value) = self {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }
}

/// Headers that a kind sets, so that a guest does not.
pub(super) fn headers_of(kind: &CredentialKind) -> Vec<HeaderName> {
    if let CredentialKind::Hmac { header, time, id_header, .. } = kind {
        let names = [Some(header.as_str()), time.as_ref().map(|time| time.header.as_str()), id_header.as_deref()];
        return names.into_iter().flatten().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
    }
    if let CredentialKind::AwsV4 { .. } = kind {
        let own = ["x-amz-date", "x-amz-security-token"].map(HeaderName::from_static);
        return own.into_iter().chain(header_of(kind)).collect();
    }
    header_of(kind).into_iter().collect()
}

fn header_of(kind: &CredentialKind) -> Option<HeaderName> {
    match kind {
        CredentialKind::Header { name } => HeaderName::from_bytes(name.as_bytes()).ok(),
        CredentialKind::Login { header: Some(header), .. } => HeaderName::from_bytes(split_header(header).0.as_bytes()).ok(),
        CredentialKind::Query { .. } => None,
        kind if kind.cookie().is_some() => Some(COOKIE),
        _ => Some(AUTHORIZATION),
    }
}

/// Query parameter that a kind sets.
pub(super) fn query_of(kind: &CredentialKind) -> Option<&str> {
    if let CredentialKind::Query { name } = kind { Some(name) } else { None }
}

/// An address for people: without query, but with the place of the credential in it.
pub(super) fn shown(url: &Url, kind: Option<&CredentialKind>) -> String {
    let query = kind.and_then(query_of).map(|name| format!("?{name}={STARS}")).unwrap_or_default();
    format!("{}{}{query}", &url[..url::Position::BeforePath], url.path())
}

/// Whether it takes a call of its own to get what is sent.
pub(super) fn needs_token(kind: &CredentialKind) -> bool {
    matches!(kind, CredentialKind::Login { .. } | CredentialKind::OauthClientCredentials { .. })
}

/// Whether the secret itself is sent, or signs what is sent.
pub(super) fn is_sent_as_it_is(kind: &CredentialKind) -> bool {
    !needs_token(kind) && !matches!(kind, CredentialKind::Oauth2 { .. })
}

/// A secret that is sent as it is.
pub(super) fn apply_secret(kind: &CredentialKind, secret: &SecretBytes, name: &str) -> Result<Applied, EgressError> {
    match kind {
        CredentialKind::Bearer { scheme } => header(AUTHORIZATION, Some(scheme.as_deref().unwrap_or("Bearer")), secret, name),
        CredentialKind::Basic {} => {
            if !secret.expose().contains(&b':') {
                return Err(unusable(name, "it is not `user:password`"));
            }
            header(AUTHORIZATION, Some("Basic"), &pair(secret), name)
        }
        CredentialKind::Header { name: header_name } => {
            let parsed = HeaderName::from_bytes(header_name.as_bytes())
                .map_err(|_| EgressError::denied("net.credential-unusable", format!("`{header_name}` is not a header name")))?;
            header(parsed, None, secret, name)
        }
        CredentialKind::Query { name: parameter } => match std::str::from_utf8(secret.expose()) {
            Ok(text) => Ok(Applied::Query(parameter.clone(), Zeroizing::new(text.to_owned()))),
            Err(_) => Err(unusable(name, "it is not text")),
        },
        CredentialKind::Hmac { .. } | CredentialKind::AwsV4 { .. } => {
            Err(unusable(name, "its kind signs requests, and carries nothing itself"))
        }
        CredentialKind::Body { .. } => Err(unusable(name, "its kind goes into bodies, and there is none")),
        CredentialKind::OauthClientCredentials { .. } | CredentialKind::Oauth2 { .. } => {
            header(AUTHORIZATION, Some("Bearer"), secret, name)
        }
        CredentialKind::Login { .. } if let Some(cookie) = kind.cookie() => {
            let mut pair = Zeroizing::new(Vec::with_capacity(cookie.len() + 1 + secret.len()));
            pair.extend_from_slice(cookie.as_bytes());
            pair.push(b'=');
            pair.extend_from_slice(secret.expose());
            header(COOKIE, None, &SecretBytes::new(&**pair), name)
        }
        CredentialKind::Login { header: place, .. } => {
            let (header_name, scheme) = split_header(place.as_deref().unwrap_or("Authorization: Bearer"));
            let parsed = HeaderName::from_bytes(header_name.as_bytes())
                .map_err(|_| EgressError::denied("net.credential-unusable", format!("`{header_name}` is not a header name")))?;
            header(parsed, scheme, secret, name)
        }
    }
}

/// `user:password` as `Basic` has it.
pub(super) fn pair(secret: &SecretBytes) -> SecretBytes {
    SecretBytes::new(STANDARD.encode(secret.expose()))
}

/// `Basic` for a client id and secret, encoded as RFC 6749, section 2.3.1 asks.
pub(super) fn client_header(id: &[u8], secret: &[u8], name: &str) -> Result<HeaderValue, EgressError> {
    const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
    let pair = Zeroizing::new(format!("{}:{}", percent_encode(id, FORM), percent_encode(secret, FORM)));
    let encoded = SecretBytes::new(STANDARD.encode(pair.as_bytes()));
    match header(AUTHORIZATION, Some("Basic"), &encoded, name)? {
        Applied::Header(_, value) => Ok(value),
        _ => Err(unusable(name, "it cannot be sent")),
    }
}

/// `user:password`, at the first colon.
pub(super) fn split_pair<'a>(secret: &'a SecretBytes, name: &str) -> Result<(&'a [u8], &'a [u8]), EgressError> {
    let bytes = secret.expose();
    match bytes.iter().position(|byte| *byte == b':') {
        Some(at) => Ok((&bytes[..at], &bytes[at + 1..])),
        None => Err(unusable(name, "it is not two parts with a colon between, `user:password`")),
    }
}

/// `Name: Word` or `Name`.
fn split_header(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((name, word)) => (name.trim(), Some(word.trim()).filter(|word| !word.is_empty())),
        None => (text.trim(), None),
    }
}

fn header(name: HeaderName, scheme: Option<&str>, secret: &SecretBytes, secret_name: &str) -> Result<Applied, EgressError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + 16));
    if let Some(scheme) = scheme {
        bytes.extend_from_slice(scheme.as_bytes());
        bytes.push(b' ');
    }
    bytes.extend_from_slice(secret.expose());
    let mut value =
        HeaderValue::from_bytes(&bytes).map_err(|_| unusable(secret_name, "it has a line break or a control character"))?;
    value.set_sensitive(true);
    Ok(Applied::Header(name, value))
}

pub(super) fn unusable(name: &str, why: &str) -> EgressError {
    EgressError::denied("net.credential-unusable", format!("the secret `{name}` cannot be used: {why}; `nave secret set {name}`"))
}
