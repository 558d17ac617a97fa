//! Keeps the screen from falling asleep while a call is under way.
//!
//! Desktops differ in who decides that: GNOME and KDE listen to `org.freedesktop.ScreenSaver`, sandboxes to the portal, and
//! where neither is there, logind does.

use std::collections::HashMap;

use tokio::sync::watch;
use zbus::{
    Connection,
    zvariant::{OwnedFd, OwnedObjectPath, Value},
};

use super::bus::{Bus, Method, call};

const WHO: &str = "Hearth";
const WHY: &str = "A call is under way";
/// The portal's number for: do not fall asleep because nobody types.
const IDLE: u32 = 8;

const SCREEN_SAVER: Method = Method {
    service: "org.freedesktop.ScreenSaver",
    path: "/org/freedesktop/ScreenSaver",
    interface: "org.freedesktop.ScreenSaver",
    name: "Inhibit",
};
const PORTAL: Method = Method {
    service: "org.freedesktop.portal.Desktop",
    path: "/org/freedesktop/portal/desktop",
    interface: "org.freedesktop.portal.Inhibit",
    name: "Inhibit",
};
const LOGIN: Method = Method {
    service: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
    name: "Inhibit",
};

/// Follows whether there is a call until the program ends.
pub(crate) fn follow(in_call: watch::Receiver<bool>) {
    tauri::async_runtime::spawn(keep(Bus::Session, Bus::System, in_call));
}

async fn keep(session: Bus, system: Bus, mut in_call: watch::Receiver<bool>) {
    while in_call.wait_for(|in_call| *in_call).await.is_ok() {
        let held = inhibit(&session, &system).await;
        if held.is_none() {
            tracing::info!("nothing here keeps the screen on during a call");
        }
        // An error is the end of the program, which ends the call, too.
        let over = in_call.wait_for(|in_call| !*in_call).await.is_err();
        if let Some(held) = held {
            held.release().await;
        }
        if over {
            return;
        }
    }
}

/// Who keeps the screen on. Each forgets it when the connection ends, however that comes.
enum Held {
    ScreenSaver(Connection, u32),
    Portal(Connection, OwnedObjectPath),
    Login { _lock: OwnedFd },
}

async fn inhibit(session: &Bus, system: &Bus) -> Option<Held> {
    if let Ok(connection) = session.connect().await {
        if let Some(answer) = call(&connection, SCREEN_SAVER, &(WHO, WHY)).await
            && let Ok(cookie) = answer.body().deserialize::<u32>()
        {
            return Some(Held::ScreenSaver(connection, cookie));
        }
        let options = HashMap::from([("reason", Value::from(WHY))]);
        if let Some(answer) = call(&connection, PORTAL, &("", IDLE, options)).await
            && let Ok(request) = answer.body().deserialize::<OwnedObjectPath>()
        {
            return Some(Held::Portal(connection, request));
        }
    }
    let connection = system.connect().await.ok()?;
    let answer = call(&connection, LOGIN, &("idle", WHO, WHY, "block")).await?;
    let lock = answer.body().deserialize::<OwnedFd>().ok()?;
    Some(Held::Login { _lock: lock })
}

impl Held {
    async fn release(self) {
        match self {
            Self::ScreenSaver(connection, cookie) => {
                call(&connection, Method { name: "UnInhibit", ..SCREEN_SAVER }, &cookie).await;
            }
            Self::Portal(connection, request) => {
                let closed = connection
                    .call_method(Some(PORTAL.service), &request, Some("org.freedesktop.portal.Request"), "Close", &())
                    .await;
                if let Err(error) = closed {
                    tracing::debug!(%error, "the portal kept a request");
                }
            }
            Self::Login { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use tokio::sync::{mpsc, watch};
    use zbus::{
        Connection, interface,
        zvariant::{OwnedFd, OwnedObjectPath, OwnedValue},
    };

    use super::{HashMap, IDLE, LOGIN, PORTAL, SCREEN_SAVER, WHY, keep};
    use crate::os::bus::{Bus, tests::PrivateBus};

    #[derive(Debug, PartialEq)]
    enum Heard {
        Inhibit(String),
        UnInhibit(u32),
        Closed,
    }

    struct ScreenSaver(mpsc::UnboundedSender<Heard>);

    #[interface(name = "org.freedesktop.ScreenSaver")]
    impl ScreenSaver {
        fn inhibit(&self, _who: String, why: String) -> u32 {
            self.0.send(Heard::Inhibit(why)).unwrap();
            7
        }

        fn un_inhibit(&self, cookie: u32) {
            self.0.send(Heard::UnInhibit(cookie)).unwrap();
        }
    }

    struct Portal(mpsc::UnboundedSender<Heard>);

    #[interface(name = "org.freedesktop.portal.Inhibit")]
    impl Portal {
        fn inhibit(&self, _window: String, flags: u32, mut options: HashMap<String, OwnedValue>) -> OwnedObjectPath {
            assert_eq!(flags, IDLE);
            let why = String::try_from(options.remove("reason").unwrap()).unwrap();
            self.0.send(Heard::Inhibit(why)).unwrap();
            OwnedObjectPath::try_from("/request/1").unwrap()
        }
    }

    struct Request(mpsc::UnboundedSender<Heard>);

    #[interface(name = "org.freedesktop.portal.Request")]
    impl Request {
        fn close(&self) {
            self.0.send(Heard::Closed).unwrap();
        }
    }

    struct Login(mpsc::UnboundedSender<UnixStream>);

    #[interface(name = "org.freedesktop.login1.Manager")]
    impl Login {
        fn inhibit(&self, what: String, _who: String, _why: String, mode: String) -> zbus::zvariant::OwnedFd {
            assert_eq!((what.as_str(), mode.as_str()), ("idle", "block"));
            let (ours, theirs) = UnixStream::pair().unwrap();
            self.0.send(ours).unwrap();
            OwnedFd::from(std::os::fd::OwnedFd::from(theirs))
        }
    }

    async fn named(bus: &PrivateBus, name: &str) -> Connection {
        let connection = bus.bus().connect().await.unwrap();
        connection.request_name(name).await.unwrap();
        connection
    }

    /// A call twice: held while it lasts, and only then.
    async fn two_calls(session: Bus, heard: &mut mpsc::UnboundedReceiver<Heard>, released: Heard) {
        let (call, in_call) = watch::channel(false);
        let keeping = tokio::spawn(keep(session, Bus::At("unix:path=/nonexistent".to_owned()), in_call));
        for _ in 0..2 {
            call.send_replace(true);
            assert_eq!(heard.recv().await, Some(Heard::Inhibit(WHY.to_owned())));
            assert!(heard.try_recv().is_err());
            call.send_replace(false);
            assert_eq!(heard.recv().await.as_ref(), Some(&released));
        }
        call.send_replace(true);
        heard.recv().await.unwrap();
        // The program ends in the call.
        drop(call);
        assert_eq!(heard.recv().await, Some(released));
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn the_screen_saver_waits_while_there_is_a_call() {
        let bus = PrivateBus::start();
        let (tell, mut heard) = mpsc::unbounded_channel();
        let service = named(&bus, SCREEN_SAVER.service).await;
        service.object_server().at(SCREEN_SAVER.path, ScreenSaver(tell)).await.unwrap();
        two_calls(bus.bus(), &mut heard, Heard::UnInhibit(7)).await;
    }

    #[tokio::test]
    async fn without_a_screen_saver_the_portal_is_asked() {
        let bus = PrivateBus::start();
        let (tell, mut heard) = mpsc::unbounded_channel();
        let service = named(&bus, PORTAL.service).await;
        service.object_server().at(PORTAL.path, Portal(tell.clone())).await.unwrap();
        service.object_server().at("/request/1", Request(tell)).await.unwrap();
        two_calls(bus.bus(), &mut heard, Heard::Closed).await;
    }

    #[tokio::test]
    async fn without_both_logind_gets_a_lock_that_ends_with_the_call() {
        let (session, system) = (PrivateBus::start(), PrivateBus::start());
        let (tell, mut locks) = mpsc::unbounded_channel();
        let service = named(&system, LOGIN.service).await;
        service.object_server().at(LOGIN.path, Login(tell)).await.unwrap();
        let (call, in_call) = watch::channel(true);
        let keeping = tokio::spawn(keep(session.bus(), system.bus(), in_call));
        let mut lock = locks.recv().await.unwrap();
        lock.set_nonblocking(true).unwrap();
        assert_eq!(lock.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it is held");
        call.send_replace(false);
        drop(call);
        keeping.await.unwrap();
        lock.set_nonblocking(false).unwrap();
        assert_eq!(lock.read(&mut [0]).unwrap(), 0, "it is released");
    }

    #[tokio::test]
    async fn where_nobody_is_the_call_goes_on() {
        let nowhere = Bus::At("unix:path=/nonexistent".to_owned());
        let (call, in_call) = watch::channel(true);
        let keeping = tokio::spawn(keep(nowhere.clone(), nowhere, in_call));
        call.send_replace(false);
        drop(call);
        keeping.await.unwrap();
    }
}
