//! Telling the seller, cut off anywhere and repeated: everybody is told, and nobody more than once without need.

use crate::common::everywhere;
use app::notices::Notice;
use http::Method;
use serde_json::json;
use tests::TestShop;
use tests::receivers::Receivers;

#[tokio::test]
async fn a_notice_cut_anywhere_and_repeated_is_told_to_everybody() {
    let receivers = Receivers::start().await;
    let shop = TestShop::pushing(160, None).await;
    receivers.follow(shop.world.clock());
    let token = shop.sign_in().await;
    for kind in ["bark", "dingtalk"] {
        let body = json!({"channel": receivers.channel(kind), "kinds": ["sale"]}).to_string();
        let path = format!("/api/admin/pushes/{kind}");
        let (status, answer) = shop.admin(Method::PUT, &path, &token, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    everywhere(8, async |runs, what, cutter| {
        let body = json!({
            "v": 1, "id": format!("sale-{runs}"), "at": shop.app.clock.now(), "kind": "sale",
            "order": format!("O{runs}"), "product": "p", "quantity": 1, "amount": [990, "CNY"],
        });
        let notice = Notice::from_body(&body.to_string()).unwrap();
        let (_, app) = shop.tapped(cutter.clone());
        let first = cutter.run(app.push_to_all(&notice)).await;
        // The queue hides a message for longer than anybody may be at work on it.
        shop.pass(120_000);
        let then = shop.app.push_to_all(&notice).await.unwrap();
        assert_eq!((then.again, then.refused), (0, 0), "{what}");
        let taken = receivers.take();
        for provider in ["bark", "dingtalk"] {
            let told = taken.iter().filter(|t| t.provider == provider).count();
            let died = first.is_none() || first.as_ref().is_some_and(|end| !matches!(end, Ok(p) if p.again == 0));
            assert!(told == 1 || (died && told == 2), "{what}: {provider} was told {told} times");
        }
        shop.pass(120_000);
        assert_eq!(shop.app.push_to_all(&notice).await.unwrap().told, 0, "{what}");
        assert_eq!(receivers.take().len(), 0, "{what}");
    })
    .await;
}
