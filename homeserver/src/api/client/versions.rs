//! GET /_matrix/client/versions: which versions of the specification and which unstable features are served.

use ruma::api::client::discovery::get_supported_versions::{Request, Response};

use crate::api::{error::ApiError, ruma_route::Ruma};

/// Every version is listed: clients look for the one they need.
const VERSIONS: [&str; 20] = [
    "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12",
    "v1.13", "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
];

/// Unstable features by the names that clients look for.
const UNSTABLE_FEATURES: [&str; 13] = [
    "org.matrix.simplified_msc3575",
    // Delayed events.
    "org.matrix.msc4140",
    // Rooms shared with another user.
    "uk.half-shot.msc2666.query_mutual_rooms",
    "uk.half-shot.msc2666.query_mutual_rooms.stable",
    "org.matrix.msc4222",
    "org.matrix.e2e_cross_signing",
    // Dehydrated devices.
    "org.matrix.msc3814",
    // Meeting points for QR codes.
    "org.matrix.msc4108",
    "io.element.msc4388",
    // Transports of MatrixRTC.
    "org.matrix.msc4143",
    // Locking and suspending accounts, before v1.18.
    "uk.timedout.msc4323",
    // Following threads.
    "org.matrix.msc4306",
    "org.matrix.msc4308",
];

pub async fn get_supported_versions((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    let mut response = Response::new(VERSIONS.map(str::to_owned).to_vec());
    response.unstable_features = UNSTABLE_FEATURES.map(|feature| (feature.to_owned(), true)).into();
    Ok(response)
}
