//! `flows`, `impact`, `field`, `report`: what goes where, what hangs on it, and why it is so.

use clap::{Args, Subcommand};
use nave_core::catalog::{Direction, FieldLine};
use nave_hub::api::{FieldFlow, ImpactLine, Request, direction_word, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, mark, say};

/// What flows where: for each canonical field the systems that it comes from and goes to
#[derive(Debug, Args)]
#[command(
    after_help = "Told from the mappings; no network is needed.\n\nExamples:\n  nave flows --entity contact --field email\n  nave flows --entity invoice --json"
)]
pub(crate) struct Flows {
    /// One entity
    #[arg(long)]
    entity: Option<String>,
    /// One field of it
    #[arg(long)]
    field: Option<String>,
}

/// What breaks if a system or a field goes away: mappings, schedules, alerts, fields downstream
#[derive(Debug, Subcommand)]
pub(crate) enum Impact {
    /// Of a whole system
    System {
        /// Entry of systems.toml, or a connection
        name: String,
    },
    /// Of a canonical field
    Field {
        /// ENTITY.FIELD
        field: String,
    },
}

/// Fields: why one is as it is, and a new one added in one go
#[derive(Debug, Subcommand)]
pub(crate) enum Field {
    /// Add a canonical field, map it in and out, and say how it is filled: shown first, written with --apply
    Add {
        /// ENTITY.FIELD
        field: String,
        /// Connection that it comes from
        #[arg(long)]
        from: String,
        /// Connections that it goes to
        #[arg(long, required = true, num_args = 1..)]
        to: Vec<String>,
        /// Path over there, where its name does not tell it
        #[arg(long, value_name = "PATH")]
        from_path: Option<String>,
        /// The same for where it goes to
        #[arg(long = "to-path", value_name = "CONNECTION=PATH")]
        to_paths: Vec<String>,
        /// Canonical type [default: as it is over there]
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Why it is carried
        #[arg(long)]
        because: Option<String>,
        /// Write it
        #[arg(long)]
        apply: bool,
    },
    /// Why it is read, written, or neither: what the vendor allows, what was decided here, what the schemas say
    Why {
        /// CONNECTION.STREAM.FIELD, or ENTITY.FIELD
        field: String,
    },
}

/// Reports about the configuration
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Every field that goes both ways, with its reason: the fewer, the better
    Bidirectional,
}

pub(crate) async fn flows(verb: Flows, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::FieldFlows { entity: verb.entity, field: verb.field }).await?, FieldFlows);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for flow in &answer.fields {
        field_flow(flow);
    }
    if answer.fields.is_empty() {
        say("No mapping reads or writes it.");
    }
    Ok(exit::OK)
}

fn field_flow(flow: &FieldFlow) {
    let decided = if flow.decided { "" } else { " (as it ships; nobody has decided it)" };
    let steward = if flow.steward.is_empty() { String::new() } else { format!("; {} answers for it", clean(&flow.steward)) };
    say(format_args!("{}.{}: {}{decided}{steward}", flow.entity, clean(&flow.field), clean(&flow.rule)));
    let end = |line: &FieldLine| format!("{}/{}.{}", line.connection, line.stream, line.remote);
    let mut rows = Rows::new(&["source", "", "hub", "", "target", "direction", "because"]);
    let name = format!("{}.{}", flow.entity, flow.field);
    for line in &flow.sources {
        let (arrow, target) = if line.direction == Direction::Both { ("↔", end(line)) } else { ("→", String::new()) };
        let because = line.because.clone().unwrap_or_default();
        let on = if target.is_empty() { "" } else { arrow };
        rows.row([end(line).as_str(), arrow, &name, on, &target, direction_word(line.direction), &because]);
    }
    for line in flow.targets.iter().filter(|line| line.direction != Direction::Both) {
        let because = line.because.clone().unwrap_or_default();
        rows.row(["", "", name.as_str(), "→", &end(line), direction_word(line.direction), &because]);
    }
    rows.print("");
    say("");
}

pub(crate) async fn impact(verb: Impact, context: &Context) -> Outcome {
    let request = match verb {
        Impact::System { name } => Request::ImpactSystem { name },
        Impact::Field { field } => Request::ImpactField { field },
    };
    let answer = want!(context.call(request).await?, Impact);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("If {} goes away:", clean(&answer.subject)));
    let connections: Vec<ImpactLine> =
        answer.connections.iter().map(|name| ImpactLine { name: name.clone(), what: String::new() }).collect();
    for (what, lines) in [
        ("Connections", &connections),
        ("Mappings", &answer.mappings),
        ("Schedules", &answer.schedules),
        ("Alerts", &answer.alerts),
        ("Fields downstream", &answer.downstream),
        ("Rules and policies", &answer.rules),
    ] {
        say(format_args!("\n{what}: {}", lines.len()));
        for line in lines {
            let what = if line.what.is_empty() { String::new() } else { format!(": {}", clean(&line.what)) };
            say(format_args!("  {}{what}", clean(&line.name)));
        }
    }
    Ok(exit::OK)
}

pub(crate) async fn field(verb: Field, context: &Context) -> Outcome {
    let field = match verb {
        Field::Why { field } => field,
        Field::Add { field, from, to, from_path, to_paths, kind, because, apply } => {
            let request = Request::FieldAdd { field, from, from_path, to, to_paths, kind, because, apply };
            let answer = want!(context.call(request).await?, Edits);
            return super::policy::edits(&answer, context);
        }
    };
    let answer = want!(context.call(Request::FieldWhy { field }).await?, FieldReasons);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let writable = if answer.writable { "the hub may write it there" } else { "the hub does not write it" };
    say(format_args!("{}: {}; {writable}.", clean(&answer.field), clean(&answer.what)));
    for reason in &answer.reasons {
        let place = reason.place.as_ref().map(|place| format!(" ({})", clean(place))).unwrap_or_default();
        say(format_args!("  {:<7} {}{place}", reason.kind, clean(&reason.why)));
    }
    Ok(exit::OK)
}

pub(crate) async fn report(verb: Report, context: &Context) -> Outcome {
    let Report::Bidirectional = verb;
    let answer = want!(context.call(Request::ReportBidirectional).await?, Bidirectional);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} of {} mapped fields go both ways.", answer.both, answer.mapped));
    let mut rows = Rows::new(&["field", "system", "path there", "who wins", "undecided", "answers for it", "because"]);
    for field in &answer.fields {
        let line = &field.line;
        let name = format!("{}.{}", line.entity, line.field.as_deref().unwrap_or_default());
        let there = format!("{}/{}", line.connection, line.stream);
        let because = line.because.clone().unwrap_or_default();
        rows.row([&name, &there, &line.remote, &field.rule, mark(field.unowned), &line.steward, &because]);
    }
    rows.print("");
    Ok(exit::OK)
}
