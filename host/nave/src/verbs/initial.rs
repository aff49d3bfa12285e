//! `plan --initial`: what two systems say differently before the first write.

use nave_hub::api::{InitialAnswer, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, clean, say};

pub(super) async fn initial(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Initial);
    if context.json {
        output::json(&answer);
    } else {
        show(&answer);
    }
    Ok(exit::OK)
}

fn show(answer: &InitialAnswer) {
    for pair in &answer.pairs {
        say(format_args!("{} {} ({}, {})", pair.record, clean(&pair.title), clean(&pair.left), clean(&pair.right)));
        let [left, right] = [&pair.left, &pair.right].map(|side| side.split(':').next().unwrap_or_default().to_owned());
        for field in &pair.fields {
            let rule =
                if field.decided { format!("by `{}`", field.rule) } else { format!("by `{}`, which nobody decided", field.rule) };
            let because = field.because.as_ref().map(|because| format!(": {}", clean(because))).unwrap_or_default();
            say(format_args!(
                "  {}: {left} says {:?}, {right} says {:?}; {:?} of {} wins {rule}{because}",
                clean(&field.field),
                clean(&field.left),
                clean(&field.right),
                clean(&field.wins),
                clean(field.winner.as_deref().unwrap_or("nobody")),
            ));
        }
    }
    let shown = answer.pairs.len() as u64;
    if answer.differ > shown {
        say(format_args!("… and {} more pairs (`--limit`)", answer.differ - shown));
    }
    say(format_args!("\n{} records are in two systems and agree, {} say different things.", answer.agree, answer.differ));
    for (field, pairs) in &answer.by_field {
        let open = if answer.undecided.contains(field) { "; nobody decided who wins" } else { "" };
        say(format_args!("  {} in {pairs}{open}", clean(field)));
    }
    if !answer.preferred.is_empty() {
        say(format_args!("Decided, and written into entities/: {}", clean(&answer.preferred.join(", "))));
    }
    if answer.applied {
        say(format_args!("Agreed to: {}. Deliveries start with the next sync.", clean(&answer.flows.join(", "))));
    } else if answer.flows.is_empty() {
        say("Every plan was agreed to already; `nave plan --initial FLOW` shows one all the same.");
    } else {
        say(
            "Nothing was written. `nave plan --initial --apply` agrees to the plans of these flows once each of these fields is decided.",
        );
    }
}
