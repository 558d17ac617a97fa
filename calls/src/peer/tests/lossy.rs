//! A network that loses and reorders, between two engines on one machine.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use tokio::{net::UdpSocket, task::JoinHandle};

const HERE: &str = "127.0.0.1";

/// Two sockets in the middle: each person is told of one instead of the other person's.
pub struct Lossy {
    instead_of: [u16; 2],
    real: Arc<[AtomicU16; 2]>,
    pub lost: Arc<AtomicU64>,
    tasks: [JoinHandle<()>; 2],
}

impl Lossy {
    /// Loses this part of all packets, from 0 to 1, and lets another such part be overtaken by the next packet.
    pub async fn new(part: f64) -> Self {
        Self::with(part, false).await
    }

    /// Loses none, but adds to each what somebody on the way might: noise, and the packet cut, changed and repeated.
    pub async fn noisy() -> Self {
        Self::with(0.0, true).await
    }

    async fn with(part: f64, noisy: bool) -> Self {
        let sockets = [Arc::new(socket().await), Arc::new(socket().await)];
        let instead_of = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
        let (real, lost) = (Arc::<[AtomicU16; 2]>::default(), Arc::<AtomicU64>::default());
        let tasks = [0, 1].map(|to: usize| {
            let (inward, outward) = (Arc::clone(&sockets[to]), Arc::clone(&sockets[1 - to]));
            tokio::spawn(pass(inward, outward, Arc::clone(&real), to, part, noisy, Arc::clone(&lost)))
        });
        Self { instead_of, real, lost, tasks }
    }

    /// What `who` says of their addresses, as the other one shall hear it.
    pub fn disguise(&self, who: usize, text: &str) -> String {
        let mark = format!(" {HERE} ");
        let mut parts = text.split(&mark);
        let mut disguised = parts.next().unwrap().to_owned();
        for part in parts {
            let (port, rest) = part.split_once(' ').unwrap();
            self.real[who].store(port.parse().unwrap(), Ordering::Relaxed);
            disguised += &format!(" {HERE} {} {rest}", self.instead_of[who]);
        }
        disguised
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn socket() -> UdpSocket {
    UdpSocket::bind((HERE, 0)).await.unwrap()
}

/// Takes what is meant for `to` and sends it on, as if it came from the socket that stands for the other one.
async fn pass(
    inward: Arc<UdpSocket>,
    outward: Arc<UdpSocket>,
    real: Arc<[AtomicU16; 2]>,
    to: usize,
    part: f64,
    noisy: bool,
    lost: Arc<AtomicU64>,
) {
    let (mut chance, mut buffer, mut held) = (0x2545_F491_4F6C_DD1D_u64 ^ to as u64, vec![0; 2_048], VecDeque::new());
    while let Ok((size, _)) = inward.recv_from(&mut buffer).await {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let drawn = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        if drawn < part {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        held.push_back(buffer[..size].to_vec());
        if drawn < 2.0 * part && held.len() == 1 {
            continue;
        }
        // The newest first: what was held back is overtaken.
        while let Some(packet) = held.pop_back() {
            let port = real[to].load(Ordering::Relaxed);
            let _ = outward.send_to(&packet, (HERE, port)).await;
            if noisy {
                for noise in noise(&packet, chance) {
                    let _ = outward.send_to(&noise, (HERE, port)).await;
                }
            }
        }
    }
}

/// What is no packet of theirs, though it looks like one.
fn noise(packet: &[u8], chance: u64) -> [Vec<u8>; 4] {
    let place = chance as usize % packet.len().max(1);
    let mut changed = packet.to_vec();
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= (chance >> 32) as u8 | 1;
    }
    // Of the first byte depends what it is taken for: STUN, DTLS or SRTP.
    let first = [0, 1, 20, 22, 64, 128, 144, 200, 255][chance as usize % 9];
    let random =
        std::iter::once(first).chain((1..place as u64).map(|at| (chance.rotate_left(at as u32 % 64) ^ at) as u8));
    [packet[..place].to_vec(), changed, random.collect(), packet.to_vec()]
}
