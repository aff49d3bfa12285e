//! What can only be said about a mapping as a whole.

use std::ops::Range;

use super::super::coverage::coverage;
use super::super::reader::File;
use super::super::{Direction, Mapping, RemoteType, StreamInfo};

/// What can only be said about the mapping as a whole. `places`: where each of its fields is written.
pub(super) fn whole(file: &File<'_>, mapping: &Mapping, stream: Option<&StreamInfo>, places: &[Range<usize>]) {
    let lists = || mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list));
    let directions = || mapping.fields.iter().map(|field| field.direction).chain(lists().map(|list| list.direction));
    if mapping.flow_in.is_none() && !mapping.parts.is_empty() {
        file.error(
            0..0,
            "no-flow",
            "a part is read before anything of it is written, and nothing is read",
            Some("add [flow.in] with freshness = \"1h\"".to_owned()),
        );
    }
    if mapping.flow_in.is_none() && directions().any(Direction::reads) {
        file.warning(
            0..0,
            "no-flow",
            "fields come in, but nothing is read",
            Some("add [flow.in] with freshness = \"1h\"".to_owned()),
        );
    }
    if mapping.id.is_some() && !mapping.parts.is_empty() {
        file.error(
            0..0,
            "own-ids",
            "`id` makes ids of our own, and the children name their parents by the system's",
            Some("leave `id` or [[part]] out".to_owned()),
        );
    }
    if mapping.flow_out.is_none() && directions().any(Direction::writes) {
        file.warning(
            0..0,
            "no-flow",
            "fields go out, but nothing is written",
            Some("add [flow.out] with freshness = \"5m\"".to_owned()),
        );
    }
    let Some(stream) = stream else { return };
    if mapping.flow_in.is_some() && !stream.capabilities.readable {
        file.error(0..0, "not-readable", format!("`{}` cannot be read", stream.name), Some("leave [flow.in] out".to_owned()));
    }
    if let Some(flow) = &mapping.flow_out {
        if !stream.capabilities.writable {
            file.error(
                0..0,
                "not-writable",
                format!("`{}` cannot be written", stream.name),
                Some("leave [flow.out] out, and let fields go `in`".to_owned()),
            );
        }
        let written = |path: &str| {
            mapping.fields.iter().any(|field| field.direction.writes() && field.remote == path)
                || mapping.lists.iter().any(|list| list.direction.writes() && list.remote == path)
                || mapping.constants.contains_key(path)
                || flow.marker.as_deref() == Some(path)
        };
        for field in stream
            .fields
            .iter()
            .filter(|field| flow.create && field.required && !field.read_only && !inside_list(stream, &field.path))
        {
            if !written(&field.path) {
                file.error(
                    0..0,
                    "required-field",
                    format!("`{}` is required there, and nothing is written to it", field.path),
                    Some(format!("map it with direction out or both, give it a constant, or set create = false: constants = {{ \"{}\" = \"…\" }}", field.path)),
                );
            }
        }
    }
    possible_null(file, mapping, stream, places);
    let coverage = coverage(mapping, stream);
    if !coverage.unmapped.is_empty() {
        let shown: Vec<String> = coverage.unmapped.iter().take(10).map(|path| format!("`{path}`")).collect();
        let more = coverage.unmapped.len().saturating_sub(10);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        file.warning(
            0..0,
            "coverage",
            format!(
                "{} of {} fields are neither mapped nor ignored: {}{more}",
                coverage.unmapped.len(),
                stream.fields.len(),
                shown.join(", ")
            ),
            Some("map each, or say why not: direction = \"ignore\" with `because`".to_owned()),
        );
    }
}

/// Required there, and filled from what may be empty here: a create without it is refused over there. `required` says that
/// this is on purpose; a constant or an `out` that always gives something makes it impossible.
fn possible_null(file: &File<'_>, mapping: &Mapping, stream: &StreamInfo, places: &[Range<usize>]) {
    let Some(flow) = mapping.flow_out.as_ref().filter(|flow| flow.create) else { return };
    let risky = |path: &str| {
        stream.fields.iter().any(|field| field.path == path && field.required && !field.read_only)
            && !inside_list(stream, path)
            && !flow.required.iter().any(|required| required == path)
            && !mapping.constants.contains_key(path)
            && flow.marker.as_deref() != Some(path)
    };
    for (field, place) in mapping.fields.iter().zip(places) {
        let (Some(write), Some(canonical)) = (&field.write, &field.canonical) else { continue };
        if !write.may_be_empty() || !risky(&field.remote) {
            continue;
        }
        file.warning(
            place.clone(),
            "possible-null",
            format!("`{}` is required there, and `{canonical}` may be empty here", field.remote),
            Some(format!(
                "hold such records back, with the reason: required = [\"{}\"]; or send something else: out = \"{} | default('…')\"",
                field.remote,
                write.text()
            )),
        );
    }
    for list in mapping.lists.iter().filter(|list| list.direction.writes() && risky(&list.remote)) {
        file.warning(
            0..0,
            "possible-null",
            format!("`{}` is required there, and `{}` may be empty here", list.remote, list.canonical),
            Some(format!("hold such records back, with the reason: required = [\"{}\"]", list.remote)),
        );
    }
}

fn inside_list(stream: &StreamInfo, path: &str) -> bool {
    path.match_indices('.')
        .any(|(at, _)| stream.fields.iter().any(|field| field.kind == RemoteType::List && field.path == path[..at]))
}
