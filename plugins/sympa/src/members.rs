//! Reading: the members of the list, all at once or one by one, and the lists.
//!
//! Sympa answers a list whole. A page is what comes after the last address of the page before, in the order of addresses, so
//! that nobody is left out or seen twice when somebody joins in between.

use nave_sdk::body;
use nave_sdk::checkpoint;
use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Failure, Page, SourceRecord};
use serde::{Deserialize, Serialize};

use crate::api::{self, Lost, Said, Settings};
use crate::fault::Meaning;
use crate::mojibake;
use crate::value::Element;

#[derive(Default, Serialize, Deserialize)]
struct Position {
    /// The last id of the page before; none: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// The next page of a stream.
pub(crate) fn read(stream: &str, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let settings = Settings::of_connection()?;
    let position: Position = checkpoint::decode(from)?;
    let mut records = match stream {
        "members" => all(&settings)?,
        "lists" => rows(&api::ask(&settings, "complexLists", &[])?, list)?,
        _ => return Err(Failure::no_such_stream(stream)),
    };
    records.sort_by(|one, other| one.remote_id.cmp(&other.remote_id));
    // What has no id was not seen: somebody may be missing.
    let whole = records.iter().all(|record| !record.remote_id.is_empty());
    records.retain(|record| position.after.as_ref().is_none_or(|after| record.remote_id > *after));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    let more = records.len() > limit;
    records.truncate(limit);
    if more {
        let after = records.last().map(|record| record.remote_id.clone());
        return Ok(Page::more(records, checkpoint::encode(&Position { after })));
    }
    let next = checkpoint::encode(&Position::default());
    Ok(if whole { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// Things by their ids; a member that Sympa says is none is gone.
pub(crate) fn get(stream: &str, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let settings = Settings::of_connection()?;
    match stream {
        "members" => ids.iter().map(|id| Ok(one(&settings, id)?.unwrap_or_else(|| SourceRecord::deleted(id.as_str())))).collect(),
        "lists" => {
            let mut all = rows(&api::ask(&settings, "complexLists", &[])?, list)?;
            all.retain(|record| ids.contains(&record.remote_id));
            Ok(all)
        }
        _ => Err(Failure::no_such_stream(stream)),
    }
}

/// Members with these addresses.
pub(crate) fn find(stream: &str, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if (stream, path) != ("members", "email") {
        return Err(Failure::rejected("other", format!("{stream} cannot be found by {path}")));
    }
    let settings = Settings::of_connection()?;
    let mut found = Vec::new();
    for value in values {
        found.extend(one(&settings, &value.trim().to_lowercase())?);
    }
    Ok(found)
}

/// All members. Owners and editors who are none are in Sympa's answer, too.
pub(crate) fn all(settings: &Settings) -> Result<Vec<SourceRecord>, Failure> {
    rows(&api::ask(settings, "fullReview", &[&settings.list])?, |row| {
        let is_member = row.text_of("isSubscriber").is_none_or(|says| !matches!(says.as_str(), "false" | "0"));
        is_member.then(|| {
            let email = row.text_of("email").unwrap_or_default().to_lowercase();
            let name = row.child("gecos").map(|name| name.says().map(mojibake::once).ok_or("its name is no text"));
            member(&email, name)
        })
    })
}

/// One member, as itself: only so Sympa tells of one alone. None: there is no such member.
pub(crate) fn one(settings: &Settings, email: &str) -> Result<Option<SourceRecord>, Failure> {
    match api::call(settings, email, "getDetails", &[&settings.list]) {
        Ok(Said::Done(details)) => {
            let name = details.child("gecos").map(|name| name.says().ok_or("its name is no text"));
            Ok(Some(member(email, name)))
        }
        Ok(Said::Fault(fault)) if fault.meaning() == Meaning::NotAMember => Ok(None),
        Ok(Said::Fault(fault)) => Err(fault.failure()),
        Ok(Said::Other(answer)) => Err(api::not_soap(&answer)),
        // An address that cannot be said as a user's is looked for among all.
        Err(Lost::Unsayable) => Ok(all(settings)?.into_iter().find(|record| record.remote_id == email)),
        Err(lost) => Err(lost.failure()),
    }
}

/// Rows of a result, which are all called `item`; what makes no record is none of the stream. What is no row among them is a record
/// without an id, so that nobody takes what is left for everything.
fn rows(result: &Element, record: impl Fn(&Element) -> Option<SourceRecord>) -> Result<Vec<SourceRecord>, Failure> {
    if let Some(other) = result.children.iter().find(|row| row.name != "item") {
        return Err(Failure::Unavailable(format!("the answer has {} where rows are", other.name)));
    }
    let no_row = || SourceRecord::unreadable("", "there is no row where one should be");
    let beside = result.says().is_none_or(|text| !text.trim().is_empty());
    let mut records: Vec<SourceRecord> = beside.then(no_row).into_iter().collect();
    for row in &result.children {
        records.extend(if row.children.is_empty() { Some(no_row()) } else { record(row) });
    }
    Ok(records)
}

/// A member's body: the same whether it came alone or among all.
fn member(email: &str, name: Option<Result<String, &'static str>>) -> SourceRecord {
    let name = match name.transpose() {
        Ok(name) => name,
        Err(why) => return SourceRecord::unreadable(email, why),
    };
    let mut out = Map::new();
    out.insert("email".to_owned(), json!(email));
    let (first, last) = names::split(name.as_deref().unwrap_or_default());
    out.insert("gecos".to_owned(), name.map_or(Value::Null, Value::String));
    out.insert("first_name".to_owned(), first);
    out.insert("last_name".to_owned(), last);
    SourceRecord::upsert(email, body::bytes(&Value::Object(out)))
}

fn list(row: &Element) -> Option<SourceRecord> {
    let text = |name: &str| row.text_of(name).map(mojibake::once);
    let address = text("listAddress").unwrap_or_default();
    let name = address.split_once('@').map(|(name, _)| name.to_owned());
    let out = json!({ "listAddress": address, "name": name, "subject": text("subject"), "homepage": text("homepage") });
    Some(SourceRecord::upsert(address, body::bytes(&out)))
}
