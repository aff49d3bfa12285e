//! Every switch, in every kind of flow that it can reach, and what must come of it.

use nave_sim::System;

use super::expect::{Decide, Hits, Plot, Spec};
use super::flows::{self, Flow};
use super::specs::{LINKED, SPECS};

/// One case: a switch in a kind of flow.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) flow: &'static Flow,
    pub(super) spec: &'static Spec,
}

impl Case {
    /// `both/rate-limited`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.flow.name, self.spec.name)
    }

    /// Whether a system of the flow is spoilt.
    pub(super) fn hits(&self, sim: System) -> bool {
        match self.spec.hits {
            Hits::All => true,
            Hits::Only(only) => only == sim,
        }
    }

    /// What is decided of a question of this kind; nothing where nobody should have to ask it.
    pub(super) fn decides(&self, kind: &str) -> Option<Decide> {
        let listed = self.spec.expect.decide.iter().find(|(known, _)| *known == kind).map(|(_, decide)| *decide);
        // Without a marker and a key nothing but a pair of eyes tells what became of a create without an answer.
        let bare = self.flow.parts.iter().any(|part| !part.marked);
        listed.or_else(|| (bare && kind == "unknown-outcome").then_some(Decide::Look))
    }

    /// Seen in a list: what is set.
    pub(super) fn about(&self) -> String {
        let all: Vec<&str> = self.spec.rules.iter().chain(self.spec.acts).copied().collect();
        match self.spec.expect.plot {
            Plot::Quarrel(_) => "robots change back what the hub writes, each time".to_owned(),
            _ if all.is_empty() => "nothing goes wrong".to_owned(),
            _ => all.join(" + "),
        }
    }
}

/// All cases, in the order of flows.
pub(super) fn all() -> Vec<Case> {
    let specs = |flow: &'static Flow| {
        let fits = move |spec: &&'static Spec| {
            let named = if flow.is_linked() {
                LINKED.contains(&spec.name)
            } else {
                spec.flows.is_empty() || spec.flows.contains(&flow.name)
            };
            let case = Case { flow, spec };
            named && flow.parts.iter().any(|part| case.hits(part.sim))
        };
        SPECS.iter().filter(fits).map(move |spec| Case { flow, spec })
    };
    flows::ALL.iter().flat_map(specs).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nave_sim::Switch;

    use super::*;

    #[test]
    fn every_switch_has_a_case() {
        for switch in Switch::ALL {
            let quoted = format!("\"switch\": \"{}\"", switch.name());
            assert!(all().iter().any(|case| case.spec.rules.iter().any(|rule| rule.contains(&quoted))), "{}", switch.name());
        }
    }

    #[test]
    fn names_are_unique_and_rules_are_objects() {
        let names: BTreeSet<String> = all().iter().map(Case::name).collect();
        assert_eq!(names.len(), all().len());
        for spec in SPECS {
            for text in spec.rules.iter().chain(spec.acts) {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object()), "{text}");
            }
            assert!(LINKED.iter().all(|name| SPECS.iter().any(|spec| spec.name == *name)));
            assert!(spec.flows.iter().all(|name| flows::ALL.iter().any(|flow| flow.name == *name)), "{}", spec.name);
        }
    }
}
