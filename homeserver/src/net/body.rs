//! Bodies bounded in size and time, in both directions.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep};

use super::error::TransportError;

/// How much of a body is taken and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes: u64,
    /// The longest silence between two pieces.
    pub idle: Duration,
    /// From the first poll to the end.
    pub total: Duration,
}

/// A body that ends with an error when it grows too large or too slow. Nothing is buffered.
pub struct LimitedBody {
    inner: Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>,
    limits: BodyLimits,
    left: u64,
    until: Option<Instant>,
    silence: Pin<Box<Sleep>>,
    ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the body came too slowly")]
    Timeout,
    #[error("the body broke off: {0}")]
    Broken(String),
}

impl LimitedBody {
    pub fn new<B>(body: B, limits: BodyLimits) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        Self {
            inner: Box::pin(body.map_err(|error| BodyError::Broken(error.to_string()))),
            limits,
            left: limits.bytes,
            until: None,
            silence: Box::pin(sleep(limits.idle)),
            ended: false,
        }
    }

    /// The same body with a smaller limit.
    pub fn at_most(mut self, bytes: u64) -> Self {
        if bytes < self.left {
            self.left = bytes;
            self.limits.bytes = bytes;
        }
        self
    }

    /// The whole body, if it has at most this many bytes.
    pub async fn bytes(self, limit: u64) -> Result<Bytes, TransportError> {
        let body = self.at_most(limit);
        if body.size_hint().lower() > body.left {
            return Err(TransportError::TooLarge(body.limits.bytes));
        }
        Ok(body.collect().await?.to_bytes())
    }

    fn end(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.ended = true;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for LimitedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let now = Instant::now();
        let total = self.limits.total;
        let until = *self.until.get_or_insert_with(|| {
            // The silence is counted from the first poll, not from when the head arrived.
            now.checked_add(total).unwrap_or(now)
        });
        match self.inner.as_mut().poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                match self.left.checked_sub(length) {
                    None => {
                        let limit = self.limits.bytes;
                        self.end(BodyError::TooLarge(limit))
                    }
                    Some(_) if now > until => self.end(BodyError::Timeout),
                    Some(left) => {
                        self.left = left;
                        let silent_until = (now + self.limits.idle).min(until);
                        self.silence.as_mut().reset(silent_until);
                        Poll::Ready(Some(Ok(frame)))
                    }
                }
            }
            Poll::Ready(Some(Err(error))) => self.end(error),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(context));
                self.end(BodyError::Timeout)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use bytes::Bytes;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use tokio_stream::StreamExt as _;

    use super::{BodyLimits, LimitedBody, TransportError};

    const LIMITS: BodyLimits = BodyLimits { bytes: 10, idle: Duration::from_secs(5), total: Duration::from_secs(20) };

    fn endless(every: Duration) -> LimitedBody {
        let pieces = tokio_stream::iter(std::iter::repeat(Bytes::from_static(b"x")));
        let frames = pieces.throttle(every).map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        LimitedBody::new(StreamBody::new(frames), LIMITS)
    }

    #[tokio::test]
    async fn a_body_within_its_limit_arrives_and_one_byte_more_does_not() {
        let body = |length: usize| LimitedBody::new(Full::new(Bytes::from(vec![1; length])), LIMITS);
        assert_eq!(body(10).bytes(100).await.unwrap().len(), 10);
        assert_eq!(body(11).bytes(100).await, Err(TransportError::TooLarge(10)));
        assert_eq!(body(6).bytes(5).await, Err(TransportError::TooLarge(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_body_is_cut() {
        assert_eq!(endless(Duration::from_millis(1)).bytes(100).await, Err(TransportError::TooLarge(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_dripping_are_both_bounded() {
        assert_eq!(endless(Duration::from_secs(6)).bytes(100).await, Err(TransportError::Timeout));
        assert_eq!(endless(Duration::from_secs(4)).bytes(100).await, Err(TransportError::Timeout));
    }
}
