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

/// The machinery must be able to fail: with one rule configured otherwise than the model has it, it must tell.
#[test]
#[should_panic(expected = "differences")]
fn a_rule_that_is_not_the_models_is_noticed() {
    let mut world = contacts::world(1);
    let entity = world.shape.entity_toml();
    let other = entity.replace("survivorship = \"longest\"", "survivorship = \"newest\"");
    assert_ne!(entity, other);
    world.project.write("entities/contact.toml", &other);
    world.project.agree();
    for _ in 0..ACTS {
        world.act();
        if world.rng.percent(5) {
            world.sync();
        }
    }
    world.sync();
    world.check_why();
}
