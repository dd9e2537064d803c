//! A shop as a seller would have set it up: fifteen products in five categories, and hidden ones that orders are made of.

use crate::Page;
use app::accounts::AccountSettings;
use domain::AccountId;
use http::Method;
use serde_json::{Value, json};
use tests::TestShop;
use tests::shop::{PID, cards};

/// The second gateway, which nothing here ever calls.
const GATEWAY: &str = "https://pay.example.com";
/// Its merchant number.
const GATEWAY_PID: &str = "2000";
/// Its merchant key.
const GATEWAY_KEY: &str = "a-key-of-the-second-gateway";

/// A name of forty characters: the longest that must be readable in full.
pub const LONG_NAME: &str = "【自动发货】游戏平台全球通用钱包余额充值卡密可叠加使用支持电脑手机和平板版面值五十元";

/// The separator and parts of an account.
pub const PARTS: [&str; 3] = ["账号", "密码", "邮箱"];

/// Products with one card each, and the account they are paid by: who pays for them late finds them sold.
pub const LAST: [(&str, &str); 4] =
    [("last-due", "sandbox"), ("last-due-hand", "hand"), ("last-refunded", "sandbox"), ("last-returned", "hand")];

const DESCRIPTION: &str = "国区钱包充值码，面值 50 元。充值后余额可以购买游戏、扩展内容和市场物品。每个账号每天最多充值 5 次，请先确认账号地区为中国大陆，再下单。\n\n### 怎么用\n\n1. 打开客户端，点右上角“充值”\n2. 选“兑换礼物卡”\n3. 输入卡密\n\n| 面值 | 价格 |\n|---|---:|\n| 50 | ¥47.50 |\n| 100 | ¥95.00 |";

const INSTRUCTIONS: &str = "1. 打开客户端，点“兑换礼物卡”\n2. 粘贴卡密并确认\n3. 余额立即到账";

/// Products on the shelf: id, name, category, fen, cards, and what else there is to say of it.
fn shelf() -> Vec<(&'static str, &'static str, &'static str, i64, usize, Value)> {
    vec![
        (
            "wallet-50",
            "钱包充值卡 50 元",
            "游戏点卡",
            4_750,
            128,
            json!({"summary": "国区账号可用，充值到钱包余额。", "description": DESCRIPTION, "instructions": INSTRUCTIONS, "warranty_days": 7, "pinned": true}),
        ),
        (
            "video-season",
            "视频会员季卡",
            "视频会员",
            6_800,
            3,
            json!({"contact_kind": "email", "summary": "充到你自己的账号。"}),
        ),
        ("music-month", "音乐会员月卡", "音乐", 1_200, 25, json!({"hide_stock": true})),
        (
            "cloud-year",
            "云存储 200GB 年卡",
            "云服务",
            16_800,
            12,
            json!({"fields": [{"id": "account", "label": "云盘账号", "required": true}, {"id": "note", "label": "备注", "required": false}]}),
        ),
        ("skin-code", "输入法皮肤兑换码", "软件激活", 100, 60, json!({"min_quantity": 1, "max_quantity": 1})),
        ("long-name", LONG_NAME, "游戏点卡", 123_456, 40, json!({"contact_kind": "qq"})),
        ("wallet-100", "钱包充值卡 100 元", "游戏点卡", 9_500, 44, json!({})),
        ("office-year", "办公软件一年授权", "软件激活", 29_900, 18, json!({"review": true, "contact_kind": "phone"})),
        ("video-month", "视频会员月卡", "视频会员", 2_500, 90, json!({})),
        ("video-year", "视频会员年卡", "视频会员", 19_800, 11, json!({})),
        ("radio-year", "听书会员年卡", "音乐", 14_800, 33, json!({})),
        ("disk-month", "网盘会员月卡", "云服务", 2_990, 71, json!({"min_quantity": 2, "max_quantity": 20})),
        ("anti-virus", "杀毒软件三年授权", "软件激活", 8_900, 5, json!({})),
        ("mail-year", "企业邮箱一年", "云服务", 36_500, 20, json!({})),
        ("gone-code", "限量纪念版兑换码", "游戏点卡", 19_900, 0, json!({"description": "已经售罄。"})),
    ]
}

async fn create(shop: &TestShop, id: &str, name: &str, fen: i64, more: &Value) {
    let mut body = json!({
        "id": id, "name": name, "kind": "single_use_key", "price": {"amount_minor": fen, "currency": "CNY"},
        "channels": ["sandbox"],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(Method::POST, "/api/admin/products", &token, body.to_string()).await;
    assert_eq!(status, 201, "{answer}");
}

async fn import(shop: &TestShop, id: &str, lines: &[String]) {
    if !lines.is_empty() {
        let answer = shop.cards(id, lines, "").await;
        assert_eq!(answer["imported"], lines.len(), "{answer}");
    }
}

/// Cards of several lines each, which only a table can carry.
async fn import_table(shop: &TestShop, id: &str, keys: &[String]) {
    let token = shop.sign_in().await;
    let quoted = keys.iter().map(|key| format!("\"{}\"", key.replace('"', "\"\"")));
    let body = format!("card\n{}", quoted.collect::<Vec<_>>().join("\n"));
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("/api/admin/products/{id}/cards"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/csv")
        .body(body.into_bytes())
        .unwrap();
    let (status, answer) = tests::shop::send(shop.front(), request).await;
    assert_eq!((status, answer["imported"].as_u64()), (200, Some(keys.len() as u64)), "{answer}");
}

/// Forty lines, as a configuration file has them.
pub fn forty_lines() -> String {
    let lines = (1..=40).map(|n| format!("line {n:02} = value-{:08x}", n * 2_654_435_761_u64 % 4_294_967_296));
    lines.collect::<Vec<_>>().join("\n")
}

/// Three kilobytes without a space.
pub fn long_key() -> String {
    (0..3_072_u32).map(|n| char::from(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[(n * n % 31) as usize])).collect()
}

/// Sets everything up.
pub async fn stock(shop: &TestShop) {
    let settings = json!({
        "name": "小满数字商店",
        "notice": "**双十一**：全场点卡 95 折，活动到 11 月 30 日结束，售完即止。\n\n- 充值类商品请核对账号\n- 夜间人工客服休息",
        "purchase_notice": "## 发货\n\n付款后自动发货，一般 2 秒内完成。\n\n## 使用\n\n- 请在 30 天内使用\n- 请勿转发给他人",
        "refund_policy": "未使用的卡密 7 天内可退。",
        "hours": "9:00–23:00",
        "filing_number": "京ICP备2026000001号-1",
        "support": [
            {"kind": "email", "value": "help@example.com"}, {"kind": "qq", "value": "10001"},
            {"kind": "wechat", "value": "corner_1"}, {"kind": "link", "value": "https://example.com/help"},
        ],
        "links": [{"label": "使用教程", "url": "https://example.org/"}],
    });
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(Method::PATCH, "/api/admin/settings", &token, settings.to_string()).await;
    assert_eq!(status, 200, "{answer}");

    // A gateway of the usual kind, and the sandbox once more without a refund call, so that a person has to send money back.
    let sandbox = format!("{}/sandbox", shop.world.public_url());
    for (account, base_url, pid, key, refund) in
        [("pay", GATEWAY, GATEWAY_PID, GATEWAY_KEY, "0"), ("hand", sandbox.as_str(), PID, shop.key.as_str(), "")]
    {
        let settings = [("base_url", base_url), ("pid", pid), ("key", key), ("refund_code", refund)];
        let settings = AccountSettings {
            account: AccountId::parse(account).unwrap(),
            kind: "epay_v1".to_owned(),
            settings: settings.into_iter().collect(),
            enabled: true,
            sandbox: false,
        };
        shop.app.configure_channel(&settings).await.expect("another way to pay");
    }

    for (place, (id, name, category, fen, count, more)) in shelf().into_iter().enumerate() {
        let mut more = more;
        more["category"] = category.into();
        more["sort"] = place.into();
        create(shop, id, name, fen, &more).await;
        import(shop, id, &cards(&id.to_uppercase(), count)).await;
    }

    let hidden = |more: Value| {
        let mut more = more;
        more["hidden"] = true.into();
        more["instructions"] = INSTRUCTIONS.into();
        more["warranty_days"] = 7.into();
        more
    };
    let template = json!({"separator": "----", "labels": PARTS});
    create(shop, "one-key", "钱包充值卡 50 元", 2_970, &hidden(json!({}))).await;
    import(shop, "one-key", &cards("ABCD-EFGH", 400)).await;
    for (id, account) in LAST {
        create(shop, id, "限量纪念版兑换码", 19_900, &hidden(json!({"channels": [account]}))).await;
        import(shop, id, &cards(&id.to_uppercase(), 1)).await;
    }
    create(shop, "two-ways", "视频会员月卡", 2_500, &hidden(json!({"channels": ["pay", "sandbox"]}))).await;
    import(shop, "two-ways", &cards("WAYS", 40)).await;
    create(shop, "review", "办公软件一年授权", 29_900, &hidden(json!({"review": true}))).await;
    import(shop, "review", &cards("OFFICE", 5)).await;
    create(shop, "account", "独享会员账号", 6_600, &hidden(json!({"card_template": template}))).await;
    let account = |n: usize| format!("user{n:04}@example.com----Pa55-w0rd-{n:04}----mail{n:04}@example.org");
    import(shop, "account", &(1..=6).map(account).collect::<Vec<_>>()).await;
    create(shop, "lines", "配置文件", 4_900, &hidden(json!({}))).await;
    import_table(shop, "lines", &[forty_lines()]).await;
    create(shop, "long-key", "离线授权文件", 59_900, &hidden(json!({}))).await;
    import(shop, "long-key", &[long_key()]).await;
}

/// The pages of the shop itself, as a stranger finds them.
pub fn pages() -> Vec<Page> {
    let plain = Page::plain;
    vec![
        plain("shop", "/", "shop"),
        plain("shop-category", "/?c=%E8%A7%86%E9%A2%91%E4%BC%9A%E5%91%98", "shop, one category"),
        plain("shop-found", "/?q=%E4%BC%9A%E5%91%98", "shop, searched"),
        plain("shop-none", "/?q=%E5%8E%9F%E7%A5%9E", "shop, nothing found"),
        plain("product", "/p/wallet-50", "product"),
        plain("product-low", "/p/video-season", "product, low stock, mail"),
        plain("product-long", "/p/long-name", "product, a name of forty characters"),
        plain("product-hidden-stock", "/p/music-month", "product, hidden stock"),
        plain("product-fields", "/p/cloud-year", "product, the seller's fields"),
        plain("product-single", "/p/skin-code", "product, one per order"),
        plain("product-min", "/p/disk-month", "product, two at least"),
        plain("product-review", "/p/office-year", "product, reviewed"),
        plain("product-sold-out", "/p/gone-code", "product, sold out"),
        plain("product-two-ways", "/p/two-ways", "product, two ways to pay"),
        plain("terms", "/terms", "terms"),
        plain("lookup", "/lookup", "look-up"),
        plain("no-page", "/nothing/here", "E-18"),
        plain("no-order", "/o/000000000000000000000000", "E-19"),
    ]
}
