//! What takes long, off the async workers.

/// Does what takes long where it does not keep the other tasks of this thread waiting.
pub(crate) fn off_the_workers<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With one worker: what takes long waits for a task that can only run when the worker is free.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_a_plugin_is_compiled() {
        let (answer, answered) = std::sync::mpsc::channel();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let long = tokio::spawn(async move {
            begin.send(()).unwrap();
            off_the_workers(move || answered.recv_timeout(std::time::Duration::from_secs(60)))
        });
        let other = tokio::spawn(async move {
            begun.await.unwrap();
            answer.send("answered").unwrap();
        });
        assert_eq!(long.await.unwrap(), Ok("answered"));
        other.await.unwrap();
    }
}
