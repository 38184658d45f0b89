#!/usr/bin/env bash
# Installs what the doors need and this machine does not have. Idempotent: with nothing missing it says one line and
# does not touch the network. Rust is checked, never installed: which toolchain a machine has is its owner's choice.
#
# usage: ci/install.sh [--check] [--for lab|test]
#   --check     only say what is missing; exit 1 when something is
#   --for test  also needs rustfmt and clippy, what building kernels takes, a browser, and the schemas for ci/deploy
#               (default: lab)
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$(readlink -f "$0")")/environment.sh"

say() { printf 'install: %s\n' "$*"; }
fail() {
    printf 'install: failed: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '         %s\n' "$line" >&2; done
    exit 1
}

check_only=no
purpose=lab
while [ $# -gt 0 ]; do
    case $1 in
    --check) check_only=yes ;;
    --for)
        purpose=${2:-}
        shift
        ;;
    *) fail "unknown argument $1" "usage: ci/install.sh [--check] [--for lab|test]" ;;
    esac
    shift
done
case $purpose in lab | test) ;; *) fail "--for takes lab or test, not \`$purpose'" ;; esac

have() { command -v "$1" >/dev/null 2>&1; }
a_file() { [ -e "$1" ]; }

# clang must also know the bpf target; builds without it exist.
can_compile_bpf() { have "${QUELL_CLANG:-clang}" && "${QUELL_CLANG:-clang}" -target bpf -c -x c /dev/null -o /dev/null 2>/dev/null; }

# QEMU itself says where it looks for firmware.
has_firmware() {
    have qemu-system-x86_64 || return 1
    local directory
    while read -r directory; do
        if [ -e "$directory/$1" ]; then return 0; fi
    done < <(qemu-system-x86_64 -L help)
    return 1
}

# The kernels of trixie are signed with keys that older versions of the package do not hold.
has_recent_keys() {
    a_file /usr/share/keyrings/debian-archive-keyring.gpg || return 1
    local version
    version=$(dpkg-query --show --showformat '${Version}' debian-archive-keyring 2>/dev/null) || return 1
    dpkg --compare-versions "$version" ge 2023.3+deb12u2
}

# The distribution's own Python: another one in PATH may lack what its package does not.
can_make_venv() { /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; }

multiarch=/usr/lib/x86_64-linux-gnu
# Package, what has to be there, how that is checked.
needs=(
    "clang|a clang that compiles for bpf|can_compile_bpf"
    "llvm|llvm-strip|have ${QUELL_LLVM_STRIP:-llvm-strip}"
    "gcc|cc|have cc"
    "libc6-dev|a static C library|a_file $multiarch/libc.a"
    "linux-libc-dev|kernel headers|a_file /usr/include/linux/bpf.h"
    "libelf-dev|a static libelf|a_file $multiarch/libelf.a"
    "libelf-dev|the headers of libelf|a_file /usr/include/libelf.h"
    "zlib1g-dev|a static zlib|a_file $multiarch/libz.a"
    "zlib1g-dev|the headers of zlib|a_file /usr/include/zlib.h"
    "make|make|have make"
    "pkg-config|pkg-config|have pkg-config"
    "qemu-system-x86|qemu-system-x86_64|have qemu-system-x86_64"
    "qemu-system-data|QEMU's firmware qboot.rom|has_firmware qboot.rom"
    "e2fsprogs|mkfs.ext4|have mkfs.ext4"
    "xfsprogs|mkfs.xfs|have mkfs.xfs"
    "btrfs-progs|mkfs.btrfs|have mkfs.btrfs"
    "dosfstools|mkfs.vfat|have mkfs.vfat"
    "xz-utils|xz, which kernels' modules are packed with|have xz"
    "util-linux|setpriv|have setpriv"
    "coreutils|timeout|have timeout"
    "dpkg|dpkg-deb|have dpkg-deb"
    "tar|tar|have tar"
    "gpgv|gpgv, which apt checks signatures with|have gpgv"
    "debian-archive-keyring|Debian's archive keys, with those of trixie|has_recent_keys"
    "ca-certificates|certificate authorities, for cargo's downloads|a_file /etc/ssl/certs/ca-certificates.crt"
)

# The lab boots packaged kernels; the full tests also build some, and look at the page of a run.
if [ "$purpose" = test ]; then
    needs+=(
        "flex|flex|have flex"
        "bison|bison|have bison"
        "bc|bc|have bc"
        "binutils|objcopy|have objcopy"
        "pahole|pahole|have pahole"
        "python3-venv|Debian's Python with venv|can_make_venv"
        "chromium|chromium, which the page of a run is tried in|have chromium"
    )
fi

# Fills `missing` (what) and `packages` (where it comes from).
look() {
    missing=()
    packages=()
    local need package what check
    for need in "${needs[@]}"; do
        IFS='|' read -r package what check <<<"$need"
        # The check is one of the functions above with at most one word after it.
        # shellcheck disable=SC2086
        if ! $check; then
            missing+=("$what (package $package)")
            case " ${packages[*]} " in *" $package "*) ;; *) packages+=("$package") ;; esac
        fi
    done
}

check_machine() {
    [ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] || fail "this is $(uname -s) on $(uname -m)" \
        "The lab's guests and the enforcer are built for Linux on x86-64 only."
    local id='' version='' name=''
    if [ -r /etc/os-release ]; then
        # shellcheck disable=SC1091
        id=$(. /etc/os-release && echo "${ID:-}")
        # shellcheck disable=SC1091
        version=$(. /etc/os-release && echo "${VERSION_ID:-}")
        # shellcheck disable=SC1091
        name=$(. /etc/os-release && echo "${PRETTY_NAME:-}")
    fi
    # testing and sid have no VERSION_ID; they are newer than any release.
    if [ "$id" != debian ] || [ "${version:-99}" -lt 12 ] 2>/dev/null || ! have apt-get; then
        fail "this is ${name:-an unknown system}, and the doors need Debian 12 or newer with apt" \
            "The lab fetches its kernels with apt from Debian's archive and trusts Debian's own keys."
    fi
    # A newer static libelf may want more libraries (zstd) than are linked here; nothing is refused for that.
    if [ "$version" != 12 ]; then say "this is ${name:-$id}; only Debian 12 was tried"; fi
    if [ "$purpose" = test ] && [ "$(id -u)" -ne 0 ]; then
        fail "ci/test has to run as root" "The tests of the scenarios make PID namespaces, which needs root."
    fi
}

check_rust() {
    local wanted found how
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    [ -n "$wanted" ] || fail "Cargo.toml names no rust-version"
    how="Install Rust $wanted or newer with rustup (the toolchain installer of the Rust project), then run this again."
    have cargo && have rustc || fail "Rust is not installed: there is no cargo and rustc in PATH" "$how"
    found=$(rustc --version | awk '{print $2}')
    if [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort --version-sort | head -n 1)" != "$wanted" ]; then
        fail "rustc is $found, and $wanted or newer is needed" "$how"
    fi
    if [ "$purpose" = test ]; then
        cargo fmt --version >/dev/null 2>&1 || fail "cargo fmt does not work" "Add it with: rustup component add rustfmt"
        cargo clippy --version >/dev/null 2>&1 || fail "cargo clippy does not work" "Add it with: rustup component add clippy"
    fi
    rust=$found
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "installing packages needs root, and there is no sudo" "Run as root: apt-get install --no-install-recommends ${packages[*]}"
    fi
}

install_packages() {
    say "installing ${packages[*]}"
    export LC_ALL=C
    # The lists of a fresh machine or container are empty or old; without new ones apt would ask for files that are gone.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update ||
        fail "apt-get update" "Is there a network, and are the machine's apt sources right?"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${packages[@]}" ||
        fail "apt-get install ${packages[*]}" "What apt says is above."
}

# The schemas that ci/deploy is checked against come as Python packages, into a folder of their own.
has_schemas() { [ -e "$(schemas_dir)/complete" ]; }

install_schemas() {
    local directory
    directory=$(schemas_dir)
    say "installing the schemas of ci/deploy/requirements.txt into $directory"
    rm -rf "$directory"
    mkdir -p "$(dirname "$directory")"
    { /usr/bin/python3 -m venv "$directory" &&
        "$directory/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement ci/deploy/requirements.txt; } ||
        fail "pip install --requirement ci/deploy/requirements.txt" "What pip says is above. Does it reach a package index?"
    # Last: an installation that was interrupted is begun anew.
    touch "$directory/complete"
}

check_machine
check_rust
look
if [ ${#missing[@]} -gt 0 ]; then
    for one in "${missing[@]}"; do say "missing: $one"; done
    if [ "$check_only" = yes ]; then exit 1; fi
    install_packages
    hash -r
    look
    if [ ${#missing[@]} -gt 0 ]; then
        fail "apt installed its packages, and still missing: $(printf '%s; ' "${missing[@]}")" \
            "Is something of that name in PATH or in an environment variable that is not Debian's?"
    fi
fi
if [ "$purpose" = test ] && ! has_schemas; then
    if [ "$check_only" = yes ]; then
        say "missing: the schemas for ci/deploy (ci/deploy/requirements.txt)"
        exit 1
    fi
    install_schemas
fi
say "complete: ${#needs[@]} needs met, Rust $rust"
