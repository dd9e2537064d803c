//! What a buyer may ask of a product, what it costs, and in which order a wish is refused.

use domain::limits::{AMOUNT_MAX_MINOR, QUANTITY_MAX};
use domain::product::{Kind, Product, Unfit};
use domain::{AccountId, Currency, Money, ProductId};

fn account(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn product() -> Product {
    Product {
        id: ProductId::parse("p").unwrap(),
        name: "A card".to_owned(),
        kind: Kind::SingleUseKey,
        price: yuan(990),
        channels: vec![account("sandbox"), account("epay")],
        min_quantity: 2,
        max_quantity: 5,
        fields: vec![],
        review: false,
        on_sale: true,
        archived: false,
        version: 1,
    }
}

#[test]
fn a_wish_that_fits_costs_price_times_quantity() {
    for (quantity, minor) in [(2, 1_980), (3, 2_970), (5, 4_950)] {
        assert_eq!(product().price_of(quantity, &account("epay"), None), Ok(yuan(minor)));
        assert_eq!(product().price_of(quantity, &account("sandbox"), Some(yuan(990))), Ok(yuan(minor)));
    }
}

#[test]
fn each_thing_that_does_not_fit_has_its_name() {
    let sandbox = account("sandbox");
    let refused = |product: Product, quantity, seen| product.price_of(quantity, &sandbox, seen).unwrap_err();
    assert_eq!(refused(Product { on_sale: false, ..product() }, 2, None), Unfit::OffSale);
    assert_eq!(refused(Product { archived: true, ..product() }, 2, None), Unfit::OffSale);
    assert_eq!(refused(product(), 2, Some(yuan(989))), Unfit::PriceChanged);
    let dollars = Money { currency: Currency::parse("USD").unwrap(), ..yuan(990) };
    assert_eq!(refused(product(), 2, Some(dollars)), Unfit::PriceChanged);
    for quantity in [0, 1, 6, u32::MAX] {
        assert_eq!(refused(product(), quantity, None), Unfit::QuantityRange, "{quantity}");
    }
    assert_eq!(product().price_of(2, &account("other"), None), Err(Unfit::Channel));
    let dear = Product { price: yuan(AMOUNT_MAX_MINOR), ..product() };
    assert_eq!(refused(dear, 2, None), Unfit::AmountTooLarge);
}

#[test]
fn no_seller_may_allow_more_than_fits_into_an_order() {
    let many = Product { max_quantity: u32::MAX, ..product() };
    assert!(many.price_of(QUANTITY_MAX, &account("epay"), None).is_ok());
    assert_eq!(many.price_of(QUANTITY_MAX + 1, &account("epay"), None), Err(Unfit::QuantityRange));
}

/// Each row fits in nothing from its own fault on: the first fault is the answer.
#[test]
fn the_first_fault_is_the_answer() {
    let other = account("other");
    let dear = Product { price: yuan(AMOUNT_MAX_MINOR), ..product() };
    let off = Product { on_sale: false, ..dear.clone() };
    assert_eq!(off.price_of(9, &other, Some(yuan(1))), Err(Unfit::OffSale));
    assert_eq!(dear.price_of(9, &other, Some(yuan(1))), Err(Unfit::PriceChanged));
    assert_eq!(dear.price_of(9, &other, None), Err(Unfit::QuantityRange));
    assert_eq!(dear.price_of(2, &other, None), Err(Unfit::Channel));
    assert_eq!(dear.price_of(2, &account("epay"), None), Err(Unfit::AmountTooLarge));
}

#[test]
fn the_kind_has_a_word() {
    assert_eq!(Kind::SingleUseKey.as_str(), "single_use_key");
    assert_eq!(Kind::parse("single_use_key"), Some(Kind::SingleUseKey));
    for bad in ["", "reusable", "SINGLE_USE_KEY"] {
        assert_eq!(Kind::parse(bad), None);
    }
}
