//! A channel's part in OAuth 2: sending a person to the system, taking what it grants, renewing it.
//!
//! A renewal is a task of its own: whoever waits for it may be stopped, it goes on, and what it received is made durable before
//! anybody uses it. The lock of the [`Cell`] is held from the first look to the end, so a hundred callers make one renewal.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use nave_core::catalog::Credential;
use nave_core::limits::{LOGIN_REFUSED_MS, TOKEN_ANSWER_BYTES_MAX};
use nave_core::manifest::{ClientAuthentication, CredentialKind, Place};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::super::account::{on_behalf, purpose};
use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::super::headers;
use super::super::oauth::{self, Answered, Authorization, Cell, Device, Next, Pkce, Standing, Tokens};
use super::super::token::fingerprint;
use super::{Channel, Got, Inner, Prepared, Want};
use crate::secrets::SecretBytes;
use crate::workers::off_the_workers;

/// The system's word for a grant that is worth nothing any more.
const INVALID_GRANT: &str = "invalid_grant";

/// What a system says of a person who may have agreed on another device.
#[derive(Debug)]
pub enum DeviceAnswer {
    /// Not yet.
    Pending,
    /// Not yet, and it was asked too often.
    SlowDown,
    /// They have, and it is kept.
    Agreed(Standing),
    /// They have not, or the code is too old: the reason.
    Refused(String),
}

/// The parts of a credential that this is about.
struct Oauth<'a> {
    token: &'a Place,
    authorization: Option<&'a Place>,
    device: Option<&'a Place>,
    client: ClientAuthentication,
    issuer: Option<&'a str>,
    parameters: Vec<(&'a str, &'a str)>,
}

fn parts(kind: &CredentialKind) -> Option<Oauth<'_>> {
    let CredentialKind::Oauth2 { token, authorization, device, issuer, client, parameters, .. } = kind else { return None };
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Some(Oauth {
        token,
        authorization: authorization.as_ref(),
        device: device.as_ref(),
        client: *client,
        issuer: issuer.as_deref(),
        parameters,
    })
}

impl Channel {
    /// Slots of this connection to which a person agrees at the system.
    pub fn authorizable(&self) -> Vec<String> {
        let slots = self.inner.config.credentials.iter();
        slots.filter(|(_, credential)| parts(&credential.kind).is_some()).map(|(slot, _)| slot.clone()).collect()
    }

    /// Scopes that a person is asked to agree to.
    pub fn asked(&self, slot: &str) -> &[String] {
        self.inner.scopes(slot)
    }

    /// How a slot's authorization stands; none where nobody has agreed yet.
    ///
    /// # Errors
    /// [`EgressError`] where it cannot be read.
    pub async fn standing(&self, slot: &str) -> Result<Option<Standing>, EgressError> {
        Ok(self.inner.open(slot).await?.kept.as_ref().map(Authorization::standing))
    }

    /// Where a browser is sent so that a person agrees, and who must have answered (`iss`).
    ///
    /// # Errors
    /// [`EgressError`] where the slot has no such way, its endpoint is not granted, or its secret is missing or held.
    pub async fn authorization_address(
        &self,
        slot: &str,
        redirect: &str,
        state: &str,
        pkce: &Pkce,
    ) -> Result<(String, Option<String>), EgressError> {
        let inner = &self.inner;
        let credential = inner.oauth(slot)?;
        let Some(oauth) = parts(&credential.kind) else { return Err(inner.no_way(slot)) };
        let place = oauth.authorization.ok_or_else(|| inner.no_way(slot))?;
        let secret = inner.client(slot, credential, &oauth).await?;
        let (id, _) = credential::split_pair(&secret, &credential.secret)?;
        let id = String::from_utf8_lossy(id);
        let (_, base) = inner.endpoint(&place.endpoint)?;
        let mut url = base.target(&place.endpoint, &place.path)?.url;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(oauth.parameters.iter());
            query.append_pair("response_type", "code").append_pair("client_id", &id).append_pair("redirect_uri", redirect);
            let scopes = inner.scopes(slot).join(" ");
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes);
            }
            query.append_pair("state", state);
            query.append_pair("code_challenge", &pkce.challenge).append_pair("code_challenge_method", "S256");
        }
        Ok((url.into(), oauth.issuer.map(str::to_owned)))
    }

    /// Exchanges a code that came back for what the system grants, and keeps that. The code is worth nothing afterwards.
    ///
    /// # Errors
    /// [`EgressError`]: nothing is kept then, and what was kept before stays.
    pub async fn redeem(
        &self,
        slot: &str,
        code: &SecretBytes,
        redirect: &str,
        pkce: &Pkce,
        by: &str,
    ) -> Result<Standing, EgressError> {
        let inner = &self.inner;
        inner.known.remember([code.expose(), pkce.verifier.expose()]);
        let fields = [
            ("grant_type", &b"authorization_code"[..]),
            ("code", code.expose()),
            ("redirect_uri", redirect.as_bytes()),
            ("code_verifier", pkce.verifier.expose()),
        ];
        let credential = inner.oauth(slot)?;
        let total = Instant::now() + inner.dialer.bounds.total;
        match inner.ask(slot, credential, &fields, total).await? {
            Answered::Tokens(tokens) => inner.agreed(slot, credential, &tokens, "browser", by).await,
            Answered::Refused { word } => Err(refused(format!("the token endpoint said {word}"))),
            Answered::Busy(why) | Answered::Odd(why) => Err(refused(format!("the token endpoint gave no token: {why}"))),
        }
    }

    /// Asks for a code that a person types in on another device.
    ///
    /// # Errors
    /// [`EgressError`] where the slot has no such way, or the system gives no code.
    pub async fn device(&self, slot: &str) -> Result<Device, EgressError> {
        let inner = &self.inner;
        let credential = inner.oauth(slot)?;
        let Some(oauth) = parts(&credential.kind) else { return Err(inner.no_way(slot)) };
        let place = oauth.device.ok_or_else(|| inner.no_way(slot))?.clone();
        let scopes = inner.scopes(slot).join(" ");
        let fields: Vec<(&str, &[u8])> = if scopes.is_empty() { Vec::new() } else { vec![("scope", scopes.as_bytes())] };
        let total = Instant::now() + inner.dialer.bounds.total;
        let secret = inner.client(slot, credential, &oauth).await?;
        let (status, body) = inner.form(slot, credential, &secret, &place, &fields, total).await?;
        let device = oauth::device(status, &body).map_err(|why| refused(format!("the device endpoint gave no code: {why}")))?;
        inner.known.remember([device.device_code.expose()]);
        Ok(device)
    }

    /// Asks once whether the person has agreed. Keeps what is granted then.
    ///
    /// # Errors
    /// [`EgressError`] where the question came to nothing; it may be asked again.
    pub async fn device_agreed(&self, slot: &str, device: &Device, by: &str) -> Result<DeviceAnswer, EgressError> {
        let inner = &self.inner;
        let credential = inner.oauth(slot)?;
        let fields =
            [("grant_type", &b"urn:ietf:params:oauth:grant-type:device_code"[..]), ("device_code", device.device_code.expose())];
        let total = Instant::now() + inner.dialer.bounds.total;
        Ok(match inner.ask(slot, credential, &fields, total).await? {
            Answered::Tokens(tokens) => DeviceAnswer::Agreed(inner.agreed(slot, credential, &tokens, "device", by).await?),
            Answered::Refused { word } if word == "authorization_pending" => DeviceAnswer::Pending,
            Answered::Refused { word } if word == "slow_down" => DeviceAnswer::SlowDown,
            Answered::Refused { word } => DeviceAnswer::Refused(format!("the system said {word}")),
            Answered::Busy(_) => DeviceAnswer::SlowDown,
            Answered::Odd(why) => DeviceAnswer::Refused(why),
        })
    }

    /// Forgets what the system granted. It is not told: it may have a page where that is taken back.
    ///
    /// # Errors
    /// [`EgressError`] where that cannot be stored.
    pub async fn forget(&self, slot: &str) -> Result<bool, EgressError> {
        let mut cell = self.inner.open(slot).await?;
        let there = cell.kept.is_some();
        self.inner.keep(slot, None)?;
        (cell.kept, cell.unsaved) = (None, false);
        cell.turn();
        Ok(there)
    }
}

fn refused(why: String) -> EgressError {
    EgressError::denied("net.login-refused", why)
}

impl Inner {
    fn oauth(&self, slot: &str) -> Result<&Credential, EgressError> {
        let found = self.config.credentials.get(slot).filter(|credential| parts(&credential.kind).is_some());
        found.ok_or_else(|| self.no_way(slot))
    }

    fn no_way(&self, slot: &str) -> EgressError {
        EgressError::denied(
            "net.credential-unusable",
            format!(
                "[credentials.{slot}] in connections/{}.toml names no address of that kind for OAuth 2",
                self.config.connection
            ),
        )
    }

    fn scopes(&self, slot: &str) -> &[String] {
        self.config.scopes.get(slot).map(Vec::as_slice).unwrap_or_default()
    }

    /// The client's id and secret, for the token endpoint.
    async fn client(&self, slot: &str, credential: &Credential, oauth: &Oauth<'_>) -> Result<SecretBytes, EgressError> {
        let granted = self.may_sign_in(slot, credential, &oauth.token.endpoint)?;
        let (_, base) = self.endpoint(&oauth.token.endpoint)?;
        let secret = self.secret(&granted, credential, base).await?;
        let (_, password) = credential::split_pair(&secret, &credential.secret)?;
        self.known.remember([password]);
        Ok(secret)
    }

    fn place(&self, slot: &str) -> String {
        oauth::place(&self.config.connection, slot)
    }

    /// The slot's cell, as the vault has it.
    async fn open(&self, slot: &str) -> Result<OwnedMutexGuard<Cell>, EgressError> {
        let total = Instant::now() + self.dialer.bounds.total;
        let cell = self.authorizations.cell(&self.place(slot));
        let mut cell = timeout_at(total, cell.lock_owned())
            .await
            .map_err(|_| EgressError::Unreachable("the token has been renewed all the time; nothing was sent".into()))?;
        self.load(slot, &mut cell)?;
        Ok(cell)
    }

    fn load(&self, slot: &str, cell: &mut Cell) -> Result<(), EgressError> {
        if !cell.loaded {
            let sealed = off_the_workers(|| self.config.secrets.kept(&self.place(slot)));
            let sealed = sealed.map_err(|error| EgressError::denied("net.needs-reauth", error.to_string()))?;
            cell.kept = sealed.as_ref().and_then(Authorization::read);
            cell.loaded = true;
            // It was good before the restart, as far as anybody knows: worth one renewal.
            cell.proved = true;
        }
        if let Some(kept) = &cell.kept {
            self.known.remember([kept.access().expose()]);
            if let Some(refresh) = kept.refresh() {
                self.known.remember([refresh.expose()]);
            }
        }
        Ok(())
    }

    fn keep(&self, slot: &str, kept: Option<&Authorization>) -> Result<(), EgressError> {
        let sealed = kept.map(Authorization::write);
        off_the_workers(|| self.config.secrets.keep(&self.place(slot), sealed.as_ref()))
            .map_err(|error| EgressError::Unreachable(format!("what the system granted could not be stored: {error}")))
    }

    /// What a request carries by an authorization, renewed first where that is due. Answers the generation of the token.
    pub(super) async fn authorized(
        self: &Arc<Self>,
        slot: &str,
        credential: &Credential,
        secret: &SecretBytes,
        stale: Option<u64>,
        total: Instant,
    ) -> Result<(Applied, Option<u64>), EgressError> {
        let cell = self.authorizations.cell(&self.place(slot));
        let mut cell = timeout_at(total, cell.lock_owned())
            .await
            .map_err(|_| EgressError::Unreachable("the token has been renewed all the time; nothing was sent".into()))?;
        self.load(slot, &mut cell)?;
        if matches!(cell.next(stale, fingerprint(secret), (self.dialer.clock)(), Instant::now()), Next::Save) {
            self.keep(slot, cell.kept.as_ref())?;
            cell.unsaved = false;
        }
        match cell.next(stale, fingerprint(secret), (self.dialer.clock)(), Instant::now()) {
            Next::Use(token) => {
                Ok((credential::apply_secret(&credential.kind, &token, &credential.secret)?, Some(cell.generation)))
            }
            Next::Save => Err(EgressError::Unreachable("a token that came is not durable yet; nothing was sent".into())),
            Next::Wait(why, until) => Err(EgressError::Unreachable(format!("{why}; nothing was sent, next try at {until}"))),
            Next::Refused(why) => Err(refused(why)),
            Next::Never => Err(self.needs_reauth("nobody has agreed to it over there yet")),
            Next::NeedsReauth(why) => Err(self.needs_reauth(&why)),
            Next::Over(why) => Err(self.end(slot, &mut cell, why)),
            Next::Renew => {
                let (inner, slot, secret) = (self.clone(), slot.to_owned(), secret.clone());
                // Whoever waits may be stopped in the middle: a token that the system gave meanwhile would be lost with it.
                let task = tokio::spawn(on_behalf(purpose(), async move { inner.renew(&slot, &secret, cell).await }));
                match timeout_at(total, task).await {
                    Ok(Ok(renewed)) => renewed.map(|(applied, generation)| (applied, Some(generation))),
                    Ok(Err(_)) => Err(EgressError::Unreachable("renewing the token was broken off; nothing was sent".into())),
                    Err(_) => Err(EgressError::Unreachable("renewing the token takes too long; nothing was sent".into())),
                }
            }
        }
    }

    /// One renewal, with the cell held to its end.
    async fn renew(
        &self,
        slot: &str,
        secret: &SecretBytes,
        mut cell: OwnedMutexGuard<Cell>,
    ) -> Result<(Applied, u64), EgressError> {
        let credential = self.oauth(slot)?;
        let total = Instant::now() + self.dialer.bounds.total;
        let origin = self.token_origin(credential)?;
        let Some(kept) = cell.kept.as_mut() else { return Err(self.needs_reauth("nobody has agreed to it over there yet")) };
        let (Some(refresh), true) = (kept.refresh(), kept.origin == origin) else {
            let why = format!("{} granted it, and connections/{}.toml asks {origin}", kept.origin, self.config.connection);
            return Err(self.needs_reauth(&why));
        };
        kept.try_renewal((self.dialer.clock)());
        self.keep(slot, Some(kept))?;
        let fields = [("grant_type", &b"refresh_token"[..]), ("refresh_token", refresh.expose())];
        let endpoint = self.token_endpoint(credential)?;
        let granted = self.may_sign_in(slot, credential, &endpoint)?;
        let (_, base) = self.endpoint(&endpoint)?;
        let mut answered = None;
        if let Some(next) = self.successor(&granted, credential, base)? {
            match self.ask_as(slot, credential, &next, &fields, total).await {
                // A client that is refused has renewed nothing: the old secret may.
                Ok(Answered::Refused { word }) if word != INVALID_GRANT => {
                    let old = self.ask(slot, credential, &fields, total).await?;
                    if matches!(old, Answered::Tokens(_)) {
                        self.settle(
                            credential,
                            &next,
                            Some(&format!("the token endpoint said {word} to it, and takes the old one")),
                        );
                    }
                    answered = Some(old);
                }
                Ok(found) => {
                    if matches!(found, Answered::Tokens(_)) {
                        self.settle(credential, &next, None);
                    }
                    answered = Some(found);
                }
                Err(EgressError::Denied { code: "net.credential-unusable", message }) => {
                    self.settle(credential, &next, Some(&message));
                }
                Err(error) => return Err(error),
            }
        }
        let answered = match answered {
            Some(answered) => answered,
            None => self.ask(slot, credential, &fields, total).await?,
        };
        match answered {
            Answered::Tokens(tokens) => {
                self.remember(&tokens);
                if let Some(kept) = cell.kept.as_mut() {
                    kept.renew(&tokens, (self.dialer.clock)());
                }
                cell.turn();
                cell.unsaved = true;
                self.keep(slot, cell.kept.as_ref())?;
                cell.unsaved = false;
                let applied = credential::apply_secret(&credential.kind, &tokens.access.value, &credential.secret)?;
                Ok((applied, cell.generation))
            }
            Answered::Refused { word } if word == INVALID_GRANT => {
                Err(self.end(slot, &mut cell, "the system takes the token no longer (invalid_grant)"))
            }
            Answered::Busy(why) => {
                Err(EgressError::Unreachable(format!("renewing the token came to nothing: {why}; nothing was sent")))
            }
            Answered::Refused { word: why } | Answered::Odd(why) => {
                let name = &credential.secret;
                let why = format!("renewing the token was refused: {why}; check the secret `{name}`, `nave secret set {name}`");
                let why = self.known.scrubber().clean_text(why);
                cell.refuse(fingerprint(secret), why.clone(), Instant::now() + Duration::from_millis(LOGIN_REFUSED_MS));
                Err(refused(why))
            }
        }
    }

    /// It is over, and written down so: nobody asks the system again before a person has agreed anew.
    fn end(&self, slot: &str, cell: &mut Cell, why: &str) -> EgressError {
        let now = (self.dialer.clock)();
        let why = cell.kept.as_mut().map_or_else(|| why.to_owned(), |kept| kept.end(why, now));
        cell.turn();
        cell.unsaved = self.keep(slot, cell.kept.as_ref()).is_err();
        self.note(slot, "connection.needs-reauth", &why);
        self.needs_reauth(&why)
    }

    fn needs_reauth(&self, why: &str) -> EgressError {
        EgressError::denied(
            "net.needs-reauth",
            format!("{why}; nothing was sent: a person agrees anew with `nave connection authorize {}`", self.config.connection),
        )
    }

    fn remember(&self, tokens: &Tokens) {
        self.known.remember([tokens.access.value.expose()]);
        if let Some(refresh) = &tokens.refresh {
            self.known.remember([refresh.expose()]);
        }
    }

    /// A person has agreed: what was granted takes the place of what was there. Durable when it returns.
    async fn agreed(
        &self,
        slot: &str,
        credential: &Credential,
        tokens: &Tokens,
        way: &str,
        by: &str,
    ) -> Result<Standing, EgressError> {
        self.remember(tokens);
        let origin = self.token_origin(credential)?;
        let mut cell = self.open(slot).await?;
        let new = Authorization::new(tokens, self.scopes(slot), &origin, way, by, (self.dialer.clock)());
        self.keep(slot, Some(&new))?;
        let standing = new.standing();
        (cell.kept, cell.unsaved) = (Some(new), false);
        cell.turn();
        Ok(standing)
    }

    fn token_endpoint(&self, credential: &Credential) -> Result<String, EgressError> {
        let Some(oauth) = parts(&credential.kind) else {
            return Err(credential::unusable(&credential.secret, "it has no token"));
        };
        Ok(oauth.token.endpoint.clone())
    }

    fn token_origin(&self, credential: &Credential) -> Result<String, EgressError> {
        Ok(self.endpoint(&self.token_endpoint(credential)?)?.1.origin())
    }

    /// A form posted to the token endpoint.
    async fn ask(
        &self,
        slot: &str,
        credential: &Credential,
        fields: &[(&str, &[u8])],
        total: Instant,
    ) -> Result<Answered, EgressError> {
        let Some(oauth) = parts(&credential.kind) else { return Err(self.no_way(slot)) };
        let secret = self.client(slot, credential, &oauth).await?;
        let answered = self.ask_as(slot, credential, &secret, fields, total).await?;
        if !matches!(&answered, Answered::Refused { word } if word != INVALID_GRANT) {
            return Ok(answered);
        }
        // The client's secret may have been changed where it is kept.
        let granted = self.may_sign_in(slot, credential, &oauth.token.endpoint)?;
        let (_, base) = self.endpoint(&oauth.token.endpoint)?;
        match self.another(&granted, credential, base, &secret).await {
            None => Ok(answered),
            Some(other) => {
                let (_, password) = credential::split_pair(&other, &credential.secret)?;
                self.known.remember([password]);
                self.ask_as(slot, credential, &other, fields, total).await
            }
        }
    }

    /// The same, by this secret of the client's.
    async fn ask_as(
        &self,
        slot: &str,
        credential: &Credential,
        secret: &SecretBytes,
        fields: &[(&str, &[u8])],
        total: Instant,
    ) -> Result<Answered, EgressError> {
        let Some(oauth) = parts(&credential.kind) else { return Err(self.no_way(slot)) };
        match self.form(slot, credential, secret, oauth.token, fields, total).await {
            Ok((status, body)) => Ok(oauth::tokens(status, &body)),
            Err(EgressError::TooLarge(_)) => Ok(Answered::Odd("its answer was far too large".into())),
            Err(error) => Err(error),
        }
    }

    /// A form posted to one of the sign-in's places, by the client.
    async fn form(
        &self,
        slot: &str,
        credential: &Credential,
        secret: &SecretBytes,
        place: &Place,
        fields: &[(&str, &[u8])],
        total: Instant,
    ) -> Result<(u16, bytes::Bytes), EgressError> {
        let Some(oauth) = parts(&credential.kind) else { return Err(self.no_way(slot)) };
        let name = credential.secret.as_str();
        let (id, password) = credential::split_pair(secret, name)?;
        self.known.remember([password]);
        let granted = self.may_sign_in(slot, credential, &place.endpoint)?;
        let (_, base) = self.endpoint(&place.endpoint)?;
        let url: Url = base.target(&place.endpoint, &place.path)?.url;
        let mut headers = headers::from_guest(&[("accept".into(), "application/json".into())], &[], &[])?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = {
            let mut form = Serializer::new(String::new());
            for (name, value) in fields {
                form.append_pair(name, &Zeroizing::new(String::from_utf8_lossy(value).into_owned()));
            }
            if oauth.client == ClientAuthentication::Basic {
                headers.insert(AUTHORIZATION, credential::client_header(id, password, name)?);
            } else {
                form.append_pair("client_id", &String::from_utf8_lossy(id));
            }
            if oauth.client == ClientAuthentication::Post {
                form.append_pair("client_secret", &Zeroizing::new(String::from_utf8_lossy(password).into_owned()));
            }
            Source::Bytes(form.finish().into_bytes().into())
        };
        let prepared =
            Prepared { granted, endpoint: &place.endpoint, base, url, method: Method::POST, headers, credential: None };
        let want = Want::Memory(TOKEN_ANSWER_BYTES_MAX);
        let answer = self.run(&prepared, &Applied::Nothing, &body, want, total).await.map_err(|error| match error {
            EgressError::NoAnswer(why) | EgressError::Unreachable(why) => {
                EgressError::Unreachable(self.known.scrubber().clean_text(format!("signing in came to nothing: {why}")))
            }
            other => other,
        })?;
        match answer.body {
            Got::Memory(body) => Ok((answer.status, body)),
            Got::File(_) => Err(EgressError::NoAnswer("the answer is not in memory".into())),
        }
    }
}
