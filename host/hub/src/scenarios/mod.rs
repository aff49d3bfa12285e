//! `nave test scenarios`: everything that happens to flows sooner or later, played through the project's own configuration on a hub
//! and systems in memory. Nothing of the project's systems, store or secrets is touched.
//!
//! Which cases there are and what must happen is decided in `nave_core::scenario`.

mod scene;
mod system;
mod thing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use nave_core::Value;
use nave_core::catalog::{Catalog, Entity, FieldMapping, Mapping, StreamInfo};
use nave_core::fit::Fit;
use nave_core::mapping::Env;
use nave_core::model::Record;
use nave_core::scenario::{ALL, Given, Happened, Must, Scenario, Sort, Source, Target, There, What};

use crate::api::{TestCase, TestResult};
use crate::spoke::Transforms;
use scene::Scene;
use system::Thing;
use thing::{Who, can_be_tried, make, read};

/// Ids of the two things; the subject is read first.
const SUBJECT: &str = "a-subject";
const TWIN: &str = "a-twin";
const OTHER: &str = "b-other";
/// Rounds within which everything must be at rest; nothing is written in the last.
const ROUNDS: usize = 5;

/// What scenarios are played with.
pub(crate) struct Parts {
    pub(crate) catalog: Arc<Catalog>,
    /// What was saved of each connection's streams.
    pub(crate) streams: BTreeMap<String, Vec<StreamInfo>>,
    pub(crate) transforms: Arc<dyn Transforms>,
}

/// All cases of a flow.
pub(crate) async fn play(parts: &Parts, flow: &Arc<Mapping>) -> Vec<TestCase> {
    let mut cases = Vec::new();
    let (mut reading, mut telling) = (Plot::reading(parts, flow), Plot::telling(parts, flow));
    for scenario in ALL {
        let began = Instant::now();
        let played = match scenario.what {
            What::Target(target) => match &mut telling {
                Ok(plot) => plot.target(target).await,
                Err(why) => Err(why.clone()),
            },
            _ => match (&mut reading, &mut telling) {
                (Ok(plot), _) => plot.act(scenario).await,
                // A flow that only writes is told of an ordinary thing.
                (Err(_), Ok(plot)) if scenario.what == What::Source(Source::Normal) => plot.act(scenario).await,
                (Err(why), _) => Err(why.clone()),
            },
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (result, message) = match played {
            Err(why) => (TestResult::Skipped, why),
            Ok((must, happened)) => {
                let result = if happened.fits(&must) { TestResult::Passed } else { TestResult::Failed };
                (result, format!("must: {}; happened: {}", must.words(), happened.words()))
            }
        };
        cases.push(TestCase { name: format!("{}: {}", flow.name, scenario.name), result, message: Some(message), ms });
    }
    cases
}

/// A flow with those that it works with.
struct Plot<'p> {
    parts: &'p Parts,
    flow: Arc<Mapping>,
    entity: Arc<Entity>,
    /// The flow that things come from: this one, or one that this one is told by.
    from: Arc<Mapping>,
    /// Flows that are told of what comes, as far as an ordinary thing gets there.
    told: Vec<Arc<Mapping>>,
    body: Value,
    other: Value,
    /// Things that there are in each of them after an ordinary run.
    counts: BTreeMap<String, usize>,
}

/// How a case is seen at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The value of a field, wherever it goes.
    Values,
    /// Only whether anything else suffered.
    Others,
}

impl<'p> Plot<'p> {
    /// Things come from where the flow reads.
    fn reading(parts: &'p Parts, flow: &Arc<Mapping>) -> Result<Self, String> {
        match flow.flow_in.is_some() {
            true if is_made_of_rows(flow) => Self::of(parts, flow, flow),
            true => Err("its things are made of rows that another flow reads".to_owned()),
            false => Err("this flow reads nothing".to_owned()),
        }
    }

    /// Things come from another system, and this flow tells its own.
    fn telling(parts: &'p Parts, flow: &Arc<Mapping>) -> Result<Self, String> {
        if flow.flow_out.is_none() {
            return Err("this flow writes nothing".to_owned());
        }
        let others = parts.catalog.mappings.values().filter(|other| {
            other.entity == flow.entity
                && other.connection != flow.connection
                && other.flow_in.is_some()
                && is_made_of_rows(other)
        });
        // Best one that has much in common with it.
        let shared = |other: &&Arc<Mapping>| {
            let read = other.fields.iter().filter(|field| field.direction.reads()).filter_map(|field| field.canonical.as_ref());
            read.filter(|name| flow.fields.iter().any(|field| field.canonical.as_ref() == Some(name) && field.write.is_some()))
                .count()
        };
        match others.max_by_key(shared) {
            Some(from) => Self::of(parts, flow, from),
            None => Err("no other system says anything of this entity, so this flow has nothing to tell".to_owned()),
        }
    }

    fn of(parts: &'p Parts, flow: &Arc<Mapping>, from: &Arc<Mapping>) -> Result<Self, String> {
        let catalog = &parts.catalog;
        let entity = catalog.entities.get(&flow.entity).cloned().ok_or("its entity is not there")?;
        let told = catalog
            .mappings
            .values()
            .filter(|other| other.entity == flow.entity && other.flow_out.is_some() && other.connection != from.connection);
        let told = told.cloned().collect();
        let region = catalog.hub.region.as_deref();
        let stream = parts.streams.get(&from.connection).and_then(|all| all.iter().find(|one| one.name == from.stream));
        let body = make(from, &entity, stream, Who::Subject, region);
        let other = make(from, &entity, stream, Who::Other, region);
        Ok(Self { parts, flow: flow.clone(), entity, from: from.clone(), told, body, other, counts: BTreeMap::new() })
    }

    fn region(&self) -> Option<&str> {
        self.parts.catalog.hub.region.as_deref()
    }

    /// Plays one case. An error says why it cannot be.
    async fn act(&mut self, scenario: &Scenario) -> Result<(Must, Happened), String> {
        match scenario.what {
            What::Source(Source::Normal) => self.normal().await,
            What::Value(sort, given) => {
                self.reads()?;
                let field = self
                    .field(|kind| sort.is(kind))
                    .ok_or_else(|| format!("no field of this flow that is read by the mapping alone is {}", sort.word()))?;
                Ok(self.value(&field, given).await)
            }
            What::Source(source) => {
                self.reads()?;
                let field = self.field(|kind| Sort::Text.is(kind));
                self.source(source, field.as_ref()).await
            }
            What::Target(target) => self.target(target).await,
        }
    }

    /// Things can be put where this flow reads.
    fn reads(&self) -> Result<(), String> {
        if self.counts.is_empty() {
            return Err("an ordinary thing is not taken in: see `normal`".to_owned());
        }
        Ok(())
    }

    /// The best field to try: no key by which records are matched if there is another, and told to as many as possible.
    fn field(&self, is: impl Fn(&nave_core::catalog::FieldType) -> bool) -> Option<FieldMapping> {
        let keys: Vec<&String> =
            self.entity.match_rules.iter().flat_map(|rule| std::iter::once(&rule.key).chain(&rule.agree)).collect();
        let fits = |field: &&FieldMapping| {
            let kind = field.canonical.as_ref().and_then(|name| self.entity.fields.get(name)).map(|field| &field.kind);
            kind.is_some_and(&is) && can_be_tried(&self.from, field, &self.body, self.region())
        };
        let worth = |field: &&FieldMapping| {
            let name = field.canonical.as_ref();
            let told = self
                .told
                .iter()
                .filter(|told| told.fields.iter().any(|there| there.canonical.as_ref() == name && there.write.is_some()));
            let free = name.is_none_or(|name| !keys.contains(&name));
            (free, told.count())
        };
        self.from.fields.iter().filter(fits).max_by_key(worth).cloned()
    }

    async fn scene(&self) -> Scene {
        let mut scene = Scene::new(&self.parts.catalog, &self.parts.streams, &self.parts.transforms, &self.flow.entity);
        scene.agree().await;
        scene
    }

    fn put(&self, scene: &Scene, id: &str, body: &Value) {
        if let Some(system) = scene.systems.get(&self.from.connection) {
            system.put(&self.from.stream, id, Thing { body: body.clone(), ..Thing::default() });
        }
    }

    /// An ordinary thing, and where it gets.
    async fn normal(&mut self) -> Result<(Must, Happened), String> {
        let mut scene = self.scene().await;
        self.put(&scene, SUBJECT, &self.body);
        self.put(&scene, OTHER, &self.other);
        let mut happened = Happened::default();
        self.settle(&mut scene, &mut happened).await;
        let record = scene.record(&self.from, SUBJECT);
        let Some(record) = record else {
            happened.filtered = scene.filtered(&self.from.name);
            happened.set_aside = scene.set_aside();
            happened.held = scene.held();
            self.told.clear();
            if happened.filtered && happened.broken.is_empty() {
                return Err("the flow's filter leaves out what is made up for it".to_owned());
            }
            return Ok((Must::ArriveInTheEnd, happened));
        };
        // Where it does not get, by a filter or a field that is required there and not made up, nothing is expected later.
        let mut told = Vec::new();
        for there in &self.told {
            if scene.things(&record, there).is_empty() {
                happened.there.push((there.name.clone(), There::Not));
            } else {
                let count = scene.systems.get(&there.connection).map_or(0, |system| system.count(&there.stream));
                self.counts.insert(there.name.clone(), count);
                told.push(there.clone());
            }
        }
        self.counts.insert(self.from.name.clone(), 2);
        self.told = told;
        let field = self.field(|kind| Sort::Text.is(kind));
        self.look(&scene, field.as_ref(), &self.body, Look::Values, &mut happened);
        // What was set aside on the way to where it does not get is told of there.
        if self.told.len() < happened.there.len() {
            return Ok((Must::Arrive, happened));
        }
        Ok((Must::ArriveInTheEnd, happened))
    }

    /// Rounds until everything is at rest.
    async fn settle(&self, scene: &mut Scene, happened: &mut Happened) {
        for _ in 0..ROUNDS - 1 {
            scene.round().await;
        }
        let before = scene.writes();
        scene.round().await;
        happened.unquiet = scene.writes() - before;
        happened.broken.append(&mut scene.broken);
        happened.broken.append(&mut scene.failed);
    }

    /// What is to be seen at the end.
    fn look(&self, scene: &Scene, field: Option<&FieldMapping>, body: &Value, look: Look, happened: &mut Happened) {
        happened.set_aside = scene.set_aside();
        happened.held = scene.held();
        let other = scene.record(&self.from, OTHER);
        for there in &self.told {
            let arrived =
                other.as_ref().is_some_and(|record| scene.things(record, there).iter().any(|id| scene.body(there, id).is_some()));
            if !arrived {
                happened.others_missing.push(there.name.clone());
            }
        }
        let record = scene.record(&self.from, SUBJECT);
        happened.taken = record.is_some();
        happened.filtered |= record.is_none() && scene.filtered(&self.from.name);
        let (Some(record), Look::Values) = (record, look) else { return };
        let name = field.and_then(|field| field.canonical.as_deref());
        if let (Some(field), Some(name)) = (field, name)
            && let Ok(wanted) = read(&self.from, field, body, self.region())
        {
            let found = record.value(name).cloned().unwrap_or_default();
            if found != wanted && !(found.is_empty() && wanted.is_empty()) {
                happened.misread = Some((found.display(), wanted.display()));
            }
        }
        for there in &self.told {
            let place = match self.place(scene, &record, there, field, body) {
                Some(place) => place,
                None => continue,
            };
            happened.there.push((there.name.clone(), place));
        }
    }

    /// What became of the thing in one system that is told.
    fn place(
        &self,
        scene: &Scene,
        record: &Record,
        there: &Mapping,
        field: Option<&FieldMapping>,
        body: &Value,
    ) -> Option<There> {
        let count = scene.systems.get(&there.connection).map_or(0, |system| system.count(&there.stream));
        let usual = self.counts.get(&there.name).copied().unwrap_or(count);
        if count > usual {
            return Some(There::Many(count - usual + 1));
        }
        let found = scene.things(record, there).into_iter().find_map(|id| scene.body(there, &id));
        let Some(found) = found else { return Some(There::Missing) };
        let name = field.and_then(|field| field.canonical.as_ref())?;
        let Some(other) = there.fields.iter().find(|one| one.canonical.as_ref() == Some(name) && one.write.is_some()) else {
            return Some(There::Not);
        };
        let mut canonical = nave_core::NameMap::new();
        for (name, value) in record.fields.iter() {
            canonical.insert(name.clone(), value.value.clone());
        }
        let canonical = Value::Object(canonical);
        let env = Env { body: &canonical, externals: &[], connection: &there.connection, region: self.region() };
        // What cannot be spelled there is set aside, and seen by that.
        let whole = other.write.as_ref()?.evaluate(&env).ok()?;
        let wanted = match other.constraints.fit(&other.remote, &whole, &there.connection, self.region()) {
            Fit::Whole => whole,
            Fit::Instead(value) => value,
            Fit::Unfit(_) => return None,
        };
        let is = found.at(&other.remote).cloned().unwrap_or_default();
        let said = field.and_then(|field| body.at(&field.remote)).cloned().unwrap_or_default();
        Some(match is == wanted || is.is_empty() && wanted.is_empty() {
            false => There::Other(is.display(), wanted.display()),
            true if is == said || is.is_empty() && said.is_empty() => There::Unchanged,
            true => There::Transformed(is.display()),
        })
    }

    async fn value(&self, field: &FieldMapping, given: Given) -> (Must, Happened) {
        let path = field.inputs.first().map_or(field.remote.as_str(), String::as_str);
        let mut body = self.body.clone();
        match given.value() {
            Some(value) => body.put(path, value),
            None => body.remove(path),
        }
        let must = match read(&self.from, field, &body, self.region()) {
            Err(class) => Must::SetAside(class),
            Ok(_) => Must::Arrive,
        };
        let mut scene = self.scene().await;
        self.put(&scene, SUBJECT, &body);
        self.put(&scene, OTHER, &self.other);
        let mut happened = Happened::default();
        self.settle(&mut scene, &mut happened).await;
        self.look(&scene, Some(field), &body, Look::Values, &mut happened);
        (must, happened)
    }

    /// What is there now, with another text in a field: what the hub wrote into it stays.
    fn edited(&self, scene: &Scene, field: Option<&FieldMapping>, text: &str) -> Result<Value, String> {
        let field = field.ok_or("no text of this flow is read by the mapping alone, so none can be edited")?;
        let mut body = scene.body(&self.from, SUBJECT).unwrap_or_else(|| self.body.clone());
        body.put(field.inputs.first().map_or(field.remote.as_str(), String::as_str), Value::text(text));
        Ok(body)
    }

    async fn source(&self, source: Source, field: Option<&FieldMapping>) -> Result<(Must, Happened), String> {
        let mut scene = self.scene().await;
        let mut happened = Happened::default();
        let system = scene.systems.get(&self.from.connection).cloned().ok_or("its system is not there")?;
        let (mut must, mut look, mut body) = (Must::ArriveInTheEnd, Look::Values, self.body.clone());
        if !matches!(source, Source::NoJson | Source::NoId) {
            self.put(&scene, SUBJECT, &body);
        }
        self.put(&scene, OTHER, &self.other);
        if matches!(
            source,
            Source::ChangedBack | Source::Touched | Source::ReadAgain | Source::ChangedTwice | Source::DeletedLater
        ) {
            for _ in 0..ROUNDS {
                scene.round().await;
            }
        }
        let writes = scene.writes();
        match source {
            Source::Normal => {}
            Source::Twice => {
                self.put(&scene, TWIN, &body);
                must = Must::Once;
            }
            Source::DeletedBetween | Source::DeletedLater => {
                if source == Source::DeletedBetween {
                    scene.read(&self.from.name).await;
                }
                system.delete(&self.from.stream, SUBJECT);
                (must, look) = (Must::Nothing, Look::Others);
            }
            Source::NoJson => {
                let raw = Some(b"{\"cut off\":".to_vec());
                system.put(&self.from.stream, SUBJECT, Thing { raw, ..Thing::default() });
                must = Must::SetAsideSomehow;
            }
            Source::NoId => {
                self.put(&scene, "", &body);
                must = Must::SetAsideSomehow;
            }
            Source::ChangedBack => {
                let before = scene.body(&self.from, SUBJECT).unwrap_or_else(|| body.clone());
                self.put(&scene, SUBJECT, &self.edited(&scene, field, "something else")?);
                self.put(&scene, SUBJECT, &before);
            }
            Source::ChangedTwice => {
                self.put(&scene, SUBJECT, &self.edited(&scene, field, "first")?);
                body = self.edited(&scene, field, "second")?;
                self.put(&scene, SUBJECT, &body);
            }
            Source::Touched => {
                let now = scene.body(&self.from, SUBJECT).unwrap_or_else(|| body.clone());
                self.put(&scene, SUBJECT, &now);
            }
            Source::ReadAgain => system.read_again(),
            Source::Down => system.fail_one_read(),
        }
        self.settle(&mut scene, &mut happened).await;
        self.look(&scene, field, &body, look, &mut happened);
        let quiet = matches!(source, Source::ChangedBack | Source::Touched | Source::ReadAgain);
        if quiet && scene.writes() > writes {
            happened.broken.push(format!("{} writes though nothing differs", scene.writes() - writes));
        }
        if matches!(source, Source::DeletedBetween | Source::DeletedLater) && system.count(&self.from.stream) > 1 {
            happened.broken.push("it was made again where somebody had deleted it".to_owned());
        }
        // Without a rule that says which are the same, two things are two.
        if source == Source::Twice && self.entity.match_rules.is_empty() {
            happened.there.retain(|(_, there)| !matches!(there, There::Many(_)));
        }
        Ok((must, happened))
    }

    async fn target(&mut self, target: Target) -> Result<(Must, Happened), String> {
        if self.counts.is_empty() {
            self.normal().await?;
        }
        if self.told.iter().all(|told| told.name != self.flow.name) {
            return Err(format!("an ordinary thing of {} does not get to this flow", self.from.name));
        }
        let field = self.field(|kind| Sort::Text.is(kind));
        let field = field.as_ref();
        let mut scene = self.scene().await;
        let mut happened = Happened::default();
        let system = scene.systems.get(&self.flow.connection).cloned().ok_or("its system is not there")?;
        let mut body = self.body.clone();
        self.put(&scene, SUBJECT, &body);
        self.put(&scene, OTHER, &self.other);
        let late = matches!(target, Target::Gone | Target::Conflict);
        if late {
            for _ in 0..ROUNDS {
                scene.round().await;
            }
        }
        let mut look = Look::Values;
        let must = match target {
            Target::Rejects => Must::SetAside("format".to_owned()),
            Target::WantsMore => Must::SetAside("required".to_owned()),
            Target::LostAnswer | Target::LostRequest => Must::Once,
            Target::Down | Target::Waits | Target::Unauthorized | Target::Conflict => Must::ArriveInTheEnd,
            Target::Gone | Target::Shouts => {
                look = Look::Others;
                Must::Nothing
            }
        };
        if target == Target::Gone {
            let record = scene.record(&self.from, SUBJECT).ok_or("it did not get there at all")?;
            for id in scene.things(&record, &self.flow) {
                system.delete(&self.flow.stream, &id);
            }
        } else {
            system.fault(target);
        }
        if late {
            body = self.edited(&scene, field, "edited later")?;
            self.put(&scene, SUBJECT, &body);
        }
        self.settle(&mut scene, &mut happened).await;
        self.look(&scene, field, &body, look, &mut happened);
        let said = |body: &Value| field.and_then(|field| body.at(&field.remote)).cloned();
        if target == Target::Shouts && scene.body(&self.from, SUBJECT).is_some_and(|found| said(&found) != said(&body)) {
            happened.broken.push("its own spelling came back to where it was said".to_owned());
        }
        Ok((must, happened))
    }
}

/// Its things are rows of their own: no parts of another stream's.
fn is_made_of_rows(mapping: &Mapping) -> bool {
    mapping.id.is_none()
}
