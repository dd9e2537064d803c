//! `cargo run --profile proof -p model`: every world to its end, then every guard taken out; `-- --large` takes longer.

#![allow(clippy::print_stdout, reason = "a test's program")]

use model::mutants::{Fate, Line, Mutants, TABLE};
use model::scenes::Scene;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// States at which a search is given up: with two at a time, less than eight gigabytes of the widest world. A large world may
/// end so; every other is to be searched to its end.
const STATES_MAX: usize = 15_000_000;

/// States of a world in which a harmless mutant must find nothing.
const MUTANT_STATES_MAX: usize = 100_000;

/// Runs every job on as many threads as there are cores and prints what each says, in the order of the jobs' ends. Answers the sum
/// of states, and how many came to something unexpected.
fn all<T: Sync>(jobs: &[T], run: impl Fn(&T) -> (usize, bool, String) + Sync) -> (usize, usize) {
    let next = AtomicUsize::new(0);
    let sums = Mutex::new((0, 0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (states, is_expected, text) = run(job);
                    let mut sums = sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    sums.0 += states;
                    sums.1 += usize::from(!is_expected);
                    println!("{}{text}", if is_expected { "" } else { "UNEXPECTED: " });
                }
            });
        }
    });
    sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn world(scene: &Scene) -> (usize, bool, String) {
    let began = Instant::now();
    let searched = scene.run(Mutants::default(), STATES_MAX);
    let (states, depth) = (searched.states, searched.depth);
    let verdict = match &searched.broken {
        Some(broken) => format!("{}\n    {}\n    {}", broken.what, broken.trace.join(" "), broken.state),
        None if searched.cut => "holds as far as it was searched, which is not to its end".to_owned(),
        None => "holds".to_owned(),
    };
    let seconds = began.elapsed().as_secs();
    let text = format!("  {:<18} {states:>10} states, depth {depth:>3}, {seconds:>4} s: {verdict}", scene.name());
    let may_be_cut = Scene::LARGE.contains(scene);
    (states, searched.broken.is_none() && (may_be_cut || !searched.cut), text)
}

fn mutant(line: &Line) -> (usize, bool, String) {
    let name = line.name;
    let taken_out = Mutants::of(line.mutants);
    match line.fate {
        Fate::Caught(scene, promise) => {
            let searched = scene.run(taken_out, STATES_MAX);
            let Some(broken) = searched.broken else {
                return (searched.states, false, format!("  {name}: nothing is noticed in {}", scene.name()));
            };
            let fits = broken.what.starts_with(&format!("{promise}: "));
            let text = format!("  {name}: {} ({})\n      {}", broken.what, scene.name(), broken.trace.join(" "));
            (searched.states, fits, text)
        }
        Fate::Harmless(scenes, why) => {
            let (mut states, mut broken) = (0, None);
            for scene in scenes {
                let searched = scene.run(taken_out, MUTANT_STATES_MAX);
                states += searched.states;
                broken = broken.or(searched.broken);
            }
            let text = match &broken {
                None => format!("  {name}: harmless, {why}"),
                Some(broken) => format!("  {name}: {}, though {why}\n      {}", broken.what, broken.trace.join(" ")),
            };
            (states, broken.is_none(), text)
        }
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let large = match args.next().as_deref() {
        None => false,
        Some("--large") => true,
        Some(other) => {
            eprintln!("{other} is no option; there is --large");
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    let mut scenes = [Scene::SMALL, Scene::MIDDLE].concat();
    if large {
        scenes.extend(Scene::LARGE);
    }
    // The longest first, so that the cores end together.
    scenes.reverse();
    println!("worlds");
    let (states, wrong) = all(&scenes, world);
    println!("without a guard");
    let (more, missed) = all(TABLE, mutant);
    println!(
        "{} worlds, {states} states; {} mutants, {more} states; {} unexpected; {} s",
        scenes.len(),
        TABLE.len(),
        wrong + missed,
        began.elapsed().as_secs()
    );
    if wrong + missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
