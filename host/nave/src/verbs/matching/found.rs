//! Likely duplicates, and what two systems have in common.

use nave_hub::api::{CandidateLine, CensusField, RecordRef, Request, exit};

use super::Census;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};
use crate::verbs::Outcome;

pub(super) async fn candidates(entity: &str, limit: usize, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MatchCandidates { entity: entity.to_owned(), limit }).await?, Candidates);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    pairs(&answer.pairs);
    say(format_args!(
        "{} pairs of {} records may be the same; {} shown (`--limit`)",
        answer.found,
        answer.records,
        answer.pairs.len()
    ));
    Ok(exit::OK)
}

pub(super) async fn explain(left: &RecordRef, right: &RecordRef, context: &Context) -> Outcome {
    let request = Request::MatchExplain { left: left.clone(), right: right.clone() };
    let answer = want!(context.call(request).await?, Explained);
    match context.json {
        true => output::json(&answer),
        false => pairs(std::slice::from_ref(&answer)),
    }
    Ok(exit::OK)
}

pub(super) async fn model(entity: &str, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MatchModel { entity: entity.to_owned() }).await?, MatchModel);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    if !answer.on {
        say(format_args!("{} is not compared by score: {}", answer.entity, clean(answer.because.as_deref().unwrap_or("off"))));
    }
    let Some(learned_from) = answer.learned_from else {
        say(format_args!("Nothing was learned yet: it takes {} things; until then rules decide alone.", answer.needed));
        return Ok(exit::OK);
    };
    let mut rows = Rows::new(&["bits, of a common value", "different", "faintly alike", "alike", "the same"]);
    for line in &answer.levels {
        let bits = [line.different, line.faint, line.alike, line.same].map(|bits| format!("{bits:+.1}"));
        rows.row(std::iter::once(line.what.clone()).chain(bits));
    }
    rows.print("Nothing is compared.");
    say(format_args!(
        "\nLearned from {learned_from} things. From {} bits on ({} to one) two are the same, from {} on a person is asked; a record \
         has at most {} objects. `entities/{}.toml` changes it: `nave match model --help`.",
        answer.sure_bits,
        answer.sure_bits.exp2().round(),
        answer.ask_bits,
        answer.cluster_max,
        answer.entity
    ));
    Ok(exit::OK)
}

fn pairs(pairs: &[CandidateLine]) {
    for pair in pairs {
        say(format_args!(
            "{} {} = {} {}: {} ({} : 1)",
            pair.left,
            clean(&pair.left_title),
            pair.right,
            clean(&pair.right_title),
            pair.verdict,
            pair.bits.exp2().round()
        ));
        for reason in &pair.reasons {
            say(format_args!("  {:+6.1}  {} {}", reason.bits, clean(&reason.what), reason.agreement));
        }
        say(format_args!("  {:+6.1}  two records taken at random\n", pair.prior_bits));
    }
}

pub(super) async fn census(verb: &Census, context: &Context) -> Outcome {
    let request = Request::Census {
        left: verb.left.clone(),
        right: verb.right.clone(),
        entity: verb.entity.clone(),
        limit: if verb.double_entry { 0 } else { verb.limit },
    };
    let mut answer = want!(context.call(request).await?, Census);
    if verb.double_entry {
        answer.fields.retain(CensusField::typed_twice);
    }
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    if !verb.double_entry {
        pairs(&answer.pairs);
    }
    let mut rows = Rows::new(&[verb.entity.as_str(), "in all", "in both", "likely in both", "only there"]);
    for (name, counts) in [
        (&answer.left, [answer.left_count, answer.exact, answer.likely, answer.only_left]),
        (&answer.right, [answer.right_count, answer.exact_right, answer.likely_right, answer.only_right]),
    ] {
        let [all, both, likely, only] = counts.map(|count| count.to_string());
        rows.row([name.clone(), all, both, likely, only]);
    }
    rows.print("");
    let mut rows = Rows::new(&["field", "both say", "say the same", "", "carried by the hub"]);
    for field in &answer.fields {
        let carried = if field.carried { "yes" } else { "no" };
        rows.row([
            field.field.clone(),
            field.both.to_string(),
            field.agree.to_string(),
            format!("{} %", field.percent),
            carried.to_owned(),
        ]);
    }
    rows.print(if verb.double_entry { "No field seems to be typed twice." } else { "" });
    Ok(exit::OK)
}
