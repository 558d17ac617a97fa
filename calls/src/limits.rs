//! How much, how many and how long: every bound of the state machine.

use std::time::Duration;

/// How long our invites are valid; the specification recommends 90 seconds at least.
pub const INVITE_LIFETIME: Duration = Duration::from_secs(90);
/// What an invite without a usable lifetime gets: what older clients wait for an answer.
pub const ABSENT_LIFETIME: Duration = Duration::from_secs(60);
/// The longest that a foreign invite may ring, whatever it says.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(180);
/// An invite that is valid for less than this cannot be accepted by a person any more.
pub const TIME_TO_ACCEPT: Duration = Duration::from_secs(3);
/// How long a renegotiation is valid.
pub const NEGOTIATION_LIFETIME: Duration = Duration::from_secs(60);

/// How long an invite or answer waits for candidates that are found at once.
pub const FIRST_CANDIDATES: Duration = Duration::from_millis(200);
/// How long candidates are collected after an invite, and after anything else.
pub const BATCH_AFTER_INVITE: Duration = Duration::from_secs(2);
pub const BATCH_AFTER_ANSWER: Duration = Duration::from_millis(500);

/// How long the media engine may take for a description.
pub const ENGINE_PATIENCE: Duration = Duration::from_secs(20);
/// From the answer to the first connection.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// From a lost connection to the end of the call.
pub const RECONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// From a lost connection to an ICE restart. The callee waits longer, so that the two seldom offer at once.
pub const RESTART_BY_CALLER: Duration = Duration::from_secs(2);
pub const RESTART_BY_CALLEE: Duration = Duration::from_secs(4);

pub const ID_BYTES: usize = 255;
/// An event has 64 KiB at most, so no honest description is longer.
pub const SDP_BYTES: usize = 64 * 1024;
pub const SDP_LINES: usize = 4096;
pub const SDP_SECTIONS: usize = 32;
pub const CANDIDATE_BYTES: usize = 512;
pub const CANDIDATES_PER_EVENT: usize = 64;
/// Per party and ICE generation, theirs and ours.
pub const CANDIDATES: usize = 256;
pub const STREAMS: usize = 16;

/// Calls of one account that are alive at once, ringing ones included.
pub const CALLS: usize = 16;
/// Foreign invites that are looked at per minute.
pub const INVITES_PER_MINUTE: u32 = 12;
/// Renegotiations by the other side per minute.
pub const OFFERS_PER_MINUTE: u32 = 30;
/// Calls that ended and are remembered, so that a late or doubled event does not ring again.
pub const ENDED_CALLS: usize = 256;
pub const SEEN_EVENTS: usize = 512;
/// Calls of which something came before the invite, what is kept of each, and how long.
pub const EARLY_CALLS: usize = 16;
pub const EARLY_SIGNALS: usize = 8;
pub const EARLY_PATIENCE: Duration = Duration::from_secs(60);
/// Parties that sent something before their answer was chosen.
pub const EARLY_PARTIES: usize = 8;

/// The longest side and the most pixels of a picture that is decoded: a screen of 3840 × 2160.
pub const PICTURE_SIDE: u32 = 4096;
pub const PICTURE_PIXELS: u32 = 3840 * 2160;
/// Of one encoded picture.
pub const FRAME_BYTES: usize = 2 * 1024 * 1024;
/// The longest Opus packet (RFC 6716, section 3.4) and the most sound in it: 120 milliseconds.
pub const SOUND_PACKET_BYTES: usize = 1276;
pub const SOUND_PACKET_SAMPLES: usize = 5760;
/// Packets of sound that wait to be played, and packets of video that wait for a missing one.
pub const WAITING_SOUND: usize = 64;
pub const WAITING_VIDEO: usize = 2048;
