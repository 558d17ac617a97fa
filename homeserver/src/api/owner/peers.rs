//! /_hearth/v1/peers: how other copies are reached, and how they reach this one.

use axum::{Extension, Json, body::Bytes};
use serde::{Deserialize, Serialize};

use crate::{
    api::error::ApiError,
    net::iroh::{IrohFederation, Ticket},
};

/// The iroh transport of this server; `None` where its name is no key.
#[derive(Clone)]
pub struct Peers(pub Option<IrohFederation>);

/// What others need to reach this server.
#[derive(Serialize)]
pub struct Reach {
    /// `null` where the name alone is enough.
    ticket: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPeer {
    ticket: String,
}

/// GET: this server's own ticket.
pub async fn reach(Extension(peers): Extension<Peers>) -> Json<Reach> {
    let ticket = match &peers.0 {
        Some(iroh) => Some(iroh.ticket().await.to_string()),
        None => None,
    };
    Json(Reach { ticket })
}

/// POST: puts another copy's ticket into the address book. Where this server speaks no iroh, there is nothing to keep.
pub async fn add(Extension(peers): Extension<Peers>, body: Bytes) -> Result<Json<serde_json::Value>, ApiError> {
    let bad = |text: String| ApiError::invalid_param(text);
    let peer: NewPeer = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    let ticket: Ticket = peer.ticket.parse().map_err(|error: crate::net::iroh::TicketError| bad(error.to_string()))?;
    if let Some(iroh) = &peers.0 {
        iroh.book().learn(&ticket);
    }
    Ok(Json(serde_json::json!({})))
}
