//! The connector as the hub uses it, over folders in memory.

use nave_sdk::prelude::*;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::testing::FakeHost;

use crate::Files;

/// Reads until there is no more; answers ids and bodies, the last checkpoint, and whether the scan was complete.
fn scan(stream: &str, from: Option<Vec<u8>>, limit: u32) -> (Vec<(String, String)>, Vec<u8>, bool) {
    let mut rows = Vec::new();
    let mut checkpoint = from;
    loop {
        let page = Files::read(stream, checkpoint, limit).expect("a page");
        assert!(page.records.len() <= limit as usize);
        rows.extend(page.records.into_iter().map(|record| (record.remote_id, String::from_utf8(record.body).expect("UTF-8"))));
        if !page.more {
            return (rows, page.next, page.complete_scan);
        }
        checkpoint = Some(page.next);
    }
}

fn ids(rows: &[(String, String)]) -> Vec<&str> {
    rows.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn every_page_size_reads_the_same() {
    let mut text = "\u{feff}Id;Name\r\n".to_owned();
    for n in 0..500 {
        text.push_str(&format!("C{n};\"Nr. {n}\n{}\"\r\n", "x".repeat(n % 90)));
    }
    let host =
        FakeHost::new().file("drop", "a/contacts-1.csv", &text).file("drop", "contacts-2.jsonl", "{\"id\":1}\n\n{\"id\":2}");
    host.run(|| {
        let (whole, done, complete) = scan("contacts", None, 10_000);
        assert_eq!(whole.len(), 502);
        assert!(complete);
        assert_eq!(whole[0], ("C0".into(), r#"{"Id":"C0","Name":"Nr. 0\n"}"#.into()));
        assert_eq!(whole[501], ("2".into(), r#"{"id":2}"#.into()));
        for limit in [1, 7, 100, 501, 502] {
            assert_eq!(scan("contacts", None, limit), (whole.clone(), done.clone(), true), "pages of {limit}");
        }
        let (again, same, complete) = scan("contacts", Some(done.clone()), 100);
        assert_eq!(
            (again.len(), same, complete),
            (0, done, false),
            "nothing changed: nothing read, and no evidence of deletions"
        );
    });
}

#[test]
fn a_changed_file_is_read_again_whole() {
    let host = FakeHost::new().file("drop", "p.csv", "id,n\n1,a\n2,b\n3,c\n");
    let ((first, done), mut host) = host.run(|| {
        let first = Files::read("p", None, 2).expect("a page");
        let (_, done, _) = scan("p", None, 100);
        (first, done)
    });
    host.put("drop", "p.csv", b"id,n\n1,a\n3,c2\n4,d\n");
    let (_, mut host) = host.run(|| {
        let (rows, _, complete) = scan("p", Some(first.next.clone()), 100);
        assert_eq!((ids(&rows), complete), (vec!["1", "3", "4"], true), "begun again");
        let (rows, _, complete) = scan("p", Some(done), 100);
        assert_eq!((ids(&rows), complete), (vec!["1", "3", "4"], true));
        let got = Files::get("p", vec!["2".into(), "3".into()]).expect("records");
        assert_eq!(got.len(), 1, "a row that is missing from a file says nothing");
    });
    // Emptied folders say nothing about deletions.
    host.remove("drop", "p.csv");
    host.run(|| {
        let (rows, _, complete) = scan("p", None, 100);
        assert_eq!((rows.len(), complete), (0, false));
        assert_eq!(Files::get("p", vec!["1".into()]), Ok(vec![]));
    });
}

#[test]
fn a_file_that_never_rests_is_read_and_not_called_complete() {
    let mut host = FakeHost::new().file("drop", "p.jsonl", "{\"id\":0}\n");
    let mut checkpoint = None;
    let mut seen = 0;
    for n in 10..60 {
        host.put("drop", "p.jsonl", (0..=n).map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>().as_bytes());
        let from = checkpoint.take();
        let (page, back) = host.run(|| Files::read("p", from, 3).expect("a page"));
        host = back;
        seen += page.records.len();
        checkpoint = Some(page.next);
        if !page.more {
            assert!(!page.complete_scan);
            assert!(seen > 25, "it moved on: {seen}");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn rows_that_are_no_records_are_shown() {
    let host = FakeHost::new().file("drop", "p.csv", "id,n\n1,a\n,b\n3,c,extra\n4\n").file(
        "drop",
        "q.jsonl",
        "{\"id\":1}\n{\"x\":1}\nnonsense\n",
    );
    host.run(|| {
        let (rows, _, _) = scan("p", None, 100);
        assert_eq!(ids(&rows), ["1", "p.csv@9", "p.csv@12", "4"]);
        assert_eq!(rows[1].1, "! line 3 of p.csv: no id: ,b");
        assert_eq!(rows[2].1, "! line 4 of p.csv: 3 cells where the header has 2: 3,c,extra");
        let (rows, _, _) = scan("q", None, 100);
        assert_eq!(ids(&rows), ["1", "q.jsonl@9", "q.jsonl@17"]);
        assert_eq!(rows[1].1, r#"! line 2 of q.jsonl: no id: {"x":1}"#);
    });
}

/// What the rows of a file say: id and covered columns, or the reason for setting it aside.
fn told(name: &str, content: &[u8], limit: u32) -> (Vec<String>, bool) {
    let mut host = FakeHost::new().folder("drop");
    host.put("drop", name, content);
    let stream = name.split('.').next().expect("a name");
    let (answer, _) = host.run(|| {
        let mut told = Vec::new();
        let mut checkpoint = None;
        loop {
            let page = Files::read(stream, checkpoint, limit).expect("a page");
            told.extend(page.records.into_iter().map(|record| match (record.body.strip_prefix(b"! "), record.coverage) {
                (Some(reason), _) => format!("! {}", String::from_utf8_lossy(reason)),
                (None, Coverage::Complete) => record.remote_id,
                (None, Coverage::Only(columns)) => format!("{} {}", record.remote_id, columns.join("+")),
            }));
            if !page.more {
                return (told, page.complete_scan);
            }
            checkpoint = Some(page.next);
        }
    });
    answer
}

#[track_caller]
fn check(name: &str, content: &[u8], expected: &[&str], complete: bool) {
    for limit in [1, 2, 100] {
        let (told, whole) = told(name, content, limit);
        let fits = told.len() == expected.len() && told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected));
        assert!(fits, "{}, pages of {limit}: {told:#?}", String::from_utf8_lossy(content));
        assert_eq!(whole, complete, "{}", String::from_utf8_lossy(content));
    }
}

#[test]
fn a_column_that_is_not_there_says_nothing() {
    check("p.csv", b"id,name,email\n1,Ada,a@x.test\n", &["1 id+name+email"], true);
    check("p.csv", b"id,name\n1,Ada\n", &["1 id+name"], true);
    check("p.csv", b"id,name\n1,\n", &["1 id+name"], true);
    // Neither does a cell, and a last line without an end may be half of one.
    check("p.csv", b"id,name,email\n1,Ada\n2\n3,Bo,b@x.test", &["1 id+name", "2 id", "3 id+name+email"], true);
    let cut = "! line 3 of p.csv: the file ends in this line, after 2 of 3 cells: 2,B";
    check("p.csv", b"id,name,email\n1,Ada,a@x.test\n2,B", &["1 id+name+email", cut], false);
}

/// A file without a header row, or with nothing at all, is refused, whatever was in it before.
#[track_caller]
fn check_not_yet(name: &str, content: &[u8]) {
    let stream = name.split('.').next().expect("a name");
    let mut host = FakeHost::new().file("drop", name, if name.ends_with("csv") { "id\n1\n2\n" } else { "{\"id\":1}\n" });
    let (done, back) = host.run(|| scan(stream, None, 10).1);
    host = back;
    host.put("drop", name, content);
    host.run(|| {
        for from in [None, Some(done.clone())] {
            let failure = Files::read(stream, from, 10).expect_err("refused");
            let Failure::Unavailable(message) = failure else { panic!("{failure:?}") };
            assert!(message.contains(name) && message.contains("nave sync"), "{message}");
        }
        let streams = Files::discover().expect("the others are there");
        assert!(streams.iter().any(|found| found.name == stream), "{streams:?}");
    });
}

#[test]
fn a_file_with_nothing_in_it_is_no_export_of_nothing() {
    for content in [&b""[..], b"\n", b"\r\n \n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"sep=;\n"] {
        check_not_yet("p.csv", content);
    }
    check_not_yet("p.jsonl", b"");
    // These say that there is nothing.
    check("p.csv", b"id,name\n", &[], true);
    check("p.csv", b"id,name", &[], true);
    check("p.jsonl", b"\n", &[], true);
    // Blank lines before the header are no header.
    check("p.csv", b"\r\n\nid,name\n1,Ada\n", &["1 id+name"], true);
}

#[test]
fn a_column_that_comes_twice_is_told_once() {
    let host = FakeHost::new().file("drop", "p.csv", "id,Email,Email\n1,a@x.test,b@x.test\n2,c@x.test,\n");
    let (rows, host) = host.run(|| scan("p", None, 1).0);
    assert_eq!(rows[0].1, r#"{"id":"1","Email":"a@x.test","Email_2":"b@x.test"}"#);
    let told: Vec<&String> = host.log().iter().filter(|line| line.contains("more than once")).collect();
    assert!(told.len() == 1 && told[0].contains("p.csv") && told[0].contains("Email_2"), "{told:?}");
}

#[test]
fn a_quote_that_is_not_closed_is_told() {
    let open = "! line 4 of p.csv: a quote opens here and is never closed; all that follows may belong to it: 2,\"Bo";
    check("p.csv", b"id,name\n1,\"A\nda\"\n2,\"Bo\n3,Cy\n4,Di\n", &["1 id+name", open], false);
    let followed = "! line 3 of p.csv: text follows a closing quote; is a quote missing here?: 2,\"Bo";
    check("p.csv", b"id,name\n1,Ada\n2,\"Bo\n3,\"Cy\"\n4,Di\n", &["1 id+name", followed, "4 id+name"], false);
}

#[test]
fn a_row_that_cannot_be_read_makes_no_scan_complete() {
    check("p.csv", b"id,n\n1,a\n,b\n", &["1 id+n", "! line 3 of p.csv: no id"], false);
    check("p.csv", b"id,n\n1,a\n2,K\xf6ln\n", &["1 id+n", "! line 3 of p.csv: a cell that is not UTF-8"], false);
    check("p.csv", b"id,n\n1,a\nK\xf6,b\n", &["1 id+n", "! line 3 of p.csv: a cell that is not UTF-8"], false);
    check("p.csv", b"id,n\n1,a,b\n2,c\n", &["! line 2 of p.csv: 3 cells", "2 id+n"], false);
    check("p.jsonl", b"{\"id\":1}\n[1,2]\n", &["1", "! line 2 of p.jsonl: not a JSON object: [1,2]"], false);
    check("p.jsonl", b"{\"id\":1}\n{\"id\":2,\"n\":\"hal", &["1", "! line 2 of p.jsonl: not JSON: EOF"], false);
    check("p.jsonl", b"{\"id\":1}\n{\"id\":2,\"n\":\"\xf6\"}\n", &["1", "! line 2 of p.jsonl: not UTF-8"], false);
    check("p.jsonl", b"{\"id\":1}\n{\"id\":2} {\"id\":3}\n", &["1", "! line 2 of p.jsonl: not JSON: trailing"], false);
    check("p.jsonl", b"{\"id\":1}\n\n{\"id\":2}", &["1", "2"], true);
}

#[test]
fn of_rows_with_one_id_the_last_counts() {
    let first = "! line 2 of p.csv: the id 1 comes again in line 5, which counts: 1,a";
    let second = "! line 3 of p.csv: the id 1 comes again in line 5, which counts: 1,b";
    check("p.csv", b"id,n\n1,a\n1,b\n2,c\n1,d\n", &[first, second, "2 id+n", "1 id+n"], true);
    // A last one that cannot be read does not count.
    check("p.csv", b"id,n\n1,a\n1,\xf6\n", &["1 id+n", "! line 3 of p.csv: a cell that is not UTF-8"], false);
    let first = r#"! line 1 of p.jsonl: the id 1 comes again in line 3, which counts: {"id":1}"#;
    check("p.jsonl", b"{\"id\":1}\n{\"id\":2}\n{\"id\":\"1\"}\n", &[first, "2", "1"], true);
}

#[test]
fn a_header_in_another_encoding_is_refused() {
    let mut host = FakeHost::new().folder("drop");
    host.put("drop", "p.csv", b"id,Stra\xdfe\n1,a\n");
    let (failure, _) = host.run(|| Files::read("p", None, 10).expect_err("refused"));
    let Failure::Misconfigured(message) = failure else { panic!("{failure:?}") };
    for part in ["p.csv", "column 2", "stream p", "windows-1252"] {
        assert!(message.contains(part), "{message}");
    }
    let settings = r#"{"streams":[{"name":"p","file":"p.csv","encoding":"windows-1252"}]}"#;
    let mut host = FakeHost::new().settings(settings).folder("drop");
    host.put("drop", "p.csv", b"id,Stra\xdfe\n1,a\n");
    host.run(|| assert_eq!(scan("p", None, 10).0[0].1, "{\"id\":\"1\",\"Straße\":\"a\"}"));
}

#[test]
fn settings_describe_streams() {
    let settings = r#"{"streams":[{"name":"people","file":"hr*.txt","format":"csv","id":["co","no"],"delimiter":"|","encoding":"windows-1252"}]}"#;
    let host =
        FakeHost::new().settings(settings).file("drop", "hr1.txt", "co|no|name\na/b|1|x\n").file("drop", "other.csv", "id\n1\n");
    host.run(|| {
        let (rows, _, _) = scan("people", None, 10);
        assert_eq!(ids(&rows), ["a%2Fb/1"]);
        let streams = Files::discover().expect("streams");
        assert_eq!(streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), ["people", "other"]);
        assert_eq!(streams[0].fields.len(), 3);
    });
    let (failure, _) = FakeHost::new().settings(r#"{"streems":[]}"#).run(|| Files::check().unwrap_err());
    assert!(matches!(failure, Failure::Misconfigured(message) if message.contains("streems")));
}

fn delivery(id: &str, operation: WriteOperation, desired: &Value) -> Delivery {
    Delivery { id: id.into(), operation, if_version: None, changed: b"{}".to_vec(), desired: desired.to_string().into_bytes() }
}

#[test]
fn exports_are_written_once() {
    for (format, file) in [("jsonl", "contacts.jsonl"), ("csv", "contacts.csv")] {
        let host = FakeHost::new().settings(&format!(r#"{{"export-format":"{format}"}}"#)).folder("drop").folder("export");
        let stream = "export-contacts";
        let create = |id: &str, body: Value| delivery(id, WriteOperation::Create, &body);
        let ((), host) = host.run(|| {
            let batch = vec![
                create("d1", json!({"id": "contact/1", "name": "Ada, \"the\" first", "address": {"city": "Köln"}})),
                create("d2", json!({"name": "Bo"})),
            ];
            for _ in 0..2 {
                let outcomes = Files::write(stream, batch.clone()).expect("outcomes");
                let ids: Vec<_> = outcomes
                    .iter()
                    .map(|outcome| match outcome {
                        Outcome::Written(written) => written.remote_id.as_str(),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                assert_eq!(ids, ["contact/1", "d2"]);
            }
            assert_eq!(scan(stream, None, 10).0.len(), 2, "a repetition makes no second row");
            let outcomes = Files::write(
                stream,
                vec![
                    delivery(
                        "d3",
                        WriteOperation::Update("contact/1".into()),
                        &json!({"id": "contact/1", "name": "Ada", "phone": "1"}),
                    ),
                    delivery("d4", WriteOperation::Delete("d2".into()), &json!({})),
                    delivery("d5", WriteOperation::Update("contact/9".into()), &json!({"name": "nobody"})),
                ],
            )
            .expect("outcomes");
            assert!(matches!(outcomes[0], Outcome::Written(_)));
            assert!(matches!(outcomes[1], Outcome::Written(_)));
            assert_eq!(outcomes[2], Outcome::Gone);
            let found = Files::find(stream, "id", vec!["contact/1".into()]).expect("records");
            assert_eq!(found.len(), 1);
            let got = Files::get(stream, vec!["contact/1".into(), "d2".into()]).expect("records");
            assert_eq!(got[1], SourceRecord::deleted("d2"));
            assert!(Files::write("contacts", vec![]).is_err(), "the drop folder is never written");
        });
        let content = host.content("export", file).expect("the file");
        match format {
            "csv" => assert_eq!(content, "address.city,id,name,phone\r\n,contact/1,Ada,1\r\n"),
            _ => assert_eq!(content, "{\"id\":\"contact/1\",\"name\":\"Ada\",\"phone\":\"1\"}\n"),
        }
    }
}

/// T114: an export for people holds no formula, one for programs every cell as it is; both come back as they were, and a change of
/// nothing writes nothing.
#[test]
fn an_export_for_people_holds_no_formula() {
    let texts = ["=1+1", "+49 221 1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\tx", "'=1", "-3", "plain, text"];
    for (settings, people) in [
        (r#"{"export-format":"csv","export-for":"people"}"#, true),
        (r#"{"export-format":"csv"}"#, false),
        (r#"{"export-for":"people"}"#, false), // JSONL
        (r#"{"streams":[{"name":"export-contacts","folder":"export","format":"csv","for":"people"}]}"#, true),
        (
            r#"{"export-for":"people","streams":[{"name":"export-contacts","folder":"export","format":"csv","for":"programs"}]}"#,
            false,
        ),
    ] {
        let host = FakeHost::new().settings(settings).folder("drop").folder("export");
        let stream = "export-contacts";
        let bodies: Vec<Value> =
            texts.iter().enumerate().map(|(number, text)| json!({"id": format!("={number}"), "name": text})).collect();
        let ((), host) = host.run(|| {
            let create = |number: usize| delivery(&format!("d{number}"), WriteOperation::Create, &bodies[number]);
            for number in 0..texts.len() {
                Files::write(stream, vec![create(number)]).expect("outcomes");
                // It is found, and changed to what it is.
                let id = format!("={number}");
                let same = delivery("d", WriteOperation::Update(id.clone()), &bodies[number]);
                assert!(matches!(Files::write(stream, vec![same]).expect("outcomes")[0], Outcome::Written(_)));
                let found = Files::get(stream, vec![id.clone()]).expect("records").remove(0);
                assert_eq!(found.remote_id, id);
                assert_eq!(nave_sdk::serde_json::from_slice::<Value>(&found.body).expect("a row"), bodies[number]);
                assert_eq!(Files::find(stream, "name", vec![texts[number].into()]).expect("records").len(), 1);
            }
        });
        let file = if settings.contains("csv") { "contacts.csv" } else { "contacts.jsonl" };
        let content = host.content("export", file).expect("the file");
        let cells = content.lines().skip(1).flat_map(|line| line.split(','));
        let formulas = cells.filter(|cell| cell.trim_matches('"').starts_with(['=', '+', '@', '\t'])).count();
        assert_eq!(formulas == 0, people || file.ends_with("jsonl"), "{settings}: {content}");
        assert_eq!(content.contains("'=1+1"), people, "{settings}: {content}");
    }
    let (failure, _) = FakeHost::new().settings(r#"{"export-for":"robots"}"#).run(|| Files::check().unwrap_err());
    assert!(matches!(failure, Failure::Misconfigured(message) if message.contains("robots")));
}
