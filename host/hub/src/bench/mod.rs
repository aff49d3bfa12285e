//! Measures what the hub costs, beside a floor measured in the same run.
//!
//! CPU time is that of the whole process, all threads; systems that are read and written are other processes.

mod bare;
mod bed;
mod carry;
mod ingest;
mod sandbox;

use std::time::{Duration, Instant};

pub use bare::Place;
pub use carry::{carry, change};
pub use ingest::{ingest, resync, tick};
pub use sandbox::{Sandbox, sandbox};

use crate::api::ApiError;

fn failed(error: impl std::fmt::Display) -> ApiError {
    ApiError::failed(format!("the measurement: {error}"))
}

/// CPU and wall time since it was started.
struct Watch {
    cpu: Duration,
    wall: Instant,
}

impl Watch {
    fn start() -> Self {
        Self { cpu: cpu_time(), wall: Instant::now() }
    }

    /// CPU seconds, wall seconds.
    fn stop(&self) -> (f64, f64) {
        ((cpu_time() - self.cpu).as_secs_f64(), self.wall.elapsed().as_secs_f64())
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The peak starts anew, so that what is measured next has its own; where that is not allowed it stays the larger one.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of the process's own status, in megabytes.
fn status_mb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The value below which this share of them lies. Sorts.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * share).ceil() as usize;
    values.get(index.clamp(1, values.len().max(1)) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (share, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)] {
            assert_eq!(percentile(&mut values, share), expected, "{share}");
        }
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
