//! `secret`: what the vault holds. No command prints a secret.

use std::path::PathBuf;

use clap::Subcommand;
use nave_core::secret_reference::SecretReference;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, say};
use crate::prompt;

/// Secrets in the vault: set, listed by name, removed; never shown
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave secret set crm                       # asks\n  pass show crm | nave secret set crm       # from standard input\n  nave secret set crm --from-file token.txt\n  nave secret refer crm --file /run/secrets/crm                     # kept in a file\n  nave secret refer crm --vault corp --path kv/data/crm --field token   # kept in a vault\n  nave secret refer crm --vault cloud --path prod/crm --field token     # in AWS Secrets Manager\n  nave secret refer db --vault corp --path database/creds/crm --field '{username}:{password}'   # both of one lease"
)]
pub(crate) enum Secret {
    /// Put a secret into the vault, or a new version of it
    Set {
        /// Name, as connections name it
        name: String,
        /// Take it from a file (`-`: standard input) instead of asking
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// Store the successor of a secret: it is tried first, and takes the old one's place once it has worked
    Rotate {
        /// Name, as connections name it
        name: String,
        /// Take it from a file (`-`: standard input) instead of asking
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// Say where a secret is kept if not here: the hub fetches it when it is needed, and holds it for its lease
    Refer(Refer),
    /// Fetch a secret that is kept elsewhere, to see whether that comes out well; the value is not shown
    Check {
        /// Name
        name: String,
    },
    /// Names, ages, and where each is kept
    List,
    /// Destroy one
    Remove {
        /// Name
        name: String,
    },
}

/// Where a secret is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Refer {
    /// Name, as connections name it
    name: String,
    /// A file outside of the project that nobody else can read: a mounted secret, or what an agent writes
    #[arg(long, value_name = "PATH", required_unless_present = "vault", conflicts_with = "vault")]
    file: Option<String>,
    /// A vault of nave.toml: [vaults.NAME]
    #[arg(long, value_name = "NAME", requires = "path")]
    vault: Option<String>,
    /// What it is called there: its path without /v1/ (kv/data/crm), or of AWS its name or ARN
    #[arg(long, requires = "vault")]
    path: Option<String>,
    /// The field of what is there, or several of one answer: '{username}:{password}'. Without it: `value`; of AWS all of the text
    #[arg(long, requires = "vault")]
    field: Option<String>,
    /// Of AWS: the version with this label instead of AWSCURRENT
    #[arg(long, requires = "vault", value_name = "LABEL")]
    stage: Option<String>,
}

impl Refer {
    fn request(self) -> Request {
        let reference = match self.vault {
            Some(vault) => SecretReference::Vault {
                vault,
                path: self.path.unwrap_or_default(),
                field: self.field.unwrap_or_default(),
                stage: self.stage,
            },
            None => SecretReference::File { path: self.file.unwrap_or_default() },
        };
        Request::SecretRefer { name: self.name, reference }
    }
}

pub(crate) async fn run(verb: Secret, context: &Context) -> Outcome {
    let request = match verb {
        Secret::List => return list(context).await,
        Secret::Check { name } => return check(name, context).await,
        Secret::Refer(refer) => refer.request(),
        Secret::Set { name, from_file } => {
            let value = prompt::secret(&format!("Secret `{name}`"), from_file.as_deref())?;
            Request::SecretSet { name, value, give_later: false }
        }
        Secret::Rotate { name, from_file } => {
            let value = prompt::secret(&format!("New secret `{name}`"), from_file.as_deref())?;
            Request::SecretRotate { name, value }
        }
        Secret::Remove { name } => Request::SecretRemove { name },
    };
    let answer = want!(context.call(request).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(output::clean(&answer.message));
    }
    Ok(exit::OK)
}

async fn check(name: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::SecretCheck { name }).await?, SecretCheck);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let held = answer.lease_s.map(|seconds| format!(", and is held for {seconds} s")).unwrap_or_default();
    say(output::clean(&match &answer.source {
        Some(source) => format!("`{}` can be fetched: it is kept in {source} ({}){held}.", answer.name, answer.kind),
        None => format!("`{}` is kept in the hub's own vault; nothing is fetched.", answer.name),
    }));
    Ok(exit::OK)
}

async fn list(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::SecretList).await?, Secrets);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["secret", "version", "set", "last used", "used by", "may go to", "kept in", "held", "rotation"]);
    for secret in &answer.secrets {
        rows.row([
            secret.name.clone(),
            secret.version.to_string(),
            ago(&secret.set_at),
            secret.last_used.as_deref().map(ago).unwrap_or_else(|| "never".to_owned()),
            secret.connections.join(", "),
            secret.given_for.join(", "),
            secret.source.as_ref().map_or_else(|| "the hub's vault".to_owned(), |source| format!("{}: {source}", secret.kind)),
            match (&secret.failed, secret.lease_s) {
                (Some(why), None) => format!("could not be fetched: {why}"),
                (_, Some(seconds)) => format!("for {seconds} s"),
                (None, None) => String::new(),
            },
            secret.rotation.clone().unwrap_or_default(),
        ]);
    }
    rows.print("The vault is empty: `nave secret set NAME`.");
    Ok(exit::OK)
}
