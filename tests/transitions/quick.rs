//! The quick engine against the embedded one, by requests that nobody wrote: items, conditions, updates and queries drawn from a seed,
//! some of which mean nothing. What the shop itself says is compared in `parity.rs`; here it is whether the two mean the same by it.

mod drawn;

use drawn::{key, query, write};
use fastrand::Rng;
use local::engine::{Engine, EngineKind};
use local::{World, WorldOptions};
use serde_json::{Map, Value, json};
use store::Tables;

/// Requests that are drawn.
const REQUESTS: usize = 6_000;

fn engines() -> [Engine; 2] {
    let engines = [Engine::open(None).unwrap(), Engine::quick()];
    for engine in &engines {
        engine.create_tables(&Tables::with_prefix("t")).unwrap();
    }
    engines
}

/// Members of sets in order: a scan promises none.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let member = |(name, value): (&String, &Value)| {
                let mut value = canonical(value);
                if let (true, Some(list)) = (["SS", "NS", "BS"].contains(&name.as_str()), value.as_array_mut()) {
                    list.sort_by_key(Value::to_string);
                }
                (name.clone(), value)
            };
            map.iter().map(member).collect::<Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

/// An answer, without the words of an error: they are each engine's own.
fn ask(engine: &Engine, operation: &str, request: &Value) -> (u16, Value) {
    let (status, body) = engine.call(operation, request.to_string().as_bytes());
    let mut answer: Value = serde_json::from_slice(&body).unwrap();
    answer.as_object_mut().unwrap().remove("message");
    // What stands before the code is the service's name, which no client goes by.
    if let Some(code) = answer["__type"].as_str().map(|code| code.rsplit('#').next().unwrap().to_owned()) {
        answer["__type"] = code.into();
    }
    (status, canonical(&answer))
}

/// The answer that both engines give.
fn both(engines: &[Engine; 2], operation: &str, request: &Value) -> (u16, Value) {
    let [embedded, quick] = engines.each_ref().map(|engine| ask(engine, operation, request));
    assert_eq!(embedded, quick, "embedded and quick: {operation} {request:#}");
    quick
}

/// All pages, each of which both engines answer the same. How many.
fn pages(engines: &[Engine; 2], operation: &str, mut request: Value) -> usize {
    for page in 1.. {
        let (status, answer) = both(engines, operation, &request);
        assert_eq!(status, 200, "{answer}: {request:#}");
        match answer.get("LastEvaluatedKey") {
            None => return page,
            Some(last) => request["ExclusiveStartKey"] = last.clone(),
        }
    }
    0
}

#[test]
fn requests_by_chance_are_answered_the_same() {
    let engines = engines();
    let mut rng = Rng::with_seed(30);
    let rng = &mut rng;
    let (mut done, mut refused, mut invalid, mut turned) = (0, 0, 0, 0);
    for _ in 0..REQUESTS {
        match rng.u32(..16) {
            0 => drop(both(
                &engines,
                "GetItem",
                &json!({"TableName": "t-orders", "Key": key(rng), "ConsistentRead": true}),
            )),
            1 => turned += usize::from(pages(&engines, "Query", query(rng)) > 1),
            2 if rng.u32(..4) == 0 => {
                let limit = rng.u32(1..5);
                let scan = json!({"TableName": "t-orders", "Limit": limit, "ReturnConsumedCapacity": "TOTAL"});
                turned += usize::from(pages(&engines, "Scan", scan) > 1);
            }
            3 if rng.u32(..4) == 0 => {
                drop(both(&engines, "DeleteItem", &json!({"TableName": "t-orders", "Key": key(rng)})));
            }
            4 => {
                let keys: Vec<Value> = (0..rng.u32(1..5)).map(|_| key(rng)).collect();
                let asked = json!({"t-orders": {"Keys": keys, "ConsistentRead": rng.bool()}});
                let request = json!({"RequestItems": asked, "ReturnConsumedCapacity": "TOTAL"});
                drop(both(&engines, "BatchGetItem", &request));
            }
            _ => {
                let (operation, request) = write(rng);
                let (status, answer) = both(&engines, operation, &request);
                match answer["__type"].as_str().unwrap_or_default() {
                    "" => done += usize::from(status == 200),
                    code if code.ends_with("ConditionalCheckFailedException") => refused += 1,
                    code => invalid += usize::from(code.ends_with("ValidationException")),
                }
            }
        }
    }
    // Of each kind enough that it is no accident that they agree.
    assert!(done > 1_000 && refused > 500 && invalid > 500 && turned > 50, "{done} {refused} {invalid} {turned}");
}

/// Things that chance seldom says, each on the same item: members that look alike and are of other types, several places of one list.
#[test]
fn what_is_said_of_lists_and_sets_means_the_same() {
    let engines = engines();
    let alike =
        [json!({"S": "1"}), json!({"N": "1"}), json!({"S": "AQ=="}), json!({"B": "AQ=="}), json!({"BOOL": true})];
    let item = json!({
        "o": {"B": "AA=="}, "n": {"N": "5"}, "s": {"S": "é1"}, "t": {"SS": ["1", "AQ=="]}, "u": {"NS": ["1", "10", "9"]},
        "b": {"B": "AAEC"}, "m": {"M": {"x": {"N": "1"}, "l": {"L": [{"L": [{"N": "1"}]}]}}},
        "l": {"L": [{"S": "1"}, {"B": "AQ=="}, {"N": "2"}, {"M": {}}, {"L": []}]},
    });
    let said = |update: &str, condition: &str, value: &Value| {
        let put = json!({"TableName": "t-orders", "Item": item});
        assert_eq!(both(&engines, "PutItem", &put).0, 200);
        let names: Map<String, Value> = ["l", "m", "n", "s", "t", "u", "b", "x", "none"]
            .into_iter()
            .filter(|name| [update, condition].iter().any(|text| text.contains(&format!("#{name}"))))
            .map(|name| (format!("#{name}"), name.into()))
            .collect();
        let mut request = json!({
            "TableName": "t-orders", "Key": {"o": {"B": "AA=="}}, "UpdateExpression": update, "ReturnValues": "ALL_NEW",
            "ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": "INDEXES",
        });
        // A name that begins like another is none of its own.
        let used = |name: &String| request.to_string().contains(&format!("{name} ")) || !name.starts_with("#none");
        request["ExpressionAttributeNames"] =
            names.into_iter().filter(|(name, _)| used(name)).collect::<Map<_, _>>().into();
        request["ExpressionAttributeValues"] = json!({ ":v": value });
        both(&engines, "UpdateItem", &request).0
    };
    let mut met = [0, 0];
    for value in &alike {
        for place in ["#l", "#t", "#u", "#s", "#b", "#m", "#n"] {
            let status = said("REMOVE #l", &format!("contains({place}, :v)"), value);
            met[usize::from(status == 200)] += 1;
        }
        for place in ["#l[0]", "#l[1]", "#m.#x", "#l[7]", "#n", "#none "] {
            for sign in ["=", "<>"] {
                said("REMOVE #l", &format!("{place} {sign} :v"), value);
                said("REMOVE #l", &format!("NOT ({place} {sign} :v OR {place} = {place})"), value);
            }
        }
    }
    assert!(met[0] > 10 && met[1] > 3, "{met:?}");
    for place in ["#l", "#t", "#u", "#s", "#b", "#m", "#n"] {
        for length in 0..7 {
            for sign in ["=", "<", "<=", ">", ">="] {
                let length = json!({"N": length.to_string()});
                said("REMOVE #l", &format!("size({place}) {sign} :v"), &length);
            }
        }
    }
    for update in [
        "REMOVE #l[0], #l[1]",
        "REMOVE #l[1], #l[0], #l[3]",
        "REMOVE #l[4], #l[2], #l[9]",
        "REMOVE #l[0] SET #l[2] = :v",
        "REMOVE #l[1] SET #l[9] = :v, #l[7] = #n",
        "REMOVE #m.#l[0][0], #m.#x",
        "REMOVE #m.#none.#x ",
        "SET #l[9] = :v, #l[7] = #n, #l[8] = #s",
        "SET #l = list_append(#m.#l, #l), #m.#l = #l",
        "SET #n = #n + #m.#x, #m.#x = #n - #m.#x",
        "SET #none = if_not_exists(#none , #n)",
        "SET #l[4][0] = :v, #l[3].#x = :v",
        "SET #s.#x = :v",
        "ADD #n #n",
        "DELETE #t :v",
        "ADD #t :v",
    ] {
        said(update, "#s <> :v", &json!({"SS": ["1", "x"]}));
        said(update, "#s <> :v", &json!({"SS": ["1", "AQ=="]}));
    }
}

/// Documents of a kind in pages, forwards and backwards, from every edge: a table whose key has two parts.
#[test]
fn a_table_of_two_keys_is_read_in_the_same_pages() {
    let engines = engines();
    for (kind, id) in [("k", "a"), ("k", "b"), ("k", "ab"), ("k", "z"), ("k", "é"), ("j", "a"), ("l", "a")] {
        let item = json!({"kind": {"S": kind}, "id": {"S": id}, "doc": {"S": "d".repeat(5_000)}});
        assert_eq!(both(&engines, "PutItem", &json!({"TableName": "t-shop", "Item": item})).0, 200);
    }
    for forward in [true, false] {
        for sign in ["", "=", "<", "<=", ">", ">="] {
            for edge in ["0", "a", "ab", "c", "é"] {
                let mut request = json!({
                    "TableName": "t-shop", "KeyConditionExpression": "#k = :k", "Limit": 2, "ScanIndexForward": forward,
                    "ExpressionAttributeNames": {"#k": "kind"}, "ExpressionAttributeValues": {":k": {"S": "k"}},
                    "ConsistentRead": forward, "ReturnConsumedCapacity": "TOTAL",
                });
                if !sign.is_empty() {
                    request["KeyConditionExpression"] = format!("#k = :k AND #i {sign} :i").into();
                    request["ExpressionAttributeNames"]["#i"] = "id".into();
                    request["ExpressionAttributeValues"][":i"] = json!({ "S": edge });
                }
                pages(&engines, "Query", request);
            }
        }
    }
}

/// What DynamoDB itself does not take is refused by both.
#[test]
fn what_cannot_be_is_refused_by_both() {
    let engines = engines();
    let big = |bytes: usize| json!({"o": {"B": "AA=="}, "a": {"S": "x".repeat(bytes)}});
    let put = |item: Value| json!({"TableName": "t-orders", "Item": item});
    // An item has at most 400 KiB, names included.
    assert_eq!(both(&engines, "PutItem", &put(big(400 * 1_024 - 3))).0, 200);
    assert_eq!(both(&engines, "PutItem", &put(big(400 * 1_024 - 2))).0, 400);
    let longer = json!({
        "TableName": "t-orders", "Key": {"o": {"B": "AA=="}}, "UpdateExpression": "SET #b = :b",
        "ExpressionAttributeNames": {"#b": "b"}, "ExpressionAttributeValues": {":b": {"S": "x"}},
    });
    assert_eq!(both(&engines, "UpdateItem", &longer).0, 400);
    let deep = |levels: usize| (0..levels).fold(json!({"S": "x"}), |inner, _| json!({ "L": [inner] }));
    assert_eq!(both(&engines, "PutItem", &put(json!({"o": {"B": "AA=="}, "a": deep(31)}))).0, 200);
    assert_eq!(both(&engines, "PutItem", &put(json!({"o": {"B": "AA=="}, "a": deep(33)}))).0, 400);
    for item in [
        json!({"a": {"S": "x"}}),
        json!({"o": {"S": "x"}}),
        json!({"o": {"B": ""}}),
        json!({"o": {"B": "A".repeat(2_736)}}),
        json!({"o": {"B": "AA=="}, "due": {"S": ""}, "due_at": {"N": "1"}}),
        json!({"o": {"B": "AA=="}, "due": {"N": "1"}}),
        json!({"o": {"B": "AA=="}, "a": {"SS": []}}),
        json!({"o": {"B": "AA=="}, "a": {"SS": ["x", "x"]}}),
        json!({"o": {"B": "AA=="}, "a": {"NS": ["1", "01"]}}),
        json!({"o": {"B": "AA=="}, "a": {"NULL": false}}),
        json!({"o": {"B": "AA=="}, "a": {"S": "x", "N": "1"}}),
        json!({"o": {"B": "AA=="}, "a": {}}),
        json!({"o": {"B": "AA=="}, "a": {"N": "1".repeat(39)}}),
        json!({"o": {"B": "AA=="}, "a": {"N": "x"}}),
    ] {
        assert_eq!(both(&engines, "PutItem", &put(item)).0, 400);
    }
    let get = |table: &str, key: Value| json!({"TableName": table, "Key": key});
    for request in [
        get("t-none", json!({"o": {"B": "AA=="}})),
        get("t-orders", json!({})),
        get("t-orders", json!({"o": {"B": "AA=="}, "a": {"S": "x"}})),
        get("t-orders", json!({"o": {"N": "1"}})),
        get("t-shop", json!({"kind": {"S": "x"}})),
    ] {
        assert_eq!(both(&engines, "GetItem", &request).0, 400);
    }
    let ask = |keys: Vec<Value>| json!({"RequestItems": {"t-orders": {"Keys": keys}}});
    let keys = |n: u8| {
        (0..n).map(|n| json!({"o": {"B": format!("A{}==", char::from(b"AQgw"[usize::from(n % 4)]))}})).collect()
    };
    assert_eq!(both(&engines, "BatchGetItem", &ask(keys(4))).0, 200);
    assert_eq!(both(&engines, "BatchGetItem", &ask(keys(5))).0, 400);
    assert_eq!(both(&engines, "BatchGetItem", &ask(keys(101))).0, 400);
    assert_eq!(both(&engines, "BatchGetItem", &ask(keys(0))).0, 400);
    assert_eq!(both(&engines, "TransactGetItems", &json!({})).0, 400);
    for (from, to) in [
        ("#p = :p AND #s > :s", "#p = :p OR #s > :s"),
        ("#p = :p AND #s > :s", "#p > :p AND #s > :s"),
        ("#p = :p AND #s > :s", "#p = :p AND #s <> :s"),
        ("#p = :p AND #s > :s", "#p = :p"),
        ("\"S\":\"d1\"", "\"N\":\"1\""),
        ("\"by_day\"", "\"by_night\""),
        ("\"Limit\":2", "\"Limit\":0"),
        ("\"Limit\":2", "\"Limit\":2,\"ConsistentRead\":true"),
        ("\"Limit\":2", "\"Limit\":2,\"ExclusiveStartKey\":{\"o\":{\"B\":\"AA==\"}}"),
        (
            "\"Limit\":2",
            "\"Limit\":2,\"ExclusiveStartKey\":{\"o\":{\"B\":\"AA==\"},\"day\":{\"S\":\"d2\"},\"t_new\":{\"N\":\"9\"}}",
        ),
        (
            "\"Limit\":2",
            "\"Limit\":2,\"ExclusiveStartKey\":{\"o\":{\"B\":\"AA==\"},\"day\":{\"S\":\"d1\"},\"t_new\":{\"N\":\"1\"}}",
        ),
    ] {
        let request = json!({
            "TableName": "t-orders", "IndexName": "by_day", "KeyConditionExpression": "#p = :p AND #s > :s", "Limit": 2,
            "ExpressionAttributeNames": {"#p": "day", "#s": "t_new"},
            "ExpressionAttributeValues": {":p": {"S": "d1"}, ":s": {"N": "1"}},
        });
        assert_eq!(both(&engines, "Query", &request).0, 200);
        let changed = request.to_string().replace(from, to);
        assert_ne!(changed, request.to_string(), "{from}");
        assert_eq!(both(&engines, "Query", &serde_json::from_str(&changed).unwrap()).0, 400, "{to}");
    }
}

/// What this shop never says, the quick engine does not know, and says so by name: a member that it took and did not heed would be
/// an answer to another question.
#[test]
fn the_quick_engine_refuses_by_name_what_it_does_not_know() {
    let [_, quick] = engines();
    let update = |update: &str, condition: &str| {
        json!({
            "TableName": "t-orders", "Key": {"o": {"B": "AA=="}}, "UpdateExpression": update,
            "ConditionExpression": condition, "ExpressionAttributeNames": {"#a": "a"},
            "ExpressionAttributeValues": {":v": {"N": "1"}},
        })
    };
    let with = |member: &str, value: Value| {
        let mut request = update("SET #a = :v", "attribute_not_exists(#a)");
        request[member] = value;
        request
    };
    let cases = [
        (with("ReturnValues", "UPDATED_NEW".into()), "UPDATED_NEW"),
        (with("ReturnItemCollectionMetrics", "SIZE".into()), "ReturnItemCollectionMetrics"),
        (with("Expected", json!({})), "Expected"),
        (with("ExpressionAttributeNames", json!({})), "#a"),
        (with("ExpressionAttributeNames", json!({"#a": "a", "#more": "b"})), "#more"),
        (with("ExpressionAttributeValues", json!({":v": {"N": "1"}, ":w": {"N": "1"}})), ":w"),
        (with("ExpressionAttributeValues", json!({":v": {"N": "1.5"}})), "1.5"),
        (with("ExpressionAttributeValues", json!({":v": {"N": "1e3"}})), "1e3"),
        (with("ExpressionAttributeValues", json!({":v": {"B": "AB=="}})), "base64"),
        (with("ExpressionAttributeValues", json!({":v": {"X": "1"}})), "X"),
        (update("SET #a = :v", "#a BETWEEN :v AND :v"), "BETWEEN"),
        (update("SET #a = :v", "#a IN (:v)"), "IN"),
        (update("SET #a = :v", "begins_with(#a, :v)"), "begins_with"),
        (update("SET #a = :v", "attribute_type(#a, :v)"), "attribute_type"),
        (update("SET #a = :v", "a = :v"), "a: a = :v"),
        (update("SET a = :v", "#a = :v"), "a: SET"),
        (update("SET #a = (:v)", "#a = :v"), "("),
        (update("SET #a = :v SET #b = :v", "#a = :v"), "SET"),
        (update("SET #a = :v,", "#a = :v"), "its end"),
        (update("SET #a = :v", "(#a = :v"), "its end"),
        (update("SET #a = :v", "#a = :v)"), ")"),
        (update("SET #a = :v", "#a = :v ; #a = :v"), ";"),
        (update("", "#a = :v"), "its end"),
        (update("SET #a = :v", ""), "its end"),
    ];
    for (request, word) in cases {
        let (status, body) = quick.call("UpdateItem", request.to_string().as_bytes());
        let text = String::from_utf8(body).unwrap();
        assert!(status == 400 && text.contains("ValidationException") && text.contains(word), "{word}: {text}");
    }
    for (operation, member) in [
        ("GetItem", "ProjectionExpression"),
        ("GetItem", "AttributesToGet"),
        ("PutItem", "ReturnValues"),
        ("DeleteItem", "ConditionExpression"),
        ("BatchGetItem", "Other"),
        ("Query", "FilterExpression"),
        ("Query", "Select"),
        ("Scan", "FilterExpression"),
        ("Scan", "Segment"),
        ("Scan", "IndexName"),
    ] {
        let (status, body) = quick.call(operation, json!({ member: "x" }).to_string().as_bytes());
        let text = String::from_utf8(body).unwrap();
        assert!(status == 400 && text.contains(member), "{operation}: {text}");
    }
    for operation in ["TransactWriteItems", "BatchWriteItem", "CreateTable"] {
        let (status, body) = quick.call(operation, b"{}");
        assert!(status == 400 && String::from_utf8(body).unwrap().contains(operation));
    }
    for broken in [&b""[..], b"{", b"[]", b"\xff", b"{\"TableName\":1}"] {
        assert_eq!(quick.call("GetItem", broken).0, 400);
    }
}

/// No shop stands on an engine that keeps nothing.
#[test]
fn the_quick_engine_is_refused_a_folder() {
    let ids = app::Ids::system();
    let options = WorldOptions {
        folder: Some("folder".into()),
        public_url: "http://127.0.0.1:3000".to_owned(),
        hold_ms: 0,
        orphan_ms: 0,
        open_orders_per_contact: 0,
        open_orders_per_address: 0,
        sandbox_pid: "1000".to_owned(),
        clock: app::Clock::system(),
        secrets: local::secrets::LocalSecrets::in_memory(&ids),
        ids,
        password_hash: Some(tests::shop::HASH.clone()),
        pushes: local::world::Pushes::default(),
        engine: EngineKind::Quick,
    };
    let error = World::bare(options).err().unwrap().to_string();
    assert!(error.contains("keeps nothing"), "{error}");
}
