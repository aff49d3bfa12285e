//! The command line with its help pages: parsed, and refused as JSON where that was asked for.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use nave_hub::api::ApiError;

use crate::cli::Cli;

/// The whole command line.
pub(crate) fn command() -> Command {
    Cli::command()
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
