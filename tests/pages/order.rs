//! An order in every state, its codes, its keys.
