//! The reference model: what agreement means, in two hundred lines that share nothing with the hub.
//!
//! Systems hold objects, objects hold texts. A person who changes a field *claims* it, at the time at which the system says the object
//! was changed. Objects that are the same thing form a record. A record's field is the claim that its rule chooses. Every system that
//! may be written to then holds the record's fields. What the hub itself wrote is nobody's claim.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Field name → text; an empty text is a cleared field, a missing one was never there.
pub type Texts = BTreeMap<String, String>;

/// Who wins a field. Systems by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The latest claim.
    Newest,
    /// This system's, while it claims anything; else the latest.
    Owner(usize),
    /// The first of these that claims anything; else the latest.
    Priority(Vec<usize>),
    /// The longest; of equals the latest.
    Longest,
    /// The latest that is not empty; the latest where all are.
    NonEmpty,
    /// Consent: a refusal by any system stands until that system grants again, whatever becomes of who said it.
    Consent {
        /// Texts that refuse.
        refusal: Vec<String>,
        /// Texts that grant.
        grant: Vec<String>,
    },
}

/// What a deletion in a system means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// Its claims stay.
    Ignore,
    /// Its claims go; what only it said, and what stood because it said so, those say who hold it.
    Detach,
    /// Its claims go, and a person is asked about the other systems. Nothing is deleted by itself.
    Ask,
}

/// A system as the model sees it.
#[derive(Clone, Debug)]
pub struct Spoke {
    /// Name of the connection.
    pub name: String,
    /// The hub writes to it.
    pub written: bool,
    /// What a deletion means.
    pub on_delete: OnDelete,
    /// Canonical fields that it holds.
    pub fields: BTreeSet<String>,
}

/// How an object ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Deleted by a person.
    Deleted,
    /// Merged into this one by a person.
    MergedInto(String),
}

/// An object as its system shows it, by canonical field name.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its id there.
    pub id: String,
    /// What it holds.
    pub texts: Texts,
    /// When it was changed last, by the system's word; milliseconds.
    pub modified: i64,
    /// It is no longer there.
    pub end: Option<End>,
}

/// An object that the hub knows.
#[derive(Clone, Debug)]
pub struct Object {
    /// System.
    pub spoke: usize,
    /// Its id there.
    pub id: String,
    /// Record that it belongs to.
    pub record: usize,
    /// It is no longer there.
    pub end: Option<End>,
    /// What it holds, or will hold once the hub has written.
    pub holds: Texts,
    /// Field → text and time of the last claim.
    pub claims: BTreeMap<String, (String, i64)>,
}

/// A field of a record, and who chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Text.
    pub text: String,
    /// Number of the object that claims it.
    pub by: usize,
    /// The rule's word.
    pub rule: &'static str,
    /// Objects whose claim lost.
    pub losers: BTreeSet<usize>,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    /// Systems.
    pub spokes: Vec<Spoke>,
    /// Rule of each canonical field.
    pub rules: BTreeMap<String, Rule>,
    /// The field that proposes a match, and those of which one must agree (none: it suffices).
    pub key: (String, Vec<String>),
    /// Objects in the order in which the hub meets them.
    pub objects: Vec<Object>,
    /// Creates that the last sync must make: system, record.
    pub creates: Vec<(usize, usize)>,
    /// Questions that a person has to answer.
    pub questions: usize,
    /// Spelling in which two texts of a field are compared: field, text.
    pub meaning: fn(&str, &str) -> String,
    records: usize,
}

impl Model {
    /// Nothing yet.
    pub fn new(spokes: Vec<Spoke>, rules: BTreeMap<String, Rule>, key: (String, Vec<String>)) -> Self {
        let meaning = |_: &str, text: &str| text.to_owned();
        Self { spokes, rules, key, objects: Vec::new(), creates: Vec::new(), questions: 0, meaning, records: 0 }
    }

    fn same(&self, field: &str, left: &str, right: &str) -> bool {
        (self.meaning)(field, left) == (self.meaning)(field, right)
    }

    /// The object of this id.
    pub fn find(&self, spoke: usize, id: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.spoke == spoke && object.id == id)
    }

    /// The hub reads a system.
    pub fn read(&mut self, spoke: usize, all: &[Seen]) {
        for seen in all.iter().filter(|seen| seen.end.is_none()) {
            let known = self.find(spoke, &seen.id);
            let index = known.unwrap_or_else(|| {
                let record = self.match_record(&seen.texts);
                let (id, claims) = (seen.id.clone(), BTreeMap::new());
                self.objects.push(Object { spoke, id, record, end: None, holds: Texts::new(), claims });
                self.objects.len() - 1
            });
            for field in self.spokes[spoke].fields.clone() {
                let now = seen.texts.get(&field).cloned().unwrap_or_default();
                let before = self.objects[index].holds.get(&field).cloned().unwrap_or_default();
                let said = self.objects[index].claims.get(&field).map(|(text, _)| text.clone()).unwrap_or_default();
                // Who has refused and says neither now has not granted.
                let stands = self.stance(&field, &said) == Some(false) && self.stance(&field, &now).is_none();
                if !self.same(&field, &now, &before) && !stands {
                    self.objects[index].claims.insert(field.clone(), (now.clone(), seen.modified));
                }
                self.objects[index].holds.insert(field, now);
            }
        }
        for seen in all {
            let (Some(end), Some(index)) = (&seen.end, self.find(spoke, &seen.id)) else { continue };
            if self.objects[index].end.is_some() {
                continue;
            }
            let stood = self.stood(index);
            self.objects[index].end = Some(end.clone());
            match end {
                End::MergedInto(winner) => {
                    let Some(winner) = self.find(spoke, winner) else { continue };
                    let (from, to) = (self.objects[index].record, self.objects[winner].record);
                    self.objects.iter_mut().filter(|object| object.record == from).for_each(|object| object.record = to);
                }
                End::Deleted => {
                    if self.spokes[spoke].on_delete != OnDelete::Ignore {
                        self.inherit(index, &stood);
                    }
                    let others = self.alive(self.objects[index].record).count();
                    self.questions += usize::from(others > 0 && self.spokes[spoke].on_delete == OnDelete::Ask);
                }
            }
        }
    }

    /// Fields of a record that this object decides.
    fn stood(&self, index: usize) -> BTreeSet<String> {
        let object = &self.objects[index];
        let decides = |field: &&String| self.field(object.record, field).is_some_and(|chosen| chosen.by == index);
        object.claims.keys().filter(decides).cloned().collect()
    }

    /// What only this one said, those say from now on that hold it. Of what `stood` because it said so, who holds that
    /// text says it.
    fn inherit(&mut self, gone: usize, stood: &BTreeSet<String>) {
        let record = self.objects[gone].record;
        let others: Vec<usize> = self.alive(record).collect();
        let speak: Vec<usize> = self.speaking(record).filter(|other| *other != gone).collect();
        for (field, (text, at)) in self.objects[gone].claims.clone() {
            if matches!(self.rules.get(&field), Some(Rule::Consent { .. })) {
                continue; // nobody else has said it
            }
            let said = speak.iter().any(|other| self.objects[*other].claims.contains_key(&field));
            if said && stood.contains(&field) {
                for other in &others {
                    let held = self.objects[*other].holds.get(&field).cloned().unwrap_or_default();
                    let speaks = !text.is_empty() || self.objects[*other].claims.contains_key(&field);
                    let itself = self.objects[*other].claims.get(&field).is_some_and(|(own, _)| self.same(&field, own, &held));
                    if speaks && !itself && self.same(&field, &held, &text) {
                        self.objects[*other].claims.insert(field.clone(), (held, at));
                    }
                }
            }
            if said || text.is_empty() {
                continue;
            }
            for other in &others {
                let held = self.objects[*other].holds.get(&field).filter(|held| !held.is_empty()).cloned();
                if let Some(held) = held {
                    self.objects[*other].claims.insert(field.clone(), (held, at));
                }
            }
        }
    }

    /// The record that a new object belongs to: the one whose key is equal and agrees in a second field, else a new one.
    fn match_record(&mut self, texts: &Texts) -> usize {
        let get = |field: &str| texts.get(field).filter(|text| !text.is_empty());
        let agrees = |record: usize, field: &str| {
            get(field).is_some_and(|text| self.field(record, field).is_some_and(|chosen| chosen.text.eq_ignore_ascii_case(text)))
        };
        let records: BTreeSet<usize> = self.objects.iter().map(|object| object.record).collect();
        let (key, seconds) = &self.key;
        let found = records.into_iter().find(|record| {
            self.alive(*record).next().is_some()
                && agrees(*record, key)
                && (seconds.is_empty() || seconds.iter().any(|field| agrees(*record, field)))
        });
        found.unwrap_or_else(|| {
            self.records += 1;
            self.records
        })
    }

    /// Numbers of a record's objects that are there.
    pub fn alive(&self, record: usize) -> impl Iterator<Item = usize> + '_ {
        let alive = move |object: &&Object| object.record == record && object.end.is_none();
        self.objects.iter().enumerate().filter(move |(_, object)| alive(object)).map(|(index, _)| index)
    }

    /// Numbers of a record's objects whose claims count.
    fn speaking(&self, record: usize) -> impl Iterator<Item = usize> + '_ {
        let counts = |object: &Object| match &object.end {
            None => true,
            Some(End::Deleted) => self.spokes[object.spoke].on_delete == OnDelete::Ignore,
            Some(End::MergedInto(_)) => false,
        };
        let all = self.objects.iter().enumerate();
        all.filter(move |(_, object)| object.record == record && counts(object)).map(|(index, _)| index)
    }

    /// What an object is called: of claims of one time, that of the first name counts.
    fn name(&self, index: usize) -> (&str, &str) {
        let object = &self.objects[index];
        (&self.spokes[object.spoke].name, &object.id)
    }

    /// Whether a text of a field of consent grants (`true`) or refuses; none: neither, or no such field.
    fn stance(&self, field: &str, text: &str) -> Option<bool> {
        let Some(Rule::Consent { refusal, grant }) = self.rules.get(field) else { return None };
        let is = |texts: &[String]| texts.iter().any(|known| self.same(field, known, text));
        if is(refusal) { Some(false) } else { is(grant).then_some(true) }
    }

    /// What a field of consent holds: the latest refusal of a system that did not grant later, else the latest grant of what is
    /// there, else the latest of the rest that says anything.
    fn consent(&self, record: usize, field: &str) -> Option<Chosen> {
        let claims = self.objects.iter().enumerate().filter(|(_, object)| object.record == record);
        let all: Vec<(usize, &str, i64)> =
            claims.filter_map(|(index, object)| object.claims.get(field).map(|(text, at)| (index, text.as_str(), *at))).collect();
        let speaking: BTreeSet<usize> = self.speaking(record).collect();
        let latest = |among: &[(usize, &str, i64)]| -> Option<usize> {
            among.iter().max_by_key(|(index, _, at)| (*at, Reverse(self.name(*index)))).map(|(index, ..)| *index)
        };
        let mut refusing = Vec::new();
        for spoke in 0..self.spokes.len() {
            let of = |wanted: bool| -> Vec<(usize, &str, i64)> {
                let own = all.iter().copied().filter(|one| self.objects[one.0].spoke == spoke);
                own.filter(|one| self.stance(field, one.1) == Some(wanted)).collect()
            };
            let (no, yes) = (of(false), of(true));
            let last = no.iter().map(|one| one.2).max();
            if last.is_some() && last >= yes.iter().map(|one| one.2).max() {
                refusing.extend(no.into_iter().filter(|one| Some(one.2) == last).take(1));
            }
        }
        let there = |wanted: &dyn Fn(&str) -> bool| -> Vec<(usize, &str, i64)> {
            all.iter().copied().filter(|one| speaking.contains(&one.0) && wanted(one.1)).collect()
        };
        let grants = there(&|text| self.stance(field, text) == Some(true));
        let neither = there(&|text| self.stance(field, text).is_none() && !text.is_empty());
        let empty = there(&|text| text.is_empty());
        let by = latest(&refusing).or_else(|| latest(&grants)).or_else(|| latest(&neither)).or_else(|| latest(&empty))?;
        let text = self.objects[by].claims[field].0.clone();
        let losers = all.iter().map(|one| one.0).filter(|index| *index != by).collect();
        Some(Chosen { text, by, rule: if all.len() == 1 { "only" } else { "consent" }, losers })
    }

    /// What a field of a record holds, and why.
    pub fn field(&self, record: usize, field: &str) -> Option<Chosen> {
        if matches!(self.rules.get(field), Some(Rule::Consent { .. })) {
            return self.consent(record, field);
        }
        let claim = |index: usize| self.objects[index].claims.get(field).map(|(text, at)| (index, text.as_str(), *at));
        let all: Vec<(usize, &str, i64)> = self.speaking(record).filter_map(claim).collect();
        let newest = |among: Vec<(usize, &str, i64)>| -> Option<usize> {
            among.into_iter().max_by_key(|(index, _, at)| (*at, Reverse(self.name(*index)))).map(|(index, ..)| index)
        };
        let of = |spoke: usize| newest(all.iter().copied().filter(|(index, ..)| self.objects[*index].spoke == spoke).collect());
        let rule = self.rules.get(field).unwrap_or(&Rule::Newest);
        let (by, word) = match rule {
            Rule::Newest => (newest(all.clone())?, "newest"),
            Rule::Owner(owner) => of(*owner).map(|by| (by, "owner")).or_else(|| Some((newest(all.clone())?, "newest")))?,
            Rule::Priority(order) => {
                let first = order.iter().find_map(|spoke| of(*spoke)).map(|by| (by, "priority"));
                first.or_else(|| Some((newest(all.clone())?, "newest")))?
            }
            Rule::Longest => {
                let longest = all.iter().map(|(_, text, _)| text.chars().count()).max()?;
                (newest(all.iter().copied().filter(|(_, text, _)| text.chars().count() == longest).collect())?, "longest")
            }
            Rule::NonEmpty => {
                let full = newest(all.iter().copied().filter(|(_, text, _)| !text.is_empty()).collect());
                (full.or_else(|| newest(all.clone()))?, "non-empty")
            }
            Rule::Consent { .. } => return None, // above
        };
        let text = self.objects[by].claims[field].0.clone();
        let losers = all.iter().map(|(index, ..)| *index).filter(|index| *index != by).collect();
        Some(Chosen { text, by, rule: if all.len() == 1 { "only" } else { word }, losers })
    }

    /// The hub delivers: what objects will hold, and which are to be created.
    pub fn deliver(&mut self) {
        self.creates.clear();
        let records: BTreeSet<usize> = self.objects.iter().map(|object| object.record).collect();
        for record in records {
            let alive: Vec<usize> = self.alive(record).collect();
            if alive.is_empty() {
                continue;
            }
            for spoke in (0..self.spokes.len()).filter(|spoke| self.spokes[*spoke].written) {
                let there = self.objects.iter().any(|object| object.record == record && object.spoke == spoke);
                if !there {
                    self.creates.push((spoke, record));
                }
                for index in alive.iter().copied() {
                    if self.objects[index].spoke != spoke {
                        continue;
                    }
                    for field in self.spokes[spoke].fields.clone() {
                        if let Some(chosen) = self.field(record, &field) {
                            let before = self.objects[index].holds.get(&field).cloned().unwrap_or_default();
                            if !self.same(&field, &before, &chosen.text) {
                                self.objects[index].holds.insert(field, chosen.text);
                            }
                        }
                    }
                }
            }
        }
    }

    /// What a created object holds.
    pub fn created(&self, spoke: usize, record: usize) -> Texts {
        let fields = self.spokes[spoke].fields.iter();
        fields.filter_map(|field| Some((field.clone(), self.field(record, field)?.text))).collect()
    }

    /// The hub created it: known from now on, and nobody's claim.
    pub fn bind(&mut self, spoke: usize, record: usize, id: &str) {
        let holds = self.created(spoke, record);
        self.objects.push(Object { spoke, id: id.to_owned(), record, end: None, holds, claims: BTreeMap::new() });
    }

    /// Where what is there differs from what should be there. New objects are bound to the creates that explain them.
    pub fn compare(&mut self, spoke: usize, all: &[Seen]) -> Vec<String> {
        let mut wrong = Vec::new();
        let name = self.spokes[spoke].name.clone();
        for seen in all.iter().filter(|seen| seen.end.is_none()) {
            let expected = match self.find(spoke, &seen.id) {
                Some(index) => self.objects[index].holds.clone(),
                None => {
                    let key = seen.texts.get(&self.key.0).cloned().unwrap_or_default();
                    let explains = |(of, record): &(usize, usize)| {
                        *of == spoke && self.field(*record, &self.key.0).is_some_and(|chosen| chosen.text == key)
                    };
                    let Some(place) = self.creates.iter().position(explains) else {
                        wrong.push(format!("{name}:{} is there and nobody made it: {:?}", seen.id, seen.texts));
                        continue;
                    };
                    let (_, record) = self.creates.remove(place);
                    self.bind(spoke, record, &seen.id);
                    self.created(spoke, record)
                }
            };
            for field in &self.spokes[spoke].fields {
                let (there, should) = (seen.texts.get(field), expected.get(field));
                let (there, should) = (there.map_or("", String::as_str), should.map_or("", String::as_str));
                if !self.same(field, there, should) {
                    wrong.push(format!("{name}:{} {field} is {there:?} and should be {should:?}", seen.id));
                }
            }
        }
        for object in self.objects.iter().filter(|object| object.spoke == spoke && object.end.is_none()) {
            if !all.iter().any(|seen| seen.id == object.id && seen.end.is_none()) {
                wrong.push(format!("{name}:{} should be there and is not", object.id));
            }
        }
        for (_, record) in self.creates.iter().filter(|(of, _)| *of == spoke) {
            wrong.push(format!("record {record} was not created in {name}: {:?}", self.created(spoke, *record)));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoke(name: &str, written: bool) -> Spoke {
        Spoke {
            name: name.to_owned(),
            written,
            on_delete: OnDelete::Detach,
            fields: ["mail".to_owned(), "job".to_owned()].into(),
        }
    }

    fn seen(id: &str, mail: &str, job: &str, modified: i64) -> Seen {
        let texts = [("mail".to_owned(), mail.to_owned()), ("job".to_owned(), job.to_owned())].into();
        Seen { id: id.to_owned(), texts, modified, end: None }
    }

    #[test]
    fn two_systems_agree_by_time() {
        let mut model = Model::new(vec![spoke("a", true), spoke("b", true)], BTreeMap::new(), ("mail".to_owned(), Vec::new()));
        model.read(0, &[seen("1", "x", "cook", 10)]);
        model.read(1, &[seen("7", "x", "baker", 20)]);
        model.deliver();
        assert!(model.creates.is_empty());
        assert_eq!(model.compare(0, &[seen("1", "x", "baker", 30)]), Vec::<String>::new());
        let why = model.field(1, "job").unwrap();
        assert_eq!((why.text.as_str(), why.by, why.rule, why.losers.len()), ("baker", 1, "newest", 1));
        // What the hub wrote is nobody's claim, and a difference is told.
        model.read(0, &[seen("1", "x", "baker", 30)]);
        assert_eq!(model.field(1, "job").unwrap().by, 1);
        assert_eq!(model.compare(0, &[seen("1", "x", "cook", 30)]).len(), 1);
        assert_eq!(model.compare(1, &[seen("7", "x", "baker", 20), seen("8", "y", "", 40)]).len(), 1);
    }
}
