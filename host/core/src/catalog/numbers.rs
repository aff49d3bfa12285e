//! Permanent numbers of entities, fields and streams, as `nave.lock` keeps them.
//!
//! A number is given once and never to another name: what is removed keeps its line, marked as removed. Adding a name is a
//! matter of course; to remove one that is in use, or to change its type, somebody has to agree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, FieldType};

mod pending;

/// A name and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Numbered {
    /// Unique among its kind: entities, the fields of one entity, the streams of one connection.
    pub number: u32,
    /// Type of a field.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// No longer configured; the number stays taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// Names of one kind.
pub type Names = BTreeMap<String, Numbered>;

/// `[numbers]` of `nave.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Numbers {
    /// Entities.
    pub entities: Names,
    /// Fields by entity.
    pub fields: BTreeMap<String, Names>,
    /// Streams by connection.
    pub streams: BTreeMap<String, Names>,
}

/// What a number is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Named {
    Entity(String),
    Field(String, String),
    Stream(String, String),
}

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happened {
    /// It is new, or in use again.
    New,
    /// A field has another name: number and stored values are the same.
    Renamed {
        /// As in `nave.lock`.
        from: String,
    },
    /// Nothing is configured under it any more.
    Removed,
    /// It has another type.
    Retyped {
        /// As in `nave.lock`.
        from: String,
        /// As configured.
        to: String,
    },
}

/// A field that has another name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rename {
    /// Whose field.
    pub entity: String,
    /// Name before.
    pub from: String,
    /// Name now.
    pub to: String,
}

/// One difference between `nave.lock` and the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Whose.
    pub named: Named,
    /// What.
    pub happened: Happened,
}

impl Step {
    /// Whether somebody has to agree: values that are stored under it lose their meaning.
    pub fn needs_consent(&self) -> bool {
        matches!(self.happened, Happened::Removed | Happened::Retyped { .. })
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entity(entity) => write!(f, "entity {entity}"),
            Self::Field(entity, field) => write!(f, "field {entity}.{field}"),
            Self::Stream(connection, stream) => write!(f, "stream {stream} of {connection}"),
        }
    }
}

/// Everything configured that has a number: what is mapped, and the fields of what is mapped.
fn configured(catalog: &Catalog) -> BTreeMap<Named, Option<String>> {
    let mut found = BTreeMap::new();
    for mapping in catalog.mappings.values() {
        found.insert(Named::Stream(mapping.connection.clone(), mapping.alias.clone()), None);
        for part in &mapping.parts {
            found.insert(Named::Stream(mapping.connection.clone(), part.stream.clone()), None);
        }
        let Some(entity) = catalog.entities.get(&mapping.entity) else { continue };
        if found.insert(Named::Entity(entity.name.clone()), None).is_none() {
            for field in entity.fields.values() {
                found.insert(Named::Field(entity.name.clone(), field.name.clone()), Some(type_name(&field.kind)));
            }
        }
    }
    found
}

/// A type, as `nave.lock` writes it.
pub fn type_name(kind: &FieldType) -> String {
    match kind {
        FieldType::Text => "text".to_owned(),
        FieldType::Integer => "integer".to_owned(),
        FieldType::Decimal => "decimal".to_owned(),
        FieldType::Money => "money".to_owned(),
        FieldType::Boolean => "boolean".to_owned(),
        FieldType::Date => "date".to_owned(),
        FieldType::Timestamp => "timestamp".to_owned(),
        FieldType::Email => "email".to_owned(),
        FieldType::Phone => "phone".to_owned(),
        FieldType::Country => "country".to_owned(),
        FieldType::Url => "url".to_owned(),
        // Its values are a rule about values, not another type.
        FieldType::Enum(_) => "enum".to_owned(),
        FieldType::Reference(entity) => format!("reference to {entity}"),
        // Sub-fields come and go; what tells elements apart does not.
        FieldType::List { key, .. } => format!("list by {}", key.join(", ")),
        FieldType::Object => "object".to_owned(),
        FieldType::File => "file".to_owned(),
    }
}

impl Numbers {
    fn names(&self, named: &Named) -> (Option<&Names>, String) {
        match named {
            Named::Entity(entity) => (Some(&self.entities), entity.clone()),
            Named::Field(entity, field) => (self.fields.get(entity), field.clone()),
            Named::Stream(connection, stream) => (self.streams.get(connection), stream.clone()),
        }
    }

    fn names_mut(&mut self, named: &Named) -> (&mut Names, String) {
        match named {
            Named::Entity(entity) => (&mut self.entities, entity.clone()),
            Named::Field(entity, field) => (self.fields.entry(entity.clone()).or_default(), field.clone()),
            Named::Stream(connection, stream) => (self.streams.entry(connection.clone()).or_default(), stream.clone()),
        }
    }

    fn all(&self) -> BTreeSet<Named> {
        let standing = |names: &Names| -> Vec<String> {
            names.iter().filter(|(_, numbered)| !numbered.removed).map(|(name, _)| name.clone()).collect()
        };
        let mut found: BTreeSet<Named> = standing(&self.entities).into_iter().map(Named::Entity).collect();
        for (entity, names) in &self.fields {
            found.extend(standing(names).into_iter().map(|field| Named::Field(entity.clone(), field)));
        }
        for (connection, names) in &self.streams {
            found.extend(standing(names).into_iter().map(|stream| Named::Stream(connection.clone(), stream)));
        }
        found
    }

    /// Numbers that two names have: what a careless merge of two branches makes.
    pub fn twice(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = |names: &Names| {
            let mut by_number: BTreeMap<u32, &str> = BTreeMap::new();
            for (name, numbered) in names {
                if let Some(other) = by_number.insert(numbered.number, name) {
                    found.push(format!("`{other}` and `{name}` both have the number {}", numbered.number));
                }
            }
        };
        look(&self.entities);
        self.fields.values().for_each(&mut look);
        self.streams.values().for_each(&mut look);
        found
    }

    /// The number of a name, whether it is in use or not.
    pub fn of(&self, named: &Named) -> Option<&Numbered> {
        let (names, name) = self.names(named);
        names?.get(&name)
    }

    /// Fields that the configuration says were called otherwise, as these numbers still call them.
    fn renamed(&self, catalog: &Catalog) -> Vec<Rename> {
        let none = Names::new();
        let mut found = BTreeSet::new();
        for entity in catalog.mappings.values().filter_map(|mapping| catalog.entities.get(&mapping.entity)) {
            let names = self.fields.get(&entity.name).unwrap_or(&none);
            for field in entity.fields.values().filter(|field| !names.contains_key(&field.name)) {
                let rename = |from| Rename { entity: entity.name.clone(), from, to: field.name.clone() };
                found.extend(field.renamed_from.clone().filter(|from| names.contains_key(from)).map(rename));
            }
        }
        found.into_iter().collect()
    }

    /// With the new names in the places of the old ones.
    fn carried<'r>(&self, renames: impl IntoIterator<Item = &'r Rename>) -> Self {
        let mut numbers = self.clone();
        for Rename { entity, from, to } in renames {
            let Some(names) = numbers.fields.get_mut(entity) else { continue };
            if let Some(numbered) = names.remove(from) {
                names.insert(to.clone(), Numbered { removed: false, ..numbered });
            }
        }
        numbers
    }

    /// Everything that is configured, with its number where it has one, else 0.
    pub fn named_by(catalog: &Catalog) -> Self {
        let mut numbers = Self::default();
        for (named, kind) in configured(catalog) {
            let number = catalog.numbers.of(&named).map_or(0, |known| known.number);
            let (names, name) = numbers.names_mut(&named);
            names.insert(name, Numbered { number, kind, removed: false });
        }
        numbers
    }

    /// What the configuration differs in, in the order of names.
    pub fn steps(&self, catalog: &Catalog) -> Vec<Step> {
        let renamed = self.renamed(catalog);
        let mut steps: Vec<Step> = renamed
            .iter()
            .map(|Rename { entity, from, to }| Step {
                named: Named::Field(entity.clone(), to.clone()),
                happened: Happened::Renamed { from: from.clone() },
            })
            .collect();
        steps.extend(self.carried(&renamed).other_steps(catalog));
        steps.sort();
        steps
    }

    fn other_steps(&self, catalog: &Catalog) -> Vec<Step> {
        let configured = configured(catalog);
        let mut steps = Vec::new();
        for (named, kind) in &configured {
            let known = self.of(named);
            let retyped = known.and_then(|known| known.kind.clone()).zip(kind.clone()).filter(|(from, to)| from != to);
            match (known, retyped) {
                // Also of one that was removed: its stored values are of the old type.
                (_, Some((from, to))) => {
                    steps.push(Step { named: named.clone(), happened: Happened::Retyped { from, to } });
                }
                (Some(known), None) if !known.removed => {}
                (_, None) => steps.push(Step { named: named.clone(), happened: Happened::New }),
            }
        }
        for named in self.all() {
            // The fields of an entity that nothing maps any more go with it.
            let whole = matches!(&named, Named::Field(entity, _) if !configured.contains_key(&Named::Entity(entity.clone())));
            if !configured.contains_key(&named) && !whole {
                steps.push(Step { named, happened: Happened::Removed });
            }
        }
        steps
    }

    /// As they are when these steps are taken.
    #[must_use]
    pub fn after(&self, steps: &[Step], catalog: &Catalog) -> Self {
        let mut numbers = self.carried(&self.renamed(catalog));
        let kinds = configured(catalog);
        for step in steps.iter().filter(|step| !matches!(step.happened, Happened::Renamed { .. })) {
            let (names, name) = numbers.names_mut(&step.named);
            let next = names.values().map(|numbered| numbered.number).max().unwrap_or(0) + 1;
            let numbered = names.entry(name).or_insert(Numbered { number: next, kind: None, removed: false });
            numbered.removed = step.happened == Happened::Removed;
            if let Some(Some(kind)) = kinds.get(&step.named) {
                numbered.kind = Some(kind.clone());
            }
        }
        numbers
    }
}
