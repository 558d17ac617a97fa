//! GET /ipc: requests, answers and pushes as JSON text frames.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use app::{
    Sink, Subscriptions,
    api::{
        error::AppError,
        push::{Batch, Subscription},
        request::Request,
    },
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use crate::{Bridge, guard::text};

const PROTOCOL: &str = "hearth-ipc";
const MAX_FRAME: usize = 1024 * 1024;
/// A page that does not read so many frames is gone; it comes back and subscribes anew.
const MAX_QUEUE: usize = 4096;

#[derive(Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Incoming {
    Request {
        id: u32,
        name: String,
        #[serde(default)]
        args: Value,
    },
    Subscribe {
        id: u32,
        to: Subscription,
    },
    Unsubscribe {
        id: u32,
    },
}

#[derive(Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Outgoing {
    Reply {
        id: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        ok: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<AppError>,
    },
    Push {
        batch: Batch,
    },
}

/// The way to one page.
struct Page {
    frames: mpsc::Sender<Outgoing>,
    full: AtomicBool,
    gone: Notify,
}

impl Page {
    fn put(&self, frame: Outgoing) -> bool {
        if self.frames.try_send(frame).is_err() {
            self.full.store(true, Ordering::Relaxed);
            self.gone.notify_one();
        }
        !self.full.load(Ordering::Relaxed)
    }

    fn reply(&self, id: u32, answer: Result<Value, AppError>) {
        let (ok, error) = match answer {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        self.put(Outgoing::Reply { id, ok, error });
    }
}

impl Sink for Page {
    fn send(&self, batch: Batch) -> bool {
        self.put(Outgoing::Push { batch })
    }
}

pub(crate) async fn open(State(bridge): State<Bridge>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let protocols = text(&headers, header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    let has_token = protocols
        .split(',')
        .filter_map(|protocol| protocol.trim().strip_prefix("token."))
        .any(|token| bridge.guard.has_token(token));
    if !bridge.guard.is_our_origin(&headers) || !has_token {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.protocols([PROTOCOL]).max_message_size(MAX_FRAME).on_upgrade(move |socket| serve(bridge, socket))
}

async fn serve(bridge: Bridge, socket: WebSocket) {
    let (mut out, mut incoming) = socket.split();
    let (frames, mut queue) = mpsc::channel::<Outgoing>(MAX_QUEUE);
    let page = Arc::new(Page { frames, full: AtomicBool::new(false), gone: Notify::new() });
    let subscriptions = Subscriptions::new(bridge.app.clone());
    let writer = tokio::spawn(async move {
        while let Some(frame) = queue.recv().await {
            let Ok(text) = serde_json::to_string(&frame) else { continue };
            if out.send(Message::Text(text.into())).await.is_err() {
                break;
            }
        }
    });
    loop {
        let message = tokio::select! {
            message = incoming.next() => message,
            () = page.gone.notified() => break,
        };
        match message {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(frame) => receive(&bridge, &page, &subscriptions, frame),
                Err(error) => tracing::warn!(error = %error, "a frame could not be read"),
            },
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
    }
    drop(subscriptions);
    writer.abort();
}

fn receive(bridge: &Bridge, page: &Arc<Page>, subscriptions: &Subscriptions, frame: Incoming) {
    match frame {
        Incoming::Request { id, name, args } => {
            let (app, page) = (bridge.app.clone(), page.clone());
            tokio::spawn(async move {
                let answer = match Request::from_wire(&name, args) {
                    Ok(request) => app.request(request).await,
                    Err(error) => Err(error),
                };
                page.reply(id, answer);
            });
        }
        Incoming::Subscribe { id, to } => {
            if let Err(error) = subscriptions.subscribe(id, to, page.clone()) {
                page.reply(id, Err(error));
            }
        }
        Incoming::Unsubscribe { id } => subscriptions.unsubscribe(id),
    }
}
