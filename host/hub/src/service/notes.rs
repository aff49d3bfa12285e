//! What a person has to know beside a value and who said it: where it goes otherwise than it is, and whose clock was off.

use nave_core::catalog::{FieldMapping, Mapping, Survivorship};
use nave_core::fit::{self, Fit};
use nave_core::mapping::Env;
use nave_core::model::{Contribution, ContributionId, Field, Record, Rule};
use nave_core::survivorship::{self, STEWARD};
use nave_core::value::Value;
use nave_core::{NameMap, Text};

use super::names::Names;
use crate::api::ApiError;
use crate::engine::Engine;

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

/// Whose clock was off when it spoke of a field, whether its times were put right, and what became of the rule `newest`.
pub(super) fn clocks(
    engine: &Engine,
    names: &Names<'_>,
    record: &Record,
    name: &str,
    field: &Field,
    rows: &[Contribution],
) -> Result<Vec<String>, ApiError> {
    let mut notes = Vec::new();
    let counting: Vec<&Contribution> = rows.iter().filter(|row| names.counts(record, row)).collect();
    let contenders = survivorship::contenders(&counting, name);
    let entity = names.catalog.entities.get(record.entity.as_str());
    let rule = entity.map(|entity| survivorship::rule_of(entity, name));
    let disputed = contenders.iter().any(|one| !names.same(&one.claim.value, &field.value));
    for one in contenders.iter().filter(|one| one.contribution.key.connection != STEWARD) {
        let (system, claim) = (&one.contribution.key.connection, one.claim);
        if let Some(ahead) = engine.clock_was(system, claim.observed_at)? {
            let way = if ahead > 0 { "ahead" } else { "behind" };
            notes.push(format!(
                "the clock of {system} was {} s {way} when this was read; its time was put right by that",
                ahead.abs() / 1_000
            ));
        } else if !claim.timed() && disputed && matches!(rule, Some(Survivorship::Newest | Survivorship::NewestOr(_))) {
            let heard = format!(
                "{system} said a time that was not over yet when it was heard, and shows its clock nowhere: its word counts as said when it was read"
            );
            notes.push(match (rule, field.rule) {
                (Some(Survivorship::NewestOr(owner)), Rule::Owner) => {
                    format!("{heard}, and {owner} decides, by newest = \"{owner}\" in entities/{}.toml", record.entity)
                }
                (Some(Survivorship::Newest), Rule::Newest) if one.contribution.id == field.winner => format!(
                    "{heard}; what others said shortly before may be newer: survivorship = {{ newest = \"SYSTEM\" }} in entities/{}.toml says who decides then",
                    record.entity
                ),
                _ => heard,
            });
        }
    }
    Ok(notes)
}
