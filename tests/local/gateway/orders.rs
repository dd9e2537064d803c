//! The pay page, and which orders it refuses.

use super::*;

#[test]
fn the_pay_page_says_what_it_is() {
    let world = world();
    let page = world.submit(&order_query());
    assert_eq!(page.status, 200);
    assert!(page.notify.is_empty());
    let html = text(&page);
    for part in
        ["沙箱", "SANDBOX", "不会真的收款", "no real money", "¥9.90", "月卡 30 days", NUMBER, "付款", "lang=\"zh-CN\""]
    {
        assert!(html.contains(part), "{part} is missing");
    }
    for button in ["pay", "pay_twice", "pay_wrong_amount", "pay_lose_notice", "repeat_notice", "return"] {
        assert!(html.contains(&format!("name=\"do\" value=\"{button}\"")), "{button}");
    }
    assert_eq!(html.matches("class=\"primary\"").count(), 1, "one main button");
    for inline in ["<script", "<style", "style=", "onclick", KEY] {
        assert!(!html.contains(inline), "{inline}");
    }
    let policy = header(&page, "content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:3000; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let style = world.get("/sandbox/style.css", "");
    assert_eq!((style.status, header(&style, "content-type")), (200, "text/css; charset=utf-8"));
}

#[test]
fn orders_that_are_not_in_order_are_refused_readably() {
    let world = world();
    let good = signed_order(&[]);
    let other_merchant = query_of(&pay_url(&channel_with("1001", KEY), &attempt(&number())));
    let other_key = query_of(&pay_url(&channel_with(PID, "another-key"), &attempt(&number())));
    let cases = [
        ("nothing", String::new(), "pid"),
        ("no form", "a=%zz".to_owned(), "参数无法读取"),
        ("a name twice", format!("{good}&money=1"), "参数无法读取"),
        ("another merchant", other_merchant, "pid"),
        ("another key", other_key, "签名校验失败"),
        ("an amount changed", good.replace("9.90", "0.01"), "签名校验失败"),
        ("no signature", good.split("&sign=").next().unwrap().to_owned(), "签名校验失败"),
        ("another signature type", format!("{good}&sign_type=RSA"), "MD5"),
        ("no number", signed_order(&[("out_trade_no", "")]), "out_trade_no"),
        ("a number with a space", signed_order(&[("out_trade_no", "a b")]), "out_trade_no"),
        ("no notify_url", signed_order(&[("notify_url", "")]), "notify_url"),
        ("no address", signed_order(&[("notify_url", "shop.example")]), "notify_url"),
        ("no return_url", signed_order(&[("return_url", "")]), "return_url"),
        ("a script", signed_order(&[("return_url", "javascript:alert(1)//http://a")]), "return_url"),
        ("a new line", signed_order(&[("return_url", "http://a/\r\nset-cookie:b")]), "return_url"),
        ("a policy", signed_order(&[("return_url", "http://a;script-src/")]), "return_url"),
        ("a fragment", signed_order(&[("return_url", "http://a/#b")]), "return_url"),
        ("no host", signed_order(&[("return_url", "http:///b")]), "return_url"),
        ("no name", signed_order(&[("name", "")]), "name"),
        ("blanks for a name", signed_order(&[("name", "  ")]), "name"),
        ("no money", signed_order(&[("money", "")]), "money"),
        ("nothing to pay", signed_order(&[("money", "0.00")]), "money"),
        ("less than nothing", signed_order(&[("money", "-1")]), "money"),
        ("half a fen", signed_order(&[("money", "0.005")]), "money"),
        ("a float", signed_order(&[("money", "1e2")]), "money"),
        ("an unknown way to pay", signed_order(&[("type", "Ali Pay")]), "type"),
        ("a long way to pay", signed_order(&[("type", "abcdefghijklmnopqrstu")]), "type"),
    ];
    for (what, query, says) in cases {
        let page = world.submit(&query);
        assert_eq!(page.status, 400, "{what}");
        assert!(text(&page).contains(says) && !text(&page).contains(KEY), "{what}: {}", text(&page));
        assert!(page.notify.is_empty());
    }
    assert_eq!(world.query(&channel()), QueryState::NotFound, "none of them became a trade");
    assert_eq!(world.submit(&good).status, 200, "the order itself is in order");
}

#[test]
fn a_post_opens_the_page_too() {
    let world = world();
    let kind = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let page = world.send("POST", "/sandbox/submit.php", "", &kind, &order_query());
    assert_eq!(page.status, 200, "an order comes from the shop's origin, so it is cross-site by nature");
    assert_eq!(world.query(&channel()), QueryState::Pending);
}

#[test]
fn the_same_number_is_the_same_order() {
    let world = world();
    assert_eq!(world.submit(&signed_order(&[])).status, 200);
    let first = world.order();
    assert_eq!(world.submit(&signed_order(&[])).status, 200);
    assert_eq!(world.submit(&signed_order(&[("type", "wxpay")])).status, 200, "the buyer may choose again");
    for change in
        [("money", "9.91"), ("name", "other"), ("notify_url", "http://a/"), ("return_url", "http://a/"), ("param", "1")]
    {
        let page = world.submit(&signed_order(&[change]));
        assert_eq!(page.status, 409, "{change:?}");
        assert!(text(&page).contains("订单号已存在"));
    }
    assert_eq!(world.order(), first);
}

#[test]
fn text_of_the_shop_is_never_markup() {
    let world = world();
    let name = "<script>\"'&amp;</script>";
    assert_eq!(world.submit(&signed_order(&[("name", name)])).status, 200);
    let page = text(&world.submit(&signed_order(&[("name", name)])));
    assert!(!page.contains("<script>"));
    assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;amp;&lt;/script&gt;"));
}

#[test]
fn long_names_are_cut_as_a_gateway_cuts_them() {
    let world = world();
    assert_eq!(world.submit(&signed_order(&[("name", &"月".repeat(60))])).status, 200);
    assert_eq!(world.order()["name"], "月".repeat(42));
}
