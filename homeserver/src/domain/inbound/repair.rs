//! Repair of a room whose state here is not what it is elsewhere: the state is asked of several servers and resolved with ours.

use std::time::Duration;

use futures_util::StreamExt as _;
use ruma::{OwnedEventId, OwnedServerName, RoomId, ServerName, UserId, room_version_rules::RoomVersionRules};

use crate::{
    domain::{events::versions, rooms::RoomsError},
    store::RoomRow,
};

use super::{Inbound, missing::Helpers, pull::Asked};

/// Servers that are asked, how many of them at the same time, and how many have to tell their state.
const ASKED: usize = 25;
const PARALLEL: usize = 5;
const ANSWERS: usize = 5;
/// How long all of them are asked.
const TIME: Duration = Duration::from_secs(180);
/// Newest events that one server may name.
const HEADS: usize = 10;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The servers that told their state.
    pub servers: Vec<OwnedServerName>,
    /// Those that were asked in vain.
    pub failed: Vec<OwnedServerName>,
    /// The time was over before enough had told theirs, or all had answered.
    pub out_of_time: bool,
    /// Event types and state keys of what changed here.
    pub changed: Vec<(String, String)>,
}

impl Inbound {
    /// Asks the servers of a room for its state as they have it now, until five have told it; what all these states and ours resolve to
    /// is the state here from now on. Nothing that the rules of the room do not allow comes in by it.
    pub async fn repair(&self, room_id: &RoomId) -> Result<Repaired, RoomsError> {
        self.repair_until(room_id, tokio::time::sleep(TIME)).await
    }

    /// The same with what was told before `over`.
    pub(super) async fn repair_until(
        &self,
        room_id: &RoomId,
        over: impl Future<Output = ()> + Send,
    ) -> Result<Repaired, RoomsError> {
        let mut db = self.store.read().await?;
        let room = db.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let user = db.local_joined_members(room.sn).await?.first().copied().ok_or(RoomsError::NotInRoom)?;
        let user_id = db.user_id(user).await?;
        drop(db);
        let names = self.rooms.some_servers_of(room.sn, ASKED).await?;
        let (room, rules, user_id) = (&room, &rules, &user_id);
        let asking = names.into_iter().map(async |server| {
            let told = self.states_at(&server, room, rules, user_id).await;
            (server, told)
        });
        let mut asking = futures_util::stream::iter(asking).buffer_unordered(PARALLEL);
        let mut over = std::pin::pin!(over);
        let (mut servers, mut failed, mut states) = (Vec::new(), Vec::new(), Vec::new());
        let mut out_of_time = false;
        while servers.len() < ANSWERS {
            let next = tokio::select! {
                biased;
                next = asking.next() => next,
                () = &mut over => {
                    out_of_time = true;
                    break;
                }
            };
            match next {
                None => break,
                Some((server, Ok(told))) => {
                    states.extend(told);
                    servers.push(server);
                }
                Some((_, Err(RoomsError::Store(error)))) => return Err(error.into()),
                Some((server, Err(error))) => {
                    tracing::info!(%room_id, server = %server, %error, "A server does not tell the state of a room.");
                    failed.push(server);
                }
            }
        }
        drop(asking);
        if servers.is_empty() {
            let what = if out_of_time {
                "no other server told the room's state in time".to_owned()
            } else {
                format!("none of the {} other servers that were asked tells the room's state", failed.len())
            };
            return Err(RoomsError::Unreachable(what));
        }
        let changed = self.rooms.adopt_states(room_id, states).await?;
        let (told, asked_in_vain, changes) = (servers.len(), failed.len(), changed.len());
        tracing::info!(%room_id, told, asked_in_vain, out_of_time, changes, "A room was repaired.");
        Ok(Repaired { servers, failed, out_of_time, changed })
    }

    /// The state after each of a server's newest events of the room, which a leave that is never sent would follow.
    async fn states_at(
        &self,
        server: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        user_id: &UserId,
    ) -> Result<Vec<Vec<OwnedEventId>>, RoomsError> {
        let heads = self.heads_at(server, room, user_id, Asked::InAnyCase).await?;
        let helpers = Helpers::only(server);
        let mut states = Vec::new();
        for head in heads.into_iter().take(HEADS) {
            let mut state = self.fetch_state(&helpers, room, rules, &head).await?;
            let (event, _) = self.event_at(server, room, rules, &head).await?;
            if event.state_key.is_some() {
                self.rooms.accept_outliers(&room.room_id, &room.version, vec![event]).await?;
                state.push(head);
            }
            states.push(state);
        }
        Ok(states)
    }
}
