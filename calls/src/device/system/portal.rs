//! The desktop's own dialog that asks which screen or window is shared.

use std::os::fd::OwnedFd;

use ashpd::{
    Error,
    desktop::{
        PersistMode, ResponseError,
        screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType},
    },
};
use futures_util::StreamExt as _;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::device::NoPicture;

/// What the person chose; it is given back when this is dropped.
pub(super) struct Chosen {
    pub node: u32,
    pub remote: OwnedFd,
    pub session: Held,
}

/// The desktop shows that something is shared for as long as this lives.
pub(super) struct Held {
    /// Cancelled when the person ends it in the desktop.
    pub ended: CancellationToken,
    _close: DropGuard,
}

/// Waits for the person. Finish it, or the dialog stays open.
pub(super) async fn choose() -> Result<Chosen, NoPicture> {
    let portal = Screencast::new().await.map_err(cause)?;
    let session = portal.create_session(Default::default()).await.map_err(cause)?;
    let options = SelectSourcesOptions::default()
        .set_cursor_mode(CursorMode::Embedded)
        .set_sources(SourceType::Monitor | SourceType::Window)
        .set_multiple(false)
        .set_persist_mode(PersistMode::DoNot);
    let picked = async {
        portal.select_sources(&session, options).await?.response()?;
        let streams = portal.start(&session, None, Default::default()).await?.response()?;
        let node = streams.streams().first().map(|stream| stream.pipe_wire_node_id());
        let remote = portal.open_pipe_wire_remote(&session, Default::default()).await?;
        Ok((node, remote))
    };
    let (node, remote) = match picked.await.map_err(cause) {
        Ok((Some(node), remote)) => (node, remote),
        picked => {
            // It closes by itself where the dialog was cancelled.
            let _ = session.close().await;
            return Err(picked.err().unwrap_or(NoPicture::Cancelled));
        }
    };
    let (close, ended) = (CancellationToken::new(), CancellationToken::new());
    let (wanted, told) = (close.clone(), ended.clone());
    tokio::spawn(async move {
        let by_desktop = async {
            match session.receive_closed().await {
                Ok(mut closed) => _ = closed.next().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = by_desktop => told.cancel(),
            () = wanted.cancelled() => {
                if let Err(error) = session.close().await {
                    tracing::debug!(%error, "the desktop did not hear that sharing is over");
                }
            }
        }
    });
    Ok(Chosen { node, remote, session: Held { ended, _close: close.drop_guard() } })
}

fn cause(error: Error) -> NoPicture {
    match error {
        Error::Response(ResponseError::Cancelled) => NoPicture::Cancelled,
        Error::Portal(ashpd::PortalError::NotAllowed(_)) => NoPicture::NotAllowed,
        Error::Portal(ashpd::PortalError::Cancelled(_)) => NoPicture::Cancelled,
        error => {
            tracing::info!(%error, "the desktop lets nobody share");
            NoPicture::NotThere
        }
    }
}
