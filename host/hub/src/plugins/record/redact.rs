//! People's data and secrets in a recording, masked: the same value always the same way, of the same length and shape.
//!
//! Denies by default. Every value of every answer is masked that is not known to be a number, a time, an id, a word of a closed set
//! (what `discover` lists, what half of the records of a stream have, what few words stand for beside a name) or a constant of the
//! plugin, which it asked with before anybody answered it; a value beside the name of a secret is masked whatever it is. Masked values
//! are masked wherever they stand: in what is asked later, in addresses, headers and arguments, so that a plugin that asks with what it
//! was answered still meets its answer. Numbers, times, ids and the names of fields stay: the plugin finds its way by them.

mod kept;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use ring::hmac;
use serde_json::Value as Json;

use super::super::PluginsError;
use super::{Answer, Body, Call, Exchange};
use kept::{Counts, is_code, is_line, is_secret, plain, stays};

/// Headers of answers that say nothing of anybody.
const HEADERS: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "deprecation",
    "expires",
    "last-modified",
    "retry-after",
    "server",
    "sunset",
    "transfer-encoding",
    "vary",
    "via",
];
/// Headers with addresses to go on to.
const ADDRESSES: &[&str] = &["link", "location", "content-location"];
/// Characters of a masked value that is looked for within a checkpoint.
const WITHIN_CHARS_MIN: usize = 6;
/// Why there was no answer, in a recording.
const NO_ANSWER: &str = "there was no answer when it was recorded";
/// Letters by which the masks of secrets differ.
const SECRET_LETTERS: usize = 12;
/// Digits of a number that may be somebody's.
const NUMBER_DIGITS_MIN: usize = 7;

/// What calls answered, as `nave plugin call` prints it.
pub(crate) struct Answered<'a> {
    /// Of `discover`.
    pub(crate) discovered: &'a Json,
    /// Records of `read` and `get`, by stream.
    pub(crate) streams: &'a [Vec<Json>],
}

/// Masks a recording's exchanges, the arguments of its calls and what its settings hold of secrets. Answers how many values.
///
/// # Errors
/// [`PluginsError`] where the machine gives no randomness.
pub(crate) fn redact(
    exchanges: &mut [Exchange],
    calls: &mut [Call],
    settings: &mut Json,
    answered: &Answered<'_>,
) -> Result<usize, PluginsError> {
    let mut key = [0_u8; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key)
        .map_err(|_| PluginsError::Call("this machine gives no randomness".to_owned()))?;
    let (own, secrets) = found(exchanges, calls, settings, answered);
    let masks = Masks { own, secrets, key: hmac::Key::new(hmac::HMAC_SHA256, &key) };
    for one in exchanges.iter_mut() {
        one.path = masks.path(&one.path);
        if let Some(body) = &mut one.body {
            masks.answer(body);
        }
        if let Answer::Error(why) = &mut one.answer {
            // It may name the address that was asked, with all of its query.
            NO_ANSWER.clone_into(why);
        }
        if let Answer::Response { headers, body, .. } = &mut one.answer {
            for (name, value) in headers.iter_mut().filter(|(name, _)| !HEADERS.contains(&name.to_ascii_lowercase().as_str())) {
                *value = match ADDRESSES.contains(&name.to_ascii_lowercase().as_str()) {
                    true => in_header(value, &mut |address| masks.path(address)),
                    false => masks.becomes(name, value).unwrap_or_else(|| value.clone()),
                };
            }
            masks.answer(body);
        }
    }
    for call in calls.iter_mut() {
        call.arguments.iter_mut().for_each(|argument| masks.argument(argument));
    }
    walk::json("", settings, &mut |name, text| masks.becomes(name, text));
    Ok(masks.own.len())
}

/// Everything that is masked, and what of it is a secret.
fn found(
    exchanges: &[Exchange],
    calls: &[Call],
    settings: &mut Json,
    answered: &Answered<'_>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut own, mut words) = theirs(answered);
    words.extend(calls.iter().filter_map(|call| call.arguments.first()?.as_str().map(str::to_owned)));
    let whole = |text: &str| own.contains(text) || words.contains(text);
    // What the plugin asks with before any answer had it is its own word, or one of the settings.
    let (mut asked, mut heard) = (BTreeSet::new(), BTreeSet::<String>::new());
    let (mut counts, mut values, mut addresses) = (Counts::default(), BTreeSet::new(), BTreeSet::new());
    let mut secrets = BTreeSet::new();
    walk::json("", settings, &mut |name, text| {
        if is_secret(name) && !plain(text) {
            secrets.insert(text.to_owned());
        }
        None
    });
    let mut paths = BTreeSet::new();
    for one in exchanges {
        let mut asks = |text: &str| _ = (!heard.contains(text)).then(|| asked.insert(text.to_owned()));
        let (path, query) = one.path.split_once('?').unwrap_or((&one.path, ""));
        paths.insert(path.to_owned());
        path.split('/').for_each(|part| asks(&walk::percent_decoded(part)));
        let mut asks_named = |name: &str, text: &str| {
            match is_secret(name) && !plain(text) {
                true => _ = secrets.insert(text.to_owned()),
                false => asks(text),
            }
            None
        };
        walk::pairs(query, &mut asks_named);
        if let Some(body) = &one.body {
            walk::body(&readable(body), &whole, &mut asks_named);
        }
        let Answer::Response { headers, body, .. } = &one.answer else { continue };
        let mut hears = |name: &str, text: &str| {
            heard.insert(text.to_owned());
            if address(text).is_some() && (text.contains("://") || !is_secret(name)) {
                addresses.insert(text.to_owned());
                // What stands in it was answered, whoever asks with it next.
                walk::pairs(text.split_once('?').map_or("", |(_, query)| query), &mut |_, value| {
                    heard.insert(value.to_owned());
                    None
                });
                return None;
            }
            counts.note(name, text);
            values.insert((name.to_owned(), text.to_owned()));
            None
        };
        for (name, value) in headers {
            match name.to_ascii_lowercase().as_str() {
                name if HEADERS.contains(&name) => {}
                name if ADDRESSES.contains(&name) => {
                    in_header(value, &mut |address| {
                        hears(name, address);
                        address.to_owned()
                    });
                }
                name => _ = hears(name, value),
            }
        }
        walk::body(&readable(body), &whole, &mut hears);
    }
    of_addresses(&addresses, &paths, &mut values);
    let asked = |text: &str| asked.contains(text) && !own.contains(text);
    let masked: Vec<(String, String)> = values
        .into_iter()
        .filter(|(name, text)| match is_number(text) {
            true => (is_secret(name) || is_line(name, text)) && text.len() >= NUMBER_DIGITS_MIN,
            false => !stays(name, text, &words, &counts) && (is_secret(name) || !asked(text)),
        })
        .collect();
    secrets.extend(masked.iter().filter(|(name, text)| is_secret(name) && !plain(text)).map(|(_, text)| text.clone()));
    // The same letters may be an id in one place and somebody's in another: then they are somebody's. A word of the system stays.
    own.extend(masked.into_iter().map(|(_, text)| text).chain(secrets.iter().cloned()));
    own.retain(|text| text.contains('@') || !words.contains(text));
    (own, secrets)
}

/// A body as text: in one byte a character, where it is no UTF-8.
fn readable(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Base64(_) => body.bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e' | b'E' | b'+'))
        && text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text.parse::<f64>().is_ok()
}

/// Host, path and query of an address; one that goes on from where it was found has no host.
fn address(text: &str) -> Option<(&str, &str, &str)> {
    let rest = match text.starts_with(['/', '?']) {
        true => text,
        false => text.split_once("://")?.1,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (!text.contains(char::is_whitespace)).then_some((host, path, query))
}

/// Does so with each address of a header: `<https://…>; rel="next", <…>; rel="last"`, or one alone.
fn in_header(value: &str, each: &mut dyn FnMut(&str) -> String) -> String {
    if !value.contains('<') {
        return each(value);
    }
    let (mut out, mut rest) = (String::with_capacity(value.len()), value);
    while let Some((before, (inner, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        out += &format!("{before}<{}>", each(inner));
        rest = after;
    }
    out + rest
}

/// The parts of addresses, which are values as others are. A part that half of a host's addresses have is the system's own, and so is
/// all of one that the plugin went on to.
fn of_addresses(addresses: &BTreeSet<String>, asked: &BTreeSet<String>, values: &mut BTreeSet<(String, String)>) {
    let mut hosts: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (host, path, query) in addresses.iter().filter_map(|one| address(one)) {
        hosts.entry(host).or_default().push((path, query));
    }
    for all in hosts.into_values() {
        let mut having: BTreeMap<&str, usize> = BTreeMap::new();
        for (path, _) in &all {
            path.split('/').collect::<BTreeSet<_>>().into_iter().for_each(|part| *having.entry(part).or_default() += 1);
        }
        for (path, query) in &all {
            walk::pairs(query, &mut |name, text| {
                values.insert((name.to_owned(), text.to_owned()));
                None
            });
            if asked.iter().any(|asked| path.ends_with(asked.as_str()) && asked.len() > 1) {
                continue;
            }
            for part in path.split('/').filter(|part| !part.is_empty()) {
                let having = having.get(part).copied().unwrap_or_default();
                if having < 2 || having * 2 < all.len() {
                    values.insert((String::new(), walk::percent_decoded(part)));
                }
            }
        }
    }
}

/// Values of records that are somebody's, and the words of the system.
fn theirs(answered: &Answered<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut words = BTreeSet::new();
    // A field is `properties.firstname` there, and `firstname` where its system speaks of it.
    texts(answered.discovered, &mut |text| {
        words.insert(text.to_owned());
        if !text.contains(|c: char| c.is_whitespace() || c == '@') {
            words.extend(text.split(['.', '/']).filter(|part| !part.is_empty()).map(str::to_owned));
        }
    });
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
    own.retain(|text| !words.contains(text) && text.chars().count() > 1 && !plain(text));
    (own, words)
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
    secrets: BTreeSet<String>,
    key: hmac::Key,
}

impl Masks {
    fn is_theirs(&self, text: &str) -> bool {
        self.own.contains(text) || (text.contains('@') && address(text).is_none())
    }

    /// What a scanner for secrets takes for none.
    fn secret(&self, text: &str) -> String {
        if is_number(text) {
            return self.letters(text);
        }
        let seed = hmac::sign(&self.key, text.as_bytes());
        let letters = seed.as_ref().iter().take(SECRET_LETTERS).map(|byte| char::from(b'a' + byte % 26));
        "masked".chars().chain(letters).collect()
    }

    fn mask(&self, text: &str) -> String {
        if self.secrets.contains(text) { self.secret(text) } else { self.letters(text) }
    }

    /// Letters become letters, digits digits; what stands between them stays.
    fn letters(&self, text: &str) -> String {
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

    /// What a value becomes; none where it stays.
    fn becomes(&self, name: &str, text: &str) -> Option<String> {
        if is_number(text) {
            if is_code(name) {
                return Some("9".repeat(text.len()));
            }
            // No number begins with a zero.
            let masked = || self.mask(text).trim_start_matches('0').to_owned();
            return self
                .own
                .contains(text)
                .then(masked)
                .filter(|masked| masked.len() == text.len())
                .or_else(|| self.own.contains(text).then(|| "9".repeat(text.len())));
        }
        if self.is_theirs(text) || (is_secret(name) && text.chars().count() > 1 && !plain(text) && !text.contains("://")) {
            return Some(if is_secret(name) { self.secret(text) } else { self.mask(text) });
        }
        let path = address(text).map(|_| self.path(text));
        path.filter(|path| path != text)
    }

    fn body(&self, body: &mut Body) {
        let Body::Text(text) = body else { return };
        // What nothing was masked in stays byte for byte.
        if let Some(masked) = walk::body(text, &|one| self.own.contains(one), &mut |name, text| self.becomes(name, text)) {
            *text = masked;
        }
    }

    /// As a body; of what is no text only the length stays.
    fn answer(&self, body: &mut Body) {
        let Body::Base64(_) = body else { return self.body(body) };
        let bytes = body.bytes();
        let mut text = Body::Text(readable(body));
        if bytes.contains(&0) {
            *body = Body::of(&vec![0xff; bytes.len()]);
            return;
        }
        self.body(&mut text);
        if let Body::Text(text) = text {
            *body = Body::of(&text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect::<Vec<_>>());
        }
    }

    /// An argument of a call: a checkpoint is a text of the plugin's own, with what it was answered within.
    fn argument(&self, argument: &mut Json) {
        walk::json("", argument, &mut |name, text| {
            let masked = self.becomes(name, text);
            // Longest first, so that a name within a longer one is no half of it.
            let within = self.own.iter().filter(|one| one.chars().count() >= WITHIN_CHARS_MIN && text.contains(one.as_str()));
            let mut within: Vec<&String> = within.collect();
            within.sort_by_key(|one| std::cmp::Reverse(one.len()));
            masked.or_else(|| {
                let done = within.iter().fold(text.to_owned(), |text, one| text.replace(one.as_str(), &self.mask(one)));
                (done != text).then_some(done)
            })
        });
    }

    /// Values of a query, and parts of a path, that are somebody's.
    fn path(&self, path: &str) -> String {
        let masked = |part: &str| {
            let plain = walk::percent_decoded(part);
            match self.is_theirs(&plain) {
                true => walk::encoded(part, &self.mask(&plain)),
                false => part.to_owned(),
            }
        };
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = path.split('/').map(masked).collect::<Vec<_>>().join("/");
        match query {
            Some(query) => format!("{path}?{}", walk::pairs(query, &mut |name, text| self.becomes(name, text))),
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
        redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[people, tickets] })
            .unwrap();
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
        redact(&mut exchanges, &mut calls, &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[records] }).unwrap();
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
        assert!(exchanges[0].path.contains(&ada.replace(' ', "+")), "{} {ada}", exchanges[0].path);
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
            let (own, _) = theirs(&Answered { discovered: &Json::Null, streams: &[records] });
            for name in &people[..count] {
                assert!(own.contains(*name), "{name} of {count}, {times} times");
            }
            assert_eq!(!own.contains("customer"), stays, "{count} people, {times} times");
        }
    }

    /// An exchange that answers with a text.
    fn answers(path: &str, text: &str) -> Exchange {
        Exchange {
            endpoint: "api".into(),
            method: "GET".into(),
            path: path.into(),
            body: None,
            answer: Answer::Response {
                status: 200,
                headers: vec![
                    ("Content-Type".into(), "text/xml; charset=utf-8".into()),
                    ("Set-Cookie".into(), "sid=Q9w8E7r6T5; Path=/".into()),
                    ("X-Next-Page".into(), "2".into()),
                    ("X-Served-For".into(), "Edsger Dijkstra".into()),
                ],
                body: Body::Text(text.into()),
            },
        }
    }

    /// Put together here, so that nobody's scanner takes this file for a leak.
    const TOKEN: &str = concat!("zX8q1LmN0pQ7", "rS2tUvW3xYAb");
    const WORD: &str = concat!("Tr0u", "b4dor3xyz");

    /// What no record has is masked too, in whatever form it comes, and what a plugin goes by stays.
    #[test]
    fn what_reached_no_record_is_masked() {
        let names = ["Ada Lovelace", "Grace Hopper", "Müller-Lüdenscheidt & Co", "Alan Turing"];
        let record = |at: usize| json!({ "remote-id": at.to_string(), "body": { "name": names[at], "tier": "gold" } });
        let records: Vec<Json> = (0..4).map(record).collect();
        let answer = json!({
            "account_manager": { "name": "Edsger Dijkstra", "phone": "+49 221 9988776", "mobile_phone": 492_219_988_776_u64,
                "iban": "DE89370400440532013000", "session_token": TOKEN, "pw": WORD },
            "nested": "{\"key\":\"Barbara Liskov\"}",
            "items": (0..4).map(|at| json!({ "id": at, "name": names[at], "tier": "gold" })).collect::<Vec<_>>(),
            "paging": { "next_cursor": "b2Zmc2V0PTM", "has_more": true, "page_token": "uV5wXyZ" },
        });
        let xml = &format!(
            "<?xml version=\"1.0\"?><s:E xmlns:s=\"x\"><SessionToken>{TOKEN}</SessionToken><Contact by=\"Edsger\">Edsger \
                   Dijkstra</Contact><Iban>DE89370400440532013000</Iban><C><Id>1</Id><Name>M\u{fc}ller-L\u{fc}denscheidt &amp; Co</Name></C></s:E>"
        );
        let form = &format!("access_token={TOKEN}&token_type=Bearer&user=Edsger+Dijkstra");
        let csv = "name;tier\nEdsger Dijkstra;gold\n\"Barbara Liskov\";gold\n";
        let mut exchanges = vec![
            answers("/v2/customers", &answer.to_string()),
            answers("/soap", xml),
            answers("/token", form),
            answers("/file.csv", csv),
            answers("/v2/customers?cursor=b2Zmc2V0PTM&page_token=uV5wXyZ", "{}"),
        ];
        let mut settings = json!({ "url": "https://x.example", "client_secret": &WORD[3..] });
        let discovered = json!([{ "name": "customers", "fields": [{ "path": "name" }, { "path": "tier" }] }]);
        redact(&mut exchanges, &mut [], &mut settings, &Answered { discovered: &discovered, streams: &[records] }).unwrap();
        let text = format!("{}{settings}", serde_json::to_string(&exchanges).unwrap());
        assert_eq!(
            nave_core::leak::find(&serde_json::to_string_pretty(&exchanges).unwrap()),
            [],
            "the look before a commit lets it pass"
        );
        for gone in [
            "Edsger",
            "Dijkstra",
            "9988776",
            "DE89",
            "zX8q1",
            "Tr0ub4",
            "Liskov",
            "Lovelace",
            "denscheidt",
            "Q9w8",
            "uV5w",
            "b4dor",
        ] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for stays in [
            "b2Zmc2V0PTM",
            "has_more",
            "gold",
            "<Id>1</Id>",
            "&amp; ",
            "charset=utf-8",
            "token_type=Bearer",
            "name;tier",
            "<?xml version=",
            "https://x.example",
            "&page_token=",
        ] {
            assert!(text.contains(stays), "{stays}: {text}");
        }
        let said = |at: usize| match &exchanges[at].answer {
            Answer::Response { body: Body::Text(text), .. } => text.clone(),
            _ => String::new(),
        };
        let json: Json = serde_json::from_str(&said(0)).unwrap();
        let of = |path: &str| json.pointer(path).and_then(Json::as_str).unwrap().to_owned();
        assert!(said(1).contains(&of("/account_manager/session_token")), "the same everywhere");
        assert!(said(1).contains(&of("/items/2/name").replace('&', "&amp;")), "also where it was escaped: {}", said(1));
        assert!(exchanges[4].path.contains(&of("/paging/page_token")), "and in what is asked next: {}", exchanges[4].path);
        assert_eq!(json["account_manager"]["mobile_phone"].to_string().len(), 12, "a number stays one");
    }

    /// A plugin goes on where an answer says, and nobody is told of there.
    #[test]
    fn where_to_go_on_is_found_when_it_is_played() {
        let next =
            concat!("<https://api.x/c?limit=50&page_", "token=abc>; rel=\"next\", <https://api.x/c?limit=50>; rel=\"first\"");
        let gone_on = concat!("/c?limit=50&page_", "token=abc");
        for (header, body, asked, stays, gone) in [
            (next, "{}", gone_on, ">; rel=\"next\", <https://api.x/c?limit=50>; rel=\"first\"", "abc"),
            (
                "",
                "{\"nextRecordsUrl\":\"/services/data/v59.0/query/01gD-2000\"}",
                "/services/data/v59.0/query/01gD-2000",
                "/01gD-2000\"",
                "Ada",
            ),
            ("", "{\"more\":\"?page=2\"}", "/c?page=2", "\"?page=2\"", "Ada"),
            ("", "{\"href\":\"/c?owner=Ada%20Lovelace\"}", "/c?owner=Ada%20Lovelace", "/c?owner=", "Ada"),
            ("", "{\"next\":\"/c?mail=ada@corp.test&page=2\"}", "/c?mail=ada@corp.test&page=2", "&page=2\"", "corp"),
            ("", "{\"pic\":\"/people/Ada-Lovelace\"}", "/c", "\"/", "Ada"),
            ("", concat!("{\"page_", "token\":\"/Adabc\"}"), concat!("/c?page_", "token=%2FAdabc"), "_token", "Ada"),
        ] {
            let mut exchanges = vec![answers("/start", body), answers(asked, "{}")];
            let Answer::Response { headers, .. } = &mut exchanges[0].answer else { panic!() };
            headers.push(("Link".into(), header.into()));
            redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[] }).unwrap();
            let Answer::Response { headers, body: Body::Text(body), .. } = &exchanges[0].answer else { panic!() };
            let said = format!("{} {body}", headers[4].1);
            assert!(said.contains(stays), "{said}");
            assert!(!said.contains(gone) && !exchanges[1].path.contains(gone), "{said} {}", exchanges[1].path);
            // What is asked next was answered before.
            let known = asked.contains('?') || body.contains("query");
            let (path, query) = exchanges[1].path.split_once('?').unwrap_or((&exchanges[1].path, ""));
            let text = if query.is_empty() { path } else { query };
            assert!(!known || text.split(['&', '=']).all(|part| said.contains(part)), "{said} {text}");
        }
    }

    /// Where nothing came back there are words of the hub, with the address that was asked.
    #[test]
    fn why_there_was_no_answer_names_nobody() {
        let mut one = answers("/c?owner=Ada+Lovelace", "");
        one.answer = Answer::Error("https://api.x/c?owner=Ada+Lovelace: timed out".into());
        let mut exchanges = vec![one];
        redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[] }).unwrap();
        assert_eq!(exchanges[0].answer, Answer::Error(NO_ANSWER.into()));
    }

    /// Numbers by which somebody is reached, and people as names of fields.
    #[test]
    fn numbers_and_names_of_fields_may_be_somebodys() {
        for (text, gone, stays) in [
            ("{\"mobile\":492219988776}", "9988776", "mobile"),
            ("{\"workTel\":\"02219988776\",\"hotel\":9988771}", "9988776", "9988771"),
            ("{\"cell_no\":492219988776,\"cancelled\":1764500000000}", "9988776", "1764500000000"),
            ("{\"fax\":\"492219988776\",\"msisdn\":492219988776}", "9988776", "msisdn"),
            ("{\"card\":4111111111111111,\"cardId\":9988771}", "4111111111111111", "9988771"),
            ("{\"ada@corp.test\":{\"id\":1}}", "corp", "@masked.example\":{\"id\":1}"),
            ("{\"@odata.nextLink\":7,\"Parts@odata.count\":7}", "Ada", "Parts@odata.count\":7"),
        ] {
            let mut exchanges = vec![answers("/c", text)];
            redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[] }).unwrap();
            let Answer::Response { body: Body::Text(said), .. } = &exchanges[0].answer else { panic!() };
            assert!(!said.contains(gone) && said.contains(stays), "{said}");
        }
    }

    /// A body that is no UTF-8 is text in another encoding, or nobody can look at it.
    #[test]
    fn what_is_no_text_is_not_kept() {
        let mut exchanges =
            [&b"<a><Contact>Edsger M\xfcller</Contact><Id>1</Id></a>"[..], &b"\xff\0Edsger\xfe"[..]].map(|bytes| {
                let mut one = answers("/x", "");
                let Answer::Response { body, .. } = &mut one.answer else { panic!() };
                *body = Body::of(bytes);
                one
            });
        exchanges[0].body = Some(Body::of(b"\xff\0Edsger"));
        exchanges[1].body = Some(Body::of(b"<a><Contact>Edsger M\xfcller</Contact></a>"));
        redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[] }).unwrap();
        let bytes = exchanges.iter().map(|one| match &one.answer {
            Answer::Response { body, .. } => String::from_utf8_lossy(&body.bytes()).into_owned(),
            Answer::Error(why) => why.clone(),
        });
        let bytes: Vec<String> = bytes.collect();
        assert!(bytes[0].starts_with("<a><Contact>") && bytes[0].ends_with("</Contact><Id>1</Id></a>"), "{bytes:?}");
        assert!(!bytes.concat().contains("Edsger"), "{bytes:?}");
        let sent = exchanges.iter().filter_map(|one| Some(String::from_utf8_lossy(&one.body.as_ref()?.bytes()).into_owned()));
        let sent: Vec<String> = sent.collect();
        assert!(sent[1].starts_with("<a><Contact>") && !sent.concat().contains("Edsger"), "{sent:?}");
    }

    /// What a system calls its fields is what a plugin asks for.
    #[test]
    fn the_names_of_fields_stay_where_they_are_told() {
        let mut exchanges = vec![answers("/properties", "{\"results\":[{\"name\":\"firstname\",\"label\":\"Edsger\"}]}")];
        let discovered = json!([{ "name": "contacts", "fields": [{ "path": "properties.firstname" }] }]);
        redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &discovered, streams: &[] }).unwrap();
        let Answer::Response { body: Body::Text(said), .. } = &exchanges[0].answer else { panic!() };
        assert!(said.contains("\"firstname\"") && !said.contains("Edsger"), "{said}");
    }

    /// What the plugin says by itself is asked again when it is played.
    #[test]
    fn a_constant_of_the_plugin_stays() {
        let mut exchange = answers("/rpc/party.list", &json!({ "said": "Party List", "who": "Party Guest" }).to_string());
        exchange.body = Some(Body::Text(json!({ "title": "Party List", "password": WORD }).to_string()));
        let mut exchanges = vec![exchange];
        redact(&mut exchanges, &mut [], &mut Json::Null, &Answered { discovered: &Json::Null, streams: &[] }).unwrap();
        let text = serde_json::to_string(&exchanges).unwrap();
        assert!(text.contains("/rpc/party.list") && text.matches("Party List").count() == 2, "{text}");
        assert!(!text.contains("Guest") && !text.contains("Tr0ub4"), "{text}");
    }
}
