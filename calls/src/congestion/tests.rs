//! The estimate on simulated links.

use std::time::Duration;

use super::{
    Allocator, Bandwidth, Estimator, Limits, PacketReport,
    simulator::{Link, MEGABIT, Second, Simulator},
};
use crate::moment::Moment;

const LIMITS: Limits = Limits { least: 60e3, start: 300e3, most: 4e6 };

fn on(link: Link, seconds: usize) -> Vec<Second> {
    Simulator::new(&mut Estimator::new(LIMITS), link, |_| 4e6).run(seconds)
}

fn mean(seconds: &[Second], of: impl Fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).sum::<f64>() / seconds.len() as f64
}

fn worst(seconds: &[Second], of: impl Fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).fold(0.0, f64::max)
}

fn lost(seconds: &[Second]) -> f64 {
    f64::from(seconds.iter().map(|s| s.lost).sum::<u32>()) / f64::from(seconds.iter().map(|s| s.sent).sum::<u32>())
}

#[test]
fn a_bottleneck_is_filled_without_freezing() {
    for queue_ms in [150.0, 1000.0] {
        let run = on(Link { queue_ms, ..MEGABIT }, 60);
        assert!(mean(&run[10..], |s| s.received) > 650e3, "{:#?}", &run[10..]);
        assert!(mean(&run[10..], |s| s.target) < 1.1e6);
        assert!(worst(&run[5..], |s| s.frozen_ms) < 500.0, "{}", worst(&run[5..], |s| s.frozen_ms));
        assert!(lost(&run) < 0.02, "{}", lost(&run));
    }
}

#[test]
fn a_start_far_below_the_link_is_made_up_by_probes() {
    let run = on(Link { capacity: |_| 5e6, queue_ms: 300.0, ..MEGABIT }, 20);
    assert!(mean(&run[8..], |s| s.target) > 2e6, "{:#?}", run.iter().map(|s| s.target).collect::<Vec<_>>());
}

#[test]
fn a_drop_to_a_fifth_is_over_in_two_seconds_and_does_not_go_far_below() {
    let link = Link {
        capacity: |s| {
            if s < 20.0 {
                3e6
            } else if s < 40.0 {
                0.6e6
            } else {
                2e6
            }
        },
        queue_ms: 300.0,
        ..MEGABIT
    };
    let run = on(link, 60);
    let targets: Vec<u32> = run.iter().map(|s| (s.target / 1e3) as u32).collect();
    assert!(worst(&run[22..40], |s| s.frozen_ms) < 500.0, "{targets:?}");
    let least = run[20..40].iter().map(|s| s.target).fold(f64::MAX, f64::min);
    assert!(least > 250e3, "{targets:?}");
    assert!(mean(&run[24..40], |s| s.received) > 350e3, "{targets:?}");
    assert!(mean(&run[50..], |s| s.received) > 1.1e6, "{targets:?}");
}

#[test]
fn random_loss_and_jitter_are_not_a_full_link() {
    let link = Link { capacity: |_| 5e6, queue_ms: 300.0, jitter_ms: 15.0, loss: 0.03, ..MEGABIT };
    assert!(mean(&on(link, 60)[20..], |s| s.target) > 1e6);
}

#[test]
fn a_still_picture_does_not_unlearn_the_link_nor_dream_of_a_larger_one() {
    let still = |s: f64| if s < 30.0 { 200e3 } else { 4e6 };
    let run = Simulator::new(&mut Estimator::new(LIMITS), Link { queue_ms: 500.0, ..MEGABIT }, still).run(60);
    let targets: Vec<u32> = run.iter().map(|s| (s.target / 1e3) as u32).collect();
    assert!(worst(&run[5..30], |s| s.target) < 1.5e6, "{targets:?}");
    assert!(mean(&run[15..30], |s| s.target) > 450e3, "{targets:?}");
    assert!(worst(&run[30..], |s| s.frozen_ms) < 500.0, "{targets:?}");
}

#[test]
fn sound_stays_whole_where_the_picture_must_shrink() {
    let run = on(Link { capacity: |_| 150e3, queue_ms: 1000.0, ..MEGABIT }, 60);
    let bad: u32 = run[10..].iter().map(|s| s.bad_audio).sum();
    let rest: Vec<(u32, u32, u32)> =
        run.iter().map(|s| ((s.target / 1e3) as u32, s.queue_ms as u32, s.bad_audio)).collect();
    assert!(bad < 100, "{bad} of 2,500 {rest:?}");
    assert!(run[10..].iter().all(|s| s.height <= 270));
}

#[test]
fn the_picture_shrinks_at_once_and_grows_only_when_the_rate_stays() {
    let at = |millis| Moment::at(Duration::from_millis(millis));
    let mut allocator = Allocator::default();
    let mut height = |target: f64, now: u64| allocator.divide(target, at(now)).video.map(|(step, _)| step.height);
    assert_eq!(height(2e6, 0), Some(360));
    assert_eq!(height(2e6, 2900), Some(360));
    assert_eq!(height(2e6, 3000), Some(540));
    assert_eq!((height(2e6, 3001), height(2e6, 6100)), (Some(540), Some(720)));
    assert_eq!(height(400e3, 6200), Some(360));
    // A rate on the edge does not flicker.
    assert_eq!((height(700e3, 6300), height(580e3, 8000), height(700e3, 9400)), (Some(360), Some(360), Some(360)));
    assert_eq!(height(60e3, 10_000), None);
    assert_eq!((height(150e3, 10_001), height(150e3, 13_100)), (None, Some(180)));
}

#[test]
fn nonsense_reports_leave_the_rate_within_its_limits() {
    let mut estimate = Estimator::new(LIMITS);
    let at = |millis| Moment::at(Duration::from_millis(millis));
    estimate.reported(&[], at(0));
    for n in 0..3000_u64 {
        let arrival = (n % 3 != 0).then(|| Duration::from_millis(n * 7919 % 10_000));
        let report = PacketReport {
            size: if n % 5 == 0 { usize::MAX / 1024 } else { 0 },
            departure: at(n * 104_729 % 10_000),
            arrival,
            probe: Some(0),
        };
        estimate.reported(&[report; 3], at(n));
        estimate.probe(at(n));
        assert!((LIMITS.least..=LIMITS.most).contains(&estimate.target()), "{}", estimate.target());
    }
}
