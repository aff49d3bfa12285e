//! Where log lines go: to standard error, as text for a person or as JSON lines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Verb};

/// `NAVE_LOG` chooses (`info`, `nave_hub=debug`); without it: what a server does, warnings otherwise.
pub(crate) fn start(cli: &Cli) {
    let default = if matches!(cli.verb, Verb::Serve(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("NAVE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    // A subscriber is set once per process; here is that once.
    let _ = if std::env::var_os("NAVE_LOG_JSON").is_some() {
        lines.json().try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}
