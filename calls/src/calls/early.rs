//! What came before the invite that it belongs to: events of a room may arrive in any order.

use std::{collections::VecDeque, time::Duration};

use ruma::OwnedUserId;

use super::CallKey;
use crate::{
    limits::{EARLY_CALLS, EARLY_PATIENCE, EARLY_SIGNALS},
    moment::Moment,
    signal::{Body, Signal},
};

#[derive(Default)]
pub(super) struct EarlyCalls(VecDeque<Early>);

struct Early {
    key: CallKey,
    since: Moment,
    said: Vec<(OwnedUserId, Signal, Duration, Moment)>,
}

impl EarlyCalls {
    /// Keeps what a ringing call would heed. Candidates leave room for the words that end a call.
    pub fn keep(&mut self, key: CallKey, sender: OwnedUserId, mut signal: Signal, age: Duration, now: Moment) {
        self.forget(now);
        let most = match &mut signal.body {
            Body::Candidates(_) => EARLY_SIGNALS / 2,
            Body::StreamsChanged(_) | Body::SelectAnswer { .. } | Body::Reject | Body::Hangup(_) => EARLY_SIGNALS,
            // That someone answered is what counts, not with which description.
            Body::Answer { sdp, streams } => {
                (*sdp, *streams) = (String::new(), None);
                EARLY_SIGNALS
            }
            Body::Invite(_) | Body::Negotiate { .. } => return,
        };
        if !self.0.iter().any(|early| early.key == key) {
            if self.0.len() >= EARLY_CALLS {
                self.0.pop_front();
            }
            self.0.push_back(Early { key: key.clone(), since: now, said: Vec::new() });
        }
        if let Some(early) = self.0.iter_mut().find(|early| early.key == key)
            && early.said.len() < most
        {
            early.said.push((sender, signal, age, now));
        }
    }

    /// What was said of this call, with its age by now.
    pub fn take(&mut self, key: &CallKey, now: Moment) -> Vec<(OwnedUserId, Signal, Duration)> {
        self.forget(now);
        let at = self.0.iter().position(|early| early.key == *key);
        let said = at.and_then(|at| self.0.remove(at)).map(|early| early.said).unwrap_or_default().into_iter();
        said.map(|(sender, signal, age, then)| (sender, signal, age.saturating_add(now.since(then)))).collect()
    }

    fn forget(&mut self, now: Moment) {
        self.0.retain(|early| now.since(early.since) < EARLY_PATIENCE);
    }
}
