//! Creates, updates, deletes.

use serde_json::{Map, Value};

use crate::description::{Field, Stream, Write};
use crate::limits::{BATCH_MAX, ENTRIES_MAX};
use crate::parse::pointer;
use crate::pointer::Pointer;
use crate::reader::{Table, json};
use crate::requests::{Context, header_fits, parameter, path, request};
use crate::streams::naming_id;

/// Makes one.
pub(crate) fn create(table: &Table<'_, '_>, context: &Context<'_>) -> Write {
    let faults = table.faults;
    let mut write = common(table, Write { request: request(table, context, "POST", &[], true), send_all: true, ..plain() });
    write.send_nulls = table.flag("send-nulls");
    write.new_id = table.text("new-id").and_then(|(text, span)| match text.strip_prefix("header:") {
        Some(name) => Some(Err(name.to_owned())),
        None => Pointer::parse(&text).map_err(|why| faults.say(&span, why)).ok().map(Ok),
    });
    write.upsert_by = table.texts("upsert-by").into_iter().map(|text| path(text, table)).collect();
    if table.has("path") && write.returns.is_none() && write.new_id.is_none() {
        faults.say(
            &table.span,
            "how does the new one call itself? Write returns = \"\" where the answer is the whole thing, or new-id = \"/id\"",
        );
    }
    write
}

/// Changes one.
pub(crate) fn update(table: &Table<'_, '_>, context: &Context<'_>) -> Write {
    let write = Write { request: request(table, context, "PATCH", &["id"], true), ..plain() };
    let mut write = common(table, write);
    write.id_at = table.text("id-at").map(|text| path(text, table));
    if write.id_at.is_none() {
        write.request = naming_id(table, write.request);
    }
    write.send_nulls = table.maybe_flag("send-nulls").unwrap_or(true);
    let all = table.choice("send", &[("changed", false), ("all", true)]);
    write.send_all = all.unwrap_or(write.request.method == "PUT");
    write.if_match = parameter(table, "if-match");
    write
}

/// Takes one away.
pub(crate) fn delete(table: &Table<'_, '_>, context: &Context<'_>) -> Write {
    let request = naming_id(table, request(table, context, "DELETE", &["id"], false));
    Write { request, if_match: parameter(table, "if-match"), ..plain() }
}

fn plain() -> Write {
    Write {
        request: crate::description::Request {
            endpoint: String::new(),
            method: String::new(),
            path: crate::template::Template::default(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        },
        put_at: Pointer::default(),
        add: Map::new(),
        id_at: None,
        returns: None,
        new_id: None,
        idempotency_header: None,
        item_refused: None,
        batch: 1,
        send_nulls: false,
        send_all: false,
        if_match: None,
        upsert_by: Vec::new(),
    }
}

/// What creates and updates share.
fn common(table: &Table<'_, '_>, mut write: Write) -> Write {
    let faults = table.faults;
    write.put_at = pointer(table, "put-at").unwrap_or_default();
    write.returns = pointer(table, "returns");
    write.item_refused = pointer(table, "item-refused");
    write.batch = table.number("batch", 1, BATCH_MAX).unwrap_or(1);
    let constants = table.entries("add");
    if let Some(((_, span), _)) = constants.get(ENTRIES_MAX) {
        faults.say(span, format!("`add` has more than {ENTRIES_MAX} entries; take some out"));
    }
    write.add = constants.into_iter().map(|((name, _), node)| (name, json(node, faults))).collect::<Map<String, Value>>();
    write.idempotency_header = table.text("idempotency-header").map(|(name, span)| {
        if !header_fits(&name) {
            faults.say(&span, format!("the header `{name}` cannot be set here; write idempotency-header = \"Idempotency-Key\""));
        }
        name
    });
    if write.item_refused.is_some() && write.returns.is_none() {
        faults.say(&table.span, "`item-refused` is looked for in the thing that comes back; write `returns`");
    }
    if write.batch > 1 {
        if write.returns.is_none() {
            faults.say(&table.span, "a batch is answered one by one; write `returns` with the place of the list of answers");
        }
        if write.put_at.is_whole() && write.request.body.is_some() {
            faults.say(&table.span, "where does the list stand in the body? Write put-at = \"/items\"");
        }
        if write.idempotency_header.is_some() {
            faults.say(&table.span, "one key stands for one thing: take `batch` or `idempotency-header` out");
        }
        let names_one = |piece: &crate::template::Piece| {
            !matches!(piece, crate::template::Piece::Text(_) | crate::template::Piece::Setting(_))
        };
        if write.request.path.pieces.iter().any(names_one) {
            faults
                .say(&table.span, "a batch has one path: take {id} and {record.…} out of it; `id-at` puts the id into the thing");
        }
    }
    write
}

/// The id and the time of the last change are fields, also where no line says so; a search's and an upsert's too.
pub(crate) fn known_fields(stream: &mut Stream) {
    let mut add = |path: &str, kind: &'static str, read_only: bool, unique: bool| {
        if stream.fields.iter().any(|field| field.path == path) {
            return;
        }
        stream.fields.push(Field {
            path: path.to_owned(),
            kind,
            label: path.to_owned(),
            required: false,
            read_only,
            unique,
            max_length: None,
            values: Vec::new(),
            target: None,
            custom: false,
            number: false,
        });
    };
    add(&stream.id.clone(), "text", true, true);
    if let Some(path) = stream.modified.clone() {
        add(&path, "timestamp", true, false);
    }
    if let Some(path) = stream.version.clone() {
        add(&path, "text", true, false);
    }
    let searched: Vec<String> = stream.find.iter().map(|find| find.path.clone()).collect();
    let upserted = stream.create.iter().flat_map(|create| create.upsert_by.clone());
    for path in searched.into_iter().chain(upserted).collect::<Vec<_>>() {
        add(&path, "text", false, false);
    }
}
