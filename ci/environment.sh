# Sourced by the doors: finds the root of the repository and the programs that a plain login shell may not see.
# shellcheck shell=bash

caller=$PWD
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

# mkfs.ext4 is in sbin, which Debian keeps from a user's PATH; rustup's folder is missing until the next login.
# Appended, so that whatever the caller chose still wins.
PATH=$PATH:/usr/sbin:/sbin:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
export PATH

# A path as the caller meant it, whatever the working directory is now.
from_caller() {
    (cd "$caller" && realpath --canonicalize-missing -- "$1")
}

# Where the tools are that check ci/deploy: another folder whenever what is to be in it changes. The kernels' cache outlives a
# checkout, and so do they.
schemas_dir() {
    local wanted
    wanted=$(sha256sum ci/deploy/requirements.txt | cut -c 1-12)
    echo "${QUELL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/quell}/schemas-$wanted"
}
