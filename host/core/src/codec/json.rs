//! JSON text ↔ [`Value`], on serde_json's streaming reader.
//!
//! serde_json hands over a number's own spelling (its feature `arbitrary_precision`) as a map with one agreed
//! key. A body could hold that key too; the two are told apart by where the key's bytes lie: a key that was
//! read lies within the input, or is passed as a short-lived copy, the agreed one is neither.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use smol_str::ToSmolStr as _;

use super::{CodecError, Decoded};
use crate::limits::{JSON_DEPTH_MAX, RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::value::{Reference, Value};
use crate::{NameMap, Text};

/// One JSON text as a value. Numbers keep their digits; an exponent is spelled `e+7` or `e-7`. Refuses what a body must not be: deeper than [`JSON_DEPTH_MAX`], more than
/// [`RECORD_FIELDS_MAX`] fields, larger than [`RECORD_BYTES_MAX`], a key twice, half a surrogate, `NaN`.
pub fn decode(bytes: &[u8]) -> Decoded {
    Decoder::default().decode(bytes)
}

/// Decodes bodies that are mostly alike: remembers the names of the last one, and how they are put in order.
#[derive(Debug, Default)]
pub struct Decoder {
    shape: Shape,
}

impl Decoder {
    /// As [`decode`]. What came before makes it quicker, nothing else.
    pub fn decode(&mut self, bytes: &[u8]) -> Decoded {
        decode_with(bytes, &mut self.shape)
    }
}

/// Names of a whole body remembered at most; larger ones are sorted anew each time.
const SHAPE_NAMES_MAX: usize = 256;

/// The names of a body as they came, and the exchanges that sort them.
#[derive(Debug, Default)]
struct Shape {
    names: Vec<Text>,
    swaps: Vec<(usize, usize)>,
}

impl Shape {
    fn of(pairs: &[(Text, Value)]) -> Self {
        if pairs.len() > SHAPE_NAMES_MAX {
            return Self::default();
        }
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|left, right| pairs[*left].0.cmp(&pairs[*right].0));
        let mut swaps = Vec::new();
        for place in 0..order.len() {
            // Where the one that belongs here has been exchanged to meanwhile.
            let mut from = order[place];
            while from < place {
                from = order[from];
            }
            if from != place {
                swaps.push((place, from));
            }
        }
        Self { names: pairs.iter().map(|(name, _)| name.clone()).collect(), swaps }
    }
}

fn decode_with(bytes: &[u8], shape: &mut Shape) -> Decoded {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(CodecError::new("too-large", format!("{} bytes; a body holds at most {RECORD_BYTES_MAX}", bytes.len()), 0));
    }
    let context = Context {
        input: bytes.as_ptr_range(),
        fields: Cell::new(0),
        class: RefCell::new(None),
        shape: RefCell::new(std::mem::take(shape)),
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let result = Seed { context: &context, depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    *shape = context.shape.take();
    result.map_err(|error| {
        let offset = offset(bytes, error.line(), error.column());
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let class = context.class.take().unwrap_or(
            if message.contains("surrogate") || message.contains("hex escape") || message.contains("unicode") {
                "encoding"
            } else if message.contains("recursion") {
                "depth"
            } else {
                "syntax"
            },
        );
        CodecError::new(class, format!("not a JSON body: {message}"), offset)
    })
}

/// The non-empty lines of a JSON-lines text, each with its offset. A line that is too long is cut by [`decode`]'s refusal.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes_start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut at = bytes_start;
    std::iter::from_fn(move || {
        loop {
            if at >= bytes.len() {
                return None;
            }
            let start = at;
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |found| start + found);
            at = end + 1;
            let line = &bytes[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.trim_ascii().is_empty() {
                return Some((start, line));
            }
        }
    })
}

fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', bytes).nth(line - 2).map_or(0, |at| at + 1),
    };
    (start + column.saturating_sub(1)).min(bytes.len())
}

struct Context {
    input: std::ops::Range<*const u8>,
    fields: Cell<usize>,
    class: RefCell<Option<&'static str>>,
    shape: RefCell<Shape>,
}

impl Context {
    fn refuse<E: serde::de::Error>(&self, class: &'static str, message: String) -> E {
        *self.class.borrow_mut() = Some(class);
        E::custom(message)
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let fields = self.fields.get() + 1;
        self.fields.set(fields);
        if fields > RECORD_FIELDS_MAX {
            return Err(self.refuse("too-many-fields", format!("more than {RECORD_FIELDS_MAX} fields")));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    context: &'c Context,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A key, or serde_json's own mark of a number.
struct Key<'c> {
    context: &'c Context,
    /// The one that came at this place in the body before.
    expected: Option<&'c Text>,
}

impl Key<'_> {
    fn text(&self, key: &str) -> Text {
        self.expected.filter(|expected| *expected == key).cloned().unwrap_or_else(|| key.into())
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Text>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Option<Text>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<Text>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'de str) -> Result<Option<Text>, E> {
        // An empty key has no bytes to lie anywhere, and is no mark.
        let read = key.is_empty() || self.context.input.contains(&key.as_ptr());
        Ok(read.then(|| self.text(key)))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Option<Text>, E> {
        Ok(Some(self.text(key)))
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    // An integer that fits is handed over as one; its decimal spelling is the one that was read.
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_smolstr()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_smolstr()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(element) = seq.next_element_seed(inner)? {
            self.context.count()?;
            list.push(element);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        // Taken out while the body is read: what lies within it finds none.
        let shape = if self.depth == 0 { self.context.shape.take() } else { Shape::default() };
        let mut pairs: Vec<(Text, Value)> = Vec::with_capacity(shape.names.len());
        while let Some(key) = map.next_key_seed(Key { context: self.context, expected: shape.names.get(pairs.len()) })? {
            let Some(key) = key else {
                return Ok(Value::Number(map.next_value()?));
            };
            self.context.count()?;
            let value = map.next_value_seed(inner)?;
            pairs.push((key, value));
        }
        if self.depth == 0 {
            let alike = shape.names.iter().eq(pairs.iter().map(|(name, _)| name));
            let shape = if alike { shape } else { Shape::of(&pairs) };
            shape.swaps.iter().for_each(|(left, right)| pairs.swap(*left, *right));
            self.context.shape.replace(shape);
        }
        match NameMap::from_unsorted(pairs) {
            Ok(map) => Ok(Value::Object(map)),
            Err(_) => Err(self.context.refuse("duplicate-key", "the same key twice in one object".to_owned())),
        }
    }
}

impl Seed<'_> {
    /// A number comes as a map, so it may stand one level below the deepest object; serde_json counts 128 itself.
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth > JSON_DEPTH_MAX {
            return Err(self.context.refuse("depth", format!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

/// A value as JSON text: keys in order, numbers as they were spelled, no blanks. A record reference is its
/// number, a remote one its remote id as text.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode_into(value, &mut out);
    out
}

/// As [`encode`], behind what is there.
pub fn encode_into(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if is_json_number(number) => out.extend_from_slice(number.as_bytes()),
        Value::Number(text) | Value::Text(text) => string(text, out),
        Value::Reference(Reference::Record(id)) => out.extend_from_slice(id.to_string().as_bytes()),
        Value::Reference(Reference::Remote(key)) => string(&key.remote_id, out),
        Value::List(list) => {
            out.push(b'[');
            for (at, element) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                encode_into(element, out);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            out.push(b'{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                encode_into(value, out);
            }
            out.push(b'}');
        }
    }
}

fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
