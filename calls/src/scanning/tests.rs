//! Codes of many sizes, held well and badly; pictures that mean harm; cameras that come and go.

use std::time::Duration;

use qrcode::{Color, EcLevel, QrCode};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use tokio::time::{Instant, timeout};

use super::{
    Scan, Seen,
    codes::{self, GaveUp, read_into},
};
use crate::{
    codec::Picture,
    device::{
        NoPicture,
        card::{self, Held},
        file::Film,
        pixels::{Layout, Plane, picture},
        pretended::Pretended,
    },
};

const LINK: &[u8] =
    b"hearth:u/ann:5kxqv3hz7m2pna4d6wte9rcy8sfjgulb.hearth.alt?ticket=hearth1_aGVsbG8gdGhlcmUsIHRoaXMgaXMgYSB0aWNrZXQ";

fn modules(bytes: &[u8]) -> Vec<bool> {
    let code = QrCode::with_error_correction_level(bytes, EcLevel::L).unwrap();
    code.to_colors().into_iter().map(|colour| colour == Color::Dark).collect()
}

fn held(bytes: &[u8], module: f64, degrees: f64) -> Picture {
    card::code(640, 480, &modules(bytes), Held { module, degrees }).unwrap()
}

/// Each pixel a little brighter or darker than it was.
fn noisy(mut picture: Picture, by: i16) -> Picture {
    let mut random = StdRng::seed_from_u64(11);
    let [luma, ..] = picture.planes_mut();
    for value in luma {
        *value = u8::try_from((i16::from(*value) + random.random_range(-by..=by)).clamp(16, 235)).unwrap();
    }
    picture
}

/// What a camera that sees nothing else reads within a second or two.
fn read(picture: &Picture) -> Vec<Vec<u8>> {
    (0..5).map(|turn| codes::read(picture, turn)).find(|found| !found.is_empty()).unwrap_or_default()
}

#[test]
fn a_code_is_read_large_and_small() {
    for module in [8.0, 6.5, 5.0, 4.0, 3.0, 2.6] {
        assert_eq!(read(&held(LINK, module, 0.0)), [LINK], "{module}");
    }
}

#[test]
fn a_code_is_read_as_hands_hold_it() {
    for degrees in [-12.0, -5.0, 3.0, 7.0, 30.0, 90.0, 184.0] {
        assert_eq!(read(&held(LINK, 6.0, degrees)), [LINK], "{degrees}");
    }
}

#[test]
fn a_code_is_read_through_noise_and_in_the_shade() {
    assert_eq!(read(&noisy(held(LINK, 6.0, 4.0), 20)), [LINK]);
    let mut shaded = held(LINK, 6.0, 0.0);
    let width = shaded.strides()[0];
    for row in shaded.planes_mut()[0].chunks_exact_mut(width) {
        for (column, value) in row.iter_mut().enumerate() {
            // The right side has a third of the light of the left one.
            *value = u8::try_from(usize::from(*value) * (3 * width - 2 * column) / (3 * width)).unwrap();
        }
    }
    assert_eq!(read(&shaded), [LINK]);
}

#[test]
fn a_code_may_say_any_bytes_and_many() {
    let mut bytes = vec![0; 1200];
    StdRng::seed_from_u64(3).fill_bytes(&mut bytes);
    assert!(std::str::from_utf8(&bytes).is_err());
    let code = modules(&bytes);
    for (size, module) in [((1280, 720), 5.0), ((1280, 720), 4.0), ((3840, 2160), 12.0)] {
        let large = card::code(size.0, size.1, &code, Held { module, degrees: 2.0 }).unwrap();
        assert!(read(&large) == [bytes.as_slice()], "{size:?} {module}");
    }
}

#[test]
fn where_no_code_is_none_is_read() {
    assert!(read(&card::draw(640, 480, 5).unwrap()).is_empty());
    assert!(read(&Picture::black(1, 1).unwrap()).is_empty());
    assert!(read(&noisy(card::draw(640, 480, 5).unwrap(), 90)).is_empty());
    // A code of which a third is covered.
    let mut covered = held(LINK, 6.0, 0.0);
    let rows = covered.planes()[0].len();
    covered.planes_mut()[0][rows / 2..rows * 3 / 4].fill(60);
    assert!(read(&covered).is_empty());
}

/// Light pictures with something dark on them, where a function says so.
fn drawn(width: u32, height: u32, dark: impl Fn(u32, u32) -> bool) -> Picture {
    let mut picture = Picture::black(width, height).unwrap();
    let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
    for (value, (column, row)) in picture.planes_mut()[0].iter_mut().zip(pixels) {
        *value = if dark(column, row) { 30 } else { 220 };
    }
    picture
}

/// The pattern of a code's corner.
fn corner(column: u32, row: u32) -> bool {
    let ring = |low: u32, high: u32| (low..=high).contains(&column) && (low..=high).contains(&row);
    ring(0, 6) && (!ring(1, 5) || ring(2, 4))
}

#[test]
fn a_picture_full_of_corners_costs_little() {
    let mut found = Vec::new();
    let began = Instant::now();
    for module in [1, 2, 3] {
        let full = drawn(1280, 960, |column, row| corner(column / module % 8, row / module % 8));
        assert_eq!(read_into(&mut found, &full, 0), Err(GaveUp::Patterns), "{module}");
    }
    // Fewer than are too many, each of them in a row with each other.
    let few = drawn(1280, 960, |column, row| {
        column / 64 % 3 == 0 && row / 64 % 3 == 0 && corner(column % 64 / 8, row % 64 / 8)
    });
    assert_eq!(read_into(&mut found, &few, 0), Ok(()));
    // Seconds without optimisation; without bounds each of the first three takes minutes with it.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(found.is_empty());
}

#[test]
fn a_picture_that_is_never_done_is_given_up() {
    // Combs whose teeth look like corners: large areas that are painted over and over again.
    let combs = drawn(1280, 1280, |column, row| {
        let tooth = [true, false, true, true, true, false, true, false][(column % 8) as usize];
        tooth && (row % 97 != 0 || column % 8 == 0)
    });
    let began = Instant::now();
    let mut found = Vec::new();
    assert_eq!(read_into(&mut found, &combs, 0), Err(GaveUp::Questions));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(found.is_empty());
}

async fn next(scan: &mut Scan) -> Result<Seen, NoPicture> {
    timeout(Duration::from_secs(30), scan.next()).await.unwrap()
}

#[tokio::test]
async fn a_scan_shows_what_is_before_the_camera_and_says_what_is_on_it() {
    let devices = Pretended::default();
    let mut scan = Scan::open(&devices).await.unwrap();
    let Seen::Picture(file) = next(&mut scan).await.unwrap() else { panic!("there is no code yet") };
    // 640 × 360 becomes as large as may be shown, in its own shape.
    let shown = picture(Layout::Jpeg, 320, 180, &[Plane { bytes: &file, stride: 0 }]).unwrap();
    assert!(shown.mean_luma() > 50.0);
    devices.show(Film::of(vec![held(LINK, 6.0, 3.0)]).unwrap());
    let (mut pictures, mut codes) = (0, Vec::new());
    while codes.len() < 2 {
        match next(&mut scan).await.unwrap() {
            Seen::Picture(_) => pictures += 1,
            Seen::Code(code) => codes.push(code),
        }
        assert!(pictures < 200, "no code was read twice");
    }
    assert_eq!(codes, [LINK, LINK]);
    assert_eq!(devices.open(), 1);
    drop(scan);
    assert_eq!(devices.open(), 0);
}

#[tokio::test]
async fn pictures_come_at_most_ten_times_a_second() {
    let devices = Pretended::sized(64, 48);
    let mut scan = Scan::open(&devices).await.unwrap();
    next(&mut scan).await.unwrap();
    let began = Instant::now();
    for _ in 0..5 {
        assert!(matches!(next(&mut scan).await.unwrap(), Seen::Picture(_)));
    }
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_camera_that_is_not_there_or_goes_is_said_to() {
    let devices = Pretended::default();
    let mut scan = Scan::open(&devices).await.unwrap();
    next(&mut scan).await.unwrap();
    devices.set_broken(true);
    let why = loop {
        if let Err(why) = next(&mut scan).await {
            break why;
        }
    };
    assert_eq!(why, NoPicture::Vanished);
    drop(scan);
    assert_eq!(devices.open(), 0);
    assert_eq!(Scan::open(&devices).await.err(), Some(NoPicture::NotThere));
}
