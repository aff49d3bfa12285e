//! What happens to things that are deleted, doubled, or leave the filter; and whether the system can do that.

use std::ops::Range;

use super::super::reader::File;
use super::super::{DeletePolicy, DuplicatePolicy, Mapping, OnLeave, RemoteType, StreamInfo};

pub(super) const DUPLICATES: &[(&str, DuplicatePolicy)] = &[
    ("keep-in-step", DuplicatePolicy::KeepInStep),
    ("merge", DuplicatePolicy::Merge),
    ("archive", DuplicatePolicy::Archive),
    ("review", DuplicatePolicy::Review),
];
pub(super) const DELETES: &[(&str, DeletePolicy)] = &[
    ("ignore", DeletePolicy::Ignore),
    ("detach", DeletePolicy::Detach),
    ("archive", DeletePolicy::Archive),
    ("propagate", DeletePolicy::Propagate),
];
pub(super) const LEAVES: &[(&str, OnLeave)] =
    &[("keep", OnLeave::Keep), ("archive", OnLeave::Archive), ("delete", OnLeave::Delete)];

/// Names that systems give to a switch by which a thing is put away, and its value then.
const SWITCHES: &[(&str, bool)] = &[
    ("active", false),
    ("is_active", false),
    ("isactive", false),
    ("enabled", false),
    ("archived", true),
    ("is_archived", true),
    ("isarchived", true),
    ("inactive", true),
    ("disabled", true),
];

/// Where the policies are written.
pub(super) struct Places {
    pub(super) archive: Range<usize>,
    pub(super) restore: Range<usize>,
    pub(super) duplicates: Range<usize>,
    pub(super) on_leave: Range<usize>,
}

pub(super) fn check(file: &File<'_>, mapping: &Mapping, stream: Option<&StreamInfo>, places: &Places) {
    let on_leave = mapping.flow_out.as_ref().map_or(OnLeave::Keep, |flow| flow.on_leave);
    let needs = [
        (mapping.duplicates == DuplicatePolicy::Archive, "duplicates = \"archive\"", &places.duplicates),
        (on_leave == OnLeave::Archive, "on-leave = \"archive\"", &places.on_leave),
    ];
    for (_, policy, place) in needs.iter().filter(|(needs, ..)| *needs && mapping.archive.is_empty()) {
        file.error(
            (*place).clone(),
            "missing-archive",
            format!("{policy} needs to know how a thing is put away there"),
            Some(format!("add the line {}", suggestion(stream))),
        );
    }
    if mapping.flow_out.is_none() && matches!(mapping.duplicates, DuplicatePolicy::Merge | DuplicatePolicy::Archive) {
        file.error(
            places.duplicates.clone(),
            "no-flow",
            "this is about writing, and nothing is written",
            Some("add [flow.out], or duplicates = \"review\"".to_owned()),
        );
    }
    if on_leave != OnLeave::Keep && mapping.flow_out.as_ref().is_some_and(|flow| flow.filter.is_none()) {
        file.warning(
            places.on_leave.clone(),
            "no-filter",
            "nothing ever leaves: [flow.out] has no filter",
            Some("add filter = \"…\", or leave `on-leave` out".to_owned()),
        );
    }
    for (key, values, place) in [("archive", &mapping.archive, &places.archive), ("restore", &mapping.restore, &places.restore)] {
        let written = |path: &str| {
            mapping.fields.iter().any(|field| field.direction.writes() && field.remote == path)
                || mapping.lists.iter().any(|list| list.direction.writes() && list.remote == path)
        };
        for path in values.keys().filter(|path| written(path)) {
            file.error(
                place.clone(),
                "written-twice",
                format!("`{path}` is written by a field and by `{key}`"),
                Some("let the field go `in`, or leave it out here".to_owned()),
            );
        }
    }
    if !mapping.restore.is_empty() && mapping.archive.is_empty() {
        file.error(
            places.restore.clone(),
            "missing-archive",
            "`restore` takes out again what `archive` put away, and there is no `archive`",
            Some(format!("add the line {}", suggestion(stream))),
        );
    }
    let Some(stream) = stream else { return };
    if mapping.duplicates == DuplicatePolicy::Merge && !stream.capabilities.mergeable {
        file.error(
            places.duplicates.clone(),
            "not-mergeable",
            format!("nothing can be merged in `{}` by its plugin", stream.name),
            Some("use duplicates = \"archive\" or \"review\"".to_owned()),
        );
    }
    if on_leave == OnLeave::Delete && !stream.capabilities.deletable {
        file.error(
            places.on_leave.clone(),
            "not-deletable",
            format!("nothing can be deleted in `{}`", stream.name),
            Some("use on-leave = \"archive\" or \"keep\"".to_owned()),
        );
    }
}

/// The line to add, with the stream's own switch where it has one.
fn suggestion(stream: Option<&StreamInfo>) -> String {
    let switch = stream.and_then(|stream| {
        stream.fields.iter().filter(|field| field.kind == RemoteType::Boolean && !field.read_only).find_map(|field| {
            let name = field.path.rsplit('.').next().unwrap_or_default().to_lowercase();
            let (_, value) = SWITCHES.iter().find(|(known, _)| *known == name)?;
            Some((field.path.as_str(), *value))
        })
    });
    match switch {
        Some((path, value)) if path.contains('.') => format!("archive = {{ \"{path}\" = {value} }}"),
        Some((path, value)) => format!("archive = {{ {path} = {value} }}"),
        None => "archive = { \"…\" = … } with the path and the value by which it is put away".to_owned(),
    }
}
