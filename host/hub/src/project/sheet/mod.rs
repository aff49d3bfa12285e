//! Mappings as sheets that people without TOML read, comment and agree to: shown as a page, exported as a workbook, and read back as
//! a difference that is looked at before it is written.
//!
//! Promises that an edited copy of another state of a file is refused, and that comments of the file stay.

mod read;
mod write;

use std::path::Path;

use nave_core::catalog::{Direction, Entity, FieldLine, FieldMapping, Mapping, lineage};
use nave_core::mapping::explain_field;
use toml_edit::{DocumentMut, Item, Table};

pub use read::import;
pub use write::export;

use super::local::{survivorship, unknown};
use super::{Project, read as files};
use crate::api::{Answer, ApiError, MappingSheet, SheetAnswer, SheetLine};

/// Columns of a sheet: heading, and whether a copy's change of it counts.
const COLUMNS: [(&str, bool); 13] = [
    ("place", false),
    ("path there", true),
    ("canonical field", true),
    ("direction", true),
    ("in", true),
    ("out", true),
    ("because", true),
    ("comment", true),
    ("approved by", true),
    ("approved on", true),
    ("who wins", false),
    ("answers for it", false),
    ("in plain English", false),
];

/// Line of a worksheet that has the headings, from 0; above it stand the mapping, its base and the legend.
const HEADINGS_LINE: u32 = 7;

/// One mapping, or all, as sheets.
pub(super) fn sheets(project: &Project, only: Option<&str>) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    if let Some(name) = only
        && !catalog.mappings.contains_key(name)
    {
        return Err(unknown("mapping", name, catalog.mappings.keys()));
    }
    let lines = lineage(catalog);
    let mappings = catalog.mappings.values().filter(|mapping| only.is_none_or(|only| mapping.name == only));
    let sheets = mappings.map(|mapping| sheet(project, mapping, &lines)).collect::<Result<_, _>>()?;
    Ok(Answer::Sheet(SheetAnswer { mappings: sheets }))
}

/// Digest of a mapping file's text.
fn base(text: &str) -> String {
    crate::plugins::digest(text.as_bytes())
}

fn file(dir: &Path, mapping: &str) -> Result<String, ApiError> {
    Ok(files::text(&dir.join("mappings").join(format!("{mapping}.toml")))?)
}

/// The `[[field]]`s of a mapping file.
fn tables(document: &DocumentMut) -> Vec<&Table> {
    document.get("field").and_then(Item::as_array_of_tables).map(|all| all.iter().collect()).unwrap_or_default()
}

fn text(table: &Table, key: &str) -> String {
    table.get(key).and_then(Item::as_str).unwrap_or_default().to_owned()
}

fn sheet(project: &Project, mapping: &Mapping, all: &[FieldLine]) -> Result<MappingSheet, ApiError> {
    let written = file(&project.place.dir, &mapping.name)?;
    let document: DocumentMut = written.parse().map_err(|error: toml_edit::TomlError| {
        ApiError::failed(format!("mappings/{}.toml: {}", mapping.name, error.message()))
    })?;
    let entity = project.catalog.entities.get(&mapping.entity).map(AsRef::as_ref);
    let mut lines = Vec::new();
    for (place, (table, field)) in tables(&document).into_iter().zip(&mapping.fields).enumerate() {
        lines.push(SheetLine {
            inward: text(table, "in"),
            outward: text(table, "out"),
            comment: text(table, "comment"),
            approved_by: text(table, "approved-by"),
            approved_on: text(table, "approved-on"),
            ..line(mapping, entity, field, Some(place as u64))
        });
    }
    // Parts of lists: what the mapping says of them is more than a line has room for.
    for inner in all.iter().filter(|line| line.mapping == mapping.name).skip(mapping.fields.len()) {
        lines.push(SheetLine {
            place: None,
            remote: inner.remote.clone(),
            canonical: inner.field.clone().unwrap_or_default(),
            direction: inner.direction,
            inward: inner.inward_text.clone().unwrap_or_default(),
            outward: inner.outward_text.clone().unwrap_or_default(),
            because: inner.because.clone().unwrap_or_default(),
            comment: String::new(),
            approved_by: String::new(),
            approved_on: String::new(),
            rule: String::new(),
            steward: inner.steward.clone(),
            explanation: String::new(),
        });
    }
    Ok(MappingSheet {
        mapping: mapping.name.clone(),
        connection: mapping.connection.clone(),
        stream: mapping.stream.clone(),
        entity: mapping.entity.clone(),
        steward: mapping.steward.clone(),
        base: base(&written),
        lines,
    })
}

fn line(mapping: &Mapping, entity: Option<&Entity>, field: &FieldMapping, place: Option<u64>) -> SheetLine {
    let policy = entity.zip(field.canonical.as_ref()).and_then(|(entity, name)| entity.fields.get(name));
    let steward = entity.map(|entity| entity.answers_for(field.canonical.as_deref(), &mapping.steward));
    SheetLine {
        place,
        remote: field.remote.clone(),
        canonical: field.canonical.clone().unwrap_or_default(),
        direction: field.direction,
        inward: String::new(),
        outward: String::new(),
        because: field.because.clone().unwrap_or_default(),
        comment: String::new(),
        approved_by: String::new(),
        approved_on: String::new(),
        rule: policy.map(|policy| survivorship(&policy.survivorship)).unwrap_or_default(),
        steward: steward.unwrap_or(&mapping.steward).to_owned(),
        explanation: entity.map(|entity| explain_field(field, entity)).unwrap_or_default(),
    }
}

/// As mapping files spell a direction.
fn direction_text(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Both => "both",
        Direction::Ignore => "ignore",
    }
}

#[cfg(test)]
mod tests;
