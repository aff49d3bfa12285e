//! What a case sets, and what must come of it.

use nave_core::model::DecisionChoice;
use nave_sim::System;

/// Which systems of a flow are spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hits {
    /// All that know the switch.
    All,
    /// Those of this kind.
    Only(System),
}

/// What must come of it beside agreement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expect {
    /// A review of this kind is opened.
    pub(super) review: Option<&'static str>,
    /// Reviews that may be opened, with what is decided.
    pub(super) decide: &'static [(&'static str, Decide)],
    /// Something may be set aside meanwhile: the system said no in so many words. Where it only was not well, nothing is.
    pub(super) letters: bool,
    /// The system spells this field otherwise; the same but for upper and lower case is the same.
    pub(super) respelled: Option<&'static str>,
    /// The system says this of a field by itself; where it did, that is what counts.
    pub(super) automatic: Option<(&'static str, &'static str)>,
    /// The system changes things by itself that nobody has said anything of.
    pub(super) stirs: bool,
    /// The system throws people out by itself: they go everywhere.
    pub(super) removes: bool,
    /// The systems that are well agree among themselves meanwhile.
    pub(super) meanwhile: bool,
    /// Everything is read again meanwhile.
    pub(super) full: bool,
    /// The switch is set from the very start.
    pub(super) always: bool,
    /// The switch is set after the first day's edits.
    pub(super) late: bool,
    /// Only reading everything again shows what was missed: `nave sync --full`, as the hub's own scans do.
    pub(super) scan: bool,
    /// The clock is wrong, or reads are old: nobody edits the same field in two systems.
    pub(super) apart: bool,
    /// A system shows things late, and its connector does not know: nobody edits the same person in two systems. See
    /// tests/faults/README.md for what is lost otherwise.
    pub(super) alone: bool,
    /// This many more people than usual.
    pub(super) crowd: usize,
    /// While the switch is set, nobody makes anybody new.
    pub(super) no_arrivals: bool,
    /// The switch is not cleared: all agree under it, and are quiet under it.
    pub(super) stays: bool,
    /// The switch is cleared after the first sync.
    pub(super) short: bool,
    /// This field is written back over there each time: it is frozen, and what it holds is nobody's word.
    pub(super) frozen: Option<&'static str>,
    /// What this system says of a job title counts, whoever was last.
    pub(super) owner: Option<&'static str>,
    /// What is played while the switch is set.
    pub(super) plot: Plot,
}

/// What is played while a switch is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Plot {
    /// People edit and make new ones, the hub syncs, twice.
    #[default]
    Days,
    /// A value is written late, another one is said meanwhile, and a system goes on showing the first.
    Overtaken,
    /// So many are made at once, and a system that is not well is written to at most so often in one sync.
    Many(usize, usize),
    /// So many are made at once; what the hub may not write is in one of them.
    OneBad(usize),
    /// The same field is written, and changed back each time by robots, until it is frozen: to this, or to something new each time.
    Quarrel(Option<&'static str>),
    /// The hub serves, and nobody syncs: systems tell what changed. Flows are read as often as that by themselves.
    Told(&'static str, Hears),
}

/// What a hub that serves says to the calls that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hears {
    /// All are taken.
    Takes,
    /// Some are known already.
    Repeats,
    /// Some are not believed.
    Refuses,
    /// None come.
    Nothing,
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decide {
    Approve,
    Refuse,
    /// What they see over there.
    Look,
    /// Nothing yet.
    Leave,
}

impl Decide {
    pub(super) fn choice(self) -> DecisionChoice {
        if self == Self::Approve { DecisionChoice::Approve } else { DecisionChoice::Refuse }
    }
}

impl Expect {
    /// Whether a text that was found is what should be.
    pub(super) fn fits(&self, field: &str, wanted: &str, found: &str) -> bool {
        wanted == found || (self.respelled == Some(field) && wanted.to_lowercase() == found.to_lowercase())
    }
}

/// A switch with its parameters, as it is tried in every kind of flow.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) hits: Hits,
    /// Set together. `@name` is the system's own name of a canonical field.
    pub(super) rules: &'static [&'static str],
    /// What happens once while they are set.
    pub(super) acts: &'static [&'static str],
    /// Only in these flows; all without.
    pub(super) flows: &'static [&'static str],
    pub(super) expect: Expect,
}
