//! `secret`: what the vault holds. No command prints a secret.

use std::path::PathBuf;

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, say};
use crate::prompt;

/// Secrets in the vault: set, listed by name, removed; never shown
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave secret set crm                       # asks\n  pass show crm | nave secret set crm       # from standard input\n  nave secret set crm --from-file token.txt"
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
    /// Names and ages
    List,
    /// Destroy one
    Remove {
        /// Name
        name: String,
    },
}

pub(crate) async fn run(verb: Secret, context: &Context) -> Outcome {
    let request = match verb {
        Secret::List => return list(context).await,
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

async fn list(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::SecretList).await?, Secrets);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["secret", "version", "set", "last used", "used by", "may go to", "rotation"]);
    for secret in &answer.secrets {
        rows.row([
            secret.name.clone(),
            secret.version.to_string(),
            ago(&secret.set_at),
            secret.last_used.as_deref().map(ago).unwrap_or_else(|| "never".to_owned()),
            secret.connections.join(", "),
            secret.given_for.join(", "),
            secret.rotation.clone().unwrap_or_default(),
        ]);
    }
    rows.print("The vault is empty: `nave secret set NAME`.");
    Ok(exit::OK)
}
