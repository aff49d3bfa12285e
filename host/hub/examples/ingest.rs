//! How much of an ingest is the engine's own: source records from memory, no guest, into redb.
//!
//! `cargo run --release -p nave-hub --example ingest -- 100000`

use std::sync::Arc;
use std::time::Instant;

use nave_core::Value;
use nave_core::catalog::{SourceFile, StreamInfo};
use nave_core::mapping::MapError;
use nave_core::model::Time;
use nave_hub::engine::Engine;
use nave_hub::spoke::{BoxFuture, Spoke, SpokeError, Spokes, Transforms};
use nave_runtime::contract::{CheckReport, Coverage, Delivery, Operation, Outcome, Page, SourceRecord};
use nave_store::{Redb, Store, StoreKey};

struct Source {
    records: u64,
}

fn record(n: u64) -> SourceRecord {
    let body = format!(
        r#"{{"Id":"C{n:08}","FirstName":"First{}","LastName":"Last{}","Email":"person{n}@example.test","Phone":"+49 30 {n:08}","MobilePhone":"+49 170 {n:08}","Company":"Company {}","JobTitle":"Buyer","Street":"Main St {}","City":"Berlin","Region":"BE","PostalCode":"{:05}","Country":"DE","BirthDate":"1980-01-02","CreditLimit":"{n}.50","Currency":"EUR","Status":"active","CreatedAt":"2024-01-02T03:04:05Z","UpdatedAt":"2025-01-02T03:04:05Z","Notes":"Called back on Tuesday, asked for a revised quote; prefers e-mail."}}"#,
        n % 977,
        n % 1013,
        n % 5000,
        n % 400,
        n % 99999
    );
    SourceRecord {
        remote_id: format!("C{n:08}"),
        version: None,
        modified_at: Some("2025-01-02T03:04:05Z".into()),
        field_times: vec![],
        coverage: Coverage::Complete,
        operation: Operation::Upsert,
        body: body.into_bytes(),
    }
}

impl Spoke for Source {
    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>> {
        Box::pin(async { Ok(vec![StreamInfo { name: "contacts".into(), ..StreamInfo::default() }]) })
    }
    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>> {
        Box::pin(async { Err(SpokeError::Unavailable(String::new())) })
    }
    fn read(&self, _: String, checkpoint: Option<Vec<u8>>, limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>> {
        let from: u64 = checkpoint.map_or(0, |bytes| String::from_utf8_lossy(&bytes).parse().unwrap_or(0));
        let to = (from + u64::from(limit)).min(self.records);
        let page = Page {
            records: (from..to).map(record).collect(),
            next: to.to_string().into_bytes(),
            more: to < self.records,
            complete_scan: false,
        };
        Box::pin(async move { Ok(page) })
    }
    fn acknowledge(&self, _: String, _: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>> {
        Box::pin(async { Ok(()) })
    }
    fn get(&self, _: String, _: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn write(&self, _: String, _: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn find(&self, _: String, _: String, _: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn digest(&self) -> String {
        "memory".into()
    }
}

struct Only(Arc<Source>);

impl Spokes for Only {
    fn spoke(&self, _: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        Ok(self.0.clone())
    }
    fn transforms(&self) -> Arc<dyn Transforms> {
        Arc::new(Nothing)
    }
}

struct Nothing;

impl Transforms for Nothing {
    fn call(&self, _: String, _: Vec<Vec<Value>>) -> BoxFuture<'_, Result<Vec<Result<Value, MapError>>, SpokeError>> {
        Box::pin(async { Ok(vec![]) })
    }
}

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

#[tokio::main]
async fn main() {
    let records: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let mut mapping = String::from(
        "connection = \"drop\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\nfreshness = \"1h\"\n",
    );
    for (remote, canonical, read) in FIELDS {
        mapping += &format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"in\"\n");
        if !read.is_empty() {
            mapping += &format!("in = \"{read}\"\n");
        }
    }
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = [
        file("mappings/drop-contacts.toml", &mapping),
        file("connections/drop.toml", "plugin = \"p\"\nenvironment = \"dev\"\n"),
        file("systems.toml", "[drop]\nkind = \"other\"\nowner = \"ops\"\n"),
        file("nave.lock", "[plugins.p]\nsource = \"s\"\ndigest = \"00\"\nserial = 1\nversion = \"1\"\n"),
    ];
    let manifest =
        serde_json::from_str(r#"{"name":"p","version":"1","serial":1,"title":"P","description":"P","kind":"connector"}"#)
            .expect("a manifest");
    let plugins = [("p".to_owned(), nave_core::catalog::PluginInfo { manifest, streams: Default::default() })].into();
    let (catalog, _) = nave_core::catalog::check(&files, &plugins).unwrap_or_else(|errors| panic!("{errors:?}"));
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("nave.redb");
    let store: Arc<dyn Store> = Arc::new(Redb::open(&path, &StoreKey::new([7; 32]), Default::default()).expect("a store"));
    let engine = Engine::new(
        store.clone(),
        Arc::new(catalog),
        Arc::new(Only(Arc::new(Source { records }))),
        Arc::new(|| Time(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64))),
        "bench".into(),
    );
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let run = engine.run_in("drop-contacts", false).await.expect("a run");
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{:?}", run.counts);
    println!(
        "{records} records, {wall:.2} s, {cpu:.2} CPU s, {:.1} µs CPU per record, {:.0} records per CPU second",
        cpu * 1e6 / records as f64,
        records as f64 / cpu
    );
    println!("{} bytes on disk per record", std::fs::metadata(&path).map_or(0, |m| m.len()) / records);
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
