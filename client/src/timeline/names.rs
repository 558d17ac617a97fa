//! Names of those who react and read, learnt before rows are drawn.

use std::{collections::HashMap, sync::Arc};

use matrix_sdk::Room;
use matrix_sdk_ui::timeline::{Profile, TimelineDetails, TimelineItem};
use ruma::{OwnedUserId, UserId};

use crate::{people, view::Person};

pub(super) struct Names {
    room: Room,
    known: HashMap<OwnedUserId, Person>,
}

impl Names {
    pub(super) fn new(room: Room) -> Self {
        Self { room, known: HashMap::new() }
    }

    /// Looks up everybody whom these items mention without a name.
    pub(super) async fn learn(&mut self, items: impl Iterator<Item = &Arc<TimelineItem>>) {
        for item in items {
            let Some(event) = item.as_event() else { continue };
            let readers = event.read_receipts().keys();
            let reacting =
                event.content().reactions().into_iter().flat_map(|all| all.values()).flat_map(|by| by.keys());
            let ids: Vec<OwnedUserId> = readers.chain(reacting).cloned().collect();
            for id in ids {
                if !self.known.contains_key(&id) {
                    let person = people::in_room(&self.room, &id).await;
                    self.known.insert(id, person);
                }
            }
        }
    }

    pub(super) fn person(&self, user_id: &UserId) -> Person {
        self.known.get(user_id).cloned().unwrap_or_else(|| people::nameless(user_id))
    }

    /// A sender: the profile that came with the item, else what is known.
    pub(super) fn sender(&self, user_id: &UserId, profile: &TimelineDetails<Profile>) -> Person {
        match profile {
            TimelineDetails::Ready(profile) => people::person(
                user_id,
                profile.display_name.as_deref(),
                profile.display_name_ambiguous,
                profile.avatar_url.as_ref().map(ToString::to_string),
            ),
            _ => self.person(user_id),
        }
    }
}
