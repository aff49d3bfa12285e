//! How a system can fail, and what of the contract's words a plugin may answer then.

/// What a call came to, by its word in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Kind {
    /// Records, streams, a report: an answer and no failure.
    Answered,
    RetryAfter,
    Unavailable,
    Unauthorized,
    Misconfigured,
    Rejected,
    CheckpointExpired,
    Written,
    Conflict,
    Gone,
    MergedInto,
    Unknown,
    /// It crashed, ran out of time, passed a bound or broke the contract.
    Broken,
}

impl Kind {
    /// As the contract spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "an answer",
            Self::RetryAfter => "retry-after",
            Self::Unavailable => "unavailable",
            Self::Unauthorized => "unauthorized",
            Self::Misconfigured => "misconfigured",
            Self::Rejected => "rejected",
            Self::CheckpointExpired => "checkpoint-expired",
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::MergedInto => "merged-into",
            Self::Unknown => "unknown",
            Self::Broken => "a broken call",
        }
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// Its kind.
    pub kind: Kind,
    /// Of [`Kind::RetryAfter`]: milliseconds.
    pub wait_ms: Option<u64>,
    /// In words, for the report.
    pub words: String,
}

/// How the system answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this status and a short JSON body.
    Status(u16),
    /// The request went out and nothing came back in time.
    Timeout,
    /// The connection was closed in the middle.
    Reset,
    /// Nothing could be sent.
    Unreachable,
    /// The answer had more bytes than the host takes.
    TooLarge,
}

/// A way to fail, and what may be said of it.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Second half of the case's name.
    pub name: &'static str,
    /// What the system does.
    pub fault: Fault,
    /// A header `Retry-After` with so many seconds.
    pub retry_after_s: Option<u64>,
    /// What a call that reads may say.
    pub reading: &'static [Kind],
    /// What a delivery may come to. A failure of the whole call says that nothing was sent.
    pub writing: &'static [Kind],
}

use Kind::{Conflict, Gone, Misconfigured, Rejected, RetryAfter, Unauthorized, Unavailable, Unknown};

const fn trial(name: &'static str, status: u16, reading: &'static [Kind], writing: &'static [Kind]) -> Trial {
    Trial { name, fault: Fault::Status(status), retry_after_s: None, reading, writing }
}

const fn lost(name: &'static str, fault: Fault) -> Trial {
    Trial { name, fault, retry_after_s: None, reading: &[Unavailable], writing: &[Unknown] }
}

/// All of them.
pub static TRIALS: [Trial; 17] = [
    trial("400", 400, &[Rejected, Misconfigured], &[Rejected]),
    trial("401", 401, &[Unauthorized], &[Unauthorized]),
    trial("403", 403, &[Misconfigured, Rejected, Unauthorized], &[Rejected, Misconfigured, Unauthorized]),
    trial("404", 404, &[Rejected, Misconfigured], &[Gone, Rejected, Misconfigured]),
    // Some systems say so where somebody else writes the same thing at the moment: later it goes.
    trial("409", 409, &[Rejected, Misconfigured], &[Rejected, Conflict, RetryAfter]),
    trial("422", 422, &[Rejected, Misconfigured], &[Rejected]),
    trial("429", 429, &[RetryAfter], &[RetryAfter]),
    Trial { retry_after_s: Some(7), ..trial("429-with-a-wait", 429, &[RetryAfter], &[RetryAfter]) },
    trial("500", 500, &[Unavailable], &[Unknown]),
    trial("502", 502, &[Unavailable], &[Unknown]),
    trial("503", 503, &[Unavailable, RetryAfter], &[Unknown, RetryAfter]),
    Trial { retry_after_s: Some(7), ..trial("503-with-a-wait", 503, &[RetryAfter], &[RetryAfter, Unknown]) },
    trial("504", 504, &[Unavailable], &[Unknown]),
    lost("timeout", Fault::Timeout),
    lost("reset", Fault::Reset),
    Trial { writing: &[Unavailable, RetryAfter, Unknown], ..lost("unreachable", Fault::Unreachable) },
    Trial { reading: &[Unavailable, Rejected, Misconfigured], ..lost("too-large", Fault::TooLarge) },
];

/// Whether what came is one of the words that are right; if not, why.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn judge(trial: &Trial, allowed: &[Kind], came: &Came) -> Result<(), String> {
    if !allowed.contains(&came.kind) {
        let words: Vec<&str> = allowed.iter().map(|kind| kind.word()).collect();
        return Err(format!("{}: {} ({}) instead of {}", trial.name, came.kind.word(), came.words, words.join(" or ")));
    }
    match (trial.retry_after_s, came.kind, came.wait_ms) {
        (Some(wanted), RetryAfter, Some(ms)) if ms < wanted * 1_000 => {
            Err(format!("{}: comes back after {ms} ms, and the system asked for {wanted} s", trial.name))
        }
        (None, RetryAfter, Some(0)) => Err(format!("{}: comes back at once", trial.name)),
        _ => Ok(()),
    }
}

/// The one word that everything came to, where failures of different kinds came to one.
pub fn one_word(came: &[Kind]) -> Option<Kind> {
    let first = *came.first()?;
    (came.len() > 2 && came.iter().all(|kind| *kind == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, writes: bool, kind: Kind, wait_ms: Option<u64>, right: bool) {
        let trial = TRIALS.iter().find(|trial| trial.name == name).expect("a trial");
        let allowed = if writes { trial.writing } else { trial.reading };
        let came = Came { kind, wait_ms, words: String::new() };
        assert_eq!(judge(trial, allowed, &came).is_ok(), right, "{name} {kind:?} {wait_ms:?}");
    }

    #[test]
    fn a_status_may_come_out_as_its_own_words_only() {
        check("401", false, Kind::Unauthorized, None, true);
        check("401", false, Kind::Unavailable, None, false);
        check("429", false, Kind::RetryAfter, Some(1), true);
        check("429", false, Kind::RetryAfter, Some(0), false);
        check("429-with-a-wait", false, Kind::RetryAfter, Some(7_000), true);
        check("429-with-a-wait", false, Kind::RetryAfter, Some(6_999), false);
        check("timeout", true, Kind::Unknown, None, true);
        check("timeout", true, Kind::Rejected, None, false);
        check("timeout", true, Kind::Written, None, false);
        check("timeout", true, Kind::Unavailable, None, false);
        check("unreachable", true, Kind::Unavailable, None, true);
        check("500", false, Kind::Answered, None, false);
    }

    #[test]
    fn one_word_for_everything_is_seen() {
        assert_eq!(one_word(&[Kind::Unavailable; 4]), Some(Kind::Unavailable));
        assert_eq!(one_word(&[Kind::Unavailable, Kind::Unauthorized, Kind::Unavailable]), None);
        assert_eq!(one_word(&[]), None);
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<&str> = TRIALS.iter().map(|trial| trial.name).collect();
        assert_eq!(names.len(), TRIALS.len());
    }
}
