//! A hub of a case's own: its directory, and the requests that a person would type.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_core::model::{DecisionChoice, Time};
use nave_hub::Hub;
use nave_hub::api::{
    Answer, ApiError, Asked, DeadLetterLine, DeadLetters, ProgressSender, RecordRef, Request, ReviewLine, RunLine, SecretText,
    Service as _, StatusAnswer,
};
use nave_hub::project::{self, NewConnection};
use tempfile::TempDir;

use super::clock::Clock;
use super::expect::{Expect, Plot};
use super::flows::{self, Part};
use super::linked;
use super::systems;
use crate::context::want;
use crate::verbs::shipped;

/// A project with every plugin installed and compiled: cases begin with a copy of it, so that nothing is compiled twice.
pub(super) struct Template {
    folder: TempDir,
}

fn failed(what: &Path, error: impl std::fmt::Display) -> ApiError {
    ApiError::failed(format!("{}: {error}", what.display()))
        .help("is there room, and may you write there? TMPDIR names another place")
}

fn temporary() -> Result<TempDir, ApiError> {
    tempfile::Builder::new().prefix("nave-faults-").tempdir().map_err(|error| failed(&std::env::temp_dir(), error))
}

impl Template {
    /// Finds or builds the plugins, installs and compiles them.
    pub(super) async fn make(mut say: impl FnMut(&str)) -> Result<Self, ApiError> {
        let template = Self { folder: temporary()? };
        let dir = template.folder.path();
        project::init(dir, true, "dev")?;
        let plugins: BTreeSet<&str> = systems::ALL.iter().map(|spoken| spoken.plugin).collect();
        for name in &plugins {
            say(name);
            let file = shipped::plugin(name).await?;
            let dir = dir.to_owned();
            let install = move || nave_hub::plugins::install(&dir, &file, Default::default());
            tokio::task::spawn_blocking(install).await.map_err(|error| ApiError::failed(error.to_string()))??;
        }
        let hub = Hub::open(dir).await?;
        for name in &plugins {
            say(name);
            hub.guests.plugin(name).map_err(|error| ApiError::failed(error.to_string()))?;
        }
        drop(hub);
        std::fs::remove_file(project::place(dir)?.store()).map_err(|error| failed(dir, error))?;
        Ok(template)
    }

    /// A copy: the plugins, their compiled code, and the key that it is sealed under.
    pub(super) fn copy(&self) -> Result<TempDir, ApiError> {
        let copy = temporary()?;
        copy_folder(self.folder.path(), &copy.path().join("hub")).map_err(|error| failed(copy.path(), error))?;
        Ok(copy)
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let (entry, to) = {
            let entry = entry?;
            let to = to.join(entry.file_name());
            (entry.path(), to)
        };
        if entry.is_dir() {
            copy_folder(&entry, &to)?;
        } else {
            std::fs::copy(&entry, &to)?;
        }
    }
    Ok(())
}

/// How the hub gets to a system.
pub(super) enum Reach {
    /// Base URL, tenant, token.
    Net(String, String, String),
    Folder(PathBuf),
}

/// The secret by which the hub believes what it is told, and what it is.
const HOOKS: &str = "hooks";
pub(super) const HOOKS_SECRET: &str = "whsec-of-the-fault-matrix";

/// An open hub.
pub(super) struct Bench {
    pub(super) dir: PathBuf,
    pub(super) hub: Arc<Hub>,
}

impl Bench {
    /// Writes the configuration, opens the hub and gives it the secrets.
    pub(super) async fn open(dir: PathBuf, parts: &[(&Part, Reach)], clock: &Clock, expect: &Expect) -> Result<Self, ApiError> {
        let write = |path: &str, text: &str| std::fs::write(dir.join(path), text).map_err(|error| failed(&dir.join(path), error));
        write("entities/contact.toml", &flows::entity(expect.owner, parts.iter().any(|(part, _)| part.linked)))?;
        write("entities/company.toml", linked::ENTITY)?;
        let told = if let Plot::Told(freshness, _) = expect.plot { Some(freshness) } else { None };
        let mut given = Vec::new();
        for (part, reach) in parts {
            let spoken = part.spoken();
            let mut new = NewConnection { name: part.name.to_owned(), environment: "dev".to_owned(), ..NewConnection::default() };
            let secret = match reach {
                Reach::Net(url, tenant, token) => {
                    let settings = (spoken.settings)(url, tenant);
                    new.settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                    new.networks = vec!["127.0.0.0/8".to_owned()];
                    new.insecure = true;
                    new.because = Some("a simulated system on this machine".to_owned());
                    Some(token.clone())
                }
                Reach::Folder(folder) => {
                    new.folders.insert("drop".to_owned(), folder.display().to_string());
                    None
                }
            };
            let locks = project::read_lock(&dir)?;
            let digest = locks.get(spoken.plugin).map(|locked| locked.digest.clone()).unwrap_or_default();
            let (_, manifest, _) = nave_hub::plugins::inspect_file(&project::place(&dir)?.plugin(&digest))?;
            let mut planned = project::plan_connection(&dir, &manifest, &new)?;
            planned.files.retain(|(file, _)| file.starts_with("connections"));
            project::write_connection(&dir, &planned)?;
            write(&format!("mappings/{}.toml", part.name), &part.mapping(told.unwrap_or("24h")))?;
            if part.linked {
                write(&format!("mappings/{}-companies.toml", part.name), &linked::mapping(part.name))?;
            }
            if told.is_some() {
                let file = format!("connections/{}.toml", part.name);
                let text = std::fs::read_to_string(dir.join(&file)).map_err(|error| failed(&dir.join(&file), error))?;
                write(&file, &format!("{text}\n[webhook]\nsecret = \"{HOOKS}\"\nfold = \"50ms\"\n"))?;
            }
            given.push((part.name.to_owned(), secret, planned.destinations));
        }
        let time = clock.clone();
        let hub = Hub::open_at(&dir, Arc::new(move || Time(time.now()))).await?;
        let bench = Self { dir, hub };
        if told.is_some() {
            let value = SecretText(HOOKS_SECRET.to_owned());
            bench.ask(Request::SecretSet { name: HOOKS.to_owned(), value, give_later: true }).await?;
        }
        for (name, secret, secrets) in given {
            if let Some(secret) = secret {
                let value = SecretText(secret);
                bench.ask(Request::SecretSet { name: name.clone(), value, give_later: true }).await?;
            }
            bench
                .ask(Request::ConnectionApprove { name, secrets, added: true, reason: Some("a test of faults".to_owned()) })
                .await?;
        }
        Ok(bench)
    }

    /// Asks the hub, as whoever runs this.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, ApiError> {
        self.hub.call(Asked::locally("faults", request), ProgressSender::none()).await
    }

    pub(super) async fn sync(&self, full: bool, retry: bool) -> Result<Vec<RunLine>, ApiError> {
        Ok(want!(self.ask(Request::Sync { flows: Vec::new(), full, once: false, retry, shadow: false }).await?, Sync).runs)
    }

    /// Reads and delivers one flow.
    pub(super) async fn sync_one(&self, flow: &str) -> Result<(), ApiError> {
        let flows = vec![flow.to_owned()];
        self.ask(Request::Sync { flows, full: false, once: false, retry: false, shadow: false }).await.map(drop)
    }

    /// Compares so many records with what the systems hold, and writes what differs.
    pub(super) async fn compare(&self, limit: usize) -> Result<(), ApiError> {
        let list = Request::Records { entity: Some("contact".to_owned()), query: String::new(), after: 0, limit };
        for line in want!(self.ask(list).await?, Records).records {
            if let Ok(record) = line.record.parse::<RecordRef>() {
                self.ask(Request::RecordResync { record, plan: false }).await?;
            }
        }
        Ok(())
    }

    /// Shows the plan and agrees to it.
    pub(super) async fn agree(&self) -> Result<(), ApiError> {
        self.ask(Request::Plan { flow: None, limit: 1, explain: false }).await?;
        let applied = want!(
            self.ask(Request::Apply { flow: None, limit: None, schema: false, reason: "the fault matrix".to_owned() }).await?,
            Apply
        );
        if applied.unseen.is_empty() {
            Ok(())
        } else {
            Err(ApiError::failed(format!("not agreed to: {}", applied.unseen.join(", "))))
        }
    }

    pub(super) async fn status(&self) -> Result<StatusAnswer, ApiError> {
        Ok(want!(self.ask(Request::Status).await?, Status))
    }

    pub(super) async fn reviews(&self) -> Result<Vec<ReviewLine>, ApiError> {
        Ok(want!(self.ask(Request::ReviewList { all: false }).await?, Reviews).reviews)
    }

    pub(super) async fn decide(&self, id: u64, choice: DecisionChoice) -> Result<(), ApiError> {
        let reason = "the fault matrix".to_owned();
        self.ask(Request::ReviewDecide { id, choice, other: false, reason }).await.map(drop)
    }

    /// Whom a question about a lost create is about: the connection, and what the record is called by.
    pub(super) async fn suspects(&self, review: u64) -> Result<(String, Vec<String>), ApiError> {
        let asked = want!(self.ask(Request::ReviewShow { id: review }).await?, Review);
        let words = asked.review.title.split_whitespace().collect::<Vec<_>>();
        // "Was contact/9 created in crm? …"
        let connection = words.iter().skip_while(|word| **word != "in").nth(1).map_or("", |word| word.trim_end_matches('?'));
        let record = words.iter().find_map(|word| word.parse::<RecordRef>().ok());
        let record = record.ok_or_else(|| ApiError::failed(format!("which record is it about? {}", asked.review.title)))?;
        let shown = want!(self.ask(Request::RecordShow { record, at: None }).await?, Record);
        let emails = shown.fields.into_iter().filter(|field| field.field == "email").map(|field| field.display);
        Ok((connection.to_owned(), emails.collect()))
    }

    pub(super) async fn letters(&self) -> Result<Vec<DeadLetterLine>, ApiError> {
        let list = Request::DlqList { flow: None, class: None, limit: 1_000 };
        Ok(want!(self.ask(list).await?, DeadLetters).dead_letters)
    }

    pub(super) async fn retry_letters(&self) -> Result<(), ApiError> {
        self.ask(Request::DlqRetry { which: DeadLetters::All }).await.map(drop)
    }
}
