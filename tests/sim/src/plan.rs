//! What a seed decides: the size of its world and how often what goes wrong. Every rate may be zero, so that no fault hides another.

use fastrand::Rng;

/// Chances are in millionths.
pub const WHOLE: u32 = 1_000_000;

/// What may happen to one outgoing call of a function.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFaults {
    /// It never arrives.
    pub lost: u32,
    /// It takes effect; its reply is lost.
    pub reply_lost: u32,
    /// Its caller gives it up, and it takes effect later all the same.
    pub ghost: u32,
    /// It is refused for load.
    pub throttled: u32,
    /// It takes up to two seconds.
    pub slow: u32,
    /// The function dies before it leaves.
    pub dies_before: u32,
    /// The function dies after it took effect.
    pub dies_after: u32,
    /// The function stands still for minutes or hours, and goes on.
    pub frozen: u32,
    /// A read that asks for no consistency answers what it answered before.
    pub stale: u32,
}

/// A seed's decisions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Orders that buyers set out to make.
    pub orders: u32,
    /// Products on sale.
    pub products: u32,
    /// Cards of a product at the beginning.
    pub cards: u32,
    /// Cards of a product that come in while it is sold.
    pub cards_later: u32,
    /// Milliseconds within which buyers arrive.
    pub arrivals_ms: u64,
    /// Milliseconds an order holds its cards.
    pub hold_ms: i64,
    /// Milliseconds for which faults go on when the last hold has lapsed.
    pub troubled_ms: u64,
    /// Calls.
    pub calls: CallFaults,
    /// Milliseconds that a call takes at the most when nothing is wrong.
    pub latency_ms: u64,
    /// How far a function's clock may be off, ms.
    pub skew_ms: i64,
    /// A message is handed out twice at once.
    pub twice: u32,
    /// A batch is worked on long after it was received.
    pub late_batch: u32,
    /// The deletion of a batch is lost.
    pub undeleted: u32,
    /// The function is taken away at some moment, wherever it is.
    pub cut: u32,
    /// Two timers at once.
    pub overlap: u32,
    /// Parts in a million of buyers who do each of these.
    pub buyers: Buyers,
    /// What providers do.
    pub providers: Providers,
    /// The seller takes cards out of sale.
    pub removes: bool,
    /// The seller changes prices.
    pub reprices: bool,
    /// The seller switches a channel off and on.
    pub switches: bool,
    /// The seller changes the keys of the accounts.
    pub rotates: bool,
    /// The seller returns money of some orders.
    pub refunds: u32,
    /// Paid orders of the first product wait for a person.
    pub reviews: bool,
    /// At the end everything that is left is bought.
    pub buys_the_rest: bool,
}

/// What buyers do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buyers {
    /// Never pays.
    pub leaves: u32,
    /// Cancels.
    pub cancels: u32,
    /// Pays after the hold has lapsed.
    pub late: u32,
    /// Pays an amount that was not asked.
    pub wrong: u32,
    /// Pays the same attempt twice.
    pub twice: u32,
    /// Takes a second channel, and pays one of the two.
    pub switches: u32,
    /// Takes a second channel, and pays both.
    pub both: u32,
    /// Sends the order twice at once.
    pub double: u32,
    /// Sends another order under the same key.
    pub other_body: u32,
    /// Looks often.
    pub polls: u32,
    /// Presses "I have paid".
    pub checks: u32,
    /// Orders more than one.
    pub several: u32,
}

/// What providers do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Providers {
    /// Never tells of a payment.
    pub silent: u32,
    /// Tells of it several times.
    pub repeats: u32,
    /// Tells of it much later.
    pub late: u32,
    /// Answers a question with something that is no answer.
    pub garbage: u32,
    /// Somebody imitates it.
    pub forged: u32,
    /// Somebody pays a number that is no order's.
    pub unknown: u32,
}

/// Zero in two of five seeds, and up to `most` otherwise, small values as often as large ones.
fn rate(rng: &mut Rng, most: u32) -> u32 {
    if rng.u32(..5) < 2 {
        return 0;
    }
    let share = rng.u32(1..=WHOLE);
    u32::try_from(u64::from(most) * u64::from(share) / u64::from(WHOLE) * u64::from(share) / u64::from(WHOLE)).unwrap()
}

fn often(rng: &mut Rng, most: u32) -> u32 {
    if rng.u32(..5) == 0 { 0 } else { rng.u32(..most) }
}

impl Plan {
    /// The plan of a seed, with so many orders at the most.
    pub fn of(seed: u64, orders_max: u32) -> Plan {
        let mut rng = Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
        let rng = &mut rng;
        // What a timer does every minute is most of what a world of three orders costs, so it has few minutes.
        let longest = if orders_max <= 10 { 60_000 } else { 3_600_000 };
        let orders = rng.u32(orders_max.div_ceil(2)..=orders_max).max(1);
        let products = rng.u32(1..=3);
        // Scarce in a third of the worlds, about enough in a third, plenty in a third.
        let per_product = orders.div_ceil(products).max(1);
        let cards = match rng.u32(..3) {
            0 => rng.u32(1..=per_product.div_ceil(2)),
            1 => rng.u32(per_product.div_ceil(2)..=per_product + per_product / 4 + 1),
            _ => per_product + per_product / 3 + rng.u32(..per_product + 2),
        };
        let calm = rng.u32(..12) == 0;
        let calls = if calm {
            CallFaults::default()
        } else {
            CallFaults {
                lost: rate(rng, 60_000),
                reply_lost: rate(rng, 80_000),
                ghost: 0,
                throttled: rate(rng, 80_000),
                slow: rate(rng, 60_000),
                dies_before: rate(rng, 25_000),
                dies_after: rate(rng, 25_000),
                frozen: rate(rng, 4_000),
                stale: rate(rng, 300_000),
            }
        };
        let with = |rng: &mut Rng, most| if calm { 0 } else { rate(rng, most) };
        let mut plan = Plan {
            seed,
            orders,
            products,
            cards,
            cards_later: if rng.bool() { rng.u32(..=cards) } else { 0 },
            arrivals_ms: [2_000, 60_000, 60_000, 600_000, 600_000, 1_800_000][rng.usize(..6)].min(longest),
            hold_ms: [60_000, 120_000, 300_000, 900_000][rng.usize(..4)].min(i64::try_from(longest).unwrap()),
            troubled_ms: 60_000.max(300_000.min(longest * 2)),
            calls,
            latency_ms: [0, 3, 20, 100][rng.usize(..4)],
            skew_ms: [0, 0, 500, 5_000, 90_000][rng.usize(..5)],
            twice: with(rng, 100_000),
            late_batch: with(rng, 100_000),
            undeleted: with(rng, 100_000),
            cut: with(rng, 30_000),
            overlap: with(rng, 500_000),
            buyers: Buyers {
                leaves: often(rng, 400_000),
                cancels: often(rng, 100_000),
                late: often(rng, 150_000),
                wrong: often(rng, 40_000),
                twice: often(rng, 60_000),
                switches: often(rng, 100_000),
                both: often(rng, 80_000),
                double: often(rng, 150_000),
                other_body: often(rng, 80_000),
                // Looking costs more than everything else together, so large worlds have fewer who look.
                polls: often(rng, if orders_max > 100 { 60_000 } else { 700_000 }),
                checks: often(rng, if orders_max > 100 { 60_000 } else { 300_000 }),
                several: often(rng, 200_000),
            },
            providers: Providers {
                silent: rate(rng, 300_000),
                repeats: rate(rng, 600_000),
                late: rate(rng, 300_000),
                garbage: with(rng, 300_000),
                forged: rate(rng, 100_000),
                unknown: rate(rng, 30_000),
            },
            removes: rng.u32(..4) == 0,
            reprices: rng.u32(..6) == 0,
            switches: rng.u32(..6) == 0,
            rotates: false,
            refunds: if rng.u32(..3) == 0 { rng.u32(..80_000) } else { 0 },
            reviews: rng.u32(..6) == 0,
            buys_the_rest: rng.u32(..4) == 0,
        };
        // Drawn last, so that what older seeds found is still in their worlds.
        plan.calls.ghost = with(rng, 40_000);
        plan.rotates = rng.u32(..4) == 0;
        plan
    }
}

/// Whether something of so many millionths happens now.
pub fn happens(rng: &mut Rng, millionths: u32) -> bool {
    millionths > 0 && rng.u32(..WHOLE) < millionths
}
