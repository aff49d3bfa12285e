//! `schema`, `system`: canonical entities and the inventory.

use clap::Subcommand;
use nave_hub::api::{Request, SystemLine, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, mark, say};

/// Canonical entities: fields, who wins, what makes two records one
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave schema list\n  nave schema show contact\n  nave schema show invoice --json-schema > invoice.schema.json"
)]
pub(crate) enum Schema {
    /// All entities
    List,
    /// One entity
    Show {
        /// contact, company, address, …
        entity: String,
        /// The JSON Schema alone, for validators and editors
        #[arg(long)]
        json_schema: bool,
    },
    /// What became different in what a connection offers: fields, labels, types, picklists, and which mappings it concerns
    #[command(
        after_help = "A side is CONNECTION@WHEN: a year, month or day (what `nave discover crm --save` had saved by its end), \
                            `saved` (what mappings are checked against) or `now` (the system is asked)."
    )]
    Diff {
        /// The older side: crm@2026-10
        from: String,
        /// The newer side: crm@now
        to: String,
    },
}

/// The inventory of business systems
#[derive(Debug, Subcommand)]
pub(crate) enum System {
    /// All systems, connected or not
    List,
    /// One system
    Show {
        /// Name in systems.toml
        name: String,
    },
    /// What every stream of every connected system can do, side by side
    Matrix,
}

pub(crate) async fn run(verb: Schema, context: &Context) -> Outcome {
    match verb {
        Schema::List => {
            let answer = want!(context.call(Request::SchemaList).await?, Schemas);
            if context.json {
                output::json(&answer);
                return Ok(exit::OK);
            }
            let mut rows = Rows::new(&["entity", "", "fields", "steward", "mappings"]);
            for entity in &answer.entities {
                let mappings = entity.mappings.join(", ");
                rows.row([&entity.entity, &entity.label, &entity.fields.to_string(), &entity.steward, &mappings]);
            }
            rows.print("There are no entities.");
        }
        Schema::Diff { from, to } => return diff(from, to, context).await,
        Schema::Show { entity, json_schema } => {
            let answer = want!(context.call(Request::SchemaShow { entity }).await?, Schema);
            if json_schema {
                output::json(&answer.json_schema);
                return Ok(exit::OK);
            }
            if context.json {
                output::json(&answer);
                return Ok(exit::OK);
            }
            let decided =
                if answer.steward.is_empty() { String::new() } else { format!(", decided by {}", clean(&answer.steward)) };
            say(format_args!("{} ({}){decided}\n", answer.entity, clean(&answer.label)));
            let mut rows = Rows::new(&["field", "", "type", "who wins", "personal", "because"]);
            for field in &answer.fields {
                let because = field.because.clone().unwrap_or_default();
                rows.row([&field.field, &field.label, &field.kind, &field.survivorship, mark(field.personal), &because]);
            }
            rows.print("It has no fields.");
            for rule in &answer.match_rules {
                say(format_args!("  {}", clean(rule)));
            }
        }
    }
    Ok(exit::OK)
}

async fn diff(from: String, to: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::SchemaDiff { from, to }).await?, SchemaDiff);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} → {}", clean(&answer.from), clean(&answer.to)));
    let mut rows = Rows::new(&["stream", "field", "what", "before", "after", "mapped in"]);
    for difference in &answer.changes {
        let change = &difference.change;
        let side = |side: &Option<String>| side.clone().unwrap_or_default();
        rows.row([
            change.stream.clone(),
            side(&change.field),
            change.what.clone(),
            side(&change.before),
            side(&change.after),
            difference.affects.join(", "),
        ]);
    }
    rows.print("Nothing is different.");
    Ok(exit::OK)
}

pub(crate) async fn systems(verb: System, context: &Context) -> Outcome {
    let (request, one) = match verb {
        System::List => (Request::SystemList, false),
        System::Show { name } => (Request::SystemShow { name }, true),
        System::Matrix => return crate::verbs::plugin::near::systems(context).await,
    };
    let answer = want!(context.call(request).await?, Systems);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    if one {
        answer.systems.iter().for_each(system);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["system", "kind", "owner", "vendor contact", "documentation", "connections", ""]);
    for system in &answer.systems {
        let connections = if system.connections.is_empty() { "not connected".to_owned() } else { system.connections.join(", ") };
        let said = system.sunset.clone().unwrap_or_default();
        rows.row([&system.name, &system.kind, &system.owner, &system.vendor_contact, &system.docs, &connections, &said]);
    }
    rows.print("The inventory is empty: systems.toml.");
    Ok(exit::OK)
}

/// One system, a line per fact.
fn system(system: &SystemLine) {
    say(clean(&system.name));
    let facts = [
        ("kind", system.kind.clone()),
        ("owner", system.owner.clone()),
        ("vendor contact", system.vendor_contact.clone()),
        ("documentation", system.docs.clone()),
        ("checked", system.docs_checked.clone()),
        ("end of its API", system.sunset.clone().unwrap_or_default()),
        ("connections", system.connections.join(", ")),
        ("credentials", system.credentials.join(", ")),
        ("notes", system.notes.clone()),
        ("attachments", system.attachments.join(", ")),
    ];
    for (name, fact) in facts {
        let fact = if fact.is_empty() { "–".to_owned() } else { clean(&fact) };
        say(format_args!("  {name:<15} {fact}"));
    }
    if system.connections.is_empty() {
        say("Not connected: `nave connection add PLUGIN --name NAME` connects it.");
    }
}
