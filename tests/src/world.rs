//! A hub among simulated systems that people edit at random, and the model beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{Chosen, Model, Seen, Texts};
use crate::project::Project;
use crate::rng::Rng;
use crate::shapes::{self, Field, Shape};
use crate::systems::System;

/// Everything that a random test holds.
pub struct World {
    /// The hub's directory.
    pub project: Project,
    /// Systems, in the shape's order.
    pub systems: Vec<Box<dyn System>>,
    /// What should be.
    pub model: Model,
    /// Its shape.
    pub shape: Shape,
    /// What people did, for the message of a failure.
    pub story: Vec<String>,
    /// The seed's numbers.
    pub rng: Rng,
    /// Number of the next text.
    next: u64,
    /// Records that something was done to since the last sync: nothing that depends on an order is done to them.
    touched: BTreeSet<usize>,
    /// Objects made since the last sync: system, id.
    fresh: Vec<(usize, String)>,
}

impl World {
    /// Over a project that is connected to these systems. Writes entity and mappings, and agrees to the empty plan.
    #[track_caller]
    pub fn new(project: Project, systems: Vec<Box<dyn System>>, shape: Shape, seed: u64) -> Self {
        project.write(&format!("entities/{}.toml", shape.entity), &shape.entity_toml());
        for (index, system) in systems.iter().enumerate() {
            let text = shape.mapping_toml(index, &|field| system.path(field));
            project.write(&format!("mappings/{}.toml", system.name()), &text);
        }
        project.ok(&["mapping", "lint"]);
        project.agree();
        let mut model = Model::new(shape.spokes(), shape.rules(), (shape.key.clone(), shape.seconds.clone()));
        model.meaning = shapes::meaning;
        let (story, touched, fresh) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { project, systems, model, shape, story, rng: Rng::new(seed), next: 1, touched, fresh }
    }

    fn new_text(&mut self, field: &Field) -> String {
        self.next += 1;
        shapes::text(&field.kind, &mut self.rng, self.next)
    }

    /// What a person types for a new thing: what is needed, and some of the rest.
    fn new_texts(&mut self) -> Texts {
        let mut texts = Texts::new();
        for field in self.shape.fields.clone() {
            if field.needed || self.rng.percent(60) {
                texts.insert(field.name.clone(), self.new_text(&field));
            }
        }
        texts
    }

    fn tell(&mut self, what: String) {
        self.story.push(what);
    }

    fn make(&mut self, spoke: usize, texts: &Texts) -> String {
        let mut own = self.shape.there(spoke, texts);
        for (copy, of) in &self.shape.parts[spoke].copies {
            let text = own.get(of).cloned().unwrap_or_default();
            own.insert(copy.clone(), text);
        }
        let id = self.systems[spoke].create(&own);
        self.tell(format!("made {}:{id} {own:?}", self.shape.parts[spoke].name));
        self.fresh.push((spoke, id.clone()));
        id
    }

    /// Somebody makes something; sometimes two people make the same thing in two systems.
    fn create(&mut self) {
        let texts = self.new_texts();
        let first = self.rng.below(self.systems.len());
        self.make(first, &texts);
        if self.rng.percent(25) {
            let second = (first + 1 + self.rng.below(self.systems.len() - 1)) % self.systems.len();
            self.make(second, &self.agreeing(&texts));
        }
    }

    /// Texts that match others: key and one second field, everything else as it comes.
    fn agreeing(&self, texts: &Texts) -> Texts {
        let keep = |name: &String| *name == self.shape.key || self.shape.seconds.contains(name);
        texts.iter().filter(|(name, _)| keep(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    /// A system learns later of what others know: it must find its record.
    fn create_late(&mut self) {
        let reading: Vec<usize> = (0..self.systems.len()).filter(|spoke| !self.shape.parts[*spoke].written).collect();
        let Some(spoke) = self.rng.pick(&reading).copied() else { return };
        let known: BTreeSet<usize> =
            self.model.objects.iter().filter(|object| object.spoke == spoke).map(|object| object.record).collect();
        let all: BTreeSet<usize> = self.model.objects.iter().map(|object| object.record).collect();
        let free: Vec<usize> = all
            .difference(&known)
            .copied()
            .filter(|r| !self.touched.contains(r) && self.model.alive(*r).next().is_some())
            .collect();
        let Some(record) = self.rng.pick(&free).copied() else { return };
        let mut texts = Texts::new();
        for field in self.shape.fields.clone() {
            let current = self.model.field(record, &field.name).map(|chosen| chosen.text).filter(|text| !text.is_empty());
            if field.name == self.shape.key || self.shape.seconds.contains(&field.name) {
                let Some(current) = current else { return };
                texts.insert(field.name.clone(), current);
            } else if field.needed || self.rng.percent(40) {
                texts.insert(field.name.clone(), self.new_text(&field));
            }
        }
        self.touched.insert(record);
        self.make(spoke, &texts);
    }

    fn alive(&self) -> Vec<usize> {
        self.model.objects.iter().enumerate().filter(|(_, object)| object.end.is_none()).map(|(index, _)| index).collect()
    }

    /// Somebody changes a field or two. Also things that the hub has not seen yet.
    fn edit(&mut self) {
        let fresh = !self.fresh.is_empty() && self.rng.percent(20);
        let (spoke, id, record) = if fresh {
            let (spoke, id) = self.fresh[self.rng.below(self.fresh.len())].clone();
            (spoke, id, None)
        } else {
            let Some(index) = self.rng.pick(&self.alive()).copied() else { return };
            let object = &self.model.objects[index];
            (object.spoke, object.id.clone(), Some(object.record))
        };
        // Gone since the model saw it.
        if self.systems[spoke].show().iter().any(|shown| shown.id == id && shown.end.is_some()) {
            return;
        }
        let matching = |name: &String| *name == self.shape.key || self.shape.seconds.contains(name);
        // What has just been made must still match its twin, whichever system is read first.
        let bound = fresh || record.is_some_and(|record| self.touched.contains(&record));
        let fields: Vec<Field> = self
            .shape
            .fields
            .iter()
            .filter(|field| field.there.contains_key(&spoke) && !(bound && matching(&field.name)))
            .cloned()
            .collect();
        let mut texts = Texts::new();
        for _ in 0..1 + self.rng.below(2) {
            let Some(field) = self.rng.pick(&fields).cloned() else { continue };
            let clear = !field.needed && self.rng.percent(15);
            let text = if clear { String::new() } else { self.new_text(&field) };
            texts.insert(field.name.clone(), text);
        }
        let own = self.shape.there(spoke, &texts);
        self.systems[spoke].edit(&id, &own);
        self.tell(format!("edited {}:{id} {own:?}", self.shape.parts[spoke].name));
        self.touched.extend(record);
    }

    /// Somebody deletes something that the hub knows.
    fn delete(&mut self) {
        let free: Vec<usize> =
            self.alive().into_iter().filter(|index| !self.touched.contains(&self.model.objects[*index].record)).collect();
        let Some(index) = self.rng.pick(&free).copied() else { return };
        let object = self.model.objects[index].clone();
        self.systems[object.spoke].delete(&object.id);
        self.tell(format!("deleted {}:{}", self.shape.parts[object.spoke].name, object.id));
        self.touched.insert(object.record);
    }

    /// Somebody merges two things in a system that can, and clears up in those that the hub writes to and that cannot.
    fn merge(&mut self) {
        let able: Vec<usize> = self
            .alive()
            .into_iter()
            .filter(|index| {
                let object = &self.model.objects[*index];
                self.shape.parts[object.spoke].written && !self.touched.contains(&object.record)
            })
            .collect();
        let Some(winner) = self.rng.pick(&able).map(|index| self.model.objects[*index].clone()) else { return };
        let fits = |index: &usize| {
            self.model.objects[*index].spoke == winner.spoke && self.model.objects[*index].record != winner.record
        };
        let others: Vec<usize> = able.iter().copied().filter(fits).collect();
        let Some(loser) = self.rng.pick(&others).map(|index| self.model.objects[*index].clone()) else { return };
        if !self.systems[winner.spoke].merge(&winner.id, &loser.id) {
            return;
        }
        self.tell(format!("merged {}:{} into {}", self.shape.parts[winner.spoke].name, loser.id, winner.id));
        self.touched.extend([winner.record, loser.record]);
        for index in self.model.alive(loser.record).collect::<Vec<_>>() {
            let object = self.model.objects[index].clone();
            if object.spoke == winner.spoke || !self.shape.parts[object.spoke].written {
                continue;
            }
            let twin = self.model.alive(winner.record).find(|twin| self.model.objects[*twin].spoke == object.spoke);
            let Some(twin) = twin.map(|twin| self.model.objects[twin].id.clone()) else { continue };
            if !self.systems[object.spoke].merge(&twin, &object.id) {
                self.systems[object.spoke].delete(&object.id);
            }
            self.tell(format!("cleared {}:{} up", self.shape.parts[object.spoke].name, object.id));
        }
    }

    /// One random thing that a person does.
    pub fn act(&mut self) {
        match self.rng.below(100) {
            0..=29 => self.create(),
            30..=39 => self.create_late(),
            40..=87 => self.edit(),
            88..=93 => self.delete(),
            _ => self.merge(),
        }
    }

    fn seen(&self, spoke: usize) -> Vec<Seen> {
        let shown = self.systems[spoke].show().into_iter();
        let here = |texts: &Texts| self.shape.here(spoke, texts);
        shown.map(|s| Seen { texts: here(&s.texts), id: s.id, modified: s.modified, end: s.end }).collect()
    }

    /// The model takes in what people did, and says what should be.
    pub fn expect(&mut self) {
        for spoke in 0..self.systems.len() {
            let seen = self.seen(spoke);
            self.model.read(spoke, &seen);
        }
        self.model.deliver();
        self.touched.clear();
        self.fresh.clear();
    }

    /// Every system must hold what the model says.
    #[track_caller]
    pub fn check(&mut self) {
        let mut wrong = Vec::new();
        for spoke in 0..self.systems.len() {
            let seen = self.seen(spoke);
            wrong.extend(self.model.compare(spoke, &seen));
            for (copy, of) in &self.shape.parts[spoke].copies {
                for shown in self.systems[spoke].show().iter().filter(|shown| shown.end.is_none()) {
                    let (copy, of) = (shown.texts.get(copy), shown.texts.get(of));
                    if copy != of {
                        wrong.push(format!("{}:{} {copy:?} is not {of:?}", self.shape.parts[spoke].name, shown.id));
                    }
                }
            }
        }
        if !wrong.is_empty() {
            self.fail(&wrong);
        }
    }

    /// Model, hub, comparison.
    #[track_caller]
    pub fn sync(&mut self) {
        self.expect();
        self.tell("--- sync".to_owned());
        self.project.sync(&[]);
        self.check();
    }

    /// Every record's `why` must be the model's: value, who said so, by which rule, and who lost.
    #[track_caller]
    pub fn check_why(&self) {
        let mut wrong = Vec::new();
        let records: BTreeSet<usize> = self.model.objects.iter().map(|object| object.record).collect();
        for record in records {
            let Some(any) = self.model.alive(record).next() else { continue };
            let why = self.project.json(&["record", "why", &self.remote(any)]);
            let found: BTreeMap<String, &Value> = why["fields"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|field| (field["field"].as_str().unwrap_or_default().to_owned(), field))
                .collect();
            for field in &self.shape.fields {
                let expected = self.model.field(record, &field.name).map(|chosen| self.spelled(&field.name, &chosen));
                let there = found.get(&field.name).map(|field| told(field));
                if there != expected {
                    wrong.push(format!("{} {}: why says {there:?} and should say {expected:?}", self.remote(any), field.name));
                }
            }
            for name in found.keys().filter(|name| !self.shape.fields.iter().any(|field| field.name == **name)) {
                wrong.push(format!("{}: why names `{name}`, which nothing is mapped to", self.remote(any)));
            }
        }
        let questions = self.project.json(&["review", "list"])["reviews"].as_array().map_or(0, Vec::len);
        if questions != self.model.questions {
            wrong.push(format!("{questions} questions are open and {} should be", self.model.questions));
        }
        if !wrong.is_empty() {
            self.fail(&wrong);
        }
    }

    /// `crm/contacts:5432`.
    fn remote(&self, index: usize) -> String {
        let object = &self.model.objects[index];
        let part = &self.shape.parts[object.spoke];
        format!("{}/{}:{}", part.name, part.stream, object.id)
    }

    fn spelled(&self, field: &str, chosen: &Chosen) -> Told {
        Told {
            text: shapes::meaning(field, &chosen.text),
            from: self.remote(chosen.by),
            rule: chosen.rule.to_owned(),
            losers: chosen.losers.iter().map(|index| self.remote(*index)).collect(),
        }
    }

    #[track_caller]
    fn fail(&self, wrong: &[String]) -> ! {
        let story = self.story.iter().map(|line| format!("    {line}\n")).collect::<String>();
        panic!("{} differences:\n  {}\n\nwhat people did:\n{story}", wrong.len(), wrong.join("\n  "));
    }
}

/// What `why` says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    text: String,
    from: String,
    rule: String,
    losers: BTreeSet<String>,
}

fn told(field: &Value) -> Told {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let text = match &field["value"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Told {
        text: shapes::meaning("", &text),
        from: word(&field["from"]),
        rule: word(&field["rule"]),
        losers: field["losers"].as_array().into_iter().flatten().map(|loser| word(&loser["from"])).collect(),
    }
}
