use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let shown = match decode(text.as_bytes()) {
        Ok(value) => String::from_utf8(encode(&value)).unwrap(),
        Err(error) => format!("{} @{}", error.class, error.offset),
    };
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn json() {
    check(r#" {"b":1,"a":[true,null,"x"]} "#, r#"{"a":[true,null,"x"],"b":1}"#);
    check("19.9900", "19.9900");
    check("-0", "-0");
    check("1E400", "1e+400");
    check("123456789012345678901234567890.10", "123456789012345678901234567890.10");
    check(r#"{"$serde_json::private::Number":"evil"}"#, r#"{"$serde_json::private::Number":"evil"}"#);
    check(r#"{"$serde_json::private::Number":"7"}"#, r#"{"$serde_json::private::Number":"7"}"#);
    check(r#"{"\u0024serde_json::private::Number":"7"}"#, r#"{"$serde_json::private::Number":"7"}"#);
    check(r#"{"$serde_json::private::RawValue":"7"}"#, r#"{"$serde_json::private::RawValue":"7"}"#);
    check(r#"{"":1}"#, r#"{"":1}"#);
    check(r#"{"a":1,"a":2}"#, "duplicate-key @12");
    check(r#"{"a":1,"\u0061":2}"#, "duplicate-key @17");
    check(r#""\ud800""#, "encoding @7");
    check("NaN", "syntax @0");
    check("[1,]", "syntax @3");
    check("01", "syntax @1");
    check("{} x", "syntax @3");
    check("", "syntax @0");
    check(r#"{"a":1"#, "syntax @5");
    check(r#"{"a":"x"#, "syntax @6");
    check("\u{feff}{}", "syntax @0");
    check("\0", "syntax @0");
    check("\"a\u{1}\"", "syntax @2");
    assert_eq!(decode(b"\"\xff\"").unwrap_err().class, "encoding");
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(decode(nested(126).as_bytes()).is_ok());
    assert_eq!(decode(nested(129).as_bytes()).unwrap_err().class, "depth");
    assert_eq!(decode(nested(1_000_000).as_bytes()).unwrap_err().class, "depth");
    let wide = format!("[{}1]", "1,".repeat(crate::limits::RECORD_FIELDS_MAX));
    assert_eq!(decode(wide.as_bytes()).unwrap_err().class, "too-many-fields");
}

#[test]
fn json_lines() {
    let text = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n[2]\n3";
    let found: Vec<(usize, &[u8])> = lines(text).collect();
    assert_eq!(found, [(3, &b"{\"a\":1}"[..]), (16, b"[2]"), (20, b"3")]);
}

fn rows(text: &[u8]) -> Vec<String> {
    match CsvReader::new(text, CsvOptions::default()) {
        Err(error) => vec![format!("{} @{}: {}", error.class, error.offset, error.message)],
        Ok(reader) => reader
            .map(|(_, row)| match row {
                Ok(value) => String::from_utf8(encode(&value)).unwrap(),
                Err(error) => format!("{} @{}: {}", error.class, error.offset, error.message),
            })
            .collect(),
    }
}

#[test]
fn csv() {
    assert_eq!(
        rows("\u{feff}name,note\r\nAda,\"a \"\"b\"\"\nc\"\nBob\nCid,,x\nDü,007".as_bytes()),
        [
            r#"{"name":"Ada","note":"a \"b\"\nc"}"#,
            "ragged-row @30: the row has 1 cells, the header 2",
            "ragged-row @34: the row has 3 cells, the header 2",
            r#"{"name":"Dü","note":"007"}"#,
        ]
    );
    assert_eq!(rows(b"a,b\n\xff,x\n1,2\n"), ["encoding @4: `a` is not UTF-8 text", r#"{"a":"1","b":"2"}"#]);
    assert_eq!(rows(b""), ["syntax @0: no header row"]);
    assert_eq!(rows(b"a,a\n"), ["duplicate-key @0: two columns are named `a`"]);
    assert_eq!(rows(b"a,\n"), ["syntax @0: column 2 has no name in the header row"]);
}

#[test]
fn quotes_at_fault() {
    for (text, expected) in [
        ("a,b\n\"x\",\"y \"\"z\"\"\"\n", None),
        ("a,b\n1 \"inch\",x\"\n", None),
        ("a,b\n\"x\" ,\"\"\r\n\"\"", None),
        ("a,\"b\n1,2\n", Some((2, QuoteFault::Open))),
        ("a\n\"", Some((2, QuoteFault::Open))),
        ("a\n\"x\"\"", Some((2, QuoteFault::Open))),
        ("a,b\n\"1,2\n\"3\",4\n", Some((4, QuoteFault::Followed))),
    ] {
        assert_eq!(faulty_quote(text.as_bytes(), CsvOptions::default()), expected, "{text:?}");
    }
    let semicolons = CsvOptions { delimiter: b';', ..CsvOptions::default() };
    assert_eq!(faulty_quote(b"a;b\n\"1;2\n", semicolons), Some((4, QuoteFault::Open)));
}

#[test]
fn csv_is_written_as_it_is_read() {
    let value = decode(br#"{"a":"=1+1","b":"x, \"y\"","c":null,"d":-3,"e":{"f":true}}"#).unwrap();
    let columns: Vec<String> = ["a", "b", "c", "d", "e.f"].map(str::to_owned).into();
    let written = |formula_guard| {
        let mut writer = CsvWriter::new(columns.clone(), CsvOptions { formula_guard, ..CsvOptions::default() });
        writer.row(&value);
        String::from_utf8(writer.finish()).unwrap()
    };
    assert_eq!(written(false), "a,b,c,d,e.f\r\n=1+1,\"x, \"\"y\"\"\",,-3,true\r\n");
    assert_eq!(written(true), "a,b,c,d,e.f\r\n\"'=1+1\",\"x, \"\"y\"\"\",,\"'-3\",true\r\n");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?(e[+-][0-9]{1,3})?".prop_map(|number| Value::Number(number.into())),
        any::<String>().prop_map(Value::text),
    ];
    leaf.prop_recursive(5, 50, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_came_before_changes_nothing(
        bodies in prop::collection::vec(prop::collection::vec(("[a-e]{1,2}", values()), 0..6), 0..8)
    ) {
        let mut decoder = Decoder::default();
        for pairs in bodies {
            let part = |(name, value): &(String, Value)| format!("{name:?}:{}", String::from_utf8(encode(value)).unwrap());
            let body = format!("{{{}}}", pairs.iter().map(part).collect::<Vec<_>>().join(","));
            prop_assert_eq!(decoder.decode(body.as_bytes()), decode(body.as_bytes()));
            // And the same again, now that its names are known.
            prop_assert_eq!(decoder.decode(body.as_bytes()), decode(body.as_bytes()));
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(value in values()) {
        prop_assert_eq!(decode(&encode(&value)), Ok(value));
    }

    #[test]
    fn any_bytes_end_in_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = lines(&bytes).count();
        let _ = rows(&bytes);
        let _ = faulty_quote(&bytes, CsvOptions::default());
    }

    #[test]
    fn any_json_like_text_ends(text in "[\\[\\]{}:,\"0-9a\\\\u eE.tnf-]{0,60}") {
        if let Ok(value) = decode(text.as_bytes()) {
            prop_assert_eq!(decode(&encode(&value)), Ok(value));
        }
    }

    #[test]
    fn csv_comes_back(cells in prop::collection::vec(prop::collection::vec(any::<String>(), 3..=3), 0..5)) {
        let columns: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let mut writer = CsvWriter::new(columns.clone(), CsvOptions::default());
        let expected: Vec<Value> = cells.into_iter().map(|row| Value::Object(columns.iter().cloned().zip(row.into_iter().map(Value::text)).collect())).collect();
        expected.iter().for_each(|row| writer.row(row));
        let bytes = writer.finish();
        prop_assert_eq!(faulty_quote(&bytes, CsvOptions::default()), None);
        let read: Vec<Value> = CsvReader::new(&bytes, CsvOptions::default()).unwrap().map(|(_, row)| row.unwrap()).collect();
        prop_assert_eq!(read, expected);
    }
}
