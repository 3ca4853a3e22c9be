#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every failpoint that the source names is in the list of `r1 doctor --failpoints`, so that R1_FAILPOINT accepts it and tests
# that go through the list reach it. Each call's literals in lower case with dots and dashes are taken as names or stems.
set -euo pipefail
r1=$1
listed=$("$r1" doctor --failpoints)
calls='(file_write_all|file_writer_open|file_rename_durable|safetensors_write|model_folder_write_[a-z]*|[a-z_]*failpoint)'
status=0
while IFS=: read -r file name; do
    if ! grep -qxE "$name|$name\.(write|sync|rename|dirsync)" <<<"$listed"; then
        echo "$file: failpoint \"$name\" is not in the list of base/failpoint.c"
        status=1
    fi
done < <(for file in $(find src -name '*.c' ! -path 'src/base/*'); do
    tr '\n' ' ' <"$file" | grep -oE "$calls\([^;]*;" | grep -oE '"[a-z][a-z-]*(\.[a-z]+)?"' | tr -d '"' |
        grep -vE '\.(json|safetensors|jsonl|yaml|html)$' | sort -u | sed "s|^|$file:|" || true
done)
exit $status
