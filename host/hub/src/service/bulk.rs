//! Decides many reviews by one rule: what agrees, what differs, and what those are.

use std::collections::BTreeSet;

use nave_core::model::{DecisionChoice, RecordId, RemoteKey};
use nave_core::reason::is_blank;

use super::{reviews, unknown};
use crate::api::{ApiError, BulkAnswer, BulkChoice, BulkLine, BulkRule, RecordRef, ReviewAnswer};
use crate::engine::Engine;

const CONFLICT: &str = "conflict";

/// Decides every open review that the rule fits; with `dry_run` only says which those are.
pub(super) async fn decide(
    engine: &Engine,
    rule: &BulkRule,
    reason: &str,
    dry_run: bool,
    by: &str,
) -> Result<BulkAnswer, ApiError> {
    check(engine, rule, reason)?;
    let open = tokio::task::block_in_place(|| reviews::list(engine, false))?.reviews;
    let mut answer = BulkAnswer { looked_at: 0, fits: Vec::new(), decided: 0, dry_run };
    for line in open.into_iter().filter(|line| line.kind == rule.kind) {
        if rule.entity.as_ref().is_some_and(|entity| *entity != line.entity) {
            continue;
        }
        let review = tokio::task::block_in_place(|| reviews::show(engine, line.id))?;
        let comes_from = |from: &String| review.subject.split(['/', ':']).next() == Some(from);
        if line.kind != CONFLICT && rule.from.as_ref().is_some_and(|from| !comes_from(from)) {
            continue;
        }
        answer.looked_at += 1;
        let Some((choice, word)) = fitting(rule, &review) else { continue };
        let says = review.answers.iter().find(|answer| answer.choice == word).map(|answer| answer.says.clone());
        let says = says.unwrap_or_default();
        let mut fit = BulkLine { review: line.id, title: line.title, choice: word, says, problem: None };
        if !dry_run {
            match reviews::decide(engine, line.id, choice, false, by, reason).await {
                Ok(_) => answer.decided += 1,
                // Somebody was quicker, or it changed since: the others are decided all the same.
                Err(error) => fit.problem = Some(error.message),
            }
        }
        answer.fits.push(fit);
    }
    Ok(answer)
}

/// Whether the rule makes sense as it stands.
fn check(engine: &Engine, rule: &BulkRule, reason: &str) -> Result<(), ApiError> {
    const KINDS: [&str; 9] =
        ["match", "conflict", "delete", "remove", "merge", "volume", "frozen", "unknown-outcome", "dead-letter"];
    let catalog = engine.catalog();
    if !KINDS.contains(&rule.kind.as_str()) {
        let kinds = KINDS.map(str::to_owned);
        return Err(unknown("kind of review", &rule.kind, kinds.iter()));
    }
    if is_blank(reason) {
        return Err(ApiError::usage("a decision about many needs a reason")
            .help("it stands in the history of each: --reason 'same mailbox and date of birth'"));
    }
    let by_fields = !rule.agree.is_empty() || !rule.differ.is_empty();
    if rule.kind == CONFLICT {
        return match (rule.choice, &rule.from) {
            (BulkChoice::Existing, Some(from)) if catalog.connections.contains_key(from) => Ok(()),
            (BulkChoice::Existing, Some(from)) => Err(unknown("connection", from, catalog.connections.keys())),
            (BulkChoice::Refuse, None) => Ok(()),
            _ => Err(ApiError::usage("whose value is right?")
                .help("`existing --from crm` takes what that system says, `refuse` leaves what stands")),
        };
    }
    match (rule.kind == "match", rule.choice) {
        (true, BulkChoice::Existing | BulkChoice::New) if by_fields => {}
        (true, BulkChoice::Existing | BulkChoice::New) => {
            return Err(ApiError::usage("which matches? No field is named that has to agree or to differ")
                .help("for instance --agree email,birth_date, or --differ first_name"));
        }
        (true, _) => {
            return Err(ApiError::usage("a match is `existing` (the record that agrees) or `new`"));
        }
        (false, BulkChoice::Existing | BulkChoice::New) => {
            return Err(ApiError::usage(format!("a review of kind `{}` is answered with `approve` or `refuse`", rule.kind)));
        }
        (false, _) if by_fields => {
            return Err(ApiError::usage("fields are compared where something may be one of several records: --kind match"));
        }
        (false, _) => {}
    }
    if rule.entity.is_none() {
        let fields: BTreeSet<&String> = catalog.entities.values().flat_map(|entity| entity.fields.keys()).collect();
        if let Some(field) = rule.agree.iter().chain(&rule.differ).find(|field| !fields.contains(field)) {
            return Err(unknown("field of any entity", field, fields.into_iter()));
        }
    }
    if let Some(entity) = &rule.entity {
        let Some(entity) = catalog.entities.get(entity) else {
            return Err(unknown("entity", entity, catalog.entities.keys()));
        };
        for field in rule.agree.iter().chain(&rule.differ) {
            if !entity.fields.contains_key(field) {
                return Err(unknown("field", field, entity.fields.keys()));
            }
        }
    }
    if let Some(from) = rule.from.as_ref().filter(|from| !catalog.connections.contains_key(*from)) {
        return Err(unknown("connection", from, catalog.connections.keys()));
    }
    Ok(())
}

/// What a review comes to under the rule; none: it does not fit, or fits more than one record.
fn fitting(rule: &BulkRule, review: &ReviewAnswer) -> Option<(DecisionChoice, String)> {
    let fits = |at: usize| {
        let compare = |name: &String, agree: bool| {
            let field = review.fields.iter().find(|field| field.field == *name);
            field.is_some_and(|field| {
                let (mine, theirs) = (comparable(&field.value), comparable(field.candidates.get(at).map_or("", String::as_str)));
                !mine.is_empty() && !theirs.is_empty() && (mine == theirs) == agree
            })
        };
        rule.agree.iter().all(|name| compare(name, true)) && rule.differ.iter().all(|name| compare(name, false))
    };
    if review.review.kind == CONFLICT && rule.choice == BulkChoice::Existing {
        let whose: Vec<RemoteKey> = review.candidates.iter().filter_map(|candidate| key_of(&candidate.record)).collect();
        let mut of = whose.into_iter().filter(|key| rule.from.as_deref() == Some(key.connection.as_str()));
        let key = of.next()?;
        // Two objects of that system may say two things.
        return of.next().is_none().then(|| (DecisionChoice::Remote(key.clone()), key.to_string()));
    }
    match rule.choice {
        BulkChoice::Approve => Some((DecisionChoice::Approve, "approve".to_owned())),
        BulkChoice::Refuse => Some((DecisionChoice::Refuse, "refuse".to_owned())),
        BulkChoice::New => {
            let all = !review.candidates.is_empty() && (0..review.candidates.len()).all(fits);
            all.then(|| (DecisionChoice::New, "new".to_owned()))
        }
        BulkChoice::Existing => {
            let mut found = (0..review.candidates.len()).filter(|at| fits(*at));
            let candidate = &review.candidates[found.next()?];
            found.next().is_none().then(|| (DecisionChoice::Existing(RecordId(candidate.id)), candidate.record.clone()))
        }
    }
}

fn key_of(name: &str) -> Option<RemoteKey> {
    match name.parse() {
        Ok(RecordRef::Remote { connection, stream: Some(stream), remote_id }) => {
            Some(RemoteKey::new(connection, stream, remote_id))
        }
        _ => None,
    }
}

/// Lower case, single blanks.
fn comparable(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Candidate, ReviewField};

    /// `fields` are `name: own | of the first | of the second`.
    #[track_caller]
    fn check(fields: &[&str], agree: &[&str], differ: &[&str], choice: BulkChoice, expected: Option<&str>) {
        let mut candidates = 0;
        let fields = fields.iter().map(|line| {
            let (name, values) = line.split_once(": ").unwrap();
            let mut values = values.split('|').map(|value| value.trim().to_owned());
            let value = values.next().unwrap();
            let theirs: Vec<String> = values.collect();
            candidates = theirs.len();
            ReviewField { field: name.to_owned(), label: name.to_owned(), value, candidates: theirs }
        });
        let fields = fields.collect();
        let candidate = |id: usize| Candidate {
            id: id as u64 + 1,
            record: format!("contact/{}", id + 1),
            title: String::new(),
            reason: String::new(),
        };
        let candidates = (0..candidates).map(candidate).collect();
        let review = ReviewAnswer { fields, candidates, ..ReviewAnswer::default() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let rule =
            BulkRule { kind: "match".into(), entity: None, from: None, agree: names(agree), differ: names(differ), choice };
        assert_eq!(fitting(&rule, &review).map(|(_, word)| word).as_deref(), expected, "{review:?}");
    }

    #[test]
    fn what_a_rule_fits() {
        use BulkChoice::{Existing, New};
        let two = ["email: a@x | A@X | b@x", "first_name: Ada | Ada | Ada"];
        check(&two, &["email"], &[], Existing, Some("contact/1"));
        check(&two, &["first_name"], &[], Existing, None);
        check(&two, &["email"], &["first_name"], Existing, None);
        check(&two, &[], &["email"], Existing, Some("contact/2"));
        check(&two, &[], &["first_name"], New, None);
        check(&["first_name: Ada | Bo | Cy"], &[], &["first_name"], New, Some("new"));
        check(&["first_name: Ada | Bo |"], &[], &["first_name"], New, None);
        check(&["first_name: | Bo"], &[], &["first_name"], New, None);
        check(&two, &["birth_date"], &[], Existing, None);
        check(&[], &["email"], &[], New, None);
    }
}
