//! `review`: what waits for a person.

use clap::Subcommand;
use nave_hub::api::{BulkChoice, BulkRule, Request, decision, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};

/// What waits for a person: a match, a deletion, a write of unknown outcome
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave review list\n  nave review show 3\n  nave review decide 3 contact/12 --reason 'same person, asked her'\n  nave review decide 4 new --reason 'they share an office'"
)]
pub(crate) enum Review {
    /// Open reviews
    List {
        /// Closed ones too
        #[arg(long)]
        all: bool,
    },
    /// One review, and what speaks for each choice
    Show {
        /// Number
        id: u64,
    },
    /// Decide; automation never overrides it
    Decide {
        /// Number
        id: u64,
        /// What it is: a record (contact/12) or a thing over there (crm/contacts:17), `new`, `approve` or `refuse`
        choice: String,
        /// The record is none of those that the review proposes, and is meant all the same
        #[arg(long)]
        other: bool,
        /// Why, for those who come after you; nothing is decided without
        #[arg(long, alias = "because", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Decide every open review that a rule fits, each by itself and with the same reason
    #[command(
        after_help = "A match is `existing` where exactly one of the candidates fits, `new` where all do. --dry-run shows which those are.\n\n\
                      Examples:\n  nave review decide-all existing --agree email,birth_date --reason 'same mailbox and birthday' --dry-run\n  \
                      nave review decide-all new --differ first_name --from crm --reason 'families share a mailbox'\n  \
                      nave review decide-all existing --kind conflict --from books --reason 'the books are audited'\n  \
                      nave review decide-all refuse --kind delete --from books --reason 'the books archive, they delete nobody'"
    )]
    DecideAll {
        /// existing, new, approve or refuse
        #[arg(value_parser = bulk_choice)]
        choice: BulkChoice,
        /// Which kind of review
        #[arg(long, default_value = "match")]
        kind: String,
        /// Only of this entity
        #[arg(long)]
        entity: Option<String>,
        /// Only what came from this connection; of conflicts, whose value is right
        #[arg(long)]
        from: Option<String>,
        /// Fields that both hold, and hold the same in
        #[arg(long, value_delimiter = ',')]
        agree: Vec<String>,
        /// Fields that both hold, and hold different values in
        #[arg(long, value_delimiter = ',')]
        differ: Vec<String>,
        /// Why, for those who come after you
        #[arg(long)]
        reason: String,
        /// Only show what would be decided
        #[arg(long)]
        dry_run: bool,
    },
}

fn bulk_choice(text: &str) -> Result<BulkChoice, String> {
    match text {
        "existing" => Ok(BulkChoice::Existing),
        "new" => Ok(BulkChoice::New),
        "approve" | "yes" => Ok(BulkChoice::Approve),
        "refuse" | "no" => Ok(BulkChoice::Refuse),
        _ => Err("write existing, new, approve or refuse".to_owned()),
    }
}

pub(crate) async fn run(verb: Review, context: &Context) -> Outcome {
    match verb {
        Review::List { all } => list(all, context).await,
        Review::Show { id } => show(id, context).await,
        Review::DecideAll { choice, kind, entity, from, agree, differ, reason, dry_run } => {
            let rule = BulkRule { kind, entity, from, agree, differ, choice };
            decide_all(rule, reason, dry_run, context).await
        }
        Review::Decide { id, choice, other, reason } => {
            let choice = decision(&choice)?;
            let request = Request::ReviewDecide { id, choice, other, reason };
            let answer = want!(context.call(request).await?, Done);
            if context.json {
                output::json(&answer);
            } else {
                say(clean(&answer.message));
            }
            Ok(exit::OK)
        }
    }
}

async fn decide_all(rule: BulkRule, reason: String, dry_run: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ReviewBulk { rule, reason, dry_run }).await?, Bulk);
    if context.json {
        output::json(&answer);
    } else {
        let mut rows = Rows::new(&["review", "about", "decided", "problem"]);
        for line in &answer.fits {
            rows.row([
                line.review.to_string(),
                line.title.clone(),
                if line.says.is_empty() { line.choice.clone() } else { line.says.clone() },
                line.problem.clone().unwrap_or_default(),
            ]);
        }
        rows.print("The rule fits none.");
        let fits = answer.fits.len();
        match dry_run {
            true => say(format_args!("{fits} of {} would be decided; without --dry-run they are", answer.looked_at)),
            false => say(format_args!(
                "{} of {} decided; what follows from it is delivered with the next sync",
                answer.decided, answer.looked_at
            )),
        }
    }
    Ok(if answer.fits.iter().any(|line| line.problem.is_some()) { exit::FAILED } else { exit::OK })
}

async fn list(all: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ReviewList { all }).await?, Reviews);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["review", "kind", "entity", "about", "who decides", "since", "due", "closed"]);
    for review in &answer.reviews {
        rows.row([
            review.id.to_string(),
            review.kind.clone(),
            review.entity.clone(),
            review.title.clone(),
            review.steward.clone(),
            ago(&review.opened_at),
            due(review),
            review.closed_at.as_deref().map(ago).unwrap_or_default(),
        ]);
    }
    rows.print("Nothing waits for a person.");
    Ok(exit::OK)
}

/// Until when, where it is still open.
fn due(review: &nave_hub::api::ReviewLine) -> String {
    match (&review.closed_at, review.overdue) {
        (Some(_), _) => String::new(),
        (None, true) => "overdue".to_owned(),
        (None, false) => review.due.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " "),
    }
}

async fn show(id: u64, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ReviewShow { id }).await?, Review);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!(
        "Review {id} ({}, for {})\n{}\n",
        answer.review.kind,
        clean(&answer.review.steward),
        clean(&answer.question)
    ));
    let mut headings = vec!["field".to_owned(), answer.subject.clone()];
    headings.extend(answer.candidates.iter().map(|candidate| candidate.record.clone()));
    let headings: Vec<String> = headings.iter().map(|heading| clean(heading)).collect();
    let mut rows = Rows::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for field in &answer.fields {
        let mut cells = vec![field.field.clone(), field.value.clone()];
        cells.extend(field.candidates.iter().cloned());
        rows.row(cells);
    }
    rows.print("Nothing more is known.");
    for candidate in &answer.candidates {
        say(format_args!("\n{} {}: {}", candidate.record, clean(&candidate.title), clean(&candidate.reason)));
    }
    for decision in &answer.decisions {
        say(format_args!(
            "\ndecided {} by {} on {}: {}",
            decision.choice,
            clean(&decision.by),
            decision.at,
            clean(&decision.reason)
        ));
    }
    if !answer.answers.is_empty() {
        say("\nDecide with:");
    }
    for line in &answer.answers {
        say(format_args!("  nave review decide {id} {:<8} --reason TEXT   {}", line.choice, clean(&line.says)));
    }
    Ok(exit::OK)
}
