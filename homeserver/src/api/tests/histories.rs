//! Random histories: what `/v3/sync` and sliding sync tell, step by step, describes the same rooms as the store does.
//!
//! Three users act in up to four rooms; each of them has devices with clients of either kind that sync at any point, ask an old token
//! again, go back to one, and go on after the server's restart. At the end each client is compared with what the endpoints of rooms say.
//! `PROPTEST_CASES` raises the number of histories.

mod acts;
mod client;
mod found;
mod sliding;
mod timeline;
mod truth;
mod v3;
mod world;

use proptest::{
    prelude::{ProptestConfig, Strategy, any, prop_oneof},
    test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use self::{
    acts::Act,
    sliding::Asking,
    v3::Wish,
    world::{Template, World},
};

/// Histories of one run.
const CASES: u32 = 8;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Act(Act),
    /// A client of `/v3/sync` asks.
    V3(u8, Wish),
    /// A client of sliding sync asks.
    Sliding(u8, Asking),
    /// A client goes back to where it was some answers ago, as if it had lost them.
    Back(u8, u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => acts::act().prop_map(Step::Act),
        4 => (any::<u8>(), v3::wish()).prop_map(|(client, wish)| Step::V3(client, wish)),
        4 => (any::<u8>(), sliding::asking()).prop_map(|(client, asking)| Step::Sliding(client, asking)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(client, answers)| Step::Back(client, answers)),
    ]
}

/// Restarts are dear, so a history has one at most.
fn history() -> impl Strategy<Value = Vec<Step>> {
    (proptest::collection::vec(step(), 1..70).boxed(), proptest::option::weighted(0.3, 0..70usize)).prop_map(
        |(mut steps, restart)| {
            if let Some(at) = restart {
                steps.insert(at.min(steps.len()), Step::Restart);
            }
            steps
        },
    )
}

fn run(template: &Template, steps: &[Step]) -> anyhow::Result<()> {
    let mut world = World::begin(template)?;
    for (at, step) in steps.iter().enumerate() {
        world.step(step).map_err(|error| error.context(format!("step {at}: {step:?}")))?;
    }
    world.compare()
}

#[test]
fn both_syncs_describe_the_rooms_of_the_store() -> anyhow::Result<()> {
    let template = Template::make()?;
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = wanted.unwrap_or(CASES);
    let config =
        ProptestConfig { cases, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() };
    // Ordinary runs are all alike; only who asks for more histories gets new ones.
    let mut runner = match wanted {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    runner
        .run(&history(), |steps| run(&template, &steps).map_err(|error| TestCaseError::fail(format!("{error:#}"))))?;
    Ok(())
}
