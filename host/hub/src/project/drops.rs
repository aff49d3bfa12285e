//! Drop folders that hold no file yet: nothing is wrong, and it is said.

use std::path::Path;

use nave_core::catalog::{Catalog, Diagnostic, NO_FILE_YET, Severity};

/// Folders in folders that are looked into.
const DEPTH_MAX: usize = 8;

/// A warning for each mapping that reads from a drop folder without a file, where there is none about it already.
pub(super) fn empty(dir: &Path, catalog: &Catalog, found: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_in.is_some() && mapping.flow_out.is_none()) {
        let Some(connection) = catalog.connections.get(&mapping.connection) else { continue };
        let folders = connection.drop_folders();
        let path = format!("mappings/{}.toml", mapping.name);
        let said = found.iter().any(|found| found.code == NO_FILE_YET && found.path == path);
        if folders.is_empty() || said || folders.iter().any(|folder| holds_a_file(&dir.join(folder), DEPTH_MAX)) {
            continue;
        }
        let gone = folders.iter().all(|folder| !dir.join(folder).is_dir());
        let so_far = if gone { ", which is not there" } else { "" };
        warnings.push(Diagnostic {
            path,
            line: 1,
            column: 1,
            span: (0, 0),
            message: format!(
                "no file yet in {}{so_far}: `{}` is read when the first one is there",
                folders.join(", "),
                mapping.stream
            ),
            help: None,
            severity: Severity::Warning,
            code: NO_FILE_YET,
        });
    }
    warnings
}

/// Hidden files are half-written or an editor's; what a link leads to is not read either.
fn holds_a_file(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let visible = !entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => depth > 0 && holds_a_file(&entry.path(), depth - 1),
            Ok(kind) => visible && kind.is_file(),
            Err(_) => false,
        }
    })
}
