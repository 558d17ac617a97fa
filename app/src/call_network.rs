//! What calls will find of the network: our own TURN server where it can help, and a check before anybody calls.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use calls::peer::{IceServer, Network, preflight::preflight};
use homeserver::{
    config::{Listen, Turn},
    net::{change::own_addresses, networks::AllowedNetworks},
};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    api::{
        call::{CallNetwork, Reach},
        error::{AppError, ErrorCode},
    },
    app::App,
};

/// How long servers have to answer in a check.
const PATIENCE: Duration = Duration::from_secs(6);
/// Where TURN servers are expected, if nobody else is there.
const USUAL_PORT: u16 = 3478;

/// Whether our homeserver runs a TURN server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnChoice {
    /// Where this computer's address is one of the public Internet: nowhere else could others reach it.
    #[default]
    WhereItHelps,
    /// There, whatever it helps; a loopback address is allowed to relay to others of its kind.
    At(SocketAddr),
    Never,
}

impl TurnChoice {
    /// The server's settings; `None` where it has none.
    pub(crate) fn settings(self) -> Option<Turn> {
        let listen = match self {
            Self::Never => return None,
            Self::At(address) => address,
            Self::WhereItHelps => {
                let [v4, _] = own_addresses();
                v4.filter(|address| is_public(*address))?;
                let usual = SocketAddr::from((Ipv4Addr::UNSPECIFIED, USUAL_PORT));
                // Another copy of this program, or another TURN server: any port will do.
                if UdpSocket::bind(usual).is_ok() { usual } else { (Ipv4Addr::UNSPECIFIED, 0).into() }
            }
        };
        Some(Turn { listen: Listen::At(listen), ..Turn::default() })
    }

    /// What it may relay to beyond the public Internet.
    pub(crate) fn network(self) -> Option<IpAddr> {
        match self {
            Self::At(address) if address.ip().is_loopback() => Some(address.ip()),
            _ => None,
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    AllowedNetworks::default().permit(address)
}

impl App {
    /// Tries what a call would try, and tells in a word how far one would reach.
    pub(crate) async fn check_network(&self) -> Result<CallNetwork, AppError> {
        let session = self.session()?;
        // One check at a time: each opens sockets.
        let _alone = self.inner().checking.lock().await;
        let found = session.turn_servers().await?;
        let asked = found.is_some();
        let servers =
            found.map(|found| IceServer { uris: found.uris, username: found.username, password: found.password });
        let bind = self.inner().options.media_addresses.clone();
        let network = Network { servers: servers.into_iter().collect(), bind, relay_only: false };
        let ways = preflight(&network, PATIENCE, &mut StdRng::from_os_rng())
            .await
            .map_err(|error| AppError::new(ErrorCode::Failed, "The network could not be tried.").with_detail(error))?;
        let public = ways.reflexive || own_addresses().into_iter().flatten().any(is_public);
        let reach = match (ways.host, ways.relay, public, asked) {
            (_, true, _, _) => Reach::Everyone,
            (false, ..) => Reach::Offline,
            (_, _, true, _) => Reach::Most,
            (_, _, _, true) => Reach::Blocked,
            (_, _, _, false) => Reach::Unknown,
        };
        Ok(CallNetwork { reach, host: ways.host, reflexive: ways.reflexive, relay: ways.relay, asked })
    }
}

#[cfg(test)]
mod tests {
    use super::{TurnChoice, is_public};

    #[test]
    fn a_turn_server_runs_where_others_reach_it() {
        assert!(TurnChoice::Never.settings().is_none());
        let at = TurnChoice::At("127.0.0.1:5000".parse().unwrap());
        assert_eq!(at.settings().unwrap().listen.address(), Some("127.0.0.1:5000".parse().unwrap()));
        assert_eq!(at.network(), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(TurnChoice::At("192.0.2.1:5000".parse().unwrap()).network(), None);
        for (address, public) in [("192.168.1.5", false), ("10.0.0.1", false), ("100.64.0.1", false), ("9.9.9.9", true)]
        {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
