//! The corpus of each target, as it is and changed at random; `PROPTEST_CASES` gives more and new changes.

use std::{fs, path::Path};

use proptest::{
    prelude::{ProptestConfig, Strategy, any},
    sample::Index,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use super::{description, events, packets};

/// What parsers stumble over.
const WORDS: [&str; 16] = [
    "null",
    "-1",
    "0",
    "99999999999",
    "a=mid:",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    "a=inactive\r\n",
    "\r\n",
    "{",
    "[[",
    "\\u0000",
    "\u{0}\u{0}\u{0}\u{1}",
    "*",
    "$",
    " ",
    "=",
];

/// Where, how, with which byte, and with which part of another input.
type Change = (Index, usize, u8, Index);

/// Calls the door with each file of a target's corpus, and with what random changes make of them.
fn replay(target: &str, door: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap();
    let inputs: Vec<Vec<u8>> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() > 4, "{} files in {}", inputs.len(), folder.display());
    inputs.iter().for_each(|input| door(input));

    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig { cases: wanted.unwrap_or(60), failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = match wanted {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let place = || any::<Index>();
    let changes = proptest::collection::vec((place(), 0..6_usize, any::<u8>(), place()), 1..6).boxed();
    let change = |(one, other, changes): (Index, Index, Vec<Change>)| {
        let (mut input, other) = (one.get(&inputs).clone(), other.get(&inputs));
        for (at, how, byte, part) in changes {
            let (at, word) = (at.index(input.len() + 1), *part.get(&WORDS));
            match how {
                0 => input.truncate(at),
                1 => input.insert(at, byte),
                2 => drop(input.splice(at..at, word.bytes())),
                3 => drop(input.splice(at..input.len().min(at + 4), word.bytes())),
                4 => drop(input.splice(at.., other[part.index(other.len() + 1)..].iter().copied())),
                _ => drop(input.drain(at..input.len().min(at + usize::from(byte % 8)))),
            }
        }
        door(&input);
        Ok(())
    };
    runner.run(&(place(), place(), changes), change).unwrap();
}

#[test]
fn no_description_of_the_corpus_breaks_the_engine() {
    replay("calls_descriptions", description);
}

#[test]
fn no_packets_of_the_corpus_break_the_engine() {
    replay("calls_packets", packets);
}

#[test]
fn no_events_of_the_corpus_break_the_calls() {
    replay("calls_events", events);
}
