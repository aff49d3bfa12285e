//! `dlq`: what was set aside, and what to do about it.

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, ClassCount, DeadLetters, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, clean_lines, say};

/// Dead letters: records and deliveries that were set aside, each with the command that fixes it
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave dlq list\n  nave dlq show 7\n  nave dlq retry 7 8\n  nave dlq retry --class length\n  nave dlq discard 9 --reason 'test data'"
)]
pub(crate) enum Dlq {
    /// What was set aside
    List {
        /// One flow
        #[arg(long)]
        flow: Option<String>,
        /// One error class
        #[arg(long)]
        class: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = super::at_least_one)]
        limit: usize,
    },
    /// One of them; where a record was read, with what came
    Show {
        /// Number
        id: u64,
    },
    /// Correct one value by hand, as a steward's word, and try again
    Edit {
        /// Number
        id: u64,
        /// Canonical field, or its path over there
        field: String,
        /// What it should be
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Why, for the audit; needed
        #[arg(long, alias = "because", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Try again
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Give up
    Discard {
        #[command(flatten)]
        which: Which,
        /// Why, for the audit; needed
        #[arg(long, alias = "because", default_value = "", hide_default_value = true)]
        reason: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Numbers
    ids: Vec<u64>,
    /// All of one error class
    #[arg(long)]
    class: Option<String>,
    /// All of one flow
    #[arg(long)]
    flow: Option<String>,
    /// All
    #[arg(long)]
    all: bool,
}

impl Which {
    fn letters(self) -> Result<DeadLetters, ApiError> {
        Ok(match (self.class, self.flow, self.all) {
            (Some(class), _, _) => DeadLetters::Class(class),
            (_, Some(flow), _) => DeadLetters::Flow(flow),
            (_, _, true) => DeadLetters::All,
            _ if self.ids.is_empty() => return Err(ApiError::usage("say which: numbers, --class, --flow or --all")),
            _ => DeadLetters::Ids(self.ids),
        })
    }
}

pub(crate) async fn run(verb: Dlq, context: &Context) -> Outcome {
    match verb {
        Dlq::List { flow, class, limit } => list(Request::DlqList { flow, class, limit }, context).await,
        Dlq::Show { id } => show(id, context).await,
        Dlq::Edit { id, field, value, reason } => done(Request::DlqEdit { id, field, value, reason }, context).await,
        Dlq::Retry { which } => done(Request::DlqRetry { which: which.letters()? }, context).await,
        Dlq::Discard { which, reason } => done(Request::DlqDiscard { which: which.letters()?, reason }, context).await,
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

/// Nothing to list: because nothing was set aside, or nothing of that class.
fn none(class: Option<&str>, classes: &[ClassCount]) -> String {
    let known: Vec<String> = classes.iter().map(|class| format!("{} {}", class.count, clean(&class.class))).collect();
    match class {
        None => "Nothing was set aside.".to_owned(),
        Some(class) if known.is_empty() => format!("Nothing was set aside, of the class `{}` or any other.", clean(class)),
        Some(class) => format!("There is no class `{}` here; there are: {}.", clean(class), known.join(", ")),
    }
}

/// So much of a title is in a list; `nave dlq show` says all of it.
const WHAT_CHARS: usize = 60;
/// So much of what happened is.
const HAPPENED_CHARS: usize = 120;

async fn list(request: Request, context: &Context) -> Outcome {
    let class = match &request {
        Request::DlqList { class, .. } => class.clone(),
        _ => None,
    };
    let answer = want!(context.call(request).await?, DeadLetters);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["letter", "flow", "", "what", "class", "what happened", "last", "times"]);
    for letter in &answer.dead_letters {
        let arrow = if letter.direction == "in" { "←" } else { "→" };
        let what = if letter.title.is_empty() { letter.subject.clone() } else { format!("{} {}", letter.subject, letter.title) };
        rows.row([
            letter.id.to_string(),
            letter.flow.clone(),
            arrow.to_owned(),
            output::cut(&what, WHAT_CHARS),
            letter.class.clone(),
            output::cut(&letter.message, HAPPENED_CHARS),
            ago(&letter.at),
            letter.count.to_string(),
        ]);
    }
    rows.print(&none(class.as_deref(), &answer.classes));
    let classes: Vec<String> = answer.classes.iter().map(|class| format!("{} {}", class.count, clean(&class.class))).collect();
    if !classes.is_empty() {
        say(format_args!("\n{}; `nave dlq show NUMBER` says how to fix one", classes.join(", ")));
    }
    Ok(exit::OK)
}

async fn show(id: u64, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::DlqShow { id }).await?, DeadLetter);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let letter = &answer.dead_letter;
    say(format_args!("Dead letter {id}: {} {} ({})", clean(&letter.subject), clean(&letter.title), clean(&letter.flow)));
    say(format_args!(
        "  class {}{}",
        clean(&letter.class),
        letter.field.as_ref().map(|field| format!(", field {}", clean(field))).unwrap_or_default()
    ));
    say(format_args!("  {}", clean(&letter.message)));
    say(format_args!("  first {}, last {}, {} times, run {}", answer.first_at, letter.at, letter.count, answer.run));
    say(format_args!("  fix: {}", clean(&letter.fix)));
    say(format_args!("  more: `nave runbook {}`", clean(&letter.runbook)));
    if letter.direction == "out" {
        say(format_args!("  what was to be sent: `nave record show {}`", clean(&letter.subject)));
    }
    if let Some(body) = &answer.body {
        say(format_args!("\n{}", clean_lines(&serde_json::to_string_pretty(body).unwrap_or_default())));
    } else if let Some(body) = &answer.body_text {
        say(format_args!("\n{}", clean_lines(body)));
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_not_there_is_said_to_be_none() {
        let classes = [ClassCount { class: "length".into(), count: 2 }];
        assert_eq!(none(Some("nope"), &classes), "There is no class `nope` here; there are: 2 length.");
        assert!(none(Some("nope"), &[]).contains("`nope`"));
        assert_eq!(none(None, &[]), "Nothing was set aside.");
    }
}
