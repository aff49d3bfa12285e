//! Every subject that needs the engine alone, over the store in memory and systems that answer from a map.

mod flows;
mod hub;
mod indexes;
mod kept;
mod numbers;
mod progress;
mod records;
mod system;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nave_core::catalog::{Catalog, PluginInfo, SourceFile, check};
use nave_core::model::{Cause, DecisionChoice, RecordId, Time};
use nave_store::Memory;

use super::{
    audits, dead_letters, flows as flow_commands, indexes as index_commands, numbers as number_commands, operations, plans,
    records as record_answers, reviews, search, status, sync, why,
};
use crate::api::{Answer, DeadLetters, ProgressSender, RecordRef, SyncAnswer};
use crate::engine::Engine;
use system::{System, Systems};

const CONTACTS: &str = r#"
connection = "SYSTEM"
stream = "contacts"
entity = "contact"
steward = "ops"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "first"
canonical = "first_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "last"
canonical = "last_name"
direction = "both"
because = "people correct names anywhere"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
in = "trim | lower"
because = "people correct e-mails anywhere"
[[field]]
remote = "born"
canonical = "birth_date"
direction = "in"
in = "date"
[[field]]
remote = "company"
canonical = "company"
direction = "both"
in = "reference(companies)"
because = "people change jobs"
"#;

const COMPANIES: &str = r#"
connection = "SYSTEM"
stream = "companies"
entity = "company"
steward = "ops"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "name"
canonical = "name"
direction = "both"
because = "companies rename themselves"
"#;

struct Bench {
    engine: Arc<Engine>,
    crm: System,
    books: System,
}

/// The configuration, its mappings of contacts changed by `edit`.
fn catalog(edit: impl Fn(&str) -> String) -> Catalog {
    let mut files = vec![SourceFile { path: "nave.toml".into(), text: "region = \"DE\"\n".into() }];
    for system in ["crm", "books"] {
        let file = |path: String, text: String| SourceFile { path, text };
        files.push(file(format!("connections/{system}.toml"), "plugin = \"scripted\"\nenvironment = \"dev\"\n".into()));
        files.push(file(format!("mappings/{system}-contacts.toml"), edit(CONTACTS).replace("SYSTEM", system)));
        files.push(file(format!("mappings/{system}-companies.toml"), COMPANIES.replace("SYSTEM", system)));
    }
    let lock = "[plugins.scripted]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n";
    files.push(SourceFile { path: "nave.lock".into(), text: lock.into() });
    let inventory = "[crm]\nkind = \"crm\"\nowner = \"ops\"\n[books]\nkind = \"accounting\"\nowner = \"ops\"\n";
    files.push(SourceFile { path: "systems.toml".into(), text: inventory.into() });
    let manifest =
        r#"{"name":"scripted","version":"1.0.0","serial":1,"title":"Scripted","description":"A test's","kind":"connector"}"#;
    let plugin = PluginInfo { manifest: serde_json::from_str(manifest).unwrap(), streams: BTreeMap::new() };
    match check(&files, &[("scripted".to_owned(), plugin)].into()) {
        Ok((catalog, _)) => catalog,
        Err(errors) => panic!("{}", errors.iter().map(|error| format!("{error}\n")).collect::<String>()),
    }
}

impl Bench {
    fn new() -> Self {
        Self::over(Arc::new(Memory::new()))
    }

    fn over(store: Arc<dyn nave_store::Store>) -> Self {
        let catalog = catalog(str::to_owned);
        let (crm, books) = (System::default(), System::default());
        let spokes = Systems([("crm", crm.clone()), ("books", books.clone())].into());
        let clock = AtomicI64::new(1_800_000_000_000);
        let clock = Arc::new(move || Time(clock.fetch_add(1_000, Ordering::SeqCst)));
        let engine = Engine::new(store, Arc::new(catalog), Arc::new(spokes), clock, "test".into());
        Self { engine: Arc::new(engine), crm, books }
    }

    async fn sync(&self) -> SyncAnswer {
        sync::sync(&self.engine, &[], sync::How::default(), "ada", ProgressSender::none()).await.unwrap()
    }

    async fn approve(&self) {
        plans::plan(&self.engine, None, 10, &[], &ProgressSender::none()).await.unwrap();
        plans::apply(&self.engine, None, "tested", "ada").await.unwrap();
    }
}

fn which(text: &str) -> RecordRef {
    text.parse().unwrap()
}

fn lines(answer: &SyncAnswer) -> Vec<String> {
    let text = |line: &crate::api::RunLine| {
        let counts: Vec<String> =
            line.named_counts().into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
        format!("{} {}: {}", line.flow, line.direction(), counts.join(", "))
    };
    answer.runs.iter().map(text).collect()
}

const ADA: &str = r#"{"first":"Ada","last":"Lovelace","email":"Ada@Acme.test","born":"1815-12-10","company":"c1"}"#;

/// Ada in both systems, the company in one: matched, written over there, agreed by everybody.
async fn in_step() -> Bench {
    in_step_over(Bench::new()).await
}

async fn in_step_over(bench: Bench) -> Bench {
    bench.crm.put("companies", "c1", r#"{"name":"Acme"}"#, 1_000);
    bench.crm.put("contacts", "5432", ADA, 2_000);
    bench.books.put("contacts", "b7", r#"{"first":"Adah","last":"Lovelace","email":"ada@acme.test","born":"1815-12-10"}"#, 3_000);
    bench.sync().await;
    bench.approve().await;
    bench.sync().await;
    bench
}
