//! An inert WASI 0.2: what a `wasm32-wasip2` standard library wants to find, and nothing that reaches anything.
//!
//! No files, no sockets. The environment is empty, randomness has a fixed seed, standard output and error become log
//! lines, standard input is at its end, `exit` is a trap, and clocks are coarse (1 ms); a transform's stand still.

#[expect(unreachable_pub, reason = "generated code re-exports its resources")]
mod host;

use wasmtime::component::{HasSelf, Linker};

use crate::guest::GuestState;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/wasi/inert.wit",
        world: "nave:inert/wasi",
        imports: { default: async | trappable },
        with: {
            "wasi:io/error.error": super::host::StreamFault,
            "wasi:io/poll.pollable": super::host::Timer,
            "wasi:io/streams.input-stream": super::host::Input,
            "wasi:io/streams.output-stream": super::host::Output,
            "wasi:cli/terminal-input.terminal-input": super::host::Terminal,
            "wasi:cli/terminal-output.terminal-output": super::host::Terminal,
        },
    });
}

/// Interfaces of WASI 0.2 that a component may import, in any 0.2 patch version.
pub(crate) const INTERFACES: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Adds all of them.
pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    bindings::Wasi::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)
}
