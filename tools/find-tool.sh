#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# find-tool.sh NAME: prints the command for clang or clang-format. The version that Debian 12 has comes first, so that layout
# and warnings are the same for everyone; else whatever this system calls NAME.
set -euo pipefail
for candidate in "$1-14" "$1" "$1-15" "$1-16" "$1-17" "$1-18" "$1-19" "$1-20"; do
    if command -v "$candidate" >/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "find-tool.sh: no $1 on this system; tools/setup.sh check installs it" >&2
exit 1
