//! The mail system's share of the population.

use super::{Mail, lists::LISTS, member::Member};
use crate::{
    people::{Population, SEEDED_FROM_MS, Special},
    rng::{Rng, uuid},
};

pub(crate) fn fill(mail: &mut Mail, records: usize) {
    let seed = mail.seed;
    let all = Population::new(seed, records);
    for (nth, person) in all.sample(seed, "mail people", records).into_iter().enumerate() {
        let mut rng = Rng::new(seed, "mail view", person.index as u64);
        let step = i64::try_from(nth).unwrap_or(0);
        let list = LISTS[usize::from(rng.chance(30))].0;
        let serial = mail.store.next_serial();
        let created = SEEDED_FROM_MS - 150 * 86_400_000 + step * 3_011;
        let mut member = Member::new(serial, list, uuid(seed, "mail contact", serial).replace('-', ""), created);
        member.modified = SEEDED_FROM_MS + step / 2 * 33_013;
        member.email = person.email.to_lowercase();
        member.status = rng.pick(&["subscribed", "subscribed", "subscribed", "subscribed", "unsubscribed", "cleaned"]).to_owned();
        person.locale.language.clone_into(&mut member.language);
        // People give what they like to a newsletter.
        let first = if rng.chance(10) { String::new() } else { person.first.clone() };
        let last = match person.special {
            Special::LongName => person.last.chars().take(40).collect(),
            _ if rng.chance(15) => String::new(),
            _ => person.last.clone(),
        };
        let company = all.companies.get(person.company).map(|company| company.name.clone()).filter(|_| list == LISTS[1].0);
        for (tag, value) in [("FNAME", first), ("LNAME", last), ("COMPANY", company.unwrap_or_default())] {
            if !value.is_empty() {
                member.values.insert(tag.to_owned(), value);
            }
        }
        if rng.chance(20) {
            member.tag("fair", true, created);
        }
        mail.store.put(member);
    }
}
