//! What every route shares.

use std::net::SocketAddr;
use std::sync::Arc;

use nave_core::network::Network;
use nave_hub::api::{Answer, ApiError, Asked, ProgressSender, Request, Service};
use tokio::sync::{Semaphore, watch};

use crate::auth::{Failures, Sessions};
use crate::limits::LIVE_VIEWS_MAX;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct State(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) sessions: Sessions,
    pub(crate) failures: Failures,
    /// Host names that are ours, lower case, without port.
    pub(crate) hosts: Vec<String>,
    /// It listens on every address of the machine, so that each of them is ours. A page that is pointed at us needs a
    /// name to do so, never an address.
    pub(crate) any_address: bool,
    /// Who may ask, but for what systems tell; empty: everybody.
    pub(crate) allow_from: Vec<Network>,
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) live_views: Arc<Semaphore>,
}

impl std::ops::Deref for State {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl State {
    pub(crate) fn new(
        service: Arc<dyn Service>,
        addr: SocketAddr,
        hosts: &[String],
        allow_from: Vec<Network>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let mut ours = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        ours.push(match addr {
            SocketAddr::V4(addr) => addr.ip().to_string(),
            SocketAddr::V6(addr) => format!("[{}]", addr.ip()),
        });
        ours.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        Self(Arc::new(Inner {
            service,
            sessions: Sessions::default(),
            failures: Failures::default(),
            hosts: ours,
            any_address: addr.ip().is_unspecified(),
            allow_from,
            stopped,
            live_views: Arc::new(Semaphore::new(LIVE_VIEWS_MAX)),
        }))
    }

    /// Asks the hub what changes nothing; nobody hears the progress.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, ApiError> {
        self.call_by(Asked::by("", request)).await
    }

    /// As [`State::call`], by somebody.
    pub(crate) async fn call_by(&self, asked: Asked) -> Result<Answer, ApiError> {
        self.service.call(asked, ProgressSender::none()).await
    }
}
