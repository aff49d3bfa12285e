//! The checked catalog as the engine uses it. Everything in it has been validated: names resolve, expressions are compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StreamInfo;
use crate::Text;
use crate::budget::Budget;
use crate::grant::Grants;
use crate::linkage::Roles;
use crate::manifest::{CredentialKind, FolderAccess, Function};
use crate::mapping::{Expression, External, Hint, Predicate};
use crate::model::RecordId;
use crate::network::Network;
use crate::schedule::Calendar;
use crate::volume::Volume;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// `nave.toml`.
    pub hub: Hub,
    /// `systems.toml`.
    pub systems: BTreeMap<String, System>,
    /// Shipped entities, overlaid by `entities/*.toml`.
    pub entities: BTreeMap<String, Arc<Entity>>,
    /// `connections/*.toml`, by file stem.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// `mappings/*.toml`, by file stem.
    pub mappings: BTreeMap<String, Arc<Mapping>>,
    /// `nave.lock`, by plugin name.
    pub plugins: BTreeMap<String, LockedPlugin>,
    /// Functions of transform plugins → the plugin that has them.
    pub functions: BTreeMap<String, String>,
    /// `nave.lock`: permanent numbers of what was agreed to.
    pub numbers: super::Numbers,
    /// Fields that several systems write, and nobody has decided whose word counts.
    pub unowned: Vec<super::Unowned>,
    /// SHA-like digest over all files' names and texts (hexadecimal, stable).
    pub digest: String,
}

impl Catalog {
    /// The mapping that a remote object belongs to.
    pub fn mapping_of(&self, key: &crate::model::RemoteKey) -> Option<&Mapping> {
        let here =
            |mapping: &&Arc<Mapping>| mapping.connection == key.connection.as_str() && mapping.alias == key.stream.as_str();
        self.mappings.values().find(here).map(AsRef::as_ref)
    }

    /// The mappings that call a function of a transform.
    pub fn callers<'a>(&'a self, plugin: &'a str) -> impl Iterator<Item = &'a Mapping> {
        let own = move |call: &External| self.functions.get(&call.function).is_some_and(|owner| owner == plugin);
        self.mappings.values().map(AsRef::as_ref).filter(move |mapping| mapping.externals.iter().any(own))
    }
}

/// `nave.toml`.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Address of the dashboard and the API; default `127.0.0.1:6283`.
    pub listen: String,
    /// Names under which the dashboard and the API may be asked, besides addresses: a proxy's, the machine's.
    pub hosts: Vec<String>,
    /// Networks that the dashboard and the API may be asked from; empty: from anywhere.
    pub allow_from: Vec<Network>,
    /// The hub's own address as systems outside are given it for their webhooks, `https://hub.example.com`, where a proxy stands
    /// before it.
    pub public_url: Option<String>,
    /// Data folder, relative to the project's directory; default `data`.
    pub data: String,
    /// File that the audit's head is noted in, relative to the project's directory; default `audit-anchor.log`. It lies outside of
    /// the data folder, so that data put back to last week do not put it back too.
    pub audit_anchor: String,
    /// Name of the one environment of this data folder; default `dev`.
    pub environment: String,
    /// A secret that is older, in ms, is to be rotated: `nave access review` lists it. `credential-age = "180d"`; default 90 days.
    pub credential_age_ms: u64,
    /// Company proxy for outgoing calls (`http://host:port`).
    pub proxy: Option<String>,
    /// PEM file with additional certificate authorities.
    pub ca_file: Option<String>,
    /// Region assumed where a phone or a date does not say (`DE`).
    pub region: Option<String>,
    /// Flows do not start while nobody has decided whose word counts for a field that several systems write: `ownership =
    /// "required"`, as `nave init` writes it. Otherwise such a field is only warned about.
    pub ownership_required: bool,
    /// Plugins that nobody vouches for are accepted: `[plugins] unsigned = "allow" | "refuse"`; without it not in `production`.
    pub unsigned_plugins: bool,
    /// Business processes, name → label; flows name them.
    pub processes: BTreeMap<String, String>,
    /// Who is told when something is wrong, and when it becomes somebody's task.
    pub alerts: super::Alerts,
    /// How often two systems are compared, and when that is told.
    pub reconcile: Reconcile,
    /// Vaults of others that secrets may be kept in, by name.
    pub vaults: BTreeMap<String, super::ExternalVault>,
}

/// `[reconcile]`: two systems that hold the same entity are compared by schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconcile {
    /// How often, milliseconds; default a week.
    pub every_ms: u64,
    /// An alert is raised where what differs grew by more than this share of what is compared, percent; default 5.
    pub alert_percent: u64,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self { every_ms: 7 * 86_400_000, alert_percent: 5 }
    }
}

/// An entry of the inventory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct System {
    /// `crm`, `accounting`, `support`, …
    pub kind: String,
    /// Person or team.
    pub owner: String,
    /// Whom to call.
    pub vendor_contact: String,
    /// Documentation address.
    pub docs: String,
    /// When the documentation was last read (date).
    pub docs_checked: String,
    /// Free text.
    pub notes: String,
    /// Files that explain it, relative to the project's directory: a screenshot of its settings, a contract.
    pub attachments: Vec<String>,
}

/// A canonical type.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Name: `contact`.
    pub name: String,
    /// For people: `Contact`.
    pub label: String,
    /// Fields by name; dotted names are flat: `address.city`.
    pub fields: BTreeMap<String, EntityField>,
    /// Match rules, strictest first.
    pub match_rules: Vec<MatchRule>,
    /// Whether, and how, what no rule matches is compared by score; none: never (two tickets alike are two tickets).
    pub scoring: Option<Scoring>,
    /// Fields that name a record for people, in order of preference.
    pub title: Vec<String>,
    /// Who decides reviews.
    pub steward: String,
}

impl Entity {
    /// Who answers for a field: the steward of its policy line, else the entity's. Empty: nobody was named.
    pub fn steward_of(&self, field: &str) -> &str {
        self.policy_steward(field).unwrap_or(&self.steward)
    }

    /// The steward of a field's policy line, or of the object or list that the field is a part of.
    pub fn policy_steward(&self, field: &str) -> Option<&str> {
        let mut name = field.split_once('/').map_or(field, |(list, _)| list);
        loop {
            let named = self.fields.get(name).and_then(|field| field.steward.as_deref()).filter(|steward| !steward.is_empty());
            match (named, name.rsplit_once('.')) {
                (Some(steward), _) => return Some(steward),
                (None, Some((whole, _))) => name = whole,
                (None, None) => return None,
            }
        }
    }

    /// Who is asked about a field, where a mapping of this steward met it: the steward of its policy line, else the mapping's, else the
    /// entity's. Empty: nobody was named.
    pub fn answers_for<'s>(&'s self, field: Option<&str>, of_mapping: &'s str) -> &'s str {
        let of_mapping = Some(of_mapping).filter(|steward| !steward.is_empty());
        field.and_then(|field| self.policy_steward(field)).or(of_mapping).unwrap_or(&self.steward)
    }
}

/// A canonical field.
#[derive(Clone, Debug)]
pub struct EntityField {
    /// Name within the entity.
    pub name: String,
    /// For people.
    pub label: String,
    /// Type.
    pub kind: FieldType,
    /// Who wins.
    pub survivorship: Survivorship,
    /// Somebody decided who wins: `survivorship` of the field, or of its entity in the project, was written down.
    pub decided: bool,
    /// Why, shown by `record why`.
    pub because: Option<String>,
    /// Person or team that answers for it; none: the entity's steward.
    pub steward: Option<String>,
    /// Who decided who wins, for people.
    pub decided_by: Option<String>,
    /// When it was decided (date).
    pub decided_on: Option<String>,
    /// Sealed in the changelog under the record's key.
    pub personal: bool,
    /// What it was called before: stored values follow the name.
    pub renamed_from: Option<String>,
}

/// Type of a canonical field. Canonical spellings are fixed by [`crate::mapping`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the table of types in the design")]
pub enum FieldType {
    Text,
    Integer,
    Decimal,
    /// `{amount, currency}`.
    Money,
    Boolean,
    Date,
    Timestamp,
    Email,
    Phone,
    /// ISO 3166-1 alpha-2.
    Country,
    Url,
    Enum(Vec<String>),
    /// Another record of this entity.
    Reference(String),
    /// Elements are objects with these sub-fields; `key` names the sub-fields that tell elements apart.
    List {
        fields: BTreeMap<String, FieldType>,
        key: Vec<String>,
    },
    /// Any JSON object.
    Object,
    /// `{hash, size, media_type, name}`.
    File,
}

/// Which contribution wins a field. Ties go to the first by system's name, stream and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Survivorship {
    /// This connection alone; others' edits lose. Where it has no claim, the newest of the others.
    Owner(String),
    /// The first connection of the list that claims it; after them, the newest.
    Priority(Vec<String>),
    /// The latest claim by its source's time.
    Newest,
    /// The latest claim by its source's time; where that time cannot be relied on ([`crate::model::Claim::timed`]) and others say
    /// otherwise, this connection's.
    NewestOr(String),
    /// The longest text; ties by newest.
    Longest,
    /// Newest that is not empty.
    NonEmpty,
    /// Whoever changed it since it was agreed on; where several did otherwise, a person decides ([`crate::survivorship::three_way`]).
    ThreeWay,
    /// The value that is there stays until a steward changes it.
    Manual,
    /// A refusal by any system or steward stands until that same source grants again ([`crate::survivorship::consent`]).
    Consent(Stances),
}

/// Which values of a field of consent refuse, and which grant. A value of neither list is no stance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stances {
    /// Values that refuse; of a boolean `true` or `false`.
    pub refusal: Vec<String>,
    /// Values that grant.
    pub grant: Vec<String>,
}

/// What a source says about consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// No.
    Refusal,
    /// Yes.
    Grant,
}

impl Stances {
    /// Of a boolean that says whether a person agreed: `false` refuses, `true` grants.
    pub fn opt_in() -> Self {
        Self { refusal: vec!["false".to_owned()], grant: vec!["true".to_owned()] }
    }

    /// What a value says; none where it says neither.
    pub fn of(&self, value: &crate::value::Value) -> Option<Stance> {
        let word = match value {
            crate::value::Value::Bool(true) => "true",
            crate::value::Value::Bool(false) => "false",
            crate::value::Value::Text(text) => text.as_str(),
            _ => return None,
        };
        let names = |words: &[String]| words.iter().any(|known| known == word);
        match (names(&self.refusal), names(&self.grant)) {
            (true, _) => Some(Stance::Refusal),
            (false, true) => Some(Stance::Grant),
            (false, false) => None,
        }
    }
}

/// Records of an entity are the same when these agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRule {
    /// Field that proposes candidates: the match key. `list.field` for a sub-field of list elements.
    pub key: String,
    /// At least one of these must agree too before it merges. Empty: the key alone identifies (a tax number).
    pub agree: Vec<String>,
    /// Fields of which none may differ: it is a person's to decide then. Who lives in one house shares its telephone.
    pub unless_different: Vec<String>,
}

/// How things of an entity are matched by score, where no rule says it: `[scored]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scoring {
    /// Off only with a reason.
    pub on: bool,
    /// Why it is off.
    pub because: Option<String>,
    /// Odds from which two are taken for the same, as a logarithm (base 2).
    pub sure_bits: f64,
    /// Odds from which a person is asked, as a logarithm (base 2).
    pub ask_bits: f64,
    /// Objects of one record; what would make it larger is a person's to decide.
    pub cluster_max: usize,
    /// Field → how much what it says counts: 1 as learned, 0 not at all.
    pub weights: BTreeMap<String, f64>,
    /// What its fields are looked up by.
    pub roles: Roles,
}

/// A configured use of a connector.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Name.
    pub name: String,
    /// Plugin name in `nave.lock`.
    pub plugin: String,
    /// Entry of the inventory; default: its own name.
    pub system: String,
    /// Environment; must be the hub's.
    pub environment: String,
    /// Why it reaches a host that production reaches too: vendors have one for the accounts of both.
    pub shared_host: Option<String>,
    /// Settings as JSON object.
    pub settings: serde_json::Value,
    /// Credential slot → how and which secret.
    pub credentials: BTreeMap<String, Credential>,
    /// What it may reach.
    pub grants: Grants,
    /// Requests per second shared by everything on this account; none: no limit of ours.
    pub requests_per_second: Option<u32>,
    /// The account over there that its calls count for; connections with the same credential share one without being told.
    pub account: String,
    /// How many calls that account may take.
    pub budget: Budget,
    /// When its system may be asked.
    pub calendar: Calendar,
    /// How its system tells us at once what changed; none: it is not listened to.
    pub webhook: Option<Webhook>,
}

/// What is needed to believe a system that calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Name of the secret that its calls are signed with.
    pub secret: String,
    /// Networks that its calls come from; empty: from anywhere, believed by their signature alone.
    pub allow_from: Vec<Network>,
    /// A thing that was told of is read once nothing more was told of it for this long, milliseconds: a burst is one read.
    pub fold_ms: u64,
}

/// Code of the finding that a drop folder holds no file yet.
pub const NO_FILE_YET: &str = "no-file-yet";

impl Connection {
    /// Folders that it only reads from, where they are all that it reaches: its streams are there when files are.
    pub fn drop_folders(&self) -> Vec<&str> {
        let reads = self.grants.folders.values().filter(|folder| folder.access == FolderAccess::Read);
        let folders = reads.map(|folder| folder.path.as_str());
        if self.grants.endpoints.is_empty() { folders.collect() } else { Vec::new() }
    }

    /// Where files are still to come, if these are the streams that it offers: none that only a file makes.
    pub fn no_file_yet(&self, streams: &[StreamInfo]) -> Option<String> {
        let folders = self.drop_folders();
        let waits = !folders.is_empty() && streams.iter().all(|stream| stream.capabilities.writable);
        waits.then(|| folders.join(", "))
    }
}

/// A credential is only ever named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    /// Name in the vault.
    pub secret: String,
    /// Endpoints that it may be used on. None: those that the manifest names; a `plugin install` of another build
    /// writes down first which those were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<String>>,
    /// Path prefixes, below the base of those endpoints, that it may be used on. Empty: all that is granted there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How it is applied.
    #[serde(flatten)]
    pub kind: CredentialKind,
}

impl Mapping {
    /// Who is asked about what stands at a path over there, or in a canonical field (`place` is either, with what is below it or
    /// without; none: about the whole thing). See [`Entity::answers_for`].
    pub fn steward_for<'s>(&'s self, catalog: &'s Catalog, place: Option<&str>) -> &'s str {
        let Some(place) = place.filter(|place| !place.is_empty()) else { return &self.steward };
        let within =
            |whole: &str| place == whole || place.strip_prefix(whole).is_some_and(|rest| rest.starts_with(['.', '/', '[']));
        let fields = self.fields.iter().map(|field| (field.remote.as_str(), field.canonical.as_deref()));
        let lists = self.lists.iter().chain(self.parts.iter().map(|part| &part.list));
        let lists = lists.map(|list| (list.remote.as_str(), Some(list.canonical.as_str())));
        let all: Vec<(&str, Option<&str>)> = fields.chain(lists).collect();
        let of_path = all.iter().find(|(remote, _)| *remote == place);
        let of_path = of_path.or_else(|| all.iter().find(|(remote, _)| !remote.is_empty() && within(remote)));
        let canonical = of_path.map_or(Some(place), |(_, canonical)| *canonical);
        catalog.entities.get(&self.entity).map_or(&self.steward, |entity| entity.answers_for(canonical, &self.steward))
    }
}

/// A stream ↔ an entity.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Name: file stem. Also the destination's name in dirty, and the flow's.
    pub name: String,
    /// Connection.
    pub connection: String,
    /// Stream of the connection.
    pub stream: String,
    /// Key of contributions and cross-references: the stream, or `stream#entity` where one stream feeds several entities.
    pub alias: String,
    /// Entity.
    pub entity: String,
    /// Who decides.
    pub steward: String,
    /// It goes on beyond its account's budget.
    pub critical: bool,
    /// Remote id, if it is not the record's own: an expression over the body (for the second entity of a row).
    pub id: Option<Expression>,
    /// From the system.
    pub flow_in: Option<FlowIn>,
    /// To the system.
    pub flow_out: Option<FlowOut>,
    /// Scalar fields.
    pub fields: Vec<FieldMapping>,
    /// List fields.
    pub lists: Vec<ListMapping>,
    /// List fields whose elements are things of their own over there.
    pub parts: Vec<PartMapping>,
    /// Positions in `fields`, in the order of canonical names: claims are made in order.
    pub claim_order: Vec<usize>,
    /// The paths that scalar fields depend on, in their order.
    pub watched: Vec<Watched>,
    /// Calls of transform plugins' functions, evaluated by the host per batch before mapping.
    pub externals: Vec<External>,
    /// The builds that these functions come from: function → SHA-256 of the plugin's file, as `nave.lock` pins it.
    pub transforms: BTreeMap<String, String>,
    /// Constants written with every create: remote path → value.
    pub constants: BTreeMap<String, crate::Value>,
    /// How a thing is put away there: remote path → value. Empty: it cannot be.
    pub archive: BTreeMap<String, crate::Value>,
    /// How a thing that the hub put away is taken out again: remote path → value.
    pub restore: BTreeMap<String, crate::Value>,
    /// What to do with a second object of the same record.
    pub duplicates: DuplicatePolicy,
    /// What a deletion here means.
    pub delete: DeletePolicy,
    /// Digest of what decides what is written: this mapping, its entity and its connection, without comments, freshness and the
    /// like. A plan is approved for it.
    pub digest: String,
}

/// A path whose shadow is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Remote path.
    pub path: Text,
    /// Position of the field in the mapping.
    pub field: usize,
    /// Where it was found last.
    pub near: Hint,
}

/// What a flow is for, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purpose {
    /// Business process that needs it; its label is in `nave.toml`.
    pub process: Option<String>,
    /// Why.
    pub because: Option<String>,
}

impl Purpose {
    /// "sales (From lead to order): sales works with who is in the books", as far as it is said.
    pub fn sentence(&self, hub: &Hub) -> Option<String> {
        let process = self.process.as_ref().map(|name| match hub.processes.get(name).filter(|label| *label != name) {
            Some(label) => format!("{name} ({label})"),
            None => name.clone(),
        });
        match (process, &self.because) {
            (Some(process), Some(because)) => Some(format!("{process}: {because}")),
            (process, because) => process.or(because.clone()),
        }
    }
}

/// One direction: from the system.
#[derive(Clone, Debug, Default)]
pub struct FlowIn {
    /// Freshness target, milliseconds.
    pub freshness_ms: u64,
    /// Only source records for which this holds are taken in.
    pub filter: Option<Predicate>,
    /// The filter is asked once, when a thing is seen first: what was taken in stays this flow's, and no other kind of record is made of
    /// it by another flow.
    pub filter_once: bool,
    /// Deletions, or clearings of one field, above which a run holds them for a person.
    pub hold_above: Volume,
    /// Fewer new things than this in a day are never held, however unusual they are.
    pub hold_new_above: u64,
    /// Each thing is read back by itself at least so often, milliseconds; none: [`crate::limits::VERIFY_EVERY_MS`].
    pub verify_ms: Option<u64>,
    /// What it is for.
    pub purpose: Purpose,
}

/// A synthetic record that is made, read back and taken away again on a timer, to see that what is answered is also done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Canary {
    /// How often, milliseconds.
    pub every_ms: u64,
    /// Canonical field → what it holds; marks it for whoever sees it.
    pub values: BTreeMap<String, crate::Value>,
}

impl Mapping {
    /// What it is for: its way out, where it has one and says so, else its way in.
    pub fn purpose(&self) -> Purpose {
        let out = self.flow_out.as_ref().map(|flow| &flow.purpose);
        let all = || out.into_iter().chain(self.flow_in.as_ref().map(|flow| &flow.purpose));
        Purpose {
            process: all().find_map(|purpose| purpose.process.clone()),
            because: all().find_map(|purpose| purpose.because.clone()),
        }
    }

    /// Each thing of it is read back by itself at least so often, milliseconds.
    pub fn verify_ms(&self) -> u64 {
        self.flow_in.as_ref().and_then(|flow| flow.verify_ms).unwrap_or(crate::limits::VERIFY_EVERY_MS)
    }
}

/// One direction: to the system.
#[derive(Clone, Debug, Default)]
pub struct FlowOut {
    /// Freshness target, milliseconds.
    pub freshness_ms: u64,
    /// Only records for which this holds are sent (over canonical fields).
    pub filter: Option<Predicate>,
    /// What happens to a record that leaves the filter.
    pub on_leave: OnLeave,
    /// The pilot: who is outside of it is left as it is there, whatever the filter says.
    pub pilot: Pilot,
    /// Whether records that are not there yet are created. Default yes.
    pub create: bool,
    /// Remote path that carries our marker on create, and by which a lost create is found again.
    pub marker: Option<String>,
    /// Remote path with a natural key (an e-mail) by which a lost create is found again.
    pub natural_key: Option<String>,
    /// Remote paths without which a create is refused by us.
    pub required: Vec<String>,
    /// Everything is computed and noted, nothing is sent.
    pub shadow: bool,
    /// A synthetic record that goes there on a timer; none: there is none.
    pub canary: Option<Canary>,
    /// What it is for.
    pub purpose: Purpose,
}

/// Which records a flow is tried with first. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct Pilot {
    /// Only records for which this holds (over canonical fields).
    pub filter: Option<Predicate>,
    /// Only this share of them, percent; the same ones each time, and a larger share holds the smaller.
    pub percent: Option<u64>,
}

impl Pilot {
    /// Whether a record belongs to the share.
    pub fn holds_share(&self, mapping: &str, record: RecordId) -> bool {
        let place = || crate::matching::key_hash(&[mapping, &record.to_string()]) % 100;
        self.percent.is_none_or(|percent| place() < percent)
    }
}

/// A record that leaves the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLeave {
    /// Left alone.
    #[default]
    Keep,
    /// Put away by the mapping's `archive`, if this flow ever wrote it.
    Archive,
    /// Deleted there, if this flow ever wrote it; each after a person said so.
    Delete,
}

/// One scalar field.
#[derive(Clone, Debug)]
pub struct FieldMapping {
    /// Remote path.
    pub remote: String,
    /// Canonical field; none for `ignore`.
    pub canonical: Option<String>,
    /// Direction.
    pub direction: Direction,
    /// Remote body → canonical value. `None` for `out` and `ignore`.
    pub read: Option<Expression>,
    /// Canonical fields → remote value. `None` for `in` and `ignore`.
    pub write: Option<Expression>,
    /// Remote paths that `read` looks at (without externals' results).
    pub inputs: Vec<String>,
    /// Canonical fields that `write` looks at.
    pub outputs: Vec<String>,
    /// How it is cleared there.
    pub clear: Clear,
    /// What the system takes there, and what to do with a value that it does not take.
    pub constraints: crate::fit::Constraints,
    /// Why.
    pub because: Option<String>,
    /// What people say about it to each other.
    pub note: Note,
}

/// What people say about a mapped field to each other; decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// A remark or a question.
    pub comment: Option<String>,
    /// Who agreed to the field as it is.
    pub approved_by: Option<String>,
    /// When (date).
    pub approved_on: Option<String>,
}

/// One list field: elements there ↔ elements here.
#[derive(Clone, Debug)]
pub struct ListMapping {
    /// Remote path of the list.
    pub remote: String,
    /// Canonical list field.
    pub canonical: String,
    /// Direction.
    pub direction: Direction,
    /// Sub-path with the element's own id there, if it has one.
    pub id: Option<String>,
    /// The list is one text there, its elements separated by this: `"+49 30 1; +49 170 2"`.
    pub split: Option<String>,
    /// Only elements with these values are concerned; set on new ones. Sub-path → one or more allowed values (the first is set).
    pub only: BTreeMap<String, Vec<crate::Value>>,
    /// Sub-fields; expressions run over the element.
    pub fields: Vec<FieldMapping>,
    /// Why.
    pub because: Option<String>,
}

/// One list field whose elements are things of their own over there: children of the thing, in a stream of their own.
#[derive(Clone, Debug)]
pub struct PartMapping {
    /// The children's stream, of the same connection.
    pub stream: String,
    /// Path in a child's body that holds the remote id of its parent.
    pub parent: String,
    /// The parent's id is a number there.
    pub numbered: bool,
    /// Remote path of a child that carries our marker on create, and by which a lost create is found again.
    pub marker: Option<String>,
    /// How children and elements correspond. Its `remote` names no path of the parent's body: [`crate::part::remote`].
    pub list: ListMapping,
}

/// Direction of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the design's")]
pub enum Direction {
    In,
    Out,
    Both,
    Ignore,
}

impl Direction {
    /// Whether values come in.
    pub fn reads(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether values go out.
    pub fn writes(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// How a field is cleared over there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clear {
    /// JSON null.
    #[default]
    Null,
    /// Empty text.
    EmptyText,
    /// By leaving it out of a `replace`.
    Omit,
    /// Not at all: an emptied field is reported, not sent.
    Cannot,
}

/// A second remote object of the same record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicatePolicy {
    /// Both get the record's values.
    #[default]
    KeepInStep,
    /// The others are merged into the primary one over there; each after a person said so.
    Merge,
    /// The others are put away by the mapping's `archive`.
    Archive,
    /// Only the primary one is written; the others are left for a review.
    Review,
}

/// What a deletion in this stream means for the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    /// The contribution's claims stay as they were.
    Ignore,
    /// Its claims go; the record lives on from the others'; it is not made again there.
    #[default]
    Detach,
    /// The record is archived, with what it holds, and put away where a mapping has an `archive`.
    Archive,
    /// As `detach`, and it is deleted in the other systems that say `propagate` too. A person is asked first where somebody
    /// edited it since, where it would stay in a system, and where there are many.
    Propagate,
}

/// A line of `nave.lock`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedPlugin {
    /// Where it came from.
    pub source: String,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// Serial of the manifest.
    pub serial: u64,
    /// Version, for people.
    pub version: String,
    /// Key that vouched for it; none: nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A transform's functions, so that mappings that call them are checked as ever while its file is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    /// A newer build that waits for somebody to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldPlugin>,
}

/// A build that is here and does not run: an upgrade that asks for more, or does something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeldPlugin {
    /// Where it came from.
    pub source: String,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// Serial of the manifest.
    pub serial: u64,
    /// Version, for people.
    pub version: String,
}
