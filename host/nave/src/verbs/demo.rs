//! `demo`: placeholder until the hub is whole.

use clap::Args;
use nave_hub::api::{ApiError, exit};

use super::Outcome;
use crate::context::Context;

/// Two simulated systems and a CSV folder, kept in agreement
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Do it once and end
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(verb: &Demo, _context: &Context) -> Outcome {
    let _ = (verb.once, exit::OK);
    Err(ApiError::failed("the demo is not here yet"))
}
