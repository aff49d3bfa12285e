//! The one door to an open hub.

use std::future::Future;
use std::pin::Pin;

use nave_core::model::TokenRow;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{Answer, ApiError, Asked};
use crate::sign_in::{SignInCallback, SignInStart, SignedIn};
use crate::webhook::{HookAnswer, HookCall};

/// A future that a face can hold without knowing who made it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How far a long request is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `reading crm-contacts`.
    pub stage: String,
    /// Units done.
    pub done: u64,
    /// Units in all, where that is known.
    pub total: Option<u64>,
    /// The total is what a system says: about so many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub about: bool,
    /// One more word for a person.
    pub note: Option<String>,
}

/// Hears progress. Never waits: what a slow listener misses is dropped.
#[derive(Clone, Debug, Default)]
pub struct ProgressSender(Option<mpsc::Sender<Progress>>);

impl ProgressSender {
    /// Into a channel.
    pub fn new(sender: mpsc::Sender<Progress>) -> Self {
        Self(Some(sender))
    }

    /// Nobody listens.
    pub fn none() -> Self {
        Self(None)
    }

    /// Says how far it is.
    pub fn report(&self, stage: &str, done: u64, total: Option<u64>) {
        self.send(Progress { stage: stage.to_owned(), done, total, ..Progress::default() });
    }

    /// Says how far it is, of about so many, as a system says.
    pub fn report_about(&self, stage: &str, done: u64, total: Option<u64>) {
        self.send(Progress { stage: stage.to_owned(), done, total, about: total.is_some(), note: None });
    }

    /// Says it with a word more.
    pub fn send(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            let _ = sender.try_send(progress);
        }
    }
}

/// An open hub, as its faces see it.
pub trait Service: Send + Sync + 'static {
    /// Does what is asked and answers.
    fn call(&self, asked: Asked, progress: ProgressSender) -> BoxFuture<'_, Result<Answer, ApiError>>;

    /// Works in the background (reads and delivers as due) until `shutdown` turns true, then ends what is under way.
    fn run(&self, shutdown: watch::Receiver<bool>) -> BoxFuture<'_, ()>;

    /// The command that opened this hub is broken off: what it runs is closed as failed, and what it committed is kept.
    fn interrupted(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The process that opened this hub ends in good order: what was given to it for a while is given back.
    fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Takes a call of a connected system.
    fn hook(&self, call: HookCall) -> BoxFuture<'_, HookAnswer>;

    /// People's browsers reach it at this address, `http://host:port`.
    fn listens(&self, _origin: &str) {}

    /// A browser opened the address that begins a sign-in at a system. The error is for people.
    fn sign_in_start<'a>(&'a self, _ticket: &'a str) -> BoxFuture<'a, Result<SignInStart, String>> {
        Box::pin(async { Err("nobody signs in here".to_owned()) })
    }

    /// A browser came back from a system. The error is for people, and holds words of the system.
    fn sign_in_callback(&self, _call: SignInCallback) -> BoxFuture<'_, Result<SignedIn, String>> {
        Box::pin(async { Err("nobody signs in here".to_owned()) })
    }

    /// Hashes of the tokens that open the HTTP API.
    fn tokens(&self) -> Result<Vec<TokenRow>, ApiError>;

    /// A good token was used, which is known by its hash: so that one which nobody uses can be told.
    fn used(&self, _hash: &str) {}

    /// Notes in the audit how many wrong tokens an address has sent. Never which.
    fn refused(&self, address: &str, count: u64);
}
