//! Check 6: the room's state now allows the event.

use crate::{
    domain::rooms::{Rooms, RoomsError, accept::write::Judged},
    store::StateMap,
};

use super::Verdict;

impl Rooms {
    pub(in crate::domain::rooms::accept) async fn check_state_now(
        &self,
        judged: &Judged,
        now: &StateMap,
    ) -> Result<Verdict, RoomsError> {
        // The state before allowed it already.
        if judged.before == *now {
            return Ok(Ok(()));
        }
        self.allowed_by(&judged.room, &judged.rules, &judged.event, now).await
    }
}
