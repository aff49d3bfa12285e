//! {{name}}: a connector for Nave.
//!
//! It speaks to a small API: `GET /people?after=ID&limit=N` answers `{"people": [{"id": …, "changed": …, …}]}`,
//! `GET`, `PUT` and `DELETE /people/ID` one of them, `POST /people` makes one and answers with it.
//! Change the paths and names to your system's; the tests below say whether it still keeps its promises.

use nave_sdk::prelude::*;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::write::{self, Stop};
use nave_sdk::{body, slice};

/// Name of the endpoint in manifest.json.
const API: &str = "api";

/// The connector.
pub struct Plugin;

/// Where reading goes on. It comes back as it was, perhaps more than once.
#[derive(Default, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde")]
struct Position {
    after: String,
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
            searchable: vec!["email".to_owned()],
            ..Capabilities::read_only()
        };
        Ok(vec![Stream::new("people", "People").fields(fields).capabilities(capabilities)])
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        known(stream)?;
        let position: Position = checkpoint::decode(checkpoint.as_deref())?;
        let request = http::get(API, "/people").query("after", &position.after).query("limit", limit.to_string());
        let answer = request.send()?.ok()?;
        let records: Vec<SourceRecord> = slice::array(&answer.body, "people")?.into_iter().filter_map(record).collect();
        if records.len() < limit as usize {
            // Everything was seen: what is missing is gone. Next time it begins again.
            return Ok(Page::scan_end(records, checkpoint::encode(&Position::default())));
        }
        let after = records.last().map(|record| record.remote_id.clone()).unwrap_or_default();
        Ok(Page::more(records, checkpoint::encode(&Position { after })))
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        let mut records = Vec::new();
        for id in ids {
            let answer = http::get(API, path(&id)).send()?;
            match answer.status {
                404 => records.push(SourceRecord::deleted(id)),
                _ => records.extend(slice::at(&answer.ok()?.body, "")?.and_then(record)),
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
                // The key lets the system recognise a repetition, if it can.
                WriteOperation::Create => http::post_json(API, "/people", &body::object(&delivery.desired)?).header("Idempotency-Key", &delivery.id),
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
            let written = slice::at(&answer.body, "").ok().flatten().and_then(record);
            written.map(write::written).ok_or_else(|| Stop::settled(Outcome::Unknown("the answer is not a person".to_owned())))
        })
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        let mut records = Vec::new();
        for value in values {
            let answer = http::get(API, "/people").query(path, &value).send()?.ok()?;
            records.extend(slice::array(&answer.body, "people")?.into_iter().filter_map(record));
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

/// The system's bytes, untouched: the hub decodes them.
fn record(raw: &RawValue) -> Option<SourceRecord> {
    Some(SourceRecord::upsert(slice::text(raw, "id")?, raw.get()).modified_at(slice::text(raw, "changed")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_sdk::http::Error;
    use nave_sdk::testing::{FakeHost, reply};

    const ADA: &str = r#"{"id":"1","name":"Ada","changed":"2026-01-02T03:04:05Z"}"#;

    #[test]
    fn everything_is_read_page_by_page() {
        let host = FakeHost::new().answer(|_, request| {
            let people = if request.path.contains("after=1") { "[]".to_owned() } else { format!("[{ADA}]") };
            reply(200, &format!(r#"{{"people":{people}}}"#))
        });
        host.run(|| {
            let first = Plugin::read("people", None, 1).expect("a page");
            assert_eq!((first.records.len(), first.more), (1, true));
            assert_eq!(first.records[0].body, ADA.as_bytes());
            let last = Plugin::read("people", Some(first.next), 1).expect("a page");
            assert_eq!((last.records.len(), last.more, last.complete_scan), (0, false, true));
        });
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
