//! Every guard of every write, met alone: an item that differs in one thing only from what the write asks for, and what the write
//! says to it. What `decide` knows of is in `agreement` and `moves`; this is the rest.

mod courtesies;
mod imports;
mod money;
mod orders;
mod strips;

use serde_json::{Value, json};
use store::{Outcome, StoreError};
use tests::TestShop;

/// Whether a write was applied now, had been before, or was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Applied,
    Already,
    Refused,
}

/// What a write said.
#[track_caller]
fn said<A, F>(outcome: Result<Outcome<A, F>, StoreError>) -> Said {
    match outcome.unwrap() {
        Outcome::Applied(_) => Said::Applied,
        Outcome::AlreadyApplied(_) => Said::Already,
        Outcome::Refused(_) => Said::Refused,
    }
}

/// An empty shop whose tables are looked into by hand.
async fn shop(seed: u64) -> TestShop {
    let mut shop = TestShop::new(seed).await;
    shop.leave_unfinished();
    shop
}

/// An item as it stands; null where there is none.
fn item(shop: &TestShop, table: &str, key: Value) -> Value {
    let request = json!({"TableName": format!("kamivend-{table}"), "Key": key, "ConsistentRead": true});
    let (status, answer) = shop.world.engine.call("GetItem", request.to_string().as_bytes());
    assert_eq!(status, 200);
    serde_json::from_slice::<Value>(&answer).unwrap()["Item"].clone()
}

/// Changes an item behind the shop's back.
fn change(shop: &TestShop, table: &str, key: Value, update: &str, names: Value, values: Value) {
    let mut request = json!({
        "TableName": format!("kamivend-{table}"), "Key": key, "UpdateExpression": update, "ExpressionAttributeNames": names,
    });
    if values != json!({}) {
        request["ExpressionAttributeValues"] = values;
    }
    assert_eq!(shop.world.engine.call("UpdateItem", request.to_string().as_bytes()).0, 200);
}
