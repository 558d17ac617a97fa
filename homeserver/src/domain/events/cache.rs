//! Parsed events kept in memory, within a budget of bytes.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use ruma::{EventId, OwnedEventId};

use super::pdu::Pdu;

/// Bytes that all parsed events together may take.
const BUDGET: usize = 8 * 1024 * 1024;

/// The most recently used events. Cheap to clone.
#[derive(Clone)]
pub struct EventCache(Arc<Mutex<Inner>>);

struct Inner {
    events: LruCache<OwnedEventId, Arc<Pdu>>,
    weight: usize,
}

impl Default for EventCache {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner { events: LruCache::unbounded(), weight: 0 })))
    }
}

impl EventCache {
    pub fn get(&self, event_id: &EventId) -> Option<Arc<Pdu>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).events.get(event_id).cloned()
    }

    /// Forgets everything: events may have left the store.
    pub fn clear(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.events.clear();
        inner.weight = 0;
    }

    pub fn put(&self, event: &Arc<Pdu>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.weight += event.weight();
        if let Some(old) = inner.events.put(event.event_id.clone(), event.clone()) {
            inner.weight -= old.weight();
        }
        while inner.weight > BUDGET {
            let Some((_, old)) = inner.events.pop_lru() else { break };
            inner.weight -= old.weight();
        }
    }

    /// The event changed: it was redacted, or its standing is another.
    pub fn forget(&self, event_id: &EventId) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = inner.events.pop(event_id) {
            inner.weight -= old.weight();
        }
    }
}
