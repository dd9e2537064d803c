//! What requests hold. A member that is not here is refused by its name.

use super::json::{Out, Pairs, Text};
use super::path::Given;
use super::refusal::Refusal;
use super::table::Taken;
use super::value::{Attributes, Value};
use serde::Deserialize;

/// What an answer is to say about units.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Report {
    /// Nothing.
    #[default]
    None,
    /// Their sum.
    Total,
    /// Their sum, and those of the table and of each index.
    Indexes,
}

/// What an update answers.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Answer {
    /// Nothing.
    #[default]
    None,
    /// The item as it is now.
    AllNew,
}

/// What a refused condition answers.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OnRefusal {
    /// Nothing.
    #[default]
    None,
    /// The item that stood there.
    AllOld,
}

/// `PutItem`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutItem<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) item: Attributes,
    #[serde(borrow)]
    pub(super) condition_expression: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_names: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_values: Pairs<'a, Value>,
    #[serde(default)]
    pub(super) return_values_on_condition_check_failure: OnRefusal,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// `UpdateItem`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateItem<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) key: Attributes,
    #[serde(borrow)]
    pub(super) update_expression: Text<'a>,
    #[serde(borrow)]
    pub(super) condition_expression: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_names: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_values: Pairs<'a, Value>,
    #[serde(default)]
    pub(super) return_values: Answer,
    #[serde(default)]
    pub(super) return_values_on_condition_check_failure: OnRefusal,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// `DeleteItem`, which the shop never sends: tests do, to begin anew.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteItem<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) key: Attributes,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// `GetItem`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetItem<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) key: Attributes,
    #[serde(default)]
    pub(super) consistent_read: bool,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// What a `BatchGetItem` asks of one table.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) keys: Vec<Attributes>,
    #[serde(default)]
    pub(super) consistent_read: bool,
}

/// `BatchGetItem`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchGetItem<'a> {
    #[serde(borrow)]
    pub(super) request_items: Pairs<'a, Asked>,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// `Query`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Query<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    #[serde(borrow)]
    pub(super) index_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) key_condition_expression: Text<'a>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_names: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub(super) expression_attribute_values: Pairs<'a, Value>,
    pub(super) scan_index_forward: Option<bool>,
    pub(super) limit: Option<u32>,
    pub(super) exclusive_start_key: Option<Attributes>,
    #[serde(default)]
    pub(super) consistent_read: bool,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// `Scan`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Scan<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) limit: Option<u32>,
    pub(super) exclusive_start_key: Option<Attributes>,
    #[serde(default)]
    pub(super) consistent_read: bool,
    #[serde(default)]
    pub(super) return_consumed_capacity: Report,
}

/// Reads a request.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| Refusal::invalid(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| Refusal::invalid(error.to_string()))
}

/// The names and values of a request.
pub(super) fn given<'a>(names: Pairs<'a, Text<'a>>, values: Pairs<'a, Value>) -> Given<'a> {
    Given { names, values }
}

/// A limit, which is at least one.
pub(super) fn limit(limit: Option<u32>) -> Result<usize, Refusal> {
    match limit {
        None => Ok(usize::MAX),
        Some(0) => Err(Refusal::invalid("Limit has to be at least 1")),
        Some(limit) => usize::try_from(limit).map_err(|error| Refusal::invalid(error.to_string())),
    }
}

/// Half units as units: a number with a point, as the embedded engine writes it.
fn units(out: &mut Out, halves: usize) {
    let (whole, half) = (halves / 2, if halves.is_multiple_of(2) { "0" } else { "5" });
    out.raw("\"CapacityUnits\":");
    out.raw(&whole.to_string());
    out.raw(".");
    out.raw(half);
}

/// What a call took, of which table and of which indexes, as its answer reports it.
pub(super) fn consumed(out: &mut Out, report: Report, table: &str, taken: &Taken) {
    let in_indexes: usize = taken.indexes.iter().map(|(_, halves)| halves).sum();
    out.raw("{\"TableName\":");
    out.text(table);
    out.raw(",");
    units(out, taken.table + in_indexes);
    if report == Report::Indexes {
        out.raw(",\"Table\":{");
        units(out, taken.table);
        out.raw("}");
        if !taken.indexes.is_empty() {
            out.raw(",\"GlobalSecondaryIndexes\":{");
            for (n, (name, halves)) in taken.indexes.iter().enumerate() {
                out.raw(if n > 0 { "," } else { "" });
                out.text(name);
                out.raw(":{");
                units(out, *halves);
                out.raw("}");
            }
            out.raw("}");
        }
    }
    out.raw("}");
}

/// The last member of an answer, if it was asked for, and its end. `first` tells that no member stands before it.
pub(super) fn end(out: &mut Out, first: bool, report: Report, table: &str, taken: &Taken) {
    if report != Report::None {
        out.raw(if first { "\"ConsumedCapacity\":" } else { ",\"ConsumedCapacity\":" });
        consumed(out, report, table, taken);
    }
    out.raw("}");
}
