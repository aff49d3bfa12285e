//! What each inert function answers.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{Result, component::Resource};

use super::bindings::wasi::{
    cli::{
        environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
        terminal_stdout,
    },
    clocks::{monotonic_clock, wall_clock},
    io::{error, poll, streams},
    random::{insecure, insecure_seed, random},
};
use crate::{
    guest::{Exceeded, GuestState},
    limits::{RANDOM_BYTES_MAX, STDIO_WRITE_BYTES_MAX},
};

/// Never made: no stream of ours fails with a description.
pub struct StreamFault;
/// Never made: there is no terminal.
pub struct Terminal;
/// Standard input, at its end.
pub struct Input;
/// Standard output (0) or error (1).
pub struct Output(usize);
/// A time to wait for; none is now.
pub struct Timer(Option<Instant>);

const MS: u64 = 1_000_000;

fn too_much(code: &'static str, message: String) -> wasmtime::Error {
    Exceeded { code, message }.into()
}

impl error::Host for GuestState {}
impl error::HostError for GuestState {
    async fn to_debug_string(&mut self, _: Resource<StreamFault>) -> Result<String> {
        self.count_call()?;
        Ok(String::new())
    }

    async fn drop(&mut self, fault: Resource<StreamFault>) -> Result<()> {
        self.table.delete(fault)?;
        Ok(())
    }
}

impl poll::Host for GuestState {
    async fn poll(&mut self, timers: Vec<Resource<Timer>>) -> Result<Vec<u32>> {
        self.count_call()?;
        if timers.is_empty() {
            return Err(wasmtime::Error::msg("a poll of nothing never ends"));
        }
        let mut times = Vec::with_capacity(timers.len());
        for timer in &timers {
            times.push(self.table.get(timer)?.0);
        }
        if !self.pure
            && times.iter().all(Option::is_some)
            && let Some(first) = times.iter().flatten().min()
        {
            tokio::time::sleep_until(*first).await;
        }
        let now = Instant::now();
        let ready = |time: &Option<Instant>| time.is_none_or(|time| self.pure || time <= now);
        Ok(times.iter().enumerate().filter(|(_, time)| ready(time)).map(|(index, _)| index as u32).collect())
    }
}

impl poll::HostPollable for GuestState {
    async fn ready(&mut self, timer: Resource<Timer>) -> Result<bool> {
        self.count_call()?;
        Ok(self.pure || self.table.get(&timer)?.0.is_none_or(|time| time <= Instant::now()))
    }

    async fn block(&mut self, timer: Resource<Timer>) -> Result<()> {
        self.count_call()?;
        // the call's wall clock ends a wait that is too long
        if let (Some(time), false) = (self.table.get(&timer)?.0, self.pure) {
            tokio::time::sleep_until(time).await;
        }
        Ok(())
    }

    async fn drop(&mut self, timer: Resource<Timer>) -> Result<()> {
        self.table.delete(timer)?;
        Ok(())
    }
}

impl GuestState {
    fn timer(&mut self, time: Option<Instant>) -> Result<Resource<Timer>> {
        self.count_call()?;
        Ok(self.table.push(Timer(time))?)
    }

    /// Whole milliseconds since the instance began, in nanoseconds.
    fn elapsed(&self) -> u64 {
        if self.pure { 0 } else { self.started.elapsed().as_millis() as u64 * MS }
    }

    fn random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.count_call()?;
        if len > RANDOM_BYTES_MAX {
            return Err(too_much("quota.random", format!("{len} random bytes, at most {RANDOM_BYTES_MAX} in one call")));
        }
        let mut bytes = Vec::with_capacity(len as usize + 8);
        while (bytes.len() as u64) < len {
            bytes.extend_from_slice(&self.next_random().to_le_bytes());
        }
        bytes.truncate(len as usize);
        Ok(bytes)
    }
}

type Streamed<T> = Result<Result<T, streams::StreamError>>;

impl streams::Host for GuestState {}

impl streams::HostInputStream for GuestState {
    async fn read(&mut self, _: Resource<Input>, _: u64) -> Streamed<Vec<u8>> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn blocking_read(&mut self, _: Resource<Input>, _: u64) -> Streamed<Vec<u8>> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn skip(&mut self, _: Resource<Input>, _: u64) -> Streamed<u64> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn blocking_skip(&mut self, _: Resource<Input>, _: u64) -> Streamed<u64> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn subscribe(&mut self, _: Resource<Input>) -> Result<Resource<Timer>> {
        self.timer(None)
    }

    async fn drop(&mut self, stream: Resource<Input>) -> Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl GuestState {
    fn print(&mut self, stream: &Resource<Output>, bytes: &[u8]) -> Streamed<()> {
        self.count_call()?;
        let Output(stream) = *self.table.get(stream)?;
        self.stdio(stream, bytes);
        Ok(Ok(()))
    }
}

impl streams::HostOutputStream for GuestState {
    async fn check_write(&mut self, _: Resource<Output>) -> Streamed<u64> {
        self.count_call()?;
        Ok(Ok(STDIO_WRITE_BYTES_MAX))
    }

    async fn write(&mut self, stream: Resource<Output>, contents: Vec<u8>) -> Streamed<()> {
        self.print(&stream, &contents)
    }

    async fn blocking_write_and_flush(&mut self, stream: Resource<Output>, contents: Vec<u8>) -> Streamed<()> {
        self.print(&stream, &contents)
    }

    async fn flush(&mut self, _: Resource<Output>) -> Streamed<()> {
        self.count_call()?;
        Ok(Ok(()))
    }

    async fn blocking_flush(&mut self, _: Resource<Output>) -> Streamed<()> {
        self.count_call()?;
        Ok(Ok(()))
    }

    async fn subscribe(&mut self, _: Resource<Output>) -> Result<Resource<Timer>> {
        self.timer(None)
    }

    async fn write_zeroes(&mut self, _: Resource<Output>, _: u64) -> Streamed<()> {
        self.count_call()?;
        Ok(Ok(()))
    }

    async fn blocking_write_zeroes_and_flush(&mut self, _: Resource<Output>, _: u64) -> Streamed<()> {
        self.count_call()?;
        Ok(Ok(()))
    }

    async fn splice(&mut self, _: Resource<Output>, _: Resource<Input>, _: u64) -> Streamed<u64> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn blocking_splice(&mut self, _: Resource<Output>, _: Resource<Input>, _: u64) -> Streamed<u64> {
        self.count_call()?;
        Ok(Err(streams::StreamError::Closed))
    }

    async fn drop(&mut self, stream: Resource<Output>) -> Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl monotonic_clock::Host for GuestState {
    async fn now(&mut self) -> Result<u64> {
        self.count_call()?;
        Ok(self.elapsed())
    }

    async fn resolution(&mut self) -> Result<u64> {
        self.count_call()?;
        Ok(MS)
    }

    async fn subscribe_instant(&mut self, when: u64) -> Result<Resource<Timer>> {
        let time = self.started.checked_add(Duration::from_nanos(when));
        self.timer(time)
    }

    async fn subscribe_duration(&mut self, when: u64) -> Result<Resource<Timer>> {
        let time = Instant::now().checked_add(Duration::from_nanos(when));
        self.timer(time)
    }
}

impl wall_clock::Host for GuestState {
    async fn now(&mut self) -> Result<wall_clock::Datetime> {
        self.count_call()?;
        let ms = if self.pure { 0 } else { self.host.now_ms() };
        Ok(wall_clock::Datetime { seconds: ms / 1_000, nanoseconds: (ms % 1_000 * MS) as u32 })
    }

    async fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        self.count_call()?;
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: MS as u32 })
    }
}

impl random::Host for GuestState {
    async fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len)
    }

    async fn get_random_u64(&mut self) -> Result<u64> {
        self.count_call()?;
        Ok(self.next_random())
    }
}

impl insecure::Host for GuestState {
    async fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len)
    }

    async fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.count_call()?;
        Ok(self.next_random())
    }
}

impl insecure_seed::Host for GuestState {
    async fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        self.count_call()?;
        Ok((self.next_random(), self.next_random()))
    }
}

impl environment::Host for GuestState {
    async fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        self.count_call()?;
        Ok(Vec::new())
    }

    async fn get_arguments(&mut self) -> Result<Vec<String>> {
        self.count_call()?;
        Ok(Vec::new())
    }

    async fn initial_cwd(&mut self) -> Result<Option<String>> {
        self.count_call()?;
        Ok(None)
    }
}

impl exit::Host for GuestState {
    async fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        let how = if status.is_ok() { "without an error" } else { "with an error" };
        Err(wasmtime::Error::msg(format!("it called exit, {how}")))
    }
}

impl stdin::Host for GuestState {
    async fn get_stdin(&mut self) -> Result<Resource<Input>> {
        self.count_call()?;
        Ok(self.table.push(Input)?)
    }
}

impl stdout::Host for GuestState {
    async fn get_stdout(&mut self) -> Result<Resource<Output>> {
        self.count_call()?;
        Ok(self.table.push(Output(0))?)
    }
}

impl stderr::Host for GuestState {
    async fn get_stderr(&mut self) -> Result<Resource<Output>> {
        self.count_call()?;
        Ok(self.table.push(Output(1))?)
    }
}

impl terminal_input::Host for GuestState {}
impl terminal_input::HostTerminalInput for GuestState {
    async fn drop(&mut self, terminal: Resource<Terminal>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for GuestState {}
impl terminal_output::HostTerminalOutput for GuestState {
    async fn drop(&mut self, terminal: Resource<Terminal>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for GuestState {
    async fn get_terminal_stdin(&mut self) -> Result<Option<Resource<Terminal>>> {
        self.count_call()?;
        Ok(None)
    }
}

impl terminal_stdout::Host for GuestState {
    async fn get_terminal_stdout(&mut self) -> Result<Option<Resource<Terminal>>> {
        self.count_call()?;
        Ok(None)
    }
}

impl terminal_stderr::Host for GuestState {
    async fn get_terminal_stderr(&mut self) -> Result<Option<Resource<Terminal>>> {
        self.count_call()?;
        Ok(None)
    }
}
