//! Records, why they hold what they hold, and what systems call them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsAnswer {
    /// The records.
    pub records: Vec<RecordLine>,
    /// Ask again after this one for more.
    pub next: Option<u64>,
}

/// One record in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// `active`, `archived`, `deleted`, `merged`.
    pub state: String,
    /// Connections that know it.
    pub connections: Vec<String>,
}

/// One record with its contributions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordAnswer {
    /// `contact/12`.
    pub record: String,
    /// Canonical type.
    pub entity: String,
    /// What a person calls it.
    pub title: String,
    /// `active`, `archived`, `deleted`, `merged`.
    pub state: String,
    /// The record that carries on, where it was merged.
    pub merged_into: Option<String>,
    /// Records that it carries on for, by merges that can be taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<super::MergedFrom>,
    /// Counts its changes.
    pub version: u64,
    /// Its fields, by name.
    pub fields: Vec<RecordField>,
    /// What each system says.
    pub contributions: Vec<ContributionView>,
    /// Where it is on its way to.
    pub deliveries: Vec<DeliveryView>,
}

/// One field as computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordField {
    /// Canonical name.
    pub field: String,
    /// For people.
    pub label: String,
    /// Value.
    pub value: Json,
    /// Value in one line, for people.
    pub display: String,
    /// Who asserted it: `crm/contacts:5432`, or `steward`.
    pub from: String,
    /// Rule that chose it.
    pub rule: String,
    /// When its source says it was set.
    pub claimed_at: String,
    /// When its source was last read: it held this then.
    #[serde(default)]
    pub as_of: String,
}

/// What one remote object says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContributionView {
    /// Number.
    pub id: u64,
    /// `crm/contacts:5432`.
    pub remote: String,
    /// Connection.
    pub connection: String,
    /// `active`, `deleted (feed)`, `merged into 77`.
    pub state: String,
    /// Version over there.
    pub version: Option<String>,
    /// When the last read of it began.
    pub read_at: String,
    /// When the last write to it settled.
    pub attempted_at: Option<String>,
    /// How far it is behind the record, seconds: the age of the oldest change that it was not told; 0 where it was told all, none
    /// where nothing is written to it.
    #[serde(default)]
    pub lag_s: Option<u64>,
    /// What it was last known to hold, in its own spelling: path → value.
    pub shadow: serde_json::Map<String, Json>,
    /// What it asserted itself.
    pub claims: Vec<ClaimView>,
}

/// One claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimView {
    /// Canonical field.
    pub field: String,
    /// Value.
    pub value: Json,
    /// Value in one line.
    pub display: String,
    /// When the source says it was set.
    pub claimed_at: String,
    /// When the hub saw it.
    pub observed_at: String,
    /// Whether it is the record's value.
    pub wins: bool,
}

/// A difference on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// Flow.
    pub flow: String,
    /// `dirty`, `open`, `parked`, `held`, `left`, `dead-letter`.
    pub state: String,
    /// Why, until when, or what failed.
    pub detail: String,
}

/// Why a record's fields hold what they hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WhyAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// One per field asked for.
    pub fields: Vec<FieldWhy>,
    /// Digest of the configuration whose rules chose: the version of the policy.
    #[serde(default)]
    pub catalog: String,
}

/// What a policy line says for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyWhy {
    /// Why the rule is what it is.
    pub because: Option<String>,
    /// Person or team that answers for the field.
    pub steward: Option<String>,
    /// Who decided it.
    pub decided_by: Option<String>,
    /// When (date).
    pub decided_on: Option<String>,
}

impl PolicyWhy {
    /// "decided by Ada (sales-ops) on 2026-11-03; sales-ops answers for it", as far as it is said.
    pub fn sentence(&self) -> Option<String> {
        let decided = match (&self.decided_by, &self.decided_on) {
            (Some(by), Some(on)) => Some(format!("decided by {by} on {on}")),
            (Some(by), None) => Some(format!("decided by {by}")),
            (None, Some(on)) => Some(format!("decided on {on}")),
            (None, None) => None,
        };
        let answers = self.steward.as_ref().map(|steward| format!("{steward} answers for it"));
        let parts: Vec<String> = [decided, answers].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Why one field holds what it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldWhy {
    /// Canonical field.
    pub field: String,
    /// Value.
    pub value: Json,
    /// Value in one line.
    pub display: String,
    /// Who asserted it.
    pub from: String,
    /// Rule that chose it.
    pub rule: String,
    /// The rule as a sentence.
    pub sentence: String,
    /// Reason given in the configuration.
    pub because: Option<String>,
    /// Who decided whose word counts for this field, when and why; none where nobody did.
    #[serde(default)]
    pub policy: Option<PolicyWhy>,
    /// Who decided, where a person did.
    pub decided_by: Option<String>,
    /// When its source says it was set.
    pub claimed_at: String,
    /// When the hub saw it.
    pub observed_at: Option<String>,
    /// When the hub made it the record's, by its own clock.
    #[serde(default)]
    pub committed_at: Option<String>,
    /// Position of that change in the changelog: what comes first, also where the hub's clock is put back.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// What has to be known beside it: where it goes otherwise than it is, and whose clock was off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Those whose claim lost.
    pub losers: Vec<Loser>,
}

/// A claim that lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loser {
    /// Who asserted it.
    pub from: String,
    /// Value.
    pub value: Json,
    /// Value in one line.
    pub display: String,
    /// When its source says it was set.
    pub claimed_at: String,
    /// When the hub saw it.
    #[serde(default)]
    pub observed_at: String,
    /// It says the same as the winner.
    #[serde(default)]
    pub agrees: bool,
}

/// A record's changelog, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// Its changes.
    pub changes: Vec<ChangeView>,
}

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeView {
    /// Position in the changelog.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// `created`, `updated`, `absorbed contact/13`, …
    pub kind: String,
    /// Who or what caused it, in words.
    pub cause: String,
    /// What changed.
    pub fields: Vec<FieldChangeView>,
}

/// One field's change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldChangeView {
    /// Canonical field.
    pub field: String,
    /// Before; none: nobody had claimed it.
    pub before: Option<String>,
    /// After; none: nobody claims it any more.
    pub after: Option<String>,
}

/// What every system calls a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XrefAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// The remote objects.
    pub remotes: Vec<RemoteView>,
}

/// One remote object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteView {
    /// Connection.
    pub connection: String,
    /// Stream or alias.
    pub stream: String,
    /// The system's own id.
    pub remote_id: String,
    /// `active`, `deleted`, `merged into 77`.
    pub state: String,
    /// Since when it is known to be this record.
    #[serde(default)]
    pub since: Option<String>,
    /// Who or what said so.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub because: Option<String>,
}
