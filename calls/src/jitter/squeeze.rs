//! Sound made a little shorter without another pitch, by leaving out one period of it.

/// Periods of 400 to 120 Hz at 48,000 samples a second.
const SHORTEST: usize = 120;
const LONGEST: usize = 400;
/// Below this likeness a cut would be heard, except where it is quiet.
const ALIKE: f64 = 0.7;
const QUIET: f64 = 1e-5;

/// Leaves out the period at which the sound is most like itself. False when there is none that could be left out unheard.
pub fn squeeze(sound: &mut Vec<f32>) -> bool {
    if sound.len() < 2 * LONGEST {
        return false;
    }
    let best =
        (SHORTEST..=LONGEST).step_by(4).map(|lag| (lag, likeness(sound, lag))).max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((lag, like)) = best else { return false };
    if like < ALIKE && crate::codec::energy(sound) > QUIET {
        return false;
    }
    let (head, rest) = (sound.iter().take(lag), sound.iter().skip(lag));
    let blend = head.zip(rest).enumerate().map(|(place, (old, new))| {
        let weight = place as f32 / lag as f32;
        old * (1.0 - weight) + new * weight
    });
    *sound = blend.chain(sound.iter().skip(2 * lag).copied()).collect();
    true
}

fn likeness(sound: &[f32], lag: usize) -> f64 {
    let (mut both, mut one, mut other) = (0.0, 1e-9, 1e-9);
    for (a, b) in sound.iter().zip(sound.iter().skip(lag)).take(LONGEST) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        both += a * b;
        one += a * a;
        other += b * b;
    }
    both / (one * other).sqrt()
}
