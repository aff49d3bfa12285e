//! `demo`: two simulated systems and a folder of exports, kept in agreement. Every step is a command line that anybody
//! can type, run through the same parser; the project is one that `nave init` made.

mod show;
mod sims;

use std::path::Path;

use clap::{Args, Parser as _};
use nave_hub::api::{ApiError, Request, exit};
use nave_hub::project;

use super::{Outcome, plugin, serve, shipped};
use crate::call;
use crate::cli::Cli;
use crate::context::{Context, want};
use crate::output::{self, say};

/// What a person would write after a look at the export's header line.
const DROP_MAPPING: &str = include_str!("drop-contacts.toml");
/// Whose word counts in the demo: both systems are edited, and whoever was last knows best.
const POLICY: &str = "# Who wins, field by field or, as here, for all of them: the newest word.\nsurvivorship = \"newest\"\nsteward = \"sales-ops\"\n";
/// A line of the starter mapping, which is for another system's columns.
const STARTER: &str = "Change `remote` to your file's column names";
/// Plugins that the demo uses.
const PLUGINS: [&str; 3] = ["files", "hubspot", "xero"];

/// Two simulated systems and a folder of exports, kept in agreement through a hub
#[derive(Debug, Args)]
#[command(after_help = "The first start builds the plugins and takes a minute; a later one goes on where the last ended.\n\n\
                        Examples:\n  nave demo\n  nave demo --once --dir target/demo")]
pub(crate) struct Demo {
    /// End when everything agrees; exit code 0 only if it does, except for what is listed
    #[arg(long)]
    once: bool,
    /// Contacts of each system at the start
    #[arg(long, default_value_t = 1_000)]
    records: usize,
    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

pub(crate) async fn run(verb: &Demo, context: &Context) -> Outcome {
    output::hush(context.json);
    let steps = Context::for_people(context.dir());
    let result = play(verb, &steps).await;
    output::hush(false);
    let (sims, summary) = result?;
    if context.json {
        output::json(&summary);
    }
    let agreed = summary.agreed;
    if verb.once {
        sims.stop().await;
        return Ok(if agreed { exit::OK } else { exit::FAILED });
    }
    let mut end = std::pin::pin!(serve::interrupted());
    let running = tokio::select! {
        running = serve::start(&steps, None, &[]) => running?,
        () = &mut end => return Err(serve::stopped_early()),
    };
    running.announce();
    show::next_steps(context.dir());
    end.await;
    running.stop().await;
    sims.stop().await;
    Ok(exit::OK)
}

async fn play(verb: &Demo, context: &Context) -> Result<(sims::Sims, show::Summary), ApiError> {
    let dir = context.dir().to_owned();
    if ["nave.toml", "systems.toml", ".gitignore"].iter().any(|file| !dir.join(file).is_file()) {
        step(context, &["init", "--force-safe"]).await?;
    }
    install(context).await?;
    let sims = sims::Sims::start(&dir, verb.seed, verb.records).await?;
    connect(context, &sims).await?;
    policies(context).await?;
    step(context, &["mapping", "lint"]).await?;
    // Nothing is written before a plan was seen: the first sync only reads.
    step(context, &["sync"]).await?;
    step(context, &["plan", "--limit", "1"]).await?;
    step(context, &["apply", "--reason", "the demo"]).await?;
    step(context, &["sync"]).await?;
    let summary = show::summary(context, verb.once).await?;
    Ok((sims, summary))
}

/// Runs a command line on the demo's project and shows it. A person being needed is no failure here.
async fn step(context: &Context, words: &[&str]) -> Result<u8, ApiError> {
    let shown: Vec<String> =
        words.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() }).collect();
    say(format_args!("\n$ nave {}", shown.join(" ")));
    let cli = Cli::try_parse_from(std::iter::once(&"nave").chain(words)).map_err(|error| ApiError::usage(error.to_string()))?;
    let code = Box::pin(super::run(cli.verb, context)).await?;
    match code {
        exit::OK | exit::PERSON => Ok(code),
        _ => Err(ApiError::failed(format!("`nave {}` did not succeed", shown.join(" ")))),
    }
}

/// Installs the plugins that are missing: from beside the binary, or built from the checkout.
async fn install(context: &Context) -> Result<(), ApiError> {
    let installed = project::read_lock(context.dir())?;
    for name in PLUGINS.iter().filter(|name| !installed.contains_key(**name)) {
        let file = match shipped::beside(name) {
            Some(file) => file,
            None => {
                let source = shipped::checkout().join("plugins").join(name);
                say(format_args!("\n$ nave plugin build {}", source.display()));
                plugin::build(&source, None, context).await?
            }
        };
        step(context, &["plugin", "install", &file.display().to_string()]).await?;
    }
    Ok(())
}

/// What is left to be done about one of the demo's connections, whenever an earlier start was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Connection,
    Secret,
    Nothing,
}

/// A connection whose file is there may still lack its secret, which is kept apart.
fn left(dir: &Path, name: &str, secrets: &[String]) -> Left {
    if !dir.join("connections").join(format!("{name}.toml")).is_file() {
        Left::Connection
    } else if !secrets.iter().any(|known| known == name) {
        Left::Secret
    } else {
        Left::Nothing
    }
}

/// Adds the connections and the secrets that are missing.
async fn connect(context: &Context, sims: &sims::Sims) -> Result<(), ApiError> {
    let url = format!("url={}", sims.crm.system.base_url);
    one(context, "crm", &["hubspot", "--set", &url], &sims.crm).await?;
    let url = format!("url={}/api.xro/2.0", sims.books.system.base_url);
    let identity = format!("identity-url={}", sims.books.system.base_url);
    let tenant = format!("tenant={}", sims.books.system.tenant);
    one(context, "books", &["xero", "--set", &url, "--set", &identity, "--set", &tenant], &sims.books).await?;
    drop_folder(context).await
}

async fn one(context: &Context, name: &str, plugin: &[&str], sim: &sims::Sim) -> Result<(), ApiError> {
    let token = sim.token_file.display().to_string();
    let secrets = want!(context.call(Request::SecretList).await?, Secrets).secrets;
    let secrets: Vec<String> = secrets.into_iter().map(|secret| secret.name).collect();
    match left(context.dir(), name, &secrets) {
        Left::Nothing => {
            // An older demo, or one that was broken off: nobody has said yet that it may go to the simulator.
            let held = want!(context.call(Request::ConnectionHeld { name: Some(name.to_owned()) }).await?, Held).held;
            if !held.is_empty() {
                step(context, &["connection", "approve", name, "--reason", "the simulated system runs elsewhere now", "--yes"])
                    .await?;
            }
            return Ok(());
        }
        Left::Secret => {
            step(context, &["secret", "set", name, "--from-file", &token]).await?;
        }
        Left::Connection => {
            let mut words = vec!["connection", "add"];
            words.extend(plugin);
            words.extend(["--name", name, "--insecure", "--grant-network", "127.0.0.1/32"]);
            words.extend(["--because", "a simulated system on this machine", "--yes", "--secret-from", &token]);
            step(context, &words).await?;
        }
    }
    step(context, &["connection", "check", name]).await?;
    Ok(())
}

async fn drop_folder(context: &Context) -> Result<(), ApiError> {
    let dir = context.dir();
    let mapping = dir.join("mappings/drop-contacts.toml");
    let fresh = !dir.join("connections/drop.toml").is_file();
    if fresh {
        step(
            context,
            &[
                "connection",
                "add",
                "files",
                "--name",
                "drop",
                "--folder",
                "drop=sims/legacy",
                "--reason",
                "what the old system exports",
                "--yes",
            ],
        )
        .await?;
    }
    if !fitted(std::fs::read_to_string(&mapping).ok().as_deref()) {
        std::fs::write(&mapping, DROP_MAPPING).map_err(|error| ApiError::failed(format!("{}: {error}", mapping.display())))?;
        call::reload(context).await?;
        say("  (mappings/drop-contacts.toml was edited to fit this export's columns)");
    }
    if fresh {
        step(context, &["connection", "check", "drop"]).await?;
    }
    Ok(())
}

/// Says whose word counts, where nobody has: nothing moves before that.
async fn policies(context: &Context) -> Result<(), ApiError> {
    let mut written = Vec::new();
    for entity in ["contact", "company"] {
        let path = context.dir().join("entities").join(format!("{entity}.toml"));
        if !path.exists() {
            std::fs::write(&path, POLICY).map_err(|error| ApiError::failed(format!("{}: {error}", path.display())))?;
            written.push(format!("entities/{entity}.toml"));
        }
    }
    if !written.is_empty() {
        call::reload(context).await?;
        say(format_args!(
            "  ({} say whose word counts: the newest; `nave policy init crm-centric` writes another start)",
            written.join(" and ")
        ));
    }
    Ok(())
}

/// Whether the mapping of the drop was fitted to this export's columns, by us or by a person.
fn fitted(mapping: Option<&str>) -> bool {
    mapping.is_some_and(|text| !text.contains(STARTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_was_broken_off_goes_on_from_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(left(dir.path(), "crm", &secrets(&[])), Left::Connection);
        // A secret without a connection: the connection is added with it.
        assert_eq!(left(dir.path(), "crm", &secrets(&["crm"])), Left::Connection);
        std::fs::create_dir(dir.path().join("connections")).unwrap();
        std::fs::write(dir.path().join("connections/crm.toml"), "plugin = \"hubspot\"\n").unwrap();
        // Killed between the two: this is where `there is no secret crm` came from, for ever.
        assert_eq!(left(dir.path(), "crm", &secrets(&["books"])), Left::Secret);
        assert_eq!(left(dir.path(), "crm", &secrets(&["books", "crm"])), Left::Nothing);
        assert!(!fitted(None) && !fitted(Some(include_str!("../../../../../plugins/files/mappings/contacts.toml"))));
        assert!(fitted(Some(DROP_MAPPING)) && fitted(Some("# mine")));
    }
}
