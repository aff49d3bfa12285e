//! Which column of a system is which canonical field: proposed by name, by what it holds, and by values that several systems
//! have in common. A proposal: nothing is mapped before a person says so.

#[cfg(test)]
mod tests;
mod words;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use self::words::name_score;
use crate::catalog::{Entity, EntityField, FieldType, RemoteType};
use crate::linkage::Kind;
use crate::mapping::Type;

/// Below this a proposal is not made, of 1.
const SCORE_MIN: f64 = 0.55;
/// What the name says, of 1; the kind and the values say the rest.
const NAME_WEIGHT: f64 = 0.45;
/// What the kind says.
const KIND_WEIGHT: f64 = 0.35;
/// What values in common say, where values are known.
const VALUES_WEIGHT: f64 = 0.2;
/// Names at least so alike are named as a reason.
const NAME_ALIKE: f64 = 0.8;
/// A share of values in common from which it is named as a reason.
const VALUES_ALIKE: f64 = 0.05;

/// A field of a stream, with some of its values.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Connection.
    pub connection: String,
    /// Stream.
    pub stream: String,
    /// Path.
    pub path: String,
    /// For people.
    pub label: String,
    /// Type there.
    pub kind: RemoteType,
    /// What a mapping says that it is, where one does: canonical fields, none where it is ignored. It is nothing else then.
    pub mapped: Option<Vec<String>>,
    /// Of a list there: the path within an element that the values stand at, empty for the element itself.
    pub element: Option<String>,
    /// Filled values of a sample; of a list, of all its elements.
    pub values: Vec<String>,
}

/// One canonical field, and the columns that may be it.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Canonical field.
    pub field: String,
    /// Of a list: the sub-field of its elements that the columns are.
    pub element: Option<String>,
    /// The likeliest first; of a field that is no list, at most one per connection.
    pub aliases: Vec<Alias>,
}

/// A column that is what a canonical field is, where the field has one already and the entity no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Position among the columns.
    pub column: usize,
    /// Canonical field.
    pub field: String,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// Position among the columns.
    pub column: usize,
    /// 0 to 1.
    pub score: f64,
    /// Why, strongest first.
    pub reasons: Vec<String>,
    /// What its values go through on the way in; none: as they are.
    pub inward: Option<&'static str>,
    /// Into a list, of a text: what stands between its elements.
    pub split: Option<&'static str>,
}

/// What a column may be.
struct Target {
    field: EntityField,
    /// Of a list: the sub-field of its elements. The field is then spelled as if it were one element.
    element: Option<String>,
    /// Canonical name.
    name: String,
}

/// A column that was compared with a field.
struct Fit {
    column: usize,
    field: usize,
    name: f64,
    kind: f64,
}

/// Columns from which a list is proposed: one mailbox needs none.
const LISTED_MIN: usize = 2;

/// Proposes, for each canonical field that a column can hold, the columns that may be it; and for each list of mailboxes or telephones,
/// the columns that may be elements of it.
pub fn suggest(entity: &Entity, columns: &[Column]) -> Vec<Suggestion> {
    let targets = targets(entity);
    let fits = fits(entity, columns, &targets);
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut found: BTreeMap<usize, Vec<Alias>> = BTreeMap::new();
    for (target, alias) in &fits {
        if targets[*target].element.is_some() {
            continue;
        }
        let aliases = found.entry(*target).or_default();
        let there = |known: &Alias| columns[known.column].connection == columns[alias.column].connection;
        if !taken.contains(&alias.column) && !aliases.iter().any(there) {
            taken.insert(alias.column);
            aliases.push(alias.clone());
        }
    }
    // A column that is one field may be an element too: the field holds what wins, the list all that is known anywhere.
    for (target, alias) in &fits {
        if targets[*target].element.is_some() {
            found.entry(*target).or_default().push(alias.clone());
        }
    }
    let several = |alias: &Alias| columns[alias.column].element.is_some() || separator(&columns[alias.column]).is_some();
    let named = found.into_iter().filter(|(target, aliases)| {
        let least = if targets[*target].element.is_some() && !aliases.iter().any(several) { LISTED_MIN } else { 1 };
        aliases.len() >= least
    });
    let named = named.map(|(target, aliases)| {
        let Target { name, element, .. } = &targets[target];
        Suggestion { field: name.clone(), element: element.clone(), aliases }
    });
    named.collect()
}

/// Columns that are left over because the field that they are has one from their connection already, and there is no list.
pub fn unplaced(entity: &Entity, columns: &[Column], suggestions: &[Suggestion]) -> Vec<Unplaced> {
    let placed: BTreeSet<usize> = suggestions.iter().flat_map(|one| one.aliases.iter().map(|alias| alias.column)).collect();
    let left = |at: &usize| !placed.contains(at) && columns[*at].mapped.is_none();
    let scalars: Vec<Target> = targets(entity).into_iter().filter(|target| target.element.is_none()).collect();
    let as_one = |column: &Column| match column.element.is_some() || separator(column).is_some() {
        // As if it held one at a time.
        true => Column { kind: RemoteType::Text, element: None, values: pieces(column), ..column.clone() },
        false => column.clone(),
    };
    let alone: Vec<Column> = columns.iter().map(as_one).collect();
    let mut found: Vec<Unplaced> = Vec::new();
    for (target, alias) in fits(entity, &alone, &scalars) {
        let kind = &scalars[target].field.kind;
        let known = found.iter().any(|one| one.column == alias.column);
        if !known && left(&alias.column) && matches!(kind, FieldType::Email | FieldType::Phone) {
            found.push(Unplaced { column: alias.column, field: scalars[target].name.clone() });
        }
    }
    found.sort_by_key(|one| one.column);
    found
}

/// What columns may be: fields that one value fills, and lists whose elements are told apart by a mailbox or a telephone.
fn targets(entity: &Entity) -> Vec<Target> {
    let plain = entity.fields.values().filter(|field| is_plain(&field.kind));
    let mut all: Vec<Target> =
        plain.map(|field| Target { field: field.clone(), element: None, name: field.name.clone() }).collect();
    for list in entity.fields.values() {
        let FieldType::List { fields, key } = &list.kind else { continue };
        let [key] = key.as_slice() else { continue };
        let Some(kind @ (FieldType::Email | FieldType::Phone)) = fields.get(key) else { continue };
        let one = list.name.strip_suffix('s').unwrap_or(&list.name).to_owned();
        let field = EntityField { name: one, kind: kind.clone(), ..list.clone() };
        all.push(Target { field, element: Some(key.clone()), name: list.name.clone() });
    }
    all
}

/// How columns fit, the likeliest first.
fn fits(entity: &Entity, columns: &[Column], targets: &[Target]) -> Vec<(usize, Alias)> {
    let kinds: Vec<Kind> = columns.iter().map(kind_of).collect();
    let held: Vec<Vec<String>> = columns.iter().map(pieces).collect();
    let values: Vec<BTreeSet<String>> = held.iter().zip(&kinds).map(|(held, kind)| spelled(held, *kind)).collect();
    let mut fits: Vec<Fit> = Vec::new();
    for (column, (one, kind)) in columns.iter().zip(&kinds).enumerate() {
        for (field, target) in targets.iter().enumerate() {
            let other = one.mapped.as_ref().is_some_and(|mapped| !mapped.contains(&target.name));
            let several = one.element.is_some() || separator(one).is_some();
            let own = is_own_address(one);
            if other || own || several && target.element.is_none() || inward(one, &target.field.kind, *kind).is_none() {
                continue;
            }
            let mut name = name_score(entity, one, &target.field);
            if target.element.is_some() {
                // An element is called as the fields are that hold one of its kind: a mobile phone is a telephone.
                let alike = entity.fields.values().filter(|field| field.kind == target.field.kind);
                name = alike.map(|field| name_score(entity, one, field)).fold(name, f64::max);
            }
            fits.push(Fit { column, field, name, kind: kind_score(*kind, kind_there(one), &target.field) });
        }
    }
    let base = |fit: &Fit| (NAME_WEIGHT * fit.name + KIND_WEIGHT * fit.kind) / (NAME_WEIGHT + KIND_WEIGHT);
    let best_of: BTreeMap<(usize, usize), f64> = fits.iter().map(|fit| ((fit.column, fit.field), base(fit))).collect();
    let mut scored: Vec<(usize, Alias)> = fits
        .iter()
        .filter_map(|fit| {
            let (common, with) = in_common(columns, &values, fit, &best_of);
            let score = match with {
                None => base(fit),
                Some(_) => NAME_WEIGHT * fit.name + KIND_WEIGHT * fit.kind + VALUES_WEIGHT * common,
            };
            let target = &targets[fit.field];
            let alike = target.element.is_none() || fit.kind > 0.5;
            (score >= SCORE_MIN && alike).then(|| {
                let one = &columns[fit.column];
                let reasons = reasons(fit, kinds[fit.column], target, one, common, with.map(|at| &columns[at]));
                let inward = inward(one, &target.field.kind, kinds[fit.column]).unwrap_or_default();
                let inward = (!inward.is_empty()).then_some(inward);
                let text = target.element.is_some() && one.element.is_none();
                let split = text.then(|| separator(one).unwrap_or(SEPARATORS[0]));
                (fit.field, Alias { column: fit.column, score, reasons, inward, split })
            })
        })
        .collect();
    scored.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.1.column.cmp(&b.1.column)).then(a.0.cmp(&b.0)));
    scored
}

/// What may stand between mailboxes or telephones in one text.
const SEPARATORS: [&str; 4] = [";", ",", "|", "\n"];

/// Fewer digits than that are no telephone: emergency numbers apart, subscribers' numbers have six and more with their area.
const DIGITS_MIN: usize = 6;

/// What stands between several mailboxes or telephones in a text; none: there is one at a time.
fn separator(column: &Column) -> Option<&'static str> {
    if column.element.is_some() || Type::of_remote(column.kind) != Type::Text {
        return None;
    }
    let mailbox = |part: &str| part.contains('@') && !part.contains(char::is_whitespace);
    let telephone = |part: &str| {
        let sign = |c: char| c.is_ascii_digit() || " +-()/.".contains(c);
        part.chars().all(sign) && part.chars().filter(char::is_ascii_digit).count() >= DIGITS_MIN
    };
    let one = |part: &str| mailbox(part) || telephone(part);
    SEPARATORS.into_iter().find(|separator| {
        column.values.iter().any(|value| {
            let parts: Vec<&str> = value.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect();
            parts.len() > 1 && parts.into_iter().all(one)
        })
    })
}

/// The values that a column holds, each for itself.
fn pieces(column: &Column) -> Vec<String> {
    let Some(separator) = separator(column) else { return column.values.clone() };
    let parts = column.values.iter().flat_map(|value| value.split(separator)).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The type of what a column holds, one by one.
fn kind_there(column: &Column) -> RemoteType {
    if column.element.is_some() { RemoteType::Text } else { column.kind }
}

/// Whether one value fills it.
fn is_plain(kind: &FieldType) -> bool {
    !matches!(kind, FieldType::Reference(_) | FieldType::List { .. } | FieldType::Object | FieldType::File | FieldType::Money)
}

/// How values of a remote type go into a canonical field: an expression, empty where they go as they are; none: not at all.
fn inward(column: &Column, to: &FieldType, kind: Kind) -> Option<&'static str> {
    let from = kind_there(column);
    let (source, target) = (Type::of_remote(from), Type::of_field(to));
    if matches!(from, RemoteType::List | RemoteType::Object | RemoteType::Json | RemoteType::Reference) {
        return None;
    }
    match to {
        // A text that is no mailbox is none.
        FieldType::Email if source == Type::Text => matches!(kind, Kind::Email | Kind::Ignored)
            .then_some("trim | lower")
            .or((from == RemoteType::Email).then_some("trim | lower")),
        FieldType::Phone if source == Type::Text => Some("phone"),
        FieldType::Date if source == Type::Text => written::date(&column.values),
        FieldType::Decimal if source == Type::Text => written::decimal(&column.values),
        FieldType::Boolean if source == Type::Text => written::boolean(&column.values),
        _ if source.fits(target) && source == target => Some(""),
        FieldType::Text | FieldType::Phone if matches!(source, Type::Integer | Type::Decimal) => Some("text"),
        FieldType::Date if source == Type::Timestamp => Some("date"),
        _ if source.fits(target) => Some(""),
        _ => None,
    }
}

/// Whether it holds where its own system shows each thing, and not what people wrote: addresses of one host alone.
fn is_own_address(column: &Column) -> bool {
    if column.kind != RemoteType::Url {
        return false;
    }
    let host = |value: &String| value.split("://").nth(1).and_then(|rest| rest.split('/').next()).map(str::to_owned);
    let hosts: BTreeSet<Option<String>> = column.values.iter().map(host).collect();
    column.values.len() > 1 && hosts.len() == 1
}

/// What a column holds, by its type, its name and its values.
fn kind_of(column: &Column) -> Kind {
    match column.kind {
        RemoteType::Email => return Kind::Email,
        RemoteType::Boolean | RemoteType::Enum => return Kind::Category,
        _ => {}
    }
    let last = column.path.rsplit('.').next().unwrap_or(&column.path);
    let held = pieces(column);
    let values: Vec<&str> = held.iter().map(String::as_str).collect();
    let called = Kind::of_heading(last).or_else(|| Kind::of_heading(&column.label));
    let numbers = ["number", "nr", "no", "id", "code"];
    if called == Some(Kind::Company) && Kind::words(last).iter().any(|word| numbers.contains(&word.as_str())) {
        return Kind::Identifier; // the number of a company is no company
    }
    match (Kind::guess(last, &values), called) {
        (Kind::Ignored | Kind::Text | Kind::Number | Kind::Category, Some(named)) => named,
        (guessed, _) => guessed,
    }
}

/// What a canonical field holds.
fn kind_of_field(field: &EntityField) -> Kind {
    match &field.kind {
        FieldType::Email => Kind::Email,
        FieldType::Country => Kind::Country,
        FieldType::Boolean | FieldType::Enum(_) => Kind::Category,
        FieldType::Integer | FieldType::Decimal | FieldType::Money => Kind::Number,
        FieldType::Phone if field.name.contains("mobile") => Kind::Mobile,
        FieldType::Phone => Kind::Phone,
        _ => Kind::of_heading(field.name.rsplit('.').next().unwrap_or(&field.name)).unwrap_or(Kind::Text),
    }
}

fn kind_score(kind: Kind, from: RemoteType, field: &EntityField) -> f64 {
    let wanted = kind_of_field(field);
    let plain = |kind: Kind| matches!(kind, Kind::Text | Kind::Number | Kind::Category | Kind::Ignored | Kind::Identifier);
    let telephone = |kind: Kind| matches!(kind, Kind::Phone | Kind::Mobile);
    if kind == wanted && !plain(kind) {
        1.0
    } else if telephone(kind) && telephone(wanted) {
        0.7
    } else if plain(kind) && plain(wanted) {
        if Type::of_remote(from) == Type::of_field(&field.kind) { 0.5 } else { 0.2 }
    } else {
        0.0
    }
}

/// Values as they are compared: without case, blanks at the ends, and the signs of telephone numbers.
fn spelled(values: &[String], kind: Kind) -> BTreeSet<String> {
    let spell = |value: &String| match kind {
        Kind::Phone | Kind::Mobile => {
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            digits.get(digits.len().saturating_sub(8)..).unwrap_or_default().to_owned()
        }
        _ => value.trim().to_lowercase(),
    };
    values.iter().map(spell).filter(|value| !value.is_empty()).collect()
}

/// The largest share of values that a column of another connection has too, weighed by how likely that is the same field; and
/// which column it is. None where no other column has values.
fn in_common(
    columns: &[Column],
    values: &[BTreeSet<String>],
    fit: &Fit,
    best: &BTreeMap<(usize, usize), f64>,
) -> (f64, Option<usize>) {
    let own = &values[fit.column];
    let mut found = (0.0, None);
    if own.is_empty() {
        return found;
    }
    for (at, other) in values.iter().enumerate() {
        if other.is_empty() || columns[at].connection == columns[fit.column].connection {
            continue;
        }
        let Some(likely) = best.get(&(at, fit.field)).filter(|likely| **likely >= SCORE_MIN) else { continue };
        let shared = own.intersection(other).count() as f64 / own.len().min(other.len()) as f64;
        if found.1.is_none() || shared * likely > found.0 {
            found = (shared * likely, Some(at));
        }
    }
    // Few in common speak for nothing, and against nothing: two systems may know other people.
    if found.0 < VALUES_ALIKE { (0.0, None) } else { (found.0.sqrt(), found.1) }
}

fn reasons(fit: &Fit, kind: Kind, target: &Target, column: &Column, common: f64, with: Option<&Column>) -> Vec<String> {
    let last = column.path.rsplit('.').next().unwrap_or(&column.path);
    let mut all = Vec::new();
    if fit.name >= 1.0 {
        all.push(format!("`{last}` is called the same"));
    } else if fit.name >= NAME_ALIKE {
        all.push(format!("`{last}` is called nearly the same"));
    } else if fit.name > 0.0 {
        all.push(format!("`{last}` shares words with it"));
    }
    if fit.kind >= 1.0 {
        let word = serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        all.push(format!("it holds what `{}` holds: {word}", target.name));
    } else if fit.kind >= 0.5 {
        all.push("its type fits".to_owned());
    }
    if let Some(with) = with {
        let percent = (common * common * 100.0).round();
        all.push(format!("{percent} % of its values are in {}/{}.{} too", with.connection, with.stream, with.path));
    }
    all
}
