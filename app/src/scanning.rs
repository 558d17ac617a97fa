//! The one scan of the app, and what it looks for.

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::invite_link;

/// Where the camera goes from one scan to the next, and to a call.
#[derive(Default)]
pub(crate) struct Scanner {
    /// Held as long as a scan may have the camera open.
    camera: Mutex<()>,
    /// How often somebody wanted the camera: who has it ends when that changes.
    wanted: watch::Sender<u64>,
}

/// A scan's time with the camera.
pub(crate) struct Turn<'a> {
    wanted: watch::Receiver<u64>,
    _camera: MutexGuard<'a, ()>,
}

impl Scanner {
    /// Ends an earlier scan, and comes back when that has closed the camera.
    pub(crate) async fn begin(&self) -> Turn<'_> {
        self.wanted.send_modify(|wanted| *wanted += 1);
        let wanted = self.wanted.subscribe();
        Turn { wanted, _camera: self.camera.lock().await }
    }

    /// A call is about to film.
    pub(crate) async fn give_way(&self) {
        drop(self.begin().await);
    }
}

impl Turn<'_> {
    /// Waits until somebody else wants the camera.
    pub(crate) async fn is_over(&mut self) {
        // The sender lives as long as the lock.
        let _ = self.wanted.changed().await;
    }
}

/// The invite link that a code says, if it says one.
pub(crate) fn invite_in(code: &[u8]) -> Option<String> {
    let link = std::str::from_utf8(code).ok()?.trim();
    invite_link::parse(link).ok().map(|_| link.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::{Scanner, invite_in};

    #[test]
    fn an_invite_is_told_from_other_codes() {
        assert_eq!(invite_in(b"hearth:u/ann:example.org\n").as_deref(), Some("hearth:u/ann:example.org"));
        assert_eq!(
            invite_in(b"https://matrix.to/#/@ann:example.org").as_deref(),
            Some("https://matrix.to/#/@ann:example.org")
        );
        for other in [b"https://example.org".as_slice(), b"WIFI:S:cafe;;", b"", b"MATRIX\x02\x00\xff\xfe"] {
            assert_eq!(invite_in(other), None);
        }
    }

    #[tokio::test]
    async fn the_newest_has_the_camera_once_the_one_before_let_it_go() {
        let scanner = Scanner::default();
        let mut first = scanner.begin().await;
        let second = scanner.begin();
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("two have the camera"),
            () = first.is_over() => {}
        }
        drop(first);
        let mut second = second.await;
        // Nobody else wants it.
        tokio::select! {
            biased;
            () = second.is_over() => panic!("the camera was taken away"),
            () = yield_now() => {}
        }
        let way = scanner.give_way();
        tokio::pin!(way);
        tokio::select! {
            biased;
            () = &mut way => panic!("the camera is not free yet"),
            () = second.is_over() => {}
        }
        drop(second);
        way.await;
    }
}
