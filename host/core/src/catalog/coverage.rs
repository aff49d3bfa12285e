//! Which fields of a stream a mapping speaks about.

use serde::Serialize;

use super::{Direction, FieldMapping, Mapping, PartMapping, StreamInfo};
use crate::mapping::Expression;

/// Every discovered field is in exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Read or written.
    pub mapped: Vec<String>,
    /// Left alone, with a reason.
    pub ignored: Vec<String>,
    /// Not spoken about.
    pub unmapped: Vec<String>,
}

/// Sorts a stream's fields by what a mapping does with them.
pub fn coverage(mapping: &Mapping, stream: &StreamInfo) -> Coverage {
    let mut out = Coverage::default();
    for field in &stream.fields {
        let path = field.path.as_str();
        let list = match &mut out {
            out if is_mapped(mapping, path) => &mut out.mapped,
            out if mapping.fields.iter().any(|field| field.direction == Direction::Ignore && covers(&field.remote, path)) => {
                &mut out.ignored
            }
            out => &mut out.unmapped,
        };
        list.push(path.to_owned());
    }
    out
}

/// Sorts the fields of a stream of children by what a mapping's parts do with them.
pub fn part_coverage(mapping: &Mapping, stream: &StreamInfo) -> Coverage {
    let parts: Vec<&PartMapping> = mapping.parts.iter().filter(|part| part.stream == stream.name).collect();
    let mapped = |path: &str| {
        parts.iter().any(|part| {
            let own = part.marker.iter().chain(part.list.only.keys()).chain(std::iter::once(&part.parent));
            let fields = part.list.fields.iter().flat_map(|field| field.inputs.iter().chain(std::iter::once(&field.remote)));
            own.chain(fields).any(|spoken| covers(spoken, path) || covers(path, spoken))
        })
    };
    let (mapped, unmapped) = stream.fields.iter().map(|field| field.path.clone()).partition(|path| mapped(path));
    Coverage { mapped, ignored: Vec::new(), unmapped }
}

/// The same path, or one below it.
fn covers(spoken: &str, path: &str) -> bool {
    path.strip_prefix(spoken).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_mapped(mapping: &Mapping, path: &str) -> bool {
    let speaks = |field: &FieldMapping, prefix: &str| {
        let touches = |spoken: &str| {
            let spoken = format!("{prefix}{spoken}");
            // An expression that reads a part of an object speaks about the object.
            covers(&spoken, path) || covers(path, &spoken)
        };
        field.direction != Direction::Ignore && (touches(&field.remote) || field.inputs.iter().any(|input| touches(input)))
    };
    let read = |expression: &Expression| expression.paths().iter().any(|spoken| covers(spoken, path));
    mapping.fields.iter().any(|field| speaks(field, ""))
        || mapping.lists.iter().any(|list| {
            let prefix = format!("{}.", list.remote);
            let inside = |sub: &str| path.strip_prefix(&prefix).is_some_and(|rest| covers(sub, rest));
            path == list.remote
                || list.id.as_deref().is_some_and(inside)
                || list.only.keys().any(|sub| inside(sub))
                || list.fields.iter().any(|field| speaks(field, &prefix))
        })
        || mapping.id.as_ref().is_some_and(read)
        || mapping.externals.iter().flat_map(|call| &call.arguments).any(read)
        || [&mapping.constants, &mapping.archive, &mapping.restore]
            .into_iter()
            .any(|values| values.keys().any(|spoken| covers(spoken, path)))
        || mapping
            .flow_out
            .as_ref()
            .is_some_and(|flow| [&flow.marker, &flow.natural_key].into_iter().flatten().any(|spoken| covers(spoken, path)))
}
