//! Prints the C header, for `cargo xtask bless`.

fn main() {
    print!("{}", quell_wire::emit_c::header());
}
