//! How commands are spelled.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::verbs;

const EXAMPLES: &str = "\
Examples:
  nave demo                              two simulated systems and a CSV folder, kept in agreement
  nave init hub && cd hub                a directory for your own
  nave plugin install hubspot.wasm       a connector, with what it asks for
  nave connection add hubspot            asks for settings and the secret
  nave plan && nave apply                see what would be written, then agree to it
  nave sync                              read and deliver now
  nave serve                             keep doing it, with a dashboard
  nave record why contact/1 email        who said so, and which rule chose it

Exit codes:
  0  done
  1  what was asked for did not succeed
  2  the command line was not understood, or names something that is not there
  3  the configuration has errors
  4  a person has to decide or approve first
  5  the hub cannot be reached or opened

Environment:
  NAVE_ENV   as --env
  NAVE_LOG   what is logged to standard error: warn (default), info, nave_hub=debug
  NO_COLOR   no colours";

/// Keeps business systems in agreement.
#[derive(Debug, Parser)]
#[command(name = "nave", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    /// The project's directory [default: the current one; for `demo`: target/demo]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The environment that the command is about [default: the one that `nave env use` took up; for `init`: staging]
    #[arg(long, global = true, value_name = "NAME", env = "NAVE_ENV")]
    pub(crate) env: Option<String>,
    /// Answers as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(verbs::init::Init),
    Demo(verbs::demo::Demo),
    Serve(verbs::serve::Serve),
    #[command(subcommand)]
    Env(verbs::env::Env),
    Promote(verbs::env::Promote),
    #[command(subcommand)]
    Connection(verbs::connection::Connection),
    Discover(verbs::connection::Discover),
    #[command(subcommand)]
    Mapping(verbs::mapping::Mapping),
    #[command(subcommand)]
    Policy(verbs::policy::Policy),
    Flows(verbs::lineage::Flows),
    #[command(subcommand)]
    Impact(verbs::lineage::Impact),
    #[command(subcommand)]
    Field(verbs::lineage::Field),
    #[command(subcommand)]
    Report(verbs::lineage::Report),
    Plan(verbs::flows::Plan),
    Apply(verbs::flows::Apply),
    Rollback(verbs::control::Rollback),
    Sync(verbs::flows::Sync),
    Backfill(verbs::backfill::Backfill),
    #[command(subcommand)]
    Shadow(verbs::proof::Shadow),
    Reconcile(verbs::proof::Reconcile),
    Governance(verbs::governance::Governance),
    Anomalies(verbs::governance::Anomalies),
    #[command(subcommand)]
    Canary(verbs::proof::Canary),
    #[command(subcommand)]
    Test(verbs::test::Test),
    Selftest(verbs::selftest::Selftest),
    Assess(verbs::assess::Assess),
    Pause(verbs::flows::Pause),
    Resume(verbs::flows::Resume),
    Status(verbs::flows::Status),
    #[command(subcommand)]
    Schedule(verbs::schedule::Schedule),
    Budget(verbs::budget::Budget),
    #[command(subcommand)]
    Advise(verbs::schedule::Advise),
    #[command(subcommand)]
    Record(verbs::record::Record),
    Xref(verbs::record::Xref),
    #[command(subcommand)]
    Match(verbs::matching::Match),
    Census(verbs::matching::Census),
    #[command(subcommand)]
    Review(verbs::review::Review),
    #[command(subcommand)]
    Dlq(verbs::dlq::Dlq),
    Runbook(verbs::runbook::Runbook),
    #[command(subcommand)]
    Alert(verbs::alert::Alert),
    #[command(subcommand)]
    Secret(verbs::secret::Secret),
    #[command(subcommand)]
    Key(verbs::key::Key),
    Scan(verbs::scan::Scan),
    #[command(subcommand)]
    Drill(verbs::drill::Drill),
    #[command(subcommand)]
    Access(verbs::access::Access),
    #[command(subcommand)]
    Plugin(verbs::plugin::Plugin),
    #[command(subcommand)]
    Schema(verbs::schema::Schema),
    #[command(subcommand)]
    System(verbs::schema::System),
    #[command(subcommand)]
    Run(verbs::operate::Run),
    Audit(verbs::audit::Audit),
    #[command(subcommand)]
    Token(verbs::operate::Token),
    #[command(subcommand)]
    Store(verbs::store::Store),
    Doctor(verbs::operate::Doctor),
    Backup(verbs::operate::Backup),
    Restore(verbs::operate::Restore),
    Sim(verbs::sim::Sim),
    #[command(subcommand)]
    Bench(verbs::bench::Bench),
    Release(verbs::release::Release),
}
