//! The simulated systems' credentials: a standing bearer token, and access tokens from a token endpoint.
//!
//! Access tokens carry their number, their end and a check value, so that a restarted system still knows them. Must not know HTTP
//! paths, nor how an error looks: each vendor says no in its own words.

use std::collections::BTreeSet;

use crate::{
    limits::ACCESS_TOKEN_SECONDS,
    rng::{fingerprint, mix, token},
    wire::Call,
};
use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// What a client of a simulated system needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// A standing bearer token (HubSpot: of a private app).
    pub token: String,
    /// For the token endpoint.
    pub client_id: String,
    /// For the token endpoint.
    pub client_secret: String,
    /// For the token endpoint.
    pub refresh_token: String,
    /// The user of basic authentication, with the token as the password (Zendesk: `mailbox/token`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Xero: the value of the header `xero-tenant-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) credential: Credential,
    secret: u64,
    issued: u64,
    /// Numbers of codes that were given for a token: each is good once.
    spent: BTreeSet<u64>,
    coded: u64,
}

/// What a code from the page where people agree is good for, milliseconds.
const CODE_MS: i64 = 60_000;

/// Why the token endpoint refused; the word is OAuth's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
}

impl TokenRefusal {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// What the token endpoint gave.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    /// With the grants `refresh_token` and `authorization_code` only.
    pub(crate) refresh_token: Option<String>,
    pub(crate) seconds: i64,
}

impl Auth {
    pub(crate) fn new(seed: u64, system: &str, standing: Option<String>, tenant_id: Option<String>) -> Self {
        let secret = |what: &str| token(seed, &format!("{system} {what}"));
        Self {
            credential: Credential {
                token: standing.unwrap_or_else(|| format!("sim-{system}-{}", secret("token"))),
                client_id: format!("client-{}", &secret("client")[..12]),
                client_secret: secret("client secret"),
                refresh_token: format!("refresh-{}", secret("refresh")),
                user: None,
                tenant_id,
            },
            secret: mix(seed ^ fingerprint(format!("{system} tokens").as_bytes())),
            issued: 0,
            spent: BTreeSet::new(),
            coded: 0,
        }
    }

    /// The page where people agree: here somebody does at once. Answers where the browser goes next, with a code; none where the client is
    /// not known, or names no place to come back to.
    pub(crate) fn agree(&mut self, call: &Call, now_ms: i64) -> Option<String> {
        let asked = |name: &str| call.param(name).unwrap_or_default();
        if asked("client_id") != self.credential.client_id || asked("response_type") != "code" {
            return None;
        }
        let mut back = url::Url::parse(asked("redirect_uri")).ok()?;
        self.coded += 1;
        let end = now_ms + CODE_MS;
        let check = self.code_check(self.coded, end, asked("redirect_uri"), asked("code_challenge"));
        let code = format!("code.{}.{end}.{check}", self.coded);
        back.query_pairs_mut().append_pair("code", &code);
        if let Some(state) = call.param("state") {
            back.query_pairs_mut().append_pair("state", state);
        }
        Some(back.into())
    }

    /// A code is bound to the place where it was sent, and to the challenge that the client made (PKCE, S256; empty: none).
    fn code_check(&self, number: u64, end: i64, back: &str, challenge: &str) -> String {
        let bound = fingerprint(format!("{back} {challenge}").as_bytes());
        format!("{:016x}", mix(self.secret ^ mix(number ^ mix(end.cast_unsigned() ^ bound))))
    }

    /// Whether a code is good: for this client's place and verifier, in time, and for the first time.
    fn redeem(&mut self, code: &str, back: &str, verifier: Option<&str>, now_ms: i64) -> bool {
        let mut parts = code.split('.');
        let (Some("code"), Some(number), Some(end), Some(check), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let (Ok(number), Ok(end)) = (number.parse::<u64>(), end.parse::<i64>()) else { return false };
        let challenge = verifier.map(|verifier| {
            let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
        });
        let right = check == self.code_check(number, end, back, &challenge.unwrap_or_default());
        right && now_ms < end && self.spent.insert(number)
    }

    /// Whether the request carries a token that is good now.
    pub(crate) fn accepts(&self, call: &Call, now_ms: i64) -> bool {
        call.bearer().is_some_and(|given| given == self.credential.token || self.alive(given, now_ms))
    }

    /// As [`Self::accepts`], or with the token as the password of the user (of any, where the system does not look at it).
    pub(crate) fn accepts_basic(&self, call: &Call, now_ms: i64) -> bool {
        let basic = basic(call).is_some_and(|(user, password)| {
            password == self.credential.token && self.credential.user.as_ref().is_none_or(|own| *own == user)
        });
        basic || self.accepts(call, now_ms)
    }

    fn alive(&self, given: &str, now_ms: i64) -> bool {
        let mut parts = given.split('.');
        let (Some("at"), Some(number), Some(end), Some(check), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let (Ok(number), Ok(end)) = (number.parse::<u64>(), end.parse::<i64>()) else {
            return false;
        };
        check == self.check(number, end) && now_ms < end
    }

    fn check(&self, number: u64, end: i64) -> String {
        format!("{:016x}", mix(self.secret ^ mix(number ^ mix(end.cast_unsigned()))))
    }

    /// The token endpoint: the client by form or by basic authentication, then the grant.
    pub(crate) fn issue(&mut self, call: &Call, now_ms: i64) -> Result<Issued, TokenRefusal> {
        let form = call.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (id, secret) = match basic(call) {
            Some(pair) => pair,
            None => (field("client_id").unwrap_or_default(), field("client_secret").unwrap_or_default()),
        };
        if id != self.credential.client_id || secret != self.credential.client_secret {
            return Err(TokenRefusal::InvalidClient);
        }
        let refresh_token = match field("grant_type").as_deref() {
            Some("client_credentials") => None,
            Some("refresh_token") if field("refresh_token").as_ref() == Some(&self.credential.refresh_token) => {
                Some(self.credential.refresh_token.clone())
            }
            Some("authorization_code") => {
                let (code, back) = (field("code").unwrap_or_default(), field("redirect_uri").unwrap_or_default());
                if !self.redeem(&code, &back, field("code_verifier").as_deref(), now_ms) {
                    return Err(TokenRefusal::InvalidGrant);
                }
                Some(self.credential.refresh_token.clone())
            }
            Some("refresh_token") => return Err(TokenRefusal::InvalidGrant),
            _ => return Err(TokenRefusal::UnsupportedGrantType),
        };
        self.issued += 1;
        let end = now_ms + ACCESS_TOKEN_SECONDS * 1_000;
        let access_token = format!("at.{}.{end}.{}", self.issued, self.check(self.issued, end));
        Ok(Issued { access_token, refresh_token, seconds: ACCESS_TOKEN_SECONDS })
    }
}

/// User and password of `Authorization: Basic …`.
fn basic(call: &Call) -> Option<(String, String)> {
    let text = call.header("authorization")?.strip_prefix("Basic ")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()?.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;

    fn call(method: Method, query: &str, body: &str) -> Call {
        Call::new(method, "/oauth", query, HeaderMap::new(), Bytes::copy_from_slice(body.as_bytes()))
    }

    /// A code that was given for `back` and the verifier `right`, brought to the token endpoint.
    #[track_caller]
    fn check(back: &str, verifier: &str, later_ms: i64, expected: bool) {
        let mut auth = Auth::new(7, "crm", None, None);
        let digest = ring::digest::digest(&ring::digest::SHA256, b"right");
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        let (id, secret) = (auth.credential.client_id.clone(), auth.credential.client_secret.clone());
        let query = format!(
            "response_type=code&client_id={id}&redirect_uri=http%3A%2F%2Fhub%2Fback&state=st&code_challenge={challenge}&code_challenge_method=S256"
        );
        let next = auth.agree(&call(Method::GET, &query, ""), 0).expect("somebody agrees");
        assert!(next.starts_with("http://hub/back?code=") && next.ends_with("&state=st"), "{next}");
        let code = next.split(['=', '&']).nth(1).expect("a code").to_owned();
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={back}&code_verifier={verifier}&client_id={id}&client_secret={secret}"
        );
        let mut bring = || auth.issue(&call(Method::POST, "", &form), later_ms);
        assert_eq!(bring().is_ok_and(|issued| issued.refresh_token.is_some()), expected, "{back} {verifier} {later_ms}");
        assert!(bring().is_err(), "a code is good once");
    }

    #[test]
    fn a_code_is_good_once_for_whom_it_was_given() {
        check("http://hub/back", "right", 1, true);
        check("http://hub/back", "wrong", 1, false);
        check("http://other/back", "right", 1, false);
        check("http://hub/back", "right", CODE_MS, false);
        let mut auth = Auth::new(7, "crm", None, None);
        let unknown = call(Method::GET, "response_type=code&client_id=nobody&redirect_uri=http%3A%2F%2Fhub%2Fback", "");
        assert_eq!(auth.agree(&unknown, 0), None);
    }
}
