//! Writing: members are added and removed as an owner, and change their names as themselves. Read back each time.

use nave_sdk::body;
use nave_sdk::serde_json::{Map, Value};
use nave_sdk::types::{Delivery, Failure, Outcome, Rejection, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api::{self, Lost, Said, Settings};
use crate::fault::{Fault, Meaning};
use crate::members;

/// No mail to whoever is added or removed.
const QUIET: &str = "1";

/// Makes the differences one by one.
pub(crate) fn write(stream: &str, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    match stream {
        "members" => {}
        "lists" => return Err(Failure::rejected("read-only", "lists are read only")),
        _ => return Err(Failure::no_such_stream(stream)),
    }
    let settings = Settings::of_connection()?;
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => create(&settings, delivery),
        WriteOperation::Update(id) => update(&settings, delivery, id),
        WriteOperation::Delete(id) => delete(&settings, id),
        WriteOperation::Merge(_) => Ok(write::rejected("other", "Sympa merges no members")),
    })
}

fn create(settings: &Settings, delivery: &Delivery) -> Result<Outcome, Stop> {
    let desired = body::object(&delivery.desired)?;
    // Without an address Sympa refuses it.
    let email = desired.get("email").and_then(Value::as_str).unwrap_or_default().trim().to_lowercase();
    let name = name(&desired, &Map::new());
    match made(settings, &settings.user, "add", &[&settings.list, &email, &name, QUIET])? {
        None => Ok(as_it_is(settings, &email)),
        // Its reason is in the server's language; whether there is one already is not.
        Some(fault) if fault.meaning() == Meaning::Refused && is_there(settings, &email) => {
            Ok(Outcome::Rejected(Rejection::new("duplicate", fault.words()).field("email")))
        }
        Some(fault) => Err(fault.stop()),
    }
}

fn update(settings: &Settings, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let Some(current) = members::one(settings, id)? else { return Ok(Outcome::Gone) };
    let changed = body::object(&delivery.changed)?;
    if changed.get("email").is_some_and(|email| email.as_str().map(|email| email.trim().to_lowercase()).as_deref() != Some(id)) {
        let said = "Sympa's SOAP interface does not change an address: remove the member and add the other";
        return Ok(Outcome::Rejected(Rejection::new("read-only", said).field("email")));
    }
    let there = body::object(&current.body)?;
    let name = name(&changed, &there);
    if there.get("gecos").and_then(Value::as_str).unwrap_or_default() == name {
        return Ok(write::written(current));
    }
    if name.trim().is_empty() {
        let said = "Sympa's SOAP interface takes no name away; clear it in its own pages";
        return Ok(Outcome::Rejected(Rejection::new("read-only", said).field("gecos")));
    }
    match made(settings, id, "setDetails", &[&settings.list, &name])? {
        None => match members::one(settings, id) {
            Ok(Some(now)) if kept(&now) == name => Ok(write::written(now)),
            Ok(Some(_)) => {
                Ok(Outcome::Rejected(Rejection::new("other", "Sympa did not keep the name, and did not say why").field("gecos")))
            }
            Ok(None) => Ok(Outcome::Gone),
            Err(_) => Err(Stop::settled(Outcome::Unknown("it was answered, and could not be read back".to_owned()))),
        },
        Some(fault) => Err(fault.stop()),
    }
}

fn delete(settings: &Settings, id: &str) -> Result<Outcome, Stop> {
    match made(settings, &settings.user, "del", &[&settings.list, id, QUIET])? {
        None => Ok(write::written_unread(id)),
        Some(fault) if fault.meaning() == Meaning::Refused && !is_there(settings, id) => Ok(Outcome::Gone),
        Some(fault) => Err(fault.stop()),
    }
}

/// Makes a change. None: it was made; else the fault.
fn made(settings: &Settings, user: &str, service: &str, arguments: &[&str]) -> Result<Option<Fault>, Stop> {
    match api::call(settings, user, service, arguments) {
        // `true`; whatever else it may be is not a yes.
        Ok(Said::Done(result)) => match result.says().as_deref() {
            Some("true" | "1") => Ok(None),
            _ => Err(Stop::settled(Outcome::Unknown("Sympa did not say that it was done".to_owned()))),
        },
        Ok(Said::Fault(fault)) => Ok(Some(fault)),
        Ok(Said::Other(answer)) if answer.is_success() => {
            Err(Stop::settled(Outcome::Unknown(format!("the answer is no SOAP envelope: {}", answer.message()))))
        }
        Ok(Said::Other(answer)) => Err(write::refused(&answer)),
        Err(Lost::Error(error)) => Err(write::lost(error)),
        Err(lost) => Err(Stop::NotSent(lost.failure())),
    }
}

fn as_it_is(settings: &Settings, email: &str) -> Outcome {
    match members::one(settings, email) {
        Ok(Some(record)) => write::written(record),
        // It is there; the host asks again.
        Ok(None) | Err(_) => write::written_unread(email),
    }
}

/// Whether there is such a member. Where that cannot be told there is none.
fn is_there(settings: &Settings, email: &str) -> bool {
    matches!(members::one(settings, email), Ok(Some(_)))
}

fn kept(now: &SourceRecord) -> String {
    let body = body::object(&now.body).unwrap_or_default();
    body.get("gecos").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The one name that Sympa has: as it is given, or of its two parts, of which one may be as it is there.
fn name(changed: &Map<String, Value>, there: &Map<String, Value>) -> String {
    if let Some(name) = changed.get("gecos") {
        return name.as_str().unwrap_or_default().to_owned();
    }
    if !changed.contains_key("first_name") && !changed.contains_key("last_name") {
        return there.get("gecos").and_then(Value::as_str).unwrap_or_default().to_owned();
    }
    let part = |name: &&str| changed.get(*name).or_else(|| there.get(*name)).and_then(Value::as_str).unwrap_or_default();
    // As they are: what is around a part is the part's.
    let parts: Vec<&str> = ["first_name", "last_name"].iter().map(part).filter(|part| !part.trim().is_empty()).collect();
    parts.join(" ")
}
