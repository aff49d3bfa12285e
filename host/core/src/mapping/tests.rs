//! Text in, text out: every row is a body, an expression and what comes of it.

use proptest::prelude::*;

use super::*;
use crate::catalog::FieldType;
use crate::codec::{decode, encode};
use crate::limits::{EXPRESSION_BYTES_MAX, MAPPED_TEXT_BYTES_MAX};
use crate::manifest::Function;

const BODY: &str = r#"{
    "name": "  Ada   LOVELACE ", "first": "Ada", "last": "Lovelace", "none": null, "empty": "",
    "n": 19.9900, "id": 42, "yes": true, "iso": "2024-05-26T10:00:00.500+02:00", "naive": "2024-05-26T10:00:00",
    "day": "26.05.2024", "xero": "/Date(1439434356790+0000)/", "ms": 1439434356790,
    "tryton": {"__class__": "datetime", "year": 2026, "month": 11, "day": 24, "hour": 2, "minute": 6, "second": 37, "microsecond": 649386},
    "tagged": {"__class__": "Decimal", "decimal": "49.9000"}, "german": "1.234,50", "land": "Deutschland",
    "a.b": 1, "deep": {"a.b": {"c": "found"}, "list": [{"x": 1}, {"x": 2}]}, "tags": ["vip", "", "new"],
    "sly": "{{name}} ${first} {n} `id` trim(name)", "currency": "EUR", "phone": "+49 (0)221 12-34", "json": "{\"a\":1}", "E-mail 1 - Value": "A@B.de"
}"#;

fn tables() -> BTreeMap<String, Arc<Table>> {
    let table = |name: &str, lines: &[(&str, &str)]| {
        let lines = lines.iter().map(|(key, value)| ((*key).to_owned(), Value::text(*value)));
        (name.to_owned(), Arc::new(Table::new(name, lines)))
    };
    [table("countries", &[("Germany", "DE"), ("Austria", "AT")]), table("lossy", &[("Germany", "DE"), ("Deutschland", "DE")])]
        .into()
}

fn functions() -> BTreeMap<String, Function> {
    let function = Function {
        name: "phone_e164".into(),
        inputs: vec!["text".into(), "text".into()],
        output: "text".into(),
        explain: "".into(),
    };
    [(function.name.clone(), function)].into()
}

fn compiled(text: &str, own: Option<&str>) -> Result<(Expression, Vec<External>), String> {
    let (mut externals, lookups, functions) = (Vec::new(), tables(), functions());
    let types = |path: &str| match path {
        "id" => Type::Integer,
        "n" => Type::Decimal,
        "yes" => Type::Boolean,
        "tags" => Type::List,
        "iso" => Type::Timestamp,
        _ => Type::Any,
    };
    let mut scope = Scope { own, lookups: &lookups, functions: Some(&functions), externals: &mut externals, types: &types };
    let expression = compile(text, &mut scope).map_err(|issues| {
        let shown: Vec<String> = issues
            .iter()
            .map(|i| {
                format!("{}: {}{}", i.offset + 1, i.message, i.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())
            })
            .collect();
        shown.join("; ")
    })?;
    Ok((expression, externals))
}

fn env(body: &Value) -> Env<'_> {
    Env { body, externals: &[], connection: "crm", region: None }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let body = decode(BODY.as_bytes()).unwrap();
    let shown = match compiled(text, Some("name")) {
        Err(issue) => issue,
        Ok((expression, _)) => match expression.evaluate(&env(&body)) {
            Ok(value) => String::from_utf8(encode(&value)).unwrap(),
            Err(error) => format!("{}: {}", error.class, error.message),
        },
    };
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn values_come_in() {
    // What a record holds is a value, whatever it looks like.
    check("sly", r#""{{name}} ${first} {n} `id` trim(name)""#);
    check("sly | trim", r#""{{name}} ${first} {n} `id` trim(name)""#);
    check("trim | lower | collapse", r#""ada lovelace""#);
    check("collapse | title", r#""Ada Lovelace""#);
    check("first", r#"type: expected a list, found "  Ada   LOVELACE ""#);
    check("`first`", r#""Ada""#);
    check("concat(first, ' ', last)", r#""Ada Lovelace""#);
    check("concat(none, ' ', empty)", "null");
    check("template('{last}, {first}')", r#""Lovelace, Ada""#);
    check("template('{{{last}}}')", r#""{Lovelace}""#);
    check("coalesce(none, empty, last)", r#""Lovelace""#);
    check("when(yes and n > 19.5, 'big', small)", r#""big""#);
    check("when(not yes, 1, null)", "null");
    check("none | trim | lower | date | text | reference(x)", "null");
    check("none | default('x')", r#""x""#);
    check("empty | default('x')", r#""""#);
    check("empty | null_if('')", "null");
    check("n", "19.9900");
    check("n | decimal", "19.99");
    check("n | text", r#""19.9900""#);
    check("n | integer", "format: the number 19.99 is not an integer");
    check("id | text | reference(parties)", r#""42""#);
    check("german | decimal(',')", "1234.5");
    for (text, separator, expected) in [
        ("1.234.567,89", ',', "1234567.89"),
        ("1'234.50", '.', "1234.5"),
        ("12,34,567.80", '.', "1234567.8"),
        ("(1.234,56)", ',', "-1234.56"),
        ("1.234,56-", ',', "-1234.56"),
        ("\u{2212}3", '.', "-3"),
        ("1 234,56", ',', "1234.56"),
        ("1,5", '.', "format: \"1,5\" is not a decimal number with `.`"),
        ("1.5", ',', "format: \"1.5\" is not a decimal number with `,`"),
        ("1,2345", '.', "format: \"1,2345\" is not a decimal number with `.`"),
        ("(-3)", '.', "format: \"(-3)\" is not a decimal number with `.`"),
        ("€ 3", '.', "format: \"€ 3\" is not a decimal number with `.`"),
    ] {
        check(&format!("'{}' | decimal('{separator}')", text.replace('\'', "\\'")), expected);
    }
    check("'Ja' | boolean(ja, nein)", "true");
    check("' NEIN' | boolean(ja, nein)", "false");
    check("'Y' | boolean(y, Y)", "false");
    check("'45000' | date(excel)", r#""2023-03-15""#);
    check("'1' | date(excel)", r#""1900-01-01""#);
    check("'61' | date(excel)", r#""1900-03-01""#);
    check("'60' | date(excel)", r#"format: "60" is not a date in the days of a spreadsheet"#);
    check("'45000.5' | timestamp(excel)", r#""2023-03-15T12:00:00Z""#);
    check("'1900-02-28' | format_date(excel)", "59");
    check("'2023-03-15' | format_date(excel)", "45000");
    check("'2023-03-15T18:00:00Z' | format_timestamp(excel)", "45000.75");
    check("'01/02/90' | date('%m/%d/%Y')", r#"format: "01/02/90" is not a date in the pattern `%m/%d/%Y`"#);
    check("'01/02/90' | date('%m/%d/%y')", r#""1990-01-02""#);
    check("'030 901820' | phone(land)", r#""+4930901820""#);
    check("'030 901820' | phone(none)", r#""030901820""#);
    check("'+49 (0)221 12-34' | phone(land)", r#""+492211234""#);
    check("tagged | decimal(tryton)", "49.9");
    check("n | money(EUR)", r#"{"amount":19.99,"currency":"EUR"}"#);
    check("n | money(currency)", r#"{"amount":19.99,"currency":"EUR"}"#);
    check("n | money(none)", "required: an amount without a currency: `none` is empty");
    check("iso | timestamp", r#""2024-05-26T10:00:00.5+02:00""#);
    check("iso | timestamp(iso8601) | date", r#""2024-05-26""#);
    check("naive | timestamp", r#""2024-05-26T10:00:00Z""#);
    check("naive | timestamp(iso8601, '+02:00')", r#""2024-05-26T10:00:00+02:00""#);
    check("day | date('%d.%m.%Y')", r#""2024-05-26""#);
    check("xero | timestamp(xero)", r#""2015-08-13T02:52:36.79Z""#);
    check("ms | timestamp(unix_ms)", r#""2015-08-13T02:52:36.79Z""#);
    check("tryton | timestamp(tryton)", r#""2026-11-24T02:06:37.649386Z""#);
    check("tryton | date(tryton)", r#""2026-11-24""#);
    check("day | date", r#"format: "26.05.2024" is not a date in ISO 8601"#);
    check("land | country", r#""DE""#);
    check("land | country | format_country(name)", r#""Germany""#);
    check("land | lookup(lossy)", r#""DE""#);
    check(
        "land | lookup(countries)",
        r#"lookup: "Deutschland" is no key of the table `countries`; add it to lookups/countries.toml"#,
    );
    check("yes | enum_map(true = active, false = archived)", r#""active""#);
    check("first | lower", r#"type: expected a list, found "  Ada   LOVELACE ""#);
    check("`E-mail 1 - Value` | email", r#""a@b.de""#);
    check("`a.b`", "1");
    check("deep.a.b.c", r#""found""#);
    check("deep.list.1.x", "2");
    check("tags | join(', ')", r#""vip, new""#);
    check("tags | first | upper", r#""VIP""#);
    check("day | split('.', 3)", r#""2024""#);
    check("day | split('.', -1)", r#""2024""#);
    check("day | split('.', 9)", "null");
    check("first | truncate(2)", r#"type: expected a list, found "  Ada   LOVELACE ""#);
    check("last | truncate(4) | suffix('…')", r#""Love…""#);
    check("last | replace(l, L) | strip_prefix(Love)", r#""Lace""#);
    check("`phone` | phone", r#""+492211234""#);
    check("`json` | json", r#"{"a":1}"#);
    check("object(a = last, b = none)", r#"{"a":"Lovelace","b":null}"#);
    check("list(last, none)", r#"["Lovelace"]"#);
    check("yes | boolean(J, N)", r#"lookup: "true" is neither "J" nor "N""#);
}

/// T120: there is no loop and no recursion, and whatever an expression of the greatest length makes of the longest text, no operation
/// gives more than its bound.
#[test]
fn no_expression_makes_a_huge_text() {
    let long = "a".repeat(MAPPED_TEXT_BYTES_MAX);
    let tags = vec![Value::text(long.clone()); 50];
    let body: Value =
        Value::Object([("x", Value::text(long.clone())), ("y", Value::text("a")), ("tags", Value::List(tags))].into());
    let fill = |step: &str| step.repeat(EXPRESSION_BYTES_MAX / step.len() - 1);
    let too_long = format!("length: the result would be longer than {MAPPED_TEXT_BYTES_MAX} bytes");
    // (what it begins with, what is put behind it as often as there is room, what comes of it)
    for (first, step, expected) in [
        ("y", " | replace(a, aaaaaaaaaaaaaaaa)", &*too_long),
        ("y", " | prefix(\"aaaaaaaaaaaaaaaa\")", "ok"),
        ("x", " | prefix(a)", &*too_long),
        ("x", " | suffix(a)", &*too_long),
        ("x", " | replace(a, \"\u{e9}\")", &*too_long),
        ("y", " | upper | lower | title | collapse | nfc | trim", "ok"),
        ("tags | json_text", "", &*too_long),
        ("tags | join(\",\")", "", &*too_long),
        ("tags | first", " | truncate(9999999)", "ok"),
    ] {
        let text = format!("{first}{}", if step.is_empty() { String::new() } else { fill(step) });
        let (expression, _) = compiled(&text, Some("x")).expect("compiles");
        let shown = match expression.evaluate(&env(&body)) {
            Ok(Value::Text(made)) if made.len() <= MAPPED_TEXT_BYTES_MAX => "ok".to_owned(),
            Ok(other) => format!("{} bytes", other.display().len()),
            Err(error) => format!("{}: {}", error.class, error.message),
        };
        assert_eq!(shown, expected, "{first}{step}…");
    }
    for many in [format!("concat({}x)", "x, ".repeat(1_000)), format!("template('{}')", "{x}".repeat(1_000))] {
        let (expression, _) = compiled(&many, Some("x")).expect("compiles");
        let error = expression.evaluate(&env(&body)).expect_err("too long");
        assert_eq!(format!("{}: {}", error.class, error.message), too_long);
    }
    // Deeper and longer than there may be, in every way of nesting.
    for (open, close) in [("concat(", ")"), ("coalesce(", ")"), ("list(", ")"), ("when(", ", 1, 2)"), ("not ", "")] {
        let nested = format!("{}x{}", open.repeat(200), close.repeat(200));
        let refused = Expression::parse(&nested, None).map(drop).and_then(|()| Predicate::parse(&nested).map(drop));
        let issue = refused.expect_err("refused").remove(0);
        assert!(issue.message.contains("nested deeper") || issue.message.contains("expected"), "{open}: {}", issue.message);
    }
    let long = format!("y{}", " | trim".repeat(EXPRESSION_BYTES_MAX));
    let issue = Expression::parse(&long, None).map(drop).expect_err("refused").remove(0);
    assert_eq!(issue.message, format!("longer than {EXPRESSION_BYTES_MAX} bytes"));
}

#[test]
fn mistakes_have_a_column_and_a_suggestion() {
    check("trim | lowr", "8: there is no operation or function `lowr` (did you mean `lower`?)");
    check("trim |", "7: expected a path, a value or an operation, but the text ends here");
    check("trim | lower)", "13: expected the end, `|`, `and` or `or`, but `)` stands here");
    check("", "1: nothing is written here");
    check("concat(first", "13: expected `,` or `)`, but the text ends here");
    check("default('x", "9: the text that begins here has no closing ', or a \\ before a character that needs none");
    check("land | lookup(contries)", "15: there is no table `contries` (did you mean `countries`?)");
    check("id | lower", "6: `lower` cannot work on an integer (put `text |` before it)");
    check("yes | date(unix_s)", "7: `date` cannot work on a boolean (put `text |` before it)");
    check(
        "tags | trim | nope",
        "8: `trim` cannot work on a list (put `first |` or `join(\", \") |` before it, or map the list with [[list]]); 15: there is no operation or function `nope` (a plugin's function needs its plugin installed)",
    );
    check("date(%d)", "6: `%` means nothing here");
    check(
        "land | date(foo)",
        "8: `date` is not written like this (write date, date(\"%d.%m.%Y\"), date(excel), date(xero), date(tryton), date(unix_s))",
    );
    check("last | concat(first)", "8: `concat` begins a pipe, it cannot follow `|`");
    check("coalesce(trim(first), last)", "10: `trim` needs a value in front of it (write `path | trim(first)`)");
    check(
        "land | lookup_back(lossy)",
        "8: table `lossy` has no way back: two keys have the value \"DE\" (leave one of the keys out, or give them different values)",
    );
    check("land | phone_e164", "8: `phone_e164` takes 2 values (text, text), and gets 1 (the value in front of it is the first)");
    check("a = b", "1: a condition stands where a value is wanted (use when(condition, a, b))");
    check(&"(".repeat(100), "33: nested deeper than 32 levels");
}

#[track_caller]
fn back(text: &str, own: &str, canonical: &str, expected: &str) {
    let (expression, _) = compiled(text, Some(own)).unwrap();
    let shown = match expression.invert(own, "field") {
        Err(why) => why,
        Ok(inverse) => {
            let body = Value::Object([("field".to_owned(), canonical_value(canonical))].into());
            let value = inverse.evaluate(&env(&body)).map(|value| String::from_utf8(encode(&value)).unwrap());
            // What is written must also be readable again as an expression.
            let again = compiled(inverse.text(), None).unwrap_or_else(|issue| panic!("{}: {issue}", inverse.text())).0;
            assert_eq!(again.evaluate(&env(&body)).map(|value| String::from_utf8(encode(&value)).unwrap()), value);
            value.unwrap_or_else(|error| error.to_string())
        }
    };
    assert_eq!(shown, expected, "{text}");
}

fn canonical_value(text: &str) -> Value {
    match text.strip_prefix('@') {
        Some(remote_id) => {
            Value::Reference(crate::value::Reference::Remote(crate::model::RemoteKey::new("crm", "parties", remote_id).into()))
        }
        None => decode(text.as_bytes()).unwrap(),
    }
}

#[test]
fn values_go_back_out() {
    back("trim | lower", "x", r#""a""#, r#""a""#);
    back("integer | text | reference(parties)", "x", "@42", "42");
    back("text | reference(parties)", "id", "@42", "42");
    back("text | reference(parties)", "x", "@42", r#""42""#);
    back("lookup(countries)", "x", r#""DE""#, r#""Germany""#);
    back("lookup(countries)", "x", r#""FR""#, r#""FR" is no value of the table `countries`"#);
    back("lookup(lossy)", "x", "null", "two keys of the table have the same value, so there is no way back");
    back("enum_map(lead = new, 'a b' = old)", "x", r#""old""#, r#""a b""#);
    back("null_if('') | trim", "x", "null", r#""""#);
    back("strip_prefix('tel:')", "x", r#""+49""#, r#""tel:+49""#);
    back("boolean(J, N)", "x", "false", r#""N""#);
    back("date('%d.%m.%Y')", "x", r#""2024-05-26""#, r#""26.05.2024""#);
    back("date(tryton)", "x", r#""2024-05-26""#, r#"{"__class__":"date","day":26,"month":5,"year":2024}"#);
    back("timestamp(xero)", "x", r#""2015-08-13T04:52:36.79+02:00""#, r#""/Date(1439434356790+0000)/""#);
    back("timestamp(unix_s)", "x", r#""1970-01-01T00:00:01.500Z""#, "1.5");
    back("timestamp('%d.%m.%Y %H:%M', '+02:00')", "x", r#""2024-05-26T08:00:00Z""#, r#""26.05.2024 10:00""#);
    back("decimal(',')", "x", "1234.5", r#""1234,5""#);
    back("money(EUR)", "x", r#"{"amount":1.5,"currency":"EUR"}"#, "1.5");
    back("money(EUR)", "x", r#"{"amount":1.5,"currency":"USD"}"#, "the amount is in USD, this system takes EUR alone");
    back("country(alpha-3)", "x", r#""DE""#, r#""DEU""#);
    back("timestamp | date", "x", "null", "`date` forgets the time of day");
    back("default('x')", "x", "null", "`default` would write invented data back");
    back("concat(x, y)", "x", "null", "it is made of more than the field itself");
    back("y | trim", "x", "null", "it reads `y`, not the field's own `x`");
    back("phone_e164('DE')", "x", "null", "`phone_e164` is a plugin's function, and has no inverse");
}

#[track_caller]
fn holds(text: &str, expected: bool) {
    let body = decode(BODY.as_bytes()).unwrap();
    let predicate = Predicate::parse(text).unwrap_or_else(|issues| panic!("{text}: {issues:?}"));
    assert_eq!(predicate.holds(&env(&body)), Ok(expected), "{text}");
    let again = Predicate::parse(&predicate.inner.1.written())
        .unwrap_or_else(|issues| panic!("{}: {issues:?}", predicate.inner.1.written()));
    assert_eq!(again.holds(&env(&body)), Ok(expected), "{text}");
}

#[test]
fn conditions() {
    holds("currency in (EUR, USD) and not archived", true);
    holds("currency not in (EUR)", false);
    holds("first = Ada or last = Nobody", true);
    holds("first == 'Ada' and (last != Lovelace or n >= 19.99)", true);
    holds("n = 19.99", true);
    holds("n < 20 and n > 3", true);
    holds("id <= 41", false);
    holds("none is null and empty is empty and empty is not null", true);
    holds("missing > 3", false);
    holds("tags contains vip", true);
    holds("name contains ' Ada '", true);
    holds("first | lower = ada", true);
    holds("first = `last`", false);
    holds("yes", true);
    holds("yes = true", true);
    holds("not (yes or missing)", false);
    let predicate = Predicate::parse("address.country in (DE, AT) and not archived").unwrap();
    assert_eq!(predicate.paths(), ["address.country", "archived"]);
    assert!(Predicate::parse("'x'").is_err());
    assert!(Predicate::parse("in (a)").is_err());
    assert!(Predicate::parse("a in (b | trim)").is_err());
}

#[test]
fn externals_are_found_and_shared() {
    let (expression, externals) =
        compiled("coalesce(phone | trim | phone_e164(land), phone | trim | phone_e164(land))", Some("name")).unwrap();
    assert_eq!(externals.len(), 1);
    let body = decode(BODY.as_bytes()).unwrap();
    let arguments: Vec<Value> = externals[0].arguments.iter().map(|a| a.evaluate(&env(&body)).unwrap()).collect();
    assert_eq!(arguments, [Value::text("+49 (0)221 12-34"), Value::text("Deutschland")]);
    let results = [Ok(Value::text("+492211234"))];
    let with = Env { externals: &results, ..env(&body) };
    assert_eq!(expression.evaluate(&with), Ok(Value::text("+492211234")));
    assert_eq!(expression.evaluate(&env(&body)).unwrap_err().class, "external");
    assert_eq!(compiled("phone_e164(land)", Some("phone")).unwrap().1, compiled("phone_e164(phone, land)", Some("x")).unwrap().1);
}

#[test]
fn the_reference_lists_what_there_is() {
    for (name, usage, _) in OPERATIONS {
        assert!(usage.starts_with(name), "{name}");
        let form = usage.split_inclusive(')').next().unwrap_or(usage);
        let form = if form.contains('(') {
            form.rsplit(", ").next().filter(|_| form.starts_with(&format!("{name},"))).unwrap_or(form)
        } else {
            name
        };
        let form = form
            .split(" | ")
            .next()
            .map(|form| if form.ends_with(')') { form.to_owned() } else { (*name).to_owned() })
            .unwrap_or_default();
        let found = compiled(&format!("`x` | {form}"), None);
        assert!(!matches!(&found, Err(message) if message.contains("there is no operation")), "{form}: {found:?}");
    }
    for (_, usage, _) in CALLS {
        assert!(compiled(&usage.replace("condition", "x = 1"), None).is_ok(), "{usage}");
    }
}

#[test]
fn paths_of_an_expression() {
    let (expression, _) = compiled("when(yes, concat(last, first), template('{id}')) | default(x)", Some("name")).unwrap();
    assert_eq!(expression.paths(), ["first", "id", "last", "yes"]);
    assert_eq!(compiled("trim | money(cur.code)", Some("amount")).unwrap().0.paths(), ["amount", "cur.code"]);
}

#[track_caller]
fn canonical(kind: &FieldType, json: &str, expected: &str) {
    let shown = match normalise(kind, decode(json.as_bytes()).unwrap()) {
        Ok(value) => {
            assert_eq!(normalise(kind, value.clone()), Ok(value.clone()), "twice: {json}");
            String::from_utf8(encode(&value)).unwrap()
        }
        Err(error) => format!("{}: {}", error.class, error.message),
    };
    assert_eq!(shown, expected, "{kind:?} {json}");
}

fn phones() -> FieldType {
    FieldType::List {
        fields: [("number".to_owned(), FieldType::Phone), ("kind".to_owned(), FieldType::Text)].into(),
        key: vec!["number".into()],
    }
}

#[test]
fn canonical_spellings() {
    canonical(&FieldType::Text, r#""  A\u0308 ""#, "\"  A\u{308} \"");
    canonical(&FieldType::Text, "1", "type: expected text, found the number 1");
    canonical(&FieldType::Integer, r#"" 007 ""#, "7");
    canonical(&FieldType::Integer, "5.0", "5");
    canonical(&FieldType::Decimal, "1.20e1", "12");
    canonical(&FieldType::Decimal, r#""""#, "null");
    canonical(&FieldType::Boolean, r#""Yes""#, "true");
    canonical(&FieldType::Boolean, "0", "false");
    canonical(&FieldType::Boolean, r#""maybe""#, r#"format: "maybe" is not true or false"#);
    canonical(&FieldType::Date, r#""2024-05-26""#, r#""2024-05-26""#);
    canonical(
        &FieldType::Date,
        r#""2024-05-26T23:00:00Z""#,
        r#"type: expected a date, found a time in "2024-05-26T23:00:00Z"; add `| date` to keep the date alone"#,
    );
    canonical(&FieldType::Date, "20240526", "type: expected a date, found the number 20240526");
    canonical(&FieldType::Timestamp, r#""2024-05-26T10:00:00.120+00:00""#, r#""2024-05-26T10:00:00.12Z""#);
    canonical(&FieldType::Timestamp, r#""2024-05-26T10:00:00+02:00""#, r#""2024-05-26T10:00:00+02:00""#);
    canonical(&FieldType::Email, r#"" Ada.L@Example.COM ""#, r#""ada.l@example.com""#);
    canonical(&FieldType::Email, r#""nobody""#, r#"format: "nobody" is not an e-mail address"#);
    canonical(&FieldType::Phone, r#""0049 221-1234""#, r#""+492211234""#);
    canonical(&FieldType::Phone, r#""(0221) 12 34 / 5""#, r#""022112345""#);
    canonical(&FieldType::Phone, r#""030 123 Ext. 5""#, r#""030123ext5""#);
    canonical(&FieldType::Phone, r#""+1 23""#, r#""+123""#);
    canonical(&FieldType::Phone, r#""00 12345""#, r#""0012345""#);
    canonical(&FieldType::Phone, r#""00 123 456 789 012 3456""#, r#""001234567890123456""#);
    canonical(&FieldType::Phone, r#""call me""#, r#"format: "call me" is not a phone number"#);
    canonical(&FieldType::Country, r#""deu""#, r#""DE""#);
    canonical(&FieldType::Country, r#""Narnia""#, r#"lookup: "Narnia" is no country that is known here"#);
    canonical(&FieldType::Url, r#"" https://a.example/ ""#, r#""https://a.example/""#);
    canonical(&FieldType::Enum(vec!["new".into(), "won".into()]), r#""NEW""#, r#""new""#);
    canonical(&FieldType::Enum(vec!["new".into(), "won".into()]), r#""lost""#, r#"lookup: "lost" is none of new, won"#);
    canonical(&FieldType::Money, r#"{"amount":"1.50","currency":"eur"}"#, r#"{"amount":1.5,"currency":"EUR"}"#);
    canonical(&FieldType::Money, "3", "type: expected money, an object with amount and currency, found the number 3");
    canonical(
        &phones(),
        r#"[{"number":"+49 221 1234","kind":"x"},null,"0221 5"]"#,
        r#"[{"kind":"x","number":"+492211234"},{"number":"02215"}]"#,
    );
    canonical(&phones(), r#"[{"nummer":"1"}]"#, "type: element 1: there is no sub-field `nummer`");
    canonical(&FieldType::Reference("company".into()), r#""7""#, r#"type: expected a reference, found "7""#);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "[-+]?[0-9]{0,12}[.]?[0-9]{0,5}([eE]-?[0-9]{1,3})?".prop_map(|number| Value::Number(number.into())),
        any::<String>().prop_map(Value::text),
        "[ +0-9().ext@a-z-]{0,24}".prop_map(Value::text),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{0,12}(Z|[+-][0-9]{2}:[0-9]{2})?)?".prop_map(Value::text),
        "(de|DEU|Germany|/Date\\([0-9+-]{1,20}\\)/|true|No|EUR)".prop_map(Value::text),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("(amount|currency|number|kind|decimal|year|month|day|hour|x)", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = FieldType> {
    prop::sample::select(vec![
        FieldType::Text,
        FieldType::Integer,
        FieldType::Decimal,
        FieldType::Money,
        FieldType::Boolean,
        FieldType::Date,
        FieldType::Timestamp,
        FieldType::Email,
        FieldType::Phone,
        FieldType::Country,
        FieldType::Url,
        FieldType::Enum(vec!["de".into(), "DE".into()]),
        phones(),
        FieldType::Object,
    ])
}

/// Every operation once, as it is written in the reference.
fn steps() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "trim",
        "lower",
        "upper",
        "title",
        "collapse",
        "nfc",
        "replace('a', 'bb')",
        "split(' ', 1)",
        "split('a', -2)",
        "truncate(3)",
        "default(x)",
        "null_if('')",
        "text",
        "integer",
        "decimal",
        "decimal(',')",
        "decimal(tryton)",
        "format_decimal(tryton)",
        "format_decimal(',')",
        "boolean",
        "boolean(J, N)",
        "format_boolean(J, N)",
        "date",
        "date(xero)",
        "date(tryton)",
        "date('%d.%m.%Y')",
        "date(excel)",
        "timestamp(excel)",
        "format_timestamp(excel)",
        "format_date(excel)",
        "phone(land)",
        "timestamp(unix_s)",
        "timestamp(unix_ms)",
        "timestamp('%Y %H')",
        "format_date('%j %A')",
        "format_date(tryton)",
        "format_timestamp(xero)",
        "format_timestamp(unix_s)",
        "money(EUR)",
        "money(x)",
        "money",
        "amount(EUR)",
        "amount",
        "email",
        "phone",
        "country",
        "format_country(name)",
        "url",
        "enum_map(a = b)",
        "enum_back(a = b)",
        "reference(s)",
        "remote_id(s)",
        "prefix(a)",
        "suffix(b)",
        "strip_prefix(a)",
        "strip_suffix(b)",
        "json",
        "json_text",
        "first",
        "join(', ')",
    ])
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(kind in kinds(), value in values()) {
        if let Ok(once) = normalise(&kind, value) {
            prop_assert_eq!(normalise(&kind, once.clone()), Ok(once));
        }
    }

    #[test]
    fn any_operations_on_any_value_end(value in values(), steps in prop::collection::vec(steps(), 1..5)) {
        let body = Value::Object([("x".to_owned(), value)].into());
        // Steps whose types do not fit are refused before they run; the others are run.
        if let Ok((expression, _)) = compiled(&steps.join(" | "), Some("x")) {
            let _ = expression.evaluate(&env(&body));
            if let Ok(inverse) = expression.invert("x", "x") {
                let _ = inverse.evaluate(&env(&body));
                prop_assert!(syntax::parse(inverse.text()).is_ok(), "{}", inverse.text());
            }
        }
    }

    #[test]
    fn any_text_is_compiled_or_refused(text in any::<String>(), near in "[a-z(),|=<>'\"`{}. 0-9!\\\\-]{0,60}") {
        for text in [text, near] {
            if let Err(issues) = Expression::parse(&text, Some("x")) {
                for issue in issues {
                    prop_assert!(issue.offset + issue.length <= text.len());
                    prop_assert!(text.is_char_boundary(issue.offset) && text.is_char_boundary(issue.offset + issue.length));
                }
            }
            let _ = Predicate::parse(&text);
        }
    }

    #[test]
    fn the_order_of_numbers_is_that_of_floats(left in -1e9f64..1e9, right in -1e9f64..1e9) {
        let spelled = |number: f64| number::canonical(&format!("{number}")).unwrap();
        prop_assert_eq!(number::compare(&spelled(left), &spelled(right)), left.partial_cmp(&right).unwrap());
    }
}
