//! What a new local shop sells, so that the first visit shows something: three products with cards that open nothing.

use app::{App, AppError};
use domain::product::{Kind, Product};
use domain::{AccountId, Currency, Money, ProductId};

/// Id, name, price in fen, largest quantity, cards.
const PRODUCTS: [(&str, &str, i64, u32, usize); 3] = [
    ("sample-game-card", "示例 · 游戏点卡 100 点 / Sample game card, 100 points", 990, 50, 120),
    ("sample-licence", "示例 · 软件授权码（一年）/ Sample licence code, one year", 12_800, 5, 48),
    ("sample-membership", "示例 · 会员激活码（一个月）/ Sample membership, one month", 2_500, 10, 9),
];

/// Fills an empty catalogue; a shop that has any product is left alone.
pub async fn fill(app: &App) -> Result<(), AppError> {
    if !app.products().await?.is_empty() {
        return Ok(());
    }
    for (id, name, price, max_quantity, cards) in PRODUCTS {
        let (Some(id), Some(sandbox)) = (ProductId::parse(id), AccountId::parse("sandbox")) else { continue };
        // The cards come first: a start that is cut off here begins again, because no product is listed yet.
        app.store.open_head(&id).await?;
        let lines: Vec<String> = (1..=cards).map(|n| card(app, n)).collect();
        let report = app.import_cards(&id, "sample", 1, lines.join("\n").as_bytes(), false).await?;
        tracing::debug!(product = %id, ?report, "samples");
        let product = Product {
            id,
            name: name.to_owned(),
            kind: Kind::SingleUseKey,
            price: Money { minor: price, currency: Currency::CNY },
            channels: vec![sandbox],
            min_quantity: 1,
            max_quantity,
            fields: Vec::new(),
            review: false,
            on_sale: true,
            archived: false,
            version: 1,
        };
        app.create_product(&product).await?;
    }
    Ok(())
}

fn card(app: &App, number: usize) -> String {
    let chance = app::keys::hex(&app.ids.bytes::<6>()).to_uppercase();
    format!("SAMPLE-{number:04}-{chance}")
}
