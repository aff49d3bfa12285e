//! Everything that the hub can be asked. One variant per command.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use nave_core::model::DecisionChoice;
use nave_core::secret_reference::SecretReference;
use serde::{Deserialize, Serialize};

use super::RecordRef;

/// A request, and who asks: on the wire the request's object with one more key, `by`.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// For the audit and for decisions: the name of a token, or `local:NAME` for a user of this machine.
    pub by: String,
    /// What is asked.
    pub request: Request,
}

impl Asked {
    /// By somebody.
    pub fn by(by: impl Into<String>, request: Request) -> Self {
        Self { by: by.into(), request }
    }

    /// By a user of this machine, of this name ([`crate::person`]).
    pub fn locally(name: &str, request: Request) -> Self {
        let name: String =
            name.strip_prefix(LOCAL).unwrap_or(name).chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        Self::by(format!("{LOCAL}{}", if name.is_empty() { "somebody" } else { &name }), request)
    }
}

/// Characters kept of a name.
const NAME_CHARS_MAX: usize = 64;

/// Marks the name of a user of this machine; no token's name can have the colon.
pub(crate) const LOCAL: &str = "local:";

/// A command, as the command line, the HTTP API and the dashboard send it: `{"command": "plan", "flow": "crm-contacts"}`.
/// Decode it with [`super::decode_asked`], which takes who asks out of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What would be sent. The configuration is read afresh. Remembers that the plan was seen.
    Plan {
        /// One flow; none: all that write.
        #[serde(default)]
        flow: Option<String>,
        /// Writes listed per flow.
        #[serde(default = "default_limit")]
        limit: usize,
        /// Also says how each flow reads and writes, and why.
        #[serde(default)]
        explain: bool,
    },
    /// What two systems hold already and say differently, before the first write, with who would win and why.
    PlanInitial {
        /// A flow, or a connection; none: every flow whose plan was not agreed to.
        #[serde(default)]
        flow: Option<String>,
        /// Pairs listed.
        #[serde(default = "default_pairs")]
        limit: usize,
        /// Agrees to the plans; refused where nobody decided who wins a field that differs.
        #[serde(default)]
        apply: bool,
        /// Connection that wins those fields, written into the entities' files.
        #[serde(default)]
        prefer: Option<String>,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// Agrees to a plan that was seen.
    Apply {
        /// One flow; none: all whose plan was seen.
        #[serde(default)]
        flow: Option<String>,
        /// Writes only so many records of each plan, as they were shown, and reads them back; the rest waits to be agreed to.
        #[serde(default)]
        limit: Option<usize>,
        /// Agrees to removed entities, fields and streams and to changed types, too.
        #[serde(default)]
        schema: bool,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// Reads and delivers now.
    Sync {
        /// These; empty: all that are not paused.
        #[serde(default)]
        flows: Vec<String>,
        /// Ignores checkpoints: everything is read again.
        #[serde(default)]
        full: bool,
        /// One round only; otherwise rounds until nothing moves any more.
        #[serde(default)]
        once: bool,
        /// Also tries at once what waits for its next try.
        #[serde(default)]
        retry: bool,
        /// Computes and notes what would be written, and sends nothing.
        #[serde(default)]
        shadow: bool,
    },
    /// Reads a flow's stream whole; with `profile` only says what of it does not fit.
    Backfill {
        /// Flow.
        flow: String,
        /// Nothing is taken in: what does not fit is told by rule.
        #[serde(default)]
        profile: bool,
        /// What does not fit is kept as it comes: not synced, not tried again, no dead letter.
        #[serde(default)]
        archive_misfits: bool,
        /// Why; needed with `archive_misfits`.
        #[serde(default)]
        reason: String,
    },
    /// What a backfill kept because it does not fit.
    Archived {
        /// Flow.
        flow: String,
        /// One of them, as it came; none: all, without what is in them.
        #[serde(default)]
        remote_id: Option<String>,
        /// After this id.
        #[serde(default)]
        after_id: String,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// What was noted in shadow mode, against what the systems hold by now.
    ShadowReport {
        /// One flow; none: all of which something was noted.
        #[serde(default)]
        flow: Option<String>,
        /// Forgets it afterwards.
        #[serde(default)]
        clear: bool,
    },
    /// Reads back the things that were longest not verified, now.
    ReconcileRun {
        /// One flow; none: all that read.
        #[serde(default)]
        flow: Option<String>,
        /// So many of each flow; none: this hour's share.
        #[serde(default)]
        budget: Option<usize>,
    },
    /// How long ago the oldest look at a thing of each flow was.
    ReconcileStatus,
    /// Compares what two connections hold of an entity.
    Compare {
        /// Connection.
        left: String,
        /// The other.
        right: String,
        /// Entity.
        entity: String,
        /// Findings of each kind that are listed.
        #[serde(default = "default_pairs")]
        limit: usize,
        /// Reads both anew before.
        #[serde(default)]
        read: bool,
        /// Keeps the numbers, as the schedule does.
        #[serde(default)]
        keep: bool,
    },
    /// What comparisons came to over time.
    CompareHistory {
        /// Only pairs with this connection.
        #[serde(default)]
        left: Option<String>,
        /// And with this one.
        #[serde(default)]
        right: Option<String>,
    },
    /// Whether master data can be trusted, in five numbers.
    Governance,
    /// What one of the numbers counts.
    GovernanceList {
        /// `duplicates`, as `governance` names it.
        line: String,
        /// At most so many of them.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// What is unusual: writers that nobody knows, volumes that are held.
    Anomalies,
    /// What came at once and was refused: let in after all, or detached for good.
    SurgeRelease {
        /// Connection.
        connection: String,
        /// Stream, or the alias of its mapping.
        stream: String,
        /// What changed at once, instead of what was new.
        #[serde(default)]
        changed: bool,
        /// It is no record any more, instead of going where everything goes.
        #[serde(default)]
        detach: bool,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// Sends canaries now.
    CanaryRun {
        /// One flow; none: all that have one.
        #[serde(default)]
        flow: Option<String>,
    },

    /// Makes test records and carries them to every system. Refused in production.
    TestSeed {
        /// Entity; none: the first that two systems have in common.
        #[serde(default)]
        entity: Option<String>,
        /// How many.
        #[serde(default = "default_seeds")]
        count: usize,
    },
    /// Takes every test record away, everywhere, and proves that none is left.
    TestClean,
    /// Edits one system, looks at the other, and the other way round; then nothing may move.
    TestRoundtrip {
        /// One flow, against each other one of its entity; none: all.
        #[serde(default)]
        flow: Option<String>,
    },
    /// Plays what happens sooner or later through each flow, on a hub and systems in memory; kept.
    TestScenarios {
        /// One flow; none: all.
        #[serde(default)]
        flow: Option<String>,
    },
    /// Test runs that were kept, newest first.
    TestHistory {
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// Takes a sample of real data, masked: fixtures.
    TestSample {
        /// Entity, or `connection/stream`.
        source: String,
        /// How many things.
        #[serde(default = "default_sample")]
        records: usize,
        /// `pii` or `none`.
        #[serde(default = "default_mask")]
        mask: String,
        /// People's data is meant to be copied as it is; without it `none` is refused.
        #[serde(default)]
        allow_unmasked: bool,
    },
    /// Measures a connected system, beside what its connector claims. Reads only, unless it may write.
    Assess {
        /// Connection.
        name: String,
        /// Also writes a test record into each stream that a flow writes, and takes it away again. Never in production.
        #[serde(default)]
        write_test_records: bool,
        /// Longest wait for anything to show, in seconds.
        #[serde(default = "default_wait_s")]
        wait_s: u64,
    },
    /// Assessments that were kept, newest first.
    Assessments {
        /// One connection; none: all.
        #[serde(default)]
        name: Option<String>,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// Keeps the results of a suite that ran elsewhere.
    TestKeep {
        /// Its name.
        suite: String,
        /// Its cases.
        cases: Vec<super::TestCase>,
    },

    /// Stops flows until they are resumed.
    Pause {
        /// One flow; none: all.
        #[serde(default)]
        flow: Option<String>,
    },
    /// Lets them go on.
    Resume {
        /// One flow; none: all.
        #[serde(default)]
        flow: Option<String>,
    },
    /// Health of every flow.
    Status,
    /// How often flows are read, and why.
    ScheduleList,
    /// Another freshness target, written into the flow's file.
    ScheduleSet {
        /// Flow.
        flow: String,
        /// `15m`.
        freshness: String,
    },
    /// Reads a flow more often for a while.
    ScheduleBoost {
        /// Flow.
        flow: String,
        /// `5m`.
        every: String,
        /// `2h`.
        lasting: String,
    },
    /// Takes a boost back.
    ScheduleUnboost {
        /// Flow.
        flow: String,
    },
    /// Whether flows are read as often as their systems change.
    ScheduleAdvise,
    /// What accounts were asked and may be asked, with a forecast.
    Budget {
        /// Days of the forecast.
        #[serde(default = "default_days")]
        days: u64,
    },
    /// Reads the configuration again.
    Reload,

    /// Records of an entity that may be the same, by score.
    MatchCandidates {
        /// Entity.
        entity: String,
        /// Pairs shown.
        #[serde(default = "default_pairs")]
        limit: usize,
    },
    /// Two records compared: what speaks for their being one, and against it.
    MatchExplain {
        /// One.
        left: RecordRef,
        /// The other.
        right: RecordRef,
    },
    /// What was learned of how an entity's records compare.
    MatchModel {
        /// Entity.
        entity: String,
    },
    /// What two connections have in common of an entity; nothing is written.
    Census {
        /// Connection.
        left: String,
        /// The other.
        right: String,
        /// Entity.
        entity: String,
        /// Likely pairs shown.
        #[serde(default = "default_pairs")]
        limit: usize,
        /// What was never read is read first; nothing is sent.
        #[serde(default)]
        read: bool,
    },

    /// Merges two records: first what it would come to, then it is done and told to every system.
    MergeRecords {
        /// One of them.
        one: RecordRef,
        /// The other.
        other: RecordRef,
        /// The one that carries on; none: the older one.
        #[serde(default)]
        into: Option<RecordRef>,
        /// Only says what it would come to.
        #[serde(default)]
        plan: bool,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Takes a merge back: the records are two again, in every system as far as that goes.
    Unmerge {
        /// The number of the merge, or the record that was merged: `3`, `contact/15`.
        which: String,
        /// Objects that go to another record than they would by themselves: `crm/contacts:77` → `contact/15`.
        #[serde(default)]
        assign: BTreeMap<RecordRef, RecordRef>,
        /// Only says what it would come to.
        #[serde(default)]
        plan: bool,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Merges, newest first.
    MergeList {
        /// Those that are over, too.
        #[serde(default)]
        all: bool,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// One of them, with what follows in each system.
    MergeShow {
        /// Which.
        id: u64,
    },
    /// Goes on with one that was broken off or refused.
    MergeResume {
        /// Which.
        id: u64,
    },

    /// Records of an entity, or whose fields hold a text.
    Records {
        /// One entity; none: all.
        #[serde(default)]
        entity: Option<String>,
        /// Text to look for: an e-mail, a phone, a part of the title.
        #[serde(default)]
        query: String,
        /// After this record.
        #[serde(default)]
        after: u64,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// One record with its contributions.
    RecordShow {
        /// Which.
        record: RecordRef,
        /// As it was at this time (`2026-10-01T12:00:00Z`, or a date: the end of that day, UTC); none: as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// Why its fields hold what they hold.
    RecordWhy {
        /// Which.
        record: RecordRef,
        /// One field; none: all.
        #[serde(default)]
        field: Option<String>,
    },
    /// Its changelog, newest first.
    RecordHistory {
        /// Which.
        record: RecordRef,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// Reads its objects where they are, takes in what differs, and writes the difference.
    RecordResync {
        /// Which.
        record: RecordRef,
        /// Only says what it would do.
        #[serde(default)]
        plan: bool,
    },
    /// Where old values of one of its fields still stand: on its things in every system, and in what refers to it.
    RecordCorrect {
        /// Which.
        record: RecordRef,
        /// Canonical field, `tax_id` or `.tax_id`; of a list one element, `emails/2`.
        field: String,
        /// The old value; none: all that its history knows.
        #[serde(default)]
        from: Option<String>,
        /// Copies to put right: `all`, or numbers of the list that was shown, `1,3`. None: nothing is written.
        #[serde(default)]
        apply: Option<String>,
        /// Why; needed with `apply`.
        #[serde(default)]
        reason: String,
        /// Also ask the systems for the things as they are now, and list what stands in fields that no mapping reads.
        #[serde(default)]
        unmapped: bool,
    },
    /// Says what a field holds, as a steward's word.
    RecordSet {
        /// Which.
        record: RecordRef,
        /// Canonical field.
        field: String,
        /// What it should be.
        value: String,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// Takes a steward's word about a field back: its rule chooses again among what the systems say.
    RecordRelease {
        /// Which.
        record: RecordRef,
        /// Canonical field; of a list one element, `phones/3`.
        field: String,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// What every system calls it.
    Xref {
        /// Which.
        record: RecordRef,
    },

    /// What waits for a person.
    ReviewList {
        /// Closed ones too.
        #[serde(default)]
        all: bool,
    },
    /// One of them, with what speaks for each choice.
    ReviewShow {
        /// Which.
        id: u64,
    },
    /// Decides it. Never overridden by automation (I12).
    ReviewDecide {
        /// Which.
        id: u64,
        /// `{"existing": 12}`, `"new"`, `"approve"` or `"refuse"`.
        choice: DecisionChoice,
        /// The record is none of the candidates, and is meant all the same.
        #[serde(default)]
        other: bool,
        /// Why.
        #[serde(default)]
        reason: String,
    },

    /// Decides every open review that a rule fits, with one reason. Never overridden by automation (I12).
    ReviewBulk {
        /// Which, and what they are.
        rule: BulkRule,
        /// Why.
        reason: String,
        /// Only says what would be decided.
        #[serde(default)]
        dry_run: bool,
    },

    /// What was set aside.
    DlqList {
        /// One flow.
        #[serde(default)]
        flow: Option<String>,
        /// One class.
        #[serde(default)]
        class: Option<String>,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// One of them, with its body.
    DlqShow {
        /// Which.
        id: u64,
    },
    /// Corrects one value by hand, as a steward's word, and tries it again.
    DlqEdit {
        /// Which.
        id: u64,
        /// Canonical field, or its path over there.
        field: String,
        /// What it should be.
        value: String,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// Tries them again.
    DlqRetry {
        /// Which.
        which: DeadLetters,
    },
    /// Gives them up.
    DlqDiscard {
        /// Which.
        which: DeadLetters,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// What is wrong now, and who is told.
    AlertList {
        /// Those that are well again, too.
        #[serde(default)]
        all: bool,
    },
    /// Tells sinks that this is a test.
    AlertTest {
        /// One sink; none: all.
        #[serde(default)]
        sink: Option<String>,
    },
    /// Somebody works on it: nothing more is told of it but its end.
    AlertAck {
        /// Which.
        id: u64,
    },
    /// What runbooks there are: one for each error class and each kind of alert.
    RunbookList,
    /// One of them.
    RunbookShow {
        /// Error class, or kind of alert.
        class: String,
    },

    /// Puts a secret into the vault, or a new version of it.
    SecretSet {
        /// Name, as connections name it.
        name: String,
        /// The secret.
        value: SecretText,
        /// It is not given for any host with this: whoever sets it says so next, as `connection add` does.
        #[serde(default)]
        give_later: bool,
    },
    /// Stores a secret's successor: it is tried first from now on, and takes the old one's place once it has worked.
    SecretRotate {
        /// Name, as connections name it.
        name: String,
        /// The new secret.
        value: SecretText,
    },
    /// A secret is kept elsewhere from now on: the hub fetches it when it is needed. Of this machine only: whoever says so may have
    /// any file read that the hub can read.
    SecretRefer {
        /// Name, as connections name it.
        name: String,
        /// Where.
        reference: SecretReference,
    },
    /// Fetches a secret that is kept elsewhere, now, to see whether that comes out well. The value goes nowhere.
    SecretCheck {
        /// Name.
        name: String,
    },
    /// Who has access to what, and why.
    AccessList {
        /// One person: what they have.
        #[serde(default)]
        person: Option<String>,
    },
    /// What of that a person should look at.
    AccessReview {
        /// Somebody has looked: the next review is due in a quarter.
        #[serde(default)]
        done: bool,
        /// What came of it.
        #[serde(default)]
        reason: String,
    },
    /// Takes access away: the next use is refused.
    AccessRevoke {
        /// `secret`, `authorization` or `token`.
        what: String,
        /// Its name, as the register has it.
        name: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// What a thief of a secret would reach, with a proof that the hub's limits hold. Nothing is sent.
    DrillStolen {
        /// Name of the secret.
        name: String,
    },
    /// Names and ages; never values.
    SecretList,
    /// Where secrets of the vault stand in texts, in any spelling. Of this machine only: who may ask often enough may guess.
    SecretFind {
        /// Each base64.
        texts: Vec<String>,
    },
    /// Destroys it.
    SecretRemove {
        /// Name.
        name: String,
    },

    /// Connections.
    ConnectionList,
    /// Does it work, and whose account is it?
    ConnectionCheck {
        /// Which.
        name: String,
    },
    /// Which of its secrets would go where they were not given for.
    ConnectionHeld {
        /// One connection; none: all.
        #[serde(default)]
        name: Option<String>,
    },
    /// Gives secrets for hosts that a connection sends them to. The configuration is read afresh.
    ConnectionApprove {
        /// Which.
        name: String,
        /// Secret → origins (scheme, host, port), as they were shown.
        secrets: BTreeMap<String, BTreeSet<String>>,
        /// The connection was just added.
        #[serde(default)]
        added: bool,
        /// Why it is granted: for the audit, and the register of access. Without one nothing is granted.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Asks a person to agree over there that this connection may sign in (OAuth 2): in a browser, or on another device.
    ConnectionAuthorize {
        /// Which.
        name: String,
        /// Credential slot; none: the only one of that kind.
        #[serde(default)]
        slot: Option<String>,
        /// By a code that is typed in on another device.
        #[serde(default)]
        device: bool,
    },
    /// What became of a sign-in, waiting for it a while.
    SignInShow {
        /// Number.
        id: u64,
    },
    /// What systems granted to connections, and whether that is what they need.
    Authorizations {
        /// One connection; none: all.
        #[serde(default)]
        name: Option<String>,
    },
    /// What it offers.
    ConnectionDiscover {
        /// Which.
        name: String,
        /// Saves it in `streams/<name>.json`, so that mappings are checked against it.
        #[serde(default)]
        save: bool,
    },

    /// Every error of the configuration, and fields that no mapping mentions.
    MappingLint {
        /// One mapping; none: all.
        #[serde(default)]
        mapping: Option<String>,
    },
    /// A mapping in plain English.
    MappingExplain {
        /// Which.
        mapping: String,
    },
    /// Which fields of a stream are mapped.
    MappingCoverage {
        /// One mapping; none: all.
        #[serde(default)]
        mapping: Option<String>,
    },

    /// Which columns of systems may be which canonical fields, by name, by what they hold and by values in common.
    MappingSuggest {
        /// Connections.
        connections: Vec<String>,
        /// Entity.
        #[serde(default = "default_entity")]
        entity: String,
        /// Streams that are looked at, as `STREAM` of one connection or `CONNECTION/STREAM` of several; none: the one that its name or
        /// what it holds tells.
        #[serde(default)]
        streams: Vec<String>,
        /// Who answers for mappings that are new; none: the entity's steward.
        #[serde(default)]
        steward: Option<String>,
        /// Writes mapping files, to be edited.
        #[serde(default)]
        apply: bool,
    },
    /// Mappings as sheets, a line per field.
    MappingSheet {
        /// One mapping; none: all.
        #[serde(default)]
        mapping: Option<String>,
    },
    /// Where canonical fields come from and go to.
    FieldFlows {
        /// One entity; none: all.
        #[serde(default)]
        entity: Option<String>,
        /// One field of it; none: all.
        #[serde(default)]
        field: Option<String>,
    },
    /// Everything that goes both ways, with the reasons.
    ReportBidirectional,
    /// What hangs on a system.
    ImpactSystem {
        /// Which.
        name: String,
    },
    /// What hangs on a canonical field.
    ImpactField {
        /// `contact.email`.
        field: String,
    },
    /// Who owns what, by a template, written into `entities/*.toml`.
    PolicyInit {
        /// `crm-centric`, `books-for-money` or `hris-for-employees`.
        template: String,
        /// Connection that owns; none: the one of that kind.
        #[serde(default)]
        owner: Option<String>,
        /// Person or team that answers for it; none: the system's owner.
        #[serde(default)]
        steward: Option<String>,
        /// Only says what it would write.
        #[serde(default)]
        plan: bool,
    },
    /// Adds a canonical field and maps it in and out.
    FieldAdd {
        /// `contact.loyalty_tier`.
        field: String,
        /// Connection that it comes from.
        from: String,
        /// Path there; none: found by name.
        #[serde(default)]
        from_path: Option<String>,
        /// Connections that it goes to.
        #[serde(default)]
        to: Vec<String>,
        /// `CONNECTION=PATH`, where the name does not tell it.
        #[serde(default)]
        to_paths: Vec<String>,
        /// Canonical type; none: as it is over there.
        #[serde(default)]
        kind: Option<String>,
        /// Why.
        #[serde(default)]
        because: Option<String>,
        /// Writes it.
        #[serde(default)]
        apply: bool,
    },
    /// Why a field is read, written, or neither.
    FieldWhy {
        /// `books.customers.balance`, or `contact.email`.
        field: String,
    },

    /// Installed plugins.
    PluginList,
    /// Copies a plugin in and pins it.
    PluginInstall {
        /// A `.wasm` file on the hub's machine, `https://…`, or `oci://…`.
        source: String,
        /// Accepts an older serial than the highest that was ever installed.
        #[serde(default)]
        rollback: bool,
        /// Accepts another author, or where nobody signed another place, than the installed one's.
        #[serde(default)]
        other_source: bool,
        /// What an address may do beyond what every address may.
        #[serde(default)]
        reach: FetchReach,
    },
    /// Compares another build of an installed plugin with the one that runs, and puts it in force, holds it, or leaves it.
    PluginUpgrade {
        /// The plugin's name: what is held, or what its source gives now; or a source.
        target: String,
        /// What to do with it.
        #[serde(default)]
        how: UpgradeHow,
        /// Accepts an older serial than the highest that was ever installed.
        #[serde(default)]
        rollback: bool,
        /// Accepts another author or place than the installed one's.
        #[serde(default)]
        other_source: bool,
        /// What an address may do beyond what every address may.
        #[serde(default)]
        reach: FetchReach,
    },
    /// Keeps what a connection's plugin and its system say to each other, masked.
    PluginRecord {
        /// Connection.
        connection: String,
        /// Records of each stream.
        #[serde(default = "default_recorded")]
        records: u32,
    },
    /// Changes whose plugins are accepted.
    PluginTrust {
        /// How.
        change: crate::plugins::trusting::TrustChange,
    },
    /// Takes it out.
    PluginRemove {
        /// Which.
        name: String,
    },
    /// What plugins ask for, and what connections were granted.
    PluginGrants {
        /// One plugin or connection; none: all.
        #[serde(default)]
        name: Option<String>,
    },
    /// What a plugin is let near: hosts, secrets, fields.
    PluginExposure {
        /// Which.
        name: String,
    },
    /// What a plugin was refused, and what would allow it.
    PluginDenied {
        /// Which.
        name: String,
    },
    /// What every stream of every connected system can do.
    SystemMatrix,
    /// Runs one function of a connection's plugin, under its grants.
    PluginCall {
        /// Connection.
        connection: String,
        /// `check`, `discover`, `read`, `get`, `find` or a transform's function.
        function: String,
        /// As the function takes them.
        #[serde(default)]
        arguments: Vec<serde_json::Value>,
    },

    /// Canonical entities.
    SchemaList,
    /// One of them.
    SchemaShow {
        /// Which.
        entity: String,
    },
    /// What became different in what a connection offers.
    SchemaDiff {
        /// `crm@2026-10`: what was saved by then; `crm@saved`, `crm@now`.
        from: String,
        /// The newer side.
        to: String,
    },
    /// The inventory.
    SystemList,
    /// One system.
    SystemShow {
        /// Which.
        name: String,
    },

    /// Runs, newest first.
    RunList {
        /// One flow.
        #[serde(default)]
        flow: Option<String>,
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// Takes a run back: what it overwrote is put back where nobody changed it since, and held until a person lets go.
    Rollback {
        /// Which run.
        id: u64,
        /// Only says what it would do; has to be seen first.
        #[serde(default)]
        plan: bool,
        /// Lets go of what is held of that run: what the records say is written again.
        #[serde(default)]
        release: bool,
        /// Why, for the audit.
        #[serde(default)]
        reason: String,
    },
    /// One run.
    RunShow {
        /// Which.
        id: u64,
    },
    /// Audit lines, newest first.
    Audit {
        /// How many.
        #[serde(default = "default_limit")]
        limit: usize,
        /// Only those after this: `2026-10-01`, or a time; empty: all.
        #[serde(default)]
        since: String,
    },
    /// Goes through every line of the audit, and holds its head against the anchors.
    AuditVerify {
        /// Text of a file of anchors that is kept elsewhere; none: the hub's own.
        #[serde(default)]
        anchors: Option<String>,
    },
    /// What the audit has that is not as it was is known; from here on it is told apart.
    AuditAccept {
        /// Why; kept in the audit and in the anchor.
        #[serde(default)]
        reason: String,
    },
    /// Lines of the audit as they lie in the store, ascending, for a file elsewhere.
    AuditExport {
        /// After this number.
        #[serde(default)]
        after: u64,
        /// Only those after this time; empty: all.
        #[serde(default)]
        since: String,
        /// How many at once.
        #[serde(default = "default_limit")]
        limit: usize,
    },
    /// Who was given data of a record: systems that it was read from and sent to, and people.
    AuditReaders {
        /// Which.
        record: RecordRef,
    },

    /// Makes a token, replacing the one of this name.
    TokenReset {
        /// Whose.
        name: String,
        /// For how long it is good, as `90d`; none: until it is reset or revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lasting: Option<String>,
        /// Why: for the audit and the register of access. None is made without.
        #[serde(default)]
        reason: String,
    },
    /// A consistent copy of the data, while the hub works.
    Backup {
        /// New file.
        to: PathBuf,
    },
    /// Compares the store's file with what was written there, and the derived index with the tables that it is made from.
    StoreCheck,
    /// Makes it anew from them.
    StoreRebuild,
    /// Looks for what is wrong.
    Doctor,
}

/// Pairs that a person looks at.
fn default_pairs() -> usize {
    20
}

fn default_entity() -> String {
    "contact".to_owned()
}

fn default_days() -> u64 {
    30
}

fn default_seeds() -> usize {
    3
}

fn default_sample() -> usize {
    500
}

fn default_mask() -> String {
    "pii".to_owned()
}

fn default_wait_s() -> u64 {
    180
}

fn default_recorded() -> u32 {
    20
}

fn default_limit() -> usize {
    50
}

/// Which dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetters {
    /// These.
    Ids(Vec<u64>),
    /// All of this class.
    Class(String),
    /// All of this flow.
    Flow(String),
    /// All.
    All,
}

/// A secret on its way into the vault. Not shown by `Debug`, overwritten when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl Request {
    /// Whether it is answered also where the configuration has errors: it takes power away, or says what there is and what is wrong.
    pub fn needs_no_order(&self) -> bool {
        matches!(
            self,
            Self::AccessList { .. }
                | Self::AccessReview { .. }
                | Self::AccessRevoke { .. }
                | Self::TokenReset { .. }
                | Self::SecretList
                | Self::PluginDenied { .. }
                | Self::Doctor
        )
    }

    /// Whether a person only looks at the files or at what happened: what is being edited meanwhile is not in force, so nothing is
    /// brought up to it. Nothing is sent either.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::MappingLint { .. }
                | Self::SecretFind { .. }
                | Self::Audit { .. }
                | Self::AuditVerify { .. }
                | Self::AuditExport { .. }
                | Self::AuditReaders { .. }
        )
    }

    /// Whether it changes something: what a read-only token may not do, and what needs proof that the dashboard sent it.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Apply { .. }
            | Self::Sync { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::ReconcileRun { .. }
            | Self::CanaryRun { .. }
            | Self::TestSeed { .. }
            | Self::TestClean
            | Self::TestRoundtrip { .. }
            | Self::TestScenarios { .. }
            | Self::TestKeep { .. }
            | Self::TestSample { .. }
            | Self::Assess { .. }
            | Self::Reload
            | Self::ScheduleSet { .. }
            | Self::ScheduleBoost { .. }
            | Self::ScheduleUnboost { .. }
            | Self::RecordSet { .. }
            | Self::RecordRelease { .. }
            | Self::SurgeRelease { .. }
            | Self::ReviewDecide { .. }
            | Self::ReviewBulk { .. }
            | Self::MergeResume { .. }
            | Self::AlertTest { .. }
            | Self::AlertAck { .. }
            | Self::DlqEdit { .. }
            | Self::DlqRetry { .. }
            | Self::DlqDiscard { .. }
            | Self::SecretSet { .. }
            | Self::SecretRotate { .. }
            | Self::SecretRefer { .. }
            // It fetches, which a vault may count, or make something new for.
            | Self::SecretCheck { .. }
            | Self::DrillStolen { .. }
            | Self::AccessRevoke { .. }
            | Self::SecretRemove { .. }
            | Self::PluginInstall { .. }
            | Self::PluginTrust { .. }
            | Self::PluginRecord { .. }
            | Self::PluginRemove { .. }
            | Self::PluginCall { .. }
            | Self::ConnectionApprove { .. }
            | Self::ConnectionAuthorize { .. }
            | Self::TokenReset { .. }
            | Self::AuditAccept { .. }
            | Self::StoreRebuild
            | Self::Backup { .. } => true,
            Self::PluginUpgrade { how, .. } => *how != UpgradeHow::Check,
            Self::PolicyInit { plan, .. } => !*plan,
            Self::FieldAdd { apply, .. } | Self::MappingSuggest { apply, .. } => *apply,
            Self::ConnectionDiscover { save, .. } => *save,
            Self::AccessReview { done, .. } => *done,
            Self::ShadowReport { clear, .. } => *clear,
            Self::Compare { read, keep, .. } => *read || *keep,
            Self::Census { read, .. } => *read,
            Self::PlanInitial { apply, .. } => *apply,
            // A list is remembered, so that its numbers mean something.
            Self::RecordCorrect { .. } => true,
            Self::Backfill { profile, .. } => !*profile,
            Self::RecordResync { plan, .. } | Self::MergeRecords { plan, .. } | Self::Unmerge { plan, .. } => !*plan,
            Self::Rollback { plan, release, .. } => !*plan || *release,
            Self::Plan { .. }
            | Self::Status
            | Self::ScheduleList
            | Self::ScheduleAdvise
            | Self::Budget { .. }
            | Self::Archived { .. }
            | Self::MatchCandidates { .. }
            | Self::MatchExplain { .. }
            | Self::MatchModel { .. }
            | Self::MergeList { .. }
            | Self::MergeShow { .. }
            | Self::ReconcileStatus
            | Self::CompareHistory { .. }
            | Self::Governance
            | Self::GovernanceList { .. }
            | Self::Anomalies
            | Self::TestHistory { .. }
            | Self::Assessments { .. }
            | Self::Records { .. }
            | Self::RecordShow { .. }
            | Self::RecordWhy { .. }
            | Self::RecordHistory { .. }
            | Self::Xref { .. }
            | Self::ReviewList { .. }
            | Self::ReviewShow { .. }
            | Self::DlqList { .. }
            | Self::DlqShow { .. }
            | Self::AlertList { .. }
            | Self::RunbookList
            | Self::RunbookShow { .. }
            | Self::SecretList
            | Self::AccessList { .. }
            | Self::SecretFind { .. }
            | Self::ConnectionList
            | Self::ConnectionCheck { .. }
            | Self::ConnectionHeld { .. }
            | Self::SignInShow { .. }
            | Self::Authorizations { .. }
            | Self::MappingLint { .. }
            | Self::MappingExplain { .. }
            | Self::MappingCoverage { .. }
            | Self::MappingSheet { .. }
            | Self::FieldFlows { .. }
            | Self::ReportBidirectional
            | Self::ImpactSystem { .. }
            | Self::ImpactField { .. }
            | Self::FieldWhy { .. }
            | Self::PluginList
            | Self::PluginGrants { .. }
            | Self::PluginExposure { .. }
            | Self::PluginDenied { .. }
            | Self::SystemMatrix
            | Self::SchemaList
            | Self::SchemaShow { .. }
            | Self::SchemaDiff { .. }
            | Self::SystemList
            | Self::SystemShow { .. }
            | Self::RunList { .. }
            | Self::RunShow { .. }
            | Self::Audit { .. }
            | Self::AuditVerify { .. }
            | Self::AuditExport { .. }
            | Self::AuditReaders { .. }
            | Self::StoreCheck
            | Self::Doctor => false,
        }
    }
}

/// What to do with another build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeHow {
    /// In force where nothing that matters is different, else held.
    #[default]
    Unless,
    /// Only says what is different.
    Check,
    /// In force, whatever is different.
    Approve,
    /// What is held goes.
    Decline,
}

/// What the address of a plugin may do beyond what every address may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FetchReach {
    /// `http://` where the address says so.
    pub insecure: bool,
    /// Private networks that its host may lead to, as in a grant.
    pub networks: Vec<String>,
    /// Another host that it may ask for a token at.
    pub sign_in_host: Option<String>,
    /// The secret `user:password` that it is signed in with; given for that host by this.
    pub secret: Option<String>,
}

/// Which reviews are decided at once, and what they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BulkRule {
    /// Kind of review, as `nave review list` names it.
    pub kind: String,
    /// Only of this entity.
    #[serde(default)]
    pub entity: Option<String>,
    /// Only what came from this connection; of conflicts, whose value is right.
    #[serde(default)]
    pub from: Option<String>,
    /// Fields that both hold, and hold the same in.
    #[serde(default)]
    pub agree: Vec<String>,
    /// Fields that both hold, and hold different values in.
    #[serde(default)]
    pub differ: Vec<String>,
    /// What those are.
    pub choice: BulkChoice,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkChoice {
    /// The one candidate that the rule fits; of a conflict, the value of `from`.
    Existing,
    /// None of the candidates, where the rule fits each.
    New,
    /// Yes.
    Approve,
    /// No.
    Refuse,
}
