//! `match evaluate`: matching against a truth.

use std::collections::BTreeSet;
use std::path::Path;

use nave_core::linkage::{Kind, Score, Table, errors, link};
use nave_hub::api::{ApiError, exit};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::file;
use crate::context::Context;
use crate::output::{self, Rows, clean, say};
use crate::verbs::Outcome;

/// Entities whose records this can be told of.
const ENTITIES: [&str; 4] = ["contact", "company", "product", "employee"];

/// Of a file of pairs without any.
const NO_TRUTH: &str = "the file of pairs names none, so that precision, recall and F1 say nothing: every line holds the ids of two \
                        records that are the same";

#[derive(Debug, Serialize)]
struct Evaluation {
    records: usize,
    /// How the bytes of the file of records were read.
    encoding: String,
    /// The same of the file of pairs.
    truth_encoding: String,
    /// Heading and what the column was taken for.
    columns: Vec<(String, Kind)>,
    compared_pairs: usize,
    /// Why the figures say nothing, where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// Of this process, for matching alone: reading the files is not counted.
    cpu_seconds: f64,
    #[serde(flatten)]
    score: Score,
}

pub(super) fn run(path: &Path, truth: &Path, entity: &str, show: usize, context: &Context) -> Outcome {
    if !ENTITIES.contains(&entity) {
        let help = format!("one of: {}", ENTITIES.join(", "));
        return Err(ApiError::usage(format!("records of `{}` cannot be evaluated", entity.escape_debug())).help(help));
    }
    let records = file::records(path)?;
    let (truth, truth_encoding) = file::pairs(truth, &records)?;
    let before = cpu_seconds();
    let mut columns = Table::guess(&records.headings, &records.rows);
    columns.iter_mut().for_each(|(_, kind)| *kind = kind.of_entity(entity));
    let table = Table::new(&columns, &records.rows);
    let linkage = link(&table);
    let evaluation = Evaluation {
        cpu_seconds: cpu_seconds() - before,
        records: records.ids.len(),
        encoding: records.encoding.clone(),
        truth_encoding,
        columns,
        compared_pairs: linkage.compared,
        warning: warning(&truth),
        score: Score::of(&linkage, &truth),
    };
    if context.json {
        output::json(&evaluation);
        return Ok(exit::OK);
    }
    for_people(&evaluation);
    for (left, right, merged, bits) in errors(&linkage, &truth).into_iter().take(show) {
        let why = bits.map_or("not likely".to_owned(), |bits| format!("{bits:.1} bits"));
        say(format_args!("\n{} ({why}):", if merged { "Merged, and not the same" } else { "The same, and not merged" }));
        for row in [left, right] {
            let values: Vec<_> = records.rows[row as usize].iter().map(|value| clean(value).to_string()).collect();
            say(format_args!("  {}: {}", clean(&records.ids[row as usize]), values.join(" | ")));
        }
    }
    Ok(exit::OK)
}

fn for_people(evaluation: &Evaluation) {
    let score = &evaluation.score;
    say(format_args!(
        "{} records, {} true pairs, {} pairs compared",
        evaluation.records, score.true_pairs, evaluation.compared_pairs
    ));
    let (read, truth) = (&evaluation.encoding, &evaluation.truth_encoding);
    let of_truth = if truth == read { String::new() } else { format!(", the pairs as {truth}") };
    say(format_args!("Read as {read}{of_truth}"));
    let columns: Vec<String> = evaluation
        .columns
        .iter()
        .map(|(heading, kind)| format!("{} as {}", clean(heading), format!("{kind:?}").to_lowercase()))
        .collect();
    say(format_args!("Compared: {}\n", columns.join(", ")));
    if let Some(warning) = &evaluation.warning {
        say(format_args!("warning: {warning}\n"));
    }
    say(format_args!(
        "precision {:.4}  recall {:.4}  F1 {:.4}: {} merged, {} of them truly",
        score.precision, score.recall, score.f1, score.merged_pairs, score.true_merged_pairs
    ));
    say(format_args!("{} left for a person, {} of them truly the same", score.review_pairs, score.true_review_pairs));
    say(format_args!("{:.2} s of CPU time\n", evaluation.cpu_seconds));
    let mut rows = Rows::new(&["merged from (odds)", "precision", "recall", "asked"]);
    for point in &score.curve {
        let odds = nave_core::linkage::odds(point.bits);
        rows.row([odds, format!("{:.4}", point.precision), format!("{:.4}", point.recall), point.review_pairs.to_string()]);
    }
    rows.print("");
}

/// Without a pair in the truth everything is precise and nothing is missed.
fn warning(truth: &BTreeSet<(u32, u32)>) -> Option<String> {
    truth.is_empty().then(|| NO_TRUTH.to_owned())
}

/// CPU time that this process has used, seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
