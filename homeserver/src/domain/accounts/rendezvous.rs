//! Meeting points: two devices of a person that cannot reach each other yet exchange a few sealed bytes here (MSC4108, MSC4388).

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;

use crate::clock::Clock;

use super::secrets::random_token;

/// How long a meeting may take.
pub const LIFE_MS: i64 = 5 * 60_000;
/// The largest payload, in bytes.
pub const LARGEST: usize = 4096;
/// Meeting points that are kept; the oldest are forgotten first.
const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// The meeting points of this server. Cheap to clone; nothing of them outlives the program.
#[derive(Clone)]
pub struct Rendezvous {
    clock: Clock,
    points: Arc<Mutex<LruCache<String, Point>>>,
}

/// What lies at a meeting point now.
#[derive(Clone, Debug)]
pub struct Point {
    pub data: Bytes,
    /// Another one with each change.
    pub version: String,
    /// Milliseconds since 1970.
    pub changed_ts: i64,
    pub expires_ts: i64,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RendezvousError {
    #[error("there is no such meeting point, or it is over")]
    NotFound,
    #[error("a payload has at most 4096 bytes")]
    TooLarge,
    /// With what lies there.
    #[error("somebody else has changed it meanwhile")]
    Changed(Point),
}

impl Rendezvous {
    pub fn new(clock: Clock) -> Self {
        Self { clock, points: Arc::new(Mutex::new(LruCache::new(MOST))) }
    }

    /// Makes a meeting point and answers its id, which nobody can guess.
    pub fn create(&self, data: Bytes) -> Result<(String, Point), RendezvousError> {
        let now = self.clock.now_ms();
        let point = Point { data: fitting(data)?, version: new_version(), changed_ts: now, expires_ts: now + LIFE_MS };
        let id = random_token(&mut rand::rng());
        self.points.lock().unwrap_or_else(PoisonError::into_inner).put(id.clone(), point.clone());
        Ok((id, point))
    }

    pub fn get(&self, id: &str) -> Result<Point, RendezvousError> {
        let points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        let point = points.peek(id).filter(|point| point.expires_ts > self.clock.now_ms());
        point.cloned().ok_or(RendezvousError::NotFound)
    }

    /// Lays other data there, when what lies there is still of the version that the asker has seen.
    pub fn update(&self, id: &str, seen: &str, data: Bytes) -> Result<Point, RendezvousError> {
        let data = fitting(data)?;
        let now = self.clock.now_ms();
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        let point = points.peek_mut(id).filter(|point| point.expires_ts > now).ok_or(RendezvousError::NotFound)?;
        if point.version != seen {
            return Err(RendezvousError::Changed(point.clone()));
        }
        (point.data, point.version, point.changed_ts) = (data, new_version(), now);
        Ok(point.clone())
    }

    /// Ends a meeting.
    pub fn delete(&self, id: &str) -> Result<(), RendezvousError> {
        let ended = self.points.lock().unwrap_or_else(PoisonError::into_inner).pop(id);
        ended.filter(|point| point.expires_ts > self.clock.now_ms()).map(drop).ok_or(RendezvousError::NotFound)
    }
}

fn fitting(data: Bytes) -> Result<Bytes, RendezvousError> {
    if data.len() > LARGEST {
        return Err(RendezvousError::TooLarge);
    }
    // A copy: a slice would keep the whole request's buffer alive.
    Ok(Bytes::copy_from_slice(&data))
}

fn new_version() -> String {
    random_token(&mut rand::rng())
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Clock, MOST, Rendezvous, RendezvousError};

    #[test]
    fn the_oldest_meeting_gives_way_to_the_newest() {
        let rendezvous = Rendezvous::new(Clock::from_fn(|| 1_000));
        let (first, _) = rendezvous.create(Bytes::from_static(b"one")).unwrap();
        for _ in 1..MOST.get() {
            rendezvous.create(Bytes::from_static(b"more")).unwrap();
        }
        assert_eq!(rendezvous.get(&first).unwrap().data, "one");
        rendezvous.create(Bytes::from_static(b"one too many")).unwrap();
        assert!(matches!(rendezvous.get(&first), Err(RendezvousError::NotFound)));
    }
}
