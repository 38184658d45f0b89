//! Compiled objects, packed: unpacked they would be most of the agent, and a run needs two or three of them.

use std::sync::LazyLock;

/// An object as `build.rs` packed it, unpacked when it is first looked at.
pub type Object = LazyLock<Vec<u8>>;

/// Bytes that are not packed, which only a broken build makes, become an object of no bytes, which no loader takes.
pub(crate) fn unpack(packed: &[u8]) -> Vec<u8> {
    miniz_oxide::inflate::decompress_to_vec_zlib(packed).unwrap_or_default()
}

/// The object with this name.
macro_rules! packed {
    ($name:literal) => {
        $crate::packed::Object::new(|| {
            $crate::packed::unpack(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".bpf.o.z")))
        })
    };
}
pub(crate) use packed;
