//! Parts: a list field whose elements are things of their own over there, each with its parent's id.
//!
//! What is known of the children is kept in the parent's contribution, as for any list: the shadow holds one element per
//! child (its mapped paths and its id), claims are made per element, and a tie names the child. A child is read, written
//! and deleted by itself; nothing here infers anything from a child that was not seen.

mod settle;
mod steps;
mod take;
#[cfg(test)]
mod tests;

pub use settle::{landed, settle_child};
pub use steps::{Step, steps};
pub use take::{Seen, take_child};

use crate::catalog::{Mapping, PartMapping};
use crate::intake::{Coverage, list_path, paths};
use crate::mapping::find;
use crate::model::{Contribution, RemoteKey};
use crate::value::Value;

/// Under which an element of the shadow holds the child's remote id. No path of a body begins so.
pub const CHILD_ID: &str = "#id";

/// What stands for a remote path in the list of a part: no path of the parent's body ends so.
pub fn remote(stream: &str) -> String {
    format!("{stream}[]")
}

/// The children's stream, by the path of a part's list in shadow or journal. None for any other path.
pub fn stream_of(path: &str) -> Option<&str> {
    path.split_once("[]#").map(|(stream, _)| stream)
}

/// The key under which the children of a mapping are known: one stream may hold the children of several.
pub fn alias(mapping: &Mapping, stream: &str) -> String {
    key_stream(&mapping.alias, stream)
}

fn key_stream(parents: &str, stream: &str) -> String {
    format!("{parents}/{stream}")
}

/// The child's id in an element of a shadow.
pub fn child_id(element: &Value) -> Option<&str> {
    element.at(CHILD_ID).and_then(Value::as_text)
}

/// Elements of a part that a contribution's shadow holds.
pub fn shadow<'c>(contribution: &'c Contribution, part: &PartMapping) -> &'c [Value] {
    match contribution.shadow.get(&list_path(&part.list)) {
        Some(Value::List(elements)) => elements,
        _ => &[],
    }
}

/// Every child that a contribution holds: its key for the index, and its id. Needs no configuration.
pub fn children(contribution: &Contribution) -> impl Iterator<Item = RemoteKey> {
    let lists = contribution.shadow.iter().filter_map(|(path, value)| match (stream_of(path), value) {
        (Some(stream), Value::List(elements)) => Some((stream, elements)),
        _ => None,
    });
    lists.flat_map(move |(stream, elements)| {
        let of = &contribution.key;
        let key = move |id| RemoteKey::new(of.connection.clone(), key_stream(&of.stream, stream), id);
        elements.iter().filter_map(child_id).map(key)
    })
}

/// What is kept of a child: its id and the paths that the part speaks about. `known` answers for what was not read.
pub fn element(part: &PartMapping, id: &str, body: &Value, coverage: &Coverage, known: Option<&Value>) -> Value {
    let mut element = Value::Object(Default::default());
    element.put(CHILD_ID, Value::text(id));
    let spoken = part.list.fields.iter().flat_map(paths).chain(part.list.only.keys().map(String::as_str));
    for path in spoken {
        let from = if coverage.covers(path) { Some(body) } else { known };
        if let Some(value) = from.and_then(|from| find(from, path)).filter(|value| !matches!(value, Value::Null)) {
            element.put(path, value.clone());
        }
    }
    element
}

/// Remote id of a child's parent; none where it has none.
pub fn parent(part: &PartMapping, body: &Value) -> Option<String> {
    find(body, &part.parent).filter(|value| !value.is_empty()).map(Value::display)
}
