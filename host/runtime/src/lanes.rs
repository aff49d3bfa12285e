//! Two lanes for guests' code, so that who computes long gives way to who is done soon.
//!
//! A call begins where its caller runs. Once it has used [`QUICK_CPU_MS_MAX`] of processor time it goes on in the slow lane:
//! threads of their own, one less than there are processors, that the system lets wait for everybody else. The next call of that
//! instance begins there, until one is quick again. Promises that a call which nobody waits for any more ends in either
//! lane. What a call registers with its caller's runtime (timers, connections) stays there. Where the runtime has one thread
//! (tests, tools) there is one lane.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::OnceLock,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    runtime::{Builder, Handle, Runtime, RuntimeFlavor},
    task::JoinHandle,
};

use crate::limits::{QUICK_CPU_MS_MAX, SLOW_LANE_NICE};

/// What came of a call, and whether it was quick.
pub(crate) struct Ran<T> {
    pub(crate) value: T,
    pub(crate) quick: bool,
}

/// Does the work; `slow` says that it begins in the slow lane.
pub(crate) async fn run<T: Send + 'static>(slow: bool, work: impl Future<Output = T> + Send + 'static) -> Ran<T> {
    let mut work = Metered { work: Box::pin(work), used: Duration::ZERO };
    let caller = Handle::try_current().ok().filter(|caller| caller.runtime_flavor() == RuntimeFlavor::MultiThread);
    let lane = caller.as_ref().and_then(|_| slow_lane());
    let (Some(caller), Some(lane)) = (caller, lane) else {
        let value = (&mut work).await;
        return Ran { value, quick: work.quick() };
    };
    if !slow {
        let at_once = poll_fn(|context| match pin!(&mut work).poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if work.quick() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(value) = at_once.await {
            return Ran { value, quick: work.quick() };
        }
    }
    let waited_for = WaitedFor(lane.spawn(async move {
        let value = poll_fn(|context| {
            let _there = caller.enter();
            pin!(&mut work).poll(context)
        });
        let value = value.await;
        Ran { value, quick: work.quick() }
    }));
    waited_for.await
}

/// The slow lane of this process; none where the system gives it no threads.
fn slow_lane() -> Option<&'static Runtime> {
    static LANE: OnceLock<Option<Runtime>> = OnceLock::new();
    let start = || {
        Builder::new_multi_thread()
            .worker_threads(thread::available_parallelism().map_or(1, |all| all.get() - 1).max(1))
            .thread_name("nave-slow")
            .on_thread_start(|| {
                // Of the thread alone, as Linux has it.
                let _ = rustix::process::nice(SLOW_LANE_NICE);
            })
            .build()
            .inspect_err(|error| tracing::warn!(%error, "no threads for plugins that compute long: they share those of the hub"))
            .ok()
    };
    LANE.get_or_init(start).as_ref()
}

/// Work, and the processor time that it has used.
struct Metered<T> {
    work: Pin<Box<dyn Future<Output = T> + Send>>,
    used: Duration,
}

impl<T> Metered<T> {
    fn quick(&self) -> bool {
        self.used < Duration::from_millis(QUICK_CPU_MS_MAX)
    }
}

impl<T> Future for Metered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let began = thread_time();
        let polled = self.work.as_mut().poll(context);
        self.used += thread_time().saturating_sub(began);
        polled
    }
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Work in the other lane, which ends with whoever waits for it.
struct WaitedFor<T>(JoinHandle<T>);

impl<T> Future for WaitedFor<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only whoever waits ends it, or the process.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for WaitedFor<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
