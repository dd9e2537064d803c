//! Items put straight into the state that a test wants, so that a write can be tried on every one of them.

use crate::TestShop;
use domain::OrderId;
use domain::order::{Order, State};
use domain::refund::Refund;
use serde_json::{Value, json};
use store::writes::NewOrder;
use store::{Details, Outcome};

/// A shop whose tables hold exactly what a test puts there.
pub struct Bench {
    /// The shop.
    pub shop: TestShop,
    runs: u16,
}

/// An order's details that say nothing.
pub fn no_details() -> Details {
    Details { contact: "c".into(), contact_hash: [0; 16], password_hash: [0; 16], fields: String::new() }
}

/// Bytes as the engine's JSON has them.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn refund_map(refunds: &[Refund]) -> Value {
    let one = |refund: &Refund| {
        json!({"M": {
            "minor": {"N": refund.minor.to_string()},
            "st": {"S": refund.state.as_str()},
            "ref": {"S": refund.reference},
            "req": {"B": base64(&refund.request)},
            "at": {"N": refund.at.to_string()},
        }})
    };
    let entries = (1..).zip(refunds).map(|(n, refund): (u8, _)| (n.to_string(), one(refund)));
    json!({"M": entries.collect::<serde_json::Map<_, _>>()})
}

impl Bench {
    /// An empty one.
    pub async fn new(seed: u64) -> Bench {
        let mut shop = TestShop::new(seed).await;
        shop.leave_unfinished();
        Bench { shop, runs: 0 }
    }

    /// A fresh id for every case, so that cases do not meet.
    pub fn id(&mut self) -> OrderId {
        self.runs += 1;
        let [high, low] = self.runs.to_be_bytes();
        OrderId([low, high, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, low])
    }

    /// Puts an order as it is wanted: written through C2 (or X2), and then set to its state, money, refunds and list.
    pub async fn put(&self, wanted: &Order) {
        let store = &self.shop.app.store;
        if wanted.state == State::Void {
            store.void(&wanted.id, &wanted.product, wanted.why.unwrap(), 0).await.unwrap();
            return;
        }
        let held = Order { state: State::Held, settled: None, why: None, generation: 0, ..wanted.clone() };
        let placed = store.place_order(&NewOrder { order: held, details: no_details() }).await.unwrap();
        assert!(matches!(placed, Outcome::Applied(_)));
        let mut set = "SET st = :st, g = :g".to_owned();
        let mut values = json!({":st": {"S": wanted.state.as_str()}, ":g": {"N": wanted.generation.to_string()}});
        if let Some(settled) = &wanted.settled {
            set += ", txn = :txn, att_paid = :n, pm = :pm";
            values[":pm"] = json!({"B": base64(&settled.mac)});
            values[":txn"] = json!({"B": base64(settled.txn.as_bytes())});
            values[":n"] = json!({"N": settled.attempt.to_string()});
        }
        if let Some(why) = wanted.why {
            set += ", why = :why";
            values[":why"] = json!({"S": why.as_str()});
        }
        if !wanted.refunds.is_empty() {
            set += ", rf = :rf";
            values[":rf"] = refund_map(&wanted.refunds);
        }
        if let Some(due) = wanted.due {
            set += ", due = :due, due_at = :due_at";
            values[":due"] = json!({"S": store::keys::due(due.kind, &wanted.id.0)});
            values[":due_at"] = json!({"N": due.at.to_string()});
        }
        self.set("orders", &json!({"o": {"B": base64(&wanted.id.0)}}), &set, &values);
        assert_eq!(store.order(&wanted.id).await.unwrap().as_ref(), Some(wanted), "stored and read back alike");
    }

    /// Changes an item past every condition. The key and the values are the engine's JSON.
    pub fn set(&self, table: &str, key: &Value, update: &str, values: &Value) {
        self.set_named(table, key, update, values, &json!({}));
    }

    /// The same where the names of attributes are reserved words.
    pub fn set_named(&self, table: &str, key: &Value, update: &str, values: &Value, names: &Value) {
        let mut request = json!({"TableName": format!("kamivend-{table}"), "Key": key, "UpdateExpression": update});
        if names.as_object().is_some_and(|names| !names.is_empty()) {
            request["ExpressionAttributeNames"] = names.clone();
        }
        if values.as_object().is_some_and(|values| !values.is_empty()) {
            request["ExpressionAttributeValues"] = values.clone();
        }
        let (status, answer) = self.shop.world.engine.call("UpdateItem", request.to_string().as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }

    /// Puts a whole item, whatever stood there.
    pub fn put_item(&self, table: &str, item: &Value) {
        let request = json!({"TableName": format!("kamivend-{table}"), "Item": item});
        let (status, answer) = self.shop.world.engine.call("PutItem", request.to_string().as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }

    /// An item as it stands, in the engine's JSON; null when there is none.
    pub fn item(&self, table: &str, key: &Value) -> Value {
        let request = json!({"TableName": format!("kamivend-{table}"), "Key": key, "ConsistentRead": true});
        let (status, answer) = self.shop.world.engine.call("GetItem", request.to_string().as_bytes());
        assert_eq!(status, 200);
        serde_json::from_slice::<Value>(&answer).unwrap()["Item"].take()
    }
}
