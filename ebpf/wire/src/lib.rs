//! The one definition of everything that crosses the kernel boundary
