//! What the program was asked for, from its flags alone: its own environment decides nothing.

use std::path::PathBuf;
use std::time::Duration;

/// The words for `--help`.
pub const HELP: &str = "Kills the local shop again and again while buyers buy, and shows that nothing was lost.

  --times N             how often the shop is killed while buyers buy (default 20)
  --buyers N            how many buy at the same time (default 16)
  --seconds-between N   the scale of the pause before a kill: 0.3 to 1.5 times N seconds (default 1)
  --binary PATH         the shop (default: `kamivend` beside this program; `cargo build` puts it there)
  --seed N              repeats the choices, though not the moments, of an earlier run (default: a random one, printed)
";

/// A run's shape.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kills while buyers buy; one more strikes while the cards come in.
    pub times: u32,
    /// Buyers at the same time.
    pub buyers: u32,
    /// The scale of the pauses between kills.
    pub between: Duration,
    /// The shop's program.
    pub binary: PathBuf,
    /// Decides every choice of buyers and killer.
    pub seed: u64,
}

/// Reads flags (`--times 20` or `--times=20`). `None` when help was asked for; the error names what does not read.
pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let (mut times, mut buyers, mut seconds, mut seed, mut binary) = (20, 16, 1, None, None);
    while let Some(arg) = args.next() {
        if arg == "--help" || arg == "-h" {
            return Ok(None);
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
                (arg, value)
            }
        };
        match name.as_str() {
            "--times" => times = number(&name, &value, 1, 100_000)?,
            "--buyers" => buyers = number(&name, &value, 1, 1_000)?,
            "--seconds-between" => seconds = number(&name, &value, 1, 3_600)?,
            "--seed" => seed = Some(value.parse().map_err(|_| format!("{name} does not read as a number"))?),
            "--binary" => binary = Some(PathBuf::from(value)),
            _ => return Err(format!("{name} is not an option; --help names them all")),
        }
    }
    let binary = match binary {
        Some(given) => given,
        None => {
            let own = std::env::current_exe().map_err(|e| format!("this program does not find itself: {e}"))?;
            own.with_file_name(format!("kamivend{}", std::env::consts::EXE_SUFFIX))
        }
    };
    // The shop is started in a folder of its own, from which a relative path would lead elsewhere.
    let binary = binary.canonicalize().map_err(|e| {
        format!("{}: {e}; build the shop first (`cargo build`) or name it with --binary", binary.display())
    })?;
    Ok(Some(Options {
        times,
        buyers,
        between: Duration::from_secs(u64::from(seconds)),
        binary,
        seed: seed.unwrap_or_else(|| fastrand::u64(..)),
    }))
}

fn number(name: &str, value: &str, least: u32, most: u32) -> Result<u32, String> {
    let fits = value.parse().ok().filter(|n| (least..=most).contains(n));
    fits.ok_or_else(|| format!("{name} must be a whole number from {least} to {most}"))
}
