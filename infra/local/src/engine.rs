//! What answers as DynamoDB does. The only file that names the embedded engine, so that it can be swapped; tests and the simulator may
//! choose the quick one instead.

use crate::quick::Quick;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use store::{KeyKind, TableShape, Tables};

/// Which engine a world stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineKind {
    /// The embedded one, in memory or in a file: what the local shop and every test of a shop stand on.
    #[default]
    Embedded,
    /// Our own, in memory alone, which knows exactly what this shop says: for worlds by the thousand. It keeps nothing, so it is
    /// refused to a world with a folder, and only tests and the simulator choose it.
    Quick,
}

/// The engine. Clones share it.
#[derive(Clone)]
pub struct Engine(Kind);

#[derive(Clone)]
enum Kind {
    Embedded(Database),
    Quick(Quick),
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
    /// Opens the embedded engine: `None` keeps everything in memory.
    pub fn open(file: Option<&Path>) -> Result<Engine, EngineError> {
        let db = match file {
            None => Database::memory(),
            Some(file) => Database::new(&file.to_string_lossy()),
        };
        db.map(|db| Engine(Kind::Embedded(db))).map_err(|e| engine_error(&e))
    }

    /// The quick engine, with nothing in it. See [`EngineKind::Quick`].
    pub fn quick() -> Engine {
        Engine(Kind::Quick(Quick::default()))
    }

    /// Writes without waiting for the disk from now on, which makes long imports ten times as fast. A process that ends loses
    /// nothing by it; a machine that ends may leave files that do not open. Only for what can be made again from the beginning.
    pub fn hurry(&self) -> Result<(), EngineError> {
        match &self.0 {
            Kind::Embedded(db) => db.enable_bulk_loading().map_err(|e| engine_error(&e)),
            Kind::Quick(_) => Ok(()),
        }
    }

    /// The end of [`Engine::hurry`]: what is written is on the disk when the last clone is gone.
    pub fn take_time(&self) -> Result<(), EngineError> {
        match &self.0 {
            Kind::Embedded(db) => db.disable_bulk_loading().map_err(|e| engine_error(&e)),
            Kind::Quick(_) => Ok(()),
        }
    }

    /// Creates the shop's tables where they do not exist yet.
    pub fn create_tables(&self, tables: &Tables) -> Result<(), EngineError> {
        let db = match &self.0 {
            Kind::Embedded(db) => db,
            Kind::Quick(quick) => {
                quick.create_tables(tables);
                return Ok(());
            }
        };
        for request in table_requests(tables) {
            let request: CreateTableRequest =
                serde_json::from_value(request).map_err(|e| EngineError(e.to_string()))?;
            match db.create_table(request) {
                Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => {}
                Err(error) => return Err(engine_error(&error)),
            }
        }
        Ok(())
    }

    /// Serves the embedded engine by its author's own HTTP server until the task is dropped. That server judges a request as a whole
    /// before it runs it, which [`Engine::call`] leaves out; tests hold the two against each other. The quick engine has no server,
    /// and returns at once.
    pub async fn serve(self, listener: tokio::net::TcpListener) {
        if let Kind::Embedded(db) = self.0 {
            dynoxide::server::serve_on(listener, db).await;
        }
    }

    /// Answers one operation: HTTP status and JSON, as DynamoDB does.
    pub fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let db = match &self.0 {
            Kind::Embedded(db) => db,
            Kind::Quick(quick) => return quick.call(operation, body),
        };
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
