//! {{name}}: a connector for Nave.
//!
//! It speaks to a small API. `GET /people?since=TIME&after=ID&limit=N` answers `{"people": [{"id": …, "changed": …, …}]}`:
//! at most N people that changed after TIME, or at TIME with an id above ID, the oldest change first; both empty is from
//! the beginning. `GET`, `PUT` and `DELETE /people/ID` are one of them, `POST /people` makes one and answers with it, and
//! `GET /people?email=…` finds those with that e-mail.
//! Change the paths and names to your system's; the tests below say whether it still keeps its promises.

use nave_sdk::prelude::*;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::write::{self, Stop};
use nave_sdk::{body, host, slice, time};

/// Name of the endpoint in manifest.json.
const API: &str = "api";
/// The most rows that the system gives at once, as its documentation says: a page with fewer is the last one.
const PAGE_ROWS_MAX: u32 = 1_000;
/// What changed shortly before the newest change that we saw is read again: two changes may show up out of order.
const OVERLAP_US: i64 = 60 * 1_000_000;
/// The system does not say what was deleted: so often everything is read, and what is missing then is gone.
const SCAN_EVERY_MS: u64 = 24 * 3_600_000;

/// The connector.
pub struct Plugin;

/// Where reading goes on. It comes back as it was, perhaps more than once.
#[derive(Default, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde")]
struct Position {
    /// Time and id of the last row that was read; the id is empty where a pass begins.
    since: String,
    after: String,
    /// This pass reads everything, not only what changed.
    scan: bool,
    /// A row of this scan had no id: who it is, and so who is missing, nobody knows.
    unnamed: bool,
    /// When everything was read the last time.
    scanned_ms: u64,
}

impl Connection for Plugin {
    fn check() -> Result<CheckReport, Failure> {
        http::get(API, "/people?limit=1").send()?.ok()?;
        Ok(CheckReport::account("the account that the credential opens"))
    }
}

impl Source for Plugin {
    fn discover() -> Result<Vec<Stream>, Failure> {
        let fields = vec![
            Field::new("id", "Id", FieldType::Text).read_only().unique(),
            Field::new("name", "Name", FieldType::Text).required(),
            Field::new("email", "E-mail", FieldType::Email),
            Field::new("changed", "Changed", FieldType::Timestamp).read_only(),
        ];
        let capabilities = Capabilities {
            writable: true,
            deletable: true,
            write_mode: WriteMode::Replace,
            // Reading by time shows what changed; only reading everything shows what was deleted.
            changes: ChangeDetection::Incremental,
            deletes: DeleteDetection::FullScan,
            // By this the hub finds out what became of a create whose answer was lost: `natural-key` in the mapping.
            searchable: vec!["email".to_owned()],
            // Say true only if the system answers a repeated key with the first result: then the hub may send again a
            // create that it cannot look up. See `Idempotency-Key` below.
            idempotency_key: false,
            ..Capabilities::read_only()
        };
        Ok(vec![Stream::new("people", "People").fields(fields).capabilities(capabilities)])
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        known(stream)?;
        let mut position: Position = checkpoint::decode(checkpoint.as_deref())?;
        if position.after.is_empty() && host::now_ms().saturating_sub(position.scanned_ms) >= SCAN_EVERY_MS {
            position = Position { scan: true, ..Position::default() };
        }
        let size = limit.clamp(1, PAGE_ROWS_MAX);
        let request = http::get(API, "/people").query("since", &position.since).query("after", &position.after);
        let answer = request.query("limit", size.to_string()).send()?.ok()?;
        // One record per row, whatever is in it: the hub sets aside what it cannot take, and says so.
        let rows = slice::array(&answer.body, "people")?;
        let records: Vec<SourceRecord> = rows.iter().map(|row| record(row)).collect();
        position.unnamed |= records.iter().any(|record| record.remote_id.is_empty());
        // What the system sent says whether this was all of it, never what became of it here.
        let full = rows.len() >= size as usize;
        let last = records.iter().rev().find(|record| !record.remote_id.is_empty() && record.modified_at.is_some());
        match last {
            Some(last) => {
                position.since = last.modified_at.clone().unwrap_or_default();
                position.after.clone_from(&last.remote_id);
            }
            None if full => {
                let first: String = rows.first().map(|row| row.get().chars().take(200).collect()).unwrap_or_default();
                return Err(Failure::rejected("format", format!("a whole page without an id and a time to go on from: {first}")));
            }
            None => {}
        }
        if full {
            return Ok(Page::more(records, checkpoint::encode(&position)));
        }
        let complete = position.scan && !position.unnamed;
        if position.scan {
            position.scanned_ms = host::now_ms();
        }
        if !position.after.is_empty() {
            let newest = time::parse_rfc3339(&position.since);
            position.since = newest.map(|us| time::rfc3339(us - OVERLAP_US)).unwrap_or_default();
        }
        position = Position { since: position.since, scanned_ms: position.scanned_ms, ..Position::default() };
        let next = checkpoint::encode(&position);
        // Only a scan that saw every live thing is complete: what is missing in it counts as deleted.
        Ok(if complete { Page::scan_end(records, next) } else { Page::end(records, next) })
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        let mut records = Vec::new();
        for id in ids {
            let answer = http::get(API, path(&id)).send()?;
            match answer.status {
                404 => records.push(SourceRecord::deleted(id)),
                // The answer is the person that was asked for, whatever it says its id is.
                _ => records.extend(slice::at(&answer.ok()?.body, "")?.map(|row| SourceRecord { remote_id: id, ..record(row) })),
            }
        }
        Ok(records)
    }
}

impl Destination for Plugin {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        known(stream)?;
        write::one_by_one(&deliveries, |delivery| {
            let request = match &delivery.operation {
                // The id is the same when a delivery comes again: a system that knows the header makes nothing twice.
                WriteOperation::Create => {
                    http::post_json(API, "/people", &body::object(&delivery.desired)?).header("Idempotency-Key", &delivery.id)
                }
                WriteOperation::Update(id) => http::put_json(API, path(id), &body::object(&delivery.desired)?),
                WriteOperation::Delete(id) => http::delete(API, path(id)),
                WriteOperation::Merge(_) => return Ok(write::rejected("other", "people cannot be merged")),
            };
            // `lost` and `refused` know when the system may have done it: then the outcome is unknown, never a guess.
            let answer = request.send().map_err(write::lost)?;
            if !answer.is_success() {
                return Err(write::refused(&answer));
            }
            if let WriteOperation::Delete(id) = &delivery.operation {
                return Ok(write::written_unread(id));
            }
            let written = slice::at(&answer.body, "").ok().flatten().and_then(|row| found(row).ok());
            written.map(write::written).ok_or_else(|| Stop::settled(Outcome::Unknown("the answer is not a person".to_owned())))
        })
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        let mut records = Vec::new();
        for value in values {
            let answer = http::get(API, "/people").query(path, &value).send()?.ok()?;
            // A row that cannot be named must not pass for nothing found: then it would be made again.
            for row in slice::array(&answer.body, "people")? {
                records.push(found(row)?);
            }
        }
        Ok(records)
    }
}

nave_sdk::connector!(Plugin);

fn known(stream: &str) -> Result<(), Failure> {
    if stream == "people" { Ok(()) } else { Err(Failure::no_such_stream(stream)) }
}

fn path(id: &str) -> String {
    format!("/people/{}", http::segment(id))
}

/// The system's bytes, untouched: the hub decodes them. A row without an id becomes a record without one.
fn record(row: &RawValue) -> SourceRecord {
    slice::record(row, "id").modified_at(slice::text(row, "changed"))
}

/// The same where a row without an id is of no use.
fn found(row: &RawValue) -> Result<SourceRecord, Failure> {
    Ok(slice::found(row, "id")?.modified_at(slice::text(row, "changed")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_sdk::http::Error;
    use nave_sdk::testing::{FakeHost, reply};

    const ADA: &str = r#"{"id":"1","name":"Ada","changed":"2026-01-02T03:04:05Z"}"#;
    const BO: &str = r#"{"id":"2","name":"Bo","changed":"2026-01-02T03:05:00Z"}"#;
    const NAMELESS: &str = r#"{"id":null,"name":"Nobody","changed":"2026-01-02T03:04:04Z"}"#;

    /// A system with these people; it answers questions for a page as it says above.
    fn system(people: &'static [&'static str]) -> FakeHost {
        FakeHost::new().at("2026-01-03T00:00:00Z").answer(move |_, request| {
            let wanted = |name: &str| {
                let query = request.path.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
                query.unwrap_or_default().replace("%3A", ":")
            };
            let from = (wanted("since"), wanted("after"));
            let mut found: Vec<_> = people
                .iter()
                .filter_map(|text| nave_sdk::serde_json::from_str::<&RawValue>(text).ok())
                .map(|row| ((slice::text(row, "changed").unwrap_or_default(), slice::text(row, "id").unwrap_or_default()), row.get()))
                .filter(|(at, _)| *at > from)
                .collect();
            found.sort();
            found.truncate(wanted("limit").parse().expect("a limit"));
            let rows: Vec<&str> = found.into_iter().map(|(_, row)| row).collect();
            reply(200, &format!(r#"{{"people":[{}]}}"#, rows.join(",")))
        })
    }

    /// Reads to the end of a pass: the bodies, the last page and the host.
    fn pass(host: FakeHost, from: Option<Vec<u8>>, limit: u32) -> (Vec<String>, Page, FakeHost) {
        let ((bodies, last), host) = host.run(|| {
            let (mut bodies, mut from) = (Vec::new(), from);
            loop {
                let page = Plugin::read("people", from, limit).expect("a page");
                bodies.extend(page.records.iter().map(|record| String::from_utf8(record.body.clone()).expect("text")));
                if !page.more {
                    return (bodies, page);
                }
                from = Some(page.next);
            }
        });
        (bodies, last, host)
    }

    #[test]
    fn everything_is_read_page_by_page() {
        for limit in [1, 2, 3] {
            let (bodies, last, _) = pass(system(&[ADA, BO]), None, limit);
            assert_eq!((bodies, last.complete_scan), (vec![ADA.to_owned(), BO.to_owned()], true));
        }
    }

    /// A row without an id is handed on, the page after it is read, and nobody counts as deleted because of it.
    #[test]
    fn a_bad_row_hides_no_other() {
        let (bodies, last, _) = pass(system(&[NAMELESS, ADA, BO]), None, 2);
        assert_eq!((bodies, last.complete_scan), (vec![NAMELESS.to_owned(), ADA.to_owned(), BO.to_owned()], false));
    }

    #[test]
    fn then_what_changed_is_read() {
        let (_, last, _) = pass(system(&[ADA, BO]), None, 9);
        // The newest change and what came shortly before it are read again; what is older is not, and nothing is complete.
        let (bodies, last, host) = pass(system(&[ADA, BO]), Some(last.next), 9);
        assert_eq!((bodies, last.complete_scan), (vec![ADA.to_owned(), BO.to_owned()], false));
        assert!(host.requests()[0].1.path.contains("since=2026-01-02T03%3A04%3A00Z&"), "{:?}", host.requests());
        // A day later everything is read, so that what was deleted is missed.
        let (bodies, last, _) = pass(system(&[BO]).at("2026-01-04T00:00:00Z"), Some(last.next), 9);
        assert_eq!((bodies, last.complete_scan), (vec![BO.to_owned()], true));
    }

    fn create() -> Vec<Delivery> {
        let desired = br#"{"name":"Ada"}"#.to_vec();
        vec![Delivery { id: "d1".to_owned(), operation: WriteOperation::Create, if_version: None, changed: desired.clone(), desired }]
    }

    #[test]
    fn what_is_written_is_read_back() {
        let host = FakeHost::new().answer(|_, request| {
            let sent: nave_sdk::serde_json::Value = nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
            assert_eq!(sent["name"], "Ada");
            reply(201, ADA)
        });
        let (outcomes, _) = host.run(|| Plugin::write("people", create()));
        assert!(matches!(&outcomes.expect("outcomes")[0], Outcome::Written(written) if written.remote_id == "1"));
    }

    #[test]
    fn a_lost_answer_is_unknown() {
        let host = FakeHost::new().answer(|_, _| Err(Error::NoAnswer("the connection was cut".to_owned())));
        let (outcomes, _) = host.run(|| Plugin::write("people", create()));
        assert_eq!(outcomes, Ok(vec![Outcome::Unknown("the connection was cut".to_owned())]));
    }

    #[test]
    fn gone_is_a_deletion() {
        let host = FakeHost::new().answer(|_, _| reply(404, "{}"));
        let (records, _) = host.run(|| Plugin::get("people", vec!["9".to_owned()]));
        assert_eq!(records, Ok(vec![SourceRecord::deleted("9")]));
    }
}
