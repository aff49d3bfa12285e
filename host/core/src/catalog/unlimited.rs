//! A source that has no limit feeds a field that has one, and the mapping does not say what is done with a longer text.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::reader::File;
use super::{Diagnostic, Entity, FieldMapping, FieldType, Mapping, SourceFile};

/// Warns of each such field once, by the first source that may be longer. Only free texts: an address or a number is as long as
/// its kind allows.
pub(super) fn unlimited(
    files: &[SourceFile],
    mappings: &[Mapping],
    entities: &BTreeMap<String, Arc<Entity>>,
    found: &RefCell<Vec<Diagnostic>>,
) {
    for mapping in mappings.iter().filter(|mapping| mapping.flow_out.is_some()) {
        let path = format!("mappings/{}.toml", mapping.name);
        let Some(source) = files.iter().find(|source| source.path == path) else { continue };
        let text = |name: &String| {
            let field = entities.get(&mapping.entity).and_then(|entity| entity.fields.get(name));
            field.is_some_and(|field| field.kind == FieldType::Text)
        };
        for field in mapping.fields.iter().filter(|field| field.direction.writes() && !field.constraints.said) {
            let Some(max) = field.constraints.max_length else { continue };
            if !field.outputs.iter().any(text) {
                continue;
            }
            let Some((from, name)) = longer(mappings, mapping, field, max) else { continue };
            let quoted = format!("\"{}\"", field.remote);
            let at = source.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
            let limit = from.1.constraints.max_length.map_or("has no limit".to_owned(), |there| format!("may have {there}"));
            File::new(source, found).warning(
                at,
                "longer-source",
                format!(
                    "`{}` takes {max} characters, and `{name}` also comes from `{}` of `{}`, which {limit}",
                    field.remote, from.1.remote, from.0.connection
                ),
                Some(
                    "say what is done with a longer one: misfit = \"reject\" (set aside for a person; so it is where nothing is said), \
                     \"truncate\" (cut, with a mark), or \"transform\" with transform = \"…\""
                        .to_owned(),
                ),
            );
        }
    }
}

/// A field of another mapping that may give a longer text for one of those that go out, and its canonical name.
fn longer<'m>(
    mappings: &'m [Mapping],
    own: &Mapping,
    field: &'m FieldMapping,
    max: u32,
) -> Option<((&'m Mapping, &'m FieldMapping), &'m str)> {
    let others = mappings.iter().filter(|other| other.name != own.name && other.entity == own.entity);
    let read =
        others.flat_map(|other| other.fields.iter().filter(|field| field.direction.reads()).map(move |field| (other, field)));
    read.filter(|(_, from)| from.constraints.max_length.is_none_or(|there| there > max)).find_map(|(other, from)| {
        let canonical = from.canonical.as_deref().filter(|name| field.outputs.iter().any(|output| output == name))?;
        Some(((other, from), canonical))
    })
}
