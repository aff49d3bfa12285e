//! Answers of some time ago: a copy of the system that takes every change in late.

use super::{Faults, Seen, Switch};
use crate::simulated::{Simulated, What, copy};
use serde_json::Value;
use std::collections::VecDeque;

/// The system as it was.
pub(super) struct Mirror {
    system: Box<dyn Simulated>,
    /// Changes that it has not seen, with the time of each.
    waiting: VecDeque<(i64, Vec<Value>)>,
}

impl Mirror {
    pub(super) fn of(system: &dyn Simulated) -> Self {
        Self { system: copy(system), waiting: VecDeque::new() }
    }

    /// The state as it was at a time.
    fn at(&mut self, time: i64) -> &mut dyn Simulated {
        while let Some((_, entries)) = self.waiting.pop_front_if(|(at, _)| *at <= time) {
            for entry in entries {
                if let Err(why) = self.system.replay(entry) {
                    tracing::error!(why, "a change could not be repeated");
                }
            }
        }
        self.system.as_mut()
    }
}

impl Faults {
    /// Tells the older states what changed.
    pub(crate) fn feed(&mut self, entries: &[Value], now: i64) {
        self.mirrors.retain(|switch, _| self.active.contains_key(switch));
        for mirror in self.mirrors.values_mut() {
            mirror.waiting.push_back((now, entries.to_vec()));
        }
    }

    /// The older state that answers this request, where one does.
    pub(crate) fn lagging(&mut self, request: &Seen, now: i64) -> Option<&mut dyn Simulated> {
        let candidates: &[Switch] = match request.what {
            What::List => &[Switch::StaleIndex, Switch::ReadLag],
            What::Get => &[Switch::ReadLag],
            _ => return None,
        };
        for switch in candidates {
            // One that clears itself with this hit takes its copy along: the copy is needed once more.
            let mirror = self.mirrors.remove(switch);
            let hit = self.hits(*switch, request);
            if let Some(mirror) = mirror {
                self.mirrors.insert(*switch, mirror);
            }
            if let Some(rule) = hit {
                let lag = i64::try_from(rule.seconds.unwrap_or(0)).unwrap_or(0) * 1_000;
                return self.mirrors.get_mut(switch).map(|mirror| mirror.at(now - lag));
            }
        }
        None
    }
}
