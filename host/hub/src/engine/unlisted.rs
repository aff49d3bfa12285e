//! A field that a system does not have any more (somebody renamed it there) is not an empty one: what it held is not known from then on,
//! and is emptied nowhere.
//!
//! Plugins ask for the fields that there are, so what is gone is simply not in an answer. Where all records of a page lack a mapped field,
//! though it held something before, the system is asked what it has now. If it lists the flow's other fields and not that one, the flow
//! stops before anything of the page is taken in.

use std::collections::BTreeSet;

use nave_core::catalog::{Mapping, StreamInfo};
use nave_core::intake::Coverage;
use nave_core::mapping::find;
use nave_core::model::{ContributionId, RemoteKey};

use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError};

impl Engine {
    /// Whether the system has all that the mapping reads, as far as a page gives reason to doubt it.
    ///
    /// # Errors
    /// [`SpokeError::Misconfigured`] with the names of what is gone.
    pub(super) async fn still_listed(&self, mapping: &Mapping, spoke: &dyn Spoke, page: &[Incoming]) -> Result<(), EngineError> {
        let missing = missing(mapping, page);
        if missing.is_empty() || !self.page_held(mapping, page, &missing)? {
            return Ok(());
        }
        let streams = spoke.discover().await.map_err(|error| EngineError::Spoke(mapping.connection.clone(), error))?;
        let Some(stream) = streams.iter().find(|stream| stream.name == mapping.stream) else { return Ok(()) };
        let gone = unlisted(mapping, stream, &missing);
        if gone.is_empty() {
            return Ok(());
        }
        self.forget_streams(&mapping.connection);
        let names = gone.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "{0} of {1} has no {names} any more, which mappings/{2}.toml reads: nothing was taken in, since it is not known what it holds. \
             `nave discover {1} --save`, then `nave mapping lint` says what it may be called now",
            mapping.stream, mapping.connection, mapping.name
        );
        Err(EngineError::Spoke(mapping.connection.clone(), SpokeError::Misconfigured(message)))
    }

    /// Whether one of these fields held something in one of the page's things.
    fn page_held(&self, mapping: &Mapping, page: &[Incoming], missing: &BTreeSet<&str>) -> Result<bool, EngineError> {
        let key = |incoming: &Incoming| RemoteKey::new(&mapping.connection, &mapping.alias, incoming.remote_id.clone());
        let ids = self.store.resolve(&page.iter().map(key).collect::<Vec<_>>())?;
        let ids: Vec<ContributionId> = ids.into_iter().flatten().collect();
        let rows = self.store.contributions(&ids)?;
        let held = |path: &&str| rows.iter().flatten().any(|row| row.shadow.get(*path).is_some_and(|value| !value.is_empty()));
        Ok(missing.iter().any(held))
    }
}

/// Fields that a mapping reads and that no record of a page has, though all are said to be whole.
fn missing<'m>(mapping: &'m Mapping, page: &[Incoming]) -> BTreeSet<&'m str> {
    let bodies: Vec<_> = page
        .iter()
        .filter_map(|incoming| match &incoming.kind {
            IncomingKind::Upsert { pulled, .. } => Some(pulled),
            _ => None,
        })
        .collect();
    if bodies.is_empty() || bodies.iter().any(|pulled| pulled.coverage != Coverage::Complete) {
        return BTreeSet::new();
    }
    let read = mapping.fields.iter().filter(|field| field.direction.reads()).map(|field| field.remote.as_str());
    read.filter(|path| bodies.iter().all(|pulled| find(&pulled.body, path).is_none())).collect()
}

/// Of what is missing, what the system does not list, where it lists all else that the mapping reads: a list that leaves out more is
/// none to go by.
fn unlisted<'m>(mapping: &Mapping, stream: &StreamInfo, missing: &BTreeSet<&'m str>) -> Vec<&'m str> {
    let listed = |path: &str| {
        stream.fields.iter().any(|field| {
            let within = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
            field.path == path || within(&field.path, path) || within(path, &field.path)
        })
    };
    let mut rest =
        mapping.fields.iter().filter(|field| field.direction.reads() && !missing.contains(field.remote.as_str())).peekable();
    if rest.peek().is_none() || !rest.all(|field| listed(&field.remote)) {
        return Vec::new();
    }
    missing.iter().copied().filter(|path| !listed(path)).collect()
}
