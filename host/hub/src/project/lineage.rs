//! What goes where, from the mappings and not from memory: flows of a field, what goes both ways, what hangs on a system or a field.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Catalog, Direction, Entity, FieldLine, Mapping, SinkKind, Survivorship, lineage};
use nave_core::schedule::span;

use super::local::{survivorship, unknown};
use crate::api::{
    Answer, ApiError, BidirectionalAnswer, BidirectionalField, FieldFlow, FieldFlowsAnswer, ImpactAnswer, ImpactLine,
    direction_word,
};

/// The field of an entity that `list.sub` belongs to.
fn root<'f>(entity: &Entity, field: &'f str) -> &'f str {
    if entity.fields.contains_key(field) {
        return field;
    }
    field.rmatch_indices('.').map(|(at, _)| &field[..at]).find(|root| entity.fields.contains_key(*root)).unwrap_or(field)
}

/// Where fields come from and go to.
pub(super) fn flows(catalog: &Catalog, entity: Option<&str>, field: Option<&str>) -> Result<Answer, ApiError> {
    if let Some(name) = entity {
        let known = catalog.entities.get(name).ok_or_else(|| unknown("entity", name, catalog.entities.keys()))?;
        if let Some(field) = field
            && !known.fields.contains_key(root(known, field))
        {
            return Err(unknown(&format!("field of {name}"), field, known.fields.keys()));
        }
    } else if let Some(field) = field
        && !catalog.entities.values().any(|entity| entity.fields.contains_key(root(entity, field)))
    {
        let help = "`nave schema list` names the entities, `nave schema show ENTITY` their fields";
        return Err(ApiError::not_found(format!("no entity has a field `{field}`")).help(help));
    }
    let wanted = |line: &&FieldLine| {
        let at = line.field.as_deref().unwrap_or_default();
        let of_field = |field: &str| at == field || at.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
        line.direction != Direction::Ignore && entity.is_none_or(|name| line.entity == name) && field.is_none_or(of_field)
    };
    Ok(Answer::FieldFlows(FieldFlowsAnswer { fields: collect(catalog, lineage(catalog).iter().filter(wanted)) }))
}

fn collect<'l>(catalog: &Catalog, lines: impl Iterator<Item = &'l FieldLine>) -> Vec<FieldFlow> {
    let mut found: BTreeMap<(String, String), FieldFlow> = BTreeMap::new();
    for line in lines {
        let Some(field) = &line.field else { continue };
        let flow = found.entry((line.entity.clone(), field.clone())).or_insert_with(|| {
            let entity = catalog.entities.get(&line.entity);
            let policy = entity.and_then(|entity| entity.fields.get(root(entity, field)));
            FieldFlow {
                entity: line.entity.clone(),
                field: field.clone(),
                rule: policy.map(|policy| survivorship(&policy.survivorship)).unwrap_or_default(),
                decided: policy.is_some_and(|policy| policy.decided),
                because: policy.and_then(|policy| policy.because.clone()),
                steward: entity.map(|entity| entity.steward_of(root(entity, field)).to_owned()).unwrap_or_default(),
                ..FieldFlow::default()
            }
        });
        if line.direction.reads() {
            flow.sources.push(line.clone());
        }
        if line.direction.writes() {
            flow.targets.push(line.clone());
        }
    }
    found.into_values().collect()
}

/// Everything that goes both ways.
pub(super) fn bidirectional(catalog: &Catalog) -> Answer {
    let lines = lineage(catalog);
    let mapped = lines.iter().filter(|line| line.direction != Direction::Ignore).count() as u64;
    let fields: Vec<BidirectionalField> = lines
        .into_iter()
        .filter(|line| line.direction == Direction::Both)
        .map(|line| {
            let entity = catalog.entities.get(&line.entity);
            let root = entity.zip(line.field.as_deref()).map(|(entity, field)| root(entity, field).to_owned());
            let policy = entity.zip(root.as_ref()).and_then(|(entity, root)| entity.fields.get(root));
            BidirectionalField {
                rule: policy.map(|policy| survivorship(&policy.survivorship)).unwrap_or_default(),
                unowned: catalog.unowned.iter().any(|one| one.entity == line.entity && Some(&one.field) == root.as_ref()),
                line,
            }
        })
        .collect();
    Answer::Bidirectional(BidirectionalAnswer { both: fields.len() as u64, mapped, fields })
}

/// What hangs on a system: its connections, and everything that they feed.
pub(super) fn system(catalog: &Catalog, name: &str) -> Result<Answer, ApiError> {
    let connections: Vec<String> = catalog
        .connections
        .values()
        .filter(|connection| connection.system == name || connection.name == name)
        .map(|connection| connection.name.clone())
        .collect();
    if connections.is_empty() && !catalog.systems.contains_key(name) {
        return Err(unknown("system", name, catalog.systems.keys().chain(catalog.connections.keys())));
    }
    let ours: BTreeSet<&str> = connections.iter().map(String::as_str).collect();
    let mappings: Vec<&Mapping> =
        catalog.mappings.values().map(AsRef::as_ref).filter(|mapping| ours.contains(mapping.connection.as_str())).collect();
    let lines = lineage(catalog);
    let flows = collect(catalog, lines.iter().filter(|line| line.direction != Direction::Ignore));
    let mut answer =
        ImpactAnswer { subject: format!("system {name}"), connections: connections.clone(), ..ImpactAnswer::default() };
    answer.mappings = mappings.iter().map(|mapping| line(&mapping.name, &stops(mapping))).collect();
    answer.schedules = mappings.iter().flat_map(|mapping| schedules(mapping)).collect();
    answer.alerts = alerts(catalog, &connections, &mappings);
    for flow in &flows {
        let (own, others): (Vec<&FieldLine>, Vec<&FieldLine>) =
            flow.sources.iter().partition(|source| ours.contains(source.connection.as_str()));
        if own.is_empty() {
            continue;
        }
        let then: BTreeSet<&str> = others.iter().map(|source| source.connection.as_str()).collect();
        let list_of = flow.field.split_once('/').map_or(flow.field.as_str(), |(list, _)| list);
        let rule =
            catalog.entities.get(&flow.entity).and_then(|entity| entity.fields.get(list_of)).map(|field| &field.survivorship);
        let becomes = becomes(rule, &ours, &then);
        let there: Vec<&FieldLine> = flow.targets.iter().filter(|target| !ours.contains(target.connection.as_str())).collect();
        for target in &there {
            answer.downstream.push(line(
                &format!("{}/{}.{}", target.connection, target.stream, target.remote),
                &format!("gets {}.{} from {}; {becomes}", flow.entity, flow.field, list(&own)),
            ));
        }
        if there.is_empty() {
            answer
                .downstream
                .push(line(&format!("{}.{}", flow.entity, flow.field), &format!("comes from {}; {becomes}", list(&own))));
        }
    }
    for (name, entity) in &catalog.entities {
        for field in entity.fields.values() {
            let named = match &field.survivorship {
                Survivorship::Owner(owner) | Survivorship::NewestOr(owner) => ours.contains(owner.as_str()),
                Survivorship::Priority(order) => order.iter().any(|one| ours.contains(one.as_str())),
                _ => false,
            };
            if named {
                let what = format!("the policy says: {}; another owner has to be decided", survivorship(&field.survivorship));
                answer.rules.push(line(&format!("{name}.{}", field.name), &what));
            }
        }
    }
    Ok(Answer::Impact(answer))
}

/// What becomes of a field without some of those who say something about it: `then` are the others.
fn becomes(rule: Option<&Survivorship>, ours: &BTreeSet<&str>, then: &BTreeSet<&str>) -> String {
    let names = then.iter().copied().collect::<Vec<_>>().join(" or ");
    if then.is_empty() {
        return "nobody else says anything about it: it stays as it is, and nothing changes it any more".to_owned();
    }
    match rule {
        Some(Survivorship::Owner(owner)) if then.contains(owner.as_str()) => {
            format!("{owner} owns it, and decides it as before")
        }
        Some(Survivorship::Owner(owner)) if ours.contains(owner.as_str()) => {
            format!("its owner is gone: {names} decides it, the newest, until another owner is decided")
        }
        Some(Survivorship::Priority(order)) => {
            let first = order.iter().find(|one| ours.contains(one.as_str()) || then.contains(one.as_str()));
            match order.iter().find(|one| then.contains(one.as_str())) {
                Some(next) if first == Some(next) => format!("{next} comes first in its order, and decides it as before"),
                Some(next) => format!("then {next} decides it, which comes next in its order"),
                None => format!("then {names} decides it"),
            }
        }
        Some(Survivorship::Manual) => format!("a steward decides it as before; {names} still says something"),
        _ => format!("then {names} decides it"),
    }
}

fn list(sources: &[&FieldLine]) -> String {
    sources
        .iter()
        .map(|source| format!("{}/{}.{}", source.connection, source.stream, source.remote))
        .collect::<Vec<_>>()
        .join(", ")
}

fn line(name: &str, what: &str) -> ImpactLine {
    ImpactLine { name: name.to_owned(), what: what.to_owned() }
}

fn stops(mapping: &Mapping) -> String {
    let ways = match (&mapping.flow_in, &mapping.flow_out) {
        (Some(_), Some(_)) => "reads and writes",
        (Some(_), None) => "reads",
        (None, Some(_)) => "writes",
        (None, None) => "names",
    };
    let process = mapping.purpose().process.map(|process| format!("; the process {process} needs it")).unwrap_or_default();
    format!("{ways} {}/{} as {}{process}", mapping.connection, mapping.stream, mapping.entity)
}

fn schedules(mapping: &Mapping) -> Vec<ImpactLine> {
    let inward = mapping.flow_in.as_ref().map(|flow| format!("read within {}", span(flow.freshness_ms)));
    let outward = mapping.flow_out.as_ref().map(|flow| format!("written within {}", span(flow.freshness_ms)));
    let canary = mapping.flow_out.as_ref().and_then(|flow| flow.canary.as_ref());
    let canary = canary.map(|canary| format!("a canary goes there every {}", span(canary.every_ms)));
    [inward, outward, canary].into_iter().flatten().map(|what| line(&mapping.name, &what)).collect()
}

/// What is told when it goes silent: to whom, and who answers for it.
fn alerts(catalog: &Catalog, connections: &[String], mappings: &[&Mapping]) -> Vec<ImpactLine> {
    let sinks: Vec<String> = catalog
        .hub
        .alerts
        .sinks
        .iter()
        .map(|(name, sink)| match sink.kind {
            SinkKind::Webhook { .. } => format!("{name} (webhook)"),
            SinkKind::Mail { .. } => format!("{name} (mail)"),
        })
        .collect();
    let told = if sinks.is_empty() {
        "shown, and told to nobody: no [alerts.sinks]".to_owned()
    } else {
        format!("told to {}", sinks.join(", "))
    };
    let owner = |connection: &str| {
        let system = catalog.connections.get(connection).map(|connection| connection.system.as_str());
        system.and_then(|system| catalog.systems.get(system)).map(|system| system.owner.clone()).unwrap_or_default()
    };
    let of = |who: &str| if who.is_empty() { String::new() } else { format!(" for {who}") };
    let mut found: Vec<ImpactLine> = connections
        .iter()
        .map(|connection| line(connection, &format!("breaker-open, budget: {told}{}", of(&owner(connection)))))
        .collect();
    for mapping in mappings {
        let canary = mapping.flow_out.as_ref().is_some_and(|flow| flow.canary.is_some());
        let kinds =
            if canary { "run-failed, flow-silent, dead-letter, canary-failed" } else { "run-failed, flow-silent, dead-letter" };
        found.push(line(&mapping.name, &format!("{kinds}: {told}{}", of(&mapping.steward))));
    }
    found
}

/// What hangs on a canonical field.
pub(super) fn field(catalog: &Catalog, name: &str) -> Result<Answer, ApiError> {
    let (entity, field) = canonical(catalog, name)?;
    let Some(known) = catalog.entities.get(&entity) else { return Err(unknown("entity", &entity, catalog.entities.keys())) };
    let lines = lineage(catalog);
    let of: Vec<&FieldLine> = lines
        .iter()
        .filter(|line| line.entity == entity && line.field.as_deref().is_some_and(|at| root(known, at) == field))
        .collect();
    let mut answer = ImpactAnswer { subject: format!("field {entity}.{field}"), ..ImpactAnswer::default() };
    let names: BTreeSet<&str> = of.iter().map(|line| line.mapping.as_str()).collect();
    let mappings: Vec<&Mapping> = names.iter().filter_map(|name| catalog.mappings.get(*name)).map(AsRef::as_ref).collect();
    answer.connections = of.iter().map(|line| line.connection.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    answer.mappings = of
        .iter()
        .map(|one| line(&one.mapping, &format!("`{}` of {}: {}", one.remote, one.stream, direction_word(one.direction))))
        .collect();
    answer.schedules = mappings.iter().flat_map(|mapping| schedules(mapping)).collect();
    answer.alerts = alerts(catalog, &[], &mappings);
    for one in of.iter().filter(|line| line.direction.writes()) {
        let what = format!("is written from {entity}.{field}: it would never be changed by us again");
        answer.downstream.push(line(&format!("{}/{}.{}", one.connection, one.stream, one.remote), &what));
    }
    answer.rules = rules(catalog, known, &field);
    Ok(Answer::Impact(answer))
}

fn rules(catalog: &Catalog, entity: &Entity, field: &str) -> Vec<ImpactLine> {
    let touches = |path: &str| path == field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
    let mut found = Vec::new();
    for rule in &entity.match_rules {
        if touches(&rule.key) {
            found.push(line(
                "match rule",
                &format!("{} proposes which records are the same: without it they are no longer found by it", rule.key),
            ));
        }
        if rule.agree.iter().any(|one| touches(one)) {
            found.push(line("match rule", &format!("the rule on {} lets it agree", rule.key)));
        }
    }
    if entity.title.iter().any(|one| touches(one)) {
        found.push(line("title", "records are named by it"));
    }
    if let Some(policy) = entity.fields.get(field).filter(|policy| policy.decided) {
        found.push(line("policy", &survivorship(&policy.survivorship)));
    }
    for mapping in catalog.mappings.values().filter(|mapping| mapping.entity == entity.name) {
        let filters = mapping.flow_out.iter().flat_map(|flow| flow.filter.iter().chain(&flow.pilot.filter));
        for filter in filters.filter(|filter| filter.paths().iter().any(|path| touches(path))) {
            found.push(line(&mapping.name, &format!("the filter looks at it: {}", filter.text())));
        }
        let mixed = mapping.fields.iter().filter(|one| one.outputs.len() > 1 && one.outputs.iter().any(|output| touches(output)));
        found.extend(mixed.map(|one| line(&mapping.name, &format!("`{}` is written from it and others", one.remote))));
    }
    found
}

/// `contact.email` → entity and field; `list.sub` belongs to its list.
pub(super) fn canonical(catalog: &Catalog, name: &str) -> Result<(String, String), ApiError> {
    let (entity, field) = name
        .split_once('.')
        .ok_or_else(|| ApiError::usage(format!("`{name}` is no field")).help("name it as ENTITY.FIELD: contact.email"))?;
    let known = catalog.entities.get(entity).ok_or_else(|| unknown("entity", entity, catalog.entities.keys()))?;
    let root = root(known, field);
    if !known.fields.contains_key(root) {
        return Err(unknown(&format!("field of {entity}"), field, known.fields.keys()));
    }
    Ok((entity.to_owned(), root.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the CRM: what becomes of a field about which these say something too.
    #[test]
    fn who_owns_a_field_decides_it() {
        let owner = |name: &str| Survivorship::Owner(name.to_owned());
        let order = |names: &[&str]| Survivorship::Priority(names.iter().map(|name| (*name).to_owned()).collect());
        let ours = BTreeSet::from(["crm"]);
        for (rule, then, expected) in [
            (Some(owner("books")), &["books", "desk"][..], "books owns it, and decides it as before"),
            (
                Some(owner("crm")),
                &["books", "desk"],
                "its owner is gone: books or desk decides it, the newest, until another owner is decided",
            ),
            (Some(owner("mail")), &["books"], "then books decides it"),
            (Some(order(&["books", "crm"])), &["books", "desk"], "books comes first in its order, and decides it as before"),
            (Some(order(&["crm", "desk", "books"])), &["books", "desk"], "then desk decides it, which comes next in its order"),
            (Some(Survivorship::Newest), &["books", "desk"], "then books or desk decides it"),
            (None, &["books"], "then books decides it"),
            (Some(owner("crm")), &[], "nobody else says anything about it: it stays as it is, and nothing changes it any more"),
        ] {
            assert_eq!(becomes(rule.as_ref(), &ours, &then.iter().copied().collect()), expected, "{rule:?} {then:?}");
        }
    }
}
