//! What waits for a person: reviews and dead letters.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewsAnswer {
    /// Oldest first.
    pub reviews: Vec<ReviewLine>,
}

/// One review in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewLine {
    /// Number.
    pub id: u64,
    /// `match`, `conflict`, `delete`, `remove`, `merge`, `volume`, `frozen`, `unknown-outcome`, `dead-letter`.
    pub kind: String,
    /// Canonical type.
    pub entity: String,
    /// One line.
    pub title: String,
    /// Who decides.
    pub steward: String,
    /// Since when.
    pub opened_at: String,
    /// Until when it is to be decided.
    #[serde(default)]
    pub due: String,
    /// It is open, and that time has passed.
    #[serde(default)]
    pub overdue: bool,
    /// Decided, or moot, when.
    pub closed_at: Option<String>,
}

/// One review, with what speaks for each choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReviewAnswer {
    /// The review.
    pub review: ReviewLine,
    /// What is asked, as a sentence.
    pub question: String,
    /// The thing that waits: `crm/contacts:5432`, or a record.
    pub subject: String,
    /// Its fields.
    pub fields: Vec<ReviewField>,
    /// What it may be.
    pub candidates: Vec<Candidate>,
    /// Words that `review decide` takes here: `existing`, `remote`, `new`, `approve`, `refuse`.
    pub choices: Vec<String>,
    /// What can be answered, one line each, and what follows from it; none where it is closed.
    #[serde(default)]
    pub answers: Vec<AnswerLine>,
    /// What was decided before, oldest first.
    pub decisions: Vec<DecisionView>,
}

/// One answer to a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// What is typed: `contact/12`, `crm/contacts:17`, `new`, `approve` or `refuse`.
    pub choice: String,
    /// What it means, for people: "Leave it there".
    pub says: String,
    /// What speaks for it; empty where nothing is known.
    #[serde(default)]
    pub reason: String,
}

/// One field of what waits, beside the candidates' values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReviewField {
    /// Canonical field.
    pub field: String,
    /// For people.
    pub label: String,
    /// What the waiting thing says.
    pub value: String,
    /// What each candidate holds, in their order.
    pub candidates: Vec<String>,
}

/// A record that it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Number, for the decision.
    pub id: u64,
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// What speaks for it.
    pub reason: String,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// What was chosen.
    pub choice: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// Dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLettersAnswer {
    /// Oldest first.
    pub dead_letters: Vec<DeadLetterLine>,
    /// How many there are of each class.
    pub classes: Vec<ClassCount>,
}

/// How many of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassCount {
    pub class: String,
    pub count: u64,
}

/// One dead letter in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterLine {
    /// Number.
    pub id: u64,
    /// Flow.
    pub flow: String,
    /// `crm/contacts:5432`, or `contact/12` on its way out.
    pub subject: String,
    /// `in` or `out`.
    pub direction: String,
    /// What a person calls the record, where there is one.
    pub title: String,
    /// Error class.
    pub class: String,
    /// Field at fault.
    pub field: Option<String>,
    /// What happened, in the system's own words.
    pub message: String,
    /// The command that fixes it.
    pub fix: String,
    /// The runbook of its class: `nave runbook …`.
    #[serde(default)]
    pub runbook: String,
    /// Last time.
    pub at: String,
    /// How often.
    pub count: u32,
}

/// One dead letter, with its body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterAnswer {
    /// The dead letter.
    pub dead_letter: DeadLetterLine,
    /// First time.
    pub first_at: String,
    /// Run that set it aside last.
    pub run: u64,
    /// The body as it came, where it is JSON.
    pub body: Option<Json>,
    /// The body as text, where it is not.
    pub body_text: Option<String>,
}

/// What runbooks there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbooksAnswer {
    /// Those of error classes first, then those of alerts.
    pub runbooks: Vec<RunbookLine>,
}

/// One runbook in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookLine {
    /// Error class, or kind of alert.
    pub class: String,
    /// `error` or `alert`.
    pub about: String,
    /// The class, and what it means in a few words.
    pub title: String,
}

/// One runbook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookAnswer {
    /// Error class, or kind of alert.
    pub class: String,
    /// `error` or `alert`.
    pub about: String,
    /// The class, and what it means in a few words.
    pub title: String,
    /// Markdown: what happened, why, how to check, what to type, whom to call.
    pub text: String,
}

/// Alerts, and how those who are told do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsAnswer {
    /// Oldest first.
    pub alerts: Vec<AlertLine>,
    /// Who is told.
    pub sinks: Vec<SinkLine>,
    /// Address that is called while all is well.
    pub heartbeat: Option<String>,
}

/// One alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertLine {
    /// Number.
    pub id: u64,
    /// `breaker-open`, `dead-letter`, `run-failed`, `flow-silent`, `review-overdue`, `volume-held`, `field-frozen`,
    /// `unknown-outcome`, `escalated`, `budget`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
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
    /// Since when it is wrong.
    pub since: String,
    /// When the hub saw it.
    pub opened_at: String,
    /// When it was well again.
    pub resolved_at: Option<String>,
    /// Who works on it.
    pub acknowledged_by: Option<String>,
    /// Sinks that were told.
    pub told: Vec<String>,
}

/// One place that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkLine {
    /// Name in `nave.toml`.
    pub sink: String,
    /// `webhook`, `slack` or `mail`.
    pub kind: String,
    /// Alerts that did not get through yet.
    pub waiting: u64,
    /// Why not.
    pub error: Option<String>,
}

/// What a decision about many came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkAnswer {
    /// Open reviews that were looked at.
    pub looked_at: u64,
    /// Those that the rule fits.
    pub fits: Vec<BulkLine>,
    /// How many of them were decided.
    pub decided: u64,
    /// Nothing was decided: it was only asked.
    pub dry_run: bool,
}

/// A review that a rule fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkLine {
    /// Number.
    pub review: u64,
    /// One line.
    pub title: String,
    /// `contact/12`, `new`, `approve` or `refuse`.
    pub choice: String,
    /// What that means, for people.
    #[serde(default)]
    pub says: String,
    /// Why it was not decided all the same.
    #[serde(default)]
    pub problem: Option<String>,
}
