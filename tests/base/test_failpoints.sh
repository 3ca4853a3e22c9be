#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every failpoint that the source names is in the list of `r1 doctor --failpoints`, so that R1_FAILPOINT accepts it and tests
# that go through the list reach it. Each call's literals in lower case with dots and dashes are taken as names or stems.
set -euo pipefail
r1=$1
listed=$("$r1" doctor --failpoints)
calls='(file_write_all|file_writer_open|file_rename_durable|safetensors_write|model_folder_write_[a-z]*|[a-z_]*failpoint)'
missing=$(find src -name '*.c' ! -path 'src/base/*' -exec cat {} + | tr '\n' ' ' | grep -oE "$calls\([^;]*;" |
    grep -oE '"[a-z][a-z-]*(\.[a-z]+)?"' | tr -d '"' | grep -vE '\.(json|safetensors|jsonl|yaml|html)$' | sort -u |
    awk -v listed="$listed" '
        BEGIN { n = split(listed, names, "\n"); for (i = 1; i <= n; i++) { known[names[i]]; sub(/\.(write|sync|rename|dirsync)$/, "", names[i]); known[names[i]] } }
        !($0 in known)')
[ -z "$missing" ] && exit 0
echo "not in the list of base/failpoint.c:" $missing
exit 1
