//! The systems that take part, as data: how the hub is connected to each, how people work in it, how it shows what it holds.
//! Another system is one more file beside `systems/` and one more line in [`ALL`].

mod books;
mod crm;
mod legacy;

use std::collections::BTreeMap;

use nave_sim::System;
use serde_json::Value as Json;

/// Canonical field → text.
pub(super) type Texts = BTreeMap<String, String>;

/// All of them.
pub(super) static ALL: [Spoken; 3] = [crm::CRM, books::BOOKS, legacy::LEGACY];

/// A request that stands for what a person does there: method, path, body.
pub(super) type Act = (&'static str, String, Json);

/// A field as a system has it.
pub(super) struct Spelled {
    pub(super) canonical: &'static str,
    /// Path in a source record, as mappings name it.
    pub(super) path: &'static str,
    /// Name in the system's own interface.
    pub(super) own: &'static str,
}

/// One system.
pub(super) struct Spoken {
    pub(super) sim: System,
    pub(super) plugin: &'static str,
    pub(super) stream: &'static str,
    /// What the simulator's switches and acts call the objects.
    pub(super) kind: &'static str,
    /// From the base URL and the tenant.
    pub(super) settings: fn(&str, &str) -> Vec<(&'static str, String)>,
    pub(super) fields: &'static [Spelled],
    /// Path of the marker; none: it has no place for one.
    pub(super) marker: Option<&'static str>,
    /// The marker's name in the system's own interface: written by the hub, owned by nobody.
    pub(super) marker_own: &'static str,
    /// A field that no mapping has, where people write what is only theirs.
    pub(super) unmapped: &'static str,
    /// More of the mapping out.
    pub(super) tables: &'static str,
    /// Own fields that the system itself keeps.
    pub(super) technical: &'static [&'static str],
    /// A write goes to the system by its fields' own names.
    pub(super) make: fn(&Texts) -> Act,
    pub(super) edit: fn(&str, &Texts) -> Act,
    /// The id in the answer to `make`.
    pub(super) made: fn(&Json) -> String,
    /// Everything in its state, gone things too.
    pub(super) show: fn(&Json) -> Vec<Shown>,
}

/// A thing as its system shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) id: String,
    /// Own field → text; what is empty is not there.
    pub(super) texts: Texts,
    /// When it was last changed, in the system's own spelling.
    pub(super) modified: String,
    pub(super) gone: bool,
    /// Name of the company that it refers to.
    pub(super) company: String,
}

impl Spoken {
    /// Own name of a canonical field.
    pub(super) fn own(&self, canonical: &str) -> Option<&'static str> {
        self.fields.iter().find(|field| field.canonical == canonical).map(|field| field.own)
    }

    /// Texts by the system's own names.
    pub(super) fn there(&self, texts: &Texts) -> Texts {
        texts.iter().filter_map(|(name, text)| Some((self.own(name)?.to_owned(), text.clone()))).collect()
    }

    /// The text of a canonical field.
    pub(super) fn here<'s>(&self, shown: &'s Shown, canonical: &str) -> &'s str {
        if canonical == "company" {
            return &shown.company;
        }
        self.own(canonical).and_then(|own| shown.texts.get(own)).map_or("", String::as_str)
    }

    /// What of a thing is nobody's business but the system's own: its fields without those that are mapped.
    pub(super) fn unowned(&self, shown: &Shown) -> Texts {
        let mapped = |own: &str| {
            self.fields.iter().any(|field| field.own == own)
                || self.technical.contains(&own)
                || (self.marker.is_some() && own == self.marker_own)
        };
        shown.texts.iter().filter(|(own, _)| !mapped(own)).map(|(own, text)| (own.clone(), text.clone())).collect()
    }
}

/// The texts of a JSON object that are not empty.
fn texts(object: &Json) -> Texts {
    let all = object.as_object().into_iter().flatten();
    let text = |value: &Json| value.as_str().map(str::to_owned).or_else(|| value.is_boolean().then(|| value.to_string()));
    all.filter_map(|(name, value)| Some((name.clone(), text(value)?))).filter(|(_, text)| !text.is_empty()).collect()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
