//! Line 117 of the attack list: a value is a value wherever a description puts it, or the request is not made.

use nave_rest::template::{Piece, Template};
use nave_sdk::prelude::*;
use nave_sdk::testing::{ODD, parameter, path};
use serde_json::json;

use super::{body, reply, under};
use crate::Rest;
use crate::guard::{Around, Text, around, holds};

const TABLES: &str = r#"
[streams.things]

[streams.things.fields]
name = { type = "text" }
note = { type = "text" }

[streams.things.get]
path = "/things/{id}"

[streams.things.create]
path = "/things/of/{record.name}"
put-at = "/thing"
body = { filter = "name = '{record.name}'", note = "about {record.name}" }
returns = ""

[streams.things.find.name]
path = "/things"
query = { filter = "name eq \"{value}\" and open", q = "{value}" }
records = ""

[streams.things.find.word]
path = "/things"
query = { q = "type:thing word:{value}" }
records = ""

[streams.things.find.step]
path = "/things/by-step/{value}"
records = ""

[streams.things.find.note]
path = "/search"
method = "POST"
body = { query = "note == '{value}'", note = "{value}" }
records = ""
"#;

#[test]
fn no_value_changes_a_request() {
    for odd in ODD {
        let quoted = |quote: char| !odd.contains([quote, '\\', '\n', '\0']);
        let (_, asked) = under(
            TABLES,
            move |request| {
                match (path(request), parameter(request, "filter"), parameter(request, "q")) {
                    ("/things", Some(filter), q) => {
                        assert!(quoted('"'), "{odd:?} was asked for");
                        assert_eq!((filter, q.as_deref()), (format!("name eq \"{odd}\" and open"), Some(odd)));
                    }
                    ("/things", None, q) => panic!("{odd:?} was asked for: {q:?}"),
                    ("/search", ..) => {
                        assert!(quoted('\''), "{odd:?} was asked for");
                        assert_eq!(body(request), json!({ "query": format!("note == '{odd}'"), "note": odd }));
                    }
                    (below, ..) => {
                        let step = below.strip_prefix("/things/").expect("below the things");
                        let step = step.trim_start_matches("by-step/").trim_start_matches("of/");
                        assert!(!step.is_empty() && !step.contains('/'), "{odd:?}: {step}");
                        if below != format!("/things/{step}") {
                            assert!(!odd.contains('/'), "{odd:?} was asked for");
                        }
                        if below.starts_with("/things/of/") {
                            assert!(quoted('\''), "{odd:?} was sent");
                            let sent = json!({ "filter": format!("name = '{odd}'"), "note": format!("about {odd}"), "thing": { "name": odd } });
                            assert_eq!(body(request), sent);
                        }
                    }
                }
                reply(404, &[], &json!(null))
            },
            || {
                for field in ["name", "word", "step", "note"] {
                    assert_eq!(Rest::find("things", field, vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
                }
                assert!(Rest::find("things", odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
                let _ = Rest::get("things", vec![odd.to_owned()]);
                let desired = json!({ "name": odd }).to_string().into_bytes();
                let delivery = Delivery {
                    id: "d1".into(),
                    operation: WriteOperation::Create,
                    if_version: None,
                    changed: desired.clone(),
                    desired,
                };
                let outcomes = Rest::write("things", vec![delivery]).expect("outcomes");
                let refused = matches!(&outcomes[..], [Outcome::Rejected(no)] if no.field.as_deref() == Some("name"));
                assert_eq!(refused, !quoted('\'') || odd.contains('/'), "{odd:?}: {outcomes:?}");
            },
        );
        assert!(!asked.is_empty(), "its id is asked for");
    }
}

#[test]
fn what_stands_around_a_place() {
    #[track_caller]
    fn check(before: &str, after: &str, expected: Around) {
        let text = |text: &str| (!text.is_empty()).then(|| Piece::Text(text.to_owned()));
        let pieces = [text(before), Some(Piece::Word("value")), text(after)].into_iter().flatten().collect();
        let at = usize::from(!before.is_empty());
        assert_eq!(around(&Template { pieces })[at], expected, "{before}…{after}");
    }
    check("", "", Around::Nothing);
    check("name eq '", "'", Around::Quotes('\''));
    check("a == \"b\" and c == \"x ", "\"", Around::Quotes('"'));
    check(r#"a == "b\" "#, "\"", Around::Quotes('"'));
    check("`", "`", Around::Quotes('`'));
    check("it's ", "", Around::Text);
    check("'a' = ", "", Around::Text);
    check("", "*", Around::Text);
    for (around, text, value, expected) in [
        (Around::Nothing, Text::Parameter, "' OR 1=1", true),
        (Around::Quotes('\''), Text::Other, "a \"b\"", true),
        (Around::Quotes('\''), Text::Other, "O'Brien", false),
        (Around::Quotes('"'), Text::Parameter, "back\\slash", false),
        (Around::Text, Text::Parameter, "ada+x@x-y.test", true),
        (Around::Text, Text::Parameter, "Zoë", true),
        (Around::Text, Text::Parameter, "a b", false),
        (Around::Text, Text::Parameter, "role:admin", false),
        (Around::Text, Text::Other, "O'Brien (1)", true),
    ] {
        assert_eq!(holds(around, text, value), expected, "{around:?} {text:?} {value}");
    }
}
