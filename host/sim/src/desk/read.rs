//! Lists, look-ups and exports.
//!
//! Lists are paged by cursor (`page[size]`) or by number, in the order of ids. Exports are in the order of changes, and do not show
//! the last minute. Must not know how an object is written out.

use super::{
    Desk,
    fields::Kind,
    known,
    refusal::Refusal,
    render,
    table::{Row, Table},
};
use crate::{
    limits::{DESK_EXPORT_DELAY_MS, DESK_EXPORT_OBJECTS_MAX, DESK_PAGE_OBJECTS_MAX},
    wire::{Call, Reply},
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

fn number(call: &Call, name: &str) -> Result<Option<u64>, Refusal> {
    call.param(name)
        .map(|text| text.parse().map_err(|_| Refusal::attribute(name, &format!("{text} is not a number."))))
        .transpose()
}

fn size(call: &Call, name: &str, most: usize) -> Result<usize, Refusal> {
    let asked = number(call, name)?.and_then(|size| usize::try_from(size).ok()).unwrap_or(most);
    if (1..=most).contains(&asked) {
        return Ok(asked);
    }
    Err(Refusal::attribute(name, &format!("It must be between 1 and {most}.")))
}

/// The same request with other parameters.
fn link(call: &Call, set: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.query.iter().filter(|(key, _)| !set.iter().any(|(name, _)| name == key)));
    query.extend_pairs(set.iter().map(|(name, value)| (*name, value.as_str())));
    format!("{}{}?{}", super::base(call), call.path, query.finish())
}

/// `GET {kind}`
pub(crate) fn list(desk: &Desk, call: &Call, kind: Kind) -> Result<Reply, Refusal> {
    known(
        call,
        &["page[size]", "page[after]", "page", "per_page", "external_id", if kind == Kind::Users { "role" } else { "page" }],
    )?;
    let table = desk.table(kind);
    let external = call.param("external_id");
    let role = call.param("role");
    let wanted =
        |row: &&Row| external.is_none_or(|id| row.text("external_id") == id) && role.is_none_or(|role| row.text("role") == role);
    if call.param("page[size]").is_some() || call.param("page[after]").is_some() {
        return by_cursor(desk, call, kind, wanted);
    }
    let (page, size) = (number(call, "page")?.unwrap_or(1).max(1) as usize, size(call, "per_page", DESK_PAGE_OBJECTS_MAX)?);
    let plain = external.is_none() && role.is_none();
    let count = if plain { table.live_len() } else { table.all_live().filter(wanted).count() };
    let skip = (page - 1).saturating_mul(size);
    let rows: Vec<&Row> = table.all_live().filter(wanted).skip(skip).take(size).collect();
    Ok(counted(call, kind, &rows, count, page, size))
}

fn counted(call: &Call, kind: Kind, rows: &[&Row], count: usize, page: usize, size: usize) -> Reply {
    let next = (page * size < count).then(|| link(call, &[("page", (page + 1).to_string())]));
    let previous = (page > 1).then(|| link(call, &[("page", (page - 1).to_string())]));
    Reply::json(
        200,
        json!({kind.plural(): written(call, kind, rows), "next_page": next, "previous_page": previous, "count": count}),
    )
}

fn written(call: &Call, kind: Kind, rows: &[&Row]) -> Vec<Value> {
    let base = super::base(call);
    rows.iter().map(|row| render::object(kind, row, &base)).collect()
}

fn by_cursor(desk: &Desk, call: &Call, kind: Kind, wanted: impl Fn(&&Row) -> bool) -> Result<Reply, Refusal> {
    let size = size(call, "page[size]", DESK_PAGE_OBJECTS_MAX)?;
    let after = match call.param("page[after]") {
        None => 0,
        Some(text) => decoded(text).and_then(|text| text.parse().ok()).ok_or_else(bad_cursor)?,
    };
    let mut rows: Vec<&Row> = desk.table(kind).after(after).filter(wanted).take(size + 1).collect();
    let more = rows.len() > size;
    rows.truncate(size);
    let cursor = rows.last().map(|row| BASE64.encode(row.id.to_string()));
    let next = cursor.clone().filter(|_| more).map(|cursor| link(call, &[("page[after]", cursor)]));
    let before = rows.first().map(|row| BASE64.encode(row.id.to_string()));
    Ok(Reply::json(
        200,
        json!({
            kind.plural(): written(call, kind, &rows),
            "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": before}, "links": {"next": next, "prev": null},
        }),
    ))
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(text).ok()?).ok()
}

fn bad_cursor() -> Refusal {
    Refusal::Plain(400, "InvalidPaginationParameter", "The cursor is not one of this listing".to_owned())
}

/// `GET {kind}/show_many`
pub(crate) fn several(desk: &Desk, call: &Call, kind: Kind) -> Result<Reply, Refusal> {
    known(call, &["ids", "external_ids"])?;
    let table = desk.table(kind);
    let by_id = call.list("ids").into_iter().filter_map(|id| table.live(id.parse().ok()?)).collect::<Vec<_>>();
    let external = call.list("external_ids");
    let by_external = external.iter().flat_map(|id| table.found("external_id", id));
    let rows: Vec<&Row> = by_id.into_iter().chain(by_external).take(DESK_PAGE_OBJECTS_MAX).collect();
    Ok(counted(call, kind, &rows, rows.len(), 1, DESK_PAGE_OBJECTS_MAX))
}

/// `GET users/search`, `GET organizations/search`
pub(crate) fn search(desk: &Desk, call: &Call, kind: Kind) -> Result<Reply, Refusal> {
    known(call, &["external_id", if kind == Kind::Users { "query" } else { "name" }])?;
    let table = desk.table(kind);
    let rows = match (call.param("external_id"), call.param("query"), call.param("name")) {
        (Some(id), None, None) => table.found("external_id", id),
        (None, Some(query), None) => by_query(table, query),
        (None, None, Some(name)) => table.found("name", name),
        _ => return Err(Refusal::attribute("query", "One thing to search by is needed.")),
    };
    let rows: Vec<&Row> = rows.into_iter().take(DESK_PAGE_OBJECTS_MAX).collect();
    Ok(counted(call, kind, &rows, rows.len(), 1, DESK_PAGE_OBJECTS_MAX))
}

fn by_query<'a>(table: &'a Table, query: &str) -> Vec<&'a Row> {
    let query = query.trim_start_matches("email:").trim_matches('"');
    if query.contains('@') {
        return table.found("email", query);
    }
    let query = query.to_lowercase();
    table.all_live().filter(|row| row.text("name").to_lowercase().contains(&query)).collect()
}

/// `GET incremental/tickets/cursor`, `GET incremental/users/cursor`
pub(crate) fn export(desk: &Desk, call: &Call, kind: Kind, now: i64) -> Result<Reply, Refusal> {
    known(call, &["start_time", "cursor", "per_page", if kind == Kind::Tickets { "exclude_deleted" } else { "cursor" }])?;
    let table = desk.table(kind);
    let size = size(call, "per_page", DESK_EXPORT_OBJECTS_MAX)?;
    let (position, mut cursor) = match (call.param("cursor"), start(call, now)?) {
        (Some(text), None) => {
            let (modified, id) = cursor_of(text).ok_or_else(bad_cursor)?;
            (table.by_modified.rank((modified, id.saturating_add(1))), text.to_owned())
        }
        (None, Some(start)) => (table.by_modified.rank((start, 0)), cursor(start - 1, u64::MAX)),
        _ => return Err(Refusal::attribute("start_time", "A start time or a cursor is needed.")),
    };
    let end = table.by_modified.rank((now - DESK_EXPORT_DELAY_MS + 1, 0)).max(position);
    let entries: Vec<(i64, u64)> = table.by_modified.slice(position..end.min(position + size)).collect();
    if let Some((modified, id)) = entries.last() {
        cursor = self::cursor(*modified, *id);
    }
    let without = call.param("exclude_deleted") == Some("true");
    let rows: Vec<&Row> = entries.iter().filter_map(|(_, id)| table.get(*id)).filter(|row| !(without && row.gone)).collect();
    let mut out = Map::new();
    out.insert(kind.plural().to_owned(), written(call, kind, &rows).into());
    let url = format!(
        "{}{}?{}",
        super::base(call),
        call.path,
        url::form_urlencoded::Serializer::new(String::new()).append_pair("cursor", &cursor).finish()
    );
    out.insert("after_url".to_owned(), url.into());
    out.insert("after_cursor".to_owned(), cursor.into());
    out.insert("before_url".to_owned(), Value::Null);
    out.insert("before_cursor".to_owned(), Value::Null);
    out.insert("end_of_stream".to_owned(), (position + entries.len() >= end).into());
    Ok(Reply::json(200, out.into()))
}

/// `GET incremental/organizations`: by time, to the second, so that the last second is shown again.
pub(crate) fn export_by_time(desk: &Desk, call: &Call, kind: Kind, now: i64) -> Result<Reply, Refusal> {
    known(call, &["start_time", "per_page"])?;
    let table = desk.table(kind);
    let size = size(call, "per_page", DESK_EXPORT_OBJECTS_MAX)?;
    let start = start(call, now)?.ok_or_else(|| Refusal::attribute("start_time", "A start time is needed."))?;
    let position = table.by_modified.rank((start, 0));
    let end = table.by_modified.rank((now - DESK_EXPORT_DELAY_MS + 1, 0)).max(position);
    let mut entries: Vec<(i64, u64)> = table.by_modified.slice(position..end.min(position + size)).collect();
    let last = entries.last().map_or(start, |(modified, _)| *modified).div_euclid(1_000);
    let taken = position + entries.len();
    entries.extend(table.by_modified.slice(taken..end).take_while(|(modified, _)| modified.div_euclid(1_000) == last));
    let rows: Vec<&Row> = entries.iter().filter_map(|(_, id)| table.live(*id)).collect();
    let over = position + entries.len() >= end;
    Ok(Reply::json(
        200,
        json!({
            kind.plural(): written(call, kind, &rows), "next_page": link(call, &[("start_time", last.to_string())]),
            "count": rows.len(), "end_time": last, "end_of_stream": over,
        }),
    ))
}

fn start(call: &Call, now: i64) -> Result<Option<i64>, Refusal> {
    let Some(seconds) = number(call, "start_time")? else { return Ok(None) };
    let start = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
    if start > now - DESK_EXPORT_DELAY_MS {
        let sentence = "Too recent start_time. Use a start_time older than 60 seconds";
        return Err(Refusal::Plain(422, "InvalidValue", sentence.to_owned()));
    }
    Ok(Some(start))
}

fn cursor(modified: i64, id: u64) -> String {
    BASE64.encode(format!("{}.{:03}||{id}|", modified.div_euclid(1_000), modified.rem_euclid(1_000)))
}

fn cursor_of(text: &str) -> Option<(i64, u64)> {
    let text = decoded(text)?;
    let (time, id) = text.strip_suffix('|')?.split_once("||")?;
    let (seconds, millis) = time.split_once('.')?;
    Some((seconds.parse::<i64>().ok()? * 1_000 + millis.parse::<i64>().ok()?, id.parse().ok()?))
}

/// `GET tickets/{id}/comments`
pub(crate) fn comments(desk: &Desk, call: &Call, id: u64) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let row = desk.table(Kind::Tickets).live(id).ok_or_else(Refusal::not_found)?;
    let list: Vec<Value> = row.comments.iter().map(render::comment).collect();
    Ok(Reply::json(200, json!({"comments": list, "next_page": null, "previous_page": null, "count": list.len()})))
}
