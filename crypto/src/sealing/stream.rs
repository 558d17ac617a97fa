//! Sealed streams: a writer that seals and a reader that opens, 64 KiB at a time.
//!
//! `HEARTHS1 ‖ prefix (19)`, then chunks of at most 64 KiB + tag. A chunk's nonce is `prefix ‖ number (u32, big endian) ‖
//! last`, so chunks can be neither reordered, dropped, repeated nor cut off.

use std::io::{self, ErrorKind, Read, Write};

use chacha20poly1305::{AeadInPlace as _, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize as _, Zeroizing};

use super::{NONCE, TAG, cipher};
use crate::key::{Key, random_bytes};

const MAGIC: &[u8; 8] = b"HEARTHS1";
const PREFIX: usize = NONCE - 5;
const CHUNK: usize = 64 * 1024;

/// Seals what is written to it. [`Self::finish`] must be called: without it the result is cut off and will not open.
pub struct SealWriter<W> {
    to: W,
    state: State,
    /// Plain bytes of the chunk being filled; a chunk leaves only when one more byte arrives, because the last is marked.
    plain: Zeroizing<Vec<u8>>,
}

/// Reads a sealed stream; every byte it yields is authenticated. An error of kind `InvalidData` means changed, cut off or another key.
pub struct OpenReader<R> {
    from: R,
    state: State,
    buffer: Zeroizing<Vec<u8>>,
    at: usize,
    /// The first byte of the chunk after this one: its absence tells that this chunk is the last.
    ahead: Option<u8>,
    ended: bool,
}

struct State {
    cipher: XChaCha20Poly1305,
    purpose: Vec<u8>,
    prefix: [u8; PREFIX],
    number: u32,
}

impl State {
    fn new(key: &Key, purpose: &str, prefix: [u8; PREFIX]) -> Self {
        Self { cipher: cipher(key), purpose: purpose.as_bytes().to_vec(), prefix, number: 0 }
    }

    /// The nonce of the next chunk; an error after 2³² chunks (256 TiB).
    fn nonce(&mut self, last: bool) -> io::Result<XNonce> {
        let mut nonce = XNonce::default();
        let bytes = self.prefix.into_iter().chain(self.number.to_be_bytes()).chain([u8::from(last)]);
        nonce.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        if !last {
            self.number = self.number.checked_add(1).ok_or(ErrorKind::FileTooLarge)?;
        }
        Ok(nonce)
    }
}

impl<W: Write> SealWriter<W> {
    /// Writes the head at once.
    pub fn new(key: &Key, purpose: &str, mut to: W) -> io::Result<Self> {
        let state = State::new(key, purpose, random_bytes());
        to.write_all(MAGIC)?;
        to.write_all(&state.prefix)?;
        Ok(Self { to, state, plain: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)) })
    }

    /// Writes the last chunk and gives the inner writer back, not yet synced.
    pub fn finish(mut self) -> io::Result<W> {
        self.chunk(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn chunk(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.state.nonce(last)?;
        self.state
            .cipher
            .encrypt_in_place(&nonce, &self.state.purpose, &mut *self.plain)
            .map_err(|_| ErrorKind::InvalidInput)?;
        let written = self.to.write_all(&self.plain);
        self.plain.clear();
        written
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == CHUNK && !bytes.is_empty() {
            self.chunk(false)?;
        }
        let room = CHUNK.saturating_sub(self.plain.len()).min(bytes.len());
        let taken = bytes.get(..room).unwrap_or_default();
        self.plain.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Flushes whole chunks only: a partial one would have to be the last.
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<R: Read> OpenReader<R> {
    /// Reads and checks the head.
    pub fn new(key: &Key, purpose: &str, mut from: R) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let mut prefix = [0; PREFIX];
        from.read_exact(&mut magic).and_then(|()| from.read_exact(&mut prefix)).map_err(cut_off)?;
        if &magic != MAGIC {
            return Err(io::Error::new(ErrorKind::InvalidData, "this is no sealed file"));
        }
        let state = State::new(key, purpose, prefix);
        let mut reader = Self {
            from,
            state,
            buffer: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)),
            at: 0,
            ahead: None,
            ended: false,
        };
        reader.ahead = reader.one_byte()?;
        Ok(reader)
    }

    fn one_byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.from.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(byte.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        self.buffer.zeroize();
        self.at = 0;
        let first = self.ahead.take().ok_or(ErrorKind::UnexpectedEof).map_err(|kind| cut_off(kind.into()))?;
        self.buffer.push(first);
        let wanted = (CHUNK + TAG - 1) as u64;
        (&mut self.from).take(wanted).read_to_end(&mut self.buffer)?;
        self.ahead = if self.buffer.len() == CHUNK + TAG { self.one_byte()? } else { None };
        self.ended = self.ahead.is_none();
        let nonce = self.state.nonce(self.ended)?;
        if self.state.cipher.decrypt_in_place(&nonce, &self.state.purpose, &mut *self.buffer).is_err() {
            self.buffer.zeroize();
            self.ended = false;
            self.ahead = None;
            return Err(io::Error::new(ErrorKind::InvalidData, super::OpenError));
        }
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.buffer.len() {
            if self.ended || to.is_empty() {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let mut rest = self.buffer.get(self.at..).unwrap_or_default();
        let taken = rest.read(to)?;
        self.at = self.at.saturating_add(taken);
        Ok(taken)
    }
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::new(ErrorKind::InvalidData, "the sealed file is cut off"),
        _ => error,
    }
}
