//! Which files a crate has, and when each was last written: asked again and again, which needs no library and works on every disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::is_made;

/// Files that are looked at; a crate has fewer.
const FILES_MAX: usize = 20_000;

/// File → when it was written, and its bytes.
pub(super) type Mark = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// How the sources are now.
pub(super) fn mark(dir: &Path) -> Mark {
    let mut found = Mark::new();
    walk(dir, &mut found);
    found
}

fn walk(dir: &Path, found: &mut Mark) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_made(&path) || found.len() >= FILES_MAX {
            continue;
        }
        match entry.metadata() {
            Ok(about) if about.is_dir() => walk(&path, found),
            // A build writes it, and nobody else by hand.
            Ok(about) if path.file_name().is_none_or(|name| name != "Cargo.lock") => {
                found.insert(path, (about.modified().ok(), about.len()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_seen_and_what_was_built_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let write = |name: &str, text: &str| {
            let file = dir.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        write("src/lib.rs", "one");
        write("manifest.json", "{}");
        let first = mark(dir);
        assert_eq!(first.len(), 2);
        for made in ["target/x.wasm", ".git/HEAD", "node_modules/a/b.js", "Cargo.lock"] {
            write(made, "made");
            assert_eq!(mark(dir), first, "{made}");
        }
        write("src/lib.rs", "three");
        assert_ne!(mark(dir), first);
        let second = mark(dir);
        write("src/more.rs", "");
        assert_ne!(mark(dir), second);
    }
}
