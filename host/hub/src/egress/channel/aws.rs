//! A request signed as AWS wants it: Signature Version 4 by its published description, over `ring`.
//!
//! Own code: the crates that sign for AWS bring fifteen others and more (an HTTP model, a runtime's, a second family of digests), for
//! what is three digests here. Held against the vendor's own test suite. Signs what the hub asks itself: bodies in memory, paths that
//! are not S3's.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use nave_core::manifest::CredentialKind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use url::{Position, Url};
use zeroize::Zeroizing;

use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::{Inner, Prepared};
use crate::plugins::hex;
use crate::secrets::SecretBytes;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What RFC 3986 lets stand as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// By whom, for what and when a request is signed.
struct Signer<'a> {
    id: &'a str,
    key: &'a [u8],
    token: Option<&'a str>,
    region: &'a str,
    service: &'a str,
    /// `20150830T123600Z`.
    at: &'a str,
}

impl Inner {
    /// The headers of a request that is signed for AWS: made anew for every try, since they hold the time.
    pub(super) fn signed_for_aws(
        &self,
        prepared: &Prepared<'_>,
        kind: &CredentialKind,
        secret: &SecretBytes,
        name: &str,
        body: &Source,
    ) -> Result<Applied, EgressError> {
        let CredentialKind::AwsV4 { region, service } = kind else {
            return Err(credential::unusable(name, "its kind signs nothing"));
        };
        let Source::Bytes(body) = body else {
            return Err(EgressError::denied("net.bad-request", "a held body is not signed for AWS".to_owned()));
        };
        let wanted = "it is not `access-key-id:secret-access-key`, nor that with `:session-token`";
        let text = std::str::from_utf8(secret.expose()).map_err(|_| credential::unusable(name, wanted))?;
        let mut parts = text.split(':').map(str::trim);
        let (Some(id), Some(key), token, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(credential::unusable(name, wanted));
        };
        if id.is_empty() || key.is_empty() || token.is_some_and(str::is_empty) {
            return Err(credential::unusable(name, wanted));
        }
        self.known.remember([key.as_bytes()]);
        self.known.remember(token.map(str::as_bytes));
        let at = jiff::Timestamp::from_millisecond((self.dialer.clock)().0)
            .map_err(|_| EgressError::denied("net.credential-unusable", "the clock says no time".to_owned()))?
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let signer = Signer { id, key: key.as_bytes(), token, region, service, at: &at };
        let headers = sign(prepared.method.as_str(), &prepared.url, &prepared.headers, body, &signer);
        let mut applied = Vec::new();
        for (header, value) in headers {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| credential::unusable(name, "it has a line break or a control character"))?;
            value.set_sensitive(true);
            applied.push((HeaderName::from_static(header), value));
        }
        Ok(Applied::Headers(applied))
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn sha256(text: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, text).as_ref())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// The headers that carry a signature. Of the request's own, its type and those of AWS are covered.
fn sign(method: &str, url: &Url, own: &HeaderMap, body: &[u8], signer: &Signer<'_>) -> Vec<(&'static str, String)> {
    let covered = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
    let mut headers: Vec<(String, String)> = own
        .iter()
        .filter(|(name, _)| covered(name))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    headers.push(("host".to_owned(), url[Position::BeforeHost..Position::AfterPort].to_owned()));
    headers.push(("x-amz-date".to_owned(), signer.at.to_owned()));
    headers.extend(signer.token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
    headers.sort();
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();

    // What the address encodes once is encoded once more, but for S3.
    let path = url.path().split('/').map(encoded).collect::<Vec<_>>().join("/");
    let mut query: Vec<(String, String)> = url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    query.sort();
    let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let canonical = Zeroizing::new(format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", sha256(body)));

    let day = signer.at.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", signer.region, signer.service);
    let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", signer.at, sha256(canonical.as_bytes()));
    let first = Zeroizing::new([b"AWS4", signer.key].concat());
    let mut key = mac(&first, day.as_bytes());
    for part in [signer.region, signer.service, "aws4_request"] {
        key = mac(key.as_ref(), part.as_bytes());
    }
    let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
    let authorization = format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", signer.id);
    let mut found = vec![("authorization", authorization), ("x-amz-date", signer.at.to_owned())];
    found.extend(signer.token.map(|token| ("x-amz-security-token", token.to_owned())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The session token of the vendor's suite.
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    /// Cases of AWS's published test suite for Signature Version 4 (its names are kept): what is sent, and the signature.
    #[test]
    fn the_vendor_s_own_test_suite_is_signed_as_it_says() {
        let form = Some("application/x-www-form-urlencoded");
        for (name, method, target, content_type, body, token, signed, signature) in [
            (
                "get-vanilla",
                "GET",
                "/",
                None,
                "",
                None,
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-relative",
                "GET",
                "/example/..",
                None,
                "",
                None,
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                None,
                "",
                None,
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                "POST",
                "/",
                None,
                "",
                None,
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                "/",
                form,
                "Param1=value1",
                None,
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-sts-header-before",
                "POST",
                "/",
                None,
                "",
                Some(TOKEN),
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ] {
            let url = Url::parse(&format!("https://example.amazonaws.com{target}")).unwrap();
            let mut headers = HeaderMap::new();
            headers.extend(content_type.map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))));
            let signer = Signer {
                id: "AKIDEXAMPLE",
                key: b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                token,
                region: "us-east-1",
                service: "service",
                at: "20150830T123600Z",
            };
            let found = sign(method, &url, &headers, body.as_bytes(), &signer);
            let expected = format!(
                "{ALGORITHM} Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
            );
            assert_eq!(found[0], ("authorization", expected), "{name}");
            assert_eq!(found[1], ("x-amz-date", "20150830T123600Z".to_owned()), "{name}");
            assert_eq!(found.get(2).map(|(_, value)| value.as_str()), token, "{name}");
        }
    }
}
