//! Notices during a call that the computer went to another network, before the connection is missed.

use homeserver::net::change::{Addresses, NetworkWatch, own_addresses};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

type Own = fn() -> Addresses;

pub(super) struct Moves {
    own: Own,
    tell: mpsc::UnboundedSender<()>,
    told: mpsc::UnboundedReceiver<()>,
    /// Ends the watch when it is dropped.
    watching: Option<DropGuard>,
}

impl Moves {
    pub(super) fn new() -> Self {
        Self::of(own_addresses)
    }

    fn of(own: Own) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { own, tell, told, watching: None }
    }

    /// Watches as long as there is a call.
    pub(super) fn watch(&mut self, in_call: bool) {
        if in_call == self.watching.is_some() {
            return;
        }
        self.watching = in_call.then(|| {
            let cancelled = CancellationToken::new();
            let (tell, token, own) = (self.tell.clone(), cancelled.clone(), self.own);
            tokio::spawn(async move {
                let mut watch = NetworkWatch::new(own);
                while watch.moved(&token).await {
                    // The phone outlives its calls, but for the end of the program.
                    let _ = tell.send(());
                }
            });
            cancelled.drop_guard()
        });
    }

    /// Waits for the next move. May be cancelled.
    pub(super) async fn moved(&mut self) {
        // The sender is here as well, so that there is always an answer to wait for.
        let _ = self.told.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU8, Ordering},
        time::Duration,
    };

    use tokio::time::timeout;

    use super::Moves;

    static PLACE: AtomicU8 = AtomicU8::new(1);

    #[tokio::test(start_paused = true)]
    async fn a_move_is_told_during_a_call_and_never_else() {
        let minute = Duration::from_secs(60);
        let mut moves = Moves::of(|| [Some([10, 0, 0, PLACE.load(Ordering::SeqCst)].into()), None]);
        let mut go = async |place, in_call| {
            moves.watch(in_call);
            tokio::time::sleep(minute).await;
            PLACE.store(place, Ordering::SeqCst);
            timeout(minute, moves.moved()).await.is_ok()
        };
        assert!(!go(2, false).await);
        assert!(go(3, true).await);
        assert!(go(4, true).await);
        assert!(!go(4, true).await);
        assert!(!go(5, false).await);
        assert!(go(6, true).await);
    }
}
