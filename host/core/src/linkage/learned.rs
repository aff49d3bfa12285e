//! What was learned from an entity's records, kept so that one new thing can be compared with few others: the model, and how
//! frequent values are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::compare::Comparer;
use super::model::{Because, Model};
use super::table::Prepared;
use super::{Kind, Table, block, compare, entity};
use crate::Text;
use crate::catalog::{Entity, Scoring};

/// Records below which nothing is learned: how frequent a value is cannot be told from fewer.
pub const LEARN_MIN: usize = 200;
/// Records that are learned from at most; of more, a sample. Learning from so many takes half a second.
pub const LEARN_MAX: usize = 10_000;
/// Records that have a value from which it is remembered as frequent.
const FREQUENT: u32 = 3;
/// Frequent values of a column that are remembered.
const REMEMBERED_MAX: usize = 5_000;

/// What was learned of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    columns: Vec<(Text, Kind)>,
    model: Model,
    /// Of each column, hash of a frequent value → records that have it. Hashes: the values may be a person's.
    frequent: Vec<BTreeMap<u64, u32>>,
    rows: usize,
}

/// What the comparison with one candidate came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Logarithm (base 2) of the odds that it is the same.
    pub bits: f64,
    /// Whether a machine may say so, whatever the odds.
    pub is_safe: bool,
    /// Whether it is worth a person's time.
    pub is_worth_asking: bool,
    /// Whether both say the same of what somebody else gave to one only: a mailbox, a number.
    pub is_identified: bool,
    /// What speaks for it and against it, where that was wanted.
    pub because: Vec<Because>,
    /// Odds before anything was compared.
    pub prior_bits: f64,
}

impl Judged {
    /// In a line: `5,000 to 1: email the same, last_name alike; against it: phone different`. `nave match explain` has the figures.
    pub fn line(&self) -> String {
        let side = |speaks_for: bool| {
            let own = self.because.iter().filter(|because| (because.bits > 0.0) == speaks_for);
            own.map(|because| format!("{} {}", spoken(&because.what), because.agreement)).collect::<Vec<_>>().join(", ")
        };
        let against = match side(false) {
            none if none.is_empty() => none,
            some => format!("; against it: {some}"),
        };
        format!("{}: {}{against}", odds(self.bits), side(true))
    }
}

/// A field's name as a person reads it: `address.street` → `address street`.
pub fn spoken(field: &str) -> String {
    field.replace(['_', '.'], " ")
}

/// Odds above this say no more to a person.
const ODDS_MAX: f64 = 1e6;

/// Odds for people, from their logarithm (base 2): `1,024 to 1`, `1 to 8`.
pub fn odds(bits: f64) -> String {
    let times = bits.abs().exp2();
    let times = if times > ODDS_MAX { "over a million".to_owned() } else { grouped(times.round() as u64) };
    if bits < 0.0 { format!("1 to {times}") } else { format!("{times} to 1") }
}

/// `1234567` → `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let group = |(at, digit): (usize, char)| {
        let comma = at > 0 && (digits.len() - at).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

impl Learned {
    /// From rows with a text for each of the entity's [`entity::fields`].
    pub fn from_rows(of: &Entity, rows: &[Vec<String>]) -> Self {
        let fields = entity::fields(of);
        let mut columns = entity::kinds(of, &fields, rows);
        let table = Table::new(&columns, rows);
        let candidates = block::candidates(&table);
        let groups = compare::groups(&table);
        let mut comparer = Comparer::new(&table, &groups);
        let patterns = comparer.patterns(&candidates);
        let model = Model::learn(&table, &groups, &mut comparer, &patterns);
        let frequent = table.columns.iter().map(|column| {
            let mut counts: Vec<(u64, u32)> = column
                .values
                .iter()
                .zip(&column.counts)
                .skip(1)
                .filter(|(_, count)| **count >= FREQUENT)
                .map(|(value, count)| (hash(&value.normal.text), *count))
                .collect();
            counts.sort_unstable_by_key(|(hash, count)| (std::cmp::Reverse(*count), *hash));
            counts.truncate(REMEMBERED_MAX);
            counts.into_iter().collect()
        });
        let frequent = frequent.collect();
        columns.retain(|(_, kind)| *kind != Kind::Ignored);
        let columns = columns.into_iter().map(|(label, kind)| (label.into(), kind)).collect();
        Self { columns, model, frequent, rows: rows.len() }
    }

    /// Fields that are compared, in the order of the texts of a row.
    pub fn fields(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.to_string()).collect()
    }

    /// Records that it was learned from.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What each level of agreement says, for people: what is compared; bits of different, faintly alike, alike, the same.
    pub fn levels(&self, scoring: &Scoring) -> Vec<(String, [f64; 4])> {
        let mut model = self.model.clone();
        model.weighted(&self.fields(), |field| scoring.weights.get(field).copied());
        model.levels(&self.fields())
    }

    /// Ready to compare, among so many records.
    pub fn judge(self: &Arc<Self>, scoring: &Scoring, population: usize) -> Judge {
        let mut model = self.model.clone();
        model.weighted(&self.fields(), |field| scoring.weights.get(field).copied());
        model.among(self.rows, population);
        Judge { learned: self.clone(), model, fields: self.fields().into() }
    }
}

/// Compares one thing with a few others.
#[derive(Clone, Debug)]
pub struct Judge {
    learned: Arc<Learned>,
    model: Model,
    fields: Arc<[String]>,
}

impl Judge {
    /// Fields whose texts make a row.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// A record's comparable form, from its texts of [`Learned::fields`].
    pub fn prepare(&self, row: &[String]) -> Prepared {
        let frequent = &self.learned.frequent;
        Prepared::new(&self.learned.columns, row, |column, text| frequent[column].get(&hash(text)).copied())
    }

    /// What the comparison with each came to. Reasons are given where they are wanted, which is said of each by its place and bits:
    /// to put them together takes longer than to compare.
    pub fn compare(&self, thing: &Prepared, others: &[&Prepared], wanted: impl Fn(usize, f64) -> bool) -> Vec<Judged> {
        let records: Vec<&Prepared> = std::iter::once(thing).chain(others.iter().copied()).collect();
        let table = Table::of(&self.learned.columns, self.learned.rows, &records);
        let mut comparer = Comparer::new(&table, &self.model.groups);
        let judged = |row: u32| {
            let weight = self.model.weigh(&table, 0, comparer.pattern(0, row));
            Judged {
                bits: weight.bits,
                is_safe: self.model.is_safe(&weight),
                is_worth_asking: self.model.is_worth_asking(&weight),
                is_identified: self.model.is_identified(&weight),
                because: match wanted(row as usize - 1, weight.bits) {
                    true => self.model.explain(&table, 0, &weight),
                    false => Vec::new(),
                },
                prior_bits: self.model.prior_bits(),
            }
        };
        (1..=others.len() as u32).map(judged).collect()
    }
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_for_people() {
        for (bits, expected) in [
            (0.0, "1 to 1"),
            (10.0, "1,024 to 1"),
            (17.0, "131,072 to 1"),
            (-3.0, "1 to 8"),
            (40.0, "over a million to 1"),
            (-40.0, "1 to over a million"),
        ] {
            assert_eq!(odds(bits), expected, "{bits} bits");
        }
    }

    #[test]
    fn what_speaks_for_it_and_what_against_it_are_told_apart() {
        let because = |what: &str, agreement, bits| Because { what: what.into(), agreement, bits };
        let judged = |because| Judged {
            bits: 10.0,
            is_safe: false,
            is_worth_asking: true,
            is_identified: false,
            because,
            prior_bits: -13.0,
        };
        let all = vec![because("first_name", "the same", 4.0), because("phone", "different", -3.0)];
        assert_eq!(judged(all).line(), "1,024 to 1: first name the same; against it: phone different");
        assert_eq!(judged(vec![because("address.city", "alike", 4.0)]).line(), "1,024 to 1: address city alike");
    }
}
