//! What every verb gets: the project's directory, how to answer, and the one way to ask the hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_hub::api::{Answer, ApiError, Asked, Request, Service};
use nave_hub::project::environments;
use tokio::sync::Mutex;

use crate::call;
use crate::cli::{Cli, Verb};

/// One command's surroundings.
pub(crate) struct Context {
    dir: PathBuf,
    /// The environment that was asked for.
    env: Option<String>,
    /// Answers as JSON.
    pub(crate) json: bool,
    /// A hub that this process has opened; kept for the next request of the same command.
    pub(crate) hub: Mutex<Option<Arc<dyn Service>>>,
}

impl Context {
    /// Of a command line.
    ///
    /// # Errors
    /// [`ApiError`] where the environment that it is about is not there.
    pub(crate) fn new(cli: &Cli) -> Result<Self, ApiError> {
        let default = if matches!(cli.verb, Verb::Demo(_)) { "target/demo" } else { "." };
        let dir = cli.dir.clone().unwrap_or_else(|| default.into());
        // Of these, the project as a whole is what they are about; a demo makes its own.
        let whole = matches!(cli.verb, Verb::Init(_) | Verb::Demo(_) | Verb::Env(_) | Verb::Promote(_));
        let dir = if whole { dir } else { environments::resolve(&dir, cli.env.as_deref())? };
        Ok(Self { dir, env: cli.env.clone(), json: cli.json, hub: Mutex::new(None) })
    }

    /// Of this directory, answering in text.
    pub(crate) fn for_people(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), env: None, json: false, hub: Mutex::new(None) }
    }

    /// Of no project: only to say what is wrong.
    pub(crate) fn nowhere(json: bool) -> Self {
        Self { json, ..Self::for_people(Path::new(".")) }
    }

    /// Of another environment, answering as this one.
    pub(crate) fn of(&self, dir: &Path) -> Self {
        Self { json: self.json, ..Self::for_people(dir) }
    }

    /// The environment that was asked for.
    pub(crate) fn env(&self) -> Option<&str> {
        self.env.as_deref()
    }

    /// The project's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The command is over: a hub that it opened gives back what it was given for a while.
    pub(crate) async fn end(&self) {
        let hub = self.hub.lock().await.take();
        if let Some(hub) = hub {
            hub.end().await;
        }
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
