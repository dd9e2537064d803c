//! How a write reaches the table. The only file that may call the SDK's write operations.

use crate::tables::Table;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The answer of every write.
///
/// `AlreadyApplied` is a write that found its own work done: by an earlier try of the same caller, by the SDK's silent
/// repetition, or by somebody else with the very same intent. Callers treat it as success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<A, F> {
    /// The write took effect now.
    Applied(A),
    /// It had taken effect before.
    AlreadyApplied(A),
    /// The condition did not hold, and this is what stands there instead.
    Refused(F),
}

/// One conditional write on one item, as data: the executor sends it, the snapshot test prints it.
#[derive(Clone, Debug)]
pub struct Write {
    /// The business fact, with its code in front (see [`crate::writes`]).
    pub name: &'static str,
    /// Which table.
    pub table: Table,
    pub(crate) key: Item,
    pub(crate) body: Body,
    pub(crate) condition: String,
    pub(crate) values: BTreeMap<String, AttributeValue>,
    pub(crate) aliases: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Put(Item),
    Update(String),
}

/// What the table said, before a write's own question "is this already mine?".
pub(crate) enum Raw {
    /// The item after an update; empty after a put.
    Applied(Item),
    /// The item that stood there, or none.
    Refused(Option<Item>),
}

impl Write {
    pub(crate) fn put(name: &'static str, table: Table, item: Item, condition: &str) -> Write {
        Write {
            name,
            table,
            key: Item::new(),
            body: Body::Put(item),
            condition: condition.to_owned(),
            values: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    pub(crate) fn update(
        name: &'static str,
        table: Table,
        key: Item,
        update: impl Into<String>,
        condition: impl Into<String>,
    ) -> Write {
        Write {
            name,
            table,
            key,
            body: Body::Update(update.into()),
            condition: condition.into(),
            values: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// Lets `#alias` stand for an attribute whose name is data, such as an import's id.
    pub(crate) fn alias(mut self, alias: &str, attribute: &str) -> Write {
        self.aliases.insert(alias.to_owned(), attribute.to_owned());
        self
    }

    pub(crate) fn value(mut self, name: impl Into<String>, value: AttributeValue) -> Write {
        self.values.insert(name.into(), value);
        self
    }

    /// Every attribute name is aliased by itself (`#h` is `h`), so that no reserved word can ever surprise us.
    fn names(&self) -> BTreeMap<String, String> {
        let update = match &self.body {
            Body::Update(update) => update.as_str(),
            Body::Put(_) => "",
        };
        let mut names = BTreeMap::new();
        for text in [update, &self.condition] {
            for piece in text.split('#').skip(1) {
                let name: String = piece.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let attribute = self.aliases.get(&name).unwrap_or(&name).clone();
                names.insert(format!("#{name}"), attribute);
            }
        }
        names
    }

    /// The reviewed text of the write: expressions in full, values by type only.
    pub fn describe(&self) -> String {
        let mut out = format!("{}\n  table      {}\n", self.name, self.table.as_str());
        match &self.body {
            Body::Update(update) => out += &format!("  update     {update}\n"),
            Body::Put(item) => {
                let mut shape: Vec<String> = item.iter().map(|(k, v)| format!("{k}:{}", type_of(v))).collect();
                shape.sort();
                out += &format!("  put        {}\n", shape.join(" "));
            }
        }
        out += &format!("  condition  {}\n", if self.condition.is_empty() { "–" } else { &self.condition });
        if !self.values.is_empty() {
            let shape: Vec<String> = self.values.iter().map(|(k, v)| format!("{k} {}", type_of(v))).collect();
            out += &format!("  values     {}\n", shape.join(", "));
        }
        out
    }
}

fn type_of(value: &AttributeValue) -> &'static str {
    match value {
        AttributeValue::B(_) => "B",
        AttributeValue::Bs(_) => "BS",
        AttributeValue::Bool(_) => "BOOL",
        AttributeValue::L(_) => "L",
        AttributeValue::M(_) => "M",
        AttributeValue::N(_) => "N",
        AttributeValue::Ns(_) => "NS",
        AttributeValue::S(_) => "S",
        _ => "?",
    }
}

impl Store {
    /// Sends one write. Being refused is an answer; having no answer is an error, and then nobody knows.
    #[expect(clippy::disallowed_methods, reason = "the one home of the SDK's write calls")]
    pub(crate) async fn send(&self, write: Write) -> Result<Raw, StoreError> {
        #[cfg(feature = "planted")]
        let write = write.perhaps_spoilt();
        let names = write.names();
        let table = self.tables.name(write.table);
        let names = (!names.is_empty()).then(|| names.into_iter().collect());
        let values: Option<HashMap<_, _>> = (!write.values.is_empty()).then(|| write.values.into_iter().collect());
        let condition = (!write.condition.is_empty()).then_some(write.condition);
        let refused: Raw = match write.body {
            Body::Put(item) => {
                let sent = self
                    .db
                    .put_item()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                    .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                    .send()
                    .await;
                match sent {
                    Ok(done) => {
                        self.count(done.consumed_capacity);
                        return Ok(Raw::Applied(Item::new()));
                    }
                    Err(SdkError::ServiceError(e)) => match e.err() {
                        PutItemError::ConditionalCheckFailedException(found) => Raw::Refused(found.item.clone()),
                        _ => return Err(StoreError::sdk(write.name, SdkError::ServiceError(e))),
                    },
                    Err(e) => return Err(StoreError::sdk(write.name, e)),
                }
            }
            Body::Update(update) => {
                let sent = self
                    .db
                    .update_item()
                    .table_name(table)
                    .set_key(Some(write.key))
                    .update_expression(update)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values(ReturnValue::AllNew)
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                    .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                    .send()
                    .await;
                match sent {
                    Ok(done) => {
                        self.count(done.consumed_capacity);
                        return Ok(Raw::Applied(done.attributes.unwrap_or_default()));
                    }
                    Err(SdkError::ServiceError(e)) => match e.err() {
                        UpdateItemError::ConditionalCheckFailedException(found) => Raw::Refused(found.item.clone()),
                        _ => return Err(StoreError::sdk(write.name, SdkError::ServiceError(e))),
                    },
                    Err(e) => return Err(StoreError::sdk(write.name, e)),
                }
            }
        };
        self.count(None);
        Ok(refused)
    }

    /// Counts what a write cost. Units of single writes are whole numbers.
    fn count(&self, consumed: Option<ConsumedCapacity>) {
        let units = consumed.and_then(|c| c.capacity_units).map_or(1, |units| units as u64);
        self.write_units.fetch_add(units, Ordering::Relaxed);
    }
}
