//! `bench`: what the hub costs, beside a floor measured in the same run.

use clap::Subcommand;
use nave_hub::api::exit;

use super::Outcome;
use crate::context::Context;
use crate::{open, output};

/// Measure what the hub costs
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Records taken in: mapped, matched, durable; and a bare store that writes the same bytes
    #[command(after_help = "Example:\n  nave bench ingest --records 1000000 --json")]
    Ingest {
        /// How many
        #[arg(long, default_value_t = 100_000)]
        records: u64,
        /// The `files` plugin; `nave plugin build plugins/files` makes it
        #[arg(long, default_value = "target/plugins/files.wasm")]
        plugin: std::path::PathBuf,
    },
    /// All of them read again after the e-mail of one in a hundred has changed
    Resync {
        /// How many
        #[arg(long, default_value_t = 100_000)]
        records: u64,
        /// The `files` plugin; `nave plugin build plugins/files` makes it
        #[arg(long, default_value = "target/plugins/files.wasm")]
        plugin: std::path::PathBuf,
    },
}

pub(crate) async fn run(verb: Bench, context: &Context) -> Outcome {
    let figures = match verb {
        Bench::Ingest { records, plugin } => open::bench_ingest(records, &plugin).await?,
        Bench::Resync { records, plugin } => open::bench_resync(records, &plugin).await?,
    };
    if context.json {
        output::json(&figures);
    } else if let Some(figures) = figures.as_object() {
        let mut rows = output::Rows::new(&["figure", "value"]);
        for (name, value) in figures {
            rows.row([name.as_str(), &value.to_string()]);
        }
        rows.print("Nothing was measured.");
    }
    Ok(exit::OK)
}
