//! A media engine that pretends: descriptions, candidates and a path, each after its time.

use std::time::Duration;

use crate::{
    engine::{Command, LocalMedia, Report},
    moment::Moment,
    sdp,
    signal::{Candidate, DescriptionKind, Purpose, Stream, Streams},
};

#[derive(Debug)]
pub struct Pretended {
    name: String,
    pub open: bool,
    pub commands: Vec<Command>,
    pub media: LocalMedia,
    pub local_ufrag: Option<String>,
    pub remote_ufrag: Option<String>,
    remote: Option<String>,
    pub remote_candidates: usize,
    offered: bool,
    before_offer: Option<String>,
    generation: u32,
    descriptions: u32,
    sends_video: bool,
    pub connected: bool,
    pub reports: Vec<(Moment, Report)>,
    pub traits: Traits,
}

/// How a pretended engine behaves.
#[derive(Clone, Debug)]
pub struct Traits {
    pub describes_after: Duration,
    /// When each local candidate is found, counted from the description.
    pub candidates_after: Vec<Duration>,
    pub gathered_after: Option<Duration>,
    pub refuses_descriptions: bool,
    pub silent: bool,
}

impl Default for Traits {
    fn default() -> Self {
        Self {
            describes_after: Duration::from_millis(30),
            candidates_after: vec![Duration::from_millis(5), Duration::from_millis(400), Duration::from_millis(600)],
            gathered_after: Some(Duration::from_millis(1500)),
            refuses_descriptions: false,
            silent: false,
        }
    }
}

impl Pretended {
    pub fn new(name: String, traits: Traits) -> Self {
        Self {
            name,
            open: false,
            commands: Vec::new(),
            media: LocalMedia::default(),
            local_ufrag: None,
            remote_ufrag: None,
            remote: None,
            remote_candidates: 0,
            offered: false,
            before_offer: None,
            generation: 0,
            descriptions: 0,
            sends_video: false,
            connected: false,
            reports: Vec::new(),
            traits,
        }
    }

    /// Does what it is told, and fails the test when it is told something at the wrong time.
    pub fn command(&mut self, command: Command, now: Moment) {
        let opens = matches!(command, Command::Open { .. });
        assert_eq!(self.open, !opens, "{}: {command:?} after {:?}", self.name, self.commands);
        assert!(!opens || self.commands.is_empty(), "{} opens twice", self.name);
        self.commands.push(command.clone());
        match command {
            Command::Open { media, .. } => (self.open, self.media) = (true, media),
            Command::CreateOffer { round, restart_ice } => {
                self.sends_video |= self.media.camera;
                self.offered = true;
                self.before_offer = self.local_ufrag.clone();
                self.describe(round, DescriptionKind::Offer, restart_ice, now);
            }
            Command::CreateAnswer { round } => {
                assert!(self.remote.is_some() || self.traits.refuses_descriptions, "an answer needs an offer");
                self.describe(round, DescriptionKind::Answer, self.restarted(), now);
            }
            Command::SetRemote { round, description } => {
                if self.traits.refuses_descriptions {
                    return self.later(Duration::from_millis(5), Report::DescriptionRefused { round }, now);
                }
                if description.kind == DescriptionKind::Answer {
                    assert!(self.offered, "an answer without an offer");
                    self.offered = false;
                } else {
                    assert!(!self.offered, "an offer over our own");
                }
                let ufrag = sdp::outline(&description.sdp).unwrap().ufrag;
                if ufrag != self.remote_ufrag {
                    self.remote_candidates = 0;
                }
                self.remote_ufrag = ufrag;
                self.remote_candidates += description.sdp.matches("a=candidate").count();
                self.remote = Some(description.sdp);
            }
            Command::Rollback if self.offered => {
                self.offered = false;
                self.local_ufrag = self.before_offer.take();
            }
            Command::Rollback => {}
            Command::AddCandidates(candidates) => {
                assert!(self.remote.is_some() || self.traits.refuses_descriptions, "candidates before a description");
                self.remote_candidates += candidates.iter().filter(|candidate| !candidate.is_end()).count();
            }
            Command::SetMedia(media) => self.media = media,
            Command::Close => (self.open, self.connected, self.reports) = (false, false, Vec::new()),
        }
    }

    /// The answer to a changed fragment is a new generation too.
    fn restarted(&self) -> bool {
        let remotes: Vec<Option<String>> = self
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::SetRemote { description, .. } => Some(sdp::outline(&description.sdp)?.ufrag),
                _ => None,
            })
            .collect();
        matches!(remotes.as_slice(), [.., before, last] if before != last)
    }

    fn describe(&mut self, round: u32, kind: DescriptionKind, restart: bool, now: Moment) {
        if self.traits.silent {
            return;
        }
        self.descriptions += 1;
        let (name, version) = (self.name.clone(), self.descriptions);
        let first = self.local_ufrag.is_none();
        if restart || first {
            self.generation += 1;
        }
        let ufrag = format!("{}{}", self.name, self.generation);
        self.local_ufrag = Some(ufrag.clone());
        let theirs = self.remote.as_deref().and_then(sdp::outline).unwrap_or_default();
        let direction = match (kind, self.media.on_hold, theirs.on_hold) {
            (DescriptionKind::Answer, false, true) => "recvonly",
            (DescriptionKind::Answer, true, true) => "inactive",
            (_, true, _) => "sendonly",
            (_, false, _) => "sendrecv",
        };
        let mut text = format!(
            "v=0\r\no=- {name} {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:{ufrag}\r\na={direction}\r\n"
        );
        self.sends_video |= kind == DescriptionKind::Answer && theirs.video && self.media.camera;
        if self.sends_video || theirs.video {
            let silent = if self.media.on_hold { "inactive" } else { "recvonly" };
            let direction = if self.sends_video { direction } else { silent };
            text.push_str(&format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na={direction}\r\n"));
        }
        let plain = |purpose| Stream { purpose, audio_muted: false, video_muted: false };
        let mut streams = Streams::from([(format!("{}-self", self.name), plain(Purpose::UserMedia))]);
        if self.media.screen {
            streams.insert(format!("{}-screen", self.name), plain(Purpose::ScreenShare));
        }
        let after = self.traits.describes_after;
        self.later(after, Report::Described { round, kind, sdp: text, streams }, now);
        if restart || first {
            for (n, found) in self.traits.candidates_after.clone().into_iter().enumerate() {
                let candidate = format!("candidate:{} {n} udp 1 192.0.2.{n} 9 typ host", self.name);
                let candidate = Candidate { candidate, mid: Some("0".to_owned()), line: Some(0) };
                self.later(after + found, Report::Candidate(candidate), now);
            }
            if let Some(gathered) = self.traits.gathered_after {
                self.later(after + gathered, Report::GatheringDone, now);
            }
        }
    }

    pub fn later(&mut self, after: Duration, report: Report, now: Moment) {
        self.reports.push((now + after, report));
    }
}
