//! What happens to flows sooner or later: a list of cases, each a value, something that people do, or something that a system does.
//!
//! Pure: which cases there are, which fields each is about, and whether what happened is what must. The hub plays them.

use crate::catalog::FieldType;
use crate::value::Value;

/// Kind of canonical field that a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Sort {
    Text,
    Number,
    Money,
    Date,
    Timestamp,
    Enum,
    Email,
    Phone,
    Country,
    Boolean,
    Url,
    Reference,
}

impl Sort {
    /// Whether a canonical field is of this sort.
    pub fn is(self, kind: &FieldType) -> bool {
        match kind {
            FieldType::Text => self == Self::Text,
            FieldType::Integer | FieldType::Decimal => self == Self::Number,
            FieldType::Money => matches!(self, Self::Money | Self::Number),
            FieldType::Date => self == Self::Date,
            FieldType::Timestamp => self == Self::Timestamp,
            FieldType::Enum(_) => self == Self::Enum,
            FieldType::Email => self == Self::Email,
            FieldType::Phone => self == Self::Phone,
            FieldType::Country => self == Self::Country,
            FieldType::Boolean => self == Self::Boolean,
            FieldType::Url => self == Self::Url,
            FieldType::Reference(_) => self == Self::Reference,
            FieldType::List { .. } | FieldType::Object | FieldType::File => false,
        }
    }

    /// For people: "no field of this flow is a date".
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Money => "an amount with a currency",
            Self::Date => "a date",
            Self::Timestamp => "a moment",
            Self::Enum => "a closed set of words",
            Self::Email => "a mailbox",
            Self::Phone => "a telephone number",
            Self::Country => "a country",
            Self::Boolean => "yes or no",
            Self::Url => "an address of the web",
            Self::Reference => "a reference",
        }
    }
}

/// What is put into the field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    /// This text.
    Text(&'static str),
    /// This text, so many times.
    Many(&'static str, usize),
    /// This number, as spelled.
    Number(&'static str),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
    /// The field is not in the thing at all.
    Missing,
    /// A list of one text.
    List(&'static str),
    /// An object with one text.
    Object(&'static str),
}

impl Given {
    /// The value; none where the field is missing.
    pub fn value(self) -> Option<Value> {
        Some(match self {
            Self::Text(text) => Value::text(text),
            Self::Many(text, times) => Value::text(text.repeat(times)),
            Self::Number(text) => Value::Number(text.into()),
            Self::Bool(flag) => Value::Bool(flag),
            Self::Null => Value::Null,
            Self::Missing => return None,
            Self::List(text) => Value::List(vec![Value::text(text)]),
            Self::Object(text) => {
                let mut object = Value::Null;
                object.put("value", Value::text(text));
                object
            }
        })
    }
}

/// What people or the system do where the flow reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing special.
    Normal,
    /// The same thing is there under two ids.
    Twice,
    /// It is deleted before anything was delivered.
    DeletedBetween,
    /// It is deleted after it was delivered.
    DeletedLater,
    /// Its body cannot be read.
    NoJson,
    /// Its id is empty.
    NoId,
    /// A field is changed and changed back before the next read.
    ChangedBack,
    /// A field is changed twice between two reads.
    ChangedTwice,
    /// It is touched, and nothing is different.
    Touched,
    /// Its page is read a second time.
    ReadAgain,
    /// The system is down for one read.
    Down,
}

/// What the system does that the flow writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It refuses the first write for good.
    Rejects,
    /// It names a field that is missing.
    WantsMore,
    /// It is down for one write.
    Down,
    /// It asks to come back later, once.
    Waits,
    /// It refuses the credential, once.
    Unauthorized,
    /// It does what it was asked, and the answer is lost.
    LostAnswer,
    /// The request is lost on the way.
    LostRequest,
    /// The thing is deleted there after it was delivered, and then edited where it came from.
    Gone,
    /// Somebody else is faster: the write of an edit is a conflict.
    Conflict,
    /// It keeps texts in upper case.
    Shouts,
}

/// What a case does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// A value in a field of this sort.
    Value(Sort, Given),
    /// Something where it reads.
    Source(Source),
    /// Something where it writes.
    Target(Target),
}

/// One case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Name, the same in every flow.
    pub name: &'static str,
    /// What it does.
    pub what: What,
}

const fn value(name: &'static str, sort: Sort, given: Given) -> Scenario {
    Scenario { name, what: What::Value(sort, given) }
}

const fn source(name: &'static str, source: Source) -> Scenario {
    Scenario { name, what: What::Source(source) }
}

const fn target(name: &'static str, target: Target) -> Scenario {
    Scenario { name, what: What::Target(target) }
}

use Given::{Bool, List, Many, Missing, Null, Number, Object, Text};

/// All of them. The first says whether the flow works at all.
pub static ALL: &[Scenario] = &[
    source("normal", Source::Normal),
    value("empty", Sort::Text, Text("")),
    value("null", Sort::Text, Null),
    value("missing", Sort::Text, Missing),
    value("only spaces", Sort::Text, Text("   ")),
    value("special characters", Sort::Text, Text("Zażółć & gęślą <jaźń> ½ € ß \u{201e}x\u{201c}")),
    value("emoji", Sort::Text, Text("👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪")),
    value("right to left", Sort::Text, Text("שלום עולם مرحبا")),
    value("combining characters", Sort::Text, Text("A\u{30a}ngstro\u{308}m e\u{301}te\u{301}")),
    value("control characters", Sort::Text, Text("a\u{0}b\u{7}c\u{1b}[31m")),
    value("quotes and markup", Sort::Text, Text("'; DROP TABLE x; -- <script>alert(\"1\")</script>")),
    value("formula of a sheet", Sort::Text, Text("=HYPERLINK(\"http://evil.example\",\"x\")")),
    value("line breaks", Sort::Text, Text("one\ntwo\r\n\tthree")),
    value("spaces around it", Sort::Text, Text("  Ada  Example  ")),
    value("very long", Sort::Text, Many("Lorem ipsum ", 2_000)),
    value("a number as text", Sort::Text, Text("0012.50")),
    value("a number for a text", Sort::Text, Number("42")),
    value("a truth value for a text", Sort::Text, Bool(true)),
    value("a list for a text", Sort::Text, List("Ada")),
    value("an object for a text", Sort::Text, Object("Ada")),
    value("number too big", Sort::Number, Number("123456789012345678901234567890")),
    value("big integer", Sort::Number, Number("9007199254740993")),
    value("negative number", Sort::Number, Number("-1")),
    value("number that is none", Sort::Number, Text("a dozen")),
    value("decimal comma", Sort::Number, Text("1.234,50")),
    value("money to the cent", Sort::Number, Number("1234567.10")),
    value("currency that is none", Sort::Money, Text("12.50 XXQ")),
    value("bad date", Sort::Date, Text("2026-02-30")),
    value("date of another country", Sort::Date, Text("24.11.26")),
    value("leap day", Sort::Date, Text("2028-02-29")),
    value("date long ago", Sort::Date, Text("0001-01-01")),
    value("bad time", Sort::Timestamp, Text("2026-11-24T25:00:00Z")),
    value("time without a zone", Sort::Timestamp, Text("2026-11-24 02:06:37")),
    value("time of a clock change", Sort::Timestamp, Text("2026-10-25T02:30:00+02:00")),
    value("unknown word", Sort::Enum, Text("no-such-word")),
    value("word in capitals", Sort::Enum, Text("NO SUCH WORD")),
    value("mailbox that is none", Sort::Email, Text("ada at example")),
    value("mailbox in capitals", Sort::Email, Text("Ada.Example@Example.COM")),
    value("telephone number that is none", Sort::Phone, Text("ask her")),
    value("country that is none", Sort::Country, Text("Atlantis")),
    value("neither yes nor no", Sort::Boolean, Text("maybe")),
    value("address that is none", Sort::Url, Text("javascript:alert(1)")),
    value("reference to nothing", Sort::Reference, Text("nave-no-such-id")),
    source("duplicate", Source::Twice),
    source("deleted in between", Source::DeletedBetween),
    source("deleted later", Source::DeletedLater),
    source("body that cannot be read", Source::NoJson),
    source("no id", Source::NoId),
    source("changed and changed back", Source::ChangedBack),
    source("changed twice", Source::ChangedTwice),
    source("touched", Source::Touched),
    source("read again", Source::ReadAgain),
    source("source down", Source::Down),
    target("target rejects", Target::Rejects),
    target("missing required", Target::WantsMore),
    target("target down", Target::Down),
    target("target asks to wait", Target::Waits),
    target("target refuses the credential", Target::Unauthorized),
    target("answer lost", Target::LostAnswer),
    target("request lost", Target::LostRequest),
    target("deleted in the target", Target::Gone),
    target("conflict in the target", Target::Conflict),
    target("target spells otherwise", Target::Shouts),
];

/// What became of a thing in one system that is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum There {
    /// The value that was said, as it was said.
    Unchanged,
    /// What the mapping makes of it.
    Transformed(String),
    /// It is not there, and does not have to be.
    Not,
    /// What is there and what the mapping says are two things: there, expected.
    Other(String, String),
    /// It is not there though it must be.
    Missing,
    /// It is there more than once.
    Many(usize),
}

/// What happened in a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// There is a record of it.
    pub taken: bool,
    /// What it says is not what the mapping makes of it: there, expected.
    pub misread: Option<(String, String)>,
    /// By flow.
    pub there: Vec<(String, There)>,
    /// Classes of what was set aside.
    pub set_aside: Vec<String>,
    /// Kinds of what is asked of a person.
    pub held: Vec<String>,
    /// Left out by a filter.
    pub filtered: bool,
    /// Something that nobody touched did not arrive.
    pub others_missing: Vec<String>,
    /// Writes in a round in which nobody did anything.
    pub unquiet: usize,
    /// A run that did not account for everything, or broke off.
    pub broken: Vec<String>,
}

/// What must happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// It arrives as the mapping says, or it is set aside or asked about: never lost without a word.
    Arrive,
    /// It arrives in the end.
    ArriveInTheEnd,
    /// It is set aside with this class.
    SetAside(String),
    /// It is set aside, with whatever class.
    SetAsideSomehow,
    /// Nothing comes of it, and nothing breaks.
    Nothing,
    /// It is there once, or a person is asked.
    Once,
}

impl Must {
    /// As a sentence for the report.
    pub fn words(&self) -> String {
        match self {
            Self::Arrive => "it arrives unchanged or as the mapping says, or is set aside or asked about".to_owned(),
            Self::ArriveInTheEnd => "it arrives in the end".to_owned(),
            Self::SetAside(class) => format!("it is set aside as `{class}`"),
            Self::SetAsideSomehow => "it is set aside with a reason".to_owned(),
            Self::Nothing => "everything else goes on, and nothing is made of it".to_owned(),
            Self::Once => "it is there once, or a person is asked".to_owned(),
        }
    }
}

impl Happened {
    /// As a sentence for the report.
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        let short = |text: &String| match text.char_indices().nth(40) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text.clone(),
        };
        for (flow, there) in &self.there {
            parts.push(match there {
                There::Unchanged => format!("carried unchanged to {flow}"),
                There::Transformed(value) => format!("carried to {flow} as the mapping says ({:?})", short(value)),
                There::Not => format!("not carried to {flow}"),
                There::Other(found, wanted) => {
                    format!("{flow} holds {:?} where the mapping says {:?}", short(found), short(wanted))
                }
                There::Missing => format!("missing in {flow}"),
                There::Many(count) => format!("{count} times in {flow}"),
            });
        }
        parts.extend(
            self.misread
                .iter()
                .map(|(found, wanted)| format!("the record says {:?} where the mapping says {:?}", short(found), short(wanted))),
        );
        parts.extend(self.set_aside.iter().map(|class| format!("set aside as `{class}`")));
        parts.extend(self.held.iter().map(|kind| format!("held for a person ({kind})")));
        if self.filtered {
            parts.push("left out by the flow's filter".to_owned());
        }
        if parts.is_empty() {
            parts.push(if self.taken { "taken in" } else { "nothing was made of it" }.to_owned());
        }
        parts.extend(self.others_missing.iter().map(|flow| format!("others did not arrive in {flow}")));
        if self.unquiet > 0 {
            parts.push(format!("{} writes after everything was done", self.unquiet));
        }
        parts.extend(self.broken.iter().cloned());
        parts.join(", ")
    }

    /// Whether that is what must happen.
    pub fn fits(&self, must: &Must) -> bool {
        let is = |there: &There| matches!(there, There::Unchanged | There::Transformed(_) | There::Not);
        if !self.broken.is_empty() || !self.others_missing.is_empty() || self.unquiet > 0 || self.misread.is_some() {
            return false;
        }
        if self.there.iter().any(|(_, there)| matches!(there, There::Other(..) | There::Many(_))) {
            return false;
        }
        let told = !self.set_aside.is_empty() || !self.held.is_empty() || self.filtered;
        let all_there = self.taken && self.there.iter().all(|(_, there)| is(there));
        match must {
            Must::Arrive | Must::Once => all_there || told,
            Must::ArriveInTheEnd => all_there && self.set_aside.is_empty(),
            Must::SetAside(class) => self.set_aside.iter().any(|found| found == class),
            Must::SetAsideSomehow => !self.set_aside.is_empty(),
            Must::Nothing => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(happened: Happened, must: &Must, fits: bool) {
        assert_eq!(happened.fits(must), fits, "{must:?}: {}", happened.words());
    }

    #[test]
    fn what_is_lost_without_a_word_never_fits() {
        let arrived = |there| Happened { taken: true, there: vec![("books".into(), there)], ..Happened::default() };
        check(arrived(There::Unchanged), &Must::Arrive, true);
        check(arrived(There::Transformed("x".into())), &Must::ArriveInTheEnd, true);
        check(arrived(There::Missing), &Must::Arrive, false);
        check(Happened { set_aside: vec!["length".into()], ..arrived(There::Missing) }, &Must::Arrive, true);
        check(Happened { set_aside: vec!["length".into()], ..arrived(There::Missing) }, &Must::ArriveInTheEnd, false);
        check(arrived(There::Other("a".into(), "b".into())), &Must::Nothing, false);
        check(arrived(There::Many(2)), &Must::Once, false);
        check(Happened::default(), &Must::Arrive, false);
        check(Happened::default(), &Must::Nothing, true);
        check(Happened { set_aside: vec!["type".into()], ..Happened::default() }, &Must::SetAside("type".into()), true);
        check(Happened { set_aside: vec!["type".into()], ..Happened::default() }, &Must::SetAside("format".into()), false);
        for wrong in [
            Happened { unquiet: 1, ..arrived(There::Unchanged) },
            Happened { others_missing: vec!["books".into()], ..arrived(There::Unchanged) },
            Happened { broken: vec!["x".into()], ..arrived(There::Unchanged) },
            Happened { misread: Some(("a".into(), "b".into())), ..arrived(There::Unchanged) },
        ] {
            check(wrong, &Must::Arrive, false);
        }
    }

    #[test]
    fn every_flow_has_thirty_cases_that_need_no_field_of_a_rare_kind() {
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), ALL.len());
        let common = ALL.iter().filter(|one| !matches!(one.what, What::Value(sort, _) if sort != Sort::Text));
        assert!(common.count() >= 30);
        assert_eq!(ALL[0].what, What::Source(Source::Normal));
    }
}
