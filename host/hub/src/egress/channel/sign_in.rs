//! A channel's credentials at the moment of sending: the secret for where it goes, and the token that a log-in gives for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use nave_core::catalog::Credential;
use nave_core::grant::Grant;
use nave_core::limits::{LOGIN_REFUSED_MS, TOKEN_ANSWER_BYTES_MAX};
use nave_core::manifest::CredentialKind;
use tokio::time::{Instant, timeout_at};

use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::super::headers;
use super::super::oauth::place;
use super::super::origin::held_help;
use super::super::target::Base;
use super::super::token::{Obtained, fingerprint, from_cookie, from_login, from_oauth, login_body, scopes_of};
use super::{Got, Inner, Prepared, Want};
use crate::secrets::{SecretBytes, SecretError};

/// Begins what is said where a secret is kept elsewhere and cannot be fetched.
pub(crate) const AWAY: &str = "net.secret-unreachable";

impl Inner {
    /// A credential's secret, for a request to this base: its log-in's host is asked for as well, and the way there.
    pub(super) async fn secret(&self, granted: &Grant, credential: &Credential, base: &Base) -> Result<SecretBytes, EgressError> {
        self.secret_after(granted, credential, base, None).await
    }

    /// The same; a value that is kept elsewhere and was `refused` is fetched anew first.
    async fn secret_after(
        &self,
        granted: &Grant,
        credential: &Credential,
        base: &Base,
        refused: Option<&SecretBytes>,
    ) -> Result<SecretBytes, EgressError> {
        let name = credential.secret.as_str();
        let mut to = BTreeSet::from([base.origin()]);
        for endpoint in credential.kind.sign_in_endpoints() {
            to.insert(self.endpoint(endpoint)?.1.origin());
        }
        to.extend(self.dialer.way.iter().cloned());
        let had = match self.config.secrets.referred(name, &to, granted, refused).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => self.config.secrets.secret(name, &to, granted),
            Err(error) => Err(error),
        };
        let secret = had.map_err(|error| match error {
            SecretError::Held { ref to, .. } => {
                EgressError::denied("net.secret-held", format!("{error}; {}", held_help(&self.config.connection, to)))
            }
            // It will be there again: whoever asked may come again, as with a system that is away.
            // Where it is kept is nobody's business who writes plugins: `nave secret check` says it, and the audit.
            SecretError::Away { .. } => EgressError::Unreachable(format!(
                "{AWAY}: the secret `{name}` cannot be had from where it is kept; nothing was sent; `nave secret check {name}` says why"
            )),
            error => EgressError::denied("net.secret-missing", error.to_string()),
        })?;
        if secret.is_empty() {
            return Err(credential::unusable(name, "it is empty"));
        }
        self.known.remember([secret.expose()]);
        Ok(secret)
    }

    /// A value that its system refused, where the place that it is kept in has another one by now.
    pub(super) async fn another(
        &self,
        granted: &Grant,
        credential: &Credential,
        base: &Base,
        refused: &SecretBytes,
    ) -> Option<SecretBytes> {
        // Where none can be had, the refusal is the answer.
        let found = self.secret_after(granted, credential, base, Some(refused)).await.ok()?;
        (found != *refused).then_some(found)
    }

    /// What the endpoint's credential puts on the request, and the generation of its token if it has one. With `stale`,
    /// the token of that generation was refused: another one is made, unless it is already there or hopeless.
    pub(super) async fn credential(
        self: &Arc<Self>,
        prepared: &Prepared<'_>,
        body: &Source,
        stale: Option<u64>,
        total: Instant,
    ) -> Result<(Applied, Option<u64>), EgressError> {
        let Some((slot, credential)) = prepared.credential else { return Ok((Applied::Nothing, None)) };
        let name = credential.secret.as_str();
        let mut secret = self.secret(&prepared.granted, credential, prepared.base).await?;
        if matches!(credential.kind, CredentialKind::Oauth2 { .. }) {
            return self.authorized(slot, credential, &secret, stale, total).await;
        }
        if !credential::needs_token(&credential.kind) {
            return Ok((self.carried(prepared, body, credential, &secret).await?, None));
        }
        let (_, password) = credential::split_pair(&secret, name)?;
        self.known.remember([password]);
        let Some(cell) = self.tokens.get(slot) else { return Err(credential::unusable(name, "its slot is unknown")) };
        let mut state = timeout_at(total, cell.lock())
            .await
            .map_err(|_| EgressError::Unreachable("another call has been logging in all the time; nothing was sent".into()))?;
        // One log-in tells whether the successor is taken; where it is not, the old secret goes on.
        if state.successor_not_before.is_none_or(|until| until <= Instant::now())
            && let Some(next) = self.successor(&prepared.granted, credential, prepared.base)?
        {
            state.successor_not_before = Some(Instant::now() + Duration::from_millis(LOGIN_REFUSED_MS));
            match self.obtain(slot, credential, &next, total).await {
                Ok(Ok(obtained)) => {
                    self.known.remember([obtained.value.expose()]);
                    let applied = credential::apply_secret(&credential.kind, &obtained.value, name)?;
                    self.settle(credential, &next, None);
                    state.successor_not_before = None;
                    state.set(&next, &obtained, Instant::now());
                    return Ok((applied, Some(state.generation)));
                }
                Ok(Err(why)) => {
                    // Unless the old one is refused as well.
                    if let Ok(obtained) = self.obtain(slot, credential, &secret, total).await? {
                        self.known.remember([obtained.value.expose()]);
                        let applied = credential::apply_secret(&credential.kind, &obtained.value, name)?;
                        self.settle(credential, &next, Some(&format!("{why}; the old one is taken")));
                        state.successor_not_before = None;
                        state.set(&secret, &obtained, Instant::now());
                        return Ok((applied, Some(state.generation)));
                    }
                }
                Err(EgressError::Denied { code: "net.credential-unusable", message }) => {
                    self.settle(credential, &next, Some(&message));
                }
                Err(_) => {}
            }
        }
        let now = Instant::now();
        let renew = stale == Some(state.generation) && state.proved;
        if !renew && let Some(token) = state.current(&secret, now) {
            return Ok((credential::apply_secret(&credential.kind, &token, name)?, Some(state.generation)));
        }
        if let Some(why) = state.refusal(&secret, now) {
            return Err(EgressError::denied("net.login-refused", why));
        }
        let mut answered = self.obtain(slot, credential, &secret, total).await?;
        if answered.is_err()
            && let Some(other) = self.another(&prepared.granted, credential, prepared.base, &secret).await
        {
            let (_, password) = credential::split_pair(&other, name)?;
            self.known.remember([password]);
            secret = other;
            answered = self.obtain(slot, credential, &secret, total).await?;
        }
        match answered {
            Ok(obtained) => {
                self.known.remember([obtained.value.expose()]);
                let applied = credential::apply_secret(&credential.kind, &obtained.value, name)?;
                state.set(&secret, &obtained, Instant::now());
                Ok((applied, Some(state.generation)))
            }
            Err(why) => {
                let why = self.known.scrubber().clean_text(format!("{why}; check the secret `{name}`, `nave secret set {name}`"));
                state.refuse(&secret, why.clone(), Instant::now() + Duration::from_millis(LOGIN_REFUSED_MS));
                Err(EgressError::denied("net.login-refused", why))
            }
        }
    }

    pub(super) async fn proved(&self, slot: &str, generation: u64) {
        if matches!(self.config.credentials.get(slot).map(|found| &found.kind), Some(CredentialKind::Oauth2 { .. })) {
            let cell = self.authorizations.cell(&place(&self.config.connection, slot));
            // Whoever holds it renews, and the token that was proved is the old one then.
            if let Ok(mut cell) = cell.try_lock() {
                cell.proved |= cell.generation == generation;
            }
            return;
        }
        if let Some(cell) = self.tokens.get(slot) {
            let mut state = cell.lock().await;
            state.proved |= state.generation == generation;
        }
    }

    /// Asks for a token. The inner error is the system's refusal; the outer one says that the guest's request was not sent.
    async fn obtain(
        &self,
        slot: &str,
        credential: &Credential,
        secret: &SecretBytes,
        total: Instant,
    ) -> Result<Result<Obtained, String>, EgressError> {
        let (kind, name) = (&credential.kind, credential.secret.as_str());
        self.dialer.talks.used_with(&self.config.connection, slot, fingerprint(secret));
        let (user, password) = credential::split_pair(secret, name)?;
        let mut headers = headers::from_guest(&[("accept".into(), "application/json".into())], &[], &[])?;
        let (endpoint, path, body) = match kind {
            CredentialKind::Login { endpoint, path, body, .. } => {
                let (Ok(user), Ok(password)) = (std::str::from_utf8(user), std::str::from_utf8(password)) else {
                    return Err(credential::unusable(name, "it is not text"));
                };
                let body = login_body(body, user, password).map_err(|why| EgressError::denied("net.credential-unusable", why))?;
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (endpoint, path, body)
            }
            CredentialKind::OauthClientCredentials { endpoint, path, scopes } => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "client_credentials");
                if !scopes.is_empty() {
                    form.append_pair("scope", scopes);
                }
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                headers.insert(http::header::AUTHORIZATION, credential::client_header(user, password, name)?);
                (endpoint, path, form.finish().into_bytes())
            }
            _ => return Err(credential::unusable(name, "its kind has no token")),
        };
        let granted = self.may_sign_in(slot, credential, endpoint)?;
        let (_, base) = self.endpoint(endpoint)?;
        let url = base.target(endpoint, path)?.url;
        let prepared = Prepared { granted, endpoint, base, url, method: Method::POST, headers, credential: None };
        let want = Want::Memory(TOKEN_ANSWER_BYTES_MAX);
        let answer = match self.run(&prepared, &Applied::Nothing, &Source::Bytes(body.into()), want, total).await {
            Ok(answer) => answer,
            Err(EgressError::NoAnswer(why) | EgressError::Unreachable(why)) => {
                return Err(EgressError::Unreachable(format!("logging in failed, so nothing was sent: {why}")));
            }
            Err(EgressError::TooLarge(_)) => return Ok(Err("the log-in's answer was far too large".into())),
            Err(other) => return Err(other),
        };
        let Got::Memory(body) = answer.body else { return Ok(Err("the log-in's answer is not in memory".into())) };
        Ok(match (answer.status, kind) {
            (200..=299, CredentialKind::Login { expires_in, .. }) if let Some(cookie) = kind.cookie() => {
                from_cookie(&answer.headers, &body, cookie, expires_in.as_deref())
            }
            (200..=299, CredentialKind::Login { token, expires_in, .. }) => from_login(&body, token, expires_in.as_deref()),
            (200..=299, CredentialKind::OauthClientCredentials { scopes, .. }) => from_oauth(&body).inspect(|_| {
                // None said: those that were asked for (RFC 6749, 5.1); nothing asked for and nothing said is not known.
                let said = scopes_of(&body).or_else(|| Some(scopes.clone()).filter(|asked| !asked.trim().is_empty()));
                said.iter().for_each(|said| self.granted(slot, said.split_whitespace()));
            }),
            (200..=299, _) => from_oauth(&body),
            (408 | 429 | 500..=599, _) => {
                return Err(EgressError::Unreachable(format!(
                    "logging in failed, so nothing was sent: {} answered {}",
                    prepared.shown(),
                    answer.status
                )));
            }
            (300..=399, _) => Err(format!("{} answered with a redirect", prepared.shown())),
            (status, _) => Err(format!("{} refused with status {status}", prepared.shown())),
        })
    }
}
