//! What can be asked of a call.

use ruma::{UserId, VoipId};

use super::{Alert, Call, Phase};
use crate::{
    change::{Cause, Side},
    engine::LocalMedia,
    signal::Streams,
};

impl Call {
    pub fn id(&self) -> &VoipId {
        &self.id
    }

    /// This session's name in the call.
    pub fn party_id(&self) -> &VoipId {
        &self.party
    }

    /// The other side's user, once known.
    pub fn peer(&self) -> Option<&UserId> {
        self.peer.as_ref().map(|peer| &*peer.user)
    }

    /// The streams that they send; others are to be ignored. None: their app cannot tell, take the first.
    pub fn their_streams(&self) -> Option<&Streams> {
        self.peer.as_ref().filter(|peer| peer.knows_streams).map(|_| &self.theirs)
    }

    pub fn media(&self) -> LocalMedia {
        self.media
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    pub fn cause(&self) -> Option<Cause> {
        if let Phase::Ended(cause) = self.phase { Some(cause) } else { None }
    }

    /// An invite of theirs that nobody here accepted.
    pub fn is_incoming(&self) -> bool {
        matches!(self.phase, Phase::Incoming { .. })
    }

    /// An incoming call of which the person was not told.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Incoming { alert: Alert::Pending, .. })
    }

    /// A call of ours whose invite is not sent.
    pub fn is_preparing(&self) -> bool {
        self.side == Side::Us && matches!(self.phase, Phase::Preparing { .. } | Phase::Gathering { .. })
    }

    /// A call of ours that waits for an answer.
    pub fn is_inviting(&self) -> bool {
        matches!(self.phase, Phase::Inviting { .. })
    }

    /// Both sides agreed to talk; connected or about to be.
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Connected | Phase::Reconnecting { .. })
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected)
    }

    /// Whether a screen can be shared in it: where not, nobody need choose one.
    pub fn can_share(&self) -> bool {
        self.is_active() && self.peer.as_ref().is_some_and(|peer| peer.knows_streams)
    }

    /// True for a call that `user` could be the other side of.
    pub fn could_be_with(&self, user: &UserId) -> bool {
        user != self.me && self.invitee.as_ref().is_none_or(|invitee| invitee == user)
    }
}
