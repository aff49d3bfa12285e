//! What the product tells people to type is what its own parser takes.

use std::path::Path;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::help;

/// Parses a command line as printed. Placeholders are words, `…` stands for the rest.
fn parses(line: &str) -> Result<(), String> {
    let words: Vec<String> = words(line).into_iter().filter(|word| word != "…").collect();
    match Cli::try_parse_from(&words) {
        Ok(_) => Ok(()),
        // A group of commands named as a whole, or help asked for.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(format!("{line}\n{error}")),
    }
}

/// Splits as a shell does, as far as our texts need it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut begun) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Every `nave …` in backticks in the sources of the hub, with 1 for what is put in.
fn advised(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                advised(&path, found);
            }
            continue;
        }
        if path.extension().is_none_or(|kind| kind != "rs") || path.ends_with("cli_tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Comments name commands; what is printed must be complete.
        let printed = |line: &&str| !line.trim_start().starts_with("//");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| printed(line)) {
            for part in line.split('`').skip(1).step_by(2).filter(|part| part.starts_with("nave ")) {
                found.push((format!("{}:{}", path.display(), number + 1), filled(part)));
            }
        }
    }
}

/// `{name}`, `{}` and `{0}` as 1; what is written in code only (`nave {}`) says nothing.
fn filled(part: &str) -> String {
    let mut out = String::new();
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push('1');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out = out.replace("NUMBER", "1");
    // A line end that continues in the source's next line.
    out.trim_end_matches('\\').trim().to_owned()
}

#[test]
fn what_errors_and_fixes_advise_parses() {
    let mut found = Vec::new();
    advised(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &mut found);
    assert!(found.len() > 60, "only {} were found", found.len());
    let wrong: Vec<String> = found
        .iter()
        .filter(|(_, line)| line != "nave 1")
        .filter_map(|(place, line)| Some(format!("{place}: {}", parses(line).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_runbooks_advise_parses() {
    let mut wrong = Vec::new();
    let mut found = 0;
    for runbook in nave_hub::runbooks::ALL {
        for part in runbook.text.split('`').skip(1).step_by(2).filter(|part| part.starts_with("nave ")) {
            found += 1;
            wrong.extend(parses(&filled(part)).err().map(|error| format!("{}: {error}", runbook.class)));
        }
    }
    assert!(found > 80, "only {found} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Commands below `command` that do something, with the words that lead there.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let inner: Vec<&clap::Command> =
        command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()).collect();
    if inner.is_empty() {
        found.push((path.to_owned(), command.clone()));
    }
    for inner in inner {
        leaves(inner, &format!("{path} {}", inner.get_name()), found);
    }
}

#[test]
fn every_help_page_has_an_example_that_parses_and_names_the_exit_codes() {
    let mut commands = Vec::new();
    let mut cli = help::command();
    cli.build();
    leaves(&cli, "nave", &mut commands);
    let mut wrong = Vec::new();
    for (path, mut command) in commands {
        let page = command.render_long_help().to_string();
        let examples: Vec<&str> =
            page.lines().map(str::trim).filter(|line| line.starts_with("nave ") || line.contains("| nave ")).collect();
        if examples.is_empty() {
            wrong.push(format!("{path}: no example"));
        }
        if !page.contains("nave --help") {
            wrong.push(format!("{path}: nothing leads to the exit codes"));
        }
        let own =
            |line: &&&str| line.contains(&format!("{path} ")) || line.ends_with(&path) || line.contains(&format!("{path} && "));
        if !examples.is_empty() && !examples.iter().any(|line| own(&line)) {
            wrong.push(format!("{path}: its examples are about other commands"));
        }
        for line in examples {
            let line = line.split('#').next().unwrap_or_default();
            for one in line.split("&&").flat_map(|part| part.split('|')).map(str::trim).filter(|one| one.starts_with("nave ")) {
                let one = one.split('>').next().unwrap_or_default().trim();
                if let Err(error) = parses(one) {
                    wrong.push(format!("{path}: {error}"));
                }
            }
        }
    }
    let root = cli.render_long_help().to_string();
    for code in 0..=5 {
        assert!(root.contains(&format!("\n  {code}  ")), "the exit code {code} is not in the help");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
