//! What a notice says, to people in their language and to programs.

use super::receivers::Lang;
use super::{Fact, Notice};
use crate::clock::{civil, rfc3339};
use domain::{Currency, Millis, Money};
use push::{Event, Link, Message};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What every message of one receiver has in common.
pub(super) struct Words {
    pub(super) lang: Lang,
    pub(super) shop: String,
    pub(super) utc_offset_minutes: i32,
    pub(super) public_url: String,
}

/// Lines of a digest about things that are not sales; the rest is counted.
const LISTED: usize = 10;

impl Words {
    fn of(&self, zh: &str, en: &str) -> String {
        match self.lang {
            Lang::Zh => zh.to_owned(),
            Lang::En => en.to_owned(),
        }
    }

    fn titled(&self, text: &str) -> String {
        match self.lang {
            Lang::Zh => format!("【{}】{text}", self.shop),
            Lang::En => format!("{}: {text}", self.shop),
        }
    }

    fn labelled(&self, (zh, en): (&str, &str), value: &str) -> String {
        match self.lang {
            Lang::Zh => format!("{zh}：{value}"),
            Lang::En => format!("{en}: {value}"),
        }
    }

    /// `11-22 13:05`, by the shop's clock.
    fn time(&self, at: Millis) -> String {
        let local = at.saturating_add(i64::from(self.utc_offset_minutes) * 60_000);
        let (_, month, day) = civil(local.div_euclid(86_400_000));
        let minutes = local.rem_euclid(86_400_000) / 60_000;
        format!("{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
    }

    fn order_link(&self, order: &str) -> Link {
        Link { label: self.of("查看订单", "Open the order"), url: format!("{}/o/{order}", self.public_url) }
    }

    /// The kinds of rows in `/api/admin/attention`, and what stands behind each.
    fn what(&self, what: &str) -> String {
        match what {
            "review" => self.of("有订单等待审核", "An order waits for review"),
            "refund_due" => self.of("有订单需要退款", "Money of an order is owed back"),
            "undeliverable" => self.of("已付款的订单没有发货", "A paid order is not delivered"),
            "late" => self.of("收到过期订单的付款", "Money came after an order's time"),
            "money" => self.of("收到一笔对不上的款", "Money arrived that settles no order"),
            "alarm" => self.of("一个商品的卡密需要检查", "A product's stock has to be looked at"),
            "refund_unanswered" => self.of("有一笔退款没有得到答复", "A refund was not answered"),
            "money_refund_unanswered" => {
                self.of("退回一笔对不上的款没有得到答复", "The return of money was not answered")
            }
            "shop_closed" => self.of("店铺已关闭，收款等待处理", "The shop is closed, and money waits"),
            "audit" => self.of("核对发现差异", "An audit found differences"),
            other => other.to_owned(),
        }
    }

    fn reason(&self, reason: &str) -> String {
        match reason {
            "to_review" => self.of("商品设为人工审核", "The product is reviewed by hand"),
            "not_delivered" => self.of("发货失败或太慢", "Delivery failed or is slow"),
            "sold_out_when_paid" => self.of("付款时已无库存", "Sold out when the money came"),
            "seeking_stock" => self.of("正在找库存", "Looking for stock"),
            "unknown_order" => self.of("没有这个订单", "There is no such order"),
            "unknown_attempt" => self.of("订单没有这次付款", "The order has no such attempt"),
            "wrong_amount" => self.of("金额不对", "The amount is wrong"),
            "double" => self.of("重复付款", "Paid twice"),
            "no_answer" => {
                self.of("支付网关没有明确答复，请到网关后台查看", "The provider gave no clear answer: look it up there")
            }
            "restored" => self.of("数据恢复之后还没有核对清楚", "Its data were restored, and are not found clean yet"),
            "differences" => self.of("有的记录与应有的不一致", "Something is not as it must be"),
            other => other.to_owned(),
        }
    }
}

/// `9.90 CNY`
fn amount(amount: &(i64, String)) -> String {
    match Currency::parse(&amount.1) {
        Some(currency) => format!("{} {}", Money { minor: amount.0, currency }.decimal(), amount.1),
        None => format!("{} {}", amount.0, amount.1),
    }
}

fn money_value(amount: Option<&(i64, String)>) -> Value {
    amount.map_or(Value::Null, |(minor, currency)| json!({"amount_minor": minor, "currency": currency}))
}

fn name_of<'a>(names: &'a HashMap<String, String>, product: &'a str) -> &'a str {
    names.get(product).map_or(product, String::as_str)
}

/// The event that programs read.
fn event(notice: &Notice, names: &HashMap<String, String>) -> Event {
    let (name, data) = match &notice.fact {
        Fact::Sale { order, product, quantity, amount } => (
            "order.delivered",
            json!({
                "order": order, "product": product, "product_name": name_of(names, product), "quantity": quantity,
                "amount": money_value(amount.as_ref()), "delivered_at": rfc3339(notice.at),
            }),
        ),
        Fact::NeedsPerson { what, reason, order, product, amount, count } => (
            "order.needs_person",
            json!({
                "kind": what, "reason": reason, "order": order, "product": product,
                "amount": money_value(amount.as_ref()), "count": count,
            }),
        ),
        Fact::LowStock { product, free, threshold } => (
            "stock.low",
            json!({
                "product": product, "product_name": name_of(names, product), "free": free, "threshold": threshold,
            }),
        ),
        Fact::Fault { alarm, over, reason, description, again, .. } => (
            "fault",
            json!({
                "alarm": alarm, "state": if *over { "ok" } else { "alarm" }, "reason": reason,
                "description": description, "rang_again": again,
            }),
        ),
        Fact::Test => ("test", json!({})),
    };
    Event { name, at: rfc3339(notice.at), data }
}

/// One notice.
pub(super) fn message(words: &Words, notice: &Notice, names: &HashMap<String, String>) -> Message {
    let mut lines = Vec::new();
    let (mut link, mut urgent) = (None, false);
    let title = match &notice.fact {
        Fact::Sale { order, product, quantity, amount: paid } => {
            lines.extend(paid.as_ref().map(|paid| words.labelled(("金额", "Amount"), &amount(paid))));
            lines.push(words.labelled(("订单", "Order"), order));
            link = Some(words.order_link(order));
            format!("{} {} ×{quantity}", words.of("售出", "Sold"), name_of(names, product))
        }
        Fact::NeedsPerson { what, reason, order, product, amount: owed, count } => {
            urgent = true;
            lines.push(words.labelled(("原因", "Why"), &words.reason(reason)));
            let product = product.as_ref().map(|id| words.labelled(("商品", "Product"), name_of(names, id)));
            lines.extend(product);
            lines.extend(count.map(|count| words.labelled(("数量", "How many"), &count.to_string())));
            lines.extend(owed.as_ref().map(|owed| words.labelled(("金额", "Amount"), &amount(owed))));
            lines.extend(order.as_ref().map(|order| words.labelled(("订单", "Order"), order)));
            link = order.as_ref().map(|order| words.order_link(order));
            words.what(what)
        }
        Fact::LowStock { product, free, threshold } => {
            lines.push(words.labelled(("剩余", "Left"), &free.to_string()));
            lines.push(words.labelled(("提醒线", "Told at"), &threshold.to_string()));
            format!("{} {}", words.of("库存不足", "Few left of"), name_of(names, product))
        }
        Fact::Fault { alarm, over, reason, description, again, .. } => {
            urgent = true;
            lines.extend(Some(description.clone()).filter(|text| !text.is_empty()));
            lines.extend(Some(reason.clone()).filter(|text| !text.is_empty()));
            if *again > 0 {
                let times = words.of(&format!("{again} 次"), &again.to_string());
                lines.push(words.labelled(("期间又响", "Rang again meanwhile"), &times));
            }
            let entry = format!("infra/runbook/alarms.md, {alarm}");
            lines.push(words.labelled(("处理方法", "What to do"), &entry));
            let state = if *over { words.of("已恢复", "Over") } else { words.of("故障", "Fault") };
            format!("{state} {alarm}")
        }
        Fact::Test => {
            lines.push(words.of("推送已接通。", "Messages arrive here."));
            words.of("测试消息", "A test")
        }
    };
    lines.push(words.labelled(("时间", "Time"), &words.time(notice.at)));
    let event = event(notice, names);
    Message { id: notice.id.clone(), title: words.titled(&title), lines, link, urgent, event }
}

/// Many notices in one message: sales by product with their sum, everything else by its title. `more` were not kept.
pub(super) fn digest(
    words: &Words,
    notices: &[Notice],
    more: u32,
    last: Millis,
    names: &HashMap<String, String>,
) -> Message {
    let mut sold: BTreeMap<(&str, Option<&str>), (usize, u64, i64)> = BTreeMap::new();
    let mut others = Vec::new();
    for notice in notices {
        match &notice.fact {
            Fact::Sale { product, quantity, amount, .. } => {
                let currency = amount.as_ref().map(|(_, currency)| currency.as_str());
                let sum = sold.entry((product, currency)).or_default();
                sum.0 += 1;
                sum.1 += u64::from(*quantity);
                sum.2 = sum.2.saturating_add(amount.as_ref().map_or(0, |(minor, _)| *minor));
            }
            _ => others.push(notice),
        }
    }
    let all = notices.len() + usize::try_from(more).unwrap_or_default();
    let mut lines = Vec::new();
    for ((product, currency), (orders, cards, minor)) in &sold {
        let paid = currency.map(|currency| amount(&(*minor, currency.to_owned()))).unwrap_or_default();
        let name = name_of(names, product);
        lines.push(match words.lang {
            Lang::Zh => format!("售出 {name} ×{cards}，{orders} 单，共 {paid}"),
            Lang::En => format!("Sold {name} ×{cards} in {orders} orders, {paid}"),
        });
    }
    for notice in others.iter().take(LISTED) {
        let one = message(words, notice, names);
        let shop = words.titled("");
        let title = one.title.strip_prefix(&shop).unwrap_or(&one.title);
        lines.push(format!("{} {title}", words.time(notice.at)));
    }
    let unlisted = others.len().saturating_sub(LISTED) + usize::try_from(more).unwrap_or_default();
    if unlisted > 0 {
        lines.push(match words.lang {
            Lang::Zh => format!("还有 {unlisted} 条"),
            Lang::En => format!("and {unlisted} more"),
        });
    }
    let title = match words.lang {
        Lang::Zh => format!("{all} 条消息"),
        Lang::En => format!("{all} messages"),
    };
    let urgent = others.iter().any(|notice| matches!(notice.fact, Fact::NeedsPerson { .. }));
    let event = Event { name: "digest", at: rfc3339(last), data: json!({"count": all}) };
    Message { id: format!("digest-{last}"), title: words.titled(&title), lines, link: None, urgent, event }
}
