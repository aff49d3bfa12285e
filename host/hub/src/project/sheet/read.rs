//! An edited copy → a difference of the mapping files.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use calamine::{Data, Range, Reader as _, Xlsx};
use nave_core::catalog::Direction;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{COLUMNS, HEADINGS_LINE, base, direction_text, file, tables, text};
use crate::api::{Answer, ApiError, EditsAnswer, exit};
use crate::project::edit::{Edit, try_edits, write_edits};
use crate::project::load::Sources;

/// Bytes of a workbook: a hundred mappings of a thousand fields are a tenth of it.
const WORKBOOK_BYTES_MAX: usize = 32_000_000;
/// Lines of one sheet.
const LINES_MAX: usize = 10_000;

/// Keys of a `[[field]]` that a sheet has, with the column of each.
const KEYS: [(&str, usize); 9] = [
    ("remote", 1),
    ("canonical", 2),
    ("direction", 3),
    ("in", 4),
    ("out", 5),
    ("because", 6),
    ("comment", 7),
    ("approved-by", 8),
    ("approved-on", 9),
];

/// What an edited workbook changes: shown, and written where that is asked for.
///
/// # Errors
/// [`ApiError`]: it is no such workbook, a mapping has changed since it was exported, or what it says has errors.
pub fn import(dir: &Path, bytes: &[u8], apply: bool) -> Result<Answer, ApiError> {
    if bytes.len() > WORKBOOK_BYTES_MAX {
        return Err(ApiError::usage(format!("the workbook has {} bytes; it may have {WORKBOOK_BYTES_MAX}", bytes.len())));
    }
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| {
        ApiError::usage(format!("this is no workbook (.xlsx): {error}")).help("`nave mapping export FILE.xlsx` makes one")
    })?;
    let mut sources = Sources::read(dir)?;
    let (mut edits, mut stale) = (Vec::new(), Vec::new());
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).map_err(|error| ApiError::usage(format!("sheet `{name}`: {error}")))?;
        let cell = |line: u32, column: u32| range.get_value((line, column)).map(shown).unwrap_or_default();
        // A sheet of somebody's own is left alone.
        if cell(0, 0) != "mapping" || cell(1, 0) != "base" {
            continue;
        }
        let mapping = cell(0, 1);
        let path = format!("mappings/{mapping}.toml");
        if !sources.files.iter().any(|file| file.path == path) {
            return Err(ApiError::not_found(format!("sheet `{name}`: there is no {path}")));
        }
        let before = file(dir, &mapping)?;
        if base(&before) != cell(1, 1) {
            stale.push(mapping);
            continue;
        }
        let after = edited(&before, &range, &name)?;
        if after != before {
            edits.push(Edit { path, before: Some(before), after });
        }
    }
    if !stale.is_empty() {
        return Err(ApiError::new(
            "stale",
            exit::FAILED,
            format!("nothing was taken in: {} changed since this copy was exported", stale.join(", ")),
        )
        .help("`nave mapping export FILE.xlsx` makes a new copy; put your changes into that one"));
    }
    let (_, findings) = try_edits(&mut sources, &edits)?;
    if apply {
        write_edits(dir, &edits)?;
    }
    Ok(Answer::Edits(EditsAnswer {
        what: format!("{} mappings differ from the copy", edits.len()),
        files: edits.iter().map(Edit::shown).collect(),
        findings,
        written: apply,
        ..EditsAnswer::default()
    }))
}

/// A cell as text: a date that a spreadsheet made of one is a date again.
fn shown(data: &Data) -> String {
    match data {
        Data::String(text) => text.trim().to_owned(),
        Data::DateTimeIso(text) => text.get(..10).unwrap_or(text).to_owned(),
        Data::DateTime(serial) => {
            let (year, month, day, ..) = serial.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::Float(number) => number.to_string(),
        Data::Int(number) => number.to_string(),
        Data::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

/// The file as the sheet has it.
fn edited(before: &str, range: &Range<Data>, sheet: &str) -> Result<String, ApiError> {
    let wrong = |line: u32, why: String| ApiError::usage(format!("sheet `{sheet}`, line {}: {why}", line + 1));
    let cell = |line: u32, column: usize| range.get_value((line, column as u32)).map(shown).unwrap_or_default();
    for (column, (heading, _)) in COLUMNS.iter().enumerate() {
        if cell(HEADINGS_LINE, column) != *heading {
            return Err(wrong(HEADINGS_LINE, format!("column {} is not called `{heading}` any more", column + 1))
                .help("leave the headings as they are; `nave mapping export FILE.xlsx` makes a new copy"));
        }
    }
    let mut document: DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| ApiError::failed(error.message().to_owned()))?;
    let last = range.end().map_or(0, |(line, _)| line);
    if last as usize > LINES_MAX {
        return Err(ApiError::usage(format!("sheet `{sheet}` has more than {LINES_MAX} lines")));
    }
    let count = tables(&document).len();
    let (mut kept, mut new) = (BTreeSet::new(), Vec::new());
    for line in HEADINGS_LINE + 1..=last {
        let (place, remote) = (cell(line, 0), cell(line, 1));
        let row: Vec<String> = KEYS.iter().map(|(_, column)| cell(line, *column)).collect();
        if place == "list" || row.iter().all(String::is_empty) {
            continue;
        }
        let direction = direction_of(&row[2])
            .ok_or_else(|| wrong(line, format!("`{}` is no direction", row[2])).help("write in, out, both or ignore"))?;
        if remote.is_empty() {
            return Err(wrong(line, "the path there is missing".to_owned()));
        }
        if place.is_empty() {
            new.push((line, row, direction));
            continue;
        }
        let at = place.parse::<usize>().ok().filter(|at| *at < count);
        let at =
            at.ok_or_else(|| wrong(line, format!("`{place}` is no place of a field")).help("leave it empty for a new line"))?;
        if !kept.insert(at) {
            return Err(wrong(line, format!("place {at} is there twice")).help("leave it empty in the copied line"));
        }
        let fields = document.get_mut("field").and_then(Item::as_array_of_tables_mut);
        let table = fields.and_then(|fields| fields.get_mut(at));
        let table = table.ok_or_else(|| wrong(line, format!("there is no field {at}")))?;
        set_all(table, &row, direction);
    }
    if let Some(fields) = document.get_mut("field").and_then(Item::as_array_of_tables_mut) {
        for at in (0..count).rev().filter(|at| !kept.contains(at)) {
            fields.remove(at);
        }
    }
    for (_, row, direction) in new {
        let mut table = Table::new();
        set_all(&mut table, &row, direction);
        table.decor_mut().set_prefix("\n");
        let fields = document.entry("field").or_insert_with(|| Item::ArrayOfTables(toml_edit::ArrayOfTables::new()));
        if let Some(fields) = fields.as_array_of_tables_mut() {
            fields.push(table);
        }
    }
    Ok(document.to_string())
}

/// `both (both ways)`, `both`, `Both`.
fn direction_of(text: &str) -> Option<Direction> {
    let word = text.split([' ', '(']).next().unwrap_or_default().to_lowercase();
    [Direction::In, Direction::Out, Direction::Both, Direction::Ignore].into_iter().find(|one| direction_text(*one) == word)
}

fn set_all(table: &mut Table, row: &[String], direction: Direction) {
    for ((key, _), said) in KEYS.iter().zip(row) {
        let said = if *key == "direction" { direction_text(direction) } else { said.as_str() };
        if text(table, key) == said {
            continue;
        }
        match table.get_mut(key).and_then(Item::as_value_mut) {
            _ if said.is_empty() => drop(table.remove(key)),
            // What is written beside it, as a comment, stays.
            Some(known) => {
                let decor = known.decor().clone();
                *known = said.into();
                *known.decor_mut() = decor;
            }
            None => drop(table.insert(key, value(said))),
        }
    }
}
