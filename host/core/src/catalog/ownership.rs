//! Whose word counts, where several systems write the same field: somebody has to have decided that before data move.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::reader::File;
use super::{Diagnostic, Direction, Entity, Mapping, SourceFile};

/// A field that goes both ways in some system, that others assert too, and whose survivorship nobody has written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unowned {
    /// Entity.
    pub entity: String,
    /// Its field.
    pub field: String,
    /// Mappings in which it goes both ways.
    pub both: Vec<String>,
    /// Connections that say something about it.
    pub claimed_by: Vec<String>,
}

/// What a mapping's fields, lists and parts say of canonical fields: name and direction.
pub(super) fn canonical(mapping: &Mapping) -> impl Iterator<Item = (&str, Direction)> {
    let fields = mapping.fields.iter().filter_map(|field| Some((field.canonical.as_deref()?, field.direction)));
    let lists = mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list));
    fields.chain(lists.map(|list| (list.canonical.as_str(), list.direction)))
}

/// All of them, by entity and field. A field that one system alone asserts needs no decision: nobody contradicts it.
pub(super) fn unowned(mappings: &[Mapping], entities: &BTreeMap<String, Arc<Entity>>) -> Vec<Unowned> {
    let mut both: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut claimed: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for mapping in mappings {
        for (field, direction) in canonical(mapping) {
            let at = (mapping.entity.as_str(), field);
            if direction.reads() {
                claimed.entry(at).or_default().insert(&mapping.connection);
            }
            if direction == Direction::Both {
                both.entry(at).or_default().insert(&mapping.name);
            }
        }
    }
    let owned = |names: &BTreeSet<&str>| names.iter().map(|name| (*name).to_owned()).collect();
    both.iter()
        .filter(|((entity, field), _)| {
            entities.get(*entity).and_then(|entity| entity.fields.get(*field)).is_some_and(|field| !field.decided)
        })
        .filter_map(|(at, both)| {
            let claimed = claimed.get(at).filter(|claimed| claimed.len() > 1)?;
            Some(Unowned { entity: at.0.to_owned(), field: at.1.to_owned(), both: owned(both), claimed_by: owned(claimed) })
        })
        .collect()
}

/// A warning at each place where such a field goes both ways.
pub(super) fn report(files: &[SourceFile], unowned: &[Unowned], found: &RefCell<Vec<Diagnostic>>) {
    for one in unowned {
        for mapping in &one.both {
            let path = format!("mappings/{mapping}.toml");
            let Some(source) = files.iter().find(|source| source.path == path) else { continue };
            let quoted = format!("\"{}\"", one.field);
            let written = source.text.find(&format!("canonical = {quoted}")).map(|at| at + "canonical = ".len());
            let at = written.or_else(|| source.text.find(&quoted)).map_or(0..0, |at| at..at + quoted.len());
            let message = format!(
                "`{}` of {} comes from {}, goes both ways, and nobody has decided whose word counts",
                one.field,
                one.entity,
                one.claimed_by.join(" and ")
            );
            let help = format!(
                "decide it in entities/{}.toml: [fields.{}] with survivorship = {{ owner = \"{}\" }}, steward and because; \
                 `nave policy init crm-centric` writes such a file",
                one.entity, one.field, one.claimed_by[0]
            );
            File::new(source, found).warning(at, "unowned", message, Some(help));
        }
    }
}
