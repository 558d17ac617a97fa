//! The system's and the session's D-Bus: connections, and calls that do not wait for ever.

use std::{error::Error, time::Duration};

use tokio::time::timeout;
use zbus::{Connection, Message, zvariant::DynamicType};

/// A service that has to be started first is given this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which bus to speak to.
#[derive(Clone, Debug)]
pub(super) enum Bus {
    Session,
    System,
    #[cfg(test)]
    At(String),
}

impl Bus {
    pub(super) async fn connect(&self) -> zbus::Result<Connection> {
        match self {
            Self::Session => Connection::session().await,
            Self::System => Connection::system().await,
            #[cfg(test)]
            Self::At(address) => zbus::connection::Builder::address(address.as_str())?.build().await,
        }
    }
}

/// What is called, and where.
#[derive(Clone, Copy)]
pub(super) struct Method {
    pub(super) service: &'static str,
    pub(super) path: &'static str,
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
}

/// Calls a method; `None` when it is not there or fails.
pub(super) async fn call<B>(connection: &Connection, method: Method, body: &B) -> Option<Message>
where
    B: serde::Serialize + DynamicType + Sync,
{
    let Method { service, path, interface, name } = method;
    let answer = connection.call_method(Some(service), path, Some(interface), name, body);
    match timeout(PATIENCE, answer).await {
        Ok(Ok(message)) => Some(message),
        Ok(Err(error)) => {
            tracing::debug!(service, method = name, error = &error as &dyn Error, "a service of the desktop refused");
            None
        }
        Err(_) => {
            tracing::debug!(service, method = name, "a service of the desktop does not answer");
            None
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    //! A bus of a test's own.

    use std::{
        io::{BufRead as _, BufReader},
        process::{Child, Command, Stdio},
    };

    use super::Bus;

    /// A D-Bus daemon with nobody on it; it ends when dropped.
    pub(crate) struct PrivateBus {
        daemon: Child,
        address: String,
    }

    impl PrivateBus {
        pub(crate) fn start() -> Self {
            let mut daemon = Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile", "--print-address"])
                .stdout(Stdio::piped())
                .spawn()
                .expect("dbus-daemon (package dbus) starts");
            let mut address = String::new();
            BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
            Self { daemon, address: address.trim().to_owned() }
        }

        pub(crate) fn bus(&self) -> Bus {
            Bus::At(self.address.clone())
        }
    }

    impl Drop for PrivateBus {
        fn drop(&mut self) {
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
    }
}
