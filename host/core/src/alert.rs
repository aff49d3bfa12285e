//! Alerts: what is told to whom, and when. What is wrong comes from elsewhere; sending does too. One alert per kind and subject, so
//! that a thousand failures of one class are one message with a count.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Time;
use crate::retry::LADDER_MS;

/// Something that is wrong now, of one kind, about one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `breaker-open`, `dead-letter`, …: each has a runbook.
    pub kind: String,
    /// What it is about: a connection, a flow, a steward.
    pub subject: String,
    /// How many things it concerns; at least 1.
    pub count: u64,
    /// Since when.
    pub since: Time,
    /// One line for people.
    pub what: String,
    /// What to type first.
    pub fix: String,
    /// The runbook's class.
    pub runbook: String,
    /// Whose task it is; empty where it is the operators'.
    pub owner: String,
}

/// What a sink was told of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was told something last.
    pub at: Option<Time>,
    /// The count that it was told.
    pub count: u64,
    /// It was told last that all is well again.
    pub resolved: bool,
    /// Tries in a row that failed.
    pub failed: u32,
    /// Not tried before.
    pub not_before: Option<Time>,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// An alert, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Number, for people.
    pub id: u64,
    /// What is wrong, or was.
    pub condition: Condition,
    /// When it was seen first.
    pub opened_at: Time,
    /// When it was well again; none while it is wrong.
    pub resolved_at: Option<Time>,
    /// Who said that somebody works on it: nothing more is told but the end.
    pub acknowledged_by: Option<String>,
    /// Sink → what it was told.
    pub told: BTreeMap<String, Told>,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// Something is wrong.
    Opened,
    /// It concerns more things than were told.
    More,
    /// All is well again.
    Resolved,
}

impl Alert {
    /// Moves to what is wrong now; none: nothing of it any more. Says whether anything changed that is to be kept.
    pub fn see(&mut self, now: Time, found: Option<&Condition>) -> bool {
        let before = (self.condition.clone(), self.resolved_at);
        match found {
            Some(condition) => {
                if self.resolved_at.take().is_some() {
                    // Wrong once more: nobody works on that yet.
                    (self.opened_at, self.acknowledged_by) = (now, None);
                }
                self.condition = condition.clone();
            }
            None => {
                self.resolved_at.get_or_insert(now);
            }
        }
        before != (self.condition.clone(), self.resolved_at)
    }

    /// What a sink is to be told now, if anything: at most one message per `interval_ms` while it is wrong, and one when it is
    /// well again.
    pub fn news(&self, sink: &str, now: Time, interval_ms: u64) -> Option<News> {
        let told = self.told.get(sink).cloned().unwrap_or_default();
        if told.not_before.is_some_and(|until| until > now) {
            return None;
        }
        let heard_of_it = told.at.is_some() && !told.resolved;
        if self.resolved_at.is_some() {
            return heard_of_it.then_some(News::Resolved);
        }
        let soon = told.at.is_some_and(|at| at.plus_ms(interval_ms as i64) > now);
        match heard_of_it {
            false => (!soon).then_some(News::Opened),
            true => (!soon && self.acknowledged_by.is_none() && self.condition.count > told.count).then_some(News::More),
        }
    }

    /// A sink took a message.
    pub fn took(&mut self, sink: &str, now: Time, news: News) {
        let count = self.condition.count;
        let told = self.told.entry(sink.to_owned()).or_default();
        *told = Told { at: Some(now), count, resolved: news == News::Resolved, ..Told::default() };
    }

    /// A sink did not: it is tried again after 1, 5 and then every 30 minutes.
    pub fn failed(&mut self, sink: &str, now: Time, why: &str) {
        let told = self.told.entry(sink.to_owned()).or_default();
        let wait = LADDER_MS[(told.failed as usize).min(LADDER_MS.len() - 1)];
        told.failed = told.failed.saturating_add(1);
        told.not_before = Some(now.plus_ms(wait as i64));
        told.error = Some(why.to_owned());
    }

    /// Whether it can be forgotten: well again for so long, and nobody is still to be told.
    pub fn is_over(&self, sinks: &[&str], now: Time, keep_ms: i64) -> bool {
        let waits = |sink: &&str| self.told.get(*sink).is_some_and(|told| told.at.is_some() && !told.resolved);
        self.resolved_at.is_some_and(|at| at.plus_ms(keep_ms) <= now) && !sinks.iter().any(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 900_000;

    /// Plays `at what` lines against one sink: `3` (so many things are wrong), `ok`, `ack`, `down` (the sink fails from now
    /// on), `up`; answers what was told, each with its time in minutes.
    fn play(script: &str) -> String {
        let mut alert = Alert::default();
        let (mut found, mut up, mut said) = (None, true, Vec::new());
        let steps: Vec<(i64, &str)> =
            script.split(", ").map(|step| step.split_once(' ').map(|(at, what)| (at.parse().unwrap(), what)).unwrap()).collect();
        for minute in 0..200_i64 {
            let now = Time(minute * 60_000);
            for (_, what) in steps.iter().filter(|(at, _)| *at == minute) {
                match *what {
                    "ok" => found = None,
                    "ack" => alert.acknowledged_by = Some("ann".into()),
                    "down" => up = false,
                    "up" => up = true,
                    count => found = Some(Condition { count: count.parse().unwrap(), ..Condition::default() }),
                }
            }
            if found.is_none() && alert == Alert::default() {
                continue;
            }
            alert.see(now, found.as_ref());
            if let Some(news) = alert.news("ops", now, INTERVAL) {
                if up {
                    alert.took("ops", now, news);
                    said.push(format!("{minute} {news:?} {}", alert.condition.count));
                } else {
                    alert.failed("ops", now, "no");
                    said.push(format!("{minute} failed"));
                }
            }
        }
        said.join(", ")
    }

    #[track_caller]
    fn check(script: &str, expected: &str) {
        assert_eq!(play(script), expected, "{script}");
    }

    #[test]
    fn one_message_for_many_things_and_one_at_the_end() {
        check("0 1", "0 Opened 1");
        check("0 1000", "0 Opened 1000");
        check("0 1, 5 ok", "0 Opened 1, 5 Resolved 1");
        check("0 1, 1 2, 2 3, 40 ok", "0 Opened 1, 15 More 3, 40 Resolved 3");
        check("0 3, 20 2, 50 3", "0 Opened 3");
    }

    #[test]
    fn what_flaps_is_told_once_an_interval() {
        check("0 1, 1 ok, 2 1, 3 ok, 4 1, 60 ok", "0 Opened 1, 1 Resolved 1, 16 Opened 1, 60 Resolved 1");
        check("0 1, 1 ok, 2 1, 3 ok", "0 Opened 1, 1 Resolved 1");
    }

    #[test]
    fn whoever_works_on_it_is_told_the_end_alone() {
        check("0 1, 1 ack, 5 9, 60 ok", "0 Opened 1, 60 Resolved 9");
        check("0 1, 1 ack, 5 ok, 30 1", "0 Opened 1, 5 Resolved 1, 30 Opened 1");
    }

    #[test]
    fn a_sink_that_is_down_is_tried_on_the_ladder_and_told_what_is_so_then() {
        check("0 down, 0 1, 2 5, 40 up", "0 failed, 1 failed, 6 failed, 36 failed, 66 Opened 5");
        check("0 down, 0 1, 2 ok, 40 up", "0 failed, 1 failed");
        check("0 1, 1 down, 2 ok, 3 up", "0 Opened 1, 2 failed, 3 Resolved 1");
    }

    #[test]
    fn it_is_kept_until_everybody_was_told() {
        let mut alert = Alert { resolved_at: Some(Time(0)), ..Alert::default() };
        assert!(alert.is_over(&["ops"], Time(100), 100) && !alert.is_over(&["ops"], Time(99), 100));
        alert.told.insert("ops".into(), Told { at: Some(Time(0)), ..Told::default() });
        assert!(!alert.is_over(&["ops"], Time(100), 100), "it still believes that something is wrong");
        assert!(alert.is_over(&[], Time(100), 100), "nobody of that name is configured any more");
    }
}
