//! How much may go at once before a person is asked (I11): a truncated export, a wrong filter or a slip over there looks like
//! many deletions, or like one field that everybody cleared.

use crate::Value;
use crate::catalog::Mapping;
use crate::intake::{Pulled, list_path, paths, remote_elements};
use crate::mapping::find;
use crate::model::Contribution;

/// What may go in one run: so many, or this share of what is known, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Things.
    pub count: u64,
    /// Percent of the stream's things, 0 to 100.
    pub percent: u64,
}

impl Default for Volume {
    /// Ten, or a fifth.
    fn default() -> Self {
        Self { count: 10, percent: 20 }
    }
}

impl Volume {
    /// Whether so many of `known` things are too many.
    pub fn exceeded(self, things: u64, known: u64) -> bool {
        things > self.count.max(known.saturating_mul(self.percent) / 100)
    }
}

/// Remote paths that held something and were read as empty: those of fields, and of lists.
pub fn cleared<'m>(mapping: &'m Mapping, known: &'m Contribution, pulled: &'m Pulled) -> impl Iterator<Item = &'m str> {
    let fields = mapping.fields.iter().filter(|field| field.canonical.is_some() && field.direction.reads()).flat_map(paths);
    let fields = fields.filter(move |path| {
        pulled.coverage.covers(path)
            && known.shadow.get(path).is_some_and(|value| !value.is_empty())
            && find(&pulled.body, path).is_none_or(Value::is_empty)
    });
    let lists = mapping.lists.iter().filter(move |list| {
        list.direction.reads()
            && pulled.coverage.covers(&list.remote)
            && matches!(known.shadow.get(&list_path(list)), Some(Value::List(elements)) if !elements.is_empty())
            && remote_elements(list, &pulled.body).is_empty()
    });
    fields.chain(lists.map(|list| list.remote.as_str()))
}

/// The mapped paths that were read, without these: of what is left out nothing is concluded.
pub fn without(mapping: &Mapping, pulled: &Pulled, left_out: &[&str]) -> Vec<String> {
    let fields = mapping.fields.iter().filter(|field| field.canonical.is_some()).flat_map(paths);
    let lists = mapping.lists.iter().map(|list| list.remote.as_str());
    let switches = mapping.archive.keys().chain(mapping.restore.keys()).map(String::as_str);
    let kept =
        |path: &&str| !left_out.iter().any(|out| out == path || out.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    fields.chain(lists).chain(switches).filter(|path| pulled.coverage.covers(path)).filter(kept).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_is_more() {
        for (things, known, exceeded) in
            [(10, 0, false), (11, 0, true), (11, 54, true), (11, 55, false), (200, 1_000, false), (201, 1_000, true)]
        {
            assert_eq!(Volume::default().exceeded(things, known), exceeded, "{things} of {known}");
        }
        let none = Volume { count: 0, percent: 0 };
        assert!(none.exceeded(1, 1_000) && !none.exceeded(0, 1_000));
    }
}
