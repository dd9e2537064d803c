//! What the buyer sees: plain HTML, Chinese first and English under it, no script, no style but the sheet.

use super::pay::{Button, heard};
use super::submit::origin;
use super::trades::Trade;
use super::{GatewayAnswer, PREFIX, time};
use crate::markup::escaped;
use domain::money;
use serde_json::Value;

const STYLE: &str = include_str!("style.css");

pub(super) fn style() -> GatewayAnswer {
    let mut answer = answer(200, "text/css; charset=utf-8", STYLE.to_owned());
    answer.headers.push(("cache-control".to_owned(), "max-age=300".to_owned()));
    answer
}

pub(super) fn json(value: &Value) -> GatewayAnswer {
    let mut answer = answer(200, "application/json; charset=utf-8", value.to_string());
    answer.headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    answer
}

/// Sends the browser on after a POST.
pub(super) fn see_other(location: &str) -> GatewayAnswer {
    let mut answer = html(303, "'self'", "转到商店", "<p>正在返回商店…</p>");
    answer.headers.push(("location".to_owned(), location.to_owned()));
    answer
}

/// A page that says what is wrong.
pub(super) fn refusal(status: u16, zh: &str, en: &str) -> GatewayAnswer {
    let body =
        format!("<main class=\"card\"><h1>{}<small lang=\"en\">{}</small></h1></main>", escaped(zh), escaped(en));
    html(status, "'none'", zh, &body)
}

/// The pay page of an order: its first trade, and the second where it was paid twice.
pub(super) fn checkout(trades: &[Trade]) -> GatewayAnswer {
    let Some(first) = trades.first() else { return refusal(404, "没有这笔交易", "There is no such trade.") };
    let asked = &first.asked;
    let (state_class, state) = match first.paid {
        None => ("wait", "◔ 待付款<small lang=\"en\">not paid yet</small>"),
        Some(_) => ("done", "✓ 已付款<small lang=\"en\">paid</small>"),
    };
    let mut body = format!(
        "<main class=\"card\"><h1>沙箱收银台<small lang=\"en\">Sandbox checkout</small></h1>\
         <p class=\"amount\">¥{}</p><p class=\"state {state_class}\">{state}</p><dl>{}{}{}</dl>",
        money::decimal(asked.fen, 2),
        row("商品", "product", &asked.name),
        row("商户订单号", "shop's number", &asked.out_trade_no),
        row("平台订单号", "gateway's number", &first.trade_no),
    );
    if first.paid.is_some() {
        body.push_str("<h2>付款记录<small lang=\"en\">Payments</small></h2><ul>");
        trades.iter().for_each(|trade| body.push_str(&payment(trade)));
        body.push_str("</ul>");
    }
    body.push_str(&format!("<form method=\"post\" action=\"{PREFIX}pay/{}\">", escaped(&first.trade_no)));
    let main = if first.paid.is_some() { Button::Return } else { Button::Pay };
    body.push_str(&button(main, "primary"));
    body.push_str("<h2>试试意外情况<small lang=\"en\">Try what goes wrong</small></h2>");
    if first.paid.is_none() {
        body.push_str(
            "<p class=\"help\">想试晚付款：等商店里的订单过期后再点付款。\
             <small lang=\"en\">To pay late, wait until the shop's order has expired, then pay.</small></p>",
        );
    }
    for other in Button::ALL.into_iter().filter(|other| *other != main && shown(*other, trades)) {
        body.push_str(&button(other, "secondary"));
    }
    body.push_str("</form></main>");
    // Chrome applies `form-action` also to where a post leads on to, which is the shop.
    let forms = origin(&asked.return_url).map_or_else(|| "'self'".to_owned(), |shop| format!("'self' {shop}"));
    html(200, &forms, "沙箱收银台", &body)
}

/// Whether pressing it would do anything: what is paid cannot be paid in another way.
fn shown(button: Button, trades: &[Trade]) -> bool {
    let paid = trades.first().is_some_and(|first| first.paid.is_some());
    match button {
        Button::Pay | Button::PayWrongAmount | Button::PayLoseNotice => !paid,
        Button::PayTwice => trades.len() == 1,
        Button::RepeatNotice | Button::Return => true,
    }
}

fn button(button: Button, class: &str) -> String {
    let (zh, en) = match button {
        Button::Pay => ("付款", "Pay"),
        Button::PayTwice => ("付两次", "Pay twice"),
        Button::PayWrongAmount => ("付错金额（少 1 分）", "Pay the wrong amount (1 fen less)"),
        Button::PayLoseNotice => ("付款但丢失通知", "Pay, and lose the notification"),
        Button::RepeatNotice => ("重复通知 50 次", "Repeat the notification 50 times"),
        Button::Return => ("返回商店", "Back to the shop"),
    };
    let word = button.word();
    format!("<button class=\"{class}\" name=\"do\" value=\"{word}\">{zh}<small lang=\"en\">{en}</small></button>")
}

fn payment(trade: &Trade) -> String {
    let Some(paid) = trade.paid else { return String::new() };
    let (zh, en) = heard(trade);
    let refunded = match trade.refunded {
        0 => String::new(),
        fen => format!("，已退 ¥{}", money::decimal(fen, 2)),
    };
    format!(
        "<li><b>¥{}</b> {}{refunded}<br><code>{}</code><br>{}<small lang=\"en\">{}</small></li>",
        money::decimal(paid.fen, 2),
        time::text(paid.at),
        escaped(&trade.trade_no),
        escaped(&zh),
        escaped(&en),
    )
}

fn row(zh: &str, en: &str, value: &str) -> String {
    format!("<dt>{zh}<small lang=\"en\">{en}</small></dt><dd>{}</dd>", escaped(value))
}

fn html(status: u16, forms: &str, title: &str, body: &str) -> GatewayAnswer {
    let page = format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{} · SANDBOX</title>\
         <link rel=\"stylesheet\" href=\"{PREFIX}style.css\"></head><body>\
         <p class=\"banner\">沙箱 SANDBOX：测试模式，不会真的收款<small lang=\"en\">Test mode: no real money moves here\
         </small></p>{body}</body></html>",
        escaped(title)
    );
    let mut answer = answer(status, "text/html; charset=utf-8", page);
    let policy =
        format!("default-src 'none'; style-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'");
    // `same-origin` and not `no-referrer`: the latter makes browsers write `Origin: null` on our own forms.
    for (name, value) in [
        ("content-security-policy", policy.as_str()),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
    ] {
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    answer
}

fn answer(status: u16, content_type: &str, body: String) -> GatewayAnswer {
    let headers = [("content-type", content_type), ("x-content-type-options", "nosniff")];
    GatewayAnswer {
        status,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.into_bytes(),
        notify: Vec::new(),
        parallel: false,
    }
}
