//! A second's worth of the model's worlds: the rules seen by what a whole shop comes to, and not only by their tables.
//!
//! All of them, and the guards of the store taken out of them: the package `model`.

use model::mutants::Mutants;
use model::scenes::Scene;

/// States at which a world is given up: none of these has so many.
const STATES_MAX: usize = 50_000;

/// Those that are searched to their end in a blink, of every kind at least one: money that is wrong, twice, sent back, or came with a
/// restore; creates that run twice, take two cards or two strips; marks, removals, short strips, one key for two products; imports.
const SCENES: [Scene; 14] = [
    Scene::WrongAmount,
    Scene::PaidTwice,
    Scene::Refunds,
    Scene::RefundsOfTwo,
    Scene::Row,
    Scene::MoneyRestored,
    Scene::Tries,
    Scene::TwoCards,
    Scene::TwoStrips,
    Scene::Marks,
    Scene::Removal,
    Scene::Pad,
    Scene::Products,
    Scene::TwoImports,
];

#[test]
fn small_worlds_hold_to_their_end() {
    for scene in SCENES {
        let searched = scene.run(Mutants::default(), STATES_MAX);
        assert_eq!((searched.broken, searched.cut), (None, false), "{}", scene.name());
        assert!(searched.states > 500, "{} has {} states", scene.name(), searched.states);
    }
}
