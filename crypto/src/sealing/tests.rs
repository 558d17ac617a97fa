//! Sealed bytes and streams open with their key and purpose, whole, and in no other way.

use std::io::{ErrorKind, Read as _, Write as _};

use super::{OpenError, OpenReader, SealWriter, open, seal};
use crate::Key;

const CHUNK: usize = 64 * 1024;
const HEAD: usize = 27;

fn seal_stream(key: &Key, plain: &[u8], step: usize) -> Vec<u8> {
    let mut writer = SealWriter::new(key, "backup", Vec::new()).unwrap();
    plain.chunks(step).for_each(|part| writer.write_all(part).unwrap());
    writer.finish().unwrap()
}

fn open_stream(key: &Key, purpose: &str, sealed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    OpenReader::new(key, purpose, sealed)?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn bytes_round_trip_and_two_sealings_differ() {
    let key = Key::random();
    for plain in [&b""[..], b"x", &pattern(5000)] {
        let sealed = seal(&key, "note", plain);
        assert_eq!(open(&key, "note", &sealed).unwrap().as_slice(), plain);
        assert_eq!(sealed.len(), plain.len() + 41);
        assert_ne!(sealed, seal(&key, "note", plain));
    }
}

#[test]
fn another_key_purpose_version_or_any_changed_byte_is_refused() {
    let key = Key::random();
    let sealed = seal(&key, "note", b"plain");
    assert_eq!(open(&Key::random(), "note", &sealed), Err(OpenError));
    assert_eq!(open(&key, "other", &sealed), Err(OpenError));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(open(&key, "note", &changed), Err(OpenError), "byte {at}");
        assert_eq!(open(&key, "note", &sealed[..at]), Err(OpenError), "cut at {at}");
    }
}

#[test]
fn streams_of_every_awkward_length_round_trip() {
    let key = Key::random();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17] {
        let plain = pattern(length);
        for step in [1000, CHUNK, 1 << 20] {
            let sealed = seal_stream(&key, &plain, step);
            assert!(open_stream(&key, "backup", &sealed).unwrap() == plain, "{length} in steps of {step}");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_refused() {
    let key = Key::random();
    let sealed = seal_stream(&key, &pattern(2 * CHUNK + 5), CHUNK);
    for length in [0, 7, HEAD, HEAD + 1, HEAD + CHUNK + 16, HEAD + 2 * (CHUNK + 16), sealed.len() - 1] {
        let error = open_stream(&key, "backup", &sealed[..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length} bytes");
    }
}

#[test]
fn chunks_cannot_be_swapped_repeated_or_appended() {
    let key = Key::random();
    let sealed = seal_stream(&key, &pattern(3 * CHUNK), CHUNK);
    let (head, body) = sealed.split_at(HEAD);
    let chunks: Vec<&[u8]> = body.chunks(CHUNK + 16).collect();
    for order in [&[1, 0, 2][..], &[0, 0, 1, 2], &[0, 2], &[0, 1, 2, 2]] {
        let forged: Vec<u8> =
            head.iter().copied().chain(order.iter().flat_map(|at| chunks[*at].iter().copied())).collect();
        assert_eq!(open_stream(&key, "backup", &forged).unwrap_err().kind(), ErrorKind::InvalidData, "{order:?}");
    }
}

#[test]
fn a_failed_stream_stays_failed() {
    let key = Key::random();
    let mut sealed = seal_stream(&key, &pattern(2 * CHUNK), CHUNK);
    sealed[HEAD + 3] ^= 1;
    let mut reader = OpenReader::new(&key, "backup", sealed.as_slice()).unwrap();
    let mut byte = [0];
    assert!(reader.read(&mut byte).is_err());
    assert!(reader.read(&mut byte).is_err(), "an error must not look like the end of the file afterwards");
}

#[test]
fn a_stream_of_another_key_or_purpose_is_refused() {
    let key = Key::random();
    let sealed = seal_stream(&key, b"plain", 5);
    assert_eq!(open_stream(&Key::random(), "backup", &sealed).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(open_stream(&key, "media", &sealed).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(
        open_stream(&key, "backup", b"HEARTHS2 and more than enough bytes").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}
