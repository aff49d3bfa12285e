//! How alike the names of a column and of a canonical field are.

use std::collections::BTreeSet;

use super::Column;
use crate::catalog::{Entity, EntityField};
use crate::linkage::Kind;

/// Words that say nothing about what a field is.
const NOISE: [&str; 11] =
    ["properties", "fields", "field", "attributes", "data", "value", "the", "merge", "full", "complete", "display"];
/// Words that fields of many kinds have: alone in common they say nothing.
const GENERIC: [&str; 9] = ["date", "name", "number", "code", "id", "type", "time", "text", "no"];
/// The words of canonical fields, each with what people call the same: in English, German, French, Spanish, Italian, Dutch and
/// Portuguese, with and without accents.
const SAME: [(&str, &str); 18] = [
    ("email", "mail mails emails emailaddress mailadresse correo courriel epost"),
    (
        "phone",
        "phones telephone tel telefon telefono teléfono telefone téléphone telefoon fon rufnummer telefonnummer phonenumber",
    ),
    ("mobile", "cell cellphone mobilephone mobilenumber handy mobil mobiltelefon movil móvil cellulare celular portable gsm"),
    ("address", "addresses adresse anschrift direccion dirección indirizzo adres endereco endereço"),
    ("number", "numbers nr nummer numero número numéro num kundennummer kundennr kdnr"),
    ("postal code", "zip zipcode postcode postalcode plz postleitzahl cp cap codepostal codigopostal"),
    (
        "last name",
        "surname family familyname lastname lname nachname familienname nom apellido apellidos cognome achternaam sobrenome",
    ),
    ("first name", "forename given givenname firstname fname vorname rufname prenom prénom nombre voornaam"),
    ("city", "town ort stadt wohnort ville ciudad citta città plaats cidade"),
    ("region", "state province bundesland kanton provincia departement département regione"),
    ("country", "land staat pays pais país paese nation"),
    ("street", "strasse straße str rue calle via straat rua"),
    ("birth date", "dob birthday birthdate geburtsdatum geburtstag geb naissance nacimiento nascita geboortedatum nascimento"),
    ("website", "url homepage webseite www webpage"),
    ("tax", "vat ustid ustidnr umsatzsteuer steuernummer steuer tva iva btw nif"),
    ("company", "organisation organization firma unternehmen societe société entreprise empresa azienda bedrijf"),
    ("language", "locale lang sprache langue idioma lingua taal"),
    ("notes", "note notiz notizen bemerkung bemerkungen remark remarks comment comments memo"),
];

/// The words that canonical fields have for one that people use.
fn ours(word: &str) -> impl Iterator<Item = &str> {
    let same = SAME.iter().find(|(_, theirs)| theirs.split(' ').any(|known| known == word));
    same.map_or(word, |(ours, _)| ours).split(' ')
}

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
    let mut words: BTreeSet<String> = kept.into_iter().flat_map(|word| ours(word)).map(str::to_owned).collect();
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
            let shared: Vec<&String> = theirs.intersection(&ours).collect();
            let told = theirs == ours || shared.iter().any(|word| !GENERIC.contains(&word.as_str()));
            let common = if told { shared.len() as f64 } else { 0.0 };
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
