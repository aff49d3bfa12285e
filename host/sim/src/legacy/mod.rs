//! `legacy`: an old system that can do nothing but drop a CSV file into a folder, whole, whenever something changed.
//!
//! Its rows have an id and the columns of its export; what people do at its terminal are requests to `/rows`, which no program
//! has a way to (only the control interface passes them on, see `acts.rs`). Promises that a refused request changes nothing.
//! `seed.rs` has the rows of the start, `export.rs` writes the file and spoils it. Must not know who reads the files.

mod export;
mod seed;

pub(crate) use seed::otherwise;
pub use seed::{csv_drop, write_csv_drop};

use crate::{
    auth::Auth,
    faults::{FaultRule, Switch},
    simulated::{Amendment, Ask, Checkpoint, Event, Fields, No, Notice, Page, SchemaChange, Simulated, What},
    time,
    wire::{Call, Reply},
};
use export::Exports;
use seed::HEADER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, path::PathBuf};

/// What objects are called here.
const KIND: &str = "contacts";

/// A row: its columns' texts, without the id and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    id: String,
    cells: BTreeMap<String, String>,
    modified: i64,
    #[serde(default)]
    gone: bool,
}

/// The rows, and where they are dropped.
#[derive(Debug)]
pub(crate) struct Legacy {
    seed: u64,
    rows: BTreeMap<String, Row>,
    /// None in a copy of the system that only looks back.
    exports: Option<Exports>,
}

/// Columns that a person fills in: all but the id and the time.
fn columns() -> &'static [&'static str] {
    &HEADER[1..HEADER.len() - 1]
}

impl Legacy {
    /// Without a row.
    pub(crate) fn new(seed: u64, folder: Option<PathBuf>) -> Self {
        Self { seed, rows: BTreeMap::new(), exports: folder.map(Exports::new) }
    }

    /// With the rows of the population.
    pub(crate) fn seeded(seed: u64, records: usize, folder: PathBuf) -> Result<Self, String> {
        let mut legacy = Self::new(seed, Some(folder));
        let text = if records == 0 { String::new() } else { csv_drop(seed, records).map_err(|error| error.to_string())? };
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            let record = record.map_err(|error| error.to_string())?;
            let cells = columns().iter().zip(record.iter().skip(1)).map(|(name, text)| ((*name).to_owned(), text.to_owned()));
            let modified = record.iter().next_back().and_then(time::parse).unwrap_or_default();
            let row = Row { id: record.get(0).unwrap_or_default().to_owned(), cells: cells.collect(), modified, gone: false };
            legacy.rows.insert(row.id.clone(), row);
        }
        Ok(legacy)
    }

    /// Makes a change and says what to remember.
    fn keep(&mut self, row: Row) -> Value {
        let entry = json!({ "row": row });
        self.rows.insert(row.id.clone(), row);
        entry
    }

    fn there(&self, id: &str) -> Option<&Row> {
        self.rows.get(id).filter(|row| !row.gone)
    }

    /// What a person does at the terminal.
    fn route(&mut self, call: &Call, now: i64) -> Result<Reply, String> {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let (mut row, status) = match (call.method.as_str(), segments.as_slice()) {
            ("POST", ["rows"]) => {
                let id = format!("L{:06}", self.rows.len() + 1);
                let cells = columns().iter().map(|name| ((*name).to_owned(), String::new()));
                (Row { id, cells: cells.collect(), modified: now, gone: false }, 201)
            }
            ("PATCH" | "DELETE", ["rows", id]) => {
                let old = self.there(id).ok_or_else(|| format!("there is no row {id}"))?;
                (Row { modified: now, ..old.clone() }, 200)
            }
            _ => return Err("there are POST /rows, PATCH and DELETE /rows/ID".to_owned()),
        };
        if call.method == http::Method::DELETE {
            row.gone = true;
        } else {
            let given: BTreeMap<String, String> = serde_json::from_slice(&call.body).map_err(|error| error.to_string())?;
            if let Some(odd) = given.keys().find(|name| !row.cells.contains_key(*name)) {
                return Err(format!("there is no column {odd}"));
            }
            row.cells.extend(given);
        }
        let shown = json!(row);
        Ok(Reply::json(status, shown).with_entries(vec![self.keep(row)]))
    }
}

impl Simulated for Legacy {
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply {
        let no = |status, message: String| Reply::json(status, json!({ "message": message }));
        if !auth.accepts(call, now) {
            return no(401, "it drops files and answers nobody; its folder has them".to_owned());
        }
        self.route(call, now).unwrap_or_else(|why| no(400, why))
    }

    fn is_write(&self, call: &Call) -> bool {
        call.method != http::Method::GET
    }

    fn dump(&self) -> Value {
        json!({ KIND: self.rows.values().collect::<Vec<_>>() })
    }

    fn snapshot(&self, emit: &mut dyn FnMut(Value)) {
        self.rows.values().for_each(|row| emit(json!({ "row": row })));
    }

    fn replay(&mut self, mut entry: Value) -> Result<(), String> {
        let row: Row = serde_json::from_value(entry["row"].take()).map_err(|error| error.to_string())?;
        self.rows.insert(row.id.clone(), row);
        Ok(())
    }

    fn last_modified(&self) -> i64 {
        self.rows.values().map(|row| row.modified).max().unwrap_or_default()
    }

    fn population(&self) -> usize {
        self.rows.len()
    }

    fn empty(&self) -> Box<dyn Simulated> {
        Box::new(Self::new(self.seed, None))
    }

    fn refuse(&self, _no: &No) -> Reply {
        Reply::json(503, json!({ "message": "it drops files and answers nobody" }))
    }

    fn lacks(&self, _switch: Switch) -> Option<&'static str> {
        None
    }

    fn ask(&self, _call: &Call) -> Ask {
        Ask { what: What::Other, object: None }
    }

    fn written(&self, _call: &Call, _body: &mut Value, _visit: &mut dyn FnMut(&mut Fields)) {}

    fn batch<'a>(&self, _call: &Call, _body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
        None
    }

    fn partial(&mut self, _call: &Call, reply: Reply, _failed: &[Value]) -> Reply {
        reply
    }

    fn searched(&self, _call: &Call) -> Vec<String> {
        Vec::new()
    }

    fn strip(&self, _call: &Call, _body: &mut Value, _field: &str) {}

    fn page(&self, _call: &Call, _body: &Value) -> Option<Page> {
        None
    }

    fn checkpoint(&self, _call: &Call) -> Option<Checkpoint> {
        None
    }

    fn kinds(&self) -> Vec<String> {
        vec![KIND.to_owned()]
    }

    fn has_field(&self, field: &str) -> bool {
        columns().contains(&field)
    }

    fn live(&self, kind: &str) -> Vec<String> {
        self.rows.values().filter(|row| kind == KIND && !row.gone).map(|row| row.id.clone()).collect()
    }

    fn about(&self, entry: &Value) -> Option<(String, String)> {
        Some((KIND.to_owned(), entry["row"]["id"].as_str()?.to_owned()))
    }

    fn spend(&mut self, _entry: &Value) {}

    fn amend(&mut self, _kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
        let Some(old) = self.there(id) else { return Vec::new() };
        let mut row = Row { modified: now, ..old.clone() };
        match amendment {
            Amendment::Delete => row.gone = true,
            Amendment::Touch => {}
            Amendment::Set(field, edit) => match row.cells.get_mut(field) {
                Some(cell) if edit(cell) != *cell => *cell = edit(cell),
                _ => return Vec::new(),
            },
        }
        vec![self.keep(row)]
    }

    fn merge(&mut self, _kind: &str, _winner: &str, _loser: &str, _now: i64) -> Result<Vec<Value>, String> {
        Err("the old system does not merge".to_owned())
    }

    fn alter(&mut self, _change: &SchemaChange) -> Result<Vec<Value>, String> {
        Err("its columns are fixed; the switch field-gone takes one out of its files".to_owned())
    }

    fn is_files(&self) -> bool {
        true
    }

    fn export(&mut self, faults: &[FaultRule], now: i64) -> io::Result<()> {
        let rows = self.rows.values().filter(|row| !row.gone);
        match &mut self.exports {
            Some(exports) => exports.write(rows, faults, now),
            None => Ok(()),
        }
    }

    fn watch(&mut self, _on: bool) {}

    fn events(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn notice(&self, _event: &Event, _nth: u64) -> Notice {
        Notice { content_type: "text/plain", body: String::new() }
    }

    fn sign(&self, _secret: &str, _url: &str, _body: &str, _now: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
