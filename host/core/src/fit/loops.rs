//! What was cut on its way to a system never comes back as that system's word, whatever is edited where and read when.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::catalog::{Catalog, PluginInfo, SourceFile, check};
use crate::difference::{difference, settle};
use crate::fit::echoes;
use crate::intake::{Coverage, Pulled, map_in, take};
use crate::model::{Contribution, ContributionId, Record, RecordId, RecordState, RemoteKey, Time};
use crate::survivorship::{compute, without};
use crate::value::Value;

/// Characters that the books take.
const MAX: usize = 4;

fn catalog(policy: &str) -> Catalog {
    let mapping = |connection: &str, policy: &str| SourceFile {
        path: format!("mappings/{connection}.toml"),
        text: format!(
            "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\n[flow.in]\n[flow.out]\n\
             [[field]]\nremote = \"title\"\ncanonical = \"job_title\"\ndirection = \"both\"\nbecause = \"both\"\n{policy}"
        ),
    };
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = [
        file("connections/crm.toml", "plugin = \"p\"\n"),
        file("connections/books.toml", "plugin = \"p\"\n"),
        file("nave.lock", "[plugins.p]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
        mapping("crm", ""),
        mapping("books", policy),
    ];
    let manifest = r#"{"name":"p","version":"1.0.0","serial":1,"title":"P","description":"","kind":"connector"}"#;
    let plugin = PluginInfo { manifest: serde_json::from_str(manifest).unwrap(), streams: BTreeMap::new() };
    check(&files, &[("p".to_owned(), plugin)].into()).unwrap_or_else(|found| panic!("{found:?}")).0
}

/// A system with one thing.
struct Spoke {
    name: &'static str,
    holds: String,
    changed: Time,
    row: Contribution,
}

struct World {
    catalog: Catalog,
    record: Record,
    spokes: [Spoke; 2],
    now: i64,
}

impl World {
    fn new(policy: &str) -> Self {
        let spoke = |id: u64, name: &'static str| {
            let row = Contribution::new(ContributionId(id), RemoteKey::new(name, "contacts", "1"), Time(0));
            Spoke { name, holds: String::new(), changed: Time(0), row }
        };
        let record = Record {
            id: RecordId(1),
            entity: "contact".into(),
            state: RecordState::Active,
            version: 1,
            fields: Default::default(),
            contributions: vec![ContributionId(1), ContributionId(2)],
            next_element: 1,
        };
        Self { catalog: catalog(policy), record, spokes: [spoke(1, "crm"), spoke(2, "books")], now: 1 }
    }

    fn edit(&mut self, spoke: usize, text: &str) {
        self.now += 1;
        text.clone_into(&mut self.spokes[spoke].holds);
        self.spokes[spoke].changed = Time(self.now);
    }

    /// The hub reads one system.
    fn read(&mut self, spoke: usize) {
        self.now += 1;
        let Spoke { name, holds, changed, row } = &mut self.spokes[spoke];
        let (mapping, entity) = (&self.catalog.mappings[*name], &self.catalog.entities["contact"]);
        let mut body = Value::Object(Default::default());
        body.put("title", Value::text(holds.as_str()));
        let pulled = Pulled {
            body,
            coverage: Coverage::Complete,
            version: None,
            modified_at: Some(*changed),
            field_times: Vec::new(),
            read_at: Time(self.now),
            observed_at: Time(self.now),
        };
        let mapped = map_in(mapping, entity, Some(row), &pulled, &[], None).unwrap();
        take(mapping, entity, row, &mut self.record, &pulled, mapped, None);
        self.compute();
    }

    fn compute(&mut self) {
        let rows = [&self.spokes[0].row, &self.spokes[1].row];
        let silent = echoes(&rows, |row| self.catalog.mapping_of(&row.key), None);
        let rows = without(&rows, &silent);
        let rows: Vec<&Contribution> = rows.iter().map(AsRef::as_ref).collect();
        self.record.fields = compute(&self.catalog.entities["contact"], &rows, &[], Some(&self.record));
    }

    /// The hub writes what differs, and reads it back. Answers whether it wrote.
    fn write(&mut self, spoke: usize) -> bool {
        self.now += 1;
        let Spoke { name, holds, row, changed } = &mut self.spokes[spoke];
        let (mapping, entity) = (&self.catalog.mappings[*name], &self.catalog.entities["contact"]);
        let nowhere = |_: RecordId, _: &str| None;
        let difference = difference(mapping, entity, &self.record, Some(row), None, &nowhere, None).unwrap();
        let Some(sent) = difference.values.get("title") else { return false };
        *holds = sent.as_text().unwrap().to_owned();
        *changed = Time(self.now);
        settle(mapping, entity, row, &difference.values, &difference.elements, Some(&difference.desired), Time(self.now), None);
        true
    }

    fn title(&self) -> String {
        self.record.fields.get("job_title").map(|field| field.value.display()).unwrap_or_default()
    }
}

/// What the books are given of a text.
fn given(policy: &str, text: &str) -> String {
    match policy.contains("misfit = \"truncate\"") {
        _ if text.chars().count() <= MAX => text.to_owned(),
        true => format!("{}~", text.chars().take(MAX - 1).collect::<String>()),
        false => text.to_uppercase().chars().take(MAX).collect(),
    }
}

/// What people type into both systems before each sync, who was first, and which is read first.
type Round = (Option<String>, Option<String>, bool, bool);

/// What somebody typed, and when.
type Said = Option<(String, usize)>;

fn plays(policy: &str, rounds: &[Round]) {
    let mut world = World::new(policy);
    // What each system said last itself, and when.
    let (mut crm, mut books): (Said, Said) = (None, None);
    for (at, (in_crm, in_books, crm_first, crm_read_first)) in rounds.iter().enumerate() {
        let shown = (world.spokes[0].holds.clone(), world.spokes[1].holds.clone());
        let order = if *crm_first { [0, 1] } else { [1, 0] };
        for (place, spoke) in order.into_iter().enumerate() {
            let text = if spoke == 0 { in_crm } else { in_books };
            let Some(text) = text else { continue };
            world.edit(spoke, text);
            let (said, shown) = if spoke == 0 { (&mut crm, &shown.0) } else { (&mut books, &shown.1) };
            if text != shown {
                *said = Some((text.clone(), 2 * at + place));
            }
        }
        for spoke in if *crm_read_first { [0, 1] } else { [1, 0] } {
            world.read(spoke);
        }
        let expected = match (&crm, &books) {
            (None, None) => String::new(),
            (Some(one), None) | (None, Some(one)) => one.0.clone(),
            (Some(whole), Some(cut)) if given(policy, &whole.0) == cut.0 => whole.0.clone(),
            (Some(one), Some(other)) => if one.1 > other.1 { one } else { other }.0.clone(),
        };
        assert_eq!(world.title(), expected, "{policy}: {rounds:?} at {at}");
        for spoke in [0, 1] {
            world.write(spoke);
        }
        for spoke in [1, 0] {
            world.read(spoke);
        }
        assert_eq!(world.title(), expected, "what was written came back as a word: {policy}: {rounds:?} at {at}");
        let holds = (world.spokes[0].holds.as_str(), world.spokes[1].holds.as_str());
        assert_eq!(holds, (expected.as_str(), given(policy, &expected).as_str()), "{policy}: {rounds:?} at {at}");
        assert!(!world.write(0) && !world.write(1), "nothing is left to write: {policy}: {rounds:?} at {at}");
    }
}

const TRUNCATE: &str = "max-length = 4\nmisfit = \"truncate\"\nmark = \"~\"\n";
const TRANSFORM: &str = "max-length = 4\nmisfit = \"transform\"\ntransform = \"upper | truncate(4)\"\n";

#[test]
fn a_long_value_outlives_its_cut_one() {
    let round = |crm: &str, books: &str| -> Round {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (text(crm), text(books), true, true)
    };
    for policy in [TRUNCATE, TRANSFORM] {
        plays(policy, &[round("abcdefgh", "")]);
        // Somebody edits it there, then sets it back to what was shown.
        plays(policy, &[round("abcdefgh", ""), round("", "xy"), round("", "abc~"), round("", "ABCD")]);
        // The books had it cut before the hub knew them.
        plays(policy, &[round("abcdefgh", "abc~")]);
        plays(policy, &[round("abcdefgh", "ABCD")]);
    }
}

proptest! {
    #[test]
    fn what_was_cut_is_nobodys_word(
        rounds in prop::collection::vec(
            (prop::option::of("[ab~]{1,6}"), prop::option::of("[abAB~]{1,4}"), any::<bool>(), any::<bool>()),
            1..7,
        ),
        truncate in any::<bool>(),
    ) {
        plays(if truncate { TRUNCATE } else { TRANSFORM }, &rounds);
    }
}
