//! How much each agreement says: learned from the data without labels, by expectation maximisation over three kinds of pairs.
//!
//! *Unrelated* pairs agree by chance, and how often is counted. *Housemates* (one household, one office) share what is shared and
//! agree by chance in what is personal. The *same* agree in most. Without the second kind, five shared columns of an address would
//! outweigh another first name: agreements within a household are not independent, which the plain model takes them to be.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Kind;
use super::compare::{ALIKE, Comparer, DIFFERENT, FAINT, Group, LEVELS, Pattern, SAME, UNKNOWN};
use super::table::Table;

/// Random pairs looked at to learn how often what is unrelated is alike.
const SAMPLE: usize = 40_000;
const ROUNDS: usize = 25;
/// What the first round takes for granted of pairs that are the same: different, faintly alike, alike, the same.
const SAME_PRIOR: [f64; LEVELS] = [0.0, 0.08, 0.07, 0.15, 0.70];
/// Weight of that prior, in pairs; of many pairs, in shares of them. Nothing that is the same in some systems never differs.
const PRIOR_PAIRS: f64 = 4.0;
const PRIOR_SHARE: f64 = 0.05;
/// What something besides the name has to say at least, bits: as a value that one in sixteen has.
const TELLING_BITS: f64 = 4.0;
/// Of two of one home, so many share a birthday without being one: twins are one or two in a hundred of a home's pairs (twelve
/// deliveries in a thousand are of twins; Monden and others, 2021, doi:10.1093/humrep/deab029).
const TWINS: f64 = 0.01;
/// Of two of one home, so many have one mailbox or one mobile, to begin with: couples do, and `info@` is a whole office's. How many do
/// here is learned.
const LENT_PRIOR: [f64; LEVELS] = [0.0, 0.93, 0.01, 0.01, 0.05];
/// Of two of one home, so many have one first name, as a son has his father's. A guess, and on the side of asking.
const NAMED_AFTER: f64 = 0.01;
/// Of so many new things one is here already, where nothing else was learned: systems that are connected hold the same people.
const KNOWN_ALREADY: f64 = 0.1;
/// Odds (base 2) from which two are the same who differ in what is a person's own: twins, and those called as another of the home,
/// are accounted for in them.
const ALL_THE_SAME_BITS: f64 = 14.0;
/// What a level is called.
const AGREEMENTS: [&str; LEVELS] = ["unknown", "different", "faintly alike", "alike", "the same"];
/// Strangers who agree with somebody as far as that, on average, below which an agreement tells who it is.
const TELLING_STRANGERS: f64 = 1.0;
/// No probability is below: nothing is known so surely.
const FLOOR: f64 = 1e-6;

type Levels = [f64; LEVELS];

/// No share at all, as a logarithm. Finite: it is stored as JSON.
const NONE_BITS: f64 = -1e9;

/// What agreement says in this data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(super) groups: Vec<Group>,
    same: Vec<Levels>,
    housemates: Vec<Levels>,
    unrelated: Vec<Levels>,
    /// Of each column that is compared alone: pairs of records, of all that there are, that say the same there.
    alike: Vec<f64>,
    /// Logarithms (base 2) of the shares of the kinds among all pairs: the same, housemates.
    same_share: f64,
    housemates_share: f64,
    /// Others that are the same as a record, on average: so often a value is there again without being anybody else's.
    #[serde(default)]
    partners: f64,
    /// Of each group that is a text of several words, whether no two things share one by chance: a title tells what it is, a remark
    /// does not.
    #[serde(default)]
    texts: Vec<Option<bool>>,
    /// How much each group counts, 1 as learned; set by a steward.
    #[serde(skip, default)]
    factors: Vec<f64>,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Logarithm (base 2) of the odds that the two are the same.
    pub bits: f64,
    /// Level of each group.
    pub pattern: Pattern,
}

/// One line of the reasons for a weight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Because {
    /// What was compared.
    pub what: String,
    /// How far it agrees.
    pub agreement: &'static str,
    /// What that says, as a logarithm (base 2) of odds against records that have nothing to do with each other.
    pub bits: f64,
}

impl Model {
    /// Learns from what candidates came to.
    pub(super) fn learn(table: &Table, groups: &[Group], comparer: &mut Comparer<'_>, patterns: &[Pattern]) -> Self {
        let groups = groups.to_vec();
        let rows = table.rows().max(2) as f64;
        let alike: Vec<f64> = groups.iter().map(|group| group.kind().map_or(0.0, |_| equal_pairs(table, group))).collect();
        let unrelated = by_chance(table, &groups, comparer);
        let counted = counted(patterns);
        let pairs = rows * (rows - 1.0) / 2.0;
        let equal = strangers_equal(&groups, &alike, &counted);
        let tells: Vec<Telling> =
            (0..groups.len()).map(|at| Telling::of(&groups[at], &unrelated[at], equal[at] / pairs, rows)).collect();
        let has = |test: fn(&Group) -> bool| groups.iter().any(test);
        // What has nothing personal, or nothing shared, has no housemates.
        let households = has(Group::is_personal) && has(Group::is_shared);
        let mut model = Self {
            same: groups.iter().map(|_| SAME_PRIOR).collect(),
            housemates: groups
                .iter()
                .zip(&unrelated)
                .map(|(group, by_chance)| match group {
                    group if group.is_shared() => [0.0, 0.15, 0.05, 0.1, 0.7],
                    group if group.is_lent() => LENT_PRIOR,
                    _ => *by_chance,
                })
                .collect(),
            unrelated,
            groups: groups.clone(),
            alike,
            same_share: (rows * 0.05 / pairs).log2(),
            housemates_share: if households { (rows * 0.05 / pairs).log2() } else { NONE_BITS },
            partners: 0.0,
            texts: tells
                .iter()
                .zip(&groups)
                .map(|(tells, group)| is_long_text(table, group).then_some(tells.alone.is_some()))
                .collect(),
            factors: Vec::new(),
        };
        for _ in 0..ROUNDS {
            model.round(&counted, &tells, pairs, rows);
        }
        model.partners = model.same_share.exp2() * (rows - 1.0);
        model
    }

    /// One round: how probable each candidate is under what is known, then what is known from that. `tells`: of each group, the
    /// level from which it tells who it is.
    fn round(&mut self, counted: &Counted, tells: &[Telling], pairs: f64, rows: f64) {
        let zero = || vec![[0.0; LEVELS]; self.groups.len()];
        let (mut same, mut housemates) = (zero(), zero());
        let (mut same_sum, mut housemates_sum) = (0.0, 0.0);
        for (pattern, count) in counted {
            let [s, h, u] = self.likelihoods(*pattern);
            let s = if self.is_plausible(*pattern) && !self.is_another(*pattern) && is_told(&self.groups, tells, rows, *pattern) {
                s
            } else {
                0.0
            };
            let of = s + h + u;
            let (s, h) = (count * s / of, count * h / of);
            same_sum += s;
            housemates_sum += h;
            for (group, level) in pattern.known() {
                same[group][level as usize] += s;
                housemates[group][level as usize] += h;
            }
        }
        // Chance is what is left of all agreements without those of pairs that are the same, or of one household.
        for (group, alike) in self.alike.iter().enumerate().filter(|(_, alike)| **alike > 0.0) {
            let shared = if self.groups[group].is_shared() || self.groups[group].is_lent() {
                housemates[group][SAME as usize]
            } else {
                0.0
            };
            let left = (alike - same[group][SAME as usize] - shared).max(alike * 1e-3).max(0.5);
            self.unrelated[group][SAME as usize] = (left / pairs).max(FLOOR * 1e-2);
            if self.groups[group].is_personal() && !self.groups[group].is_lent() {
                self.housemates[group] = self.unrelated[group];
            }
        }
        for (group, learned) in same.into_iter().enumerate() {
            self.same[group] = smoothed(learned, &SAME_PRIOR, PRIOR_SHARE);
        }
        for (group, learned) in housemates.into_iter().enumerate() {
            if self.groups[group].is_lent() {
                self.housemates[group] = smoothed(learned, &LENT_PRIOR, PRIOR_SHARE);
            } else if !self.groups[group].is_personal() {
                self.housemates[group] = smoothed(learned, &self.housemates[group], 0.0);
            }
        }
        // A share of nothing would never come back.
        self.same_share = ((same_sum + 1e-3 * rows) / pairs).log2();
        if self.housemates_share > NONE_BITS {
            self.housemates_share = ((housemates_sum + 1e-3 * rows) / pairs).log2();
        }
    }

    fn factor(&self, group: usize) -> f64 {
        self.factors.get(group).copied().unwrap_or(1.0)
    }

    /// What a steward says of how much fields count. `label` is a column's.
    pub(super) fn weighted(&mut self, labels: &[String], weight: impl Fn(&str) -> Option<f64>) {
        let of = |at: &usize| labels.get(*at).and_then(|label| weight(label)).unwrap_or(1.0);
        let factor = |group: &Group| match group {
            Group::One(at, _) => of(at),
            Group::Address(columns) => columns.iter().map(|(at, _)| of(at)).fold(f64::INFINITY, f64::min),
        };
        self.factors = self.groups.iter().map(factor).collect();
    }

    /// The odds with which one more thing meets one of so many: at least those with which a new thing is known already.
    pub(super) fn among(&mut self, learned_from: usize, population: usize) {
        let (rows, population) = (learned_from.max(2) as f64, population.max(2) as f64);
        // Of pairs that there are, so many are the same: each record is one of two.
        let expected = |share: f64| share.exp2() * (rows - 1.0);
        self.same_share = (expected(self.same_share).max(KNOWN_ALREADY) / population).log2();
        if self.housemates_share > NONE_BITS {
            self.housemates_share = (expected(self.housemates_share).max(KNOWN_ALREADY) / population).log2();
        }
    }

    /// Whether it is more than a likeness of names, or of what few values have: worth a person's time.
    pub(super) fn is_worth_asking(&self, weight: &Weight) -> bool {
        self.is_plausible(weight.pattern)
    }

    /// Whether both say the same of what somebody else gave to one only.
    pub(super) fn is_identified(&self, weight: &Weight) -> bool {
        let gives = |kind| matches!(kind, Some(Kind::Email | Kind::Identifier));
        self.known(weight).any(|(group, level)| level == SAME && gives(group.kind()))
    }

    /// What each level of each group says where the value is a common one: label, then bits of different, faintly alike, alike, same.
    pub(super) fn levels(&self, labels: &[String]) -> Vec<(String, [f64; LEVELS - 1])> {
        let bits =
            |group: usize, level: usize| self.factor(group) * (self.same[group][level] / self.unrelated[group][level]).log2();
        let line = |(at, group): (usize, &Group)| {
            let label = match group {
                Group::One(column, _) => labels[*column].clone(),
                Group::Address(columns) => {
                    columns.iter().map(|(column, _)| labels[*column].as_str()).collect::<Vec<_>>().join(", ")
                }
            };
            (label, [DIFFERENT, FAINT, ALIKE, SAME].map(|level| bits(at, level as usize)))
        };
        self.groups.iter().enumerate().map(line).collect()
    }

    /// Whether a pair may be learned from as one that is the same: two things agree, and not names alone, nor what few values have.
    /// Where hardly anything is the same, the commonest other likeness (namesakes who speak one language) would be learned for it.
    fn is_plausible(&self, pattern: Pattern) -> bool {
        let agree = || pattern.known().filter(|(_, level)| *level >= ALIKE).map(|(group, _)| &self.groups[group]);
        let says_more = |group: &Group| !group.is_name() && group.kind() != Some(Kind::Category);
        let agrees = agree().count() >= 2 && agree().any(says_more) || pattern.known().count() == 1 && agree().count() == 1;
        agrees && !self.has_other_names(pattern)
    }

    /// Whether both what somebody is called and the date of birth are others, and no number is the same: another of the home, whose
    /// mailbox and telephone are the same too. Where families outnumber doubles they would be learned as what doubles look like.
    fn is_another(&self, pattern: Pattern) -> bool {
        let is = |kinds: &[Kind], from: u8, to: u8| {
            let of = |group: usize| self.groups[group].kind().is_some_and(|kind| kinds.contains(&kind));
            pattern.known().any(|(group, level)| of(group) && (from..=to).contains(&level))
        };
        is(&[Kind::Given, Kind::Name], DIFFERENT, DIFFERENT)
            && is(&[Kind::Date], DIFFERENT, DIFFERENT)
            && !is(&[Kind::Identifier], ALIKE, SAME)
    }

    /// Whether they may be of one household or office: where something of a home is known of both, some of it agrees.
    pub(super) fn may_share_a_home(&self, pattern: Pattern) -> bool {
        let mut home = pattern.known().filter(|(group, _)| self.groups[*group].is_home()).peekable();
        home.peek().is_none() || home.any(|(_, level)| level >= ALIKE)
    }

    /// Whether all names that both have are others, and nothing that somebody has alone is the same.
    fn has_other_names(&self, pattern: Pattern) -> bool {
        let known = || pattern.known().map(|(group, level)| (&self.groups[group], level));
        let mut names = known().filter(|(group, _)| group.is_name()).peekable();
        let own = |kind| matches!(kind, Some(Kind::Email | Kind::Identifier | Kind::Phone | Kind::Mobile));
        names.peek().is_some()
            && names.all(|(_, level)| level == DIFFERENT)
            && !known().any(|(group, level)| level == SAME && own(group.kind()))
    }

    /// Of the three kinds: how probable such a pair is among all that there are. A product of few shares, none below [`FLOOR`] by much: no
    /// logarithms, of which there would be millions.
    fn likelihoods(&self, pattern: Pattern) -> [f64; 3] {
        let (mut same, mut housemates, mut unrelated) = (self.same_share.exp2(), self.housemates_share.exp2(), 1.0);
        let namesakes = self.namesakes_at_home(pattern);
        for (group, level) in pattern.known() {
            let level = level as usize;
            same *= self.same[group][level];
            housemates *= self.housemates[group][level].min(if namesakes.0 == Some(group) { namesakes.1 } else { 1.0 });
            unrelated *= self.unrelated[group][level];
        }
        [same, if self.may_share_a_home(pattern) { housemates } else { 0.0 }, unrelated]
    }

    /// The group of first names, where a family's both have the same one, and how probable that is at most: strangers and colleagues
    /// have one by chance, in a family nobody is given a name that is taken, but after somebody.
    fn namesakes_at_home(&self, pattern: Pattern) -> (Option<usize>, f64) {
        let agree = |kind, from: u8| {
            let of = |(group, level): &(usize, u8)| self.groups[*group].kind() == Some(kind) && *level >= from;
            pattern.known().find(of).map(|(group, _)| group)
        };
        (agree(Kind::Surname, ALIKE).and_then(|_| agree(Kind::Given, SAME)), NAMED_AFTER)
    }

    /// How much more probable such a pair is in one home than by chance alone: twins have one date of birth, and some are called as
    /// another there is. No two have both. Nothing is learned from it: most pairs that differ in one of these are slips. `by_chance`: how
    /// probable it is in a group that strangers say the same.
    fn more_housemates(&self, pattern: Pattern, by_chance: impl Fn(usize) -> f64) -> f64 {
        let say_the_same = |kinds: &[Kind]| {
            let of = |group: &usize| self.groups[*group].kind().is_some_and(|kind| kinds.contains(&kind));
            let same = pattern.known().filter(|(_, level)| *level == SAME).map(|(group, _)| group).filter(of);
            same.map(&by_chance).fold(f64::INFINITY, f64::min)
        };
        // Where nobody has a date of birth, names are those of houses.
        let are_people = self.groups.iter().any(|group| group.kind() == Some(Kind::Date));
        let counted = self.namesakes_at_home(pattern).0.is_some();
        let named_after = if are_people && !counted { NAMED_AFTER / say_the_same(&[Kind::Given, Kind::Name]) } else { 0.0 };
        1.0 + TWINS / say_the_same(&[Kind::Date]) + named_after
    }

    /// How surely two records are the same that came to this pattern.
    pub(super) fn weigh(&self, table: &Table, left: u32, pattern: Pattern) -> Weight {
        let (mut same, mut housemates, mut unrelated) = (1.0, self.housemates_share.exp2(), 1.0);
        let namesakes = self.namesakes_at_home(pattern);
        let at_home = |group: usize, chance: f64| if namesakes.0 == Some(group) { chance.min(namesakes.1) } else { chance };
        for (group, level) in pattern.known() {
            let chance = self.chance(table, left, group, level);
            let (level, factor) = (level as usize, self.factor(group));
            let of_household = match &self.groups[group] {
                lent if lent.is_lent() => self.housemates[group][level].max(chance),
                personal if personal.is_personal() => at_home(group, chance),
                _ => self.housemates[group][level],
            };
            let counted = |share: f64| if factor == 1.0 { share } else { share.powf(factor) };
            same *= counted(self.same[group][level]);
            housemates *= counted(of_household);
            unrelated *= counted(chance);
        }
        housemates *= self.more_housemates(pattern, |group| at_home(group, self.chance(table, left, group, SAME)));
        let others = if self.may_share_a_home(pattern) { housemates + unrelated } else { unrelated };
        Weight { bits: self.same_share + same.log2() - others.log2(), pattern }
    }

    /// What each comparison speaks for or against: one line per group of which both know something, in words and bits.
    pub fn explain(&self, table: &Table, left: u32, weight: &Weight) -> Vec<Because> {
        let line = |(group, level): (usize, u8)| {
            let what = match &self.groups[group] {
                Group::One(at, _) => table.columns[*at].label.to_string(),
                Group::Address(columns) => {
                    columns.iter().map(|(at, _)| table.columns[*at].label.as_str()).collect::<Vec<_>>().join(", ")
                }
            };
            let chance = self.chance(table, left, group, level);
            let level = level as usize;
            Because { what, agreement: AGREEMENTS[level], bits: self.factor(group) * (self.same[group][level] / chance).log2() }
        };
        let mut lines: Vec<Because> = weight.pattern.known().map(line).collect();
        // What a household shares says little of its members: the rest of the sum.
        let shared = weight.bits - self.same_share - lines.iter().map(|line| line.bits).sum::<f64>();
        if shared.abs() >= 0.05 {
            lines.push(Because { what: "what a household shares".to_owned(), agreement: "says less", bits: shared });
        }
        lines
    }

    /// Where everybody begins: the odds (base 2) that two records taken at random are the same.
    pub fn prior_bits(&self) -> f64 {
        self.same_share
    }

    /// How probable a level is among unrelated records. To agree on a rare value says more than to agree on a common one.
    fn chance(&self, table: &Table, left: u32, group: usize, level: u8) -> f64 {
        let chance = self.unrelated[group][level as usize];
        let (Group::One(at, _), SAME) = (&self.groups[group], level) else { return chance };
        let rows = table.counted();
        // Itself, and whoever is the same: a few more than on average, since records are not there equally often.
        let own = 1.0 + (2.0 * self.partners).ceil().max(1.0);
        match f64::from(table.columns[*at].count_of(left)) - own {
            others if others > 0.0 => (others + 0.5) / rows,
            _ => chance.min(0.5 / rows),
        }
    }

    /// Whether so much speaks for it that a machine may say it: something besides names and descriptions agrees, and nobody differs
    /// in what is a person's own, unless something that identifies agrees, or all the rest outweighs it.
    pub(super) fn is_safe(&self, weight: &Weight) -> bool {
        let agree = || weight.pattern.known().filter(|(_, level)| *level >= ALIKE);
        // A town of five, or a language, that namesakes share says next to nothing.
        let says = |group: usize, level: u8| (self.same[group][level as usize] / self.unrelated[group][level as usize]).log2();
        let besides = agree().filter(|(group, _)| self.groups[*group].tells_who()).map(|(group, level)| says(group, level));
        let texts = |from: u8| {
            let is_text = |group: usize| self.texts.get(group).is_some_and(Option::is_some);
            weight.pattern.known().filter(move |(group, level)| is_text(*group) && *level >= from)
        };
        // The models of a series are described alike: what says most must be the same to the letter.
        let most = texts(DIFFERENT).max_by(|(one, _), (other, _)| says(*one, SAME).total_cmp(&says(*other, SAME)));
        let is_told = most.is_some_and(|(group, level)| level == SAME && self.texts[group] == Some(true));
        let (count, sum) = besides.fold((0, 0.0), |(count, sum), bits| (count + 1, sum + bits));
        // What something is called is but a name, which a price or a town does not make more of.
        let is_it = is_told && count + texts(ALIKE).count() >= 2;
        let sum = if is_it { sum + texts(ALIKE).map(|(group, level)| says(group, level)).sum::<f64>() } else { sum };
        agree().count() >= 2
            && sum >= TELLING_BITS
            && (weight.bits >= ALL_THE_SAME_BITS || !self.contradicts(weight))
            && !self.may_share_a_mailbox(weight)
    }

    /// Whether something is known of both that one of a home has alone.
    pub(super) fn says_who(&self, weight: &Weight) -> bool {
        let own = |kind| matches!(kind, Some(Kind::Given | Kind::Name));
        !self.groups.iter().any(|group| own(group.kind())) || self.known(weight).any(|(group, _)| own(group.kind()))
    }

    /// Whether two differ in what is a person's own, and nothing that identifies says otherwise.
    pub(super) fn contradicts(&self, weight: &Weight) -> bool {
        let kinds = |level: fn(u8) -> bool| {
            self.known(weight).filter(move |(_, found)| level(*found)).filter_map(|(group, _)| group.kind())
        };
        let own = |kind: &Kind| matches!(kind, Kind::Given | Kind::Date | Kind::Name);
        // Of mobiles, what is nearly the same may be the next one that somebody's office was given.
        let identifies = |(group, level): (&Group, u8)| match group.kind() {
            Some(Kind::Mobile) => level == SAME,
            Some(Kind::Identifier | Kind::Email) => level >= ALIKE,
            _ => false,
        };
        match kinds(|level| level == DIFFERENT).filter(own).count() {
            _ if !self.groups.iter().any(|group| matches!(group.kind(), Some(Kind::Given | Kind::Name))) => false,
            0 => false,
            1 => !self.known(weight).any(identifies),
            _ => true,
        }
    }

    /// Whether two who are called differently have the mailbox or the telephone of one home or office: that is still several people.
    /// One date of birth speaks against it, and a number that somebody else gave.
    pub(super) fn may_share_a_mailbox(&self, weight: &Weight) -> bool {
        let is = |kinds: &'static [Kind], from: u8, to: u8| {
            let of = move |group: &Group| group.kind().is_some_and(|kind| kinds.contains(&kind));
            self.known(weight).any(|(group, level)| of(group) && (from..=to).contains(&level))
        };
        is(&[Kind::Given, Kind::Name], DIFFERENT, DIFFERENT)
            && is(&[Kind::Email, Kind::Mobile, Kind::Phone], ALIKE, SAME)
            && !is(&[Kind::Date, Kind::Identifier], ALIKE, SAME)
    }

    fn known(&self, weight: &Weight) -> impl Iterator<Item = (&Group, u8)> {
        weight.pattern.known().map(|(group, level)| (&self.groups[group], level))
    }
}

/// Probability that two records that both say something in a column say the same.
pub(super) fn coincidence(table: &Table, at: usize) -> f64 {
    let sum: f64 = table.columns[at].counts.iter().skip(1).map(|count| f64::from(*count)).sum();
    let pairs = sum * (sum - 1.0) / 2.0;
    if sum < 2.0 { 1.0 } else { equal_in(table, at).max(0.5) / pairs }
}

/// Pairs of records that say the same in a column.
fn equal_in(table: &Table, at: usize) -> f64 {
    table.columns[at].counts.iter().skip(1).map(|count| f64::from(*count)).map(|count| count * (count - 1.0) / 2.0).sum()
}

/// Records of one thing that say what somebody else gave to it alone, from which on it is something that many have.
const OWN_MAX: f64 = 10.0;

/// The share of pairs that say the same by chance, to begin with: what only two records say may be one thing said twice, and what
/// somebody else gave to one thing alone may be said of it some times more.
fn common(table: &Table, at: usize) -> f64 {
    let column = &table.columns[at];
    let counts = || column.counts.iter().skip(1).map(|count| f64::from(*count));
    let sum: f64 = counts().sum();
    let own = if matches!(column.kind, Kind::Email | Kind::Identifier | Kind::Mobile) { OWN_MAX } else { 2.0 };
    let pairs: f64 = counts().filter(|count| *count > own).map(|count| count * (count - 1.0) / 2.0).sum();
    if sum < 2.0 { 1.0 } else { pairs.max(0.5) / (sum * (sum - 1.0) / 2.0) }
}

fn equal_pairs(table: &Table, group: &Group) -> f64 {
    match group {
        Group::One(at, _) => equal_in(table, *at),
        Group::Address(_) => 0.0,
    }
}

/// How often unrelated pairs are at each level: the same by counting values, the rest from a sample of random pairs.
fn by_chance(table: &Table, groups: &[Group], comparer: &mut Comparer<'_>) -> Vec<Levels> {
    let mut seen = vec![[0.0; LEVELS]; groups.len()];
    let rows = table.rows() as u64;
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        (z % rows.max(1)) as u32
    };
    let sample = SAMPLE.min((rows * 8) as usize);
    for _ in 0..sample {
        let (left, right) = (next(), next());
        if left == right {
            continue;
        }
        for (group, level) in comparer.pattern(left, right).known() {
            seen[group][level as usize] += 1.0;
        }
    }
    let rule = |(group, mut seen): (&Group, Levels)| {
        seen[UNKNOWN as usize] = 0.0;
        let mut known = smoothed(seen, &[0.0, 0.97, 0.01, 0.01, 0.01], 0.0);
        if let Group::One(at, _) = group {
            known[SAME as usize] = common(table, *at).max(FLOOR * 1e-2);
        }
        let sum: f64 = known.iter().sum();
        known.map(|share| share / sum)
    };
    groups.iter().zip(seen).map(rule).collect()
}

/// Shares from counts, with a prior of a few pairs, or of a share of them.
fn smoothed(mut counted: Levels, prior: &Levels, share: f64) -> Levels {
    counted[UNKNOWN as usize] = 0.0;
    let sum: f64 = counted.iter().sum();
    let weight = PRIOR_PAIRS.max(sum * share);
    let sum = sum + weight;
    let mut shares = [0.0; LEVELS];
    for level in DIFFERENT as usize..LEVELS {
        shares[level] = ((counted[level] + weight * prior[level]) / sum).max(FLOOR);
    }
    shares
}

/// How far a group tells who it is.
struct Telling {
    /// The level from which hardly any stranger agrees; none where it never comes to that.
    alone: Option<u8>,
    /// Strangers that agree at least so far, as a logarithm (base 2) of their share, by level; 0 where it says nothing.
    bits: Levels,
}

impl Telling {
    /// `equal`: the share of pairs of strangers that say the same, where it was counted.
    fn of(group: &Group, by_chance: &Levels, equal: f64, rows: f64) -> Self {
        if group.is_name() || group.kind() == Some(Kind::Category) {
            return Self { alone: None, bits: [0.0; LEVELS] };
        }
        let same = by_chance[SAME as usize];
        let same = if equal > 0.0 { same.min(equal) } else { same };
        let strangers = |level: u8| by_chance[level as usize..SAME as usize].iter().sum::<f64>() + same;
        let mut bits = [0.0; LEVELS];
        (ALIKE..=SAME).filter(|_| group.tells_who()).for_each(|level| bits[level as usize] = -strangers(level).log2());
        Self { alone: (ALIKE..=SAME).find(|level| strangers(*level) * rows < TELLING_STRANGERS), bits }
    }
}

/// Words that a text has on average, from which two with the same are hardly two by chance.
const LONG_TEXT_WORDS: usize = 3;

fn is_long_text(table: &Table, group: &Group) -> bool {
    let Group::One(at, Kind::Text) = group else { return false };
    let values = table.columns[*at].values.get(1..).unwrap_or_default();
    values.iter().map(|value| value.words.len()).sum::<usize>() >= values.len().max(1) * LONG_TEXT_WORDS
}

/// Of other things that both say, the share that agrees from which two are no strangers.
const ACQUAINTED: f64 = 0.6;

/// Of each group, the pairs of strangers that say the same there: all that do, without those that agree in most else. Ten records of one
/// thing share its postal code with each other, and with nobody else.
fn strangers_equal(groups: &[Group], alike: &[f64], counted: &Counted) -> Vec<f64> {
    let mut equal = alike.to_vec();
    for (pattern, count) in counted {
        let agreeing = pattern.known().filter(|(_, level)| *level >= ALIKE).count() as f64 - 1.0;
        let others = pattern.known().count() as f64 - 1.0;
        if others < 2.0 || agreeing < others * ACQUAINTED {
            continue;
        }
        for (group, _) in pattern.known().filter(|(_, level)| *level == SAME) {
            equal[group] -= count;
        }
    }
    let counts = |(equal, group): (f64, &Group)| if group.kind().is_some() { equal.max(0.5) } else { 0.0 };
    equal.into_iter().zip(groups).map(counts).collect()
}

/// Whether something that tells who it is agrees; or, where nothing of the kind is known of both, all names do. Where a system
/// has nobody twice, the commonest likeness (half a namesake in one town, with another mailbox) would be learned as what doubles
/// look like.
fn is_told(groups: &[Group], tells: &[Telling], rows: f64, pattern: Pattern) -> bool {
    let mut known = pattern.known().filter_map(|(group, level)| tells[group].alone.map(|from| level >= from)).peekable();
    match known.peek() {
        Some(_) => {
            known.any(|agrees| agrees)
                || pattern.known().map(|(group, level)| tells[group].bits[level as usize]).sum::<f64>() >= rows.log2()
        }
        None => pattern.known().all(|(group, level)| !groups[group].is_name() || level >= ALIKE),
    }
}

/// Candidates of each pattern.
type Counted = HashMap<Pattern, f64, foldhash::fast::FixedState>;

/// How many candidates there are of each pattern.
fn counted(patterns: &[Pattern]) -> Counted {
    let mut counted = HashMap::default();
    patterns.iter().for_each(|pattern| *counted.entry(*pattern).or_insert(0.0) += 1.0);
    counted
}
