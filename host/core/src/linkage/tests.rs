//! What linking must and must not do, on people made up here.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const KINDS: [Kind; 7] = [Kind::Given, Kind::Surname, Kind::Email, Kind::Phone, Kind::Date, Kind::Street, Kind::City];
const GIVEN: [&str; 12] = ["Ada", "Bo", "Carla", "Dmitri", "Edith", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Karin", "Lars"];
const SURNAMES: [&str; 14] = [
    "Lee", "Okafor", "Novak", "Silva", "Weber", "Rossi", "Moreau", "Jansen", "Khan", "Larsen", "Dubois", "Costa", "Patel",
    "Olsen",
];
const CITIES: [&str; 5] = ["Kew", "Bern", "Oslo", "Porto", "Graz"];

/// Columns of these kinds.
fn columns(kinds: &[Kind]) -> Vec<(String, Kind)> {
    kinds.iter().map(|kind| (format!("{kind:?}"), *kind)).collect()
}

/// People who have nothing to do with each other, as `KINDS` says.
fn strangers(count: usize) -> Vec<Vec<String>> {
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..count)
        .map(|at| {
            let (given, surname) = (GIVEN[below(12)], SURNAMES[below(14)]);
            vec![
                given.to_owned(),
                surname.to_owned(),
                format!("{given}.{surname}{at}@x.test").to_lowercase(),
                format!("030 {:07}", below(9_999_999)),
                format!("{}-{:02}-{:02}", 1940 + below(60), 1 + below(12), 1 + below(28)),
                format!("{} Road {}", SURNAMES[below(14)], 1 + below(200)),
                CITIES[below(5)].to_owned(),
            ]
        })
        .collect()
}

/// Two hundred strangers and these, who change the first of them in these columns: each is a pair that is merged, or is not.
#[track_caller]
fn check(changes: &[(usize, &str)], merged: bool) {
    // Enough pairs that are the same, so that there is something to learn from.
    let mut rows = strangers(300);
    for at in 100..140 {
        let mut twin = rows[at].clone();
        twin[at % 3] = String::new();
        twin[2] = twin[2].to_uppercase();
        rows.push(twin);
    }
    let mut other = rows[0].clone();
    for (column, value) in changes {
        (*value).clone_into(&mut other[*column]);
    }
    rows.push(other);
    let linkage = link(&Table::new(&columns(&KINDS), &rows));
    let last = rows.len() - 1;
    assert_eq!(linkage.cluster[0] == linkage.cluster[last], merged, "{:?} and {:?}", rows[0], rows[last]);
}

#[test]
fn who_is_the_same() {
    check(&[], true);
    check(&[(2, "")], true);
    check(&[(3, ""), (5, "Elsewhere 4"), (6, "Graz")], true);
    check(&[(2, ""), (0, "X")], false);
    check(&[(2, ""), (4, "")], true);
}

#[test]
fn who_is_not() {
    // The same household: surname, telephone and address.
    check(&[(0, "Zenobia"), (2, "zenobia@x.test"), (4, "1971-03-09")], false);
    check(&[(0, "Zenobia"), (2, ""), (4, "")], false);
    // A namesake at the same provider, whose mailbox has another number.
    check(&[(2, &strangers(1)[0][2].replace("0@", "7@")), (3, ""), (4, ""), (5, ""), (6, "")], false);
    // A twin has the date of birth too.
    check(&[(0, "Zenobia"), (2, "")], false);
    // The same name, and nothing else that is known.
    check(&[(2, ""), (3, ""), (4, ""), (5, ""), (6, "")], false);
    // The same name, and everything else differs.
    check(&[(2, "other@y.test"), (3, "0999 1234567"), (4, "1901-01-31"), (5, "Far Away 77"), (6, "Nowhere")], false);
}

#[test]
fn the_order_of_the_records_does_not_matter() {
    let mut rows = strangers(200);
    rows.extend(strangers(200).into_iter().step_by(9).map(|mut row| {
        row[4] = String::new();
        row
    }));
    let pairs = |rows: &[Vec<String>]| -> BTreeSet<BTreeSet<Vec<String>>> {
        let found = link(&Table::new(&columns(&KINDS), rows)).pairs().into_iter();
        found.map(|(left, right)| [rows[left as usize].clone(), rows[right as usize].clone()].into()).collect()
    };
    let forth = pairs(&rows);
    assert_eq!(forth.len(), 23);
    rows.reverse();
    assert_eq!(pairs(&rows), forth);
}

#[test]
fn where_nothing_is_the_same_nothing_is_learned_to_be() {
    // Sixty offices of ten colleagues each: company, town, telephone and language are the office's.
    let kinds = [Kind::Given, Kind::Surname, Kind::Company, Kind::City, Kind::Phone, Kind::Category, Kind::Email];
    let people = strangers(600);
    let row = |(at, person): (usize, &Vec<String>)| {
        let office = at % 60;
        let mut row = vec![person[0].clone(), person[1].clone(), format!("Firm {} {office}", SURNAMES[office % 14])];
        row.extend([people[office][6].clone(), people[office][3].clone(), ["de", "fr", "en"][office % 3].to_owned()]);
        row.push(if at % 2 == 0 { person[2].clone() } else { String::new() });
        row
    };
    let rows: Vec<Vec<String>> = people.iter().enumerate().map(row).collect();
    let linkage = link(&Table::new(&columns(&kinds), &rows));
    assert_eq!(linkage.pairs(), []);
    // Who has a colleague of the same name may well be there twice.
    let namesakes = |edge: &&Edge| rows[edge.left as usize][..3] == rows[edge.right as usize][..3];
    let others = linkage.reviews().filter(|edge| !namesakes(edge)).count();
    assert!(others <= 6, "{others} pairs of colleagues are likely");
}

#[test]
fn a_name_alone_is_likely_and_a_persons() {
    let name = |at: usize| vec![format!("{} {} {at}", SURNAMES[at % 14], CITIES[at % 5])];
    let rows: Vec<Vec<String>> = (0..60).map(name).chain((30..90).map(name)).collect();
    let linkage = link(&Table::new(&columns(&[Kind::Company]), &rows));
    assert_eq!(linkage.pairs(), [], "a name alone never merges");
    let same = linkage.reviews().filter(|edge| rows[edge.left as usize] == rows[edge.right as usize]).count();
    assert_eq!(same, 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(
        headings in prop::collection::vec("[a-zA-Z_ 0-9äß]{0,12}", 1..6),
        rows in prop::collection::vec(prop::collection::vec(r"\PC{0,12}|[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{4}|[a-c]{1,3}@[a-c]\.d|", 0..7), 0..40),
    ) {
        let linkage = link(&Table::new(&Table::guess(&headings, &rows), &rows));
        prop_assert_eq!(linkage.cluster.len(), rows.len());
        for kind in [Kind::Given, Kind::Email, Kind::Phone, Kind::Date, Kind::Company, Kind::Number, Kind::Identifier, Kind::Name] {
            link(&Table::new(&columns(&vec![kind; headings.len()]), &rows));
        }
    }
}
