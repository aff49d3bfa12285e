//! `test sample`: fixtures made of a masked sample of real data.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use nave_hub::api::{ApiError, Fixture, Request, exit};
use serde_json::Value as Json;

use crate::context::{Context, want};
use crate::output::{self, Rows, say};
use crate::verbs::Outcome;

/// Make fixtures of a sample of real data, masked: the same shape and distribution, and nothing that anybody said
#[derive(Debug, Args)]
#[command(
    after_help = "Each word is replaced by another of the same length, upper and lower case and digits where they were, the same one\n\
      wherever it stands: what was equal stays equal, edges still lead somewhere, what is empty stays empty. Mails and addresses\n\
      lead nowhere (.example), times stay valid, closed sets of words (enumerations, truth values) stay. What is not known to be\n\
      one is masked. The key is made for this run and forgotten. Before anything is written it is searched for every mail,\n\
      every number of seven digits and every word of four letters of the originals.\n\n\
      It is a pseudonym's protection, not an anonymous heap: how often a word occurs stays as it was. Numbers look real; call none.\n\n\
      Of an entity, those that its edges lead to come along. Files of a run: NAME.csv and NAME.jsonl, for the connector `files`.\n\n\
      Examples:\n  nave test sample contact --out fixtures\n  nave test sample crm/contacts --records 200 --format jsonl --out fixtures"
)]
pub(crate) struct Sample {
    /// Entity, or CONNECTION/STREAM for things as their system spells them
    source: String,
    /// How many
    #[arg(long, default_value_t = 500, value_parser = super::super::at_least_one)]
    records: usize,
    /// What is masked: `pii`, or `none` with --allow-unmasked
    #[arg(long, default_value = "pii")]
    mask: String,
    /// With --mask none: people's data is meant to be copied as it is
    #[arg(long)]
    allow_unmasked: bool,
    /// Folder for the files; made where it is not there
    #[arg(long, value_name = "DIR", default_value = "fixtures")]
    out: PathBuf,
    /// Which files
    #[arg(long, value_enum, default_value_t = Format::Both)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
    Both,
}

pub(crate) async fn run(verb: Sample, context: &Context) -> Outcome {
    let request =
        Request::TestSample { source: verb.source, records: verb.records, mask: verb.mask, allow_unmasked: verb.allow_unmasked };
    let answer = want!(context.call(request).await?, Sample);
    let cannot = |path: &Path, error: String| {
        ApiError::usage(format!("{} cannot be written: {error}", path.display())).help("name a folder with --out DIR")
    };
    fs::create_dir_all(&verb.out).map_err(|error| cannot(&verb.out, error.to_string()))?;
    let mut written = Vec::new();
    for fixture in &answer.fixtures {
        let name: String =
            fixture.name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
        let texts = [(Format::Csv, "csv", csv(fixture)), (Format::Jsonl, "jsonl", Ok(jsonl(fixture)))];
        for (format, ending, text) in
            texts.into_iter().filter(|(format, ..)| verb.format == Format::Both || verb.format == *format)
        {
            let path = verb.out.join(format!("{name}.{ending}"));
            let text = text.map_err(|error| cannot(&path, error))?;
            debug_assert!(format != Format::Both);
            private(&path, text.as_bytes()).map_err(|error| cannot(&path, error.to_string()))?;
            written.push((fixture, path));
        }
    }
    if context.json {
        let files = written.iter().map(|(_, path)| path.display().to_string()).collect::<Vec<_>>();
        let counts = answer.fixtures.iter().map(|one| (one.name.clone(), Json::from(one.things.len())));
        let counts: serde_json::Map<String, Json> = counts.collect();
        output::json(&serde_json::json!({
            "source": answer.source, "mask": answer.mask, "seen": answer.seen, "searched": answer.searched, "things": counts, "files": files,
        }));
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["file", "things", "columns"]);
    for (fixture, path) in &written {
        rows.row([path.display().to_string(), fixture.things.len().to_string(), fixture.columns.len().to_string()]);
    }
    rows.print("There is nothing to sample.");
    match answer.mask.as_str() {
        "none" => say(format_args!("NOT MASKED: of {} there are, these are people's data as they are.", answer.seen)),
        _ => say(format_args!(
            "Of {} there are. None of {} mails, numbers and words of the originals is in them.",
            answer.seen, answer.searched
        )),
    }
    Ok(exit::OK)
}

/// For nobody but its owner.
fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

fn jsonl(fixture: &Fixture) -> String {
    fixture.things.iter().map(|thing| format!("{thing}\n")).collect()
}

/// One column per path; lists and trees as JSON; what is absent or null is empty.
fn csv(fixture: &Fixture) -> Result<String, String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&fixture.columns).map_err(|error| error.to_string())?;
    for thing in &fixture.things {
        let cell = |path: &String| {
            let mut here = Some(thing);
            for part in path.split('.') {
                here = here.and_then(|here| here.get(part));
            }
            match here {
                None | Some(Json::Null) => String::new(),
                Some(Json::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            }
        };
        out.write_record(fixture.columns.iter().map(cell)).map_err(|error| error.to_string())?;
    }
    let bytes = out.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_is_there() {
        let things =
            vec![serde_json::json!({"a": {"b": "x,\"y\""}, "list": [1, 2]}), serde_json::json!({"a": {"b": null}, "n": 1.5})];
        let columns = ["a.b", "list", "n"].map(str::to_owned).to_vec();
        let fixture = Fixture { name: "t".into(), columns, things };
        assert_eq!(csv(&fixture).unwrap(), "a.b,list,n\n\"x,\"\"y\"\"\",\"[1,2]\",\n,,1.5\n");
        assert_eq!(jsonl(&fixture).lines().count(), 2);
    }
}
