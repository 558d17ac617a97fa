//! Sleep and waking, as logind announces them: what is owed is sent before the one, and others are greeted after the other.

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::{MatchRule, MessageStream, zvariant::OwnedFd};

use app::{App, Power};

use super::bus::{Bus, Method, call};

const MANAGER: Method = Method {
    service: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
    name: "Inhibit",
};
const PREPARE: &str = "PrepareForSleep";

/// Tells the app until the program ends.
pub(crate) fn follow(app: App) {
    tauri::async_runtime::spawn(async move {
        let (tell, mut told) = mpsc::channel::<Change>(1);
        let watching = async {
            if let Err(error) = watch(&Bus::System, tell).await {
                tracing::info!(%error, "this system does not tell when it goes to sleep");
            }
        };
        let telling = async {
            while let Some(change) = told.recv().await {
                app.power(change.power).await;
                drop(change);
            }
        };
        tokio::join!(watching, telling);
    });
}

/// What happens; sleep waits until this is dropped, some seconds at most.
struct Change {
    power: Power,
    _delay: Option<OwnedFd>,
}

async fn watch(bus: &Bus, tell: mpsc::Sender<Change>) -> zbus::Result<()> {
    let connection = bus.connect().await?;
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(MANAGER.service)?
        .path(MANAGER.path)?
        .interface(MANAGER.interface)?
        .member(PREPARE)?
        .build();
    let mut signals = MessageStream::for_match_rule(rule, &connection, None).await?;
    loop {
        let answer = call(&connection, MANAGER, &("sleep", "Hearth", "Messages are on their way", "delay")).await;
        let mut delay = answer.and_then(|answer| answer.body().deserialize::<OwnedFd>().ok());
        let (mut asleep, mut woke) = (false, false);
        while let Some(signal) = signals.next().await {
            let Ok(sleeps) = signal?.body().deserialize::<bool>() else { continue };
            if sleeps == asleep {
                continue;
            }
            asleep = sleeps;
            let power = if sleeps { Power::Sleep } else { Power::Wake };
            if tell.send(Change { power, _delay: delay.take() }).await.is_err() {
                return Ok(());
            }
            if !sleeps {
                // The next sleep waits for a new lock.
                woke = true;
                break;
            }
        }
        if !woke {
            // The bus is gone.
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use app::Power;
    use tokio::sync::mpsc;
    use zbus::{interface, object_server::SignalEmitter, zvariant::OwnedFd};

    use super::{MANAGER, watch};
    use crate::os::bus::tests::PrivateBus;

    struct Login(mpsc::UnboundedSender<UnixStream>);

    #[interface(name = "org.freedesktop.login1.Manager")]
    impl Login {
        fn inhibit(&self, what: String, _who: String, _why: String, mode: String) -> OwnedFd {
            assert_eq!((what.as_str(), mode.as_str()), ("sleep", "delay"));
            let (ours, theirs) = UnixStream::pair().unwrap();
            self.0.send(ours).unwrap();
            OwnedFd::from(std::os::fd::OwnedFd::from(theirs))
        }

        #[zbus(signal)]
        async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
    }

    #[tokio::test]
    async fn sleep_waits_until_the_app_is_ready_and_waking_is_told() {
        let bus = PrivateBus::start();
        let (lock, mut locks) = mpsc::unbounded_channel();
        let service = bus.bus().connect().await.unwrap();
        service.request_name(MANAGER.service).await.unwrap();
        service.object_server().at(MANAGER.path, Login(lock)).await.unwrap();
        let login = service.object_server().interface::<_, Login>(MANAGER.path).await.unwrap();
        let signal = |sleeps| Login::prepare_for_sleep(login.signal_emitter(), sleeps);

        let (tell, mut told) = mpsc::channel(1);
        let watching = tokio::spawn(async move { watch(&bus.bus(), tell).await.map(|()| bus) });
        for _ in 0..2 {
            let mut lock = locks.recv().await.unwrap();
            signal(true).await.unwrap();
            let change = told.recv().await.unwrap();
            assert_eq!(change.power, Power::Sleep);
            lock.set_nonblocking(true).unwrap();
            assert_eq!(lock.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "sleep waits");
            drop(change);
            lock.set_nonblocking(false).unwrap();
            assert_eq!(lock.read(&mut [0]).unwrap(), 0, "and goes on");
            // Told twice, it is one sleep.
            signal(true).await.unwrap();
            signal(false).await.unwrap();
            assert_eq!(told.recv().await.unwrap().power, Power::Wake);
        }
        // Nobody listens any more.
        drop(told);
        locks.recv().await.unwrap();
        signal(true).await.unwrap();
        watching.await.unwrap().unwrap();
    }
}
