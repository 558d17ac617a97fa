//! Notices that the computer has slept: the wall clock has moved on while the steady clock stood still.
//!
//! Linux and macOS stop the steady clock during a suspend, so no timer fires late and nothing else in the process notices.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const TICK: Duration = Duration::from_secs(1);
/// Less is a busy machine or a corrected clock.
const GAP: Duration = Duration::from_secs(5);

/// Waits for the next waking and returns how long the computer slept, or `None` when cancelled. `wall_clock_ms` tells
/// the milliseconds since 1970.
pub async fn woken(wall_clock_ms: impl Fn() -> i64, cancelled: &CancellationToken) -> Option<Duration> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = (wall_clock_ms(), Instant::now());
    loop {
        tokio::select! {
            () = cancelled.cancelled() => return None,
            _ = ticks.tick() => {}
        }
        let now = (wall_clock_ms(), Instant::now());
        let wall = Duration::from_millis(u64::try_from(now.0.saturating_sub(before.0)).unwrap_or(0));
        let steady = now.1.duration_since(before.1);
        before = now;
        let slept = wall.saturating_sub(steady);
        if slept > GAP {
            return Some(slept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use tokio::time::{Instant, sleep};
    use tokio_util::sync::CancellationToken;

    use super::woken;

    #[tokio::test(start_paused = true)]
    async fn only_a_jump_of_the_wall_clock_is_a_sleep() {
        let jump = Arc::new(AtomicI64::new(0));
        let start = Instant::now();
        let wall = {
            let jump = jump.clone();
            move || i64::try_from(start.elapsed().as_millis()).unwrap() + jump.load(Ordering::SeqCst)
        };
        let cancelled = CancellationToken::new();
        let token = cancelled.clone();
        let sleeper = tokio::spawn(async move { (woken(&wall, &token).await, woken(&wall, &token).await) });
        sleep(Duration::from_secs(100)).await;
        jump.fetch_sub(3_600_000, Ordering::SeqCst);
        sleep(Duration::from_secs(10)).await;
        jump.fetch_add(4_000, Ordering::SeqCst);
        sleep(Duration::from_secs(10)).await;
        assert!(!sleeper.is_finished());
        jump.fetch_add(60_000, Ordering::SeqCst);
        sleep(Duration::from_secs(3)).await;
        cancelled.cancel();
        let (slept, after) = sleeper.await.unwrap();
        assert_eq!(slept.map(|slept| slept.as_secs()), Some(60));
        assert_eq!(after, None);
    }
}
