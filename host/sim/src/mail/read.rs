//! Listings: pages by number, filters, and the parts of an answer that a client wants.

use super::{Mail, known, member::Member, refusal::Refusal};
use crate::{
    limits::{MAIL_PAGE_OBJECTS_DEFAULT, MAIL_PAGE_OBJECTS_MAX},
    time,
    wire::Call,
};
use serde_json::{Map, Value, json};

/// Parameters that every listing has.
pub(crate) const PAGING: [&str; 4] = ["count", "offset", "fields", "exclude_fields"];

/// How many are wanted, and how many are left out before them.
pub(crate) fn window(call: &Call) -> Result<(usize, usize), Refusal> {
    let number = |name: &str, default: usize| match call.param(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Refusal::field(name, "Schema describes integer")),
    };
    let (count, offset) = (number("count", MAIL_PAGE_OBJECTS_DEFAULT)?, number("offset", 0)?);
    if count > MAIL_PAGE_OBJECTS_MAX {
        return Err(Refusal::field("count", format!("This value should be {MAIL_PAGE_OBJECTS_MAX} or less.")));
    }
    Ok((count, offset))
}

/// The same page of things that are few.
pub(crate) fn paged(call: &Call, name: &str, all: Vec<Value>) -> Result<Map<String, Value>, Refusal> {
    let (count, offset) = window(call)?;
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(offset).take(count).collect();
    Ok(Map::from_iter([
        (name.to_owned(), page.into()),
        ("total_items".to_owned(), total.into()),
        ("_links".to_owned(), json!([])),
    ]))
}

/// `GET lists/{id}/members`. Archived members are shown only where they are asked for.
pub(crate) fn members(mail: &Mail, call: &Call, list: &str) -> Result<Value, Refusal> {
    let filters =
        ["status", "since_last_changed", "before_last_changed", "unique_email_id", "vip_only", "sort_field", "sort_dir"];
    known(call, &[&PAGING[..], &filters[..]].concat())?;
    let at = |name: &str| match call.param(name) {
        None => Ok(None),
        Some(text) => time::parse(text).map(Some).ok_or_else(|| Refusal::field(name, "Schema describes a date and time")),
    };
    let (since, before) = (at("since_last_changed")?, at("before_last_changed")?);
    let status = call.param("status");
    let wanted = |member: &&Member| {
        member.list == list
            && !member.forgotten
            && status.map_or(!member.archived(), |status| member.status == status)
            && since.is_none_or(|since| member.modified > since)
            && before.is_none_or(|before| member.modified < before)
            && call.param("unique_email_id").is_none_or(|id| member.contact.starts_with(id))
            && (call.param("vip_only") != Some("true") || member.vip)
    };
    let mut found: Vec<&Member> = mail.store.all().filter(wanted).collect();
    match call.param("sort_field") {
        None => {}
        Some("last_changed") => found.sort_by_key(|member| (member.modified, member.serial)),
        Some("timestamp_opt") => found.sort_by_key(|member| (member.created, member.serial)),
        Some(_) => return Err(Refusal::field("sort_field", "Value must be one of: last_changed, timestamp_opt.")),
    }
    match call.param("sort_dir") {
        None | Some("ASC") => {}
        Some("DESC") => found.reverse(),
        Some(_) => return Err(Refusal::field("sort_dir", "Value must be one of: ASC, DESC.")),
    }
    let (count, offset) = window(call)?;
    let page: Vec<Value> = found.iter().skip(offset).take(count).map(|member| member.render(&mail.columns)).collect();
    Ok(json!({"members": page, "list_id": list, "total_items": found.len(), "_links": []}))
}

/// The parts of an answer that were asked for: `fields` names what is wanted, `exclude_fields` what is not, with dots for depth.
pub(crate) fn parts(call: &Call, mut body: Value) -> Value {
    let (only, without) = (call.list("fields"), call.list("exclude_fields"));
    if !only.is_empty() {
        keep(&mut body, "", &only);
    }
    if !without.is_empty() {
        drop(&mut body, "", &without);
    }
    body
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn keep(value: &mut Value, path: &str, only: &[String]) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|entry| keep(entry, path, only)),
        Value::Object(fields) => {
            let deeper = |own: &str| only.iter().any(|wanted| wanted.starts_with(&format!("{own}.")));
            fields.retain(|name, _| only.contains(&below(path, name)) || deeper(&below(path, name)));
            for (name, entry) in fields.iter_mut().filter(|(name, _)| !only.contains(&below(path, name))) {
                keep(entry, &below(path, name), only);
            }
        }
        _ => {}
    }
}

fn drop(value: &mut Value, path: &str, without: &[String]) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|entry| drop(entry, path, without)),
        Value::Object(fields) => {
            fields.retain(|name, _| !without.contains(&below(path, name)));
            for (name, entry) in fields.iter_mut() {
                drop(entry, &below(path, name), without);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, Method};

    #[test]
    fn parts_of_an_answer() {
        let body = json!({"members": [{"id": "1", "merge_fields": {"FNAME": "Ann", "LNAME": "B"}}], "total_items": 1});
        for (query, want) in [
            ("fields=total_items", json!({"total_items": 1})),
            ("fields=members.id,total_items", json!({"members": [{"id": "1"}], "total_items": 1})),
            ("fields=members.merge_fields.FNAME", json!({"members": [{"merge_fields": {"FNAME": "Ann"}}]})),
            ("fields=members", json!({"members": body["members"]})),
            ("exclude_fields=members.merge_fields", json!({"members": [{"id": "1"}], "total_items": 1})),
            ("", body.clone()),
        ] {
            let call = Call::new(Method::GET, "/", query, HeaderMap::new(), Bytes::new());
            assert_eq!(parts(&call, body.clone()), want, "{query}");
        }
    }
}
