//! Cards coming in. The order of writes makes every cut harmless: uniqueness rows, ciphertexts, strip, and last its going on
//! sale.
//!
//! Every execution fills strips under a name of its own, a *run*, and only a run moves its own rows; two executions of the
//! same part never touch each other's places. What a dead run left open is closed by the next: a strip full of PAD is put where
//! its strip is missing, and from then on its rows point nowhere and may be taken over. A run that was only slow finds its strip
//! put already, and goes on with what is left in a further range. The state arbitrates; nobody asks how old a run is.

use crate::seal::DataKey;
use crate::{App, AppError};
use domain::limits::{CARD_MAX, CARD_MIDDLE_MAX, CARD_SMALL_MAX, STRIP_CARDS};
use domain::stock::{Entry, Strip};
use domain::{Millis, ProductId};
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
    /// Cards that were not reached in time: the same part sent again goes on with them.
    pub remaining: u64,
}

/// A table of several columns none of which is headed as the cards'.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoCardColumn;

/// A card on its way in.
struct Card {
    line: u64,
    text: String,
    hash: [u8; 16],
}

/// What an earlier row about a card means for this import.
enum Standing {
    /// Nobody has it, or a row points to a place that does not hold it and never will.
    Candidate(Option<UniqueCard>),
    /// An earlier run of this very import brought it in, in this strip.
    Done(u32),
    /// In stock or sold, in this strip.
    Duplicate(u32),
    /// Another run has reserved this strip's place for it and not put the strip yet.
    Open(UniqueCard),
}

/// A card that waits for a place, and the row that has to be taken over for it.
type Waiting = VecDeque<(Card, Option<UniqueCard>)>;

/// Ranges one execution may take without getting a single card in, when others close the ones it has.
const FRUITLESS_RANGES: usize = 20;

/// Strips reserved at a time, so that an execution whose time is over leaves few of them unfilled.
const RANGE_STRIPS: usize = 50;

/// The name under which a missing strip is closed.
const CLOSED: &str = "closed";

/// How many uniqueness rows are written at a time.
const ROWS_AT_ONCE: usize = 48;

/// A line's number and its text, or why it is none.
type Line = (u64, Result<String, &'static str>);

fn lines_of(body: &[u8]) -> Vec<Line> {
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

/// CSV: the column headed `card`, `key`, `content`, `code` or `卡密`. Without such a heading the text must have one column
/// only, because a guess would sell the wrong one. Quoted fields may hold line breaks.
fn records_of(body: &[u8]) -> Result<Vec<Line>, NoCardColumn> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let is_head = |f: &str| ["card", "key", "content", "code", "卡密"].contains(&f.trim().to_lowercase().as_str());
    let mut column = None;
    let mut cards = Vec::new();
    for (n, record) in reader.records().enumerate() {
        match record {
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                cards.push((line, Err(if error.is_io_error() { "malformed" } else { "not_utf8" })));
            }
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if let (0, Some(head)) = (n, record.iter().position(is_head)) {
                    column = Some(head);
                    continue;
                }
                if column.is_none() && record.len() > 1 {
                    return Err(NoCardColumn);
                }
                let card = record.get(column.unwrap_or(0)).unwrap_or_default().trim();
                if !card.is_empty() {
                    cards.push((line, Ok(card.to_owned())));
                }
            }
        }
    }
    Ok(cards)
}

fn check_card(card: &str, multi_line: bool) -> Option<&'static str> {
    let control = |c: char| c.is_control() && c != '\t' && !(multi_line && (c == '\n' || c == '\r'));
    if card.len() > CARD_MAX {
        Some("too_long")
    } else if card.contains(char::REPLACEMENT_CHARACTER) {
        // What a program puts where it could not read: API Gateway does so with a text that is not UTF-8. Nobody could use that key.
        Some("not_utf8")
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
    /// Brings one part of an upload into stock, however long it takes.
    pub async fn import_cards(
        &self,
        product: &ProductId,
        upload: &str,
        part: u32,
        body: &[u8],
        is_csv: bool,
    ) -> Result<Result<ImportReport, NoCardColumn>, AppError> {
        self.import_cards_until(product, upload, part, body, is_csv, Millis::MAX).await
    }

    /// Brings one part of an upload into stock. `upload` and `part` name it: the same part sent again, even after a cut in
    /// the middle, leaves the same cards in stock and gives the same counts. What is not done at `deadline`, Unix ms, is
    /// counted as remaining.
    pub async fn import_cards_until(
        &self,
        product: &ProductId,
        upload: &str,
        part: u32,
        body: &[u8],
        is_csv: bool,
        deadline: Millis,
    ) -> Result<Result<ImportReport, NoCardColumn>, AppError> {
        let lines = match if is_csv { records_of(body) } else { Ok(lines_of(body)) } {
            Ok(lines) => lines,
            Err(NoCardColumn) => return Ok(Err(NoCardColumn)),
        };
        let import = self.keys.import(product, upload, part, body);
        let mut report = ImportReport::default();
        let mut cards = Vec::new();
        let mut seen = HashSet::new();
        for (line, text) in lines {
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
        let mut standings = self.standings(product, &import, cards).await?;
        // An earlier execution of this very import left places open. It is dead, or will find them closed.
        let open: BTreeSet<u32> = standings
            .iter()
            .filter_map(|(_, standing)| match standing {
                Standing::Open(row) if is_run_of(&row.import, &import) => Some(row.strip),
                _ => None,
            })
            .collect();
        if !open.is_empty() {
            for strip in open {
                self.close_strip(product, strip).await?;
            }
            let cards = standings.into_iter().map(|(card, _)| card).collect();
            standings = self.standings(product, &import, cards).await?;
        }
        let mut waiting = Waiting::new();
        // Everything below this has to be on sale before anything is reported as in stock.
        let mut end = 0;
        for (card, standing) in standings {
            match standing {
                Standing::Candidate(row) => waiting.push_back((card, row)),
                Standing::Done(strip) => {
                    end = end.max(strip + 1);
                    report.imported += 1;
                }
                Standing::Duplicate(strip) => {
                    end = end.max(strip + 1);
                    report.duplicates += 1;
                }
                Standing::Open(row) => {
                    // Closed at the end of this execution, so that the line is decided when it is sent again.
                    end = end.max(row.strip + 1);
                    report.rejected.push(Rejected { line: card.line, reason: "being_imported" });
                }
            }
        }
        let filled = self.fill(product, &import, waiting, &mut report, deadline).await?;
        self.put_on_sale_up_to(product, end.max(filled)).await?;
        self.stock.refresh(product);
        self.forget_count(product);
        report.rejected.sort_by_key(|r| r.line);
        Ok(Ok(report))
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
        // A place holds a card only if the strip says that there is one, and the ciphertext was put together with the strip.
        let holds = |strip: &StripItem, row: &UniqueCard, hash: &[u8; 16]| {
            let is_card = strip.strip.entries.get(usize::from(row.position)) != Some(&Entry::Pad);
            let item = part_of(row).and_then(|part| vault.get(&part)).filter(|v| v.import == strip.import);
            is_card && item.and_then(|v| v.hash_at(row.position)) == Some(hash)
        };
        let standing = |card: &Card| {
            let Some(row) = rows.get(&card.hash) else { return Standing::Candidate(None) };
            match strips.get(&row.strip) {
                None => Standing::Open(row.clone()),
                Some(strip) if !holds(strip, row, &card.hash) => Standing::Candidate(Some(row.clone())),
                Some(_) if is_run_of(&row.import, import) => Standing::Done(row.strip),
                Some(_) => Standing::Duplicate(row.strip),
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

    /// Fills strips with what waits, range by range, and answers the end of the last range; 0 when nothing waited.
    async fn fill(
        &self,
        product: &ProductId,
        import: &str,
        mut waiting: Waiting,
        report: &mut ImportReport,
        deadline: Millis,
    ) -> Result<u32, AppError> {
        let mut end = 0;
        if waiting.is_empty() {
            return Ok(end);
        }
        let key = self.current_data_key(product).await?;
        let mut fruitless = 0;
        while !waiting.is_empty() && fruitless < FRUITLESS_RANGES && self.clock.now() < deadline {
            let run = format!("{import}.{}", crate::keys::hex(&self.ids.bytes::<6>()));
            let needed = waiting.len().div_ceil(usize::from(STRIP_CARDS)).min(RANGE_STRIPS);
            let needed = u32::try_from(needed).unwrap_or(u32::MAX);
            let (first, length) = match self.store.reserve(product, &run, needed).await? {
                Outcome::Applied(range) | Outcome::AlreadyApplied(range) => range,
                Outcome::Refused(()) => return Err(AppError::Setting("a product without a head")),
            };
            let before = report.imported;
            end = first.saturating_add(length);
            for strip in first..end {
                let placed = self.settle_rows(product, &run, strip, &mut waiting, report).await?;
                self.put_cards(product, &run, &key, strip, placed, &mut waiting, report).await?;
            }
            fruitless = if report.imported > before { 0 } else { fruitless + 1 };
        }
        if self.clock.now() >= deadline {
            report.remaining = u64::try_from(waiting.len()).unwrap_or_default();
            return Ok(end);
        }
        // Others kept closing what this execution opened. The same part may be sent again.
        report.rejected.extend(waiting.into_iter().map(|(card, _)| Rejected { line: card.line, reason: "try_again" }));
        Ok(end)
    }

    /// Gives every card of one strip its place, from the last position down, and writes the uniqueness rows. A short strip
    /// so ends with its cards at the end, without holes, whatever turned out to be a duplicate on the way.
    async fn settle_rows(
        &self,
        product: &ProductId,
        run: &str,
        strip: u32,
        waiting: &mut Waiting,
        report: &mut ImportReport,
    ) -> Result<BTreeMap<u8, Card>, AppError> {
        let at = |position: u8| UniqueCard { strip, position, import: run.to_owned() };
        // Another execution was quicker; whether it ends with the card in stock, nobody knows yet.
        let elsewhere = |card: Card| Rejected { line: card.line, reason: "being_imported" };
        let mut placed: BTreeMap<u8, Card> = BTreeMap::new();
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
                    Outcome::Refused(_) => report.rejected.push(elsewhere(card)),
                }
            }
        }
        // Holes that no card is left for: the lowest cards move up into them. The rows are this run's own, and its strip is
        // not put yet, so nobody else may have moved them unless somebody closed the strip.
        while let (Some(lowest), Some(hole)) =
            (placed.first_key_value().map(|(p, _)| *p), (0..STRIP_CARDS).rev().find(|p| !placed.contains_key(p)))
        {
            if lowest > hole {
                break;
            }
            let Some(card) = placed.remove(&lowest) else { break };
            match self.store.take_unique(product, &card.hash, &at(lowest), &at(hole)).await? {
                Outcome::Applied(()) | Outcome::AlreadyApplied(()) => drop(placed.insert(hole, card)),
                Outcome::Refused(_) => report.rejected.push(elsewhere(card)),
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

    /// Puts the ciphertexts, then the strip. When somebody closed the strip meanwhile, its cards wait for another place; the
    /// ciphertexts that stay behind belong to no strip and are never read.
    #[expect(clippy::too_many_arguments, reason = "one strip of one run, and where its cards go")]
    async fn put_cards(
        &self,
        product: &ProductId,
        run: &str,
        key: &DataKey,
        strip: u32,
        placed: BTreeMap<u8, Card>,
        waiting: &mut Waiting,
        report: &mut ImportReport,
    ) -> Result<(), AppError> {
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
                import: run.to_owned(),
            });
            item.sealed.push(key.seal(self, product, strip, position, &card.text)?);
            item.hashes.push(card.hash);
        }
        let mut vault = Vec::with_capacity(parts.len());
        for item in parts.values() {
            match self.store.put_vault(product, item).await? {
                Outcome::Applied(item) | Outcome::AlreadyApplied(item) => vault.push(item),
                Outcome::Refused(_) => {
                    return Err(AppError::Unforeseen("ciphertexts of another run in a run's own strip"));
                }
            }
        }
        let padding = usize::from(STRIP_CARDS).saturating_sub(placed.len());
        let item = StripItem {
            strip: Strip { no: strip, entries: vec![Entry::Pad; padding], width, sealed: false, done: 0 },
            import: run.to_owned(),
            vault_hash: vault_hash(&vault),
        };
        let in_stock = u64::try_from(placed.len()).unwrap_or_default();
        match self.store.put_strip(product, &item).await? {
            Outcome::Applied(_) | Outcome::AlreadyApplied(_) => report.imported += in_stock,
            Outcome::Refused(_) => {
                let row = |position| UniqueCard { strip, position, import: run.to_owned() };
                waiting.extend(placed.into_iter().map(|(position, card)| (card, Some(row(position)))));
            }
        }
        Ok(())
    }

    /// Puts a strip of PAD where a run left none. Whatever stands there already is as good.
    async fn close_strip(&self, product: &ProductId, strip: u32) -> Result<(), AppError> {
        let item = StripItem {
            strip: Strip {
                no: strip,
                entries: vec![Entry::Pad; usize::from(STRIP_CARDS)],
                width: STRIP_CARDS,
                sealed: false,
                done: 0,
            },
            import: CLOSED.to_owned(),
            vault_hash: vault_hash(&[]),
        };
        self.store.put_strip(product, &item).await?;
        Ok(())
    }

    /// Moves "on sale" up to `end`, over strips of whatever run; one that is missing on the way is closed. Then forgets the
    /// ranges that are complete.
    async fn put_on_sale_up_to(&self, product: &ProductId, end: u32) -> Result<(), AppError> {
        let Some(head) = self.store.head(product).await? else { return Ok(()) };
        let wanted: Vec<u32> = (head.on_sale..end).collect();
        let there: BTreeSet<u32> = self.store.strips(product, &wanted).await?.iter().map(|s| s.strip.no).collect();
        for strip in wanted.iter().filter(|strip| !there.contains(strip)) {
            self.close_strip(product, *strip).await?;
        }
        let mut on_sale = head.on_sale;
        while on_sale < end {
            on_sale = match self.store.put_on_sale(product, on_sale, end).await? {
                Outcome::Applied(on_sale) | Outcome::AlreadyApplied(on_sale) => on_sale,
                // Somebody else put some of them on sale: the rest from there.
                Outcome::Refused(further) if further > on_sale => further,
                Outcome::Refused(_) => return Err(AppError::Contended),
            };
        }
        for (run, (first, length)) in &head.ranges {
            if first.saturating_add(*length) <= on_sale {
                self.store.end_range(product, run, *first, first.saturating_add(*length)).await?;
            }
        }
        Ok(())
    }
}

/// Whether a run belongs to an import: its name begins with the import's.
fn is_run_of(run: &str, import: &str) -> bool {
    run.strip_prefix(import).is_some_and(|rest| rest.starts_with('.'))
}
