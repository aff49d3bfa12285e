//! `connection authorize`: a person agrees at the system that a connection may sign in.

use clap::Args;
use nave_hub::api::{ApiError, Request, SignInAnswer, exit};

use crate::context::{Context, want};
use crate::output::{self, clean, say};
use crate::verbs::Outcome;

/// Agree at the system that a connection may sign in (OAuth 2): prints what to open, and waits until it is done
#[derive(Debug, Args)]
#[command(
    after_help = "A browser comes back to the hub, so that `nave serve` must run; the system must know the address that is\n\
  printed as the client's callback. With --device a code is typed in on any device, and no callback is needed.\n\n\
  Examples:\n  nave connection authorize crm\n  nave connection authorize crm --device\n  \
  nave connection authorize crm --no-wait --json"
)]
pub(crate) struct Authorize {
    /// Connection
    name: String,
    /// Credential, where the connection has several of this kind
    #[arg(long, value_name = "CREDENTIAL")]
    slot: Option<String>,
    /// With a code that is typed in on another device
    #[arg(long)]
    device: bool,
    /// Only print what to open
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn run(verb: Authorize, context: &Context) -> Outcome {
    let Authorize { name, slot, device, no_wait } = verb;
    let begun = want!(context.call(Request::ConnectionAuthorize { name, slot, device }).await?, SignIn);
    if context.json {
        output::json_line(&serde_json::to_value(&begun).unwrap_or_default());
    } else {
        show(&begun);
    }
    if no_wait {
        return Ok(exit::OK);
    }
    loop {
        let now = want!(context.call(Request::SignInShow { id: begun.id }).await?, SignIn);
        match now.state.as_str() {
            "waiting" => {}
            "agreed" => {
                if context.json {
                    output::json_line(&serde_json::to_value(&now).unwrap_or_default());
                } else {
                    say(format_args!(
                        "Agreed: {} may sign in now. `nave connection check {}` tries it.",
                        now.connection, now.connection
                    ));
                }
                return Ok(exit::OK);
            }
            _ => {
                let why = now.why.unwrap_or_default();
                return Err(ApiError::failed(format!("nothing was agreed to: {why}"))
                    .help(format!("`nave connection authorize {}` begins again", now.connection)));
            }
        }
    }
}

fn show(begun: &SignInAnswer) {
    match &begun.code {
        Some(code) => {
            say(format_args!("Open {} on any device and type in {}", clean(&begun.address), clean(code)));
            if let Some(address) = &begun.address_with_code {
                say(format_args!("or open {}", clean(address)));
            }
        }
        None => {
            say(format_args!("Open {}", clean(&begun.address)));
            if let Some(callback) = &begun.callback {
                say(format_args!("The system must know this address as the client's: {}", clean(callback)));
            }
        }
    }
    for (scope, reason) in &begun.scopes {
        say(format_args!("  {} {}", clean(scope), clean(reason)));
    }
    say(format_args!("It is over after {} minutes.", begun.expires_in_s / 60));
}
