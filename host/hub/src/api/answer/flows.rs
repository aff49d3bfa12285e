//! Plans, runs and health of flows.

use std::collections::BTreeMap;

use nave_core::accounting::Counts;
use nave_core::model::{Run, RunStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{SampleLine, StrategyLine};
use crate::api::Finding;

/// What would be sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// Warnings of the configuration (errors refuse the plan).
    pub warnings: Vec<Finding>,
    /// One per flow that writes.
    pub flows: Vec<FlowPlan>,
    /// What the configuration changes in entities, fields and streams since it was last agreed to.
    #[serde(default)]
    pub schema: Vec<SchemaStep>,
    /// How each flow reads and writes, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strategies: Vec<StrategyLine>,
}

/// An entity, field or stream that is new, removed, or has another type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaStep {
    /// `field contact.x.crm.score`.
    pub name: String,
    /// `new`, `removed`, or `integer → text`.
    pub change: String,
    /// Records that hold a value under it.
    pub records: u64,
    /// Whether `apply` must be told explicitly.
    pub consent: bool,
}

/// One flow's plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowPlan {
    /// Flow: the mapping's name.
    pub flow: String,
    /// Connection that would be written to.
    pub connection: String,
    /// Business process that needs it; empty where the mapping names none.
    #[serde(default)]
    pub process: String,
    /// What it is for, in a sentence: the process and why; none where the mapping does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Records that would be created.
    pub creates: u64,
    /// Records that would be updated.
    pub updates: u64,
    /// Deletes, and merges of one thing into another; each needs an approval of its own.
    pub deletes: u64,
    /// Records that cannot be sent as they are.
    pub blocked: u64,
    /// Records that wait for a person or for time.
    pub waiting: u64,
    /// Records that are equal already.
    pub unchanged: u64,
    /// Whether this configuration was agreed to before.
    pub approved: bool,
    /// The first writes.
    pub writes: Vec<PlannedWrite>,
    /// Why the first blocked ones are blocked.
    pub reasons: Vec<String>,
}

/// One write that would be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedWrite {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// `create`, `update`, `delete` or `merge`.
    pub operation: String,
    /// What would change there.
    pub fields: Vec<PlannedField>,
}

/// One field of a planned write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedField {
    /// Path over there.
    pub path: String,
    /// What it holds now; none: unknown or not there.
    pub now: Option<Json>,
    /// What it would hold.
    pub then: Json,
    /// How it differs from what the record holds, because that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Flows whose plan was agreed to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApplyAnswer {
    /// Newly agreed to.
    pub applied: Vec<String>,
    /// Were already.
    pub already: Vec<String>,
    /// Not: nobody has seen their plan as it is now.
    pub unseen: Vec<String>,
    /// Those among them of which no plan was ever shown.
    #[serde(default)]
    pub never_planned: Vec<String>,
    /// Of these: what has come to the plan since it was shown, in words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grown: BTreeMap<String, String>,
    /// Entities, fields and streams that were written to `nave.lock`.
    #[serde(default)]
    pub schema: Vec<SchemaStep>,
    /// Where only a few records were written: those, and what was read back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sampled: Vec<SampleLine>,
}

/// One line per run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// In the order in which they ended.
    pub runs: Vec<RunLine>,
}

/// One run, with its accounting by the names of I14.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLine {
    /// Flow: the mapping's name.
    pub flow: String,
    /// `direction`, and for `in` read, created, updated, …; for `out` wanted, delivered, …
    #[serde(flatten)]
    pub counts: Counts,
    /// `success`, `failed`, `running`.
    pub status: RunStatus,
    /// Number of the run.
    pub run: u64,
    /// Began.
    pub started_at: String,
    /// Ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Digest of the configuration that it ran under.
    #[serde(default)]
    pub catalog: String,
    /// The plugins that worked in it, pinned by their digests.
    #[serde(default)]
    pub plugins: Vec<PluginPin>,
    /// Drift that this run saw last; where one run is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftLine>,
    /// Every try of the deliveries that this run tried in vain, and that have not arrived since; where one run is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<TryLine>,
    /// What the flow's system says of the end of its own API; where flows are run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
}

/// One try of a delivery that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryLine {
    /// `contact/12`.
    pub record: String,
    /// When it came to nothing.
    pub at: String,
    /// When it is tried next; none: it was set aside.
    pub next: Option<String>,
    /// In the system's words.
    pub why: String,
}

/// A record whose one-way fields were changed over there: it is put right with the next delivery, nothing is taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftLine {
    /// `contact/12`.
    pub record: String,
    /// Paths over there.
    pub paths: Vec<String>,
    /// When it was seen.
    pub at: String,
}

/// A plugin at work, pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginPin {
    /// Name.
    pub name: String,
    /// SHA-256 of its file.
    pub digest: String,
}

impl From<&Run> for RunLine {
    fn from(run: &Run) -> Self {
        Self {
            flow: run.flow.clone(),
            counts: run.counts,
            status: run.status,
            run: run.id,
            started_at: run.started_at.to_string(),
            ended_at: run.ended_at.map(|time| time.to_string()),
            message: run.message.clone(),
            catalog: run.catalog.clone(),
            plugins: run.plugins().map(|(name, digest)| PluginPin { name: name.to_owned(), digest: digest.to_owned() }).collect(),
            drift: Vec::new(),
            tries: Vec::new(),
            sunset: None,
        }
    }
}

impl RunLine {
    /// Counts by name, in I14's order; the first is the sum of the others.
    pub fn named_counts(&self) -> Vec<(&'static str, u64)> {
        match self.counts {
            Counts::In(c) => {
                let mut counts = vec![
                    ("read", c.read),
                    ("created", c.created),
                    ("updated", c.updated),
                    ("unchanged", c.unchanged),
                    ("deleted", c.deleted),
                    ("merged", c.merged),
                    ("filtered", c.filtered),
                    ("held", c.held),
                    ("quarantined", c.quarantined),
                ];
                counts.extend((c.archived > 0).then_some(("archived", c.archived)));
                counts
            }
            Counts::Out(c) => vec![
                ("wanted", c.wanted),
                ("delivered", c.delivered),
                ("unchanged", c.unchanged),
                ("parked", c.parked),
                ("held", c.held),
                ("failed", c.failed),
            ],
        }
    }

    /// Records of which a one-way field was changed over there.
    pub fn drifted(&self) -> u64 {
        match self.counts {
            Counts::In(counts) => counts.drifted,
            Counts::Out(_) => 0,
        }
    }

    /// Values that did not fit the field that they go to, by what was done with them; none where all fit.
    pub fn misfits(&self) -> Option<String> {
        let Counts::Out(counts) = self.counts else { return None };
        misfits(counts.misfits())
    }

    /// `in` or `out`.
    pub fn direction(&self) -> &'static str {
        match self.counts {
            Counts::In(_) => "in",
            Counts::Out(_) => "out",
        }
    }

    /// How many things wait for a person: held, set aside, or refused for good.
    pub fn for_a_person(&self) -> u64 {
        match self.counts {
            Counts::In(counts) => counts.held + counts.quarantined,
            Counts::Out(counts) => counts.held + counts.failed,
        }
    }

    /// Whether something moved: a record changed here, or a write was made there.
    pub fn moved(&self) -> bool {
        match self.counts {
            Counts::In(c) => c.created + c.updated + c.deleted + c.merged > 0,
            Counts::Out(c) => c.delivered > 0,
        }
    }
}

/// "values that did not fit: 2 cut, 1 rejected"; none where all fit as they were.
fn misfits<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Option<String> {
    let done = |policy: &str| match policy {
        "truncate" => "cut",
        "transform" => "transformed",
        _ => "rejected",
    };
    let parts: Vec<String> = counts.map(|(policy, count)| format!("{count} {}", done(policy))).collect();
    (!parts.is_empty()).then(|| format!("values that did not fit: {}", parts.join(", ")))
}

/// Runs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunsAnswer {
    /// The runs.
    pub runs: Vec<RunLine>,
}

/// Flows that were paused or resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowsAnswer {
    /// What they are now.
    pub paused: bool,
    /// Which.
    pub flows: Vec<String>,
}

/// Health at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Environment of this data folder.
    pub environment: String,
    /// Digest of the configuration in force.
    pub catalog: String,
    /// When this was said.
    pub at: String,
    /// How many records there are.
    pub records: Vec<EntityCount>,
    /// One line per mapping.
    pub flows: Vec<FlowStatus>,
    /// Open reviews.
    pub reviews: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// What is set aside, by flow and class.
    #[serde(default)]
    pub set_aside: Vec<SetAside>,
    /// How each system answers.
    #[serde(default)]
    pub systems: Vec<SystemStatus>,
    /// Plugins whose file is missing or was exchanged: a sentence each, with the connections that cannot work.
    #[serde(default)]
    pub broken: Vec<String>,
}

/// How many records an entity has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EntityCount {
    pub entity: String,
    /// Active ones.
    pub active: u64,
    /// Archived, deleted or merged into another.
    pub other: u64,
}

/// How much of a class a flow set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SetAside {
    pub flow: String,
    pub class: String,
    pub count: u64,
}

/// How a system answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// Connection.
    pub connection: String,
    /// `closed`: it answers; `waiting`: it asked for patience; `open`: it does not, and nothing is sent to it.
    pub breaker: String,
    /// Since when it is not closed.
    pub since: Option<String>,
    /// When it is tried again.
    pub until: Option<String>,
    /// What its last call said.
    pub why: Option<String>,
    /// HTTP requests to it since the hub started.
    pub requests: u64,
    /// How far its clock is ahead of ours, milliseconds, by the `Date` of its answers; none where they have none.
    pub skew_ms: Option<i64>,
}

/// One flow's health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowStatus {
    /// The mapping's name.
    pub flow: String,
    /// Connection.
    pub connection: String,
    /// Stream.
    pub stream: String,
    /// Entity.
    pub entity: String,
    /// Reads from the system.
    pub reads: bool,
    /// Writes to the system.
    pub writes: bool,
    /// Stopped by a person.
    pub paused: bool,
    /// Its plan was agreed to (nothing is sent before).
    pub approved: bool,
    /// Objects of the system that are linked to a record.
    pub linked: u64,
    /// Records to be compared.
    pub pending: u64,
    /// Deliveries that wait for their next try.
    pub parked: u64,
    /// When the first of them is tried again.
    pub next_try: Option<String>,
    /// Why that one waits, in the system's words where it said any.
    pub parked_because: Option<String>,
    /// Deliveries sent and not settled.
    pub open: u64,
    /// Dead letters.
    pub failed: u64,
    /// Records of which a one-way field was found changed over there and that are still to be put right.
    #[serde(default)]
    pub drifted: u64,
    /// Fields and things that a rollback put back, and that are held so until a person lets go.
    #[serde(default)]
    pub held_back: u64,
    /// The runs that were taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<u64>,
    /// Everything is computed and noted, nothing is sent.
    #[serde(default)]
    pub shadow: bool,
    /// When the thing of it was last verified that was longest not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unverified: Option<String>,
    /// Why its last canary did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_failed: Option<String>,
    /// Business process; empty where the mapping names none.
    #[serde(default)]
    pub process: String,
    /// Why it is there, as its mapping says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Age of the oldest change that was not delivered, seconds; none where nothing waits.
    #[serde(default)]
    pub oldest_pending_s: Option<u64>,
    /// Sums since the flow ran first.
    #[serde(default)]
    pub meter: nave_core::meter::Meter,
    /// Last success in.
    pub last_in: Option<String>,
    /// Last success out.
    pub last_out: Option<String>,
    /// Last failure; none after a success.
    pub last_error: Option<String>,
    /// The system does not answer, or asked for patience; nothing is sent to it before this time.
    #[serde(default)]
    pub waits_until: Option<String>,
}

impl FlowStatus {
    /// Values that did not fit the field that they go to, by what was done with them, since the flow ran first.
    pub fn misfits(&self) -> Option<String> {
        misfits(self.meter.misfits.iter().map(|(policy, count)| (policy.as_str(), *count)))
    }

    /// What is held back, in a sentence; none where nothing is.
    pub fn held_back(&self) -> Option<String> {
        let run = self.taken_back.first()?;
        let runs: Vec<String> = self.taken_back.iter().map(ToString::to_string).collect();
        let (runs, many) = (runs.join(", "), if self.taken_back.len() == 1 { "run" } else { "runs" });
        Some(format!(
            "{} held as before {many} {runs}, whatever the records say; `nave rollback run/{run} --release` lets go",
            self.held_back
        ))
    }

    /// One word for it: `ok`, `waiting`, `paused`, `failing`, `not approved`, `shadow`.
    pub fn health(&self) -> &'static str {
        if self.paused {
            "paused"
        } else if self.last_error.is_some() || self.canary_failed.is_some() {
            "failing"
        } else if self.writes && !self.approved {
            "not approved"
        } else if self.shadow {
            "shadow"
        } else if self.failed > 0 || self.parked > 0 {
            "waiting"
        } else {
            "ok"
        }
    }
}
