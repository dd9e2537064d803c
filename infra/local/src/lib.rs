//! The whole world in one process: what `cargo run` starts.
