//! Which requests a switch hits: it follows from the seed and the number of requests counted since it was set, never from chance.

use super::rule::{FaultRule, Only};
use crate::{rng::Rng, simulated::What};

/// A request, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) write: bool,
    pub(crate) what: What,
    pub(crate) path: String,
    pub(crate) object: Option<String>,
}

/// A switch that is set, and what it has counted so far.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) rule: FaultRule,
    seen: u64,
    hit: u64,
    /// It has hit all that it was to hit.
    pub(crate) spent: bool,
}

impl Active {
    pub(crate) fn new(rule: FaultRule) -> Self {
        Self { rule, seen: 0, hit: 0, spent: false }
    }

    /// Requests that the rule is not about are not counted.
    pub(crate) fn hits(&mut self, seed: u64, request: &Seen) -> bool {
        let rule = &self.rule;
        let about = rule.only.is_none_or(|only| (only == Only::Writes) == request.write)
            && rule.path.as_ref().is_none_or(|path| request.path.starts_with(path.as_str()))
            && rule.object.as_ref().is_none_or(|object| request.object.as_ref() == Some(object));
        if !about || self.spent {
            return false;
        }
        self.seen += 1;
        let hit = match (rule.nth, rule.share) {
            (Some(nth), _) => self.seen == nth,
            (None, None) => true,
            (None, Some(share)) => {
                let draw = Rng::new(seed, "fault", self.seen ^ ((rule.switch as u64) << 32)).next() >> 11;
                (draw as f64) / ((1u64 << 53) as f64) < share
            }
        };
        if hit {
            self.hit += 1;
            self.spent = rule.nth.is_some() || rule.count == Some(self.hit);
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Switch;

    fn read() -> Seen {
        Seen { write: false, what: What::List, path: "/a/b".to_owned(), object: Some("contacts".to_owned()) }
    }

    fn hits(edit: impl FnOnce(&mut FaultRule), requests: usize) -> Vec<bool> {
        let mut rule = FaultRule::new(Switch::RateLimited);
        edit(&mut rule);
        let mut active = Active::new(rule);
        (0..requests).map(|n| active.hits(9, &Seen { write: n % 2 == 1, ..read() })).collect()
    }

    #[test]
    fn which_requests_are_hit() {
        type Edit = fn(&mut FaultRule);
        let table: [(Edit, [bool; 4]); 8] = [
            (|_| {}, [true; 4]),
            (|rule| rule.nth = Some(2), [false, true, false, false]),
            (|rule| rule.count = Some(2), [true, true, false, false]),
            (|rule| rule.only = Some(Only::Writes), [false, true, false, true]),
            (|rule| (rule.only, rule.nth) = (Some(Only::Reads), Some(2)), [false, false, true, false]),
            (|rule| rule.path = Some("/a".to_owned()), [true; 4]),
            (|rule| rule.path = Some("/b".to_owned()), [false; 4]),
            (|rule| rule.object = Some("companies".to_owned()), [false; 4]),
        ];
        for (at, (edit, want)) in table.into_iter().enumerate() {
            assert_eq!(hits(edit, 4), want, "case {at}");
        }
    }

    #[test]
    fn a_share_is_the_same_for_the_same_seed_and_about_right() {
        let draw = || hits(|rule| rule.share = Some(0.25), 4_000);
        assert_eq!(draw(), draw());
        let hit = draw().iter().filter(|hit| **hit).count();
        assert!((800..1_200).contains(&hit), "{hit}");
    }
}
