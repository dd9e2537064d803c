//! The embedded DynamoDB-compatible engine. The only file that names it, so that it can be swapped.

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use store::{KeyKind, TableShape, Tables};

/// The engine, in memory or in a file. Clones share it.
#[derive(Clone)]
pub struct Engine {
    db: Database,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// The engine could not be opened or set up; the words are its own.
#[derive(Debug)]
pub struct EngineError(pub String);

fn engine_error(error: &DynoxideError) -> EngineError {
    EngineError(error.to_string())
}

impl Engine {
    /// Opens the engine: `None` keeps everything in memory.
    pub fn open(file: Option<&Path>) -> Result<Engine, EngineError> {
        let db = match file {
            None => Database::memory(),
            Some(file) => Database::new(&file.to_string_lossy()),
        };
        db.map(|db| Engine { db }).map_err(|e| engine_error(&e))
    }

    /// Writes without waiting for the disk from now on, which makes long imports ten times as fast. A process that ends loses
    /// nothing by it; a machine that ends may leave files that do not open. Only for what can be made again from the beginning.
    pub fn hurry(&self) -> Result<(), EngineError> {
        self.db.enable_bulk_loading().map_err(|e| engine_error(&e))
    }

    /// The end of [`Engine::hurry`]: what is written is on the disk when the last clone is gone.
    pub fn take_time(&self) -> Result<(), EngineError> {
        self.db.disable_bulk_loading().map_err(|e| engine_error(&e))
    }

    /// Creates the shop's tables where they do not exist yet.
    pub fn create_tables(&self, tables: &Tables) -> Result<(), EngineError> {
        for request in table_requests(tables) {
            let request: CreateTableRequest =
                serde_json::from_value(request).map_err(|e| EngineError(e.to_string()))?;
            match self.db.create_table(request) {
                Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => {}
                Err(error) => return Err(engine_error(&error)),
            }
        }
        Ok(())
    }

    /// Serves the engine by its author's own HTTP server until the task is dropped. That server judges a request as a whole before
    /// it runs it, which [`Engine::call`] leaves out; tests hold the two against each other.
    pub async fn serve(self, listener: tokio::net::TcpListener) {
        dynoxide::server::serve_on(listener, self.db).await;
    }

    /// Answers one operation: HTTP status and JSON, as DynamoDB does.
    pub fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let db = &self.db;
        match operation {
            "PutItem" => run(body, |r| db.put_item(r)),
            "UpdateItem" => run(body, |r| db.update_item(r)),
            "GetItem" => run(body, |r| db.get_item(r)),
            "BatchGetItem" => run(body, |r| db.batch_get_item(r)),
            "Query" => run(body, |r| db.query(r)),
            "Scan" => run(body, |r| db.scan(r)),
            "DeleteItem" => run(body, |r| db.delete_item(r)),
            // The shop has no transactions; the designs that it was weighed against have.
            "TransactWriteItems" => run(body, |r| db.transact_write_items(r)),
            other => error_json("UnknownOperationException", &format!("{other} is not used by this shop")),
        }
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> (u16, Vec<u8>) {
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            // The engine checks part of a request while reading it and marks what it found.
            let text = error.to_string();
            let message = text.strip_prefix("VALIDATION:").unwrap_or(&text);
            return error_json("ValidationException", message);
        }
    };
    match operation(request) {
        Ok(answer) => match serde_json::to_vec(&answer) {
            Ok(json) => (200, json),
            Err(error) => (500, error.to_string().into_bytes()),
        },
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    }
}

fn error_json(code: &str, message: &str) -> (u16, Vec<u8>) {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    (400, body.to_string().into_bytes())
}

/// What asks DynamoDB, or whatever speaks as it does, for the shop's tables: the bodies of `CreateTable`.
pub fn table_requests(tables: &Tables) -> Vec<Value> {
    store::shapes().iter().map(|shape| table_request(tables, shape)).collect()
}

fn table_request(tables: &Tables, shape: &TableShape) -> Value {
    let letter = |kind: KeyKind| match kind {
        KeyKind::Text => "S",
        KeyKind::Number => "N",
        KeyKind::Binary => "B",
    };
    let mut attributes = std::collections::BTreeMap::new();
    let mut schema = |key: &store::Key| {
        let (hash, kind, range) = key;
        attributes.insert(*hash, letter(*kind));
        let mut schema = vec![json!({"AttributeName": hash, "KeyType": "HASH"})];
        if let Some((range, kind)) = range {
            attributes.insert(*range, letter(*kind));
            schema.push(json!({"AttributeName": range, "KeyType": "RANGE"}));
        }
        Value::from(schema)
    };
    let key = schema(&shape.key);
    let indexes: Vec<Value> = shape
        .indexes
        .iter()
        .map(|(name, key)| {
            json!({"IndexName": name, "KeySchema": schema(key), "Projection": {"ProjectionType": "KEYS_ONLY"}})
        })
        .collect();
    let attributes: Vec<Value> =
        attributes.iter().map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind})).collect();
    let mut request = json!({
        "TableName": tables.name(shape.table),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key,
        "AttributeDefinitions": attributes,
    });
    if let (false, Some(request)) = (indexes.is_empty(), request.as_object_mut()) {
        request.insert("GlobalSecondaryIndexes".into(), indexes.into());
    }
    request
}
