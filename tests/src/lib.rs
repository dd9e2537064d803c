//! Helpers that every kind of test shares.
