//! The CRM's share of the population, and invented values for objects of a schema that is not HubSpot's.

use super::{Crm, object::Object, schema::PropertyType};
use crate::{
    people::{Place, Population, SEEDED_FROM_MS, names::INDUSTRIES},
    rng::Rng,
    time,
};

pub(crate) fn fill(crm: &mut Crm, records: usize) {
    if let (Some(contacts), companies) = (crm.kind_named("contacts"), crm.kind_named("companies")) {
        people(crm, contacts, companies, records);
    }
    for kind in 0..crm.tables.len() {
        if !matches!(crm.tables[kind].schema.name.as_str(), "contacts" | "companies") {
            invented(crm, kind, records);
        }
    }
}

/// Creation and last modification of the nth object. Both grow, a few objects share a time, as after an import.
fn times(seed: u64, purpose: &str, nth: usize) -> (i64, i64) {
    let mut rng = Rng::new(seed, purpose, nth as u64);
    let nth = i64::try_from(nth).unwrap_or(0);
    let created = SEEDED_FROM_MS - 200 * 86_400_000 + nth * 1_013;
    let modified = SEEDED_FROM_MS + nth / 3 * 37_501 + i64::try_from(rng.below(2)).unwrap_or(0) * 211;
    (created, modified)
}

/// Sets those of the values that the schema has; a schema of the caller's own may lack some.
fn set(object: &mut Object, schema: &super::ObjectSchema, values: &[(&str, String)]) {
    for (name, value) in values {
        if !value.is_empty() && schema.property(name).is_some() {
            object.values.insert((*name).to_owned(), value.clone());
        }
    }
}

fn people(crm: &mut Crm, contacts: usize, companies: Option<usize>, records: usize) {
    let seed = crm.seed;
    let all = Population::new(seed, records);
    let mut company_ids = Vec::new();
    if let Some(kind) = companies {
        for (nth, company) in all.companies.iter().enumerate() {
            let (created, modified) = times(seed, "crm company times", nth);
            let mut object = Object::new(crm.next_id(kind, None), created);
            object.modified = modified;
            let home = &company.home;
            let values = [
                ("name", company.name.clone()),
                ("domain", company.domain.clone()),
                ("phone", company.phone.written(1)),
                ("address", home.street.clone()),
                ("city", home.city.to_owned()),
                ("state", home.region.to_owned()),
                ("zip", home.postal_code.clone()),
                ("country", company.locale.country.to_owned()),
                ("website", format!("https://www.{}", company.domain)),
                ("industry", INDUSTRIES[company.industry].to_owned()),
                ("numberofemployees", company.employees.to_string()),
            ];
            set(&mut object, &crm.tables[kind].schema, &values);
            company_ids.push(object.id);
            crm.tables[kind].put(object);
        }
    }
    for (nth, person) in all.of(Place::Crm).enumerate() {
        let (created, modified) = times(seed, "crm contact times", nth);
        let mut object = Object::new(crm.next_id(contacts, None), created);
        object.modified = modified;
        let mut rng = person.rng(seed, Place::Crm);
        let style = rng.below(6);
        let home = person.other_home(seed, Place::Crm);
        let stages = ["subscriber", "lead", "opportunity", "customer"];
        let values = [
            ("email", person.email.clone()),
            ("firstname", person.first.clone()),
            ("lastname", person.last.clone()),
            ("phone", person.phone.as_ref().map(|phone| phone.written(style)).unwrap_or_default()),
            ("mobilephone", person.other_mobile(seed, Place::Crm).map(|phone| phone.written(style)).unwrap_or_default()),
            ("company", all.companies[person.company].name.clone()),
            ("jobtitle", person.job.to_owned()),
            ("address", home.street),
            ("city", home.city.to_owned()),
            ("state", home.region.to_owned()),
            ("zip", home.postal_code),
            ("country", person.locale.country.to_owned()),
            ("hs_language", person.locale.language.to_owned()),
            ("lifecyclestage", rng.pick(&stages).to_owned()),
        ];
        set(&mut object, &crm.tables[contacts].schema, &values);
        let id = object.id;
        if let (Some(kind), Some(company)) = (companies, company_ids.get(person.company)) {
            object.links.insert(crm.tables[kind].schema.name.clone(), vec![*company]);
            if let Some(mut there) = crm.tables[kind].get(*company).cloned() {
                there.links.entry(crm.tables[contacts].schema.name.clone()).or_default().push(id);
                crm.tables[kind].put(there);
            }
        }
        crm.tables[contacts].put(object);
    }
}

/// Objects of a schema nobody has seen before: a value of the right type in most properties.
fn invented(crm: &mut Crm, kind: usize, records: usize) {
    const WORDS: [&str; 12] =
        ["Ahorn", "Bårdal", "Čapek", "D'Or", "Ελιά", "Frost & Sons", "Gül", "花", "Io", "Jalapeño", "Krk", "Łódź"];
    let seed = crm.seed;
    for nth in 0..records {
        let (created, modified) = times(seed, "invented times", nth);
        let mut object = Object::new(crm.next_id(kind, None), created);
        object.modified = modified;
        let mut rng = Rng::new(seed, "invented", nth as u64);
        for property in crm.tables[kind].schema.properties.iter().filter(|property| !property.read_only) {
            if !property.unique && rng.chance(20) {
                continue;
            }
            let value = match property.kind {
                PropertyType::String if property.name == "email" => {
                    format!("mailbox{nth}@example.org")
                }
                PropertyType::String if property.unique => format!("{}-{nth}", property.name),
                PropertyType::String => {
                    format!("{} {}", WORDS[rng.below(WORDS.len())], rng.below(1_000))
                }
                PropertyType::Number => format!("{}.{:02}", rng.below(100_000), rng.below(100)),
                PropertyType::Date => time::day(SEEDED_FROM_MS - i64::try_from(rng.below(20_000)).unwrap_or(0) * 86_400_000),
                PropertyType::Datetime => {
                    time::iso(SEEDED_FROM_MS - i64::try_from(rng.below(1_000_000_000)).unwrap_or(0) * 1_000)
                }
                PropertyType::Bool => rng.chance(50).to_string(),
                PropertyType::Enumeration => match property.options.len() {
                    0 => continue,
                    count => property.options[rng.below(count)].clone(),
                },
            };
            object.values.insert(property.name.clone(), value);
        }
        crm.tables[kind].put(object);
    }
}
