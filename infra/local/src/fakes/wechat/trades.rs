//! The trades and refunds of the one merchant.

use super::seal;
use crate::gateway::GatewayRequest;
use serde_json::{Value, json};

/// Everything there is.
#[derive(Default)]
pub(super) struct State {
    pub(super) trades: Vec<Trade>,
}

/// One trade, as the merchant made it.
pub(super) struct Trade {
    /// The merchant's number.
    pub(super) number: String,
    /// `native`, `h5` or `jsapi`.
    pub(super) product: String,
    /// 分.
    pub(super) total: i64,
    pub(super) notify_url: String,
    /// Until when it can be paid, Unix milliseconds.
    pub(super) end: i64,
    pub(super) is_closed: bool,
    pub(super) payment: Option<Payment>,
    pub(super) refunds: Vec<Refund>,
    /// The request that made it.
    pub(super) asked: GatewayRequest,
}

/// The one payment that a trade can have.
pub(super) struct Payment {
    pub(super) transaction_id: String,
    /// 分. Another amount than the trade's only when somebody wants to see what the shop makes of it.
    pub(super) total: i64,
    /// Unix milliseconds.
    pub(super) at: i64,
}

/// Money on its way back, or returned.
pub(super) struct Refund {
    /// The merchant's number.
    pub(super) number: String,
    /// 分.
    pub(super) minor: i64,
    /// Whether it has arrived: it is under way when it is asked for, and there when it is asked about.
    pub(super) is_done: bool,
}

impl State {
    pub(super) fn trade(&self, number: &str) -> Option<&Trade> {
        self.trades.iter().find(|trade| trade.number == number)
    }

    pub(super) fn trade_mut(&mut self, number: &str) -> Option<&mut Trade> {
        self.trades.iter_mut().find(|trade| trade.number == number)
    }

    /// The trade that this number of ours is the payment of.
    pub(super) fn paid_as(&mut self, transaction_id: &str) -> Option<&mut Trade> {
        self.trades
            .iter_mut()
            .find(|trade| trade.payment.as_ref().is_some_and(|payment| payment.transaction_id == transaction_id))
    }

    /// A buyer pays. A trade is paid once: doing it again changes nothing.
    pub(super) fn pay(&mut self, number: &str, minor: Option<i64>, now: i64) -> Option<()> {
        let count = self.trades.iter().filter(|trade| trade.payment.is_some()).count();
        let trade = self.trade_mut(number)?;
        if trade.payment.is_some() {
            return Some(());
        }
        if !trade.is_open(now) {
            return None;
        }
        let transaction_id = format!("4200{:010}{count:014}", now / 1_000);
        trade.payment = Some(Payment { transaction_id, total: minor.unwrap_or(trade.total), at: now });
        Some(())
    }
}

impl Trade {
    /// Whether a buyer can still pay it.
    pub(super) fn is_open(&self, now: i64) -> bool {
        self.payment.is_none() && !self.is_closed && now < self.end
    }

    /// How much has gone back or is on its way, 分.
    pub(super) fn returned(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.minor).sum()
    }

    fn state(&self, now: i64) -> (&'static str, &'static str) {
        match &self.payment {
            Some(_) if !self.refunds.is_empty() => ("REFUND", "转入退款"),
            Some(_) => ("SUCCESS", "支付成功"),
            None if self.is_open(now) => ("NOTPAY", "未支付"),
            None => ("CLOSED", "已关闭"),
        }
    }

    /// The trade as questions and notifications have it.
    pub(super) fn as_json(&self, appid: &str, mchid: &str, now: i64) -> Value {
        let (state, words) = self.state(now);
        let mut told = json!({
            "appid": appid,
            "mchid": mchid,
            "out_trade_no": self.number,
            "trade_state": state,
            "trade_state_desc": words,
            "attach": "",
            "amount": { "total": self.total, "currency": "CNY" },
            "promotion_detail": [],
        });
        if let (Some(payment), Some(fields)) = (&self.payment, told.as_object_mut()) {
            let kind = match self.product.as_str() {
                "native" => "NATIVE",
                "h5" => "MWEB",
                _ => "JSAPI",
            };
            let more = [
                ("transaction_id", json!(payment.transaction_id)),
                ("trade_type", json!(kind)),
                ("bank_type", json!("OTHERS")),
                ("success_time", json!(seal::time(payment.at))),
                ("payer", json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" })),
                (
                    "amount",
                    json!({
                        "total": payment.total, "payer_total": payment.total, "currency": "CNY", "payer_currency": "CNY",
                    }),
                ),
            ];
            fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
        told
    }

    /// A refund as both calls about it have it.
    pub(super) fn refund_json(&self, refund: &Refund, now: i64) -> Value {
        let (transaction_id, total) =
            self.payment.as_ref().map_or(("", self.total), |payment| (payment.transaction_id.as_str(), payment.total));
        json!({
            "refund_id": format!("5030{}", refund.number),
            "out_refund_no": refund.number,
            "transaction_id": transaction_id,
            "out_trade_no": self.number,
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": seal::time(now),
            "status": if refund.is_done { "SUCCESS" } else { "PROCESSING" },
            "amount": {
                "total": total, "refund": refund.minor, "payer_total": total, "payer_refund": refund.minor,
                "settlement_refund": refund.minor, "settlement_total": total, "discount_refund": 0, "currency": "CNY",
            },
        })
    }
}
