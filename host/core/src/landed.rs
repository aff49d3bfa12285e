//! Whether what is there now is what was sent: asked when the answer to a write was lost, and of every answer that shows it.

use crate::NameMap;
use crate::catalog::{ListMapping, Mapping};
use crate::intake::{element_value, list_path, remote_elements};
use crate::mapping::Env;
use crate::model::Contribution;
use crate::value::Value;

/// Whether a remote object shows what was sent to it under a remote path (or list path).
///
/// What is read back is compared by what it means. What is only written has no meaning here: it is compared as it is
/// spelled, capitals and blanks apart.
pub fn landed(mapping: &Mapping, body: &Value, path: &str, sent: &Value, region: Option<&str>) -> bool {
    if let Some(list) = mapping.lists.iter().find(|list| list_path(list) == path) {
        let Value::List(sent) = sent else { return false };
        let there = remote_elements(list, body);
        return match list.direction.reads() {
            true => meaning(mapping, list, sent, region) == meaning(mapping, list, &there, region),
            false => spelled(sent, there),
        };
    }
    let there = crate::mapping::find(body, path).cloned().unwrap_or_default();
    if same(&there, sent) {
        return true;
    }
    let Some(read) = mapping.fields.iter().find(|field| field.remote == path).and_then(|field| field.read.as_ref()) else {
        return false;
    };
    let mut ours = body.clone();
    ours.put(path, sent.clone());
    let env = |body| Env { body, externals: &[], connection: &mapping.connection, region };
    matches!((read.evaluate(&env(body)), read.evaluate(&env(&ours))), (Ok(there), Ok(ours)) if there == ours)
}

/// Paths that a confirmed write did not change: what came back is what was there before, or nothing, and means something else
/// than what was sent. The system said yes and stored nothing. To be asked before [`crate::difference::settle`].
///
/// What is only written has no meaning here, and may come back in another spelling or not at all: there only words count, and
/// only where they are exactly those of before.
pub fn kept(
    mapping: &Mapping,
    contribution: Option<&Contribution>,
    values: &NameMap<Value>,
    read_back: &Value,
    region: Option<&str>,
) -> Vec<String> {
    let as_before = |path: &str, sent: &Value| {
        let Some(field) = mapping.fields.iter().find(|field| field.remote == path) else { return false };
        let nothing = Value::Null;
        let there = crate::mapping::find(read_back, path).unwrap_or(&nothing);
        let before = contribution.and_then(|row| row.shadow.get(path)).unwrap_or(&nothing);
        let unchanged = there == before || there.is_empty() && before.is_empty();
        let words = |value: &Value| value.as_text().is_some_and(|text| text.chars().any(char::is_alphabetic));
        match field.read {
            Some(_) => unchanged,
            None => unchanged && words(there) && words(sent),
        }
    };
    let paths = values.iter().filter(|(path, _)| !path.contains('#'));
    let fields = || mapping.fields.iter().map(|field| field.remote.as_str());
    let wanted = |path: &str| values.get(path).or_else(|| contribution.and_then(|row| row.shadow.get(path)));
    let there = |path: &str| crate::mapping::find(read_back, path);
    let lost = paths.filter(|(path, sent)| {
        as_before(path, sent)
            && !landed(mapping, read_back, path, sent, region)
            && !divided_otherwise(fields(), path, wanted, there)
    });
    lost.map(|(path, _)| path.to_string()).collect()
}

/// Whether a system has one text for two of our fields, and divides it at another place: `Ana Maria` and `Silva Costa` come
/// back as `Ana Maria Silva` and `Costa`. Every word that was sent is there, in the same order: that is its spelling.
pub(crate) fn divided_otherwise<'a, 'v>(
    mut paths: impl Iterator<Item = &'a str>,
    path: &str,
    wanted: impl Fn(&str) -> Option<&'v Value>,
    there: impl Fn(&str) -> Option<&'v Value>,
) -> bool {
    let (wanted, there) = (|path: &str| wanted(path).and_then(words), |path: &str| there(path).and_then(words));
    let both = |first: Option<Vec<String>>, second: Option<Vec<String>>| Some([first?, second?].concat());
    paths.any(|other| {
        let sent = both(wanted(path), wanted(other));
        let turned = both(wanted(other), wanted(path));
        other != path && sent.is_some() && (sent == both(there(path), there(other)) || turned == both(there(other), there(path)))
    })
}

/// The words of a text, in lower case; none where there are none.
fn words(value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = value.as_text()?.split_whitespace().map(str::to_lowercase).collect();
    (!words.is_empty()).then_some(words)
}

/// What elements mean, in one order.
fn meaning(mapping: &Mapping, list: &ListMapping, elements: &[Value], region: Option<&str>) -> Vec<Value> {
    let mut found: Vec<Value> = elements
        .iter()
        .filter_map(|element| element_value(mapping, list, element, region).ok())
        .filter(|value| !value.is_empty())
        .collect();
    found.sort();
    found
}

/// Whether each element that was sent is there, and no other.
fn spelled(sent: &[Value], mut there: Vec<Value>) -> bool {
    sent.len() == there.len()
        && sent.iter().all(|sent| match there.iter().position(|element| says(element, sent)) {
            Some(index) => {
                there.swap_remove(index);
                true
            }
            None => false,
        })
}

/// Whether an element holds what was sent; it may hold more, such as the id that the system gave it.
fn says(there: &Value, sent: &Value) -> bool {
    match (there, sent) {
        (Value::Object(there), Value::Object(sent)) => {
            sent.iter().all(|(name, value)| same(there.get(name).unwrap_or(&Value::Null), value))
        }
        _ => same(there, sent),
    }
}

fn same(there: &Value, sent: &Value) -> bool {
    there == sent || there.is_empty() && sent.is_empty() || letters(there).is_some() && letters(there) == letters(sent)
}

/// Letters and digits alone, in lower case: a system's own spelling of what it was sent (capitals, blanks, dashes) is not
/// taken for somebody's edit.
fn letters(value: &Value) -> Option<String> {
    let text: String = value.as_text()?.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn divided(wanted: [&str; 2], there: [&str; 2], expected: bool) {
        let value = |texts: [&str; 2]| texts.map(Value::text);
        let (wanted, there) = (value(wanted), value(there));
        for path in ["first", "last"] {
            let found = divided_otherwise(
                ["first", "last"].into_iter(),
                path,
                |path| Some(&wanted[usize::from(path == "last")]),
                |path| Some(&there[usize::from(path == "last")]),
            );
            assert_eq!(found, expected, "{path}: {wanted:?} {there:?}");
        }
    }

    #[test]
    fn one_name_that_a_system_divides_elsewhere_is_its_spelling() {
        divided(["Ana Maria", "Silva Costa"], ["Ana Maria Silva", "Costa"], true);
        divided(["Ana Maria", "Silva Costa"], ["Ana", "Maria Silva Costa"], true);
        divided(["Ana Maria", "Silva Costa"], ["ana maria silva", "COSTA"], true);
        // A word is missing, another one is there, or they are turned about: that is not what was sent.
        divided(["Ana Maria", "Silva Costa"], ["Ana Maria", "Costa"], false);
        divided(["Bob", "Silva"], ["Ana", "Silva"], false);
        divided(["Silva", "Ana"], ["Ana", "Silva"], false);
        divided(["", "Ana Silva"], ["Ana", "Silva"], false);
    }
}
