//! One layer of a state as bytes, and the hash by which equal states are found.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::{EventSn, KeySn, StoreError};

use super::StateMap;

/// Entries of a layer; `None` hides what a layer below has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layer(BTreeMap<KeySn, Option<EventSn>>);

impl Layer {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `None`: the layer says nothing of the key.
    pub(super) fn get(&self, key: KeySn) -> Option<Option<EventSn>> {
        self.0.get(&key).copied()
    }

    pub(super) fn set(&mut self, key: KeySn, event: Option<EventSn>) {
        self.0.insert(key, event);
    }

    /// This layer laid over `below`, as one. In a base layer nothing needs hiding.
    pub(super) fn over(self, mut below: Self, base: bool) -> Self {
        below.0.extend(self.0);
        if base {
            below.0.retain(|_, event| event.is_some());
        }
        below
    }

    pub(super) fn apply(self, state: &mut StateMap) {
        for (key, event) in self.0 {
            match event {
                Some(event) => state.insert(key, event),
                None => state.remove(&key),
            };
        }
    }

    /// Pairs of varints: the key's distance from the one before, the event (0 = hidden).
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 5);
        let mut last = 0;
        for (key, event) in &self.0 {
            write_varint(&mut bytes, u64::try_from(key.0 - last).unwrap_or_default());
            write_varint(&mut bytes, event.map_or(0, |event| u64::try_from(event.0).unwrap_or_default()));
            last = key.0;
        }
        bytes
    }

    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let mut layer = Self::default();
        let mut last = 0_i64;
        while !bytes.is_empty() {
            last = last.checked_add(read_varint(&mut bytes)?).ok_or(StoreError::Damaged("a state layer"))?;
            let event = read_varint(&mut bytes)?;
            layer.set(KeySn(last), (event != 0).then_some(EventSn(event)));
        }
        Ok(layer)
    }
}

fn write_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_varint(bytes: &mut &[u8]) -> Result<i64, StoreError> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(StoreError::Damaged("a state layer"))?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return i64::try_from(number).map_err(|_| StoreError::Damaged("a state layer"));
        }
    }
    Err(StoreError::Damaged("a state layer"))
}

/// The sum of the entries' hashes: the order in which a state came about does not matter, and a change costs two hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StateHash(u128);

impl StateHash {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        bytes
            .try_into()
            .map(|bytes| Self(u128::from_be_bytes(bytes)))
            .map_err(|_| StoreError::Damaged("a state's hash"))
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    pub(super) fn add(&mut self, key: KeySn, event: EventSn) {
        self.0 = self.0.wrapping_add(Self::entry(key, event));
    }

    pub(super) fn remove(&mut self, key: KeySn, event: EventSn) {
        self.0 = self.0.wrapping_sub(Self::entry(key, event));
    }

    fn entry(key: KeySn, event: EventSn) -> u128 {
        let digest = Sha256::new().chain_update(key.0.to_be_bytes()).chain_update(event.0.to_be_bytes()).finalize();
        digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
    }
}
