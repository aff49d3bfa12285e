//! S7.17: the hostile suite against the binary itself, as an operator runs it.

use std::collections::BTreeSet;
use std::process::Command;

use nave_tests::binary;
use serde_json::Value;

#[test]
fn the_hostile_suite_is_held_by_the_installed_binary() {
    let folder = tempfile::tempdir().expect("a folder");
    for words in [&["selftest", "--security", "--json"][..], &["test", "hostile", "--json"]] {
        let ran = Command::new(binary::nave()).current_dir(&folder).args(words).output().expect("nave runs");
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let cases = answer["cases"].as_array().expect("cases");
        let failed: Vec<&Value> = cases.iter().filter(|one| one["passed"] != true).collect();
        assert!(ran.status.success() && failed.is_empty(), "{failed:#?}");
        let lines: BTreeSet<u64> = cases.iter().filter_map(|one| one["line"].as_u64()).collect();
        assert!(cases.len() >= 120 && lines.len() >= 40, "{} cases of {} lines", cases.len(), lines.len());
        assert!(cases.iter().all(|one| one["code"].is_string() && one["case"].is_string()), "{answer}");
        // Each line that a hostile plugin or system can try by itself.
        for line in [1, 6, 8, 12, 16, 18, 20, 22, 24, 25, 26, 27, 31, 32, 35, 41, 59, 61, 62, 63, 66, 69, 70, 73, 77, 78, 79] {
            assert!(lines.contains(&line), "line {line} is not tried");
        }
        assert_eq!(answer["failed"], 0);
    }
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left");
}
