//! The local shop's options.

use local::options::{help, parse};

#[test]
fn numbers_are_printed_for_whoever_asks() {
    let none = |_: &str| None;
    let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    assert!(!parse(&[], none).unwrap().numbers, "a terminal shows what happened");
    assert!(parse(&args(&["--numbers", "yes"]), none).unwrap().numbers);
    let yes = |name: &str| (name == "KAMIVEND_NUMBERS").then(|| "yes".to_owned());
    assert!(parse(&[], yes).unwrap().numbers);
    assert!(!parse(&args(&["--numbers=no"]), yes).unwrap().numbers, "a flag comes before the environment");
    assert!(parse(&args(&["--numbers=perhaps"]), none).unwrap_err().contains("KAMIVEND_NUMBERS"));
    assert!(help().contains("--numbers") && help().contains("verify FILE"));
}
