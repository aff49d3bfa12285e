//! Data through one `check`: what becomes of a value on its way.

use proptest::prelude::*;

use super::*;

fn constraints(text: &str) -> Constraints {
    let mut made = Constraints::default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let number = || value.parse().unwrap();
        match key {
            "max" => made.max_length = Some(number()),
            "characters" => made.characters = Some(Characters::new(value).unwrap()),
            "pattern" => made.pattern = Some(Pattern::new(value).unwrap()),
            "values" => made.values = value.split(',').map(str::to_owned).collect(),
            "precision" => made.precision = Some(number()),
            "scale" => made.scale = Some(number()),
            "truncate" => made.misfit = Misfit::Truncate(value.to_owned()),
            "transform" => made.misfit = Misfit::Transform(Expression::parse(value, Some("")).unwrap()),
            _ => panic!("{key}"),
        }
    }
    made
}

/// What becomes of a JSON value, in one line.
#[track_caller]
fn check(rules: &str, value: &str, expected: &str) {
    let value = crate::codec::decode(format!("{{\"v\":{value}}}").as_bytes()).unwrap().at("v").cloned().unwrap();
    let found = match constraints(rules).fit("Name", &value, "books", None) {
        Fit::Whole => "whole".to_owned(),
        Fit::Instead(value) => format!("instead {}", value.display()),
        Fit::Unfit(unfit) => format!("{}: {}", unfit.class, unfit.why),
    };
    assert_eq!(found, expected, "{rules} on {value:?}");
}

#[test]
fn what_does_not_fit_is_said() {
    check("", "\"whatever\"", "whole");
    check("max=5", "\"abcde\"", "whole");
    check("max=5", "\"abcdef\"", "length: the value has 6 characters, `Name` takes 5");
    check("max=2", "null", "whole");
    check("max=2", "123", "length: the value has 3 characters, `Name` takes 2");
    check("characters=ascii", "\"Łódź\"", "format: the value holds `Ł` (U+0141), and `Name` takes `ascii` alone");
    check("characters=latin-1", "\"Müller\"", "whole");
    check("characters=bmp", "\"a😀\"", "format: the value holds `😀` (U+1F600), and `Name` takes `bmp` alone");
    check("characters=[0-9 ]", "\"12 3a\"", "format: the value holds `a` (U+0061), and `Name` takes `[0-9 ]` alone");
    check("pattern=[A-Z]{2}|[0-9]+", "\"DE\"", "whole");
    check("pattern=[A-Z]{2}|[0-9]+", "\"DEU\"", "format: the value is not of the form that `Name` takes: [A-Z]{2}|[0-9]+");
    check("pattern=[A-Z]+", "\"DE\\n\"", "format: the value is not of the form that `Name` takes: [A-Z]+");
    check("values=a,b", "\"b\"", "whole");
    check("values=true,false", "true", "whole");
    check("values=a,b", "\"c\"", "format: the value is none of those that `Name` takes: a, b");
    check("scale=2", "1.50", "whole");
    check("scale=2", "1.500", "whole");
    check("scale=2", "1.505", "format: the number has 3 digits after the point, `Name` takes 2");
    check("precision=5;scale=2", "999.99", "whole");
    check("precision=5;scale=2", "-1000", "format: the number has 4 digits before the point, `Name` takes 3");
    check("precision=3", "0.123", "whole");
    check("precision=3", "1e3", "format: the number has 4 digits before the point, `Name` takes 3");
    check("precision=3", "\"x\"", "format: the value is no number that `Name` can hold");
}

/// T119: what makes other engines try every way of reading a text is one pass here, or refused when it is written. A pass that tried
/// every way would not end before this machine does.
#[test]
fn no_pattern_takes_for_ever() {
    for (pattern, refused) in [
        ("(a+)+b", None),
        ("(a|a)*b", None),
        ("(a|aa)+b", None),
        ("(.*a){20}b", None),
        ("(a?){60}a*b", None),
        (r"(a)\1", Some("backreferences are not supported")),
        ("(?=a)a+", Some("look-around")),
        ("(?<=a)a+", Some("look-around")),
        ("((a{100}){100}){100}", Some("it is larger than 1048576 bytes once it is compiled")),
        (r"\w{1000}", Some("it is larger than 1048576 bytes once it is compiled")),
    ] {
        match (Pattern::new(pattern), refused) {
            (Ok(pattern), None) => {
                assert!(!pattern.whole.is_match(&"a".repeat(20_000)), "{}", pattern.text);
                assert!(pattern.whole.is_match(&format!("{}b", "a".repeat(1_000))), "{}", pattern.text);
            }
            (Err(why), Some(says)) => assert!(why.contains(says), "{pattern}: {why}"),
            (made, _) => panic!("{pattern}: {made:?}"),
        }
    }
    assert!(Characters::new(&format!("[{}]", "a".repeat(1_000))).is_ok());
}

#[test]
fn a_policy_is_followed_and_what_it_gives_must_fit() {
    check("max=5;truncate=…", "\"abcdef\"", "instead abcd…");
    check("max=5;truncate=", "\"abcdef\"", "instead abcde");
    check("max=6;truncate=...", "\"abc defgh\"", "instead abc...");
    // A letter with two accents, and a family: one each, for whoever reads it.
    check("max=4;truncate=…", "\"abe\\u0301\\u0308cd\"", "instead ab…");
    check("max=5;truncate=…", "\"a👩\\u200d👩\\u200d👧bc\"", "instead a…");
    check(
        "max=3;truncate=…",
        "\"👩\\u200d👩\\u200d👧 Smith\"",
        "length: the value has 11 characters, `Name` takes 3; `truncate` leaves nothing of it",
    );
    check(
        "max=3;characters=ascii;truncate=…",
        "\"abcdef\"",
        "format: the value holds `…` (U+2026), and `Name` takes `ascii` alone, also after `truncate`",
    );
    check("max=3;transform=upper | truncate(3)", "\"abcdef\"", "instead ABC");
    check("max=3;transform=upper | truncate(3)", "\"abc\"", "whole");
    check("max=3;transform=upper", "\"abcdef\"", "length: the value has 6 characters, `Name` takes 3, also after `transform`");
    check(
        "max=3;transform=integer",
        "\"abcdef\"",
        "length: the value has 6 characters, `Name` takes 3; \"abcdef\" is not a decimal number",
    );
    check("scale=2;truncate=…", "1.505", "format: the number has 3 digits after the point, `Name` takes 2");
}

proptest! {
    #[test]
    fn what_is_cut_fits_and_is_a_beginning(text in "\\PC{0,60}", max in 1_u32..40, mark in "(…|\\.\\.\\.)?") {
        let constraints = Constraints { max_length: Some(max), misfit: Misfit::Truncate(mark.clone()), ..Constraints::default() };
        let value = Value::text(text.as_str());
        match constraints.fit("f", &value, "c", None) {
            Fit::Whole => prop_assert!(text.chars().count() <= max as usize || value.is_empty()),
            Fit::Instead(Value::Text(cut)) => {
                prop_assert!(text.chars().count() > max as usize);
                prop_assert!(cut.chars().count() <= max as usize);
                let kept = cut.strip_suffix(mark.as_str()).unwrap();
                prop_assert!(text.starts_with(kept));
                prop_assert!(text.grapheme_indices(true).any(|(at, _)| at == kept.len()) || text[kept.len()..].starts_with(char::is_whitespace));
                // Cut once more, nothing changes.
                prop_assert_eq!(constraints.fit("f", &Value::text(cut.as_str()), "c", None), Fit::Whole);
            }
            Fit::Unfit(_) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
