//! Simulated systems, as the people who work in them use them: through their own interfaces, never through the hub.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nave_sim::{ObjectSchema, RunningSim, SimConfig};
use serde_json::{Map, Value, json};

use crate::http::{self, Answer};
use crate::model::{End, Texts};

/// A clock that all systems of a test share: real, and never the same twice, so that who was last is never in doubt.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
        let previous = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(real.max(last + 1)));
        real.max(previous.unwrap_or_default() + 1)
    }
}

/// An object as its system shows it, in the system's own field names.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Id.
    pub id: String,
    /// Own field name → text.
    pub texts: Texts,
    /// Milliseconds.
    pub modified: i64,
    /// No longer there.
    pub end: Option<End>,
}

/// What a person can do in a system.
pub trait System {
    /// Name of its connection.
    fn name(&self) -> &str;
    /// Path of a field in a source record, as mappings name it.
    fn path(&self, field: &str) -> String;
    /// Makes an object.
    fn create(&mut self, texts: &Texts) -> String;
    /// Changes fields; an empty text clears.
    fn edit(&mut self, id: &str, texts: &Texts);
    /// Deletes (or archives, where that is what people do).
    fn delete(&mut self, id: &str);
    /// Merges, where the system can.
    fn merge(&mut self, _winner: &str, _loser: &str) -> bool {
        false
    }
    /// Everything in it.
    fn show(&self) -> Vec<Shown>;
    /// The running simulator, where there is one.
    fn sim(&self) -> Option<&Sim> {
        None
    }
}

/// A running simulator with a person's key to it.
pub struct Sim {
    /// It.
    pub running: RunningSim,
}

impl Sim {
    /// Starts one.
    pub fn start(system: nave_sim::System, config: SimConfig) -> Self {
        let running = http::wait(nave_sim::start(system, config)).expect("the simulator starts");
        Self { running }
    }

    /// A request as a person's client sends it.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.running.credential.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(tenant) = &self.running.credential.tenant_id {
            headers.push(("xero-tenant-id", tenant));
        }
        let answer = http::request(self.running.addr, method, path, &headers, body.as_ref());
        let answer = answer.unwrap_or_else(|| panic!("{method} {path}: no answer"));
        assert!(answer.status < 300, "{method} {path} {body:?}: {} {}", answer.status, answer.text);
        answer
    }

    /// A request of the control interface.
    pub fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let bearer = format!("Bearer {}", self.running.control_token);
        let answer =
            http::request(self.running.addr, method, path, &[("authorization", &bearer)], body.as_ref()).expect("an answer");
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        answer.json()
    }

    /// Number of the last request so far.
    pub fn last_request(&self) -> u64 {
        self.control("GET", &format!("/_sim/requests?since={}", u64::MAX), None)["last"].as_u64().unwrap_or_default()
    }

    /// Requests after a number that changed something.
    pub fn changes_since(&self, number: u64) -> Vec<Value> {
        let all = self.control("GET", &format!("/_sim/requests?since={number}"), None);
        let requests = all["requests"].as_array().cloned().unwrap_or_default();
        requests.into_iter().filter(|request| request["changed"] == true).collect()
    }

    /// Sets or clears a fault switch.
    pub fn fault(&self, rule: Value) {
        self.control("POST", "/_sim/fault", Some(rule));
    }
}

/// A `crm`: objects of one kind in HubSpot's manner.
pub struct Crm {
    name: String,
    kind: String,
    fields: Vec<String>,
    modified: String,
    sim: Sim,
}

impl Crm {
    /// With contacts and companies as the vendor has them.
    pub fn start(name: &str, config: SimConfig) -> Self {
        Self::with(name, config, ObjectSchema::contacts())
    }

    /// With a schema of the test's own.
    pub fn with(name: &str, config: SimConfig, schema: ObjectSchema) -> Self {
        let (kind, modified) = (schema.name.clone(), schema.modified_property.clone());
        let fields = schema.properties.iter().map(|property| property.name.clone()).collect();
        let schemas = vec![schema, ObjectSchema::companies()];
        let sim = Sim::start(nave_sim::System::Crm, SimConfig { schemas: Some(schemas), ..config });
        Self { name: name.to_owned(), kind, fields, modified, sim }
    }

    fn at(&self, rest: &str) -> String {
        format!("/crm/v3/objects/{}{rest}", self.kind)
    }
}

fn properties(texts: &Texts) -> Value {
    json!({ "properties": texts })
}

impl System for Crm {
    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, field: &str) -> String {
        format!("properties.{field}")
    }

    fn create(&mut self, texts: &Texts) -> String {
        let made = self.sim.call("POST", &self.at(""), Some(properties(texts))).json();
        made["id"].as_str().expect("an id").to_owned()
    }

    fn edit(&mut self, id: &str, texts: &Texts) {
        self.sim.call("PATCH", &self.at(&format!("/{id}")), Some(properties(texts)));
    }

    fn delete(&mut self, id: &str) {
        self.sim.call("DELETE", &self.at(&format!("/{id}")), None);
    }

    fn merge(&mut self, winner: &str, loser: &str) -> bool {
        self.sim.call("POST", &self.at("/merge"), Some(json!({ "primaryObjectId": winner, "objectIdToMerge": loser })));
        true
    }

    fn show(&self) -> Vec<Shown> {
        let state = self.sim.control("GET", "/_sim/state", None);
        let objects = state[&self.kind].as_array().cloned().unwrap_or_default();
        let text = |object: &Value, name: &str| object["properties"][name].as_str().unwrap_or_default().to_owned();
        let shown = objects.iter().map(|object| Shown {
            id: object["id"].as_str().unwrap_or_default().to_owned(),
            texts: self.fields.iter().map(|field| (field.clone(), text(object, field))).collect(),
            modified: text(object, &self.modified).parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond),
            end: match (object["merged_into"].as_str(), object["archived"].as_bool()) {
                (Some(winner), _) => Some(End::MergedInto(winner.to_owned())),
                (None, Some(true)) => Some(End::Deleted),
                _ => None,
            },
        });
        shown.collect()
    }

    fn sim(&self) -> Option<&Sim> {
        Some(&self.sim)
    }
}

/// `books`: contacts in Xero's manner. Every contact's `Name` is unique there.
pub struct Books {
    name: String,
    sim: Sim,
}

impl Books {
    /// Starts one.
    pub fn start(name: &str, config: SimConfig) -> Self {
        Self { name: name.to_owned(), sim: Sim::start(nave_sim::System::Books, config) }
    }

    fn post(&self, id: &str, mut contact: Map<String, Value>) {
        contact.insert("ContactID".to_owned(), id.into());
        self.sim.call("POST", &format!("/api.xro/2.0/Contacts/{id}"), Some(json!({ "Contacts": [contact] })));
    }
}

fn object(texts: &Texts) -> Map<String, Value> {
    texts.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect()
}

impl System for Books {
    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, field: &str) -> String {
        field.to_owned()
    }

    fn create(&mut self, texts: &Texts) -> String {
        let made = self.sim.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [object(texts)] }))).json();
        made["Contacts"][0]["ContactID"].as_str().expect("an id").to_owned()
    }

    fn edit(&mut self, id: &str, texts: &Texts) {
        self.post(id, object(texts));
    }

    fn delete(&mut self, id: &str) {
        self.post(id, object(&[("ContactStatus".to_owned(), "ARCHIVED".to_owned())].into()));
    }

    fn show(&self) -> Vec<Shown> {
        let state = self.sim.control("GET", "/_sim/state", None);
        let contacts = state["Contacts"].as_array().cloned().unwrap_or_default();
        let shown = contacts.iter().filter_map(Value::as_object).map(|contact| Shown {
            id: contact["ContactID"].as_str().unwrap_or_default().to_owned(),
            texts: contact.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            modified: contact["UpdatedDateUTC"].as_str().map_or(0, vendor_date),
            end: (contact["ContactStatus"] != "ACTIVE").then_some(End::Deleted),
        });
        shown.collect()
    }

    fn sim(&self) -> Option<&Sim> {
        Some(&self.sim)
    }
}

/// `/Date(1700000000000+0000)/`.
fn vendor_date(text: &str) -> i64 {
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

/// An old system that drops a CSV file, whole, whenever something changed.
pub struct Drop {
    name: String,
    folder: PathBuf,
    columns: Vec<String>,
    rows: BTreeMap<String, Texts>,
    gone: BTreeMap<String, Texts>,
    next: u64,
    clock: Clock,
    written: i64,
}

impl Drop {
    /// Drops `contacts.csv` into a folder.
    pub fn start(name: &str, folder: PathBuf, columns: &[&str], clock: Clock) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        let mut drop = Self {
            name: name.to_owned(),
            folder,
            columns,
            rows: BTreeMap::new(),
            gone: BTreeMap::new(),
            next: 1,
            clock,
            written: 0,
        };
        drop.write();
        drop
    }

    /// The file appears whole, under its name, at the time that the shared clock says.
    fn write(&mut self) {
        let mut out = csv::Writer::from_writer(Vec::new());
        let mut header = vec!["Id".to_owned()];
        header.extend(self.columns.iter().cloned());
        out.write_record(&header).expect("a header");
        for (id, row) in &self.rows {
            let cells = self.columns.iter().map(|column| row.get(column).map_or("", String::as_str));
            out.write_record(std::iter::once(id.as_str()).chain(cells)).expect("a row");
        }
        let bytes = out.into_inner().expect("a file");
        let new = self.folder.join(".contacts.csv.new");
        std::fs::write(&new, bytes).expect("the disk takes it");
        self.written = self.clock.now();
        let time = UNIX_EPOCH + Duration::from_millis(self.written as u64);
        File::options().append(true).open(&new).and_then(|file| file.set_modified(time)).expect("a time");
        std::fs::rename(&new, self.folder.join("contacts.csv")).expect("a name");
    }
}

impl System for Drop {
    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, field: &str) -> String {
        field.to_owned()
    }

    fn create(&mut self, texts: &Texts) -> String {
        let id = format!("L{:04}", self.next);
        self.next += 1;
        self.rows.insert(id.clone(), texts.clone());
        self.write();
        id
    }

    fn edit(&mut self, id: &str, texts: &Texts) {
        self.rows.get_mut(id).expect("a row").extend(texts.clone());
        self.write();
    }

    fn delete(&mut self, id: &str) {
        let row = self.rows.remove(id).expect("a row");
        self.gone.insert(id.to_owned(), row);
        self.write();
    }

    fn show(&self) -> Vec<Shown> {
        let shown = |(id, row): (&String, &Texts), end: Option<End>| Shown {
            id: id.clone(),
            texts: row.clone(),
            // The file's own time is all that such a system tells.
            modified: self.written,
            end,
        };
        let there = self.rows.iter().map(|row| shown(row, None));
        there.chain(self.gone.iter().map(|row| shown(row, Some(End::Deleted)))).collect()
    }
}
