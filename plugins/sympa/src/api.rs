//! Sympa's one call, and the settings of the connection.

use nave_sdk::host;
use nave_sdk::http::{self, Answer, Error};
use nave_sdk::serde_json::Value;
use nave_sdk::types::Failure;

use crate::envelope::{self, CALL, SYMPA};
use crate::fault::Fault;
use crate::value::{self, Element};

const ENDPOINT: &str = "soap";

/// The settings of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) path: String,
    pub(crate) application: String,
    /// Owner of the list, or listmaster.
    pub(crate) user: String,
    pub(crate) list: String,
}

impl Settings {
    pub(crate) fn of_connection() -> Result<Self, Failure> {
        let all: Value = host::settings()?;
        let text = |name: &str, default: &str| all[name].as_str().filter(|text| !text.is_empty()).unwrap_or(default).to_owned();
        Ok(Self {
            path: text("path", "/sympasoap"),
            application: text("application", ""),
            user: text("user", ""),
            list: text("list", ""),
        })
    }
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Said {
    /// The element that holds the result.
    Done(Element),
    Fault(Fault),
    /// No envelope at all: a proxy's answer, by its status.
    Other(Answer),
}

/// Why no call was made, or nothing was heard of it.
#[derive(Debug)]
pub(crate) enum Lost {
    /// An argument cannot be said in XML.
    Unsayable,
    Error(Error),
}

/// Calls a service for a user.
pub(crate) fn call(settings: &Settings, user: &str, service: &str, arguments: &[&str]) -> Result<Said, Lost> {
    // `vars` is a list with commas: what an address cannot have would name another variable.
    if user.contains([',', '=']) {
        return Err(Lost::Unsayable);
    }
    let body = envelope::call(settings, user, service, arguments).ok_or(Lost::Unsayable)?;
    let answer = http::request("POST", ENDPOINT, settings.path.as_str())
        .header("SOAPAction", format!("\"{SYMPA}#{CALL}\""))
        .body(body, "text/xml; charset=utf-8")
        .send()
        .map_err(Lost::Error)?;
    Ok(understood(answer))
}

fn understood(answer: Answer) -> Said {
    let Ok(root) = value::parse(&answer.body) else { return Said::Other(answer) };
    let Some(body) = root.child("Body").filter(|_| root.name == "Envelope") else { return Said::Other(answer) };
    if let Some(fault) = body.child("Fault") {
        return Said::Fault(Fault::of(fault));
    }
    let responds = answer.is_success() && body.children.first().is_some_and(|result| result.name.ends_with("Response"));
    if !responds {
        return Said::Other(answer);
    }
    let first = |element: Element| element.children.into_iter().next();
    match root.children.into_iter().find(|child| child.name == "Body").and_then(first).and_then(first) {
        Some(result) => Said::Done(result),
        None => Said::Other(answer),
    }
}

/// Calls a service that only reads; anything but its result is a failure.
pub(crate) fn ask(settings: &Settings, service: &str, arguments: &[&str]) -> Result<Element, Failure> {
    match call(settings, &settings.user, service, arguments) {
        Ok(Said::Done(result)) => Ok(result),
        Ok(Said::Fault(fault)) => Err(fault.failure()),
        Ok(Said::Other(answer)) => Err(not_soap(&answer)),
        Err(lost) => Err(lost.failure()),
    }
}

/// What an answer without an envelope means to a reading call.
pub(crate) fn not_soap(answer: &Answer) -> Failure {
    if answer.is_success() {
        return Failure::Unavailable(format!("the answer is no SOAP envelope: {}", answer.message()));
    }
    answer.failure()
}

impl Lost {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Unsayable => Failure::rejected("format", "it has a character that an envelope of SOAP cannot carry"),
            Self::Error(error) => error.into(),
        }
    }
}
