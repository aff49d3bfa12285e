//! Two builds of a transform over what is stored: what each flow that calls it would read otherwise.
//!
//! The arguments are what the flows' systems said last (the shadows), so nobody has to be asked, and nothing is sent or written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nave_core::Value;
use nave_core::catalog::{Catalog, LockedPlugin, Mapping};
use nave_core::intake::shadow_body;
use nave_core::mapping::{Env, MapError};
use nave_core::model::ContributionId;
use nave_runtime::Plugin;
use nave_store::Store;

use super::install::unclear_callers;
use super::{PluginsError, inspect_file};
use crate::api::{ApiError, UpgradeAnswer};
use crate::engine::external::results;
use crate::guest::transforms::GuestTransforms;
use crate::project::{load_leniently, place};
use crate::spoke::SpokeError;
use crate::workers::off_the_workers;

/// Stored records of each flow that are looked at.
const RECORDS_MAX: usize = 1_000;
/// Stored records of all flows that are gone through to find them.
const SOUGHT_MAX: usize = 200_000;
/// Of these in one look at the store.
const AT_ONCE: usize = 2_000;
/// Differences of one field that are shown.
const SHOWN_MAX: usize = 3;
/// Characters of a value that is shown.
const SHOWN_CHARS: usize = 60;

/// Runs both builds over what is stored of each flow that calls the plugin. True where a flow was not compared.
///
/// # Errors
/// [`ApiError`] where the project or its store cannot be read, or a build does not compile.
pub(super) async fn compare(
    dir: &Path,
    (name, locked): (&str, &LockedPlugin),
    store: Option<&Arc<dyn Store>>,
    (old, new): (&[u8], &[u8]),
    answer: &mut UpgradeAnswer,
) -> Result<bool, ApiError> {
    let mut unseen = false;
    for file in unclear_callers(dir, locked)? {
        answer.not_compared.push(format!("{file}: it cannot be read, and names a function of this plugin"));
        unseen = true;
    }
    let catalog = load_leniently(dir)?;
    let flows: Vec<&Mapping> = catalog.callers(name).collect();
    if flows.is_empty() {
        return Ok(unseen);
    }
    let stored = match store {
        Some(store) => off_the_workers(|| stored(store.as_ref(), &flows)).map_err(|error| ApiError::failed(error.to_string()))?,
        None => Stored::default(),
    };
    let mut builds: Option<(GuestTransforms, GuestTransforms)> = None;
    for flow in flows {
        let (bodies, whole) = stored.of(flow);
        if bodies.is_empty() {
            let why = if whole { "nothing is stored of it yet" } else { "too much else is stored to find its records" };
            answer.not_compared.push(format!("{}: {why}, so what this build makes of it nobody has seen", flow.name));
            unseen = true;
            continue;
        }
        if builds.is_none() {
            builds = Some((all(dir, &catalog, (name, old)).await?, all(dir, &catalog, (name, new)).await?));
        }
        let Some((one, other)) = &builds else { continue };
        let region = catalog.hub.region.as_deref();
        let before = results(one, flow, region, bodies).await;
        let after = results(other, flow, region, bodies).await;
        let some = if whole { "all" } else { "the first" };
        answer.compared.push(format!("{}: {some} {} stored records", flow.name, bodies.len()));
        answer.reads.extend(differences(flow, region, bodies, &before, &after));
    }
    Ok(unseen)
}

/// What is stored of some flows, as bodies.
#[derive(Default)]
struct Stored {
    bodies: BTreeMap<String, Vec<Value>>,
    /// Nothing of them was left out.
    parts: bool,
}

impl Stored {
    /// Of one flow; and whether that is all there is.
    fn of(&self, flow: &Mapping) -> (&[Value], bool) {
        let bodies = self.bodies.get(&flow.name).map(Vec::as_slice).unwrap_or_default();
        (bodies, !self.parts && bodies.len() < RECORDS_MAX)
    }
}

fn stored(store: &dyn Store, flows: &[&Mapping]) -> Result<Stored, nave_store::StoreError> {
    let mut found = Stored::default();
    let (mut after, mut sought) = (ContributionId(0), 0);
    loop {
        let rows = store.contributions_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = last.id;
        sought += rows.len();
        for flow in flows {
            let own = rows.iter().filter(|row| row.key.connection == flow.connection && row.key.stream == flow.alias);
            let bodies = found.bodies.entry(flow.name.clone()).or_default();
            let room = RECORDS_MAX.saturating_sub(bodies.len());
            bodies.extend(own.filter(|row| !row.shadow.is_empty()).take(room).map(|row| shadow_body(flow, row)));
        }
        if found.bodies.values().all(|bodies| bodies.len() >= RECORDS_MAX) {
            return Ok(found);
        }
        if sought >= SOUGHT_MAX {
            found.parts = true;
            return Ok(found);
        }
    }
}

/// The transforms of a project, one of them in this build.
async fn all(dir: &Path, catalog: &Catalog, (name, bytes): (&str, &[u8])) -> Result<GuestTransforms, ApiError> {
    let place = place(dir)?;
    let (mut plugins, mut broken) = (vec![super::upgrade::compiled(bytes).await?], BTreeMap::new());
    let others: std::collections::BTreeSet<&String> = catalog.functions.values().filter(|owner| *owner != name).collect();
    for other in others {
        match another(&place, catalog, other).await {
            Ok(plugin) => plugins.push(plugin),
            Err(why) => {
                let functions = catalog.functions.iter().filter(|(_, owner)| *owner == other);
                broken.extend(functions.map(|(function, _)| (function.clone(), SpokeError::Misconfigured(why.to_string()))));
            }
        }
    }
    Ok(GuestTransforms::new(plugins, broken))
}

async fn another(place: &crate::project::Place, catalog: &Catalog, name: &str) -> Result<Plugin, PluginsError> {
    let missing = || PluginsError::Call(format!("the file of the plugin `{name}` is not the one that nave.lock pins"));
    let locked = catalog.plugins.get(name).ok_or_else(missing)?;
    let (bytes, _, digest) = inspect_file(&place.plugin(&locked.digest))?;
    if digest == locked.digest { super::upgrade::compiled(&bytes).await } else { Err(missing()) }
}

/// Results of a flow's calls by record, or why a function cannot be called at all.
type Results = Result<Vec<Vec<Result<Value, MapError>>>, (String, SpokeError)>;

/// One sentence for each field that is read otherwise, and for the flow's filter.
fn differences(flow: &Mapping, region: Option<&str>, bodies: &[Value], before: &Results, after: &Results) -> Vec<String> {
    let name = &flow.name;
    let (before, after) = match (before, after) {
        (Ok(before), Ok(after)) => (before, after),
        (Err((one, why)), Err((other, then))) if (one, why.to_string()) == (other, then.to_string()) => return Vec::new(),
        (_, Err((function, why))) => return vec![format!("{name}: `{function}` cannot be called any more: {why}")],
        (Err((function, why)), Ok(_)) => {
            return vec![format!("{name}: `{function}` can be called, which it could not be before: {why}")];
        }
    };
    fn env<'a>(flow: &'a Mapping, region: Option<&'a str>, body: &'a Value, externals: &'a [Result<Value, MapError>]) -> Env<'a> {
        Env { body, externals, connection: &flow.connection, region }
    }
    let rows = || bodies.iter().zip(before).zip(after).map(|((body, before), after)| (body, before, after));
    let mut lines = Vec::new();
    for field in flow.fields.iter().filter(|field| field.direction.reads()) {
        let (Some(canonical), Some(read)) = (&field.canonical, field.read.as_ref().filter(|read| read.calls())) else { continue };
        let of = |body, externals| read.evaluate(&env(flow, region, body, externals));
        let otherwise =
            rows().map(|(body, before, after)| (of(body, before), of(body, after))).filter(|(one, other)| one != other);
        let otherwise: Vec<_> = otherwise.collect();
        if otherwise.is_empty() {
            continue;
        }
        let shown: Vec<String> =
            otherwise.iter().take(SHOWN_MAX).map(|(one, other)| format!("{} → {}", shown(one), shown(other))).collect();
        lines.push(format!("{name}: {canonical}: {} of {} records: {}", otherwise.len(), bodies.len(), shown.join(", ")));
    }
    if let Some(filter) = flow.flow_in.as_ref().and_then(|flow| flow.filter.as_ref()) {
        let of = |body, externals| filter.holds(&env(flow, region, body, externals));
        let count = rows().filter(|(body, before, after)| of(body, before) != of(body, after)).count();
        if count > 0 {
            lines.push(format!("{name}: {count} of {} records are taken in or left out otherwise by its filter", bodies.len()));
        }
    }
    lines
}

fn shown(result: &Result<Value, MapError>) -> String {
    let text = match result {
        Ok(Value::Null) => return "nothing".to_owned(),
        Ok(value) => format!("\"{}\"", value.display()),
        Err(error) => format!("refused ({})", error.message),
    };
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
