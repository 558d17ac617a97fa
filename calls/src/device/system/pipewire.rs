//! Pictures from PipeWire: this machine's cameras, and a screen that the portal opened.
//!
//! PipeWire's objects belong to one thread, so each use has a thread of its own that ends with whoever asked. Where PipeWire
//! does not run there are no cameras, and nothing else is wrong.

mod capture;
mod nodes;
mod offers;

use std::{
    cell::Cell,
    io::{Error as IoError, ErrorKind},
    os::fd::OwnedFd,
    rc::Rc,
    time::Duration,
};

use ::pipewire::{
    context::ContextRc,
    core::{CoreRc, PW_ID_CORE},
    main_loop::MainLoopRc,
};

pub(super) use self::{
    capture::{Capture, Source},
    nodes::cameras,
};
use crate::device::NoPicture;

/// PipeWire answers within milliseconds, or not at all.
const PATIENCE: Duration = Duration::from_secs(3);

/// A connection, in the thread that made it.
struct Connection {
    main: MainLoopRc,
    core: CoreRc,
    ended: Ended,
}

/// Why the thread's loop ended, if it did for good.
#[derive(Clone)]
struct Ended {
    main: MainLoopRc,
    why: Rc<Cell<Option<NoPicture>>>,
}

impl Ended {
    /// The first reason counts.
    fn end(&self, why: NoPicture) {
        if self.why.get().is_none() {
            self.why.set(Some(why));
        }
        self.main.quit();
    }

    fn get(&self) -> Option<NoPicture> {
        self.why.get()
    }
}

impl Connection {
    /// To the person's own PipeWire, or to what the portal opened.
    fn open(remote: Option<OwnedFd>) -> Result<Self, NoPicture> {
        ::pipewire::init();
        let broken = |error: ::pipewire::Error| {
            tracing::warn!(%error, "PipeWire cannot be used");
            NoPicture::NotThere
        };
        let main = MainLoopRc::new(None).map_err(broken)?;
        let context = ContextRc::new(&main, None).map_err(broken)?;
        let core = match remote {
            Some(remote) => context.connect_fd_rc(remote, None),
            None => context.connect_rc(None),
        };
        // The library's own error does not say why; the system's does.
        let core = core.map_err(|_| match IoError::last_os_error().kind() {
            ErrorKind::PermissionDenied => NoPicture::NotAllowed,
            _ => NoPicture::NotThere,
        })?;
        let ended = Ended { main: main.clone(), why: Rc::default() };
        Ok(Self { main, core, ended })
    }

    /// Waits until PipeWire has answered all that was asked before.
    fn round_trip(&self) -> Result<(), NoPicture> {
        let done = Rc::new(Cell::new(false));
        let pending = self.core.sync(0).map_err(|_| NoPicture::Vanished)?;
        let (answered, main, ended) = (Rc::clone(&done), self.main.clone(), self.ended.clone());
        let _listener = self
            .core
            .add_listener_local()
            .done(move |id, seq| {
                if id == PW_ID_CORE && seq == pending {
                    answered.set(true);
                    main.quit();
                }
            })
            .error(move |id, _, _, message| {
                if id == PW_ID_CORE {
                    tracing::info!(message, "the connection to PipeWire broke");
                    ended.end(NoPicture::Vanished);
                }
            })
            .register();
        let late = self.ended.clone();
        let timer = self.main.loop_().add_timer(move |_| late.end(NoPicture::NotThere));
        timer.update_timer(Some(PATIENCE), None);
        while !done.get() {
            if let Some(why) = self.ended.get() {
                return Err(why);
            }
            self.main.run();
        }
        Ok(())
    }
}
