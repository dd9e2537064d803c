//! Routing as a whole: ten thousand orders of one day, drawn from a seed, through many instances that share nothing but what is stored.
//!
//! An instance holds the minutes' sums for up to ten seconds. Breakers and the leader are read with each order and written on the
//! condition that nobody else did since; who is refused begins again from what is there.

use domain::routing::choose::{Candidate, Reason, Shop, choose};
use domain::routing::{Breaker, Leader, Minute, Outcome, Sample, State, Stats};
use domain::{AccountId, Currency, Money, OrderId};
use std::collections::BTreeMap;

const START: i64 = 1_795_305_600_000;
const MINUTE: i64 = 60_000;
const ORDERS: u32 = 10_000;
const INSTANCES: usize = 8;
const STATS_AGE_MS: i64 = 10_000;
const SEEDS: [u64; 3] = [1, 2, 3];

/// How one channel behaves.
#[derive(Clone, Copy)]
struct Channel {
    /// Of a thousand calls, how many fail while it is well.
    noise: u64,
    /// From when to when every call fails.
    down: Option<(i64, i64)>,
    /// Whether its probe is a query of an old attempt.
    by_query: bool,
}

#[derive(Clone)]
enum Event {
    /// A buyer orders.
    Arrive,
    /// A call ends: of an order, with what it tries next, or of a query.
    Done { at: usize, held: Breaker, probe: Option<u64>, outcome: Outcome, took: u32, then: Option<Try> },
    /// The timer's minute: takes probes by query.
    Timer,
}

/// What is left of an order's tries.
#[derive(Clone)]
struct Try {
    instance: usize,
    rest: Vec<usize>,
}

#[derive(Default)]
struct Seen {
    retries: u32,
    errors: u32,
    probes: u32,
    conflicts: u32,
    leaders: Vec<(i64, AccountId)>,
    sent: Vec<(i64, Reason, usize)>,
    cooldown_when_well: i64,
    explored: u32,
}

struct World {
    rng: fastrand::Rng,
    channels: Vec<Channel>,
    queue: BTreeMap<(i64, u64), Event>,
    next: u64,
    minutes: Vec<BTreeMap<i64, Minute>>,
    breakers: Vec<Breaker>,
    leader: Leader,
    caches: Vec<(i64, Vec<Vec<Minute>>)>,
    seen: Seen,
    left: u32,
}

impl World {
    fn run(seed: u64, channels: Vec<Channel>) -> Seen {
        let n = channels.len();
        let mut world = World {
            rng: fastrand::Rng::with_seed(seed),
            channels,
            queue: BTreeMap::new(),
            next: 0,
            minutes: vec![BTreeMap::new(); n],
            breakers: vec![Breaker::default(); n],
            leader: Leader::default(),
            caches: vec![(i64::MIN, Vec::new()); INSTANCES],
            seen: Seen::default(),
            left: ORDERS,
        };
        world.push(START, Event::Arrive);
        world.push(START, Event::Timer);
        while let Some(((now, _), event)) = world.queue.pop_first() {
            world.step(now, event);
        }
        world.seen
    }

    fn push(&mut self, at: i64, event: Event) {
        self.next += 1;
        self.queue.insert((at, self.next), event);
    }

    fn step(&mut self, now: i64, event: Event) {
        match event {
            Event::Timer => {
                for at in 0..self.channels.len() {
                    let down_until = self.channels[at].down.map(|(_, until)| until);
                    if down_until.is_some_and(|until| (until..until + MINUTE).contains(&now)) {
                        self.seen.cooldown_when_well = match self.breakers[at].state {
                            State::Open { cooldown_ms, .. } | State::HalfOpen { cooldown_ms, .. } => cooldown_ms,
                            State::Closed { .. } => 0,
                        };
                    }
                    if self.channels[at].by_query {
                        self.query(now, at);
                    }
                }
                if self.left > 0 {
                    self.push(now + MINUTE, Event::Timer);
                }
            }
            Event::Arrive => {
                self.left -= 1;
                if self.left > 0 {
                    let wait = self.rng.i64(1_000..16_300);
                    self.push(now + wait, Event::Arrive);
                }
                self.arrive(now);
            }
            Event::Done { at, held, probe, outcome, took, then } => {
                self.done(now, at, held, probe, outcome, took, then)
            }
        }
    }

    /// One conditional write: it stands when nobody wrote since.
    fn write(&mut self, at: usize, from: Breaker, to: Breaker) -> bool {
        let stands = self.breakers[at].version == from.version;
        if stands {
            assert_eq!(to.version, from.version + 1);
            self.breakers[at] = to;
        } else {
            self.seen.conflicts += 1;
        }
        stands
    }

    fn query(&mut self, now: i64, at: usize) {
        let held = self.breakers[at];
        // Two timers that fire at once: both saw the same, one of them has the probe.
        let Some(taken) = held.take_probe(now) else { return };
        assert!(self.write(at, held, taken));
        assert!(!self.write(at, held, taken), "the second is refused");
        self.seen.probes += 1;
        self.call(now, at, Some(taken.version), None);
    }

    fn call(&mut self, now: i64, at: usize, probe: Option<u64>, then: Option<Try>) {
        let channel = self.channels[at];
        let down = channel.down.is_some_and(|(from, until)| (from..until).contains(&now));
        let fails = down || self.rng.u64(0..1_000) < channel.noise;
        let (outcome, took) = match (fails, self.rng.bool()) {
            (true, true) => (Outcome::Timeout, 3_000),
            (true, false) => (Outcome::ServerError, 200),
            (false, _) => (Outcome::Ok, self.rng.u32(200..1_200)),
        };
        let event = Event::Done { at, held: self.breakers[at], probe, outcome, took, then };
        self.push(now + i64::from(took), event);
    }

    /// Adds to the minute. Those that only the sums of a day still look at are put together by the hour, so that a day is quick.
    fn count(&mut self, now: i64, at: usize, sample: Sample) {
        let (all, minute) = (&mut self.minutes[at], Minute::of(now));
        while let Some((&old, _)) = all.iter().find(|(m, _)| **m % 60 != 0 && **m < minute.minute - 20) {
            let from = all.remove(&old).unwrap();
            let hour = old - old % 60;
            let into = all.entry(hour).or_insert(Minute { minute: hour, ..Minute::default() });
            into.ok += from.ok;
            into.fail += from.fail;
            into.lat_sum_ms += from.lat_sum_ms;
            into.shown += from.shown;
            into.paid += from.paid;
        }
        all.entry(minute.minute).or_insert(minute).add(sample);
    }

    /// The minutes as this instance knows them.
    fn stats(&mut self, now: i64, instance: usize) -> Vec<Stats> {
        if now.saturating_sub(self.caches[instance].0) >= STATS_AGE_MS {
            let all = self.minutes.iter().map(|m| m.values().copied().collect()).collect();
            self.caches[instance] = (now, all);
        }
        let held = self.caches[instance].1.iter().zip(&self.breakers);
        held.map(|(minutes, breaker)| Stats::of(minutes, breaker.closed_at, now)).collect()
    }

    fn arrive(&mut self, now: i64) {
        let instance = self.rng.usize(0..INSTANCES);
        let candidates: Vec<Candidate> = self
            .stats(now, instance)
            .into_iter()
            .enumerate()
            .map(|(at, stats)| Candidate {
                account: account(at),
                enabled: true,
                methods: vec!["alipay".to_owned()],
                currency: Currency::CNY,
                min_minor: 1,
                max_minor: 1_000_000,
                left_today_minor: None,
                weight: 1_000,
                priority: u32::try_from(at).unwrap(),
                probed_by_query: self.channels[at].by_query,
                stats,
                breaker: self.breakers[at],
            })
            .collect();
        if let Some(leader) = self.leader.evaluate(now, &candidates) {
            if leader.account != self.leader.account {
                self.seen.leaders.push((now, leader.account.clone().unwrap()));
            }
            self.leader = leader;
        }
        let mut id = [0; 15];
        id.fill_with(|| self.rng.u8(..));
        let yuan = |minor| Money { minor, currency: Currency::CNY };
        let shop = Shop { orders_24h: 500, explore_below: yuan(10_000), leader: self.leader.account.clone() };
        let choice = choose(now, &OrderId(id), yuan(990), "alipay", &shop, &candidates).unwrap();
        let mut rest: Vec<usize> =
            choice.order.iter().map(|a| (0..candidates.len()).find(|at| account(*at) == *a).unwrap()).collect();
        let mut probe = None;
        if choice.reason == Reason::Probe {
            let held = self.breakers[rest[0]];
            let taken = held.take_probe(now).unwrap();
            assert!(self.write(rest[0], held, taken));
            self.seen.probes += 1;
            probe = Some(taken.version);
        }
        self.seen.explored += u32::from(choice.reason == Reason::Explore);
        let first = rest.remove(0);
        self.seen.sent.push((now, choice.reason, first));
        self.call(now, first, probe, Some(Try { instance, rest }));
    }

    #[allow(clippy::too_many_arguments, reason = "what one event holds")]
    fn done(
        &mut self,
        now: i64,
        at: usize,
        mut held: Breaker,
        probe: Option<u64>,
        outcome: Outcome,
        took: u32,
        then: Option<Try>,
    ) {
        let instance = then.as_ref().map_or(0, |t| t.instance);
        let stats = if outcome == Outcome::Ok { Stats::default() } else { self.stats(now, instance)[at] };
        self.count(now, at, Sample::Call { outcome, took_ms: took });
        let jitter = self.rng.u8(..);
        while let Some(next) = held.after(outcome, now, &stats, probe, jitter) {
            if self.write(at, held, next) {
                break;
            }
            held = self.breakers[at];
        }
        let well = outcome == Outcome::Ok;
        match then {
            None if well && !self.breakers[at].is_closed() => self.query(now, at),
            None => {}
            Some(_) if well => {
                // Half of the buyers pay, whichever channel they were shown.
                let paid = self.rng.bool();
                self.count(now, at, Sample::Settled { paid });
            }
            Some(Try { instance, mut rest }) => {
                if rest.is_empty() {
                    self.seen.errors += 1;
                } else {
                    self.seen.retries += 1;
                    let next = rest.remove(0);
                    self.call(now, next, None, Some(Try { instance, rest }));
                }
            }
        }
    }
}

fn account(at: usize) -> AccountId {
    AccountId::parse(["a", "b", "c"][at]).unwrap()
}

fn outage(seed: u64, by_query: bool) -> (Seen, i64, i64) {
    let (from, until) = (START + 3 * 60 * MINUTE, START + 3 * 60 * MINUTE + 10 * MINUTE);
    let a = Channel { noise: 0, down: Some((from, until)), by_query };
    let b = Channel { noise: 0, down: None, by_query };
    (World::run(seed, vec![a, b]), from, until)
}

/// When an order first led to the channel again after it was well.
fn back(seen: &Seen, until: i64) -> i64 {
    let led = |(at, reason, first): &&(i64, Reason, usize)| *at >= until && *reason == Reason::Leader && *first == 0;
    seen.sent.iter().find(led).unwrap().0
}

#[test]
fn ten_minutes_of_outage_are_seen_by_six_buyers_at_the_most() {
    for seed in SEEDS {
        let (seen, from, until) = outage(seed, true);
        assert!((5..=6).contains(&seen.retries), "seed {seed}: {} retries", seen.retries);
        assert_eq!(seen.errors, 0, "seed {seed}");
        assert!(seen.cooldown_when_well > 0, "seed {seed}");
        let late = back(&seen, until) - until;
        assert!(late <= 2 * seen.cooldown_when_well, "seed {seed}: {late} of {}", seen.cooldown_when_well);
        assert_eq!(seen.leaders.len(), 1, "seed {seed}: the leader is the leader again");
        let after = seen.sent.iter().filter(|(at, _, _)| *at > until + late);
        let (to_a, all) = after.fold((0, 0), |(a, all), (_, _, first)| (a + u32::from(*first == 0), all + 1));
        assert!(to_a * 10 > all * 9, "seed {seed}: {to_a} of {all}");
        let during = seen.sent.iter().filter(|(at, _, _)| (from + MINUTE + 30_000..until).contains(at));
        assert_eq!(during.filter(|(_, _, first)| *first == 0).count(), 0, "seed {seed}");
    }
}

/// Where a provider cannot be asked about anything, a buyer's order is the probe: one more for each cool-down.
#[test]
fn without_a_query_each_cool_down_is_one_more_buyer() {
    for seed in SEEDS {
        let (seen, _, until) = outage(seed, false);
        assert!((7..=10).contains(&seen.retries), "seed {seed}: {} retries", seen.retries);
        assert_eq!(seen.errors, 0, "seed {seed}");
        assert!(back(&seen, until) - until <= 2 * seen.cooldown_when_well, "seed {seed}");
    }
}

#[test]
fn equal_channels_do_not_take_turns() {
    for seed in SEEDS {
        let noisy = Channel { noise: 30, down: None, by_query: true };
        let seen = World::run(seed, vec![noisy, noisy]);
        assert!(seen.leaders.len() <= 2, "seed {seed}: {:?}", seen.leaders);
        assert_eq!(seen.probes, 0, "seed {seed}: no breaker opened");
        assert!((400..=600).contains(&seen.explored), "seed {seed}: {}", seen.explored);
    }
}

/// Both down at once: every order is tried on both, none is refused unheard, and both come back.
#[test]
fn when_all_are_down_every_order_is_still_tried() {
    for seed in SEEDS {
        let down = Some((START + 60 * MINUTE, START + 65 * MINUTE));
        let channel = Channel { noise: 0, down, by_query: true };
        let seen = World::run(seed, vec![channel, channel]);
        let during = seen.sent.iter().filter(|(at, _, _)| (START + 60 * MINUTE..START + 65 * MINUTE).contains(at));
        let during = u32::try_from(during.count()).unwrap();
        assert!(seen.errors <= during && seen.errors + 2 >= during, "seed {seed}: {} of {during}", seen.errors);
        let last_open = seen.sent.iter().rfind(|(_, reason, _)| *reason == Reason::AllOpen).unwrap().0;
        assert!(last_open < START + 75 * MINUTE, "seed {seed}");
        assert!(seen.conflicts > 0, "seed {seed}: instances did meet");
    }
}

/// A channel that loses a third of its calls loses its lead, and does not get it back while it does.
#[test]
fn a_bad_leader_is_followed_by_a_good_channel() {
    for seed in SEEDS {
        let bad = Channel { noise: 330, down: None, by_query: true };
        let good = Channel { noise: 5, ..bad };
        let seen = World::run(seed, vec![bad, good]);
        assert_eq!(seen.leaders.last().unwrap().1, account(1), "seed {seed}: {:?}", seen.leaders);
        let to_good = seen.sent.iter().filter(|(_, _, first)| *first == 1).count();
        assert!(to_good > 9_000, "seed {seed}: {to_good} to the good one, {:?}", seen.leaders);
    }
}
