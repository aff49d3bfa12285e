//! `record`, `xref`: one record, why it holds what it holds, and what systems call it.

use clap::{Args, Subcommand};
use nave_core::model::Time;
use nave_hub::api::{RecordRef, Request, XrefAnswer, exit};
use serde::Serialize;
use serde_json::json;

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};

/// Look at records
#[derive(Debug, Subcommand)]
#[command(after_help = "A record is named contact/12, or by what a system calls it: crm:5432, crm/contacts:5432.\n\n\
                        Examples:\n  nave record list contact ada@example.com\n  nave record why contact/1 email\n  nave record show crm:5432\n  \
                        nave record show contact/1 --at 2026-10-01")]
pub(crate) enum Record {
    /// Records of an entity, or whose fields hold a text
    List {
        /// Entity
        entity: Option<String>,
        /// An e-mail, a phone, a part of the name
        #[arg(default_value = "")]
        query: String,
        /// After this record's number
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = super::at_least_one)]
        limit: usize,
    },
    /// Its fields, and what each system says
    Show {
        /// contact/12, crm:5432
        record: RecordRef,
        /// And what every system calls it
        #[arg(long)]
        xref: bool,
        /// As the hub held it then: 2026-10-01T12:00:00Z, or a date (the end of that day, UTC)
        #[arg(long, value_name = "TIME", conflicts_with = "xref")]
        at: Option<String>,
    },
    /// Which way it went: who said it first, where it went from there and when, and where it still has to go
    Trace {
        /// contact/12, crm:5432
        record: RecordRef,
    },
    /// For each field: value, who asserted it, the rule that chose it, and who lost
    Why {
        /// contact/12, crm:5432
        record: RecordRef,
        /// One field
        field: Option<String>,
    },
    /// Read it in every system, take in what differs, and write the difference; doing it twice changes nothing
    Resync {
        /// contact/12, crm:5432
        record: RecordRef,
        /// Only show what it would do
        #[arg(long)]
        plan: bool,
    },
    /// Where an old value of a field still stands: in every system, and in what refers to the record
    #[command(after_help = "Without --apply nothing is written.\n\n\
                            Examples:\n  nave record correct contact/1 .tax_id\n  \
                            nave record correct contact/1 .tax_id --apply 1,3 --because typing-error")]
    Correct {
        /// contact/12, crm:5432
        record: RecordRef,
        /// Field that was corrected: .tax_id; of a list one element: .emails/2
        field: String,
        /// The old value, where its history does not know it
        #[arg(long)]
        from: Option<String>,
        /// Put these right: numbers of the list that was shown (1,3), or all that can be written
        #[arg(long, requires = "because")]
        apply: Option<String>,
        /// Why; kept in the audit and with each change
        #[arg(long, alias = "reason", default_value = "")]
        because: String,
        /// Also ask the systems for these things as they are now, and list what stands in fields that no mapping reads
        #[arg(long)]
        unmapped: bool,
    },
    /// Say what a field holds, as a steward: it wins over every rule, but lifts nobody else's refusal of consent
    Set {
        /// contact/12, crm:5432
        record: RecordRef,
        /// Field
        field: String,
        /// What it should be; of a reference the record, company/3
        value: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
    /// Take a steward's word about a field back, typed or decided in a review: the field's rule chooses again among what the systems say
    Release {
        /// contact/12, crm:5432
        record: RecordRef,
        /// Field; of a list one element: phones/3
        field: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
    /// What happened to it, newest first
    History {
        /// contact/12, crm:5432
        record: RecordRef,
        /// How many changes
        #[arg(long, default_value_t = 20, value_parser = super::at_least_one)]
        limit: usize,
    },
}

/// What every system calls a record
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nave xref contact/12\n  nave xref crm:5432")]
pub(crate) struct Xref {
    /// contact/12, crm:5432
    record: RecordRef,
}

pub(crate) async fn run(verb: Record, context: &Context) -> Outcome {
    match verb {
        Record::List { entity, query, after, limit } => list(Request::Records { entity, query, after, limit }, context).await,
        Record::Show { record, at: Some(at), .. } => past(Request::RecordShow { record, at: Some(at) }, context).await,
        Record::Show { record, xref, at: None } => show(record, xref, context).await,
        Record::Trace { record } => trace(record, context).await,
        Record::Why { record, field } => why(record, field, context).await,
        Record::Resync { record, plan } => super::resync::run(record, plan, context).await,
        Record::Correct { record, field, from, apply, because, unmapped } => {
            let request = Request::RecordCorrect { record, field, from, apply, reason: because, unmapped };
            super::correct::run(request, context).await
        }
        Record::Set { record, field, value, reason } => {
            let request = Request::RecordSet { record, field, value, reason };
            done(request, context).await
        }
        Record::Release { record, field, reason } => done(Request::RecordRelease { record, field, reason }, context).await,
        Record::History { record, limit } => history(record, limit, context).await,
    }
}

async fn done(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

async fn list(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Records);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["record", "", "state", "known to"]);
    for record in &answer.records {
        rows.short_row([&record.record, &record.title, &record.state, &record.connections.join(", ")]);
    }
    rows.print("None.");
    if let Some(next) = answer.next {
        say(format_args!("… more with --after {next}"));
    }
    Ok(exit::OK)
}

async fn show(record: RecordRef, xref: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::RecordShow { record: record.clone(), at: None }).await?, Record);
    let called = match xref {
        true => Some(want!(context.call(Request::Xref { record }).await?, Xref)),
        false => None,
    };
    if context.json {
        match called {
            Some(called) => output::json(&json!({ "record": answer, "xref": called })),
            None => output::json(&answer),
        }
        return Ok(exit::OK);
    }
    let merged = answer.merged_into.as_ref().map(|into| format!(", merged into {into}")).unwrap_or_default();
    say(format_args!("{} {} ({}{merged}, version {})\n", answer.record, clean(&answer.title), answer.state, answer.version));
    for from in &answer.merged_from {
        say(format_args!("{} was merged into it: `nave match merges show {}`", from.record, from.merge));
    }
    let mut rows = Rows::new(&["field", "value", "from", "rule", "since", "as of"]);
    for field in &answer.fields {
        rows.row([&field.field, &field.display, &field.from, &field.rule, &ago(&field.claimed_at), &ago(&field.as_of)]);
    }
    rows.print("It has no fields.");
    for contribution in &answer.contributions {
        let behind = match contribution.lag_s {
            None | Some(0) => String::new(),
            Some(seconds) => format!(", {seconds} s behind"),
        };
        say(format_args!(
            "\n{} ({}, read {}{behind})",
            clean(&contribution.remote),
            clean(&contribution.state),
            ago(&contribution.read_at)
        ));
        for (path, value) in &contribution.shadow {
            say(format_args!("    {} = {}", clean(path), clean(&value.to_string())));
        }
    }
    for delivery in &answer.deliveries {
        say(format_args!("\n→ {}: {} {}", delivery.flow, delivery.state, clean(&delivery.detail)));
    }
    if let Some(called) = called {
        say("");
        remotes(&called);
    }
    Ok(exit::OK)
}

async fn past(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Past);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let merged = answer.merged_into.as_ref().map(|into| format!(", merged into {into}")).unwrap_or_default();
    say(format_args!("{} {} ({}{merged}) as of {}", answer.record, clean(&answer.title), answer.state, answer.at));
    let until = answer.until.as_ref().map_or_else(|| "and still so".to_owned(), |until| format!("until {until}"));
    say(format_args!("so since change {} of {}, {until}\n", answer.sequence, answer.since));
    let mut rows = Rows::new(&["field", "value", "from", "since"]);
    for field in &answer.fields {
        let value = match &field.why {
            Some(why) => format!("(not known: {why})"),
            None => field.display.clone(),
        };
        rows.row([field.field.clone(), value, field.from.clone(), field.since.clone().unwrap_or_default()]);
    }
    rows.print("It held nothing.");
    for note in &answer.notes {
        say(format_args!("\n{}", clean(note)));
    }
    Ok(exit::OK)
}

/// One object of the record on its way.
#[derive(Serialize)]
struct Hop {
    at: String,
    /// Milliseconds after the first.
    after_ms: i64,
    remote: String,
    because: String,
    by: String,
}

async fn trace(record: RecordRef, context: &Context) -> Outcome {
    let called = want!(context.call(Request::Xref { record: record.clone() }).await?, Xref);
    let shown = want!(context.call(Request::RecordShow { record, at: None }).await?, Record);
    let mut hops: Vec<Hop> = called
        .remotes
        .iter()
        .filter_map(|remote| {
            Some(Hop {
                at: remote.since.clone()?,
                after_ms: 0,
                remote: format!("{}/{}:{}", remote.connection, remote.stream, remote.remote_id),
                because: remote.because.clone().unwrap_or_default(),
                by: remote.by.clone().unwrap_or_default(),
            })
        })
        .collect();
    let ms = |at: &str| Time::parse(at).map_or(0, |time| time.0);
    hops.sort_by_key(|hop| ms(&hop.at));
    let first = hops.first().map_or(0, |hop| ms(&hop.at));
    hops.iter_mut().for_each(|hop| hop.after_ms = ms(&hop.at) - first);
    if context.json {
        output::json(&json!({ "record": called.record, "title": called.title, "hops": hops, "waiting": shown.deliveries }));
        return Ok(exit::OK);
    }
    say(format_args!("{} {}\n", called.record, clean(&called.title)));
    let mut rows = Rows::new(&["when", "after", "where", "what", "by"]);
    for hop in &hops {
        let after = format!("{}.{:03} s", hop.after_ms / 1000, hop.after_ms % 1000);
        rows.row([&hop.at, &after, &hop.remote, &hop.because, &hop.by]);
    }
    rows.print("No system knows it.");
    for delivery in &shown.deliveries {
        say(format_args!("still to go → {}: {} {}", delivery.flow, delivery.state, clean(&delivery.detail)));
    }
    Ok(exit::OK)
}

async fn why(record: RecordRef, field: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::RecordWhy { record, field }).await?, Why);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} {}", answer.record, clean(&answer.title)));
    for field in &answer.fields {
        say(format_args!("\n{} = {}", clean(&field.field), clean(&field.display)));
        let heard = field.observed_at.as_ref().map(|at| format!(", heard {at}")).unwrap_or_default();
        let taken = field.committed_at.as_ref().map(|at| format!(", taken {at}")).unwrap_or_default();
        let change = field.sequence.map(|sequence| format!(" (change {sequence})")).unwrap_or_default();
        say(format_args!("    said by {} on {}{heard}{taken}{change}", clean(&field.from), field.claimed_at));
        say(format_args!("    rule    {}: {}", field.rule, clean(&field.sentence)));
        if let Some(because) = &field.because {
            say(format_args!("    because {}", clean(because)));
        }
        if let Some(policy) = field.policy.as_ref().and_then(|policy| policy.sentence()) {
            say(format_args!("    policy: {}", clean(&policy)));
        }
        if let Some(person) = &field.decided_by {
            say(format_args!("    decided by {}", clean(person)));
        }
        for note in &field.notes {
            say(format_args!("    note    {}", clean(note)));
        }
        for loser in &field.losers {
            let word = if loser.agrees { "agrees " } else { "lost   " };
            say(format_args!("    {word} {} (said by {} on {})", clean(&loser.display), clean(&loser.from), loser.claimed_at));
        }
    }
    say(format_args!("\nunder the configuration {}", answer.catalog.get(..12).unwrap_or(&answer.catalog)));
    Ok(exit::OK)
}

async fn history(record: RecordRef, limit: usize, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::RecordHistory { record, limit }).await?, History);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} {}", answer.record, clean(&answer.title)));
    for change in &answer.changes {
        say(format_args!("\n#{} {} {} ({})", change.sequence, change.at, clean(&change.kind), clean(&change.cause)));
        for field in &change.fields {
            let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), clean);
            say(format_args!("    {}: {} → {}", clean(&field.field), shown(&field.before), shown(&field.after)));
        }
    }
    Ok(exit::OK)
}

pub(crate) async fn xref(verb: Xref, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Xref { record: verb.record }).await?, Xref);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} {}\n", answer.record, clean(&answer.title)));
    remotes(&answer);
    Ok(exit::OK)
}

fn remotes(answer: &XrefAnswer) {
    let mut rows = Rows::new(&["system", "stream", "its id", "state", "since", "by", "because"]);
    let told = |text: &Option<String>| text.clone().unwrap_or_default();
    for remote in &answer.remotes {
        rows.row([
            remote.connection.clone(),
            remote.stream.clone(),
            remote.remote_id.clone(),
            remote.state.clone(),
            remote.since.as_ref().map(|at| ago(at)).unwrap_or_default(),
            told(&remote.by),
            told(&remote.because),
        ]);
    }
    rows.print("No system knows it.");
}
