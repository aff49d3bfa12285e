//! How alike the names of a column and of a canonical field are.

use std::collections::BTreeSet;

use super::Column;
use crate::catalog::{Entity, EntityField};
use crate::linkage::Kind;

/// Words that say nothing about what a field is.
const NOISE: [&str; 8] = ["properties", "fields", "field", "attributes", "data", "value", "the", "merge"];
/// Words that people use for the same thing: each → the one that canonical fields have.
const SAME: [(&str, &str); 29] = [
    ("mail", "email"),
    ("mails", "email"),
    ("emails", "email"),
    ("phones", "phone"),
    ("addresses", "address"),
    ("numbers", "number"),
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
pub(super) fn name_score(entity: &Entity, column: &Column, field: &EntityField) -> f64 {
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
