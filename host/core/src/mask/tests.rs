//! What is masked keeps its shape and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A keyed digest that is good enough for tests.
fn keyed(key: u64) -> impl Fn(&[u8]) -> [u8; 32] {
    move |bytes| {
        let mut out = [0; 32];
        for (at, part) in out.chunks_mut(8).enumerate() {
            part.copy_from_slice(&xxhash_rust::xxh3::xxh3_64_with_seed(bytes, key + at as u64).to_be_bytes());
        }
        out
    }
}

fn shape() -> Shape {
    let words = |list: &[&str]| Kind::Words(list.iter().map(|word| (*word).to_owned()).collect());
    let kinds = [
        ("name", Kind::Text),
        ("email", Kind::Email),
        ("phone", Kind::Phone),
        ("born", Kind::Date),
        ("country", Kind::Country),
        ("state", words(&["customer", "lead"])),
        ("site", Kind::Url),
        ("extra", Kind::Tree),
    ];
    Shape { kinds: kinds.into_iter().map(|(path, kind)| (path.to_owned(), kind)).collect() }
}

fn thing(fields: &[(&str, &str)]) -> Value {
    let mut out = Value::Object(Default::default());
    fields.iter().for_each(|(name, text)| out.put(name, Value::text(*text)));
    out
}

/// Masks with a key; nothing may be left.
#[track_caller]
fn masked(key: u64, things: &[Value]) -> Vec<Value> {
    let (digest, shape) = (keyed(key), shape());
    let mut originals = Originals::default();
    things.iter().for_each(|thing| originals.note(&shape, thing));
    let mut masker = Masker::new(&digest, originals.clone());
    let masked: Vec<Value> = things.iter().map(|thing| masker.mask(&shape, thing)).collect();
    for thing in &masked {
        assert_eq!(leftovers(&originals, &shape, thing), BTreeSet::new(), "{}", thing.to_json());
    }
    masked
}

fn at(thing: &Value, path: &str) -> String {
    thing.at(path).and_then(Value::as_text).unwrap_or_default().to_owned()
}

/// `Ab 1-x` → `Aa 0-a`: what is an upper or lower case letter, what a digit, and everything else as it is.
fn sorts(text: &str) -> String {
    let sort = |c: char| match c {
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c if c.is_numeric() => '0',
        c => c,
    };
    text.chars().map(sort).collect()
}

#[track_caller]
fn check(path: &str, text: &str, expected: &str) {
    let found = at(&masked(1, &[thing(&[(path, text)])])[0], path);
    assert_eq!((sorts(&found), found != text), (expected.to_owned(), true), "{text} → {found}");
}

#[test]
fn shapes_stay() {
    check("name", "Ada Lovelace", "Aaa Aaaaaaaa");
    check("name", "O'Neill-Müller, Jürgen (sen.)", "A'Aaaaa-Aaaaaa, Aaaaaa (aaa.)");
    check("name", "Анна Каренина", "Aaaa Aaaaaaaa");
    check("name", "Łukasz Öztürk ŠIMIĆ", "Aaaaaa Aaaaaa AAAAA");
    check("email", "ada.lovelace+crm@Mail.Analytical.org", "aaa.aaaaaaaa+aaa@Aaaa.Aaaaaaaaaa.aaa.aaaaaaa");
    check("phone", "+49 (30) 1234-5678", "+00 (00) 0000-0000");
    check("site", "https://ada.dev:8080/u/7?x=Ada", "aaaaa://aaa.aaa.aaaaaaa:0000/a/0?a=Aaa");
    check("born", "1815-12-10", "0000-00-00");
    check("name", "2026-11-29T01:40:20.177Z", "0000-00-00A00:00:00.000A");
    check("name", "see ada@x.org, or call", "aaa aaa@a.aaa.aaaaaaa, aa aaaa");
    check("country", "DE", "AA");
    check("state", "Ada told me", "Aaa aaaa aa");
    // A path that nobody knows is masked, and so is its name.
    let found = masked(1, &[thing(&[("Lovelace", "Ada")])]).remove(0).to_json().to_string();
    assert!(!found.contains("Lovelace") && !found.contains("Ada"), "{found}");
}

#[test]
fn what_says_nothing_of_anybody_stays() {
    let mut one = thing(&[("state", "customer"), ("name", ""), ("phone", "+4930123456789")]);
    one.put("email", Value::Null);
    one.put("extra.vip", Value::Bool(true));
    one.put("extra.score", Value::Number("-70.5e3".into()));
    let found = masked(3, std::slice::from_ref(&one)).remove(0);
    assert_eq!((at(&found, "state"), at(&found, "name")), ("customer".to_owned(), String::new()));
    assert_eq!((found.at("email"), found.at("email").is_none()), (Some(&Value::Null), false));
    assert!(at(&found, "phone").starts_with("+49") && at(&found, "phone").len() == 14);
    let json = found.to_json().to_string();
    assert!(json.contains("true") && json.contains("e+3"), "{json}");
}

#[test]
fn times_stay_valid_and_near() {
    for text in ["2024-02-29", "1999-12-31", "2026-11-29T01:40:20.177Z", "2026-11-29 23:59:59+02:00", "2026-11-29T01:40:20-05:00"]
    {
        let found = at(&masked(5, &[thing(&[("born", text)])])[0], "born");
        let day = |text: &str| text[..10].parse::<jiff::civil::Date>().expect("a date");
        let far = day(&found).since(day(text)).expect("a span").get_days().abs();
        assert!((1..=180).contains(&far), "{text} → {found}");
        if text.len() > 10 {
            let rfc = found.replace(' ', "T").replace(['Z'], "+00:00");
            assert!(rfc.parse::<jiff::Timestamp>().is_ok(), "{text} → {found}");
        }
    }
}

#[test]
fn equal_stays_equal_and_different_stays_different() {
    let people = [
        thing(&[("name", "Ada Berg"), ("email", "ada.berg@x.org"), ("phone", "+49 30 1111111")]),
        thing(&[("name", "ADA Berg"), ("email", "Ada.Berg@x.org"), ("phone", "+49301111111")]),
        thing(&[("name", "Ida Berg"), ("email", "ada.berg@x.com"), ("phone", "+49302222222")]),
    ];
    let found = masked(7, &people);
    let [one, same, other] = [0, 1, 2].map(|index: usize| &found[index]);
    assert_eq!(at(one, "name").to_lowercase(), at(same, "name").to_lowercase());
    assert_eq!(at(one, "email").to_lowercase(), at(same, "email").to_lowercase());
    assert_eq!(at(one, "phone").replace(' ', ""), at(same, "phone"));
    let second = |text: String| text.split(' ').next_back().map(str::to_owned);
    assert_eq!(second(at(one, "name")), second(at(other, "name")), "the family stays one");
    // A word is the same wherever it stands: a mailbox still is its owner's.
    let name = at(one, "name").to_lowercase().replace(' ', ".");
    assert!(at(one, "email").to_lowercase().starts_with(&name), "{name} {}", at(one, "email"));
    for path in ["name", "email", "phone"] {
        assert_ne!(at(one, path).to_lowercase(), at(other, path).to_lowercase(), "{path}");
    }
    // And another run has other masks.
    assert_ne!(masked(8, &people), found);
}

#[test]
fn records_are_numbered_anew_and_edges_hold() {
    let digest = keyed(1);
    let mut masker = Masker::new(&digest, Originals::default());
    masker.number((1..=50).map(RecordId));
    let numbers: BTreeMap<u64, u64> = (1..=50).map(|id| (id, masker.number_of(RecordId(id)))).collect();
    assert_eq!(numbers.values().copied().collect::<BTreeSet<_>>(), (1..=50).collect());
    assert!(numbers.iter().filter(|(old, new)| old == new).count() < 10, "in another order: {numbers:?}");
    let edge = masker.mask(&shape(), &Value::Reference(Reference::Record(RecordId(7))));
    assert_eq!(edge, Value::text(numbers[&7].to_string()));
}

#[test]
fn what_is_left_is_found() {
    let shape = shape();
    let mut originals = Originals::default();
    originals.note(&shape, &thing(&[("name", "Ada Lovelace"), ("email", "al@x.org"), ("phone", "+49 30 1234567")]));
    for (path, text, left) in [
        ("name", "xyLOVELACEz", true),
        ("name", "lovelac", false),
        ("email", "AL@X.org", true),
        ("phone", "0049-30-12 34 567", true),
        ("name", "301234567", true),
        ("name", "3012345", false),
        ("Lovelace", "", true),
        ("born", "1815-12-10", false),
    ] {
        let found = leftovers(&originals, &shape, &thing(&[(path, text)]));
        assert_eq!(!found.is_empty(), left, "{path} {text}: {found:?}");
    }
}

#[test]
fn signs_alone_are_nobodys() {
    for text in ["@᠅@<", ":᠀@:", "@@@@@", "0 ֍@", "0&֏@"] {
        let things = [thing(&[("name", text), ("email", "ada@x.org"), ("phone", "+4930123456")])];
        let signs = |text: &str| text.chars().filter(|sign| !sign.is_alphanumeric()).collect::<String>();
        (0..40).for_each(|key| assert!(signs(&at(&masked(key, &things)[0], "name")).starts_with(&signs(text)), "{text}"));
    }
}

proptest! {
    /// Any texts anywhere: their shape stays, nothing of them is left, and as many are different as before.
    #[test]
    fn of_anything_only_its_shape_is_left(
        key: u64,
        names in proptest::collection::vec("[A-Za-zäöüßéŁжЖ中 '.-]{0,24}|\\PC{0,16}", 1..20),
        mails in proptest::collection::vec("[a-z]{1,12}(\\.[a-z]{1,12})?@[a-z]{1,12}\\.(org|com|de)", 1..20),
        phones in proptest::collection::vec("(\\+[1-9]|0)[0-9]{8,12}", 1..20),
    ) {
        let many = names.len().max(mails.len()).max(phones.len());
        let of = |list: &[String], at: usize| list[at % list.len()].clone();
        let things: Vec<Value> = (0..many)
            .map(|at| thing(&[("name", &of(&names, at)), ("email", &of(&mails, at)), ("phone", &of(&phones, at))]))
            .collect();
        let found = masked(key >> 8, &things);
        prop_assert_eq!(&found, &masked(key >> 8, &things));
        for (before, after) in things.iter().zip(&found) {
            let (mail, phone) = (at(before, "email"), at(before, "phone"));
            prop_assert_eq!(sorts(&at(after, "email")), format!("{}.aaaaaaa", sorts(&mail)));
            prop_assert_eq!(sorts(&at(after, "phone")), sorts(&phone));
            let name = at(before, "name");
            if !name.contains(['@', ':']) {
                // The same word may be large elsewhere: it has one mask.
                if name.is_ascii() {
                    prop_assert_eq!(sorts(&at(after, "name")), sorts(&name));
                }
                prop_assert_eq!(at(after, "name").chars().count(), name.chars().count());
                prop_assert_eq!(name.is_empty(), at(after, "name").is_empty());
            }
        }
        let distinct = |things: &[Value], path: &str| things.iter().map(|one| at(one, path).to_lowercase()).collect::<BTreeSet<_>>().len();
        prop_assert_eq!(distinct(&things, "phone"), distinct(&found, "phone"));
        prop_assert!(distinct(&found, "email") <= distinct(&things, "email"));
    }
}
