//! Requests and answers as JSON text, and as the lines that the local socket speaks.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Answer, ApiError, Asked, Progress};

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

/// Reads a request, and who asks: nobody in particular where it does not say.
///
/// # Errors
/// [`ApiError`] of usage.
pub fn decode_asked(text: &[u8]) -> Result<Asked, ApiError> {
    let refuse = |error: serde_json::Error| ApiError::usage(format!("the request was not understood: {error}"));
    let mut json: serde_json::Value = serde_json::from_slice(text).map_err(refuse)?;
    let by = match json.as_object_mut().and_then(|fields| fields.remove("by")) {
        None => String::new(),
        Some(by) => serde_json::from_value(by).map_err(refuse)?,
    };
    Ok(Asked { by, request: serde_json::from_value(json).map_err(refuse)? })
}

/// Writes a request with who asks, as [`decode_asked`] reads it.
pub fn encode_asked(asked: &Asked) -> String {
    let mut json = serde_json::to_value(&asked.request).unwrap_or_default();
    if let Some(fields) = json.as_object_mut() {
        fields.insert("by".to_owned(), asked.by.clone().into());
    }
    encode(&json)
}

/// Writes JSON text on one line.
pub fn encode<T: Serialize>(value: &T) -> String {
    // Our own types serialise: their keys are text and they hold no maps with other keys.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()))
}
