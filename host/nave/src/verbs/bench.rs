//! `bench`: what the hub costs, beside a floor measured in the same run.

mod latency;

use std::path::PathBuf;

use clap::Subcommand;
use nave_hub::api::{ApiError, exit};
use nave_hub::bench::{self, Place};
use serde_json::Value as Json;

use super::Outcome;
use super::simulated::Simulated;
use crate::context::Context;
use crate::output;

/// Everything that looks random in the simulated systems follows from it.
const SEED: u64 = 7;

/// Measure what the hub costs
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Records taken in: mapped, matched, durable; and a bare store that writes the same bytes
    #[command(after_help = "Example:\n  nave bench ingest --records 1000000 --json")]
    Ingest {
        /// How many
        #[arg(long, default_value_t = 100_000)]
        records: u64,
        /// How many the bare store writes, where the disk has no room for as many once more [default: as many]
        #[arg(long)]
        floor_records: Option<u64>,
        /// The `files` plugin; `nave plugin build plugins/files` makes it
        #[arg(long, default_value = "target/plugins/files.wasm")]
        plugin: PathBuf,
    },
    /// All of them read again after the e-mail of one in a hundred has changed
    Resync {
        /// How many
        #[arg(long, default_value_t = 100_000)]
        records: u64,
        /// The `files` plugin; `nave plugin build plugins/files` makes it
        #[arg(long, default_value = "target/plugins/files.wasm")]
        plugin: PathBuf,
    },
    /// A hundred changes, found among all records and committed
    Tick {
        /// How many there are
        #[arg(long, default_value_t = 100_000)]
        records: u64,
        /// The `files` plugin; `nave plugin build plugins/files` makes it
        #[arg(long, default_value = "target/plugins/files.wasm")]
        plugin: PathBuf,
    },
    /// From one HTTP API into another, durable; and a bare client that carries as much
    Carry {
        /// How many
        #[arg(long, default_value_t = 20_000)]
        records: usize,
        /// The `hubspot` plugin; `nave plugin build plugins/hubspot` makes it
        #[arg(long, default_value = "target/plugins/hubspot.wasm")]
        plugin: PathBuf,
    },
    /// One edit after another, from the look at one system to the outcome in another; and a durable commit beside it
    Change {
        /// How many
        #[arg(long, default_value_t = 200)]
        changes: usize,
        /// The `hubspot` plugin; `nave plugin build plugins/hubspot` makes it
        #[arg(long, default_value = "target/plugins/hubspot.wasm")]
        plugin: PathBuf,
    },
    /// The sandbox: how fast a guest starts, what the way out costs beside a bare client, and what bad neighbours cost others
    Sandbox {
        /// Instances that are started
        #[arg(long, default_value_t = 1_000)]
        starts: usize,
        /// Calls to a simulated system, each way
        #[arg(long, default_value_t = 1_000)]
        calls: usize,
        /// Runs of the neighbour, alone and again beside the others
        #[arg(long, default_value_t = 200)]
        runs: usize,
        /// Bad neighbours: they loop, grow, copy, flood the hub with calls and with lines of the log
        #[arg(long, default_value_t = 20)]
        hostile: usize,
        /// The `hubspot` plugin; `nave plugin build plugins/hubspot` makes it
        #[arg(long, default_value = "target/plugins/hubspot.wasm")]
        plugin: PathBuf,
    },
    Latency(latency::Latency),
}

pub(crate) async fn run(verb: Bench, context: &Context) -> Outcome {
    let figures = match verb {
        Bench::Ingest { records, floor_records, plugin } => {
            bench::ingest(records, floor_records.unwrap_or(records), &plugin).await?
        }
        Bench::Resync { records, plugin } => bench::resync(records, &plugin).await?,
        Bench::Tick { records, plugin } => bench::tick(records, &plugin).await?,
        Bench::Carry { records, plugin } => {
            let [left, right, floor] = [crm(records).await?, crm(0).await?, crm(0).await?];
            let figures = bench::carry(&place(&left), &place(&right), &place(&floor), records as u64, &plugin).await;
            stop([left, right, floor]).await;
            figures?
        }
        Bench::Change { changes, plugin } => {
            let [left, right] = [crm(100).await?, crm(0).await?];
            let figures = bench::change(&place(&left), &place(&right), changes, &plugin).await;
            stop([left, right]).await;
            figures?
        }
        Bench::Sandbox { starts, calls, runs, hostile, plugin } => {
            let [left, right] = [crm(1_000).await?, crm(0).await?];
            let neighbours = nave_hostile::neighbours(hostile);
            let what = bench::Sandbox { starts, calls, runs, neighbours };
            let figures = bench::sandbox(&place(&left), &place(&right), &plugin, what).await;
            stop([left, right]).await;
            figures?
        }
        Bench::Latency(verb) => latency::measure(&verb, context).await?,
    };
    if context.json {
        output::json(&figures);
    } else if let Some(figures) = figures.as_object() {
        let mut rows = output::Rows::new(&["figure", "value"]);
        for (name, value) in figures {
            match value.as_object() {
                // Of several ways, a line each.
                Some(ways) if ways.values().all(Json::is_object) => {
                    ways.iter().for_each(|(way, value)| rows.row([way.as_str(), &line(value)]));
                }
                Some(_) => rows.row([name.as_str(), &line(value)]),
                None => rows.row([name.as_str(), &value.to_string()]),
            }
        }
        rows.print("Nothing was measured.");
    }
    Ok(exit::OK)
}

/// `delivered 12, ms_p50 40`, of an object.
fn line(value: &Json) -> String {
    let parts = value.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}"));
    parts.collect::<Vec<_>>().join(", ")
}

async fn crm(records: usize) -> Result<Simulated, ApiError> {
    Simulated::start("crm", None, 0, SEED, records).await
}

fn place(system: &Simulated) -> Place {
    Place { base_url: system.base_url.clone(), token: system.token.clone() }
}

async fn stop(systems: impl IntoIterator<Item = Simulated>) {
    for system in systems {
        system.stop().await;
    }
}
