//! `test sample`: fixtures from a sample of real data, masked before they leave the hub. The key of a run's masks is made here and
//! forgotten here.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Catalog, Entity, FieldType, RemoteType, StreamInfo};
use nave_core::limits::{PAGE_RECORDS, SAMPLE_RECORDS_MAX, SAMPLE_STREAM_PAGES_MAX};
use nave_core::mask::{Kind, Masker, Originals, Shape, leftovers};
use nave_core::model::{Record, RecordId, RecordState};
use nave_core::value::{Reference, Value};
use nave_runtime::contract::Operation;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::{audit, unknown};
use crate::api::{ApiError, Fixture, ProgressSender, SampleAnswer};
use crate::engine::{Engine, EngineError};

/// Records read at once.
const CHUNK_RECORDS: usize = 500;
/// The masks that there are.
const MASK_PII: &str = "pii";
const MASK_NONE: &str = "none";

/// What is asked for.
pub(super) struct How<'a> {
    pub(super) source: &'a str,
    pub(super) records: usize,
    pub(super) mask: &'a str,
    pub(super) allow_unmasked: bool,
}

/// One kind of thing: how it is masked, and the things.
struct Kindred {
    name: String,
    shape: Shape,
    things: Vec<Value>,
}

/// Takes a sample and masks it.
pub(super) async fn sample(
    engine: &Engine,
    how: &How<'_>,
    by: &str,
    progress: &ProgressSender,
) -> Result<SampleAnswer, ApiError> {
    let masks = match (how.mask, how.allow_unmasked) {
        (MASK_PII, _) => true,
        (MASK_NONE, true) => false,
        (MASK_NONE, false) => {
            return Err(ApiError::usage("an unmasked sample is a copy of people's data, and is not made by accident")
                .help("`--mask pii` masks it; `--mask none --allow-unmasked` says that it is meant"));
        }
        (other, _) => return Err(ApiError::usage(format!("there is no mask `{}`", other.escape_debug())).help("pii or none")),
    };
    let records = how.records.clamp(1, SAMPLE_RECORDS_MAX);
    let key = Key::new()?;
    let digest = |bytes: &[u8]| key.digest(bytes);
    progress.report(&format!("sampling {}", how.source), 0, Some(records as u64));
    let (seen, mut all) = match how.source.split_once('/') {
        Some((connection, stream)) => of_stream(engine, connection, stream, records, &digest).await?,
        None => of_entity(engine, how.source, records, &digest)?,
    };
    let detail = format!("{} things, mask {}", all.iter().map(|kindred| kindred.things.len()).sum::<usize>(), how.mask);
    audit(engine, by, "test.sampled", how.source, &detail).await?;
    let mut searched = 0;
    if masks {
        searched = mask(&mut all, &digest)? as u64;
    }
    let fixtures = all.into_iter().map(|kindred| fixture(kindred.name, &kindred.things)).collect();
    Ok(SampleAnswer { source: how.source.to_owned(), mask: how.mask.to_owned(), seen, searched, fixtures })
}

/// The key of one run's masks: nobody keeps it.
struct Key(hmac::Key);

impl Key {
    fn new() -> Result<Self, ApiError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| ApiError::failed("the system gives no random numbers"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*bytes)))
    }

    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, bytes).as_ref());
        out
    }
}

/// Masks all of it with one key, and looks for what is left. Answers for how many originals.
fn mask(all: &mut [Kindred], digest: &dyn Fn(&[u8]) -> [u8; 32]) -> Result<usize, ApiError> {
    let mut originals = Originals::default();
    let mut ids = BTreeSet::new();
    for kindred in all.iter() {
        for thing in &kindred.things {
            originals.note(&kindred.shape, thing);
            edges(thing, &mut ids);
        }
    }
    let mut masker = Masker::new(digest, originals.clone());
    masker.number(ids);
    for kindred in all.iter_mut() {
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for thing in &mut kindred.things {
            *thing = masker.mask(&kindred.shape, thing);
            // Each is somebody's word: no more of it is said than finds it again.
            for word in leftovers(&originals, &kindred.shape, thing) {
                *left.entry(format!("{}…", word.chars().take(2).collect::<String>())).or_default() += 1;
            }
        }
        // In no order that says which was first.
        kindred.things.sort_by_cached_key(|thing| digest(thing.to_json().to_string().as_bytes()));
        if !left.is_empty() {
            let words: Vec<String> = left.into_iter().take(5).map(|(word, count)| format!("{word} ({count} times)")).collect();
            return Err(ApiError::failed(format!(
                "something of the originals would be left in {}: {}; nothing was written",
                kindred.name,
                words.join(", ")
            ))
            .help("try again: another run has other masks; a smaller --records leaves fewer words to avoid"));
        }
    }
    Ok(originals.count())
}

fn edges(value: &Value, ids: &mut BTreeSet<RecordId>) {
    match value {
        Value::Reference(Reference::Record(id)) => drop(ids.insert(*id)),
        Value::List(list) => list.iter().for_each(|inner| edges(inner, ids)),
        Value::Object(map) => map.values().for_each(|inner| edges(inner, ids)),
        _ => {}
    }
}

/// Keeps a sample of what goes by, each with the same chance: those with the smallest keyed digests.
struct Draw<'d, T> {
    digest: &'d dyn Fn(&[u8]) -> [u8; 32],
    size: usize,
    seen: u64,
    drawn: BTreeMap<[u8; 32], T>,
}

impl<'d, T> Draw<'d, T> {
    fn new(digest: &'d dyn Fn(&[u8]) -> [u8; 32], size: usize) -> Self {
        Self { digest, size, seen: 0, drawn: BTreeMap::new() }
    }

    fn pass(&mut self, make: impl FnOnce() -> T) {
        let place = (self.digest)(format!("draw {}", self.seen).as_bytes());
        self.seen += 1;
        if self.drawn.len() < self.size || self.drawn.last_key_value().is_some_and(|(last, _)| place < *last) {
            self.drawn.insert(place, make());
            if self.drawn.len() > self.size {
                self.drawn.pop_last();
            }
        }
    }
}

/// Records of an entity, and those that they lead to.
fn of_entity(
    engine: &Engine,
    name: &str,
    records: usize,
    digest: &dyn Fn(&[u8]) -> [u8; 32],
) -> Result<(u64, Vec<Kindred>), ApiError> {
    let catalog = engine.catalog();
    let Some(entity) = catalog.entities.get(name) else {
        let error = unknown("entity", name, catalog.entities.keys());
        return Err(
            error.help("name an entity, or a stream as CONNECTION/STREAM: `nave schema list`, `nave connection discover NAME`")
        );
    };
    let mut draw = Draw::new(digest, records);
    let mut after = RecordId(0);
    tokio::task::block_in_place(|| {
        loop {
            let rows = engine.store.records_after(after, CHUNK_RECORDS)?;
            let Some(last) = rows.last() else { return Ok::<(), ApiError>(()) };
            after = last.id;
            for record in rows {
                if record.entity == name && matches!(record.state, RecordState::Active | RecordState::Archived) {
                    draw.pass(|| record);
                }
            }
        }
    })?;
    let (seen, drawn) = (draw.seen, draw.drawn.into_values().collect::<Vec<Record>>());
    let mut linked = BTreeSet::new();
    drawn.iter().flat_map(|record| record.fields.values()).for_each(|field| edges(&field.value, &mut linked));
    linked.retain(|id| drawn.iter().all(|record| record.id != *id));
    let linked: Vec<RecordId> = linked.into_iter().collect();
    let linked: Vec<Record> = engine.store.records(&linked)?.into_iter().flatten().collect();
    let mut all = vec![kindred(entity, &drawn)];
    let mut by_entity: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
    for record in &linked {
        by_entity.entry(record.entity.as_str()).or_default().push(record.clone());
    }
    for (other, records) in by_entity {
        match (other == name, catalog.entities.get(other)) {
            (true, _) => all[0].things.extend(records.iter().map(|record| thing(entity, record))),
            (false, Some(entity)) => all.push(kindred(entity, &records)),
            (false, None) => {}
        }
    }
    Ok((seen, all))
}

fn kindred(entity: &Entity, records: &[Record]) -> Kindred {
    let mut kinds = BTreeMap::from([("id".to_owned(), Kind::Text)]);
    for field in entity.fields.values() {
        field_kinds(&field.name, &field.kind, field.personal, &mut kinds);
    }
    let things: Vec<Value> = records.iter().map(|record| thing(entity, record)).collect();
    Kindred { name: entity.name.clone(), shape: Shape { kinds }, things }
}

/// How a canonical field is masked: what is no closed set of words is masked, personal or not.
fn field_kinds(path: &str, kind: &FieldType, personal: bool, kinds: &mut BTreeMap<String, Kind>) {
    let found = match kind {
        FieldType::Email => Kind::Email,
        FieldType::Phone => Kind::Phone,
        FieldType::Url => Kind::Url,
        FieldType::Date => Kind::Date,
        FieldType::Country => Kind::Country,
        FieldType::Enum(words) if !personal => Kind::Words(words.iter().cloned().collect()),
        FieldType::Object => Kind::Tree,
        FieldType::Money => {
            // A currency is a word that many share.
            kinds.insert(format!("{path}.amount"), Kind::Text);
            kinds.insert(format!("{path}.currency"), Kind::Words(CURRENCIES.iter().map(|code| (*code).to_owned()).collect()));
            Kind::Text
        }
        FieldType::File => {
            ["hash", "size", "media_type", "name"]
                .iter()
                .for_each(|part| drop(kinds.insert(format!("{path}.{part}"), Kind::Text)));
            Kind::Text
        }
        FieldType::List { fields, .. } => {
            fields.iter().for_each(|(name, kind)| field_kinds(&format!("{path}.{name}"), kind, personal, kinds));
            Kind::Text
        }
        _ => Kind::Text,
    };
    kinds.insert(path.to_owned(), found);
}

/// Currencies that stay as they are: those that most of the world's trade is in (BIS, Triennial Survey 2022).
const CURRENCIES: [&str; 20] = [
    "USD", "EUR", "JPY", "GBP", "CNY", "AUD", "CAD", "CHF", "HKD", "SGD", "SEK", "KRW", "NOK", "NZD", "INR", "MXN", "TWD", "ZAR",
    "BRL", "DKK",
];

/// A record as a thing: its number, and its fields as a tree.
fn thing(entity: &Entity, record: &Record) -> Value {
    let mut out = Value::Object(Default::default());
    out.put("id", Value::Reference(Reference::Record(record.id)));
    for field in entity.fields.values() {
        match &field.kind {
            FieldType::List { .. } => {
                let elements: Vec<Value> = record.elements(&field.name).map(|(_, value)| value.clone()).collect();
                if !elements.is_empty() {
                    out.put(&field.name, Value::List(elements));
                }
            }
            _ => {
                if let Some(value) = record.value(&field.name) {
                    out.put(&field.name, value.clone());
                }
            }
        }
    }
    out
}

/// Things of a stream as their system spells them now.
async fn of_stream(
    engine: &Engine,
    connection: &str,
    name: &str,
    records: usize,
    digest: &(dyn Fn(&[u8]) -> [u8; 32] + Sync),
) -> Result<(u64, Vec<Kindred>), ApiError> {
    let catalog = engine.catalog();
    if !catalog.connections.contains_key(connection) {
        return Err(unknown("connection", connection, catalog.connections.keys()));
    }
    let broken = |error| match error {
        EngineError::Spoke(name, error) => super::configuration::broken(&name, error),
        error => error.into(),
    };
    let streams = engine.streams(connection).await.map_err(broken)?;
    let Some(stream) = streams.iter().find(|stream| stream.name == name) else {
        let names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).collect();
        return Err(unknown("stream", name, names.iter()));
    };
    let spoke = engine.spoke(connection).map_err(broken)?;
    let (mut bodies, mut checkpoint) = (Vec::new(), None);
    for _ in 0..SAMPLE_STREAM_PAGES_MAX {
        let page = spoke.read(name.to_owned(), checkpoint.take(), PAGE_RECORDS).await;
        let page = page.map_err(|error| super::configuration::broken(connection, error))?;
        let alive = page.records.into_iter().filter(|record| record.operation == Operation::Upsert);
        bodies.extend(alive.filter_map(|record| nave_core::codec::decode(&record.body).ok()));
        if !page.more {
            break;
        }
        checkpoint = Some(page.next);
    }
    let mut draw = Draw::new(digest, records);
    bodies.into_iter().for_each(|body| draw.pass(|| body));
    let (seen, things) = (draw.seen, draw.drawn.into_values().collect::<Vec<Value>>());
    let mut shape = Shape { kinds: stream_kinds(&catalog, connection, stream) };
    shape.learn(&things);
    Ok((seen, vec![Kindred { name: name.to_owned(), shape, things }]))
}

/// How a stream's fields are masked, by what its system calls them; and by the canonical field that they are mapped to.
fn stream_kinds(catalog: &Catalog, connection: &str, stream: &StreamInfo) -> BTreeMap<String, Kind> {
    let personal = |path: &str| {
        catalog.mappings.values().filter(|m| m.connection == connection && m.stream == stream.name).any(|mapping| {
            let Some(entity) = catalog.entities.get(&mapping.entity) else { return true };
            let mapped = mapping.fields.iter().filter(|field| field.remote == path);
            mapped.filter_map(|field| entity.fields.get(field.canonical.as_ref()?)).any(|field| field.personal)
        })
    };
    let kind = |field: &nave_core::catalog::FieldInfo| match field.kind {
        RemoteType::Email => Kind::Email,
        RemoteType::Phone => Kind::Phone,
        RemoteType::Url => Kind::Url,
        RemoteType::Date => Kind::Date,
        RemoteType::Enum if !field.values.is_empty() && !personal(&field.path) => {
            Kind::Words(field.values.iter().cloned().collect())
        }
        RemoteType::Object | RemoteType::Json => Kind::Tree,
        _ => Kind::Text,
    };
    stream.fields.iter().map(|field| (field.path.clone(), kind(field))).collect()
}

fn fixture(name: String, things: &[Value]) -> Fixture {
    let mut columns = BTreeSet::new();
    things.iter().for_each(|thing| leaves("", thing, &mut columns));
    Fixture { name, columns: columns.into_iter().collect(), things: things.iter().map(Value::to_json).collect() }
}

fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, inner) in map.iter() {
                leaves(&if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }, inner, found);
            }
        }
        _ => drop(found.insert(path.to_owned())),
    }
}
