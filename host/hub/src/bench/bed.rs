//! A hub with a folder of JSON lines, in a folder of its own that goes with it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_core::accounting::{Counts, InCounts};

use super::{Watch, failed};
use crate::api::ApiError;
use crate::{Hub, plugins, project};

const FIELDS: [(&str, &str, &str); 17] = [
    ("FirstName", "first_name", ""),
    ("LastName", "last_name", ""),
    ("Email", "email", "trim | lower"),
    ("Phone", "phone", "phone"),
    ("MobilePhone", "mobile", "phone"),
    ("Company", "company_name", ""),
    ("JobTitle", "job_title", ""),
    ("Street", "address.street", ""),
    ("City", "address.city", ""),
    ("Region", "address.region", ""),
    ("PostalCode", "address.postal_code", ""),
    ("Country", "address.country", "country"),
    ("BirthDate", "birth_date", "date"),
    ("Status", "status", ""),
    ("CreatedAt", "first_seen", "timestamp(iso8601) | date"),
    ("Id", "number", ""),
    ("Notes", "notes", ""),
];

/// A hub that reads two streams of one folder: contacts, and changes to a few of them.
pub(super) struct Bed {
    pub(super) folder: tempfile::TempDir,
    pub(super) dir: PathBuf,
    pub(super) hub: Arc<Hub>,
}

/// What one run cost.
pub(super) struct Cost {
    pub(super) cpu: f64,
    pub(super) wall: f64,
    pub(super) counts: InCounts,
}

/// A project that `nave init` made, in a folder that goes with it.
pub(super) fn project() -> Result<(tempfile::TempDir, PathBuf), ApiError> {
    let here = std::env::current_dir().map_err(failed)?;
    let folder = tempfile::Builder::new().prefix("nave-bench-").tempdir_in(here).map_err(failed)?;
    let dir = folder.path().join("project");
    project::init(&dir, false, "dev")?;
    Ok((folder, dir))
}

/// Writes a file of a project.
pub(super) fn put(dir: &Path, path: &str, text: &str) -> Result<(), ApiError> {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap_or(dir)).and_then(|()| std::fs::write(&path, text)).map_err(failed)
}

impl Bed {
    pub(super) async fn new(records: u64, plugin: &Path) -> Result<Self, ApiError> {
        let (folder, dir) = project()?;
        plugins::install(&dir, plugin, Default::default())?;
        put(&dir, "systems.toml", "[drop]\nkind = \"files\"\nowner = \"bench\"\n")?;
        put(
            &dir,
            "connections/drop.toml",
            "plugin = \"files\"\nenvironment = \"dev\"\n[grants.folders.drop]\npath = \"drop\"\naccess = \"read\"\n",
        )?;
        put(&dir, "mappings/drop-contacts.toml", &mapping("contacts"))?;
        write_contacts(&dir.join("drop/contacts.jsonl"), 0..records, Person::new).map_err(failed)?;
        let hub = Hub::open(&dir).await?;
        Ok(Self { folder, dir, hub })
    }

    /// Reads a mapping's file once. Whatever was read must be accounted for (I14).
    pub(super) async fn run(&self, mapping: &str) -> Result<Cost, ApiError> {
        let watch = Watch::start();
        let run = self.hub.engine.run_in(mapping, false).await?;
        let (cpu, wall) = watch.stop();
        if run.message.is_some() || !run.counts.balances() {
            return Err(ApiError::failed(format!("the run failed: {}", run.message.unwrap_or_default())));
        }
        match run.counts {
            Counts::In(counts) => Ok(Cost { cpu, wall, counts }),
            counts => Err(ApiError::failed(format!("not a run inwards: {counts:?}"))),
        }
    }
}

/// A mapping of all fields from a stream.
pub(super) fn mapping(stream: &str) -> String {
    let mut text = format!(
        "connection = \"drop\"\nstream = \"{stream}\"\nentity = \"contact\"\nsteward = \"bench\"\n[flow.in]\nfreshness = \"1h\"\n",
    );
    for (remote, canonical, read) in FIELDS {
        let _ = write!(text, "[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"in\"\n");
        if !read.is_empty() {
            let _ = writeln!(text, "in = \"{read}\"");
        }
    }
    text
}

/// What is not the same in every writing of a contact.
pub(super) struct Person {
    pub(super) domain: &'static str,
    pub(super) job: String,
}

impl Person {
    /// As a contact is at first.
    pub(super) fn new(_number: u64) -> Self {
        Self { domain: "test", job: "Buyer".into() }
    }
}

/// Contacts of 20 fields and about 600 bytes that match nobody: every one is created.
pub(super) fn write_contacts(
    file: &Path,
    numbers: impl Iterator<Item = u64>,
    person: impl Fn(u64) -> Person,
) -> std::io::Result<()> {
    std::fs::create_dir_all(file.parent().unwrap_or(file))?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for n in numbers {
        let Person { domain, job } = person(n);
        writeln!(
            out,
            r#"{{"Id":"C{n:08}","FirstName":"First{}","LastName":"Last{}","Email":"Person{n}@example.{domain}","Phone":"+49 30 {n:08}","MobilePhone":"+49 (170) {n:08}","Company":"Company {}","JobTitle":"{job}","Street":"Main St {}","City":"Berlin","Region":"BE","PostalCode":"{:05}","Country":"DE","BirthDate":"1980-01-02","CreditLimit":"{n}.50","Currency":"EUR","Status":"active","CreatedAt":"2024-01-02T03:04:05Z","UpdatedAt":"2025-01-02T03:04:05Z","Notes":"Called back on Tuesday, asked for a revised quote; prefers e-mail. Delivery at the rear gate."}}"#,
            n % 977,
            n % 1013,
            n % 5000,
            n % 400,
            n % 99999
        )?;
    }
    out.flush()
}
