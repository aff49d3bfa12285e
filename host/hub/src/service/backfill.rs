//! A stream read whole: what of it would not fit, the reading itself, and what that kept.

use std::sync::Arc;

use nave_core::profile::{Broken, Profile, Rule};
use nave_core::reason::is_blank;

use crate::api::{
    Answer, ApiError, ArchivedAnswer, ArchivedLine, BrokenRule, ChildProfile, MisfitExample, ProfileAnswer, ProgressSender,
    RunLine, SyncAnswer,
};
use crate::engine::Engine;
use crate::engine::archive::Archived;

/// How it is done.
pub(super) struct How<'a> {
    /// Only said what would not fit.
    pub(super) profile: bool,
    /// What does not fit is kept and left.
    pub(super) archive_misfits: bool,
    /// Why.
    pub(super) because: &'a str,
}

/// Reads a flow's stream whole, or only says what of it would not fit.
pub(super) async fn backfill(
    engine: &Engine,
    flow: &str,
    how: How<'_>,
    by: &str,
    progress: ProgressSender,
) -> Result<Answer, ApiError> {
    if how.profile && how.archive_misfits {
        return Err(ApiError::usage("a profile takes nothing in, so that it keeps nothing either").help(format!(
            "`nave backfill {flow} --profile` first, then `nave backfill {flow} --archive-misfits --because TEXT`"
        )));
    }
    if how.archive_misfits && is_blank(how.because) {
        return Err(ApiError::usage("say why what does not fit is kept and left: it is kept in the audit")
            .help(format!("`nave backfill {flow} --archive-misfits --because TEXT`")));
    }
    engine.mapping(flow)?;
    let word = if how.profile { "looking at" } else { "reading" };
    engine.set_progress(Some(Arc::new(move |flow, done, about| progress.report_about(&format!("{word} {flow}"), done, about))));
    let _heard = Heard(engine);
    if how.profile {
        let profile = engine.profile(flow).await?;
        let rules = |profile: &Profile| {
            profile.by_count().into_iter().map(|(rule, broken)| line(flow, rule, broken, profile.read)).collect::<Vec<_>>()
        };
        let child = |(stream, of): (&String, &Profile)| ChildProfile {
            stream: stream.clone(),
            read: of.read,
            left_out: of.left_out,
            fit: of.read - of.left_out - of.misfit,
            misfit: of.misfit,
            rules: rules(of),
        };
        let children: Vec<ChildProfile> = profile.children.iter().map(child).collect();
        let mut notes = Vec::new();
        if !children.is_empty() {
            let streams: Vec<&str> = children.iter().map(|child| child.stream.as_str()).collect();
            notes.push(format!("whether a destination would refuse what is in {} was not looked at", streams.join(", ")));
        }
        let rules = rules(&profile);
        return Ok(Answer::Profile(ProfileAnswer {
            flow: flow.to_owned(),
            read: profile.read,
            left_out: profile.left_out,
            fit: profile.read - profile.left_out - profile.misfit,
            misfit: profile.misfit,
            refused: profile.refused,
            rules,
            children,
            notes,
        }));
    }
    let run = engine.backfill(flow, how.archive_misfits, by, how.because.trim()).await?;
    Ok(Answer::Sync(SyncAnswer { runs: vec![RunLine::from(&run)] }))
}

/// Nobody hears how far it is any more.
struct Heard<'e>(&'e Engine);

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        self.0.set_progress(None);
    }
}

fn line(flow: &str, (destination, rule, field): &Rule, broken: &Broken, read: u64) -> BrokenRule {
    let hundredths = if read == 0 { 0 } else { u128::from(broken.count) * 10_000 / u128::from(read) };
    BrokenRule {
        destination: destination.clone(),
        rule: rule.clone(),
        field: field.clone(),
        count: broken.count,
        percent: format!("{}.{:02}", hundredths / 100, hundredths % 100),
        message: broken.message.clone(),
        examples: broken
            .examples
            .iter()
            .map(|example| MisfitExample { remote_id: example.remote_id.clone(), value: example.value.clone() })
            .collect(),
        fix: fix(flow, destination.as_deref(), rule, field),
    }
}

/// What to do about a rule that is broken.
fn fix(flow: &str, destination: Option<&str>, rule: &str, field: &str) -> String {
    let archive = format!("or leave them: `nave backfill {flow} --archive-misfits --because TEXT`");
    match (destination, rule) {
        (Some(to), "required") => {
            format!("give `{field}` a constant or a default in mappings/{to}.toml, or leave such records out by its filter")
        }
        (Some(to), _) => {
            format!("say in mappings/{to}.toml what goes to `{field}` instead (`misfit`), or correct it at its source")
        }
        (None, _) if field == "body" => format!("what comes is no record that can be read: tell the plugin's author; {archive}"),
        (None, _) if field == "filter" => {
            format!("the filter of mappings/{flow}.toml cannot be computed for them: correct it; {archive}")
        }
        (None, "lookup") => format!("add what is missing to the table that `{field}` is looked up in, or a default; {archive}"),
        (None, "length") => format!("what is there is longer than the hub takes: shorten it at its source; {archive}"),
        (None, _) => format!(
            "correct `{field}` at its source, or read it another way in mappings/{flow}.toml (`nave mapping explain {flow}` tells how it is \
             read); {archive}"
        ),
    }
}

/// What is kept of a flow, or one thing of it as it came.
pub(super) fn archived(
    engine: &Engine,
    flow: &str,
    id: Option<&str>,
    after: &str,
    limit: usize,
) -> Result<ArchivedAnswer, ApiError> {
    engine.mapping(flow)?;
    let known = engine.archived(flow)?;
    if let Some(id) = id {
        let kept = engine.archived_one(flow, id)?;
        let body = String::from_utf8_lossy(&kept.raw).into_owned();
        let one = ArchivedLine { message: Some(kept.message), body: Some(body), ..listed(id, &kept.known) };
        return Ok(ArchivedAnswer { flow: flow.to_owned(), count: known.len(), archived: vec![one], next: None });
    }
    let from = (std::ops::Bound::Excluded(after.to_owned()), std::ops::Bound::Unbounded);
    let mut rest = known.range::<String, _>(from);
    let archived: Vec<ArchivedLine> = rest.by_ref().take(limit).map(|(id, known)| listed(id, known)).collect();
    let next = rest.next().and(archived.last()).map(|line| line.remote_id.clone());
    Ok(ArchivedAnswer { flow: flow.to_owned(), count: known.len(), archived, next })
}

fn listed(id: &str, known: &Archived) -> ArchivedLine {
    ArchivedLine {
        remote_id: id.to_owned(),
        rule: known.class.clone(),
        field: known.field.clone(),
        at: known.at.to_string(),
        run: known.run,
        message: None,
        body: None,
    }
}
