//! What the audit says of a run: which plugins were given data of which records, with whose credentials and what for. One line per run,
//! in the commit that closes it; none where nothing was read or sent.

use std::collections::BTreeSet;

use nave_core::accounting::Counts;
use nave_core::catalog::{Catalog, Direction, Mapping};
use nave_core::model::{Access, AuditEntry, DATA_READ, DATA_SENT, Run};

/// The line of a run that ended; none where no data went anywhere.
pub(super) fn line(catalog: &Catalog, mapping: &Mapping, run: &Run) -> Option<AuditEntry> {
    let (action, count) = match &run.counts {
        Counts::In(counts) => (DATA_READ, counts.read),
        Counts::Out(counts) => (DATA_SENT, counts.delivered),
    };
    if count == 0 {
        return None;
    }
    let connection = catalog.connections.get(&mapping.connection);
    let credentials = connection.map(|one| one.credentials.values().map(|credential| credential.secret.clone()));
    let credentials: BTreeSet<String> = credentials.into_iter().flatten().collect();
    let plugin = run.plugins().next().map(|(name, _)| name).unwrap_or_default();
    let access = Access {
        connection: mapping.connection.clone(),
        stream: mapping.stream.clone(),
        plugins: run.plugins().map(|(name, digest)| format!("{name} {digest}")).collect(),
        credentials: credentials.into_iter().collect(),
        entity: mapping.entity.clone(),
        fields: fields(mapping, if action == DATA_READ { Direction::In } else { Direction::Out }),
        count,
        purpose: mapping.purpose().sentence(&catalog.hub).unwrap_or_default(),
        run: Some(run.id),
        ..Access::default()
    };
    Some(AuditEntry {
        at: run.ended_at.unwrap_or(run.started_at),
        actor: format!("plugin:{plugin}"),
        action: action.to_owned(),
        subject: mapping.name.clone(),
        detail: access.detail(),
    })
}

/// Canonical fields that go this way.
pub(crate) fn fields(mapping: &Mapping, way: Direction) -> Vec<String> {
    let goes = |direction: Direction| if way == Direction::In { direction.reads() } else { direction.writes() };
    let scalars = mapping.fields.iter().filter(|field| goes(field.direction)).filter_map(|field| field.canonical.clone());
    let lists = mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list));
    let lists = lists.filter(|list| goes(list.direction)).map(|list| list.canonical.clone());
    scalars.chain(lists).collect::<BTreeSet<_>>().into_iter().collect()
}
