//! The hub's HTTP faces: the API under `/v1`, the dashboard, and the local socket of the command line.
//!
//! Owns who may ask and how an answer looks over HTTP. Promises: nothing is answered over TCP without a token except the
//! log-in page and its style, what systems tell (their signature speaks for them) and the two addresses of a sign-in at a
//! system (good once, for one browser); a page never holds unescaped data; a form works only from our own page. The local
//! socket needs no token: its file belongs to the user who runs the hub. Must not decide anything: every route is one
//! [`nave_hub::api::Request`].

mod auth;
mod body;
mod events;
mod guard;
mod hooks;
pub mod limits;
mod listen;
mod metrics;
mod pages;
mod sign_in;
mod socket;
mod state;
mod strict;
mod v1;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::{Extension, Router};
use nave_hub::api::Service;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

pub use socket::short_path;

use listen::Bounds;
use state::State;

/// Where to listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address; port 0 picks one.
    pub listen: SocketAddr,
    /// Local socket of the command line.
    pub socket: Option<PathBuf>,
    /// Names under which the hub may be asked, besides loopback and its own address (a proxy's name).
    pub hosts: Vec<String>,
    /// Networks that it may be asked from, but for what systems tell; empty: from anywhere.
    pub allow_from: Vec<nave_core::network::Network>,
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {at}: {source}")]
pub struct StartError {
    at: String,
    source: std::io::Error,
}

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    /// Where.
    pub addr: SocketAddr,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Waits until it has stopped: every answer that was begun is out.
    pub async fn stopped(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Listens until `stopped` turns true.
///
/// # Errors
/// [`StartError`] where the address or the socket cannot be had.
pub async fn start(service: Arc<dyn Service>, options: Options, stopped: watch::Receiver<bool>) -> Result<Running, StartError> {
    let at = options.listen.to_string();
    let listener = TcpListener::bind(options.listen).await.map_err(|source| StartError { at: at.clone(), source })?;
    let addr = listener.local_addr().map_err(|source| StartError { at, source })?;
    let mut tasks = Vec::new();
    if let Some(path) = &options.socket {
        let task = socket::listen(service.clone(), path, stopped.clone())
            .await
            .map_err(|source| StartError { at: path.display().to_string(), source })?;
        tasks.push(task);
    }
    service.listens(&reached_at(addr));
    let state = State::new(service, addr, &options.hosts, options.allow_from, stopped.clone());
    let router = router(state);
    let app = move |peer: SocketAddr| router.clone().layer(Extension(ConnectInfo(peer)));
    tasks.push(tokio::spawn(listen::serve(listener, app, Bounds::default(), stopped)));
    tracing::info!(%addr, "listening");
    Ok(Running { addr, tasks })
}

/// Where a browser on this machine reaches it.
fn reached_at(addr: SocketAddr) -> String {
    let ip = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, addr.port()))
}

fn router(state: State) -> Router {
    let closed = v1::router().merge(pages::closed()).merge(events::router()).merge(metrics::router());
    let closed = closed.layer(axum::middleware::from_fn_with_state(state.clone(), auth::required));
    Router::new()
        .merge(closed)
        .merge(pages::open())
        .merge(hooks::router())
        .merge(sign_in::router())
        .fallback(pages::not_found)
        .method_not_allowed_fallback(v1::other_method)
        .layer(axum::middleware::from_fn_with_state(state.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(limits::REQUEST_BODY_BYTES_MAX))
        .layer(CatchPanicLayer::new())
        .with_state(state)
}

/// Ends when `stopped` turns true, or nobody can turn it any more.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests;
