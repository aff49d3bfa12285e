//! What a flow leaves out on its way in and makes on its way out: the system has the thing, the hub does not know it, and makes it again.

use std::cell::RefCell;

use super::reader::File;
use super::{Diagnostic, Mapping, SourceFile};

/// A warning at each filter of `[flow.in]` that nothing answers to in `[flow.out]`. Where another mapping reads the same stream, the filter
/// only says which of them a thing belongs to.
pub(super) fn report(files: &[SourceFile], mappings: &[Mapping], found: &RefCell<Vec<Diagnostic>>) {
    for mapping in mappings {
        let filtered = mapping.flow_in.as_ref().is_some_and(|flow| flow.filter.is_some());
        let makes = mapping.flow_out.as_ref().is_some_and(|flow| flow.create && flow.filter.is_none());
        let shares = |other: &&Mapping| {
            other.name != mapping.name && (&other.connection, &other.stream) == (&mapping.connection, &mapping.stream)
        };
        if !filtered || !makes || mappings.iter().any(|other| shares(&other) && other.flow_in.is_some()) {
            continue;
        }
        let path = format!("mappings/{}.toml", mapping.name);
        let Some(source) = files.iter().find(|source| source.path == path) else { continue };
        let at = source.text.find("filter").map_or(0..0, |at| at..at + "filter".len());
        let message = format!(
            "[flow.in] leaves things of {} out that [flow.out] makes there: what is left out is not known, and would be there twice",
            mapping.connection
        );
        let help =
            "write the same condition into [flow.out], filter = \"address.country = DE\", or create = false above it".to_owned();
        File::new(source, found).warning(at, "left-out", message, Some(help));
    }
}
