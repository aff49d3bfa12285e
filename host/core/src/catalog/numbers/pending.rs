//! What a store is behind by: the names under which it keeps values, beside those of `nave.lock`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Names, Numbers, Rename};
use crate::catalog::Catalog;

impl Numbers {
    /// What a store renames, of which these are the names. A number that has another name in `nave.lock`, or is given one by
    /// the configuration, was renamed, whatever else has its old name now. What no number says goes by `renamed-from`.
    ///
    /// These happen at once: the new name of one may be the old name of another.
    pub fn pending(&self, catalog: &Catalog) -> Vec<Rename> {
        let none = Names::new();
        let lock = catalog.numbers.carried(&catalog.numbers.renamed(catalog));
        let called = |entity: &str| -> BTreeMap<u32, &str> {
            let names = lock.fields.get(entity).unwrap_or(&none);
            names.iter().map(|(name, numbered)| (numbered.number, name.as_str())).collect()
        };
        let mut found = BTreeSet::new();
        let mut add = |entity: &str, from: &str, to: &str| {
            found.insert(Rename { entity: entity.to_owned(), from: from.to_owned(), to: to.to_owned() });
        };
        for (entity, names) in &self.fields {
            let called = called(entity);
            for (from, numbered) in names.iter().filter(|(_, numbered)| numbered.number != 0) {
                if let Some(to) = called.get(&numbered.number).filter(|to| *to != from) {
                    add(entity, from, to);
                }
            }
        }
        for entity in catalog.mappings.values().filter_map(|mapping| catalog.entities.get(&mapping.entity)) {
            let (names, called) = (self.fields.get(&entity.name).unwrap_or(&none), called(&entity.name));
            let told = |name: &str| names.get(name).is_some_and(|known| known.number != 0 && called.contains_key(&known.number));
            let number = |name: &str| lock.fields.get(&entity.name).and_then(|names| names.get(name)).map(|known| known.number);
            let by_number = |name: &str| number(name).is_some_and(|number| names.values().any(|known| known.number == number));
            for field in entity.fields.values().filter(|field| !names.contains_key(&field.name) && !by_number(&field.name)) {
                if let Some(from) = field.renamed_from.as_ref().filter(|from| !told(from)) {
                    add(&entity.name, from, &field.name);
                }
            }
        }
        found.into_iter().collect()
    }

    /// Those of the renames whose new name another field of this store has and keeps: nothing says what becomes of its values.
    pub fn occupied(&self, renames: &[Rename]) -> Vec<Rename> {
        let moves = |entity: &str, name: &str| renames.iter().any(|rename| rename.entity == entity && rename.from == name);
        let is_occupied = |Rename { entity, to, .. }: &&Rename| {
            self.fields.get(entity).is_some_and(|names| names.contains_key(to)) && !moves(entity, to)
        };
        renames.iter().filter(is_occupied).cloned().collect()
    }
}
