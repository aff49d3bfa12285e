//! `plugin dev`: a crate is built whenever it was saved, and shown at work.

mod place;
mod watch;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use clap::{Args, ValueEnum};
use nave_hub::api::{ApiError, exit};
use nave_hub::plugins::{BuildOptions, Seen};
use nave_sim::System;
use serde_json::{Value as Json, json};

use super::test::settings;
use crate::context::Context;
use crate::output::{clean, clean_lines, json_line, say};
use crate::verbs::serve::interrupted;
use crate::verbs::{Outcome, shipped};
use place::Place;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Differences that are shown of one save.
const SHOWN_MAX: usize = 12;

/// Build a crate whenever it is saved, and show what it does: its streams, its check, a page of each, and what changed since
#[derive(Debug, Args)]
#[command(
    after_help = "It is shown at work against a simulated system (--sim), a system of yours (--set url=…, with its secret), or else its own\n\
        recordings, without a network. A build that fails is shown, and the one before stays. Ends on Ctrl-C.\n\n\
        Examples:\n  nave plugin dev .\n  nave plugin dev . --sim crm\n  nave plugin dev desk --set url=http://127.0.0.1:8080 --secret-from token.txt\n  nave plugin dev . --once"
)]
pub(crate) struct Dev {
    /// The crate
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// A simulated system, started for it
    #[arg(long, value_enum, conflicts_with_all = ["settings", "set", "secret_from"])]
    sim: Option<Sim>,
    /// Settings of a connection, as TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// One setting: NAME=VALUE
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// File with the secret of the system
    #[arg(long, value_name = "FILE")]
    secret_from: Option<PathBuf>,
    /// A network that the system may lie in, if it is a private one
    #[arg(long = "network", value_name = "CIDR", default_value = "127.0.0.0/8")]
    networks: Vec<String>,
    /// Folder of recordings [default: recordings in the crate]
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// Build and show once, then end; exit 1 where it does not build
    #[arg(long)]
    once: bool,
}

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sim {
    Crm,
    Books,
    Desk,
    Mail,
}

impl Sim {
    fn system(self) -> System {
        match self {
            Self::Crm => System::Crm,
            Self::Books => System::Books,
            Self::Desk => System::Desk,
            Self::Mail => System::Mail,
        }
    }
}

pub(crate) async fn run(verb: Dev, context: &Context) -> Outcome {
    let given = settings(verb.settings.as_deref(), &verb.set)?;
    let secret = match &verb.secret_from {
        Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
            ApiError::usage(format!("{}: {error}", file.display())).help("name a file with the secret in it")
        })?),
        None => None,
    };
    let place = match verb.sim {
        Some(sim) => Place::simulated(sim.system()).await?,
        None if !given.is_empty() => Place::given(given, secret.map(|text| text.trim_end().to_owned()), verb.networks.clone()),
        None => Place::recorded(verb.recordings.clone().unwrap_or_else(|| verb.dir.join("recordings"))),
    };
    let mut bench = Bench { dir: verb.dir.clone(), place, seen: None, json: context.json };
    // What is saved while it is built is seen afterwards.
    let mut mark = watch::mark(&verb.dir);
    let built = bench.saved().await;
    if !verb.once {
        let mut end = pin!(interrupted());
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = &mut end => break,
            }
            let now = watch::mark(&verb.dir);
            if now != mark {
                mark = now;
                tokio::select! {
                    _ = bench.saved() => {}
                    () = &mut end => break,
                }
            }
        }
    }
    bench.place.close().await;
    Ok(if verb.once && !built { exit::FAILED } else { exit::OK })
}

struct Bench {
    dir: PathBuf,
    place: Place,
    /// The build before, at work.
    seen: Option<Seen>,
    /// As lines of JSON.
    json: bool,
}

impl Bench {
    /// Builds it and shows what it does; false where it does not build. Whatever happens, the next save is looked at.
    async fn saved(&mut self) -> bool {
        let built = match shipped::build(&self.dir, BuildOptions { out: None, quiet: true }).await {
            Ok(built) => built,
            Err(error) => {
                self.tell(json!({ "event": "not-built", "message": error.to_string() }), || {
                    say(clean_lines(&format!("NOT BUILT, the one before stays.\n{error}")));
                });
                return false;
            }
        };
        let about = format!("{} {} ({} kB)", built.manifest.name, built.manifest.version, built.size / 1000);
        let seen = match self.place.look(&built.file).await {
            Ok(seen) => seen,
            Err(error) => {
                self.tell(json!({ "event": "not-shown", "plugin": about, "message": error.message }), || {
                    say(format_args!("Built {about}; it could not be shown: {}", clean(&error.message)));
                });
                return true;
            }
        };
        let lines = seen.lines();
        let changed = self.seen.as_ref().map(|before| before.differences(&seen));
        self.tell(json!({ "event": "built", "plugin": about, "shows": lines, "changed": changed }), || {
            say(format_args!("Built {about}, {}.", self.place.words()));
            if built.was_signed {
                say(super::UNSIGNED);
            }
            lines.iter().for_each(|line| say(format_args!("  {}", clean(line))));
            if let Some(changed) = &changed {
                say(if changed.is_empty() { "  Nothing it does is different." } else { "  Different from the build before:" });
                changed.iter().take(SHOWN_MAX).for_each(|line| say(format_args!("    {}", clean(line))));
                if changed.len() > SHOWN_MAX {
                    say(format_args!("    and {} more", changed.len() - SHOWN_MAX));
                }
            }
        });
        self.seen = Some(seen);
        true
    }

    fn tell(&self, line: Json, people: impl FnOnce()) {
        if self.json { json_line(&line) } else { people() }
    }
}

/// Whether a name is no source: what builds make, and what tools keep.
fn is_made(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || matches!(name.as_ref(), "target" | "node_modules" | "__pycache__" | "dist" | "build")
}
