//! Reading: the checkpoint, and what a page says about the whole list.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nave_rest::description::{Read, Since, Style};
use nave_sdk::http::Answer;
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{checkpoint, host, slice, time};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answers::Told;
use crate::ask::{self, Words};
use crate::clock;
use crate::described::Of;
use crate::guard::Text;
use crate::limits::{EMPTY_PAGES_MAX, SHOWN_MAX};
use crate::more;
use crate::paging::{self, Place, Seen};
use crate::place;
use crate::rows;

const SECOND_US: i64 = 1_000_000;

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Position {
    /// Time from which on is asked for changes, microseconds; none: for everything.
    since: Option<i64>,
    /// As it was when the running list began.
    asked: Option<i64>,
    /// Where in the running list; none at its beginning.
    place: Option<Place>,
    /// When the running list began, by the system's clock.
    began: Option<i64>,
    /// Newest change that it showed.
    newest: Option<i64>,
    /// Number of all rows when it began.
    total: Option<u64>,
    /// Rows that it asks for at a time.
    size: Option<u32>,
    /// Rows of the page at `place` that were handed on, and how many it had.
    skip: u32,
    rows: u32,
    /// Rows of the running list that were read.
    read: u64,
    /// Most rows that a page of the stream ever had.
    largest: u32,
    /// What tells the last page from another one, where pages are numbered.
    last: Option<u64>,
    /// Everything is being read, also where each question begins at the last row's time.
    whole: bool,
    /// Rows moved while it ran.
    moved: bool,
    /// Rows may have moved, or one had no id: who is missing, nobody knows.
    torn: bool,
    /// Rows of the last page or moment, which the next page may show once more.
    shown: Vec<String>,
}

/// The page after a checkpoint.
pub(crate) fn read(of: &Of<'_>, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let Some(list) = &of.stream.read else {
        return Err(Failure::rejected(
            "other",
            format!("the stream {} cannot be listed; its description has no `read`", of.stream.name),
        ));
    };
    let mut position: Position = checkpoint::decode(from)?;
    if position.place.as_ref().is_some_and(|place| !place.fits(&list.page.style))
        || position.since.is_some() && list.since.is_none()
    {
        return Err(Failure::CheckpointExpired);
    }
    for _ in 0..EMPTY_PAGES_MAX {
        let page = step(of, list, &mut position, limit.max(1))?;
        // A page of rows that were handed on already is no reason to come back.
        if !page.records.is_empty() || !page.more {
            return Ok(page.of_about(position.total));
        }
    }
    Ok(Page::more(Vec::new(), checkpoint::encode(&position)).of_about(position.total))
}

/// Asks for one page and moves the position on.
fn step(of: &Of<'_>, list: &Read, position: &mut Position, limit: u32) -> Result<Page, Failure> {
    if position.began.is_none() {
        position.whole = position.since.is_none();
        position.asked = position.since;
    }
    // A page's number counts pages of one size: it stays while the list runs.
    let size = match (position.size, list.page.size) {
        (Some(size), _) if size <= limit || list.page.size_parameter.is_none() => Some(size),
        (Some(_), _) if matches!(list.page.style, Style::Page { .. }) => return Err(Failure::CheckpointExpired),
        (_, Some(size)) if list.page.size_parameter.is_some() => Some(size.min(limit)),
        (_, size) => size,
    };
    let answer = ask(of, list, position, size)?;
    let all = list_of(of, list, &answer)?;
    let total = list.page.total.as_ref().map(|at| counted(of, at, &answer)).transpose()?;
    if position.began.is_none() {
        position.began = Some(their_clock(&answer));
    }
    // A question that begins elsewhere counts other rows.
    position.moved |= position.total.is_some() && position.total != total && !ascends(list);
    position.moved |= position.skip > 0 && position.rows as usize != all.len();
    position.torn |= position.moved;
    position.total = position.total.or(total);
    position.size = size;
    // An answer may have more rows than the hub wants: the rest comes with the same question again.
    let skip = (position.skip as usize).min(all.len());
    let end = all.len().min(skip + limit as usize);
    let part = &all[skip..end];
    let marks: Vec<Mark> = part.iter().map(|raw| Mark::of(of, raw)).collect();
    let mut records: Vec<SourceRecord> = Vec::new();
    for (raw, mark) in part.iter().zip(&marks) {
        // A row without an id cannot be told from another one: better twice than never.
        if mark.id.is_empty() || !position.shown.contains(&mark.text()) {
            records.push(rows::record(of.stream, raw));
        }
    }
    position.torn |= records.iter().any(|record| record.remote_id.is_empty());
    position.newest = marks.iter().filter_map(|mark| mark.us).max().max(position.newest);
    if end < all.len() {
        (position.skip, position.rows) = (end as u32, all.len() as u32);
        return Ok(Page::more(records, checkpoint::encode(position)));
    }
    (position.skip, position.rows) = (0, 0);
    if matches!(list.page.style, Style::Page { .. } | Style::Offset) {
        let own = fingerprint(of, &all);
        if own.is_some() && position.last.replace(own.unwrap_or_default()) == own {
            // It does not count pages, or shows the last one for ever: this one came before.
            more::contradicted(&list.page, &answer, all.len(), total, &of.stream.name)?;
            return Ok(finish(list, position, Vec::new()));
        }
    }
    // Rows move while others are made or deleted, and nothing would tell. An empty page says that all was on the one before.
    let numbered = matches!(list.page.style, Style::Page { .. } | Style::Offset) && !ascends(list);
    position.torn |= numbered && position.read > 0 && !all.is_empty() && !list.page.stable && list.page.total.is_none();
    position.read += all.len() as u64;
    position.largest = position.largest.max(all.len() as u32);
    let last = match &list.page.style {
        Style::Keyset { field } => all.last().and_then(|raw| slice::text(raw, field)),
        _ => None,
    };
    let (read, largest) = (position.read, position.largest);
    let place = position.place.as_ref();
    let seen = Seen { answer: &answer, place, rows: all.len(), size, read, largest, total, last: last.as_deref() };
    match paging::next(&list.page, seen)? {
        Some(next) => {
            let marks: Vec<Mark> = all.iter().map(|raw| Mark::of(of, raw)).collect();
            go_on(list, position, next, &marks);
            Ok(Page::more(records, checkpoint::encode(position)))
        }
        None => {
            // It ended before as many came as there are.
            position.torn |= numbered && total.is_some_and(|total| position.read < total);
            more::contradicted(&list.page, &answer, all.len(), total, &of.stream.name)?;
            Ok(finish(list, position, records))
        }
    }
}

/// What tells a page from the one before; none where it has no row.
fn fingerprint(of: &Of<'_>, rows: &[&RawValue]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    rows.iter().for_each(|raw| Mark::of(of, raw).text().hash(&mut hasher));
    (!rows.is_empty()).then(|| hasher.finish())
}

/// Whether each question begins at the time of the last row.
fn ascends(list: &Read) -> bool {
    list.since.as_ref().is_some_and(|since| since.ascending)
}

/// The next page of a list that goes on.
fn go_on(list: &Read, position: &mut Position, next: Place, marks: &[Mark]) {
    if ascends(list) {
        // Rows that change move to the end, so page two would skip one: the next question begins at the last row's time, and only
        // a moment that fills a whole page is paged through.
        let last = marks.iter().filter_map(|mark| mark.us).max().map(|us| us.div_euclid(SECOND_US) * SECOND_US);
        match last {
            Some(last) if position.since.is_none_or(|since| last > since) => {
                position.since = Some(last);
                position.place = None;
                position.shown.clear();
            }
            _ => position.place = Some(next),
        }
        let here =
            marks.iter().filter(|mark| mark.us.is_some_and(|us| Some(us.div_euclid(SECOND_US) * SECOND_US) == position.since));
        position.shown.extend(here.filter(|mark| !mark.id.is_empty()).map(Mark::text));
        let more = position.shown.len().saturating_sub(SHOWN_MAX);
        position.shown.drain(..more);
        return;
    }
    let overlaps = list.page.overlap > 0;
    position.shown = marks.iter().filter(|mark| overlaps && !mark.id.is_empty()).map(Mark::text).take(SHOWN_MAX).collect();
    position.place = Some(next);
}

/// The end of a list, and where the next one begins.
fn finish(list: &Read, position: &Position, records: Vec<SourceRecord>) -> Page {
    let begins = list.since.as_ref().and_then(|since| next_since(since, position));
    let next = checkpoint::encode(&Position { since: begins, largest: position.largest, ..Position::default() });
    let complete = position.whole && !position.torn;
    if complete { Page::scan_end(records, next) } else { Page::end(records, next) }
}

/// Where the next question for changes begins: at the newest change that was shown, at the latest at the time at which this list
/// began, less the overlap. A list whose rows moved is asked for again.
fn next_since(since: &Since, position: &Position) -> Option<i64> {
    let asked = position.asked;
    // A row without an id tears a list, too; that alone is no reason to read all of it each time.
    if position.moved {
        return asked;
    }
    let overlap = i64::from(since.overlap_s) * SECOND_US;
    let began = position.began.unwrap_or(0);
    let upto = match (position.newest, asked) {
        (Some(newest), _) => newest.min(began) - overlap,
        // Nothing changed: the same time again.
        (None, Some(asked)) => asked,
        (None, None) => began - overlap,
    };
    Some(asked.map_or(upto, |asked| upto.max(asked)))
}

/// A row's id and time: what tells one state of a row from another.
struct Mark {
    id: String,
    us: Option<i64>,
}

impl Mark {
    fn of(of: &Of<'_>, raw: &RawValue) -> Self {
        Self { id: slice::text(raw, &of.stream.id).unwrap_or_default(), us: rows::modified_us(of.stream, raw) }
    }

    fn text(&self) -> String {
        match self.us {
            Some(us) => format!("{}@{us}", self.id),
            None => self.id.clone(),
        }
    }
}

fn ask(of: &Of<'_>, list: &Read, position: &Position, size: Option<u32>) -> Result<Answer, Failure> {
    let mut asked = ask::filled(&list.request, &of.settings, Words::default())?;
    if let (Some(since), Some(us)) = (&list.since, position.since) {
        let spelled = clock::spell(us, since.format);
        let words = Words { since: &spelled, ..Words::default() };
        asked.set(&since.parameter, &ask::fill(&since.value, Text::Parameter, &of.settings, words)?, true)?;
        for (name, value) in &since.query {
            asked.add_query(name, ask::fill(value, Text::Parameter, &of.settings, words)?);
        }
    }
    if let (Some(parameter), Some(size)) = (&list.page.size_parameter, size) {
        asked.set(parameter, &size.to_string(), true)?;
    }
    let parameter = list.page.parameter.as_ref();
    match (&list.page.style, &position.place) {
        (Style::Page { first }, None) => parameter.map_or(Ok(()), |parameter| asked.set(parameter, &first.to_string(), true))?,
        (Style::Offset, None) => parameter.map_or(Ok(()), |parameter| asked.set(parameter, "0", true))?,
        (_, Some(Place::Number(number))) => {
            parameter.map_or(Ok(()), |parameter| asked.set(parameter, &number.to_string(), true))?
        }
        (_, Some(Place::Cursor(cursor))) => parameter.map_or(Ok(()), |parameter| asked.set(parameter, cursor, false))?,
        (Style::Link { strip } | Style::NextUrl { strip, .. }, Some(Place::Address(address))) => asked.go_to(address, strip),
        _ => {}
    }
    let answer = asked.request().send()?;
    let told = Told::of(of);
    // Not modified: nothing changed since the time that was asked with.
    if !told.refuses(&answer) || answer.status == 304 && position.since.is_some() {
        return Ok(answer);
    }
    // A cursor that is refused is one that is no longer known there; where that is not why, reading from the beginning says so.
    let resumed = matches!(position.place, Some(Place::Cursor(_) | Place::Address(_)));
    match told.says(&answer) {
        None if resumed && matches!(answer.status, 400 | 404)
            || answer.status == 410 && (resumed || position.since.is_some()) =>
        {
            Err(Failure::CheckpointExpired)
        }
        _ => Err(told.failure(&answer)),
    }
}

/// The rows of an answer.
pub(crate) fn list_of<'a>(of: &Of<'_>, list: &Read, answer: &'a Answer) -> Result<Vec<&'a RawValue>, Failure> {
    if answer.status == 304 {
        return Ok(Vec::new());
    }
    let found = elements(&answer.body, &list.records, &list.record, &of.stream.name)?;
    match found {
        Some(rows) => Ok(rows),
        None if list.may_be_missing => Ok(Vec::new()),
        None => Err(Failure::Misconfigured(format!(
            "the answer has no list at {:?}: correct `records` of the stream {}, or say that it may be missing (`may-be-missing = true`)",
            list.records.text(),
            of.stream.name
        ))),
    }
}

/// The records at a place; none where there is nothing. Null is an empty list.
pub(crate) fn elements<'a>(
    body: &'a [u8],
    records: &nave_rest::pointer::Pointer,
    record: &nave_rest::pointer::Pointer,
    stream: &str,
) -> Result<Option<Vec<&'a RawValue>>, Failure> {
    let misfit = |error: serde_json::Error| {
        Failure::Unavailable(format!("the answer about {stream} is not the JSON that was expected: {error}"))
    };
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Some(raw) = place::raw(body, records).map_err(misfit)? else { return Ok(None) };
    if raw.get() == "null" {
        return Ok(Some(Vec::new()));
    }
    let rows: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(misfit)?;
    // An element without the record in it is handed on as it is: it has no id, and is set aside with its text.
    Ok(Some(rows.into_iter().map(|raw| place::below(raw, record).unwrap_or(raw)).collect()))
}

fn counted(of: &Of<'_>, at: &nave_rest::pointer::Pointer, answer: &Answer) -> Result<u64, Failure> {
    place::text(&answer.body, at).and_then(|text| text.parse().ok()).ok_or_else(|| {
        Failure::Misconfigured(format!(
            "the answer has no number at {:?}: correct `total` of the paging of {}, or take it out",
            at.text(),
            of.stream.name
        ))
    })
}

/// The system's clock, or ours where it is silent; microseconds.
fn their_clock(answer: &Answer) -> i64 {
    let ours = || i64::try_from(host::now_ms().saturating_mul(1000)).unwrap_or(i64::MAX);
    answer.header("date").and_then(time::parse_http_date).unwrap_or_else(ours)
}
