//! How much of a flow is usual in a day, and what is so much more that a person is asked: 500 new things overnight where ten are
//! usual are an import that went wrong, or a robot.
//!
//! A day is unusual by the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993, section 3): distance
//! from the median over the median absolute deviation, times 0.6745, above 3.5. Median and deviation do not move with the very days
//! that are looked for, as mean and standard deviation do. Where more than half of the days are alike that deviation is nothing; then
//! the third quartile of the distances stands for it, over the 1.1503 that it is in a normal distribution: up to a quarter of the
//! days may be unusual themselves.

/// Days that are looked back at.
pub const DAYS: usize = 28;
/// With fewer days than this nothing is usual yet: a new flow is loaded first, and its plan was agreed to.
pub const DAYS_MIN: usize = 7;
/// A modified z-score above it is an outlier.
const SCORE: f64 = 3.5;
/// Median absolute deviation of a normal distribution with deviation 1.
const NORMAL_MAD: f64 = 0.6745;
/// Third quartile of the distances from the median in a normal distribution with deviation 1.
const NORMAL_QUARTILE: f64 = 1.1503;
/// And at least so many times what is usual: where all days are alike, one more is no outlier to anybody.
const TIMES: f64 = 3.0;

/// The median of counts; of an even number the lower one.
pub fn median(counts: &[u64]) -> u64 {
    quarter(counts, 2)
}

/// The count below or at which so many quarters of all are.
fn quarter(counts: &[u64], quarters: usize) -> u64 {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * quarters).saturating_sub(1) / 4).copied().unwrap_or(0)
}

/// How many in a day are still taken for usual, given the days before, and never fewer than `least`; none: nobody knows yet.
pub fn limit(days: &[u64], least: u64) -> Option<u64> {
    if days.len() < DAYS_MIN {
        return None;
    }
    let days = &days[days.len().saturating_sub(DAYS)..];
    let usual = median(days);
    let apart: Vec<u64> = days.iter().map(|day| day.abs_diff(usual)).collect();
    let deviation = match median(&apart) {
        0 => quarter(&apart, 3) as f64 / NORMAL_QUARTILE,
        mad => mad as f64 / NORMAL_MAD,
    };
    let usual = usual as f64;
    let most = (usual + SCORE * deviation).max(TIMES * usual).ceil();
    Some((most as u64).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_follows_from_the_days_before() {
        for (days, expected) in [
            (&[10; 6][..], None),
            (&[10; 28][..], Some(50)),
            (&[0; 28][..], Some(50)),
            (&[10, 10, 10, 10, 10, 10, 10, 10, 500], Some(50)),
            (&[0, 0, 0, 0, 0, 0, 40, 40, 40, 40], Some(122)),
            (&[100; 28][..], Some(300)),
            // A flow that varies may vary.
            (&[100, 400, 50, 300, 200, 250, 150], Some(719)),
            // One bad day does not make the next one usual.
            (&[10, 12, 9, 11, 10, 10, 5_000, 12, 8], Some(50)),
            // Only the last days count.
            (&[[9_000; 28], [10; 28]].concat(), Some(50)),
        ] {
            assert_eq!(limit(days, 50), expected, "{days:?}");
        }
    }
}
