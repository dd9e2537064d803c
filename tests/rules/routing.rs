//! Routing: every rule at its boundary.

use domain::routing::breaker::*;
use domain::routing::choose::*;
use domain::routing::leader::*;
use domain::routing::*;
use domain::{AccountId, Currency, Money, OrderId};

const NOW: i64 = 1_795_305_600_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

fn id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn order(number: u64) -> OrderId {
    let mut bytes = [0u8; 15];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    OrderId(bytes)
}

fn with(ok: u32, fail: u32) -> Stats {
    Stats { ok, fail, samples24: ok + fail, ..Stats::default() }
}

fn candidate(name: &str, priority: u32) -> Candidate {
    Candidate {
        account: id(name),
        enabled: true,
        methods: vec!["alipay".to_owned()],
        currency: Currency::CNY,
        min_minor: 100,
        max_minor: 100_000,
        left_today_minor: None,
        weight: PER_MILLE,
        priority,
        probed_by_query: false,
        stats: with(90, 0),
        breaker: Breaker::default(),
    }
}

fn shop() -> Shop {
    Shop { orders_24h: ORDERS_MIN, explore_below: yuan(5_000), leader: None }
}

fn names(choice: &Choice) -> Vec<&str> {
    choice.order.iter().map(AccountId::as_str).collect()
}

fn opened_at(at: i64) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..FAILURES_IN_A_ROW {
        breaker = breaker.on_technical_failure(at, &Stats::default(), None, 0).unwrap();
    }
    breaker
}

fn call(outcome: Outcome, took_ms: u32) -> Sample {
    Sample::Call { outcome, took_ms }
}

#[test]
fn a_minute_counts_each_sample_in_its_place() {
    assert_eq!(Minute::of(NOW + 59_999), Minute { minute: 29_921_760, ..Minute::default() });
    assert_eq!(Minute::of(-1).minute, -1);
    let mut m = Minute::default();
    m.add(call(Outcome::Ok, 300));
    m.add(call(Outcome::Ok, 500));
    for (count, outcome) in
        [Outcome::Timeout, Outcome::ServerError, Outcome::BadSignature, Outcome::Config].into_iter().enumerate()
    {
        assert_eq!(m.fail, u32::try_from(count).unwrap());
        m.add(call(outcome, 4_000));
    }
    m.add(call(Outcome::NotCounted, 9));
    m.add(Sample::Settled { paid: true });
    m.add(Sample::Settled { paid: false });
    assert_eq!(m, Minute { minute: 0, ok: 2, fail: 4, lat_sum_ms: 800, shown: 2, paid: 1 });
    assert_eq!((MINUTE_MS, SETTLED_AFTER_MS), (MINUTE, 15 * MINUTE));
    assert_eq!((TECHNICAL_MINUTES, RECENT_MINUTES, PAID_MINUTES), (15, 2, 1_440));
}

/// One sample in each minute of two days, so that each sum is the number of minutes it looks at.
#[test]
fn sums_end_with_their_windows() {
    let minutes: Vec<Minute> = (0..2_880)
        .map(|ago| {
            let minute = Minute::of(NOW).minute - ago;
            Minute { minute, ok: 1, fail: 2, lat_sum_ms: 3, shown: 4, paid: 5 }
        })
        .collect();
    let all = Stats {
        ok: 15,
        fail: 30,
        lat_sum_ms: 45,
        recent_ok: 2,
        recent_fail: 4,
        samples24: 4_320,
        shown24: 5_760,
        paid24: 7_200,
    };
    assert_eq!(Stats::of(&minutes, None, NOW + 59_999), all);
    assert_eq!(Stats::of(&minutes, Some(NOW - 15 * MINUTE), NOW), all, "an outage before the window");
    let late = Stats::of(&minutes, Some(NOW - 14 * MINUTE), NOW);
    assert_eq!(late, Stats { ok: 14, fail: 28, lat_sum_ms: 42, ..all }, "the minute in which it closed is left out");
    let just_closed = Stats::of(&minutes, Some(NOW - 1), NOW);
    assert_eq!(just_closed, Stats { ok: 1, fail: 2, lat_sum_ms: 3, recent_ok: 1, recent_fail: 2, ..all });
    let nothing = Stats { ok: 0, fail: 0, lat_sum_ms: 0, recent_ok: 0, recent_fail: 0, ..all };
    assert_eq!(Stats::of(&minutes, Some(NOW), NOW), nothing);
    let ahead = [Minute { minute: Minute::of(NOW).minute + 1, ok: 1, ..Minute::default() }];
    assert_eq!(Stats::of(&ahead, None, NOW).recent_ok, 1, "a clock that is ahead");
}

#[test]
fn a_score_is_the_product_of_its_factors() {
    let paid = |shown24, paid24| Stats { shown24, paid24, ..with(90, 0) };
    let lat = |ms: u64| Stats { lat_sum_ms: ms * 90, ..with(90, 0) };
    for (what, stats, due) in [
        ("nothing is known: 9/10 and 850", Stats::default(), 765),
        ("99/100", with(90, 0), 841),
        ("9/100", with(0, 90), 76),
        ("54/100 and no latency of failures", with(45, 45), 459),
        ("800 ms are free", lat(800), 841),
        ("804 ms cost one", lat(804), 840),
        ("1,996 ms cost 299", lat(1_996), 589),
        ("2,000 ms cost 300", lat(2_000), 589),
        ("and more costs no more", lat(9_000), 589),
        ("29 say nothing", paid(29, 29), 841),
        ("30 do", paid(30, 30), 915),
        ("nobody pays", paid(30, 0), 767),
        ("half do", paid(100, 50), 841),
        ("more than all are all", paid(30, 31), 915),
    ] {
        assert_eq!(score(&stats, PER_MILLE), due, "{what}");
    }
    assert_eq!(score(&with(90, 0), 500), 420);
    assert_eq!(score(&with(90, 0), 0), 0);
    assert_eq!((score(&lat(1_400), PER_MILLE), score(&lat(1_996), 10_000)), (715, 5_898));
    assert_eq!(score(&with(u32::MAX, 0), u32::MAX), 3_647_071_478, "no overflow, never more than the weight");
}

#[test]
fn five_failures_in_a_row_open() {
    let mut breaker = Breaker::default();
    for failures in 1..5 {
        breaker = breaker.after(Outcome::Timeout, NOW, &Stats::default(), None, 0).unwrap();
        let state = State::Closed { failures };
        assert_eq!(
            breaker,
            Breaker { state, last_failed_at: Some(NOW), closed_at: None, version: u64::from(failures) }
        );
    }
    assert_eq!(breaker.after(Outcome::NotCounted, NOW, &Stats::default(), None, 0), None);
    let again = breaker.after(Outcome::Ok, NOW, &Stats::default(), None, 0).unwrap();
    assert_eq!((again.state, again.version), (State::Closed { failures: 0 }, 5));
    assert_eq!(again.on_ok(NOW, None), None, "a channel that is well costs no write");
    let open = breaker.after(Outcome::ServerError, NOW, &Stats::default(), None, 0).unwrap();
    let state = State::Open { opened_at: NOW, cooldown_ms: 30_000, probe_at: NOW + 24_000, config: false };
    assert_eq!(open, Breaker { state, last_failed_at: Some(NOW), closed_at: None, version: 5 });
    assert!(breaker.is_closed() && !open.is_closed());
}

#[test]
fn a_half_of_ten_calls_opens() {
    for (recent_ok, recent_fail, opens) in [(5, 4, true), (5, 3, false), (6, 4, false), (6, 5, true), (7, 6, true)] {
        let stats = Stats { recent_ok, recent_fail, ..Stats::default() };
        let next = Breaker::default().on_technical_failure(NOW, &stats, None, 0).unwrap();
        assert_eq!(next.is_closed(), !opens, "{recent_ok} well, {recent_fail} and this one not");
    }
    let all_fail = Stats { recent_fail: 8, ..Stats::default() };
    assert!(Breaker::default().on_technical_failure(NOW, &all_fail, None, 0).unwrap().is_closed(), "nine are too few");
    assert_eq!((FAILURES_IN_A_ROW, SHARE_CALLS_MIN, PROBES_TO_CLOSE), (5, 10, 2));
}

#[test]
fn chance_moves_a_cool_down_by_a_fifth_at_the_most() {
    for (byte, ms) in [(0, 24_000), (51, 26_400), (255, 36_000), (128, 30_000)] {
        let four = Breaker { state: State::Closed { failures: 4 }, ..Breaker::default() };
        let open = four.on_technical_failure(NOW, &Stats::default(), None, byte).unwrap();
        assert!(!open.may_probe(NOW + ms - 1) && open.may_probe(NOW + ms), "{byte}");
    }
}

#[test]
fn one_probe_at_a_time_and_two_close() {
    let open = opened_at(NOW);
    assert_eq!(Breaker::default().take_probe(NOW), None);
    assert!(!Breaker::default().may_probe(NOW));
    assert_eq!(open.take_probe(NOW + 23_999), None);
    let at = NOW + 24_000;
    let half = open.take_probe(at).unwrap();
    let state = State::HalfOpen { lease_until: at + 15_000, successes: 0, cooldown_ms: 30_000 };
    assert_eq!((half.state, half.version), (state, open.version + 1));
    assert!(!half.may_probe(at + 14_999) && half.may_probe(at + 15_000) && !half.is_closed());
    assert_eq!(half.take_probe(at + 14_999), None, "the lease is somebody's");
    let second = half.take_probe(at + 15_000).unwrap();
    assert_eq!(second.on_ok(at + 15_000, Some(half.version)), None, "a probe that was given up");
    assert_eq!(second.on_technical_failure(at + 15_000, &Stats::default(), Some(half.version), 0), None);
    assert_eq!(half.on_ok(at, None), None, "a call that began before it opened");
    assert_eq!(open.on_ok(at, Some(open.version)), None, "nor is it a probe while it is open");
    assert_eq!(half.on_technical_failure(at, &Stats::default(), None, 0), None);

    let once = half.on_ok(at + 300, Some(half.version)).unwrap();
    let state = State::HalfOpen { lease_until: at + 300, successes: 1, cooldown_ms: 30_000 };
    assert_eq!((once.state, once.version), (state, half.version + 1));
    let third = once.take_probe(at + 300).unwrap();
    let closed = third.on_ok(at + 600, Some(third.version)).unwrap();
    let state = State::Closed { failures: 0 };
    let last_failed_at = Some(NOW);
    assert_eq!(closed, Breaker { state, last_failed_at, closed_at: Some(at + 600), version: third.version + 1 });
}

#[test]
fn each_probe_that_fails_doubles_the_cool_down() {
    let mut breaker = opened_at(NOW);
    let mut now = NOW;
    for doubled in [60_000, 120_000, 240_000, 480_000, 600_000, 600_000] {
        now += 600_000;
        let probe = breaker.take_probe(now).unwrap();
        breaker = probe.on_technical_failure(now + 1, &Stats::default(), Some(probe.version), 0).unwrap();
        let state = State::Open {
            opened_at: now + 1,
            cooldown_ms: doubled,
            probe_at: now + 1 + doubled * 4 / 5,
            config: false,
        };
        assert_eq!((breaker.state, breaker.version), (state, probe.version + 1));
        assert_eq!(breaker.last_failed_at, Some(now + 1));
    }
    let noted = breaker.on_technical_failure(now + 5, &Stats::default(), None, 0).unwrap();
    let due = Breaker { last_failed_at: Some(now + 5), version: breaker.version + 1, ..breaker };
    assert_eq!(noted, due, "an order that tried all the same");
}

#[test]
fn a_wrong_configuration_opens_for_ten_minutes() {
    for outcome in [Outcome::Config, Outcome::BadSignature] {
        let half = opened_at(NOW - MINUTE).take_probe(NOW - 1).unwrap();
        for before in [Breaker::default(), opened_at(NOW - 1), half] {
            let open = before.after(outcome, NOW, &Stats::default(), None, 0).unwrap();
            let state = State::Open { opened_at: NOW, cooldown_ms: 600_000, probe_at: NOW + 600_000, config: true };
            assert_eq!((open.state, open.version), (state, before.version + 1));
            assert!(!open.may_probe(NOW + 599_999) && open.may_probe(NOW + 600_000));
            let again = open.on_config_error(NOW + 7).unwrap();
            let due = Breaker { last_failed_at: Some(NOW + 7), version: open.version + 1, ..open };
            assert_eq!(again, due, "the probe is not put off");
        }
    }
}

#[test]
fn nobody_leads_before_the_best_of_those_in_service_does() {
    let none = Leader::default();
    assert_eq!(none.evaluate(NOW, &[]), None);
    let off = Candidate { enabled: false, ..candidate("off", 0) };
    let open = Candidate { breaker: opened_at(NOW), ..candidate("open", 0) };
    assert_eq!(none.evaluate(NOW, &[off.clone(), open.clone()]), None);
    let accounts = [off, open, candidate("b", 2), candidate("a", 2), candidate("c", 3)];
    let first = none.evaluate(NOW, &accounts).unwrap();
    assert_eq!(first, Leader { account: Some(id("a")), rival: None, version: 1 });
    assert_eq!(first.evaluate(NOW, &accounts), None);
    let gone = Leader { account: Some(id("off")), rival: None, version: 7 };
    assert_eq!(gone.evaluate(NOW, &accounts).unwrap(), Leader { version: 8, ..first });
    let better = Candidate { weight: 1_001, ..candidate("z", 9) };
    assert_eq!(none.evaluate(NOW, &[candidate("a", 0), better]).unwrap().account, Some(id("z")));
}

#[test]
fn a_leader_is_followed_by_who_is_better_for_a_minute() {
    // 841 and 891, and 890: one less than what is asked.
    let a = candidate("a", 1);
    let b = Candidate { weight: 1_060, ..candidate("b", 2) };
    let nearly = Candidate { weight: 1_058, ..candidate("b", 2) };
    assert_eq!([&a, &b, &nearly].map(|c| score(&c.stats, c.weight)), [841, 891, 890]);
    let leader = Leader { account: Some(id("a")), rival: None, version: 1 };
    assert_eq!(leader.evaluate(NOW, &[a.clone(), nearly.clone()]), None);
    let seen = leader.evaluate(NOW, &[a.clone(), b.clone()]).unwrap();
    let rival = Some(Rival { account: id("b"), since: NOW });
    assert_eq!(seen, Leader { account: Some(id("a")), rival: rival.clone(), version: 2 });
    assert_eq!(seen.evaluate(NOW + 59_999, &[a.clone(), b.clone()]), None);
    let followed = seen.evaluate(NOW + 60_000, &[a.clone(), b.clone()]).unwrap();
    assert_eq!(followed, Leader { account: Some(id("b")), rival: None, version: 3 });
    let lost = seen.evaluate(NOW + 60_000, &[a.clone(), nearly]).unwrap();
    assert_eq!(lost, Leader { rival: None, version: 3, ..leader.clone() }, "once not better is not better");
    let best = Candidate { weight: 2_000, ..candidate("c", 3) };
    assert_eq!(
        seen.evaluate(NOW + 59_999, &[a.clone(), b.clone(), best.clone()]),
        None,
        "the one seen stays the rival"
    );
    let down = Candidate { breaker: opened_at(NOW), ..b.clone() };
    let other = seen.evaluate(NOW + 60_000, &[a.clone(), down, best]).unwrap();
    assert_eq!(other.rival, Some(Rival { account: id("c"), since: NOW + 60_000 }));

    let open = Candidate { breaker: opened_at(NOW), ..a.clone() };
    assert_eq!(leader.evaluate(NOW, &[open.clone(), b.clone()]), None, "the breaker keeps orders away, not the score");
    assert_eq!(seen.evaluate(NOW + 60_000, &[open, b.clone()]).unwrap().rival, None);
    let back = |ago| Candidate { breaker: Breaker { closed_at: Some(NOW - ago), ..Breaker::default() }, ..a.clone() };
    assert_eq!(leader.evaluate(NOW, &[back(15 * MINUTE - 1), b.clone()]), None);
    assert_eq!(leader.evaluate(NOW, &[back(15 * MINUTE), b]).unwrap().rival, rival);
}

#[test]
fn who_may_take_an_order() {
    let chosen = |amount, wish: &str, c: Candidate| choose(NOW, &order(1), amount, wish, &shop(), &[c]).is_some();
    let c = || candidate("one", 1);
    for (minor, fits) in [(99, false), (100, true), (100_000, true), (100_001, false)] {
        assert_eq!(chosen(yuan(minor), "alipay", c()), fits, "{minor}");
    }
    assert!(!chosen(yuan(990), "wxpay", c()));
    assert!(chosen(yuan(990), "one", c()), "by its own name");
    assert!(!chosen(yuan(990), "alipay", Candidate { enabled: false, ..c() }));
    let dollars = Money { minor: 990, currency: Currency::parse("USD").unwrap() };
    assert!(!chosen(dollars, "alipay", c()));
    for (left, fits) in [(989, false), (990, true)] {
        assert_eq!(chosen(yuan(990), "alipay", Candidate { left_today_minor: Some(left), ..c() }), fits);
    }
    let named = Candidate { methods: vec![], ..candidate("alipay", 9) };
    let both = choose(NOW, &order(1), yuan(9_990), "alipay", &shop(), &[c(), named]).unwrap();
    assert_eq!(names(&both), ["alipay"], "an account goes before a method of its name");
    assert_eq!(both.scores, [(id("alipay"), 841)]);
}

#[test]
fn the_sellers_list_decides_in_a_quiet_shop() {
    let accounts = [candidate("c", 2), Candidate { weight: 9_000, ..candidate("b", 2) }, candidate("a", 3)];
    let asked = |orders_24h| {
        let shop = Shop { orders_24h, leader: Some(id("a")), ..shop() };
        choose(NOW, &order(1), yuan(9_990), "alipay", &shop, &accounts).unwrap()
    };
    assert_eq!((names(&asked(19)), asked(19).reason), (vec!["b", "c"], Reason::Priority));
    assert_eq!((names(&asked(20)), asked(20).reason), (vec!["a", "b"], Reason::Leader));
    assert_eq!(asked(19).scores.len(), 3);
    let alone = Shop { orders_24h: 20, ..shop() };
    let alone = choose(NOW, &order(1), yuan(9_990), "alipay", &alone, &accounts).unwrap();
    assert_eq!(names(&alone), ["b", "c"], "by score without a leader");
}

/// The share of ten thousand orders that explore, and which of the others they come to.
#[test]
fn a_share_of_small_orders_explores() {
    let known = [candidate("a", 1), candidate("b", 2), candidate("c", 3)];
    let shop = Shop { leader: Some(id("a")), ..shop() };
    let count = |shop: &Shop, amount: Money, accounts: &[Candidate]| {
        let chosen = (0..10_000).map(|n| choose(NOW, &order(n), amount, "alipay", shop, accounts).unwrap());
        let explored: Vec<Choice> = chosen.filter(|c| c.reason == Reason::Explore).collect();
        assert!(explored.iter().all(|c| c.order.len() == 2 && c.order[1] == id("a")), "the leader is next");
        ["b", "c"].map(|name| explored.iter().filter(|c| c.order[0] == id(name)).count())
    };
    assert_eq!(count(&shop, yuan(4_999), &known), [245, 248]);
    assert_eq!(count(&shop, yuan(5_000), &known), [0, 0]);
    assert_eq!(count(&Shop { orders_24h: 19, ..shop.clone() }, yuan(990), &known), [0, 0]);
    assert_eq!(count(&shop, yuan(990), &known[..1]), [0, 0], "there is nothing to find out");
    let elsewhere =
        Shop { explore_below: Money { minor: 5_000, currency: Currency::parse("USD").unwrap() }, ..shop.clone() };
    assert_eq!(count(&elsewhere, yuan(990), &known), [0, 0]);
    let mut hardly = known.clone();
    hardly[2].stats = with(9, 0);
    assert_eq!(count(&shop, yuan(990), &hardly), [500, 501]);
    hardly[2].stats = with(10, 0);
    assert_eq!(count(&shop, yuan(990), &hardly), [245, 248]);
    hardly[2].breaker = opened_at(NOW);
    assert_eq!(count(&shop, yuan(990), &hardly)[1], 0, "never one that is open");
    assert_eq!((EXPLORE, EXPLORE_MORE, SAMPLES_MIN, ORDERS_MIN), (50, 100, 10, 20));
}

#[test]
fn an_order_may_be_the_probe() {
    let ripe = Candidate { breaker: opened_at(NOW - MINUTE), ..candidate("a", 1) };
    let asked = |accounts: &[Candidate]| choose(NOW, &order(1), yuan(9_990), "alipay", &shop(), accounts).unwrap();
    let choice = asked(&[ripe.clone(), candidate("b", 2)]);
    assert_eq!((names(&choice), choice.reason), (vec!["a", "b"], Reason::Probe));
    let by_query = Candidate { probed_by_query: true, ..ripe.clone() };
    let choice = asked(&[by_query.clone(), candidate("b", 2)]);
    assert_eq!((names(&choice), choice.reason), (vec!["b"], Reason::Leader), "no order is needed for it");
    let young = Candidate { breaker: opened_at(NOW - 23_999), ..candidate("a", 1) };
    assert_eq!(asked(&[young.clone(), candidate("b", 2)]).reason, Reason::Leader);
    let older = Candidate { breaker: opened_at(NOW - 2 * MINUTE), ..candidate("z", 9) };
    let choice = asked(&[ripe.clone(), older.clone(), candidate("b", 2)]);
    assert_eq!(names(&choice), ["z", "b"], "least recently failed first");
    let choice = asked(&[Candidate { breaker: opened_at(NOW), ..older.clone() }, by_query]);
    assert_eq!((names(&choice), choice.reason), (vec!["a", "z"], Reason::Probe), "where all are open any order may");
    let choice = asked(&[young.clone(), older]);
    assert_eq!((names(&choice), choice.reason), (vec!["z", "a"], Reason::Probe));
}

#[test]
fn all_open_is_no_reason_to_refuse() {
    let open = |name: &str, priority, ago| Candidate { breaker: opened_at(NOW - ago), ..candidate(name, priority) };
    let asked = |accounts: &[Candidate]| choose(NOW, &order(1), yuan(990), "alipay", &shop(), accounts).unwrap();
    let choice = asked(&[open("a", 1, 5), open("b", 3, 7), open("c", 2, 7), open("d", 2, 6)]);
    assert_eq!((names(&choice), choice.reason), (vec!["c", "b"], Reason::AllOpen));
    assert_eq!(choice.scores.len(), 4);
    let words = [Reason::Leader, Reason::Explore, Reason::Probe, Reason::Priority, Reason::AllOpen];
    assert_eq!(words.map(|r| r.as_str()), ["leader", "explore", "probe", "priority", "all_open"]);
    assert_eq!((BETTER_BY, BETTER_FOR_MS, NOT_MEASURED_MS, TRIES_MAX), (50, MINUTE, 15 * MINUTE, 2));
}
