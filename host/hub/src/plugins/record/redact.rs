//! People's data in a recording, masked: the same value always the same way, of the same length and shape.
//!
//! What reached the hub as a value of a record is somebody's, unless it is the record's id, a time, a word of a closed set (what
//! `discover` lists, or what half of the records of a stream have), or a single letter. Those values are masked wherever they stand,
//! and so is every text with an at-sign, and what of them stands in an address. Numbers, times, ids and the names of fields stay: the plugin finds its way by them.

use std::collections::{BTreeMap, BTreeSet};

use ring::hmac;
use serde_json::Value as Json;

use super::super::PluginsError;
use super::{Answer, Body, Call, Exchange};

/// What calls answered, as `nave plugin call` prints it.
pub(crate) struct Answered<'a> {
    /// Of `discover`.
    pub(crate) discovered: &'a Json,
    /// Records of `read` and `get`, by stream.
    pub(crate) streams: &'a [Vec<Json>],
}

/// Masks a recording's exchanges and the arguments of its calls.
///
/// # Errors
/// [`PluginsError`] where the machine gives no randomness.
pub(crate) fn redact(exchanges: &mut [Exchange], calls: &mut [Call], answered: &Answered<'_>) -> Result<usize, PluginsError> {
    let mut key = [0_u8; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key)
        .map_err(|_| PluginsError::Call("this machine gives no randomness".to_owned()))?;
    let masks = Masks { own: theirs(answered), key: hmac::Key::new(hmac::HMAC_SHA256, &key) };
    for one in exchanges.iter_mut() {
        one.path = masks.path(&one.path);
        if let Some(body) = &mut one.body {
            masks.body(body);
        }
        if let Answer::Response { headers, body, .. } = &mut one.answer {
            headers.iter_mut().for_each(|(_, value)| *value = masks.path(value));
            masks.body(body);
        }
    }
    for call in calls.iter_mut() {
        call.arguments.iter_mut().for_each(|argument| masks.json(argument));
    }
    Ok(masks.own.len())
}

/// Values of records that are somebody's.
fn theirs(answered: &Answered<'_>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    texts(answered.discovered, &mut |text| _ = words.insert(text.to_owned()));
    let mut own = BTreeSet::new();
    // A closed set is one stream's: what all tickets are called is a word, however many people there are beside them.
    for records in answered.streams {
        // A record that was read again, or got by its id, is the same record: it counts once.
        let mut by_record: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in records {
            for key in ["remote-id", "version", "modified-at"] {
                texts(&record[key], &mut |text| _ = words.insert(text.to_owned()));
            }
            let once = by_record.entry(record["remote-id"].to_string()).or_default();
            texts(&record["body"], &mut |text| _ = once.insert(text.to_owned()));
        }
        let many = by_record.len();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        by_record.into_values().flatten().for_each(|text| *counts.entry(text).or_default() += 1);
        for (text, count) in counts {
            match text.contains('@') || many < 4 || count * 2 < many {
                true => own.insert(text),
                false => words.insert(text),
            };
        }
    }
    own.into_iter().filter(|text| !words.contains(text) && text.chars().count() > 1 && !plain(text)).collect()
}

/// Numbers and times: nobody's by themselves, and a plugin computes with them. A telephone number is neither.
fn plain(text: &str) -> bool {
    let number = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let day = |text: &str| text.parse::<jiff::civil::Date>().is_ok();
    number
        || matches!(text, "true" | "false" | "null")
        || text.parse::<jiff::Timestamp>().is_ok()
        || text.get(..10).is_some_and(day)
}

fn texts(value: &Json, each: &mut dyn FnMut(&str)) {
    match value {
        Json::String(text) => each(text),
        Json::Array(all) => all.iter().for_each(|one| texts(one, each)),
        Json::Object(all) => all.values().for_each(|one| texts(one, each)),
        _ => {}
    }
}

struct Masks {
    own: BTreeSet<String>,
    key: hmac::Key,
}

impl Masks {
    fn is_theirs(&self, text: &str) -> bool {
        self.own.contains(text) || (text.contains('@') && !text.contains("://"))
    }

    /// Letters become letters, digits digits; what stands between them stays.
    fn mask(&self, text: &str) -> String {
        let seed = hmac::sign(&self.key, text.as_bytes());
        let mut drawn = seed.as_ref().iter().cycle();
        let mut turn = 0_u32;
        let mut next = |count: u32| {
            turn = turn.wrapping_add(1);
            (u32::from(*drawn.next().unwrap_or(&0)) + turn * 7) % count
        };
        let letter = |from: u8, by: u32| char::from(from + u8::try_from(by).unwrap_or(0));
        let masked: String = text
            .chars()
            .map(|c| match c {
                '0'..='9' => letter(b'0', next(10)),
                _ if c.is_uppercase() => letter(b'A', next(26)),
                _ if c.is_alphabetic() => letter(b'a', next(26)),
                other => other,
            })
            .collect();
        // No letter reaches anybody.
        match masked.rsplit_once('@') {
            Some((name, _)) => format!("{name}@masked.example"),
            None => masked,
        }
    }

    fn json(&self, value: &mut Json) {
        match value {
            Json::String(text) if self.is_theirs(text) => *text = self.mask(text),
            Json::String(text) if text.contains("://") => *text = self.path(text),
            Json::Array(all) => all.iter_mut().for_each(|one| self.json(one)),
            Json::Object(all) => all.values_mut().for_each(|one| self.json(one)),
            _ => {}
        }
    }

    fn body(&self, body: &mut Body) {
        let Body::Text(text) = body else { return };
        if let Ok(mut value) = serde_json::from_str::<Json>(text) {
            let before = value.clone();
            self.json(&mut value);
            // What nothing was masked in stays byte for byte.
            if value != before {
                *text = value.to_string();
            }
            return;
        }
        // Longest first, so that a name within a longer one is no half of it.
        let mut own: Vec<&String> =
            self.own.iter().filter(|one| one.chars().count() > 3 && text.contains(one.as_str())).collect();
        own.sort_by_key(|one| std::cmp::Reverse(one.len()));
        for one in own {
            *text = text.replace(one.as_str(), &self.mask(one));
        }
    }

    /// Values of a query, and parts of a path, that are somebody's.
    fn path(&self, path: &str) -> String {
        let masked = |part: &str| {
            let plain = percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
            match self.is_theirs(&plain) {
                true => percent_encoding::utf8_percent_encode(&self.mask(&plain), percent_encoding::NON_ALPHANUMERIC).to_string(),
                false => part.to_owned(),
            }
        };
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = path.split('/').map(masked).collect::<Vec<_>>().join("/");
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", masked(value)),
            None => pair.to_owned(),
        };
        match query {
            Some(query) => format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&")),
            None => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An address names people too; what all things of one stream have is a word of the system, however few they are.
    #[test]
    fn addresses_and_words_of_a_small_stream() {
        let ticket = |id: usize| {
            let at = format!("http://127.0.0.1:1/user/ada-{id}@corp.test?full=Ada+Lovelace&after=7");
            let record = json!({ "remote-id": id.to_string(), "body": { "type": "ticket", "who": format!("Person {id}") } });
            (record, json!({ "type": "ticket", "by": at, "who": format!("Person {id}") }))
        };
        let (tickets, rows): (Vec<Json>, Vec<Json>) = (1..=4).map(ticket).unzip();
        let people: Vec<Json> = (1..=40)
            .map(|id| json!({ "remote-id": format!("p{id}"), "body": { "name": if id == 1 { "Ada Lovelace".to_owned() } else { format!("Person {id}") } } }))
            .collect();
        let mut exchanges = vec![Exchange {
            endpoint: "api".into(),
            method: "GET".into(),
            path: "/ticket/1".into(),
            body: None,
            answer: Answer::Response { status: 200, headers: vec![], body: Body::Text(json!(rows).to_string()) },
        }];
        redact(&mut exchanges, &mut [], &Answered { discovered: &Json::Null, streams: &[people, tickets] }).unwrap();
        let text = serde_json::to_string(&exchanges).unwrap();
        assert_eq!(exchanges[0].path, "/ticket/1");
        for gone in ["Ada", "ada", "Lovelace", "corp", "Person"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for stays in ["http://127.0.0.1:1/user/", "&after=7", "ticket"] {
            assert!(text.contains(stays), "{stays}: {text}");
        }
    }

    #[test]
    fn what_is_somebodys_is_masked_everywhere_and_the_same_way() {
        let record = |id: &str, name: &str, mail: &str| {
            json!({ "remote-id": id, "version": "7", "modified-at": "2026-11-01T00:00:00Z",
                    "body": { "id": id, "name": name, "mail": mail, "stage": "customer", "since": "2026-11-01", "size": "12" } })
        };
        let records: Vec<Json> = [("a-1", "Ada Lovelace"), ("a-2", "Grace Hopper"), ("a-3", "Alan Turing"), ("a-4", "Bob Ó")]
            .iter()
            .map(|(id, name)| record(id, name, &format!("{}@corp.test", id)))
            .collect();
        let body = json!({ "results": records.iter().map(|record| record["body"].clone()).collect::<Vec<_>>(), "paging": "a-4" });
        let mut exchanges = vec![
            Exchange {
                endpoint: "api".into(),
                method: "GET".into(),
                path: "/search?name=Ada+Lovelace&mail=a-1%40corp.test&after=a-4".into(),
                body: None,
                answer: Answer::Response { status: 200, headers: vec![], body: Body::Text(body.to_string()) },
            },
            Exchange {
                endpoint: "api".into(),
                method: "POST".into(),
                path: "/x".into(),
                body: Some(Body::Text(json!({ "wanted": ["Grace Hopper"] }).to_string())),
                answer: Answer::Response { status: 200, headers: vec![], body: Body::Text("<p>Grace Hopper, a-2</p>".into()) },
            },
        ];
        let mut calls =
            vec![Call { function: "find".into(), arguments: vec![json!("contacts"), json!(["Ada Lovelace", "a-1"])] }];
        redact(&mut exchanges, &mut calls, &Answered { discovered: &Json::Null, streams: &[records] }).unwrap();
        let text = serde_json::to_string(&(&exchanges, &calls)).unwrap();
        for gone in ["Ada", "Lovelace", "Grace", "Hopper", "Turing", "corp.test", "Bob"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for stays in ["customer", "2026-11-01", "a-4", "results", "paging"] {
            assert!(text.contains(stays), "{stays}: {text}");
        }
        let Answer::Response { body: Body::Text(body), .. } = &exchanges[0].answer else { panic!() };
        let body: Json = serde_json::from_str(body).unwrap();
        let (ada, grace) = (body["results"][0]["name"].as_str().unwrap(), body["results"][1]["name"].as_str().unwrap());
        assert_eq!((ada.len(), ada.find(' ')), ("Ada Lovelace".len(), Some(3)));
        assert_eq!(calls[0].arguments[1], json!([ada, "a-1"]));
        assert!(exchanges[0].path.contains(&ada.replace(' ', "%20")), "{} {ada}", exchanges[0].path);
        assert_eq!(exchanges[1].body, Some(Body::Text(json!({ "wanted": [grace] }).to_string())));
        let Answer::Response { body: Body::Text(html), .. } = &exchanges[1].answer else { panic!() };
        assert_eq!(html, &format!("<p>{grace}, a-2</p>"));
    }

    #[test]
    fn a_record_that_was_read_again_counts_once() {
        let record = |id: &str, name: &str| json!({ "remote-id": id, "body": { "name": name, "stage": "customer" } });
        let people = ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Bob Ross"];
        // How many people, how often each was read, whether what all of them have stays.
        for (count, times, stays) in [(2, 1, false), (2, 2, false), (2, 3, false), (4, 1, true), (4, 3, true)] {
            let once = people[..count].iter().enumerate().map(|(at, name)| record(&at.to_string(), name));
            let records: Vec<Json> = std::iter::repeat_n(once, times).flatten().collect();
            let own = theirs(&Answered { discovered: &Json::Null, streams: &[records] });
            for name in &people[..count] {
                assert!(own.contains(*name), "{name} of {count}, {times} times");
            }
            assert_eq!(!own.contains("customer"), stays, "{count} people, {times} times");
        }
    }
}
