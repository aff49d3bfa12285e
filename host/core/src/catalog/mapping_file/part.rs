//! `[[part]]`: things of another stream, each with its parent's id ↔ a list field of the entity.

use std::ops::Range;

use super::super::entity::did_you_mean;
use super::super::reader::{At, Table};
use super::super::{ListMapping, PartMapping, RemoteType, StreamInfo};
use super::Between;
use super::list::only;
use super::scope::{Side, remote_field};
use crate::part;

impl<'k> Between<'k, '_> {
    /// One part. `own` is the mapping's stream.
    pub(super) fn part(&mut self, mut table: Table<'_>, connection: &str, own: &str) -> Option<PartMapping> {
        let stream = table.needed("stream", "the children's stream: stream = \"emails\"");
        let parent = table.needed("parent", "the path of the parent's id in a child: parent = \"contact\"");
        let canonical = table.needed("canonical", "a list field of the entity: canonical = \"emails\"");
        let because = table.text("because");
        let info = stream.as_ref().and_then(|stream| self.child_stream(stream, connection, own));
        let named =
            stream.as_ref().or(canonical.as_ref()).cloned().unwrap_or(At { value: String::new(), span: table.span.clone() });
        let direction = self.list_direction(&mut table, &named, because.is_some());
        let sub_fields = canonical.as_ref().and_then(|canonical| self.elements_of(canonical));
        let only = table.table("only").map(only).unwrap_or_default();
        // From here on `remote` is about the children's stream.
        let mut child = Between { file: self.file, known: self.known, entity: self.entity, stream: info, externals: Vec::new() };
        let marker = child.lookup_path(&mut table, "marker");
        let parent_info = parent.as_ref().and_then(|parent| child.remote(parent).info);
        let fields = child.sub_fields(&mut table, &canonical, sub_fields, direction, Side::Children, &remote_field);
        for path in only.keys() {
            child.remote(&At { value: path.clone(), span: named.span.clone() });
        }
        if fields.is_empty() {
            self.file.error(
                named.span.clone(),
                "missing-key",
                "the part maps no sub-field",
                Some("add [[part.field]] with remote and canonical".to_owned()),
            );
        }
        if fields.iter().any(|field| field.remote.is_empty()) {
            self.file.error(
                named.span.clone(),
                "wrong-shape",
                "a child has paths: `remote = \"\"` says nothing",
                Some("name a field of the children's stream".to_owned()),
            );
        }
        let (stream, parent) = (stream?, parent?);
        let made = PartMapping {
            list: ListMapping {
                remote: part::remote(&stream.value),
                canonical: canonical?.value,
                direction: direction?,
                id: Some(part::CHILD_ID.to_owned()),
                split: None,
                only,
                fields,
                because: because.map(|because| because.value),
            },
            numbered: parent_info.is_some_and(|info| info.kind == RemoteType::Integer),
            parent: parent.value.clone(),
            marker,
            stream: stream.value.clone(),
        };
        if made.list.direction.writes() && parent_info.is_some_and(|info| info.read_only) {
            child.read_only(&parent);
        }
        if let Some(info) = info {
            child.abilities(&made, &stream, info);
        }
        table.finish();
        Some(made)
    }

    fn child_stream(&self, stream: &At<String>, connection: &str, own: &str) -> Option<&'k StreamInfo> {
        if stream.value == own {
            self.file.error(
                stream.span.clone(),
                "wrong-shape",
                format!("`{own}` is the mapping's own stream, and no part of it"),
                Some("name the stream that the children are in".to_owned()),
            );
            return None;
        }
        let streams = (self.known.streams)(connection)?;
        let found = streams.iter().find(|info| info.name == stream.value);
        if found.is_none() {
            let names: Vec<String> = streams.iter().map(|info| info.name.clone()).filter(|name| name != own).collect();
            let help = did_you_mean(&stream.value, &names).unwrap_or_else(|| format!("it has {}", names.join(", ")));
            self.file.error(
                stream.span.clone(),
                "unknown-stream",
                format!("`{connection}` offers no stream `{}`", stream.value),
                Some(help),
            );
        }
        found
    }

    /// What the children's stream must be able to do.
    fn abilities(&self, part: &PartMapping, at: &At<String>, info: &StreamInfo) {
        let can = &info.capabilities;
        let lacks = |code, what: &str, help: &str| {
            self.file.error(at.span.clone(), code, format!("`{}` cannot be {what}", info.name), Some(help.to_owned()));
        };
        if !can.readable {
            lacks("not-readable", "read", "children are read before any is written; leave [[part]] out");
        }
        if !part.list.direction.writes() {
            return;
        }
        if !can.writable {
            lacks("not-writable", "written", "direction = \"in\"");
        } else if !can.deletable {
            lacks("not-deletable", "deleted from, and what is removed here has to go there", "direction = \"in\"");
        }
        if part.marker.is_none() && !can.idempotency_key && !can.searchable.contains(&part.parent) {
            self.file.warning(
                at.span.clone(),
                "not-searchable",
                format!("`{}` cannot be searched for by `{}`, and has no marker", info.name, part.parent),
                Some("where the answer to a create is lost, a person will be asked".to_owned()),
            );
        }
        let written = |path: &str| {
            path == part.parent
                || part.marker.as_deref() == Some(path)
                || part.list.only.contains_key(path)
                || part.list.fields.iter().any(|field| field.direction.writes() && field.remote == path)
        };
        for field in info.fields.iter().filter(|field| field.required && !field.read_only && !written(&field.path)) {
            self.file.error(
                at.span.clone(),
                "required-field",
                format!("`{}` is required there, and nothing is written to it", field.path),
                Some(format!("map it with [[part.field]], or give new ones a value: only = {{ \"{}\" = \"…\" }}", field.path)),
            );
        }
    }

    /// A list field has one source in one mapping.
    pub(super) fn part_clash(&self, part: &PartMapping, place: Range<usize>, lists: &[ListMapping], parts: &[PartMapping]) {
        let canonical = &part.list.canonical;
        let list = lists.iter().find(|list| list.canonical == *canonical).map(|list| &list.remote);
        let other = list.or(parts.iter().find(|other| other.list.canonical == *canonical).map(|other| &other.stream));
        if let Some(other) = other {
            self.file.error(
                place,
                "claimed-twice",
                format!("`{other}` and `{}` both claim `{canonical}`", part.stream),
                Some("leave one of the two out".to_owned()),
            );
        }
    }
}
