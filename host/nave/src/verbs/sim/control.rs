//! `sim fault` and `sim act`: what goes wrong in a simulated system that is running, and what happens in it.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use nave_hub::api::{ApiError, exit};
use nave_sim::{ControlClient, ControlError, Switch};
use serde_json::{Map, Value as Json, json};

use crate::context::Context;
use crate::output::{Rows, clean, json as print_json, say};
use crate::verbs::Outcome;

/// Which system.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// Where it answers, as it said when it was started
    #[arg(long, env = "NAVE_SIM_URL", value_name = "URL")]
    url: String,
    /// Its control token, as it said when it was started
    #[arg(long, env = "NAVE_SIM_CONTROL_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: String,
}

/// Make a simulated system that is running answer as real ones do on bad days
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave sim fault list --url http://127.0.0.1:6401 --token control-1\n  nave sim fault set rate-limited --share 0.1 --retry-after 2 --url http://127.0.0.1:6401 --token control-1\n  nave sim fault clear --url http://127.0.0.1:6401 --token control-1\n\nNAVE_SIM_URL and NAVE_SIM_CONTROL_TOKEN stand for --url and --token."
)]
pub(crate) enum Fault {
    /// Set a switch, or set it anew
    Set(Box<Set>),
    /// Clear a switch, or all
    Clear {
        /// The switch; all without it
        #[arg(value_parser = switches())]
        switch: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// The switches that are set, and all that there are
    List {
        #[command(flatten)]
        at: At,
    },
}

/// Options that say which requests are hit; most switches have them.
const WHICH: [&str; 6] = ["--share", "--nth", "--count", "--only", "--path", "--object"];

fn switches() -> PossibleValuesParser {
    PossibleValuesParser::new(Switch::ALL.map(Switch::name))
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The switch; `nave sim fault list` says what each does, and which options it takes
    #[arg(value_parser = switches())]
    switch: String,
    /// The share of requests that are hit, 0 to 1; the same ones for the same seed. Of half-written and cut-off: of the rows
    #[arg(long)]
    share: Option<f64>,
    /// Only this request, counted from 1 from now
    #[arg(long)]
    nth: Option<u64>,
    /// Clears itself after so many hits
    #[arg(long)]
    count: Option<u64>,
    /// Only requests that read, or that write
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Only requests whose path begins with this
    #[arg(long)]
    path: Option<String>,
    /// Only requests about this kind of objects
    #[arg(long)]
    object: Option<String>,
    /// How long: of a lag, a timeout, a checkpoint's life
    #[arg(long)]
    seconds: Option<u64>,
    /// How far the clock is off, milliseconds
    #[arg(long, allow_negative_numbers = true)]
    offset_ms: Option<i64>,
    /// A field, as the system spells it
    #[arg(long)]
    field: Option<String>,
    /// The value that the field gets; the delimiter
    #[arg(long)]
    value: Option<String>,
    /// The spelling: upper, lower, trim, phone, number; of partial-batch: answer, connection; of emptied: bytes, rows; of
    /// encoding: windows-1252, utf-16; of older-export: beside, instead
    #[arg(long)]
    how: Option<String>,
    /// The status of `error`: 500, 502, 503, 504
    #[arg(long)]
    status: Option<u16>,
    /// Retry-After, seconds
    #[arg(long)]
    retry_after: Option<u64>,
    /// Retry-After as a date
    #[arg(long)]
    http_date: bool,
    /// The write is made all the same
    #[arg(long)]
    committed: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Reads,
    Writes,
}

/// Have something happen once in a simulated system that is running, without a client's doing
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave sim act mass-delete --share 0.3 --url http://127.0.0.1:6401 --token control-1\n  nave sim act merge --object contacts --url http://127.0.0.1:6401 --token control-1\n  nave sim act schema rename city --to town --url http://127.0.0.1:6401 --token control-1"
)]
pub(crate) enum Act {
    /// Delete a share or a number of the objects (archive, where the system cannot delete)
    MassDelete {
        /// The share, 0 to 1
        #[arg(long, required_unless_present = "count", conflicts_with = "count")]
        share: Option<f64>,
        /// The number
        #[arg(long)]
        count: Option<u64>,
        /// Their kind; the system's first without it
        #[arg(long)]
        object: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Merge two objects, as a person does there; nothing takes it back
    Merge {
        /// Id of the one that stays; any two without ids
        #[arg(long, requires = "loser")]
        winner: Option<String>,
        /// Id of the one that goes
        #[arg(long, requires = "winner")]
        loser: Option<String>,
        /// Their kind; the system's first without it
        #[arg(long)]
        object: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Change what the objects look like
    Schema {
        /// What is done
        #[arg(value_enum)]
        change: Change,
        /// The field
        field: String,
        /// Its new name
        #[arg(long, required_if_eq("change", "rename"))]
        to: Option<String>,
        /// Its type: string, number, date, datetime, bool, enumeration
        #[arg(long, value_name = "TYPE", required_if_eq("change", "retype"))]
        r#type: Option<String>,
        /// The kind of objects; the system's first without it
        #[arg(long)]
        object: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Do in the system's own interface what a request of its API does: no switch hits it, and it is in no log
    Person(Person),
}

impl Person {
    fn act(&self) -> Result<Json, ApiError> {
        let body = match &self.body {
            None => Json::Null,
            Some(text) => {
                serde_json::from_str(text).map_err(|error| ApiError::usage(format!("the body is not JSON: {error}")))?
            }
        };
        Ok(given([("act", json!("person")), ("method", json!(self.method)), ("path", json!(self.path)), ("body", body)]))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Person {
    /// GET, POST, PUT, PATCH or DELETE
    method: String,
    /// As the system's API has it; of `legacy`: /rows, /rows/ID
    path: String,
    /// The body, as JSON
    body: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Change {
    Add,
    Remove,
    Rename,
    Retype,
}

/// The name that the command line has for it, which is the one that the system has.
fn word(value: impl ValueEnum) -> Json {
    value.to_possible_value().map_or(Json::Null, |value| value.get_name().into())
}

/// An object of what was given.
fn given<const N: usize>(pairs: [(&str, Json); N]) -> Json {
    Json::Object(pairs.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Set {
    fn rule(&self) -> Json {
        given([
            ("switch", json!(self.switch)),
            ("share", json!(self.share)),
            ("nth", json!(self.nth)),
            ("count", json!(self.count)),
            ("only", self.only.map_or(Json::Null, word)),
            ("path", json!(self.path)),
            ("object", json!(self.object)),
            ("seconds", json!(self.seconds)),
            ("offset_ms", json!(self.offset_ms)),
            ("field", json!(self.field)),
            ("value", json!(self.value)),
            ("how", json!(self.how)),
            ("status", json!(self.status)),
            ("retry_after", json!(self.retry_after)),
            ("http_date", json!(self.http_date.then_some(true))),
            ("committed", json!(self.committed.then_some(true))),
        ])
    }
}

pub(crate) async fn fault(verb: &Fault, context: &Context) -> Outcome {
    let answer = match verb {
        Fault::Set(set) => call(&set.at, "POST", "fault", Some(set.rule())).await?,
        Fault::Clear { switch: None, at } => call(at, "DELETE", "fault", None).await?,
        Fault::Clear { switch: Some(name), at } => call(at, "POST", "fault", Some(json!({"switch": name, "on": false}))).await?,
        Fault::List { at } => call(at, "GET", "fault", None).await?,
    };
    if context.json {
        print_json(&answer);
        return Ok(exit::OK);
    }
    say_active(&answer["active"]);
    if let Some(switches) = answer["switches"].as_array() {
        let mut rows = Rows::new(&["switch", "what it does", "options"]);
        for switch in switches {
            let about = match switch["not_here"].as_str() {
                Some(why) => format!("not here: {why}"),
                None => text(&switch["about"]),
            };
            let takes = switch["takes"].as_array().into_iter().flatten().map(option);
            let takes: Vec<String> = takes.filter(|option| !WHICH.contains(&option.as_str())).collect();
            rows.row([text(&switch["switch"]), about, takes.join(" ")]);
        }
        say("");
        rows.print("");
        say(format_args!("\nThose that hit single requests also take {}.", WHICH.join(" ")));
    }
    Ok(exit::OK)
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A parameter as the command line spells it.
fn option(name: &Json) -> String {
    format!("--{}", text(name).replace('_', "-"))
}

fn say_active(active: &Json) {
    let active: Vec<&Map<String, Json>> = active.as_array().into_iter().flatten().filter_map(Json::as_object).collect();
    if active.is_empty() {
        say("No switch is set.");
    }
    for rule in active {
        let more = rule.iter().filter(|(name, _)| !["switch", "on"].contains(&name.as_str()));
        let more: Vec<String> = more.map(|(name, value)| format!("{} {}", option(&name.as_str().into()), text(value))).collect();
        say(format_args!("{} {}", text(&rule["switch"]), more.join(" ")).to_string().trim_end());
    }
}

pub(crate) async fn act(verb: &Act, context: &Context) -> Outcome {
    let (at, body) = match verb {
        Act::Person(person) => (&person.at, person.act()?),
        Act::MassDelete { share, count, object, at } => (
            at,
            given([("act", json!("mass-delete")), ("share", json!(share)), ("count", json!(count)), ("object", json!(object))]),
        ),
        Act::Merge { winner, loser, object, at } => {
            (at, given([("act", json!("merge")), ("winner", json!(winner)), ("loser", json!(loser)), ("object", json!(object))]))
        }
        Act::Schema { change, field, to, r#type, object, at } => (
            at,
            given([
                ("act", json!("schema")),
                ("change", word(*change)),
                ("field", json!(field)),
                ("to", json!(to)),
                ("type", json!(r#type)),
                ("object", json!(object)),
            ]),
        ),
    };
    let answer = call(at, "POST", "act", Some(body)).await?;
    if context.json {
        print_json(&answer);
        return Ok(exit::OK);
    }
    let kind = text(&answer["object"]);
    match verb {
        Act::Person(_) => say(clean(&answer["answer"].to_string())),
        Act::MassDelete { .. } => {
            let count = answer["deleted"].as_array().map_or(0, Vec::len);
            say(format_args!("{count} of {kind} are deleted."));
        }
        Act::Merge { .. } => say(format_args!("{kind}: {} is merged into {}.", text(&answer["loser"]), text(&answer["winner"]))),
        Act::Schema { .. } => say(format_args!("{kind}: `{}` is changed.", text(&answer["field"]))),
    }
    Ok(exit::OK)
}

async fn call(at: &At, method: &str, path: &str, body: Option<Json>) -> Result<Json, ApiError> {
    let client = ControlClient::new(&at.url, &at.token).map_err(|error| ApiError::usage(error.to_string()))?;
    client.call(method, path, body.as_ref()).await.map_err(|error| match &error {
        ControlError::Address(_) | ControlError::Refused { status: 400, .. } => ApiError::usage(error.to_string()),
        ControlError::Refused { status: 401, .. } => ApiError::failed("that is not its control token")
            .help("`nave sim` says it when the system is started; `--json` has it as `control_token`"),
        ControlError::Refused { .. } => ApiError::failed(error.to_string()),
        ControlError::Unreachable { .. } => ApiError::new("unavailable", exit::UNAVAILABLE, error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        fault: Fault,
    }

    #[test]
    fn what_is_typed_is_what_the_system_is_told() {
        for (typed, want) in [
            ("down", json!({"switch": "down"})),
            (
                "rate-limited --share 0.1 --retry-after 7 --http-date --only writes",
                json!({"switch": "rate-limited", "share": 0.1, "retry_after": 7, "http_date": true, "only": "writes"}),
            ),
            ("clock-offset --offset-ms -90000", json!({"switch": "clock-offset", "offset_ms": -90_000})),
            (
                "rewrite --field city --value Bonn --object contacts --count 2",
                json!({"switch": "rewrite", "field": "city", "value": "Bonn", "object": "contacts", "count": 2}),
            ),
            (
                "error --status 502 --committed --path /crm",
                json!({"switch": "error", "status": 502, "committed": true, "path": "/crm"}),
            ),
        ] {
            let words = ["nave", "set"].into_iter().chain(typed.split(' ')).chain(["--url", "u", "--token", "t"]);
            let Fault::Set(set) = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).fault else { panic!() };
            assert_eq!(set.rule(), want, "{typed}");
        }
        assert!(Line::try_parse_from(["nave", "set", "rain", "--url", "u", "--token", "t"]).is_err());
    }
}
