//! Cards coming in. The order of writes makes every cut harmless: uniqueness rows, ciphertexts, strip, and last its going on
//! sale. The same part sent again finds what stands there and finishes it.

use crate::seal::DataKey;
use crate::{App, AppError};
use domain::ProductId;
use domain::limits::{CARD_MAX, CARD_MIDDLE_MAX, CARD_SMALL_MAX, STRIP_CARDS};
use domain::stock::{Entry, Strip};
use futures_util::StreamExt;
use ring::digest;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use store::{Outcome, StoreError, StripItem, UniqueCard, VaultItem};

/// A line that did not become a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its number in the text, from 1.
    pub line: u64,
    /// A code from a closed list.
    pub reason: &'static str,
}

/// What became of a part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportReport {
    /// Cards of this part that are in stock, by this call or by an earlier one with the same part.
    pub imported: u64,
    /// Cards that were in stock or sold before, or twice in this part.
    pub duplicates: u64,
    /// Lines that are no card, in order.
    pub rejected: Vec<Rejected>,
}

/// A card on its way in.
struct Card {
    line: u64,
    text: String,
    hash: [u8; 16],
}

/// What an earlier row about a card means for this import.
enum Standing {
    /// Nobody has it, or a row points to a place that holds another card: found on the way.
    Candidate(Option<UniqueCard>),
    /// This very import put it there.
    Done,
    /// This very import reserved a place for it that is not filled yet.
    Pending(UniqueCard),
    /// In stock or sold.
    Duplicate,
    /// Another import that has not finished claims it.
    Elsewhere,
}

/// How many uniqueness rows are written at a time.
const ROWS_AT_ONCE: usize = 16;

fn lines_of(body: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut lines = Vec::new();
    for (number, raw) in (1u64..).zip(body.split(|&b| b == b'\n')) {
        let line = std::str::from_utf8(raw).map(str::trim).map_err(|_| "not_utf8");
        if line != Ok("") {
            lines.push((number, line.map(str::to_owned)));
        }
    }
    lines
}

/// CSV: the column headed `card` (or `key`, `content`, `卡密`), else the first. Quoted fields may hold line breaks.
fn records_of(body: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let is_head = |f: &str| ["card", "key", "content", "卡密"].contains(&f.trim().to_lowercase().as_str());
    let mut column = 0;
    let mut cards = Vec::new();
    for (n, record) in reader.records().enumerate() {
        match record {
            Err(_) => cards.push((u64::try_from(n).unwrap_or_default() + 1, Err("not_utf8"))),
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if let (0, Some(head)) = (n, record.iter().position(is_head)) {
                    column = head;
                    continue;
                }
                let card = record.get(column).unwrap_or_default().trim();
                if !card.is_empty() {
                    cards.push((line, Ok(card.to_owned())));
                }
            }
        }
    }
    cards
}

fn check_card(card: &str, multi_line: bool) -> Option<&'static str> {
    let control = |c: char| c.is_control() && c != '\t' && !(multi_line && (c == '\n' || c == '\r'));
    if card.len() > CARD_MAX {
        Some("too_long")
    } else if card.chars().any(control) {
        Some("control_character")
    } else {
        None
    }
}

/// The vault item's width that fits the longest of some cards.
fn width_for(longest: usize) -> u8 {
    if longest <= CARD_SMALL_MAX {
        STRIP_CARDS
    } else if longest <= CARD_MIDDLE_MAX {
        12
    } else {
        1
    }
}

/// SHA-256 over position, length and bytes of every ciphertext of a strip.
pub(crate) fn vault_hash(items: &[VaultItem]) -> [u8; 32] {
    let mut entries: BTreeMap<u8, &[u8]> = BTreeMap::new();
    for item in items {
        entries.extend((item.first..).zip(item.sealed.iter().map(Vec::as_slice)));
    }
    let mut context = digest::Context::new(&digest::SHA256);
    for (position, sealed) in entries {
        context.update(&[position]);
        context.update(&u64::try_from(sealed.len()).unwrap_or_default().to_be_bytes());
        context.update(sealed);
    }
    let mut out = [0u8; 32];
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

impl App {
    /// Brings one part of an upload into stock. `upload` and `part` name it: the same part sent again, even after a cut in
    /// the middle, leaves the same cards in stock and gives the same counts.
    pub async fn import_cards(
        &self,
        product: &ProductId,
        upload: &str,
        part: u32,
        body: &[u8],
        is_csv: bool,
    ) -> Result<ImportReport, AppError> {
        let import = self.keys.import(product, upload, part, body);
        let mut report = ImportReport::default();
        let mut cards = Vec::new();
        let mut seen = HashSet::new();
        for (line, text) in if is_csv { records_of(body) } else { lines_of(body) } {
            let checked = text.and_then(|t| check_card(&t, is_csv).map_or(Ok(t), Err));
            match checked {
                Err(reason) => report.rejected.push(Rejected { line, reason }),
                Ok(text) => {
                    let hash = self.keys.card(product, &text);
                    if seen.insert(hash) {
                        cards.push(Card { line, text, hash });
                    } else {
                        report.duplicates += 1;
                    }
                }
            }
        }
        let mut waiting: VecDeque<(Card, Option<UniqueCard>)> = VecDeque::new();
        let mut pending: BTreeMap<u32, Vec<(u8, Card)>> = BTreeMap::new();
        for (card, standing) in self.standings(product, &import, cards).await? {
            match standing {
                Standing::Candidate(row) => waiting.push_back((card, row)),
                Standing::Pending(row) => pending.entry(row.strip).or_default().push((row.position, card)),
                Standing::Done => report.imported += 1,
                Standing::Duplicate => report.duplicates += 1,
                Standing::Elsewhere => {
                    report.rejected.push(Rejected { line: card.line, reason: "being_imported" });
                }
            }
        }
        if !waiting.is_empty() || !pending.is_empty() {
            self.fill(product, &import, waiting, pending, &mut report).await?;
        }
        self.put_all_on_sale(product).await?;
        self.stock.refresh(product);
        self.forget_count(product);
        report.rejected.sort_by_key(|r| r.line);
        Ok(report)
    }

    /// What the uniqueness rows, strips and ciphertexts say about each card.
    async fn standings(
        &self,
        product: &ProductId,
        import: &str,
        cards: Vec<Card>,
    ) -> Result<Vec<(Card, Standing)>, AppError> {
        let hashes: Vec<[u8; 16]> = cards.iter().map(|c| c.hash).collect();
        let rows = self.store.unique_rows(product, &hashes).await?;
        let numbers: BTreeSet<u32> = rows.values().map(|r| r.strip).collect();
        let strips: HashMap<u32, StripItem> = self
            .store
            .strips(product, &numbers.into_iter().collect::<Vec<_>>())
            .await?
            .into_iter()
            .map(|s| (s.strip.no, s))
            .collect();
        let part_of = |row: &UniqueCard| {
            let width = strips.get(&row.strip)?.strip.width;
            Some((row.strip, row.position.checked_div(width)?))
        };
        let parts: BTreeSet<(u32, u8)> = rows.values().filter_map(part_of).collect();
        let vault: HashMap<(u32, u8), VaultItem> = self
            .store
            .vault(product, &parts.into_iter().collect::<Vec<_>>())
            .await?
            .into_iter()
            .map(|v| ((v.strip, v.part), v))
            .collect();
        let standing = |card: &Card| {
            let Some(row) = rows.get(&card.hash) else { return Standing::Candidate(None) };
            let mine = row.import == import;
            match part_of(row) {
                None if mine => Standing::Pending(row.clone()),
                None => Standing::Elsewhere,
                Some(part) => {
                    let there = vault.get(&part).and_then(|v| v.hash_at(row.position)) == Some(&card.hash);
                    match (there, mine) {
                        (true, true) => Standing::Done,
                        (true, false) => Standing::Duplicate,
                        (false, _) => Standing::Candidate(Some(row.clone())),
                    }
                }
            }
        };
        Ok(cards
            .into_iter()
            .map(|card| {
                let standing = standing(&card);
                (card, standing)
            })
            .collect())
    }

    /// Fills this import's strips, one after the other.
    async fn fill(
        &self,
        product: &ProductId,
        import: &str,
        mut waiting: VecDeque<(Card, Option<UniqueCard>)>,
        mut pending: BTreeMap<u32, Vec<(u8, Card)>>,
        report: &mut ImportReport,
    ) -> Result<(), AppError> {
        let key = self.current_data_key(product).await?;
        let cards = waiting.len() + pending.values().map(Vec::len).sum::<usize>();
        let needed = u32::try_from(cards.div_ceil(usize::from(STRIP_CARDS))).unwrap_or(u32::MAX);
        let (first, length) = match self.store.reserve(product, import, needed).await? {
            Outcome::Applied(range) | Outcome::AlreadyApplied(range) => range,
            Outcome::Refused(()) => return Err(AppError::Setting("a product without a head")),
        };
        let range = first..first.saturating_add(length);
        let there: HashSet<u32> =
            self.store.strips(product, &range.clone().collect::<Vec<_>>()).await?.iter().map(|s| s.strip.no).collect();
        for strip in range.clone().filter(|b| !there.contains(b)) {
            let settled = pending.remove(&strip).unwrap_or_default();
            let placed = self.settle_rows(product, import, strip, settled, &mut waiting, report).await?;
            if !self.put_cards(product, import, &key, strip, placed, report).await? {
                break;
            }
        }
        // A line that found no room: its range was closed meanwhile. The same part may be sent again.
        let left =
            waiting.into_iter().map(|(card, _)| card).chain(pending.into_values().flatten().map(|(_, card)| card));
        report.rejected.extend(left.map(|card| Rejected { line: card.line, reason: "try_again" }));
        self.put_all_on_sale(product).await?;
        self.store.end_range(product, import, range.end).await?;
        Ok(())
    }

    /// Gives every card of one strip its place, from the last position down, and writes the uniqueness rows. A short strip
    /// so ends with its cards at the end, without holes, whatever turned out to be a duplicate on the way.
    async fn settle_rows(
        &self,
        product: &ProductId,
        import: &str,
        strip: u32,
        settled: Vec<(u8, Card)>,
        waiting: &mut VecDeque<(Card, Option<UniqueCard>)>,
        report: &mut ImportReport,
    ) -> Result<BTreeMap<u8, Card>, AppError> {
        let at = |position: u8| UniqueCard { strip, position, import: import.to_owned() };
        let mut placed: BTreeMap<u8, Card> = settled.into_iter().filter(|(p, _)| *p < STRIP_CARDS).collect();
        loop {
            let free: Vec<u8> = (0..STRIP_CARDS).rev().filter(|p| !placed.contains_key(p)).collect();
            let batch = free.len().min(waiting.len());
            if batch == 0 {
                break;
            }
            // The first card gets the lowest of the positions, so that cards sell in the order they came in.
            let mut positions: Vec<u8> = free.into_iter().take(batch).collect();
            positions.sort_unstable();
            let cards: Vec<_> = waiting.drain(..batch).collect();
            let mut writes = Vec::with_capacity(batch);
            for ((card, row), &position) in cards.iter().zip(&positions) {
                writes.push(self.settle_row(product, &card.hash, row.as_ref(), at(position)));
            }
            let written: Vec<_> = futures_util::stream::iter(writes).buffered(ROWS_AT_ONCE).collect().await;
            for (((card, _), position), written) in cards.into_iter().zip(positions).zip(written) {
                match written? {
                    Outcome::Applied(()) | Outcome::AlreadyApplied(()) => drop(placed.insert(position, card)),
                    // Another import was quicker.
                    Outcome::Refused(_) => report.duplicates += 1,
                }
            }
        }
        // Holes that no card is left for: the lowest cards move up into them.
        while let (Some(lowest), Some(hole)) =
            (placed.first_key_value().map(|(p, _)| *p), (0..STRIP_CARDS).rev().find(|p| !placed.contains_key(p)))
        {
            if lowest > hole {
                break;
            }
            let Some(card) = placed.remove(&lowest) else { break };
            match self.store.take_unique(product, &card.hash, &at(lowest), &at(hole)).await? {
                Outcome::Applied(()) | Outcome::AlreadyApplied(()) => drop(placed.insert(hole, card)),
                Outcome::Refused(_) => report.duplicates += 1,
            }
        }
        Ok(placed)
    }

    async fn settle_row(
        &self,
        product: &ProductId,
        hash: &[u8; 16],
        found: Option<&UniqueCard>,
        place: UniqueCard,
    ) -> Result<Outcome<(), UniqueCard>, StoreError> {
        match found {
            None => self.store.claim_unique(product, hash, &place).await,
            Some(found) => self.store.take_unique(product, hash, found, &place).await,
        }
    }

    /// Puts the ciphertexts, then the strip. What stands there already from an earlier try counts, not ours. `false` when the
    /// range was closed by somebody else.
    async fn put_cards(
        &self,
        product: &ProductId,
        import: &str,
        key: &DataKey,
        strip: u32,
        placed: BTreeMap<u8, Card>,
        report: &mut ImportReport,
    ) -> Result<bool, AppError> {
        let width = width_for(placed.values().map(|c| c.text.len()).max().unwrap_or_default());
        let mut parts: BTreeMap<u8, VaultItem> = BTreeMap::new();
        for (&position, card) in &placed {
            let part = position.checked_div(width).unwrap_or_default();
            let item = parts.entry(part).or_insert_with(|| VaultItem {
                strip,
                part,
                first: position,
                sealed: Vec::new(),
                hashes: Vec::new(),
                kid: key.kid.clone(),
                import: import.to_owned(),
            });
            item.sealed.push(key.seal(self, product, strip, position, &card.text)?);
            item.hashes.push(card.hash);
        }
        let mut vault = Vec::with_capacity(parts.len());
        for item in parts.values() {
            match self.store.put_vault(product, item).await? {
                Outcome::Applied(item) | Outcome::AlreadyApplied(item) => vault.push(item),
                Outcome::Refused(_) => return Ok(false),
            }
        }
        let cards: usize = vault.iter().map(|v| v.sealed.len()).sum();
        let padding = usize::from(STRIP_CARDS).saturating_sub(cards);
        let item = StripItem {
            strip: Strip { no: strip, entries: vec![Entry::Pad; padding], width, sealed: false },
            import: import.to_owned(),
            vault_hash: vault_hash(&vault),
        };
        match self.store.put_strip(product, &item).await? {
            Outcome::Applied(_) | Outcome::AlreadyApplied(_) => {}
            Outcome::Refused(_) => return Ok(false),
        }
        for (position, card) in placed {
            let part = position.checked_div(width).unwrap_or_default();
            let there = vault.iter().find(|v| v.part == part).and_then(|v| v.hash_at(position)) == Some(&card.hash);
            if there {
                report.imported += 1;
            } else {
                report.rejected.push(Rejected { line: card.line, reason: "try_again" });
            }
        }
        Ok(true)
    }

    /// Moves "on sale" over every strip that exists, whoever imported it, and ends the ranges that are complete.
    async fn put_all_on_sale(&self, product: &ProductId) -> Result<(), AppError> {
        let Some(head) = self.store.head(product).await? else { return Ok(()) };
        let mut next = head.on_sale;
        let beyond: Vec<u32> = (head.on_sale..head.reserved).collect();
        for item in self.store.strips(product, &beyond).await? {
            if item.strip.no != next {
                break;
            }
            next = match self.store.put_on_sale(product, next).await? {
                Outcome::Applied(on_sale) | Outcome::AlreadyApplied(on_sale) => on_sale,
                Outcome::Refused(_) => break,
            };
        }
        for (import, (first, length)) in &head.ranges {
            if first.saturating_add(*length) <= next {
                self.store.end_range(product, import, next).await?;
            }
        }
        Ok(())
    }
}
