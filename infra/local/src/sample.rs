//! What a new local shop sells: a small shop as a seller would have set it up, in both languages, with cards that open nothing.

use app::catalogue::Listed;
use app::settings::{CardTemplate, Contact, ContactKind, Presentation, Settings, SupportKind, Texts};
use app::{App, AppError};
use domain::product::{Field, Kind, Product};
use domain::{AccountId, Currency, Money, ProductId};

/// What cards of a product look like.
#[derive(Clone, Copy)]
enum Card {
    /// One code.
    Code,
    /// An account, its password and its mail address.
    Account,
}

/// One product of the sample shop.
struct Sample {
    id: &'static str,
    name: &'static str,
    summary: &'static str,
    category: &'static str,
    fen: i64,
    quantity: (u32, u32),
    cards: usize,
    card: Card,
    contact: ContactKind,
    warranty_days: u32,
    pinned: bool,
    asks: Option<(&'static str, &'static str)>,
    description: &'static str,
    instructions: &'static str,
}

const GAMES: &str = "游戏 Games";
const SOFTWARE: &str = "软件 Software";
const MEMBERSHIP: &str = "会员 Membership";

const SAMPLES: [Sample; 6] = [
    Sample {
        id: "sample-game-card",
        name: "星港点卡 100 点 · Starport 100",
        summary: "全区通用，付款后立即到账 · All regions, delivered at once",
        category: GAMES,
        fen: 990,
        quantity: (1, 50),
        cards: 120,
        card: Card::Code,
        contact: ContactKind::Any,
        warranty_days: 7,
        pinned: true,
        asks: None,
        description: "**示例商品**，卡密不能真正使用。\n\n- 面值 100 点，全区通用\n- 付款后自动发货，一般 2 秒内\n- 支持一次购买多张\n\nA **sample**: its keys open nothing.\n\n- 100 points, every region\n- Delivered by itself, usually within 2 seconds",
        instructions: "1. 登录游戏，打开“充值中心”\n2. 选择“点卡充值”，粘贴卡密\n3. 核对角色后确认\n\nSign in, open *Top up*, paste the key and confirm.",
    },
    Sample {
        id: "sample-game-card-500",
        name: "星港点卡 500 点 · Starport 500",
        summary: "大面值更划算 · Better value",
        category: GAMES,
        fen: 4_700,
        quantity: (1, 10),
        cards: 32,
        card: Card::Code,
        contact: ContactKind::Any,
        warranty_days: 7,
        pinned: false,
        asks: Some(("role", "游戏角色名 / Character name")),
        description: "面值 500 点的示例商品，下单时请填写角色名，方便店家核对。\n\nA sample of 500 points. Tell us the character, so that the shop can check.",
        instructions: "在“充值中心”粘贴卡密即可。\n\nPaste the key under *Top up*.",
    },
    Sample {
        id: "sample-licence",
        name: "墨写专业版授权码（一年） · Inkwell Pro, one year",
        summary: "支持 Windows 与 macOS · Windows and macOS",
        category: SOFTWARE,
        fen: 12_800,
        quantity: (1, 5),
        cards: 48,
        card: Card::Code,
        contact: ContactKind::Email,
        warranty_days: 30,
        pinned: false,
        asks: None,
        description: "一年授权的示例商品。**激活后不支持退换**，请先确认系统版本。\n\nA sample licence for a year. **No returns once activated.**",
        instructions: "1. 安装软件并打开“关于”\n2. 点“输入授权码”，粘贴后重启\n\nOpen *About*, choose *Enter licence*, paste and restart.",
    },
    Sample {
        id: "sample-membership",
        name: "云影会员激活码（一个月） · Cloudreel, one month",
        summary: "新老账号都能用 · For new and old accounts",
        category: MEMBERSHIP,
        fen: 2_500,
        quantity: (1, 10),
        cards: 9,
        card: Card::Code,
        contact: ContactKind::Any,
        warranty_days: 3,
        pinned: false,
        asks: None,
        description: "一个月会员的示例商品。可叠加使用。\n\nA sample month of membership. Months add up.",
        instructions: "在“会员中心 → 兑换”里粘贴卡密。\n\nPaste the key under *Membership → Redeem*.",
    },
    Sample {
        id: "sample-account",
        name: "林间账号（含密码与邮箱） · Woodland account",
        summary: "到手请先改密码 · Change the password first",
        category: MEMBERSHIP,
        fen: 6_600,
        quantity: (1, 1),
        cards: 14,
        card: Card::Account,
        contact: ContactKind::Email,
        warranty_days: 1,
        pinned: false,
        asks: None,
        description: "一个独享账号的示例。收到后请在 24 小时内修改密码。\n\nA sample account of your own. Change its password within 24 hours.",
        instructions: "1. 用账号和密码登录\n2. 在“安全设置”里修改密码和邮箱\n\nSign in, then change password and mail under *Security*.",
    },
    Sample {
        id: "sample-sold-out",
        name: "夏日限量礼包 · Summer bundle",
        summary: "补货时间见公告 · See the notice for the next batch",
        category: GAMES,
        fen: 19_900,
        quantity: (1, 1),
        cards: 0,
        card: Card::Code,
        contact: ContactKind::Any,
        warranty_days: 0,
        pinned: false,
        asks: None,
        description: "已经售罄的示例商品。\n\nA sample that is sold out.",
        instructions: "",
    },
];

fn settings() -> Settings {
    Settings {
        name: "青柠卡铺".to_owned(),
        notice: "**这是示例店铺**，用沙箱支付试一单：不会真的收款。 *A sample shop: try an order, no real money moves.*"
            .to_owned(),
        purchase_notice: "1. 卡密为一次性数字商品，**付款后自动发货**。\n2. 下单前请核对商品、数量和联系方式。\n3. 售后期内卡密无法使用，请带单号联系店家。\n\nKeys are single-use digital goods, delivered as soon as they are paid. Please check product, quantity and contact first."
            .to_owned(),
        refund_policy: "未发货的订单全额退款；已发货且卡密有效的不退。\n\nOrders not delivered are refunded in full; working keys are not returned."
            .to_owned(),
        support: vec![
            Contact { kind: SupportKind::Email, value: "help@example.com".to_owned() },
            Contact { kind: SupportKind::Qq, value: "123456789".to_owned() },
        ],
        hours: "9:00–23:00".to_owned(),
        ..Settings::default()
    }
}

/// Fills an empty catalogue; a shop that has any product is left alone.
pub async fn fill(app: &App) -> Result<(), AppError> {
    if !app.products().await?.is_empty() {
        return Ok(());
    }
    if app.settings_now().await?.1 == 0 {
        app.change_settings(&settings(), 0).await?;
    }
    for (place, sample) in (0..).zip(&SAMPLES) {
        let (Some(id), Some(sandbox)) = (ProductId::parse(sample.id), AccountId::parse("sandbox")) else { continue };
        // The cards come first: a start that is cut off here begins again, because no product is listed yet.
        app.store.open_head(&id).await?;
        let lines: Vec<String> = (1..=sample.cards).map(|n| card(app, sample.card, n)).collect();
        let report = app.import_cards(&id, "sample", 1, lines.join("\n").as_bytes(), false).await?;
        tracing::debug!(product = %id, ?report, "samples");
        app.count_shelf(&id).await;
        let texts = Texts { description: sample.description.to_owned(), instructions: sample.instructions.to_owned() };
        let (known, version) = app.texts_now(&id).await?;
        if known != texts {
            app.change_texts(&id, &texts, version).await?;
        }
        app.create_product(&listed(sample, id, sandbox, place)).await?;
    }
    Ok(())
}

fn listed(sample: &Sample, id: ProductId, sandbox: AccountId, place: i32) -> Listed {
    let field = |(id, label): (&str, &str)| Field { id: id.to_owned(), label: label.to_owned(), required: true };
    let product = Product {
        id,
        name: sample.name.to_owned(),
        kind: Kind::SingleUseKey,
        price: Money { minor: sample.fen, currency: Currency::CNY },
        channels: vec![sandbox],
        min_quantity: sample.quantity.0,
        max_quantity: sample.quantity.1,
        fields: sample.asks.map(field).into_iter().collect(),
        review: false,
        on_sale: true,
        archived: false,
        version: 1,
    };
    let labels = ["账号 Account", "密码 Password", "邮箱 Mail"];
    let template = CardTemplate { separator: "----".to_owned(), labels: labels.map(str::to_owned).to_vec() };
    let look = Presentation {
        summary: sample.summary.to_owned(),
        category: sample.category.to_owned(),
        contact_kind: sample.contact,
        card_template: matches!(sample.card, Card::Account).then_some(template),
        pinned: sample.pinned,
        sort: place,
        warranty_days: sample.warranty_days,
        ..Presentation::default()
    };
    Listed { product, look }
}

fn card(app: &App, card: Card, number: usize) -> String {
    let chance = app::keys::hex(&app.ids.bytes::<6>());
    match card {
        Card::Code => format!("SAMPLE-{number:04}-{}", chance.to_uppercase()),
        Card::Account => format!("sample{number:04}----{chance}----sample{number:04}@example.com"),
    }
}
