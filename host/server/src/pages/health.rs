//! Health of every flow.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_hub::api::{
    AlertLine, Answer, EntityCount, FlowStatus, GovernanceLine, Request, SinkLine, StatusAnswer, SystemFailures,
};

use super::{Frame, page, want};
use crate::auth::Person;
use crate::state::State;

/// One flow as the page shows it.
pub(crate) struct Row {
    pub(crate) flow: String,
    pub(crate) connection: String,
    pub(crate) entity: String,
    /// What it is for: the process that needs it, and why; empty where its mapping does not say.
    pub(crate) purpose: String,
    /// `reads`, `writes`, `both ways`.
    pub(crate) direction: &'static str,
    pub(crate) health: &'static str,
    pub(crate) linked: u64,
    pub(crate) pending: u64,
    /// Parked, or sent and not settled.
    pub(crate) waiting: u64,
    pub(crate) failed: u64,
    pub(crate) last_in: String,
    pub(crate) last_out: String,
    pub(crate) error: String,
}

impl Row {
    fn class(&self) -> String {
        self.health.replace(' ', "-")
    }
}

/// The rows of the page, also for its live update.
pub(crate) fn rows(status: &StatusAnswer) -> Vec<Row> {
    status
        .flows
        .iter()
        .map(|flow| Row {
            flow: flow.flow.clone(),
            connection: flow.connection.clone(),
            entity: flow.entity.clone(),
            purpose: purpose(flow),
            direction: match (flow.reads, flow.writes) {
                (true, true) => "both ways",
                (true, false) => "reads",
                (false, _) => "writes",
            },
            health: flow.health(),
            linked: flow.linked,
            pending: flow.pending,
            waiting: flow.parked + flow.open,
            failed: flow.failed,
            last_in: flow.last_in.clone().unwrap_or_default(),
            last_out: flow.last_out.clone().unwrap_or_default(),
            error: flow
                .last_error
                .clone()
                .or_else(|| flow.canary_failed.clone())
                .or_else(|| waits(flow))
                .or_else(|| flow.held_back())
                .unwrap_or_default(),
        })
        .collect()
}

/// "sales: sales calls and writes to what the others have corrected".
fn purpose(flow: &FlowStatus) -> String {
    let parts = [Some(flow.process.as_str()).filter(|process| !process.is_empty()), flow.because.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// Why something waits, and until when.
fn waits(flow: &FlowStatus) -> Option<String> {
    let (until, why) = (flow.next_try.as_ref()?, flow.parked_because.as_ref()?);
    Some(format!("{} wait, the first until {}: {why}", flow.parked, super::short_time(until)))
}

/// A name as people read it: `unowned-fields` → `Unowned fields`.
pub(super) fn spoken(name: &str) -> String {
    let text = name.replace('-', " ").replace("xrefs", "cross-references");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The page where it is mended, where its command shows one thing that has a page.
fn href(alert: &AlertLine) -> Option<String> {
    let merge = || alert.fix.strip_prefix("nave match merges show ").and_then(|id| id.parse::<u64>().ok());
    let letters = || alert.fix.starts_with("nave dlq list").then(|| "/reviews#set-aside".to_owned());
    super::review_href(&alert.fix).or_else(|| merge().map(|id| format!("/merges/{id}"))).or_else(letters)
}

/// Above so many records only a person who asks has everything counted, and not each look at a page.
pub(crate) const COUNTED_MAX: u64 = 50_000;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    rows: Vec<Row>,
    records: Vec<EntityCount>,
    reviews: u64,
    dead_letters: u64,
    environment: String,
    alerts: Vec<AlertLine>,
    /// Attempts, failures and what is set aside, by system and class.
    failing: Vec<SystemFailures>,
    /// Whether master data can be trusted; empty where there is too much to count with each look.
    governance: Vec<GovernanceLine>,
    /// Those who are told, and are not reached.
    unreached: Vec<SinkLine>,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/", get(health))
}

async fn health(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let status = want!(state.call(Request::Status).await, Status, &person, "health");
    // Where alerts cannot be had, health is shown all the same.
    let alerts = match state.call(Request::AlertList { all: false }).await {
        Ok(Answer::Alerts(alerts)) => alerts,
        _ => Default::default(),
    };
    let records: u64 = status.records.iter().map(|count| count.active).sum();
    let mut governance = Vec::new();
    if records <= COUNTED_MAX
        && let Ok(Answer::Governance(found)) = state.call(Request::Governance).await
    {
        governance = found.lines;
    }
    page(&HealthPage {
        governance,
        alerts: alerts.alerts,
        unreached: alerts.sinks.into_iter().filter(|sink| sink.waiting > 0).collect(),
        frame: Frame::new(&person, "health"),
        rows: rows(&status),
        failing: status.failing(),
        reviews: status.reviews,
        dead_letters: status.dead_letters,
        records: status.records,
        environment: status.environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_leads_to_the_page_where_it_is_mended() {
        for (fix, expected) in [
            ("nave review show 39", Some("/reviews/39")),
            ("nave match merges show 1", Some("/merges/1")),
            ("nave dlq list --flow books-contacts --class duplicate", Some("/reviews#set-aside")),
            ("nave review show 39; rm -rf", None),
            ("nave sync", None),
        ] {
            let alert = AlertLine { fix: fix.into(), ..AlertLine::default() };
            assert_eq!(href(&alert).as_deref(), expected, "{fix}");
        }
        assert_eq!((spoken("stale-xrefs"), spoken("")), ("Stale cross-references".into(), String::new()));
    }
}
