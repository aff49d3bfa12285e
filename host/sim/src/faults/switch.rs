//! The switches: what each is called, what it does in one line, and which parameters it has.

use serde::{Deserialize, Serialize};

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`Switch::about` says in one line what each does, for people as well")]
pub enum Switch {
    LostResponse,
    Down,
    Reset,
    RateLimited,
    Error,
    Timeout,
    BadToken,
    Forbidden,
    ExpiredCheckpoint,
    FieldGone,
    ReadOnly,
    NoSearch,
    NoUpdatedSince,
    NoIdempotency,
    Reformat,
    SilentDrop,
    PartialBatch,
    Rewrite,
    PageShift,
    ClockOffset,
    StaleIndex,
    ReadLag,
    WebhookDuplicate,
    WebhookLate,
    WebhookReordered,
    WebhookForged,
    WebhookDropped,
    HalfWritten,
    CutOff,
    Emptied,
    Delimiter,
    Encoding,
    Twice,
    OlderExport,
    Sunset,
}

/// What there is to know of a switch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// What it does.
    pub(crate) line: &'static str,
    /// Parameters of its own.
    pub(crate) takes: &'static [&'static str],
    /// Those without which it says nothing.
    pub(crate) needs: &'static [&'static str],
    /// Parameters that say which requests, or which webhooks, are hit.
    pub(crate) which: &'static [&'static str],
}

/// Parameters that say which requests are hit.
const WHICH: [&str; 6] = ["share", "nth", "count", "only", "path", "object"];

/// Parameters that say which webhooks are hit.
const WHICH_WEBHOOKS: [&str; 4] = ["share", "nth", "count", "object"];

/// All parameters, for people.
pub(crate) const PARAMETERS: [(&str, &str); 17] = [
    (
        "share",
        "the share of requests that are hit, 0 to 1; the same ones for the same seed. Of half-written and cut-off: the share of the rows that is there, half without",
    ),
    ("nth", "only this request, counted from 1 from when the switch was set; it then clears itself"),
    ("count", "the switch clears itself after so many hits"),
    ("only", "`reads` or `writes`"),
    ("path", "only requests whose path begins with this"),
    ("object", "only requests about this kind of objects"),
    ("seconds", "how long; the switch's own line says what"),
    ("offset_ms", "how far the clock is off; negative where it is slow"),
    ("field", "the field's name, as the system spells it"),
    ("value", "the value that the field gets; the delimiter; the date of sunset"),
    (
        "how",
        "the spelling: upper, lower, trim, phone, number (a number at the end that grows); of partial-batch: answer, connection; of emptied: bytes, rows; of encoding: windows-1252, utf-16; of older-export: beside, instead",
    ),
    ("status", "500, 502, 503 or 504"),
    ("retry_after", "seconds until the next attempt, in the header Retry-After"),
    ("http_date", "Retry-After as a date"),
    ("committed", "the write is made all the same"),
    ("switch", "its name"),
    ("on", "false clears it"),
];

impl Switch {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::LostResponse,
        Self::Down,
        Self::Reset,
        Self::RateLimited,
        Self::Error,
        Self::Timeout,
        Self::BadToken,
        Self::Forbidden,
        Self::ExpiredCheckpoint,
        Self::FieldGone,
        Self::ReadOnly,
        Self::NoSearch,
        Self::NoUpdatedSince,
        Self::NoIdempotency,
        Self::Reformat,
        Self::SilentDrop,
        Self::PartialBatch,
        Self::Rewrite,
        Self::PageShift,
        Self::ClockOffset,
        Self::StaleIndex,
        Self::ReadLag,
        Self::WebhookDuplicate,
        Self::WebhookLate,
        Self::WebhookReordered,
        Self::WebhookForged,
        Self::WebhookDropped,
        Self::HalfWritten,
        Self::CutOff,
        Self::Emptied,
        Self::Delimiter,
        Self::Encoding,
        Self::Twice,
        Self::OlderExport,
        Self::Sunset,
    ];

    /// Their names, in the same order.
    const NAMES: [&'static str; 35] = [
        "lost-response",
        "down",
        "reset",
        "rate-limited",
        "error",
        "timeout",
        "bad-token",
        "forbidden",
        "expired-checkpoint",
        "field-gone",
        "read-only",
        "no-search",
        "no-updated-since",
        "no-idempotency",
        "reformat",
        "silent-drop",
        "partial-batch",
        "rewrite",
        "page-shift",
        "clock-offset",
        "stale-index",
        "read-lag",
        "webhook-duplicate",
        "webhook-late",
        "webhook-reordered",
        "webhook-forged",
        "webhook-dropped",
        "half-written",
        "cut-off",
        "emptied",
        "delimiter",
        "encoding",
        "twice",
        "older-export",
        "sunset",
    ];

    /// Its name: `rate-limited`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub(crate) fn about(self) -> About {
        let hit =
            |line, takes: &'static [&'static str], needs: &'static [&'static str]| About { line, takes, needs, which: &WHICH };
        let all = |line, needs: &'static [&'static str]| About { line, takes: needs, needs, which: &[] };
        let told = |line, needs: &'static [&'static str]| About { line, takes: needs, needs, which: &WHICH_WEBHOOKS };
        let file =
            |line, takes: &'static [&'static str], needs: &'static [&'static str]| About { line, takes, needs, which: &[] };
        match self {
            Self::LostResponse => hit("a write that changed something commits, then the connection is dropped", &[], &[]),
            Self::Down => hit("503 for everything, nothing commits", &[], &[]),
            Self::Reset => hit("the connection is closed before a write commits", &[], &[]),
            Self::RateLimited => hit("429, with Retry-After where it is given", &["retry_after", "http_date"], &[]),
            Self::Error => hit("the status given, 500 without; 502 and 504 as a gateway's page", &["status", "committed"], &[]),
            Self::Timeout => {
                hit("no answer until the client goes, or the seconds are over (600 without)", &["seconds", "committed"], &[])
            }
            Self::BadToken => hit("401: the token is not good any more; the token endpoint still works", &[], &[]),
            Self::Forbidden => hit("403 for a path or a kind of objects, as after a permission was taken away", &[], &[]),
            Self::ExpiredCheckpoint => {
                all("paging tokens and times of last reading older than the seconds are refused", &["seconds"])
            }
            Self::FieldGone => hit("the field is missing from answers and schema, and refused in writes", &["field"], &["field"]),
            Self::ReadOnly => hit("the field is refused in writes", &["field"], &["field"]),
            Self::NoSearch => hit("filters and look-ups by the field are refused", &["field"], &["field"]),
            Self::NoUpdatedSince => hit("filters and orders by the time of the last change are refused", &[], &[]),
            Self::NoIdempotency => hit("idempotency keys are ignored", &[], &[]),
            Self::Reformat => {
                hit("what is written to the field is kept in another spelling", &["field", "how"], &["field", "how"])
            }
            Self::SilentDrop => {
                hit("the usual answer, and nothing was stored; with a field, only that field was not", &["field"], &[])
            }
            Self::PartialBatch => {
                hit("the first half of a batch commits; the answer says that the rest failed, or is cut off", &["how"], &[])
            }
            Self::Rewrite => hit(
                "an automation changes the field of what was just written, a moment later",
                &["field", "value", "how"],
                &["field"],
            ),
            Self::PageShift => {
                hit("between two pages an object that was read changes, or goes, so that counted pages shift", &[], &[])
            }
            Self::ClockOffset => all("the system's clock is off: modification times, and the header Date", &["offset_ms"]),
            Self::StaleIndex => hit("listings and searches show the state of some seconds ago", &["seconds"], &["seconds"]),
            Self::ReadLag => hit("everything read shows the state of some seconds ago", &["seconds"], &["seconds"]),
            Self::WebhookDuplicate => told("a webhook is sent twice", &[]),
            Self::WebhookLate => told("a webhook is sent so many seconds later", &["seconds"]),
            Self::WebhookReordered => told("a webhook waits for the next one, and is sent after it", &[]),
            Self::WebhookForged => told(
                "beside a webhook comes one that the system did not send: the object is deleted, it says, with another signature",
                &[],
            ),
            Self::WebhookDropped => told("a webhook is not sent", &[]),
            Self::HalfWritten => file("the file is being written in place: its last row ends in the middle", &["share"], &[]),
            Self::CutOff => file("the file ends after a row, and the rest of the rows are missing", &["share"], &[]),
            Self::Emptied => file("the file is empty: no bytes, or no rows", &["how"], &[]),
            Self::Delimiter => file("the file has another delimiter: , ; | or a tab", &["value"], &["value"]),
            Self::Encoding => file("the file has another encoding: windows-1252 or utf-16", &["how"], &["how"]),
            Self::Twice => file("the same export is there twice, under two names", &[], &[]),
            Self::OlderExport => file(
                "the export before the last change arrives again: beside the newest one under an older name, or instead of it",
                &["how"],
                &[],
            ),
            Self::Sunset => hit(
                "answers say in the header Sunset when this part of the API goes, an HTTP date, and in Deprecation that it is deprecated",
                &["value"],
                &["value"],
            ),
        }
    }

    /// It spoils files, not answers.
    pub(crate) fn of_files(self) -> bool {
        use Switch::{CutOff, Delimiter, Emptied, Encoding, HalfWritten, OlderExport, Twice};
        matches!(self, HalfWritten | CutOff | Emptied | Delimiter | Encoding | Twice | OlderExport)
    }

    /// Names of its parameters.
    pub(crate) fn parameters(self) -> Vec<&'static str> {
        let about = self.about();
        about.takes.iter().chain(about.which).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_its_name_and_its_parameters_are_described() {
        for (at, switch) in Switch::ALL.into_iter().enumerate() {
            assert_eq!((switch as usize, serde_json::to_value(switch).unwrap()), (at, switch.name().into()));
            for name in switch.parameters() {
                assert!(PARAMETERS.iter().any(|(known, _)| *known == name), "{name} of {}", switch.name());
            }
        }
    }
}
