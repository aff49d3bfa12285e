//! What fails, by system and class: one sum over a status, for the command line and the dashboard alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::StatusAnswer;
use crate::runbooks;

/// What of one system fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SystemFailures {
    /// Connection.
    pub connection: String,
    /// Deliveries sent to it since its flows ran first.
    pub attempts: u64,
    /// Of these: came to nothing.
    pub failures: u64,
    /// Set aside now, coming or going.
    pub set_aside: u64,
    /// By class, what is set aside most first.
    pub classes: Vec<ClassFailures>,
}

/// One class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassFailures {
    /// `length`, `unavailable`, …
    pub class: String,
    /// Attempts that came to nothing by it since its flows ran first.
    pub failures: u64,
    /// Set aside by it now.
    pub set_aside: u64,
    /// Runbook that says what to do.
    pub runbook: &'static str,
    /// What to type first.
    pub command: String,
}

impl StatusAnswer {
    /// What fails, by system; also those of which nothing does, as long as something was sent to them.
    pub fn failing(&self) -> Vec<SystemFailures> {
        let mut systems: BTreeMap<&str, (SystemFailures, BTreeMap<&str, Sum<'_>>)> = BTreeMap::new();
        for flow in &self.flows {
            let (system, classes) = systems.entry(&flow.connection).or_default();
            system.attempts += flow.meter.attempts;
            for (class, count) in &flow.meter.failures {
                system.failures += count;
                classes.entry(class).or_default().failures += count;
            }
        }
        for letters in &self.set_aside {
            // Of a mapping that is gone: under its own name.
            let flow = self.flows.iter().find(|flow| flow.flow == letters.flow);
            let connection = flow.map_or(letters.flow.as_str(), |flow| flow.connection.as_str());
            let (system, classes) = systems.entry(connection).or_default();
            system.set_aside += letters.count;
            let sum = classes.entry(&letters.class).or_default();
            sum.set_aside += letters.count;
            sum.flows.insert(&letters.flow);
        }
        let mut found = Vec::new();
        for (connection, (mut system, classes)) in systems {
            if system.attempts == 0 && classes.is_empty() {
                continue;
            }
            connection.clone_into(&mut system.connection);
            system.classes = classes.into_iter().map(|(class, sum)| sum.line(class)).collect();
            system.classes.sort_by_key(|line| std::cmp::Reverse((line.set_aside, line.failures)));
            found.push(system);
        }
        found
    }
}

#[derive(Default)]
struct Sum<'s> {
    failures: u64,
    set_aside: u64,
    flows: BTreeSet<&'s str>,
}

impl Sum<'_> {
    fn line(self, class: &str) -> ClassFailures {
        let runbook = runbook(class);
        let flow = self.flows.first().filter(|_| self.flows.len() == 1).map(|flow| format!(" --flow {flow}"));
        let command = match self.set_aside {
            0 => format!("nave runbook {runbook}"),
            _ => format!("nave dlq list{} --class {class}", flow.unwrap_or_default()),
        };
        ClassFailures { class: class.to_owned(), failures: self.failures, set_aside: self.set_aside, runbook, command }
    }
}

/// What happens to attempts that were not refused has the runbook of the alert that it leads to.
fn runbook(class: &str) -> &'static str {
    match class {
        "unavailable" => "breaker-open",
        "unknown" => "unknown-outcome",
        "asked-to-wait" => "budget",
        class => runbooks::name_for(class),
    }
}

#[cfg(test)]
mod tests {
    use nave_core::meter::Meter;

    use super::*;
    use crate::api::{FlowStatus, SetAside};

    #[test]
    fn sums_are_those_of_the_flows() {
        let flow = |name: &str, connection: &str, attempts: u64, failures: &[(&str, u64)]| FlowStatus {
            flow: name.into(),
            connection: connection.into(),
            meter: Meter {
                attempts,
                failures: failures.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect(),
                ..Meter::default()
            },
            ..FlowStatus::default()
        };
        let aside = |flow: &str, class: &str, count| SetAside { flow: flow.into(), class: class.into(), count };
        let status = StatusAnswer {
            flows: vec![
                flow("books-contacts", "books", 10, &[("length", 2), ("unavailable", 1)]),
                flow("books-companies", "books", 5, &[("length", 1)]),
                flow("crm-contacts", "crm", 3, &[]),
                flow("drop-contacts", "drop", 0, &[]),
            ],
            set_aside: vec![
                aside("books-contacts", "length", 2),
                aside("books-companies", "length", 1),
                aside("books-companies", "odd", 1),
            ],
            ..StatusAnswer::default()
        };
        let found: Vec<String> = status
            .failing()
            .iter()
            .map(|system| {
                let classes: Vec<String> = system
                    .classes
                    .iter()
                    .map(|of| format!("{} {}/{} {} `{}`", of.class, of.failures, of.set_aside, of.runbook, of.command))
                    .collect();
                let (attempts, failures) = (system.attempts, system.failures);
                format!("{} {attempts} {failures} {}: {}", system.connection, system.set_aside, classes.join(", "))
            })
            .collect();
        assert_eq!(
            found,
            [
                "books 15 4 4: length 3/3 length `nave dlq list --class length`, odd 0/1 other `nave dlq list --flow books-companies --class odd`, unavailable 1/0 breaker-open `nave runbook breaker-open`",
                "crm 3 0 0: ",
            ]
        );
    }
}
