//! How a simulated system is started: settings, and the errors of starting.

use crate::crm::schema::ObjectSchema;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Answers as HubSpot's CRM v3 API does.
    Crm,
    /// Answers as Xero's Accounting API 2.0 does.
    Books,
    /// Answers as Zendesk's Support API does.
    Desk,
    /// Answers as Mailchimp's Marketing API 3.0 does.
    Mail,
    /// Answers nothing: it drops a CSV file into a folder, whole, whenever something changed. Only its control interface listens.
    Legacy,
}

impl System {
    /// All that answer requests.
    pub const ALL: [Self; 4] = [Self::Crm, Self::Books, Self::Desk, Self::Mail];

    /// The name on the command line and in state files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Books => "books",
            Self::Desk => "desk",
            Self::Mail => "mail",
            Self::Legacy => "legacy",
        }
    }

    /// The system of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Legacy]).find(|system| system.name() == name)
    }
}

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Settings of one simulated system. `SimConfig { records: 1000, ..SimConfig::new(7) }`.
#[derive(Clone)]
pub struct SimConfig {
    /// Everything that looks random follows from it.
    pub seed: u64,
    /// Contacts at the start; companies and invoices follow in proportion. At most a million.
    pub records: usize,
    /// Where the state is kept; in memory only where `None`. An existing file wins over `records`.
    pub state_file: Option<PathBuf>,
    /// Where `legacy` drops its file; it needs one. The others need none.
    pub folder: Option<PathBuf>,
    /// Where to listen; port 0 picks one.
    pub bind: SocketAddr,
    /// The time; modification times never go back even where this does.
    pub clock: Clock,
    /// What the header Date shows, where that is not the same: a test lets hours pass in a system and not in whoever asks it.
    pub date: Option<Clock>,
    /// Objects of the CRM; contacts and companies where `None`.
    pub schemas: Option<Vec<ObjectSchema>>,
    /// The standing bearer token; from the seed where `None`.
    pub token: Option<String>,
    /// The token of the control interface; from the seed where `None`.
    pub control_token: Option<String>,
}

impl SimConfig {
    /// An empty system in memory on a free loopback port.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            records: 0,
            state_file: None,
            folder: None,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: system_clock(),
            date: None,
            schemas: None,
            token: None,
            control_token: None,
        }
    }
}

impl std::fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimConfig")
            .field("seed", &self.seed)
            .field("records", &self.records)
            .field("state_file", &self.state_file)
            .field("bind", &self.bind)
            .finish_non_exhaustive()
    }
}

/// Why a system did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {source}; stop what holds it or give another port")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// The operating system's word.
        source: io::Error,
    },
    /// The state file could not be read or written.
    #[error("state file {path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// The state file holds something else.
    #[error("state file {path}, line {line}: {why}; remove the file to start afresh")]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A setting makes no sense.
    #[error("{0}")]
    Settings(String),
}

impl StartError {
    pub(crate) fn state(path: &Path, source: io::Error) -> Self {
        Self::State { path: path.to_owned(), source }
    }
}
