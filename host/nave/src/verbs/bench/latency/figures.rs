//! What was measured, by the system that an edit was made in and the one that it arrived in.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Milliseconds that each delivery took, and how many were wanted.
#[derive(Default)]
pub(super) struct Times {
    by: BTreeMap<(usize, usize), (u64, Vec<u64>)>,
}

impl Times {
    /// An edit is to arrive.
    pub(super) fn wanted(&mut self, from: usize, to: usize) {
        self.by.entry((from, to)).or_default().0 += 1;
    }

    /// One has.
    pub(super) fn took(&mut self, from: usize, to: usize, ms: u64) {
        self.by.entry((from, to)).or_default().1.push(ms);
    }

    /// Over all, with the systems' names for each way, and as `shown_at_once` over those ways whose system does not hold its changes
    /// back: `deliveries`, `delivered`, `ms_p50`, `ms_p95`, `ms_p99`, `ms_max`.
    pub(super) fn figures(&self, names: &[&str], held_back: &[bool]) -> Json {
        let of_those = |of_it: &dyn Fn(usize) -> bool| {
            let those = || self.by.iter().filter(|((from, _), _)| of_it(*from)).map(|(_, times)| times);
            of(those().map(|(wanted, _)| wanted).sum(), those().flat_map(|(_, times)| times).copied().collect())
        };
        let mut all = of_those(&|_| true);
        all.insert("shown_at_once".to_owned(), Json::Object(of_those(&|from| !held_back[from])));
        let way = |(from, to): &(usize, usize)| format!("{} to {}", names[*from], names[*to]);
        let each: Map<String, Json> =
            self.by.iter().map(|(key, (wanted, times))| (way(key), Json::Object(of(*wanted, times.clone())))).collect();
        all.insert("ways".to_owned(), Json::Object(each));
        Json::Object(all)
    }
}

fn of(wanted: u64, mut times: Vec<u64>) -> Map<String, Json> {
    times.sort_unstable();
    // Nearest rank; nothing of nothing.
    let rank = |share: usize| (times.len() * share).div_ceil(100).checked_sub(1).and_then(|at| times.get(at));
    let figures = json!({
        "deliveries": wanted, "delivered": times.len(), "ms_p50": rank(50), "ms_p95": rank(95), "ms_p99": rank(99), "ms_max": times.last(),
    });
    match figures {
        Json::Object(figures) => figures,
        _ => Map::new(),
    }
}

/// To hundredths.
pub(super) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_all_and_of_each_way() {
        let mut times = Times::default();
        for ms in 1..=100 {
            times.wanted(0, 1);
            times.took(0, 1, 101 - ms);
        }
        times.wanted(1, 0);
        times.wanted(1, 0);
        times.took(1, 0, 60_000);
        let figures = times.figures(&["crm", "desk"], &[false, true]);
        let of_crm = json!({ "deliveries": 100, "delivered": 100, "ms_p50": 50, "ms_p95": 95, "ms_p99": 99, "ms_max": 100 });
        let late = 60_000;
        let expected = json!({
            "deliveries": 102, "delivered": 101, "ms_p50": 51, "ms_p95": 96, "ms_p99": 100, "ms_max": late,
            "shown_at_once": of_crm,
            "ways": {
                "crm to desk": of_crm,
                "desk to crm": {
                    "deliveries": 2, "delivered": 1, "ms_p50": late, "ms_p95": late, "ms_p99": late, "ms_max": late,
                },
            },
        });
        assert_eq!(figures, expected);
    }
}
