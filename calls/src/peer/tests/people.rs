//! Two people with pretended devices, a room between them, and the time of the day.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng};
use ruma::{OwnedUserId, OwnedVoipId, events::MessageLikeEventContent as _};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::lossy::Lossy;
use crate::{
    call::Person,
    calls::{CallKey, Calls, Output, RoomEvent, Verdict},
    change::{Change, Side},
    codec::PictureDecoder,
    device::{Shown, Viewer, pretended::Pretended},
    engine::LocalMedia,
    moment::Moment,
    peer::{CallReport, Engine, Network},
    signalling::CallEvents,
    statistics::Statistics,
};

/// A machine under load is slow; a call that hangs is slower still.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Two {
    pub people: [Someone; 2],
    start: Instant,
    events: u64,
    room: VecDeque<RoomEvent>,
    /// What their packets pass, when not straight.
    pub lossy: Option<Lossy>,
}

pub struct Someone {
    user: OwnedUserId,
    calls: Calls,
    pub engine: Engine,
    reports: mpsc::Receiver<CallReport>,
    pub devices: Arc<Pretended>,
    pub seen: Arc<Seen>,
    pub shown: Vec<Change>,
    pub key: Option<CallKey>,
}

/// Decodes what is shown, as a window would.
#[derive(Default)]
pub struct Seen(Mutex<Decoded>);

#[derive(Default)]
struct Decoded {
    decoders: Vec<(String, PictureDecoder)>,
    theirs: u64,
    ours: u64,
    broken: u64,
    luma: f64,
}

impl Seen {
    /// Pictures of the other side that were decoded; every one of them could be.
    pub fn theirs(&self) -> u64 {
        let seen = self.0.lock().unwrap();
        assert_eq!(seen.broken, 0, "frames that cannot be decoded");
        seen.theirs
    }

    pub fn ours(&self) -> u64 {
        self.0.lock().unwrap().ours
    }

    pub fn streams(&self) -> usize {
        self.0.lock().unwrap().decoders.len()
    }

    pub fn luma(&self) -> f64 {
        self.0.lock().unwrap().luma
    }
}

impl Viewer for Seen {
    fn show(&self, shown: Shown<'_>) {
        let mut seen = self.0.lock().unwrap();
        if shown.whose == Side::Us {
            seen.ours += 1;
            return;
        }
        let place = seen.decoders.iter().position(|(stream, _)| stream == shown.stream).unwrap_or_else(|| {
            seen.decoders.push((shown.stream.to_owned(), PictureDecoder::new().unwrap()));
            seen.decoders.len() - 1
        });
        match seen.decoders[place].1.decode(&shown.frame.data) {
            Ok(Some(picture)) => {
                assert_eq!((picture.width(), picture.height()), (shown.frame.width, shown.frame.height));
                seen.luma = picture.mean_luma();
                seen.theirs += 1;
            }
            Ok(None) | Err(_) => seen.broken += 1,
        }
    }
}

pub fn network() -> Network {
    at(&["127.0.0.1:0"])
}

fn at(addresses: &[&str]) -> Network {
    let bind = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Network { servers: Vec::new(), bind, relay_only: false }
}

impl Someone {
    fn new(number: u64, user: &str, network: Network) -> Self {
        let (devices, seen) = (Arc::new(Pretended::sized(320, 180)), Arc::default());
        let (sender, reports) = mpsc::channel(64);
        let rng = StdRng::seed_from_u64(number);
        let engine = Engine::new(network, Arc::clone(&devices) as _, Arc::clone(&seen) as _, sender, rng);
        let user: OwnedUserId = user.try_into().unwrap();
        let mut next = 0;
        let new_id = move || {
            next += 1;
            OwnedVoipId::from(format!("s{number}n{next}"))
        };
        let calls = Calls::new(user.clone(), CallEvents, new_id);
        Self { user, calls, engine, reports, devices, seen, shown: Vec::new(), key: None }
    }

    pub fn is_connected(&self) -> bool {
        self.calls.iter().any(|(_, call)| call.is_connected())
    }

    pub fn was_shown(&self, change: &Change) -> bool {
        self.shown.contains(change)
    }

    pub async fn statistics(&self) -> Statistics {
        self.engine.statistics(self.key.as_ref().unwrap()).await.unwrap()
    }
}

impl Two {
    pub fn new() -> Self {
        Self::listening([&["127.0.0.1:0"], &["127.0.0.1:0"]])
    }

    /// The addresses where the one and the other listens.
    pub fn listening(addresses: [&[&str]; 2]) -> Self {
        let people = [
            Someone::new(1, "@alice:example.org", at(addresses[0])),
            Someone::new(2, "@bob:example.org", at(addresses[1])),
        ];
        Self { people, start: Instant::now(), events: 0, room: VecDeque::new(), lossy: None }
    }

    /// Alice calls, Bob accepts with the same, and they are connected.
    pub async fn connected(media: LocalMedia) -> Self {
        Self::new().connect(media).await
    }

    /// The same through a network that loses this part of all packets.
    pub async fn connected_over(loss: f64, media: LocalMedia) -> Self {
        Self::connected_through(Lossy::new(loss).await, media).await
    }

    pub async fn connected_through(network: Lossy, media: LocalMedia) -> Self {
        let mut two = Self::new();
        two.lossy = Some(network);
        two.connect(media).await
    }

    pub async fn connect(mut self, media: LocalMedia) -> Self {
        let two = &mut self;
        two.place(media);
        two.until("it rings", |two| two.people[1].shown.iter().any(|c| matches!(c, Change::Ringing { .. }))).await;
        two.person(1, Person::Accept(media));
        two.until("both are connected", |two| two.people.iter().all(Someone::is_connected)).await;
        self
    }

    /// Alice calls.
    pub fn place(&mut self, media: LocalMedia) {
        self.place_by(0, media);
    }

    pub fn place_by(&mut self, who: usize, media: LocalMedia) {
        let room = "!room:example.org".try_into().unwrap();
        let (now, other) = (self.now(), self.people[1 - who].user.clone());
        let (_, outputs) = self.people[who].calls.place(room, Some(other), media, now).unwrap();
        self.take(who, outputs);
    }

    pub fn person(&mut self, who: usize, person: Person) {
        let (key, now) = (self.people[who].key.clone().unwrap(), self.now());
        let outputs = self.people[who].calls.person(&key, person, now);
        self.take(who, outputs);
    }

    pub fn network_changed(&mut self, who: usize) {
        let now = self.now();
        let outputs = self.people[who].calls.network_changed(now);
        self.take(who, outputs);
    }

    /// Lets time pass until something is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} / {:?}", self.people[0].shown, self.people[1].shown);
            self.turn().await;
        }
    }

    /// What happens next, or a short while.
    async fn turn(&mut self) {
        let [alice, bob] = &mut self.people;
        let next = async {
            tokio::select! {
                report = alice.reports.recv() => (0, report),
                report = bob.reports.recv() => (1, report),
            }
        };
        if let Ok((who, Some(CallReport { call, report }))) = timeout(Duration::from_millis(10), next).await {
            let now = self.now();
            let outputs = self.people[who].calls.engine(&call, report, now);
            self.take(who, outputs);
        }
        while let Some(event) = self.room.pop_front() {
            for who in 0..2 {
                let now = self.now();
                let outputs = self.people[who].calls.sync(vec![event.clone()], &Verdict::Ring, now);
                self.take(who, outputs);
            }
        }
        for who in 0..2 {
            let now = self.now();
            let outputs = self.people[who].calls.tick(now);
            self.take(who, outputs);
        }
    }

    fn now(&self) -> Moment {
        Moment::at(Duration::from_secs(1_000) + self.start.elapsed())
    }

    fn take(&mut self, who: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { call, content, .. } => {
                    self.events += 1;
                    let json = serde_json::to_string(&content).unwrap();
                    let said = self.lossy.as_ref().map_or(json.clone(), |lossy| lossy.disguise(who, &json));
                    self.room.push_back(RoomEvent {
                        room: call.room,
                        sender: self.people[who].user.clone(),
                        event_id: Some(format!("$event{}:example.org", self.events).try_into().unwrap()),
                        event_type: content.event_type().to_string(),
                        content: serde_json::from_str(&said).unwrap(),
                        age: Duration::ZERO,
                    });
                }
                Output::Engine { call, command } => self.people[who].engine.command(&call, command),
                Output::Show { call, change } => {
                    self.people[who].key = Some(call);
                    self.people[who].shown.push(change);
                }
                Output::CannotJoin { .. } | Output::BrokenInvite { .. } => panic!("a call that is none"),
            }
        }
    }
}
