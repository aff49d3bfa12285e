//! Which columns of connected systems are which canonical fields: proposed from what they offer and from a sample of what they
//! hold, read as every other read is. Written only where a person says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nave_core::Value;
use nave_core::catalog::{Catalog, Entity, FieldInfo, FieldMapping, FieldType, Mapping, RemoteType, StreamInfo};
use nave_core::codec::decode;
use nave_core::linkage::Kind;
use nave_core::mapping::find;
use nave_core::suggest::{Column, Unplaced, suggest, unplaced};
use nave_runtime::contract::Operation;
use tokio::task::block_in_place;

use super::configuration::broken;
use super::{audit, unknown};
use crate::api::{ApiError, SuggestAlias, SuggestAnswer, SuggestField, SuggestSide};
use crate::clock::now;
use crate::engine::EngineError;
use crate::hub::Hub;
use crate::project::{self, Listed, Proposed};

/// Things of each stream whose values are looked at.
const SAMPLE_RECORDS: u32 = 200;
/// Streams of one connection that are looked into for the entity, where their names do not tell.
const STREAMS_MAX: usize = 12;

/// What streams of an entity are called in systems.
const CALLED: [(&str, &[&str]); 9] = [
    ("contact", &["contacts", "contact", "people", "persons", "customers", "customer", "leads", "members", "users"]),
    ("company", &["companies", "company", "organizations", "organisations", "accounts", "customers", "parties"]),
    ("product", &["products", "product", "items", "articles"]),
    ("deal", &["deals", "opportunities", "deal"]),
    ("invoice", &["invoices", "invoice", "bills"]),
    ("payment", &["payments", "payment"]),
    ("ticket", &["tickets", "ticket", "cases", "issues"]),
    ("employee", &["employees", "employee", "staff", "workers"]),
    ("user", &["users", "user"]),
];

/// Proposes, and writes where that was asked for.
pub(super) async fn suggest_mapping(
    hub: &Hub,
    connections: &[String],
    entity: &str,
    streams: &[String],
    (steward, apply): (Option<&str>, bool),
    by: &str,
) -> Result<SuggestAnswer, ApiError> {
    let catalog = hub.engine.catalog();
    let entity = catalog.entities.get(entity).ok_or_else(|| unknown("entity", entity, catalog.entities.keys()))?;
    if let Some(name) = connections.iter().find(|name| !catalog.connections.contains_key(*name)) {
        return Err(unknown("connection", name, catalog.connections.keys()));
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut sides = Vec::new();
    let connections: BTreeSet<&String> = connections.iter().collect();
    let chosen = chosen(&connections, streams)?;
    for connection in connections {
        let Side { stream, things, others } = match chosen.get(connection.as_str()) {
            Some(stream) => named(hub, connection, stream).await?,
            None => side(hub, &catalog, entity, connection).await?,
        };
        sides.push(SuggestSide {
            connection: connection.clone(),
            stream: stream.name.clone(),
            sampled: things.len() as u64,
            others,
        });
        columns.extend(columns_of(&catalog, connection, &stream, &things));
    }
    let suggestions = suggest(entity, &columns);
    let placed: BTreeSet<usize> = suggestions.iter().flat_map(|one| one.aliases.iter().map(|alias| alias.column)).collect();
    let mut proposed: BTreeMap<(String, String), Vec<Proposed>> = BTreeMap::new();
    let mut fields = Vec::new();
    for suggestion in &suggestions {
        let mut aliases = Vec::new();
        for alias in &suggestion.aliases {
            let column = &columns[alias.column];
            let percent = (alias.score * 100.0).round() as u64;
            let mapped = column.mapped.is_some();
            if !mapped {
                let at = (column.connection.clone(), column.stream.clone());
                let listed = suggestion.element.as_ref().map(|element| Listed {
                    canonical: element.clone(),
                    remote: column.element.clone().unwrap_or_default(),
                    split: alias.split.map(str::to_owned),
                });
                proposed.entry(at).or_default().push(Proposed {
                    remote: column.path.clone(),
                    canonical: suggestion.field.clone(),
                    listed,
                    inward: alias.inward.map(str::to_owned),
                    because: format!("proposed with {percent} %: {}", alias.reasons.join("; ")),
                });
            }
            aliases.push(SuggestAlias {
                connection: column.connection.clone(),
                stream: column.stream.clone(),
                path: column.path.clone(),
                percent,
                reasons: alias.reasons.clone(),
                inward: alias.inward.map(str::to_owned),
                mapped,
            });
        }
        let label = entity.fields.get(&suggestion.field).map(|field| field.label.clone()).unwrap_or_default();
        // An element of a list is spelled as in `emails[]`.
        let of_list = if suggestion.element.is_some() { "[]" } else { "" };
        fields.push(SuggestField { field: format!("{}{of_list}", suggestion.field), label, aliases });
    }
    fields.sort_by_key(|field| std::cmp::Reverse((field.aliases.len(), field.aliases.iter().map(|one| one.percent).max())));
    let without = unplaced(entity, &columns, &suggestions);
    let mut notes = would_take(entity, &columns, &without);
    notes.extend(twice(&proposed));
    let placed: BTreeSet<usize> = placed.into_iter().chain(without.iter().map(|one| one.column)).collect();
    let rest = columns.iter().enumerate().filter(|(at, column)| !placed.contains(at) && column.mapped.is_none());
    let rest = rest.map(|(_, column)| format!("{}/{}.{}", column.connection, column.stream, column.path)).collect();
    let today = now().to_string();
    let today = today.get(..10).unwrap_or_default();
    let edits = block_in_place(|| {
        project::propose(&hub.dir, &project::Asked { entity: &entity.name, steward, today, apply }, &proposed)
    })?;
    if edits.written && !edits.files.is_empty() {
        for file in &edits.files {
            audit(&hub.engine, by, "configuration.edited", &file.path, &edits.what).await?;
        }
        block_in_place(|| hub.reload())?;
    }
    Ok(SuggestAnswer { entity: entity.name.clone(), sides, fields, notes, rest, edits })
}

/// What it would take for columns that have no place: their field is one value, and has one already.
fn would_take(entity: &Entity, columns: &[Column], without: &[Unplaced]) -> Vec<String> {
    let mut by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in without {
        let column = &columns[one.column];
        by.entry(&one.field).or_default().push(format!("{}/{}.{}", column.connection, column.stream, column.path));
    }
    let note = |(field, paths): (&str, Vec<String>)| {
        let known = &entity.fields[field];
        let (list, key, kind) = match known.kind {
            FieldType::Email => ("emails", "address", "email"),
            _ => ("phones", "number", "phone"),
        };
        let personal = if known.personal { ", personal = true" } else { "" };
        format!(
            "{} may be `{field}` too, and {} has room for one of a system and no list. To keep them all, give it a list: in \
             entities/{}.toml under [fields], {list} = {{ type = \"list\", key = [\"{key}\"], fields = {{ {key} = \"{kind}\", kind = \
             \"text\" }}{personal} }}; then ask again",
            paths.join(", "),
            entity.name,
            entity.name
        )
    };
    by.into_iter().map(note).collect()
}

/// Columns that are proposed as a field and as an element of a list: both are meant, and a person may want one of them.
fn twice(proposed: &BTreeMap<(String, String), Vec<Proposed>>) -> Vec<String> {
    let mut by: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for ((connection, stream), fields) in proposed {
        for list in fields.iter().filter(|field| field.listed.is_some()) {
            let field = fields.iter().find(|field| field.listed.is_none() && field.remote == list.remote);
            if let Some(field) = field {
                let column = format!("{connection}/{stream}.{}", list.remote);
                by.entry((&field.canonical, &list.canonical)).or_default().push(column);
            }
        }
    }
    let note = |((field, list), columns): ((&str, &str), Vec<String>)| {
        let (verb, line) = if columns.len() == 1 { ("is", "its line") } else { ("are", "their lines") };
        format!(
            "{} {verb} proposed as `{field}`, which holds the one that wins, and as an element of `{list}`, which holds all that are \
             known anywhere. To keep one of the two only, take {line} of the other out of the file",
            columns.join(", ")
        )
    };
    by.into_iter().map(note).collect()
}

/// A stream with some of its things, and the others that may hold such things.
struct Side {
    stream: StreamInfo,
    things: Vec<Value>,
    others: Vec<String>,
}

/// Which stream of which connection was asked for.
fn chosen<'a>(connections: &BTreeSet<&'a String>, streams: &'a [String]) -> Result<BTreeMap<&'a str, &'a str>, ApiError> {
    let mut chosen = BTreeMap::new();
    for text in streams {
        let of_one = text.split_once('/').filter(|(connection, _)| connections.iter().any(|known| known == connection));
        let (connection, stream) = match (of_one, connections.first()) {
            (Some((connection, stream)), _) => (connection, stream),
            (None, Some(only)) if connections.len() == 1 => (only.as_str(), text.as_str()),
            _ => {
                let all: Vec<&str> = connections.iter().map(|name| name.as_str()).collect();
                return Err(ApiError::usage(format!("of which connection is the stream `{text}`?")).help(format!(
                    "write `--stream {}/{text}`; connections are {}",
                    all.first().unwrap_or(&""),
                    all.join(", ")
                )));
            }
        };
        if chosen.insert(connection, stream).is_some() {
            return Err(ApiError::usage(format!("two streams of `{connection}`"))
                .help("one stream of a connection is looked at: ask for the other one by itself"));
        }
    }
    Ok(chosen)
}

async fn streams_of(hub: &Hub, connection: &str) -> Result<Arc<Vec<StreamInfo>>, ApiError> {
    let failed = |error| match error {
        EngineError::Spoke(name, error) => broken(&name, error),
        error => error.into(),
    };
    hub.engine.streams(connection).await.map_err(failed)
}

/// The stream that a person named.
async fn named(hub: &Hub, connection: &str, stream: &str) -> Result<Side, ApiError> {
    let streams = streams_of(hub, connection).await?;
    let Some(found) = streams.iter().find(|known| known.name == stream) else {
        return Err(unknown("stream", stream, streams.iter().map(|known| &known.name)));
    };
    Ok(Side { stream: found.clone(), things: sample(hub, connection, stream).await?, others: Vec::new() })
}

/// The stream of a connection that holds an entity's things, with some of them.
async fn side(hub: &Hub, catalog: &Catalog, entity: &Entity, connection: &str) -> Result<Side, ApiError> {
    let streams = streams_of(hub, connection).await?;
    let mapped = catalog.mappings.values().find(|one| one.connection == connection && one.entity == entity.name);
    if let Some(mapping) = mapped
        && let Some(stream) = streams.iter().find(|stream| stream.name == mapping.stream)
    {
        let things = sample(hub, connection, &stream.name).await?;
        return Ok(Side { stream: stream.clone(), things, others: Vec::new() });
    }
    let called: &[&str] = CALLED.iter().find(|(name, _)| *name == entity.name).map(|(_, called)| *called).unwrap_or_default();
    let named = called.iter().find_map(|name| streams.iter().find(|stream| stream.name.eq_ignore_ascii_case(name)));
    if let Some(stream) = named {
        let things = sample(hub, connection, &stream.name).await?;
        let alike = |other: &&StreamInfo| called.iter().any(|name| other.name.eq_ignore_ascii_case(name));
        let others = streams.iter().filter(|other| other.name != stream.name && other.capabilities.readable).filter(alike);
        return Ok(Side { stream: stream.clone(), things, others: others.map(|other| other.name.clone()).collect() });
    }
    let mut others: Vec<String> = Vec::new();
    let mut best: Option<(f64, StreamInfo, Vec<Value>)> = None;
    for stream in streams.iter().filter(|stream| stream.capabilities.readable).take(STREAMS_MAX) {
        let things = sample(hub, connection, &stream.name).await?;
        let found = suggest(entity, &columns_of(catalog, connection, stream, &things));
        let sum: f64 = found.iter().flat_map(|one| &one.aliases).map(|alias| alias.score).sum();
        if sum > 0.0 {
            others.push(stream.name.clone());
        }
        if sum > 0.0 && best.as_ref().is_none_or(|(known, ..)| sum > *known) {
            best = Some((sum, stream.clone(), things));
        }
    }
    let of = |(_, stream, things): (f64, StreamInfo, Vec<Value>)| {
        others.retain(|other| *other != stream.name);
        Side { stream, things, others }
    };
    best.map(of).ok_or_else(|| {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        ApiError::not_found(format!("no stream of {connection} looks as if it held a {}", entity.name))
            .help(format!(
                "it has {}; `nave mapping suggest {connection} --stream {}` looks at one of them, or map one by hand: mappings/NAME.toml",
                names.join(", "),
                names.first().map_or("NAME".to_owned(), |name| crate::shell::word(name).to_string())
            ))
    })
}

/// Some things of a stream. Nothing is kept of them, and the flow's checkpoint stays where it is.
async fn sample(hub: &Hub, connection: &str, stream: &str) -> Result<Vec<Value>, ApiError> {
    let spoke = hub.engine.spoke(connection)?;
    let page = spoke.read(stream.to_owned(), None, SAMPLE_RECORDS).await.map_err(|error| broken(connection, error))?;
    let alive = page.records.into_iter().filter(|record| record.operation == Operation::Upsert);
    Ok(alive.filter_map(|record| decode(&record.body).ok()).collect())
}

fn columns_of(catalog: &Catalog, connection: &str, stream: &StreamInfo, things: &[Value]) -> Vec<Column> {
    let text = |value: &Value| match value {
        Value::Text(text) | Value::Number(text) => Some(text.to_string()).filter(|text| !text.trim().is_empty()),
        _ => None,
    };
    let own = || catalog.mappings.values().filter(|one| one.connection == connection && one.stream == stream.name);
    let mapped = |path: &str| {
        let fields = own().flat_map(|mapping| &mapping.fields);
        let speaks = |field: &&FieldMapping| field.remote == path || field.inputs.iter().any(|input| input == path);
        let fields = fields.filter(speaks).map(|field| field.canonical.clone());
        let lists = own().flat_map(|mapping| &mapping.lists).filter(|list| path == list.remote);
        let lists = lists.map(|list| Some(list.canonical.clone()));
        // What the hub itself writes there: constants, and the mark by which it knows its own.
        let marks = |mapping: &Mapping| mapping.flow_out.as_ref().is_some_and(|flow| flow.marker.as_deref() == Some(path));
        let constant = own().any(|mapping| mapping.constants.contains_key(path) || marks(mapping)).then_some(None);
        let all: Vec<Option<String>> = fields.chain(lists).chain(constant).collect();
        (!all.is_empty()).then(|| all.into_iter().flatten().collect())
    };
    let column = |field: &FieldInfo| {
        let mut column = Column {
            mapped: mapped(&field.path),
            connection: connection.to_owned(),
            stream: stream.name.clone(),
            path: field.path.clone(),
            label: field.label.clone(),
            kind: field.kind,
            element: None,
            values: things.iter().filter_map(|thing| find(thing, &field.path).and_then(text)).collect(),
        };
        if let RemoteType::List | RemoteType::Json = field.kind {
            (column.element, column.values) = elements_of(things, &field.path);
        }
        column
    };
    stream.fields.iter().map(column).collect()
}

/// Where the elements of a list hold a mailbox or a telephone, and what they hold there: the elements themselves, or of a list of
/// objects the text that most of them have and that looks like one.
fn elements_of(things: &[Value], path: &str) -> (Option<String>, Vec<String>) {
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let list = |value: &Value| match value {
        Value::List(elements) => Some(elements.clone()),
        _ => None,
    };
    for element in things.iter().filter_map(|thing| find(thing, path)).filter_map(list).flatten() {
        match &element {
            Value::Text(text) => held.entry(String::new()).or_default().push(text.to_string()),
            Value::Object(parts) => {
                for (name, value) in parts {
                    if let Value::Text(text) = value {
                        held.entry(name.to_string()).or_default().push(text.to_string());
                    }
                }
            }
            _ => {}
        }
    }
    let told = |name: &str, values: &[String]| {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        matches!(Kind::guess(name, &values), Kind::Email | Kind::Phone | Kind::Mobile)
    };
    let best = held.into_iter().filter(|(name, values)| told(name, values)).max_by_key(|(_, values)| values.len());
    best.map_or((None, Vec::new()), |(name, values)| (Some(name), values))
}
