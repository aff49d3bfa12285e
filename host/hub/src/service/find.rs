//! From what a person typed to the record that is meant.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{Contribution, ContributionId, Record, RecordId, RecordState, RemoteKey, ReviewId, ReviewKind};

use super::names::{MERGES_MAX, reference};
use crate::api::{ApiError, RecordRef, exit};
use crate::engine::Engine;

/// Open reviews looked through for the one that a contribution waits for.
const REVIEWS_SEARCHED_MAX: usize = 10_000;

/// A record that was asked for.
pub(super) struct Found {
    /// As it was asked for.
    pub(super) asked: Record,
    /// The one that carries on: the same, unless it was merged.
    pub(super) record: Record,
    /// Merged records on the way, the asked one first; without the one that carries on.
    pub(super) merged: Vec<RecordId>,
}

impl Found {
    /// What to call it in the answer: as it was asked for.
    pub(super) fn reference(&self) -> String {
        reference(&self.asked)
    }

    /// The one that carries on, where it was merged.
    pub(super) fn merged_into(&self) -> Option<String> {
        (!self.merged.is_empty()).then(|| reference(&self.record))
    }

    /// Contributions of the one that carries on.
    pub(super) fn contributions(&self, engine: &Engine) -> Result<Vec<Contribution>, ApiError> {
        Ok(engine.store.contributions(&self.record.contributions)?.into_iter().flatten().collect())
    }
}

/// Finds a record by its number or by what a system calls it, and follows merges.
///
/// # Errors
/// [`ApiError`]: not there, of another entity, several of this remote id, or not matched to any record yet.
pub(super) fn find(engine: &Engine, which: &RecordRef) -> Result<Found, ApiError> {
    let id = match which {
        RecordRef::Record { id, .. } => RecordId(*id),
        RecordRef::Remote { connection, stream, remote_id } => by_remote(engine, connection, stream.as_deref(), remote_id)?,
    };
    let missing = || {
        ApiError::not_found(format!("there is no record {which}"))
            .help("`nave record list` shows what is there; `crm:5432` names a record by what a system calls it")
    };
    let asked = load(engine, id)?.ok_or_else(missing)?;
    if let RecordRef::Record { entity: Some(entity), .. } = which
        && *entity != asked.entity
    {
        return Err(ApiError::not_found(format!("there is no {entity} {id}: {} is a {}", reference(&asked), asked.entity))
            .help(format!("`nave record show {}`", reference(&asked))));
    }
    follow(engine, asked)
}

/// The record that carries on, with the way there.
pub(super) fn follow(engine: &Engine, asked: Record) -> Result<Found, ApiError> {
    let mut record = asked.clone();
    let mut merged = Vec::new();
    while let RecordState::MergedInto(next) = record.state {
        merged.push(record.id);
        let found = if merged.len() < MERGES_MAX { load(engine, next)? } else { None };
        record =
            found.ok_or_else(|| ApiError::failed(format!("{} was merged into {next}, which is not there", reference(&asked))))?;
    }
    Ok(Found { asked, record, merged })
}

/// A record by its number.
pub(super) fn load(engine: &Engine, id: RecordId) -> Result<Option<Record>, ApiError> {
    Ok(engine.store.records(&[id])?.pop().flatten())
}

fn by_remote(engine: &Engine, connection: &str, stream: Option<&str>, remote_id: &str) -> Result<RecordId, ApiError> {
    let catalog = engine.catalog();
    let mut streams: BTreeSet<String> = catalog
        .mappings
        .values()
        .filter(|mapping| mapping.connection == connection)
        .filter(|mapping| stream.is_none_or(|stream| stream == mapping.alias || stream == mapping.stream))
        .map(|mapping| mapping.alias.clone())
        .collect();
    // A mapping that is gone may have left contributions.
    streams.extend(stream.map(str::to_owned));
    if streams.is_empty() {
        return Err(super::unknown("connection with a mapping", connection, catalog.connections.keys()));
    }
    let key = |stream: String| RemoteKey::new(connection, stream, remote_id);
    let keys: Vec<RemoteKey> = streams.into_iter().map(key).collect();
    let ids: Vec<ContributionId> = engine.store.resolve(&keys)?.into_iter().flatten().collect();
    let rows: Vec<Contribution> = engine.store.contributions(&ids)?.into_iter().flatten().collect();
    let mut found: BTreeMap<RecordId, String> = BTreeMap::new();
    for row in &rows {
        if let Some(id) = row.record {
            found.insert(id, row.key.to_string());
        }
    }
    let mut known = found.iter();
    match (known.next(), known.next()) {
        (Some((id, _)), None) => Ok(*id),
        (Some(_), Some(_)) => {
            let all: Vec<String> = found.iter().map(|(id, key)| format!("{key} is record {id}")).collect();
            Err(ApiError::usage(format!("`{connection}:{remote_id}` names several things: {}", all.join(", ")))
                .help(format!("say which: {}", found.values().cloned().collect::<Vec<_>>().join(" or "))))
        }
        (None, _) => Err(match rows.first() {
            Some(row) => waiting(engine, row)?,
            None => ApiError::not_found(format!("`{connection}:{remote_id}` is not known here"))
                .help(format!("`nave sync` reads what is new; `nave connection check {connection}` tells whether it works")),
        }),
    }
}

/// It is here, but nobody has said which record it is.
fn waiting(engine: &Engine, row: &Contribution) -> Result<ApiError, ApiError> {
    let open = engine.store.reviews(true, ReviewId(0), REVIEWS_SEARCHED_MAX)?;
    let review =
        open.into_iter().find(|review| matches!(&review.kind, ReviewKind::Match { contribution, .. } if *contribution == row.id));
    let error = ApiError::new("needs-a-person", exit::PERSON, format!("{} is not matched to a record yet", row.key));
    Ok(match review {
        Some(review) => error.help(format!("`nave review show {}` asks which one it is", review.id)),
        None => error.help("`nave review list` shows what waits for a person"),
    })
}
