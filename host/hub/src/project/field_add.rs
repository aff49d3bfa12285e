//! `nave field add`: a canonical field, where it comes from and where it goes to, in one go.

use std::path::Path;

use nave_core::catalog::{Catalog, FieldInfo, Mapping, RemoteType, StreamInfo};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::edit::{Edit, present, try_edits, write_edits};
use super::load::Sources;
use super::load_streams;
use super::local::unknown;
use super::policy::field_table;
use crate::api::{Answer, ApiError, EditsAnswer};

/// What a person said of the new field.
#[derive(Clone, Debug, Default)]
pub struct NewField<'n> {
    /// `contact.loyalty_tier`.
    pub field: &'n str,
    /// Connection that it comes from.
    pub from: &'n str,
    /// Path there; none: found by name.
    pub from_path: Option<&'n str>,
    /// Connections that it goes to.
    pub to: &'n [String],
    /// Path there, where the name does not tell it: `mail=merge_fields.TIER`.
    pub to_paths: &'n [String],
    /// Type; none: as it is over there.
    pub kind: Option<&'n str>,
    /// Why.
    pub because: Option<&'n str>,
}

/// One end that a field is mapped at.
struct End<'c> {
    mapping: &'c Mapping,
    path: String,
    info: Option<FieldInfo>,
}

/// Adds a field to an entity and to the mappings that it goes through, or says what would be written.
pub fn field_add(dir: &Path, new: &NewField<'_>, apply: bool) -> Result<Answer, ApiError> {
    let mut sources = Sources::read(dir)?;
    let catalog = match sources.check()? {
        Ok((catalog, _)) => catalog,
        Err(found) => return Err(ApiError::configuration(&found)),
    };
    let (entity, name) = new.field.split_once('.').ok_or_else(|| {
        ApiError::usage(format!("`{}` is no field", new.field)).help("name it as ENTITY.FIELD: contact.loyalty_tier")
    })?;
    let known = catalog.entities.get(entity).ok_or_else(|| unknown("entity", entity, catalog.entities.keys()))?;
    let from = end(dir, &catalog, entity, name, new.from, new.from_path)?;
    let mut to = Vec::new();
    for connection in new.to {
        let said = new.to_paths.iter().find_map(|path| path.split_once('=').filter(|(name, _)| name == connection));
        to.push(end(dir, &catalog, entity, name, connection, said.map(|(_, path)| path))?);
    }
    if from.mapping.fields.iter().any(|field| field.direction.reads() && field.canonical.as_deref() == Some(name)) {
        return Err(ApiError::usage(format!("mappings/{}.toml reads `{name}` already", from.mapping.name))
            .help(format!("`nave flows --entity {entity} --field {name}` shows where it goes")));
    }
    let because = new.because.map_or_else(|| format!("{} knows it, and nobody types it twice", new.from), str::to_owned);
    let mut edits = Vec::new();
    if !known.fields.contains_key(name) {
        // Who answers for the entity does; where nobody was named, whoever answers for where it comes from.
        let steward = Some(known.steward.as_str()).filter(|steward| !steward.is_empty());
        let others = || known.fields.values().find_map(|field| field.steward.as_deref());
        let mapping = Some(from.mapping.steward.as_str()).filter(|steward| !steward.is_empty());
        let steward = if steward.is_some() { None } else { others().or(mapping) };
        edits.push(entity_edit(&sources, entity, name, new, (&because, steward), from.info.as_ref())?);
    }
    edits.push(mapping_edit(&sources, &from, name, "in", &because)?);
    for end in &to {
        edits.push(mapping_edit(&sources, end, name, "out", &because)?);
    }
    let (_, findings) = try_edits(&mut sources, &edits)?;
    if apply {
        write_edits(dir, &edits)?;
    }
    Ok(Answer::Edits(EditsAnswer {
        what: format!(
            "{entity}.{name}: from {}/{}.{} to {}",
            new.from,
            from.mapping.stream,
            from.path,
            to.iter()
                .map(|end| format!("{}/{}.{}", end.mapping.connection, end.mapping.stream, end.path))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        files: edits.iter().map(Edit::shown).collect(),
        findings,
        written: apply,
        next: backfill(&from, &to),
        notes: Vec::new(),
    }))
}

/// What is typed until the field is filled everywhere.
fn backfill(from: &End<'_>, to: &[End<'_>]) -> Vec<String> {
    let mut next = vec![format!(
        "`nave sync {} --full`: what is newly mapped is unknown, never empty, until it was read; this reads every {} once, and \
         sends nothing before its plan is agreed to",
        from.mapping.name, from.mapping.entity
    )];
    for end in to {
        let name = &end.mapping.name;
        next.push(format!("`nave plan {name}`: what would be filled in there, record by record"));
        next.push(format!(
            "`nave apply --flow {name} --limit 5`: writes five of them, and reads them back; then `nave apply --flow {name}`"
        ));
        next.push(format!("`nave sync {name}`: writes the rest"));
    }
    next
}

/// The mapping of a connection for the entity, and the path of the field there.
fn end<'c>(
    dir: &Path,
    catalog: &'c Catalog,
    entity: &str,
    name: &str,
    connection: &str,
    said: Option<&str>,
) -> Result<End<'c>, ApiError> {
    if !catalog.connections.contains_key(connection) {
        return Err(unknown("connection", connection, catalog.connections.keys()));
    }
    let mut mappings = catalog.mappings.values().filter(|mapping| mapping.connection == connection && mapping.entity == entity);
    let mapping = mappings.next().ok_or_else(|| {
        ApiError::not_found(format!("{connection} has no mapping for {entity}"))
            .help(format!("`nave mapping suggest {connection} --entity {entity}` proposes one"))
    })?;
    let streams = load_streams(dir, connection)?.unwrap_or_default();
    let stream = streams.iter().find(|stream| stream.name == mapping.stream);
    let field = |path: &str| stream.and_then(|stream| stream.fields.iter().find(|field| field.path == path)).cloned();
    if let Some(path) = said {
        return Ok(End { mapping, path: path.to_owned(), info: field(path) });
    }
    let stream = stream.ok_or_else(|| {
        ApiError::usage(format!("what {connection} offers is not known yet"))
            .help(format!("`nave connection discover {connection} --save` asks it; or say the path: --from-path, --to-path"))
    })?;
    let found = by_name(stream, name).ok_or_else(|| {
        let near: Vec<String> = stream.fields.iter().map(|field| field.path.clone()).collect();
        let shown = near.iter().take(30).cloned().collect::<Vec<_>>().join(", ");
        let option = "--from-path PATH, or --to-path CONNECTION=PATH";
        ApiError::not_found(format!("{connection}/{} has no field like `{name}`", stream.name))
            .help(format!("make it there and discover again, or say which it is: {option}; it has {shown}"))
    })?;
    Ok(End { mapping, path: found.path.clone(), info: Some(found.clone()) })
}

/// The field whose last name is this one, whatever the spelling: `loyalty_tier`, `loyaltyTier`, `LOYALTYTIER`.
fn by_name<'s>(stream: &'s StreamInfo, name: &str) -> Option<&'s FieldInfo> {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(name);
    let last = |path: &str| plain(path.rsplit('.').next().unwrap_or(path));
    stream.fields.iter().find(|field| last(&field.path) == wanted || plain(&field.label) == wanted)
}

fn parsed(text: Option<&str>, path: &str) -> Result<DocumentMut, ApiError> {
    text.unwrap_or_default()
        .parse()
        .map_err(|error: toml_edit::TomlError| ApiError::failed(format!("{path}: {}", error.message())))
}

fn entity_edit(
    sources: &Sources,
    entity: &str,
    name: &str,
    new: &NewField<'_>,
    (because, steward): (&str, Option<&str>),
    info: Option<&FieldInfo>,
) -> Result<Edit, ApiError> {
    let path = format!("entities/{entity}.toml");
    let before = present(sources, &path);
    let mut document = parsed(before.as_deref(), &path)?;
    let table = field_table(&mut document, name).ok_or_else(|| ApiError::failed(format!("{path}: `fields` is no table")))?;
    table.insert("type", value(new.kind.unwrap_or_else(|| info.map_or("text", |info| canonical_type(info.kind)))));
    if new.kind.is_none()
        && let Some(info) = info.filter(|info| info.kind == RemoteType::Enum && !info.values.is_empty())
    {
        table.insert("values", value(info.values.iter().map(String::as_str).collect::<toml_edit::Array>()));
    }
    if let Some(label) = info.map(|info| info.label.as_str()).filter(|label| !label.is_empty()) {
        table.insert("label", value(label));
    }
    table.insert("survivorship", value(InlineTable::from_iter([("owner", Value::from(new.from))])));
    if let Some(steward) = steward {
        table.insert("steward", value(steward));
    }
    table.insert("because", value(because));
    Ok(Edit { path, before, after: document.to_string() })
}

/// The canonical type that holds a remote one.
pub(super) fn canonical_type(kind: RemoteType) -> &'static str {
    match kind {
        RemoteType::Integer => "integer",
        RemoteType::Decimal => "decimal",
        RemoteType::Boolean => "boolean",
        RemoteType::Date => "date",
        RemoteType::Timestamp => "timestamp",
        RemoteType::Email => "email",
        RemoteType::Phone => "phone",
        RemoteType::Url => "url",
        RemoteType::Enum => "enum",
        RemoteType::Object | RemoteType::Json => "object",
        RemoteType::Text | RemoteType::Reference | RemoteType::List => "text",
    }
}

fn mapping_edit(sources: &Sources, end: &End<'_>, name: &str, direction: &str, because: &str) -> Result<Edit, ApiError> {
    let path = format!("mappings/{}.toml", end.mapping.name);
    let before = present(sources, &path);
    let mut document = parsed(before.as_deref(), &path)?;
    add_field(&mut document, &end.path, Some(name), direction, None, because)
        .map_err(|why| ApiError::failed(format!("{path}: {why}")))?;
    Ok(Edit { path, before, after: document.to_string() })
}

/// Adds a `[[field]]` after the others. One that says that this path is ignored gives way.
pub(super) fn add_field(
    document: &mut DocumentMut,
    remote: &str,
    canonical: Option<&str>,
    direction: &str,
    inward: Option<&str>,
    because: &str,
) -> Result<(), String> {
    let fields = document.entry("field").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let fields = fields.as_array_of_tables_mut().ok_or("`field` is no [[field]]")?;
    fields.retain(|table| {
        let text = |key: &str| table.get(key).and_then(Item::as_str);
        !(text("remote") == Some(remote) && text("direction") == Some("ignore"))
    });
    let mut table = Table::new();
    table.insert("remote", value(remote));
    if let Some(canonical) = canonical {
        table.insert("canonical", value(canonical));
    }
    table.insert("direction", value(direction));
    if let Some(inward) = inward {
        table.insert("in", value(inward));
    }
    table.insert("because", value(because));
    table.decor_mut().set_prefix("\n");
    fields.push(table);
    Ok(())
}
