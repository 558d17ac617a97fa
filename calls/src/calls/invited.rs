//! Invites: which become calls, and what happens when both sides call at once.

use std::time::Duration;

use ruma::UserId;

use super::{CallKey, Calls, Output};
use crate::{
    call::{Call, Input},
    limits::CALLS,
    moment::Moment,
    signal::Signal,
    signalling::Signalling,
};

impl<S: Signalling> Calls<S> {
    pub(super) fn invited(
        &mut self,
        key: CallKey,
        sender: &UserId,
        signal: &Signal,
        age: Duration,
        out: &mut Vec<Output>,
        now: Moment,
    ) {
        // Another session of ours calls: nothing of that call concerns this one.
        if sender == self.me || !self.invites.take(now) || self.calls.len() >= CALLS {
            self.ended.insert(key);
            return;
        }
        let party = (self.new_id)();
        let Some(mut call) = Call::incoming(self.me.clone(), party, sender, signal, age, now) else {
            self.ended.insert(key);
            return;
        };
        for (sender, signal, age) in self.early.take(&key, now) {
            call.handle(Input::Said { sender, signal, age }, now);
        }
        if call.is_over() {
            self.ended.insert(key);
            return;
        }
        self.replace_older(&key, sender, out);
        match self.our_call_to(&key, sender) {
            Some((ours, preparing)) if preparing || key.call_id.as_str() < ours.call_id.as_str() => {
                self.calls.insert(key.clone(), call);
                self.continue_as(&ours, &key, out, now);
            }
            // Ours is the lesser: they will answer it, and theirs is not heard of again.
            Some(_) => {
                self.ended.insert(key);
            }
            None => {
                self.calls.insert(key, call);
            }
        }
    }

    /// Who calls again does not wait in the earlier call any more.
    fn replace_older(&mut self, key: &CallKey, sender: &UserId, out: &mut Vec<Output>) {
        let older = |(other, call): &(&CallKey, &Call)| {
            other.room == key.room && call.is_incoming() && call.peer() == Some(sender)
        };
        let Some(older) = self.calls.iter().find(older).map(|(other, _)| other.clone()) else { return };
        if let Some(call) = self.calls.get_mut(&older) {
            let actions = call.called_again();
            self.put(&older, actions, out);
        }
    }

    /// A call of ours in the same room that this sender could answer, and whether its invite is still to be sent.
    fn our_call_to(&self, key: &CallKey, sender: &UserId) -> Option<(CallKey, bool)> {
        let ours = |(other, call): &(&CallKey, &Call)| {
            other.room == key.room && call.could_be_with(sender) && (call.is_preparing() || call.is_inviting())
        };
        self.calls.iter().find(ours).map(|(other, call)| (other.clone(), call.is_preparing()))
    }

    /// Both called at once: theirs is accepted for the person, with the devices of ours, which ends.
    fn continue_as(&mut self, ours: &CallKey, theirs: &CallKey, out: &mut Vec<Output>, now: Moment) {
        let Some(mut old) = self.calls.remove(ours) else { return };
        if let Some(new) = self.calls.get_mut(theirs) {
            let actions = new.take_over(&old, now);
            self.put(theirs, actions, out);
        }
        let actions = old.give_way(&theirs.call_id);
        self.put(ours, actions, out);
        self.ended.insert(ours.clone());
    }
}
