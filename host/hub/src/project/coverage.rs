//! Which discovered fields the mappings speak about: mapped + ignored, with a reason + unmapped are all of them.

use std::collections::BTreeSet;

use nave_core::catalog::{Coverage, Direction, Mapping, StreamInfo, coverage as of_stream, part_coverage};

use super::local::unknown;
use super::{Project, load_streams};
use crate::api::{Answer, ApiError, CoverageAnswer, IgnoredField, MappingCoverage};

/// Of one mapping, of all mappings of a connection, or of all.
pub(super) fn coverage(project: &Project, only: Option<&str>) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    let mut connections: BTreeSet<&str> = catalog.connections.keys().map(String::as_str).collect();
    if let Some(name) = only {
        if let Some(mapping) = catalog.mappings.get(name) {
            connections = [mapping.connection.as_str()].into();
        } else if catalog.connections.contains_key(name) {
            connections = [name].into();
        } else {
            return Err(unknown("mapping or connection", name, catalog.mappings.keys().chain(catalog.connections.keys())));
        }
    }
    let one = only.filter(|name| catalog.mappings.contains_key(*name));
    let mut mappings = Vec::new();
    for connection in connections {
        let streams = load_streams(&project.place.dir, connection)?.unwrap_or_default();
        let own: Vec<&Mapping> = catalog
            .mappings
            .values()
            .map(AsRef::as_ref)
            .filter(|mapping| mapping.connection == connection && one.is_none_or(|one| mapping.name == one))
            .collect();
        let mut spoken: BTreeSet<&str> = BTreeSet::new();
        for mapping in &own {
            spoken.insert(&mapping.stream);
            let stream = streams.iter().find(|stream| stream.name == mapping.stream);
            let found = stream.map(|stream| of_stream(mapping, stream)).unwrap_or_default();
            mappings.push(line(mapping, &mapping.stream, found));
            let children: BTreeSet<&str> = mapping.parts.iter().map(|part| part.stream.as_str()).collect();
            for stream in streams.iter().filter(|stream| children.contains(stream.name.as_str())) {
                mappings.push(line(mapping, &stream.name, part_coverage(mapping, stream)));
            }
            spoken.extend(children);
        }
        if one.is_none() {
            mappings.extend(streams.iter().filter(|stream| !spoken.contains(stream.name.as_str())).map(unspoken));
        }
    }
    Ok(Answer::Coverage(CoverageAnswer { mappings }))
}

fn line(mapping: &Mapping, stream: &str, found: Coverage) -> MappingCoverage {
    let because = |path: &str| {
        let ignored = mapping.fields.iter().filter(|field| field.direction == Direction::Ignore);
        let spoken = |remote: &str| path.strip_prefix(remote).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        ignored.filter(|field| spoken(&field.remote)).find_map(|field| field.because.clone()).unwrap_or_default()
    };
    let covered = (found.mapped.len() + found.ignored.len()) as u64;
    MappingCoverage {
        mapping: mapping.name.clone(),
        stream: stream.to_owned(),
        fields: covered + found.unmapped.len() as u64,
        covered,
        mapped: found.mapped.len() as u64,
        ignored: found.ignored.into_iter().map(|field| IgnoredField { because: because(&field), field }).collect(),
        missing: found.unmapped,
    }
}

/// A stream that no mapping speaks of.
fn unspoken(stream: &StreamInfo) -> MappingCoverage {
    MappingCoverage {
        stream: stream.name.clone(),
        fields: stream.fields.len() as u64,
        missing: stream.fields.iter().map(|field| field.path.clone()).collect(),
        ..MappingCoverage::default()
    }
}
