//! Offers, answers, candidates and their undoing.

use std::{sync::Arc, time::Duration};

use rtc::{
    rtp_transceiver::RTCRtpTransceiverDirection,
    shared::error::{Error, Result},
};
use tokio::time::timeout;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use super::{connection::rehearse, session::Session};
use crate::{
    engine::Report,
    limits::{CANDIDATE_BYTES, CANDIDATES},
    sdp::{self, Way},
    signal::{Candidate, Description, DescriptionKind, Purpose, Stream, Streams},
};

/// No honest description takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    pub(super) async fn offer(&mut self, connection: &Arc<dyn PeerConnection>, round: u32, restart: bool) {
        let made = async {
            if restart {
                connection.restart_ice().await?;
            }
            self.turn(connection, None).await?;
            connection.create_offer(None).await
        };
        match made.await {
            Ok(offer) => self.describe(connection, round, DescriptionKind::Offer, offer).await,
            Err(error) => self.broke(&error).await,
        }
    }

    pub(super) async fn answer(&mut self, connection: &Arc<dyn PeerConnection>, round: u32) {
        // Their offer was refused, and that was said.
        let Some(theirs) = connection.pending_remote_description().await else { return };
        let made = async {
            self.turn(connection, Some(&sdp::ways(&self.their_sdp))).await?;
            connection.create_answer(None).await
        };
        match made.await {
            Ok(answer) => self.describe(connection, round, DescriptionKind::Answer, answer).await,
            Err(error) => {
                tracing::debug!(%error, bytes = theirs.sdp.len(), "an offer cannot be answered");
                self.roll_back(connection).await;
                self.flow.report(Report::DescriptionRefused { round }).await;
            }
        }
    }

    pub(super) async fn set_remote(
        &mut self,
        connection: &Arc<dyn PeerConnection>,
        round: u32,
        description: Description,
    ) {
        let kind = description.kind;
        if let Err(error) = self.take(connection, description).await {
            tracing::debug!(%error, "a description of the other side does not fit");
            self.roll_back(connection).await;
            self.flow.report(Report::DescriptionRefused { round }).await;
            return;
        }
        if kind == DescriptionKind::Answer {
            let theirs = &self.their_sdp;
            self.serves_dtls.get_or_insert_with(|| theirs.lines().any(|line| line.trim_end() == "a=setup:active"));
        }
        self.candidates_left = CANDIDATES;
        self.negotiated().await;
    }

    async fn take(&mut self, connection: &Arc<dyn PeerConnection>, description: Description) -> Result<()> {
        if sdp::outline(&description.sdp).is_none() {
            return Err(Error::Other("no session description".to_owned()));
        }
        let text = never_inactive(&description.sdp);
        self.their_sdp = description.sdp;
        let parsed = match description.kind {
            DescriptionKind::Offer => RTCSessionDescription::offer(text)?,
            DescriptionKind::Answer => RTCSessionDescription::answer(text)?,
        };
        // A task of its own: should a description ever make the library panic, the call goes on.
        let connection = Arc::clone(connection);
        let set = tokio::spawn(async move {
            if description.kind == DescriptionKind::Offer {
                rehearse(parsed.clone())?;
            }
            connection.set_remote_description(parsed).await
        });
        match timeout(PATIENCE, set).await {
            Ok(Ok(set)) => set,
            Ok(Err(_)) | Err(_) => Err(Error::Other("the description was not understood".to_owned())),
        }
    }

    async fn describe(
        &mut self,
        connection: &Arc<dyn PeerConnection>,
        round: u32,
        kind: DescriptionKind,
        description: RTCSessionDescription,
    ) {
        // `rtc` numbers its descriptions by the clock's fraction of a second; by the rules each is one more than the last.
        self.versions += 1;
        let mut sdp = sdp::with_version(&description.sdp, self.versions);
        // It also answers each offer as DTLS's client, though the first answer settled who that is. Browsers refuse a change.
        if kind == DescriptionKind::Answer && *self.serves_dtls.get_or_insert(false) {
            sdp = sdp.replace("a=setup:active\r\n", "a=setup:passive\r\n");
        }
        self.first_mid = sdp::ways(&sdp).first().map(|way| way.mid.clone());
        if let Err(error) = connection.set_local_description(description).await {
            return self.broke(&error).await;
        }
        self.negotiated().await;
        let streams = self.streams();
        self.flow.report(Report::Described { round, kind, sdp, streams }).await;
    }

    /// Gives up a description that has no counterpart, ours or theirs.
    pub(super) async fn roll_back(&mut self, connection: &Arc<dyn PeerConnection>) {
        let Ok(nothing) = RTCSessionDescription::rollback(None) else { return };
        let done = if connection.pending_local_description().await.is_some() {
            connection.set_local_description(nothing).await
        } else if connection.pending_remote_description().await.is_some() {
            connection.set_remote_description(nothing).await
        } else {
            Ok(())
        };
        if let Err(error) = done {
            self.broke(&error).await;
        }
    }

    pub(super) async fn add_candidates(&mut self, connection: &Arc<dyn PeerConnection>, candidates: Vec<Candidate>) {
        for candidate in candidates {
            if candidate.is_end() || candidate.candidate.len() > CANDIDATE_BYTES {
                continue;
            }
            let Some(left) = self.candidates_left.checked_sub(1) else { return };
            self.candidates_left = left;
            let candidate = RTCIceCandidateInit {
                candidate: candidate.candidate,
                sdp_mid: candidate.mid,
                sdp_mline_index: candidate.line,
                ..RTCIceCandidateInit::default()
            };
            // In a task of its own, as descriptions are.
            let connection = Arc::clone(connection);
            let added = tokio::spawn(async move { connection.add_ice_candidate(candidate).await });
            if !matches!(timeout(PATIENCE, added).await, Ok(Ok(Ok(())))) {
                tracing::debug!("a candidate of the other side does not fit");
            }
        }
    }

    /// Sets what each section does. An answer does no more than the offer, `theirs`, lets it.
    async fn turn(&self, connection: &Arc<dyn PeerConnection>, theirs: Option<&[Way]>) -> Result<()> {
        let hold = self.media.on_hold;
        for transceiver in connection.get_transceivers().await {
            let has_track = transceiver.sender().await?.is_some();
            let (mut send, mut receive) = (has_track || hold, !hold);
            if let Some(theirs) = theirs {
                let mid = transceiver.mid().await?;
                let Some(way) = theirs.iter().find(|way| mid.as_ref() == Some(&way.mid)) else { continue };
                (send, receive) = (has_track && way.takes, receive && way.sends);
            }
            transceiver.set_direction(RTCRtpTransceiverDirection::from_send_recv(send, receive)).await?;
        }
        Ok(())
    }

    fn streams(&self) -> Streams {
        let stream = |purpose| Stream { purpose, audio_muted: false, video_muted: false };
        let user = (self.user_stream.clone(), stream(Purpose::UserMedia));
        let screen = self.screen.as_ref().map(|_| (self.screen_stream.clone(), stream(Purpose::ScreenShare)));
        std::iter::once(user).chain(screen).collect()
    }

    async fn broke(&self, error: &Error) {
        tracing::warn!(%error, "a call's connection cannot go on");
        self.flow.report(Report::Broken).await;
    }
}

/// `rtc` stops a section for ever that is offered as inactive, though it is only at rest while both sides hold.
fn never_inactive(sdp: &str) -> String {
    let line = |line: &str| if line == "a=inactive" { "a=recvonly\r\n".to_owned() } else { format!("{line}\r\n") };
    sdp.lines().map(line).collect()
}
