//! Descriptions as browsers write them.

use super::hostile::Alone;
use crate::{
    engine::{Command, LocalMedia, Report},
    sdp::{Way, outline, ways},
    signal::{Description, DescriptionKind, Purpose},
};

/// Of Chromium, with a microphone and a camera in one stream, the camera first.
const CHROMIUM: &str = include_str!("chromium_offer.sdp");

async fn answer(alone: &mut Alone, offer: &str) -> String {
    alone.round += 1;
    let round = alone.round;
    let description = Description { kind: DescriptionKind::Offer, sdp: offer.to_owned() };
    alone.command(Command::SetRemote { round, description });
    alone.command(Command::CreateAnswer { round });
    let over = |report: &Report| matches!(report, Report::Described { .. } | Report::DescriptionRefused { .. });
    match alone.report(over).await {
        Report::Described { kind: DescriptionKind::Answer, sdp, streams, .. } => {
            assert!(streams.values().any(|stream| stream.purpose == Purpose::UserMedia));
            assert!(streams.keys().all(|stream| sdp.contains(&format!("msid:{stream} "))), "{streams:?}: {sdp}");
            sdp
        }
        other => panic!("{other:?}"),
    }
}

fn way(mid: &str, sends: bool, takes: bool) -> Way {
    Way { mid: mid.to_owned(), sends, takes }
}

#[tokio::test]
async fn a_chromiums_offer_is_answered_with_opus_and_vp8() {
    let mut alone = Alone::new();
    let sdp = answer(&mut alone, CHROMIUM).await;
    // Nobody films here: their video is taken all the same.
    assert_eq!(ways(&sdp), [way("0", false, true), way("1", true, true)]);
    assert!(sdp.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n") && sdp.contains("a=rtpmap:96 VP8/90000"), "{sdp}");
    assert!(sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") && sdp.contains("a=rtpmap:111 opus/48000/2"), "{sdp}");
    for line in ["a=rtcp-mux", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 transport-cc", "a=setup:active", "useinbandfec=1"]
    {
        assert!(sdp.contains(line), "{line} is not in {sdp}");
    }
}

#[tokio::test]
async fn who_offered_first_stays_the_server_of_dtls_when_the_other_side_offers() {
    let (mut first, mut other) = (Alone::new(), Alone::new());
    let offer = first.offer().await;
    let sdp = answer(&mut other, &offer).await;
    assert!(sdp.contains("a=setup:active") && !sdp.contains("a=setup:passive"), "{sdp}");
    first.command(Command::SetRemote {
        round: first.round,
        description: Description { kind: DescriptionKind::Answer, sdp },
    });
    let again = other.offer().await;
    let sdp = answer(&mut first, &again).await;
    assert!(sdp.contains("a=setup:passive") && !sdp.contains("a=setup:active"), "{sdp}");
}

#[tokio::test]
async fn each_description_has_a_higher_number_and_says_who_holds() {
    let mut alone = Alone::new();
    let first = answer(&mut alone, CHROMIUM).await;
    alone.command(Command::SetMedia(LocalMedia::video()));
    let video = answer(&mut alone, CHROMIUM).await;
    assert_eq!(ways(&video), [way("0", true, true), way("1", true, true)]);
    let held = answer(&mut alone, &CHROMIUM.replace("a=sendrecv", "a=sendonly")).await;
    assert_eq!(ways(&held), [way("0", false, true), way("1", false, true)]);
    alone.command(Command::SetMedia(LocalMedia { on_hold: true, ..LocalMedia::video() }));
    let both = answer(&mut alone, &CHROMIUM.replace("a=sendrecv", "a=sendonly")).await;
    assert_eq!(ways(&both), [way("0", false, false), way("1", false, false)]);
    let rest = answer(&mut alone, &CHROMIUM.replace("a=sendrecv", "a=inactive")).await;
    assert!(outline(&rest).unwrap().on_hold);
    alone.command(Command::SetMedia(LocalMedia::video()));
    let back = answer(&mut alone, CHROMIUM).await;
    assert_eq!(ways(&back), [way("0", true, true), way("1", true, true)]);
    let origins: Vec<_> =
        [first, video, held, both, rest, back].iter().map(|sdp| outline(sdp).unwrap().origin.unwrap()).collect();
    assert!(origins.windows(2).all(|two| two[0].is_before(&two[1])));
}
