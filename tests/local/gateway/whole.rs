//! The gateway as a whole: kept on disk, shared between threads, and given nonsense.

use super::*;
use tests::Folder;

/// A killed process leaves its files as they are at that moment, and another process opens them: so does a copy.
#[test]
fn a_killed_process_forgets_no_payment() {
    let folder = Folder::new("gateway-killed");
    let living = folder.0.join("gateway.sqlite");
    let world = world_on(Some(&living));
    let trade_no = world.open();
    let sent = world.press(&trade_no, "pay").notify;

    let copy = folder.0.join("copy.sqlite");
    for ending in ["", "-wal"] {
        let from = folder.0.join(format!("gateway.sqlite{ending}"));
        if from.exists() {
            std::fs::copy(from, folder.0.join(format!("copy.sqlite{ending}"))).unwrap();
        }
    }
    let after = world_on(Some(&copy));
    assert!(matches!(after.query(&channel()), QueryState::Paid(_)));
    assert!(after.gateway.due().is_empty());
    after.wait(MINUTE);
    assert_eq!(after.gateway.due(), sent, "what nobody acknowledged is still due");
    assert!(after.press(&trade_no, "pay").notify.is_empty(), "paid is paid");
}

#[test]
fn a_clone_is_the_same_gateway() {
    let world = world();
    let twin = World { gateway: world.gateway.clone(), now: Arc::clone(&world.now) };
    let trade_no = world.open();
    twin.press(&trade_no, "pay");
    assert!(matches!(world.query(&channel()), QueryState::Paid(_)));
}

#[test]
fn a_gateway_without_a_key_does_not_open() {
    let (_, clock, ids) = clock_and_ids();
    assert!(Gateway::open(None, PID.to_owned(), String::new(), clock, ids).is_err());
}

#[test]
fn no_request_makes_it_panic() {
    let world = world();
    let trade_no = world.open();
    let mut random = fastrand::Rng::with_seed(11);
    let queries = [order_query(), format!("act=order&pid={PID}&key={KEY}&out_trade_no={NUMBER}"), "do=pay".to_owned()];
    let paths = [
        "/sandbox/submit.php",
        "/sandbox/api.php",
        "/sandbox/pay/",
        &format!("/sandbox/pay/{trade_no}"),
        "/sandbox",
        "",
    ];
    for _ in 0..3_000 {
        let mut bytes = queries[random.usize(..queries.len())].clone().into_bytes();
        for _ in 0..random.usize(..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let answer = world.gateway.handle(&GatewayRequest {
            method: ["GET", "POST", "HEAD", ""][random.usize(..4)].to_owned(),
            path: paths[random.usize(..paths.len())].to_owned(),
            query: String::from_utf8_lossy(&bytes).into_owned(),
            headers: Vec::new(),
            body: bytes,
        });
        assert!((200..500).contains(&answer.status), "{}", text(&answer));
    }
}
