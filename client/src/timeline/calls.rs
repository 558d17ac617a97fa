//! What became of the calls of a room, told from their events: most of those stand in no row of their own.

use std::num::NonZeroUsize;

use lru::LruCache;
use matrix_sdk::deserialized_responses::TimelineEvent;
use matrix_sdk_ui::timeline::EventTimelineItem;
use ruma::{OwnedDeviceId, OwnedUserId, UserId, events::AnySyncTimelineEvent, serde::Raw};
use serde::Deserialize;

use crate::view::{CallOutcome, StateChange};

/// Calls of which something is remembered, and events of one call that count.
const MOST_CALLS: usize = 1024;
const MOST_OF_ONE: usize = 8;
const LONGEST_ID: usize = 255;
/// Milliseconds an invitation is good for: where it does not say so, and at most.
const LIFETIME: u64 = 60_000;
const LONGEST_LIFETIME: u64 = 180_000;
/// Milliseconds after which a connection that is lost was a talk all the same.
const TALK: u64 = 60_000;
/// Memberships of calls in which each device says that it takes part.
const MEMBERSHIPS: [&str; 4] =
    ["m.rtc.member", "org.matrix.msc4143.rtc.member", "m.call.member", "org.matrix.msc3401.call.member"];

/// The calls of a room, as far as their events are loaded.
pub(super) struct CallsOfRoom {
    me: OwnedUserId,
    device: OwnedDeviceId,
    known: LruCache<String, Vec<Said>>,
}

/// What one event says about a call.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    by: OwnedUserId,
    party: Option<String>,
    /// Milliseconds since 1970, by its server's clock.
    at: u64,
    /// It was this device that said it.
    here: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Invite,
    Answer,
    Select { party: String },
    Reject,
    Hangup { reason: Reason },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reason {
    Person,
    Busy,
    Replaced,
    Failure,
}

/// An invitation, as its row tells it.
pub(super) struct Invited {
    call_id: String,
    pub(super) video: bool,
    lifetime: u64,
}

#[derive(Deserialize)]
struct Event {
    sender: OwnedUserId,
    origin_server_ts: u64,
    content: Content,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Deserialize)]
struct Content {
    call_id: String,
    party_id: Option<String>,
    selected_party_id: Option<String>,
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    transaction_id: Option<String>,
}

#[derive(Deserialize)]
struct Invite {
    content: InviteContent,
}

#[derive(Deserialize)]
struct InviteContent {
    call_id: String,
    lifetime: Option<u64>,
    offer: Option<Offer>,
}

#[derive(Deserialize)]
struct Offer {
    sdp: String,
}

impl CallsOfRoom {
    pub(super) fn new(me: OwnedUserId, device: OwnedDeviceId) -> Self {
        Self { me, device, known: LruCache::new(NonZeroUsize::new(MOST_CALLS).unwrap_or(NonZeroUsize::MIN)) }
    }

    /// Reads events, in any order and any number of times; true when they told anything new.
    pub(super) fn learn<'a>(&mut self, events: impl IntoIterator<Item = &'a TimelineEvent>) -> bool {
        let mut new = false;
        for event in events {
            let device = event.encryption_info().and_then(|info| info.sender_device.as_ref());
            let here = device.map(|device| *device == self.device);
            let Some((call_id, said)) = read(event.raw(), here) else { continue };
            let of_call = self.known.get_or_insert_mut(call_id, Vec::new);
            if of_call.len() < MOST_OF_ONE && !of_call.contains(&said) {
                of_call.push(said);
                new = true;
            }
        }
        new
    }

    /// What became of a call that `caller` placed.
    pub(super) fn outcome(&self, invited: &Invited, caller: &UserId, at: u64) -> CallOutcome {
        let said = self.known.peek(&invited.call_id).map(Vec::as_slice).unwrap_or_default();
        let by_caller = |one: &&Said| one.by == caller;
        let hangups = || {
            said.iter().filter_map(|one| match one.what {
                What::Hangup { reason } => Some((one, reason)),
                _ => None,
            })
        };
        if let Some(answer) = answer(said, caller) {
            let elsewhere = answer.by == self.me && !answer.here;
            // Other devices of who was called put the phone down as well.
            let over = hangups().filter(|(one, _)| one.by != answer.by || one.party == answer.party);
            let Some((end, reason)) = over.min_by_key(|(one, _)| one.at) else {
                return CallOutcome::Answered { elsewhere };
            };
            let duration = end.at.saturating_sub(answer.at);
            return match reason {
                Reason::Failure if duration < TALK => CallOutcome::Failed,
                _ => CallOutcome::Talked { duration, elsewhere },
            };
        }
        let (ours, theirs): (Vec<_>, Vec<_>) = hangups().partition(|(one, _)| by_caller(one));
        if theirs.iter().any(|(_, reason)| *reason == Reason::Busy) {
            return CallOutcome::Busy;
        }
        if theirs.iter().any(|(_, reason)| *reason == Reason::Failure) {
            return CallOutcome::Failed;
        }
        if self.crossed(invited, caller, at) || ours.iter().any(|(_, reason)| *reason == Reason::Replaced) {
            return CallOutcome::Crossed;
        }
        if !theirs.is_empty() || said.iter().any(|one| one.what == What::Reject && !by_caller(&one)) {
            return CallOutcome::Declined;
        }
        match ours.first() {
            Some((_, Reason::Failure)) => CallOutcome::Failed,
            Some(_) => CallOutcome::Missed,
            None => CallOutcome::Ringing { until: at.saturating_add(invited.lifetime) },
        }
    }

    /// Both called at the same moment, and the other call was taken.
    fn crossed(&self, invited: &Invited, caller: &UserId, at: u64) -> bool {
        let crosses = |said: &Vec<Said>| {
            let other = said.iter().find(|one| one.what == What::Invite);
            other.is_some_and(|other| {
                other.by != caller && other.at.abs_diff(at) < invited.lifetime && answer(said, &other.by).is_some()
            })
        };
        self.known.iter().any(|(call_id, said)| *call_id != invited.call_id && crosses(said))
    }
}

/// The answer that counts: the one that the caller took, else the first.
fn answer<'a>(said: &'a [Said], caller: &UserId) -> Option<&'a Said> {
    let taken = said.iter().find_map(|one| match &one.what {
        What::Select { party } if one.by == caller => Some(party),
        _ => None,
    });
    let answers = || said.iter().filter(|one| one.what == What::Answer && one.by != caller);
    answers()
        .find(|one| taken.is_some() && one.party.as_ref() == taken)
        .or_else(|| answers().min_by_key(|answer| answer.at))
}

/// The invitation of a row; `None` for any other.
pub(super) fn invitation(event: &EventTimelineItem) -> Option<Invited> {
    invited(event.original_json()?)
}

fn invited(raw: &Raw<AnySyncTimelineEvent>) -> Option<Invited> {
    let InviteContent { call_id, lifetime, offer } = raw.deserialize_as_unchecked::<Invite>().ok()?.content;
    let video = offer.is_some_and(|offer| offer.sdp.lines().any(|line| line.starts_with("m=video")));
    let lifetime = lifetime.unwrap_or(LIFETIME).min(LONGEST_LIFETIME);
    (call_id.len() <= LONGEST_ID).then_some(Invited { call_id, video, lifetime })
}

/// What a change of state says about calls in which each device takes part by itself; `None` for other changes.
pub(super) fn membership(event_type: &str, raw: Option<&Raw<AnySyncTimelineEvent>>) -> Option<StateChange> {
    if !MEMBERSHIPS.contains(&event_type) {
        return None;
    }
    let content: serde_json::Value = raw.and_then(|raw| raw.get_field("content").ok().flatten()).unwrap_or_default();
    // One that left empties its membership, or the list of them.
    let older = content.get("memberships").map(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let joined = older.unwrap_or_else(|| content.get("application").is_some());
    Some(if joined { StateChange::CalledElsewhere } else { StateChange::LeftCallElsewhere })
}

/// `here` where the event's encryption tells its device; else it is known by the transaction that only its device is told.
fn read(raw: &Raw<AnySyncTimelineEvent>, here: Option<bool>) -> Option<(String, Said)> {
    let kind = raw.get_field::<&str>("type").ok().flatten()?;
    if !kind.starts_with("m.call.") {
        return None;
    }
    let what = |content: &Content| {
        Some(match kind {
            "m.call.invite" => What::Invite,
            "m.call.answer" => What::Answer,
            "m.call.select_answer" => What::Select { party: content.selected_party_id.clone()? },
            "m.call.reject" => What::Reject,
            "m.call.hangup" => What::Hangup { reason: reason(content.reason.as_deref()) },
            _ => return None,
        })
    };
    let event: Event = raw.deserialize_as_unchecked().ok()?;
    let Content { call_id, party_id, selected_party_id, .. } = &event.content;
    let ids = [Some(call_id), party_id.as_ref(), selected_party_id.as_ref()];
    if ids.into_iter().flatten().any(|id| id.len() > LONGEST_ID) {
        return None;
    }
    let what = what(&event.content)?;
    let here = here.unwrap_or(event.unsigned.transaction_id.is_some());
    let Content { call_id, party_id: party, .. } = event.content;
    Some((call_id, Said { by: event.sender, party, at: event.origin_server_ts, here, what }))
}

fn reason(reason: Option<&str>) -> Reason {
    match reason {
        None | Some("user_hangup" | "invite_timeout") => Reason::Person,
        Some("user_busy") => Reason::Busy,
        Some("replaced") => Reason::Replaced,
        Some(_) => Reason::Failure,
    }
}

#[cfg(test)]
#[path = "calls/tests.rs"]
mod tests;
