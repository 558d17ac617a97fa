//! The little that signalling must know of a session description; the media engine reads it in full.

use crate::{
    limits::{SDP_BYTES, SDP_LINES, SDP_SECTIONS},
    signal::Candidate,
};

/// What a description says, looked at by lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Accepts or sends live video.
    pub video: bool,
    /// Says that video will be sent.
    pub sends_video: bool,
    /// Every live audio or video section says that nothing is to be sent to its author.
    pub on_hold: bool,
    /// The first ICE user fragment: another one is another generation of candidates.
    pub ufrag: Option<String>,
    pub origin: Option<Origin>,
}

/// Who made a description, and its count among theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    session: String,
    version: u64,
}

impl Origin {
    /// Both by one author, and this one was made first.
    pub fn is_before(&self, other: &Self) -> bool {
        self.session == other.session && self.version < other.version
    }

    /// Reads what follows `o=`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ').skip(1);
        let session = words.next()?.to_owned();
        Some(Self { session, version: words.next()?.parse().ok()? })
    }
}

/// None when this cannot be a description: empty, foreign, or past the bounds.
pub fn outline(sdp: &str) -> Option<Outline> {
    if sdp.len() > SDP_BYTES || !sdp.starts_with("v=0") || sdp.lines().count() > SDP_LINES {
        return None;
    }
    let (mut found, mut sections, mut session_direction) = (Outline::default(), Vec::new(), Direction::Both);
    for line in sdp.lines() {
        let line = line.trim_end();
        if let Some(media) = line.strip_prefix("m=") {
            let mut words = media.split(' ');
            let (kind, port) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            // A bundled section may have port 0 in an offer; then it says bundle-only.
            sections.push(Section { kind, off: port == "0", direction: session_direction });
        } else if let Some(origin) = line.strip_prefix("o=") {
            found.origin = Origin::read(origin);
        } else if let Some(attribute) = line.strip_prefix("a=") {
            if let Some(direction) = Direction::of(attribute) {
                match sections.last_mut() {
                    Some(section) => section.direction = direction,
                    None => session_direction = direction,
                }
            } else if attribute == "bundle-only"
                && let Some(section) = sections.last_mut()
            {
                section.off = false;
            } else if let Some(ufrag) = attribute.strip_prefix("ice-ufrag:") {
                found.ufrag.get_or_insert_with(|| ufrag.to_owned());
            }
        }
    }
    if sections.is_empty() || sections.len() > SDP_SECTIONS {
        return None;
    }
    let live = |section: &&Section<'_>| !section.off && ["audio", "video"].contains(&section.kind);
    let (mut all, mut held) = (0, 0);
    for section in sections.iter().filter(live) {
        let (sends, takes) = (section.direction.sends(), section.direction.takes());
        all += 1;
        held += usize::from(!takes);
        found.video |= section.kind == "video" && (sends || takes);
        found.sends_video |= section.kind == "video" && sends;
    }
    found.on_hold = all > 0 && all == held;
    Some(found)
}

/// What its author does in one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub mid: String,
    pub sends: bool,
    pub takes: bool,
}

/// The ways of all sections that have a name.
pub fn ways(sdp: &str) -> Vec<Way> {
    let (mut ways, mut session, mut inside): (Vec<Way>, _, _) = (Vec::new(), Direction::Both, false);
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            inside = true;
            ways.push(Way { mid: String::new(), sends: session.sends(), takes: session.takes() });
        } else if let Some(direction) = line.strip_prefix("a=").and_then(Direction::of) {
            match ways.last_mut() {
                Some(way) if inside => (way.sends, way.takes) = (direction.sends(), direction.takes()),
                _ => session = direction,
            }
        } else if let (Some(way), Some(mid)) = (ways.last_mut(), line.strip_prefix("a=mid:")) {
            mid.clone_into(&mut way.mid);
        }
    }
    ways.retain(|way| !way.mid.is_empty());
    ways
}

/// The description as its author's one of this number.
pub fn with_version(sdp: &str, version: u64) -> String {
    let numbered = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        let version = version.to_string();
        if let Some(word) = words.get_mut(2) {
            *word = &version;
        }
        words.join(" ")
    };
    let mut text = String::with_capacity(sdp.len() + 20);
    for line in sdp.lines() {
        if line.starts_with("o=") {
            push_line(&mut text, &numbered(line));
        } else {
            push_line(&mut text, line);
        }
    }
    text
}

/// The description with candidates that were found before it was sent.
pub fn with_candidates(sdp: &str, candidates: &[Candidate], all: bool) -> String {
    let mut text = String::with_capacity(sdp.len() + candidates.len() * 128);
    let mut section: Vec<&str> = Vec::new();
    let mut number = None;
    for line in sdp.lines() {
        if line.starts_with("m=") {
            close_section(&mut text, &section, number, candidates, all);
            section.clear();
            number = Some(number.map_or(0, |n: u16| n.saturating_add(1)));
        }
        section.push(line);
    }
    close_section(&mut text, &section, number, candidates, all);
    text
}

fn close_section(text: &mut String, section: &[&str], number: Option<u16>, candidates: &[Candidate], all: bool) {
    for line in section {
        push_line(text, line);
    }
    let Some(number) = number else { return };
    let mid = section.iter().find_map(|line| line.strip_prefix("a=mid:")).map(str::trim_end);
    let mut here = candidates.iter().filter(|candidate| match (&candidate.mid, candidate.line) {
        (Some(its), _) => mid == Some(its.as_str()),
        (None, line) => line == Some(number),
    });
    let mut any = false;
    for candidate in here.by_ref() {
        let value = candidate.candidate.strip_prefix("a=").unwrap_or(&candidate.candidate);
        push_line(text, &format!("a={value}"));
        any = true;
    }
    if any && all && !section.contains(&"a=end-of-candidates") {
        push_line(text, "a=end-of-candidates");
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push_str("\r\n");
}

struct Section<'a> {
    kind: &'a str,
    off: bool,
    direction: Direction,
}

#[derive(Clone, Copy)]
enum Direction {
    Both,
    Send,
    Receive,
    Neither,
}

impl Direction {
    fn sends(self) -> bool {
        matches!(self, Self::Both | Self::Send)
    }

    fn takes(self) -> bool {
        matches!(self, Self::Both | Self::Receive)
    }

    fn of(attribute: &str) -> Option<Self> {
        match attribute {
            "sendrecv" => Some(Self::Both),
            "sendonly" => Some(Self::Send),
            "recvonly" => Some(Self::Receive),
            "inactive" => Some(Self::Neither),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Way, outline, ways, with_candidates, with_version};
    use crate::{limits::SDP_BYTES, signal::Candidate};

    const VOICE: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=sendrecv\r\n";

    #[test]
    fn a_voice_offer_has_no_video_and_is_not_on_hold() {
        let found = outline(VOICE).unwrap();
        assert!(!found.video && !found.sends_video && !found.on_hold);
        assert_eq!(found.ufrag.as_deref(), Some("abcd"));
        let origin = |text: &str| outline(&VOICE.replace("o=- 1 1", text)).unwrap().origin.unwrap();
        assert!(origin("o=- 1 1").is_before(&origin("o=- 1 2")) && !origin("o=- 1 2").is_before(&origin("o=- 1 2")));
        assert!(!origin("o=- 1 1").is_before(&origin("o=- 2 2")));
    }

    #[test]
    fn hold_is_when_every_live_section_takes_nothing() {
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=";
        let held = VOICE.replace("sendrecv", "sendonly");
        assert!(outline(&held).unwrap().on_hold);
        assert!(outline(&format!("{held}{video}inactive\r\n")).unwrap().on_hold);
        assert!(!outline(&format!("{held}{video}recvonly\r\n")).unwrap().on_hold);
        let off = format!("{VOICE}m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\n");
        assert!(!outline(&off).unwrap().video);
        assert!(outline(&format!("{off}a=bundle-only\r\n")).unwrap().sends_video);
    }

    #[test]
    fn a_description_is_numbered_and_nothing_else_changes() {
        assert_eq!(with_version(VOICE, 7), VOICE.replace("o=- 1 1", "o=- 1 7"));
        assert_eq!(with_version("v=0\no=\n", 7), "v=0\r\no=\r\n");
    }

    #[test]
    fn each_section_says_what_its_author_does() {
        let sdp = format!("v=0\r\na=recvonly\r\nm=video 9 x 96\r\na=mid:v\r\n{}m=audio 9 x 0\r\n", &VOICE[5..]);
        let way = |mid: &str, sends, takes| Way { mid: mid.to_owned(), sends, takes };
        assert_eq!(ways(&sdp), [way("v", false, true), way("0", true, true)]);
    }

    #[test]
    fn what_cannot_be_a_description_is_refused() {
        let long = format!("{VOICE}{}", "a".repeat(SDP_BYTES));
        let sections = format!("v=0\n{}", "m=audio 9 x 0\n".repeat(33));
        let lines = format!("{VOICE}{}", "a=x\n".repeat(5000));
        for bad in ["", "v=0\r\n", "{}", "m=audio 9 x 0\n", &long, &sections, &lines] {
            assert_eq!(outline(bad), None);
        }
        assert!(outline("v=0\nm=\nm= \na=mid:\na=\n\0\u{fffd}").is_some());
    }

    #[test]
    fn candidates_go_into_their_sections() {
        let sdp = format!("{VOICE}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n");
        let by_mid = Candidate { candidate: "candidate:1".to_owned(), mid: Some("v".to_owned()), line: Some(0) };
        let by_line = Candidate { candidate: "candidate:2".to_owned(), mid: None, line: Some(0) };
        let text = with_candidates(&sdp, &[by_mid, by_line], true);
        let (voice, video) = text.split_once("m=video").unwrap();
        assert!(voice.ends_with("a=sendrecv\r\na=candidate:2\r\na=end-of-candidates\r\n"));
        assert!(video.ends_with("a=mid:v\r\na=candidate:1\r\na=end-of-candidates\r\n"));
        assert_eq!(with_candidates(VOICE, &[], true), VOICE);
    }
}
