//! Being asked to stop.

use crate::cli::Refusal;
use crate::exit::Exit;

/// Waits for the first of the signals that ask a program to end; never returns if they cannot be
/// listened for.
pub(crate) async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}

/// Does something that leaves nothing half made when it is dropped, and drops it when the program is
/// asked to stop.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        result = work => result,
        () = asked_to_stop() => Err(Refusal::new(Exit::Interrupted, "interrupted")
            .hint("run the same command again; it goes on where it stopped".to_owned())),
    }
}
