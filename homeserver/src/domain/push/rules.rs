//! Rulesets of local users, parsed once until they change.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{UserId, push::Ruleset};

use super::default_rules;
use crate::store::{Db, Position, StoreError, UserSn};

const CACHED: NonZeroUsize = match NonZeroUsize::new(256) {
    Some(size) => size,
    None => NonZeroUsize::MIN,
};

/// Parsed rulesets by user. Cheap to clone.
#[derive(Clone)]
pub struct RuleCache(Arc<Mutex<Kept>>);

/// Each user's rules, with the position at which they were read.
type Kept = LruCache<UserSn, (Position, Arc<Ruleset>)>;

impl Default for RuleCache {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(CACHED))))
    }
}

impl RuleCache {
    /// The user's rules: the stored ones with the server's defaults under them.
    pub async fn of(&self, db: &mut Db, user: UserSn, user_id: &UserId) -> Result<Arc<Ruleset>, StoreError> {
        let Some(position) = db.push_rules_position(user).await? else {
            return Ok(self.remember(user, Position(0), || default_rules(user_id)));
        };
        if let Some(rules) = self.cached(user, position) {
            return Ok(rules);
        }
        let mut rules = db.push_rules(user).await?;
        rules.update_with_server_default(default_rules(user_id));
        Ok(self.remember(user, position, || rules))
    }

    fn cached(&self, user: UserSn, position: Position) -> Option<Arc<Ruleset>> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&user).filter(|(at, _)| *at == position).map(|(_, rules)| Arc::clone(rules))
    }

    fn remember(&self, user: UserSn, position: Position, make: impl FnOnce() -> Ruleset) -> Arc<Ruleset> {
        if let Some(rules) = self.cached(user, position) {
            return rules;
        }
        let rules = Arc::new(make());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(user, (position, Arc::clone(&rules)));
        rules
    }
}
