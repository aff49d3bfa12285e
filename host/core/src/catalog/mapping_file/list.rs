//! `[[list]]`: a list there ↔ a list field of the entity.

use std::collections::BTreeMap;

use super::super::entity::did_you_mean;
use super::super::reader::{At, Table, json};
use super::super::{Direction, FieldType, ListMapping, RemoteType};
use super::scope::{Remote, Side, remote_field};
use super::{Between, DIRECTIONS};
use crate::value::Value;

impl Between<'_, '_> {
    pub(super) fn list(&mut self, mut table: Table<'_>) -> Option<ListMapping> {
        let remote = table.needed("remote", "the path of the list over there: remote = \"emails\"")?;
        let canonical = table.needed("canonical", "a list field of the entity: canonical = \"emails\"");
        let direction = table.word("direction", DIRECTIONS);
        let because = table.text("because");
        let info = self.remote(&remote).info;
        if direction.is_none() && !table.has("direction") {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "`direction` is missing",
                Some("direction = \"in\", \"out\" or \"both\"".to_owned()),
            );
        }
        let direction = direction.and_then(|direction| {
            if direction.value == Direction::Ignore {
                self.file.error(
                    direction.span.clone(),
                    "unknown-word",
                    "a list that is ignored is written as [[field]]",
                    Some("[[field]] with direction = \"ignore\" and `because`".to_owned()),
                );
                return None;
            }
            if direction.value == Direction::Both && because.is_none() {
                self.file.error(
                    direction.span.clone(),
                    "missing-because",
                    "direction = \"both\" needs `because`",
                    Some("say who edits it where: because = \"…\"".to_owned()),
                );
            }
            Some(direction.value)
        });
        if direction.is_some_and(Direction::writes) && info.is_some_and(|info| info.read_only) {
            self.read_only(&remote);
        }
        if let Some(info) = info
            && !matches!(info.kind, RemoteType::List | RemoteType::Json)
        {
            self.file.error(
                remote.span.clone(),
                "wrong-shape",
                format!("`{}` is no list over there", remote.value),
                Some("map it with [[field]]".to_owned()),
            );
        }
        let sub_fields =
            canonical.as_ref().and_then(|canonical| match self.entity.fields.get(&canonical.value).map(|field| &field.kind) {
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
            });
        let id = table.plain("id");
        let split = table.plain("split");
        let only = table.table("only").map(only).unwrap_or_default();
        let mut fields = Vec::new();
        for mut inner in table.tables("field") {
            let sub_remote = inner.needed("remote", "the path within an element; \"\" for the element itself");
            let sub_canonical = inner.needed("canonical", "a sub-field of the list: canonical = \"number\"");
            let sub_direction = inner.word("direction", DIRECTIONS).map(|word| word.value).or(direction);
            let (Some(sub_remote), Some(sub_canonical), Some(sub_fields)) = (sub_remote, sub_canonical, sub_fields) else {
                continue;
            };
            let kind = sub_fields.get(&sub_canonical.value).cloned();
            if kind.is_none() {
                self.file.error(
                    sub_canonical.span.clone(),
                    "unknown-field",
                    format!(
                        "elements of `{}` have no sub-field `{}`",
                        canonical.as_ref().map_or("", |name| &name.value),
                        sub_canonical.value
                    ),
                    did_you_mean(&sub_canonical.value, sub_fields.keys()),
                );
                continue;
            }
            let at = At { value: sub_remote.value.clone(), span: sub_remote.span.clone() };
            self.paths(&at, std::slice::from_ref(&sub_remote.value), Side::Elements(&remote.value));
            let sub_info =
                self.stream.and_then(|stream| match remote_field(stream, &format!("{}.{}", remote.value, sub_remote.value)) {
                    Remote::Field(info) => Some(info),
                    _ => None,
                });
            fields.extend(self.rest_of_field(
                inner,
                sub_remote,
                Some(sub_canonical),
                kind,
                sub_direction,
                sub_info,
                Side::Elements(&remote.value),
                Side::SubFields(sub_fields),
            ));
        }
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
}

fn only(table: Table<'_>) -> BTreeMap<String, Vec<Value>> {
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
