//! What is taken of a vault's answer, whichever vault it is: the value of a field, or one that is made of several.

use bytes::Bytes;
use nave_core::limits::SECRET_BYTES_MAX;
use nave_core::secret_reference::{Piece, template};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::secrets::SecretBytes;

/// Characters of what a vault says of an error.
const SAID_CHARS_MAX: usize = 160;

/// Why nothing was fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The vault does not take what a log-in gave, or it may not read this.
    Token(String),
    /// It did not come to a question: the vault is away, or gives nothing to sign in with.
    Way(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(super) fn why(self) -> String {
        match self {
            Self::Token(why) | Self::Way(why) | Self::Other(why) => why,
        }
    }

    /// Whether another log-in might help; with `asked`, also where none was had so far.
    pub(super) fn is_of_the_sign_in(&self, asked: bool) -> bool {
        match self {
            Self::Token(_) => true,
            Self::Way(_) => asked,
            Self::Other(_) => false,
        }
    }
}

/// The value that a field or a template of fields asks for, of the fields of one answer.
pub(super) fn made_of(fields: &Value, path: &str, field: &str) -> Result<SecretBytes, String> {
    let pieces = template(field)?;
    if let [Piece::Field(name)] = pieces.as_slice() {
        return bounded(text_of(fields, path, name)?, path, name);
    }
    let mut made = Zeroizing::new(String::new());
    for piece in pieces {
        match piece {
            Piece::Text(text) => made.push_str(&text),
            Piece::Field(name) => made.push_str(&text_of(fields, path, &name)?),
        }
    }
    bounded(made, path, field)
}

fn text_of(fields: &Value, path: &str, field: &str) -> Result<Zeroizing<String>, String> {
    let Value::Object(fields) = fields else { return Err(format!("what is at {path} was deleted, or has no fields")) };
    let text = match fields.get(field) {
        Some(Value::String(text)) => Zeroizing::new(text.clone()),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => Zeroizing::new(other.to_string()),
        Some(_) => return Err(format!("the field `{}` at {path} is no text", one_line(field))),
        None => {
            let known: Vec<String> = fields.keys().take(10).map(|key| one_line(key)).collect();
            let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            return Err(format!("there is no field `{}` at {path}; {known}: name one with --field", one_line(field)));
        }
    };
    if text.is_empty() {
        return Err(format!("the field `{}` at {path} is empty", one_line(field)));
    }
    Ok(text)
}

/// A text as a secret, where it may be one; `what` names it.
pub(super) fn bounded(text: Zeroizing<String>, path: &str, what: &str) -> Result<SecretBytes, String> {
    match text.len() {
        1..=SECRET_BYTES_MAX => Ok(SecretBytes::new(text.as_bytes())),
        0 => Err(format!("what is at {path} is empty")),
        _ => Err(format!("the field `{}` at {path} is larger than {SECRET_BYTES_MAX} bytes", one_line(what))),
    }
}

/// Overwrites what was read.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

/// Overwrites an answer, where nobody else has it.
pub(super) fn overwrite(body: Bytes) {
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

/// What a vault says, on one line; quotes stay as they are.
pub(super) fn one_line(text: &str) -> String {
    let shown = |one: char| if matches!(one, '\'' | '"') { vec![one] } else { one.escape_debug().collect() };
    text.chars().flat_map(shown).take(SAID_CHARS_MAX).collect()
}
