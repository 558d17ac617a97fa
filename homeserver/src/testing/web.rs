//! A web of routers by host, which notes what it was asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::domain::{
    federation::SendError,
    web::{Web, WebAnswer, WebLimits},
};

/// Pages and gateways of one process.
#[derive(Clone, Default)]
pub struct FakeWeb(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    hosts: HashMap<String, Router>,
    asked: Vec<String>,
}

impl FakeWeb {
    pub fn attach(&self, host: &str, router: Router) {
        self.0.lock().unwrap().hosts.insert(host.to_owned(), router);
    }

    /// The URLs that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl Web for FakeWeb {
    fn send(&self, request: Request<Bytes>, limits: WebLimits) -> BoxFuture<'_, Result<WebAnswer, SendError>> {
        Box::pin(async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let router = {
                let mut inner = self.0.lock().unwrap();
                inner.asked.push(request.uri().to_string());
                inner.hosts.get(&host).cloned()
            };
            let Some(router) = router else { return Err(SendError::Unreachable("nobody is there".to_owned())) };
            let (head, body) = router.oneshot(request.map(Body::from)).await.unwrap().into_parts();
            let mut bytes = body.collect().await.unwrap().to_bytes();
            let limit = usize::try_from((limits.body)(&head.headers)).unwrap();
            let whole = bytes.len() <= limit;
            bytes.truncate(limit);
            Ok(WebAnswer { response: Response::from_parts(head, bytes), whole })
        })
    }
}
