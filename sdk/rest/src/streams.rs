//! Streams: fields, lists, paging, single things.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeValue;

use crate::description::{Field, Find, Get, Paging, Read, Since, Stream, Style, TimeFormat};
use crate::fault::instead;
use crate::keys;
use crate::limits::{FIELDS_MAX, OVERLAP_ROWS_MAX, OVERLAP_S_MAX, PAGE_ROWS_MAX, READ_LAG_MS_MAX};
use crate::parse::{errors, marked, pointer};
use crate::reader::{Node, Table, choose};
use crate::requests::{Context, header_fits, parameter, path, request, templates};
use crate::template::{Allowed, Template};
use crate::writes;

const FORMATS: [(&str, TimeFormat); 9] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("rfc3339-ms", TimeFormat::Rfc3339Ms),
    ("local", TimeFormat::Local),
    ("sql", TimeFormat::Sql),
    ("date", TimeFormat::Date),
    ("http-date", TimeFormat::HttpDate),
    ("unix", TimeFormat::Unix),
    ("unix-ms", TimeFormat::UnixMs),
    ("dotnet", TimeFormat::Dotnet),
];

const TYPES: [&str; 14] = [
    "text",
    "integer",
    "decimal",
    "boolean",
    "date",
    "timestamp",
    "email",
    "phone",
    "url",
    "enum",
    "reference",
    "list",
    "object",
    "json",
];

/// A stream.
pub(crate) fn stream(
    name: &str,
    span: &Range<usize>,
    table: &Table<'_, '_>,
    context: &Context<'_>,
    streams: &BTreeSet<String>,
) -> Stream {
    let faults = table.faults;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        faults.say(span, format!("{name:?} is no name of a stream: 1 to 64 letters, digits, -, _ and ."));
    }
    let own_path = |key: &str| table.text(key).map(|text| path(text, table));
    let id = own_path("id").unwrap_or_else(|| "id".to_owned());
    let read = table.node("read").map(|node| read(&Table::of(node, keys::READ, faults), table, context, &id));
    if read.is_none() {
        for key in ["page", "since"] {
            if table.has(key) {
                faults.say(
                    &table.span,
                    format!("[streams.{name}.{key}] goes with a list; write [streams.{name}.read] with path and records"),
                );
            }
        }
    }
    let get = table.node("get").map(|node| {
        let get = Table::of(node, keys::GET, faults);
        Get {
            request: naming_id(&get, request(&get, context, "GET", &["id"], false)),
            record: pointer(&get, "record").unwrap_or_default(),
            etag: get.flag("etag"),
        }
    });
    let find = table.entries("find").into_iter().map(|((field, _), node)| {
        let find = Table::of(node, keys::FIND, faults);
        let list = read.as_ref();
        Find {
            path: field,
            request: request(&find, context, "GET", &["value"], false),
            records: pointer(&find, "records").or_else(|| list.map(|read| read.records.clone())).unwrap_or_default(),
            record: pointer(&find, "record").or_else(|| list.map(|read| read.record.clone())).unwrap_or_default(),
            any_case: find.flag("any-case"),
        }
    });
    let mut stream = Stream {
        name: name.to_owned(),
        label: table.text("label").map_or_else(|| label(name), |(text, _)| text),
        modified: own_path("modified"),
        modified_format: table.choice("modified-format", &FORMATS).unwrap_or_default(),
        version: own_path("version"),
        deleted: table.node("deleted").map(|node| {
            let table = Table::of(node, keys::DELETED, faults);
            let (text, is) = marked(&table, "path", "\"archived\"");
            (path(text, &table), is)
        }),
        merged_into: own_path("merged-into"),
        read_lag_ms: table.number("read-lag-ms", 0, READ_LAG_MS_MAX).unwrap_or(0),
        fields: fields(table, streams),
        find: find.collect(),
        create: table.node("create").map(|node| writes::create(&Table::of(node, keys::CREATE, faults), context)),
        update: table.node("update").map(|node| writes::update(&Table::of(node, keys::UPDATE, faults), context)),
        delete: table.node("delete").map(|node| writes::delete(&Table::of(node, keys::DELETE, faults), context)),
        errors: table.node("errors").map(|node| errors(&Table::of(node, keys::ERRORS, faults))).unwrap_or_default(),
        id,
        read,
        get,
    };
    writes::known_fields(&mut stream);
    let writable = stream.create.is_some() || stream.update.is_some() || stream.delete.is_some();
    if stream.read.is_none() && stream.get.is_none() {
        faults.say(
            &table.span,
            format!("the stream can be neither listed nor read; write [streams.{name}.read] with path and records"),
        );
    } else if writable && stream.get.is_none() {
        faults.say(
            &table.span,
            format!("what is written is read right before and after; write [streams.{name}.get] with path = \"/{name}/{{id}}\""),
        );
    }
    if let Some(since) = stream.read.as_ref().and_then(|read| read.since.as_ref())
        && since.ascending
        && stream.modified.is_none()
    {
        faults
            .say(&table.span, "`ascending` goes by the time of the last row; write under the stream: modified = \"updated_at\"");
    }
    for write in [&stream.update, &stream.delete].into_iter().flatten() {
        let etag = stream.get.as_ref().is_some_and(|get| get.etag);
        if write.if_match.is_some() && stream.version.is_none() && !etag {
            faults.say(
                &table.span,
                "`if-match` needs a version: write under the stream version = \"PATH\", or etag = true under its get",
            );
        }
    }
    stream
}

/// `order_lines` → `Order lines`.
fn label(name: &str) -> String {
    let words = name.replace(['_', '-', '.'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A request about one thing names its id somewhere.
pub(crate) fn naming_id(table: &Table<'_, '_>, request: crate::description::Request) -> crate::description::Request {
    if !(request.path.has("id") || request.query.iter().any(|(_, value)| value.has("id")) || table.has("body")) {
        table.faults.say(&table.span, "which one? Put {id} into the path: path = \"/customers/{id}\"");
    }
    request
}

fn fields(table: &Table<'_, '_>, streams: &BTreeSet<String>) -> Vec<Field> {
    let faults = table.faults;
    let all = table.entries("fields");
    if let Some(((_, span), _)) = all.get(FIELDS_MAX) {
        faults.say(span, format!("there are more than {FIELDS_MAX} fields; take those out that nobody maps"));
    }
    all.into_iter().take(FIELDS_MAX).map(|((name, span), node)| field(path((name, span), table), node, table, streams)).collect()
}

fn field(path: String, node: &Node<'_>, table: &Table<'_, '_>, streams: &BTreeSet<String>) -> Field {
    let faults = table.faults;
    let types = TYPES.map(|name| (name, name));
    let name = label(path.rsplit('.').next().unwrap_or(&path));
    let plain = Field {
        path,
        kind: "text",
        label: name,
        required: false,
        read_only: false,
        unique: false,
        max_length: None,
        values: Vec::new(),
        target: None,
        custom: false,
        number: false,
    };
    if let DeValue::String(word) = node.get_ref() {
        let kind = choose(word, &node.span(), "type", &types, faults).unwrap_or("text");
        return Field { kind, ..plain };
    }
    let own = Table::of(node, keys::FIELD, faults);
    let target = own.text("target").map(|(target, span)| {
        if !streams.contains(&target) {
            let known = streams.iter().map(String::as_str);
            faults.say(&span, format!("there is no stream `{target}`; {}", instead(&target, known)));
        }
        target
    });
    Field {
        kind: own.choice("type", &types).unwrap_or("text"),
        label: own.text("label").map_or(plain.label, |(text, _)| text),
        required: own.flag("required"),
        read_only: own.flag("read-only"),
        unique: own.flag("unique"),
        max_length: own.number("max-length", 1, u32::MAX),
        values: own.texts("values").into_iter().map(|(text, _)| text).collect(),
        target,
        custom: own.flag("custom"),
        number: own.flag("number"),
        path: plain.path,
    }
}

fn read(table: &Table<'_, '_>, stream: &Table<'_, '_>, context: &Context<'_>, id: &str) -> Read {
    let faults = table.faults;
    let request = request(table, context, "GET", &[], false);
    if table.has("path") && !table.has("records") {
        faults.say(
            &table.span,
            "where is the list in the answer? Write records = \"/data\", or records = \"\" where the answer is the list",
        );
    }
    Read {
        request,
        records: pointer(table, "records").unwrap_or_default(),
        record: pointer(table, "record").unwrap_or_default(),
        may_be_missing: table.flag("may-be-missing"),
        page: stream.node("page").map(|node| page(&Table::of(node, keys::PAGE, faults), id)).unwrap_or_default(),
        since: stream.node("since").and_then(|node| since(&Table::of(node, keys::SINCE, faults), context)),
    }
}

const STYLES: [(&str, u8); 8] =
    [("none", 0), ("page", 1), ("offset", 2), ("cursor", 3), ("header-cursor", 4), ("link", 5), ("next-url", 6), ("keyset", 7)];

/// Which style takes which key, besides `style`, `size`, `size-parameter`.
const TAKES: [(&str, &[u8]); 10] = [
    ("parameter", &[1, 2, 3, 4, 7]),
    ("first", &[1]),
    ("cursor", &[3, 4]),
    ("next", &[6]),
    ("strip", &[5, 6]),
    ("field", &[7]),
    ("more", &[1, 2, 3, 4, 6, 7]),
    ("total", &[0, 1, 2, 3, 4, 5, 6, 7]),
    ("overlap", &[2]),
    ("stable", &[1, 2]),
];

fn page(table: &Table<'_, '_>, id: &str) -> Paging {
    let faults = table.faults;
    table.needed("style", "\"page\"");
    let Some(style) = table.choice("style", &STYLES) else { return Paging::default() };
    let word = STYLES[usize::from(style)].0;
    for (key, styles) in TAKES {
        if let Some(node) = table.node(key)
            && !styles.contains(&style)
        {
            faults.say(&node.span(), format!("`{key}` means nothing with style = \"{word}\"; take it out"));
        }
    }
    let needed_parameter = |example: &str| {
        table.needed("parameter", example);
        parameter(table, "parameter")
    };
    let needed_pointer = |key: &str, example: &str| {
        table.needed(key, example);
        pointer(table, key).unwrap_or_default()
    };
    let strip = || table.text("strip").map(|(text, _)| text).unwrap_or_default();
    let mut paging = Paging {
        style: Style::None,
        parameter: None,
        size: table.number("size", 1, PAGE_ROWS_MAX),
        size_parameter: parameter(table, "size-parameter"),
        more: pointer(table, "more"),
        total: pointer(table, "total"),
        overlap: table.number("overlap", 0, OVERLAP_ROWS_MAX).unwrap_or(0),
        stable: table.flag("stable"),
        said: true,
    };
    paging.style = match style {
        1 => {
            paging.parameter = needed_parameter("\"page\"");
            Style::Page { first: u64::from(table.number("first", 0, 1).unwrap_or(1)) }
        }
        2 => {
            paging.parameter = needed_parameter("\"offset\"");
            Style::Offset
        }
        3 => {
            paging.parameter = needed_parameter("\"cursor\"");
            Style::Cursor(needed_pointer("cursor", "\"/meta/next_cursor\""))
        }
        4 => {
            paging.parameter = needed_parameter("\"cursor\"");
            let (name, span) = table.needed("cursor", "\"X-Next-Cursor\"");
            if table.has("cursor") && !header_fits(&name) {
                faults.say(&span, format!("`{name}` is no header's name; write cursor = \"X-Next-Cursor\""));
            }
            Style::HeaderCursor(name)
        }
        5 => Style::Link { strip: strip() },
        6 => Style::NextUrl { next: needed_pointer("next", "\"/next\""), strip: strip() },
        7 => {
            paging.parameter = needed_parameter("\"after\"");
            Style::Keyset { field: table.text("field").map_or_else(|| id.to_owned(), |text| path(text, table)) }
        }
        _ => Style::None,
    };
    if paging.size_parameter.is_some() && paging.size.is_none() {
        faults.say(&table.span, "`size-parameter` carries the number of rows; write size = 100");
    }
    if matches!(paging.style, Style::Offset) && paging.size.is_none() {
        faults
            .say(&table.span, "an offset counts rows; write size = 100, and size-parameter = \"limit\" where the system has one");
    }
    if paging.size.is_some_and(|size| paging.overlap >= size) {
        faults.say(&table.span, "`overlap` is less than `size`, or no page would go on");
    }
    paging
}

fn since(table: &Table<'_, '_>, context: &Context<'_>) -> Option<Since> {
    let faults = table.faults;
    table.needed("parameter", "\"updated_since\"");
    let allowed = Allowed { settings: context.settings, words: &["since"], record: false };
    let value = match table.text("value") {
        None => Template { pieces: vec![crate::template::Piece::Word("since")] },
        Some((text, span)) => {
            let template = Template::parse(&text, allowed).map_err(|why| faults.say(&span, why)).unwrap_or_default();
            if !template.has("since") {
                faults.say(&span, "`value` says where the time stands; write {since} into it");
            }
            template
        }
    };
    Some(Since {
        parameter: parameter(table, "parameter")?,
        value,
        format: table.choice("format", &FORMATS).unwrap_or_default(),
        overlap_s: table.number("overlap-s", 0, OVERLAP_S_MAX).unwrap_or(60),
        ascending: table.flag("ascending"),
        query: templates(table, "query", Allowed { words: &["since"], ..allowed }),
    })
}
