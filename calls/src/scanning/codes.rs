//! The QR codes of one picture, read by `rqrr` within bounds: whatever somebody holds before a camera costs a little, never much.
//!
//! `rqrr` has no bounds of its own. It tries each pair of the patterns that it finds with a copy of the picture, and walks as far
//! as the perspective of a pattern says; a picture that is made for it keeps it busy for minutes. But it sees pictures only
//! through a trait. So the picture that it gets counts how often it is asked, and ends the reading when that was too often.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use image::{GenericImage, GenericImageView, GrayImage, Luma};
use rqrr::PreparedImage;

use super::inside;
use crate::codec::Picture;

/// Larger pictures are made smaller first.
const LARGE: (u32, u32) = (1280, 1280);
/// The sizes in which a picture is looked at in turn. `rqrr` misses small codes in the first and a large one in every other one,
/// never the same: where whole pixels fall decides.
const SIZES: [f64; 5] = [1.0, 1.5, 1.2, 2.0, 0.85];
/// No size is larger.
const LARGEST: f64 = 1920.0;
/// How often a picture may be asked for anything: some times of what the largest one without a code needs.
const QUESTIONS: u64 = 80_000_000;
/// A code has three of the patterns that stand in its corners; a room, a screen or a page has few that only look like them.
const PATTERNS: u32 = 48;
/// Of one picture.
const CODES: usize = 4;
/// The largest code holds 2,953 bytes or 7,089 digits.
const BYTES: usize = 7_089;
/// How `rqrr` paints a pattern that it has found.
const PATTERN: u8 = 2;
/// Bytes that are copied in the time of a question.
const COPIED: u64 = 8;

/// What the codes of a picture say; nothing when there are none, none can be read, or the picture asks too much. `turn` counts
/// the pictures of one camera: what is not read in one is in the next.
pub fn read(picture: &Picture, turn: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if let Err(why) = read_into(&mut found, picture, turn) {
        tracing::debug!(?why, "a picture was not read to its end");
    }
    found
}

/// Why a reading ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    Questions,
    Patterns,
    /// `rqrr` met what it does not expect.
    Confused,
}

pub(super) fn read_into(found: &mut Vec<Vec<u8>>, picture: &Picture, turn: usize) -> Result<(), GaveUp> {
    let (width, height) = size(picture, turn);
    let Some(scaled) = picture.scaled(width, height) else { return Ok(()) };
    let [luma, ..] = scaled.planes();
    let Some(image) = GrayImage::from_raw(width, height, luma.to_vec()) else { return Ok(()) };
    let asked = Asked { image, bounds: Rc::default() };
    let reading = AssertUnwindSafe(|| {
        for grid in PreparedImage::prepare(asked).detect_grids().iter().take(CODES) {
            let mut bytes = vec![0; BYTES];
            let mut room = bytes.as_mut_slice();
            if grid.decode_to(&mut room).is_ok() {
                let left = room.len();
                bytes.truncate(BYTES - left);
                found.push(bytes);
            }
        }
    });
    catch_unwind(reading).map_err(|why: Box<dyn Any + Send>| *why.downcast_ref().unwrap_or(&GaveUp::Confused))
}

fn size(picture: &Picture, turn: usize) -> (u32, u32) {
    let (width, height) = inside(picture, LARGE);
    let size = SIZES.get(turn % SIZES.len()).copied().unwrap_or(1.0);
    let scale = size.min(LARGEST / f64::from(width.max(height)));
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// A picture, and its copies, that can be asked so many questions.
struct Asked {
    image: GrayImage,
    bounds: Rc<Bounds>,
}

struct Bounds {
    questions: Cell<u64>,
    patterns: Cell<u32>,
    /// A pattern is being painted, row by row.
    painting: Cell<bool>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { questions: QUESTIONS.into(), patterns: PATTERNS.into(), painting: false.into() }
    }
}

impl Bounds {
    fn ask(&self, questions: u64) {
        match self.questions.get().checked_sub(questions) {
            Some(left) => self.questions.set(left),
            None => give_up(GaveUp::Questions),
        }
    }

    /// Between two patterns something else is painted always: the second one before its corners are known.
    fn paint(&self, value: u8) {
        if value == PATTERN && !self.painting.get() {
            match self.patterns.get().checked_sub(1) {
                Some(left) => self.patterns.set(left),
                None => give_up(GaveUp::Patterns),
            }
        }
        self.painting.set(value == PATTERN);
    }
}

/// The one way out of a library that cannot be told to stop. No panic: nobody is told, and `read_into` is where it ends.
fn give_up(why: GaveUp) -> ! {
    resume_unwind(Box::new(why))
}

impl Clone for Asked {
    fn clone(&self) -> Self {
        self.bounds.ask(self.image.len() as u64 / COPIED);
        Self { image: self.image.clone(), bounds: Rc::clone(&self.bounds) }
    }
}

impl GenericImageView for Asked {
    type Pixel = Luma<u8>;

    fn dimensions(&self) -> (u32, u32) {
        self.bounds.ask(1);
        self.image.dimensions()
    }

    fn get_pixel(&self, x: u32, y: u32) -> Luma<u8> {
        self.bounds.ask(1);
        *self.image.get_pixel(x, y)
    }
}

impl GenericImage for Asked {
    fn get_pixel_mut(&mut self, x: u32, y: u32) -> &mut Luma<u8> {
        self.bounds.ask(1);
        self.image.get_pixel_mut(x, y)
    }

    fn put_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        self.bounds.ask(1);
        self.bounds.paint(pixel.0[0]);
        self.image.put_pixel(x, y, pixel);
    }

    fn blend_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        self.put_pixel(x, y, pixel);
    }
}
