//! Inputs that nobody would write, to everything that reads what strangers wrote: it answers or refuses, and never crashes.
//!
//! A thousand inputs for each parser with every run of the tests; `NAVE_FUZZ_SECONDS=30` goes on for half a minute each, as `.ci/run` does.
//! What crashes is printed with the seed that makes it again (`NAVE_FUZZ_SEED`).

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod compiled;
mod mutate;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use nave_core::catalog::{self, SourceFile};
use nave_core::codec::{self, CsvOptions, CsvReader, CsvWriter};
use nave_core::grant::{EndpointGrant, check_call, path_under};
use nave_core::limits::RECORD_BYTES_MAX;
use nave_core::manifest::{Allow, Manifest};
use nave_core::mapping::{Env, Expression, Predicate};
use nave_core::webhook::{Call, Signature};
use nave_core::{signing, trust};
use nave_hub::egress::origin;

use mutate::{Random, mutate};

/// Inputs of each parser where no time is given.
const INPUTS: usize = 1_000;

/// Feeds mutated seeds to a parser, which checks by itself what must hold of what it understood.
#[track_caller]
fn check(seeds: &[Vec<u8>], parse: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "there is something to begin with");
    seeds.iter().for_each(|seed| parse(seed));
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let end = number("NAVE_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut seed = number("NAVE_FUZZ_SEED").unwrap_or(0x6e61_7665);
    let mut inputs = 0;
    while end.map_or(inputs < INPUTS, |end| Instant::now() < end) {
        let input = mutate(&mut Random::new(seed), seeds);
        if catch_unwind(AssertUnwindSafe(|| parse(&input))).is_err() {
            panic!("NAVE_FUZZ_SEED={seed} makes this input again:\n{}", String::from_utf8_lossy(&input));
        }
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        inputs += 1;
    }
    println!("{inputs} inputs");
}

/// Files of the repository below a folder, with this ending.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), ending, &mut found);
    found.sort();
    found.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn components() {
    let manifest: Manifest = serde_json::from_slice(&files("plugins", "manifest.json")[0]).expect("a manifest");
    // Magic, version and layer of a component; then its sections.
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let with_manifest = nave_runtime::embed_manifest(&empty, &manifest).expect("embedded");
    let module = b"\0asm\x01\0\0\0".to_vec();
    check(&[empty, with_manifest, module], |bytes| _ = nave_runtime::inspect(bytes));
}

#[test]
fn manifests() {
    check(&files("plugins", "manifest.json"), |bytes| {
        let Ok(manifest) = nave_runtime::parse_manifest(bytes) else { return };
        let written = serde_json::to_vec(&manifest).expect("written");
        assert_eq!(nave_runtime::parse_manifest(&written).expect("read again"), manifest);
    });
}

/// A call that is allowed lies below what was granted, however its path is written.
#[test]
fn urls_and_grants() {
    let paths = seeds(&[
        "/v1/contacts",
        "/v1/contacts/../admin",
        "/v1/%2e%2e/admin",
        "/v1//contacts?x=/../y",
        "/v1/contacts;a=b",
        "/admin",
    ]);
    let allow = vec![Allow { methods: vec!["GET".into()], paths: vec!["/v1/contacts".into()], reads: false }];
    let grant = EndpointGrant {
        base: "https://crm.example".into(),
        allow: Vec::new(),
        networks: Vec::new(),
        insecure: false,
        read_only: false,
        because: None,
    };
    check(&paths, |bytes| {
        let Ok(path) = std::str::from_utf8(bytes) else { return };
        if check_call("api", &allow, &grant, "GET", path).is_ok() {
            let only = path.split(['?', '#']).next().unwrap_or_default();
            assert!(path_under("/v1/contacts", only), "{path}");
            let decoded = only.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
            assert!(!decoded.split(['/', '\\']).any(|part| part == ".."), "{path} leaves what was granted");
        }
    });
    let addresses = seeds(&[
        "https://crm.example/v1",
        "http://127.0.0.1:80/",
        "https://user:pass@x.example", // nave:no-secret
        "https://[::1]:8443/x",
        "ftp://x",
        "https://xn--bcher-kva.example",
    ]);
    check(&addresses, |bytes| {
        let Ok(address) = std::str::from_utf8(bytes) else { return };
        if let Some(found) = origin(address) {
            assert_eq!(origin(&found).as_ref(), Some(&found), "{address:?}");
        }
    });
}

#[test]
fn webhook_calls() {
    let scheme = r#"{"kind":"hmac-sha256","header":"x-signature","prefix":"v1=","over":["method","url","body","time"],"time":{"header":"x-time","format":"milliseconds"}}"#;
    let signature: Signature = serde_json::from_str(scheme).expect("a scheme");
    let calls = seeds(&["POST\nhttps://hub.example/hooks/crm\nx-signature: v1=QUJD\nx-time: 1700000000000\n\n[{\"id\":1}]"]);
    check(&calls, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let headers: Vec<(String, String)> =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let call = Call { method, url, headers: &headers, body: body.as_bytes() };
        if let Ok(Some((covered, _))) = signature.covered(&call, 1_700_000_000_000) {
            let time = &headers.iter().find(|(name, _)| name == "x-time").expect("it has a time").1;
            assert_eq!(covered, format!("{method}{url}{body}{time}").into_bytes(), "nothing is left out");
        }
    });
    check(&seeds(&[scheme, r#"{"kind":"address-secret","parameter":"key"}"#]), |bytes| {
        if let Ok(signature) = serde_json::from_slice::<Signature>(bytes) {
            _ = signature.check();
        }
    });
}

/// What is understood comes back the same when it is written and read again.
#[test]
fn json_bodies() {
    let mut bodies = files("plugins", "manifest.json");
    bodies.extend(seeds(&[
        r#"{"a":[1,-0,1e400,"\u00e9\ud83d\ude00",null,{"b":"\u0000"}],"n":123456789012345678901234567890.5}"#,
        "[]",
        "\"\"",
        "0",
    ]));
    check(&bodies, |bytes| {
        if let Ok(value) = codec::decode(bytes) {
            let written = codec::encode(&value);
            assert!(
                bytes.len() > RECORD_BYTES_MAX || codec::decode(&written).as_ref() == Ok(&value),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
        codec::lines(bytes).for_each(drop);
    });
}

#[test]
fn csv_files() {
    let tables = seeds(&[
        "id,name\r\n1,\"a \"\"b\"\", c\"\n2,x\n",
        "\u{feff}id;name\n1;\"x\ny\"\n",
        "a,b\n1\n1,2,3\n",
        "a\n\"",
        "a,a\n1,2\n",
    ]);
    for delimiter in [b',', b';'] {
        let options = CsvOptions { delimiter, ..CsvOptions::default() };
        check(&tables, |bytes| {
            let Ok(reader) = CsvReader::new(bytes, options) else { return };
            let header = reader.header().to_vec();
            let rows: Vec<_> = reader.filter_map(|(_, row)| row.ok()).collect();
            let mut writer = CsvWriter::new(header, options);
            rows.iter().for_each(|row| writer.row(row));
            let written = writer.finish();
            let again = CsvReader::new(&written, options).expect("its header is read again");
            let again: Vec<_> = again.map(|(_, row)| row.expect("its rows are read again")).collect();
            assert_eq!(again, rows);
        });
    }
}

/// What compiles reads the same when it is written out, and gives a value or a refusal of any body.
#[test]
fn mapping_expressions() {
    let texts = seeds(&[
        "properties.email | trim | lower",
        "concat(first_name, \" \", last_name) | default(\"?\")",
        "when(status == \"won\" and amount > 10, \"yes\", \"no\")",
        "coalesce(phone, mobile) | phone(\"DE\")",
        "date(birthday, \"%d.%m.%Y\")",
        "split(tags, \";\") | map(trim)",
        "amount | number | round(2)",
        "template(\"{a} – {b}\")",
    ]);
    let body = codec::decode(
        r#"{"properties":{"email":" A@B.TEST "},"amount":"12.345","tags":"a;b","status":"won","phone":"030 1"}"#.as_bytes(),
    );
    let body = body.expect("a body");
    let env = Env { body: &body, externals: &[], connection: "crm", region: Some("DE") };
    check(&texts, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(expression) = Expression::parse(text, None) {
            _ = expression.evaluate(&env);
            _ = expression.phrase();
            let again = Expression::parse(expression.text(), None).expect("its own text is understood");
            assert_eq!(again, expression);
        }
        if let Ok(condition) = Predicate::parse(text) {
            _ = condition.holds(&env);
        }
    });
}

#[test]
fn configuration_files() {
    check(&files("plugins", ".toml"), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        for path in [
            "nave.toml",
            "connections/crm.toml",
            "mappings/crm-contacts.toml",
            "entities/contact.toml",
            "lookups/x.toml",
            "systems.toml",
            "nave.lock",
        ] {
            _ = catalog::check(&[SourceFile { path: path.to_owned(), text: text.to_owned() }], &BTreeMap::new());
        }
    });
}

#[test]
fn signatures_and_trust() {
    let keys = seeds(&[
        "[keys.alice]\nkey = \"ed25519:AAAA\"\nnamespaces = [\"acme\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-01-01\"\n",
    ]);
    check(&keys, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        _ = trust::Trust::parse(text);
        _ = signing::template(text);
    });
}
