//! Which records are about the same thing, as far as scores can say.

use serde::{Deserialize, Serialize};

/// Records of an entity that may be the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandidatesAnswer {
    /// Entity.
    pub entity: String,
    /// Records that were looked at.
    pub records: u64,
    /// Pairs that were compared.
    pub compared: u64,
    /// Pairs that are at least likely, before they were cut to the limit.
    pub found: u64,
    /// Pairs left out since a person said that they are two.
    #[serde(default)]
    pub apart: u64,
    /// Strongest first.
    pub pairs: Vec<CandidateLine>,
}

/// Two that may be the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandidateLine {
    /// `contact/1`, or `crm/contacts:7`.
    pub left: String,
    /// What people call it.
    pub left_title: String,
    /// The other.
    pub right: String,
    /// What people call it.
    pub right_title: String,
    /// `same`: nothing speaks against it; `likely`: a person should look; `asked`: a rule found it and a person is asked, no score says it.
    pub verdict: String,
    /// Logarithm (base 2) of the odds that they are the same.
    pub bits: f64,
    /// Logarithm of the odds of two records taken at random: where everybody begins.
    pub prior_bits: f64,
    /// What speaks for and against it.
    pub reasons: Vec<ReasonLine>,
}

/// One line of the reasons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReasonLine {
    /// What was compared.
    pub what: String,
    /// How far it agrees.
    pub agreement: String,
    /// What that says, bits.
    pub bits: f64,
}

/// What two systems have in common, before anything is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CensusAnswer {
    /// Entity.
    pub entity: String,
    /// Connection.
    pub left: String,
    /// The other.
    pub right: String,
    /// Things in the first.
    pub left_count: u64,
    /// Things in the second.
    pub right_count: u64,
    /// Things of the first that are known to be in the second, by rule.
    pub exact: u64,
    /// Things of the second that are known to be in the first: not as many, where one of them is there twice.
    pub exact_right: u64,
    /// Things of the first that are likely to be in the second, by score or because a rule asks.
    pub likely: u64,
    /// Things of the second that are likely to be in the first.
    pub likely_right: u64,
    /// Things of the first with nothing like them in the second.
    pub only_left: u64,
    /// Things of the second with nothing like them in the first.
    pub only_right: u64,
    /// Things that rules did not find in both, and that were compared by score.
    #[serde(default)]
    pub compared: u64,
    /// So many things it takes to learn how much each field says; with fewer the weights that ship decide.
    #[serde(default)]
    pub needed: u64,
    /// Likely pairs: those that a rule found and a person is asked about, then by score, strongest first; at most as many as were
    /// asked for.
    pub pairs: Vec<CandidateLine>,
    /// Fields that both hold, and how often they agree.
    pub fields: Vec<CensusField>,
    /// Flows that were never read: what stands there is not counted.
    #[serde(default)]
    pub unread: Vec<String>,
}

/// One field that both systems hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CensusField {
    /// Canonical field.
    pub field: String,
    /// For people.
    #[serde(default)]
    pub label: String,
    /// What it is called in the first; empty where several columns make it.
    #[serde(default)]
    pub left_path: String,
    /// What it is called in the second.
    #[serde(default)]
    pub right_path: String,
    /// Pairs of things, known or likely to be the same, where both say something.
    pub both: u64,
    /// Of these, those that say the same.
    pub agree: u64,
    /// Share, percent.
    pub percent: u64,
    /// The hub carries it between the two. Where it does not and values agree, people type them twice.
    pub carried: bool,
}

impl CandidateLine {
    /// The verdict of a pair that a rule found and a person is asked about: it has no score.
    pub const ASKED: &str = "asked";

    /// Whether a rule found it and no score.
    pub fn is_asked(&self) -> bool {
        self.verdict == Self::ASKED
    }
}

impl CensusAnswer {
    /// What scores were made of, where there is little: nobody is to take them for more than they are.
    pub fn little(&self) -> Option<String> {
        (self.compared < self.needed).then(|| {
            format!(
                "{} things are in one system alone by the rules and were compared by score: fewer than {}, too few to learn how much each \
                 field says, so mostly by the weights that ship. What arrives is compared by rules alone until there are {}.",
                self.compared, self.needed, self.needed
            )
        })
    }
}

impl CensusField {
    /// From this share of agreement on, percent, and over this many pairs, two systems are taken to be told the same by hand.
    const TYPED_TWICE_PERCENT: u64 = 50;
    const TYPED_TWICE_PAIRS: u64 = 5;

    /// Both hold the same far too often for chance, and the hub does not carry it: somebody types it twice.
    #[must_use]
    pub fn typed_twice(&self) -> bool {
        !self.carried && self.both >= Self::TYPED_TWICE_PAIRS && self.percent >= Self::TYPED_TWICE_PERCENT
    }
}

/// What was learned of how an entity's records compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatchModelAnswer {
    /// Entity.
    pub entity: String,
    /// Whether what no rule matches is compared by score.
    pub on: bool,
    /// Why it is off.
    pub because: Option<String>,
    /// Things that it was learned from; none: nothing was learned yet.
    pub learned_from: Option<u64>,
    /// Things that it is learned from at least.
    pub needed: u64,
    /// Odds from which two are the same, as a logarithm (base 2).
    pub sure_bits: f64,
    /// Odds from which a person is asked.
    pub ask_bits: f64,
    /// Objects of one record; what would make it larger is a person's to decide.
    pub cluster_max: u64,
    /// What each agreement says, where the value is a common one: a rare one says more.
    pub levels: Vec<LevelLine>,
}

/// What agreement in one thing says, bits: positive speaks for the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelLine {
    /// Field, or the fields of an address.
    pub what: String,
    /// Different.
    pub different: f64,
    /// Faintly alike.
    pub faint: f64,
    /// Alike.
    pub alike: f64,
    /// The same.
    pub same: f64,
}
