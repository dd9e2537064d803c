//! Writes of one item.

use super::condition::Condition;
use super::json::Out;
use super::path::Given;
use super::refusal::Refusal;
use super::request::{Answer, DeleteItem, OnRefusal, PutItem, UpdateItem, end, given};
use super::table::{ItemKey, Table};
use super::tables::Tables;
use std::sync::Arc;

/// Refuses the write if its condition does not hold of what stands there.
fn hold(
    table: &Table,
    key: &ItemKey,
    condition: Option<&Arc<Condition>>,
    given: &Given<'_>,
    on_refusal: OnRefusal,
) -> Result<(), Refusal> {
    let Some(condition) = condition else { return Ok(()) };
    let found = table.items.get(key).map(|item| &item.attributes);
    if condition.holds(&given.bind(&condition.mentions)?, found)? {
        return Ok(());
    }
    Err(Refusal::condition(found.filter(|_| on_refusal == OnRefusal::AllOld)))
}

/// `PutItem`.
pub(super) fn put(tables: &mut Tables, request: PutItem<'_>) -> Result<Vec<u8>, Refusal> {
    let condition = request.condition_expression.as_ref().map(|text| tables.conditions.get(&text.0)).transpose()?;
    let given = given(request.expression_attribute_names, request.expression_attribute_values);
    given.all_used(&condition.iter().map(|condition| &condition.mentions).collect::<Vec<_>>())?;
    let table = tables.table(&request.table_name.0)?;
    let key = table.key_of_item(&request.item)?;
    table.judge(&request.item, None)?;
    hold(table, &key, condition.as_ref(), &given, request.return_values_on_condition_check_failure)?;
    let taken = table.put(key, request.item);
    let mut out = Out::with_capacity(256);
    out.raw("{");
    end(&mut out, true, request.return_consumed_capacity, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}

/// `UpdateItem`. Where nothing stands, it begins with nothing but the key.
pub(super) fn update(tables: &mut Tables, request: UpdateItem<'_>) -> Result<Vec<u8>, Refusal> {
    let update = tables.updates.get(&request.update_expression.0)?;
    let condition = request.condition_expression.as_ref().map(|text| tables.conditions.get(&text.0)).transpose()?;
    let given = given(request.expression_attribute_names, request.expression_attribute_values);
    let mentions = condition.iter().map(|condition| &condition.mentions).chain([&update.mentions]);
    given.all_used(&mentions.collect::<Vec<_>>())?;
    let bound = given.bind(&update.mentions)?;
    let table = tables.table(&request.table_name.0)?;
    update.check(&bound, |name| table.is_key(name))?;
    let key = table.key_alone(&request.key)?;
    hold(table, &key, condition.as_ref(), &given, request.return_values_on_condition_check_failure)?;
    let before = table.items.get(&key).map_or(&request.key, |item| &item.attributes);
    let after = update.apply(&bound, before)?;
    table.judge(&after, Some(before))?;
    let taken = table.put(key.clone(), after);
    let item = table.items.get(&key).filter(|_| request.return_values == Answer::AllNew);
    let mut out = Out::with_capacity(512 + item.map_or(0, |item| 2 * item.size));
    out.raw("{");
    if let Some(item) = item {
        out.raw("\"Attributes\":");
        out.attributes(&item.attributes);
    }
    end(&mut out, item.is_none(), request.return_consumed_capacity, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}

/// `DeleteItem`.
pub(super) fn delete(tables: &mut Tables, request: &DeleteItem<'_>) -> Result<Vec<u8>, Refusal> {
    let table = tables.table(&request.table_name.0)?;
    let key = table.key_alone(&request.key)?;
    let taken = table.delete(&key);
    let mut out = Out::default();
    out.raw("{");
    end(&mut out, true, request.return_consumed_capacity, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}
