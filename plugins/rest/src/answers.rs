//! What an answer means: the description's rules first, then what its status usually says.

use nave_rest::description::{Errors, Means, Rule, WaitUnit};
use nave_rest::pointer::Pointer;
use nave_sdk::host;
use nave_sdk::http::Answer;
use nave_sdk::limits::{MESSAGE_CHARS_MAX, RETRY_AFTER_DEFAULT_MS, RETRY_AFTER_MS_MAX};
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::described::Of;
use crate::place;

/// Bytes of a body that are searched for a part of the words; refusals are short.
const SEARCHED_BYTES_MAX: usize = 64 << 10;

/// What refusals mean for one stream: its own rules, then the API's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'e> {
    own: &'e Errors,
    all: &'e Errors,
}

impl<'e> Told<'e> {
    pub(crate) fn of(of: &Of<'e>) -> Self {
        Self { own: &of.stream.errors, all: &of.description.errors }
    }

    /// Where there is no stream.
    pub(crate) fn all(all: &'e Errors) -> Self {
        Self { own: all, all }
    }

    /// Whether an answer is a refusal, whatever its status says.
    pub(crate) fn refuses(self, answer: &Answer) -> bool {
        let Some((at, is)) = self.own.refused.as_ref().or(self.all.refused.as_ref()) else { return !answer.is_success() };
        !answer.is_success() || place::says_yes(place::raw(&answer.body, at).ok().flatten(), is)
    }

    /// What a refusing answer to a reading call means.
    pub(crate) fn failure(self, answer: &Answer) -> Failure {
        let Some((means, wait_ms)) = self.meaning(answer, false) else {
            return match self.usual(answer) {
                Failure::Rejected(rejection) => Failure::Rejected(self.rejection(answer, &rejection.class)),
                other => other,
            };
        };
        match means {
            Means::Rejected(class) => Failure::Rejected(self.rejection(answer, class)),
            Means::RetryAfter => Failure::RetryAfter(self.wait(answer, wait_ms)),
            Means::Unavailable | Means::Unknown => Failure::Unavailable(self.words(answer)),
            Means::Unauthorized => Failure::Unauthorized(self.words(answer)),
            Means::Misconfigured => Failure::Misconfigured(self.words(answer)),
            Means::CheckpointExpired => Failure::CheckpointExpired,
            Means::Gone | Means::Conflict => Failure::Rejected(self.rejection(answer, "reference")),
        }
    }

    /// What the rules say about an answer to a reading call.
    pub(crate) fn says(self, answer: &Answer) -> Option<Means> {
        self.meaning(answer, false).map(|(means, _)| means)
    }

    /// What a refusing answer to a write means. A conflict is `None`: who knows the id reads what is there.
    pub(crate) fn refused(self, answer: &Answer) -> Option<Stop> {
        let Some((means, wait_ms)) = self.meaning(answer, true) else {
            return match answer.status {
                412 => None,
                429 => Some(Stop::NotSent(Failure::RetryAfter(self.wait(answer, None)))),
                403 => Some(Stop::settled(Outcome::Rejected(self.rejection(answer, "forbidden")))),
                200..=299 => Some(Stop::settled(Outcome::Rejected(self.rejection(answer, "other")))),
                _ => Some(match write::refused(answer) {
                    Stop::Settled(outcome) => match *outcome {
                        Outcome::Rejected(rejection) => {
                            Stop::settled(Outcome::Rejected(self.rejection(answer, &rejection.class)))
                        }
                        other => Stop::settled(other),
                    },
                    not_sent => not_sent,
                }),
            };
        };
        let words = || self.words(answer);
        Some(match means {
            Means::Rejected(class) => Stop::settled(Outcome::Rejected(self.rejection(answer, class))),
            Means::RetryAfter => Stop::NotSent(Failure::RetryAfter(self.wait(answer, wait_ms))),
            // Who is not available may have done it.
            Means::Unavailable | Means::Unknown | Means::CheckpointExpired => Stop::settled(Outcome::Unknown(words())),
            Means::Unauthorized => Stop::NotSent(Failure::Unauthorized(words())),
            Means::Misconfigured => Stop::NotSent(Failure::Misconfigured(words())),
            Means::Gone => Stop::settled(Outcome::Gone),
            Means::Conflict => return None,
        })
    }

    fn usual(self, answer: &Answer) -> Failure {
        match answer.status {
            200..=299 => Failure::Rejected(Rejection::new("other", answer.message())),
            429 => Failure::RetryAfter(self.wait(answer, None)),
            _ => answer.failure(),
        }
    }

    fn meaning(self, answer: &Answer, writes: bool) -> Option<(Means, Option<u64>)> {
        let code = first(self.pick(|errors| &errors.code), &answer.body);
        let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(SEARCHED_BYTES_MAX)]).to_lowercase();
        let words = first(self.pick(|errors| &errors.message), &answer.body).unwrap_or_default().to_lowercase();
        let has = |part: &String| words.contains(part.as_str()) || body.contains(part.as_str());
        let fits = |rule: &&Rule| {
            (rule.status.is_empty() || rule.status.iter().any(|(from, to)| (*from..=*to).contains(&answer.status)))
                && (rule.code.is_empty() || code.as_ref().is_some_and(|code| rule.code.contains(code)))
                && (rule.contains.is_empty() || rule.contains.iter().any(has))
                && rule.on_write.is_none_or(|on_write| on_write == writes)
        };
        let rule = self.own.rules.iter().chain(&self.all.rules).find(fits)?;
        Some((rule.means, rule.wait_ms))
    }

    /// The stream's pointers, where it has any.
    fn pick<'p>(&self, of: impl Fn(&'e Errors) -> &'e Vec<Pointer>) -> &'p [Pointer]
    where
        'e: 'p,
    {
        let own = of(self.own);
        if own.is_empty() { of(self.all) } else { own }
    }

    /// The system's own words.
    fn words(self, answer: &Answer) -> String {
        let own = first(self.pick(|errors| &errors.message), &answer.body);
        own.map_or_else(|| answer.message(), |words| words.chars().take(MESSAGE_CHARS_MAX).collect())
    }

    fn rejection(self, answer: &Answer, class: &str) -> Rejection {
        let rejection = Rejection::new(class, self.words(answer));
        match self.field(&answer.body) {
            Some(field) => rejection.field(field),
            None => rejection,
        }
    }

    fn field(self, body: &[u8]) -> Option<String> {
        let found = self.pick(|errors| &errors.field).iter().find_map(|at| {
            let value: Value = serde_json::from_str(place::raw(body, at).ok()??.get()).ok()?;
            match value {
                Value::String(text) => Some(text).filter(|text| !text.is_empty()),
                Value::Object(map) => map.keys().next().cloned(),
                Value::Array(list) => list.iter().find_map(|item| item.as_str().map(str::to_owned)),
                _ => None,
            }
        })?;
        let prefix = if self.own.field_prefix.is_empty() { &self.all.field_prefix } else { &self.own.field_prefix };
        Some(format!("{prefix}{found}"))
    }

    fn wait(self, answer: &Answer, otherwise_ms: Option<u64>) -> u64 {
        let told = self.own.wait.as_ref().or(self.all.wait.as_ref()).and_then(|wait| {
            let text = match &wait.place {
                Ok(header) => answer.header(header).map(str::to_owned),
                Err(at) => place::text(&answer.body, at),
            }?;
            let number: f64 = text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
            let now_ms = host::now_ms();
            Some(match wait.unit {
                WaitUnit::Seconds => (number * 1000.0) as u64,
                WaitUnit::Milliseconds => number as u64,
                WaitUnit::EpochSeconds => ((number * 1000.0) as u64).saturating_sub(now_ms),
                WaitUnit::EpochMilliseconds => (number as u64).saturating_sub(now_ms),
            })
        });
        let wait = told.or_else(|| answer.retry_after_ms()).or(otherwise_ms).unwrap_or(RETRY_AFTER_DEFAULT_MS);
        wait.clamp(1, RETRY_AFTER_MS_MAX)
    }

    /// What is said about one thing inside of a success.
    pub(crate) fn item(self, item: &RawValue) -> Rejection {
        let answer = Answer { status: 200, headers: Vec::new(), body: item.get().as_bytes().to_vec() };
        let class = match self.meaning(&answer, true) {
            Some((Means::Rejected(class), _)) => class,
            _ => "other",
        };
        self.rejection(&answer, class)
    }
}

/// The first text that is there.
fn first(pointers: &[Pointer], body: &[u8]) -> Option<String> {
    pointers.iter().find_map(|at| {
        let raw = place::raw(body, at).ok()??;
        let value: Value = serde_json::from_str(raw.get()).ok()?;
        match value {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            // Lists of words belong together.
            Value::Array(list) => {
                Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
            }
            // Words by field: those of the first.
            Value::Object(map) => map.values().next().and_then(|value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
                _ => None,
            }),
            _ => None,
        }
    })
}
