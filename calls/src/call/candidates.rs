//! ICE candidates on their way: ours collected into few events, theirs kept until the engine can take them.

use std::time::Duration;

use ruma::{OwnedUserId, OwnedVoipId, UserId};

use crate::{
    limits::{BATCH_AFTER_ANSWER, CANDIDATES, CANDIDATES_PER_EVENT, EARLY_PARTIES, EARLY_SIGNALS},
    moment::Moment,
    signal::{Body, Candidate, Signal},
};

/// Our candidates that were not sent.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Vec<Candidate>,
    since: Moment,
    /// Nothing is sent before the description is, and then not before this.
    open_at: Option<Moment>,
    found: usize,
    gathered: bool,
    end_said: bool,
}

impl Outbox {
    pub fn add(&mut self, candidate: Candidate, now: Moment) {
        if self.found >= CANDIDATES {
            return;
        }
        self.found += 1;
        if self.waiting.is_empty() {
            self.since = now;
        }
        self.waiting.push(candidate);
    }

    pub fn gathered(&mut self) {
        self.gathered = true;
    }

    pub fn is_gathered(&self) -> bool {
        self.gathered
    }

    /// The candidates that go into the description itself.
    pub fn take_first(&mut self, most: usize) -> Vec<Candidate> {
        self.waiting.drain(..self.waiting.len().min(most)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The description is sent.
    pub fn open(&mut self, at: Moment) {
        self.open_at = Some(at);
    }

    /// Another ICE generation: its candidates count anew.
    pub fn generation(&mut self) {
        (self.found, self.gathered, self.end_said) = (0, false, false);
        self.waiting.clear();
    }

    pub fn due(&self) -> Option<Moment> {
        let open_at = self.open_at?;
        if self.gathered && !(self.end_said && self.waiting.is_empty()) {
            return Some(Moment::default());
        }
        (!self.waiting.is_empty()).then(|| open_at.max(self.since + BATCH_AFTER_ANSWER))
    }

    /// The next event's candidates, when it is time. `say_end`: the peer knows what an empty candidate is.
    pub fn poll(&mut self, say_end: bool, now: Moment) -> Option<Vec<Candidate>> {
        self.due().filter(|due| *due <= now)?;
        let many = self.waiting.len().min(CANDIDATES_PER_EVENT - 1);
        let mut batch: Vec<Candidate> = self.waiting.drain(..many).collect();
        self.since = now;
        if self.gathered && self.waiting.is_empty() && !self.end_said {
            self.end_said = true;
            if say_end {
                batch.push(Candidate::end());
            }
        }
        Some(batch)
    }
}

/// Their candidates, counted, and kept while there is no remote description.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Vec<Candidate>,
    taken: usize,
    ufrag: Option<String>,
}

impl Inbox {
    /// Takes what the bound leaves room for.
    pub fn add(&mut self, candidates: Vec<Candidate>) {
        let room = CANDIDATES.saturating_sub(self.taken);
        let before = self.waiting.len();
        self.waiting.extend(candidates.into_iter().take(room));
        self.taken += self.waiting.len() - before;
    }

    pub fn take(&mut self) -> Vec<Candidate> {
        std::mem::take(&mut self.waiting)
    }

    /// A remote description with this fragment: another one starts another count. True when it does.
    pub fn generation(&mut self, ufrag: Option<String>) -> bool {
        let new = self.ufrag != ufrag;
        if new {
            self.taken = self.waiting.len();
            self.ufrag = ufrag;
        }
        new
    }
}

/// What parties said before one of them was chosen; kept because events arrive in any order.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<Party>);

#[derive(Debug)]
struct Party {
    user: OwnedUserId,
    party: Option<OwnedVoipId>,
    said: Vec<(Signal, Duration, Moment)>,
}

impl Early {
    pub fn keep(&mut self, user: &UserId, signal: Signal, age: Duration, now: Moment) {
        let candidates = matches!(signal.body, Body::Candidates(_));
        if !candidates && !matches!(signal.body, Body::Negotiate { .. } | Body::StreamsChanged(_)) {
            return;
        }
        let at = self.0.iter().position(|kept| kept.user == user && kept.party == signal.party_id);
        if at.is_none() && self.0.len() < EARLY_PARTIES {
            self.0.push(Party { user: user.to_owned(), party: signal.party_id.clone(), said: Vec::new() });
        }
        let kept = at.or(self.0.len().checked_sub(1)).and_then(|at| self.0.get_mut(at));
        if let Some(kept) = kept.filter(|kept| kept.user == user && kept.party == signal.party_id)
            && kept.said.len() < EARLY_SIGNALS
        {
            kept.said.push((signal, age, now));
        }
    }

    /// What the chosen party said, with its age by now; the others are forgotten.
    pub fn choose(&mut self, user: &UserId, party: Option<&OwnedVoipId>, now: Moment) -> Vec<(Signal, Duration)> {
        let all = std::mem::take(&mut self.0).into_iter();
        let chosen = all.filter(|kept| kept.user == user && (party.is_none() || kept.party.as_ref() == party));
        let said = chosen.flat_map(|kept| kept.said);
        said.map(|(signal, age, then)| (signal, age.saturating_add(now.since(then)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Inbox, Outbox};
    use crate::{
        limits::{CANDIDATES, CANDIDATES_PER_EVENT},
        moment::Moment,
        signal::Candidate,
    };

    fn candidate(n: usize) -> Candidate {
        Candidate { candidate: format!("candidate:{n}"), mid: Some("0".to_owned()), line: Some(0) }
    }

    fn at(millis: u64) -> Moment {
        Moment::at(Duration::from_millis(millis))
    }

    #[test]
    fn candidates_wait_for_company_and_the_end_for_nothing() {
        let mut outbox = Outbox::default();
        outbox.add(candidate(1), at(0));
        assert_eq!(outbox.due(), None);
        outbox.open(at(2000));
        outbox.add(candidate(2), at(1000));
        assert_eq!((outbox.due(), outbox.poll(true, at(1999))), (Some(at(2000)), None));
        assert_eq!(outbox.poll(true, at(2000)), Some(vec![candidate(1), candidate(2)]));
        outbox.add(candidate(3), at(3000));
        assert_eq!(outbox.due(), Some(at(3500)));
        outbox.gathered();
        assert_eq!(outbox.poll(true, at(3001)), Some(vec![candidate(3), Candidate::end()]));
        assert_eq!(outbox.due(), None);
    }

    #[test]
    fn the_end_is_said_even_when_every_candidate_was_in_the_description() {
        let mut outbox = Outbox::default();
        outbox.gathered();
        outbox.open(at(2000));
        assert_eq!(outbox.poll(true, at(0)), Some(vec![Candidate::end()]));
        assert_eq!(outbox.poll(true, at(9000)), None);
    }

    #[test]
    fn no_event_and_no_generation_holds_more_than_its_bound() {
        let mut outbox = Outbox::default();
        outbox.open(at(0));
        (0..10_000).for_each(|n| outbox.add(candidate(n), at(0)));
        outbox.gathered();
        let mut sent = Vec::new();
        while let Some(batch) = outbox.poll(true, at(5000)) {
            assert!(batch.len() <= CANDIDATES_PER_EVENT);
            sent.extend(batch);
        }
        assert_eq!(sent.len(), CANDIDATES + 1);
        let mut inbox = Inbox::default();
        (0..200).for_each(|n| inbox.add((0..64).map(|m| candidate(n * 64 + m)).collect()));
        assert_eq!(inbox.take().len(), CANDIDATES);
        inbox.add(vec![candidate(0)]);
        assert_eq!(inbox.take(), []);
        assert!(inbox.generation(Some("restarted".to_owned())));
        inbox.add(vec![candidate(0)]);
        assert_eq!(inbox.take().len(), 1);
    }
}
