//! Back and forth.
