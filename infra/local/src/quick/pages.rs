//! Reads of many items in order: queries of a table or of an index, and scans.

use super::condition::Comparison;
use super::json::Out;
use super::path::{Bound, Given, Mentions, Path};
use super::reads::read_units;
use super::refusal::Refusal;
use super::request::{Query, Report, Scan, end, given, limit};
use super::table::{Entry, Index, Item, ItemKey, KeyPart, Table, Taken, key_part, names, parts};
use super::tables::Tables;
use super::value::{Attributes, Value};
use super::words::{Word, Words};
use std::ops::Bound as Edge;
use store::{Key, KeyKind};

/// The bytes after which an answer ends. Source: Amazon DynamoDB Developer Guide, "Query" and "Scan".
const PAGE_BYTES: usize = 1_024 * 1_024;

/// A key condition: `#p = :p`, and perhaps a comparison of the second part.
#[derive(Debug)]
pub(super) struct KeyCondition {
    mentions: Mentions,
    hash: (Path, usize),
    range: Option<(Path, Comparison, usize)>,
}

fn compared(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<(Path, Comparison, usize), Refusal> {
    let path = Path::read(words, mentions)?;
    let comparison = Comparison::read(words)?;
    let Some(Word::Value(value)) = words.peek() else { return Err(words.wrong()) };
    words.next();
    match Bound::is_attribute(&path) && comparison != Comparison::Unequal {
        true => Ok((path, comparison, mentions.value(value))),
        false => Err(words.wrong()),
    }
}

impl KeyCondition {
    /// Reads a key condition. The partition's comes first, as in every query of this shop.
    pub(super) fn read(text: &str) -> Result<KeyCondition, Refusal> {
        let mut words = Words::of(text)?;
        let mut mentions = Mentions::default();
        let (path, comparison, value) = compared(&mut words, &mut mentions)?;
        let range = words.take(Word::Plain("AND")).then(|| compared(&mut words, &mut mentions)).transpose()?;
        if comparison != Comparison::Equal || !words.is_over() {
            return Err(words.wrong());
        }
        Ok(KeyCondition { mentions, hash: (path, value), range })
    }

    /// What it asks for of a key: the partition, and the comparison of the second part with its value.
    fn meant<'r>(&self, given: &'r Given<'_>, key: &Key) -> Result<Asked<'r>, Refusal> {
        let bound = given.bind(&self.mentions)?;
        let wrong = || Refusal::invalid("Query condition missed key schema element, or compares it with another type");
        let part = |path: &Path, value: usize, name: &str, kind: KeyKind| {
            let value = bound.value(value).filter(|_| bound.attribute(path) == name)?;
            Some((key_part(kind, value)?, value))
        };
        let (hash, kind, range) = key;
        let (partition, _) = part(&self.hash.0, self.hash.1, hash, *kind).ok_or_else(wrong)?;
        let Some((path, comparison, value)) = &self.range else { return Ok(Asked { partition, range: None }) };
        let (name, kind) = range.ok_or_else(wrong)?;
        let (edge, value) = part(path, *value, name, kind).ok_or_else(wrong)?;
        Ok(Asked { partition, range: Some((*comparison, edge, value)) })
    }
}

struct Asked<'r> {
    partition: KeyPart,
    range: Option<(Comparison, KeyPart, &'r Value)>,
}

impl Asked<'_> {
    /// The two edges of what is asked for, for rows that go on with `least` or `most` after the two parts of the key.
    fn edges<T>(&self, row: impl Fn(KeyPart, KeyPart, KeyPart) -> T) -> (Edge<T>, Edge<T>) {
        use KeyPart::{Least, Most};
        let at = |range: &KeyPart, rest: KeyPart| row(self.partition.clone(), range.clone(), rest);
        let (first, last) = (Edge::Included(at(&Least, Least)), Edge::Included(at(&Most, Most)));
        match &self.range {
            None => (first, last),
            Some((Comparison::Less, edge, _)) => (first, Edge::Excluded(at(edge, Least))),
            Some((Comparison::AtMost, edge, _)) => (first, Edge::Included(at(edge, Most))),
            Some((Comparison::More, edge, _)) => (Edge::Excluded(at(edge, Most)), last),
            Some((Comparison::AtLeast, edge, _)) => (Edge::Included(at(edge, Least)), last),
            // What is unequal is no range, and was refused when the condition was read.
            Some((Comparison::Equal | Comparison::Unequal, edge, _)) => {
                (Edge::Included(at(edge, Least)), Edge::Included(at(edge, Most)))
            }
        }
    }

    /// Refuses a page's beginning that is not within what is asked for.
    fn hold(&self, key: &Key, start: &Attributes) -> Result<(), Refusal> {
        let is_partition = start.get(key.0).and_then(|value| key_part(key.1, value)).as_ref() == Some(&self.partition);
        let range = key.2.and_then(|(name, _)| start.get(name));
        let in_range = match (&self.range, range) {
            (Some((comparison, _, edge)), Some(value)) => comparison.holds(value, edge),
            _ => true,
        };
        match is_partition && in_range {
            true => Ok(()),
            false => Err(Refusal::invalid("The provided starting key is outside query boundaries")),
        }
    }
}

/// Rows from a beginning on, or backwards from it.
fn after<T>((first, last): (Edge<T>, Edge<T>), start: Option<T>, forward: bool) -> (Edge<T>, Edge<T>) {
    match (start, forward) {
        (None, _) => (first, last),
        (Some(start), true) => (Edge::Excluded(start), last),
        (Some(start), false) => (first, Edge::Excluded(start)),
    }
}

fn wrong_start() -> Refusal {
    Refusal::invalid("The provided starting key is invalid")
}

/// A page that is being written.
struct Page<'t> {
    /// The attributes of a row: of an index the keys alone, otherwise all.
    projection: Option<Vec<&'static str>>,
    limit: usize,
    rows: Vec<&'t Item>,
    bytes: usize,
    more: bool,
}

impl<'t> Page<'t> {
    fn fill(projection: Option<Vec<&'static str>>, limit: usize, rows: impl Iterator<Item = &'t Item>) -> Page<'t> {
        let mut page = Page { projection, limit, rows: Vec::new(), bytes: 0, more: false };
        for row in rows {
            let size = page.size(row);
            page.more = page.bytes + size > PAGE_BYTES && !page.rows.is_empty();
            if page.more {
                return page;
            }
            page.bytes += size;
            page.rows.push(row);
            // A page that is full says that there may be more, even when there is not.
            page.more = page.rows.len() >= page.limit;
            if page.more {
                return page;
            }
        }
        page
    }

    fn size(&self, row: &Item) -> usize {
        match &self.projection {
            None => row.size,
            Some(names) => names.iter().filter_map(|name| Some(name.len() + row.attributes.get(name)?.size())).sum(),
        }
    }

    /// Writes all but what the page took. `keys` is the key of a row.
    fn write(&self, keys: &[&'static str]) -> Out {
        fn some<'i>(row: &'i Item, names: &'i [&'static str]) -> impl Iterator<Item = (&'i str, &'i Value)> {
            names.iter().filter_map(|name| Some((*name, row.attributes.get(name)?)))
        }
        let mut out = Out::with_capacity(256 + 2 * self.bytes + 64 * self.rows.len());
        out.raw("{\"Items\":");
        out.list(&self.rows, |out, row| match &self.projection {
            None => out.attributes(&row.attributes),
            Some(names) => out.object(some(row, names)),
        });
        let count = self.rows.len().to_string();
        out.raw(",\"Count\":");
        out.raw(&count);
        out.raw(",\"ScannedCount\":");
        out.raw(&count);
        if let Some(last) = self.rows.last().filter(|_| self.more) {
            out.raw(",\"LastEvaluatedKey\":");
            out.object(some(last, keys));
        }
        out
    }
}

/// `Query`.
pub(super) fn query(tables: &mut Tables, request: Query<'_>) -> Result<Vec<u8>, Refusal> {
    let condition = tables.key_conditions.get(&request.key_condition_expression.0)?;
    let given = given(request.expression_attribute_names, request.expression_attribute_values);
    given.all_used(&[&condition.mentions])?;
    let table = tables.table(&request.table_name.0)?;
    let (start, limit) = (request.exclusive_start_key.as_ref(), limit(request.limit)?);
    let forward = request.scan_index_forward.unwrap_or(true);
    let key = match &request.index_name {
        None => table.key,
        Some(name) => index(table, &name.0)?.key,
    };
    let asked = condition.meant(&given, &key)?;
    start.map_or(Ok(()), |start| asked.hold(&key, start))?;
    let (page, keys) = match &request.index_name {
        None => {
            let start = start.map(|start| table.key_alone(start).map_err(|_| wrong_start())).transpose()?;
            let edges = after(asked.edges(|partition, range, _| (partition, range)), start, forward);
            let rows = table.items.range::<ItemKey, _>(edges).map(|(_, item)| item);
            let rows: Box<dyn Iterator<Item = &Item>> = if forward { Box::new(rows) } else { Box::new(rows.rev()) };
            (Page::fill(None, limit, rows), names(&key).collect::<Vec<_>>())
        }
        Some(_) if request.consistent_read => {
            return Err(Refusal::invalid("Consistent reads are not supported on global secondary indexes"));
        }
        Some(name) => {
            let index = index(table, &name.0)?;
            let keys: Vec<&'static str> = names(&key).chain(names(&table.key)).collect();
            let start = start.map(|start| entry(table, index, &keys, start).ok_or_else(wrong_start)).transpose()?;
            let edges = asked.edges(|partition, range, rest| (partition, range, (rest.clone(), rest)));
            let rows = index.entries.range::<Entry, _>(after(edges, start, forward));
            let rows: Box<dyn Iterator<Item = &Entry>> = if forward { Box::new(rows) } else { Box::new(rows.rev()) };
            let rows = rows.filter_map(|(_, _, key)| table.items.get(key));
            (Page::fill(Some(keys.clone()), limit, rows), keys)
        }
    };
    let mut out = page.write(&keys);
    let halves = read_units(page.bytes, request.consistent_read);
    let taken = match &request.index_name {
        None => Taken { table: halves, indexes: Vec::new() },
        Some(name) => Taken { table: 0, indexes: vec![(index(table, &name.0)?.name, halves)] },
    };
    end(&mut out, false, request.return_consumed_capacity, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}

fn index<'t>(table: &'t Table, name: &str) -> Result<&'t Index, Refusal> {
    let found = table.indexes.iter().find(|index| index.name == name);
    found.ok_or_else(|| Refusal::invalid(format!("The table does not have the specified index: {name}")))
}

/// The place in an index that a page begins after: exactly these attributes.
fn entry(table: &Table, index: &Index, keys: &[&str], start: &Attributes) -> Option<Entry> {
    let (hash, range) = parts(&index.key, start).filter(|_| start.len() == keys.len())?;
    Some((hash, range, parts(&table.key, start)?))
}

/// `Scan`, in the order of the keys; DynamoDB promises none.
pub(super) fn scan(tables: &mut Tables, request: &Scan<'_>) -> Result<Vec<u8>, Refusal> {
    let table = tables.table(&request.table_name.0)?;
    let start = request.exclusive_start_key.as_ref();
    let start = start.map(|start| table.key_alone(start).map_err(|_| wrong_start())).transpose()?;
    let edges = after((Edge::Unbounded, Edge::Unbounded), start, true);
    let rows = table.items.range::<ItemKey, _>(edges).map(|(_, item)| item);
    let page = Page::fill(None, limit(request.limit)?, rows);
    let mut out = page.write(&names(&table.key).collect::<Vec<_>>());
    let taken = Taken { table: read_units(page.bytes, request.consistent_read), indexes: Vec::new() };
    let report: Report = request.return_consumed_capacity;
    end(&mut out, false, report, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}
