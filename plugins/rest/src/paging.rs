//! How a list goes on: from what was asked and what an answer says, the place of the next page. Sends nothing.

use nave_rest::description::{Paging, Style};
use nave_sdk::http::Answer;
use nave_sdk::types::Failure;
use serde::{Deserialize, Serialize};

use crate::limits::CURSOR_BYTES_MAX;
use crate::place;

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// Its number, or the rows before it.
    Number(u64),
    /// A cursor, or the last id.
    Cursor(String),
    /// An address.
    Address(String),
}

impl Place {
    /// Whether a place can be one of this style: after an upgrade it may not be.
    pub(crate) fn fits(&self, style: &Style) -> bool {
        matches!(
            (self, style),
            (Self::Number(_), Style::Page { .. } | Style::Offset)
                | (Self::Cursor(_), Style::Cursor(_) | Style::HeaderCursor(_) | Style::Keyset { .. })
                | (Self::Address(_), Style::Link { .. } | Style::NextUrl { .. })
        )
    }
}

/// What is known about a page that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) answer: &'a Answer,
    /// Where it was.
    pub(crate) place: Option<&'a Place>,
    /// Rows of it.
    pub(crate) rows: usize,
    /// Rows that were asked for, where that can be said.
    pub(crate) size: Option<u32>,
    /// Rows of the list so far, with these.
    pub(crate) read: u64,
    /// Most rows that a page of the stream ever had, with this one.
    pub(crate) largest: u32,
    /// Number of all rows, where the system says it.
    pub(crate) total: Option<u64>,
    /// What the last row goes by (keyset).
    pub(crate) last: Option<&'a str>,
}

/// The place of the next page; none: this was the last.
pub(crate) fn next(paging: &Paging, seen: Seen<'_>) -> Result<Option<Place>, Failure> {
    let said_more = paging.more.as_ref().map(|more| place::says_yes(place::raw(&seen.answer.body, more).ok().flatten(), &[]));
    let number = match seen.place {
        Some(Place::Number(number)) => Some(*number),
        _ => None,
    };
    // What was asked for is no more than a wish: a system that gives fewer rows than that says nothing by it. A page is short where the
    // system has given as many as that, or a longer one.
    let short = seen.size.is_some_and(|size| seen.rows < size as usize) && seen.rows < seen.largest as usize;
    let found = match &paging.style {
        Style::None => None,
        Style::Page { first } => {
            let page = number.unwrap_or(*first);
            let over = match (said_more, seen.total) {
                (Some(more), _) => !more,
                (None, Some(total)) => seen.read >= total,
                _ => short,
            };
            (!over && seen.rows > 0).then_some(Place::Number(page + 1))
        }
        Style::Offset => {
            let offset = number.unwrap_or(0);
            let after = offset + seen.rows as u64;
            let over = match (said_more, seen.total) {
                (Some(more), _) => !more,
                (None, Some(total)) => after >= total,
                _ => short,
            };
            // A page that is no larger than what it shows again would never move on.
            let overlap = u64::from(paging.overlap).min((seen.rows as u64).saturating_sub(1));
            (!over && seen.rows > 0).then_some(Place::Number(after - overlap))
        }
        Style::Cursor(at) => goes_on(said_more, place::text(&seen.answer.body, at)).map(Place::Cursor),
        Style::HeaderCursor(name) => goes_on(said_more, seen.answer.header(name).map(str::to_owned)).map(Place::Cursor),
        Style::Link { .. } => linked(seen.answer).map(Place::Address),
        Style::NextUrl { next, .. } => goes_on(said_more, place::text(&seen.answer.body, next)).map(Place::Address),
        Style::Keyset { .. } => {
            let over = said_more.map_or(short || seen.rows == 0, |more| !more);
            match (over, seen.last) {
                (true, _) => None,
                (false, Some(last)) => Some(Place::Cursor(last.to_owned())),
                (false, None) => {
                    return Err(Failure::Unavailable(
                        "the last row has nothing to go on by; correct `field` of the paging".to_owned(),
                    ));
                }
            }
        }
    };
    if let Some(Place::Cursor(text) | Place::Address(text)) = &found {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(Failure::Unavailable(format!(
                "the system hands out a cursor of {} bytes; at most {CURSOR_BYTES_MAX} are kept",
                text.len()
            )));
        }
        if found.as_ref() == seen.place {
            return Err(Failure::Unavailable("the system names the same page as the next one; it would never end".to_owned()));
        }
    }
    Ok(found)
}

/// A cursor counts where the system does not say that nothing follows.
fn goes_on(said_more: Option<bool>, cursor: Option<String>) -> Option<String> {
    cursor.filter(|cursor| !cursor.is_empty() && said_more != Some(false))
}

/// The address with `rel="next"` of the header `Link` (RFC 8288).
pub(crate) fn linked(answer: &Answer) -> Option<String> {
    let headers = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    headers
        .flat_map(|(_, value)| links(value))
        .find(|(_, rel)| rel.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next")))
        .map(|(address, _)| address)
}

/// Addresses and what they are, of one header. A comma inside of the address or of quotes divides nothing.
fn links(header: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = header;
    while let Some(from) = rest.find('<') {
        let Some(end) = rest[from..].find('>') else { break };
        let address = rest[from + 1..from + end].trim().to_owned();
        rest = &rest[from + end + 1..];
        let mut quoted = false;
        let stop = rest.find(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let parameters = &rest[..stop.unwrap_or(rest.len())];
        let rel = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_owned())
        });
        all.push((address, rel.unwrap_or_default()));
        rest = stop.map_or("", |stop| &rest[stop + 1..]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_apart() {
        for (header, expected) in [
            (
                r#"<https://a.example/x?page=2>; rel="next", <https://a.example/x?page=9>; rel="last""#,
                Some("https://a.example/x?page=2"),
            ),
            (r#"<https://a.example/x?ids=1,2>; title="a, b"; rel="prev next""#, Some("https://a.example/x?ids=1,2")),
            ("</x?page=2>;rel=next", Some("/x?page=2")),
            (r#"<https://a.example/x>; rel="last""#, None),
            ("<https://a.example", None),
            ("", None),
        ] {
            let answer = Answer { status: 200, headers: vec![("link".into(), header.into())], body: Vec::new() };
            assert_eq!(linked(&answer).as_deref(), expected, "{header}");
        }
    }
}
