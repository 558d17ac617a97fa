//! The real way to the web: `net`'s client, which opens no connection into networks that are not allowed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::{Web, WebAnswer, WebLimits};
use crate::{
    domain::federation::SendError,
    net::{
        body::{BodyError, BodyLimits, LimitedBody},
        error::TransportError,
        outgoing::{ExchangeLimits, Outgoing},
    },
};

/// A page that has begun to come keeps coming, or is given up.
const SILENCE: Duration = Duration::from_secs(10);

impl Web for Outgoing {
    fn send(&self, request: Request<Bytes>, limits: WebLimits) -> BoxFuture<'_, Result<WebAnswer, SendError>> {
        let body = BodyLimits { bytes: u64::MAX, idle: SILENCE.min(limits.deadline), total: limits.deadline };
        let within = ExchangeLimits { head: limits.deadline, body };
        let exchange = async move {
            let (head, body) = Outgoing::send(self, request, within).await?.into_parts();
            let (bytes, whole) = read(body, (limits.body)(&head.headers)).await?;
            Ok(WebAnswer { response: Response::from_parts(head, bytes), whole })
        };
        Box::pin(async move {
            let answer = timeout(limits.deadline, exchange).await;
            answer.unwrap_or(Err(TransportError::Timeout)).map_err(SendError::from)
        })
    }
}

/// The first `limit` bytes, and whether that is all.
async fn read(body: LimitedBody, limit: u64) -> Result<(Bytes, bool), TransportError> {
    let (mut body, mut bytes) = (body, BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error: BodyError| TransportError::from(error))?.into_data() else { continue };
        let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(bytes.len());
        if data.len() > left {
            bytes.extend_from_slice(data.get(..left).unwrap_or_default());
            return Ok((bytes.freeze(), false));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.freeze(), true))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::Bytes;
    use http::Request;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{SendError, Web, WebAnswer, WebLimits};
    use crate::net::{
        connect::Connector, dns::SystemDns, networks::AllowedNetworks, outgoing::Outgoing, tls::ClientTls,
    };

    async fn ask(allowed: &[&str]) -> (Result<WebAnswer, SendError>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let networks = AllowedNetworks::new(allowed.iter().map(|network| network.parse().unwrap()));
        let tls = ClientTls::new(&[]).unwrap();
        let web: Arc<dyn Web> = Arc::new(Outgoing::new(Connector::new(tls, networks, Arc::new(SystemDns::new()))));
        let limits = WebLimits { deadline: Duration::from_secs(10), body: |_| 4 };
        let answer = web.send(Request::get(url).body(Bytes::new()).unwrap(), limits).await;
        let reached = served.is_finished() || answer.is_ok();
        served.abort();
        (answer, reached)
    }

    #[tokio::test]
    async fn a_long_answer_is_cut_where_its_limit_is() {
        let (answer, _) = ask(&["127.0.0.0/8"]).await;
        let answer = answer.unwrap();
        assert_eq!((&answer.response.body()[..], answer.whole), (&b"0123"[..], false));
    }

    #[tokio::test]
    async fn nothing_goes_into_a_network_that_is_not_allowed() {
        let (answer, reached) = ask(&[]).await;
        assert!(matches!(answer, Err(SendError::Unreachable(_))));
        assert!(!reached);
    }
}
