//! How far a reading is: of about how many, where the system says so, and nothing else follows from that.

use tokio::sync::mpsc;

use crate::api::{Progress, ProgressSender};
use crate::service::sync;

use super::Bench;

/// Three contacts are read from a system that says that there are so many.
#[track_caller]
fn check(total: Option<u64>, shown: Option<u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (heard, active) = runtime.block_on(async {
        let bench = Bench::new();
        for id in ["1", "2", "3"] {
            bench.crm.put("contacts", id, &format!(r#"{{"email":"p{id}@x.test"}}"#), 1);
        }
        *bench.crm.total.lock().unwrap() = total;
        let (sender, mut receiver) = mpsc::channel(100);
        sync::sync(&bench.engine, &[], sync::How::default(), "ada", ProgressSender::new(sender)).await.unwrap();
        let mut heard = Vec::new();
        while let Ok(progress) = receiver.try_recv() {
            heard.extend((progress.stage == "reading crm-contacts").then_some(progress));
        }
        (heard, bench.engine.store.objects().unwrap().iter().map(|object| object.active).sum::<u64>())
    });
    let expected =
        Progress { stage: "reading crm-contacts".to_owned(), done: 3, total: shown, about: shown.is_some(), note: None };
    assert_eq!((heard.last(), active), (Some(&expected), 3), "{total:?}");
}

#[test]
fn a_total_is_shown_where_it_can_be_one() {
    for (total, shown) in [
        (None, None),
        (Some(60_000), Some(60_000)),
        (Some(3), Some(3)),
        // It passed that already: what is known is how much was read.
        (Some(2), None),
        (Some(0), None),
        (Some(u64::MAX), Some(u64::MAX)),
    ] {
        check(total, shown);
    }
}
