//! Frames through a network that loses, doubles, reorders and cuts.

use std::time::Duration;

use bytes::Bytes;
use rtc::rtp::{codec::vp8::Vp8Payloader, packetizer::Payloader as _};

use super::{Assembly, Whole};
use crate::{
    codec::{Frame, PictureDecoder, PictureEncoder},
    device::card::draw,
    limits::WAITING_VIDEO,
    moment::Moment,
};

struct Packet {
    number: u16,
    stamp: u32,
    marker: bool,
    payload: Bytes,
}

fn frames(count: u32, keys: &[u32]) -> Vec<Frame> {
    let mut encoder = PictureEncoder::new(320, 180, 600_000).unwrap();
    let encode = |number: u32| {
        let picture = draw(320, 180, number).unwrap();
        encoder.encode(&picture, Duration::from_millis(33) * number, keys.contains(&number)).unwrap()
    };
    (0..count).filter_map(encode).collect()
}

fn packets(frames: &[Frame]) -> Vec<Packet> {
    let mut payloader = Vp8Payloader::default();
    payloader.enable_picture_id = true;
    let (mut number, mut packets) = (65_500_u16, Vec::new());
    for (at, frame) in (0_u32..).zip(frames) {
        let payloads = payloader.payload(200, &frame.data).unwrap();
        let last = payloads.len() - 1;
        for (place, payload) in payloads.into_iter().enumerate() {
            packets.push(Packet { number, stamp: at * 3_000, marker: place == last, payload });
            number = number.wrapping_add(1);
        }
    }
    packets
}

fn now(millis: u64) -> Moment {
    Moment::at(Duration::from_millis(millis))
}

fn push(assembly: &mut Assembly, packet: &Packet) {
    assembly.push(packet.number, packet.stamp, packet.marker, &packet.payload);
}

fn all(assembly: &mut Assembly, at: u64) -> Vec<Whole> {
    std::iter::from_fn(|| assembly.take(now(at))).collect()
}

#[test]
fn frames_come_out_as_they_went_in() {
    let frames = frames(20, &[]);
    let (mut assembly, mut out) = (Assembly::default(), Vec::new());
    for packet in packets(&frames) {
        push(&mut assembly, &packet);
        push(&mut assembly, &packet);
        out.extend(all(&mut assembly, 0));
    }
    assert_eq!(out.into_iter().map(|whole| whole.frame).collect::<Vec<_>>(), frames);
    assert!(!assembly.wants_key_frame(now(0)));
}

#[test]
fn a_late_packet_is_waited_for() {
    let frames = frames(10, &[]);
    let mut packets = packets(&frames);
    let late = packets.remove(packets.len() / 2);
    let mut assembly = Assembly::default();
    packets.iter().for_each(|packet| push(&mut assembly, packet));
    let before = all(&mut assembly, 0).len();
    assert!(before > 0 && before < frames.len());
    push(&mut assembly, &late);
    assert_eq!(before + all(&mut assembly, 100).len(), frames.len());
}

#[test]
fn after_a_loss_nothing_is_shown_before_a_key_frame() {
    let frames = frames(20, &[15]);
    let key = frames.iter().rposition(|frame| frame.key).unwrap();
    let (mut assembly, mut out, mut asked) = (Assembly::default(), Vec::new(), false);
    for packet in packets(&frames) {
        let place = packet.stamp / 3_000;
        if place == 5 {
            continue;
        }
        push(&mut assembly, &packet);
        out.extend(all(&mut assembly, u64::from(place) * 100));
        asked |= assembly.wants_key_frame(now(u64::from(place) * 100));
    }
    let shown: Vec<u32> = out.iter().map(|whole| whole.stamp / 3_000).collect();
    assert!(asked);
    assert_eq!(shown, (0..5).chain(key as u32..20).collect::<Vec<_>>());
    let mut decoder = PictureDecoder::new().unwrap();
    assert!(out.iter().all(|whole| decoder.decode(&whole.frame.data).unwrap().is_some()));
}

#[test]
fn requests_for_a_key_frame_keep_a_distance() {
    let mut assembly = Assembly::default();
    let asked = (0..2_000).step_by(10).filter(|at| assembly.wants_key_frame(now(*at))).count();
    assert_eq!(asked, 4);
}

#[test]
fn packets_that_only_fill_the_line_are_passed_over() {
    let frames = frames(4, &[]);
    let (mut assembly, mut number) = (Assembly::default(), 1_u16);
    for packet in packets(&frames) {
        assembly.push(number, packet.stamp, false, &Bytes::new());
        assembly.push(number + 1, packet.stamp, packet.marker, &packet.payload);
        number += 2;
    }
    assert_eq!(all(&mut assembly, 0).len(), frames.len());
}

#[test]
fn truncated_and_mad_packets_do_no_harm() {
    let frames = frames(30, &[10, 20]);
    for cut in 0..24 {
        let mut assembly = Assembly::default();
        for (place, mut packet) in packets(&frames).into_iter().enumerate() {
            if place % 3 == 0 {
                packet.payload.truncate(cut);
            }
            if place % 7 == 0 {
                packet.number = packet.number.wrapping_mul(40_503);
            }
            push(&mut assembly, &packet);
            let _ = all(&mut assembly, place as u64 * 10);
        }
        assert!(assembly.packets.len() <= WAITING_VIDEO);
    }
}

#[test]
fn a_frame_without_end_is_given_up() {
    let first = packets(&frames(1, &[])).remove(0);
    let mut assembly = Assembly::default();
    for number in 0..10_000 {
        assembly.push(first.number.wrapping_add(number), 0, false, &first.payload);
        assert_eq!(assembly.take(now(0)), None);
    }
    assert!(assembly.packets.len() <= WAITING_VIDEO);
}
