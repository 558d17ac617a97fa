//! RTP of a stranger: into frames and pictures, and into sound.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    assembly::Assembly,
    codec::{PictureDecoder, vp8::Head},
    jitter::Jitter,
    limits::{FRAME_BYTES, PICTURE_PIXELS},
    moment::Moment,
};

/// Larger pictures are not decoded here: they take long, and nothing is learnt from them.
const SMALL: u32 = 320 * 240;

/// Packets one after the other: two bytes of number, one of time stamp (in hundredths of a second), one whose lowest bit is the
/// marker and whose others are the milliseconds until it comes, two of length, and so many of payload. The first byte of all
/// chooses between pictures (even) and sound.
pub fn packets(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let packets = std::iter::successors(next(rest), |(_, rest)| next(rest)).map(|(packet, _)| packet);
    if kind & 1 == 0 { pictures(packets) } else { sound(packets) }
}

struct Packet {
    number: u16,
    stamp: u32,
    marker: bool,
    waits: Duration,
    payload: Bytes,
}

fn next(input: &[u8]) -> Option<(Packet, &[u8])> {
    let [n1, n2, stamp, flags, l1, l2, rest @ ..] = input else { return None };
    let length = usize::from(u16::from_be_bytes([*l1, *l2])).min(rest.len());
    let (payload, rest) = rest.split_at(length);
    let packet = Packet {
        number: u16::from_be_bytes([*n1, *n2]),
        stamp: u32::from(*stamp),
        marker: flags & 1 == 1,
        waits: Duration::from_millis((flags >> 1).into()),
        payload: Bytes::copy_from_slice(payload),
    };
    Some((packet, rest))
}

fn pictures(packets: impl Iterator<Item = Packet>) {
    let (mut assembly, mut now) = (Assembly::default(), Moment::default());
    let Ok(mut decoder) = PictureDecoder::new() else { return };
    for packet in packets {
        now = now + packet.waits;
        assembly.push(packet.number, packet.stamp * 900, packet.marker, &packet.payload);
        while let Some(whole) = assembly.take(now) {
            let frame = whole.frame;
            assert!(frame.data.len() <= FRAME_BYTES && frame.width * frame.height <= PICTURE_PIXELS);
            let size = Head::read(&frame.data).and_then(|head| head.size);
            if size.is_none_or(|(width, height)| width * height <= SMALL)
                && let Ok(Some(picture)) = decoder.decode(&frame.data)
            {
                assert!(picture.width() * picture.height() <= PICTURE_PIXELS);
            }
        }
        assembly.wants_key_frame(now);
    }
}

fn sound(packets: impl Iterator<Item = Packet>) {
    let Ok(mut jitter) = Jitter::new() else { return };
    let (mut now, mut played) = (Moment::default(), Moment::default());
    for packet in packets {
        now = now + packet.waits;
        jitter.push(packet.number, packet.stamp * 480, packet.payload, now);
        while played < now {
            played = played + Duration::from_millis(20);
            assert!(jitter.pull().iter().all(|sample| (-2.0..=2.0).contains(sample)), "sound out of all measure");
        }
    }
}
