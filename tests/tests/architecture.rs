//! What the texts of the architecture say is so: every path that they name exists, every invariant that is built is cited where it
//! is kept and in a test that attacks it, and every test that the threat model names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Words between backticks, outside of code blocks.
fn quoted(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if !block {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// Folders of the repository that a path may begin with.
const TOP: [&str; 7] = ["host/", "wit/", "sdk/", "plugins/", "tests/", ".ci/", "Cargo.toml"];

/// Paths that a text names: links, and what stands between backticks and begins with a folder of the repository; of `path::test` the
/// path.
fn paths(text: &str) -> BTreeSet<String> {
    let plain = |word: &String| !word.contains(['*', '<', '{', ' ', '…', '$']);
    let top = |word: &String| TOP.iter().any(|top| word.starts_with(top) || format!("{word}/") == *top);
    let file = |word: String| word.split_once("::").map_or(word.clone(), |(file, _)| file.to_owned());
    let mut found: BTreeSet<String> = quoted(text).into_iter().map(file).filter(plain).filter(top).collect();
    for rest in text.split("](").skip(1) {
        let target: String = rest.chars().take_while(|c| *c != ')').collect();
        let target = target.split('#').next().unwrap_or_default().to_owned();
        if !target.is_empty() && !target.contains("://") {
            found.insert(target);
        }
    }
    found
}

/// Paths that a text names and that are not there, from the repository's root or from the text's own folder.
fn missing(file: &str, text: &str) -> Vec<String> {
    let beside = root().join(file).parent().map(Path::to_owned).unwrap_or_default();
    let there = |path: &&String| root().join(path).exists() || beside.join(path).exists();
    paths(text).iter().filter(|path| !there(path)).map(|path| format!("{file} names {path}")).collect()
}

/// Rust files below a folder.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "venv" && name != "node_modules" {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Invariants that a text cites: `I7`, not as a part of a longer word.
fn cited(text: &str) -> BTreeSet<u32> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('I') {
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') {
            continue;
        }
        let digits: String = text[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        let after = bytes.get(at + 1 + digits.len());
        if (1..=2).contains(&digits.len()) && !after.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            found.extend(digits.parse::<u32>());
        }
    }
    found
}

/// A file's code and its tests: what stands under `#[cfg(test)]`, or lies in a folder or file of tests, is a test.
fn parts<'t>(path: &Path, text: &'t str) -> (&'t str, &'t str) {
    let test_file =
        path.components().any(|part| part.as_os_str() == "tests") || path.file_name().is_some_and(|name| name == "tests.rs");
    if test_file { ("", text) } else { text.split_at(text.find("#[cfg(test)]\nmod ").unwrap_or(text.len())) }
}

/// Invariants of the table: number → state.
fn table(text: &str) -> BTreeMap<u32, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, state] = cells.as_slice() else { return None };
        Some((number.strip_prefix('I')?.parse().ok()?, (*state).to_owned()))
    };
    text.lines().filter(|line| line.starts_with("| I")).filter_map(row).collect()
}

#[test]
fn every_path_that_is_named_exists() {
    let mut wrong = missing("host/ARCHITECTURE.md", &read("host/ARCHITECTURE.md"));
    let readme = root().join("README.md");
    if readme.exists() {
        wrong.extend(missing("README.md", &read("README.md")));
    } else {
        wrong.push("there is no README.md".to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_path_that_is_not_there_is_found() {
    let text = "see `host/core`, `host/nothing` and [this](host/gone.md); not `host/core/src/<name>.rs`\n```\nhost/block\n```\n";
    assert_eq!(
        missing("host/ARCHITECTURE.md", text),
        ["host/ARCHITECTURE.md names host/gone.md", "host/ARCHITECTURE.md names host/nothing"]
    );
}

#[test]
fn every_invariant_is_cited_where_it_is_kept_and_where_it_is_attacked() {
    let states = table(&read("host/ARCHITECTURE.md"));
    assert_eq!(states.keys().copied().collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>(), "the table of invariants");
    let mut files = Vec::new();
    sources(&root().join("host"), &mut files);
    sources(&root().join("tests"), &mut files);
    let (mut code, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for file in files.iter().filter(|file| !file.ends_with("architecture.rs")) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let (kept, attacked) = parts(file.strip_prefix(root()).unwrap_or(file), &text);
        code.extend(cited(kept));
        tests.extend(cited(attacked));
    }
    let mut wrong = Vec::new();
    for (number, state) in &states {
        match state.as_str() {
            "built" => {
                if !code.contains(number) {
                    wrong.push(format!("I{number} is built, and no code cites it"));
                }
                if !tests.contains(number) {
                    wrong.push(format!("I{number} is built, and no test cites it"));
                }
            }
            later if later.strip_prefix("issue ").is_some_and(|number| number.parse::<u32>().is_ok()) => {}
            other => wrong.push(format!("I{number} is `{other}`: neither built nor an issue's")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn citations_are_recognised() {
    for (text, expected) in [
        ("kept by I7 and (I12).", vec![7, 12]),
        ("I14: the sum", vec![14]),
        ("UI7, I7x, I, I123, _I5, i7", vec![]),
        ("`I1`,I2", vec![1, 2]),
    ] {
        assert_eq!(cited(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
    }
    let text = "// I7\n#[cfg(test)]\nmod tests { // I8 }\n";
    let (code, test) = parts(Path::new("host/core/src/x.rs"), text);
    assert_eq!((cited(code), cited(test)), ([7].into(), [8].into()));
    assert_eq!(parts(Path::new("host/core/tests/x.rs"), text).0, "");
    assert_eq!(parts(Path::new("host/core/src/x/tests.rs"), text).0, "");
}

/// What product code starts: programs that take their arguments as they are. Nothing here is a shell, nor is handed a text to run.
const STARTED: [&str; 11] = [
    // This program itself, the compiler of plugins being one of its commands, and tools whose version is asked for.
    "program",
    "\"git\"",
    "\"tar\"",
    "\"npm\"",
    "\"node\"",
    "\"rustup\"",
    "&python",
    "venv.join(\"bin/python\")",
    "venv.join(\"bin/componentize-py\")",
    "std::env::var_os(\"RUSTC\").unwrap_or_else(|| \"rustc\".into())",
    "std::env::var_os(\"CARGO\").unwrap_or_else(|| \"cargo\".into())",
];
/// What would run a text.
const RUNS_A_TEXT: [&str; 9] =
    ["\"sh\"", "\"bash\"", "/bin/sh", "/bin/bash", "\"cmd\"", "\"powershell\"", "\"-c\"", "\"/c\"", "shell("];

/// What a code starts that is not one of [`STARTED`], or has a shell do it.
fn started_otherwise(code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, begin) in code.match_indices("Command::new(") {
        let rest = &code[at + begin.len()..];
        let mut depth = 1_u32;
        let end = rest.find(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let program = rest[..end.unwrap_or(rest.len())].trim();
        if !STARTED.contains(&program) {
            wrong.push(format!("starts {program}"));
        }
    }
    if code.contains("Command::new") {
        wrong.extend(RUNS_A_TEXT.iter().filter(|text| code.contains(*text)).map(|text| format!("has {text} beside a process")));
    }
    for other in ["libc::system", "libc::exec", "libc::popen", "posix_spawn", "CommandExt::exec", ".exec()"] {
        wrong.extend(code.contains(other).then(|| format!("uses {other}")));
    }
    wrong
}

/// Line 117 of the attack list: no text becomes a command.
#[test]
fn no_process_is_started_through_a_shell() {
    let mut files = Vec::new();
    for folder in ["host", "sdk", "plugins"] {
        sources(&root().join(folder), &mut files);
    }
    let (mut wrong, mut starts) = (Vec::new(), 0);
    for file in &files {
        let text = fs::read_to_string(file).expect("a source");
        let path = file.strip_prefix(root()).unwrap_or(file);
        let code = parts(path, &text).0;
        starts += code.matches("Command::new(").count();
        wrong.extend(started_otherwise(code).into_iter().map(|what| format!("{}: {what}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(starts >= 10, "{starts} processes: the search looks elsewhere");
}

#[test]
fn a_process_that_is_started_through_a_shell_is_found() {
    for (code, expected) in [
        (r#"Command::new("git").arg("-C").arg(dir)"#, vec![]),
        (r#"Command::new(venv.join("bin/python")).args(["-m", "pip"])"#, vec![]),
        (
            r#"Command::new("sh").args(["-c", text])"#,
            vec!["starts \"sh\"", "has \"sh\" beside a process", "has \"-c\" beside a process"],
        ),
        (r#"Command::new(format!("git {name}"))"#, vec!["starts format!(\"git {name}\")"]),
        (r#"Command::new(program).arg("-c").arg(text)"#, vec!["has \"-c\" beside a process"]),
        ("unsafe { libc::system(text) }", vec!["uses libc::system"]),
    ] {
        assert_eq!(started_otherwise(code), expected, "{code}");
    }
}

/// Attacks of the threat model.
const ATTACKS: u32 = 128;

/// A row of the table of attacks.
struct Attack {
    id: u32,
    /// `path::test`.
    tests: Vec<(String, String)>,
    /// Of the words held, in part, open and later, with what stands behind it.
    state: (String, String),
}

/// Rows of the table of attacks; what is no good row is told instead.
fn attacks(text: &str) -> Result<Vec<Attack>, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, _, tests, state] = cells.as_slice() else { return Err(format!("not five cells: {line}")) };
        let id = id[1..].parse().map_err(|_| format!("no number: {line}"))?;
        let named = tests.split('`').skip(1).step_by(2).map(|test| test.split_once("::").ok_or(format!("T{id} names {test}")));
        let tests: Vec<_> =
            named.map(|test| test.map(|(file, name)| (file.to_owned(), name.to_owned()))).collect::<Result<_, _>>()?;
        let (word, rest) = state.split_once(": ").unwrap_or((state, ""));
        Ok(Attack { id, tests, state: (word.to_owned(), rest.to_owned()) })
    };
    let is_row = |line: &&str| line.strip_prefix("| T").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    text.lines().filter(is_row).map(row).collect()
}

/// Whether a test of this name is in a file: a function, or what a browser test is called.
fn has_test(text: &str, name: &str) -> bool {
    let function = format!("fn {name}");
    let begins = |at: usize| text[at + function.len()..].starts_with(['(', '<']);
    text.match_indices(&function).any(|(at, _)| begins(at)) || text.contains(&format!("check(\"{name}\""))
}

/// What is wrong with the table of attacks.
fn wrong_attacks(text: &str, all: u32, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = match attacks(text) {
        Ok(rows) => rows,
        Err(why) => return vec![why],
    };
    let mut wrong = Vec::new();
    let ids: Vec<u32> = rows.iter().map(|row| row.id).collect();
    if ids != (1..=all).collect::<Vec<_>>() {
        wrong.push(format!("the attacks are not T1 to T{all}, each once and in order: {ids:?}"));
    }
    for Attack { id, tests, state: (word, rest) } in &rows {
        for (file, name) in tests {
            match read(file) {
                None => wrong.push(format!("T{id} names the file {file}, which is not there")),
                Some(text) if !has_test(&text, name) => wrong.push(format!("T{id}: {file} has no test {name}")),
                Some(_) => {}
            }
        }
        match word.as_str() {
            "held" if tests.is_empty() => wrong.push(format!("T{id} is held, and by no test")),
            "held" | "open" if rest.is_empty() => {}
            "in part" | "later" if !rest.is_empty() => {}
            _ => wrong.push(format!("T{id} is `{word}: {rest}`: neither held nor open, in part nor later with a reason")),
        }
    }
    for state in ["held", "in part", "open", "later"] {
        let count = rows.iter().filter(|row| row.state.0 == state).count();
        if !text.lines().any(|line| line == format!("| {state} | {count} |")) {
            wrong.push(format!("{count} are {state}, and the counts say something else"));
        }
    }
    wrong
}

#[test]
fn every_attack_is_in_the_threat_model_with_tests_that_exist() {
    let text = read("host/THREATS.md");
    let mut wrong = missing("host/THREATS.md", &text);
    wrong.extend(wrong_attacks(&text, ATTACKS, |file| fs::read_to_string(root().join(file)).ok()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_row_of_the_threat_model_is_found() {
    const GOOD: &str = "| T1 | a | b | `a.rs::one` `b.mjs::two of them` | held |\n| T2 | a | b | – | later: x |\n\
                        | T3 | a | b | `a.rs::one` | in part: y |\n| T4 | a | b | – | open |\n\n\
                        | held | 1 |\n| in part | 1 |\n| open | 1 |\n| later | 1 |\n";
    let file = |name: &str| match name {
        "a.rs" => Some("async fn one(kind: Kind) {}\nfn one_more() {}".to_owned()),
        "b.mjs" => Some("check(\"two of them\", async () => {".to_owned()),
        _ => None,
    };
    assert_eq!(wrong_attacks(GOOD, 4, file), Vec::<String>::new());
    for (from, to, says) in [
        ("a.rs::one` `b", "a.rs::on` `b", "a.rs has no test on"),
        ("a.rs::one` `b", "a.rs::one_mor` `b", "a.rs has no test one_mor"),
        ("two of them", "two", "b.mjs has no test two"),
        ("b.mjs", "c.mjs", "c.mjs, which is not there"),
        ("`a.rs::one` `b.mjs::two of them`", "–", "held, and by no test"),
        ("| T2 |", "| T3 |", "not T1 to T4"),
        ("| T4 | a | b | – | open |\n", "", "not T1 to T4"),
        ("later: x", "later", "with a reason"),
        ("| open |\n", "| perhaps |\n", "neither held nor open"),
        ("| held | 1 |", "| held | 2 |", "the counts say something else"),
        ("| T2 | a |", "| T2 |", "not five cells"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let wrong = wrong_attacks(&text, 4, file).join("; ");
        assert!(wrong.contains(says), "{from}: {wrong}");
    }
}
