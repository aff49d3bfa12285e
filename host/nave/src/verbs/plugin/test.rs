//! `plugin test`: the suite that every plugin passes, whatever it speaks to.

use std::path::{Path, PathBuf};

use clap::Args;
use nave_core::conformance::report::{Case, Verdict, count};
use nave_hub::api::{ApiError, exit};
use nave_hub::plugins::{self, BuildOptions, TestOptions, Tested};
use serde_json::{Map, Value as Json, json};

use crate::context::Context;
use crate::output::{self, clean, say};
use crate::verbs::{Outcome, shipped};

/// Try a plugin against what every plugin must do: values kept, failures named, hostile answers refused; opens no network
#[derive(Debug, Args)]
#[command(
    after_help = "Answers of the system come from recordings: `nave plugin record CONNECTION` makes recordings/CONNECTION.json, masked.\n\
        They are looked for in the folder recordings/ of the crate, or beside the file; without any, what needs them is skipped.\n\
        Groups of cases: contract, values, hostile, errors, quiet, offline. Exit code 1 where one failed.\n\n\
        Examples:\n  nave plugin test .\n  nave plugin test target/plugins/desk.wasm --recordings recordings --json\n  \
        nave plugin test . --offline\n  nave plugin test . --set url=https://desk.example.com --seed 11"
)]
pub(crate) struct Test {
    /// A .wasm file, or a crate, which is built first
    target: PathBuf,
    /// Only what plays recordings and looks for secrets in them; fails where there are none
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    bed: Bed,
}

/// What the suite is run with.
#[derive(Debug, Args)]
pub(crate) struct Bed {
    /// Settings of a connection, as TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// One setting: NAME=VALUE
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Folder of recordings [default: recordings in the crate, or beside the file]
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl Bed {
    /// Everything is tried; recordings are looked for in the second place where none was typed.
    ///
    /// # Errors
    /// [`ApiError`] where the settings are none.
    pub(crate) fn options(self, beside: Option<PathBuf>) -> Result<TestOptions, ApiError> {
        let settings = settings(self.settings.as_deref(), &self.set)?;
        Ok(TestOptions { offline: false, settings, recordings: self.recordings.or(beside), seed: self.seed })
    }
}

pub(crate) async fn run(verb: Test, context: &Context) -> Outcome {
    let (file, beside) = file(&verb.target, context).await?;
    let options = TestOptions { offline: verb.offline, ..verb.bed.options(beside)? };
    let tested = plugins::test(&file, &options).await?;
    show(&tested, context);
    Ok(if count(&tested.cases, Verdict::Failed) == 0 { exit::OK } else { exit::FAILED })
}

/// The file to test, and where a crate keeps its recordings.
pub(super) async fn file(target: &Path, context: &Context) -> Result<(PathBuf, Option<PathBuf>), ApiError> {
    if !target.is_dir() {
        return Ok((target.to_owned(), None));
    }
    let built = shipped::build(target, BuildOptions { out: None, quiet: context.json }).await?;
    if built.was_signed && !context.json {
        say(super::UNSIGNED);
    }
    Ok((built.file, Some(target.join("recordings"))))
}

/// Settings of a file, and those that were typed.
pub(super) fn settings(file: Option<&Path>, set: &[String]) -> Result<Map<String, Json>, ApiError> {
    let mut all = Map::new();
    if let Some(file) = file {
        let cannot =
            |why: String| ApiError::usage(format!("{}: {why}", file.display())).help("name a file of TOML, NAME = VALUE");
        let text = std::fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
        all.extend(plugins::settings_of(&text).map_err(cannot)?);
    }
    for pair in set {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| ApiError::usage(format!("`{pair}` is no setting")).help("write NAME=VALUE"))?;
        all.insert(name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Json::from(value)));
    }
    Ok(all)
}

fn show(tested: &Tested, context: &Context) {
    let [passed, failed, skipped] =
        [Verdict::Passed, Verdict::Failed, Verdict::Skipped].map(|verdict| count(&tested.cases, verdict));
    if context.json {
        output::json(&json!({
            "plugin": tested.manifest.name, "version": tested.manifest.version, "recordings": tested.recordings,
            "passed": passed, "failed": failed, "skipped": skipped, "cases": tested.cases,
        }));
        return;
    }
    tested.cases.iter().for_each(line);
    say(format_args!(
        "\n{} {}: {passed} passed, {failed} failed, {skipped} skipped; {}",
        tested.manifest.name,
        tested.manifest.version,
        match tested.recordings.as_slice() {
            [] => "without recordings".to_owned(),
            names => format!("with {}", names.join(", ")),
        }
    ));
}

fn line(case: &Case) {
    let word = match case.verdict {
        Verdict::Passed => "passed ",
        Verdict::Failed => "FAILED ",
        Verdict::Skipped => "skipped",
    };
    say(format_args!("{word} {}: {}", case.name, clean(&case.happened)));
    match case.verdict {
        Verdict::Passed => {}
        Verdict::Skipped if case.change.is_empty() => {}
        Verdict::Skipped => say(format_args!("        to run it: {}", clean(&case.change))),
        Verdict::Failed => {
            say(format_args!("        expected: {}", clean(&case.expected)));
            say(format_args!("        change: {}", clean(&case.change)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_a_file_and_are_typed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("crm.toml");
        std::fs::write(&file, "plugin = \"crm\"\n[settings]\nurl = \"https://a.example\"\ncompany = 1\n").expect("written");
        let found = settings(Some(&file), &["company=2".to_owned(), "name=x".to_owned()]).expect("settings");
        assert_eq!(Json::Object(found), json!({ "url": "https://a.example", "company": 2, "name": "x" }));
        assert_eq!(settings(None, &["company".to_owned()]).expect_err("refused").exit, exit::USAGE);
    }
}
