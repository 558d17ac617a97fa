//! The clock as an argument: what the time is, so that tests and replays can say it.

use std::sync::Arc;

use ruma::MilliSecondsSinceUnixEpoch;

/// Tells the wall-clock time in milliseconds since 1970.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(|| {
            #[expect(clippy::disallowed_methods, reason = "the one place where the system's clock is read")]
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        }))
    }

    /// A clock of the caller's own.
    pub fn from_fn(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }

    /// The same as ruma's type.
    pub fn now(&self) -> MilliSecondsSinceUnixEpoch {
        let ms = u64::try_from(self.now_ms()).unwrap_or_default();
        MilliSecondsSinceUnixEpoch(ruma::UInt::try_from(ms).unwrap_or(ruma::UInt::MAX))
    }
}
