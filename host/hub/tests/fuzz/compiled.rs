//! Code that nobody wrote, through the whole way to machine code: it is refused by a code of the hub's, or it compiles.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use arbitrary::Unstructured;
use nave_core::manifest::Manifest;
use nave_runtime::{Compiler, Engine, Plugin, embed_manifest, inspect};
use wasm_smith::{Config, Module};

use super::check;
use super::mutate::Random;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::with_compiler(Compiler::Here).expect("an engine"))
}

fn connector() -> Manifest {
    serde_json::from_str(nave_hostile::CONNECTOR).expect("a manifest")
}

/// Bytes that decide what is made: nothing in them means anything by itself.
fn entropy(bytes: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(17);
    (0..8).map(|_| (0..bytes).map(|_| random.next() as u8).collect()).collect()
}

/// What was looked at and compiled, of all.
#[derive(Default)]
struct Seen {
    all: AtomicUsize,
    compiled: AtomicUsize,
}

impl Seen {
    /// A plugin that passes the look at it compiles or is refused; whatever else happens is a crash.
    fn try_plugin(&self, bytes: &[u8]) {
        self.all.fetch_add(1, Ordering::Relaxed);
        if inspect(bytes).is_err() {
            return;
        }
        match Plugin::compile(engine(), bytes, None) {
            Ok(_) => _ = self.compiled.fetch_add(1, Ordering::Relaxed),
            // It was compiled, and has not the functions of the contract.
            Err(error) if error.code == "plugin.link" => _ = self.compiled.fetch_add(1, Ordering::Relaxed),
            Err(error) => assert_eq!(error.code, "plugin.invalid", "{error}"),
        }
    }

    /// At least one in so many went the whole way: a test of refusals alone would show little.
    #[track_caller]
    fn at_least_one_in(&self, part: usize) {
        let (all, compiled) = (self.all.load(Ordering::Relaxed), self.compiled.load(Ordering::Relaxed));
        println!("{compiled} of {all} compiled");
        assert!(compiled * part >= all, "{compiled} of {all} compiled");
    }
}

/// T14: valid modules with every instruction that plugins may use.
#[test]
fn generated_modules() {
    let config = Config {
        memory64_enabled: false,
        threads_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_tables: 2,
        max_table_elements: 1_000,
        max_funcs: 20,
        max_instructions: 200,
        ..Config::default()
    };
    let seen = Seen::default();
    check(&entropy(4_000), |bytes| {
        let Ok(module) = Module::new(config.clone(), &mut Unstructured::new(bytes)) else { return };
        // A component that has this module and the one export of a connector.
        let text = "(component (instance $i) (export \"nave:plugin/connection@0.1.0\" (instance $i)))";
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        let section = wasm_encoder::RawSection { id: 1, data: &module.to_bytes() };
        wasm_encoder::ComponentSection::append_to_component(&section, &mut component);
        component.extend(&wat::parse_str(text).expect("a component")[8..]);
        seen.try_plugin(&embed_manifest(&component, &connector()).expect("embedded"));
    });
    seen.at_least_one_in(3);
}

/// T14: plugins that work, a few bytes of their code and structure changed.
#[test]
fn mutated_plugins() {
    let guests = nave_hostile::guests();
    let plugins: Vec<Vec<u8>> = guests.iter().step_by(7).map(nave_hostile::Guest::plugin).collect();
    let seen = Seen::default();
    check(&entropy(64), |bytes| {
        let [which, times, rest @ ..] = bytes else { return };
        let mut plugin = plugins[usize::from(*which) % plugins.len()].clone();
        for change in rest.chunks_exact(3).take(1 + usize::from(*times) % 4) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % plugin.len();
            plugin[at] = change[2];
        }
        seen.try_plugin(&plugin);
    });
    seen.at_least_one_in(50);
}
