//! Fields of consent in `entities/*.toml`: which values refuse and which grant, and that no other rule decides them.
//!
//! `survivorship = "consent"` is of a boolean that says whether a person agreed. Of a boolean that says the opposite, and of an
//! enum, it says which values are which: `{ refusal = ["unsubscribed"], grant = ["subscribed"] }`.

use std::ops::Range;

use super::entity::did_you_mean;
use super::reader::{File, Table};
use super::{FieldType, Stances, Survivorship};

/// Words in a name by which a field is taken for one of consent.
const WORDS: [&str; 9] =
    ["consent", "opt_in", "opt_out", "optin", "optout", "unsubscribed", "do_not_contact", "do_not_call", "do_not_mail"];

/// `refusal` and `grant` of the rule's own table, where it has either.
pub(super) fn read(table: &mut Table<'_>) -> Option<Stances> {
    let stances = Stances { refusal: table.strings("refusal"), grant: table.strings("grant") };
    (!stances.refusal.is_empty() || !stances.grant.is_empty()).then_some(stances)
}

/// The field's values are told apart, all of them by both lists.
pub(super) fn check(file: &File<'_>, table: &Table<'_>, name: &str, kind: &FieldType, stances: &Stances) {
    let span = table.key_span("survivorship");
    let values: Vec<String> = match kind {
        FieldType::Boolean => vec!["true".to_owned(), "false".to_owned()],
        FieldType::Enum(values) => values.clone(),
        _ => {
            let help = "a field of consent is a boolean or an enum: type = \"boolean\"".to_owned();
            file.error(span, "not-consent", format!("`{name}` is neither, so nobody can refuse or grant by it"), Some(help));
            return;
        }
    };
    if let FieldType::Enum(values) = kind
        && *stances == Stances::opt_in()
    {
        let (first, last) = (values.first().map_or("", String::as_str), values.last().map_or("", String::as_str));
        let help = format!("write survivorship = {{ refusal = [\"{last}\"], grant = [\"{first}\"] }}, the right way round");
        file.error(span, "not-consent", format!("which values of `{name}` refuse, and which grant?"), Some(help));
        return;
    }
    for (key, words, other) in [("refusal", &stances.refusal, &stances.grant), ("grant", &stances.grant, &stances.refusal)] {
        if words.is_empty() {
            let help = format!(
                "write both: {{ refusal = [\"{}\"], grant = [\"{}\"] }}",
                or(&stances.refusal, &values),
                or(&stances.grant, &values)
            );
            file.error(
                span.clone(),
                "not-consent",
                format!("`{name}` has no value by which anybody could {}", meaning(key)),
                Some(help),
            );
        }
        for word in words {
            if !values.contains(word) {
                let help = did_you_mean(word, &values).or_else(|| Some(format!("values are {}", values.join(", "))));
                file.error(span.clone(), "unknown-word", format!("`{word}` of `{key}` is no value of `{name}`"), help);
            }
        }
        if key == "refusal"
            && let Some(both) = words.iter().find(|word| other.contains(word))
        {
            let help = "leave it in one of them; a value in neither list is no stance".to_owned();
            file.error(span.clone(), "not-consent", format!("`{both}` of `{name}` refuses and grants"), Some(help));
        }
    }
}

fn or<'w>(words: &'w [String], values: &'w [String]) -> &'w str {
    words.first().or(values.first()).map_or("", String::as_str)
}

fn meaning(key: &str) -> &'static str {
    if key == "refusal" { "refuse" } else { "grant" }
}

/// A field that says whether a person may be written to, and by whose rule a newer word of somebody else would lift a refusal.
pub(super) fn lint(file: &File<'_>, span: Range<usize>, name: &str, kind: &FieldType, rule: &Survivorship, was: bool) {
    let plain = name.rsplit('.').next().unwrap_or(name).to_lowercase().replace('-', "_");
    let named = WORDS.iter().any(|word| plain.contains(word)) && matches!(kind, FieldType::Boolean | FieldType::Enum(_));
    if matches!(rule, Survivorship::Consent(_)) || !(named || was) {
        return;
    }
    let fix = match kind {
        _ if was => "take the line out: the shipped field keeps refusals".to_owned(),
        FieldType::Enum(_) => "write survivorship = { refusal = [\"…\"], grant = [\"…\"] }".to_owned(),
        _ if plain.contains("out") || plain.contains("un") || plain.contains("not") => {
            "write survivorship = { refusal = [\"true\"], grant = [\"false\"] }".to_owned()
        }
        _ => "write survivorship = \"consent\"".to_owned(),
    };
    let message =
        format!("`{name}` says whether a person agreed, and by this rule a word of one system lifts the refusal in another");
    file.warning(span, "not-consent", message, Some(fix));
}
