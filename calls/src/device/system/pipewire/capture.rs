//! The pictures of one node, the newest as soon as somebody asks.

use std::{cell::RefCell, os::fd::OwnedFd, rc::Rc, thread, time::Duration};

use ::pipewire::{
    channel,
    core::PW_ID_CORE,
    node::Node,
    properties::properties,
    spa::{buffer::Data, param::ParamType, pod::Pod, utils::Direction},
    stream::{Stream, StreamFlags, StreamRc, StreamState},
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    Connection, Ended,
    nodes::known,
    offers::{self, Offer},
};
use crate::{
    codec::Picture,
    device::{
        NoPicture,
        pixels::{Plane, picture},
    },
};

/// A camera may have to wake up first.
const FIRST: Duration = Duration::from_secs(5);

/// What is looked at.
pub(crate) enum Source {
    /// The camera of this id, or the best one.
    Camera(Option<String>),
    /// What the portal opened.
    Screen { node: u32, remote: OwnedFd },
}

/// Looks until it is dropped.
pub(crate) struct Capture {
    pictures: mpsc::Receiver<Result<Picture, NoPicture>>,
    stop: channel::Sender<()>,
}

impl Drop for Capture {
    fn drop(&mut self) {
        // The thread may be over already.
        let _ = self.stop.send(());
    }
}

impl Capture {
    /// Comes back with the first picture.
    pub async fn open(source: Source) -> Result<(Self, Picture), NoPicture> {
        // One picture waits; those that come meanwhile are passed over.
        let (sender, pictures) = mpsc::channel(1);
        let (stop, stopped) = channel::channel();
        let look = move || {
            if let Err(why) = run(source, &sender, stopped) {
                // Whoever asked may have gone.
                let _ = sender.blocking_send(Err(why));
            }
        };
        thread::Builder::new().name("camera".to_owned()).spawn(look).map_err(|_| NoPicture::NotThere)?;
        let mut capture = Self { pictures, stop };
        let first = timeout(FIRST, capture.next()).await.map_err(|_| NoPicture::NotThere)??;
        Ok((capture, first))
    }

    /// The next picture. May be cancelled.
    pub async fn next(&mut self) -> Result<Picture, NoPicture> {
        self.pictures.recv().await.unwrap_or(Err(NoPicture::Vanished))
    }
}

type Pictures = mpsc::Sender<Result<Picture, NoPicture>>;

/// Lives until it is stopped, or says why it cannot.
fn run(source: Source, pictures: &Pictures, stop: channel::Receiver<()>) -> Result<(), NoPicture> {
    let (remote, screen, wanted) = match source {
        Source::Camera(wanted) => (None, None, wanted),
        Source::Screen { node, remote } => (Some(remote), Some(node), None),
    };
    let connection = Connection::open(remote)?;
    let stopping = connection.ended.clone();
    let main = connection.main.clone();
    let _stop = stop.attach(main.loop_(), move |()| stopping.end(NoPicture::Cancelled));
    let looked = look(&connection, screen, wanted.as_deref(), pictures);
    match connection.ended.get() {
        Some(NoPicture::Cancelled) if screen.is_none() => Ok(()),
        Some(why) => Err(why),
        None => looked,
    }
}

fn look(
    connection: &Connection,
    screen: Option<u32>,
    wanted: Option<&str>,
    pictures: &Pictures,
) -> Result<(), NoPicture> {
    let (registry, nodes) = known(connection)?;
    let (node, offer) = match screen {
        Some(node) => (node, None),
        None => {
            let chosen = nodes.iter().find(|node| Some(&*node.named.id) == wanted);
            let node = chosen.or(nodes.first()).ok_or(NoPicture::NotThere)?;
            let bound = registry.bind::<Node, _>(&node.global).map_err(|_| NoPicture::NotAllowed)?;
            (node.global.id, offers::best(&offers_of(connection, &bound)?))
        }
    };
    // A screen goes when the person ends it in the system's own way; a camera when it is pulled out.
    let gone = if screen.is_some() { NoPicture::Cancelled } else { NoPicture::Vanished };
    let (removed, broken) = (connection.ended.clone(), connection.ended.clone());
    let _registry = registry
        .add_listener_local()
        .global_remove(move |id| {
            if id == node {
                removed.end(gone);
            }
        })
        .register();
    let _core = connection
        .core
        .add_listener_local()
        .error(move |id, _, _, _| {
            if id == PW_ID_CORE {
                broken.end(NoPicture::Vanished);
            }
        })
        .register();
    let role = if screen.is_some() { "Screen" } else { "Camera" };
    let properties = properties! {
        *::pipewire::keys::MEDIA_TYPE => "Video",
        *::pipewire::keys::MEDIA_CATEGORY => "Capture",
        *::pipewire::keys::MEDIA_ROLE => role,
        // Another camera is not what the person chose.
        "node.dont-reconnect" => "true",
    };
    let stream = StreamRc::new(connection.core.clone(), "pictures", properties).map_err(|_| NoPicture::NotThere)?;
    let _stream = listen(&stream, &connection.ended, gone, pictures)?;
    let wish = offer.map_or_else(offers::anything, |offer| offer.wish());
    let wish = Pod::from_bytes(&wish).ok_or(NoPicture::NotThere)?;
    let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS;
    stream.connect(Direction::Input, Some(node), flags, &mut [wish]).map_err(|_| NoPicture::NotThere)?;
    while connection.ended.get().is_none() {
        connection.main.run();
    }
    Ok(())
}

fn offers_of(connection: &Connection, node: &Node) -> Result<Vec<Offer>, NoPicture> {
    let found: Rc<RefCell<Vec<Offer>>> = Rc::default();
    let seen = Rc::clone(&found);
    let _listener = node
        .add_listener_local()
        .param(move |_, _, _, _, parameter| {
            let mut seen = seen.borrow_mut();
            if let Some(parameter) = parameter
                && seen.len() < offers::MOST
            {
                seen.extend(offers::read(parameter));
            }
        })
        .register();
    node.enum_params(0, Some(ParamType::EnumFormat), 0, u32::MAX);
    connection.round_trip()?;
    Ok(found.take())
}

/// What the stream tells, into pictures; lives as long as what it gives.
fn listen(
    stream: &Stream,
    ended: &Ended,
    gone: NoPicture,
    pictures: &Pictures,
) -> Result<impl Sized + use<>, NoPicture> {
    let (failed, nobody, pictures) = (ended.clone(), ended.clone(), pictures.clone());
    let listener = stream
        .add_local_listener_with_user_data(None::<Offer>)
        .state_changed(move |_, _, before, now| match now {
            StreamState::Error(message) => failed.end(cause(&message)),
            StreamState::Unconnected if before != StreamState::Unconnected => failed.end(gone),
            _ => {}
        })
        .param_changed(|_, format, id, parameter| {
            if id == ParamType::Format.as_raw() {
                *format = parameter.and_then(|parameter| offers::read(parameter).first().copied());
            }
        })
        .process(move |stream, format| {
            let mut newest = None;
            // Those before the newest go back unread.
            while let Some(buffer) = stream.dequeue_buffer() {
                newest = Some(buffer);
            }
            let (Some(mut buffer), Some(format)) = (newest, *format) else { return };
            match pictures.try_reserve() {
                Ok(place) => {
                    if let Some(picture) = taken(buffer.datas_mut(), format) {
                        place.send(Ok(picture));
                    }
                }
                Err(mpsc::error::TrySendError::Full(())) => {}
                Err(mpsc::error::TrySendError::Closed(())) => nobody.end(NoPicture::Cancelled),
            }
        })
        .register();
    listener.map_err(|_| NoPicture::NotThere)
}

/// The picture in the memory that PipeWire shows.
fn taken(datas: &mut [Data], format: Offer) -> Option<Picture> {
    let mut planes = Vec::new();
    for data in datas.iter_mut().take(4) {
        if data.as_raw().chunk.is_null() {
            return None;
        }
        let chunk = data.chunk();
        let (offset, size) = (chunk.offset() as usize, chunk.size() as usize);
        let stride = usize::try_from(chunk.stride()).unwrap_or_default();
        let bytes = data.data()?;
        let end = offset.saturating_add(size).min(bytes.len());
        planes.push(Plane { bytes: bytes.get(offset..end)?, stride });
    }
    picture(format.layout()?, format.width, format.height, &planes)
}

/// PipeWire hands the system's own words on.
fn cause(message: &str) -> NoPicture {
    let message = message.to_lowercase();
    tracing::info!(message, "PipeWire gives no pictures");
    if message.contains("busy") {
        NoPicture::Busy
    } else if message.contains("permi") || message.contains("access") {
        NoPicture::NotAllowed
    } else if message.contains("target not found") || message.contains("no target") {
        NoPicture::NotThere
    } else {
        NoPicture::Vanished
    }
}
