//! The only HTTP client of the hub (I10).
//!
//! Owns what goes out: which endpoint, which address, which headers, which credential. A [`Channel`] is one
//! connection's use of it. Promises: nothing leaves that manifest *and* grant do not allow; a name is resolved once and
//! only vetted addresses are dialled; redirects are returned, not followed; a caller is told exactly whether anything
//! was sent; no secret is in an answer, an error or an audit line. Must not know records, streams or the store.

mod account;
mod address;
mod body;
mod bounds;
mod channel;
mod credential;
mod dial;
mod error;
mod exchange;
mod headers;
mod mail;
mod oauth;
mod origin;
mod pool;
mod resolve;
mod scrub;
mod stapled;
mod talk;
mod target;
mod token;
mod way;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use account::{Ledger, Mark, on_behalf, purpose};
pub use bounds::{Bounds, Quota};
pub(crate) use channel::AWAY;
pub use channel::{Channel, ChannelConfig, DeviceAnswer};
pub use error::EgressError;
pub use mail::MailServer;
pub use oauth::{Device, Pkce, Standing, same};
pub(crate) use oauth::{place as authorization_place, random as random_text, standing_of};
pub(crate) use origin::held_help;
pub use origin::{destinations, destinations_of, origin};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub(crate) use scrub::SecretFinder;
pub use talk::{Sunset, Talk};
pub use way::way;
pub(crate) use way::{held, is_proxy, is_way, said};

use crate::clock::Clock;
use account::Accounts;
use dial::Dialer;
use nave_core::budget::{Purpose, Spent, UsedUp};

/// A request, an answer and a held body are the runtime's words for them.
pub use nave_runtime::{BlobResponse, HttpRequest as Request, HttpResponse as Response};

/// Settings and parts of the egress.
pub struct EgressConfig {
    /// Company proxy, `http://host:port`: reached with CONNECT, for public addresses only. Addresses that a grant's
    /// `networks` cover are dialled directly. The hub still resolves names itself, and asks for the vetted address.
    pub proxy: Option<String>,
    /// Certificate authorities (PEM) that are trusted beside the system's.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Who looks names up.
    pub resolver: Arc<dyn Resolve>,
    /// Times and sizes; the default is [`nave_core::limits`].
    pub bounds: Bounds,
    /// Tells the time that budgets and requests for patience go by.
    pub clock: Clock,
}

impl Default for EgressConfig {
    fn default() -> Self {
        let clock: Clock = Arc::new(crate::clock::now);
        Self { proxy: None, extra_ca_pem: None, resolver: Arc::new(SystemResolver), bounds: Bounds::default(), clock }
    }
}

/// Why an egress cannot be made from its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressConfigError {
    /// The proxy's address.
    #[error("proxy: {0}; write http://host:port, without user and password")]
    Proxy(String),
    /// The file with certificate authorities.
    #[error("ca-file: {0}; it must hold certificates in PEM form")]
    Authorities(String),
}

/// What is told to the audit; the sink adds the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// `plugin:<name>`.
    pub actor: String,
    /// Code: `net.denied`, `net.secret-scrubbed`, …
    pub action: &'static str,
    /// `connection/endpoint`.
    pub subject: String,
    /// For people: what happened and which grant would allow it. Never a secret.
    pub detail: String,
}

/// Where audit notes go. Must not block for long.
pub trait AuditSink: Send + Sync {
    /// One line.
    fn note(&self, note: AuditNote);

    /// A connection used what it was granted: `endpoint api`, `secret key`, `folder drop`. Called for every use.
    fn used(&self, _connection: &str, _what: &str) {}
}

/// The one way out; cheap to clone. Channels are made from it.
#[derive(Clone)]
pub struct Egress {
    dialer: Arc<Dialer>,
    accounts: Arc<Accounts>,
    authorizations: Arc<oauth::Authorizations>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Egress")
    }
}

impl Egress {
    /// Reads the system's certificate authorities once.
    pub fn new(config: EgressConfig) -> Result<Self, EgressConfigError> {
        Ok(Self { dialer: Arc::new(Dialer::new(config)?), accounts: Arc::default(), authorizations: Arc::default() })
    }

    /// The way that everything takes, as entries of what a secret is given for.
    pub fn way(&self) -> &BTreeSet<String> {
        &self.dialer.way
    }

    /// How a connection's system was spoken to since the hub started.
    pub fn talk(&self, connection: &str) -> Talk {
        self.dialer.talks.of(connection)
    }

    /// One connection's use. Mistakes in a grant come out as a denial of the calls that need it.
    pub fn channel(&self, config: ChannelConfig) -> Channel {
        Channel::new(self.dialer.clone(), &self.accounts, self.authorizations.clone(), config)
    }

    /// What was granted to a place (`connection/slot`) is gone from the vault.
    pub(crate) fn forget_authorization(&self, place: &str) {
        self.authorizations.forget(place);
    }

    /// As [`Egress::forget_authorization`], where `forget` takes it from the vault, and nobody who has it loaded brings it back.
    pub(crate) async fn end_authorization<T, E>(&self, place: &str, forget: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.authorizations.end(place, forget).await
    }

    /// The configuration is read anew: what was said of accounts is forgotten, what was counted is not.
    pub fn forget_bounds(&self) {
        self.accounts.forget_bounds();
    }

    /// Calls of an account so far, where anything was sent since the start.
    pub fn spent(&self, account: &str) -> Option<Spent> {
        self.accounts.known(account).map(|account| account.spent((self.dialer.clock)()))
    }

    /// Why an account may not be asked for this purpose now, and until when.
    pub fn used_up(&self, account: &str, purpose: Purpose) -> Option<UsedUp> {
        self.accounts.known(account)?.used_up(purpose, (self.dialer.clock)())
    }
}
