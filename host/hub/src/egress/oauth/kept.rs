//! What is kept of an authorization, and what comes next with it. Decides; does no I/O.

use nave_core::limits::{RENEWAL_WAIT_MS, RENEWAL_WAIT_MS_MAX};
use nave_core::model::Time;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Tokens;
use crate::api::SecretText;
use crate::secrets::SecretBytes;

/// What a system granted, sealed in the vault as one text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Authorization {
    access: SecretText,
    access_until: Time,
    #[serde(default)]
    refresh: Option<SecretText>,
    /// The origin that gave it, and that alone is asked to renew it.
    pub(crate) origin: String,
    /// Granted, as far as the system says.
    pub(crate) scopes: Vec<String>,
    /// `browser` or `device`.
    pub(crate) way: String,
    /// Who agreed, as the hub knows them.
    pub(crate) by: String,
    pub(crate) given_at: Time,
    pub(crate) renewed_at: Time,
    pub(crate) renewals: u64,
    /// A renewal was begun and is not known to have ended.
    #[serde(default)]
    trying: Option<Trying>,
    /// The system takes it no longer.
    #[serde(default)]
    over: Option<Over>,
}

/// Written down before a renewal is sent, so that no restart makes a loop of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Trying {
    at: Time,
    count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Over {
    at: Time,
    why: String,
}

/// How an authorization stands, without any part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Scopes that the system granted.
    pub scopes: Vec<String>,
    /// `browser` or `device`.
    pub way: String,
    /// Who agreed.
    pub by: String,
    /// When.
    pub given_at: Time,
    /// When a token was got last.
    pub renewed_at: Time,
    /// How often.
    pub renewals: u64,
    /// Since when, and why, somebody has to agree again; none while it is good.
    pub needs_reauth: Option<(Time, String)>,
}

impl Authorization {
    pub(crate) fn new(tokens: &Tokens, asked: &[String], origin: &str, way: &str, by: &str, now: Time) -> Self {
        Self {
            access: text(&tokens.access.value),
            access_until: until(tokens, now),
            refresh: tokens.refresh.as_ref().map(text),
            origin: origin.to_owned(),
            scopes: tokens.scopes.clone().unwrap_or_else(|| asked.to_vec()),
            way: way.to_owned(),
            by: by.to_owned(),
            given_at: now,
            renewed_at: now,
            renewals: 0,
            trying: None,
            over: None,
        }
    }

    /// As it was sealed; none for what is no authorization.
    pub(crate) fn read(sealed: &SecretBytes) -> Option<Self> {
        serde_json::from_slice(sealed.expose()).ok()
    }

    /// To be sealed.
    pub(crate) fn write(&self) -> SecretBytes {
        SecretBytes::new(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn access(&self) -> SecretBytes {
        SecretBytes::new(self.access.0.as_bytes())
    }

    pub(crate) fn refresh(&self) -> Option<SecretBytes> {
        self.refresh.as_ref().map(|refresh| SecretBytes::new(refresh.0.as_bytes()))
    }

    /// A renewal is about to be sent.
    pub(crate) fn try_renewal(&mut self, now: Time) {
        let count = self.trying.as_ref().map_or(0, |trying| trying.count).saturating_add(1);
        self.trying = Some(Trying { at: now, count });
    }

    /// It gave these.
    pub(crate) fn renew(&mut self, tokens: &Tokens, now: Time) {
        self.access = text(&tokens.access.value);
        self.access_until = until(tokens, now);
        // An answer without one leaves the old one good.
        if let Some(refresh) = &tokens.refresh {
            self.refresh = Some(text(refresh));
        }
        if let Some(scopes) = &tokens.scopes {
            self.scopes.clone_from(scopes);
        }
        self.renewed_at = now;
        self.renewals += 1;
        self.trying = None;
    }

    /// The system takes it no longer. What cannot be used any more is forgotten. Answers the whole reason.
    pub(crate) fn end(&mut self, why: &str, now: Time) -> String {
        let interrupted = self.trying.as_ref().is_some_and(|trying| trying.count > 1);
        let why = match interrupted {
            true => format!("{why}; an earlier renewal was broken off, so the newest token may never have arrived"),
            false => why.to_owned(),
        };
        self.over = Some(Over { at: now, why: why.clone() });
        self.trying = None;
        self.refresh = None;
        self.access = SecretText(String::new());
        why
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            scopes: self.scopes.clone(),
            way: self.way.clone(),
            by: self.by.clone(),
            given_at: self.given_at,
            renewed_at: self.renewed_at,
            renewals: self.renewals,
            needs_reauth: self.over.as_ref().map(|over| (over.at, over.why.clone())),
        }
    }

    fn next(&self, now: Time, refused: bool) -> Next {
        if let Some(over) = &self.over {
            return Next::NeedsReauth(over.why.clone());
        }
        if !refused && now < self.access_until {
            return Next::Use(self.access());
        }
        if self.refresh.is_none() {
            return Next::Over("the token has expired, and the system gave none to renew it with");
        }
        match &self.trying {
            Some(trying) if now < trying.at.plus_ms(wait(trying.count)) => Next::Wait(
                format!("renewing the token came to nothing {} times", trying.count),
                trying.at.plus_ms(wait(trying.count)),
            ),
            _ => Next::Renew,
        }
    }
}

/// Milliseconds after so many tries.
fn wait(count: u32) -> i64 {
    let doubled = RENEWAL_WAIT_MS.saturating_mul(1_u64.checked_shl(count.saturating_sub(1)).unwrap_or(u64::MAX));
    i64::try_from(doubled.min(RENEWAL_WAIT_MS_MAX)).unwrap_or(i64::MAX)
}

/// A token is used for nine tenths of its life.
fn until(tokens: &Tokens, now: Time) -> Time {
    now.plus_ms(i64::try_from((tokens.access.life / 10 * 9).as_millis()).unwrap_or(i64::MAX))
}

fn text(secret: &SecretBytes) -> SecretText {
    SecretText(String::from_utf8_lossy(secret.expose()).into_owned())
}

/// What comes next with an authorization.
pub(crate) enum Next {
    /// The access token is good.
    Use(SecretBytes),
    /// One renewal.
    Renew,
    /// What was received must be made durable first.
    Save,
    /// Nothing before then.
    Wait(String, Time),
    /// It has come to its end, which is to be written down.
    Over(&'static str),
    /// Somebody has to agree again.
    NeedsReauth(String),
    /// Nobody has agreed yet.
    Never,
    /// The client itself was refused a short while ago.
    Refused(String),
}

/// One authorization at work.
#[derive(Default)]
pub(crate) struct Cell {
    /// It was looked for in the vault.
    pub(crate) loaded: bool,
    pub(crate) kept: Option<Authorization>,
    /// It is newer than what is durable.
    pub(crate) unsaved: bool,
    /// Grows with every token.
    pub(crate) generation: u64,
    /// The current token has been accepted at least once; one that never was is not worth another renewal.
    pub(crate) proved: bool,
    /// The client's own secret (its digest) was refused, until then.
    refused: Option<(Instant, [u8; 32], String)>,
}

impl Cell {
    /// What comes next, where the token of the generation `stale` was refused over there.
    pub(crate) fn next(&self, stale: Option<u64>, secret: [u8; 32], now: Time, instant: Instant) -> Next {
        if self.unsaved {
            return Next::Save;
        }
        let Some(kept) = &self.kept else { return Next::Never };
        let refused = stale == Some(self.generation) && self.proved;
        match kept.next(now, refused) {
            Next::Renew => match &self.refused {
                Some((until, of, why)) if *of == secret && instant < *until => Next::Refused(why.clone()),
                _ => Next::Renew,
            },
            other => other,
        }
    }

    /// The client was refused.
    pub(crate) fn refuse(&mut self, secret: [u8; 32], why: String, until: Instant) {
        self.refused = Some((until, secret, why));
    }

    /// Another token is in force.
    pub(crate) fn turn(&mut self) {
        self.generation += 1;
        self.proved = false;
        self.refused = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::token::Obtained;
    use super::*;

    fn tokens(refresh: Option<&str>) -> Tokens {
        let access = Obtained { value: SecretBytes::new("access"), life: Duration::from_secs(100) };
        Tokens { access, refresh: refresh.map(SecretBytes::new), scopes: None }
    }

    fn shown(next: &Next) -> String {
        match next {
            Next::Use(_) => "use".into(),
            Next::Renew => "renew".into(),
            Next::Save => "save".into(),
            Next::Wait(_, until) => format!("wait {}", until.0),
            Next::Over(_) => "over".into(),
            Next::NeedsReauth(_) => "needs-reauth".into(),
            Next::Never => "never".into(),
            Next::Refused(_) => "refused".into(),
        }
    }

    fn authorization(refresh: Option<&str>) -> Authorization {
        Authorization::new(&tokens(refresh), &["read".into()], "https://x.example", "browser", "ann", Time(0))
    }

    #[test]
    fn a_token_is_used_renewed_and_given_up() {
        let mut kept = authorization(Some("one"));
        let check = |kept: &Authorization, at: i64, refused: bool, expected: &str| {
            assert_eq!(shown(&kept.next(Time(at), refused)), expected, "at {at}");
        };
        check(&kept, 0, false, "use");
        check(&kept, 89_999, false, "use");
        check(&kept, 90_000, false, "renew");
        check(&kept, 5, true, "renew");
        check(&authorization(None), 90_000, false, "over");
        // Each try that came to nothing is waited for twice as long, over restarts too.
        for (at, expected) in [(100_000, "wait 101000"), (200_000, "wait 202000"), (300_000, "wait 304000")] {
            kept.try_renewal(Time(at));
            let again = Authorization::read(&kept.write()).unwrap();
            check(&again, at + 1, false, expected);
        }
        check(&kept, 304_000, false, "renew");
        assert_eq!(wait(99), RENEWAL_WAIT_MS_MAX as i64);
        kept.renew(&tokens(Some("two")), Time(400_000));
        check(&kept, 400_001, false, "use");
        assert_eq!(kept.refresh().unwrap().expose(), b"two");
        kept.renew(&tokens(None), Time(400_000));
        assert_eq!(kept.refresh().unwrap().expose(), b"two", "an answer without one leaves it good");
        kept.end("invalid_grant", Time(1));
        check(&kept, 2, false, "needs-reauth");
        assert!(kept.refresh().is_none() && kept.access().is_empty());
        assert_eq!(kept.standing().needs_reauth, Some((Time(1), "invalid_grant".into())));
    }

    #[test]
    fn a_cell_renews_what_was_proved_and_saves_first() {
        let (secret, now) = ([1; 32], Instant::now());
        let mut cell = Cell { kept: Some(authorization(Some("one"))), generation: 3, ..Cell::default() };
        let check = |cell: &Cell, stale: Option<u64>, at: i64, expected: &str| {
            assert_eq!(shown(&cell.next(stale, secret, Time(at), now)), expected);
        };
        check(&cell, Some(3), 0, "use");
        cell.proved = true;
        check(&cell, Some(3), 0, "renew");
        check(&cell, Some(2), 0, "use");
        cell.refuse(secret, "no".into(), now + Duration::from_secs(9));
        check(&cell, Some(3), 0, "refused");
        cell.unsaved = true;
        check(&cell, None, 0, "save");
        check(&Cell::default(), None, 0, "never");
    }
}
