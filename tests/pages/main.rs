//! The pages as HTML, without a browser: every state in its words, colours computed from the sheet, codes to scan, texts of
//! sellers and buyers that try to run.

mod look;
mod order;
