//! Writing: one file per stream in the export folder, one row per record.
//!
//! New rows are appended; a change or a deletion rewrites the file in one step, so that whoever collects it sees the
//! old or the new one, whole. A delivery that comes again finds its row there: nothing is written twice.

use std::borrow::Cow;
use std::collections::HashMap;

use nave_sdk::folder::{self, Error};
use nave_sdk::serde_json::{Map, Value};
use nave_sdk::types::{Delivery, Failure, Outcome, SourceRecord, WriteOperation};
use nave_sdk::{body, write};

use crate::csv;
use crate::limits::EXPORT_BYTES_MAX;
use crate::settings::{Columns, Folder, Format, Settings, StreamSetting};
use crate::{formulas, scan, streams};

/// One delivery, decided.
enum Plan {
    Put { id: String, row: Map<String, Value>, must_exist: bool },
    Remove { id: String },
}

/// Makes the differences, in one write of the file.
pub(crate) fn write(settings: &Settings, stream: &StreamSetting, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    if stream.folder != Folder::Export {
        return Err(Failure::rejected(
            "read-only",
            format!("the stream {} is read from the drop folder and cannot be written", stream.name),
        ));
    }
    let id_key = id_key(stream)?;
    let plans: Vec<Result<Plan, Failure>> = deliveries.iter().map(|delivery| plan(delivery, &id_key)).collect();
    let mut rows = Rows::load(settings, stream)?;
    let mut outcomes = Vec::with_capacity(plans.len());
    let mut rewrite = false;
    let mut added: Vec<usize> = Vec::new();
    for plan in plans {
        outcomes.push(match plan {
            Err(failure) => write::later(&failure),
            Ok(Plan::Put { id, row, must_exist }) => match rows.index.get(&id).copied() {
                None if must_exist => Outcome::Gone,
                None => {
                    added.push(rows.rows.len());
                    rows.index.insert(id.clone(), rows.rows.len());
                    rows.rows.push(Some(row.clone()));
                    written(id, row)
                }
                Some(at) => {
                    if rows.rows[at].as_ref() != Some(&row) {
                        rewrite = true;
                        rows.rows[at] = Some(row.clone());
                    }
                    written(id, row)
                }
            },
            Ok(Plan::Remove { id }) => match rows.index.remove(&id) {
                None => Outcome::Gone,
                Some(at) => {
                    rewrite = true;
                    rows.rows[at] = None;
                    write::written_unread(id)
                }
            },
        });
    }
    let done = if rewrite || (!added.is_empty() && !rows.can_append(&added)) {
        rows.rewrite()
    } else if added.is_empty() {
        Ok(())
    } else {
        rows.append(&added)
    };
    done.map(|()| outcomes).map_err(Failure::from)
}

/// These things, now. Only an export is ours to say that a row is gone from it; in the drop folder a file that was cut
/// off looks like one with fewer rows, so a row that is missing there says nothing (I11).
pub(crate) fn get(settings: &Settings, stream: &StreamSetting, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut found: HashMap<&str, SourceRecord> = HashMap::new();
    let whole = scan::walk(settings, stream, |record| {
        if let Some(id) = ids.iter().find(|id| **id == record.remote_id) {
            found.insert(id, record);
        }
        true
    })?;
    let certain = whole && stream.folder == Folder::Export;
    Ok(ids
        .iter()
        .filter_map(|id| found.remove(id.as_str()).or_else(|| certain.then(|| SourceRecord::deleted(id.clone()))))
        .collect())
}

/// Rows whose field equals one of the values.
pub(crate) fn find(
    settings: &Settings,
    stream: &StreamSetting,
    path: &str,
    values: &[String],
) -> Result<Vec<SourceRecord>, Failure> {
    let mut found = Vec::new();
    scan::walk(settings, stream, |record| {
        let value: Value = nave_sdk::serde_json::from_slice(&record.body).unwrap_or_default();
        let text = value.get(path).and_then(|_| body::text(&value, path)).or_else(|| body::text(&value, path));
        if text.is_some_and(|text| values.contains(&text)) {
            found.push(record);
        }
        true
    })?;
    Ok(found)
}

/// The one column with the id of an export.
pub(crate) fn id_key(stream: &StreamSetting) -> Result<String, Failure> {
    match stream.id.as_ref().map(Columns::names) {
        None => Ok("id".to_owned()),
        Some([one]) => Ok(one.clone()),
        Some(_) => Err(Failure::Misconfigured(format!("the export {} needs exactly one `id` column", stream.name))),
    }
}

fn plan(delivery: &Delivery, id_key: &str) -> Result<Plan, Failure> {
    let desired = || body::object(&delivery.desired);
    match &delivery.operation {
        WriteOperation::Create => {
            let mut row = desired()?;
            let given = match row.get(id_key) {
                Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            // The delivery's id is the same on every attempt, so that a repetition finds its row.
            let id = given.unwrap_or_else(|| delivery.id.clone());
            row.entry(id_key)
                .and_modify(|value| {
                    if value.is_null() || value == "" {
                        *value = Value::String(id.clone())
                    }
                })
                .or_insert_with(|| Value::String(id.clone()));
            Ok(Plan::Put { id, row, must_exist: false })
        }
        WriteOperation::Update(id) => {
            let mut row = desired()?;
            row.insert(id_key.to_owned(), Value::String(id.clone()));
            Ok(Plan::Put { id: id.clone(), row, must_exist: true })
        }
        WriteOperation::Delete(id) => Ok(Plan::Remove { id: id.clone() }),
        WriteOperation::Merge(_) => Err(Failure::rejected("other", "a file cannot merge rows")),
    }
}

fn written(id: String, row: Map<String, Value>) -> Outcome {
    write::written(SourceRecord::upsert(id, body::bytes(&Value::Object(row))))
}

/// The export file in memory.
struct Rows {
    file: String,
    format: Format,
    size: u64,
    /// People open it in a spreadsheet.
    guarded: bool,
    /// Columns of a CSV file, in its order.
    columns: Vec<String>,
    rows: Vec<Option<Map<String, Value>>>,
    index: HashMap<String, usize>,
}

impl Rows {
    fn load(settings: &Settings, stream: &StreamSetting) -> Result<Self, Failure> {
        let file = streams::export_file(settings, stream);
        let format = streams::format(stream, &file);
        let guarded = stream.is_guarded(&file);
        let mut rows = Self { file, format, guarded, size: 0, columns: Vec::new(), rows: Vec::new(), index: HashMap::new() };
        let Some(entry) = streams::files(settings, stream)?.into_iter().next() else {
            return Ok(rows);
        };
        if entry.size > EXPORT_BYTES_MAX {
            return Err(Failure::rejected(
                "length",
                format!(
                    "{} has {} bytes, more than the {EXPORT_BYTES_MAX} that an export may have; collect and remove it",
                    entry.name, entry.size
                ),
            ));
        }
        rows.size = entry.size;
        if entry.size > 0
            && let crate::table::Shape::Csv { header, .. } = crate::table::Table::open(stream, &entry)?.shape
        {
            rows.columns = header.names;
        }
        let mut broken = None;
        scan::walk(settings, stream, |record| match nave_sdk::serde_json::from_slice(&record.body) {
            Ok(row) => {
                rows.index.insert(record.remote_id, rows.rows.len());
                rows.rows.push(Some(row));
                true
            }
            Err(_) => {
                broken = Some(record.remote_id);
                false
            }
        })?;
        match broken {
            // Rewriting would lose a row that we cannot read.
            Some(place) => Err(Failure::Misconfigured(format!(
                "the export has a row that is no record, at {place}; repair or remove the file"
            ))),
            None => Ok(rows),
        }
    }

    /// New CSV rows fit under the header that is there; the header of an empty file has still to be written.
    fn can_append(&self, added: &[usize]) -> bool {
        match self.format {
            Format::Jsonl => true,
            Format::Csv => {
                self.size > 0
                    && added
                        .iter()
                        .filter_map(|&at| self.rows[at].as_ref())
                        .all(|row| flatten(row).iter().all(|(name, _)| self.columns.contains(name)))
            }
        }
    }

    fn append(&self, added: &[usize]) -> Result<(), Error> {
        let mut text = Vec::new();
        for row in added.iter().filter_map(|&at| self.rows[at].as_ref()) {
            self.spell(row, &mut text);
        }
        folder::append("export", &self.file, &text)
    }

    fn rewrite(&mut self) -> Result<(), Error> {
        let mut text = Vec::new();
        if self.format == Format::Csv {
            for row in self.rows.iter().flatten() {
                for (name, _) in flatten(row) {
                    if !self.columns.contains(&name) {
                        self.columns.push(name);
                    }
                }
            }
            spell_cells(self.columns.iter().map(|name| Cow::Borrowed(name.as_str())), &mut text);
        }
        for row in self.rows.iter().flatten() {
            self.spell(row, &mut text);
        }
        folder::write("export", &self.file, &text)
    }

    fn spell(&self, row: &Map<String, Value>, text: &mut Vec<u8>) {
        match self.format {
            Format::Jsonl => {
                text.extend_from_slice(&body::bytes(&Value::Object(row.clone())));
                text.push(b'\n');
            }
            Format::Csv => {
                let cells: HashMap<String, String> = flatten(row).into_iter().collect();
                let cells = self.columns.iter().map(|name| cells.get(name).map_or("", String::as_str));
                let cells = cells.map(|cell| if self.guarded { formulas::guarded(cell) } else { Cow::Borrowed(cell) });
                spell_cells(cells, text);
            }
        }
    }
}

fn spell_cells<'a>(cells: impl Iterator<Item = Cow<'a, str>>, text: &mut Vec<u8>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        csv::write_cell(&cell, text);
    }
    text.extend_from_slice(b"\r\n");
}

/// Objects within a row become columns with dots; lists stay JSON in their cell.
fn flatten(row: &Map<String, Value>) -> Vec<(String, String)> {
    fn add(prefix: &str, value: &Value, cells: &mut Vec<(String, String)>) {
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    add(&format!("{prefix}.{name}"), value, cells);
                }
            }
            Value::Null => cells.push((prefix.to_owned(), String::new())),
            Value::String(text) => cells.push((prefix.to_owned(), text.clone())),
            other => cells.push((prefix.to_owned(), other.to_string())),
        }
    }
    let mut cells = Vec::new();
    for (name, value) in row {
        add(name, value, &mut cells);
    }
    cells
}
