//! Replays the corpus of each door, and changes it at random.

use std::{fs, path::Path};

use proptest::{
    prelude::{ProptestConfig, Strategy, any},
    sample::Index,
    test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use super::{
    Home,
    federation::{Neighbours, well_known},
    push_rules,
};

/// Calls the door with each file of a target's corpus.
fn replay(target: &str, door: impl Fn(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let mut inputs = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        inputs.push(fs::read(&path)?);
        door(&fs::read(&path)?).map_err(|error| error.context(path.display().to_string()))?;
    }
    anyhow::ensure!(inputs.len() > 4, "{} files", inputs.len());
    mutate(&inputs, door)
}

/// Calls the door with inputs that were changed at random. `PROPTEST_CASES` raises their number.
fn mutate(inputs: &[Vec<u8>], door: impl Fn(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = wanted.unwrap_or(40);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let place = || any::<Index>();
    let change = (place(), 0..6usize, any::<u8>(), place()).boxed();
    let changes = proptest::collection::vec(change, 1..5).boxed();
    let mut runner = match wanted {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    runner.run(&(place(), place(), changes), |(one, other, changes)| {
        let (mut input, other) = (one.get(inputs).clone(), other.get(inputs));
        for (at, how, byte, part) in changes {
            let at = at.index(input.len() + 1);
            let word = *part.get(&WORDS);
            match how {
                0 => input.truncate(at),
                1 => input.insert(at, byte),
                2 => drop(input.splice(at..at, word.bytes())),
                3 => drop(input.splice(at..input.len().min(at + 4), word.bytes())),
                4 => drop(input.splice(at.., other[part.index(other.len() + 1)..].iter().copied())),
                _ => drop(input.drain(at..input.len().min(at + usize::from(byte % 8)))),
            }
        }
        door(&input).map_err(|error| TestCaseError::fail(format!("{error:#} at {}", String::from_utf8_lossy(&input))))
    })?;
    Ok(())
}

/// What parsers stumble over.
const WORDS: [&str; 16] = [
    "null",
    "-1",
    "0",
    "1e999",
    "9223372036854775808",
    "\"",
    "{",
    "[[",
    "\\u0000",
    "\\ud800",
    "%00",
    "é",
    "*",
    "$",
    "@",
    ":",
];

fn at_home(target: &str, door: impl Fn(&Home, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let home = Home::open(folder.path())?;
    replay(target, |input| door(&home, input))
}

#[test]
fn no_request_of_the_corpus_breaks_the_server() -> anyhow::Result<()> {
    at_home("requests", Home::request)
}

#[test]
fn no_filter_of_the_corpus_breaks_the_server() -> anyhow::Result<()> {
    at_home("filters", Home::filter)
}

#[test]
fn no_sync_of_the_corpus_breaks_the_server() -> anyhow::Result<()> {
    at_home("syncs", Home::sync)
}

#[test]
fn no_push_rules_of_the_corpus_break_the_evaluator() -> anyhow::Result<()> {
    replay("push_rules", push_rules)
}

fn among_neighbours(target: &str, door: impl Fn(&Neighbours, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let neighbours = Neighbours::open()?;
    replay(target, |input| door(&neighbours, input))
}

#[test]
fn no_authorization_of_the_corpus_is_taken_that_is_not_signed() -> anyhow::Result<()> {
    among_neighbours("x_matrix", Neighbours::x_matrix)
}

#[test]
fn no_transaction_of_the_corpus_breaks_the_server_or_speaks_for_others() -> anyhow::Result<()> {
    among_neighbours("transactions", Neighbours::transaction)
}

#[test]
fn no_event_of_the_corpus_breaks_a_room_of_its_version() -> anyhow::Result<()> {
    among_neighbours("pdus", Neighbours::pdus)
}

#[test]
fn no_well_known_answer_of_the_corpus_leads_astray() -> anyhow::Result<()> {
    replay("well_known", well_known)
}
