//! The kernel side: C sources, and the compiled objects as bytes
