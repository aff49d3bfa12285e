//! What an answer says by itself about whether its list goes on, where the description takes it to be over. A list that is called complete
//! and is not, deletes what was not shown: a description that lacks its paging is an error instead.

use std::collections::BTreeMap;

use nave_rest::description::{Paging, Style};
use nave_sdk::http::Answer;
use nave_sdk::slice;
use nave_sdk::types::Failure;
use serde_json::value::RawValue;

use crate::paging::linked;

/// Objects of the body that tell of the paging, besides the body itself.
const BESIDE: [&str; 7] = ["meta", "paging", "pagination", "page_info", "pageInfo", "links", "_links"];
/// Flags that say that more follows.
const FLAGS: [&str; 7] = ["has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "more"];
/// Names of the next page: a text, a number, or an object with an address.
const NEXT: [&str; 14] = [
    "next",
    "next_page",
    "nextPage",
    "next_url",
    "nextUrl",
    "next_link",
    "nextLink",
    "next_page_url",
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "@odata.nextLink",
    "nextRecordsUrl",
];

/// Refuses to call a list complete that says itself that it goes on. `rows` came with this answer; `total` is what the description finds
/// to be all of them.
pub(crate) fn contradicted(
    paging: &Paging,
    answer: &Answer,
    rows: usize,
    total: Option<u64>,
    stream: &str,
) -> Result<(), Failure> {
    let evidence = match &paging.style {
        Style::None if total.is_some_and(|total| total > rows as u64) => {
            Some(format!("of {} rows {rows} came", total.unwrap_or_default()))
        }
        // So many were asked for, and so many came.
        Style::None if paging.size_parameter.is_some() && paging.size.is_some_and(|size| rows >= size as usize) => {
            Some(format!("{rows} rows were asked for and came"))
        }
        // The author has said that one answer has all.
        Style::None if paging.said && paging.size_parameter.is_none() => None,
        Style::None => linked(answer)
            .map(|_| "Link: rel=\"next\"".to_owned())
            .or_else(|| counted(answer, rows))
            .or_else(|| in_body(&answer.body, true)),
        Style::Link { .. } => None,
        // The description says where to look.
        _ if paging.more.is_some() || paging.total.is_some() => None,
        _ => linked(answer).map(|_| "Link: rel=\"next\"".to_owned()).or_else(|| in_body(&answer.body, false)),
    };
    let Some(evidence) = evidence else { return Ok(()) };
    let then = match &paging.style {
        Style::None => format!(
            "and its description does not say how: write [streams.{stream}.page] with the style that the system has, or style = \"none\", without a size, if one answer has all of it nevertheless"
        ),
        _ => format!(
            "and its description takes the list to be over: give [streams.{stream}.page] the `size` that the system really answers with, or say by `more` or `total` when it ends"
        ),
    };
    Err(Failure::Misconfigured(format!("the list of {stream} goes on, by what came ({evidence}), {then}")))
}

/// A number of all rows in a header that is larger than what came.
fn counted(answer: &Answer, rows: usize) -> Option<String> {
    let whole = |name: &str, text: &str| {
        let number = text.rsplit('/').next()?.trim().parse::<u64>().ok()?;
        (number > rows as u64).then(|| format!("{name}: {number}, and {rows} came"))
    };
    ["X-Total-Count", "X-Total", "Content-Range"].iter().find_map(|name| whole(name, answer.header(name)?))
}

/// A flag in the body, or, with `next`, the name of a next page.
fn in_body(body: &[u8], next: bool) -> Option<String> {
    let whole: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let beside = BESIDE.iter().filter_map(|name| {
        let inner: BTreeMap<String, &RawValue> = serde_json::from_str(whole.get(*name)?.get()).ok()?;
        Some((format!("/{name}/"), inner))
    });
    let all: Vec<_> = std::iter::once(("/".to_owned(), whole.clone())).chain(beside).collect();
    all.iter().find_map(|(at, object)| {
        let flag = FLAGS.iter().find(|name| object.get(**name).is_some_and(|raw| raw.get() == "true"));
        let named = NEXT.iter().filter(|_| next).find(|name| object.get(**name).is_some_and(|raw| names_a_page(raw)));
        flag.map(|name| format!("{at}{name} is true")).or_else(|| named.map(|name| format!("{at}{name}")))
    })
}

fn names_a_page(raw: &RawValue) -> bool {
    match raw.get().as_bytes().first() {
        Some(b'"') => slice::text(raw, "").is_some_and(|text| !text.is_empty()),
        Some(b'0'..=b'9') => raw.get() != "0",
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()).is_ok_and(|object| {
            ["href", "url", "after", "cursor"].iter().any(|name| object.get(*name).is_some_and(|raw| names_a_page(raw)))
        }),
        _ => false,
    }
}
