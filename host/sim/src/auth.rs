//! The simulated systems' credentials: a standing bearer token, and access tokens from a token endpoint.
//!
//! Access tokens carry their number, their end and a check value, so that a restarted system still knows them. Must not know HTTP
//! paths, nor how an error looks: each vendor says no in its own words.

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
}

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
    /// With the grant `refresh_token` only.
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
        }
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
