//! `mappings/*.toml`: a stream ↔ an entity, checked against both of their schemas.

mod field;
mod fit;
mod flow;
mod list;
mod part;
mod policy;
mod purpose;
mod scope;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::entity::did_you_mean;
use super::reader::{File, Table};
use super::{Connection, Direction, Entity, Hub, ListMapping, Mapping, NO_FILE_YET, PartMapping, StreamInfo};
use crate::manifest::Function;
use crate::mapping::{self, External};
use scope::Side;

/// What a mapping is checked against.
pub(super) struct Known<'k> {
    pub(super) hub: &'k Hub,
    pub(super) entities: &'k BTreeMap<String, Arc<Entity>>,
    /// Also those whose files have mistakes of their own.
    pub(super) connection_names: &'k BTreeSet<String>,
    pub(super) connections: &'k BTreeMap<String, Arc<Connection>>,
    pub(super) streams: &'k dyn Fn(&str) -> Option<&'k [StreamInfo]>,
    pub(super) lookups: &'k BTreeMap<String, Arc<mapping::Table>>,
    pub(super) functions: &'k BTreeMap<String, Function>,
}

const DIRECTIONS: &[(&str, Direction)] =
    &[("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both), ("ignore", Direction::Ignore)];

/// The schemas that one mapping stands between, and what was found while reading it.
struct Between<'k, 'f> {
    file: &'f File<'f>,
    known: &'k Known<'k>,
    entity: &'k Entity,
    stream: Option<&'k StreamInfo>,
    externals: Vec<External>,
}

/// `None` when connection, stream or entity do not resolve: nothing else can be checked then.
pub(super) fn read<'k>(file: &File<'_>, mut table: Table<'_>, known: &'k Known<'k>) -> Option<Mapping> {
    let connection = table.needed("connection", "the connection's file name: connection = \"crm\"");
    let stream = table.needed("stream", "a stream of the connection: stream = \"contacts\"");
    let entity = table.needed("entity", "a canonical type: entity = \"contact\"");
    if let Some(connection) = &connection
        && !known.connection_names.contains(&connection.value)
    {
        let help = did_you_mean(&connection.value, known.connection_names)
            .or_else(|| Some(format!("add connections/{}.toml with `nave connection add PLUGIN`", connection.value)));
        file.error(connection.span.clone(), "unknown-connection", format!("there is no connection `{}`", connection.value), help);
    }
    let known_entity = entity.as_ref().and_then(|entity| {
        let found = known.entities.get(&entity.value);
        if found.is_none() {
            let help = did_you_mean(&entity.value, known.entities.keys())
                .or_else(|| Some(format!("known are {}", known.entities.keys().cloned().collect::<Vec<_>>().join(", "))));
            file.error(entity.span.clone(), "unknown-entity", format!("there is no entity `{}`", entity.value), help);
        }
        found
    });
    let (connection, stream, known_entity) = (connection?, stream?, known_entity?);
    let writes = table.has_within("flow", "out");
    let streams = (known.streams)(&connection.value);
    let stream_info = streams.and_then(|streams| {
        let found = streams.iter().find(|info| info.name == stream.value);
        // No file makes a stream that is written to: either it is offered, or nothing can go there.
        let waits = known.connections.get(&connection.value).filter(|_| !writes);
        let waits = waits.and_then(|connection| connection.no_file_yet(streams));
        if let (None, Some(folders)) = (found, waits) {
            file.warning(
                stream.span.clone(),
                NO_FILE_YET,
                format!(
                    "there was no file in {folders} when `{}` was last asked: `{}` is not checked yet",
                    connection.value, stream.value
                ),
                Some(format!("with the first file there: `nave connection discover {} --save`", connection.value)),
            );
        } else if found.is_none() {
            let names: Vec<String> = streams.iter().map(|info| info.name.clone()).collect();
            let help = did_you_mean(&stream.value, &names).unwrap_or_else(|| match names.as_slice() {
                [] => format!("it offered nothing; `nave connection discover {} --save` asks again", connection.value),
                names => format!("it has {}", names.join(", ")),
            });
            file.error(
                stream.span.clone(),
                "unknown-stream",
                format!("`{}` offers no stream `{}`", connection.value, stream.value),
                Some(help),
            );
        }
        found
    });
    let mut between = Between { file, known, entity: known_entity, stream: stream_info, externals: Vec::new() };

    let steward = table.plain("steward");
    let critical = table.flag("critical").unwrap_or_default();
    let mut flow_in = None;
    let mut flow_out = None;
    let mut on_leave = 0..0;
    if let Some(mut flow) = table.table("flow") {
        flow_in = flow.table("in").map(|inner| between.flow_in(inner));
        flow_out = flow.table("out").map(|inner| {
            on_leave = inner.key_span("on-leave");
            between.flow_out(inner)
        });
        let place = flow.key_span("canary");
        let canary = flow.table("canary").map(|inner| between.canary(inner));
        match (&mut flow_out, canary) {
            (Some(out), canary) => out.canary = canary,
            (None, Some(_)) => between.file.error(
                place,
                "no-flow",
                "a canary is written, and nothing is written here".to_owned(),
                Some("add [flow.out]".to_owned()),
            ),
            (None, None) => {}
        }
        flow.finish();
    }
    let id = table.text("id").and_then(|text| between.expression(&text, None, Side::Remote, false));
    let constants = between.values(&mut table, "constants");
    let archive = between.values(&mut table, "archive");
    let restore = between.values(&mut table, "restore");
    if let Some(flow) = &mut flow_out {
        flow.create = table.flag("create").unwrap_or(true);
        flow.marker = between.lookup_path(&mut table, "marker");
        flow.natural_key = between.lookup_path(&mut table, "natural-key");
        flow.required = table.texts("required").into_iter().map(|path| between.remote(&path).value).collect();
    } else {
        for key in ["create", "marker", "natural-key", "required", "archive", "restore"] {
            if table.has(key) {
                file.error(
                    table.key_span(key),
                    "no-flow",
                    format!("`{key}` is about writing, and nothing is written"),
                    Some("add [flow.out]".to_owned()),
                );
            }
        }
        table.flag("create");
        table.text("marker");
        table.text("natural-key");
        table.texts("required");
    }
    let duplicates = table.word("duplicates", policy::DUPLICATES);
    let delete = table.word("delete", policy::DELETES);

    let mut fields = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::new();
    for inner in table.tables("field") {
        let span = inner.key_span("remote");
        if let Some(field) = between.field(inner) {
            fields.push(field);
            places.push(span);
        }
    }
    let mut lists: Vec<ListMapping> = Vec::new();
    let mut list_places: Vec<Range<usize>> = Vec::new();
    for inner in table.tables("list") {
        let span = inner.key_span("canonical");
        if let Some(list) = between.list(inner) {
            lists.push(list);
            list_places.push(span);
        }
    }
    let mut parts: Vec<PartMapping> = Vec::new();
    for inner in table.tables("part") {
        let place = inner.key_span("canonical");
        if let Some(part) = between.part(inner, &connection.value, &stream.value) {
            between.part_clash(&part, place, &lists, &parts);
            parts.push(part);
        }
    }
    let policies = policy::Places {
        archive: table.key_span("archive"),
        restore: table.key_span("restore"),
        duplicates: table.key_span("duplicates"),
        on_leave,
    };
    table.finish();
    between.clashes(&fields, &places);
    between.list_clashes(&lists, &list_places);

    let mapping = Mapping {
        name: file.stem().to_owned(),
        alias: stream.value.clone(),
        connection: connection.value,
        stream: stream.value,
        entity: entity?.value,
        critical,
        steward: steward.unwrap_or_else(|| known_entity.steward.clone()),
        id,
        flow_in,
        flow_out,
        claim_order: crate::intake::claim_order(&fields),
        watched: crate::intake::watched(&fields),
        fields,
        lists,
        parts,
        externals: between.externals,
        transforms: BTreeMap::new(),
        constants,
        archive,
        restore,
        duplicates: duplicates.map_or_else(Default::default, |word| word.value),
        delete: delete.map_or_else(Default::default, |word| word.value),
        digest: String::new(),
    };
    whole::whole(file, &mapping, stream_info, &places);
    policy::check(file, &mapping, stream_info, &policies);
    Some(mapping)
}
