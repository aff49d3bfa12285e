//! Fault switches: the one place where an answer is spoilt on purpose.
//!
//! A request passes here before the system sees it ([`Faults::before`], then [`Faults::tamper`]), while it is answered
//! ([`Faults::lagging`]) and after it was committed ([`Faults::after`], [`Faults::hide`], [`Faults::automate`]). Nothing of it is
//! remembered across a restart. A new switch is a variant in `switch.rs`, with its line, and a few lines in the file of its family:
//!
//! - `refused.rs`: the request is not looked at
//! - `tampered.rs`: the system is given something else than what was sent
//! - `lag.rs`: the answer is of some time ago
//! - `answered.rs`: the answer is not what it was, or none
//! - `automation.rs`: the system changes objects by itself
//! - `expired.rs`: checkpoints that are too old
//!
//! Those of a system that drops files are carried out where the files are written, in `legacy/export.rs`.
//!
//! Must not know what a vendor's paths or fields mean: the system says it.

mod answered;
mod automation;
mod expired;
mod hits;
mod lag;
mod refused;
mod rule;
mod spelling;
mod switch;
mod tampered;

pub(crate) use answered::Fate;
pub(crate) use hits::Seen;
pub use rule::{FaultRule, Only};
pub use switch::Switch;
pub(crate) use tampered::Tampered;

use crate::simulated::Simulated;
use expired::Tokens;
use hits::Active;
use lag::Mirror;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The switches of one system.
pub(crate) struct Faults {
    seed: u64,
    active: BTreeMap<Switch, Active>,
    /// Older states, by the switch that shows them.
    mirrors: BTreeMap<Switch, Mirror>,
    tokens: Tokens,
    /// Spellings so far, for those that are never the same twice.
    spelled: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, active: BTreeMap::new(), mirrors: BTreeMap::new(), tokens: Tokens::default(), spelled: 0 }
    }

    /// Sets or clears a switch.
    ///
    /// # Errors
    /// Why the rule makes no sense, or makes none for this system.
    pub(crate) fn set(&mut self, rule: FaultRule, system: &dyn Simulated) -> Result<(), String> {
        if !rule.on {
            self.active.remove(&rule.switch);
            self.mirrors.remove(&rule.switch);
            return Ok(());
        }
        rule.check()?;
        if let Some(why) = lacks(rule.switch, system) {
            return Err(format!("`{}` makes no sense here: {why}", rule.switch.name()));
        }
        if let Some(field) = rule.field.as_ref().filter(|field| !system.has_field(field)) {
            return Err(format!("no object here has a field `{field}`"));
        }
        match rule.switch {
            Switch::StaleIndex | Switch::ReadLag => _ = self.mirrors.insert(rule.switch, Mirror::of(system)),
            Switch::ExpiredCheckpoint => self.tokens = Tokens::default(),
            _ => {}
        }
        self.active.insert(rule.switch, Active::new(rule));
        Ok(())
    }

    /// Clears all switches.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// The switches that are set.
    pub(crate) fn active(&self) -> Vec<FaultRule> {
        self.active.values().map(|active| active.rule.clone()).collect()
    }

    /// All switches that there are, for people.
    pub(crate) fn describe(system: &dyn Simulated) -> Value {
        let switches = Switch::ALL.map(|switch| {
            let about = switch.about();
            let mut line =
                json!({"switch": switch.name(), "about": about.line, "takes": switch.parameters(), "needs": about.needs});
            if let Some(why) = lacks(switch, system) {
                line["not_here"] = why.into();
            }
            line
        });
        let parameters: BTreeMap<&str, &str> = switch::PARAMETERS.into_iter().collect();
        json!({"switches": switches.to_vec(), "parameters": parameters})
    }

    /// How far the clock is off, where it is.
    pub(crate) fn clock_offset(&self) -> Option<i64> {
        self.active.get(&Switch::ClockOffset)?.rule.offset_ms
    }

    /// The rule of a switch that is set and hits this request. One that has hit all that it was to hit clears itself.
    pub(crate) fn hits(&mut self, switch: Switch, request: &Seen) -> Option<FaultRule> {
        let active = self.active.get_mut(&switch)?;
        if !active.hits(self.seed, request) {
            return None;
        }
        let rule = active.rule.clone();
        if active.spent {
            self.active.remove(&switch);
            self.mirrors.remove(&switch);
        }
        Some(rule)
    }

    /// As [`Faults::hits`], for a switch whose rule must also pass a test before the request counts.
    fn hits_if(&mut self, switch: Switch, request: &Seen, test: impl FnOnce(&FaultRule) -> bool) -> Option<FaultRule> {
        if !test(&self.active.get(&switch)?.rule) {
            return None;
        }
        self.hits(switch, request)
    }

    fn is_set(&self, switch: Switch) -> bool {
        self.active.contains_key(&switch)
    }
}

/// Why a switch makes no sense of a system, where it makes none.
fn lacks(switch: Switch, system: &dyn Simulated) -> Option<&'static str> {
    match (switch.of_files(), system.is_files()) {
        (true, false) => Some("only `legacy` drops files"),
        (false, true) if !matches!(switch, Switch::FieldGone | Switch::Forbidden | Switch::ClockOffset) => {
            Some("it drops files; nobody asks it anything")
        }
        _ => system.lacks(switch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::Crm;

    /// What is said of a rule: nothing, or a text that holds this.
    fn check(rule: Value, want: Option<&str>) {
        let system = Crm::new(1, None).unwrap();
        let read: Result<FaultRule, _> = serde_json::from_value(rule.clone());
        let said = match read {
            Ok(rule) => Faults::new(1).set(rule, &system).err(),
            Err(error) => Some(error.to_string()),
        };
        match (want, &said) {
            (None, None) => {}
            (Some(part), Some(said)) if said.contains(part) => {}
            _ => panic!("{rule}: {said:?}, not {want:?}"),
        }
    }

    #[test]
    fn rules_are_checked() {
        for (rule, want) in [
            (json!({"switch": "down"}), None),
            (json!({"switch": "down", "share": 1.5}), Some("between 0 and 1")),
            (json!({"switch": "down", "nth": 0}), Some("count from 1")),
            (json!({"switch": "down", "count": 0}), Some("count from 1")),
            (json!({"switch": "down", "share": 0.1, "nth": 1}), Some("nth alone")),
            (json!({"switch": "down", "field": "email"}), Some("`down` has no `field`; it takes share, nth")),
            (json!({"switch": "rain"}), Some("unknown variant `rain`")),
            (json!({"switch": "down", "colour": 1}), Some("unknown field `colour`")),
            (json!({"switch": "down", "only": "some"}), Some("unknown variant `some`")),
            (json!({"switch": "error", "status": 502}), None),
            (json!({"switch": "error", "status": 404}), Some("500, 502, 503 or 504")),
            (json!({"switch": "rate-limited", "http_date": true}), Some("give that too")),
            (json!({"switch": "timeout", "seconds": 100_000_000}), Some("at most")),
            (json!({"switch": "clock-offset"}), Some("needs `offset_ms`")),
            (json!({"switch": "clock-offset", "offset_ms": -5000, "share": 0.1}), Some("has no `share`")),
            (json!({"switch": "read-only"}), Some("needs `field`")),
            (json!({"switch": "read-only", "field": "shoe"}), Some("no object here has a field `shoe`")),
            (json!({"switch": "reformat", "field": "city", "how": "loud"}), Some("how is one of")),
            (json!({"switch": "reformat", "field": "city", "how": "upper"}), None),
            (json!({"switch": "rewrite", "field": "city"}), Some("value or how")),
            (json!({"switch": "rewrite", "field": "city", "how": "upper", "value": "x"}), Some("value or how")),
            (json!({"switch": "partial-batch", "how": "upper"}), Some("answer or connection")),
            (json!({"switch": "emptied"}), Some("makes no sense here: only `legacy`")),
            (json!({"switch": "emptied", "how": "wet"}), Some("how is bytes or rows, not `wet`")),
            (json!({"switch": "encoding", "how": "ebcdic"}), Some("how is windows-1252 or utf-16, not `ebcdic`")),
            (json!({"switch": "older-export", "how": "ebcdic"}), Some("how is beside or instead")),
            (json!({"switch": "delimiter"}), Some("needs `value`")),
            (json!({"switch": "delimiter", "value": "ab"}), Some("one of , ; | or a tab")),
            (json!({"switch": "no-idempotency"}), Some("makes no sense here")),
            (json!({"switch": "no-idempotency", "on": false}), None),
        ] {
            check(rule, want);
        }
    }
}
