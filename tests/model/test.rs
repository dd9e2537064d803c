//! Small worlds to their end, every guard taken out, and the model's writes against the store's.
//!
//! More and larger worlds: `cargo run --profile proof -p model -- --large`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "tie/orders.rs"]
mod orders;

use model::mutants::{Fate, Mutants, TABLE};
use model::scenes::Scene;

/// States at which a world of a test is given up.
const STATES_MAX: usize = 300_000;

#[test]
fn small_worlds_hold_to_their_end() {
    for scene in Scene::SMALL {
        let searched = scene.run(Mutants::default(), STATES_MAX);
        assert_eq!((searched.broken, searched.cut), (None, false), "{}", scene.name());
        assert!(searched.states > 500, "{} has {} states", scene.name(), searched.states);
    }
}

#[test]
fn every_guard_taken_out_is_noticed() {
    for line in TABLE {
        let Fate::Caught(scene, promise) = line.fate else { continue };
        let broken = scene.run(Mutants::of(line.mutants), STATES_MAX).broken;
        let what = broken.unwrap_or_else(|| panic!("{}: nothing is noticed in {}", line.name, scene.name())).what;
        assert!(what.starts_with(&format!("{promise}: ")), "{}: {what}", line.name);
    }
}

/// What the table calls harmless is, as far as these worlds go; otherwise a reason there is wrong.
#[test]
fn what_is_called_harmless_is() {
    for line in TABLE.iter().filter(|line| matches!(line.fate, Fate::Harmless(_))) {
        for scene in Scene::SMALL {
            let searched = scene.run(Mutants::of(line.mutants), 30_000);
            assert_eq!(searched.broken, None, "{} in {}", line.name, scene.name());
        }
    }
}

/// The same search finds the same states, in the same order, with the same shortest way.
#[test]
fn a_search_is_the_same_twice() {
    let taken_out = Mutants::of(TABLE[0].mutants);
    assert_eq!(Scene::WrongAmount.run(taken_out, STATES_MAX), Scene::WrongAmount.run(taken_out, STATES_MAX));
    assert_eq!(Scene::Row.run(Mutants::default(), STATES_MAX), Scene::Row.run(Mutants::default(), STATES_MAX));
}
