//! From answers to outcomes. What keeps a lost answer from becoming a second record is here:
//! [`lost`] says *unknown* whenever the system may have done it.

use crate::http::{Answer, Error};
use crate::limits::RETRY_AFTER_DEFAULT_MS;
use crate::types::{Delivery, Failure, Outcome, Rejection, SourceRecord, Written};

/// How one delivery ended without the system's yes or no.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Nothing was sent for this delivery.
    NotSent(Failure),
    /// It was sent, and what became of it is not known, or the system said what it did.
    Settled(Box<Outcome>),
}

impl Stop {
    /// The system said, or did, this.
    pub fn settled(outcome: Outcome) -> Self {
        Self::Settled(Box::new(outcome))
    }
}

/// Delivers one by one. While nothing has been sent, a failure is the call's; afterwards it becomes "later" for the
/// deliveries that are left, so that what was done is never hidden behind an error.
pub fn one_by_one(
    deliveries: &[Delivery],
    mut deliver: impl FnMut(&Delivery) -> Result<Outcome, Stop>,
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match deliver(delivery) {
            Ok(outcome) => outcomes.push(outcome),
            Err(Stop::Settled(outcome)) => outcomes.push(*outcome),
            Err(Stop::NotSent(Failure::Rejected(rejection))) => outcomes.push(Outcome::Rejected(rejection)),
            Err(Stop::NotSent(failure)) if outcomes.is_empty() => return Err(failure),
            Err(Stop::NotSent(failure)) => {
                outcomes.resize_with(deliveries.len(), || later(&failure));
                break;
            }
        }
    }
    Ok(outcomes)
}

/// The outcome of a delivery that was not sent because of this failure.
pub fn later(failure: &Failure) -> Outcome {
    match failure {
        Failure::RetryAfter(wait) => Outcome::RetryAfter(*wait),
        Failure::Rejected(rejection) => Outcome::Rejected(rejection.clone()),
        // The next call fails as a whole and says why.
        Failure::Unauthorized(_) | Failure::Misconfigured(_) | Failure::CheckpointExpired => Outcome::RetryAfter(1),
        Failure::Unavailable(_) => Outcome::RetryAfter(RETRY_AFTER_DEFAULT_MS),
    }
}

/// What became of a write whose request failed: sent without an answer is unknown, anything else was not sent.
pub fn lost(error: Error) -> Stop {
    match error {
        Error::NoAnswer(message) => Stop::settled(Outcome::Unknown(message)),
        Error::TooLarge(bytes) => {
            Stop::settled(Outcome::Unknown(format!("the answer had more than {bytes} bytes and was dropped")))
        }
        other => Stop::NotSent(other.into()),
    }
}

/// What a write's refusing answer means. A 5xx is *unknown* (the system may have committed before it fell over),
/// unless it names a time to come back.
pub fn refused(answer: &Answer) -> Stop {
    match answer.status {
        404 | 410 => Stop::settled(Outcome::Gone),
        408 | 500..=599 => match answer.retry_after_ms() {
            Some(wait) if answer.status == 503 => Stop::NotSent(Failure::RetryAfter(wait)),
            _ => Stop::settled(Outcome::Unknown(answer.message())),
        },
        _ => match answer.failure() {
            Failure::Rejected(rejection) => Stop::settled(Outcome::Rejected(rejection)),
            failure => Stop::NotSent(failure),
        },
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::NotSent(failure)
    }
}

/// Written, with the thing as it was read back.
pub fn written(record: SourceRecord) -> Outcome {
    Outcome::Written(Written {
        remote_id: record.remote_id,
        version: record.version,
        modified_at: record.modified_at,
        body: record.body,
    })
}

/// Written, and not read back: the host asks `get`.
pub fn written_unread(remote_id: impl Into<String>) -> Outcome {
    Outcome::Written(Written { remote_id: remote_id.into(), version: None, modified_at: None, body: Vec::new() })
}

/// Refused for good.
pub fn rejected(class: &str, message: impl Into<String>) -> Outcome {
    Outcome::Rejected(Rejection::new(class, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WriteOperation;

    fn deliveries(count: usize) -> Vec<Delivery> {
        (0..count)
            .map(|n| Delivery {
                id: format!("d{n}"),
                operation: WriteOperation::Create,
                if_version: None,
                changed: b"{}".to_vec(),
                desired: b"{}".to_vec(),
            })
            .collect()
    }

    #[track_caller]
    fn check(answers: &[Result<Outcome, Stop>], expected: Result<Vec<Outcome>, Failure>) {
        let mut answers = answers.iter().cloned();
        let got = one_by_one(&deliveries(3), |_| answers.next().expect("asked no more than three times"));
        assert_eq!(got, expected);
    }

    #[test]
    fn what_was_done_is_never_hidden_behind_an_error() {
        let ok = || Ok(written_unread("1"));
        let later = || Stop::NotSent(Failure::RetryAfter(5));
        check(&[ok(), ok(), ok()], Ok(vec![written_unread("1"), written_unread("1"), written_unread("1")]));
        check(&[Err(later())], Err(Failure::RetryAfter(5)));
        check(&[ok(), Err(later())], Ok(vec![written_unread("1"), Outcome::RetryAfter(5), Outcome::RetryAfter(5)]));
        check(
            &[Err(lost(Error::NoAnswer("cut".into()))), Err(Stop::NotSent(Failure::Unauthorized("x".into())))],
            Ok(vec![Outcome::Unknown("cut".into()), Outcome::RetryAfter(1), Outcome::RetryAfter(1)]),
        );
        check(
            &[Err(Stop::NotSent(Failure::rejected("format", "no"))), ok(), ok()],
            Ok(vec![rejected("format", "no"), written_unread("1"), written_unread("1")]),
        );
        check(&[Err(lost(Error::Unreachable("refused".into())))], Err(Failure::Unavailable("refused".into())));
        let large = || Stop::settled(Outcome::Unknown("the answer had more than 9 bytes and was dropped".into()));
        assert_eq!(lost(Error::TooLarge(9)), large());
    }

    #[test]
    fn a_failing_server_may_have_done_it() {
        let answer = |status, headers: Vec<(String, String)>| Answer { status, headers, body: Vec::new() };
        assert_eq!(refused(&answer(502, vec![])), Stop::settled(Outcome::Unknown("HTTP 502".into())));
        assert_eq!(refused(&answer(503, vec![("Retry-After".into(), "3".into())])), Stop::NotSent(Failure::RetryAfter(3_000)));
        assert_eq!(refused(&answer(404, vec![])), Stop::settled(Outcome::Gone));
        assert_eq!(refused(&answer(401, vec![])), Stop::NotSent(Failure::Unauthorized("HTTP 401".into())));
    }
}
