//! Reading parties: once all of them by id, then what changed since, by the server's own clock.
//!
//! A child's change does not move its party's time, so the question names the children's times too; relations are a
//! view that cannot be asked that way, so they are asked for themselves. Tryton lists no deletions, but its log says
//! that there were some: then everything is read once more, so that the hub can see who is missing.

use nave_sdk::checkpoint;
use nave_sdk::http::Answer;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::{Value, json};
use nave_sdk::types::{Failure, Page, SourceRecord};

use crate::api::{self, Query};
use crate::limits::{LOG_ROWS_MAX, OVERLAP_US, PAGE_ROWS_MAX, RELATION_ROWS_MAX};
use crate::party::{self, Kind, Party};
use crate::settings::Settings;

/// The checkpoint of a stream of parties, or of their contact mechanisms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
pub(crate) struct Position {
    /// Everything before this time is read (microseconds, server's clock).
    pub(crate) since: Option<i64>,
    /// The pass that is running.
    pub(crate) pass: Option<Pass>,
    /// Last deletion seen in the log.
    pub(crate) log: i64,
    /// Read everything once more: a party may have been deleted while the pass before was under way.
    pub(crate) again: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
pub(crate) struct Pass {
    /// Time at its beginning.
    pub(crate) until: i64,
    /// Last row seen.
    pub(crate) after: i64,
    /// Everything, or what changed.
    pub(crate) full: bool,
    /// A row had no id: who is missing, nobody knows.
    #[serde(default)]
    pub(crate) unnamed: bool,
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, settings: &Settings, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    let (full, after) = match &position.pass {
        Some(pass) => (pass.full, pass.after),
        None => {
            let deleted = deletions(&mut position)?;
            let full = position.since.is_none() || deleted != Deleted::Nothing || position.again;
            position.again = deleted == Deleted::Parties && position.since.is_some();
            (full, 0)
        }
    };
    let since = if full { None } else { position.since };
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    let (answer, partial) = ask(settings, changed_since(settings, since, after)?, limit)?;
    let rows = api::rows(&answer)?;
    party::lists_are_lists(&rows)?;
    let unnamed = position.pass.as_ref().is_some_and(|pass| pass.unnamed) || rows.iter().any(|row| row["id"].as_i64().is_none());
    let until = position.pass.as_ref().map_or_else(|| api::server_time(&answer), |pass| pass.until);
    let last = rows.iter().rev().find_map(|row| row["id"].as_i64()).unwrap_or(after);
    let records: Vec<SourceRecord> = rows
        .iter()
        .map(|row| Party::new(row, settings, partial))
        // Whose a row without an id is, nobody can tell: the hub sets it aside.
        .filter(|party| party.id.is_empty() || party.belongs(kind))
        .map(|party| party.record())
        .collect();
    if rows.len() as u64 == u64::from(limit) {
        position.pass = Some(Pass { until, after: last, full, unnamed });
        return Ok(Page::more(records, checkpoint::encode(&position)));
    }
    position = Position { since: Some(until - OVERLAP_US), pass: None, ..position };
    let next = checkpoint::encode(&position);
    Ok(if full && !unnamed { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// Asks for rows with all their children. One address with a country that is not there breaks the whole answer: then
/// without addresses, and the records say so.
fn ask(settings: &Settings, domain: Value, limit: u32) -> Result<(Answer, bool), Failure> {
    for addresses in [true, false] {
        let fields = party::fields(settings, addresses);
        let answer = Query { model: "party.party", domain: domain.clone(), fields: &fields, limit }.send()?;
        if answer.is_success() {
            return Ok((answer, !addresses));
        }
        let failure = api::failure(&answer);
        let broken = matches!(&failure, Failure::Rejected(rejection) if rejection.class == "reference");
        if !addresses || !broken {
            // A refused read is a mistake in settings: the fields are ours.
            return Err(match failure {
                Failure::Rejected(rejection) => Failure::Misconfigured(format!(
                    "Tryton refuses to list parties ({}). Are the modules party and, unless employment-relation is empty, party_relationship active?",
                    rejection.message
                )),
                other => other,
            });
        }
    }
    Err(Failure::Unavailable("Tryton gave no list of parties".to_owned()))
}

/// Parties with an id above `after`, changed since a time (none: all).
fn changed_since(settings: &Settings, since: Option<i64>, after: i64) -> Result<Value, Failure> {
    let mut domain = vec![json!(["active", "in", [true, false]]), json!(["id", ">", after])];
    if let Some(since) = since {
        let time = api::datetime(since);
        let mut any = vec![json!("OR")];
        for child in ["", "contact_mechanisms.", "addresses.", "identifiers."] {
            for field in ["write_date", "create_date"] {
                any.push(json!([format!("{child}{field}"), ">=", time]));
            }
        }
        let related = related_since(settings, &time)?;
        if !related.is_empty() {
            any.push(json!(["id", "in", related]));
        }
        domain.push(Value::Array(any));
    }
    Ok(Value::Array(domain))
}

/// Parties at either end of a relation that changed.
fn related_since(settings: &Settings, time: &Value) -> Result<Vec<i64>, Failure> {
    if !settings.relations() {
        return Ok(Vec::new());
    }
    let domain = json!([["OR", ["write_date", ">=", time], ["create_date", ">=", time]]]);
    let rows = Query { model: "party.relation", domain, fields: &["from_", "to"], limit: RELATION_ROWS_MAX }.rows()?;
    let mut ids: Vec<i64> = rows.iter().flat_map(|row| [row["from_"].as_i64(), row["to"].as_i64()]).flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// What the log says was deleted since we looked last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Nothing,
    /// Parts of parties: their lists must be read again.
    Parts,
    /// Parties: who is missing must be seen.
    Parties,
}

/// Looks into the log, and moves the mark.
fn deletions(position: &mut Position) -> Result<Deleted, Failure> {
    let from = position.log;
    let parties = deleted(from, &["party.party,%"])?;
    let parts = deleted(from, &["party.relation,%", "party.contact_mechanism,%", "party.address,%", "party.identifier,%"])?;
    position.log = from.max(parties.unwrap_or(0)).max(parts.unwrap_or(0));
    Ok(match (parties, parts) {
        (Some(_), _) => Deleted::Parties,
        (None, Some(_)) => Deleted::Parts,
        (None, None) => Deleted::Nothing,
    })
}

/// The last entry about deletions of these kinds, if there is one after `from`.
pub(crate) fn deleted(from: i64, kinds: &[&str]) -> Result<Option<i64>, Failure> {
    let mut any = vec![json!("OR")];
    any.extend(kinds.iter().map(|kind| json!(["resource", "like", kind])));
    let domain = json!([["event", "=", "delete"], ["id", ">", from], any]);
    let query = Query { model: "ir.model.log", domain, fields: &["event"], limit: LOG_ROWS_MAX };
    match query.rows() {
        Ok(rows) => Ok(rows.last().and_then(|row| row["id"].as_i64())),
        // The log may be closed to this user: then deletions are seen by full scans only.
        Err(Failure::Rejected(_) | Failure::Misconfigured(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// One party with all it has; none when it is not there.
pub(crate) fn one(settings: &Settings, id: &str) -> Result<Option<Party>, Failure> {
    for addresses in [true, false] {
        let answer = api::row("GET", "party.party", Some(id), &party::fields(settings, addresses))?.send()?;
        match answer.status {
            404 => continue,
            _ if answer.is_success() => {
                let row: Value = answer.json()?;
                return Ok(Some(Party::new(&api::simplify(row), settings, !addresses)));
            }
            _ => return Err(api::failure(&answer)),
        }
    }
    // A child that points nowhere answers 404 too: only its own row proves that it is gone.
    let answer = api::row("GET", "party.party", Some(id), &["id"])?.send()?;
    match answer.status {
        404 => Ok(None),
        _ if answer.is_success() => {
            Err(Failure::Unavailable(format!("party {id} is there and cannot be read with its children")))
        }
        _ => Err(api::failure(&answer)),
    }
}

/// These parties, as far as the stream shows them: of a party of the other kind nothing is said. What we made carries our
/// marker, whatever it looks like since.
pub(crate) fn get(kind: Kind, settings: &Settings, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let shown = |party: &Party| party.belongs(kind) || party.marker_id.is_some();
    let mut records = Vec::new();
    for ids in ids.chunks(crate::limits::IDS_PER_QUERY) {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let found = search(settings, json!([["id", "in", numbers]]), ids.len() as u32)?;
        for id in ids.iter().filter(|id| id.parse::<i64>().is_ok()) {
            match found.iter().find(|party| party.id == **id) {
                Some(party) => records.extend(Some(party).filter(|party| shown(party)).map(Party::record)),
                None => match one(settings, id)? {
                    None => records.push(SourceRecord::deleted(id)),
                    Some(party) => records.extend(Some(party).filter(shown).map(|party| party.record())),
                },
            }
        }
    }
    Ok(records)
}

/// Parties that fit a domain, inactive ones too.
pub(crate) fn search(settings: &Settings, domain: Value, limit: u32) -> Result<Vec<Party>, Failure> {
    let mut domain = domain.as_array().cloned().unwrap_or_default();
    domain.push(json!(["active", "in", [true, false]]));
    let (answer, partial) = ask(settings, Value::Array(domain), limit.max(1))?;
    Ok(api::rows(&answer)?.iter().map(|row| Party::new(row, settings, partial)).collect())
}
