//! How good a linkage is, where the truth is known.

use std::collections::BTreeSet;

use serde::Serialize;

use super::cluster::Linkage;

/// Odds, as logarithms (base 2), at which the curve is drawn.
const CURVE_BITS: [f64; 9] = [0.0, 2.0, 4.0, 7.0, 10.0, 13.0, 16.0, 20.0, 30.0];

/// Counts and shares, of pairs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Of the pairs that were merged, the share that is true; 1 where none was merged.
    pub precision: f64,
    /// Of the true pairs, the share that was merged; 1 where there is none.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Pairs merged, also through a third record.
    pub merged_pairs: usize,
    /// Of these, true ones.
    pub true_merged_pairs: usize,
    /// Pairs left for a person.
    pub review_pairs: usize,
    /// Of these, true ones.
    pub true_review_pairs: usize,
    /// True pairs in all.
    pub true_pairs: usize,
    /// What it would be if pairs above a weight were merged, and those below it asked: by weight alone.
    pub curve: Vec<Point>,
}

/// One point of the curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Logarithm (base 2) of the odds from which pairs would be merged.
    pub bits: f64,
    /// As of the whole.
    pub precision: f64,
    /// As of the whole.
    pub recall: f64,
    /// Likely pairs below, which a person would be asked about.
    pub review_pairs: usize,
}

impl Score {
    /// Of a linkage, against true pairs of rows, the smaller number first.
    pub fn of(linkage: &Linkage, truth: &BTreeSet<(u32, u32)>) -> Self {
        let merged = linkage.pairs();
        let hits = merged.iter().filter(|pair| truth.contains(pair)).count();
        let reviews: Vec<_> = linkage.reviews().collect();
        let (precision, recall) = shares(hits, merged.len(), truth.len());
        let point = |bits: f64| {
            let above: Vec<_> = linkage.edges.iter().filter(|edge| edge.weight.bits >= bits).collect();
            let hits = above.iter().filter(|edge| truth.contains(&(edge.left, edge.right))).count();
            let (precision, recall) = shares(hits, above.len(), truth.len());
            Point { bits, precision, recall, review_pairs: linkage.edges.len() - above.len() }
        };
        Self {
            precision,
            recall,
            f1: if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 },
            merged_pairs: merged.len(),
            true_merged_pairs: hits,
            review_pairs: reviews.len(),
            true_review_pairs: reviews.iter().filter(|edge| truth.contains(&(edge.left, edge.right))).count(),
            true_pairs: truth.len(),
            curve: CURVE_BITS.map(point).into(),
        }
    }
}

fn shares(hits: usize, found: usize, truth: usize) -> (f64, f64) {
    let share = |of: usize| if of == 0 { 1.0 } else { hits as f64 / of as f64 };
    (share(found), share(truth))
}

/// Pairs that were merged and are not true, and true ones that were not merged, each with its weight where it was likely.
pub fn errors(linkage: &Linkage, truth: &BTreeSet<(u32, u32)>) -> Vec<(u32, u32, bool, Option<f64>)> {
    let merged: BTreeSet<(u32, u32)> = linkage.pairs().into_iter().collect();
    let bits =
        |pair: &(u32, u32)| linkage.edges.iter().find(|edge| (edge.left, edge.right) == *pair).map(|edge| edge.weight.bits);
    let wrong = merged.difference(truth).map(|pair| (pair.0, pair.1, true, bits(pair)));
    let missed = truth.difference(&merged).map(|pair| (pair.0, pair.1, false, bits(pair)));
    wrong.chain(missed).collect()
}
