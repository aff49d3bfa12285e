//! Every version of the contract, every capability: granted, a call arrives at the one host as it was made; not granted, it is
//! refused in the same words. That a kind of plugin imports no more than it may is `inspecting.rs`.

use std::sync::{Arc, Mutex};

use nave_runtime::{
    AbiVersion, Blob, BlobResponse, CallError, FolderEntry, FolderError, HostCalls, HostFuture, HttpError, HttpRequest,
    HttpResponse, Instance, InstanceLimits, NoHost, Plugin, contract::*,
};

use crate::support::{Contract, connector, connector_of, engine, plugin, transform, transform_of};

/// Grants everything, and notes it.
#[derive(Default)]
struct Noted(Mutex<Vec<String>>);

impl Noted {
    fn note<'a, T: Send + 'a>(&self, what: String, answer: T) -> HostFuture<'a, T> {
        self.0.lock().expect("notes").push(what);
        Box::pin(async { answer })
    }
}

fn spelled(endpoint: &str, request: &HttpRequest) -> String {
    format!("{endpoint} {} {} {:?} {:?}", request.method, request.path, request.headers, request.body)
}

fn held() -> Result<BlobResponse, HttpError> {
    Ok(BlobResponse { status: 200, headers: Vec::new(), body: Arc::new(bytes::Bytes::from_static(b"held")) })
}

impl HostCalls for Noted {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        let answer = HttpResponse { status: 200, headers: Vec::new(), body: "".into() };
        self.note(format!("http.send {}", spelled(endpoint, &request)), Ok(answer))
    }

    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        self.note(format!("blob.fetch {}", spelled(endpoint, &request)), held())
    }

    fn blob_send<'a>(
        &'a self,
        endpoint: &'a str,
        request: HttpRequest,
        body: Arc<dyn Blob>,
    ) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        self.note(format!("blob.send {} of {} bytes", spelled(endpoint, &request), body.size()), held())
    }

    fn settings(&self) -> String {
        drop(self.note("settings".to_owned(), ()));
        "{}".to_owned()
    }

    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Vec<u8>>> {
        self.note(format!("state.get {key}"), None)
    }

    fn state_set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        self.note(format!("state.set {key} {value:?}"), Ok(()))
    }

    fn log(&self, level: LogLevel, message: &str) {
        drop(self.note(format!("log {level:?} {message}"), ()));
    }

    fn now_ms(&self) -> u64 {
        drop(self.note("clock".to_owned(), ()));
        7
    }

    fn folder_list<'a>(&'a self, folder: &'a str) -> HostFuture<'a, Result<Vec<FolderEntry>, FolderError>> {
        self.note(format!("folder.list {folder}"), Ok(Vec::new()))
    }

    fn folder_read<'a>(
        &'a self,
        folder: &'a str,
        name: &'a str,
        offset: u64,
        length: u32,
    ) -> HostFuture<'a, Result<Vec<u8>, FolderError>> {
        self.note(format!("folder.read {folder} {name} {offset} {length}"), Ok(Vec::new()))
    }

    fn folder_write<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        self.note(format!("folder.write {folder} {name} {content:?}"), Ok(()))
    }

    fn folder_append<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        self.note(format!("folder.append {folder} {name} {content:?}"), Ok(()))
    }

    fn folder_remove<'a>(&'a self, folder: &'a str, name: &'a str) -> HostFuture<'a, Result<(), FolderError>> {
        self.note(format!("folder.remove {folder} {name}"), Ok(()))
    }
}

/// What the guests say.
const TEXTS: &str = r#"(data (i32.const 0) "api") (data (i32.const 16) "GET") (data (i32.const 32) "/x")
(data (i32.const 48) "in") (data (i32.const 64) "a.csv") (data (i32.const 80) "k") (data (i32.const 96) "v")"#;
/// A request under `api`, up to where its answer goes.
const REQUEST: &str =
    "(i32.const 0) (i32.const 3) (i32.const 16) (i32.const 3) (i32.const 32) (i32.const 2) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0)";
const FILE: &str = "(i32.const 48) (i32.const 2) (i32.const 64) (i32.const 5)";
const VALUE: &str = "(i32.const 96) (i32.const 1)";
const TO: &str = "(i32.const 8192)";
/// Where the text of an error stands in the answer: after a variant with a whole number, or alone.
const IN_VARIANT: u32 = 8_208;
const ALONE: u32 = 8_196;

/// A function of the contract that a guest calls.
struct Capability {
    /// Interface, function and its core type.
    imports: String,
    calls: String,
    /// What the host is asked, where it is granted.
    granted: &'static [&'static str],
    /// What is said where it is not, and where that stands; none: nothing is given away by it.
    denied: Option<(&'static str, u32)>,
}

fn import(interface: &str, function: &str, name: &str, parameters: &str) -> String {
    format!("(import \"nave:plugin/{interface}@VERSION\" \"{function}\" (func ${name} {parameters}))\n")
}

fn capabilities() -> Vec<Capability> {
    let http = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    let fetch = || import("blob", "fetch", "fetch", http);
    let network = Some(("endpoint `api` is not granted: this host gives no network", IN_VARIANT));
    let folder = |function: &str, parameters: &str, calls: String, granted| Capability {
        imports: import("folder", function, "f", parameters),
        calls: format!("(call $f {calls} {TO})"),
        granted,
        denied: Some(("folder `in` is not granted: this host gives no folders", IN_VARIANT)),
    };
    let open = |imports: String, calls: String, granted| Capability { imports, calls, granted, denied: None };
    vec![
        Capability {
            imports: import("http", "send", "f", http),
            calls: format!("(call $f {REQUEST} {TO})"),
            granted: &["http.send api GET /x [] None"],
            denied: network,
        },
        Capability {
            imports: fetch(),
            calls: format!("(call $fetch {REQUEST} {TO})"),
            granted: &["blob.fetch api GET /x [] None"],
            denied: network,
        },
        // The handle stands behind the status and the headers.
        open(
            format!("{}{}", fetch(), import("blob", "send", "f", &http.replacen("i32", "i32 i32", 1))),
            format!("(call $fetch {REQUEST} {TO}) (call $f {REQUEST} (i32.load (i32.const 8212)) (i32.const 8256))"),
            &["blob.fetch api GET /x [] None", "blob.send api GET /x [] None of 4 bytes"],
        ),
        folder("list", "(param i32 i32 i32)", "(i32.const 48) (i32.const 2)".to_owned(), &["folder.list in"]),
        folder(
            "read",
            "(param i32 i32 i32 i32 i64 i32 i32)",
            format!("{FILE} (i64.const 3) (i32.const 9)"),
            &["folder.read in a.csv 3 9"],
        ),
        folder("write", "(param i32 i32 i32 i32 i32 i32 i32)", format!("{FILE} {VALUE}"), &["folder.write in a.csv [118]"]),
        folder("append", "(param i32 i32 i32 i32 i32 i32 i32)", format!("{FILE} {VALUE}"), &["folder.append in a.csv [118]"]),
        folder("remove", "(param i32 i32 i32 i32 i32)", FILE.to_owned(), &["folder.remove in a.csv"]),
        Capability {
            imports: import("state", "set", "f", "(param i32 i32 i32 i32 i32)"),
            calls: format!("(call $f (i32.const 80) (i32.const 1) {VALUE} {TO})"),
            granted: &["state.set k [118]"],
            denied: Some(("this host keeps no state", ALONE)),
        },
        open(
            import("state", "get", "f", "(param i32 i32 i32)"),
            format!("(call $f (i32.const 80) (i32.const 1) {TO})"),
            &["state.get k"],
        ),
        open(import("settings", "get", "f", "(param i32)"), format!("(call $f {TO})"), &["settings"]),
        open(import("clock", "now-ms", "f", "(result i64)"), "(drop (call $f))".to_owned(), &["clock"]),
        open(
            import("log", "write", "f", "(param i32 i32 i32)"),
            "(call $f (i32.const 2) (i32.const 64) (i32.const 5))".to_owned(),
            &["log Warn a.csv"],
        ),
    ]
}

/// Runs `check` of a connector that calls this and answers with what it was refused with.
async fn run(contract: Contract, capability: &Capability, host: Arc<dyn HostCalls>) -> Result<CheckReport, CallError> {
    let hand_on = capability.denied.map_or_else(String::new, |(_, at)| {
        format!(
            "(if (i32.load8_u {TO}) (then
                (i32.store8 (i32.const 4096) (i32.const 1)) (i32.store8 (i32.const 4104) (i32.const 1))
                (i32.store (i32.const 4112) (i32.load (i32.const {at}))) (i32.store (i32.const 4116) (i32.load (i32.const {})))))",
            at + 4
        )
    });
    let body = format!("{} {hand_on} (i32.const 4096)", capability.calls);
    let component = connector_of(contract, &format!("{}{TEXTS}", capability.imports), &[("check", &body)]);
    let plugin = Plugin::compile(engine(), &plugin(&component, &connector()), None).expect("compiles");
    assert_eq!(plugin.inspection().abi_version.as_str(), contract.as_str());
    let mut instance = Instance::start(&plugin, host, InstanceLimits::default()).await.expect("starts");
    instance.check().await
}

#[tokio::test]
async fn every_version_and_capability_takes_the_one_path() {
    assert_eq!(Contract::ALL.map(Contract::as_str), AbiVersion::ALL.map(AbiVersion::as_str), "every version is tried");
    for contract in Contract::ALL {
        for capability in capabilities() {
            let what = format!("{contract:?} {:?}", capability.granted);
            let host = Arc::new(Noted::default());
            run(contract, &capability, host.clone()).await.expect(&what);
            assert_eq!(*host.0.lock().expect("notes"), capability.granted, "{what}");
            let denied = run(contract, &capability, Arc::new(NoHost)).await;
            match capability.denied {
                Some((words, _)) => {
                    assert_eq!(denied, Err(CallError::Failure(Failure::Unavailable(words.to_owned()))), "{what}");
                }
                None if what.contains("blob") => drop(denied.expect_err("there is no blob to send")),
                None => drop(denied.expect(&what)),
            }
        }
    }
}

/// A transform is given the log, in every version, and nothing else (`inspecting.rs`).
#[tokio::test]
async fn a_transform_has_the_log() {
    for contract in Contract::ALL {
        let log = import("log", "write", "f", "(param i32 i32 i32)");
        let body = "(call $f (i32.const 2) (i32.const 64) (i32.const 5)) (i32.const 4096)";
        let component = transform_of(contract, &format!("{log}{TEXTS}"), &[("call", body)]);
        let plugin = Plugin::compile(engine(), &plugin(&component, &transform()), None).expect("compiles");
        let host = Arc::new(Noted::default());
        let mut instance = Instance::start(&plugin, host.clone(), InstanceLimits::default()).await.expect("starts");
        instance.transform("f", vec![Column::text([Some("a")])]).await.expect("answers");
        assert_eq!(*host.0.lock().expect("notes"), ["log Warn a.csv"]);
    }
}

/// The total of a page: there in the version that has it, and none in the one that cannot say it.
#[tokio::test]
async fn what_an_old_version_cannot_say_is_none() {
    let total = r#"(data (i32.const 4128) "\01\00\00\00\00\00\00\00\60\ea\00\00\00\00\00\00")"#;
    for (contract, data, expected) in
        [(Contract::V0_1, total, None), (Contract::V0_2, total, Some(60_000)), (Contract::V0_2, "", None)]
    {
        let bytes = plugin(&connector_of(contract, data, &[]), &connector());
        let plugin = Plugin::compile(engine(), &bytes, None).expect("compiles");
        let mut instance = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts");
        let page = instance.read("s", None, 1).await.expect("answers");
        let nothing = Page { records: Vec::new(), next: Vec::new(), more: false, complete_scan: false, total: expected };
        assert_eq!(page, nothing, "{contract:?}");
    }
}
