//! Names → values, in the order of the names, in one piece of memory.
//!
//! Bodies, shadows, claims and fields are small maps that are made, walked and dropped by the million: a sorted vector
//! costs one allocation where a tree costs several, and names that come in order are appended. Names are
//! [`Text`](crate::Text)s, so that a copy of a usual one allocates nothing.
//!
//! Promises the order and the answers of a `BTreeMap`. Inserting somewhere in the middle moves what lies behind it: whatever
//! outsiders can make large is collected and sorted once ([`NameMap::from_unsorted`]).

use std::borrow::Borrow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Text;

/// A sorted map from names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameMap<V> {
    pairs: Vec<(Text, V)>,
}

impl<V> NameMap<V> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// An empty one with room.
    pub fn with_capacity(names: usize) -> Self {
        Self { pairs: Vec::with_capacity(names) }
    }

    /// From pairs in any order; `Err`: this name is there twice.
    pub fn from_unsorted(mut pairs: Vec<(Text, V)>) -> Result<Self, Text> {
        if !pairs.is_sorted_by(|left, right| left.0 < right.0) {
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(twice[0].0.clone());
            }
        }
        Ok(Self { pairs })
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        // Names mostly come in order: behind the last one.
        match self.pairs.last() {
            Some((last, _)) if last.as_str() < name => Err(self.pairs.len()),
            _ => self.pairs.binary_search_by(|(known, _)| known.as_str().cmp(name)),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, names: usize) {
        self.pairs.reserve(names);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// The value under a name.
    pub fn get<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> Option<&V> {
        self.place(name.borrow()).ok().map(|at| &self.pairs[at].1)
    }

    /// The value under a name that probably stands at this place, and where it does: maps of one kind mostly have the
    /// same names.
    pub fn get_near(&self, name: &str, place: usize) -> Option<(usize, &V)> {
        match self.pairs.get(place) {
            Some((known, value)) if known == name => Some((place, value)),
            _ => self.place(name).ok().map(|at| (at, &self.pairs[at].1)),
        }
    }

    /// The value under a name, to be changed.
    pub fn get_mut<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<&mut V> {
        self.place(name.borrow()).ok().map(|at| &mut self.pairs[at].1)
    }

    /// Whether the name is there.
    pub fn contains_key<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> bool {
        self.place(name.borrow()).is_ok()
    }

    /// Puts a value under a name; answers what was there.
    pub fn insert(&mut self, name: impl Into<Text>, value: V) -> Option<V> {
        let name = name.into();
        match self.place(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.pairs[at].1, value)),
            Err(at) => {
                self.pairs.insert(at, (name, value));
                None
            }
        }
    }

    /// The value under a name, made if there is none.
    pub fn or_default(&mut self, name: impl Into<Text>) -> &mut V
    where
        V: Default,
    {
        self.or_insert_with(name, V::default)
    }

    /// The value under a name, made so if there is none.
    pub fn or_insert_with(&mut self, name: impl Into<Text>, make: impl FnOnce() -> V) -> &mut V {
        let name = name.into();
        let at = match self.place(&name) {
            Ok(at) => at,
            Err(at) => {
                self.pairs.insert(at, (name, make()));
                at
            }
        };
        &mut self.pairs[at].1
    }

    /// Takes a value out.
    pub fn remove<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<V> {
        self.place(name.borrow()).ok().map(|at| self.pairs.remove(at).1)
    }

    /// Keeps what is wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&Text, &mut V) -> bool) {
        self.pairs.retain_mut(|(name, value)| wanted(name, value));
    }

    /// Each, in order.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.pairs.iter())
    }

    /// Each, in order, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Text, &mut V)> + DoubleEndedIterator {
        self.pairs.iter_mut().map(|(name, value)| (&*name, value))
    }

    /// Names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> + DoubleEndedIterator {
        self.pairs.iter().map(|(name, _)| name)
    }

    /// Values in the order of their names.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + DoubleEndedIterator {
        self.pairs.iter().map(|(_, value)| value)
    }

    /// Values, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> + DoubleEndedIterator {
        self.pairs.iter_mut().map(|(_, value)| value)
    }

    /// Values alone.
    pub fn into_values(self) -> impl ExactSizeIterator<Item = V> + DoubleEndedIterator {
        self.pairs.into_iter().map(|(_, value)| value)
    }

    /// Those whose name begins so, in order.
    pub fn starting_with<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a Text, &'a V)> + use<'a, V> {
        let from = self.pairs.partition_point(|(name, _)| name.as_str() < prefix);
        let count = self.pairs[from..].partition_point(|(name, _)| name.starts_with(prefix));
        self.pairs[from..from + count].iter().map(|(name, value)| (name, value))
    }

    /// The pair at a place.
    pub fn at(&self, place: usize) -> Option<(&Text, &V)> {
        self.pairs.get(place).map(|(name, value)| (name, value))
    }
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for NameMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Each pair, in order.
#[derive(Clone, Debug)]
pub struct Iter<'a, V>(std::slice::Iter<'a, (Text, V)>);

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Text, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<V> DoubleEndedIterator for Iter<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(name, value)| (name, value))
    }
}

impl<V> ExactSizeIterator for Iter<'_, V> {}

impl<'a, V> IntoIterator for &'a NameMap<V> {
    type Item = (&'a Text, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

impl<V> IntoIterator for NameMap<V> {
    type Item = (Text, V);
    type IntoIter = std::vec::IntoIter<(Text, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<V, N: Into<Text>> Extend<(N, V)> for NameMap<V> {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.insert(name, value);
        }
    }
}

/// Of a name that comes twice the last value stays.
impl<V, N: Into<Text>> FromIterator<(N, V)> for NameMap<V> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Text, V)> = pairs.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if !pairs.is_sorted_by(|left, right| left.0 < right.0) {
            // Stable: equal names stay in the order they came.
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            pairs.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        Self { pairs }
    }
}

impl<V, N: Into<Text>, const COUNT: usize> From<[(N, V); COUNT]> for NameMap<V> {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<V, Q: Borrow<str> + ?Sized> std::ops::Index<&Q> for NameMap<V> {
    type Output = V;

    fn index(&self, name: &Q) -> &V {
        match self.get(name) {
            Some(value) => value,
            None => panic!("there is no `{}`", name.borrow()),
        }
    }
}

impl<V: Serialize> Serialize for NameMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for NameMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = NameMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NameMap<V>, A::Error> {
                let mut pairs: Vec<(Text, V)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Pairs(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// One step on both maps; the answers must be the same.
    #[track_caller]
    fn check(tree: &mut BTreeMap<String, u8>, map: &mut NameMap<u8>, step: u8, name: &str, value: u8) {
        match step % 5 {
            0 | 1 => assert_eq!(tree.insert(name.to_owned(), value), map.insert(name, value)),
            2 => assert_eq!(tree.remove(name), map.remove(name)),
            3 => {
                *tree.entry(name.to_owned()).or_default() ^= value;
                *map.or_default(name) ^= value;
            }
            _ => {
                tree.retain(|known, held| known.as_str() < name || *held > value);
                map.retain(|known, held| known.as_str() < name || *held > value);
            }
        }
        assert_eq!(tree.get(name), map.get(name));
        for place in 0..4 {
            let near = map.get_near(name, place);
            assert_eq!(tree.get(name), near.map(|(_, held)| held));
            assert!(near.is_none_or(|(at, _)| map.at(at).is_some_and(|(known, _)| known == name)));
        }
        assert_eq!(tree.contains_key(name), map.contains_key(name));
        assert_eq!(tree.iter().collect::<Vec<_>>().len(), map.len());
        assert!(
            tree.iter().eq(map
                .iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect::<Vec<_>>()
                .iter()
                .map(|(n, v)| (n, *v)))
        );
    }

    proptest! {
        #[test]
        fn answers_as_a_tree_does(steps in prop::collection::vec((any::<u8>(), "[ab/]{0,3}", any::<u8>()), 0..60)) {
            let (mut tree, mut map) = (BTreeMap::new(), NameMap::new());
            for (step, name, value) in &steps {
                check(&mut tree, &mut map, *step, name, *value);
            }
            let pairs = steps.iter().map(|(_, name, value)| (name.clone(), *value));
            let (tree, map): (BTreeMap<String, u8>, NameMap<u8>) = (pairs.clone().collect(), pairs.clone().collect());
            let held: Vec<(&str, u8)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            prop_assert_eq!(tree.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>(), held);
            let below: Vec<&str> = tree.range("a/".to_owned().."a0".to_owned()).map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(below, map.starting_with("a/").map(|(name, _)| name.as_str()).collect::<Vec<_>>());
            let unsorted = NameMap::from_unsorted(pairs.clone().map(|(name, value)| (Text::from(name), value)).collect());
            prop_assert_eq!(unsorted.ok(), (map.len() == steps.len()).then_some(map));
        }
    }

    #[test]
    fn is_spelled_as_a_map() {
        let map: NameMap<u8> = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"a":2,"b":3}"#);
    }
}
