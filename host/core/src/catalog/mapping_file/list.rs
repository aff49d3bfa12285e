//! `[[list]]`: a list there ↔ a list field of the entity.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::entity::did_you_mean;
use super::super::reader::{At, Table, json};
use super::super::{Direction, FieldMapping, FieldType, ListMapping, RemoteType, StreamInfo};
use super::scope::{Remote, Side, remote_field};
use super::{Between, DIRECTIONS};
use crate::mapping::Type;
use crate::value::Value;

impl<'k> Between<'k, '_> {
    pub(super) fn list(&mut self, mut table: Table<'_>) -> Option<ListMapping> {
        let remote = table.needed("remote", "the path of the list over there: remote = \"emails\"")?;
        let canonical = table.needed("canonical", "a list field of the entity: canonical = \"emails\"");
        let because = table.text("because");
        let info = self.remote(&remote).info;
        let direction = self.list_direction(&mut table, &remote, because.is_some());
        if direction.is_some_and(Direction::writes) && info.is_some_and(|info| info.read_only) {
            self.read_only(&remote);
        }
        let sub_fields = canonical.as_ref().and_then(|canonical| self.elements_of(canonical));
        let id = table.plain("id");
        let split = table.plain("split");
        let text = |kind: RemoteType| matches!(Type::of_remote(kind), Type::Text | Type::Any);
        if let Some(info) = info
            && !matches!(info.kind, RemoteType::List | RemoteType::Json)
            && !(split.is_some() && text(info.kind))
        {
            let help = match text(info.kind) {
                true => "map it with [[field]], or say what stands between its elements: split = \";\"",
                false => "map it with [[field]]",
            };
            let span = remote.span.clone();
            self.file.error(span, "wrong-shape", format!("`{}` is no list over there", remote.value), Some(help.to_owned()));
        }
        let only = table.table("only").map(only).unwrap_or_default();
        let within = |stream, path: &str| remote_field(stream, &format!("{}.{path}", remote.value));
        let fields = self.sub_fields(&mut table, &canonical, sub_fields, direction, Side::Elements(&remote.value), &within);
        if fields.is_empty() {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "the list maps no sub-field",
                Some("add [[list.field]] with remote and canonical".to_owned()),
            );
        }
        table.finish();
        Some(ListMapping {
            remote: remote.value,
            canonical: canonical?.value,
            direction: direction?,
            id,
            split,
            only,
            fields,
            because: because.map(|because| because.value),
        })
    }

    /// Several lists there may be read into one list here; which of them a new element would be written to nobody could say.
    pub(super) fn list_clashes(&self, lists: &[ListMapping], places: &[Range<usize>]) {
        for (at, list) in lists.iter().enumerate() {
            let Some(other) = lists[..at].iter().find(|other| other.canonical == list.canonical) else { continue };
            let help = if other.remote == list.remote {
                "make one [[list]] of them"
            } else if list.direction == Direction::In && other.direction == Direction::In {
                continue;
            } else {
                "each of them needs direction = \"in\"; to write it, leave one of them out"
            };
            let message = format!("`{}` and `{}` are both `{}`", other.remote, list.remote, list.canonical);
            self.file.error(places[at].clone(), "claimed-twice", message, Some(help.to_owned()));
        }
    }

    /// Direction of a list or a part, which `named` names over there.
    pub(super) fn list_direction(&self, table: &mut Table<'_>, named: &At<String>, because: bool) -> Option<Direction> {
        let direction = table.word("direction", DIRECTIONS);
        if direction.is_none() && !table.has("direction") {
            self.file.error(
                named.span.clone(),
                "missing-key",
                "`direction` is missing",
                Some("direction = \"in\", \"out\" or \"both\"".to_owned()),
            );
        }
        let direction = direction?;
        if direction.value == Direction::Ignore {
            self.file.error(
                direction.span.clone(),
                "unknown-word",
                "a list that is ignored is written as [[field]]",
                Some("[[field]] with direction = \"ignore\" and `because`".to_owned()),
            );
            return None;
        }
        if direction.value == Direction::Both && !because {
            self.file.error(
                direction.span.clone(),
                "missing-because",
                "direction = \"both\" needs `because`",
                Some("say who edits it where: because = \"…\"".to_owned()),
            );
        }
        Some(direction.value)
    }

    /// Sub-fields of a canonical list.
    pub(super) fn elements_of(&self, canonical: &At<String>) -> Option<&'k BTreeMap<String, FieldType>> {
        match self.entity.fields.get(&canonical.value).map(|field| &field.kind) {
            Some(FieldType::List { fields, .. }) => Some(fields),
            Some(_) => {
                self.file.error(
                    canonical.span.clone(),
                    "wrong-shape",
                    format!("`{}` is no list", canonical.value),
                    Some("map it with [[field]]".to_owned()),
                );
                None
            }
            None => {
                self.file.error(
                    canonical.span.clone(),
                    "unknown-field",
                    format!("{} has no field `{}`", self.entity.name, canonical.value),
                    did_you_mean(&canonical.value, self.entity.fields.keys()),
                );
                None
            }
        }
    }

    /// What stands in `[[list.field]]` or `[[part.field]]`. `within` finds a path of an element in the stream.
    pub(super) fn sub_fields(
        &mut self,
        table: &mut Table<'_>,
        canonical: &Option<At<String>>,
        known: Option<&'k BTreeMap<String, FieldType>>,
        direction: Option<Direction>,
        there: Side<'_>,
        within: &dyn Fn(&'k StreamInfo, &str) -> Remote<'k>,
    ) -> Vec<FieldMapping> {
        let mut fields = Vec::new();
        for mut inner in table.tables("field") {
            let sub_remote = inner.needed("remote", "the path within an element; \"\" for the element itself");
            let sub_canonical = inner.needed("canonical", "a sub-field of the list: canonical = \"number\"");
            let sub_direction = inner.word("direction", DIRECTIONS).map(|word| word.value).or(direction);
            let (Some(sub_remote), Some(sub_canonical), Some(known)) = (sub_remote, sub_canonical, known) else {
                continue;
            };
            let kind = known.get(&sub_canonical.value).cloned();
            if kind.is_none() {
                self.file.error(
                    sub_canonical.span.clone(),
                    "unknown-field",
                    format!(
                        "elements of `{}` have no sub-field `{}`",
                        canonical.as_ref().map_or("", |name| &name.value),
                        sub_canonical.value
                    ),
                    did_you_mean(&sub_canonical.value, known.keys()),
                );
                continue;
            }
            let at = At { value: sub_remote.value.clone(), span: sub_remote.span.clone() };
            self.paths(&at, std::slice::from_ref(&sub_remote.value), there);
            let sub_info = self.stream.and_then(|stream| match within(stream, &sub_remote.value) {
                Remote::Field(info) => Some(info),
                _ => None,
            });
            let here = Side::SubFields(known);
            fields.extend(self.rest_of_field(inner, sub_remote, Some(sub_canonical), kind, sub_direction, sub_info, there, here));
        }
        fields
    }
}

/// `only`: path → allowed values.
pub(super) fn only(table: Table<'_>) -> BTreeMap<String, Vec<Value>> {
    let values = table.entries().map(|(path, value)| {
        let values = match Value::from_json(&json(value.get_ref())) {
            Value::List(values) => values,
            value => vec![value],
        };
        if values.is_empty() || values.iter().any(|value| matches!(value, Value::List(_) | Value::Object(_))) {
            table.file.error(
                value.span(),
                "wrong-type",
                format!("`{}` must be a value, or a list of values", path.value),
                Some("write only = { type = [\"phone\", \"mobile\"] }".to_owned()),
            );
        }
        (path.value.to_owned(), values)
    });
    values.collect()
}
