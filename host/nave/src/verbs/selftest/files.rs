//! Files that are offered as plugins.

use std::path::Path;
use std::time::Duration;

use nave_hub::api::ApiError;
use nave_hub::plugins::{PluginsError, inspect_file};
use nave_runtime::{CompileBounds, CompileCache, Compiler, Engine, Plugin};

use super::Tried;

/// Mutations of a good plugin that are looked at.
const MUTATIONS: u64 = 500;

/// Each file, as installing looks at it.
pub(super) async fn tried(folder: &Path) -> Result<Vec<Tried>, ApiError> {
    let folder = folder.to_owned();
    let tried = tokio::task::spawn_blocking(move || all(&folder)).await;
    tried.map_err(|error| ApiError::failed(format!("the look at hostile files was broken off: {error}")))?
}

fn all(folder: &Path) -> Result<Vec<Tried>, ApiError> {
    let mut tried = Vec::new();
    let path = folder.join("plugin.wasm");
    let io = |error: std::io::Error| ApiError::failed(format!("{}: {error}", path.display()));
    for file in nave_hostile::files() {
        std::fs::write(&path, &file.bytes).map_err(io)?;
        tried.push(Tried::new(file.line, file.name, code(&path), file.code));
    }
    let link = folder.join("link.wasm");
    std::os::unix::fs::symlink("/etc/passwd", &link).map_err(io)?;
    for (name, path) in [("a link", link.as_path()), ("a folder", folder), ("a device without end", Path::new("/dev/zero"))] {
        tried.push(Tried::new(59, name, code(path), "plugin.not-a-file"));
    }
    let good = nave_hostile::plugin(&nave_hostile::connector_component("", &[]), nave_hostile::CONNECTOR);
    tried.extend(compiled(folder, &good)?);
    tried.push(mutated(&good));
    Ok(tried)
}

fn code(path: &Path) -> String {
    match inspect_file(path) {
        Ok(_) => "ok".to_owned(),
        Err(PluginsError::Refused(error)) => error.code.to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The compiler, in its process: bombs under a bound that is met soon, and code that is not the hub's own.
fn compiled(folder: &Path, good: &[u8]) -> Result<Vec<Tried>, ApiError> {
    let compiler = Compiler::of_this_program();
    let soon = CompileBounds { cpu_s: 2, wall: Duration::from_secs(120), memory_bytes: 8 << 30 };
    let small = CompileBounds { memory_bytes: 64 << 20, ..CompileBounds::of(0) };
    let code = |bytes: &[u8], bounds| compiler.compile(bytes, bounds).map_or_else(|error| error.code, |_| "ok");
    let limit = "plugin.compile-limit";
    let mut tried = vec![
        Tried::new(12, "one function that keeps the compiler busy", code(&nave_hostile::bomb(), soon), limit),
        Tried::new(13, "a compiler that has no memory", code(&nave_hostile::bomb(), small), limit),
    ];
    let failed = |error: nave_runtime::PluginError| ApiError::failed(error.to_string());
    let artifact = compiler.compile(good, CompileBounds::of(good.len() as u64)).map_err(failed)?;
    let path = folder.join("compiled.wasm");
    let io = |error: std::io::Error| ApiError::failed(error.to_string());
    std::fs::write(&path, artifact).map_err(io)?;
    tried.push(Tried::new(18, "compiled code as a plugin", self::code(&path), "plugin.not-wasm"));

    let engine = Engine::new().map_err(failed)?;
    let dir = folder.join("compiled");
    let cache = CompileCache::open(&dir, [7; 32]).map_err(|error| ApiError::failed(error.to_string()))?;
    Plugin::compile(&engine, good, Some(&cache)).map_err(failed)?;
    let kept = std::fs::read_dir(&dir).map_err(io)?.next().transpose().map_err(io)?.map(|entry| entry.path());
    let kept = kept.ok_or_else(|| ApiError::failed("compiled code was not kept"))?;
    let sound = std::fs::read(&kept).map_err(io)?;
    let mut altered = sound.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(&kept, &altered).map_err(io)?;
    Plugin::compile(&engine, good, Some(&cache)).map_err(failed)?;
    // What was altered was not loaded: it was compiled again, and written over.
    let again = std::fs::read(&kept).map_err(io)?;
    tried.push(Tried::new(
        18,
        "compiled code that was altered",
        if again == altered { "loaded" } else { "compiled again" },
        "compiled again",
    ));
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).map_err(io)?;
    let open = if CompileCache::open(&dir, [7; 32]).is_err() { "refused" } else { "opened" };
    tried.push(Tried::new(19, "a folder of compiled code that others write to", open, "refused"));
    Ok(tried)
}

/// Mutations are refused or read; none breaks the reader.
fn mutated(good: &[u8]) -> Tried {
    let looked = std::panic::catch_unwind(|| {
        let mut state = 0x6e61_7665_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..MUTATIONS {
            let mut bytes = good.to_vec();
            for _ in 0..=next() % 4 {
                let at = next() as usize % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(bytes.len() - (next() as usize % 3) * (next() as usize % bytes.len()) / 4);
            let _ = nave_runtime::inspect(&bytes);
        }
    });
    Tried::new(14, format!("{MUTATIONS} mutations of a good plugin"), if looked.is_ok() { "ok" } else { "panic" }, "ok")
}
