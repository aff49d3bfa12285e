//! What goes where, what hangs on what, and why a field is as it is.

use nave_core::catalog::{Direction, FieldLine, SchemaChange};
use serde::{Deserialize, Serialize};

use crate::api::Finding;

/// A direction as a person reads it, with its colour: never a colour without its word.
pub fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "one way, in (green)",
        Direction::Out => "one way, out (green)",
        Direction::Both => "both ways (yellow)",
        Direction::Ignore => "stays in its system (blue)",
    }
}

/// Where canonical fields come from and go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFlowsAnswer {
    /// By entity and field.
    pub fields: Vec<FieldFlow>,
}

/// One canonical field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFlow {
    /// Entity.
    pub entity: String,
    /// Field, `list.sub` within a list.
    pub field: String,
    /// Who wins, as a phrase.
    pub rule: String,
    /// Whether somebody decided that, or it is only what ships.
    pub decided: bool,
    /// Why.
    pub because: Option<String>,
    /// Person or team that answers for it.
    pub steward: String,
    /// Fields of systems that it comes from.
    pub sources: Vec<FieldLine>,
    /// Fields of systems that it goes to; what goes both ways is in both.
    pub targets: Vec<FieldLine>,
}

/// Everything that goes both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidirectionalAnswer {
    /// How many fields do.
    pub both: u64,
    /// Of so many that go anywhere.
    pub mapped: u64,
    /// Each with its reason.
    pub fields: Vec<BidirectionalField>,
}

/// One field that goes both ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidirectionalField {
    /// Where, and why.
    #[serde(flatten)]
    pub line: FieldLine,
    /// Who wins, as a phrase.
    pub rule: String,
    /// Several systems write it, and nobody has decided whose word counts.
    pub unowned: bool,
}

/// What hangs on a system or a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactAnswer {
    /// `system books`, `field contact.email`.
    pub subject: String,
    /// Connections to it.
    pub connections: Vec<String>,
    /// Mappings that concern it, each with what it does.
    pub mappings: Vec<ImpactLine>,
    /// Flows that are read or written on a timer because of it.
    pub schedules: Vec<ImpactLine>,
    /// What is told to whom where it goes silent or is wrong.
    pub alerts: Vec<ImpactLine>,
    /// Fields elsewhere that depend on it, and what becomes of each.
    pub downstream: Vec<ImpactLine>,
    /// Match rules, filters, titles and policies that look at it.
    pub rules: Vec<ImpactLine>,
}

/// One thing that hangs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactLine {
    /// Its name.
    pub name: String,
    /// What it is, and what becomes of it.
    pub what: String,
}

/// Why a field is read, written, or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldReasonsAnswer {
    /// `books/customer.balance`, or `contact.email`.
    pub field: String,
    /// What the hub does with it.
    pub what: String,
    /// Whether the hub may write it there.
    pub writable: bool,
    /// Why, one line per reason.
    pub reasons: Vec<FieldReason>,
}

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldReason {
    /// Whose it is: `vendor` (the system does not let anybody), `policy` (somebody here decided it), `schema` (it cannot be said
    /// otherwise).
    pub kind: String,
    /// In a sentence.
    pub why: String,
    /// File and line where it can be changed; none where it cannot be changed here.
    pub place: Option<String>,
}

/// Files of the configuration that were changed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditsAnswer {
    /// What it is, in a sentence.
    pub what: String,
    /// The files.
    pub files: Vec<FileEdit>,
    /// What the lint says of them as they would be: warnings.
    pub findings: Vec<Finding>,
    /// Whether they were written.
    pub written: bool,
    /// What to do next, in order.
    #[serde(default)]
    pub next: Vec<String>,
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEdit {
    /// Relative to the project's directory.
    pub path: String,
    /// It is not there yet.
    pub new: bool,
    /// Unified difference.
    pub diff: String,
}

/// What became different in what a connection offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDiffAnswer {
    /// The older side, and when it was so.
    pub from: String,
    /// The newer side.
    pub to: String,
    /// By stream and field.
    pub changes: Vec<SchemaDifference>,
}

/// One difference, and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDifference {
    /// What.
    #[serde(flatten)]
    pub change: SchemaChange,
    /// Mappings that speak of it.
    pub affects: Vec<String>,
}

/// Which columns of systems may be which canonical fields. Nothing is mapped by it unless that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestAnswer {
    /// Entity.
    pub entity: String,
    /// What was looked at.
    pub sides: Vec<SuggestSide>,
    /// Canonical fields, those that most systems have first.
    pub fields: Vec<SuggestField>,
    /// What it would take for columns that have no place in the entity as it is.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Columns that are mapped nowhere, and for which nothing fits.
    pub rest: Vec<String>,
    /// The files as they would be, or are now.
    pub edits: EditsAnswer,
}

/// One stream that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestSide {
    /// Connection.
    pub connection: String,
    /// Stream.
    pub stream: String,
    /// Things whose values were compared.
    pub sampled: u64,
    /// Other streams of the connection that may hold such things: `--stream` takes one of them instead.
    #[serde(default)]
    pub others: Vec<String>,
}

/// One canonical field with what it may be called in each system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestField {
    /// Canonical field; `emails[]` for elements of a list.
    pub field: String,
    /// For people.
    pub label: String,
    /// Likeliest first; of a field that is no list, at most one per connection.
    pub aliases: Vec<SuggestAlias>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestAlias {
    /// Connection.
    pub connection: String,
    /// Stream.
    pub stream: String,
    /// Path there.
    pub path: String,
    /// How likely, percent.
    pub percent: u64,
    /// Why, strongest first.
    pub reasons: Vec<String>,
    /// What would be done to it on the way in; none: it comes as it is.
    pub inward: Option<String>,
    /// A mapping speaks of it already.
    pub mapped: bool,
}
