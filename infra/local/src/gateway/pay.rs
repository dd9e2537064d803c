//! The pay page's buttons: a payment, and everything that goes wrong with payments.

use super::trades::{self, Paid, Trade};
use super::{Gateway, GatewayAnswer, GatewayRequest, begin, notice, page, time};
use payments::form;
use rusqlite::Connection;

/// How often the button "repeat" sends the notification.
const REPEATS: usize = 50;

/// A button. Its word is the value of the form field `do`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Button {
    /// Pays, and tells the shop.
    Pay,
    /// Pays twice: two payments with a number each, for one order.
    PayTwice,
    /// Pays one fen less than asked; one more where less would be nothing.
    PayWrongAmount,
    /// Pays, and the notification is lost for good. Asking the gateway still tells.
    PayLoseNotice,
    /// Sends the notification fifty times at once. Pays first where nobody has.
    RepeatNotice,
    /// Goes back to the shop.
    Return,
}

impl Button {
    /// All of them, in the order of the page.
    pub(super) const ALL: [Button; 6] = [
        Button::Pay,
        Button::PayTwice,
        Button::PayWrongAmount,
        Button::PayLoseNotice,
        Button::RepeatNotice,
        Button::Return,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Button::Pay => "pay",
            Button::PayTwice => "pay_twice",
            Button::PayWrongAmount => "pay_wrong_amount",
            Button::PayLoseNotice => "pay_lose_notice",
            Button::RepeatNotice => "repeat_notice",
            Button::Return => "return",
        }
    }
}

impl Gateway {
    /// The pay page of a trade, to be looked at again at any time.
    pub(super) fn show(&self, trade_no: &str) -> rusqlite::Result<GatewayAnswer> {
        Ok(match find(&self.db(), trade_no)? {
            Some((_, trades)) => page::checkout(&trades),
            None => page::refusal(404, "没有这笔交易", "There is no such trade."),
        })
    }

    /// Does what a button says.
    pub(super) fn press(&self, request: &GatewayRequest, trade_no: &str) -> rusqlite::Result<GatewayAnswer> {
        if !same_origin(request) {
            return Ok(page::refusal(403, "请在本页面上操作", "Please use the buttons of this page."));
        }
        let word = form::parse(&request.body).ok();
        let word = word.as_ref().and_then(|pairs| pairs.get("do")).unwrap_or_default();
        let Some(button) = Button::ALL.into_iter().find(|button| button.word() == word) else {
            return Ok(page::refusal(400, "没有这个按钮", "There is no such button."));
        };

        let mut db = self.db();
        let step = begin(&mut db)?;
        let Some((first, _)) = find(&step, trade_no)? else {
            return Ok(page::refusal(404, "没有这笔交易", "There is no such trade."));
        };
        let newly_paid = self.pay(&step, &first, button)?;
        let Some((first, trades)) = find(&step, trade_no)? else {
            return Ok(page::refusal(404, "没有这笔交易", "There is no such trade."));
        };
        // Durable first: what is told below cannot be forgotten any more.
        step.commit()?;
        drop(db);

        // Fifty repetitions of what was paid before are watched on this page; everything else leads back to the shop.
        let back = if button == Button::RepeatNotice && newly_paid.is_empty() {
            format!("{}pay/{}", super::PREFIX, first.trade_no)
        } else {
            notice::return_url(&self.inner.merchant, &first)
        };
        let mut answer = page::see_other(&back);
        match button {
            Button::Pay | Button::PayTwice | Button::PayWrongAmount => {
                let new = trades.iter().filter(|trade| newly_paid.contains(&trade.trade_no));
                answer.notify = new.map(|trade| self.notification(trade)).collect();
            }
            Button::RepeatNotice => {
                answer.notify = vec![self.notification(&first); REPEATS];
                answer.parallel = true;
            }
            Button::PayLoseNotice | Button::Return => {}
        }
        Ok(answer)
    }

    /// Books what the button pays, and names the trades that were not paid before. Pressing twice pays once.
    fn pay(&self, step: &Connection, first: &Trade, button: Button) -> rusqlite::Result<Vec<String>> {
        let now = self.now();
        let asked = first.asked.fen;
        let fen = match button {
            Button::Return => return Ok(Vec::new()),
            Button::PayWrongAmount if asked > 1 => asked - 1,
            Button::PayWrongAmount => asked + 1,
            _ => asked,
        };
        let retry_at = if button == Button::PayLoseNotice { None } else { notice::retry_after(0, now) };
        let paid = Paid { fen, at: now };
        let mut newly_paid = Vec::new();
        if trades::pay(step, &first.trade_no, paid, retry_at)? {
            newly_paid.push(first.trade_no.clone());
        }
        if button == Button::PayTwice && trades::by_order(step, &first.asked.out_trade_no)?.len() == 1 {
            let number = self.new_number();
            trades::insert(step, &number, &first.asked, true, now)?;
            trades::pay(step, &number, paid, retry_at)?;
            newly_paid.push(number);
        }
        Ok(newly_paid)
    }
}

/// The first trade of the order that this number belongs to, and all of them.
fn find(db: &Connection, trade_no: &str) -> rusqlite::Result<Option<(Trade, Vec<Trade>)>> {
    let Some(trade) = trades::by_number(db, trade_no)? else { return Ok(None) };
    let trades = trades::by_order(db, &trade.asked.out_trade_no)?;
    Ok(trades.first().cloned().map(|first| (first, trades)))
}

/// Whether a form was posted by our own page. Browsers say where a post comes from in one of two headers, which pages
/// cannot change; a client that sends neither is not a browser that somebody else could steer.
fn same_origin(request: &GatewayRequest) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return site == "same-origin";
    }
    match (request.header("origin"), request.header("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
    }
}

/// What is known of a notification, in both languages.
pub(super) fn heard(trade: &Trade) -> (String, String) {
    let failed = |zh: &str, en: &str| {
        let n = trade.failures;
        (format!("{zh}（失败 {n} 次）"), format!("{en} ({n} failed)"))
    };
    match (trade.heard_at, trade.retry_at) {
        (Some(at), _) => (format!("商店已确认 {}", time::text(at)), "acknowledged by the shop".to_owned()),
        (None, Some(at)) => failed(&format!("未确认，{} 重发", time::text(at)), "not acknowledged, will be repeated"),
        (None, None) => failed("不再重发", "lost or given up"),
    }
}
