//! When a dead letter becomes somebody's task: after so many failed tries, or so long a time.

use crate::model::{DeadLetter, Time};
use crate::retry::LADDER_MS;

/// When that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Failed tries.
    pub tries: u64,
    /// Time since it was set aside first, milliseconds.
    pub after_ms: u64,
}

/// How often it was tried. What used the ladder up was tried once and after each of its waits.
pub fn tries(letter: &DeadLetter) -> u64 {
    let each = if letter.class == "exhausted" { LADDER_MS.len() as u64 + 1 } else { 1 };
    u64::from(letter.count) * each
}

/// Whether it is somebody's task by now.
pub fn is_due(letter: &DeadLetter, policy: Escalation, now: Time) -> bool {
    tries(letter) >= policy.tries || now.0.saturating_sub(letter.first_at.0) >= policy.after_ms as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeadLetterSubject, RecordId};

    #[test]
    fn after_so_many_tries_or_so_long() {
        let policy = Escalation { tries: 3, after_ms: 1_000 };
        for (class, count, age, expected) in [
            ("length", 1, 999, false),
            ("length", 2, 0, false),
            ("length", 3, 0, true),
            ("length", 1, 1_000, true),
            ("exhausted", 1, 0, true),
        ] {
            let letter = DeadLetter {
                id: 1,
                subject: DeadLetterSubject::Delivery { destination: "crm".into(), record: RecordId(1) },
                class: class.into(),
                field: None,
                message: String::new(),
                fix: String::new(),
                first_at: Time(0),
                last_at: Time(0),
                count,
                run: 1,
            };
            assert_eq!(is_due(&letter, policy, Time(age)), expected, "{class} {count} {age}");
        }
    }
}
