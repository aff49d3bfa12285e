//! Requests and answers as JSON text, and as the lines that the local socket speaks.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Answer, ApiError, Progress, Request};

/// One line of an answer on the local socket: any number of `progress`, then one of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Line {
    Progress(Progress),
    Answer(Box<Answer>),
    Error(ApiError),
}

/// Reads JSON text. Goes through a JSON value because numbers keep their spelling here, and serde's tagged enums cannot
/// buffer such numbers.
///
/// # Errors
/// What serde says, with the key at fault.
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::from_slice(text)?)
}

/// Reads a request.
///
/// # Errors
/// [`ApiError`] of usage.
pub fn decode_request(text: &[u8]) -> Result<Request, ApiError> {
    decode(text).map_err(|error| ApiError::usage(format!("the request was not understood: {error}")))
}

/// Writes JSON text on one line.
pub fn encode<T: Serialize>(value: &T) -> String {
    // Our own types serialise: their keys are text and they hold no maps with other keys.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()))
}
