//! `nave reconcile LEFT RIGHT`: what two systems hold, compared through the hub's records, and how that went over time.

use nave_core::Value;
use nave_core::catalog::Mapping;
use nave_core::model::RecordId;
use tokio::task::block_in_place;

use super::names::Names;
use super::unknown;
use crate::api::{
    ApiError, CompareAnswer, CompareCounts, CompareField, CompareFinding, CompareHistoryAnswer, CompareKept, CompareOtherwise,
    CompareOutcome, ComparedPair, ProgressSender,
};
use crate::engine::Engine;
use crate::engine::compare::{Compared, Finding, KeptOtherwise, Proposed};
use crate::engine::compared::{Outcome, Pair};
use crate::shell;

/// How it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Findings of each kind that are listed.
    pub limit: usize,
    /// Both are read anew before.
    pub read: bool,
    /// The numbers are kept.
    pub keep: bool,
}

/// The flows of two connections that concern an entity.
fn flows<'c>(names: &'c Names<'_>, sides: [&str; 2], entity: &str) -> Result<Vec<&'c Mapping>, ApiError> {
    let catalog = &names.catalog;
    if !catalog.entities.contains_key(entity) {
        return Err(unknown("entity", entity, catalog.entities.keys()));
    }
    if sides[0] == sides[1] {
        return Err(ApiError::usage(format!("`{}` is compared with itself", sides[0])).help("name two connections"));
    }
    let mut found = Vec::new();
    for connection in sides {
        if !catalog.connections.contains_key(connection) {
            return Err(unknown("connection", connection, catalog.connections.keys()));
        }
        let before = found.len();
        let own = |mapping: &&Mapping| mapping.connection == connection && mapping.entity == entity;
        found.extend(catalog.mappings.values().map(AsRef::as_ref).filter(own));
        if found.len() == before {
            let mapped = catalog.mappings.values().filter(|mapping| mapping.connection == connection);
            let mut entities: Vec<&str> = mapped.map(|mapping| mapping.entity.as_str()).collect();
            entities.dedup();
            let help = format!("of `{connection}` there is: {}; `--entity` says which", entities.join(", "));
            return Err(ApiError::usage(format!("nothing of `{connection}` is mapped to `{entity}`")).help(help));
        }
    }
    Ok(found)
}

/// Compares two connections. Reads and keeps only where that is asked for.
pub(super) async fn compare(
    engine: &Engine,
    sides: [&str; 2],
    entity: &str,
    how: How,
    by: &str,
    progress: &ProgressSender,
) -> Result<CompareAnswer, ApiError> {
    let names = Names::new(engine);
    let flows = flows(&names, sides, entity)?;
    let began = engine.now();
    if how.read {
        for mapping in flows.iter().filter(|mapping| mapping.flow_in.is_some()) {
            progress.report(&format!("reading {}", mapping.name), 0, None);
            let run = engine.run_in(&mapping.name, true).await?;
            if run.status == nave_core::model::RunStatus::Failed {
                let why = run.message.unwrap_or_default();
                return Err(ApiError::failed(format!("{} could not be read: {why}", mapping.connection))
                    .help("without `--read` what was read last is compared"));
            }
        }
    }
    let mut compared = block_in_place(|| engine.compare(sides, entity, how.limit))?;
    for (at, oldest) in compared.oldest.iter_mut().enumerate().filter(|_| how.read) {
        // What is as it was is not written anew when it is read.
        let own = |mapping: &&&Mapping| mapping.connection == sides[at];
        if flows.iter().filter(own).all(|mapping| mapping.flow_in.is_some()) {
            *oldest = Some(began);
        }
    }
    let kept = match how.keep {
        true => {
            let pair = Pair::new(sides, entity);
            let turned = pair.left != sides[0];
            let kept = match turned {
                // One series, in whichever order the two were named.
                true => {
                    let compared = block_in_place(|| engine.compare([&pair.left, &pair.right], entity, 0))?;
                    engine.keep_compared(&pair, &compared, by).await?
                }
                false => engine.keep_compared(&pair, &compared, by).await?,
            };
            Some(outcome(&kept))
        }
        false => None,
    };
    Ok(CompareAnswer {
        left: sides[0].to_owned(),
        right: sides[1].to_owned(),
        entity: entity.to_owned(),
        things: compared.things,
        oldest: compared.oldest.map(|at| at.map(|at| at.to_string())),
        oldest_age_s: compared.oldest.map(|at| at.map(|at| (engine.now().0 - at.0).max(0) / 1_000)),
        read: how.read,
        same: compared.same,
        counts: counts(&compared.counts),
        meant: compared.meant,
        otherwise: otherwise(&names, sides, entity, &compared),
        findings: findings(&names, entity, &compared),
        kept,
    })
}

fn counts(of: &[u64; 5]) -> CompareCounts {
    let [missing, extra, differing, unmatched, twice] = *of;
    CompareCounts { missing, extra, differing, unmatched, twice }
}

fn otherwise(names: &Names<'_>, sides: [&str; 2], entity: &str, compared: &Compared) -> Vec<CompareOtherwise> {
    let first = |field: &str, (id, written, kept): &(RecordId, Value, Value)| {
        let record = format!("{entity}/{id}");
        let (action, command) = match kept {
            Value::Text(text) => {
                ("make that everybody's value", format!("nave record set {record} {field} {} --reason WHY", shell::word(text)))
            }
            _ => ("see whose value stands", format!("nave record why {record} {field}")),
        };
        CompareKept {
            action: action.to_owned(),
            command,
            title: names.title_of(*id).unwrap_or_default(),
            written: names.display(written),
            record,
            kept: names.display(kept),
        }
    };
    let line = |((at, field), known): (&(usize, String), &KeptOtherwise)| CompareOtherwise {
        connection: sides[*at].to_owned(),
        field: field.clone(),
        label: names.label(entity, field),
        count: known.count,
        first: known.first.iter().map(|one| first(field, one)).collect(),
    };
    compared.otherwise.iter().map(line).collect()
}

fn findings(names: &Names<'_>, entity: &str, compared: &Compared) -> Vec<CompareFinding> {
    let line = |finding: &Finding| {
        let Proposed { action, command } = finding.then.clone();
        let field = |field: &crate::engine::compare::FieldApart| CompareField {
            field: field.field.clone(),
            label: names.label(entity, &field.field),
            left: names.display(&field.left),
            right: names.display(&field.right),
            canonical: names.display(&field.canonical),
            action: field.then.action.clone(),
            command: field.then.command.clone(),
        };
        CompareFinding {
            kind: finding.apart.word().to_owned(),
            record: finding.record.map(|id| format!("{entity}/{id}")),
            title: finding.record.and_then(|id| names.title_of(id)).unwrap_or_default(),
            remote_ids: [0, 1].map(|at| finding.things[at].as_ref().map(|key| key.remote_id.to_string())),
            fields: finding.fields.iter().map(field).collect(),
            action,
            command,
        }
    };
    compared.findings.iter().map(line).collect()
}

fn outcome(of: &Outcome) -> CompareOutcome {
    CompareOutcome {
        at: of.at.to_string(),
        things: of.things,
        same: of.same,
        counts: counts(&of.counts),
        apart: of.apart(),
        new: of.new,
        gone: of.gone,
        still: of.still,
    }
}

/// What comparisons came to, of all pairs, of those with one connection, or of one pair.
pub(super) fn history(engine: &Engine, left: Option<&str>, right: Option<&str>) -> Result<CompareHistoryAnswer, ApiError> {
    let catalog = engine.catalog();
    for name in left.iter().chain(&right) {
        if !catalog.connections.contains_key(*name) {
            return Err(unknown("connection", name, catalog.connections.keys()));
        }
    }
    let asked = |pair: &Pair| left.iter().chain(&right).all(|name| pair.left == *name || pair.right == *name);
    let configured = engine.pairs();
    let mut pairs: Vec<ComparedPair> = Vec::new();
    for (pair, kept) in engine.kept_of_all()? {
        if !asked(&pair) {
            continue;
        }
        pairs.push(ComparedPair {
            due: configured.contains(&pair).then(|| kept.due.to_string()),
            outcomes: kept.outcomes.iter().map(outcome).collect(),
            left: pair.left,
            right: pair.right,
            entity: pair.entity,
        });
    }
    // Those that the schedule has not met yet.
    for pair in configured.into_iter().filter(|pair| asked(pair)) {
        if !pairs.iter().any(|known| (&known.left, &known.right, &known.entity) == (&pair.left, &pair.right, &pair.entity)) {
            pairs.push(ComparedPair { left: pair.left, right: pair.right, entity: pair.entity, ..ComparedPair::default() });
        }
    }
    pairs.sort_by(|one, other| (&one.entity, &one.left, &one.right).cmp(&(&other.entity, &other.left, &other.right)));
    Ok(CompareHistoryAnswer { every_ms: catalog.hub.reconcile.every_ms, pairs })
}
