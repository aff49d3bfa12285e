//! Which of many records are about the same thing, when nothing identifies them: scored comparison after Fellegi and Sunter
//! (A Theory for Record Linkage, 1969), with parameters that the data itself gives.
//!
//! In four steps: every value gets a comparable form ([`normal`]); records that share something rare are candidates ([`block`]);
//! candidates are compared column by column, in five levels ([`compare`]); a model of three kinds of pairs (the same, of one
//! household or office, unrelated) is learned without labels by expectation maximisation ([`model`]); clusters are made of pairs
//! that are surely the same, and what is likely is a person's to decide ([`cluster`]).
//!
//! One new thing among many records is compared with few: [`Roles`] says under which terms it and they are found in an index,
//! [`Learned`] keeps the model and how frequent values are, [`decide`] says which record it is, or that a person has to.
//!
//! A name alone never merges, and whoever differs in what is one person's own (first name, date of birth) is not merged for
//! what a household shares: its last name, its address, its telephone, and often enough its mailbox.

mod block;
mod cluster;
mod compare;
mod decide;
pub mod entity;
mod headings;
mod kind;
mod learned;
mod likeness;
mod model;
mod nickname;
mod normal;
mod roles;
mod score;
mod table;
#[cfg(test)]
mod tests;

pub use cluster::{Edge, Linkage, Verdict};
pub use compare::{Pattern, are_two_first_names, are_two_last_names};
pub use decide::{Candidate, decide};
pub use kind::Kind;
pub use learned::{Judge, Judged, LEARN_MAX, LEARN_MIN, Learned, odds, spoken};
pub use model::{Because, Model, Weight};
pub use roles::{Roles, TERM_RECORDS_MAX, Tally, Term};
pub use score::{Point, Score, errors};
pub use table::{Prepared, Table};

/// Links the records of a table: candidates, a model of this data, clusters and what is left for a person.
pub fn link(table: &Table) -> Linkage {
    let candidates = block::candidates(table);
    let groups = compare::groups(table);
    let mut comparer = compare::Comparer::new(table, &groups);
    let patterns = comparer.patterns(&candidates);
    let model = Model::learn(table, &groups, &mut comparer, &patterns);
    cluster::clusters(table, &model, &mut comparer, &candidates, &patterns)
}
