//! Likely duplicates, and what two systems have in common.

use nave_core::linkage;
use nave_hub::api::{ApiError, CandidateLine, CensusAnswer, CensusField, RecordRef, Request, exit};

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
    if answer.apart > 0 {
        say(format_args!("{} more look so, of which a person said that they are two.", answer.apart));
    }
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
        if pair.is_asked() {
            let reasons: Vec<String> = pair.reasons.iter().map(|reason| clean(&reason.what).to_string()).collect();
            let (left, right) = (clean(&pair.left_title), clean(&pair.right_title));
            say(format_args!("{} {left} = {} {right}: a person is asked (`nave review list`)", pair.left, pair.right));
            say(format_args!("  by rule  {}\n", reasons.join("; ")));
            continue;
        }
        say(format_args!(
            "{} {} = {} {}: {} ({})",
            pair.left,
            clean(&pair.left_title),
            pair.right,
            clean(&pair.right_title),
            pair.verdict,
            linkage::odds(pair.bits)
        ));
        for reason in &pair.reasons {
            say(format_args!("  {:+6.1}  {} {}", reason.bits, clean(&reason.what), reason.agreement));
        }
        say(format_args!("  {:+6.1}  two records taken at random\n", pair.prior_bits));
    }
}

pub(super) async fn census(verb: &Census, context: &Context) -> Outcome {
    let (Some(left), Some(right)) = (&verb.left, &verb.right) else { return every_census(verb, context).await };
    let entity = verb.entity.as_deref().unwrap_or("contact");
    let answer = counted(left, right, entity, verb, context).await?;
    match context.json {
        true => output::json(&answer),
        false => shown(&answer, verb.double_entry),
    }
    Ok(exit::OK)
}

/// Of every two connections that are mapped to the same entity.
async fn every_census(verb: &Census, context: &Context) -> Outcome {
    let pairs = want!(context.call(Request::CompareHistory { left: None, right: None }).await?, CompareHistory).pairs;
    // What is configured no more is kept for its history alone.
    let pairs = pairs.into_iter().filter(|pair| pair.due.is_some() || pair.outcomes.is_empty());
    let pairs: Vec<_> = pairs.filter(|pair| verb.entity.as_ref().is_none_or(|entity| *entity == pair.entity)).collect();
    let mut all = Vec::new();
    for pair in &pairs {
        all.push(counted(&pair.left, &pair.right, &pair.entity, verb, context).await?);
    }
    if context.json {
        output::json(&serde_json::json!({ "censuses": all }));
        return Ok(exit::OK);
    }
    if all.is_empty() {
        say("No two connections are mapped to the same entity.");
    }
    for answer in &all {
        say(format_args!("{} and {}, {}:", answer.left, answer.right, answer.entity));
        shown(answer, verb.double_entry);
    }
    Ok(exit::OK)
}

/// What was never read is read first, by whoever may do that.
async fn counted(left: &str, right: &str, entity: &str, verb: &Census, context: &Context) -> Result<CensusAnswer, ApiError> {
    let limit = if verb.double_entry { 0 } else { verb.limit };
    let request =
        |read| Request::Census { left: left.to_owned(), right: right.to_owned(), entity: entity.to_owned(), limit, read };
    let mut answer = want!(context.call(request(false)).await?, Census);
    if !answer.unread.is_empty() {
        answer = want!(context.call(request(true)).await?, Census);
    }
    if verb.double_entry {
        answer.fields.retain(CensusField::typed_twice);
    }
    Ok(answer)
}

fn shown(answer: &CensusAnswer, double_entry: bool) {
    if !double_entry {
        pairs(&answer.pairs);
    }
    let mut rows = Rows::new(&[answer.entity.as_str(), "in all", "in both", "likely in both", "only there"]);
    for (name, counts) in [
        (&answer.left, [answer.left_count, answer.exact, answer.likely, answer.only_left]),
        (&answer.right, [answer.right_count, answer.exact_right, answer.likely_right, answer.only_right]),
    ] {
        let [all, both, likely, only] = counts.map(|count| count.to_string());
        rows.row([name.clone(), all, both, likely, only]);
    }
    rows.print("");
    if let Some(little) = answer.little().filter(|_| !double_entry) {
        say(format_args!("{little}\n"));
    }
    let called = |name: &str| format!("in {name}");
    let (left, right) = (called(&answer.left), called(&answer.right));
    let mut rows = Rows::new(&["field", &left, &right, "both say", "say the same", "", "carried by the hub"]);
    for field in &answer.fields {
        let carried = if field.carried { "yes" } else { "no" };
        rows.row([
            field.field.clone(),
            field.left_path.clone(),
            field.right_path.clone(),
            field.both.to_string(),
            field.agree.to_string(),
            format!("{} %", field.percent),
            carried.to_owned(),
        ]);
    }
    rows.print(if double_entry { "No field seems to be typed twice.\n" } else { "" });
    if double_entry && !answer.fields.is_empty() {
        // The contract of connectors has no place for it: no system that there is one for tells it of each field.
        say(format_args!("Who edited a field last, neither {} nor {} tells through its connector.\n", answer.left, answer.right));
    }
}
