//! Notices that the computer has slept, or that its clock was set: the wall clock and the steady clock have parted.
//!
//! Linux and macOS stop the steady clock during a suspend, so no timer fires late and nothing else in the process notices.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const TICK: Duration = Duration::from_secs(1);
/// Less is a busy machine or a corrected clock.
const GAP: Duration = Duration::from_secs(5);

/// Waits for the next jump of the wall clock and returns how far it went, or `None` when cancelled. A jump forwards is a
/// sleep; after one backwards what was to happen later waits too long, so it counts the same. `wall_clock_ms` tells the
/// milliseconds since 1970.
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
        let wall = now.0.saturating_sub(before.0);
        let steady = i64::try_from(now.1.duration_since(before.1).as_millis()).unwrap_or(i64::MAX);
        before = now;
        let jump = Duration::from_millis(wall.saturating_sub(steady).unsigned_abs());
        if jump > GAP {
            return Some(jump);
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
    async fn only_a_jump_of_the_wall_clock_counts() {
        let jump = Arc::new(AtomicI64::new(0));
        let start = Instant::now();
        let wall = {
            let jump = jump.clone();
            move || i64::try_from(start.elapsed().as_millis()).unwrap() + jump.load(Ordering::SeqCst)
        };
        let cancelled = CancellationToken::new();
        let token = cancelled.clone();
        let sleeper = tokio::spawn(async move {
            let jumps = [woken(&wall, &token).await, woken(&wall, &token).await, woken(&wall, &token).await];
            jumps.map(|jump| jump.map(|jump| jump.as_secs()))
        });
        sleep(Duration::from_secs(100)).await;
        for small in [4_000, -4_000] {
            jump.fetch_add(small, Ordering::SeqCst);
            sleep(Duration::from_secs(10)).await;
        }
        jump.fetch_add(60_000, Ordering::SeqCst);
        sleep(Duration::from_secs(3)).await;
        jump.fetch_sub(3_600_000, Ordering::SeqCst);
        sleep(Duration::from_secs(10)).await;
        cancelled.cancel();
        assert_eq!(sleeper.await.unwrap(), [Some(60), Some(3600), None]);
    }
}
