//! Clock, randomness, environment: each comes in at one place. Near money there is no floating point.

use crate::rust::{code, line, words};
use crate::tree::Tree;

const CLOCK: &str = "shared/app/src/clock.rs";
const IDS: &str = "shared/app/src/ids.rs";
/// Signing hides from its neighbours how it uses the key; the signature is the same for all that.
const RSA: &str = "shared/payments/src/rsa.rs";
const CONFIG: &str = "shared/app/src/config.rs";
const LOCAL: &str = "infra/local/src/main.rs";
/// Which planted bug a test's program has. Compiled for nothing else.
const GUARDS: &str = "shared/domain/src/guards/chosen.rs";

/// Who may choose the engine that keeps nothing: the simulator and what compares engines, and a world that was told to.
const WORLD: &str = "infra/local/src/world.rs";
const QUICK: [&str; 6] = [
    WORLD,
    "tests/sim/sim.rs",
    "tests/sim/src/heat/story.rs",
    "tests/sim/test.rs",
    "tests/src/parity/side.rs",
    "tests/transitions/quick.rs",
];

/// What code may say in one place only, what it is, and where its homes are.
const HOMES: [(&str, &str, &[&str]); 14] = [
    ("SystemTime::now", "the wall clock", &[CLOCK]),
    ("Utc::now", "the wall clock", &[]),
    ("SystemRandom", "randomness", &[IDS, RSA]),
    ("rand::", "randomness", &[IDS, RSA]),
    ("getrandom", "randomness", &[]),
    ("new_v4", "randomness", &[]),
    ("new_v7", "the wall clock", &[]),
    ("now_v7", "the wall clock", &[]),
    ("env::var", "the environment", &[CONFIG, LOCAL, GUARDS]),
    ("env::vars", "the environment", &[]),
    ("env::var_os", "the environment", &[]),
    ("env::vars_os", "the environment", &[]),
    ("EngineKind::Quick", "an engine that keeps nothing", &QUICK),
    ("Engine::quick", "an engine that keeps nothing", &[WORLD, "tests/transitions/quick.rs"]),
];

/// Where amounts are counted.
const MONEY: [&str; 2] = ["shared/domain/", "shared/payments/"];

fn check_homes(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let rust: Vec<(&str, String)> = tree.rust().map(|(path, text)| (path, code(text))).collect();
    for (word, what, homes) in HOMES {
        for (path, code) in &rust {
            let places = words(code, word);
            if homes.contains(path) && places.is_empty() {
                found.push(format!("{path}: is no longer the home of {word}"));
            } else if !homes.contains(path) {
                let said = |at: usize| format!("{path}:{}: {what} does not come in here ({word})", line(code, at));
                found.extend(places.into_iter().map(said));
            }
        }
        let gone = homes.iter().filter(|home| tree.text(home).is_none());
        found.extend(gone.map(|home| format!("{home}: is no longer the home of {word}")));
    }
    found
}

fn check_money(tree: &Tree) -> Vec<String> {
    let mut found: Vec<String> = MONEY
        .iter()
        .filter(|folder| !tree.rust().any(|(path, _)| path.starts_with(**folder)))
        .map(|folder| format!("{folder}: holds no code"))
        .collect();
    for (path, text) in tree.rust().filter(|(path, _)| MONEY.iter().any(|folder| path.starts_with(folder))) {
        let code = code(text);
        for word in ["f32", "f64"] {
            // `1f64` and `as_f64` are floats too, so only a letter before makes it another word.
            let places = code.match_indices(word).map(|(at, _)| at);
            let places = places.filter(|at| {
                let after = code[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
                !after && !code[..*at].ends_with(|c: char| c.is_ascii_alphabetic())
            });
            found.extend(places.map(|at| format!("{path}:{}: {word} near money", line(&code, at))));
        }
    }
    found
}

#[test]
fn each_comes_in_at_one_place() {
    Tree::project().holds(check_homes);
}

#[test]
fn amounts_are_whole_numbers() {
    Tree::project().holds(check_money);
}

#[test]
fn a_second_home_is_caught() {
    for (text, word, what) in [
        ("let now = std::time::SystemTime::now();", "SystemTime::now", "the wall clock"),
        ("let now = chrono::Utc::now();", "Utc::now", "the wall clock"),
        ("let id = Uuid::new_v7(stamp);", "new_v7", "the wall clock"),
        ("let id = Uuid::now_v7();", "now_v7", "the wall clock"),
        ("let id = Uuid::new_v4();", "new_v4", "randomness"),
        ("use ring::SystemRandom;", "SystemRandom", "randomness"),
        ("let n = rand::random();", "rand::", "randomness"),
        ("use ring::rand::SecureRandom;", "rand::", "randomness"),
        ("getrandom::fill(&mut out);", "getrandom", "randomness"),
        ("let home = env::var (\"A\");", "env::var", "the environment"),
        ("for (k, v) in std::env::vars() {}", "env::vars", "the environment"),
        ("let home = std::env::var_os(\"A\");", "env::var_os", "the environment"),
        ("for (k, v) in std::env::vars_os() {}", "env::vars_os", "the environment"),
        ("engine: EngineKind::Quick,", "EngineKind::Quick", "an engine that keeps nothing"),
        ("let engine = Engine::quick();", "Engine::quick", "an engine that keeps nothing"),
    ] {
        for path in ["functions/src/planted.rs", "shared/domain/src/planted.rs", "tests/planted.rs"] {
            let said = format!("{path}:2: {what} does not come in here ({word})");
            Tree::default().catches(check_homes, &[(path, &format!("\n{text}"))], &[&said]);
        }
    }
    // One home is no home for the other things.
    let clock = format!("{}\nlet a = std::env::var(b);", Tree::project().text(CLOCK).unwrap());
    let line = clock.lines().count();
    let said = format!("{CLOCK}:{line}: the environment does not come in here (env::var)");
    Tree::project().catches(check_homes, &[(CLOCK, &clock)], &[&said]);
}

#[test]
fn a_deserted_home_is_caught() {
    for (word, _, homes) in HOMES {
        for home in homes {
            let said = format!("{home}: is no longer the home of {word}");
            let bare =
                check_homes(&Tree::project().with(&[(home, "// env::var, SystemTime::now, rand::SystemRandom")]));
            assert!(bare.contains(&said), "{bare:?}");
            assert!(check_homes(&Tree::default()).contains(&said));
        }
    }
}

#[test]
fn seeded_chance_and_words_in_comments_are_spared() {
    let text =
        "// SystemTime::now\nlet a = (fastrand::u8(..), env!(\"A\"), env::args(), \"env::var\", Instant::now());";
    Tree::default().spares(check_homes, &[("functions/src/planted.rs", text)]);
}

#[test]
fn a_float_near_money_is_caught() {
    for folder in MONEY {
        let path = format!("{folder}src/planted.rs");
        for (text, word) in [
            ("fn f(a: f64) {}", "f64"),
            ("let a: Vec<f32> = b;", "f32"),
            ("let a = 1f64;", "f64"),
            ("let a = b.as_f64();", "f64"),
        ] {
            let said = format!("{path}:2: {word} near money");
            Tree::default().catches(check_money, &[(&path, &format!("\n{text}"))], &[&said]);
        }
    }
    assert_eq!(check_money(&Tree::default()), MONEY.map(|folder| format!("{folder}: holds no code")));
}

#[test]
fn what_is_no_float_or_not_near_money_is_spared() {
    let text = "// f64\nlet a = (buf64, leaf32, 0xf640, \"f64\", f64x);";
    Tree::default().spares(check_money, &[("shared/domain/src/planted.rs", text)]);
    Tree::default().spares(check_money, &[("tests/planted.rs", "let a: f64;")]);
}
