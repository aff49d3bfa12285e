//! `nave plan --initial`: what is in two systems already and says different things, field by field, before the first write; and
//! agreeing to it only where somebody decided who wins.

use std::collections::BTreeSet;

use nave_core::catalog::Mapping;
use nave_core::model::RecordId;
use tokio::task::block_in_place;

use super::names::{self, Names};
use super::{audit, plans, unknown};
use crate::api::{ApiError, InitialAnswer, InitialField, InitialPair, ProgressSender, exit};
use crate::engine::compare::Apart;
use crate::hub::Hub;
use crate::project;

/// Pairs of two systems that are gone through.
const PAIRS_MAX: usize = 100_000;

/// What is asked for.
pub(super) struct How<'a> {
    /// A flow, or a connection; none: every flow whose plan was not agreed to.
    pub only: Option<&'a str>,
    /// Pairs that are listed.
    pub limit: usize,
    /// Agrees to the plans.
    pub apply: bool,
    /// Who wins the fields for which nobody decided that.
    pub prefer: Option<&'a str>,
    /// Why, for the audit.
    pub reason: &'a str,
}

/// The pairs, and where that is asked for, the agreement.
pub(super) async fn initial(hub: &Hub, how: &How<'_>, by: &str, progress: &ProgressSender) -> Result<InitialAnswer, ApiError> {
    block_in_place(|| hub.reload())?;
    // What is agreed to is by the rules as they are now, and not as they were when things were read.
    hub.engine.conform().await?;
    let mut answer = block_in_place(|| pairs(hub, how))?;
    if !how.apply {
        return Ok(answer);
    }
    let unread = block_in_place(|| unread(hub, &answer.flows))?;
    if !unread.is_empty() {
        let message = format!("{} were not read yet, so nobody knows what differs there", super::listed(&unread));
        return Err(ApiError::new("not-read", exit::PERSON, message)
            .help("`nave sync` reads and writes nothing that was not agreed to; then look again: `nave plan --initial`"));
    }
    if !answer.undecided.is_empty() {
        let Some(prefer) = how.prefer else {
            let fields: Vec<String> = answer.undecided.iter().cloned().collect();
            let message = format!("nobody decided who wins {}, and the two say different things there", super::listed(&fields));
            return Err(ApiError::new("no-policy", exit::PERSON, message).help(
                "write `survivorship` for each into entities/ENTITY.toml, as { owner = \"crm\" } or \"newest\"; or say who is first \
                 for all of them: `nave plan --initial --apply --prefer CONNECTION`",
            ));
        };
        let catalog = hub.engine.catalog();
        if !catalog.connections.contains_key(prefer) {
            return Err(unknown("connection", prefer, catalog.connections.keys()));
        }
        block_in_place(|| {
            for field in &answer.undecided {
                let Some((entity, field)) = field.split_once('.') else { continue };
                project::prefer(&hub.dir, entity, field, prefer)?;
            }
            hub.reload()
        })?;
        let fields: Vec<String> = answer.undecided.iter().cloned().collect();
        audit(&hub.engine, by, "survivorship.set", &fields.join(" "), &format!("{prefer} first")).await?;
        answer.preferred = fields;
        answer.undecided.clear();
    }
    for flow in &answer.flows {
        // Shown under the rules as they are now, and agreed to in the same breath: the pairs were looked at.
        plans::plan(&hub.engine, Some(flow), how.limit, &[], progress).await?;
        plans::apply(&hub.engine, Some(flow), how.reason, by).await?;
    }
    answer.applied = true;
    Ok(answer)
}

/// Of flows that write, those whose own stream was never read.
fn unread(hub: &Hub, flows: &[String]) -> Result<Vec<String>, ApiError> {
    let catalog = hub.engine.catalog();
    let mut unread = Vec::new();
    for name in flows {
        let reads = catalog.mappings.get(name).is_some_and(|mapping| mapping.flow_in.is_some());
        if reads && hub.store.flow(name)?.last_in.is_none() {
            unread.push(name.clone());
        }
    }
    Ok(unread)
}

fn pairs(hub: &Hub, how: &How<'_>) -> Result<InitialAnswer, ApiError> {
    let engine = hub.engine.as_ref();
    let names = Names::new(engine);
    let catalog = &names.catalog;
    if let Some(name) = how.only.filter(|name| !catalog.mappings.contains_key(*name) && !catalog.connections.contains_key(*name))
    {
        return Err(unknown("flow or connection", name, catalog.mappings.keys().chain(catalog.connections.keys())));
    }
    let mut answer = InitialAnswer::default();
    let mut flows: Vec<&Mapping> = Vec::new();
    for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()) {
        let approved = engine.store.flow(&mapping.name)?.approved.as_deref() == Some(mapping.digest.as_str());
        let asked = how.only.map_or(!approved, |only| only == mapping.name || only == mapping.connection);
        if asked {
            flows.push(mapping);
        }
    }
    answer.flows = flows.iter().map(|mapping| mapping.name.clone()).collect();
    let mut compared: BTreeSet<(String, String, String)> = BTreeSet::new();
    for mapping in flows {
        let others: Vec<String> =
            engine.connections_of(&mapping.entity).into_iter().filter(|other| *other != mapping.connection).collect();
        for other in others {
            let mut sides = [mapping.connection.clone(), other];
            sides.sort();
            let [left, right] = sides;
            if compared.insert((left.clone(), right.clone(), mapping.entity.clone())) {
                of_two(&names, [&left, &right], &mapping.entity, how.limit, &mut answer)?;
            }
        }
    }
    Ok(answer)
}

/// What two systems have in common and say differently.
fn of_two(names: &Names<'_>, sides: [&str; 2], entity: &str, limit: usize, answer: &mut InitialAnswer) -> Result<(), ApiError> {
    let engine = names.engine();
    let compared = engine.compare(sides, entity, PAIRS_MAX)?;
    let Some(of_entity) = names.catalog.entities.get(entity) else { return Ok(()) };
    answer.agree += compared.same;
    for finding in compared.findings.iter().filter(|finding| finding.apart == Apart::Differing) {
        let Some(id) = finding.record else { continue };
        answer.differ += 1;
        let room = answer.pairs.len() < limit;
        let record = match room {
            true => engine.store.records(&[id])?.pop().flatten(),
            false => None,
        };
        let mut fields = Vec::new();
        for apart in &finding.fields {
            let rule = of_entity.fields.get(&apart.field);
            let decided = rule.is_some_and(|field| field.decided);
            *answer.by_field.entry(format!("{entity}.{}", apart.field)).or_default() += 1;
            if !decided {
                answer.undecided.insert(format!("{entity}.{}", apart.field));
            }
            let Some(record) = &record else { continue };
            let won = record.fields.get(apart.field.as_str());
            fields.push(InitialField {
                field: apart.field.clone(),
                left: names.display(&apart.left),
                right: names.display(&apart.right),
                wins: names.display(&apart.canonical),
                winner: won.and_then(|won| names.key_of(won.winner)).map(|key| key.connection.to_string()),
                rule: won.map_or_else(String::new, |won| names::rule(won.rule).to_owned()),
                because: rule.and_then(|field| field.because.clone()),
                decided,
            });
        }
        if record.is_some() {
            answer.pairs.push(InitialPair {
                record: format!("{entity}/{id}"),
                title: names.title_of(RecordId(id.0)).unwrap_or_default(),
                left: side(finding.things[0].as_ref()),
                right: side(finding.things[1].as_ref()),
                fields,
            });
        }
    }
    Ok(())
}

fn side(key: Option<&nave_core::model::RemoteKey>) -> String {
    key.map(|key| format!("{}:{}", key.connection, key.remote_id)).unwrap_or_default()
}
