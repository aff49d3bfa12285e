//! Which column of a system is which canonical field: proposed by name, by what it holds, and by values that several systems
//! have in common. A proposal: nothing is mapped before a person says so.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What a mapping says that it is, where one does: a canonical field, or empty where it is ignored. It is nothing else then.
    pub mapped: Option<String>,
    /// Filled values of a sample.
    pub values: Vec<String>,
}

/// One canonical field, and the columns that may be it.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Canonical field.
    pub field: String,
    /// At most one per connection, the likeliest first.
    pub aliases: Vec<Alias>,
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
}

/// A column that was compared with a field.
struct Fit {
    column: usize,
    field: usize,
    name: f64,
    kind: f64,
}

/// Proposes, for each canonical field that a plain column can hold, the columns that may be it.
pub fn suggest(entity: &Entity, columns: &[Column]) -> Vec<Suggestion> {
    let fields: Vec<&EntityField> = entity.fields.values().filter(|field| is_plain(&field.kind)).collect();
    let kinds: Vec<Kind> = columns.iter().map(kind_of).collect();
    let values: Vec<BTreeSet<String>> = columns.iter().zip(&kinds).map(|(column, kind)| spelled(&column.values, *kind)).collect();
    let mut fits: Vec<Fit> = Vec::new();
    for (column, (one, kind)) in columns.iter().zip(&kinds).enumerate() {
        for (field, known) in fields.iter().enumerate() {
            let other = one.mapped.as_ref().is_some_and(|mapped| *mapped != known.name);
            if other || inward(one.kind, &known.kind, *kind).is_none() {
                continue;
            }
            let name = name_score(entity, one, known);
            fits.push(Fit { column, field, name, kind: kind_score(*kind, one.kind, known) });
        }
    }
    let base = |fit: &Fit| (NAME_WEIGHT * fit.name + KIND_WEIGHT * fit.kind) / (NAME_WEIGHT + KIND_WEIGHT);
    let best_of: BTreeMap<(usize, usize), f64> = fits.iter().map(|fit| ((fit.column, fit.field), base(fit))).collect();
    let mut scored: Vec<(f64, Alias, usize)> = fits
        .iter()
        .filter_map(|fit| {
            let (common, with) = in_common(columns, &values, fit, &best_of);
            let score = match with {
                None => base(fit),
                Some(_) => NAME_WEIGHT * fit.name + KIND_WEIGHT * fit.kind + VALUES_WEIGHT * common,
            };
            (score >= SCORE_MIN).then(|| {
                let one = &columns[fit.column];
                let reasons = reasons(fit, kinds[fit.column], fields[fit.field], one, common, with.map(|at| &columns[at]));
                let inward = inward(one.kind, &fields[fit.field].kind, kinds[fit.column]).unwrap_or_default();
                let inward = (!inward.is_empty()).then_some(inward);
                (score, Alias { column: fit.column, score, reasons, inward }, fit.field)
            })
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.column.cmp(&b.1.column)).then(a.2.cmp(&b.2)));
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut found: BTreeMap<usize, Vec<Alias>> = BTreeMap::new();
    for (_, alias, field) in scored {
        let aliases = found.entry(field).or_default();
        let there = |known: &Alias| columns[known.column].connection == columns[alias.column].connection;
        if !taken.contains(&alias.column) && !aliases.iter().any(there) {
            taken.insert(alias.column);
            aliases.push(alias);
        }
    }
    let named = found.into_iter().filter(|(_, aliases)| !aliases.is_empty());
    named.map(|(field, aliases)| Suggestion { field: fields[field].name.clone(), aliases }).collect()
}

/// Whether one value fills it.
fn is_plain(kind: &FieldType) -> bool {
    !matches!(kind, FieldType::Reference(_) | FieldType::List { .. } | FieldType::Object | FieldType::File | FieldType::Money)
}

/// How values of a remote type go into a canonical field: an expression, empty where they go as they are; none: not at all.
fn inward(from: RemoteType, to: &FieldType, kind: Kind) -> Option<&'static str> {
    let (source, target) = (Type::of_remote(from), Type::of_field(to));
    if matches!(from, RemoteType::List | RemoteType::Object | RemoteType::Json | RemoteType::Reference) {
        return None;
    }
    match to {
        // A text that is no mailbox is none.
        FieldType::Email if source == Type::Text => matches!(kind, Kind::Email | Kind::Ignored)
            .then_some("trim | lower")
            .or((from == RemoteType::Email).then_some("trim | lower")),
        FieldType::Phone if source == Type::Text => Some("trim"),
        _ if source.fits(target) && source == target => Some(""),
        FieldType::Text | FieldType::Phone if matches!(source, Type::Integer | Type::Decimal) => Some("text"),
        FieldType::Date if source == Type::Timestamp => Some("date"),
        _ if source.fits(target) => Some(""),
        _ => None,
    }
}

/// What a column holds, by its type, its name and its values.
fn kind_of(column: &Column) -> Kind {
    match column.kind {
        RemoteType::Email => return Kind::Email,
        RemoteType::Boolean | RemoteType::Enum => return Kind::Category,
        _ => {}
    }
    let last = column.path.rsplit('.').next().unwrap_or(&column.path);
    let values: Vec<&str> = column.values.iter().map(String::as_str).collect();
    match (Kind::guess(last, &values), Kind::of_heading(last).or_else(|| Kind::of_heading(&column.label))) {
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

/// Words that say nothing about what a field is.
const NOISE: [&str; 8] = ["properties", "fields", "field", "attributes", "data", "value", "the", "merge"];
/// Words that people use for the same thing: each → the one that canonical fields have.
const SAME: [(&str, &str); 24] = [
    ("mail", "email"),
    ("telephone", "phone"),
    ("tel", "phone"),
    ("telefon", "phone"),
    ("cell", "mobile"),
    ("handy", "mobile"),
    ("zip", "postal"),
    ("zipcode", "postal"),
    ("postcode", "postal"),
    ("plz", "postal"),
    ("surname", "last"),
    ("family", "last"),
    ("nachname", "last"),
    ("forename", "first"),
    ("given", "first"),
    ("vorname", "first"),
    ("town", "city"),
    ("ort", "city"),
    ("state", "region"),
    ("province", "region"),
    ("url", "website"),
    ("vat", "tax"),
    ("organisation", "company"),
    ("organization", "company"),
];

/// The words of a name, without what every name there has, each as canonical fields have it.
fn words(text: &str, entity: &str) -> BTreeSet<String> {
    let own: &[&str] = match entity {
        "contact" => &["contact", "customer", "person", "client", "lead", "member", "user"],
        "company" => &["company", "customer", "account", "organisation", "organization", "client"],
        "employee" => &["employee", "staff"],
        _ => &[],
    };
    let all = Kind::words(text);
    let kept: Vec<&String> = all.iter().filter(|word| !NOISE.contains(&word.as_str()) && !own.contains(&word.as_str())).collect();
    let kept = if kept.is_empty() { all.iter().collect() } else { kept };
    let same =
        |word: &String| SAME.iter().find(|(from, _)| from == word).map_or_else(|| word.clone(), |(_, to)| (*to).to_owned());
    let mut words: BTreeSet<String> = kept.into_iter().map(same).collect();
    // An e-mail address is an e-mail; a phone number is a phone.
    if words.contains("email") {
        words.remove("address");
    }
    if words.contains("phone") || words.contains("mobile") {
        words.remove("number");
    }
    if words.contains("mobile") {
        words.remove("phone");
    }
    words
}

/// How alike the names are, 0 to 1: words in common, or letters where nothing else is.
fn name_score(entity: &Entity, column: &Column, field: &EntityField) -> f64 {
    let last = column.path.rsplit('.').next().unwrap_or(&column.path);
    // A field of a group is called by both names, or by its own: `address.city`, `city`.
    let short = field.name.rsplit('.').next().unwrap_or(&field.name);
    let mut best = 0.0_f64;
    for theirs in [last, column.path.as_str(), column.label.as_str()].into_iter().filter(|text| !text.is_empty()) {
        let theirs = words(theirs, &entity.name);
        for ours in [short, field.name.as_str(), field.label.as_str()] {
            let ours = words(ours, &entity.name);
            let common = theirs.intersection(&ours).count() as f64;
            let union = theirs.union(&ours).count().max(1) as f64;
            let letters = |words: &BTreeSet<String>| words.iter().cloned().collect::<String>();
            let spelled = strsim::jaro_winkler(&letters(&theirs), &letters(&ours));
            // Letters alone count where they are nearly the same: `loyaltytier` for `loyalty_tier`.
            let spelled = if spelled > 0.92 { spelled } else { 0.0 };
            best = best.max((common / union).max(spelled));
        }
    }
    best
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

fn reasons(fit: &Fit, kind: Kind, field: &EntityField, column: &Column, common: f64, with: Option<&Column>) -> Vec<String> {
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
        all.push(format!("it holds what `{}` holds: {word}", field.name));
    } else if fit.kind >= 0.5 {
        all.push("its type fits".to_owned());
    }
    if let Some(with) = with {
        let percent = (common * common * 100.0).round();
        all.push(format!("{percent} % of its values are in {}/{}.{} too", with.connection, with.stream, with.path));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::shipped_entities;

    /// `connection path type value,value`.
    fn columns(text: &[&str]) -> Vec<Column> {
        let column = |line: &&str| {
            let mut parts = line.splitn(4, ' ');
            let mut next = || parts.next().unwrap_or_default().to_owned();
            let (connection, path, kind, values) = (next(), next(), next(), next());
            Column {
                connection,
                stream: "s".into(),
                path,
                label: String::new(),
                kind: serde_json::from_value(kind.into()).unwrap(),
                mapped: None,
                values: values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect(),
            }
        };
        text.iter().map(column).collect()
    }

    #[track_caller]
    fn check(text: &[&str], expected: &[&str]) {
        let columns = columns(text);
        let found = suggest(&shipped_entities()["contact"], &columns);
        let told: Vec<String> = found
            .iter()
            .map(|one| {
                let path = |alias: &Alias| format!("{}.{}", columns[alias.column].connection, columns[alias.column].path);
                let mut aliases: Vec<String> = one.aliases.iter().map(path).collect();
                aliases.sort();
                format!("{}: {}", one.field, aliases.join(" "))
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn three_names_of_one_thing() {
        check(
            &["crm email_address text", "books customer_email text", "desk contact_email email"],
            &["email: books.customer_email crm.email_address desk.contact_email"],
        );
        check(
            &["crm properties.firstname text", "crm properties.lastname text", "books FirstName text", "books family_name text"],
            &["first_name: books.FirstName crm.properties.firstname", "last_name: books.family_name crm.properties.lastname"],
        );
        check(&["crm zip text", "books address.postcode text"], &["address.postal_code: books.address.postcode crm.zip"]);
        check(&["crm MobilePhone phone", "crm Telephone phone"], &["mobile: crm.MobilePhone", "phone: crm.Telephone"]);
        check(&["crm dob date", "books BirthDate timestamp"], &["birth_date: books.BirthDate"]);
    }

    #[test]
    fn what_is_nothing_of_ours_is_not_proposed() {
        check(&["crm hs_object_id integer", "crm engine_size decimal", "crm tags list", "crm owner reference"], &[]);
        // An e-mail field wants mailboxes: what is called so and holds none is left alone.
        check(&["crm email boolean"], &[]);
    }

    #[test]
    fn what_a_mapping_says_already_is_nothing_else() {
        let mut columns = columns(&["crm mail email", "crm email email", "books City text", "crm city text"]);
        columns[1].mapped = Some(String::new());
        let found = suggest(&shipped_entities()["contact"], &columns);
        let told: Vec<(&str, Vec<usize>)> =
            found.iter().map(|one| (one.field.as_str(), one.aliases.iter().map(|alias| alias.column).collect())).collect();
        assert_eq!(told, [("address.city", vec![2, 3]), ("email", vec![0])]);
    }

    #[test]
    fn what_it_holds_counts_where_the_name_says_nothing() {
        let mails = "ada@x.test,bob@x.test,eve@x.test";
        check(&[&format!("drop f7 text {mails}"), &format!("crm email email {mails}")], &["email: crm.email drop.f7"]);
    }

    #[test]
    fn values_in_common_decide_between_two() {
        let (ours, others) = ("ada@x.test,bob@x.test,eve@x.test", "billing@x.test,office@x.test,info@x.test");
        let lines = [format!("crm email email {ours}"), format!("drop mail_a text {others}"), format!("drop mail_b text {ours}")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        check(&lines, &["email: crm.email drop.mail_b"]);
        let columns = columns(&lines);
        let found = suggest(&shipped_entities()["contact"], &columns);
        let reasons = found[0].aliases.iter().find(|alias| alias.column == 2).unwrap().reasons.join("; ");
        assert!(reasons.contains("of its values are in crm/s.email too"), "{reasons}");
    }
}
