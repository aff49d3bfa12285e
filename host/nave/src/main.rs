//! The `nave` binary: command line in, exit code out.
//!
//! Owns how commands are spelled and how answers look in a terminal. Must not decide anything: every command is one
//! [`nave_hub::api::Request`], answered by the hub that is open or by the one that serves this project.

mod call;
mod cli;
#[cfg(test)]
mod cli_tests;
mod context;
mod help;
mod log;
mod open;
mod output;
mod progress;
mod prompt;
mod report;
mod socket;
mod verbs;

use std::process::ExitCode;

/// Taking records in is mostly many small values coming and going: measured with `nave bench ingest`, the system's
/// allocator took 40 % of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = nave_hub::compiler_process() {
        return code;
    }
    // Huge pages cost a third of the memory, idle and under load, and no less time: measured with `nave bench ingest`.
    let huge_pages = rustix::thread::disable_transparent_huge_pages(true);
    let cli = match help::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    log::start(&cli);
    if let Err(error) = nave_hub::vault::harden_process() {
        tracing::warn!(%error, "the process could not be closed to debuggers and core dumps");
    }
    if let Err(error) = huge_pages {
        tracing::debug!(%error, "the kernel keeps its huge pages");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("nave: the machine gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = match context::Context::new(&cli) {
        Ok(context) => context,
        Err(error) => {
            return ExitCode::from(report::error(&context::Context::nowhere(cli.json), &error));
        }
    };
    let code = match runtime.block_on(verbs::run(cli.verb, &context)) {
        Ok(code) => code,
        Err(error) => report::error(&context, &error),
    };
    runtime.block_on(context.end());
    // A plugin that is being compiled for a command that has ended need not be waited for.
    runtime.shutdown_background();
    ExitCode::from(code)
}
