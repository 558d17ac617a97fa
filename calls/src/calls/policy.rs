//! Whether a call rings: the owner of the calls knows the rooms and the person's wishes.

use ruma::{RoomId, UserId};

use crate::change::Silence;

/// Direct rooms are small; in a larger one a call would ring for people who do not know each other.
const MOST_MEMBERS: u64 = 10;

pub trait RingPolicy {
    /// `in_call`: the person is in another call.
    fn judge(&self, room: &RoomId, caller: &UserId, in_call: bool) -> Verdict;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ring,
    /// The room shows the call and why it is silent.
    Silent(Silence),
    /// The person wishes to be busy while in a call: the caller is told.
    SayBusy,
}

/// What the verdict depends on in an ordinary setting.
#[derive(Clone, Copy, Debug)]
pub struct RoomFacts {
    pub direct: bool,
    /// Joined members, ourselves included.
    pub members: u64,
    /// Anyone may join.
    pub public: bool,
    pub caller_ignored: bool,
}

impl RoomFacts {
    pub fn verdict(self) -> Verdict {
        if self.caller_ignored {
            Verdict::Silent(Silence::Ignored)
        } else if self.public {
            Verdict::Silent(Silence::PublicRoom)
        } else if self.members > MOST_MEMBERS {
            Verdict::Silent(Silence::TooManyPeople)
        } else if !self.direct && self.members > 2 {
            Verdict::Silent(Silence::NotDirect)
        } else {
            Verdict::Ring
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RoomFacts, Verdict};
    use crate::change::Silence;

    #[test]
    fn only_rooms_of_people_who_know_each_other_ring() {
        let direct = RoomFacts { direct: true, members: 2, public: false, caller_ignored: false };
        assert_eq!(direct.verdict(), Verdict::Ring);
        assert_eq!(RoomFacts { direct: false, ..direct }.verdict(), Verdict::Ring);
        let silent = |facts: RoomFacts| match facts.verdict() {
            Verdict::Silent(why) => Some(why),
            _ => None,
        };
        assert_eq!(silent(RoomFacts { public: true, ..direct }), Some(Silence::PublicRoom));
        assert_eq!(silent(RoomFacts { direct: false, members: 3, ..direct }), Some(Silence::NotDirect));
        assert_eq!(silent(RoomFacts { members: 11, ..direct }), Some(Silence::TooManyPeople));
        assert_eq!(silent(RoomFacts { caller_ignored: true, ..direct }), Some(Silence::Ignored));
    }
}
