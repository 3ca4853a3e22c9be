#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# setup.sh [build|format|check]: installs the Debian packages that are missing, and only those.
#   build   (default) what `make test` and `make zero` need
#   format  and clang-format
#   check   and clang with its sanitizers
# What is there is found by looking for the tool or the library itself, so nothing is asked of a system that has its own.
set -euo pipefail

wanted=${1:-build}
missing=()
names=()

# need PACKAGE WHAT PROBE...: notes PACKAGE as missing unless PROBE succeeds.
need() {
    local package=$1 what=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    missing+=("$package")
    names+=("$what")
}
has_header() { echo "#include <$1>" | "${CC:-cc}" -E -; }
exact_arithmetic() { has_header flint/fmpz_mpoly_q.h || { has_header calcium/qqbar.h && has_header acb.h; }; }
library() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
c_headers() { echo '#include <stdlib.h>' | "${CC:-cc}" -E -; }
c_compiler() { command -v "${CC:-cc}"; }
clang_sanitizer() { echo 'int main(void) { return 0; }' | "$(tools/find-tool.sh clang)" -fsanitize=address -x c - -o /dev/null; }

cd "$(dirname "$0")/.."
need gcc "a C compiler (gcc 12 or clang 14, or newer)" c_compiler
need libc6-dev "the C library's headers" c_headers
need cmake "cmake 3.25 or newer" command -v cmake
need ninja-build ninja command -v ninja
need pkg-config pkg-config command -v pkg-config
need libjansson-dev jansson library jansson
need libfyaml-dev libfyaml library libfyaml
need libpcre2-dev pcre2 library libpcre2-8
need libutf8proc-dev utf8proc library libutf8proc
need libsqlite3-dev sqlite3 library sqlite3
need libxxhash-dev xxhash library libxxhash
need zlib1g-dev zlib library zlib
need libseccomp-dev libseccomp library libseccomp
need libflint-dev "flint 3, or flint 2.9 with arb, antic and calcium" exact_arithmetic
need libcmocka-dev cmocka library cmocka
need bubblewrap "bubblewrap (the sandbox of code rewards)" command -v bwrap
if [ "$wanted" = format ] || [ "$wanted" = check ]; then
    need clang-format clang-format tools/find-tool.sh clang-format
fi
if [ "$wanted" = check ]; then
    need clang clang tools/find-tool.sh clang
    need libclang-rt-dev "clang's sanitizers" clang_sanitizer
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup: this is not a Debian system, so please install by its own means:" >&2
    printf '  %s\n' "${names[@]}" >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing packages, and neither root nor sudo to install them. As root:" >&2
        echo "  apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@" </dev/null; }

echo "setup: installing ${missing[*]}"
apt update || echo "setup: the package lists could not be renewed; trying those that are here" >&2
# FLINT 3 holds what older systems have as three more libraries.
for package in "${missing[@]}"; do
    if [ "$package" = libflint-dev ] && apt-cache policy libflint-dev | grep -q 'Candidate: [0-9:]*2\.'; then
        missing+=(libflint-arb-dev libantic-dev libcalcium-dev)
    fi
done
# The sanitizers' package carries clang's version in its name; which one that is, the lists say.
for i in "${!missing[@]}"; do
    if [ "${missing[$i]}" = libclang-rt-dev ]; then
        version=$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
        missing[i]="libclang-rt-$version-dev"
    fi
done
apt install -y --no-install-recommends "${missing[@]}" || {
    echo "setup: could not install ${missing[*]}" >&2
    exit 1
}
