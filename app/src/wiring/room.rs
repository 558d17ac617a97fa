//! Room: the header and panel of one room, and how far its members are when it was joined a moment ago.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use client::view::{Arriving, RoomView};
use homeserver::store::RoomSn;
use tokio::sync::watch;

use crate::{api::push::Push, app::App, subscriptions::Outlet};

/// What our server tells of rooms whose members are on their way.
type Arrivals = watch::Receiver<BTreeMap<RoomSn, homeserver::domain::rooms::Arriving>>;

pub(super) async fn run(app: App, room_id: String, out: Outlet) {
    let (app, out, room_id) = (&app, &out, room_id.as_str());
    super::with_session(app, "room", |session| async move {
        let arrivals = app.inner().server.lock().await.as_ref().and_then(crate::server::RunningServer::arriving);
        let last = Mutex::new(None::<RoomView>);
        let tell = |view: Option<RoomView>| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(mut view) = view.or_else(|| last.clone()) else { return };
            view.arriving = arrivals.as_ref().and_then(|arrivals| of_room(arrivals, room_id));
            if last.as_ref() != Some(&view) {
                *last = Some(view.clone());
                out.push(Push::Room(Box::new(view)));
            }
        };
        tokio::select! {
            followed = session.follow_room(room_id, |view| tell(Some(view))) => followed,
            () = each_change(arrivals.clone(), || tell(None)) => Ok(()),
        }
    })
    .await;
}

/// Calls `told` whenever a room's members came nearer; never returns where nothing can come.
async fn each_change(arrivals: Option<Arrivals>, told: impl Fn()) {
    if let Some(mut arrivals) = arrivals {
        while arrivals.changed().await.is_ok() {
            told();
        }
    }
    std::future::pending().await
}

fn of_room(arrivals: &Arrivals, room_id: &str) -> Option<Arriving> {
    let count = |pieces: usize| u32::try_from(pieces).unwrap_or(u32::MAX);
    let rooms = arrivals.borrow();
    let room = rooms.values().find(|room| room.room_id == room_id)?;
    Some(Arriving { arrived: count(room.arrived), all: room.all.map(count) })
}
