//! `sim`: simulated business systems, for trying things out and for authors of connectors.

mod control;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use nave_hub::api::{ApiError, exit};
use nave_sim::{RunningSim, SimConfig, System};
use serde_json::{Value as Json, json};

use super::Outcome;
use super::serve::interrupted;
use crate::context::Context;
use crate::output::{json_line, say};

/// Simulated business systems: a CRM (as HubSpot answers), books (as Xero answers), a desk (as Zendesk answers), mail (as Mailchimp answers), and a folder of CSV exports
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  nave sim crm --records 1000\n  nave sim all --data sims --json\n  nave sim legacy --data drop\n  nave sim fault list --url http://127.0.0.1:6401 --token control-1"
)]
pub(crate) struct Sim {
    #[command(subcommand)]
    control: Option<Control>,
    /// Which
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Port; 0 picks one. `all` takes this one and those after it
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Contacts at the start
    #[arg(long, default_value_t = 1_000)]
    records: usize,
    /// Folder that keeps their state; in memory without it. `legacy` drops its file there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// End when standard input is closed
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// What is done to a system that is running.
#[derive(Debug, Subcommand)]
enum Control {
    #[command(subcommand)]
    Fault(control::Fault),
    #[command(subcommand)]
    Act(control::Act),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Crm,
    Books,
    Desk,
    Mail,
    Legacy,
    All,
}

pub(crate) async fn run(verb: &Sim, context: &Context) -> Outcome {
    match &verb.control {
        None => {}
        Some(Control::Fault(verb)) => return control::fault(verb, context).await,
        Some(Control::Act(verb)) => return control::act(verb, context).await,
    }
    if let Some(data) = &verb.data {
        std::fs::create_dir_all(data).map_err(|error| ApiError::failed(format!("{}: {error}", data.display())))?;
    }
    let mut systems = match verb.which {
        Which::Crm => vec![System::Crm],
        Which::Books => vec![System::Books],
        Which::Desk => vec![System::Desk],
        Which::Mail => vec![System::Mail],
        Which::Legacy => vec![System::Legacy],
        Which::All => System::ALL.to_vec(),
    };
    match (&verb.data, verb.which) {
        (None, Which::Legacy) => return Err(ApiError::usage("say where the files go: --data DIR")),
        // Without a folder there is nowhere to drop anything.
        (Some(_), Which::All) => systems.push(System::Legacy),
        _ => {}
    }
    let mut running = Vec::new();
    for (at, port) in ports(verb.port, systems.len())?.into_iter().enumerate() {
        let system = &systems[at];
        let sim = start(*system, port, verb).await?;
        say_one(*system, &sim, drops(*system, verb).as_deref(), context);
        running.push(sim);
    }
    if verb.until_stdin_closes {
        let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        let _ = closed.await;
    } else {
        interrupted().await;
    }
    for sim in running {
        sim.stop().await;
    }
    Ok(exit::OK)
}

/// A port for each: this one and the next. 0 means any, for each of them.
fn ports(first: u16, systems: usize) -> Result<Vec<u16>, ApiError> {
    let port = |at: usize| if first == 0 { Some(0) } else { u16::try_from(at).ok().and_then(|at| first.checked_add(at)) };
    (0..systems).map(port).collect::<Option<_>>().ok_or_else(|| {
        ApiError::usage(format!("there is no port after {first} for the next system"))
            .help(format!("give a port up to {}", usize::from(u16::MAX) + 1 - systems))
    })
}

async fn start(system: System, port: u16, verb: &Sim) -> Result<RunningSim, ApiError> {
    let folder = drops(system, verb);
    let state_file = match &folder {
        // Nobody who reads the folder takes it for an export.
        Some(folder) => Some(folder.join(".legacy.state")),
        None => verb.data.as_ref().map(|data| data.join(format!("{}.jsonl", system.name()))),
    };
    let config = SimConfig {
        records: verb.records,
        state_file,
        folder,
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ..SimConfig::new(verb.seed)
    };
    nave_sim::start(system, config).await.map_err(|error| ApiError::failed(error.to_string()))
}

/// Where a system drops its files; only `legacy` does.
fn drops(system: System, verb: &Sim) -> Option<PathBuf> {
    let data = verb.data.as_ref().filter(|_| system == System::Legacy)?;
    Some(if verb.which == Which::All { data.join("legacy") } else { data.clone() })
}

/// What a client needs, as one object.
fn describe(system: System, sim: &RunningSim, drops: Option<&Path>) -> Json {
    if let Some(folder) = drops {
        let file = folder.join("contacts.csv").display().to_string();
        return json!({ "system": system.name(), "base_url": sim.base_url(), "file": file, "control_token": sim.control_token });
    }
    json!({
        "system": system.name(), "base_url": sim.base_url(), "token": sim.credential.token, "credential": sim.credential,
        "control_token": sim.control_token,
    })
}

fn say_one(system: System, sim: &RunningSim, drops: Option<&Path>, context: &Context) {
    if context.json {
        json_line(&describe(system, sim, drops));
        return;
    }
    if let Some(folder) = drops {
        say(format_args!("{} drops {}", system.name(), folder.join("contacts.csv").display()));
        say(format_args!("    control token  {} (for {}/_sim)", sim.control_token, sim.base_url()));
        return;
    }
    say(format_args!("{} answers at {}", system.name(), sim.base_url()));
    say(format_args!("    token          {}", sim.credential.token));
    if let Some(user) = &sim.credential.user {
        say(format_args!("    user           {user} (basic authentication, the token is the password)"));
    }
    if let Some(tenant) = &sim.credential.tenant_id {
        say(format_args!("    tenant id      {tenant}"));
    }
    say(format_args!("    control token  {} (for {}/_sim)", sim.control_token, sim.base_url()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_port_has_no_next() {
        assert_eq!(ports(65_535, 1).unwrap(), [65_535]);
        assert_eq!(ports(65_534, 2).unwrap(), [65_534, 65_535]);
        assert_eq!(ports(0, 2).unwrap(), [0, 0]);
        let error = ports(65_535, 2).unwrap_err();
        assert_eq!((error.exit, error.help.as_deref()), (exit::USAGE, Some("give a port up to 65534")));
    }
}
