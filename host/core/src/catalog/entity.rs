//! `entities/*.toml`: the shipped canonical types, and a project's own on top of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::consent;
use super::reader::{At, File, Table};
use super::{Entity, EntityField, FieldType, MatchRule, SourceFile, Stances, Survivorship};
use crate::linkage::Roles;
use crate::mapping::nearest;
use crate::matching::is_name_only;

/// The entities that ship with the hub.
pub const SHIPPED: &[(&str, &str)] = &[
    ("campaign", include_str!("entities/campaign.toml")),
    ("company", include_str!("entities/company.toml")),
    ("contact", include_str!("entities/contact.toml")),
    ("deal", include_str!("entities/deal.toml")),
    ("employee", include_str!("entities/employee.toml")),
    ("interaction", include_str!("entities/interaction.toml")),
    ("invoice", include_str!("entities/invoice.toml")),
    ("payment", include_str!("entities/payment.toml")),
    ("product", include_str!("entities/product.toml")),
    ("stock-level", include_str!("entities/stock-level.toml")),
    ("ticket", include_str!("entities/ticket.toml")),
    ("user", include_str!("entities/user.toml")),
];

const TYPES: &[&str] = &[
    "text",
    "integer",
    "decimal",
    "money",
    "boolean",
    "date",
    "timestamp",
    "email",
    "phone",
    "country",
    "url",
    "enum",
    "reference",
    "list",
    "object",
    "file",
];

/// Keys of a field; a table below `fields` with none of them is a group: `[fields.address.city]`.
const FIELD_KEYS: &[&str] = &[
    "type",
    "label",
    "survivorship",
    "because",
    "steward",
    "decided-by",
    "decided-on",
    "personal",
    "values",
    "entity",
    "fields",
    "key",
    "renamed-from",
];

/// The shipped files, as [`SourceFile`]s.
pub(super) fn shipped() -> Vec<SourceFile> {
    SHIPPED
        .iter()
        .map(|(name, text)| SourceFile { path: format!("shipped:entities/{name}.toml"), text: (*text).to_owned() })
        .collect()
}

/// Names in an entity that have to be found elsewhere, checked when everything is read.
#[derive(Default)]
pub(super) struct Loose {
    pub(super) entities: Vec<At<String>>,
    pub(super) connections: Vec<At<String>>,
    /// Names that fields had before, and theirs now.
    renamed: Vec<(At<String>, String)>,
}

/// Reads one file, on top of what is known of that entity.
pub(super) fn read(file: &File<'_>, mut table: Table<'_>, base: Option<&Entity>) -> (Entity, Loose) {
    let mut loose = Loose::default();
    let name = file.stem().to_owned();
    let mut entity = base.cloned().unwrap_or_else(|| Entity {
        label: title(&name),
        name,
        fields: BTreeMap::new(),
        match_rules: Vec::new(),
        scoring: None,
        title: Vec::new(),
        steward: String::new(),
    });
    if let Some(label) = table.plain("label") {
        entity.label = label;
    }
    if let Some(steward) = table.plain("steward") {
        entity.steward = steward;
    }
    if table.text("renamed-from").is_some() {
        let help = "give it another `label`, which is what people see; fields can be renamed".to_owned();
        let message = "an entity keeps its name: records, reviews and references are stored under it";
        file.error(table.key_span("renamed-from"), "keeps-its-name", message, Some(help));
    }
    let mut default = survivorship(&mut table, &mut loose);
    if matches!(default, Some(Survivorship::Consent(_))) {
        let help = Some("write it at the field: [fields.NAME] with survivorship = \"consent\"".to_owned());
        file.error(table.key_span("survivorship"), "not-consent", "consent is of one field, not of a whole entity", help);
        default = None;
    }
    if let Some(default) = &default {
        // A field of consent stays one: only a line of its own makes it another.
        let other = |field: &&mut EntityField| !matches!(field.survivorship, Survivorship::Consent(_));
        for field in entity.fields.values_mut().filter(other) {
            field.survivorship = default.clone();
            field.decided = true;
        }
    }
    if let Some(fields) = table.table("fields") {
        group(&fields, "", &mut entity, default.as_ref(), &mut loose);
    }
    renamed(file, &entity, &loose.renamed);
    let titles = table.texts("title");
    if !titles.is_empty() {
        titles.iter().for_each(|title| known(file, &entity, title, "title"));
        entity.title = titles.into_iter().map(|title| title.value).collect();
    }
    if table.has("match") {
        let rules = table.tables("match");
        entity.match_rules = rules.into_iter().filter_map(|rule| match_rule(rule, &entity)).collect();
    }
    if let Some(scored) = table.table("scored") {
        entity.scoring = Some(super::scored::read(scored, &entity));
    }
    if let Some(scoring) = &mut entity.scoring {
        scoring.roles = Roles::new(&entity.name, &entity.fields);
    }
    table.finish();
    (entity, loose)
}

/// A name that was given up is nobody's any more, and one field's only.
fn renamed(file: &File<'_>, entity: &Entity, renamed: &[(At<String>, String)]) {
    for (index, (from, to)) in renamed.iter().enumerate() {
        if entity.fields.contains_key(&from.value) {
            let message = format!("`{to}` was called `{}`, and {} still has a field of that name", from.value, entity.name);
            let help = "take that field out, or `renamed-from`: what is stored under the old name goes to one of them".to_owned();
            file.error(from.span.clone(), "still-there", message, Some(help));
        } else if let Some((_, other)) = renamed[..index].iter().find(|(known, _)| known.value == from.value) {
            let message = format!("`{other}` was called `{}` already", from.value);
            file.error(from.span.clone(), "renamed-twice", message, Some("what is stored goes to one of them".to_owned()));
        }
    }
}

fn match_rule(mut table: Table<'_>, entity: &Entity) -> Option<MatchRule> {
    let key = table.needed("key", "the field that proposes: key = \"email\"");
    let agree = table.texts("agree");
    let unless_different = table.texts("unless-different");
    for field in key.iter().chain(&agree).chain(&unless_different) {
        known(table.file, entity, field, "match");
    }
    if let Some(key) = key.as_ref().filter(|_| agree.is_empty())
        && !table.has("agree")
    {
        let help = "write agree = [\"last_name\"], or agree = [] if this field alone identifies, as a tax number does".to_owned();
        table.file.error(key.span.clone(), "missing-key", "`agree` is missing: which second field must agree?", Some(help));
    }
    let file = table.file;
    table.finish();
    let names = |fields: Vec<At<String>>| fields.into_iter().map(|field| field.value).collect();
    let At { value, span } = key?;
    let rule = MatchRule { key: value, agree: names(agree), unless_different: names(unless_different) };
    if is_name_only(entity, &rule) {
        let message =
            format!("this rule goes by names alone, and will ask instead of merge: namesakes have one `{}` too", rule.key);
        let help = "add to `agree` something that namesakes do not share: a mailbox, a telephone, a date of birth, a postal code";
        file.warning(span, "name-only", message, Some(help.to_owned()));
    }
    Some(rule)
}

/// Whether a field, or a sub-field of a list, exists.
fn known(file: &File<'_>, entity: &Entity, field: &At<String>, code: &'static str) {
    let found = entity.fields.contains_key(&field.value)
        || field.value.rsplit_once('.').is_some_and(|(list, sub)| {
            matches!(entity.fields.get(list).map(|field| &field.kind), Some(FieldType::List { fields, .. }) if fields.contains_key(sub))
        });
    if !found {
        let message = format!("{} has no field `{}` ({code})", entity.name, field.value);
        let sub_fields = entity.fields.values().flat_map(|field| match &field.kind {
            FieldType::List { fields, .. } => fields.keys().map(|sub| format!("{}.{sub}", field.name)).collect(),
            _ => Vec::new(),
        });
        let all: Vec<String> = entity.fields.keys().cloned().chain(sub_fields).collect();
        file.error(field.span.clone(), "unknown-field", message, did_you_mean(&field.value, &all));
    }
}

pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Option<String> {
    nearest(name, known.into_iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
}

fn group(table: &Table<'_>, prefix: &str, entity: &mut Entity, default: Option<&Survivorship>, loose: &mut Loose) {
    for (key, inner) in table.named_tables() {
        let name = format!("{prefix}{}", key.value);
        let is_group = !FIELD_KEYS.iter().any(|known| inner.has(known))
            && inner.entries().all(|(_, value)| value.get_ref().is_table())
            && inner.entries().next().is_some();
        if is_group {
            group(&inner, &format!("{name}."), entity, default, loose);
        } else {
            field(inner, key.span, name, entity, default, loose);
        }
    }
}

fn field(
    mut table: Table<'_>,
    span: std::ops::Range<usize>,
    name: String,
    entity: &mut Entity,
    default: Option<&Survivorship>,
    loose: &mut Loose,
) {
    let file = table.file;
    let base = entity.fields.get(&name).cloned();
    let kind_span = table.key_span("type");
    let kind = if table.has("type") {
        let kind = field_type(&mut table, loose);
        if let (Some(kind), Some(base)) = (&kind, &base)
            && std::mem::discriminant(kind) != std::mem::discriminant(&base.kind)
        {
            let help = format!("leave `type` out, or make a field of your own: [fields.x.<system>.{name}]");
            file.error(kind_span, "type-changed", format!("`{name}` of {} ships with another type", entity.name), Some(help));
        }
        kind
    } else {
        base.as_ref().map(|base| base.kind.clone())
    };
    let Some(kind) = kind else {
        if !table.has("type") {
            let help = match nearest(&name, entity.fields.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? A field of your own needs `type`"),
                None => "a field of your own needs `type`, and a name like x.<system>.<field>".to_owned(),
            };
            file.error(span, "unknown-field", format!("{} has no field `{name}`", entity.name), Some(help));
        }
        return;
    };
    let label = table.plain("label").or_else(|| base.as_ref().map(|base| base.label.clone())).unwrap_or_else(|| title(&name));
    let own = survivorship(&mut table, loose);
    let consents = own.as_ref().or(base.as_ref().map(|base| &base.survivorship));
    if let Some(Survivorship::Consent(stances)) = consents {
        consent::check(file, &table, &name, &kind, stances);
    }
    let was = base.as_ref().is_some_and(|base| matches!(base.survivorship, Survivorship::Consent(_)));
    let own_line = table.key_span("survivorship");
    let reference = matches!(kind, FieldType::Reference(_));
    // A refusal wins whoever answers for the field, and says why itself.
    let line = own.as_ref().is_some_and(|rule| !matches!(rule, Survivorship::Consent(_)));
    let decided = line || default.is_some() || base.as_ref().is_some_and(|base| base.decided);
    let survivorship = own
        .or_else(|| base.as_ref().map(|base| base.survivorship.clone()))
        .or_else(|| default.filter(|rule| !reference || **rule != Survivorship::ThreeWay).cloned())
        .unwrap_or(Survivorship::Newest);
    if reference && survivorship == Survivorship::ThreeWay {
        // Two systems name one record by two ids: what each says of it is never the same.
        let help = Some("write \"newest\", \"manual\", or { owner = \"…\" }".to_owned());
        file.error(
            own_line.clone(),
            "wrong-type",
            format!("`{name}` refers to a record, and cannot be compared three ways"),
            help,
        );
    }
    consent::lint(file, if line { own_line.clone() } else { span }, &name, &kind, &survivorship, was);
    let decided = decided || matches!(survivorship, Survivorship::Consent(_));
    let because = table.plain("because").or_else(|| base.as_ref().and_then(|base| base.because.clone()));
    let steward = table.plain("steward").or_else(|| base.as_ref().and_then(|base| base.steward.clone()));
    let decided_by = table.plain("decided-by").or_else(|| base.as_ref().and_then(|base| base.decided_by.clone()));
    let decided_on = decided_on(&mut table).or_else(|| base.as_ref().and_then(|base| base.decided_on.clone()));
    if line {
        let has = (steward.is_some() || !entity.steward.is_empty(), because.is_some());
        policy_line(file, table.key_span("survivorship"), &name, has);
    }
    let personal = table.flag("personal").unwrap_or_else(|| base.as_ref().is_some_and(|base| base.personal));
    let before = table.text("renamed-from");
    let renamed_from = before.as_ref().map(|from| from.value.clone());
    loose.renamed.extend(before.map(|from| (from, name.clone())));
    table.finish();
    let field = EntityField {
        name: name.clone(),
        label,
        kind,
        survivorship,
        decided,
        because,
        steward,
        decided_by,
        decided_on,
        personal,
        renamed_from,
    };
    entity.fields.insert(name, field);
}

/// The day of a decision; anything but a date is refused.
fn decided_on(table: &mut Table<'_>) -> Option<String> {
    let on = table.text("decided-on")?;
    if on.value.parse::<jiff::civil::Date>().is_err() {
        let help = Some("write decided-on = \"2026-11-03\"".to_owned());
        table.file.error(on.span, "bad-date", format!("`{}` is no date", on.value), help);
        return None;
    }
    Some(on.value)
}

/// A line that says who wins also says who answers for it, and why. `has`: a steward, a reason.
fn policy_line(file: &File<'_>, span: std::ops::Range<usize>, name: &str, (steward, because): (bool, bool)) {
    let (missing, help) = match (steward, because) {
        (true, true) => return,
        (false, true) => ("who answers for it", "steward = \"sales-ops\", here or for the whole entity"),
        (true, false) => ("why", "because = \"who knows it best, and how\""),
        (false, false) => (
            "who answers for it, nor why",
            "steward = \"sales-ops\", here or for the whole entity, and because = \"who knows it best\"",
        ),
    };
    file.warning(span, "no-steward", format!("who wins `{name}` is decided, and not said {missing}"), Some(help.to_owned()));
}

fn field_type(table: &mut Table<'_>, loose: &mut Loose) -> Option<FieldType> {
    let kind = table.text("type")?;
    let file = table.file;
    Some(match kind.value.as_str() {
        "text" => FieldType::Text,
        "integer" => FieldType::Integer,
        "decimal" => FieldType::Decimal,
        "money" => FieldType::Money,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "timestamp" => FieldType::Timestamp,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "country" => FieldType::Country,
        "url" => FieldType::Url,
        "object" => FieldType::Object,
        "file" => FieldType::File,
        "enum" => {
            let values = table.strings("values");
            if values.is_empty() {
                file.error(
                    kind.span,
                    "missing-key",
                    "an enum needs its values",
                    Some("write values = [\"new\", \"won\"]".to_owned()),
                );
            }
            FieldType::Enum(values)
        }
        "reference" => {
            let target = table.needed("entity", "a reference names the entity it points to: entity = \"company\"")?;
            loose.entities.push(target.clone());
            FieldType::Reference(target.value)
        }
        "list" => {
            let key = table.texts("key");
            let fields = list_fields(table.table("fields"), loose);
            if fields.is_empty() {
                file.error(
                    kind.span,
                    "missing-key",
                    "a list needs its sub-fields",
                    Some("write fields = { number = \"phone\", kind = \"text\" }".to_owned()),
                );
            }
            for name in &key {
                if !fields.contains_key(&name.value) {
                    file.error(
                        name.span.clone(),
                        "unknown-field",
                        format!("`{}` is no sub-field of this list", name.value),
                        did_you_mean(&name.value, fields.keys()),
                    );
                }
            }
            FieldType::List { fields, key: key.into_iter().map(|name| name.value).collect() }
        }
        other => {
            let help = nearest(other, TYPES.iter().copied())
                .map_or_else(|| format!("types are {}", TYPES.join(", ")), |near| format!("did you mean `{near}`?"));
            file.error(kind.span, "unknown-type", format!("there is no type `{other}`"), Some(help));
            return None;
        }
    })
}

fn list_fields(table: Option<Table<'_>>, loose: &mut Loose) -> BTreeMap<String, FieldType> {
    let Some(table) = table else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::new();
    for (name, value) in table.entries() {
        if let Some(kind) = sub_field(&table, &name, value, loose) {
            out.insert(name.value.to_owned(), kind);
        }
    }
    out
}

fn sub_field<'t>(table: &Table<'t>, name: &At<&str>, value: &'t Spanned<DeValue<'t>>, loose: &mut Loose) -> Option<FieldType> {
    match value.get_ref() {
        DeValue::Table(_) => {
            let mut inner = table.inner(value, name.value)?;
            let kind = field_type(&mut inner, loose);
            inner.finish();
            if matches!(kind, Some(FieldType::List { .. })) {
                table.file.error(value.span(), "wrong-type", "a list within a list is not possible", None);
                return None;
            }
            kind
        }
        DeValue::String(text) => simple(text).or_else(|| {
            let help = nearest(text, TYPES.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            table.file.error(value.span(), "unknown-type", format!("there is no simple type `{text}`"), help);
            None
        }),
        _ => {
            table.file.error(value.span(), "wrong-type", format!("`{}` must be the name of a type", name.value), None);
            None
        }
    }
}

fn simple(name: &str) -> Option<FieldType> {
    Some(match name {
        "text" => FieldType::Text,
        "integer" => FieldType::Integer,
        "decimal" => FieldType::Decimal,
        "money" => FieldType::Money,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "timestamp" => FieldType::Timestamp,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "country" => FieldType::Country,
        "url" => FieldType::Url,
        "object" => FieldType::Object,
        _ => return None,
    })
}

/// `"newest"`, or `{ newest = "crm" }` with who decides where clocks do not tell, or `{ owner = "crm" }`, or `{ priority = ["crm", "books"] }`,
/// or `{ refusal = ["no"], grant = ["yes"] }`.
fn survivorship(table: &mut Table<'_>, loose: &mut Loose) -> Option<Survivorship> {
    if !table.has("survivorship") {
        table.text("survivorship");
        return None;
    }
    if !table.entries().any(|(key, value)| key.value == "survivorship" && value.get_ref().is_table()) {
        let words = [
            ("newest", &Survivorship::Newest),
            ("longest", &Survivorship::Longest),
            ("non-empty", &Survivorship::NonEmpty),
            ("three-way", &Survivorship::ThreeWay),
            ("manual", &Survivorship::Manual),
            ("consent", &Survivorship::Consent(Stances::default())),
        ];
        let rule = table.word("survivorship", &words).map(|rule| rule.value.clone());
        // By itself it is of a boolean; `consent::check` says so where it is not.
        return rule.map(|rule| match rule {
            Survivorship::Consent(_) => Survivorship::Consent(Stances::opt_in()),
            rule => rule,
        });
    }
    let mut inner = table.table("survivorship")?;
    let owner = inner.text("owner");
    let priority = inner.texts("priority");
    let newest = inner.text("newest");
    let stances = consent::read(&mut inner);
    let span = inner.span.clone();
    let file = inner.file;
    inner.finish();
    loose.connections.extend(owner.clone());
    loose.connections.extend(priority.clone());
    loose.connections.extend(newest.clone());
    if let Some(stances) = stances
        && owner.is_none()
        && newest.is_none()
        && priority.is_empty()
    {
        return Some(Survivorship::Consent(stances));
    }
    match (owner, newest, priority.is_empty()) {
        (Some(owner), None, true) => Some(Survivorship::Owner(owner.value)),
        (None, Some(owner), true) => Some(Survivorship::NewestOr(owner.value)),
        (None, None, false) => Some(Survivorship::Priority(priority.into_iter().map(|name| name.value).collect())),
        _ => {
            file.error(
                span,
                "wrong-type",
                "one of `owner`, `priority`, `newest`, and `refusal` with `grant` is wanted",
                Some(
                    "write { owner = \"crm\" }, { priority = [\"crm\", \"books\"] }, { newest = \"crm\" }, or \
                     { refusal = [\"no\"], grant = [\"yes\"] }"
                        .to_owned(),
                ),
            );
            None
        }
    }
}

/// `first_name` → `First name`.
fn title(name: &str) -> String {
    let text = name.rsplit('.').next().unwrap_or(name).replace(['_', '-'], " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The shipped entities, checked. They are part of the program: a mistake in them is ours.
pub fn shipped_entities() -> BTreeMap<String, Arc<Entity>> {
    let found = std::cell::RefCell::new(Vec::new());
    let mut out = BTreeMap::new();
    for source in shipped() {
        let file = File::new(&source, &found);
        let Some(parsed) = file.parse() else { continue };
        let (entity, _) = read(&file, file.root(&parsed), None);
        out.insert(entity.name.clone(), Arc::new(entity));
    }
    debug_assert!(found.borrow().is_empty(), "shipped entities: {:?}", found.borrow());
    out
}
