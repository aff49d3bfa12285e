//! What the hub answers: flat, in words that a person reads and a script can rely on. Times are RFC 3339 text in UTC.

mod access;
mod assess;
mod audit;
mod backfill;
mod budget;
mod compare;
mod configuration;
mod control;
mod correction;
mod drill;
mod failing;
mod flows;
mod governance;
mod initial;
mod lineage;
mod matching;
mod merging;
mod operations;
mod past;
mod plugins;
mod proof;
mod records;
mod sample;
mod schedule;
mod sheet;
mod sign_in;
mod waiting;

use serde::{Deserialize, Serialize};

pub use access::*;
pub use assess::*;
pub use audit::*;
pub use backfill::*;
pub use budget::*;
pub use compare::*;
pub use configuration::*;
pub use control::*;
pub use correction::*;
pub use drill::*;
pub use failing::*;
pub use flows::*;
pub use governance::*;
pub use initial::*;
pub use lineage::*;
pub use matching::*;
pub use merging::*;
pub use operations::*;
pub use past::*;
pub use plugins::*;
pub use proof::*;
pub use records::*;
pub use sample::*;
pub use schedule::*;
pub use sheet::*;
pub use sign_in::*;
pub use waiting::*;

/// An answer; the variant follows from the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is documented at its type")]
pub enum Answer {
    Plan(PlanAnswer),
    Initial(InitialAnswer),
    Apply(ApplyAnswer),
    Sync(SyncAnswer),
    Profile(ProfileAnswer),
    Archived(ArchivedAnswer),
    Flows(FlowsAnswer),
    Status(StatusAnswer),
    Schedule(ScheduleAnswer),
    Advice(AdviceAnswer),
    Budget(BudgetAnswer),
    Records(RecordsAnswer),
    Record(RecordAnswer),
    Past(PastAnswer),
    Why(WhyAnswer),
    History(HistoryAnswer),
    Xref(XrefAnswer),
    Candidates(CandidatesAnswer),
    Explained(CandidateLine),
    MatchModel(MatchModelAnswer),
    Census(CensusAnswer),
    Merge(MergeAnswer),
    Merges(MergesAnswer),
    Resync(ResyncAnswer),
    Correction(CorrectionAnswer),
    Rollback(RollbackAnswer),
    Reconcile(ReconcileAnswer),
    Compare(CompareAnswer),
    Governance(GovernanceAnswer),
    GovernanceList(GovernanceListAnswer),
    Anomalies(AnomaliesAnswer),
    CompareHistory(CompareHistoryAnswer),
    Shadow(ShadowAnswer),
    Canary(CanaryAnswer),
    Seeded(SeedAnswer),
    Test(TestRun),
    TestHistory(TestHistoryAnswer),
    Sample(SampleAnswer),
    Assess(AssessAnswer),
    Assessments(AssessmentsAnswer),
    Reviews(ReviewsAnswer),
    Review(ReviewAnswer),
    Bulk(BulkAnswer),
    DeadLetters(DeadLettersAnswer),
    DeadLetter(DeadLetterAnswer),
    Alerts(AlertsAnswer),
    Runbooks(RunbooksAnswer),
    Runbook(RunbookAnswer),
    Secrets(SecretsAnswer),
    Drill(DrillAnswer),
    Access(AccessAnswer),
    SecretsFound(SecretsFoundAnswer),
    SecretCheck(SecretCheckAnswer),
    Connections(ConnectionsAnswer),
    Check(CheckAnswer),
    Held(HeldAnswer),
    SignIn(SignInAnswer),
    Authorizations(AuthorizationsAnswer),
    Streams(StreamsAnswer),
    Lint(LintAnswer),
    Text(TextAnswer),
    Coverage(CoverageAnswer),
    FieldFlows(FieldFlowsAnswer),
    Bidirectional(BidirectionalAnswer),
    Impact(ImpactAnswer),
    FieldReasons(FieldReasonsAnswer),
    Edits(EditsAnswer),
    Sheet(SheetAnswer),
    Suggest(SuggestAnswer),
    SchemaDiff(SchemaDiffAnswer),
    Plugins(PluginsAnswer),
    Installed(InstalledAnswer),
    Upgrade(Box<UpgradeAnswer>),
    Recording(RecordingAnswer),
    Exposure(ExposureAnswer),
    Matrix(MatrixAnswer),
    Denied(DeniedAnswer),
    Grants(GrantsAnswer),
    Call(CallAnswer),
    Schemas(SchemasAnswer),
    Schema(SchemaAnswer),
    Systems(SystemsAnswer),
    Runs(RunsAnswer),
    Run(RunLine),
    Audit(AuditAnswer),
    AuditCheck(AuditCheckAnswer),
    AuditExport(AuditExportAnswer),
    Readers(ReadersAnswer),
    Token(TokenAnswer),
    StoreCheck(StoreCheckAnswer),
    Doctor(DoctorAnswer),
    Done(DoneAnswer),
}

/// It was done; a sentence says what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneAnswer {
    /// For people.
    pub message: String,
    /// How many things it concerned.
    #[serde(default)]
    pub count: u64,
}

impl Answer {
    /// A [`DoneAnswer`].
    pub fn done(message: impl Into<String>, count: u64) -> Self {
        Self::Done(DoneAnswer { message: message.into(), count })
    }
}
