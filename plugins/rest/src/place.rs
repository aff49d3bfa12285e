//! Places in an answer, without decoding what is on the way.

use std::collections::BTreeMap;

use nave_rest::pointer::Pointer;
use nave_sdk::slice;
use serde_json::value::RawValue;

/// What is at a place of an answer: `Err` where the answer is no JSON at all.
pub(crate) fn raw<'a>(json: &'a [u8], pointer: &Pointer) -> Result<Option<&'a RawValue>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_slice(json)?;
    Ok(below(whole, pointer))
}

/// What is at a place of a value. A step `*` is whatever comes first.
pub(crate) fn below<'a>(whole: &'a RawValue, pointer: &Pointer) -> Option<&'a RawValue> {
    pointer.steps().iter().try_fold(whole, |raw, step| match raw.get().as_bytes().first() {
        Some(b'{') => {
            let map: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
            map.get(step).copied().or_else(|| map.into_values().next().filter(|_| step == "*"))
        }
        Some(b'[') if step == "*" => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()?.first().copied(),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()?.get(step.parse::<usize>().ok()?).copied(),
        _ => None,
    })
}

/// The text of what is at a place: a string's content, a number or flag as it is spelled; none for null, lists, objects.
pub(crate) fn text(json: &[u8], pointer: &Pointer) -> Option<String> {
    raw(json, pointer).ok()?.and_then(|raw| slice::text(raw, ""))
}

/// Whether something says yes: one of these texts, or, where none are named, whatever is there and not null, false or empty.
pub(crate) fn says_yes(raw: Option<&RawValue>, is: &[String]) -> bool {
    let Some(raw) = raw else { return false };
    if is.is_empty() {
        return !matches!(raw.get(), "null" | "false" | "\"\"" | "[]" | "{}" | "0");
    }
    slice::text(raw, "").is_some_and(|text| is.contains(&text))
}
