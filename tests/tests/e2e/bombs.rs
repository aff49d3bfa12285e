//! Plugins made to keep the compiler busy: it works in a process of its own, within bounds, and the hub goes on.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use nave_tests::binary;
use nave_tests::project::Project;
use nave_tests::rng::Rng;
use serde_json::json;

use super::update::embedded;

/// A component around this core module: a connector as far as anybody can tell who does not run it.
fn plugin(module: &str) -> Vec<u8> {
    let text = format!("(component {module} (instance $i) (export \"nave:plugin/connection@0.1.0\" (instance $i)))");
    let manifest = json!({
        "name": "bomb", "version": "1.0.0", "serial": 1, "title": "Bomb", "description": "", "kind": "connector",
    });
    embedded(wat::parse_str(text).expect("text"), &manifest)
}

/// Tens of thousands of functions.
fn many_functions(count: usize) -> String {
    format!("(core module {})", "(func (result i32) (i32.add (i32.const 1) (i32.const 2)))".repeat(count))
}

/// One function with many locals that are alive over many branches: the allocator of registers takes longer than the
/// square of it.
fn many_branches(locals: usize, branches: usize) -> String {
    let declared = "i32 ".repeat(locals);
    let body: String = (0..branches)
        .map(|n| {
            let (one, other) = (n % locals, (n * 7 + 3) % locals);
            format!("(if (local.get {one}) (then (local.set {other} (i32.add (local.get {one}) (local.get {other})))))")
        })
        .collect();
    format!("(core module (func (local {declared}) {body}))")
}

/// One function whose jump tables name each other.
fn many_targets(tables: usize, targets: usize) -> String {
    let labels = "0 ".repeat(targets);
    let body = format!("(block (br_table {labels} 0 (local.get 0)))").repeat(tables);
    format!("(core module (func (param i32) {body}))")
}

/// The compiler as the hub starts it, with bounds of our own.
fn compile(bytes: &[u8], cpu_s: u64, memory_mib: u64) -> Output {
    let mut child = Command::new(binary::nave())
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .args(["compile-plugin", &cpu_s.to_string(), &(memory_mib << 20).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // One that ends early does not read it all.
    let _ = stdin.write_all(bytes);
    drop(stdin);
    child.wait_with_output().expect("ends")
}

/// T11, T12: whatever the bomb is, the process is ended by the system at its bound, and not later.
#[test]
fn the_compiler_is_held_to_its_bounds() {
    use std::os::unix::process::ExitStatusExt as _;
    let good = plugin(&many_functions(100));
    let compiled = compile(&good, 20, 1024);
    assert!(compiled.status.success() && !compiled.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&compiled.stderr));
    // Two seconds are more than a good one takes and less than these do.
    for (what, bomb) in [
        ("functions", plugin(&many_functions(400_000))),
        ("branches", plugin(&many_branches(1_000, 30_000))),
        ("targets", plugin(&many_targets(2_500, 2_500))),
    ] {
        let ended = compile(&bomb, 2, 8 << 10);
        assert_eq!(
            ended.status.signal(),
            Some(libc::SIGXCPU),
            "{what}: {:?} {}",
            ended.status,
            String::from_utf8_lossy(&ended.stderr)
        );
        assert!(ended.stdout.is_empty(), "{what}");
    }
    // Without the memory it is an end too, and no code.
    let starved = compile(&plugin(&many_functions(400_000)), 60, 300);
    assert!(!starved.status.success() && starved.stdout.is_empty(), "{starved:?}");
    assert_ne!(starved.status.signal(), Some(libc::SIGXCPU), "{starved:?}");
    let said = String::from_utf8_lossy(&starved.stderr);
    assert!(starved.status.code() == Some(4) || said.contains("memory allocation"), "{:?} {said}", starved.status);
}

/// Mutations that the compiler's process is given; `NAVE_FUZZ_SECONDS` goes on for so long.
const MUTATIONS: usize = 150;

/// T14: the compiler's process compiles or refuses each of them, and neither breaks over one nor is ended for it.
#[test]
fn mutated_plugins_are_compiled_or_refused() {
    let kinds = "(core module (memory 1) (table 4 funcref) (global $g (mut i64) (i64.const 7)) (type $t (func (param i32) (result i32)))
        (func $a (type $t) (block $b (loop $l (br_if $b (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_table $b $l $l (local.get 0)))) (i32.load8_s offset=3 (local.get 0)))
        (func $v (param f64) (result v128) (f64x2.mul (f64x2.splat (local.get 0)) (v128.const f64x2 1.5 -0.25)))
        (func $m (memory.fill (i32.const 0) (i32.const 1) (i32.const 9)) (global.set $g (i64.rotl (global.get $g) (i64.const 9)))
            (drop (call_indirect (type $t) (i32.const 5) (i32.const 1))))
        (elem (i32.const 0) $a $a $a $a) (data (i32.const 8) \"some bytes\"))";
    let good = plugin(kinds);
    let seconds = std::env::var("NAVE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| std::time::Instant::now() + std::time::Duration::from_secs(seconds));
    let (mut random, mut tried, mut compiled, mut refused) = (Rng::new(14), 0, 0, 0);
    while end.map_or(tried < MUTATIONS, |end| std::time::Instant::now() < end) {
        let mut bytes = good.clone();
        for _ in 0..=random.below(2) {
            // Not its first bytes, that say that it is a component.
            let at = 8 + random.below(bytes.len() - 8);
            bytes[at] = random.below(256) as u8;
        }
        let ended = compile(&bytes, 20, 1024);
        match ended.status.code() {
            Some(0) if !ended.stdout.is_empty() => compiled += 1,
            Some(3) if ended.stdout.is_empty() => refused += 1,
            _ => panic!("mutation {tried}: {:?} {}", ended.status, String::from_utf8_lossy(&ended.stderr)),
        }
        tried += 1;
    }
    println!("{compiled} compiled, {refused} refused");
    assert!(compiled * 20 > tried && refused * 20 > tried, "{compiled} compiled, {refused} refused");
}

/// T11, T13: a bomb is not installed, nothing of it stays, and what is installed goes on being installed.
#[test]
fn a_bomb_is_not_installed() {
    let project = Project::init();
    let file = |name: &str, bytes: Vec<u8>| {
        let path = project.dir().parent().expect("a folder").join(name);
        std::fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let bomb = file("bomb.wasm", plugin(&many_branches(1_000, 60_000)));
    let refused = project.run(&["plugin", "install", &bomb, "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "plugin.compile-limit", "{refused:?}");
    assert!(!project.dir().join("nave.lock").exists() || !project.read("nave.lock").contains("bomb"));
    let files = std::fs::read_dir(project.dir().join("plugins")).expect("a folder");
    let left = files.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "wasm")));
    assert_eq!(left.count(), 0, "no file of it stays");
    project.install("files");
    assert!(project.read("nave.lock").contains("[plugins.\"files\"]"), "{}", project.read("nave.lock"));
}
