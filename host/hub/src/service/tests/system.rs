//! A system that answers from a map.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use nave_core::Value;
use nave_core::catalog::{Capabilities, StreamInfo};
use nave_core::codec;
use nave_core::mapping::MapError;
use nave_core::model::Time;
use nave_runtime::contract::{
    CheckReport, Coverage, Delivery, Operation, Outcome, Page, Rejection, SourceRecord, WriteOperation, Written,
};

use crate::spoke::{Spoke, SpokeError, Spokes, Transforms};

/// (stream, id) → (body, modified).
type Things = BTreeMap<(String, String), (String, i64)>;

/// Every read is a full one.
#[derive(Clone, Default)]
pub(super) struct System {
    pub(super) things: Arc<Mutex<Things>>,
    pub(super) down: Arc<Mutex<bool>>,
    /// Writes are refused for good.
    pub(super) refuses: Arc<Mutex<bool>>,
    /// Says nothing of what is not there when it is asked for it.
    pub(super) silent: Arc<Mutex<bool>>,
    /// How many things it says that there are.
    pub(super) total: Arc<Mutex<Option<u64>>>,
}

impl System {
    pub(super) fn put(&self, stream: &str, id: &str, body: &str, modified: i64) {
        self.things.lock().unwrap().insert((stream.into(), id.into()), (body.into(), modified));
    }

    pub(super) fn count(&self, stream: &str) -> usize {
        self.things.lock().unwrap().keys().filter(|(of, _)| of == stream).count()
    }

    fn up(&self) -> Result<(), SpokeError> {
        if *self.down.lock().unwrap() { Err(SpokeError::Unavailable("no route to it".into())) } else { Ok(()) }
    }
}

fn record(id: &str, body: &str, modified: i64) -> SourceRecord {
    SourceRecord {
        remote_id: id.into(),
        version: None,
        modified_at: Some(Time(modified).to_string()),
        field_times: Vec::new(),
        coverage: Coverage::Complete,
        operation: Operation::Upsert,
        body: body.as_bytes().to_vec(),
    }
}

type Answered<'a, T> = crate::spoke::BoxFuture<'a, Result<T, SpokeError>>;

impl Spoke for System {
    fn discover(&self) -> Answered<'_, Vec<StreamInfo>> {
        let stream = |name: &str| StreamInfo {
            name: name.into(),
            capabilities: Capabilities { batch_max: 10, ..Capabilities::default() },
            ..StreamInfo::default()
        };
        Box::pin(async move { self.up().map(|()| vec![stream("contacts"), stream("companies")]) })
    }

    fn check(&self) -> Answered<'_, CheckReport> {
        let report = CheckReport { account: "acme".into(), environment: "test".into(), scopes: vec![], limits: vec![] };
        Box::pin(async move { self.up().map(|()| report) })
    }

    fn read(&self, stream: String, _: Option<Vec<u8>>, _: u32) -> Answered<'_, Page> {
        Box::pin(async move {
            self.up()?;
            let things = self.things.lock().unwrap();
            let here = things.iter().filter(|((of, _), _)| *of == stream);
            let records = here.map(|((_, id), (body, modified))| record(id, body, *modified)).collect();
            Ok(Page { records, next: b"end".to_vec(), more: false, complete_scan: true, total: *self.total.lock().unwrap() })
        })
    }

    fn acknowledge(&self, _: String, _: Vec<u8>) -> Answered<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, stream: String, ids: Vec<String>) -> Answered<'_, Vec<SourceRecord>> {
        Box::pin(async move {
            self.up()?;
            let things = self.things.lock().unwrap();
            let silent = *self.silent.lock().unwrap();
            let found = ids.iter().filter_map(|id| match things.get(&(stream.clone(), id.clone())) {
                Some((body, modified)) => Some(record(id, body, *modified)),
                None if silent => None,
                None => Some(SourceRecord { operation: Operation::Delete, ..record(id, "", 0) }),
            });
            Ok(found.collect())
        })
    }

    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> Answered<'_, Vec<Outcome>> {
        Box::pin(async move {
            self.up()?;
            let mut outcomes = Vec::new();
            for delivery in deliveries {
                if *self.refuses.lock().unwrap() {
                    let no = Rejection { class: "format".into(), field: None, message: "no, thank you".into() };
                    outcomes.push(Outcome::Rejected(no));
                    continue;
                }
                let mut things = self.things.lock().unwrap();
                let id = match delivery.operation {
                    WriteOperation::Create => format!("new{}", things.len() + 1),
                    WriteOperation::Update(id) | WriteOperation::Delete(id) | WriteOperation::Merge(id, _) => id,
                };
                let place = things.entry((stream.clone(), id.clone())).or_insert_with(|| ("{}".into(), 0));
                let mut body = codec::decode(place.0.as_bytes()).unwrap();
                if let Value::Object(changed) = codec::decode(&delivery.changed).unwrap() {
                    changed.into_iter().for_each(|(path, value)| body.put(&path, value));
                }
                place.0 = String::from_utf8(codec::encode(&body)).unwrap();
                outcomes.push(Outcome::Written(Written {
                    remote_id: id,
                    version: None,
                    modified_at: None,
                    body: place.0.clone().into_bytes(),
                }));
            }
            Ok(outcomes)
        })
    }

    fn find(&self, _: String, _: String, _: Vec<String>) -> Answered<'_, Vec<SourceRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn digest(&self) -> String {
        "scripted".into()
    }
}

pub(super) struct Systems(pub(super) BTreeMap<&'static str, System>);

impl Spokes for Systems {
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        Ok(Arc::new(self.0[connection].clone()))
    }

    fn transforms(&self) -> Arc<dyn Transforms> {
        Arc::new(NoTransforms)
    }
}

struct NoTransforms;

impl Transforms for NoTransforms {
    fn call(&self, function: String, _: Vec<Vec<Value>>) -> Answered<'_, Vec<Result<Value, MapError>>> {
        Box::pin(async { Err(SpokeError::Misconfigured(function)) })
    }
}
