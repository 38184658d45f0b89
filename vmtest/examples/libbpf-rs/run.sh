#!/usr/bin/env bash
# Runs the tests of libbpf-rs, as its authors published them, in kernels of the lab, through `cargo test` with `vmtest runner`.
#
# usage: vmtest/examples/libbpf-rs/run.sh [--out DIR] [KERNEL…]      (default: 5.10 6.12 7.3)
#   VMTEST   the lab's program [default: the release build of this workspace]
#
# The crate comes from the registry by cargo. It brings its tests and the C sources of their BPF objects, and leaves it to who runs the
# tests to compile these: libbpf-sys, which it depends on, brings the headers. Needs cargo, clang, make, libelf-dev, zlib1g-dev, and QEMU.
set -euo pipefail

version=0.27.2
root=$(cd "$(dirname "$(readlink -f "$0")")/../../.." && pwd)
out=$root/out/libbpf-rs
kernels=()
while [ $# -gt 0 ]; do
    case $1 in
    --out)
        out=${2:?--out wants a folder}
        shift
        ;;
    -*)
        echo "usage: $0 [--out DIR] [KERNEL…]" >&2
        exit 2
        ;;
    *) kernels+=("$1") ;;
    esac
    shift
done
if [ ${#kernels[@]} -eq 0 ]; then kernels=(5.10 6.12 7.3); fi
vmtest=${VMTEST:-$root/target/x86_64-unknown-linux-gnu/release/vmtest}
if [ ! -x "$vmtest" ]; then
    echo "failed to find $vmtest; build it with: cargo build --release -p vmtest -p vmtest-guest" >&2
    exit 1
fi
mkdir -p "$out"
out=$(readlink -f "$out")

# This workspace links statically, and its settings reach into its folders; the tests are built as anybody would build them.
export RUSTFLAGS=
export CARGO_PROFILE_DEV_DEBUG=line-tables-only

# A crate that depends on it makes cargo fetch the sources, and generates the one skeleton that the tests include.
export CARGO_TARGET_DIR=$out/target
triple=x86_64-unknown-linux-gnu
if [ ! -d "$out/sources/libbpf-rs-$version" ]; then
    mkdir -p "$out/helper/src"
    cat >"$out/helper/Cargo.toml" <<TOML
[package]
name = "helper"
version = "0.0.0"
edition = "2021"
[dependencies]
libbpf-rs = "=$version"
libbpf-cargo = "=$version"
[workspace]
TOML
    cat >"$out/helper/src/main.rs" <<'RUST'
fn main() {
    let mut words = std::env::args().skip(1);
    let (object, skeleton) = (words.next().expect("an object"), words.next().expect("a place"));
    libbpf_cargo::SkeletonBuilder::new().obj(object).generate(skeleton).expect("a skeleton");
}
RUST
    (cd "$out/helper" && cargo vendor --quiet --versioned-dirs "$out/sources" >/dev/null)
fi
if [ ! -d "$out/libbpf-rs" ]; then
    cp -r "$out/sources/libbpf-rs-$version" "$out/libbpf-rs.new"
    # It is no member of the workspace around it.
    printf '\n[workspace]\n' >>"$out/libbpf-rs.new/Cargo.toml"
    mv "$out/libbpf-rs.new" "$out/libbpf-rs"
fi
# One test reads the sources of both crates, side by side as in their repository.
ln -sfn "sources/libbpf-cargo-$version" "$out/libbpf-cargo"

# The objects, at the places where the tests look for them.
libbpf=$(echo "$out"/sources/libbpf-sys-*/libbpf)
mkdir -p "$out/include"
ln -sfn "$libbpf/src" "$out/include/bpf"
vmlinux=$libbpf/.github/actions/build-selftests
for source in "$out"/libbpf-rs/tests/bin/src/*.bpf.c; do
    object=$out/libbpf-rs/tests/bin/$(basename "$source" .c).o
    if [ "$object" -nt "$source" ]; then continue; fi
    if ! clang -target bpf -D__TARGET_ARCH_x86 -O2 -g -I "$vmlinux" -I "$out/include" -idirafter "/usr/include/$(cc -dumpmachine)" \
        -c "$source" -o "$object" 2>"$object.log"; then
        echo "note: $(basename "$source") does not compile with this clang, and the tests that open it will fail: $object.log" >&2
        rm -f "$object"
    fi
done

# Variables in arenas are what clang compiles from version 19; with an older one their one test can't even be built.
clang_major=$(clang -dumpversion | cut -d. -f1)
skeleton=$out/libbpf-rs/tests/bin/arena.skel.rs
if [ "$clang_major" -lt 19 ]; then
    echo "note: clang is $clang_major, and test_arena wants 19: it is left out" >&2
    sed -i '/^mod test_arena;$/d' "$out/libbpf-rs/tests/test.rs"
elif [ ! "$skeleton" -nt "$out/libbpf-rs/tests/bin/arena.bpf.o" ]; then
    (cd "$out/helper" && cargo run --quiet --target "$triple" -- "$out/libbpf-rs/tests/bin/arena.bpf.o" "$skeleton")
fi

cd "$out/libbpf-rs"
# Built before anything boots.
cargo test --target "$triple" --test test --no-run
failed=0
for kernel in "${kernels[@]}"; do
    log=$out/$kernel.log
    echo "== $kernel" >&2
    status=0
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$vmtest runner --kernel $kernel" VMTEST_COPY='tests/bin/*.o src ../libbpf-cargo/src' \
        cargo test --target "$triple" --test test -- --test-threads 1 >"$log" 2>&1 || status=$?
    # Also what is not there is an answer: a run without a result is a failure of the lab.
    if ! grep '^test result:' "$log" | sed "s/^/$kernel: /"; then
        echo "$kernel: no result; the end of $log:" >&2
        tail -n 20 "$log" >&2
        exit 1
    fi
    grep -E '^test .* FAILED$' "$log" | sed "s/^/$kernel: /" || true
    if [ "$status" -ne 0 ]; then failed=1; fi
done
exit "$failed"
