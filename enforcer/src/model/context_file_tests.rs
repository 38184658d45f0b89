//! Context files: their keys, what is left out, and that what is written is read.
