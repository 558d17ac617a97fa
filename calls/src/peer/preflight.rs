//! Which ways out of this network a call would find, tried without a call.

use std::{net::IpAddr, sync::Arc, time::Duration};

use rand::RngCore;
use rtc::{rtp_transceiver::rtp_sender::RtpCodecKind, shared::error::Result};
use tokio::{sync::mpsc, time::timeout};

use super::{Network, chain, connection::connect, event::Event, outlet::Outlet};

/// The ways that were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// This computer is on a network at all.
    pub host: bool,
    /// A server answered by UDP and told by which address others see this computer.
    pub reflexive: bool,
    /// A server lends an address that anybody reaches.
    pub relay: bool,
}

/// Gathers as for a call, `patience` long at most: what has not answered by then does not count.
pub async fn preflight(network: &Network, patience: Duration, rng: &mut (dyn RngCore + Send)) -> Result<Ways> {
    let (events, mut found) = mpsc::unbounded_channel();
    let connection = connect(network, &Arc::default(), &events).await?;
    let mut ways = Ways::default();
    let gathering = async {
        Outlet::add(&connection, RtpCodecKind::Audio, chain::opus(), "preflight", rng).await?;
        let offer = connection.create_offer(None).await?;
        connection.set_local_description(offer).await?;
        while let Some(event) = found.recv().await {
            match event {
                Event::Found(candidate) => ways.add(&candidate),
                Event::Gathered => break,
                _ => {}
            }
        }
        Ok(())
    };
    let gathered = timeout(patience, gathering).await;
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection that was only tried did not close well");
    }
    gathered.unwrap_or(Ok(())).map(|()| ways)
}

impl Ways {
    fn add(&mut self, candidate: &str) {
        let words: Vec<&str> = candidate.split_whitespace().collect();
        let kind = words.iter().position(|word| *word == "typ").and_then(|at| words.get(at + 1));
        match kind.copied() {
            Some("host") => {
                let address = words.get(4).and_then(|word| word.parse::<IpAddr>().ok());
                self.host |= address.is_some();
            }
            Some("srflx" | "prflx") => self.reflexive = true,
            Some("relay") => self.relay = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{Ways, preflight};
    use crate::peer::{IceServer, Network};

    fn network(servers: Vec<IceServer>) -> Network {
        Network { servers, bind: vec!["127.0.0.1:0".parse().unwrap()], relay_only: false }
    }

    #[tokio::test]
    async fn without_servers_there_is_only_this_network() {
        let ways = preflight(&network(Vec::new()), Duration::from_secs(20), &mut StdRng::seed_from_u64(1)).await;
        assert_eq!(ways.unwrap(), Ways { host: true, reflexive: false, relay: false });
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_no_way() {
        // It takes what comes and says nothing, as a network that blocks UDP.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = IceServer {
            uris: vec![format!("turn:{}?transport=udp", silent.local_addr().unwrap())],
            username: "name".to_owned(),
            password: "password".to_owned(),
        };
        let ways = preflight(&network(vec![server]), Duration::from_secs(2), &mut StdRng::seed_from_u64(1)).await;
        assert_eq!(ways.unwrap(), Ways { host: true, reflexive: false, relay: false });
    }

    #[test]
    fn candidates_are_told_apart() {
        let mut ways = Ways::default();
        for nonsense in ["", "candidate:1 1 udp 1 x.local 5 typ host", "typ", "candidate:1 1 udp 1 1.2.3.4 5 typ other"]
        {
            ways.add(nonsense);
        }
        assert_eq!(ways, Ways::default());
        ways.add("candidate:1 1 udp 1 1.2.3.4 5 typ srflx raddr 10.0.0.1 rport 5");
        ways.add("candidate:1 1 udp 1 1.2.3.4 5 typ relay raddr 10.0.0.1 rport 5");
        assert_eq!(ways, Ways { host: false, reflexive: true, relay: true });
    }
}
