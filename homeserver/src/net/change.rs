//! Notices that the computer is on another network: the addresses from which it would reach the Internet are others.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const TICK: Duration = Duration::from_secs(3);

/// This computer's own addresses towards the Internet, by IPv4 and by IPv6; none where there is no route.
pub type Addresses = [Option<IpAddr>; 2];

/// Asks the system's routing table. Sends nothing: connecting a UDP socket only chooses its address.
pub fn own_addresses() -> Addresses {
    let towards = |target: SocketAddr, from: SocketAddr| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(target).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [
        towards(([1, 1, 1, 1], 9).into(), ([0; 4], 0).into()),
        towards(([0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111], 9).into(), ([0u16; 8], 0).into()),
    ]
}

/// Watches the addresses.
pub struct NetworkWatch<F> {
    own: F,
    /// Where the computer was when it was last on a network; `None` while it is on none.
    at: Option<Addresses>,
}

impl<F: Fn() -> Addresses> NetworkWatch<F> {
    pub fn new(own: F) -> Self {
        let at = on_network(own());
        Self { own, at }
    }

    /// Waits until the computer is on another network than before, or on one again, and stays there for a moment. False when cancelled.
    pub async fn moved(&mut self, cancelled: &CancellationToken) -> bool {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut arriving = None;
        loop {
            tokio::select! {
                () = cancelled.cancelled() => return false,
                _ = ticks.tick() => {}
            }
            let now = on_network((self.own)());
            if now == self.at || now.is_none() {
                (self.at, arriving) = (now, None);
            } else if now == arriving {
                self.at = now;
                return true;
            } else {
                arriving = now;
            }
        }
    }
}

fn on_network(addresses: Addresses) -> Option<Addresses> {
    addresses.iter().any(Option::is_some).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use tokio::time::sleep;
    use tokio_util::sync::CancellationToken;

    use super::{Addresses, NetworkWatch};

    fn at(last: u8) -> Addresses {
        [Some([10, 0, 0, last].into()), None]
    }

    #[tokio::test(start_paused = true)]
    async fn arriving_on_another_network_or_coming_back_counts_once() {
        let addresses = Arc::new(Mutex::new(at(1)));
        let seen = Arc::new(Mutex::new(0));
        let cancelled = CancellationToken::new();
        let (own, count, token) = (addresses.clone(), seen.clone(), cancelled.clone());
        let watching = tokio::spawn(async move {
            let mut watch = NetworkWatch::new(move || *own.lock().unwrap());
            while watch.moved(&token).await {
                *count.lock().unwrap() += 1;
            }
        });
        let moves = [(at(1), 0), ([None, None], 0), (at(1), 1), (at(2), 2), (at(2), 2), ([None, None], 2), (at(3), 3)];
        for (place, moved) in moves {
            *addresses.lock().unwrap() = place;
            sleep(Duration::from_secs(20)).await;
            assert_eq!(*seen.lock().unwrap(), moved, "at {place:?}");
        }
        // On its way through many networks it is on none of them.
        for place in 10..20 {
            *addresses.lock().unwrap() = at(place);
            sleep(Duration::from_secs(3)).await;
        }
        assert_eq!(*seen.lock().unwrap(), 3);
        cancelled.cancel();
        watching.await.unwrap();
    }
}
