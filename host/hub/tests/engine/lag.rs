//! A list that shows a write later than it was made. Invariants attacked: I15.

use nave_core::Value;
use nave_core::accounting::Counts;

use super::bench::Kind;
use super::frozen::bench;
use super::policies::set;

on_both_stores!(what_a_list_shows_within_its_lag_is_fetched_again);

/// Milliseconds for which the CRM's list may show things as they were.
const LAG: u64 = 5_000;

async fn what_a_list_shows_within_its_lag_is_fetched_again(kind: Kind) {
    for (lag, asks) in [(LAG, true), (0, false)] {
        let (mut bench, crm, erp) = bench(kind).await;
        bench.systems.get_mut("crm").unwrap().capabilities.read_lag_ms = lag;
        bench.restart();
        {
            let mut state = bench.system("crm").state.lock().unwrap();
            state.lagging = state.things["contacts"].clone();
        }
        set(bench.system("erp"), &erp, "first", Value::text("Augusta"));
        bench.round().await;
        assert_eq!(bench.system("crm").at("contacts", &crm, "first"), "Augusta");
        {
            let mut state = bench.system("crm").state.lock().unwrap();
            (state.everything, state.asked) = (true, Vec::new());
        }
        bench.pass(1_000);
        let run = bench.engine.run_in("crm-contacts", false).await.unwrap();
        let Counts::In(counts) = run.counts else { panic!("{run:?}") };
        // Where the connector does not say that its list lags, the older value is believed.
        assert_eq!((counts.unchanged, counts.updated), if asks { (1, 0) } else { (0, 1) }, "lag {lag}: {counts:?}");
        let asked = bench.system("crm").state.lock().unwrap().asked.contains(&crm);
        assert_eq!(asked, asks, "lag {lag}");
    }
}
