//! A hub that serves, within this process: it listens, its scheduler runs, and what it says to each call of a system is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nave_core::model::TokenRow;
use nave_hub::api::{Answer, ApiError, Asked, BoxFuture, ProgressSender, Service};
use nave_hub::webhook::{HookAnswer, HookCall};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::expect::Hears;
use super::hub::{Bench, HOOKS_SECRET};
use super::side::Side;

/// A hub at work.
pub(super) struct Serving {
    server: nave_server::Running,
    shutdown: watch::Sender<bool>,
    work: JoinHandle<()>,
    heard: Arc<Heard>,
}

/// The hub, and what became of the calls that it got.
struct Heard {
    hub: Arc<dyn Service>,
    taken: AtomicUsize,
    repeated: AtomicUsize,
    refused: AtomicUsize,
    other: AtomicUsize,
}

/// What became of the calls that a hub got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    taken: usize,
    repeated: usize,
    refused: usize,
    other: usize,
}

impl Calls {
    /// Whether it is as a case says.
    pub(super) fn fits(self, hears: Hears) -> bool {
        self.other == 0
            && match hears {
                Hears::Takes => self.taken > 0 && self.refused == 0,
                Hears::Repeats => self.taken > 0 && self.repeated > 0 && self.refused == 0,
                Hears::Refuses => self.taken > 0 && self.refused > 0,
                Hears::Nothing => self.taken + self.repeated + self.refused == 0,
            }
    }
}

impl Serving {
    /// Has a hub serve on a port of its own.
    pub(super) async fn start(bench: &Bench) -> Result<Self, ApiError> {
        let zero = AtomicUsize::default;
        let hub = bench.hub.clone();
        let heard = Arc::new(Heard { hub, taken: zero(), repeated: zero(), refused: zero(), other: zero() });
        let (shutdown, stopped) = watch::channel(false);
        let listen = ([127, 0, 0, 1], 0).into();
        let options = nave_server::Options { listen, socket: None, hosts: Vec::new(), allow_from: Vec::new() };
        let server = nave_server::start(heard.clone(), options, stopped.clone())
            .await
            .map_err(|error| ApiError::failed(error.to_string()))?;
        let hub = heard.clone();
        let work = tokio::spawn(async move { hub.run(stopped).await });
        Ok(Self { server, shutdown, work, heard })
    }

    /// A system tells it what changes.
    pub(super) async fn hears(&self, side: &Side) -> Result<(), ApiError> {
        side.tells(&format!("http://{}/hooks/{}", self.server.addr, side.part.name), HOOKS_SECRET).await
    }

    /// Ends it. Answers what became of the calls.
    pub(super) async fn stop(self) -> Calls {
        self.shutdown.send_replace(true);
        let _ = self.work.await;
        self.server.stopped().await;
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        let Heard { taken, repeated, refused, other, .. } = self.heard.as_ref();
        Calls { taken: count(taken), repeated: count(repeated), refused: count(refused), other: count(other) }
    }
}

impl Service for Heard {
    fn call(&self, asked: Asked, progress: ProgressSender) -> BoxFuture<'_, Result<Answer, ApiError>> {
        self.hub.call(asked, progress)
    }

    fn run(&self, shutdown: watch::Receiver<bool>) -> BoxFuture<'_, ()> {
        self.hub.run(shutdown)
    }

    fn hook(&self, call: HookCall) -> BoxFuture<'_, HookAnswer> {
        Box::pin(async move {
            let answer = self.hub.hook(call).await;
            let counter = match &answer {
                HookAnswer::Taken(_) => &self.taken,
                HookAnswer::Repeated => &self.repeated,
                HookAnswer::Refused => &self.refused,
                HookAnswer::Unknown | HookAnswer::TooMany | HookAnswer::Later(_) | HookAnswer::Odd(_) => &self.other,
            };
            counter.fetch_add(1, Ordering::SeqCst);
            answer
        })
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        self.hub.tokens()
    }

    fn refused(&self, address: &str, count: u64) {
        self.hub.refused(address, count);
    }
}
