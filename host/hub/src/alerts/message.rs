//! What is said: as JSON for programs, as a text for people. Always with what to type next.

use nave_core::alert::{Alert, News};
use nave_core::catalog::SinkKind;
use nave_core::model::Time;
use serde::Serialize;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Number of the alert; 0: a test.
    pub alert: u64,
    /// `breaker-open`, `dead-letter`, …
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `opened`, `more`, `resolved`.
    pub news: News,
    /// How many things it concerns.
    pub count: u64,
    /// One line.
    pub what: String,
    /// What to type first.
    pub fix: String,
    /// Class of the runbook.
    pub runbook: String,
    /// Whose task it is; empty where it is the operators'.
    pub owner: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// When this was said; RFC 3339.
    pub at: String,
    /// Environment of the hub.
    pub environment: String,
}

impl Message {
    /// About an alert.
    pub fn new(environment: &str, alert: &Alert, news: News, now: Time) -> Self {
        let condition = &alert.condition;
        Self {
            alert: alert.id,
            kind: condition.kind.clone(),
            subject: condition.subject.clone(),
            news,
            count: condition.count,
            what: condition.what.clone(),
            fix: condition.fix.clone(),
            runbook: condition.runbook.clone(),
            owner: condition.owner.clone(),
            since: condition.since.to_string(),
            at: now.to_string(),
            environment: environment.to_owned(),
        }
    }

    /// A test.
    pub fn test(environment: &str, now: Time) -> Self {
        let alert = Alert {
            condition: nave_core::alert::Condition {
                kind: "test".into(),
                subject: "nave".into(),
                count: 1,
                since: now,
                what: "this is a test: alerts of this hub arrive here".into(),
                fix: "nave alert list".into(),
                runbook: "dead-letter".into(),
                owner: String::new(),
            },
            ..Alert::default()
        };
        Self::new(environment, &alert, News::Opened, now)
    }

    /// One line for the subject of a mail.
    pub fn title(&self) -> String {
        let state = match self.news {
            News::Opened | News::More => "",
            News::Resolved => "resolved: ",
        };
        let count = if self.count > 1 { format!(" ({})", self.count) } else { String::new() };
        let line = format!("[nave {}] {state}{} {}{count}", self.environment, self.kind, self.subject);
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// For people.
    pub fn text(&self) -> String {
        if self.news == News::Resolved {
            return format!("{}\nIt is well again since {}.", self.title(), self.at);
        }
        let owner = if self.owner.is_empty() { String::new() } else { format!("\nWho: {}", self.owner) };
        format!(
            "{}\n{}\nSince: {}{owner}\nNext: {}\nMore: nave runbook {}; nave alert ack {} if you work on it",
            self.title(),
            self.what,
            self.since,
            self.fix,
            self.runbook,
            self.alert
        )
    }
}

/// A sink's kind in a word.
pub(super) fn kind_of(kind: &SinkKind) -> &'static str {
    match kind {
        SinkKind::Webhook { slack: true, .. } => "slack",
        SinkKind::Webhook { .. } => "webhook",
        SinkKind::Mail { .. } => "mail",
    }
}
