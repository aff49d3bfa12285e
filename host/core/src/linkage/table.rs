//! Records to be linked, column by column: each different value once, in its comparable form.

use std::collections::HashMap;
use std::sync::Arc;

use super::Kind;
use super::likeness::{Spelled, letters};
use super::normal::{Normal, normal};
use crate::Text;

/// Records that have a value which is not known to be frequent.
const RARE: u32 = 2;
/// Values looked at to guess what a column holds.
const GUESSED_OVER: usize = 2_000;

/// Records in columns.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) columns: Vec<Column>,
    rows: usize,
    /// Records that values were counted over, where that was done elsewhere.
    counted: Option<usize>,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// What it is called, for people.
    pub(super) label: Text,
    pub(super) kind: Kind,
    /// Different values; the first is the one that says nothing.
    pub(super) values: Vec<Arc<Value>>,
    /// Of each value, the records that have it.
    pub(super) counts: Vec<u32>,
    /// Of each record, which value.
    pub(super) cells: Vec<u32>,
}

/// One value that records have.
#[derive(Debug, Default)]
pub(super) struct Value {
    pub(super) normal: Normal,
    /// Its words, sorted.
    pub(super) words: Vec<u64>,
    /// Which letters it has.
    letters: u128,
}

/// A record in its comparable form: of each column its value, and how many others are known to have it. Made once, however often it
/// is compared.
#[derive(Clone, Debug)]
pub struct Prepared {
    cells: Vec<(Arc<Value>, u32)>,
}

impl Table {
    /// What each column of rows is compared as, by its heading and its values.
    pub fn guess(headings: &[String], rows: &[Vec<String>]) -> Vec<(String, Kind)> {
        let kinds = headings.iter().enumerate().map(|(at, heading)| {
            let filled = rows.iter().filter_map(|row| row.get(at)).map(|value| value.trim()).filter(|value| !value.is_empty());
            (heading.clone(), Kind::guess(heading, &filled.take(GUESSED_OVER).collect::<Vec<_>>()))
        });
        let mut kinds: Vec<(String, Kind)> = kinds.collect();
        for at in (0..kinds.len()).rev() {
            if repeats(&kinds, rows, at) {
                kinds[at].1 = Kind::Ignored;
            }
        }
        kinds
    }

    /// From rows with a value for each of these columns: what it is called, and what it is compared as.
    pub fn new(labelled: &[(String, Kind)], rows: &[Vec<String>]) -> Self {
        let compared = labelled.iter().enumerate().filter(|(_, (_, kind))| *kind != Kind::Ignored);
        let columns = compared.map(|(at, (label, kind))| {
            let mut column = Column {
                label: label.into(),
                kind: *kind,
                values: vec![Arc::default()],
                counts: vec![0],
                cells: Vec::with_capacity(rows.len()),
            };
            let mut raw: HashMap<&str, u32> = HashMap::new();
            let mut known: HashMap<String, u32> = HashMap::new();
            for row in rows {
                let text = row.get(at).map_or("", String::as_str);
                let index = *raw.entry(text).or_insert_with(|| {
                    let form = normal(*kind, text);
                    if form.text.is_empty() {
                        return 0;
                    }
                    // Two spellings of one date are two values: one of them may be in doubt.
                    let doubt = if form.date.is_some_and(|date| date.doubtful) { "?" } else { "" };
                    *known.entry(format!("{}{doubt}", form.text)).or_insert_with(|| {
                        column.values.push(Arc::new(Value::new(form)));
                        column.counts.push(0);
                        (column.values.len() - 1) as u32
                    })
                });
                column.counts[index as usize] += 1;
                column.cells.push(index);
            }
            column
        });
        Self { columns: columns.collect(), rows: rows.len(), counted: None }
    }

    /// Records.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Records that values were counted over.
    pub(super) fn counted(&self) -> f64 {
        self.counted.unwrap_or(self.rows).max(2) as f64
    }

    /// Of a few records that were prepared for these columns, none of which is left out. Values are as frequent as they are among
    /// `counted` other records. Values that are alike are not looked for: each record has its own.
    pub(super) fn of(labelled: &[(Text, Kind)], counted: usize, records: &[&Prepared]) -> Self {
        let column = |(at, (label, kind)): (usize, &(Text, Kind))| {
            let mut column = Column {
                label: label.clone(),
                kind: *kind,
                values: Vec::with_capacity(records.len() + 1),
                counts: Vec::with_capacity(records.len() + 1),
                cells: Vec::with_capacity(records.len()),
            };
            column.values.push(Arc::default());
            column.counts.push(0);
            for (value, count) in records.iter().map(|record| &record.cells[at]) {
                let is_empty = value.normal.text.is_empty();
                column.cells.push(if is_empty { 0 } else { column.values.len() as u32 });
                if !is_empty {
                    column.values.push(value.clone());
                    column.counts.push(*count);
                }
            }
            column
        };
        Self { columns: labelled.iter().enumerate().map(column).collect(), rows: records.len(), counted: Some(counted) }
    }
}

/// Of ten rows, so many in which a column says what others say for it to say nothing of its own.
const REPEATS_IN_TEN: usize = 8;

/// Whether a name says only what others say: the full name beside first and last name, or the same name once more. Compared as well,
/// one name would speak twice.
fn repeats(kinds: &[(String, Kind)], rows: &[Vec<String>], at: usize) -> bool {
    if !kinds[at].1.is_name() {
        return false;
    }
    let of = |kind: Kind| {
        kinds.iter().enumerate().filter(move |(other, (_, found))| *other != at && *found == kind).map(|(other, _)| other)
    };
    let words = |row: &[String], at: usize| -> Vec<String> {
        let text = normal(Kind::Name, row.get(at).map_or("", String::as_str)).text;
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let says = |others: &[usize]| {
        let (mut both, mut said) = (0, 0);
        for row in rows.iter().take(GUESSED_OVER) {
            let (mine, theirs) = (words(row, at), others.iter().map(|at| words(row, *at)).collect::<Vec<_>>());
            if !mine.is_empty() && theirs.iter().all(|words| !words.is_empty()) {
                both += 1;
                said += usize::from(theirs.iter().flatten().all(|word| mine.contains(word)));
            }
        }
        both > 0 && said * 10 >= both * REPEATS_IN_TEN
    };
    of(Kind::Given).any(|given| of(Kind::Surname).any(|surname| says(&[given, surname])))
}

impl Prepared {
    /// From a text for each of these columns. `count`: how many have a value, by column and comparable form; none is known: it is rare.
    pub(super) fn new(columns: &[(Text, Kind)], row: &[String], count: impl Fn(usize, &str) -> Option<u32>) -> Self {
        let cell = |(at, (_, kind)): (usize, &(Text, Kind))| {
            let form = normal(*kind, row.get(at).map_or("", String::as_str));
            if form.text.is_empty() {
                return (Arc::default(), 0);
            }
            let count = count(at, &form.text).unwrap_or(RARE);
            (Arc::new(Value::new(form)), count)
        };
        Self { cells: columns.iter().enumerate().map(cell).collect() }
    }
}

impl Value {
    fn new(normal: Normal) -> Self {
        let mut words: Vec<u64> = normal
            .text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| xxhash_rust::xxh3::xxh3_64(word.as_bytes()))
            .collect();
        words.sort_unstable();
        words.dedup();
        Self { letters: letters(&normal.text), normal, words }
    }

    /// As it is spelled.
    pub(super) fn spelled(&self) -> Spelled<'_> {
        Spelled::new(&self.normal.text, self.letters)
    }
}

impl Column {
    /// The value of a record; none where it says nothing.
    pub(super) fn of(&self, row: u32) -> Option<&Value> {
        match self.cells[row as usize] {
            0 => None,
            value => Some(&self.values[value as usize]),
        }
    }

    /// How many records have the value of this one.
    pub(super) fn count_of(&self, row: u32) -> u32 {
        self.counts[self.cells[row as usize] as usize]
    }
}
