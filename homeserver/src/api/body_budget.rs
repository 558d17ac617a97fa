//! Bodies of requests that nobody has signed for yet: all of them together within one budget of memory, each within a minute.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::net::body::{BodyError, BodyLimits, LimitedBody};

use super::{error::ApiError, ruma_route::BODY_LIMIT};

const KIB: usize = 1024;
/// What all large bodies may take at the same time.
const TOGETHER: usize = 64 * KIB;
/// Smaller bodies are not counted: the number of connections bounds them.
const SMALL: usize = 64 * KIB;
const LIMITS: BodyLimits =
    BodyLimits { bytes: BODY_LIMIT as u64, idle: Duration::from_secs(10), total: Duration::from_secs(60) };
/// How long a body waits for others to be done with.
const PATIENCE: Duration = Duration::from_secs(10);

/// The budget, in KiB that are free. Cheap to clone.
#[derive(Clone)]
pub struct BodyBudget(Arc<Semaphore>);

impl Default for BodyBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER)))
    }
}

/// Reads a request's body before anything else looks at it, and holds its place in the budget until it is answered.
pub async fn read_within(State(budget): State<BodyBudget>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    match budget.read(body).await {
        Ok((body, held)) => {
            let response = next.run(Request::from_parts(head, Body::from(body))).await;
            drop(held);
            response
        }
        Err(error) => error.into_response(),
    }
}

impl BodyBudget {
    /// Places are taken as the bytes arrive: who only promises a large body holds nothing.
    async fn read(&self, body: Body) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
        if body.size_hint().lower() > LIMITS.bytes {
            return Err(too_large());
        }
        let mut body = LimitedBody::new(body, LIMITS);
        let mut read = BytesMut::new();
        let mut held: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => read.extend_from_slice(&data),
                // Trailers.
                Ok(Err(_)) => {}
                Err(BodyError::TooLarge(_)) => return Err(too_large()),
                Err(BodyError::Timeout | BodyError::Broken(_)) => {
                    return Err(ApiError::bad_json("The request's body could not be read"));
                }
            }
            if read.len() > SMALL {
                let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
                let needs = u32::try_from(read.len().div_ceil(KIB).saturating_sub(has)).unwrap_or(u32::MAX);
                let Ok(Ok(more)) = timeout(PATIENCE, self.0.clone().acquire_many_owned(needs)).await else {
                    return Err(ApiError::limit_exceeded(PATIENCE));
                };
                match &mut held {
                    Some(held) => held.merge(more),
                    None => held = Some(more),
                }
            }
        }
        Ok((read.freeze(), held))
    }
}

fn too_large() -> ApiError {
    ApiError::too_large("The request is too large")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use bytes::Bytes;
    use tokio_stream::StreamExt as _;

    use super::{BODY_LIMIT, BodyBudget, KIB, TOGETHER};

    fn body(bytes: usize) -> Body {
        let pieces = std::iter::repeat_n(Bytes::from(vec![b'x'; 32 * KIB]), bytes / (32 * KIB));
        Body::from_stream(tokio_stream::iter(pieces.map(Ok::<_, Infallible>)))
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_small_ones_do_not() {
        let budget = BodyBudget::default();
        let mut held = Vec::new();
        for _ in 0..TOGETHER * KIB / BODY_LIMIT {
            held.push(budget.read(body(BODY_LIMIT)).await.unwrap());
        }
        assert_eq!(budget.read(body(BODY_LIMIT)).await.unwrap_err().status.as_u16(), 429);
        assert_eq!(budget.read(body(64 * KIB)).await.unwrap().0.len(), 64 * KIB);
        held.clear();
        assert_eq!(budget.read(body(BODY_LIMIT)).await.unwrap().0.len(), BODY_LIMIT);
        assert_eq!(budget.0.available_permits(), TOGETHER);
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_large_and_one_that_does_not_come_are_given_up() {
        let budget = BodyBudget::default();
        assert_eq!(budget.read(body(BODY_LIMIT + 32 * KIB)).await.unwrap_err().errcode(), "M_TOO_LARGE");
        let never = tokio_stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b'x'; 128 * KIB]))])
            .chain(tokio_stream::pending());
        assert_eq!(budget.read(Body::from_stream(never)).await.unwrap_err().errcode(), "M_BAD_JSON");
        assert_eq!(budget.0.available_permits(), TOGETHER);
    }
}
