//! Pictures of calls decoded here, for a page whose system cannot: it fetches the newest when it has drawn the one before.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use calls::codec::{Picture, PictureDecoder, still};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{Frame, Phone};
use crate::{
    api::{
        call::CallRef,
        error::{AppError, ErrorCode},
    },
    app::App,
};

/// More than the calls of one page have.
const MOST: usize = 16;
/// How long one question waits for a picture.
const PATIENCE: Duration = Duration::from_secs(2);
/// A stream that nobody asked for is no longer decoded.
const IDLE: Duration = Duration::from_secs(5);

type Key = (CallRef, String);
type Newest = Option<(u32, Arc<Picture>)>;

/// The streams that are decoded now.
#[derive(Clone, Default)]
pub(super) struct Decoded(Arc<Mutex<HashMap<Key, Stream>>>);

struct Stream {
    newest: watch::Receiver<Newest>,
    asked: Instant,
}

/// Which picture a page wants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    room_id: String,
    call_id: String,
    stream: String,
    /// The number of the picture that it has; 0: none.
    after: u32,
    /// I420 without gaps instead of JPEG.
    raw: bool,
}

impl Wish {
    /// From `room_id=…&call_id=…&stream=…&after=…&raw=…`.
    fn read(query: &str) -> Option<Self> {
        let mut wish = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "room_id" => wish.room_id = value.into_owned(),
                "call_id" => wish.call_id = value.into_owned(),
                "stream" => wish.stream = value.into_owned(),
                "after" => wish.after = value.parse().ok()?,
                "raw" => wish.raw = value.parse().ok()?,
                _ => {}
            }
        }
        Some(wish)
    }
}

impl App {
    /// A picture of a call as pixels, by the query of its address: number, width and height in little-endian words, then
    /// I420 or JPEG. None when no newer one came for a while.
    pub async fn call_picture(&self, query: &str) -> Result<Option<Vec<u8>>, AppError> {
        let wish = Wish::read(query).ok_or_else(|| AppError::new(ErrorCode::BadArguments, "That is no picture."))?;
        self.phone()?.picture(wish).await
    }
}

impl Phone {
    async fn picture(&self, wish: Wish) -> Result<Option<Vec<u8>>, AppError> {
        let Wish { room_id, call_id, stream, after, raw } = wish;
        let mut newest = self.decoded((CallRef { room_id, call_id }, stream))?;
        let newer = newest.wait_for(|newest| newest.as_ref().is_some_and(|(number, _)| *number > after));
        let found = match timeout(PATIENCE, newer).await {
            Ok(Ok(newest)) => newest.clone(),
            // Nothing came, or the stream is over.
            Ok(Err(_)) | Err(_) => None,
        };
        let Some((number, picture)) = found else { return Ok(None) };
        let whole = move || {
            let mut bytes = [number, picture.width(), picture.height()].map(u32::to_le_bytes).concat();
            if raw {
                picture.planes().iter().for_each(|plane| bytes.extend_from_slice(plane));
            } else {
                bytes.extend(still::jpeg(&picture)?);
            }
            Some(bytes)
        };
        Ok(spawn_blocking(whole).await.ok().flatten())
    }

    fn decoded(&self, key: Key) -> Result<watch::Receiver<Newest>, AppError> {
        let mut streams = self.decoded.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get_mut(&key).filter(|stream| stream.newest.has_changed().is_ok()) {
            stream.asked = Instant::now();
            return Ok(stream.newest.clone());
        }
        if streams.len() >= MOST {
            return Err(AppError::new(ErrorCode::BadArguments, "So many pictures cannot be shown at once."));
        }
        let decoder = PictureDecoder::new()
            .map_err(|error| AppError::new(ErrorCode::Failed, "The pictures cannot be decoded.").with_detail(error))?;
        let (show, newest) = watch::channel(None);
        streams.insert(key.clone(), Stream { newest: newest.clone(), asked: Instant::now() });
        let (decoded, frames) = (self.decoded.clone(), self.frames());
        let orders = self.orders.clone();
        tokio::spawn(async move {
            follow(&decoded, &key, frames, decoder, &show, || _ = orders.send(super::Order::Refresh)).await;
            decoded.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
        Ok(newest)
    }
}

/// Decodes until nobody asks, or the phone is gone.
async fn follow(
    decoded: &Decoded,
    key: &Key,
    mut frames: tokio::sync::broadcast::Receiver<Frame>,
    mut decoder: PictureDecoder,
    show: &watch::Sender<Newest>,
    refresh: impl Fn(),
) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut number = 0;
    loop {
        let wanted = decoded.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(|stream| stream.asked);
        if wanted.is_none_or(|asked| asked.elapsed() > IDLE) {
            return;
        }
        let frame = match timeout(IDLE, frames.recv()).await {
            Ok(Ok(Frame { call, frame })) if call == key.0 && frame.stream == key.1 => frame,
            Ok(Ok(_)) | Err(_) => continue,
            Ok(Err(RecvError::Lagged(_))) => {
                refresh();
                continue;
            }
            Ok(Err(RecvError::Closed)) => return,
        };
        let Ok(data) = STANDARD.decode(&frame.data) else { continue };
        let work = move || {
            let picture = decoder.decode(&data);
            (decoder, picture)
        };
        let Ok((back, picture)) = spawn_blocking(work).await else { return };
        decoder = back;
        match picture {
            Ok(Some(picture)) => {
                number += 1;
                show.send_replace(Some((number, Arc::new(picture))));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "a picture of a call did not decode");
                refresh();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    #[test]
    fn a_wish_is_read_from_an_address() {
        let wish = Wish::read("room_id=%21a%3Ab&call_id=c+1&stream=s%26&after=7&raw=true").unwrap();
        assert_eq!((&*wish.room_id, &*wish.call_id, &*wish.stream), ("!a:b", "c 1", "s&"));
        assert_eq!((wish.after, wish.raw), (7, true));
        assert_eq!(Wish::read("after=-1"), None);
        assert_eq!(Wish::read("raw=1"), None);
        assert_eq!(Wish::read(""), Some(Wish::default()));
    }
}
