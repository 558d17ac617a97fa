//! POST /_synapse/admin/v1/purge_media_cache: deletes copies of other servers' media that nobody has used since a time.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use crate::api::{error::ApiError, parts::Parts};

use super::{Administrator, Query};

/// The end of 1970: what is before was meant in seconds.
const YEAR_1970_MS: u64 = 31_536_000_000;

#[derive(Deserialize)]
pub struct Since {
    /// Milliseconds since 1970.
    before_ts: Option<u64>,
}

#[derive(Serialize)]
pub struct Purged {
    deleted: u64,
}

pub async fn post(
    _: Administrator,
    State(parts): State<Parts>,
    Query(Since { before_ts }): Query<Since>,
) -> Result<Json<Purged>, ApiError> {
    let before_ts = before_ts.ok_or_else(|| ApiError::missing_param("before_ts is missing"))?;
    if before_ts < YEAR_1970_MS {
        return Err(ApiError::invalid_param("before_ts is in the year 1970: it is meant in milliseconds"));
    }
    let before_ts = i64::try_from(before_ts).map_err(|_| ApiError::invalid_param("before_ts is too large"))?;
    Ok(Json(Purged { deleted: parts.media.purge_cache(before_ts).await? }))
}
