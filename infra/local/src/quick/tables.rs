//! Everything that stands behind the one lock: tables by name, and expressions that were read before.

use super::condition::Condition;
use super::pages::KeyCondition;
use super::refusal::Refusal;
use super::table::Table;
use super::update::Update;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Expressions of a kind that are kept. The shop says about a hundred, some of which differ by places in a list; when there are more
/// than this, all are forgotten and read anew.
const KEPT: usize = 4_096;

/// Expressions by their text.
#[derive(Debug)]
pub(super) struct Kept<T> {
    read: fn(&str) -> Result<T, Refusal>,
    by_text: BTreeMap<Box<str>, Arc<T>>,
}

impl<T> Kept<T> {
    fn new(read: fn(&str) -> Result<T, Refusal>) -> Kept<T> {
        Kept { read, by_text: BTreeMap::new() }
    }

    /// What a text means.
    pub(super) fn get(&mut self, text: &str) -> Result<Arc<T>, Refusal> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(known.clone());
        }
        let new = Arc::new((self.read)(text)?);
        if self.by_text.len() >= KEPT {
            self.by_text.clear();
        }
        self.by_text.insert(text.into(), new.clone());
        Ok(new)
    }
}

/// Tables and expressions.
#[derive(Debug)]
pub(super) struct Tables {
    by_name: BTreeMap<String, Table>,
    /// Conditions of writes.
    pub(super) conditions: Kept<Condition>,
    /// Updates.
    pub(super) updates: Kept<Update>,
    /// Key conditions of queries.
    pub(super) key_conditions: Kept<KeyCondition>,
}

impl Default for Tables {
    fn default() -> Tables {
        Tables {
            by_name: BTreeMap::new(),
            conditions: Kept::new(Condition::read),
            updates: Kept::new(Update::read),
            key_conditions: Kept::new(KeyCondition::read),
        }
    }
}

impl Tables {
    /// Makes a table where there is none of this name.
    pub(super) fn make(&mut self, name: String, table: impl FnOnce() -> Table) {
        self.by_name.entry(name).or_insert_with(table);
    }

    /// The table of a name, to be changed.
    pub(super) fn table(&mut self, name: &str) -> Result<&mut Table, Refusal> {
        self.by_name.get_mut(name).ok_or_else(|| Refusal::no_table(name))
    }

    /// The table of a name.
    pub(super) fn table_to_read(&self, name: &str) -> Result<&Table, Refusal> {
        self.by_name.get(name).ok_or_else(|| Refusal::no_table(name))
    }
}
