//! Where in an answer a value stands that came out in a record, so that another value can be put there.

use serde_json::Value as Json;

/// A place in a JSON text: keys and positions from the top.
pub type Path = Vec<String>;

/// All leaves of a value with where they are.
pub fn leaves(value: &Json) -> Vec<(Path, &Json)> {
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), &mut found);
    found
}

fn walk<'v>(value: &'v Json, at: &mut Path, found: &mut Vec<(Path, &'v Json)>) {
    let mut below = |key: String, value: &'v Json, at: &mut Path| {
        at.push(key);
        walk(value, at, found);
        at.pop();
    };
    match value {
        Json::Object(all) => all.iter().for_each(|(key, value)| below(key.clone(), value, at)),
        Json::Array(all) => all.iter().enumerate().for_each(|(nth, value)| below(nth.to_string(), value, at)),
        leaf => found.push((at.clone(), leaf)),
    }
}

/// The value at a place.
pub fn at<'v>(value: &'v Json, path: &[String]) -> Option<&'v Json> {
    path.iter().try_fold(value, |value, key| match value {
        Json::Object(all) => all.get(key),
        Json::Array(all) => all.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The same, to be changed.
pub fn at_mut<'v>(value: &'v mut Json, path: &[String]) -> Option<&'v mut Json> {
    path.iter().try_fold(value, |value, key| match value {
        Json::Object(all) => all.get_mut(key),
        Json::Array(all) => all.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Another value at a place; false where the place is not there.
pub fn put(value: &mut Json, path: &[String], new: Json) -> bool {
    at_mut(value, path).map(|place| *place = new).is_some()
}

/// The place of the only leaf that is this value.
pub fn only(value: &Json, wanted: &Json) -> Option<Path> {
    let mut found = leaves(value).into_iter().filter(|(_, leaf)| *leaf == wanted);
    let first = found.next()?;
    found.next().is_none().then_some(first.0)
}

/// The list whose elements are the rows, and which of them holds the leaf at this place: the outermost list above it whose element
/// there has the row's id as a value of its own (what is within a row may have the same number), else the innermost one whose
/// element holds it anywhere.
pub fn row(value: &Json, leaf: &[String], id: &str) -> Option<(Path, usize)> {
    let holds = |end: usize, deepest: usize| {
        let list = at(value, &leaf[..end])?.as_array()?;
        let nth: usize = leaf[end].parse().ok()?;
        let element = list.get(nth).filter(|element| element.is_object())?;
        let found = leaves(element).into_iter().any(|(path, leaf)| path.len() <= deepest && is_id(leaf, id));
        found.then(|| (leaf[..end].to_vec(), nth))
    };
    (0..leaf.len()).find_map(|end| holds(end, 1)).or_else(|| (0..leaf.len()).rev().find_map(|end| holds(end, usize::MAX)))
}

/// Whether a leaf is an id, as a text or a number.
pub fn is_id(leaf: &Json, id: &str) -> bool {
    match leaf {
        Json::String(text) => text.eq_ignore_ascii_case(id),
        Json::Number(number) => number.to_string() == id,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_that_is_there_once_is_found_and_exchanged() {
        let mut answer = json!({ "rows": [
            { "id": 1, "tags": ["x"], "name": { "first": "Ada" }, "phones": [{ "number": "030" }] }, { "id": 2, "name": "x" },
        ] });
        assert_eq!(only(&answer, &json!("x")), None);
        let place = only(&answer, &json!("Ada")).expect("once");
        let place_of_ada = place.clone();
        assert_eq!(place.join("."), "rows.0.name.first");
        assert_eq!(row(&answer, &place, "1"), Some((vec!["rows".to_owned()], 0)));
        let phone = only(&answer, &json!("030")).expect("once");
        assert_eq!(row(&answer, &phone, "1"), Some((vec!["rows".to_owned()], 0)));
        // What is within a row may have the row's number, and a row its id further within.
        let nested = json!([{ "id": 1, "phones": [{ "id": 1, "number": "030" }] }, { "id": 2, "phones": [] }]);
        let phone = only(&nested, &json!("030")).expect("once");
        assert_eq!(row(&nested, &phone, "1"), Some((vec![], 0)));
        let grouped = json!({ "groups": [{ "name": "a", "rows": [{ "own": { "id": 1 }, "name": "Ada" }] }] });
        let place = only(&grouped, &json!("Ada")).expect("once");
        assert_eq!(row(&grouped, &place, "1"), Some((["groups", "0", "rows"].map(str::to_owned).to_vec(), 0)));
        assert!(put(&mut answer, &place_of_ada, json!(null)));
        assert_eq!(answer["rows"][0]["name"]["first"], json!(null));
        assert!(!put(&mut answer, &["none".to_owned()], json!(1)));
    }
}
