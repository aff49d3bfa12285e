//! 200 random things that people do in each system's own interface, with syncs in between: every system and every `why` must be what the
//! reference model says.

use nave_tests::rng::{SayHow, seed};

use super::contacts;

const ACTS: usize = 200;

#[test]
fn agreement() {
    let seed = seed(20_261_124);
    let _how = SayHow { test: "agreement", seed };
    let mut world = contacts::world(seed);
    for _ in 0..ACTS {
        world.act();
        if world.rng.percent(12) {
            world.sync();
        }
    }
    world.sync();
    world.check_why();
}
