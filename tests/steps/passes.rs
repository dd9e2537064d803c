//! The timer's pass itself: cut off anywhere, run by two instances at once, by a slow one beside a quick one, and by machines
//! whose clocks differ. What nobody came back for ends the same.

use crate::common::{HOUR, MINUTE, Once, a_day_later, act, all_keys, due, is_whole, lose_messages, messages};
use local::roles::acting_as;
use local::seam::{Call, Fate, Tap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use store::Table;
use tests::shop::{self, cards, wish};
use tests::taps::{Cut, Cutter};
use tests::{Buyer, TestShop};

/// A create that dies between its claim and its order, and leaves the card to nobody.
async fn orphan(shop: &TestShop, key: &str) {
    let death = Once::new("PutItem", "\"HELD\"", Fate::DieBefore);
    let (front, _) = shop.tapped(death.clone());
    assert!(death.run(shop::create(&front, key, &wish("p", 1))).await.is_none(), "it claims and dies");
}

/// The shop of these tests: `p` has two strips of twenty cards, so that thirty always lie over both and come back; `q` gets new
/// cards for every order that is paid.
async fn open(seed: u64) -> TestShop {
    let shop = TestShop::new(seed).await;
    shop.product("p", 100, &cards("A", 20)).await;
    shop.cards("p", &cards("B", 20), "").await;
    shop.product("q", 990, &[]).await;
    shop
}

/// Everything that a pass may find, at the moment when it finds it: two holds that have lapsed, a claim without an order seen
/// eight minutes ago, an order that was paid and nobody told us, one that was paid and whose message was lost, a full strip.
struct Work {
    key: String,
    lapsed: [Buyer; 2],
    found: Buyer,
    stuck: Buyer,
    delivered: Buyer,
}

impl Work {
    async fn lay_out(shop: &TestShop, run: usize) -> Work {
        let key = format!("a-create-that-dies-{run:04}");
        orphan(shop, &key).await;
        let thirty = shop.order(&format!("takes-thirty-cards-{run}"), "p", 30).await;
        let one = shop.order(&format!("takes-a-single-card-{run}"), "p", 1).await;
        shop.tick().await;
        shop.pass(15 * MINUTE);
        shop.cards("q", &cards(&format!("D{run}"), 1), "").await;
        let delivered = shop.order(&format!("fills-a-strip-of-its-own-{run}"), "q", 1).await;
        shop.pay(&delivered, &format!("D{run}")).await;
        shop.deliver_all().await;
        shop.cards("q", &cards(&format!("E{run}"), 2), "").await;
        let found = shop.order(&format!("pays-and-nobody-tells-us-{run}"), "q", 1).await;
        let page = shop.open_pay_page(&found).await;
        shop.press(&page, "pay_lose_notice").await;
        let stuck = shop.order(&format!("pays-and-is-forgotten-{run}"), "q", 1).await;
        shop.pay(&stuck, &format!("S{run}")).await;
        assert_eq!(lose_messages(shop).await, 1);
        shop.pass(11_000);
        Work { key, lapsed: [thirty, one], found, stuck, delivered }
    }

    fn paid(&self) -> [&Buyer; 3] {
        [&self.found, &self.stuck, &self.delivered]
    }

    /// Whether all of it has come to its end.
    async fn is_done(&self, shop: &TestShop) -> bool {
        for (buyer, status) in [(&self.found, "delivered"), (&self.stuck, "delivered")] {
            if shop.read(buyer).await.1["status"] != status {
                return false;
            }
        }
        shop.counts("p").await["free"] == 40
    }

    /// The one end there is, by other instances within minutes.
    async fn ends(&self, shop: &TestShop, what: &str) {
        let (_, other) = shop.tapped(Arc::new(local::seam::Quiet));
        for minute in 0.. {
            acting_as("reconcile", other.reconcile(i64::MAX)).await.unwrap();
            shop.deliver_all().await;
            if self.is_done(shop).await {
                break;
            }
            assert!(minute < 5, "{what}: not quiet after five minutes; {}", shop.counts("p").await);
            shop.pass(MINUTE);
        }
        for buyer in &self.lapsed {
            let (_, order) = shop.read(buyer).await;
            let seen = (order["status"].as_str(), order["status_reason"].as_str());
            assert_eq!(seen, (Some("closed"), Some("expired")), "{what}");
        }
        assert_eq!(all_keys(shop, &self.paid()).await, 3, "{what}");
        let (status, answer) = shop.create(&self.key, &wish("p", 1)).await;
        assert_eq!((status, answer["code"].as_str()), (409, Some("order_void")), "{what}: {answer}");
    }
}

/// The end of a test of these: a day later nobody is listed any more, and every strip that is sold is sealed.
async fn ends_quietly(shop: &TestShop, runs: usize) {
    a_day_later(shop).await;
    assert_eq!(due(shop), Vec::<String>::new());
    assert_eq!(shop.attention().await, []);
    let sealed = shop.table(Table::Strips).into_iter().filter(|s| s.contains(r#""z":"#)).count();
    assert_eq!(sealed, 2 * runs, "every strip of sold cards is sealed");
    assert_eq!(shop.counts("q").await["sold"], 3 * runs);
    is_whole(shop, &["p", "q"]).await;
}

/// What the tests below disturb: one pass that nobody disturbs does all of it.
#[tokio::test(start_paused = true)]
async fn one_pass_does_all_of_it() {
    let shop = open(188).await;
    let work = Work::lay_out(&shop, 1).await;
    let pass = shop.tick().await;
    assert_eq!((pass.closed_orders, pass.found_paid, pass.sent_again, pass.given_up), (2, 1, 1, 1), "{pass:?}");
    assert_eq!((pass.sealed, pass.failed, pass.alarms, pass.complete), (1, 0, 0, true), "{pass:?}");
    assert_eq!((shop.counts("p").await["free"].as_u64(), messages(&shop)), (Some(40), 2), "{pass:?}");
    work.ends(&shop, "undisturbed").await;
    ends_quietly(&shop, 1).await;
}

fn only_reads(call: &Call) -> bool {
    ["GetItem", "BatchGetItem", "Query", "Scan"].contains(&call.operation())
}

/// Counts and cuts the calls that change something or ask somebody outside.
#[derive(Debug)]
struct Changes(Arc<Cutter>);

impl Tap for Changes {
    fn fate(&self, call: &Call) -> Fate {
        if only_reads(call) { Fate::Pass } else { self.0.fate(call) }
    }

    fn died(&self) {
        self.0.died();
    }
}

/// Every call that changes something, in every way. Whoever dies at a read has died at the change before it.
async fn changes_cut(seed: u64, ways: &[Cut]) {
    let shop = open(seed).await;
    let mut runs = 0;
    for &how in ways {
        for at in 1.. {
            runs += 1;
            let what = format!("{how:?} change {at}");
            let work = Work::lay_out(&shop, runs).await;
            let cutter = Arc::new(Cutter::new(at, how));
            let (_, app) = shop.tapped(Arc::new(Changes(cutter.clone())));
            if let Some(pass) = cutter.run(app.reconcile(i64::MAX)).await {
                assert!(pass.is_ok(), "{what}: {pass:?}");
            }
            let reached = cutter.calls() >= at;
            work.ends(&shop, &what).await;
            shop.pass(25 * HOUR);
            if !reached {
                assert!(at > 15, "a pass over all this changes more than fifteen things, not {at}");
                break;
            }
        }
    }
    ends_quietly(&shop, runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_dies_at_any_change() {
    changes_cut(180, &[Cut::Before, Cut::After]).await;
}

#[tokio::test(start_paused = true)]
async fn a_pass_disturbed_at_any_change() {
    changes_cut(181, &[Cut::LostReply, Cut::LostRequest, Cut::Throttled]).await;
}

/// Freezes the n-th change for an hour.
#[derive(Debug)]
struct Ice(usize, AtomicUsize);

impl Tap for Ice {
    fn fate(&self, call: &Call) -> Fate {
        // Of a provider nobody waits so long for an answer.
        if only_reads(call) || call.is_plain() || self.1.fetch_add(1, Ordering::SeqCst) + 1 != self.0 {
            return Fate::Pass;
        }
        Fate::Delay(Duration::from_secs(3_600))
    }
}

/// A pass that freezes before a change, and thaws when others have done all of it and everything has been sold again.
#[tokio::test(start_paused = true)]
async fn a_pass_frozen_at_any_change() {
    let shop = open(187).await;
    let mut runs = 0;
    for at in 1.. {
        runs += 1;
        let what = format!("frozen at change {at}");
        let work = Work::lay_out(&shop, runs).await;
        let ice = Arc::new(Ice(at, AtomicUsize::new(0)));
        let app = shop.tapped(ice.clone()).1;
        let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
        for _ in 0..5_000 {
            tokio::task::yield_now().await;
        }
        let reached = !pass.is_finished();
        work.ends(&shop, &what).await;
        // Every card of the first product is held by somebody else when the frozen pass comes to itself.
        let holder = shop.order(&format!("holds-the-first-thirty-{runs}"), "p", 30).await;
        let buyer = shop.order(&format!("holds-the-other-ten-{runs}"), "p", 10).await;
        let pass = pass.await.unwrap().unwrap();
        assert_eq!((pass.alarms, pass.failed), (0, 0), "{what}: {pass:?}");
        assert_eq!(shop.counts("p").await["held"], 40, "{what}: something was taken from its holder");
        shop.deliver_all().await;
        assert_eq!(all_keys(&shop, &work.paid()).await, 3, "{what}");
        for buyer in [holder, buyer] {
            assert_eq!(act(shop.front(), &buyer, "cancel").await.0, 200, "{what}");
        }
        shop.pass(25 * HOUR);
        if !reached {
            assert!(at > 12, "a pass over all this changes more than twelve things of its own, not {at}");
            break;
        }
    }
    ends_quietly(&shop, runs).await;
}

/// Counts and cuts every call, but of the many like pieces in which a list is read only the first: it stands for all of them.
#[derive(Debug)]
struct Distinct(Arc<Cutter>, AtomicBool);

impl Tap for Distinct {
    fn fate(&self, call: &Call) -> Fate {
        let is_piece = call.operation() == "Query";
        let goes_on = self.1.swap(is_piece, Ordering::SeqCst) && is_piece;
        if goes_on { Fate::Pass } else { self.0.fate(call) }
    }

    fn died(&self) {
        self.0.died();
    }
}

/// Every call, the reads too, each in one of the ways in turn.
#[tokio::test(start_paused = true)]
async fn a_pass_cut_at_any_call() {
    let shop = open(182).await;
    let mut runs = 0;
    for at in 1.. {
        runs += 1;
        let how = Cut::ALL[at % Cut::ALL.len()];
        let what = format!("{how:?} call {at}");
        let work = Work::lay_out(&shop, runs).await;
        let cutter = Arc::new(Cutter::new(at, how));
        let (_, app) = shop.tapped(Arc::new(Distinct(cutter.clone(), AtomicBool::new(false))));
        let _ = cutter.run(app.reconcile(i64::MAX)).await;
        let reached = cutter.calls() >= at;
        work.ends(&shop, &what).await;
        shop.pass(25 * HOUR);
        if !reached {
            assert!(at > 30, "a pass over all this makes more than thirty calls, not {at}");
            break;
        }
    }
    ends_quietly(&shop, runs).await;
}

/// Whether the work of a pass ends the same when several pass over it at the same moment.
async fn by_two(shop: &TestShop, orders: usize) {
    let mut work = Vec::new();
    let mut lapsed = Vec::new();
    for n in 0..orders {
        lapsed.push(shop.order(&format!("one-of-many-that-lapse-{n}"), "p", 2).await);
    }
    shop.pass(MINUTE);
    work.push(Work::lay_out(shop, 1).await);
    // More that is paid and forgotten, and more that is paid and unheard of.
    shop.cards("q", &cards("F", 2 * orders), "").await;
    let mut paid = Vec::new();
    for n in 0..orders {
        let found = shop.order(&format!("nobody-tells-us-of-{n}"), "q", 1).await;
        let page = shop.open_pay_page(&found).await;
        shop.press(&page, "pay_lose_notice").await;
        let stuck = shop.order(&format!("nobody-thinks-of-{n}"), "q", 1).await;
        shop.pay(&stuck, &format!("X{n}")).await;
        paid.extend([found, stuck]);
    }
    assert_eq!(lose_messages(shop).await, orders);
    shop.pass(11_000);
    let quiet = || shop.tapped(Arc::new(local::seam::Quiet)).1;
    let (one, two) = (quiet(), quiet());
    let (one, two) = tokio::join!(
        tokio::spawn(async move { acting_as("reconcile", one.reconcile(i64::MAX)).await }),
        tokio::spawn(async move { acting_as("reconcile", two.reconcile(i64::MAX)).await }),
    );
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert_eq!((one.complete, two.complete, one.alarms + two.alarms), (true, true, 0), "{one:?} {two:?}");
    // What was stuck is sent once, however many look; what is found by two may be sent by both.
    let sent = messages(shop);
    assert!((2 * orders + 2..=3 * orders + 3).contains(&sent), "{sent} messages for {} orders", 2 * orders + 2);
    for work in work {
        work.ends(shop, "two at once").await;
    }
    for buyer in &lapsed {
        assert_eq!(shop.read(buyer).await.1["status"], "closed");
    }
    let paid: Vec<&Buyer> = paid.iter().collect();
    assert_eq!(all_keys(shop, &paid).await, paid.len());
    assert_eq!(shop.attention().await, []);
    a_day_later(shop).await;
    assert_eq!(due(shop), Vec::<String>::new());
    is_whole(shop, &["p", "q"]).await;
}

#[tokio::test(start_paused = true)]
async fn two_passes_at_the_same_moment() {
    by_two(&open(183).await, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_passes_on_two_threads() {
    for seed in 0..3 {
        by_two(&open(1_840 + seed).await, 4).await;
    }
}

/// Whatever this instance changes, it changes half a minute after it decided to: what it had read is old by then.
#[derive(Debug)]
struct Slow;

impl Tap for Slow {
    fn fate(&self, call: &Call) -> Fate {
        if only_reads(call) {
            return Fate::Pass;
        }
        // Nobody waits longer than five seconds for a provider.
        Fate::Delay(Duration::from_secs(if call.is_plain() { 4 } else { 30 }))
    }
}

/// A slow pass beside a buyer's day: while it thinks, others expire, release, sell, pay and deliver.
#[tokio::test(start_paused = true)]
async fn a_slow_pass_beside_quick_ones() {
    let shop = open(185).await;
    let work = Work::lay_out(&shop, 1).await;
    let slow = shop.tapped(Arc::new(Slow)).1;
    let slow = tokio::spawn(async move { acting_as("reconcile", slow.reconcile(i64::MAX)).await });
    let mut buyers = Vec::new();
    let mut minute = 0;
    while !slow.is_finished() {
        tokio::time::sleep(Duration::from_secs(20)).await;
        shop.pass(20_000);
        shop.tick().await;
        shop.deliver_all().await;
        // The cards that were released go to others at once: some pay, some do not.
        let buyer = shop.order(&format!("comes-while-it-thinks-{minute}"), "p", 2).await;
        if minute % 2 == 0 {
            shop.pay(&buyer, &format!("M{minute}")).await;
            shop.deliver_all().await;
            buyers.push(buyer);
        }
        minute += 1;
    }
    assert!((6..20).contains(&minute), "it was slow for {minute} rounds");
    let pass = slow.await.unwrap().unwrap();
    assert_eq!(pass.alarms, 0, "{pass:?}");
    assert!(pass.complete, "{pass:?}");
    // Nothing of the others was touched by what the slow one had read long before.
    for buyer in &buyers {
        assert_eq!(shop.keys(buyer).await.len(), 2);
    }
    let mut all: Vec<&Buyer> = buyers.iter().collect();
    all.extend(work.paid());
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &all).await, 2 * buyers.len() + 3);
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p", "q"]).await;
}

/// Machines whose clocks are five minutes apart: things come early or late, and end the same.
#[tokio::test(start_paused = true)]
async fn machines_whose_clocks_differ() {
    let shop = open(186).await;
    let quiet = || Arc::new(local::seam::Quiet);
    let (late_front, late) = shop.skewed(-5 * MINUTE, quiet());
    let (early_front, early) = shop.skewed(5 * MINUTE, quiet());
    shop.cards("q", &cards("F", 6), "").await;
    let made = async |front: &local::Front, key: &str, product: &str, quantity: u32| {
        let (status, answer) = shop::create(front, key, &wish(product, quantity)).await;
        assert_eq!(status, 201, "{answer}");
        Buyer::from(&answer)
    };
    // An order made by the slow clock ends ten minutes early for the quick one.
    let short = made(&late_front, "made-by-the-slow-clock", "q", 1).await;
    let long = made(&early_front, "made-by-the-quick-clock", "q", 1).await;
    let even = shop.order("made-by-the-right-clock", "q", 1).await;
    let many = made(&late_front, "takes-many-by-the-slow-clock", "p", 30).await;
    orphan(&shop, "a-create-that-dies-0001").await;
    for minute in 0..30 {
        shop.pass(MINUTE);
        let (first, second) = if minute % 2 == 0 { (&early, &late) } else { (&late, &early) };
        let (one, two) = tokio::join!(acting_as("reconcile", first.reconcile(i64::MAX)), second.reconcile(i64::MAX));
        assert_eq!((one.unwrap().alarms, two.unwrap().alarms), (0, 0));
        if minute == 7 {
            assert_eq!(shop.read(&short).await.1["status"], "closed", "five minutes early is early and nothing worse");
            assert_eq!(shop.read(&even).await.1["status"], "awaiting_payment");
            // Its buyer pays in time by every clock but one: the late path makes it good.
            let query = shop.notification(&short, "T1");
            assert_eq!(shop::notify(&early_front, &query).await, (200, "success".to_owned()));
            let query = shop.notification(&even, "T2");
            assert_eq!(shop::notify(&late_front, &query).await, (200, "success".to_owned()));
        }
        shop.deliver_all().await;
    }
    assert_eq!(all_keys(&shop, &[&short, &even]).await, 2);
    // A message that only the other clock's machine may send again: the lease is a courtesy, not a lock.
    let query = shop.notification(&long, "T3");
    assert_eq!(shop::notify(&early_front, &query).await, (200, "success".to_owned()));
    lose_messages(&shop).await;
    for _ in 0..2 {
        shop.pass(6 * MINUTE);
        acting_as("reconcile", early.reconcile(i64::MAX)).await.unwrap();
        acting_as("reconcile", late.reconcile(i64::MAX)).await.unwrap();
        shop.deliver_all().await;
    }
    assert_eq!(all_keys(&shop, &[&short, &even, &long]).await, 3);
    for buyer in [&many] {
        assert_eq!(shop.read(buyer).await.1["status"], "closed");
        assert_eq!(act(&late_front, buyer, "cancel").await.0, 200);
    }
    assert_eq!(shop.counts("p").await["free"], 40, "the orphan's card too");
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p", "q"]).await;
}
