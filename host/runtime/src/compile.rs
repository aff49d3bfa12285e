//! Compiling: the one slow and hungry step, in a process of its own with bounds on time and memory.
//!
//! How long the compiler takes for a file is not bounded by the file's size (a function of 136 kB took eight seconds),
//! so the hub does not do it itself: it starts its own program again as `nave compile-plugin`, hands it the file, and
//! gets machine code back, or an end. Whatever happens over there, the hub goes on. Promises that what comes back was
//! made by this very program from exactly these bytes: program and pipes are this process's own.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use nave_core::limits as core;
use rustix::process::{Resource, Rlimit, Signal};

use crate::{engine, error::PluginError};

/// The command that a program answers which calls [`compiler_process`] first.
pub const COMPILE_COMMAND: &str = "compile-plugin";
/// This very program, also where its file was replaced since it was started.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// Machine code is about ten times its WebAssembly; what is larger is not ours.
pub(crate) const ARTIFACT_BYTES_MAX: u64 = core::PLUGIN_SIZE_BYTES_MAX * 16;
/// What is kept of what a compiler says of its end.
const SAID_BYTES_MAX: u64 = 4 << 10;
/// The file does not compile; why is on standard error.
const REFUSED: u8 = 3;
/// There was no memory for it.
const NO_MEMORY: u8 = 4;
/// The compiler gives way to what answers people.
const NICE: i32 = 10;

/// The `nave` binary's allocator reserves a gigabyte ahead, which would count as used; another allocator does not know it.
const NO_ARENA_AHEAD: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "0");

/// Whether this process's own program answers [`COMPILE_COMMAND`].
static OWN_PROGRAM_COMPILES: AtomicBool = AtomicBool::new(false);

/// What one compilation may use. The default is for a file of no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileBounds {
    /// Time of all its threads together, in seconds.
    pub cpu_s: u64,
    /// From its start to its end.
    pub wall: Duration,
    /// Address space in bytes, beyond what the program itself takes.
    pub memory_bytes: u64,
}

impl CompileBounds {
    /// For a file of this size: honest code takes time and memory in proportion to it.
    pub fn of(size_bytes: u64) -> Self {
        let mib = size_bytes.div_ceil(1 << 20);
        CompileBounds {
            cpu_s: core::COMPILE_CPU_S_MAX + mib * core::COMPILE_CPU_S_PER_MIB,
            wall: Duration::from_secs(core::COMPILE_WALL_S_MAX + mib * core::COMPILE_WALL_S_PER_MIB),
            memory_bytes: core::COMPILE_MEMORY_BYTES_MAX + mib * core::COMPILE_MEMORY_BYTES_PER_MIB,
        }
    }
}

/// Where plugins are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In this process, without bounds: for programs that do not answer [`COMPILE_COMMAND`], as tests are.
    Here,
    /// By this program with these arguments, after which come the bounds: seconds and bytes.
    Process(Vec<OsString>),
}

impl Compiler {
    /// A process of its own where this program can be one ([`compiler_process`]), else this process.
    pub fn of_this_program() -> Self {
        if OWN_PROGRAM_COMPILES.load(Ordering::Relaxed) {
            Compiler::Process(vec![OWN_PROGRAM.into(), COMPILE_COMMAND.into()])
        } else {
            Compiler::Here
        }
    }

    /// From a plugin to machine code.
    ///
    /// # Errors
    /// `plugin.invalid` where the compiler refuses it, `plugin.compile-limit` where a bound ended it or the system did,
    /// `plugin.compile-failed` where the compiler itself broke, `plugin.engine` where it could not be started.
    pub fn compile(&self, bytes: &[u8], bounds: CompileBounds) -> Result<Vec<u8>, PluginError> {
        match self {
            Compiler::Here => precompile(bytes).map_err(|error| refused(&format!("{error:#}"))),
            Compiler::Process(command) => compile_in_process(command, bytes, bounds),
        }
    }
}

/// Call it first in `main`. Where this process was started to compile, it does and answers its exit code; else it notes
/// that this program can be started for that.
pub fn compiler_process() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != COMPILE_COMMAND) {
        OWN_PROGRAM_COMPILES.store(true, Ordering::Relaxed);
        return None;
    }
    let mut number = || arguments.next()?.to_str()?.parse().ok();
    Some(match (number(), number()) {
        (Some(cpu_s), Some(memory_bytes)) => child(cpu_s, memory_bytes),
        _ => {
            eprintln!(
                "nave: `{COMPILE_COMMAND}` is how the hub starts its own compiler; `nave plugin install FILE.wasm` uses it"
            );
            ExitCode::from(2)
        }
    })
}

/// The compiler's process: a component from standard input, machine code to standard output.
fn child(cpu_s: u64, memory_bytes: u64) -> ExitCode {
    let said = |code: u8, why: String| {
        eprintln!("{why}");
        ExitCode::from(code)
    };
    if let Err(error) = confine(cpu_s, memory_bytes) {
        return said(NO_MEMORY, format!("the system does not set its limits: {error}"));
    }
    let mut bytes = Vec::new();
    match io::stdin().lock().take(core::PLUGIN_SIZE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 <= core::PLUGIN_SIZE_BYTES_MAX => {}
        Ok(_) => return said(REFUSED, format!("it is larger than {} bytes", core::PLUGIN_SIZE_BYTES_MAX)),
        Err(error) => return said(NO_MEMORY, error.to_string()),
    }
    match precompile(&bytes) {
        Ok(artifact) => match io::stdout().lock().write_all(&artifact) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => said(NO_MEMORY, error.to_string()),
        },
        Err(error) if out_of_memory(&error) => said(NO_MEMORY, format!("{error:#}")),
        Err(error) => said(REFUSED, format!("{error:#}")),
    }
}

/// Nothing that it holds outlives its bounds, leaves a dump or a file, or outlives the hub.
fn confine(cpu_s: u64, memory_bytes: u64) -> io::Result<()> {
    let limit = |resource, soft: u64, hard: u64| {
        rustix::process::setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })
    };
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    // What the program itself is, and has reserved before a byte is compiled, comes on top.
    let memory_bytes = own_bytes()?.saturating_add(memory_bytes);
    limit(Resource::As, memory_bytes, memory_bytes)?;
    // At the first it is told, at the second killed.
    limit(Resource::Cpu, cpu_s, cpu_s + 1)?;
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // A politeness, no bound.
    let _ = rustix::process::nice(NICE);
    Ok(())
}

/// Address space that this process has now.
fn own_bytes() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: Option<u64> = text.split(' ').next().and_then(|pages| pages.parse().ok());
    Ok(pages.ok_or(io::ErrorKind::InvalidData)? * rustix::param::page_size() as u64)
}

fn precompile(bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
    wasmtime::Engine::new(&engine::config())?.precompile_component(bytes)
}

fn out_of_memory(error: &wasmtime::Error) -> bool {
    let of_system = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    of_system.into_iter().any(|cause| cause.kind() == io::ErrorKind::OutOfMemory)
        || format!("{error:#}").contains("Cannot allocate memory")
}

fn refused(why: &str) -> PluginError {
    PluginError::new("plugin.invalid", format!("the component does not compile: {why}"))
}

fn compile_in_process(command: &[OsString], bytes: &[u8], bounds: CompileBounds) -> Result<Vec<u8>, PluginError> {
    let engine = |error: io::Error| PluginError::new("plugin.engine", format!("the compiler could not be started: {error}"));
    let [program, arguments @ ..] = command else { return Err(engine(io::ErrorKind::InvalidInput.into())) };
    let mut child = Command::new(program)
        .args(arguments)
        .args([bounds.cpu_s.to_string(), bounds.memory_bytes.to_string()])
        // The compiler needs nothing that this process was told, and is given none of it.
        .env_clear()
        .envs([NO_ARENA_AHEAD])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(engine)?;
    let ended = attend(&mut child, bytes, bounds.wall);
    // Whatever came of it, it is gone afterwards; a second kill of a process that has ended does nothing.
    let _ = child.kill();
    let status = child.wait().map_err(engine)?;
    verdict(ended, status, &bounds)
}

/// What a compiler's process gave.
struct Ended {
    artifact: Vec<u8>,
    said: String,
    in_time: bool,
}

/// Hands the file over and takes what comes, until the process has closed its ends or its time is over.
fn attend(child: &mut Child, bytes: &[u8], wall: Duration) -> Ended {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // A process that ends before it has read everything breaks the pipe; its end says why.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(bytes)));
        let (closed, wait) = mpsc::channel::<()>();
        let read = |from: Option<Box<dyn Read + Send>>, at_most: u64| {
            let closed = closed.clone();
            scope.spawn(move || {
                let mut bytes = Vec::new();
                if let Some(from) = from {
                    let _ = from.take(at_most).read_to_end(&mut bytes);
                }
                drop(closed);
                bytes
            })
        };
        let artifact = read(stdout.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), ARTIFACT_BYTES_MAX + 1);
        let said = read(stderr.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), SAID_BYTES_MAX);
        drop(closed);
        // Nobody sends: the wait ends when both readers have, or with the time.
        let in_time = !matches!(wait.recv_timeout(wall), Err(mpsc::RecvTimeoutError::Timeout));
        if !in_time {
            let _ = child.kill();
        }
        let said = said.join().unwrap_or_default();
        Ended { artifact: artifact.join().unwrap_or_default(), said: String::from_utf8_lossy(&said).trim().to_owned(), in_time }
    })
}

fn verdict(ended: Ended, status: ExitStatus, bounds: &CompileBounds) -> Result<Vec<u8>, PluginError> {
    let Ended { artifact, said, in_time } = ended;
    let limit = |what: String| {
        Err(PluginError::new(
            "plugin.compile-limit",
            format!(
                "compiling it was stopped: {what}; code of a plugin's usual size takes far less, so ask its author what this is"
            ),
        ))
    };
    let memory = || format!("it needed more than {} MiB of memory", bounds.memory_bytes >> 20);
    if !in_time {
        return limit(format!("it took longer than {} seconds", bounds.wall.as_secs()));
    }
    if let Some(signal) = status.signal() {
        return match Signal::from_named_raw(signal) {
            Some(Signal::XCPU) => limit(format!("it used more than {} seconds of processor time", bounds.cpu_s)),
            Some(Signal::KILL) => limit("the system killed it, as it does where memory or its time is used up".to_owned()),
            Some(Signal::ABORT) if said.contains("memory allocation") => limit(memory()),
            _ => Err(failed(&format!("signal {signal}; {said}"))),
        };
    }
    match status.code() {
        Some(0) if artifact.len() as u64 > ARTIFACT_BYTES_MAX => {
            limit(format!("it makes more than {ARTIFACT_BYTES_MAX} bytes of code"))
        }
        Some(0) if !artifact.is_empty() => Ok(artifact),
        Some(code) if code == i32::from(REFUSED) => Err(refused(&said)),
        Some(code) if code == i32::from(NO_MEMORY) => limit(format!("{} ({said})", memory())),
        _ => Err(failed(&format!("{status}; {said}"))),
    }
}

fn failed(why: &str) -> PluginError {
    PluginError::new("plugin.compile-failed", format!("the compiler broke over it: {why}; please report it with the file"))
}
