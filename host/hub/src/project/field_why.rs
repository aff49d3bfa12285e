//! Why a field is read, written, or neither: what its vendor allows, what somebody here decided, what the schemas say.

use nave_core::catalog::{Direction, FieldInfo, FieldLine, StreamInfo, Survivorship, lineage};

use super::lineage::canonical;
use super::local::{survivorship, unknown};
use super::{Project, load_streams, read};
use crate::api::{Answer, ApiError, FieldReason, FieldReasonsAnswer, direction_word};

/// Reasons for a field: `books.customer.balance` (connection, stream, path) or `contact.email` (entity, field).
pub(super) fn field_why(project: &Project, name: &str) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    let first = name.split('.').next().unwrap_or_default();
    if let (Some(_), Some((_, rest))) = (catalog.connections.get(first), name.split_once('.')) {
        return remote(project, first, rest);
    }
    if !catalog.entities.contains_key(first) {
        return Err(unknown("connection or entity", first, catalog.connections.keys().chain(catalog.entities.keys()))
            .help("name it as CONNECTION.STREAM.FIELD (books.customers.balance) or ENTITY.FIELD (contact.email)"));
    }
    let (entity, field) = canonical(catalog, name)?;
    let lines = lineage(catalog);
    let of = |line: &&FieldLine| {
        let at = line.field.as_deref().unwrap_or_default();
        line.entity == entity && (at == field || at.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with('.')))
    };
    let ways: Vec<&FieldLine> = lines.iter().filter(of).collect();
    let mut reasons = policy(project, &entity, &field);
    for way in &ways {
        reasons.push(FieldReason {
            kind: "policy".into(),
            why: format!("{}/{}.{}: {}", way.connection, way.stream, way.remote, said(way)),
            place: place(project, &way.mapping, &way.remote),
        });
    }
    let what = match ways.len() {
        0 => "no mapping reads or writes it".to_owned(),
        _ => {
            let from = ways.iter().filter(|way| way.direction.reads()).count();
            let to = ways.iter().filter(|way| way.direction.writes()).count();
            format!("comes from {from} systems' fields and goes to {to}")
        }
    };
    let writable = ways.iter().any(|way| way.direction.writes());
    Ok(Answer::FieldReasons(FieldReasonsAnswer { field: format!("{entity}.{field}"), what, writable, reasons }))
}

fn said(line: &FieldLine) -> String {
    match &line.because {
        Some(because) => format!("{}, because {because}", direction_word(line.direction)),
        None => format!("{}; the mapping says no reason", direction_word(line.direction)),
    }
}

/// Line of a mapping's file where a path is spoken of.
fn place(project: &Project, mapping: &str, remote: &str) -> Option<String> {
    let file = format!("mappings/{mapping}.toml");
    let text = read::text(&project.place.dir.join(&file)).ok()?;
    let last = remote.rsplit('.').next().unwrap_or(remote);
    let at = text.find(&format!("\"{remote}\"")).or_else(|| text.find(&format!("\"{last}\"")))?;
    Some(format!("{file}:{}", text[..at].matches('\n').count() + 1))
}

fn policy(project: &Project, entity: &str, field: &str) -> Vec<FieldReason> {
    let Some(known) = project.catalog.entities.get(entity) else { return Vec::new() };
    let Some(policy) = known.fields.get(field) else { return Vec::new() };
    let decided = if policy.decided { "" } else { ", as it ships: nobody has decided it" };
    let because = policy.because.as_ref().map(|because| format!(", because {because}")).unwrap_or_default();
    let who = match known.steward_of(field) {
        "" => String::new(),
        steward => format!("; {steward} answers for it"),
    };
    let on = match (&policy.decided_by, &policy.decided_on) {
        (Some(by), Some(on)) => format!("; decided by {by} on {on}"),
        (Some(by), None) => format!("; decided by {by}"),
        (None, Some(on)) => format!("; decided on {on}"),
        (None, None) => String::new(),
    };
    vec![FieldReason {
        kind: "policy".into(),
        why: format!("who wins: {}{decided}{because}{on}{who}", survivorship(&policy.survivorship)),
        place: Some(format!("entities/{entity}.toml")),
    }]
}

fn remote(project: &Project, connection: &str, rest: &str) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    let streams = load_streams(&project.place.dir, connection)?.unwrap_or_default();
    let mapped: Vec<String> = catalog
        .mappings
        .values()
        .filter(|mapping| mapping.connection == connection)
        .flat_map(|mapping| std::iter::once(mapping.stream.clone()).chain(mapping.parts.iter().map(|part| part.stream.clone())))
        .collect();
    let names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).chain(mapped).collect();
    let named = |stream: &str| rest.strip_prefix(stream).and_then(|rest| rest.strip_prefix('.'));
    // A stream's name may be said in the singular: books.customer.balance.
    let singular = |stream: &str| stream.strip_suffix('s').and_then(named);
    let found = names.iter().find_map(|stream| Some((stream.as_str(), named(stream)?)));
    let found = found.or_else(|| names.iter().find_map(|stream| Some((stream.as_str(), singular(stream)?))));
    let (stream, path) = found.ok_or_else(|| unknown(&format!("stream of {connection} in"), rest, names.iter()))?;
    let info = streams.iter().find(|one| one.name == stream);
    let path = info.and_then(|info| by_last_part(info, path)).unwrap_or(path);
    let field = info.and_then(|info| info.fields.iter().find(|field| field.path == path));
    let lines: Vec<FieldLine> = lineage(catalog)
        .into_iter()
        .filter(|line| line.connection == connection && line.stream == stream && line.remote == path)
        .collect();
    if let (Some(info), None, true) = (info, field, lines.is_empty()) {
        let paths: Vec<String> = info.fields.iter().map(|field| field.path.clone()).collect();
        return Err(unknown(&format!("field of {connection}/{stream}"), path, paths.iter()));
    }
    let mut reasons = vendor(connection, info, field);
    let can = reasons.is_empty();
    for line in &lines {
        reasons.push(FieldReason { kind: "policy".into(), why: said(line), place: place(project, &line.mapping, &line.remote) });
        reasons.extend(owned_elsewhere(project, connection, line));
    }
    if info.is_none() {
        reasons.push(FieldReason {
            kind: "schema".into(),
            why: format!("what {connection} offers is not known yet: `nave connection discover {connection} --save` asks it"),
            place: None,
        });
    }
    if lines.is_empty() {
        reasons.push(FieldReason {
            kind: "schema".into(),
            why: "no mapping speaks of it, so it is neither read nor written".into(),
            place: catalog
                .mappings
                .values()
                .find(|mapping| mapping.connection == connection && mapping.stream == stream)
                .map(|mapping| format!("mappings/{}.toml", mapping.name)),
        });
    }
    let what = match lines.as_slice() {
        [] => "is not mapped".to_owned(),
        lines => lines.iter().map(|line| direction_word(line.direction)).collect::<Vec<_>>().join("; "),
    };
    let writable = can && lines.iter().any(|line| line.direction.writes());
    let name = format!("{connection}/{stream}.{path}");
    Ok(Answer::FieldReasons(FieldReasonsAnswer { field: name, what, writable, reasons }))
}

/// `lastname` for `properties.lastname`, where one path alone ends so and none is called so.
fn by_last_part<'i>(info: &'i StreamInfo, name: &str) -> Option<&'i str> {
    let mut ending = info
        .fields
        .iter()
        .map(|field| field.path.as_str())
        .filter(|path| path.strip_suffix(name).is_some_and(|before| before.ends_with('.')));
    let found = ending.next()?;
    (ending.next().is_none() && info.fields.iter().all(|field| field.path != name)).then_some(found)
}

/// What the system itself does not let anybody do.
fn vendor(connection: &str, stream: Option<&StreamInfo>, field: Option<&FieldInfo>) -> Vec<FieldReason> {
    let reason = |why: String| FieldReason { kind: "vendor".into(), why, place: None };
    let mut found = Vec::new();
    if let Some(stream) = stream.filter(|stream| !stream.capabilities.writable) {
        found.push(reason(format!("{connection} lets nobody write {} through its interface", stream.name)));
    }
    if let Some(field) = field.filter(|field| field.read_only) {
        let label = if field.label.is_empty() { &field.path } else { &field.label };
        found.push(reason(format!("{connection} itself says that `{label}` is read-only: it computes it, or keeps it")));
    }
    found
}

/// It is written there because another system owns it: an edit there is put back.
fn owned_elsewhere(project: &Project, connection: &str, line: &FieldLine) -> Option<FieldReason> {
    let entity = project.catalog.entities.get(&line.entity)?;
    let name = line.field.as_deref()?;
    let policy = entity.fields.get(name).or_else(|| entity.fields.get(name.rsplit_once('.')?.0))?;
    let Survivorship::Owner(owner) = &policy.survivorship else { return None };
    if owner == connection || line.direction == Direction::Ignore {
        return None;
    }
    let because = policy.because.as_ref().map(|because| format!(", because {because}")).unwrap_or_default();
    Some(FieldReason {
        kind: "policy".into(),
        why: format!("{owner} owns {}.{}{because}: an edit made in {connection} is put back", line.entity, policy.name),
        place: Some(format!("entities/{}.toml", line.entity)),
    })
}
