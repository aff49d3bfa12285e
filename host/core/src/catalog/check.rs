//! All files of a project → the checked catalog, or everything that is wrong with them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::entity::{self, did_you_mean};
use super::reader::{At, File};
use super::{
    Catalog, Connection, Diagnostic, Entity, FieldType, Hub, LockedPlugin, Mapping, Numbers, PluginInfo, Severity, SourceFile,
    StreamInfo, System, connection, effective, hub, left_out, mapping_file, ownership, secrets, unlimited,
};
use crate::manifest::{Function, PluginKind};
use crate::mapping::{External, Table};

/// Checks everything at once. `plugins` are the installed ones, by name.
/// Answers the catalog with warnings, or every error (and warning) there is.
///
/// Files are told apart by their paths: `nave.toml`, `systems.toml`, `nave.lock`, `entities/*.toml`,
/// `connections/*.toml`, `mappings/*.toml`, `lookups/*.toml`. Others are not looked at.
pub fn check(
    files: &[SourceFile],
    plugins: &BTreeMap<String, PluginInfo>,
) -> Result<(Catalog, Vec<Diagnostic>), Vec<Diagnostic>> {
    let found = RefCell::new(Vec::new());
    let catalog = read(files, plugins, &found);
    let mut found = found.into_inner();
    found.sort_by(|a, b| (&a.path, a.span, a.code).cmp(&(&b.path, b.span, b.code)));
    found.dedup();
    without_consequences(&mut found);
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) { Err(found) } else { Ok((catalog, found)) }
}

/// Leaves out what only follows from a file that cannot be read: what it says is unknown, and nothing is missing for all that is known.
/// Of a mapping nothing is made of that; of the others everybody else makes something.
fn without_consequences(found: &mut Vec<Diagnostic>) {
    let unread = |one: &Diagnostic| one.code == "syntax" && one.severity == Severity::Error;
    if !found.iter().any(unread) {
        return;
    }
    let others = found.iter().any(|one| unread(one) && !one.path.starts_with("mappings/"));
    found.retain(|one| unread(one) || !others && one.severity == Severity::Error);
    // What a parser says of one line after its first word is about the first.
    found.dedup_by(|later, first| unread(later) && unread(first) && (&later.path, later.line) == (&first.path, first.line));
}

/// What is in order of files that are not: everything but connections and mappings that have an error in their file, and what is said
/// of the files. For taking power away and for looking at what is wrong; never for running.
pub fn lenient(files: &[SourceFile], plugins: &BTreeMap<String, PluginInfo>) -> (Catalog, Vec<Diagnostic>) {
    let found = RefCell::new(Vec::new());
    let mut catalog = read(files, plugins, &found);
    let found = found.into_inner();
    let errors = |folder: &str, name: &str| {
        let path = format!("{folder}/{name}.toml");
        found.iter().any(|one: &Diagnostic| one.severity == Severity::Error && one.path == path)
    };
    catalog.connections.retain(|name, _| !errors("connections", name));
    let connections = &catalog.connections;
    catalog.mappings.retain(|name, mapping| connections.contains_key(&mapping.connection) && !errors("mappings", name));
    (catalog, found)
}

fn in_folder<'s>(files: &'s [SourceFile], folder: &'s str) -> impl Iterator<Item = &'s SourceFile> {
    files.iter().filter(move |source| {
        source
            .path
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|rest| rest.ends_with(".toml") && !rest.contains('/'))
    })
}

fn named<'s>(files: &'s [SourceFile], path: &str) -> Option<&'s SourceFile> {
    files.iter().find(|source| source.path == path)
}

fn stem(source: &SourceFile) -> &str {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".toml").unwrap_or(name)
}

fn read(files: &[SourceFile], plugins: &BTreeMap<String, PluginInfo>, found: &RefCell<Vec<Diagnostic>>) -> Catalog {
    let hub: Hub = one(files, "nave.toml", found, |file, parsed| hub::hub(file.root(parsed))).unwrap_or_default();
    let systems: BTreeMap<String, System> =
        one(files, "systems.toml", found, |file, parsed| hub::systems(&file.root(parsed))).unwrap_or_default();
    let (locked, numbers): (BTreeMap<String, LockedPlugin>, Numbers) = match named(files, "nave.lock") {
        Some(source) => {
            // Digests look like secrets, and are none.
            let file = File::new(source, found);
            file.parse().map(|parsed| hub::lock(file.root(&parsed))).unwrap_or_default()
        }
        None => Default::default(),
    };

    let connection_names: BTreeSet<String> = in_folder(files, "connections").map(|source| stem(source).to_owned()).collect();
    let entities = entities(files, &connection_names, found);

    let known = connection::Known { hub: &hub, systems: &systems, plugins, locked: &locked };
    let connections: BTreeMap<String, Arc<Connection>> =
        each(files, "connections", found, |file, parsed| connection::read(file, file.root(parsed), &known))
            .into_iter()
            .map(|connection| (connection.name.clone(), Arc::new(connection)))
            .collect();

    let lookups: BTreeMap<String, Arc<Table>> =
        each(files, "lookups", found, |file, parsed| Some(hub::lookup(file, &file.root(parsed))))
            .into_iter()
            .map(|table| (table.name.clone(), Arc::new(table)))
            .collect();
    // Of a transform whose file is not there the lock knows what it had.
    let missing = locked.iter().filter(|(name, _)| !plugins.contains_key(*name)).map(|(name, lock)| (name, &lock.functions));
    let there = plugins
        .iter()
        .filter(|(_, info)| info.manifest.kind == PluginKind::Transform)
        .map(|(name, info)| (name, &info.manifest.functions));
    let owned: BTreeMap<String, (Function, String)> = missing
        .chain(there)
        .flat_map(|(name, functions)| functions.iter().map(|function| (function.name.clone(), (function.clone(), name.clone()))))
        .collect();
    let functions: BTreeMap<String, Function> =
        owned.iter().map(|(name, (function, _))| (name.clone(), function.clone())).collect();
    let streams = |name: &str| -> Option<&[StreamInfo]> {
        let plugin = &connections.get(name)?.plugin;
        Some(plugins.get(plugin)?.streams.get(name)?.as_slice())
    };
    let known = mapping_file::Known {
        hub: &hub,
        entities: &entities,
        connection_names: &connection_names,
        connections: &connections,
        streams: &streams,
        lookups: &lookups,
        functions: &functions,
    };
    let mut mappings: Vec<Mapping> =
        each(files, "mappings", found, |file, parsed| mapping_file::read(file, file.root(parsed), &known));
    aliases(files, &mut mappings, found);
    unlimited::unlimited(files, &mappings, &entities, found);
    let unowned = ownership::unowned(&mappings, &entities);
    ownership::report(files, &unowned, found);
    left_out::report(files, &mappings, found);
    references(
        files,
        mappings.iter().filter(|mapping| connection_names.contains(&mapping.connection)).collect::<Vec<_>>().as_slice(),
        &entities,
        found,
    );
    for mapping in &mappings {
        for call in &mapping.externals {
            if let Some((_, plugin)) = owned.get(&call.function).filter(|(_, plugin)| !plugins.contains_key(plugin)) {
                without_plugin(files, mapping, &call.function, plugin, found);
            }
            if let Some((_, plugin)) = owned.get(&call.function).filter(|(function, _)| function.explain.trim().is_empty()) {
                unexplained(files, mapping, &call.function, plugin, found);
            }
        }
    }
    for mapping in &mut mappings {
        let build = |call: &External| {
            let plugin = &owned.get(&call.function)?.1;
            Some((call.function.clone(), locked.get(plugin)?.digest.clone()))
        };
        mapping.transforms = mapping.externals.iter().filter_map(build).collect();
        let mut effective: Vec<SourceFile> = files
            .iter()
            .filter(|source| belongs(source, mapping))
            .chain(&entity_source(&mapping.entity))
            .map(effective::effective)
            .collect();
        // Another build of a function that it calls is another mapping.
        let called =
            |(function, build): (&String, &String)| SourceFile { path: format!("function {function}"), text: build.clone() };
        effective.extend(mapping.transforms.iter().map(called));
        mapping.digest = digest(effective.iter());
    }
    let mut all: Vec<&SourceFile> = files.iter().collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    let shipped = entity::shipped();
    let digest = digest(all.into_iter().chain(&shipped));
    Catalog {
        hub,
        systems,
        entities,
        connections,
        mappings: mappings.into_iter().map(|mapping| (mapping.name.clone(), Arc::new(mapping))).collect(),
        plugins: locked,
        numbers,
        unowned,
        functions: owned.into_iter().map(|(function, (_, plugin))| (function, plugin)).collect(),
        digest,
    }
}

/// A mapping that calls a function of a plugin whose file is not there is held; everything else goes on.
fn without_plugin(files: &[SourceFile], mapping: &Mapping, function: &str, plugin: &str, found: &RefCell<Vec<Diagnostic>>) {
    let Some(source) = named(files, &format!("mappings/{}.toml", mapping.name)) else { return };
    let at = source.text.find(function).map_or(0..0, |at| at..at + function.len());
    File::new(source, found).warning(
        at,
        "missing-plugin",
        format!(
            "the flow is held: `{function}` is of plugin `{plugin}`, whose file is missing, or is not the one that nave.lock pins"
        ),
        Some("install it again: nave plugin install FILE.wasm".to_owned()),
    );
}

/// What a transform does has to be said in plain English: a mapping is narrated to people who read no code.
fn unexplained(files: &[SourceFile], mapping: &Mapping, function: &str, plugin: &str, found: &RefCell<Vec<Diagnostic>>) {
    let Some(source) = named(files, &format!("mappings/{}.toml", mapping.name)) else { return };
    let at = source.text.find(function).map_or(0..0, |at| at..at + function.len());
    File::new(source, found).error(
        at,
        "missing-explain",
        format!("`{function}` of plugin `{plugin}` does not say what it does"),
        Some("its manifest completes \"the value …\": explain = \"written as an international phone number\"".to_owned()),
    );
}

type Parsed<'f> = toml::Spanned<toml::de::DeTable<'f>>;

fn one<T>(
    files: &[SourceFile],
    path: &str,
    found: &RefCell<Vec<Diagnostic>>,
    read: impl for<'a> Fn(&'a File<'a>, &'a Parsed<'a>) -> T,
) -> Option<T> {
    let source = named(files, path)?;
    parsed(source, found, |file, parsed| Some(read(file, parsed)))
}

fn each<T>(
    files: &[SourceFile],
    folder: &str,
    found: &RefCell<Vec<Diagnostic>>,
    read: impl for<'a> Fn(&'a File<'a>, &'a Parsed<'a>) -> Option<T>,
) -> Vec<T> {
    in_folder(files, folder)
        .filter_map(|source| {
            let file = File::new(source, found);
            let name = stem(source);
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')) {
                file.error(
                    0..0,
                    "bad-name",
                    format!("`{name}` is no name: lower-case letters, digits, `-` and `_`"),
                    Some("rename the file".to_owned()),
                );
            }
            parsed(source, found, &read)
        })
        .collect()
}

fn parsed<T>(
    source: &SourceFile,
    found: &RefCell<Vec<Diagnostic>>,
    read: impl for<'a> Fn(&'a File<'a>, &'a Parsed<'a>) -> Option<T>,
) -> Option<T> {
    let file = File::new(source, found);
    let parsed = file.parse()?;
    secrets::scan(&file, parsed.get_ref());
    read(&file, &parsed)
}

fn entities(
    files: &[SourceFile],
    connections: &BTreeSet<String>,
    found: &RefCell<Vec<Diagnostic>>,
) -> BTreeMap<String, Arc<Entity>> {
    let mut entities = entity::shipped_entities();
    let mut loose: Vec<(&SourceFile, entity::Loose)> = Vec::new();
    for source in in_folder(files, "entities") {
        let base = entities.get(stem(source)).cloned();
        let read = parsed(source, found, |file, parsed| Some(entity::read(file, file.root(parsed), base.as_deref())));
        if let Some((entity, names)) = read {
            loose.push((source, names));
            entities.insert(entity.name.clone(), Arc::new(entity));
        }
    }
    for (source, names) in loose {
        let file = File::new(source, found);
        for At { value, span } in names.entities.into_iter().filter(|name| !entities.contains_key(&name.value)) {
            file.error(span, "unknown-entity", format!("there is no entity `{value}`"), did_you_mean(&value, entities.keys()));
        }
        for At { value, span } in
            names.connections.into_iter().filter(|name| !connections.contains(&name.value) && name.value != "steward")
        {
            file.error(
                span,
                "unknown-connection",
                format!("there is no connection `{value}`"),
                did_you_mean(&value, connections),
            );
        }
    }
    entities
}

/// Keys of contributions: the stream, or `stream#entity` where one stream feeds several entities.
fn aliases(files: &[SourceFile], mappings: &mut [Mapping], found: &RefCell<Vec<Diagnostic>>) {
    let mut feeds: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
    for mapping in mappings.iter() {
        let entities = feeds.entry((mapping.connection.clone(), mapping.stream.clone())).or_default();
        if let Some(other) = entities.insert(mapping.entity.clone(), mapping.name.clone())
            && let Some(source) = named(files, &format!("mappings/{}.toml", mapping.name))
        {
            let message = format!(
                "mappings/{other}.toml maps `{}` of `{}` to {} already",
                mapping.stream, mapping.connection, mapping.entity
            );
            File::new(source, found).error(0..0, "mapped-twice", message, Some("put all of its fields into one file".to_owned()));
        }
    }
    for mapping in mappings {
        let several = feeds.get(&(mapping.connection.clone(), mapping.stream.clone())).is_some_and(|entities| entities.len() > 1);
        mapping.alias = if several { format!("{}#{}", mapping.stream, mapping.entity) } else { mapping.stream.clone() };
    }
}

/// Every stream that a reference points into is mapped, to the entity that the field wants.
fn references(
    files: &[SourceFile],
    mappings: &[&Mapping],
    entities: &BTreeMap<String, Arc<Entity>>,
    found: &RefCell<Vec<Diagnostic>>,
) {
    for &mapping in mappings {
        let Some(source) = named(files, &format!("mappings/{}.toml", mapping.name)) else {
            continue;
        };
        let file = File::new(source, found);
        for field in &mapping.fields {
            let target = field.canonical.as_ref().and_then(|name| match &entities.get(&mapping.entity)?.fields.get(name)?.kind {
                FieldType::Reference(target) => Some(target.as_str()),
                _ => None,
            });
            let streams: BTreeSet<&str> =
                field.read.iter().chain(&field.write).flat_map(|expression| expression.reference_streams()).collect();
            for stream in streams {
                let at = source
                    .text
                    .find(&format!("({stream})"))
                    .or_else(|| source.text.find(stream))
                    .map_or(0..0, |at| at..at + stream.len());
                let same = || mappings.iter().filter(|other| other.connection == mapping.connection);
                match same().find(|other| other.alias == stream) {
                    Some(other) if target.is_some_and(|target| target != other.entity) => {
                        let message = format!(
                            "`{stream}` holds {} records, and `{}` points to {}",
                            other.entity,
                            field.canonical.as_deref().unwrap_or_default(),
                            target.unwrap_or_default()
                        );
                        file.error(at, "wrong-reference", message, None);
                    }
                    Some(_) => {}
                    None => {
                        let known: Vec<String> = same().map(|other| other.alias.clone()).collect();
                        let split: Vec<&str> =
                            known.iter().filter(|alias| alias.split('#').next() == Some(stream)).map(String::as_str).collect();
                        let help = match split.as_slice() {
                            [] => did_you_mean(stream, &known)
                                .unwrap_or_else(|| "until it is mapped too, these references stay unresolved".to_owned()),
                            all => format!("it feeds several entities: write reference({})", all.join(") or reference(")),
                        };
                        let message = format!("`{stream}` of `{}` is not mapped", mapping.connection);
                        if split.is_empty() {
                            file.warning(at, "unmapped-reference", message, Some(help));
                        } else {
                            file.error(at, "wrong-reference", message, Some(help));
                        }
                    }
                }
            }
        }
    }
}

/// Whether a change of this file changes what the mapping does.
fn belongs(source: &SourceFile, mapping: &Mapping) -> bool {
    source.path == format!("mappings/{}.toml", mapping.name)
        || source.path == format!("entities/{}.toml", mapping.entity)
        || source.path == format!("connections/{}.toml", mapping.connection)
        || source.path.starts_with("lookups/")
}

fn entity_source(entity: &str) -> Vec<SourceFile> {
    entity::shipped().into_iter().filter(|source| stem(source) == entity).collect()
}

/// Hexadecimal, the same on every machine; the order of the files does not matter.
fn digest<'s>(files: impl Iterator<Item = &'s SourceFile>) -> String {
    let mut files: Vec<&SourceFile> = files.collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for file in files {
        for part in [&file.path, &file.text] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("{:032x}", hash.digest128())
}
