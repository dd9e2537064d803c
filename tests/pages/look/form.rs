//! The order form: what it holds, what it keeps, when it is not there.

use super::sample::Shop;
use domain::Money;
use functions::pages;
use functions::pages::view::{FormValues, Frame, Lang, ProductView};

fn page(shop: &Shop, view: &ProductView<'_>) -> String {
    pages::product(&shop.frame(Lang::Zh, "/p/p0"), view)
}

#[test]
fn it_sends_what_the_handler_reads() {
    let shop = Shop::new();
    let html = page(&shop, &shop.product_view());
    for said in [
        "<form id=\"order-form\"",
        "method=\"post\" action=\"/p/p0\"",
        "name=\"nonce\" value=\"n0123456789abcdef\"",
        "name=\"price_seen\" value=\"990 CNY\"",
        "id=\"quantity\" name=\"quantity\"",
        "id=\"contact\" name=\"contact\"",
        "name=\"f.account\"",
        "name=\"f.note\"",
        "id=\"query_password\" name=\"query_password\"",
        "name=\"channel\" value=\"alipay-1\" checked",
        "name=\"channel\" value=\"wechat-1\"",
        "name=\"agree\" value=\"1\"",
        "id=\"place-order\"",
        "data-price=\"990\" data-exponent=\"2\" data-sign=\"¥\"",
    ] {
        assert!(html.contains(said), "no {said} in {html}");
    }
    assert_eq!(html.matches(" checked").count(), 1, "one way to pay is chosen, and nothing is ticked for the buyer");
}

#[test]
fn it_keeps_what_was_typed_and_points_at_what_is_wrong() {
    let shop = Shop::new();
    let values = FormValues {
        quantity: "3".to_owned(),
        contact: "buyer@example.com".to_owned(),
        channel: "wechat-1".to_owned(),
        fields: vec![("account".to_owned(), "nobody".to_owned())],
        query_password: "123".to_owned(),
        coupon: "TEN".to_owned(),
        agreed: true,
    };
    let errors = vec![("query_password".to_owned(), "length"), ("coupon".to_owned(), "unknown")];
    let html = page(&shop, &ProductView { values, errors, ..shop.product_view() });
    for said in ["value=\"3\"", "value=\"buyer@example.com\"", "value=\"nobody\"", "value=\"123\"", "value=\"TEN\""] {
        assert!(html.contains(said), "no {said}");
    }
    assert!(html.contains("name=\"channel\" value=\"wechat-1\" checked"));
    assert!(html.contains("name=\"agree\" value=\"1\" required checked"));
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 2);
    assert_eq!(html.matches("<details class=\"opt\" open>").count(), 2, "what is wrong is not folded away");
    assert!(html.contains("有 2 处需要修改"), "two errors have a summary");
    let one = vec![("contact".to_owned(), "required")];
    assert!(!page(&shop, &ProductView { errors: one, ..shop.product_view() }).contains("处需要修改"));
}

#[test]
fn the_sum_is_on_the_button_only_where_it_is_certain() {
    let mut shop = Shop::new();
    let button = |html: &str| {
        let (_, tail) = html.split_once("id=\"place-order\"").unwrap();
        tail.split(['>', '<']).nth(1).unwrap().to_owned()
    };
    assert_eq!(button(&page(&shop, &shop.product_view())), "提交订单");
    (shop.products[0].min_quantity, shop.products[0].max_quantity) = (3, 3);
    let html = page(&shop, &shop.product_view());
    assert_eq!(button(&html), "提交订单 · ¥29.70");
    assert!(html.contains("type=\"hidden\" id=\"quantity\" name=\"quantity\" value=\"3\""));
    shop.products[0].price = Money { currency: domain::Currency::parse("JPY").unwrap(), minor: 500 };
    let html = page(&shop, &shop.product_view());
    assert_eq!(button(&html), "提交订单 · JPY 1500");
    assert!(html.contains("data-exponent=\"0\" data-sign=\"JPY \""));
}

#[test]
fn nothing_is_asked_that_need_not_be() {
    let mut shop = Shop::new();
    shop.products[0].fields.clear();
    shop.settings.must_agree = false;
    let view = shop.product_view();
    let html = page(&shop, &ProductView { methods: view.methods[..1].to_vec(), ..view });
    let open = html.split("<details").next().unwrap().matches("<input").count();
    let hidden = html.split("<details").next().unwrap().matches("type=\"hidden\"").count();
    assert!(open - hidden <= 3, "{open} inputs, {hidden} of them hidden");
    assert!(!html.contains("type=\"radio\"") && html.contains("type=\"hidden\" name=\"channel\" value=\"alipay-1\""));
    assert!(!html.contains("name=\"agree\"") && !html.contains("name=\"coupon\""));
}

#[test]
fn it_is_not_there_when_nothing_can_be_ordered() {
    let mut shop = Shop::new();
    shop.products[1].on_sale = false;
    shop.products[2].archived = true;
    shop.products[3].min_quantity = 5;
    let row = |at, stock| ProductView { row: shop.row(at, stock), ..shop.product_view() };
    for (view, words) in [
        (row(0, Some(0)), "暂时售罄。"),
        (row(1, Some(9)), "商品已下架。"),
        (row(2, Some(9)), "商品已下架。"),
        (row(3, Some(4)), "暂时售罄。"),
        (ProductView { methods: vec![], ..shop.product_view() }, "暂时没有可用的付款方式"),
    ] {
        let html = page(&shop, &view);
        assert!(html.contains(words), "{words}");
        assert!(!html.contains("order-form") && !html.contains("/assets/form-"), "{words}");
    }
    let html = page(&shop, &row(0, Some(0)));
    assert!(html.contains("href=\"/p/p1\"") && html.contains("href=\"/p/p2\""), "others are shown instead");
    for at in [0, 3] {
        assert!(page(&shop, &row(at, None)).contains("order-form"), "what nobody has counted may be there");
    }
}

#[test]
fn an_app_that_lets_nothing_through_is_told_from_a_shop_without_channels() {
    let shop = Shop::new();
    let frame = shop.frame(Lang::Zh, "/p/p0");
    let env = pages::env::detect("Mozilla/5.0 (iPhone) MicroMessenger/8.0");
    let html = pages::product(&Frame { env, ..frame }, &ProductView { methods: vec![], ..shop.product_view() });
    assert!(html.contains("在浏览器打开"));
}

#[test]
fn an_unpaid_order_is_offered_first() {
    let shop = Shop::new();
    let html = page(&shop, &ProductView { unpaid: Some("0ABC".to_owned()), ..shop.product_view() });
    assert!(html.find("href=\"/o/0ABC\"").unwrap() < html.find("<form id=\"order-form\"").unwrap());
    assert!(html.contains("href=\"#order-form\""));
}
