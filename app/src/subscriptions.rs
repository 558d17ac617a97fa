//! One connection's subscriptions: each a task that pushes numbered batches into the connection's sink.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::task::AbortHandle;

use crate::{
    api::{
        error::{AppError, ErrorCode},
        push::{Batch, Push, Subscription},
    },
    app::App,
    wiring,
};

/// A page needs about ten; more is a mistake.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Where batches go: a Tauri channel, a WebSocket, a test.
pub trait Sink: Send + Sync + 'static {
    /// False when nobody listens any more.
    fn send(&self, batch: Batch) -> bool;
}

/// The subscriptions of one connection; they end when it is dropped.
pub struct Subscriptions {
    app: App,
    running: Mutex<HashMap<u32, AbortHandle>>,
}

impl Subscriptions {
    pub fn new(app: App) -> Self {
        Self { app, running: Mutex::default() }
    }

    /// Starts a stream under the id that the UI chose; an earlier one of that id ends.
    pub fn subscribe(&self, id: u32, to: Subscription, sink: Arc<dyn Sink>) -> Result<(), AppError> {
        let Ok(mut running) = self.running.lock() else { return Err(AppError::not_ready()) };
        running.retain(|_, task| !task.is_finished());
        if running.len() >= MAX_SUBSCRIPTIONS {
            return Err(AppError::new(ErrorCode::BadArguments, "Too many subscriptions."));
        }
        let out = Outlet { id, seq: AtomicU64::new(0), sink };
        let task = tokio::spawn(wiring::run(self.app.clone(), to, out)).abort_handle();
        if let Some(earlier) = running.insert(id, task) {
            earlier.abort();
        }
        Ok(())
    }

    pub fn unsubscribe(&self, id: u32) {
        if let Ok(mut running) = self.running.lock()
            && let Some(task) = running.remove(&id)
        {
            task.abort();
        }
    }

    /// Ends all: the page was loaded anew.
    pub fn clear(&self) {
        if let Ok(mut running) = self.running.lock() {
            running.drain().for_each(|(_, task)| task.abort());
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Where one stream puts its pushes; it numbers them.
pub(crate) struct Outlet {
    id: u32,
    seq: AtomicU64,
    sink: Arc<dyn Sink>,
}

impl Outlet {
    /// False when nobody listens any more.
    pub(crate) fn push(&self, push: Push) -> bool {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        self.sink.send(Batch { subscription: self.id, seq, push })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, atomic::AtomicU64};

    use super::{Batch, Outlet, Push, Sink};
    use crate::api::push::AppEvent;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Batch>>);

    impl Sink for Kept {
        fn send(&self, batch: Batch) -> bool {
            self.0.lock().unwrap().push(batch);
            true
        }
    }

    #[test]
    fn batches_are_numbered_from_zero_without_holes() {
        let kept = Arc::new(Kept::default());
        let out = Outlet { id: 7, seq: AtomicU64::new(0), sink: kept.clone() };
        for n in 0..3 {
            out.push(Push::Event(AppEvent::Notice { sentence: n.to_string(), danger: false }));
        }
        let batches = kept.0.lock().unwrap();
        assert_eq!(
            batches.iter().map(|batch| (batch.subscription, batch.seq)).collect::<Vec<_>>(),
            [(7, 0), (7, 1), (7, 2)]
        );
        assert_eq!(
            serde_json::to_value(&batches[0]).unwrap(),
            serde_json::json!({
                "subscription": 7, "seq": 0, "kind": "event",
                "value": {"event": "notice", "sentence": "0", "danger": false},
            })
        );
    }
}
