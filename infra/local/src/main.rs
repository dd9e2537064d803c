//! Starts the local shop.
fn main() {}
