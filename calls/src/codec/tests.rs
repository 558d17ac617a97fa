//! Codecs give back what they took, and refuse what no honest sender makes.

use std::time::Duration;

use super::{
    Frame, Picture, PictureDecoder, PictureEncoder, SILENCE, Sound, SoundDecoder, SoundEncoder, energy, vp8::Head,
};
use crate::{
    device::{card::draw, tone::Wave},
    limits::{FRAME_BYTES, PICTURE_SIDE},
};

fn tone(frames: usize) -> Vec<Sound> {
    let mut wave = Wave::new(440.0, 0.3);
    (0..frames).map(|_| wave.next_sound()).collect()
}

fn pictures(count: u32) -> Vec<Picture> {
    (0..count).map(|number| draw(320, 180, number).unwrap()).collect()
}

fn frames(count: u32) -> Vec<Frame> {
    let mut encoder = PictureEncoder::new(320, 180, 400_000).unwrap();
    let at = |number: u32| Duration::from_millis(33) * number;
    (0..)
        .zip(pictures(count))
        .filter_map(|(number, picture)| encoder.encode(&picture, at(number), false).unwrap())
        .collect()
}

#[test]
fn a_tone_goes_through_opus() {
    let (mut encoder, mut decoder) = (SoundEncoder::new(32_000).unwrap(), SoundDecoder::new().unwrap());
    let mut loudest: f64 = 0.0;
    for sound in tone(20) {
        let packet = encoder.encode(&sound).unwrap().unwrap();
        let heard = decoder.decode(&packet).unwrap();
        assert_eq!(heard.len(), sound.len());
        loudest = loudest.max(energy(&heard));
    }
    assert!((0.03..0.06).contains(&loudest), "{loudest}");
}

#[test]
fn silence_is_not_sent_for_long() {
    let mut encoder = SoundEncoder::new(32_000).unwrap();
    let sent = (0..100).filter(|_| encoder.encode(&SILENCE).unwrap().is_some()).count();
    assert!(sent < 40, "{sent} of 100 packets of silence were sent");
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_one() {
    let (mut encoder, mut decoder) = (SoundEncoder::new(48_000).unwrap(), SoundDecoder::new().unwrap());
    encoder.set_loss(0.3).unwrap();
    let packets: Vec<_> = tone(12).iter().filter_map(|sound| encoder.encode(sound).unwrap()).collect();
    for packet in &packets[..10] {
        decoder.decode(packet).unwrap();
    }
    let recovered = decoder.recover(&packets[11], 960).unwrap();
    assert!(energy(&recovered) > 0.02, "{}", energy(&recovered));
}

#[test]
fn what_is_no_opus_packet_is_refused() {
    let mut decoder = SoundDecoder::new().unwrap();
    let long = vec![0_u8; 5_000];
    for bad in [&[][..], &[0xff], &[0xff, 0xff, 0xff], &[0x03, 0x3f, 0, 0], &long] {
        assert!(decoder.decode(bad).is_err(), "{} bytes", bad.len());
    }
}

#[test]
fn a_picture_goes_through_vp8() {
    let frames = frames(10);
    assert!(frames[0].key && !frames[1].key);
    let mut decoder = PictureDecoder::new().unwrap();
    let mut shown = 0;
    for (frame, picture) in frames.iter().zip(pictures(10)) {
        let decoded = decoder.decode(&frame.data).unwrap().unwrap();
        assert_eq!((decoded.width(), decoded.height()), (320, 180));
        assert!((decoded.mean_luma() - picture.mean_luma()).abs() < 8.0);
        shown += 1;
    }
    assert!(shown >= 8, "{shown}");
}

#[test]
fn a_key_frame_comes_when_it_is_asked_for() {
    let mut encoder = PictureEncoder::new(320, 180, 400_000).unwrap();
    let mut keys = Vec::new();
    for (number, picture) in (0..).zip(pictures(6)) {
        let frame = encoder.encode(&picture, Duration::from_millis(33) * number, number == 4).unwrap();
        keys.extend(frame.filter(|frame| frame.key).map(|_| number));
    }
    assert_eq!(keys, [0, 4]);
}

#[test]
fn nothing_is_shown_before_a_key_frame() {
    let frames = frames(4);
    let mut decoder = PictureDecoder::new().unwrap();
    assert_eq!(decoder.decode(&frames[1].data).unwrap(), None);
    assert!(decoder.decode(&frames[0].data).unwrap().is_some());
    assert!(decoder.decode(&frames[1].data).unwrap().is_some());
}

#[test]
fn frames_cut_anywhere_do_no_harm() {
    let frames = frames(3);
    let mut decoder = PictureDecoder::new().unwrap();
    for frame in &frames {
        for length in (0..frame.data.len()).step_by(7) {
            let _ = decoder.decode(&frame.data[..length]);
        }
        let turned: Vec<u8> = frame.data.iter().map(|byte| byte ^ 0x55).collect();
        let _ = decoder.decode(&turned);
    }
    assert!(decoder.decode(&frames[0].data).unwrap().is_some());
}

#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let bomb = |width: u16, height: u16| {
        let (width, height) = (width.to_le_bytes(), height.to_le_bytes());
        vec![0x10, 0, 0, 0x9d, 1, 0x2a, width[0], width[1], height[0], height[1], 0, 0]
    };
    let mut decoder = PictureDecoder::new().unwrap();
    for (width, height) in [(0x3fff, 0x3fff), (PICTURE_SIDE as u16, PICTURE_SIDE as u16), (0, 16), (16, 0)] {
        assert_eq!(Head::read(&bomb(width, height)), None);
        assert!(decoder.decode(&bomb(width, height)).is_err());
    }
    assert!(Head::read(&bomb(1280, 720)).is_some());
    assert_eq!(Head::read(&vec![1; FRAME_BYTES + 1]), None);
    assert_eq!(Picture::black(PICTURE_SIDE, PICTURE_SIDE), None);
}

#[test]
fn a_picture_of_another_size_is_not_encoded() {
    let mut encoder = PictureEncoder::new(320, 180, 400_000).unwrap();
    let other = Picture::black(322, 180).unwrap();
    assert!(encoder.encode(&other, Duration::ZERO, false).is_err());
    assert_eq!(draw(641, 361, 1).unwrap().scaled(320, 180).map(|scaled| scaled.width()), Some(320));
}
