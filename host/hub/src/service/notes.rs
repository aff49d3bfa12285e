//! What a person has to know beside a value and who said it: where it goes otherwise than it is.

use nave_core::catalog::{FieldMapping, Mapping};
use nave_core::fit::{self, Fit};
use nave_core::mapping::Env;
use nave_core::model::{Contribution, ContributionId, Record};
use nave_core::value::Value;
use nave_core::{NameMap, Text};

use super::names::Names;

/// Where a value goes otherwise than it is, or not at all, because the field there does not take it.
pub(super) fn spelled(names: &Names<'_>, record: &Record, name: &str, rows: &[Contribution]) -> Vec<String> {
    let mut notes = Vec::new();
    let region = names.catalog.hub.region.as_deref();
    let mappings = names.catalog.mappings.values().filter(|mapping| mapping.entity == record.entity.as_str());
    for mapping in mappings.filter(|mapping| mapping.flow_out.is_some()) {
        let there = |row: &&Contribution| {
            row.is_active() && row.key.connection == mapping.connection.as_str() && row.key.stream == mapping.alias.as_str()
        };
        for field in mapping.fields.iter().filter(|field| field.direction.writes() && field.constraints.any()) {
            if !field.outputs.iter().any(|output| output == name) {
                continue;
            }
            let Some(whole) = spelling(mapping, field, record, region) else { continue };
            let sent = field.constraints.fit(&field.remote, &whole, &mapping.connection, region);
            let row = rows.iter().find(there);
            notes.extend(one(mapping, field, &whole, &sent, row));
        }
    }
    notes
}

fn spelling(mapping: &Mapping, field: &FieldMapping, record: &Record, region: Option<&str>) -> Option<Value> {
    let fields: NameMap<Value> = record.fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect();
    let body = Value::Object(fields);
    let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
    field.write.as_ref()?.evaluate(&env).ok()
}

fn one(mapping: &Mapping, field: &FieldMapping, whole: &Value, sent: &Fit, row: Option<&Contribution>) -> Option<String> {
    let (system, path, file) = (&mapping.connection, &field.remote, &mapping.name);
    let characters = |value: &Value| value.display().chars().count();
    match sent {
        Fit::Whole => None,
        Fit::Unfit(unfit) => Some(format!("{system} is not given it: {} (mappings/{file}.toml)", unfit.why)),
        Fit::Instead(value) => {
            let path_of = Text::from(path.as_str());
            let there = row.is_some_and(|row| row.shadow.get(&path_of) == Some(value) || row.sent.get(&path_of) == Some(value));
            let holds = if there { "holds" } else { "will be given" };
            let word = field.constraints.misfit.word();
            let how = if word == "truncate" { "cut to" } else { "transformed to" };
            Some(format!(
                "{system} {holds} it {how} {} of {} characters in `{path}` (misfit = \"{word}\" in mappings/{file}.toml); that is no word of {system}'s own",
                characters(value),
                characters(whole),
            ))
        }
    }
}

/// Claims that do not count, because their system only shows what it was given: the connections, and why.
pub(super) fn echoes(names: &Names<'_>, name: &str, rows: &[&Contribution]) -> Vec<ContributionId> {
    let found = fit::echoes(rows, |row| names.catalog.mapping_of(&row.key), names.catalog.hub.region.as_deref());
    found.into_iter().filter(|(_, field)| field == name).map(|(id, _)| id).collect()
}
