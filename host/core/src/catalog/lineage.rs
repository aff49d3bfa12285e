//! What goes where: every mapped field as one line, from the mappings and nothing else.

use serde::{Deserialize, Serialize};

use super::{Catalog, Direction, FieldMapping, ListMapping, Mapping};

/// One field of one stream, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FieldLine {
    /// Entity.
    pub entity: String,
    /// Canonical field, `list.sub` within a list; none where it is ignored.
    pub field: Option<String>,
    /// Mapping, which is the flow's name.
    pub mapping: String,
    /// Connection.
    pub connection: String,
    /// Stream over there.
    pub stream: String,
    /// Path over there.
    pub remote: String,
    /// Direction.
    pub direction: Direction,
    /// Why.
    pub because: Option<String>,
    /// What is done to it on the way in, as a phrase; none where it comes as it is.
    pub inward: Option<String>,
    /// What is done to it on the way out, as a phrase; none where it goes as it is.
    pub outward: Option<String>,
    /// The same, as it is written in the mapping.
    pub inward_text: Option<String>,
    /// The same, as it is written in the mapping or follows from it.
    pub outward_text: Option<String>,
    /// Person or team that answers for it.
    pub steward: String,
}

/// All of them, by mapping, in the order of its file.
pub fn lineage(catalog: &Catalog) -> Vec<FieldLine> {
    catalog.mappings.values().flat_map(|mapping| of(catalog, mapping)).collect()
}

fn of(catalog: &Catalog, mapping: &Mapping) -> Vec<FieldLine> {
    let mut lines: Vec<FieldLine> = mapping.fields.iter().map(|field| line(catalog, mapping, field)).collect();
    for list in &mapping.lists {
        lines.extend(elements(catalog, mapping, list, &mapping.stream, &list.remote));
    }
    for part in &mapping.parts {
        lines.extend(elements(catalog, mapping, &part.list, &part.stream, ""));
    }
    lines
}

fn line(catalog: &Catalog, mapping: &Mapping, field: &FieldMapping) -> FieldLine {
    let changes = |own: Option<&str>, expression: &Option<crate::mapping::Expression>| {
        let expression = expression.as_ref()?;
        let as_it_is = expression.is_path() && expression.paths().first().map(String::as_str) == own;
        (!as_it_is).then(|| (expression.phrase(), expression.text().to_owned()))
    };
    let (inward, inward_text) = changes(Some(&field.remote), &field.read).unzip();
    let (outward, outward_text) = changes(field.canonical.as_deref(), &field.write).unzip();
    FieldLine {
        entity: mapping.entity.clone(),
        field: field.canonical.clone(),
        mapping: mapping.name.clone(),
        connection: mapping.connection.clone(),
        stream: mapping.stream.clone(),
        remote: field.remote.clone(),
        direction: field.direction,
        because: field.because.clone(),
        inward,
        outward,
        inward_text,
        outward_text,
        steward: steward(catalog, mapping, field.canonical.as_deref()),
    }
}

fn elements(catalog: &Catalog, mapping: &Mapping, list: &ListMapping, stream: &str, prefix: &str) -> Vec<FieldLine> {
    let inside = |field: &FieldMapping| {
        let own = line(catalog, mapping, field);
        FieldLine {
            field: Some(match &field.canonical {
                Some(sub) => format!("{}.{sub}", list.canonical),
                None => list.canonical.clone(),
            }),
            stream: stream.to_owned(),
            remote: if prefix.is_empty() { field.remote.clone() } else { format!("{prefix}.{}", field.remote) },
            because: own.because.clone().or_else(|| list.because.clone()),
            steward: steward(catalog, mapping, Some(&list.canonical)),
            ..own
        }
    };
    list.fields.iter().map(inside).collect()
}

/// Of the field's policy line, else of the mapping, else of its entity.
fn steward(catalog: &Catalog, mapping: &Mapping, field: Option<&str>) -> String {
    let entity = catalog.entities.get(&mapping.entity);
    entity.map_or(mapping.steward.as_str(), |entity| entity.answers_for(field, &mapping.steward)).to_owned()
}
