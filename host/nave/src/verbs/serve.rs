//! `serve`: the hub at work, with its API, its dashboard and its local socket.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use clap::Args;
use nave_hub::api::{ApiError, ProgressSender, Request, Service, exit};
use nave_hub::project;
use serde_json::json;
use tokio::sync::watch;

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{json_line, say};
use crate::{open, socket};

/// Keep systems in agreement: read and deliver as due, with a dashboard and an HTTP API
#[derive(Debug, Args)]
#[command(
    after_help = "Other commands on the same directory go through it while it runs. Ctrl-C ends it when what is under way is settled."
)]
pub(crate) struct Serve {
    /// Address [default: the one in nave.toml]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// A name under which it may be asked, besides addresses; also `hosts` in nave.toml
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    hosts: Vec<String>,
}

fn host(text: &str) -> Result<String, String> {
    let fits = nave_core::catalog::is_host(text);
    if fits { Ok(text.to_owned()) } else { Err("write the name alone, without https:// and port".to_owned()) }
}

pub(crate) async fn run(verb: &Serve, context: &Context) -> Outcome {
    let mut end = pin!(interrupted());
    let running = tokio::select! {
        running = start(context, verb.listen, &verb.hosts) => running?,
        () = &mut end => return Err(stopped_early()),
    };
    if context.json {
        json_line(&json!({ "address": running.url(), "token": running.token }));
    } else {
        running.announce();
    }
    end.await;
    if !context.json {
        say("Ending what is under way …");
    }
    running.stop().await;
    Ok(exit::OK)
}

/// Somebody ended it before it served. Nothing is lost: what was committed is kept.
pub(crate) fn stopped_early() -> ApiError {
    ApiError::failed("stopped before it served").help("`nave serve` begins again")
}

/// A hub that serves.
pub(crate) struct Running {
    server: nave_server::Running,
    shutdown: watch::Sender<bool>,
    work: tokio::task::JoinHandle<()>,
    /// The first token, where there was none.
    pub(crate) token: Option<String>,
}

impl Running {
    /// `http://127.0.0.1:6283`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.addr)
    }

    /// Says where it is, and the token where one was made.
    pub(crate) fn announce(&self) {
        say(format_args!("Nave serves at {}", self.url()));
        if self.server.addr.ip().is_unspecified() {
            say(
                "On every address of this machine; by a name only where `nave serve --host NAME` or hosts in nave.toml gives it.",
            );
        }
        if let Some(token) = &self.token {
            say(format_args!("Token, shown this once (`nave token reset --because TEXT` makes another): {token}"));
        }
    }

    /// Ends the work and the server.
    pub(crate) async fn stop(self) {
        self.shutdown.send_replace(true);
        let _ = self.work.await;
        self.server.stopped().await;
    }
}

/// Opens the hub, listens, and starts to work.
pub(crate) async fn start(context: &Context, listen: Option<SocketAddr>, hosts: &[String]) -> Result<Running, ApiError> {
    let place = project::place(context.dir())?;
    if socket::connect(&place.socket()).await?.is_some() {
        return Err(
            ApiError::new("serving", exit::UNAVAILABLE, "a hub serves this directory already").help("`nave status` asks it")
        );
    }
    let catalog = project::load(context.dir())?.catalog;
    project::ownership::complete(&catalog, catalog.entities.keys().map(String::as_str))?;
    let configured = catalog.hub;
    let listen = match listen {
        Some(listen) => listen,
        None => {
            let text = configured.listen;
            text.parse().map_err(|_| {
                ApiError::new("configuration", exit::CONFIGURATION, format!("`{text}` in nave.toml is no address"))
            })?
        }
    };
    let hub: Arc<dyn Service> = open::hub(context).await?;
    let (shutdown, stopped) = watch::channel(false);
    let options = nave_server::Options {
        listen,
        socket: Some(place.socket()),
        allow_from: configured.allow_from,
        hosts: configured.hosts.into_iter().chain(hosts.iter().cloned()).collect(),
    };
    let server = nave_server::start(hub.clone(), options, stopped.clone()).await.map_err(|error| {
        ApiError::new("listen", exit::UNAVAILABLE, error.to_string()).help("give another address with --listen")
    })?;
    let token = if hub.tokens()?.is_empty() {
        let request =
            Request::TokenReset { name: "admin".to_owned(), lasting: None, reason: "made when the hub first started".to_owned() };
        Some(want!(hub.call(context.asked(request), ProgressSender::none()).await?, Token).token)
    } else {
        None
    };
    let work = tokio::spawn(async move { hub.run(stopped).await });
    Ok(Running { server, shutdown, work, token })
}

/// Ctrl-C, or the signal that service managers send. Listens from the call on: whoever is told that something runs may end it at once.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        if let (Ok(mut end), Ok(mut key)) = signals {
            tokio::select! {
                _ = end.recv() => {}
                _ = key.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
