//! The compiler in a process of its own: whatever becomes of that process is one error here, and the next one is tried
//! afresh. A shell plays the compiler; the real one, with its limits, is tried through the `nave` binary.

use std::time::{Duration, Instant};

use crate::support::{connector, connector_component, plugin};
use nave_runtime::{CompileBounds, Compiler, Engine, Plugin};

fn shell(script: &str) -> Compiler {
    Compiler::Process(["/bin/sh", "-c", script].map(Into::into).to_vec())
}

fn bounds() -> CompileBounds {
    CompileBounds { wall: Duration::from_secs(60), ..CompileBounds::of(0) }
}

#[track_caller]
fn check(script: &str, bounds: CompileBounds, code: &str, says: &str) {
    match shell(script).compile(b"(component)", bounds) {
        Ok(artifact) => assert_eq!((code, says), ("ok", String::from_utf8_lossy(&artifact).trim()), "{script}"),
        Err(error) => assert!(error.code == code && error.message.contains(says), "{script}: {error}"),
    }
}

#[test]
fn each_end_of_the_compiler_is_one_error() {
    for (script, code, says) in [
        ("cat", "ok", "(component)"),
        // the bounds come last: its own first argument is the shell's name
        ("cat >/dev/null; echo $0 $1", "ok", "20 1073741824"),
        // what this process was told is not told on
        ("echo ${CARGO_MANIFEST_DIR:-nothing}; pwd", "ok", "nothing\n/"),
        ("echo 'unknown opcode' >&2; exit 3", "plugin.invalid", "unknown opcode"),
        ("echo 'Cannot allocate memory' >&2; exit 4", "plugin.compile-limit", "1024 MiB of memory"),
        ("kill -KILL $$", "plugin.compile-limit", "the system killed it"),
        ("kill -XCPU $$", "plugin.compile-limit", "more than 20 seconds of processor time"),
        ("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$", "plugin.compile-limit", "1024 MiB of memory"),
        ("kill -SEGV $$", "plugin.compile-failed", "signal 11"),
        ("echo 'a panic' >&2; exit 101", "plugin.compile-failed", "a panic"),
        ("exit 0", "plugin.compile-failed", "exit status: 0"),
        // a whole page of reasons is cut, and does not keep it from ending
        ("yes why | head -c 1000000 >&2; exit 3", "plugin.invalid", "why"),
    ] {
        check(script, bounds(), code, says);
    }
    let missing = Compiler::Process(vec!["/no/such/compiler".into()]).compile(b"", bounds()).expect_err("no program");
    assert_eq!(missing.code, "plugin.engine");
}

#[test]
fn a_compiler_that_does_not_end_is_ended() {
    let short = CompileBounds { wall: Duration::from_millis(200), ..bounds() };
    // waiting, working, reading what never comes, and having closed its ends without ending
    for script in ["exec sleep 1000", "while :; do :; done", "exec tail -f /dev/null", "exec yes >/dev/null"] {
        let began = Instant::now();
        check(script, short, "plugin.compile-limit", "longer than 0 seconds");
        assert!(began.elapsed() < Duration::from_secs(60), "{script}: it was not waited for");
    }
    let closed = shell("exec >&- 2>&-; exec sleep 1000").compile(b"", short).expect_err("no code");
    assert!(closed.code.starts_with("plugin.compile-"), "{closed}");
}

/// T13: a compiler that was killed leaves nothing behind that the next one finds.
#[test]
fn after_a_kill_the_next_try_works() {
    let bytes = plugin(&connector_component("", &[]), &connector());
    let killed = Engine::with_compiler(shell("kill -KILL $$")).expect("engine");
    let temporary = tempfile::tempdir().expect("directory");
    let cache = nave_runtime::CompileCache::open(temporary.path().join("compiled"), [7; 32]).expect("cache");
    let error = Plugin::compile(&killed, &bytes, Some(&cache)).map(drop).expect_err("killed");
    assert_eq!(error.code, "plugin.compile-limit");
    assert_eq!(std::fs::read_dir(temporary.path().join("compiled")).expect("folder").count(), 0);
    let works = Engine::with_compiler(Compiler::Here).expect("engine");
    Plugin::compile(&works, &bytes, Some(&cache)).expect("compiles");
}

#[test]
fn bounds_grow_with_the_file() {
    let (small, large) = (CompileBounds::of(1), CompileBounds::of(30 << 20));
    assert_eq!(CompileBounds::of(0), CompileBounds { cpu_s: 20, wall: Duration::from_secs(100), memory_bytes: 1 << 30 });
    assert!(small.cpu_s < 30 && small.memory_bytes < 2 << 30);
    assert_eq!((large.cpu_s, large.wall.as_secs(), large.memory_bytes >> 20), (140, 700, 1_984));
}
