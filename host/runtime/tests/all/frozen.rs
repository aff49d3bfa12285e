//! A version of the contract that was released never changes: its folder, digested, is what it was.

use std::{fs, path::Path};

use nave_runtime::Digest;

/// SHA-256 over name, length and bytes of each file, by name.
#[track_caller]
fn check(folder: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(folder);
    let files = fs::read_dir(&path).expect("a folder").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut all = Vec::new();
    for file in &files {
        let (name, bytes) = (file.file_name().expect("a name").to_string_lossy(), fs::read(file).expect("readable"));
        all.extend_from_slice(format!("{name}\0{}\0", bytes.len()).as_bytes());
        all.extend_from_slice(&bytes);
    }
    assert_eq!(
        Digest::of(&all).to_string(),
        expected,
        "{folder} is frozen: what is new goes into the newest folder (wit/README.md)"
    );
}

#[test]
fn released_versions_are_as_they_were() {
    check("v0.1", "70a86789f75d6fc4dba8b7dd6c55641c616b4f97265291a2d1458860eaad0f92");
}
