//! What every verb gets: the project's directory, how to answer, and the one way to ask the hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_hub::api::{Answer, ApiError, Asked, Request, Service};
use tokio::sync::Mutex;

use crate::call;
use crate::cli::{Cli, Verb};

/// One command's surroundings.
pub(crate) struct Context {
    dir: PathBuf,
    /// Answers as JSON.
    pub(crate) json: bool,
    /// A hub that this process has opened; kept for the next request of the same command.
    pub(crate) hub: Mutex<Option<Arc<dyn Service>>>,
}

impl Context {
    pub(crate) fn new(cli: &Cli) -> Self {
        let default = if matches!(cli.verb, Verb::Demo(_)) { "target/demo" } else { "." };
        Self { dir: cli.dir.clone().unwrap_or_else(|| default.into()), json: cli.json, hub: Mutex::new(None) }
    }

    /// Of this directory, answering in text.
    pub(crate) fn for_people(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), json: false, hub: Mutex::new(None) }
    }

    /// The project's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Asks the hub, whoever has it open, as the user of this machine.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, ApiError> {
        call::call(self, self.asked(request)).await
    }

    /// A request of the user that this process runs as. A hub that serves looks for itself who is at the other end.
    pub(crate) fn asked(&self, request: Request) -> Asked {
        Asked::locally(&nave_hub::person::here(), request)
    }

    /// The user of this machine, as the audit names them.
    pub(crate) fn local(&self) -> String {
        self.asked(Request::Status).by
    }
}

/// The variant that a request answers with; anything else is a mistake of ours.
macro_rules! want {
    ($answer:expr, $variant:ident) => {
        match $answer {
            nave_hub::api::Answer::$variant(answer) => answer,
            other => return Err($crate::call::unexpected(&other)),
        }
    };
}
pub(crate) use want;
