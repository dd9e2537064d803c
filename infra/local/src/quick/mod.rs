//! A quick engine, for worlds by the thousand: tables in memory that answer as DynamoDB does what this shop says to it, and refuse
//! everything else by name.
//!
//! It is an opinion of our own about what a condition means, so it is never the only one: every write and every read is compared with
//! the embedded engine case by case, and whole worlds line by line (decisions 026 and 030). It keeps nothing, so no shop runs on it.
//!
//! Nothing in it has an order by chance, and nothing is asked of a clock.

mod bytes;
mod condition;
mod json;
mod pages;
mod path;
mod reads;
mod refusal;
mod request;
mod table;
mod tables;
mod update;
mod value;
mod words;
mod writes;

use refusal::Refusal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::Table;
use tables::Tables;

/// The engine. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quick {
    tables: Arc<Mutex<Tables>>,
}

impl Quick {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Whoever panicked was a test, and its tables are as good as they were.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the shop's tables where they do not exist yet.
    pub(crate) fn create_tables(&self, names: &store::Tables) {
        let mut tables = self.tables();
        for shape in store::shapes() {
            tables.make(names.name(shape.table), || Table::new(&shape));
        }
    }

    /// Answers one operation: HTTP status and JSON, as DynamoDB does.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        match self.answer(operation, body) {
            Ok(answer) => (200, answer),
            Err(refusal) => (400, refusal.into_json()),
        }
    }

    fn answer(&self, operation: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        match operation {
            "PutItem" => request::read(body).and_then(|request| writes::put(&mut self.tables(), request)),
            "UpdateItem" => request::read(body).and_then(|request| writes::update(&mut self.tables(), request)),
            "GetItem" => request::read(body).and_then(|request| reads::get(&mut self.tables(), &request)),
            "BatchGetItem" => request::read(body).and_then(|request| reads::batch_get(&self.tables(), &request)),
            "Query" => request::read(body).and_then(|request| pages::query(&mut self.tables(), request)),
            "Scan" => request::read(body).and_then(|request| pages::scan(&mut self.tables(), &request)),
            "DeleteItem" => request::read(body).and_then(|request| writes::delete(&mut self.tables(), &request)),
            other => Err(Refusal::unknown(other)),
        }
    }
}
