//! Descriptions and candidates that no honest app sends: refused, and the engine lives on.

use std::{sync::Arc, time::Duration};

use rand::{SeedableRng as _, rngs::StdRng};
use ruma::OwnedVoipId;
use tokio::{sync::mpsc, time::timeout};

use super::people::{Seen, network};
use crate::{
    calls::CallKey,
    device::pretended::Pretended,
    engine::{Command, LocalMedia, Report},
    limits::SDP_BYTES,
    peer::{CallReport, Engine},
    signal::{Candidate, Description, DescriptionKind},
};

pub struct Alone {
    pub engine: Engine,
    reports: mpsc::Receiver<CallReport>,
    pub devices: Arc<Pretended>,
    pub key: CallKey,
    pub round: u32,
}

impl Alone {
    pub fn new() -> Self {
        let (sender, reports) = mpsc::channel(1_024);
        let devices = Arc::new(Pretended::default());
        let viewer = Arc::new(Seen::default());
        let engine = Engine::new(network(), Arc::clone(&devices) as _, viewer, sender, StdRng::seed_from_u64(9));
        let key = CallKey { room: "!room:example.org".try_into().unwrap(), call_id: OwnedVoipId::from("c") };
        let mut alone = Self { engine, reports, devices, key, round: 0 };
        alone.command(Command::Open { media: LocalMedia::voice(), instead_of: None });
        alone
    }

    pub fn command(&mut self, command: Command) {
        self.engine.command(&self.key, command);
    }

    pub async fn report(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        let next = async {
            loop {
                let report = self.reports.recv().await.unwrap().report;
                assert_ne!(report, Report::Broken);
                if wanted(&report) {
                    return report;
                }
            }
        };
        timeout(Duration::from_secs(30), next).await.expect("a report")
    }

    pub async fn offer(&mut self) -> String {
        self.round += 1;
        self.command(Command::CreateOffer { round: self.round, restart_ice: false });
        match self.report(|report| matches!(report, Report::Described { .. })).await {
            Report::Described { sdp, .. } => sdp,
            other => panic!("{other:?}"),
        }
    }

    async fn is_refused(&mut self, kind: DescriptionKind, sdp: &str) {
        self.round += 1;
        let round = self.round;
        let description = Description { kind, sdp: sdp.to_owned() };
        self.command(Command::SetRemote { round, description });
        self.command(Command::CreateAnswer { round });
        let over = |report: &Report| matches!(report, Report::DescriptionRefused { round: of } if *of == round);
        self.report(over).await;
    }
}

fn hostile() -> Vec<String> {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    vec![
        String::new(),
        "v=0".to_owned(),
        "{}".to_owned(),
        head.to_owned(),
        format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"),
        format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:\r\na=sendrecv\r\n"),
        format!("{head}m=audio 99999999999 x 111\r\na=mid:0\r\na=sendrecv\r\n"),
        format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\n"),
        format!("{head}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\n".repeat(31)),
        format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na={}\r\n", "x".repeat(SDP_BYTES)),
        format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=fingerprint:sha-256 zz\r\na=setup:\r\n"),
        "v=0\r\nm=\r\na=rtpmap:\r\na=fmtp:\r\na=ssrc:\r\na=rid:\r\na=extmap:\r\na=candidate:\r\n".to_owned(),
    ]
}

#[tokio::test]
async fn hostile_descriptions_are_refused_and_an_honest_one_fits_after_them() {
    let (mut alone, mut other) = (Alone::new(), Alone::new());
    for sdp in hostile() {
        alone.is_refused(DescriptionKind::Offer, &sdp).await;
    }
    let sdp = other.offer().await;
    alone.round += 1;
    let round = alone.round;
    alone.command(Command::SetRemote { round, description: Description { kind: DescriptionKind::Offer, sdp } });
    alone.command(Command::CreateAnswer { round });
    alone.report(|report| matches!(report, Report::Described { kind: DescriptionKind::Answer, .. })).await;
}

#[tokio::test]
async fn an_offer_changed_in_any_line_harms_nobody() {
    let (mut alone, mut other) = (Alone::new(), Alone::new());
    let sdp = other.offer().await;
    let lines: Vec<&str> = sdp.lines().collect();
    for skipped in 0..lines.len() {
        for change in ["", "a=\u{fffd}", "m=video 0 x 1"] {
            let changed = lines.iter().enumerate().map(|(at, line)| if at == skipped { change } else { line });
            let text: Vec<&str> = changed.filter(|line| !line.is_empty()).collect();
            alone.round += 1;
            let description = Description { kind: DescriptionKind::Offer, sdp: text.join("\r\n") + "\r\n" };
            alone.command(Command::SetRemote { round: alone.round, description });
            alone.command(Command::Rollback);
        }
    }
    alone.is_refused(DescriptionKind::Offer, "").await;
    alone.command(Command::Close);
    let closed = async {
        while alone.devices.open() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), closed).await.expect("every device is closed");
}

#[tokio::test]
async fn ten_thousand_candidates_are_taken_in_part() {
    let (mut alone, mut other) = (Alone::new(), Alone::new());
    let sdp = other.offer().await;
    alone.command(Command::SetRemote { round: 1, description: Description { kind: DescriptionKind::Offer, sdp } });
    let candidate = |number: u32| Candidate {
        candidate: match number % 4 {
            0 => format!("candidate:{number} 1 udp 1 127.0.0.1 {} typ host", 1 + number % 65_000),
            1 => format!("candidate:{number} 1 udp 99999999999 999.1.1.1 99999 typ x"),
            2 => "candidate:".to_owned() + &"x".repeat(10_000),
            _ => "\u{fffd}\0".to_owned(),
        },
        mid: number.is_multiple_of(3).then(|| "nowhere".to_owned()),
        line: Some((number % 65_536) as u16),
    };
    alone.command(Command::AddCandidates((0..10_000).map(candidate).collect()));
    alone.command(Command::CreateAnswer { round: 1 });
    alone.report(|report| matches!(report, Report::Described { kind: DescriptionKind::Answer, .. })).await;
    assert!(alone.engine.statistics(&alone.key).await.is_some());
}
