//! A field gets another name: everything that is stored under the old one goes to the new one.
//!
//! Where both are there, which an interrupted renaming or a read under the new name leaves, the newer one stays.

use crate::model::{Contribution, Intent, Record};
use crate::{NameMap, Text};

/// A field's name, or that of an element of a list.
fn field(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
}

/// The path under which a list field's elements are kept: remote path, `#`, the field.
fn list(path: &str, from: &str, to: &str) -> Option<String> {
    let (remote, canonical) = path.split_once('#')?;
    (canonical == from).then(|| format!("{remote}#{to}"))
}

/// Moves names; `newer` says whether what is moved goes before what is there. Says whether any was moved.
fn names<V>(map: &mut NameMap<V>, name: impl Fn(&str) -> Option<String>, newer: impl Fn(&V, &V) -> bool) -> bool {
    let moving: Vec<(Text, String)> = map.keys().filter_map(|old| Some((old.clone(), name(old)?))).collect();
    for (old, new) in &moving {
        let Some(value) = map.remove(old) else { continue };
        if map.get(new).is_none_or(|there| newer(&value, there)) {
            map.insert(new.as_str(), value);
        }
    }
    !moving.is_empty()
}

/// In a record's fields. Says whether any was there.
pub fn record(record: &mut Record, from: &str, to: &str) -> bool {
    names(&mut record.fields, |name| field(name, from, to), |_, _| false)
}

/// In claims, list elements and shadows. Says whether any was there.
pub fn contribution(row: &mut Contribution, from: &str, to: &str) -> bool {
    let claims = names(&mut row.claims, |name| field(name, from, to), |old, new| old.claimed_at > new.claimed_at);
    let elements = names(&mut row.elements, |name| field(name, from, to), |_, _| false);
    let shadow = names(&mut row.shadow, |path| list(path, from, to), |_, _| false);
    let sent = names(&mut row.sent, |path| list(path, from, to), |_, _| false);
    claims || elements || shadow || sent
}

/// In a write whose outcome is not known: what was sent stays, byte by byte. Says whether any was there.
pub fn intent(intent: &mut Intent, from: &str, to: &str) -> bool {
    let base = names(&mut intent.base, |path| list(path, from, to), |_, _| false);
    let values = names(&mut intent.values, |path| list(path, from, to), |_, _| false);
    let elements = intent.elements.remove(from).map(|numbers| intent.elements.insert(to.to_owned(), numbers));
    base || values || elements.is_some()
}

/// Renamings, from and to, one after the other, that come to the same as all of these at once. The first ones are for these,
/// in their order. Where one takes the name that another gives up, all go over names that no field can have.
pub fn sequence(moves: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    if !moves.iter().any(|(_, to)| moves.iter().any(|(from, _)| from == to)) {
        return moves.iter().copied().map(owned).collect();
    }
    let between = |index: usize| format!(" {index}");
    let away = moves.iter().enumerate().map(|(index, (from, _))| ((*from).to_owned(), between(index)));
    let there = moves.iter().enumerate().map(|(index, (_, to))| (between(index), (*to).to_owned()));
    away.chain(there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as they are, and as they are when `phones` is called `numbers`.
    fn check(name: impl Fn(&str) -> Option<String>, before: &[&str], after: &[(&str, usize)]) {
        let mut map: NameMap<usize> = before.iter().enumerate().map(|(index, name)| (Text::from(*name), index)).collect();
        let moved = names(&mut map, name, |old, new| old > new);
        let found: Vec<(&str, usize)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(found, after, "{before:?}");
        assert_eq!(moved, map.keys().any(|name| !before.contains(&name.as_str())) || map.len() < before.len(), "{before:?}");
    }

    #[test]
    fn names_follow() {
        let name = |name: &str| field(name, "phones", "numbers");
        check(name, &["name", "phones/1", "phones/12"], &[("name", 0), ("numbers/1", 1), ("numbers/12", 2)]);
        check(name, &["phones"], &[("numbers", 0)]);
        check(name, &["phones.x", "phones2", "x.phones"], &[("phones.x", 0), ("phones2", 1), ("x.phones", 2)]);
        // Both are there: the newer one stays.
        check(name, &["numbers", "phones"], &[("numbers", 1)]);
        check(name, &["phones", "numbers"], &[("numbers", 1)]);
        check(name, &[], &[]);
    }

    #[test]
    fn names_change_places() {
        let check = |moves: &[(&str, &str)], after: &[(&str, usize)]| {
            let mut map: NameMap<usize> =
                ["a", "b", "c"].into_iter().zip(0..).map(|(name, index)| (Text::from(name), index)).collect();
            for (from, to) in sequence(moves) {
                names(&mut map, |name| field(name, &from, &to), |_, _| false);
            }
            let found: Vec<(&str, usize)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            assert_eq!(found, after, "{moves:?}");
        };
        check(&[("a", "d")], &[("b", 1), ("c", 2), ("d", 0)]);
        check(&[("a", "b"), ("b", "d")], &[("b", 0), ("c", 2), ("d", 1)]);
        check(&[("a", "b"), ("b", "a")], &[("a", 1), ("b", 0), ("c", 2)]);
        check(&[("a", "b"), ("b", "c"), ("c", "a")], &[("a", 2), ("b", 0), ("c", 1)]);
    }

    #[test]
    fn shadows_of_lists_follow() {
        let path = |path: &str| list(path, "phones", "numbers");
        check(path, &["phone", "phones", "telephones#phones"], &[("phone", 0), ("phones", 1), ("telephones#numbers", 2)]);
        check(path, &["mechanisms[]#phones"], &[("mechanisms[]#numbers", 0)]);
        check(path, &["telephones#phones2"], &[("telephones#phones2", 0)]);
    }
}
