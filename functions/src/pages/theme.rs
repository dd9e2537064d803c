//! The seller's colour, made readable.
