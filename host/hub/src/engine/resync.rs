//! One record put right everywhere: its objects are read where they are, what differs is taken in, and the difference is
//! written. The same reading can be tried without keeping anything of it, so that a person sees first what would happen.

use std::collections::HashMap;
use std::sync::Arc;

use nave_core::catalog::{Catalog, Mapping};
use nave_core::intake::list_path;
use nave_core::model::{AuditEntry, Cause, Contribution, Reason, RecordId, Run};
use nave_core::value::Value;
use nave_core::{codec, landed};
use nave_runtime::contract::{Operation, SourceRecord};

use super::deliver::{Need, Subject};
use super::draft::Draft;
use super::only::Only;
use super::plan::{PlannedWrite, planned};
use super::pull::decode;
use super::synthetic::Synthetic;
use super::take::Intake;
use super::{Engine, EngineError};

/// One object of a record as its system shows it now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// `crm/contacts:5432`.
    pub remote: String,
    /// Flow that it is read by; none where no mapping reads it.
    pub flow: Option<String>,
    /// In words: `as known`, `differs`, `gone`, or why it could not be asked for.
    pub state: String,
    /// Paths that hold something else than was known: path, known, there.
    pub fields: Vec<(String, Option<Value>, Value)>,
}

/// What is to be written to one destination.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Towards {
    /// Flow.
    pub flow: String,
    /// Writes.
    pub writes: Vec<PlannedWrite>,
    /// Why nothing is sent, where something stands in the way.
    pub stopped: Option<String>,
}

/// What a resync found and would do, or did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resync {
    /// Objects that were looked at.
    pub looked: Vec<Looked>,
    /// Destinations.
    pub towards: Vec<Towards>,
    /// Runs that did it; none where it was only planned.
    pub runs: Vec<Run>,
}

/// An object that can be asked for.
struct Ask {
    mapping: Arc<Mapping>,
    row: Contribution,
    found: Vec<SourceRecord>,
    began: nave_core::model::Time,
}

impl Engine {
    /// Looks at a record's objects where they are, and says what would be taken in and written. Keeps nothing.
    ///
    /// # Errors
    /// Those of the store. A system that cannot be asked is no error: its object says why.
    pub async fn plan_resync(&self, record: RecordId) -> Result<Resync, EngineError> {
        let catalog = self.catalog();
        let (mut looked, asks) = self.look_at(&catalog, record).await?;
        let mut pages = Vec::new();
        for ask in asks {
            let mut page = decode(&catalog, &ask.mapping, ask.found.clone(), ask.began, self.now());
            self.externals(&catalog, &ask.mapping, &mut page).await?;
            looked.push(self.compared(&catalog, &ask));
            pages.push((ask, page));
        }
        looked.sort_by(|left, right| left.remote.cmp(&right.remote));
        // Decided as it would be, then thrown away.
        let mut draft = Draft::new(self.store.as_ref(), &catalog, self.now(), Cause::default())?;
        for (ask, page) in pages {
            let mut intake = Intake {
                catalog: &catalog,
                mapping: &ask.mapping,
                entity: self.entity(&catalog, &ask.mapping.entity)?,
                run: 0,
                open_creates: Vec::new(),
                lost: Default::default(),
                guard: None,
                arrived: Vec::new(),
                changed: Vec::new(),
                rewritten: Vec::new(),
                near_misses: 0,
                linker: &self.linker,
                judge: None,
                shelf: None,
            };
            intake.page(&mut draft, page, &mut Default::default())?;
        }
        draft.settle_queue()?;
        let record = draft.surviving(record)?;
        let now = draft.record(record)?.clone();
        let rows = now.contributions.iter().map(|id| draft.contribution(*id).cloned()).collect::<Result<Vec<_>, _>>()?;
        let mut towards = Vec::new();
        for mapping in destinations(&catalog, &now.entity) {
            let there = rows.iter().filter(|row| speaks_for(mapping, row)).cloned().collect();
            let synthetic = rows.iter().find_map(|row| Synthetic::of(&row.key.connection));
            let subject = Subject { record: now.clone(), there, synthetic };
            towards.push(self.towards(&catalog, mapping, &subject)?);
        }
        Ok(Resync { looked, towards, runs: Vec::new() })
    }

    /// Reads a record's objects where they are, takes in what differs, compares with every destination and writes the
    /// difference. Doing it again changes nothing.
    ///
    /// # Errors
    /// Those of the store. What a system answers is in the runs.
    pub async fn resync(&self, record: RecordId, by: &str) -> Result<Resync, EngineError> {
        let mut resync = self.plan_resync(record).await?;
        for looked in &resync.looked {
            let (Some(flow), "differs" | "gone") = (&looked.flow, looked.state.as_str()) else { continue };
            let mapping = self.mapping(flow)?;
            let Some((_, id)) = looked.remote.split_once(':') else { continue };
            let run = self.refetch(flow, &mapping.stream, &[id.to_owned()], "refetch").await?.run;
            let runs = self.store.runs(Some(flow), 16)?;
            resync.runs.extend(runs.into_iter().filter(|known| known.id == run));
        }
        let catalog = self.catalog();
        let cause = Cause { person: Some(by.to_owned()), ..Cause::default() };
        let (record, flows) = self
            .write(cause, |draft| {
                let record = draft.surviving(record)?;
                let entity = draft.record(record)?.entity.clone();
                let flows: Vec<String> = destinations(&catalog, &entity).map(|mapping| mapping.name.clone()).collect();
                for flow in &flows {
                    draft.enter(flow, record, Reason::Resync);
                }
                draft.batch.audit.push(AuditEntry {
                    at: draft.now,
                    actor: by.to_owned(),
                    action: "record.resync".into(),
                    subject: format!("{entity}/{record}"),
                    detail: String::new(),
                });
                Ok((record, flows))
            })
            .await?;
        for flow in flows {
            let open = self.store.flow(&flow)?;
            if open.paused || open.approved.as_deref() != Some(self.mapping(&flow)?.digest.as_str()) {
                continue; // its entry waits; `towards` says why
            }
            resync.runs.push(self.run_out_only(&flow, &Only::of([record])).await?);
        }
        Ok(resync)
    }

    /// Asks every system for its object of the record.
    async fn look_at(&self, catalog: &Arc<Catalog>, record: RecordId) -> Result<(Vec<Looked>, Vec<Ask>), EngineError> {
        let (mut looked, mut asks) = (Vec::new(), Vec::new());
        let Some(row) = self.store.records(&[record])?.pop().flatten() else {
            return Err(EngineError::NotFound(format!("there is no record {record}")));
        };
        for row in self.store.contributions(&row.contributions)?.into_iter().flatten().filter(Contribution::is_active) {
            let mut mappings: Vec<&Arc<Mapping>> = catalog.mappings.values().filter(|m| speaks_for(m, &row)).collect();
            mappings.sort_by_key(|mapping| mapping.flow_in.is_none());
            let mut say = |flow: Option<&Arc<Mapping>>, state: String| {
                let flow = flow.map(|mapping| mapping.name.clone());
                looked.push(Looked { remote: row.key.to_string(), flow, state, fields: Vec::new() });
            };
            let Some(mapping) = mappings.first().copied() else {
                say(None, "no mapping reads it any more".to_owned());
                continue;
            };
            if mapping.id.is_some() {
                say(Some(mapping), format!("`{0}` makes its ids itself: `nave sync {0} --full` reads it", mapping.name));
                continue;
            }
            let lane = self.lane(&mapping.connection);
            let _lane = lane.lock().await;
            let spoke = match self.spoke(&mapping.connection) {
                Ok(spoke) => spoke,
                Err(error) => {
                    say(Some(mapping), error.to_string());
                    continue;
                }
            };
            let began = self.now();
            match self.fetch(mapping, spoke.as_ref(), &mapping.stream, &[row.key.remote_id.to_string()]).await {
                Ok(fetched) if fetched.found.is_empty() => {
                    let why = fetched.refused.into_iter().next().map(|(_, why)| why);
                    say(Some(mapping), why.unwrap_or_else(|| "it says nothing about it".to_owned()));
                }
                Ok(fetched) => asks.push(Ask { mapping: mapping.clone(), row, found: fetched.found, began }),
                Err(error) => say(Some(mapping), error.to_string()),
            }
        }
        Ok((looked, asks))
    }

    /// What is there against what was known.
    fn compared(&self, catalog: &Catalog, ask: &Ask) -> Looked {
        let mapping = ask.mapping.as_ref();
        let mut looked = Looked {
            remote: ask.row.key.to_string(),
            flow: Some(mapping.name.clone()),
            state: "as known".into(),
            ..Looked::default()
        };
        let Some(found) = ask.found.first() else { return looked };
        match &found.operation {
            Operation::Upsert => {}
            Operation::Delete => looked.state = "gone".into(),
            Operation::MergedInto(_) => looked.state = "gone".into(),
        }
        let Ok(body) = codec::decode(&found.body) else { return looked };
        let region = catalog.hub.region.as_deref();
        let scalar = mapping.fields.iter().map(|field| field.remote.clone());
        let lists = mapping.lists.iter().map(list_path);
        for path in scalar.chain(lists.map(|path| path.to_string())) {
            let Some(known) = ask.row.shadow.get(&path) else {
                if let Some(there) = body.at(&path).filter(|there| !there.is_empty()) {
                    looked.fields.push((path, None, there.clone()));
                }
                continue;
            };
            let there = body.at(path.split_once('#').map_or(path.as_str(), |(remote, _)| remote)).cloned().unwrap_or_default();
            let same = match path.contains('#') {
                true => landed::landed(mapping, &body, &path, known, region),
                false => there == *known || there.is_empty() && known.is_empty(),
            };
            if !same {
                looked.fields.push((path, Some(known.clone()), there));
            }
        }
        looked.fields.sort_by(|left, right| left.0.cmp(&right.0));
        looked.fields.dedup_by(|left, right| left.0 == right.0);
        if !looked.fields.is_empty() {
            looked.state = "differs".into();
        }
        looked
    }

    /// What would be written to a destination, from a record as it would be.
    fn towards(&self, catalog: &Catalog, mapping: &Mapping, subject: &Subject) -> Result<Towards, EngineError> {
        let mut towards = Towards { flow: mapping.name.clone(), ..Towards::default() };
        let flow = self.store.flow(&mapping.name)?;
        if flow.paused {
            towards.stopped = Some(format!("it is paused: `nave resume {}`", mapping.name));
        } else if flow.approved.as_deref() != Some(mapping.digest.as_str()) {
            towards.stopped =
                Some(format!("its plan is not agreed to: `nave plan --flow {0}`, `nave apply --flow {0}`", mapping.name));
        } else if self.store.intent(&mapping.name, subject.record.id)?.is_some() {
            towards.stopped = Some("an earlier write's outcome is looked up first".to_owned());
        }
        let known = self.children_known(mapping)?;
        match self.need(catalog, mapping, subject, &HashMap::new(), &known)? {
            Need::Nothing => {}
            Need::Held(why) => towards.stopped = Some(why),
            Need::Surged => {
                towards.stopped = Some("it came with far more than usual: `nave review list` asks whether that is right".into())
            }
            Need::Parked(row) => towards.stopped = Some(row.reason),
            Need::Blocked(errors) => {
                towards.stopped = Some(errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "));
            }
            Need::Writes(wanted) => {
                let entity = self.entity(catalog, &mapping.entity)?;
                towards.writes = wanted.writes.iter().map(|write| planned(mapping, entity, &subject.record, write)).collect();
            }
        }
        Ok(towards)
    }
}

fn speaks_for(mapping: &Mapping, row: &Contribution) -> bool {
    row.key.connection == mapping.connection && row.key.stream == mapping.alias
}

fn destinations<'c>(catalog: &'c Catalog, entity: &'c str) -> impl Iterator<Item = &'c Arc<Mapping>> {
    catalog.mappings.values().filter(move |mapping| mapping.entity == entity && mapping.flow_out.is_some())
}
