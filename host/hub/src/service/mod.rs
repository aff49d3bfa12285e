//! The answering side of an open hub: every [`Request`] goes to one function of one small file.
//!
//! Promises that whatever changes something leaves an audit line that says who, what and on what, and that an error says
//! what to type next. Decides nothing: the engine does, and `core` below it. Must not know which face asked.
//! Store look-ups block for the time of a short read, so a hub needs a runtime with more than one thread.

pub(crate) mod access;
mod alerts;
mod anomalies;
mod assess;
mod audits;
mod authorizations;
mod backfill;
mod because;
mod budget;
mod bulk;
mod compare;
mod configuration;
mod correction;
mod dead_letters;
mod deliveries;
mod doctor;
mod drill;
mod edits;
mod find;
mod flows;
mod governance;
mod granted;
mod held;
mod indexes;
mod initial;
mod linkage;
mod may;
mod merging;
mod names;
mod notes;
mod numbers;
mod operations;
mod order;
mod past;
mod pasted;
mod plans;
mod plugins;
mod proof;
mod readers;
mod records;
mod resync;
mod reviews;
mod rollback;
mod sample;
mod scenarios;
mod schedule;
mod schemas;
mod scored;
mod search;
mod status;
mod suggest;
mod sync;
#[cfg(test)]
mod tests;
mod tests_kept;
mod token_use;
mod why;

use std::sync::Arc;
use std::time::Duration;

use nave_core::budget::Purpose;
use nave_core::model::{AuditEntry, Cause, TokenRow};
use nave_store::StoreError;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::api::{Answer, ApiError, ApplyAnswer, Asked, BoxFuture, ProgressSender, Request, Service};
use crate::egress::on_behalf;
use crate::engine::{Engine, EngineError};
use crate::hub::Hub;
use crate::sign_in::{self, SignInCallback, SignInStart, SignedIn};
use crate::webhook::{HookAnswer, HookCall};
pub(crate) use granted::note as note_granted;
pub(crate) use plugins::lines as plugin_lines;
pub(crate) use readers::Shown;
pub(crate) use reviews::kind as review_kind;
pub(crate) use token_use::TokenUses;

/// Why a run failed that a person broke off.
const INTERRUPTED: &str = "stopped by hand; what it had committed is kept, and the next run goes on from there";

/// Who did it, where a request does not say.
const OPERATOR: &str = "operator";

impl Service for Hub {
    fn call(&self, asked: Asked, progress: ProgressSender) -> BoxFuture<'_, Result<Answer, ApiError>> {
        Box::pin(async move {
            let by = asked.by.clone();
            let changes = asked.request.changes_something();
            let answer = answer(self, asked, progress).await;
            if let Ok(answer) = &answer {
                readers::note(self, &by, answer).await?;
            }
            if self.alone && changes {
                // Nothing else notes it: this process ends with the command.
                crate::anchor::end(self).await;
            }
            answer
        })
    }

    fn run(&self, mut shutdown: watch::Receiver<bool>) -> BoxFuture<'_, ()> {
        self.webhooks.serves();
        // The background's tasks outlive this borrow: they share the parts, not the hub.
        let hub = Arc::new(Hub {
            dir: self.dir.clone(),
            engine: self.engine.clone(),
            store: self.store.clone(),
            vault: self.vault.clone(),
            guests: self.guests.clone(),
            anchors: self.anchors.clone(),
            token_uses: self.token_uses.clone(),
            shown: self.shown.clone(),
            backup_key: self.backup_key.clone(),
            told: self.told.clone(),
            webhooks: self.webhooks.clone(),
            sign_ins: self.sign_ins.clone(),
            broken: self.broken.clone(),
            alone: false,
        });
        Box::pin(crate::scheduler::run(hub, async move {
            // A sender that is gone asks for nothing any more: that is a shutdown too.
            let _ = shutdown.wait_for(|down| *down).await;
        }))
    }

    fn interrupted(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.engine.close_interrupted(INTERRUPTED).await {
                tracing::warn!(%error, "the runs under way stay open until the next start");
            }
        })
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.vault.end_leases())
    }

    fn hook(&self, call: HookCall) -> BoxFuture<'_, HookAnswer> {
        Box::pin(Hub::hook(self, call))
    }

    fn listens(&self, origin: &str) {
        self.sign_ins.listens(origin);
    }

    fn sign_in_start<'a>(&'a self, ticket: &'a str) -> BoxFuture<'a, Result<SignInStart, String>> {
        Box::pin(async move { sign_in::start(self, ticket).await })
    }

    fn sign_in_callback(&self, call: SignInCallback) -> BoxFuture<'_, Result<SignedIn, String>> {
        Box::pin(sign_in::callback(self, call))
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        let now = self.engine.now();
        Ok(self.store.tokens()?.into_iter().filter(|row| row.holds(now)).collect())
    }

    fn used(&self, hash: &str) {
        if !self.token_uses.is_news(hash, self.engine.now()) {
            return;
        }
        let (engine, hash) = (self.engine.clone(), hash.to_owned());
        tokio::spawn(async move {
            if let Err(error) = token_use::note(&engine, &hash).await {
                tracing::warn!(%error, "the use of a token was not noted");
            }
        });
    }

    fn refused(&self, address: &str, count: u64) {
        let (engine, address) = (self.engine.clone(), address.to_owned());
        tokio::spawn(async move {
            let detail = format!("{count} wrong tokens so far");
            if let Err(error) = audit(&engine, "nobody", "token.refused", &address, &detail).await {
                tracing::warn!(%error, "wrong tokens were not noted in the audit");
            }
        });
    }
}

/// Brings a store that was just opened up to this version, which is how its index is spelled; and where the configuration is to be in
/// force, up to that: which hosts secrets are given for.
pub(crate) async fn bring_up(hub: &Hub, in_force: bool) -> Result<(), ApiError> {
    hub.engine.respell().await?;
    if !in_force {
        return Ok(());
    }
    granted::note(hub).await?;
    held::lapse(hub).await
}

/// Puts in force what the files say now, and notes what they grant otherwise than before.
async fn reloaded(hub: &Hub) -> Result<Vec<nave_core::catalog::Diagnostic>, ApiError> {
    let warnings = block_in_place(|| hub.reload())?;
    granted::note(hub).await?;
    Ok(warnings)
}

async fn answer(hub: &Hub, asked: Asked, progress: ProgressSender) -> Result<Answer, ApiError> {
    let engine = hub.engine.as_ref();
    let by = if asked.by.trim().is_empty() { OPERATOR } else { &asked.by };
    let request = asked.request;
    // Opened with errors in the configuration, for what needs none of it in order.
    if let Some(broken) = hub.broken.as_ref().filter(|_| !request.needs_no_order()) {
        return Err(broken.clone());
    }
    block_in_place(|| because::check(engine, &request))?;
    match request {
        Request::Plan { flow, limit, explain } => {
            let mut warnings = reloaded(hub).await?;
            warnings.extend(block_in_place(|| held::findings(hub)));
            let mut answer = plans::plan(engine, flow.as_deref(), limit, &warnings, &progress).await?;
            answer.schema = block_in_place(|| numbers::steps(engine))?;
            if explain {
                answer.strategies = plans::strategies(engine, flow.as_deref()).await;
            }
            Ok(Answer::Plan(answer))
        }
        Request::PlanInitial { flow, limit, apply, prefer, reason } => {
            let (only, prefer) = (flow.as_deref(), prefer.as_deref());
            let how = initial::How { only, limit, apply, prefer, reason: &reason };
            initial::initial(hub, &how, by, &progress).await.map(Answer::Initial)
        }
        Request::Apply { flow, limit: Some(limit), schema: false, reason } => {
            reloaded(hub).await?;
            let sampled = on_behalf(Purpose::Person, plans::sample(engine, flow.as_deref(), limit, &reason, by)).await?;
            Ok(Answer::Apply(ApplyAnswer { sampled, ..ApplyAnswer::default() }))
        }
        Request::Apply { limit: Some(_), .. } => {
            Err(ApiError::usage("a few records can be tried, what the configuration takes away cannot")
                .help("leave out --limit or --schema"))
        }
        Request::Apply { flow, schema, reason, limit: None } => {
            // What is agreed to is what the files say now, also while the hub serves.
            reloaded(hub).await?;
            let lock = |numbers: &nave_core::catalog::Numbers| {
                crate::project::lock_numbers(&hub.dir, numbers)?;
                hub.reload().map(drop)
            };
            let schema = numbers::apply(engine, schema, &reason, by, lock).await?;
            let answer = plans::apply(engine, flow.as_deref(), &reason, by).await?;
            Ok(Answer::Apply(ApplyAnswer { schema, ..answer }))
        }
        Request::Sync { flows, full, once, retry, shadow } => {
            sync::sync(&hub.engine, &flows, sync::How { full, once, retry, shadow }, by, progress).await.map(Answer::Sync)
        }
        Request::Backfill { flow, profile, archive_misfits, reason } => {
            let how = backfill::How { profile, archive_misfits, because: &reason };
            on_behalf(Purpose::Person, backfill::backfill(engine, &flow, how, by, progress)).await
        }
        Request::Archived { flow, remote_id, after_id, limit } => {
            block_in_place(|| backfill::archived(engine, &flow, remote_id.as_deref(), &after_id, limit)).map(Answer::Archived)
        }
        Request::ShadowReport { flow, clear } => proof::shadow_report(engine, flow.as_deref(), clear).await.map(Answer::Shadow),
        Request::ReconcileRun { flow, budget } => {
            proof::reconcile(engine, flow.as_deref(), budget, by).await.map(Answer::Reconcile)
        }
        Request::ReconcileStatus => block_in_place(|| proof::standing(engine)).map(Answer::Reconcile),
        Request::Compare { left, right, entity, limit, read, keep } => {
            let how = compare::How { limit, read, keep };
            on_behalf(Purpose::Person, compare::compare(engine, [&left, &right], &entity, how, by, &progress))
                .await
                .map(Answer::Compare)
        }
        Request::CompareHistory { left, right } => {
            block_in_place(|| compare::history(engine, left.as_deref(), right.as_deref())).map(Answer::CompareHistory)
        }
        Request::Governance => block_in_place(|| governance::governance(engine)).map(Answer::Governance),
        Request::GovernanceList { line, limit } => {
            block_in_place(|| governance::list(engine, &line, limit)).map(Answer::GovernanceList)
        }
        Request::SurgeRelease { connection, stream, changed, detach, reason } => {
            anomalies::release(engine, (&connection, &stream), (changed, detach), by, &reason).await
        }
        Request::Anomalies => block_in_place(|| anomalies::anomalies(engine)).map(Answer::Anomalies),
        Request::CanaryRun { flow } => proof::canaries(engine, flow.as_deref()).await.map(Answer::Canary),
        Request::TestSeed { entity, count } => tests_kept::seed(engine, entity.as_deref(), count, by).await.map(Answer::Seeded),
        Request::TestClean => tests_kept::clean(engine, by).await.map(Answer::Test),
        Request::TestRoundtrip { flow } => tests_kept::roundtrip(engine, flow.as_deref(), by).await.map(Answer::Test),
        Request::TestScenarios { flow } => scenarios::scenarios(hub, flow.as_deref(), by).await.map(Answer::Test),
        Request::TestHistory { limit } => block_in_place(|| tests_kept::history(engine, limit)).map(Answer::TestHistory),
        Request::TestSample { source, records, mask, allow_unmasked } => {
            let how = sample::How { source: &source, records, mask: &mask, allow_unmasked };
            on_behalf(Purpose::Person, sample::sample(engine, &how, by, &progress)).await.map(Answer::Sample)
        }
        Request::Assess { name, write_test_records, wait_s } => {
            let how = assess::How { write: write_test_records, wait: Duration::from_secs(wait_s) };
            on_behalf(Purpose::Person, assess::assess(hub, &name, &how, by, &progress)).await.map(Answer::Assess)
        }
        Request::Assessments { name, limit } => {
            block_in_place(|| assess::kept(engine, name.as_deref(), limit)).map(Answer::Assessments)
        }
        Request::TestKeep { suite, cases } => tests_kept::keep(engine, &suite, cases, by).await.map(Answer::Test),
        Request::Pause { flow } => flows::set_paused(engine, flow.as_deref(), true, by).await.map(Answer::Flows),
        Request::Resume { flow } => flows::set_paused(engine, flow.as_deref(), false, by).await.map(Answer::Flows),
        Request::ScheduleList => block_in_place(|| schedule::list(hub)).map(Answer::Schedule),
        Request::ScheduleSet { flow, freshness } => schedule::set(hub, &flow, &freshness, by).await,
        Request::ScheduleBoost { flow, every, lasting } => schedule::boost(hub, &flow, Some((&every, &lasting)), by).await,
        Request::ScheduleUnboost { flow } => schedule::boost(hub, &flow, None, by).await,
        Request::Budget { days } => block_in_place(|| budget::of_accounts(hub, days)).map(Answer::Budget),
        Request::ScheduleAdvise => block_in_place(|| schedule::advise(engine)).map(Answer::Advice),
        Request::Status => block_in_place(|| status::of_hub(hub)).map(Answer::Status),
        Request::RunList { flow, limit } => block_in_place(|| flows::runs(engine, flow.as_deref(), limit)).map(Answer::Runs),
        Request::Rollback { id, plan, release, reason } => {
            on_behalf(Purpose::Person, rollback::rollback(engine, id, plan, release, by, &reason)).await
        }
        Request::RunShow { id } => block_in_place(|| flows::run(engine, id)).map(Answer::Run),

        Request::Records { entity, query, after, limit } => {
            block_in_place(|| search::records(engine, entity.as_deref(), &query, after, limit)).map(Answer::Records)
        }
        Request::RecordShow { record, at: None } => block_in_place(|| records::show(engine, &record)).map(Answer::Record),
        Request::RecordShow { record, at: Some(at) } => block_in_place(|| past::show(engine, &record, &at)).map(Answer::Past),
        Request::RecordWhy { record, field } => block_in_place(|| why::why(engine, &record, field.as_deref())).map(Answer::Why),
        Request::RecordHistory { record, limit } => {
            block_in_place(|| records::history(engine, &record, limit)).map(Answer::History)
        }
        Request::RecordResync { record, plan } => {
            on_behalf(Purpose::Person, resync::resync(engine, &record, plan, by)).await.map(Answer::Resync)
        }
        Request::RecordCorrect { record, field, from, apply, reason, unmapped } => {
            let (from, apply) = (from.as_deref(), apply.as_deref());
            let how = correction::How { from, apply, because: &reason, unmapped };
            on_behalf(Purpose::Person, correction::correct(engine, &record, &field, how, by)).await.map(Answer::Correction)
        }
        Request::RecordSet { record, field, value, reason } => records::set(engine, &record, (&field, &value), by, &reason).await,
        Request::RecordRelease { record, field, reason } => records::release(engine, &record, &field, by, &reason).await,
        Request::MatchCandidates { entity, limit } => {
            block_in_place(|| linkage::candidates(engine, &entity, limit)).map(Answer::Candidates)
        }
        Request::MatchExplain { left, right } => block_in_place(|| scored::explain(engine, &left, &right)).map(Answer::Explained),
        Request::MatchModel { entity } => block_in_place(|| scored::model(engine, &entity)).map(Answer::MatchModel),
        Request::Census { left, right, entity, limit, read } => {
            if read {
                linkage::read_first(engine, [&left, &right], &entity, &progress).await?;
            }
            block_in_place(|| linkage::census(engine, &left, &right, &entity, limit)).map(Answer::Census)
        }
        Request::MergeRecords { one, other, into, plan, reason } => {
            let records = merging::Two { one: &one, other: &other, into: into.as_ref() };
            on_behalf(Purpose::Person, merging::merge(engine, &records, plan, by, &reason)).await.map(Answer::Merge)
        }
        Request::Unmerge { which, assign, plan, reason } => {
            on_behalf(Purpose::Person, merging::unmerge(engine, &which, &assign, plan, by, &reason)).await.map(Answer::Merge)
        }
        Request::MergeList { all, limit } => block_in_place(|| merging::list(engine, all, limit)).map(Answer::Merges),
        Request::MergeShow { id } => block_in_place(|| merging::show(engine, id)).map(Answer::Merge),
        Request::MergeResume { id } => on_behalf(Purpose::Person, merging::resume(engine, id, by)).await.map(Answer::Merge),
        Request::Xref { record } => block_in_place(|| records::xref(engine, &record)).map(Answer::Xref),

        Request::ReviewList { all } => block_in_place(|| reviews::list(engine, all)).map(Answer::Reviews),
        Request::ReviewShow { id } => block_in_place(|| reviews::show(engine, id)).map(Answer::Review),
        Request::ReviewBulk { rule, reason, dry_run } => {
            bulk::decide(engine, &rule, &reason, dry_run, by).await.map(Answer::Bulk)
        }
        Request::ReviewDecide { id, choice, other, reason } => reviews::decide(engine, id, choice, other, by, &reason).await,

        Request::DlqList { flow, class, limit } => {
            block_in_place(|| dead_letters::list(engine, flow.as_deref(), class.as_deref(), limit)).map(Answer::DeadLetters)
        }
        Request::DlqShow { id } => block_in_place(|| dead_letters::show(engine, id)).map(Answer::DeadLetter),
        Request::DlqEdit { id, field, value, reason } => dead_letters::edit(engine, id, (&field, &value), by, &reason).await,
        Request::DlqRetry { which } => dead_letters::retry(engine, &which, by, &progress).await,
        Request::DlqDiscard { which, reason } => dead_letters::discard(engine, &which, by, &reason).await,
        Request::AlertList { all } => block_in_place(|| crate::alerts::list(engine, all)).map(Answer::Alerts),
        Request::AlertTest { sink } => alerts::test(hub, sink.as_deref(), by).await,
        Request::AlertAck { id } => alerts::acknowledge(engine, id, by).await,
        Request::RunbookList => Ok(Answer::Runbooks(crate::runbooks::list())),
        Request::RunbookShow { class } => crate::runbooks::show(&class).map(Answer::Runbook),

        Request::SecretSet { name, value, give_later } => operations::secret_set(hub, &name, value, give_later, by).await,
        Request::AccessList { person } => block_in_place(|| access::list(hub, person.as_deref())).map(Answer::Access),
        Request::AccessReview { done: false, .. } => block_in_place(|| access::review(hub)).map(Answer::Access),
        Request::AccessReview { done: true, reason } => access::reviewed_by(hub, by, &reason).await.map(Answer::Access),
        Request::AccessRevoke { what, name, reason } => access::revoke(hub, &what, &name, by, &reason).await,
        Request::SecretRotate { name, value } => operations::secret_rotate(hub, &name, value, by).await,
        Request::DrillStolen { name } => drill::stolen(hub, &name, by).await.map(Answer::Drill),
        Request::SecretList => block_in_place(|| operations::secrets(hub)).map(Answer::Secrets),
        Request::SecretRefer { name, reference } => operations::secret_refer(hub, &name, &reference, by).await,
        Request::SecretCheck { name } => operations::secret_check(hub, &name).await.map(Answer::SecretCheck),
        Request::SecretFind { texts } => operations::secrets_in(hub, &texts).await.map(Answer::SecretsFound),
        Request::SecretRemove { name } => operations::secret_remove(hub, &name, by).await,
        Request::Audit { limit, since } => block_in_place(|| audits::list(engine, limit, &since)).map(Answer::Audit),
        Request::AuditVerify { anchors } => block_in_place(|| audits::verify(hub, anchors.as_deref())).map(Answer::AuditCheck),
        Request::AuditAccept { reason } => audits::accept(hub, &reason, by).await,
        Request::AuditExport { after, since, limit } => {
            block_in_place(|| audits::export(hub, after, &since, limit)).map(Answer::AuditExport)
        }
        Request::AuditReaders { record } => block_in_place(|| readers::readers(engine, &record)).map(Answer::Readers),
        Request::TokenReset { name, lasting, reason } => {
            operations::token_reset(engine, &name, lasting.as_deref(), &reason, by).await.map(Answer::Token)
        }
        Request::Backup { to } => operations::backup(hub, &to, by).await,
        Request::StoreCheck => block_in_place(|| indexes::check(engine)).map(Answer::StoreCheck),
        Request::StoreRebuild => indexes::rebuild(engine, by).await.map(Answer::StoreCheck),
        Request::Doctor => doctor::doctor(hub).await.map(Answer::Doctor),

        Request::ConnectionCheck { name } => configuration::check(hub, &name).await.map(Answer::Check),
        Request::ConnectionDiscover { name, save } => configuration::discover(hub, &name, save, by).await.map(Answer::Streams),
        Request::ConnectionHeld { name } => block_in_place(|| held::list(hub, name.as_deref())),
        Request::ConnectionAuthorize { name, slot, device } => {
            sign_in::begin(hub, &name, slot.as_deref(), device, by).await.map(Answer::SignIn)
        }
        Request::SignInShow { id } => sign_in::wait(hub, id).await.map(Answer::SignIn),
        Request::Authorizations { name } => authorizations::list(hub, name.as_deref()).map(Answer::Authorizations),
        Request::ConnectionApprove { name, secrets, added, reason } => {
            held::give(hub, &name, &secrets, added, reason.as_deref(), by).await
        }
        Request::Reload => configuration::reload(hub, by).await,
        Request::PluginInstall { .. }
        | Request::PluginUpgrade { .. }
        | Request::PluginRecord { .. }
        | Request::PluginRemove { .. }
        | Request::PluginTrust { .. } => plugins::change(hub, &request, by).await,
        Request::PluginCall { connection, function, arguments } => {
            plugins::call(hub, &connection, function, &arguments, by).await
        }
        Request::PolicyInit { .. } | Request::FieldAdd { .. } => edits::change(hub, &request, by).await,
        Request::MappingSuggest { connections, entity, streams, steward, apply } => {
            let how = (steward.as_deref(), apply);
            suggest::suggest_mapping(hub, &connections, &entity, &streams, how, by).await.map(Answer::Suggest)
        }
        Request::SchemaDiff { from, to } => schemas::diff(hub, &from, &to).await.map(Answer::SchemaDiff),
        Request::MappingLint { .. } => configuration::lint(hub, &request),
        Request::ConnectionList
        | Request::MappingExplain { .. }
        | Request::MappingCoverage { .. }
        | Request::MappingSheet { .. }
        | Request::FieldFlows { .. }
        | Request::ReportBidirectional
        | Request::ImpactSystem { .. }
        | Request::ImpactField { .. }
        | Request::FieldWhy { .. }
        | Request::PluginList
        | Request::SchemaList
        | Request::SchemaShow { .. } => configuration::from_directory(hub, &request),
        Request::PluginExposure { .. } => block_in_place(|| plugins::exposure(hub, &request)),
        Request::PluginGrants { .. } => block_in_place(|| plugins::grants(hub, &request)),
        Request::PluginDenied { name } => block_in_place(|| plugins::denied(hub, &name)).map(Answer::Denied),
        Request::SystemMatrix => configuration::matrix(hub, &request).await,
        Request::SystemList | Request::SystemShow { .. } => configuration::systems(hub, &request),
    }
}

/// One audit line, in a commit of its own.
async fn audit(engine: &Engine, actor: &str, action: &str, subject: &str, detail: &str) -> Result<(), ApiError> {
    engine
        .write(Cause::default(), |draft| {
            let line = audit_entry(draft.now, actor, action, subject, detail);
            draft.batch.audit.push(line);
            Ok(())
        })
        .await?;
    Ok(())
}

/// As [`audit`], where nothing can be done about a line that could not be written but to say so.
pub(crate) async fn note(engine: &Engine, actor: &str, action: &str, subject: &str, detail: &str) {
    if let Err(error) = audit(engine, actor, action, subject, detail).await {
        tracing::error!(%error, action, subject, "an audit line could not be written");
    }
}

fn audit_entry(at: nave_core::model::Time, actor: &str, action: &str, subject: &str, detail: &str) -> AuditEntry {
    AuditEntry { at, actor: actor.to_owned(), action: action.to_owned(), subject: subject.to_owned(), detail: detail.to_owned() }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        EngineError::from(error).into()
    }
}

/// `3 records`, `1 record`.
fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `a, b and c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A request names something that is not there; these are.
fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n String>) -> ApiError {
    ApiError::unknown(what, name, known.map(String::as_str))
}
