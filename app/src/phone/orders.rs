//! What the person orders, done.

use calls::{CallKey, LocalMedia, Person, calls::NotPlaced};

use super::{Line, Order};
use crate::api::{
    call::CallRef,
    error::{AppError, ErrorCode},
};

/// Of rooms and of calls.
const LONGEST_ID: usize = 255;

impl Line {
    pub(super) async fn order(&mut self, order: Order) {
        match order {
            Order::Place { room_id, video, placed } => {
                // Nobody waits any more when the page is gone; the call is placed all the same.
                let _ = placed.send(self.place(&room_id, video).await);
            }
            Order::Do { call, what, done } => {
                let _ = done.send(self.act(&call, what).await);
            }
            Order::Close { call, done } => {
                let closed = if self.screen.close(&call) { Ok(()) } else { Err(no_such_call()) };
                let _ = done.send(closed);
            }
            Order::Refresh => {
                for (key, _) in self.calls.iter() {
                    self.engine.refresh(key);
                }
            }
            Order::ReopenCamera => {
                for (key, _) in self.calls.iter() {
                    self.engine.reopen_camera(key);
                }
            }
            Order::End { .. } => {}
        }
    }

    async fn act(&mut self, call: &CallRef, what: Vec<Person>) -> Result<(), AppError> {
        let key = key(call)?;
        if self.calls.get(&key).is_none() {
            return Err(no_such_call());
        }
        for what in what {
            if what == Person::Share(true) && self.calls.get(&key).is_some_and(calls::Call::can_share) {
                self.sharing.ask(key.clone());
                continue;
            }
            let out = self.calls.person(&key, what, self.now());
            self.put(out).await;
        }
        Ok(())
    }

    async fn place(&mut self, room_id: &str, video: bool) -> Result<(), AppError> {
        let (room, partner) = self.session.call_partner(room_id).await?;
        let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
        let (key, out) = self.calls.place(room, partner.clone(), media, self.now()).map_err(|why| match why {
            NotPlaced::InThisRoom(_) => {
                AppError::new(ErrorCode::Failed, "There is a call in this conversation already.")
            }
            NotPlaced::BeingSetUp(_) => AppError::new(ErrorCode::Failed, "Another call is being set up."),
            NotPlaced::TooMany => AppError::new(ErrorCode::Failed, "There are too many calls."),
        })?;
        self.screen.placed(&key, partner.as_deref()).await;
        self.put(out).await;
        Ok(())
    }
}

fn key(call: &CallRef) -> Result<CallKey, AppError> {
    let no_call = |why: &str| AppError::new(ErrorCode::BadArguments, "That is no call.").with_detail(why);
    let ids = [&call.room_id, &call.call_id];
    if ids.into_iter().any(|id| id.is_empty() || id.len() > LONGEST_ID) {
        return Err(no_call("the length of an id"));
    }
    let room = call.room_id.as_str().try_into().map_err(|_| no_call("the id of the room"))?;
    Ok(CallKey { room, call_id: call.call_id.as_str().into() })
}

fn no_such_call() -> AppError {
    AppError::new(ErrorCode::NotFound, "There is no such call any more.")
}
