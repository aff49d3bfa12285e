//! What is wrong with a description, where, and what to write instead.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use crate::limits::FAULTS_MAX;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to write.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Collects faults with their places.
#[derive(Debug)]
pub(crate) struct Faults<'t> {
    text: &'t str,
    all: RefCell<Vec<(usize, Fault)>>,
}

impl<'t> Faults<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, all: RefCell::default() }
    }

    pub(crate) fn say(&self, span: &Range<usize>, message: impl Into<String>) {
        let mut all = self.all.borrow_mut();
        if all.len() < FAULTS_MAX {
            let (line, column) = place(self.text, span.start);
            all.push((span.start, Fault { line, column, message: message.into() }));
        }
    }

    /// All of them, in the order of the text.
    pub(crate) fn finish(self) -> Vec<Fault> {
        let mut all = self.all.into_inner();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, fault)| fault).collect()
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// `; did you mean ...?` with the nearest of what is known, else the list of it.
pub(crate) fn instead<'k>(wrong: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let near = known.clone().map(|word| (strsim::damerau_levenshtein(&wrong.to_lowercase(), word), word)).min();
    match near {
        Some((distance, word)) if distance <= (word.len() / 3).max(1) => format!("did you mean `{word}`?"),
        _ => {
            let known: Vec<&str> = known.collect();
            format!("write one of: {}", known.join(", "))
        }
    }
}
