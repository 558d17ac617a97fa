//! A task for each key that has work, started when it rings, ending when it finds nothing more; no ring is lost between.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, task::JoinSet};

/// How a task is told that there may be more.
#[derive(Default)]
pub struct Bell {
    rung: AtomicBool,
    wake: Notify,
}

impl Bell {
    /// Whether it rang since this was asked last. To be asked before looking for work.
    pub fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }

    /// Waits for the next ring.
    pub async fn notified(&self) {
        self.wake.notified().await;
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }
}

/// The running tasks; dropping it ends them.
pub struct Bells<K, F> {
    tasks: JoinSet<K>,
    bells: HashMap<K, Arc<Bell>>,
    work: F,
}

impl<K, F, W> Bells<K, F>
where
    K: Clone + Eq + Hash + Send + 'static,
    F: Fn(K, Arc<Bell>) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    /// `work` does everything that there is to do for a key and returns.
    pub fn new(work: F) -> Self {
        Self { tasks: JoinSet::new(), bells: HashMap::new(), work }
    }

    /// There may be work for this key.
    pub fn ring(&mut self, key: K) {
        if let Some(bell) = self.bells.get(&key) {
            bell.ring();
        } else {
            self.start(key, Arc::new(Bell::default()));
        }
    }

    /// Waits until a task ends, and starts it again when its bell rang after its last look. Pending while there is none.
    pub async fn tend(&mut self) {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(key)) => {
                if let Some(bell) = self.bells.remove(&key)
                    && bell.take()
                {
                    self.start(key, bell);
                }
            }
            // A task panicked; which one shows in who holds a bell no more.
            Some(Err(_)) => self.bells.retain(|_, bell| Arc::strong_count(bell) > 1),
        }
    }

    fn start(&mut self, key: K, bell: Arc<Bell>) {
        self.bells.insert(key.clone(), Arc::clone(&bell));
        let work = (self.work)(key.clone(), bell);
        self.tasks.spawn(async move {
            work.await;
            key
        });
    }
}
