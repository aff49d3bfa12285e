//! One file per group of verbs: how it is spelled, what it asks the hub, how its answer looks.

pub(crate) mod access;
pub(crate) mod alert;
pub(crate) mod assess;
pub(crate) mod audit;
pub(crate) mod backfill;
pub(crate) mod bench;
pub(crate) mod budget;
pub(crate) mod compare;
pub(crate) mod connection;
pub(crate) mod control;
mod correct;
pub(crate) mod demo;
pub(crate) mod dlq;
pub(crate) mod drill;
pub(crate) mod env;
pub(crate) mod flows;
pub(crate) mod governance;
pub(crate) mod init;
pub(crate) mod initial;
pub(crate) mod key;
pub(crate) mod lineage;
pub(crate) mod mapping;
pub(crate) mod matching;
pub(crate) mod operate;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod release;
pub(crate) mod resync;
pub(crate) mod review;
pub(crate) mod runbook;
pub(crate) mod scan;
pub(crate) mod schedule;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod shipped;
pub(crate) mod sim;
pub(crate) mod simulated;
pub(crate) mod store;
pub(crate) mod test;

use nave_hub::api::ApiError;

use crate::cli::Verb;
use crate::context::Context;

/// What a verb comes to: an exit code, or an error that has one.
pub(crate) type Outcome = Result<u8, ApiError>;

/// Carries a verb out.
pub(crate) async fn run(verb: Verb, context: &Context) -> Outcome {
    match verb {
        Verb::Init(verb) => init::run(&verb, context),
        Verb::Demo(verb) => demo::run(&verb, context).await,
        Verb::Serve(verb) => serve::run(&verb, context).await,
        Verb::Env(verb) => env::run(verb, context),
        Verb::Promote(verb) => env::promote(verb, context).await,
        Verb::Connection(verb) => connection::run(verb, context).await,
        Verb::Mapping(verb) => mapping::run(verb, context).await,
        Verb::Discover(verb) => connection::discover(verb, context).await,
        Verb::Policy(verb) => policy::run(verb, context).await,
        Verb::Flows(verb) => lineage::flows(verb, context).await,
        Verb::Impact(verb) => lineage::impact(verb, context).await,
        Verb::Field(verb) => lineage::field(verb, context).await,
        Verb::Report(verb) => lineage::report(verb, context).await,
        Verb::Plan(verb) => flows::plan(verb, context).await,
        Verb::Apply(verb) => flows::apply(verb, context).await,
        Verb::Rollback(verb) => control::rollback(verb, context).await,
        Verb::Backfill(verb) => backfill::run(verb, context).await,
        Verb::Sync(verb) => flows::sync(verb, context).await,
        Verb::Shadow(verb) => proof::shadow(verb, context).await,
        Verb::Reconcile(verb) => proof::reconcile(verb, context).await,
        Verb::Governance(verb) => governance::run(&verb, context).await,
        Verb::Anomalies(verb) => governance::anomalies(verb, context).await,
        Verb::Canary(verb) => proof::canary(verb, context).await,
        Verb::Test(verb) => test::run(verb, context).await,
        Verb::Selftest(verb) => selftest::run(&verb, context).await,
        Verb::Assess(verb) => assess::run(verb, context).await,
        Verb::Pause(verb) => flows::pause(verb, context).await,
        Verb::Resume(verb) => flows::resume(verb, context).await,
        Verb::Status(verb) => flows::status(&verb, context).await,
        Verb::Schedule(verb) => schedule::run(verb, context).await,
        Verb::Budget(verb) => budget::run(verb, context).await,
        Verb::Advise(verb) => schedule::advise(verb, context).await,
        Verb::Record(verb) => record::run(verb, context).await,
        Verb::Xref(verb) => record::xref(verb, context).await,
        Verb::Match(verb) => matching::run(&verb, context).await,
        Verb::Census(verb) => matching::census(&verb, context).await,
        Verb::Review(verb) => review::run(verb, context).await,
        Verb::Dlq(verb) => dlq::run(verb, context).await,
        Verb::Alert(verb) => alert::run(verb, context).await,
        Verb::Runbook(verb) => runbook::run(verb, context).await,
        Verb::Secret(verb) => secret::run(verb, context).await,
        Verb::Key(verb) => key::run(verb, context).await,
        Verb::Drill(verb) => drill::run(verb, context).await,
        Verb::Access(verb) => access::run(verb, context).await,
        Verb::Scan(verb) => scan::run(verb, context).await,
        Verb::Plugin(verb) => plugin::run(verb, context).await,
        Verb::Schema(verb) => schema::run(verb, context).await,
        Verb::System(verb) => schema::systems(verb, context).await,
        Verb::Run(verb) => operate::runs(verb, context).await,
        Verb::Audit(verb) => audit::run(verb, context).await,
        Verb::Token(verb) => operate::token(verb, context).await,
        Verb::Store(verb) => store::run(&verb, context).await,
        Verb::Doctor(_) => operate::doctor(context).await,
        Verb::Backup(verb) => operate::backup(verb, context).await,
        Verb::Restore(verb) => operate::restore(&verb, context).await,
        Verb::Sim(verb) => sim::run(&verb, context).await,
        Verb::Bench(verb) => bench::run(verb, context).await,
        Verb::Release(verb) => release::run(&verb, context).await,
    }
}

/// How many: of none nobody wants to know, and an empty list would say that there is nothing.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("a whole number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::at_least_one;

    #[test]
    fn how_many_is_at_least_one() {
        for (text, expected) in [("0", None), ("-1", None), ("many", None), ("1", Some(1)), ("200", Some(200))] {
            assert_eq!(at_least_one(text).ok(), expected, "{text}");
        }
    }
}
