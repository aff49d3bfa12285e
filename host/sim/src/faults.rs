//! Fault switches: the one place where an answer is spoilt on purpose.
//!
//! A request passes here twice: before the system sees it ([`Faults::before`]) and after it was committed ([`Faults::after`]). Every
//! switch to come is one more variant and one more line in one of the two. Which request is hit follows from the seed and the number
//! of requests counted since the switch was set, never from chance. Must not know what a request means.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// A write commits, then the connection is dropped without an answer.
    LostResponse,
    /// Everything is answered 503, nothing commits.
    Down,
    /// The connection is closed before the write commits.
    Reset,
}

/// Which requests a switch hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The switch.
    pub switch: Switch,
    /// Set or cleared.
    #[serde(default = "yes")]
    pub on: bool,
    /// The share of requests that are hit, 0 to 1. Without `share` and `nth`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Only this one, counted from 1 from when the switch was set; it then clears itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
}

fn yes() -> bool {
    true
}

/// What to do with a request before the system sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Pass,
    Unavailable,
    Close,
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Answer,
    Close,
}

#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    rules: BTreeMap<Switch, (FaultRule, u64)>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rules: BTreeMap::new() }
    }

    pub(crate) fn set(&mut self, rule: FaultRule) -> Result<(), String> {
        if rule.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("share must be between 0 and 1".to_owned());
        }
        if rule.nth == Some(0) {
            return Err("nth counts from 1".to_owned());
        }
        if rule.share.is_some() && rule.nth.is_some() {
            return Err("give share or nth, not both".to_owned());
        }
        if rule.on {
            self.rules.insert(rule.switch, (rule, 0));
        } else {
            self.rules.remove(&rule.switch);
        }
        Ok(())
    }

    pub(crate) fn active(&self) -> Vec<FaultRule> {
        self.rules.values().map(|(rule, _)| rule.clone()).collect()
    }

    /// Before the system sees the request.
    pub(crate) fn before(&mut self, write: bool) -> Before {
        if self.hits(Switch::Down) {
            return Before::Unavailable;
        }
        if write && self.hits(Switch::Reset) {
            return Before::Close;
        }
        Before::Pass
    }

    /// After the request was committed; `changed` where it was a write that changed something.
    pub(crate) fn after(&mut self, changed: bool) -> After {
        if changed && self.hits(Switch::LostResponse) { After::Close } else { After::Answer }
    }

    fn hits(&mut self, switch: Switch) -> bool {
        let Some((rule, seen)) = self.rules.get_mut(&switch) else {
            return false;
        };
        *seen += 1;
        if let Some(nth) = rule.nth {
            let hit = *seen == nth;
            if hit {
                self.rules.remove(&switch);
            }
            return hit;
        }
        let Some(share) = rule.share else { return true };
        let draw = Rng::new(self.seed, "fault", *seen ^ ((switch as u64) << 32)).next() >> 11;
        (draw as f64) / ((1u64 << 53) as f64) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(switch: Switch, share: Option<f64>, nth: Option<u64>) -> FaultRule {
        FaultRule { switch, on: true, share, nth }
    }

    #[test]
    fn nth_hits_once_and_clears_itself() {
        let mut faults = Faults::new(1);
        faults.set(rule(Switch::LostResponse, None, Some(2))).unwrap();
        let seen: Vec<_> = (0..4).map(|_| faults.after(true)).collect();
        assert_eq!(seen, [After::Answer, After::Close, After::Answer, After::Answer]);
        assert!(faults.active().is_empty());
    }

    #[test]
    fn reads_are_not_counted() {
        let mut faults = Faults::new(1);
        faults.set(rule(Switch::Reset, None, Some(1))).unwrap();
        assert_eq!(faults.before(false), Before::Pass);
        assert_eq!(faults.before(true), Before::Close);
    }

    #[test]
    fn a_share_is_the_same_for_the_same_seed_and_about_right() {
        let draw = |seed| {
            let mut faults = Faults::new(seed);
            faults.set(rule(Switch::LostResponse, Some(0.25), None)).unwrap();
            (0..4000).map(|_| faults.after(true)).collect::<Vec<_>>()
        };
        assert_eq!(draw(9), draw(9));
        let lost = draw(9).iter().filter(|after| **after == After::Close).count();
        assert!((800..1200).contains(&lost), "{lost}");
    }

    #[test]
    fn impossible_rules_are_refused() {
        let mut faults = Faults::new(1);
        assert!(faults.set(rule(Switch::Down, Some(1.5), None)).is_err());
        assert!(faults.set(rule(Switch::Down, None, Some(0))).is_err());
        assert!(faults.set(rule(Switch::Down, Some(0.1), Some(1))).is_err());
    }
}
