//! Every state and generation against every slot: what is evidence, what is final, and that both stay true for ever.

use domain::order::{Order, State};
use domain::stock::evidence::{is_final, owns, releasable};
use domain::{OrderId, ProductId};
use rules::orders::order;

/// The order's own slot is strip 0, position 47.
fn own(order: &Order, generation: u8) -> bool {
    releasable(order, generation, &order.product, 0, 47)
}

#[test]
fn a_claim_is_released_on_evidence_only() {
    for state in State::ALL {
        let order = Order { generation: 2, ..order(OrderId([1; 15]), state, false) };
        assert!(own(&order, 0) && own(&order, 1), "{state:?}: an older generation is over");
        assert!(!own(&order, 3), "{state:?}: a newer one may still be adopted");
        let ended = matches!(state, State::Expired | State::Late);
        assert_eq!(own(&order, 2), ended, "{state:?}");
        let live = matches!(state, State::Held | State::Paid | State::Review | State::Delivered);
        for (strip, position) in [(1, 47), (0, 46)] {
            let beside = releasable(&order, 2, &order.product, strip, position);
            assert_eq!(beside, ended || live, "{state:?} at {strip}, {position}");
        }
        let other = ProductId::parse("q").unwrap();
        assert_eq!(releasable(&order, 2, &other, 0, 47), ended || live, "{state:?} in another product");
    }
    let tombstone = order(OrderId([1; 15]), State::Void, false);
    assert!(own(&tombstone, 0));
    let raised = Order { generation: 1, ..tombstone };
    assert!(!own(&raised, 1), "a tombstone is evidence for generation 0 alone");
}

#[test]
fn a_claim_is_final_when_its_order_is_delivered_and_owns_it() {
    for state in State::ALL {
        let order = Order { generation: 2, ..order(OrderId([1; 15]), state, false) };
        let of = |generation, strip, position| is_final(&order, generation, &order.product, strip, position);
        assert_eq!(of(2, 0, 47), state == State::Delivered, "{state:?}");
        assert!(!of(1, 0, 47) && !of(3, 0, 47), "{state:?}: another generation");
        assert!(!of(2, 1, 47) && !of(2, 0, 46), "{state:?}: another's slot");
    }
}

#[test]
fn a_slot_is_product_strip_and_position() {
    let order = order(OrderId([1; 15]), State::Paid, false);
    assert!(owns(&order, &order.product, 0, 47));
    assert!(!owns(&order, &order.product, 1, 47) && !owns(&order, &order.product, 0, 46));
    assert!(!owns(&order, &ProductId::parse("q").unwrap(), 0, 47));
}
