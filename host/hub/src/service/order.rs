//! Which flows go first: what is referred to, before what refers to it.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Catalog, Entity, FieldType, Mapping};

/// Sorts mappings by how far their entity's references reach, then by name. A circle of references has no order; it is
/// cut where it closes, and resolved by later rounds.
pub(super) fn sort(catalog: &Catalog, mappings: &mut [&Mapping]) {
    let mut depths = BTreeMap::new();
    for mapping in mappings.iter() {
        depth(catalog, &mapping.entity, &mut BTreeSet::new(), &mut depths);
    }
    mappings.sort_by_key(|mapping| (depths.get(&mapping.entity).copied().unwrap_or_default(), mapping.name.clone()));
}

fn depth(catalog: &Catalog, name: &str, above: &mut BTreeSet<String>, known: &mut BTreeMap<String, usize>) -> usize {
    if let Some(depth) = known.get(name) {
        return *depth;
    }
    if !above.insert(name.to_owned()) {
        return 0; // a circle closes here
    }
    let entity = catalog.entities.get(name);
    let deepest =
        entity.into_iter().flat_map(|entity| targets(entity)).map(|target| depth(catalog, target, above, known) + 1).max();
    above.remove(name);
    let found = deepest.unwrap_or_default();
    // Below a circle the depth depends on where it was entered; only what is known for certain is kept.
    if above.is_empty() || found == 0 {
        known.insert(name.to_owned(), found);
    }
    found
}

/// Entities that an entity's fields refer to, itself left out.
fn targets(entity: &Entity) -> BTreeSet<&str> {
    let mut targets = BTreeSet::new();
    for field in entity.fields.values() {
        collect(&field.kind, &mut targets);
    }
    targets.remove(entity.name.as_str());
    targets
}

fn collect<'e>(kind: &'e FieldType, targets: &mut BTreeSet<&'e str>) {
    match kind {
        FieldType::Reference(target) => {
            targets.insert(target);
        }
        FieldType::List { fields, .. } => fields.values().for_each(|kind| collect(kind, targets)),
        _ => {}
    }
}
