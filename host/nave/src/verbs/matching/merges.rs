//! `match merge`, `match unmerge` and `match merges`: two records made one, and two again.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use nave_hub::api::{MergeAnswer, RecordRef, Request, exit};

use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};
use crate::verbs::Outcome;

/// Merge two records that are the same, here and in every system
#[derive(Debug, Args)]
#[command(
    after_help = "What it would come to is shown with --dry-run: which value wins each field and why, what moves, and what follows in \
                  each system (by `duplicates` of its mapping). It can be taken back with unmerge.\n\n\
                  Examples:\n  nave match merge contact/12 contact/15 --dry-run\n  nave match merge contact/12 contact/15 --reason 'same person, asked her'\n  nave match merge contact/12 contact/15 --into contact/15 --reason 'she moved'"
)]
pub(crate) struct Merge {
    /// One of them: contact/12, or crm:5432
    one: RecordRef,
    /// The other
    other: RecordRef,
    /// The one that carries on, whose number and objects stay; otherwise the older one
    #[arg(long)]
    into: Option<RecordRef>,
    /// Why, for whoever looks at it later
    #[arg(long, required_unless_present = "dry_run", default_value = "", hide_default_value = true)]
    reason: String,
    /// Only show what it would come to
    #[arg(long, visible_alias = "plan")]
    dry_run: bool,
}

/// Take a merge back: the records are two again, here and in every system
#[derive(Debug, Args)]
#[command(
    after_help = "Each record gets back what was its own; what a system cannot take back is made there again, and what cannot be \
                  restored is listed. The two are kept apart from then on: nothing merges them again but a person.\n\
                  What came since goes with the object that it was said in; a new object stays with the record that carried on, \
                  unless --assign says otherwise.\n\n\
                  Examples:\n  nave match unmerge contact/15 --dry-run\n  nave match unmerge 3 --reason 'mother and daughter'\n  nave match unmerge 3 --assign crm/contacts:77=contact/15 --reason 'two people'"
)]
pub(crate) struct Unmerge {
    /// The merge's number, or the record that was merged: 3, contact/15
    which: String,
    /// An object that goes to another record than it would by itself: crm/contacts:77=contact/15
    #[arg(long, value_name = "OBJECT=RECORD", value_parser = assignment)]
    assign: Vec<(RecordRef, RecordRef)>,
    /// Why, for whoever looks at it later
    #[arg(long, required_unless_present = "dry_run", default_value = "", hide_default_value = true)]
    reason: String,
    /// Only show what it would come to
    #[arg(long, visible_alias = "plan")]
    dry_run: bool,
}

/// Merges of records, and how far each system is
#[derive(Debug, Subcommand)]
pub(crate) enum Merges {
    /// Those that are not done in every system; with --all every one
    #[command(after_help = "Example:\n  nave match merges list --all")]
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One of them, with what follows in each system
    #[command(after_help = "Example:\n  nave match merges show 3")]
    Show {
        /// Which
        id: u64,
    },
    /// Go on with one that was broken off or refused
    #[command(after_help = "Put right first what the system complained about.\n\nExample:\n  nave match merges resume 3")]
    Resume {
        /// Which
        id: u64,
    },
}

/// `crm/contacts:77=contact/15`.
fn assignment(text: &str) -> Result<(RecordRef, RecordRef), String> {
    let bad = || "write crm/contacts:77=contact/15".to_owned();
    let (object, record) = text.rsplit_once('=').ok_or_else(bad)?;
    Ok((object.parse().map_err(|_| bad())?, record.parse().map_err(|_| bad())?))
}

pub(super) async fn merge(verb: &Merge, context: &Context) -> Outcome {
    let request = Request::MergeRecords {
        one: verb.one.clone(),
        other: verb.other.clone(),
        into: verb.into.clone(),
        plan: verb.dry_run,
        reason: verb.reason.clone(),
    };
    show(&want!(context.call(request).await?, Merge), "merge", context)
}

pub(super) async fn unmerge(verb: &Unmerge, context: &Context) -> Outcome {
    let assign: BTreeMap<RecordRef, RecordRef> = verb.assign.iter().cloned().collect();
    let request = Request::Unmerge { which: verb.which.clone(), assign, plan: verb.dry_run, reason: verb.reason.clone() };
    show(&want!(context.call(request).await?, Merge), "unmerge", context)
}

pub(super) async fn merges(verb: &Merges, context: &Context) -> Outcome {
    match verb {
        Merges::List { all, limit } => list(*all, *limit, context).await,
        Merges::Show { id } => show(&want!(context.call(Request::MergeShow { id: *id }).await?, Merge), "show", context),
        Merges::Resume { id } => show(&want!(context.call(Request::MergeResume { id: *id }).await?, Merge), "resume", context),
    }
}

async fn list(all: bool, limit: usize, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MergeList { all, limit }).await?, Merges);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["merge", "stands", "", "of", "into", "by", "since", "steps done"]);
    for merge in &answer.merges {
        rows.row([
            merge.id.to_string(),
            merge.state.clone(),
            if merge.undo { "taken back".to_owned() } else { String::new() },
            merge.loser.clone(),
            format!("{} {}", merge.survivor, merge.title),
            merge.by.clone(),
            ago(&merge.at),
            format!("{} of {}", merge.done, merge.steps),
        ]);
    }
    rows.print(if all { "Nothing was merged." } else { "No merge waits for anything; --all shows those that are over." });
    Ok(exit::OK)
}

fn show(answer: &MergeAnswer, verb: &str, context: &Context) -> Outcome {
    let code = if !answer.planned && answer.state == "partial" { exit::PERSON } else { exit::OK };
    if context.json {
        output::json(answer);
        return Ok(code);
    }
    let MergeAnswer { survivor, loser, .. } = answer;
    match answer.id {
        None => say(format_args!("{loser} into {survivor} {}\n", clean(&answer.survivor_title))),
        Some(id) => say(format_args!(
            "merge {id}: {loser} into {survivor} {}, by {}{} on {}: {}",
            clean(&answer.survivor_title),
            clean(&answer.by),
            if answer.followed { " itself" } else { "" },
            answer.at,
            clean(&answer.reason)
        )),
    }
    if let Some(undone) = &answer.undone {
        say(format_args!("taken back by {} on {}: {}", clean(&undone.by), undone.at, clean(&undone.reason)));
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    if verb == "unmerge" && answer.planned {
        let mut rows = Rows::new(&["record", "field", "now", "then"]);
        for field in &answer.fields {
            rows.row([&field.record, &field.field, &shown(&field.survivor), &shown(&field.value)]);
        }
        rows.print("No field changes.");
    } else if !answer.fields.is_empty() {
        let mut rows = Rows::new(&["field", survivor, loser, "will be", "from", "rule"]);
        for field in &answer.fields {
            let [now, other, then] = [&field.survivor, &field.loser, &field.value].map(shown);
            rows.row([&field.field, &now, &other, &then, &field.from, &field.rule]);
        }
        rows.print("");
    }
    for object in &answer.objects {
        say(format_args!("{} → {}: {}", clean(&object.object), object.to, clean(&object.because)));
    }
    if !answer.references.is_empty() {
        say(format_args!("references follow: {}", answer.references.join(", ")));
    }
    say("");
    let mut rows = Rows::new(&["system", "what follows", if answer.planned { "" } else { "outcome" }, "", "read back"]);
    for step in &answer.steps {
        let outcome = if answer.planned { String::new() } else { step.outcome.clone() };
        let detail = if answer.planned { String::new() } else { step.detail.clone() };
        let verified = step.verified.as_ref().map(|at| ago(at)).unwrap_or_default();
        rows.row([&step.connection, &step.sentence, &outcome, &detail, &verified]);
    }
    rows.print("Nothing follows in any system.");
    for line in &answer.left {
        say(format_args!("not as it was: {}", clean(line)));
    }
    for note in &answer.notes {
        say(format_args!("note: {}", clean(note)));
    }
    match (answer.planned, answer.id, answer.state.as_str()) {
        (true, None, _) => {
            say(format_args!(
                "\nNothing was done: `nave match merge {survivor} {loser} --into {survivor} --reason TEXT` does it."
            ));
        }
        (true, Some(id), _) => say(format_args!("\nNothing was done: `nave match unmerge {id} --reason TEXT` does it.")),
        (false, Some(id), "partial") => {
            say(format_args!("\nIt is not done everywhere: put right what was refused, then `nave match merges resume {id}`."));
        }
        (false, Some(id), "running") => {
            say(format_args!("\nThe rest goes with the flows' next runs; `nave match merges show {id}` tells how far it is."));
        }
        (false, Some(id), "planned") => {
            say(format_args!("\nIt was written down and not carried out: `nave match merges resume {id}` does it."));
        }
        (false, Some(id), "done") if verb != "show" => {
            say(format_args!("\nDone everywhere, and read back. `nave match unmerge {id} --reason TEXT` takes it back."));
        }
        (false, Some(_), "undone") if verb != "show" => {
            say("\nThe records are two again everywhere, and are kept apart: nothing merges them again but a person.");
        }
        _ => {}
    }
    Ok(code)
}
