//! The command line with its help pages: parsed, and refused as JSON where that was asked for.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use nave_hub::api::ApiError;

use crate::cli::Cli;

/// An example of every command whose own page has none. A test sees to it that each command has one, and that it parses.
const EXAMPLES: [(&str, &str); 128] = [
    ("nave env list", "nave env list"),
    ("nave env new", "nave env new production --listen 127.0.0.1:7000"),
    ("nave env use", "nave env use production"),
    ("nave serve", "nave serve --listen 0.0.0.0:6283 --host hub.example.com"),
    ("nave connection list", "nave connection list --json"),
    ("nave connection check", "nave connection check crm"),
    ("nave connection discover", "nave connection discover crm --save"),
    ("nave discover", "nave discover crm --save"),
    ("nave schema diff", "nave schema diff crm@2026-10 crm@now"),
    ("nave mapping export", "nave mapping export mappings.xlsx"),
    ("nave mapping import", "nave mapping import mappings.xlsx --apply"),
    ("nave mapping suggest", "nave mapping suggest crm books desk --entity contact --steward sales-ops"),
    ("nave mapping lint", "nave mapping lint"),
    ("nave mapping explain", "nave mapping explain crm-contacts"),
    ("nave mapping coverage", "nave mapping coverage crm-contacts"),
    ("nave impact system", "nave impact system books"),
    ("nave impact field", "nave impact field contact.email"),
    ("nave field why", "nave field why books.customers.balance"),
    ("nave field add", "nave field add contact.loyalty_tier --from crm --to mail"),
    ("nave report bidirectional", "nave report bidirectional --json"),
    ("nave policy init", "nave policy init crm-centric --owner crm"),
    ("nave shadow report", "nave shadow report crm-contacts"),
    ("nave reconcile run", "nave reconcile run crm-contacts --budget 500"),
    ("nave reconcile status", "nave reconcile status"),
    ("nave reconcile history", "nave reconcile history crm books --json"),
    ("nave canary run", "nave canary run crm-contacts"),
    ("nave test seed", "nave test seed contact --count 5"),
    ("nave test clean", "nave test clean"),
    ("nave test roundtrip", "nave test roundtrip crm-contacts"),
    ("nave test history", "nave test history --junit tests.xml --html tests.html"),
    ("nave pause", "nave pause crm-contacts"),
    ("nave resume", "nave resume crm-contacts"),
    ("nave schedule list", "nave schedule list --json"),
    ("nave schedule set", "nave schedule set crm-contacts 15m"),
    ("nave schedule boost", "nave schedule boost crm-contacts --every 5m --for 2h"),
    ("nave schedule unboost", "nave schedule unboost crm-contacts"),
    ("nave advise", "nave advise frequency"),
    ("nave advise frequency", "nave advise frequency --json"),
    ("nave backfill", "nave backfill crm-contacts --profile"),
    ("nave anomalies let-in", "nave anomalies let-in crm/contacts --reason 'an import after all'"),
    ("nave anomalies detach", "nave anomalies detach crm/contacts --reason 'a robot made them'"),
    ("nave record list", "nave record list contact ada@example.com"),
    ("nave record show", "nave record show crm:5432"),
    ("nave record trace", "nave record trace crm:5432"),
    ("nave record why", "nave record why contact/1 email"),
    ("nave record resync", "nave record resync contact/1 --plan"),
    ("nave record correct", "nave record correct contact/1 .tax_id"),
    ("nave record set", "nave record set contact/1 email_marketing refused --reason 'she asked by telephone'"),
    ("nave record release", "nave record release contact/1 job_title --reason 'typed by mistake'"),
    ("nave record history", "nave record history contact/1 --limit 5"),
    ("nave review list", "nave review list --all"),
    ("nave review show", "nave review show 3"),
    ("nave review decide", "nave review decide 3 contact/12 --reason 'same person, asked her'"),
    ("nave bench resync", "nave bench resync --records 100000 --json"),
    ("nave bench tick", "nave bench tick --records 1000000 --json"),
    ("nave bench carry", "nave bench carry --records 20000 --json"),
    ("nave bench sandbox", "nave bench sandbox --starts 1000 --json"),
    ("nave bench change", "nave bench change --changes 200 --json"),
    ("nave dlq list", "nave dlq list --flow crm-contacts"),
    ("nave dlq show", "nave dlq show 7"),
    ("nave dlq edit", "nave dlq edit 7 email ada@example.com --reason 'asked her'"),
    ("nave dlq retry", "nave dlq retry --class length"),
    ("nave dlq discard", "nave dlq discard 7 --reason 'test data'"),
    ("nave alert list", "nave alert list --all"),
    ("nave alert test", "nave alert test ops"),
    ("nave alert ack", "nave alert ack 3"),
    ("nave secret set", "nave secret set crm --from-file token.txt"),
    ("nave secret list", "nave secret list"),
    ("nave secret refer", "nave secret refer crm --vault corp --path kv/data/crm --field token"),
    ("nave secret check", "nave secret check crm --json"),
    ("nave secret rotate", "nave secret rotate crm --from-file new-token.txt"),
    ("nave access list", "nave access list --json"),
    ("nave access review", "nave access review --done --reason 'all needed'"),
    ("nave access revoke", "nave access revoke token ann --reason 'left the company'"),
    ("nave access leaver", "nave access leaver ann"),
    ("nave drill", "nave drill stolen-credential crm"),
    ("nave drill stolen-credential", "nave drill stolen-credential crm --json"),
    ("nave secret remove", "nave secret remove crm"),
    ("nave scan", "nave scan --staged"),
    ("nave selftest", "nave selftest --security --json"),
    ("nave test scenarios", "nave test scenarios crm-contacts"),
    ("nave test hostile", "nave test hostile"),
    ("nave plugin new", "nave plugin new shop --from openapi.json"),
    ("nave plugin build", "nave plugin build desk"),
    ("nave plugin inspect", "nave plugin inspect target/plugins/desk.wasm"),
    ("nave plugin exposure", "nave plugin exposure hubspot --json"),
    ("nave plugin explain-deny", "nave plugin explain-deny hubspot"),
    ("nave system matrix", "nave system matrix --json"),
    ("nave plugin dev", "nave plugin dev desk --set url=http://127.0.0.1:8080 --secret-from token.txt"),
    ("nave plugin test", "nave plugin test desk --recordings recordings"),
    ("nave plugin record", "nave plugin record crm --records 50"),
    ("nave plugin key", "nave plugin key new author.pem"),
    ("nave plugin key new", "nave plugin key new author.pem"),
    ("nave plugin key show", "nave plugin key show author.pem"),
    ("nave plugin pack", "nave plugin pack desk --sign author.pem --days 180"),
    ("nave plugin verify", "nave plugin verify target/plugins/desk.wasm"),
    ("nave plugin trust", "nave plugin trust list"),
    ("nave plugin trust add", "nave plugin trust add ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= --name 'acme-*'"),
    (
        "nave plugin trust revoke",
        "nave plugin trust revoke ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= --because stolen",
    ),
    ("nave plugin trust remove", "nave plugin trust remove ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
    ("nave plugin trust list", "nave plugin trust list --json"),
    ("nave plugin list", "nave plugin list"),
    ("nave plugin remove", "nave plugin remove desk"),
    ("nave plugin grants", "nave plugin grants crm"),
    ("nave schema list", "nave schema list"),
    ("nave schema show", "nave schema show contact --json-schema"),
    ("nave system list", "nave system list"),
    ("nave system show", "nave system show crm"),
    ("nave run list", "nave run list --flow crm-contacts --limit 5"),
    ("nave run show", "nave run show 12"),
    ("nave sim fault set", "nave sim fault set rate-limited --share 0.1 --url http://127.0.0.1:6401 --token control-1"),
    ("nave sim fault clear", "nave sim fault clear lost-response --url http://127.0.0.1:6401 --token control-1"),
    ("nave sim fault list", "nave sim fault list --url http://127.0.0.1:6401 --token control-1 --json"),
    ("nave sim act mass-delete", "nave sim act mass-delete --share 0.3 --url http://127.0.0.1:6401 --token control-1"),
    ("nave sim act merge", "nave sim act merge --object contacts --url http://127.0.0.1:6401 --token control-1"),
    ("nave sim act schema", "nave sim act schema rename city --to town --url http://127.0.0.1:6401 --token control-1"),
    ("nave sim act person", "nave sim act person DELETE /api/v2/users/1 --url http://127.0.0.1:6401 --token control-1"),
    ("nave key show", "nave key show --json"),
    ("nave audit", "nave audit --limit 10"),
    ("nave audit list", "nave audit list --since 2026-10-01 --limit 200"),
    ("nave audit accept", "nave audit accept --reason 'snapshot of Monday after the disk broke'"),
    ("nave audit verify", "nave audit verify --anchor /mnt/elsewhere/audit-anchor.log"),
    ("nave audit who-read", "nave audit who-read contact/12"),
    ("nave audit export", "nave audit export --since 2026-10-01 > audit.jsonl"),
    ("nave token reset", "nave token reset ada --for 90d --because 'reads the status for the wall'"),
    ("nave store check", "nave store check"),
    ("nave store rebuild", "nave store rebuild"),
    ("nave restore", "nave restore hub-2025-01-31.nave --replace"),
];

/// What leads from every page to the codes that scripts rely on.
const EXIT_CODES: &str = "Exit codes: `nave --help` lists them.";

/// The whole command line; every page with an example.
pub(crate) fn command() -> Command {
    with_examples(Cli::command(), "nave")
}

fn with_examples(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in &names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |inner| with_examples(inner, &path));
    }
    if path == "nave" {
        return command;
    }
    let own = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // Where a page has its own, that is it.
    let example = EXAMPLES
        .iter()
        .find(|(known, _)| *known == path && !own.contains("Example"))
        .map(|(_, line)| format!("Example:\n  {line}"));
    let parts = [Some(own).filter(|own| !own.is_empty()), example, Some(EXIT_CODES.to_owned())];
    command.after_help(parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
}

/// Parses what was typed. What is not understood is said, and the exit code is handed back.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let words: Vec<OsString> = words.into_iter().collect();
    let parsed = command().try_get_matches_from(&words).and_then(|matches| Cli::from_arg_matches(&matches));
    let json = words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ if json => {
            eprintln!("{}", refused(&error));
            ExitCode::from(nave_hub::api::exit::USAGE)
        }
        _ => error.exit(),
    })
}

/// Wrong arguments as the object that every error with `--json` is.
fn refused(error: &clap::Error) -> serde_json::Value {
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let message = parts.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let mut refused = ApiError::usage(message);
    refused.help = parts.next().map(|help| help.split_whitespace().collect::<Vec<_>>().join(" "));
    serde_json::json!({ "error": refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No page says twice how it is typed.
    #[test]
    fn every_page_has_its_examples_once() {
        fn check(command: &Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let many = help.lines().filter(|line| line.trim_start().starts_with("Example")).count();
            assert!(many <= 1, "{path}: {help}");
            command.get_subcommands().for_each(|inner| check(inner, &format!("{path} {}", inner.get_name())));
        }
        check(&command(), "nave");
    }

    /// What waits for a person ends with a code of its own, and the page says which.
    #[test]
    fn what_may_be_held_says_how_it_ends() {
        for (group, verb) in [("plugin", "install"), ("plugin", "upgrade")] {
            let all = command();
            let found = all.find_subcommand(group).and_then(|group| group.find_subcommand(verb));
            let help = found.and_then(Command::get_after_help).map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("--approve") && help.contains("Exit 4: it is held"), "{group} {verb}: {help}");
        }
    }

    #[test]
    fn wrong_arguments_are_an_object_like_every_error() {
        let words = ["nave", "--json", "sync", "--ful"].map(OsString::from);
        let error = command().try_get_matches_from(&words).unwrap_err();
        let refused = refused(&error);
        assert_eq!((&refused["error"]["code"], &refused["error"]["exit"]), (&"usage".into(), &2.into()));
        assert!(refused["error"]["message"].as_str().unwrap().contains("--ful"), "{refused}");
        assert!(refused["error"]["help"].as_str().unwrap().contains("--full"), "{refused}");
        assert_eq!(format!("{:?}", parse(words).err()), format!("{:?}", Some(ExitCode::from(2))));
    }
}
