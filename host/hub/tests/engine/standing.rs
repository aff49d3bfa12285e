//! Elements of a list that only a person decides: which two of several records are merged first decides nothing.

use nave_core::model::{RecordId, RecordState};

use super::bench::{Bench, Kind};
use super::merges::{STEP, merged};
use super::policies::{check_quiet, mapping};
use super::system::System;

on_both_stores!(the_order_of_merges_decides_no_element, an_element_that_came_with_a_merge_goes_with_it);

async fn bench(kind: Kind) -> Bench {
    let list = "[[list]]\nremote = \"phones\"\ncanonical = \"phones\"\ndirection = \"both\"\nid = \"id\"\nbecause = \"anywhere\"\n\
                [[list.field]]\nremote = \"value\"\ncanonical = \"number\"\ndirection = \"both\"\nbecause = \"as the list\"\n\
                [[list.field]]\nremote = \"kind\"\ncanonical = \"kind\"\ndirection = \"both\"\nbecause = \"as the list\"\n";
    let crm = mapping("crm", STEP, "") + list;
    let contact = "[fields.phones]\nsurvivorship = \"manual\"\n";
    let files = [("mappings/crm-contacts.toml", crm.as_str()), ("entities/contact.toml", contact)];
    let bench = Bench::new(kind, vec![System::new("crm", &["contacts"])], &files);
    bench.approve_all().await;
    bench
}

/// Each person's telephones, `number:kind` in a line.
async fn people(bench: &Bench, phones: &[String]) -> Vec<RecordId> {
    for (at, phones) in phones.iter().enumerate() {
        let phone = |phone: &str| {
            let (number, kind) = phone.split_once(':').unwrap();
            format!(r#"{{"value":"+4930{number}","kind":"{kind}"}}"#)
        };
        let phones = phones.split_whitespace().map(phone).collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"first":"P{at}","last":"N{at}","email":"p{at}@x.test","phones":[{phones}]}}"#);
        bench.system("crm").state.lock().unwrap().clock = 10_000 * (at as i64 + 1);
        bench.system("crm").create("contacts", &body);
        bench.quiet().await;
    }
    let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), phones.len());
    ids
}

fn telephones(bench: &Bench, id: RecordId) -> Vec<String> {
    let record = bench.store.records(&[id]).unwrap().pop().flatten().unwrap();
    let mut all: Vec<String> = record
        .elements("phones")
        .filter(|(_, element)| !element.is_empty())
        .map(|(_, element)| {
            let part = |part: &str| element.at(part).map(nave_core::Value::display).unwrap_or_default();
            format!("{}:{}", part("number").trim_start_matches("+4930"), part("kind"))
        })
        .collect();
    all.sort();
    all
}

fn standing(bench: &Bench, id: RecordId) -> RecordId {
    match bench.store.records(&[id]).unwrap().pop().flatten().unwrap().state {
        RecordState::MergedInto(into) => standing(bench, into),
        _ => id,
    }
}

/// What each says is drawn anew each time; every order of three merges, and one merged into the younger first.
async fn the_order_of_merges_decides_no_element(kind: Kind) {
    let mut seed = 11_u64;
    let mut draw = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    // The one on disk takes its time.
    let rounds = if let Kind::Memory = kind { 10 } else { 2 };
    for round in 0..rounds {
        let phones: Vec<String> = (0..4)
            .map(|_| {
                let own = ["111", "222", "333"].into_iter().filter(|_| draw(3) > 0).collect::<Vec<_>>();
                own.into_iter().map(|number| format!("{number}:{} ", ["home", "work", "car"][draw(3) as usize])).collect()
            })
            .collect();
        let orders = [
            [(0, 1), (0, 2), (0, 3)],
            [(0, 3), (0, 2), (0, 1)],
            [(2, 3), (1, 2), (0, 1)],
            [(1, 3), (0, 2), (0, 1)],
            [(1, 2), (0, 1), (0, 3)],
        ];
        let mut ends = Vec::new();
        for order in orders {
            let bench = bench(kind).await;
            let ids = people(&bench, &phones).await;
            for (one, other) in order {
                merged(&bench, standing(&bench, ids[one]), standing(&bench, ids[other])).await;
            }
            check_quiet(&bench).await;
            ends.push(telephones(&bench, ids[0]));
        }
        // The oldest record that has it says what it is.
        let mut expected: Vec<String> = Vec::new();
        for phone in phones.iter().flat_map(|phones| phones.split_whitespace()) {
            let number = |phone: &str| phone.split(':').next().unwrap_or_default().to_owned();
            if expected.iter().all(|known| number(known) != number(phone)) {
                expected.push(phone.to_owned());
            }
        }
        expected.sort();
        assert!(ends.iter().all(|end| *end == expected), "round {round}, {phones:?}: {ends:#?}");
    }
}

/// The first has no telephone; the second and the third have the same one, of two kinds.
async fn an_element_that_came_with_a_merge_goes_with_it(kind: Kind) {
    for first in [1, 2] {
        for out in [1, 2] {
            let bench = bench(kind).await;
            let ids = people(&bench, &["".into(), "111:home".into(), "111:work 222:car".into()]).await;
            let mut merges = [0; 3];
            for other in [first, 3 - first] {
                merges[other] = merged(&bench, ids[0], ids[other]).await.id;
            }
            assert_eq!(telephones(&bench, ids[0]), ["111:home", "222:car"], "{first} first");
            bench.engine.unmerge(merges[out], &[], "vera", "two people").await.unwrap();
            bench.quiet().await;
            let left = [&[][..], &["111:work", "222:car"], &["111:home"]][out];
            assert_eq!(telephones(&bench, ids[0]), left, "{first} first, {out} taken back");
            bench.engine.unmerge(merges[3 - out], &[], "vera", "three people").await.unwrap();
            bench.quiet().await;
            let all = [telephones(&bench, ids[0]), telephones(&bench, ids[1]), telephones(&bench, ids[2])];
            assert_eq!(all, [vec![], vec!["111:home".to_owned()], vec!["111:work".into(), "222:car".into()]], "{first} {out}");
            check_quiet(&bench).await;
        }
    }
}
