//! Strips: what a position holds, what a claimer does next, and cards counted without a counter.

use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Move, SlotRun, Strip, Tally, count};
use domain::{Claim, OrderId};

fn claim(order: u8, generation: u8) -> Claim {
    Claim { order: OrderId([order; 15]), generation }
}

fn of(order: u8) -> Entry {
    Entry::Claim(claim(order, 0))
}

fn strip(entries: Vec<Entry>) -> Strip {
    Strip { no: 3, entries, width: 48, sealed: false, done: 0 }
}

/// A strip of 48 positions, of which these are free and all others somebody else's.
fn full_but(free: &[usize]) -> Strip {
    strip((0..48).map(|at| if free.contains(&at) { Entry::Free } else { of(9) }).collect())
}

#[test]
fn entries_as_bytes_there_and_back() {
    for (entry, bytes) in [(Entry::Free, [0]), (Entry::Removed, [1]), (Entry::Pad, [2])] {
        assert_eq!(entry.to_bytes(), bytes);
        assert_eq!(Entry::from_bytes(&bytes), Some(entry));
    }
    let own = Entry::Claim(claim(0, 2));
    assert_eq!(own.to_bytes(), claim(0, 2).to_bytes());
    assert_eq!(Entry::from_bytes(&own.to_bytes()), Some(own));
    for bad in [&[][..], &[3], &[0, 0], &[0; 15], &[0; 17]] {
        assert_eq!(Entry::from_bytes(bad), None, "{bad:?}");
    }
}

#[test]
fn positions_are_packed_into_runs() {
    let run = |first, len| SlotRun { strip: 7, first, len, width: 12 };
    assert_eq!(SlotRun::pack(7, 12, &[]), []);
    assert_eq!(SlotRun::pack(7, 12, &[5]), [run(5, 1)]);
    assert_eq!(SlotRun::pack(7, 12, &[0, 1, 2, 4, 6, 7]), [run(0, 3), run(4, 1), run(6, 2)]);
    assert_eq!(count(&SlotRun::pack(7, 12, &[0, 1, 2, 4, 6, 7])), 6);
    assert_eq!(count(&[]), 0);
    assert_eq!(run(6, 2).positions(), 6..8);
    assert_eq!(run(250, 10).positions(), 250..255, "no overflow");
}

#[test]
fn runs_as_bytes() {
    let runs = [
        SlotRun { strip: 0x0102_0304, first: 5, len: 6, width: 48 },
        SlotRun { strip: 0, first: 47, len: 1, width: 1 },
    ];
    assert_eq!(SlotRun::to_bytes(&runs), [1, 2, 3, 4, 5, 6, 48, 0, 0, 0, 0, 47, 1, 1]);
    assert_eq!(SlotRun::to_bytes(&[]), [0; 0]);
}

#[test]
fn a_list_has_room_up_to_its_end() {
    let empty = strip(vec![]);
    assert_eq!((empty.len(), empty.room(), empty.is_empty(), empty.has_room()), (0, STRIP_CARDS, true, true));
    let some = strip(vec![Entry::Pad, of(1)]);
    assert_eq!((some.len(), some.room(), some.is_empty(), some.has_room()), (2, 46, false, true));
    let full = full_but(&[]);
    assert_eq!((full.len(), full.room(), full.is_empty(), full.has_room()), (48, 0, false, false));
    assert!(full_but(&[20]).has_room(), "what was given back is room");
    for sealed in [full_but(&[20]), some] {
        assert!(!Strip { sealed: true, ..sealed }.has_room(), "nothing is claimed in a sealed strip");
    }
    assert_eq!(strip(vec![of(1); 300]).len(), u8::MAX, "longer than any list of ours, and no overflow");
}

#[test]
fn positions_of_an_entry_in_their_order() {
    let strip = strip(vec![Entry::Pad, of(1), Entry::Free, of(2), of(1), Entry::Free]);
    assert_eq!(strip.positions_of(of(1)), [1, 4]);
    assert_eq!(strip.positions_of(Entry::Free), [2, 5]);
    assert_eq!(strip.positions_of(Entry::Claim(claim(1, 1))), [0; 0], "another generation is another claim");
}

#[test]
fn a_card_is_done_where_its_bit_says_so() {
    let strip = Strip { done: 0b101 | 1 << 47, ..strip(vec![]) };
    let done: Vec<u8> = (0..=u8::MAX).filter(|at| strip.is_done(*at)).collect();
    assert_eq!(done, [0, 2, 47]);
}

#[test]
fn free_cards_come_before_fresh_ones_and_nothing_more_than_is_missing() {
    let me = claim(1, 0);
    let fresh = |take, len| Move::Append { take, len };
    assert_eq!(strip(vec![]).next_move(me, 2), fresh(2, 0));
    assert_eq!(strip(vec![of(2)]).next_move(me, 50), fresh(47, 1), "no more than there is room for");
    assert_eq!(strip(vec![Entry::Free, of(2), Entry::Free, Entry::Free]).next_move(me, 2), Move::Reuse(vec![0, 2]));
    assert_eq!(strip(vec![Entry::Free, of(2)]).next_move(me, 3), Move::Reuse(vec![0]), "first what is free");
    // What it holds already is not claimed a second time.
    assert_eq!(strip(vec![of(1), of(1)]).next_move(me, 2), Move::Enough);
    assert_eq!(strip(vec![of(1), of(1), of(1)]).next_move(me, 2), Move::Enough);
    assert_eq!(strip(vec![of(1), of(1)]).next_move(me, 3), fresh(1, 2));
    assert_eq!(strip(vec![of(1), Entry::Free]).next_move(me, 0), Move::Enough);
    assert_eq!(strip(vec![Entry::Claim(claim(1, 1))]).next_move(me, 1), fresh(1, 1), "held by another generation");
    assert_eq!(full_but(&[]).next_move(me, 1), Move::Full);
    assert_eq!(full_but(&[46]).next_move(me, 2), Move::Reuse(vec![46]));
}

#[test]
fn nothing_is_claimed_in_a_sealed_strip() {
    let me = claim(1, 0);
    for open in [strip(vec![]), strip(vec![of(2)]), full_but(&[46])] {
        let sealed = Strip { sealed: true, ..open };
        assert_eq!(sealed.next_move(me, 1), Move::Full);
    }
    let sealed = Strip { sealed: true, ..strip(vec![of(1)]) };
    assert_eq!(sealed.next_move(me, 1), Move::Enough, "what it holds there it holds");
}

#[test]
fn every_card_is_counted_once() {
    let entries = vec![Entry::Pad, Entry::Pad, of(1), of(2), of(2), Entry::Free, Entry::Removed];
    let tally = strip(entries).tally(|claim, position| claim.order == OrderId([2; 15]) && position == 4);
    assert_eq!(tally, Tally { imported: 46, free: 42, held: 2, sold: 1, removed: 1 });
    assert_eq!(tally.free + tally.held + tally.sold + tally.removed, tally.imported);
    let none = strip(vec![]).tally(|_, _| true);
    assert_eq!(none, Tally { imported: 48, free: 48, ..Tally::default() });
}

#[test]
fn tallies_of_strips_add_up() {
    let mut sum = Tally { imported: 10, free: 4, held: 3, sold: 2, removed: 1 };
    sum += Tally { imported: 100, free: 40, held: 30, sold: 20, removed: 10 };
    assert_eq!(sum, Tally { imported: 110, free: 44, held: 33, sold: 22, removed: 11 });
}
