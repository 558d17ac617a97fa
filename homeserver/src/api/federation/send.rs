//! PUT /_matrix/federation/v1/send/{txnId}: another server's transaction.

use std::collections::BTreeSet;

use ruma::OwnedRoomId;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        federation::{
            Federation,
            heads::{self, RoomHeads},
            quota::Cost,
        },
        inbound::{Inbound, Transaction},
    },
};

pub async fn send_transaction(
    (inbound, federation): (Inbound, Federation),
    request: Ruma<heads::Transaction>,
) -> Result<heads::Answer, ApiError> {
    let heads::Transaction { request: sent, heads: told } = &request.request;
    let origin = &request.sender;
    let transaction =
        Transaction { txn_id: &sent.transaction_id, origin: &sent.origin, pdus: &sent.pdus, edus: &sent.edus };
    transaction.check_size()?;
    let cost = Cost { pdus: sent.pdus.len(), edus: sent.edus.len(), bytes: request.body.len() };
    federation.quota.take(origin.server, cost, Instant::now()).map_err(ApiError::limit_exceeded)?;
    let pdus = inbound.transaction(origin, transaction).await?;
    let heads = if told.is_empty() {
        RoomHeads::new()
    } else {
        federation.heads.heard(&origin.server_name, origin.server, told.clone()).await?
    };
    federation.heads.went_on(rooms(&sent.pdus), origin.server);
    Ok(heads::Answer { pdus, heads })
}

fn rooms(pdus: &[Box<RawValue>]) -> BTreeSet<OwnedRoomId> {
    #[derive(serde::Deserialize)]
    struct OfRoom {
        room_id: OwnedRoomId,
    }
    pdus.iter().filter_map(|pdu| Some(serde_json::from_str::<OfRoom>(pdu.get()).ok()?.room_id)).collect()
}
