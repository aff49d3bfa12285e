//! Clusters from weights: what is sure joins, strongest first; what would join two clusters that do not agree as wholes, and
//! what is only likely, is a person's.

use super::compare::{Comparer, Pattern};
use super::model::{Model, Weight};
use super::table::Table;

/// Odds from which a machine says that two are the same: 64 to one, as a logarithm (base 2).
const SURE_BITS: f64 = 6.0;
/// Odds from which a person is asked: one to one.
const LIKELY_BITS: f64 = 0.0;
/// Records of a cluster; one that grows beyond is a person's.
const CLUSTER_MAX: usize = 50;

/// What is said of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same: merged.
    Same,
    /// A person has to say.
    Review,
}

/// A pair that is at least likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// One record's row.
    pub left: u32,
    /// The other's, which is larger.
    pub right: u32,
    /// How surely.
    pub weight: Weight,
    /// What is said of it.
    pub verdict: Verdict,
}

/// What linking came to.
#[derive(Debug)]
pub struct Linkage {
    /// Of each record, the first record of its cluster.
    pub cluster: Vec<u32>,
    /// Pairs that are at least likely, strongest first.
    pub edges: Vec<Edge>,
    /// Pairs that were compared.
    pub compared: usize,
    /// The model that decided.
    pub model: Model,
}

impl Linkage {
    /// Pairs of records in one cluster.
    pub fn pairs(&self) -> Vec<(u32, u32)> {
        let mut members: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
        self.cluster.iter().enumerate().for_each(|(row, cluster)| members.entry(*cluster).or_default().push(row as u32));
        let two = |rows: Vec<u32>| {
            let mut pairs = Vec::new();
            for (at, left) in rows.iter().enumerate() {
                pairs.extend(rows[at + 1..].iter().map(|right| (*left, *right)));
            }
            pairs
        };
        members.into_values().flat_map(two).collect()
    }

    /// Pairs that a person has to say: not those whose records are in one cluster by now.
    pub fn reviews(&self) -> impl Iterator<Item = &Edge> {
        let open = |edge: &&Edge| {
            edge.verdict == Verdict::Review && self.cluster[edge.left as usize] != self.cluster[edge.right as usize]
        };
        self.edges.iter().filter(open)
    }
}

/// Weighs the candidates and joins what is sure.
pub(super) fn clusters(
    table: &Table,
    model: &Model,
    comparer: &mut Comparer<'_>,
    candidates: &[(u32, u32)],
    patterns: &[Pattern],
) -> Linkage {
    let edge = |((left, right), pattern): (&(u32, u32), &Pattern)| Edge {
        left: *left,
        right: *right,
        weight: model.weigh(table, *left, *pattern),
        verdict: Verdict::Review,
    };
    let mut edges: Vec<Edge> = candidates.iter().zip(patterns).map(edge).filter(|edge| edge.weight.bits >= LIKELY_BITS).collect();
    edges.sort_by(|one, other| {
        other.weight.bits.total_cmp(&one.weight.bits).then((one.left, one.right).cmp(&(other.left, other.right)))
    });
    let mut cluster: Vec<u32> = (0..table.rows() as u32).collect();
    let mut members: Vec<Vec<u32>> = (0..table.rows() as u32).map(|row| vec![row]).collect();
    for edge in &mut edges {
        if edge.weight.bits < SURE_BITS || !model.is_safe(&edge.weight) {
            continue;
        }
        let (one, other) = (cluster[edge.left as usize], cluster[edge.right as usize]);
        if one == other {
            edge.verdict = Verdict::Same;
            continue;
        }
        let vague = !model.says_who(&edge.weight);
        if !agree(table, model, comparer, &members[one as usize], &members[other as usize], vague) {
            continue;
        }
        edge.verdict = Verdict::Same;
        let (into, from) = (one.min(other), one.max(other));
        for row in std::mem::take(&mut members[from as usize]) {
            cluster[row as usize] = into;
            members[into as usize].push(row);
        }
    }
    Linkage { cluster, edges, compared: candidates.len(), model: model.clone() }
}

/// Pairs that are surely the same for each that speaks against it, from which two clusters are one all the same: of ten records of one
/// thing, two may have been mistyped into each other's opposite.
const OUTVOTED: f64 = 3.0;

/// Whether two clusters agree as wholes: a chain of likenesses does not merge its ends. None of one speaks against one of the other,
/// or hardly any.
fn agree(table: &Table, model: &Model, comparer: &mut Comparer<'_>, one: &[u32], other: &[u32], vague: bool) -> bool {
    if one.len() + other.len() > CLUSTER_MAX {
        return false;
    }
    let (mut sum, mut count) = (0.0, 0.0);
    let (mut sure, mut against) = (0.0, 0.0);
    for left in one {
        for right in other {
            let weight = model.weigh(table, *left, comparer.pattern(*left, *right));
            if model.may_share_a_mailbox(&weight) || (vague || weight.bits < LIKELY_BITS) && model.contradicts(&weight) {
                against += 1.0;
            } else if weight.bits >= SURE_BITS && model.is_safe(&weight) {
                sure += 1.0;
            }
            sum += weight.bits;
            count += 1.0;
        }
    }
    sum / count >= LIKELY_BITS && sure >= against * OUTVOTED
}
