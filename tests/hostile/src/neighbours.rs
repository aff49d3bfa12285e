//! Plugins that are bad neighbours: each takes all that it can of what it shares with others, and begins again.

use crate::component::{connector_component, plugin};

/// What a bad neighbour takes.
const KINDS: [(&str, &str, &str); 5] = [
    ("loops", "", "(loop $l (br $l)) unreachable"),
    (
        "grows",
        "",
        "(local $was i32)
        (loop $l
            (local.set $was (memory.grow (i32.const 16)))
            (if (i32.ne (local.get $was) (i32.const -1)) (then
                (memory.fill (i32.shl (local.get $was) (i32.const 16)) (i32.const 1) (i32.const 1048576))
                (br $l))))
        unreachable",
    ),
    (
        "copies",
        "(memory (export \"memory\") 800)",
        "(loop $l (memory.copy (i32.const 65536) (i32.const 26214400) (i32.const 26000000)) (br $l)) unreachable",
    ),
    (
        "calls",
        r#"(import "nave:plugin/clock@VERSION" "now-ms" (func $now (result i64)))"#,
        "(loop $l (drop (call $now)) (br $l)) unreachable",
    ),
    (
        "logs",
        r#"(import "nave:plugin/log@VERSION" "write" (func $log (param i32 i32 i32)))"#,
        "(loop $l (call $log (i32.const 1) (i32.const 4096) (i32.const 8192)) (br $l)) unreachable",
    ),
];

/// So many bad neighbours, of every kind in turn, by name: plugins whose `check` is what they do.
///
/// # Panics
/// Where their text is no module: it is part of the program.
pub fn neighbours(many: usize) -> Vec<(String, Vec<u8>)> {
    let one = |number: usize| {
        let (kind, parts, body) = KINDS[number % KINDS.len()];
        let name = format!("{kind}-{number}");
        let manifest =
            format!(r#"{{"name":"{name}","version":"1.0.0","serial":1,"title":"{name}","description":"","kind":"connector"}}"#);
        (name, plugin(&connector_component(parts, &[("check", body)]), &manifest))
    };
    (0..many).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_a_component() {
        let names: Vec<String> = neighbours(7).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["loops-0", "grows-1", "copies-2", "calls-3", "logs-4", "loops-5", "grows-6"]);
    }
}
