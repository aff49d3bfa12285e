//! A secret that is being replaced: the successor is tried first, the old one is good until that has worked.
//!
//! A refused request was not done, so it is sent again with the old secret: no call fails because somebody rotates. Where the
//! system refuses both it is not the successor's fault, and nothing is decided.

use std::collections::BTreeSet;

use nave_core::catalog::Credential;
use nave_core::grant::Grant;
use nave_core::manifest::CredentialKind;
use tokio::time::Instant;

use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::super::target::Base;
use super::super::token::fingerprint;
use super::envelope;
use super::{Answer, Got, Inner, Prepared, Want};
use crate::secrets::SecretBytes;
use crate::workers::off_the_workers;

/// What a status says of the secret that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It was taken.
    Taken,
    /// It was refused; 403 is how some systems say it.
    Refused,
    /// Nothing: the system is busy, or in trouble.
    Silent,
}

/// Whether an answer says that the secret was refused.
pub(super) fn refused(prepared: &Prepared<'_>, answer: &Answer) -> bool {
    verdict_on(prepared, answer) == Verdict::Refused
}

/// What an answer says of the secret: by its status, or in the words that the manifest knows where an error's status does not tell.
fn verdict_on(prepared: &Prepared<'_>, answer: &Answer) -> Verdict {
    let words = match prepared.credential.map(|(_, credential)| &credential.kind) {
        Some(CredentialKind::Body { refused: Some(words), .. }) if answer.status >= 400 && !words.is_empty() => words.as_bytes(),
        _ => return verdict(answer.status),
    };
    match &answer.body {
        Got::Memory(body) if body.windows(words.len()).any(|some| some == words) => Verdict::Refused,
        _ => verdict(answer.status),
    }
}

fn verdict(status: u16) -> Verdict {
    match status {
        401 | 403 => Verdict::Refused,
        407 | 408 | 425 | 429 | 500..=599 => Verdict::Silent,
        _ => Verdict::Taken,
    }
}

impl Inner {
    /// The successor of a credential's secret, where one waits.
    pub(super) fn successor(
        &self,
        granted: &Grant,
        credential: &Credential,
        base: &Base,
    ) -> Result<Option<SecretBytes>, EgressError> {
        let mut to = BTreeSet::from([base.origin()]);
        for endpoint in credential.kind.sign_in_endpoints() {
            to.insert(self.endpoint(endpoint)?.1.origin());
        }
        to.extend(self.dialer.way.iter().cloned());
        // One that cannot be had is as good as none: the old secret says what is wrong.
        let next = off_the_workers(|| self.config.secrets.next(&credential.secret, &to, granted)).ok().flatten();
        if let Some(next) = &next {
            self.known.remember([next.expose()]);
        }
        Ok(next)
    }

    /// A call by the successor where one waits, and by the old secret where that is refused. None: no successor waits.
    pub(super) async fn by_successor(
        &self,
        prepared: &Prepared<'_>,
        body: &Source,
        want: Want,
        total: Instant,
    ) -> Result<Option<Answer>, EgressError> {
        let Some((_, credential)) = prepared.credential else { return Ok(None) };
        if credential::needs_token(&credential.kind) || matches!(credential.kind, CredentialKind::Oauth2 { .. }) {
            return Ok(None);
        }
        let Some(next) = self.successor(&prepared.granted, credential, prepared.base)? else { return Ok(None) };
        let applied = match self.carried(prepared, body, credential, &next).await {
            Ok(applied) => applied,
            Err(error) => {
                self.settle(credential, &next, Some(&error.to_string()));
                return Ok(None);
            }
        };
        let answer = self.run(prepared, &applied, body, want, total).await?;
        match verdict_on(prepared, &answer) {
            Verdict::Taken => {
                self.settle(credential, &next, None);
                Ok(Some(answer))
            }
            Verdict::Silent => Ok(Some(answer)),
            Verdict::Refused => {
                let status = answer.status;
                drop(answer);
                let old = self.secret(&prepared.granted, credential, prepared.base).await?;
                let applied = self.carried(prepared, body, credential, &old).await?;
                let answer = self.run(prepared, &applied, body, want, total).await?;
                if verdict_on(prepared, &answer) == Verdict::Taken {
                    let why = format!("{} answered {status} to it, and takes the old one", prepared.shown());
                    self.settle(credential, &next, Some(&why));
                }
                Ok(Some(answer))
            }
        }
    }

    /// A call that was refused, once more with another value where the secret is kept elsewhere and was changed there. None: there
    /// is none, and the refusal counts.
    pub(super) async fn by_another(
        &self,
        prepared: &Prepared<'_>,
        body: &Source,
        want: Want,
        refused: &SecretBytes,
        total: Instant,
    ) -> Result<Option<Answer>, EgressError> {
        let Some((_, credential)) = prepared.credential else { return Ok(None) };
        let Some(other) = self.another(&prepared.granted, credential, prepared.base, refused).await else { return Ok(None) };
        let applied = self.carried(prepared, body, credential, &other).await?;
        self.run(prepared, &applied, body, want, total).await.map(Some)
    }

    /// What a request carries by a secret that is sent as it is, or signs.
    pub(super) async fn carried(
        &self,
        prepared: &Prepared<'_>,
        body: &Source,
        credential: &Credential,
        secret: &SecretBytes,
    ) -> Result<Applied, EgressError> {
        let name = credential.secret.as_str();
        if let Some((slot, _)) = prepared.credential {
            self.dialer.talks.used_with(&self.config.connection, slot, fingerprint(secret));
        }
        if matches!(credential.kind, CredentialKind::Hmac { .. }) {
            return self.signed(prepared, &credential.kind, secret, name, body).await;
        }
        if let CredentialKind::Body { element, .. } = &credential.kind {
            return envelope::filled(prepared, body, element, secret, name);
        }
        if matches!(credential.kind, CredentialKind::AwsV4 { .. }) {
            return self.signed_for_aws(prepared, &credential.kind, secret, name, body);
        }
        if matches!(credential.kind, CredentialKind::Basic {}) {
            let (_, password) = credential::split_pair(secret, name)?;
            self.known.remember([password]);
            // What goes over the wire is looked for as well: it may be echoed in another encoding once more.
            self.known.remember([credential::pair(secret).expose()]);
        }
        credential::apply_secret(&credential.kind, secret, name)
    }

    /// The successor has worked, or was refused for this reason.
    pub(super) fn settle(&self, credential: &Credential, next: &SecretBytes, refused: Option<&str>) {
        let refused = refused.map(|why| self.known.scrubber().clean_text(why.to_owned()));
        let settled = off_the_workers(|| self.config.secrets.settle(&credential.secret, next, refused.as_deref()));
        match (settled, &refused) {
            (Ok(true), None) => self.note(&credential.secret, "secret.rotated", "the new secret worked, and the old one is gone"),
            (Ok(true), Some(why)) => self.note(&credential.secret, "secret.not-rotated", why),
            // Another call was faster.
            (Ok(false), _) => {}
            (Err(error), _) => tracing::error!(%error, "what came of a new secret could not be stored; it is tried again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_something_of_the_secret_or_nothing() {
        for (status, expected) in [
            (200, Verdict::Taken),
            (404, Verdict::Taken),
            (422, Verdict::Taken),
            (401, Verdict::Refused),
            (403, Verdict::Refused),
            (429, Verdict::Silent),
            (503, Verdict::Silent),
        ] {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }
}
