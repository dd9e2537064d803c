//! `api.php`: what the shop's program asks. Unsigned JSON, always HTTP 200, the key among the parameters: so it is in
//! 易支付 v1.

use super::trades::{self, Trade};
use super::{Gateway, GatewayAnswer, GatewayRequest, begin, page, time};
use domain::money;
use payments::form::{self, Pairs};
use rusqlite::Connection;
use serde_json::{Value, json};

impl Gateway {
    pub(super) fn api(&self, request: &GatewayRequest) -> rusqlite::Result<GatewayAnswer> {
        Ok(page::json(&self.reply(request)?))
    }

    fn reply(&self, request: &GatewayRequest) -> rusqlite::Result<Value> {
        let Ok(query) = form::parse(request.query.as_bytes()) else { return Ok(failure(-5, "No Act!")) };
        let post = request.method == "POST";
        let body = if post { form::parse(&request.body).ok() } else { None };
        let fields = body.as_ref().unwrap_or(&query);
        let act = query.get("act").or_else(|| fields.get("act"));

        if fields.get("pid") != Some(self.inner.merchant.pid.as_str()) {
            return Ok(failure(-3, "PID不存在"));
        }
        if fields.get("key") != Some(self.inner.merchant.key.expose()) {
            return Ok(failure(-2, "KEY校验失败"));
        }
        let mut db = self.db();
        match act {
            Some("order") => self.order(&db, fields),
            Some("query") => self.account(&db),
            // A refund changes something, so it is never a GET.
            Some("refund") if post => {
                let step = begin(&mut db)?;
                let reply = self.refund(&step, fields)?;
                step.commit()?;
                Ok(reply)
            }
            _ => Ok(failure(-5, "No Act!")),
        }
    }

    fn order(&self, db: &Connection, fields: &Pairs) -> rusqlite::Result<Value> {
        let Some(trade) = named(db, fields)? else { return Ok(failure(-1, "订单号不存在")) };
        // 0 unpaid, 1 paid, 2 when all of it went back.
        let status = match trade.paid {
            None => 0,
            Some(paid) if trade.refunded >= paid.fen => 2,
            Some(_) => 1,
        };
        let pid = &self.inner.merchant.pid;
        Ok(json!({
            "code": 1,
            "msg": "查询订单号成功！",
            "trade_no": trade.trade_no,
            "out_trade_no": trade.asked.out_trade_no,
            "type": trade.asked.method,
            "pid": pid.parse::<i64>().map_or_else(|_| json!(pid), |number| json!(number)),
            "addtime": time::text(trade.created_at),
            "endtime": trade.paid.map(|paid| time::text(paid.at)),
            "name": trade.asked.name,
            "money": money::decimal(trade.fen(), 2),
            "param": trade.asked.param,
            "status": status,
        }))
    }

    fn account(&self, db: &Connection) -> rusqlite::Result<Value> {
        let balance = trades::balance(db)?;
        let today = time::midnight(self.now());
        Ok(json!({
            "code": 1,
            "pid": self.inner.merchant.pid,
            "active": 1,
            "money": money::decimal(balance.fen, 2),
            "orders": balance.trades,
            "order_today": trades::paid_between(db, today, today + time::DAY)?,
            "order_lastday": trades::paid_between(db, today - time::DAY, today)?,
        }))
    }

    fn refund(&self, step: &Connection, fields: &Pairs) -> rusqlite::Result<Value> {
        let Some(trade) = named(step, fields)? else { return Ok(failure(-1, "订单号不存在")) };
        let fen = match money::parse_minor(fields.get("money").unwrap_or_default(), 2) {
            Ok(fen) if fen > 0 => fen,
            _ => return Ok(failure(-1, "退款金额不正确")),
        };
        if trade.paid.is_none() {
            return Ok(failure(-1, "该订单未支付，不能退款"));
        }
        if !trades::refund(step, &trade.trade_no, fen)? {
            return Ok(failure(-1, "退款金额大于可退金额"));
        }
        let message = format!("退款成功！退款金额¥{}", money::decimal(fen, 2));
        Ok(json!({ "code": self.refund_code, "msg": message }))
    }
}

/// The trade that the request names, by the gateway's number or by the shop's. Of two payments for one order the shop's
/// number means the first.
fn named(db: &Connection, fields: &Pairs) -> rusqlite::Result<Option<Trade>> {
    match (fields.filled("trade_no"), fields.filled("out_trade_no")) {
        (Some(trade_no), _) => trades::by_number(db, trade_no),
        (None, Some(out_trade_no)) => Ok(trades::by_order(db, out_trade_no)?.into_iter().next()),
        (None, None) => Ok(None),
    }
}

fn failure(code: i64, message: &str) -> Value {
    json!({ "code": code, "msg": message })
}
