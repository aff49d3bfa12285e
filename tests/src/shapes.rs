//! The shape of a test's world: an entity, its fields, and how each system spells them; and the configuration that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::{OnDelete, Rule, Spoke, Texts};
use crate::rng::Rng;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A mailbox that nobody else has.
    Email,
    /// A text that nothing else has.
    Code,
    /// A decimal number.
    Number,
    /// A day.
    Date,
    /// A point in time, whole seconds.
    Time,
    /// `true` or `false`.
    Flag,
    /// One of these.
    Choice(Vec<String>),
}

/// A canonical field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name, as the hub knows it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Who wins.
    pub rule: Rule,
    /// A thing without it is refused, or would match nothing: always there, never cleared.
    pub needed: bool,
    /// System → its own name for it.
    pub there: BTreeMap<usize, String>,
}

/// How a system takes part.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of the connection.
    pub name: String,
    /// Stream.
    pub stream: String,
    /// The hub writes to it.
    pub written: bool,
    /// What a deletion means.
    pub on_delete: OnDelete,
    /// More keys of the mapping, before its tables: `marker = "…"`.
    pub keys: String,
    /// More tables of the mapping.
    pub tables: String,
    /// Own fields that always repeat another one: own name → own name of the other.
    pub copies: Vec<(String, String)>,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Canonical type.
    pub entity: String,
    /// It does not ship with the hub: its fields are declared with their types.
    pub own: bool,
    /// Systems.
    pub parts: Vec<Part>,
    /// Fields.
    pub fields: Vec<Field>,
    /// The field that proposes a match.
    pub key: String,
    /// One of these must agree too; none: the key suffices.
    pub seconds: Vec<String>,
}

impl Shape {
    /// The systems as the model sees them.
    pub fn spokes(&self) -> Vec<Spoke> {
        let spoke = |(index, part): (usize, &Part)| Spoke {
            name: part.name.clone(),
            written: part.written,
            on_delete: part.on_delete,
            fields: self.fields.iter().filter(|field| field.there.contains_key(&index)).map(|field| field.name.clone()).collect(),
        };
        self.parts.iter().enumerate().map(spoke).collect()
    }

    /// The rules as the model sees them.
    pub fn rules(&self) -> BTreeMap<String, Rule> {
        self.fields.iter().map(|field| (field.name.clone(), field.rule.clone())).collect()
    }

    /// A system's own spelling of texts by canonical name.
    pub fn there(&self, spoke: usize, texts: &Texts) -> Texts {
        let mut out = Texts::new();
        for field in &self.fields {
            if let (Some(own), Some(text)) = (field.there.get(&spoke), texts.get(&field.name)) {
                out.insert(own.clone(), text.clone());
            }
        }
        out
    }

    /// Texts by canonical name of a system's own.
    pub fn here(&self, spoke: usize, texts: &Texts) -> Texts {
        let own = |field: &Field| Some((field.name.clone(), texts.get(field.there.get(&spoke)?).cloned().unwrap_or_default()));
        self.fields.iter().filter_map(own).collect()
    }

    /// `entities/<entity>.toml`.
    pub fn entity_toml(&self) -> String {
        let mut out = String::new();
        if self.own {
            let _ = writeln!(out, "label = \"Thing\"\nsteward = \"ops\"\ntitle = [\"{}\"]", self.key);
        }
        for field in &self.fields {
            let _ = writeln!(out, "\n[fields.{}]", field.name);
            if self.own {
                let kind = match &field.kind {
                    Kind::Text | Kind::Code => "type = \"text\"".to_owned(),
                    Kind::Email => "type = \"email\"".to_owned(),
                    Kind::Number => "type = \"decimal\"".to_owned(),
                    Kind::Date => "type = \"date\"".to_owned(),
                    Kind::Time => "type = \"timestamp\"".to_owned(),
                    Kind::Flag => "type = \"boolean\"".to_owned(),
                    Kind::Choice(words) => format!("type = \"enum\"\nvalues = {words:?}"),
                };
                let _ = writeln!(out, "{kind}");
            }
            let name = |spoke: usize| format!("{:?}", self.parts[spoke].name);
            let rule = match &field.rule {
                Rule::Newest => "\"newest\"".to_owned(),
                Rule::Owner(owner) => format!("{{ owner = {} }}", name(*owner)),
                Rule::Priority(order) => {
                    format!("{{ priority = [{}] }}", order.iter().map(|spoke| name(*spoke)).collect::<Vec<_>>().join(", "))
                }
                Rule::Longest => "\"longest\"".to_owned(),
                Rule::NonEmpty => "\"non-empty\"".to_owned(),
                Rule::Consent { refusal, grant } => format!("{{ refusal = {refusal:?}, grant = {grant:?} }}"),
            };
            let _ = writeln!(out, "survivorship = {rule}\nbecause = \"the test says so\"");
        }
        let _ = writeln!(out, "\n[[match]]\nkey = {:?}\nagree = {:?}", self.key, self.seconds);
        out
    }

    /// `mappings/<connection>.toml`. `path` spells a system's own field name as its source records do.
    pub fn mapping_toml(&self, spoke: usize, path: &dyn Fn(&str) -> String) -> String {
        let part = &self.parts[spoke];
        let delete = match part.on_delete {
            OnDelete::Ignore => "ignore",
            OnDelete::Detach => "detach",
            OnDelete::Ask => "propagate",
        };
        let mut out = format!(
            "connection = {:?}\nstream = {:?}\nentity = {:?}\nsteward = \"ops\"\ndelete = {delete:?}\n{}\n\n[flow.in]\nfreshness = \"24h\"\n",
            part.name, part.stream, self.entity, part.keys
        );
        if part.written {
            out.push_str("\n[flow.out]\nfreshness = \"24h\"\n");
        }
        out.push_str(&part.tables);
        for field in &self.fields {
            let Some(own) = field.there.get(&spoke) else { continue };
            let read = match &field.kind {
                Kind::Text | Kind::Code | Kind::Choice(_) => "trim | null_if('')",
                Kind::Email => "trim | lower | null_if('')",
                Kind::Number => "trim | null_if('') | decimal",
                Kind::Date => "trim | null_if('') | date",
                Kind::Time => "trim | null_if('') | timestamp(iso8601)",
                Kind::Flag => "trim | null_if('') | boolean",
            };
            let (remote, canonical) = (path(own), &field.name);
            let _ = writeln!(out, "\n[[field]]\nremote = {remote:?}\ncanonical = {canonical:?}\nin = {read:?}");
            if part.written {
                out.push_str("direction = \"both\"\nclear = \"empty-text\"\nbecause = \"the test edits it on both sides\"\n");
            } else {
                out.push_str("direction = \"in\"\n");
            }
        }
        out
    }
}

const WORDS: [&str; 20] = [
    "Ahorn",
    "Bårdal",
    "Čapek",
    "D'Or",
    "Ελιά",
    "Frost & Sons",
    "Gül",
    "花子",
    "Io",
    "Jalapeño",
    "Krk",
    "Łódź",
    "Miss \"M\"",
    "a, b",
    "Ngũgĩ",
    "Ørsted",
    "Straße",
    "Ünal",
    "x;y",
    "Żur",
];

/// A text of a kind that has not been used before; `number` makes it so.
pub fn text(kind: &Kind, rng: &mut Rng, number: u64) -> String {
    match kind {
        Kind::Text => format!("{} {number}", WORDS[rng.below(WORDS.len())]),
        Kind::Email => format!("p{number}.{}@example.org", rng.below(1_000)),
        Kind::Code => format!("C-{number}-{}", rng.below(1_000)),
        Kind::Number => format!("{}.{}", number * 7 + rng.below(5) as u64, 1 + rng.below(9)),
        Kind::Date => format!("{:04}-{:02}-{:02}", 1950 + rng.below(70), 1 + rng.below(12), 1 + rng.below(28)),
        Kind::Time => {
            let (day, clock) = (text(&Kind::Date, rng, number), rng.below(86_400));
            format!("{day}T{:02}:{:02}:{:02}.000Z", clock / 3_600, clock / 60 % 60, clock % 60)
        }
        Kind::Flag => rng.percent(50).to_string(),
        Kind::Choice(words) => rng.pick(words).cloned().unwrap_or_default(),
    }
}

/// One spelling for texts that mean the same: a number's last zeros, a time's empty fraction.
pub fn meaning(_field: &str, text: &str) -> String {
    if let Some((whole, fraction)) = text.split_once('.')
        && !whole.is_empty()
        && whole.chars().all(|c| c.is_ascii_digit() || c == '-')
        && fraction.chars().all(|c| c.is_ascii_digit())
    {
        let fraction = fraction.trim_end_matches('0');
        return if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    }
    match text.strip_suffix(".000Z") {
        Some(time) => format!("{time}Z"),
        None => text.to_owned(),
    }
}

/// Names of a set, for messages.
pub fn names<'a>(all: impl IntoIterator<Item = &'a String>) -> String {
    all.into_iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings() {
        for (text, expected) in [
            ("12.50", "12.5"),
            ("12.00", "12"),
            ("-3.10", "-3.1"),
            ("a.b0", "a.b0"),
            ("1999-01-02T03:04:05.000Z", "1999-01-02T03:04:05Z"),
            ("p1.20@example.org", "p1.20@example.org"),
        ] {
            assert_eq!(meaning("", text), expected);
        }
    }
}
