#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The first 20 steps of recipes/base.yaml end in a known digest, whatever the machine: a change that moves a bit of the corpus, the
# tokenizer, the decoder or the optimiser is seen here. (When such a change is meant, models/base has to be made again.)
set -euo pipefail
r1=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$r1" run recipes/base.yaml --out "$folder/run" --set steps=20 --set eval.every=0 --quiet
got=$("$r1" digest "$folder/run/checkpoints/step-000020")
want='{"digest": "4b0afe7b68a7dc1076f633a66d9dc83b", "optimizer_digest": "78ec90061fcb3d804cd356c304a419c0"}'
if [ "$got" != "$want" ]; then
    echo "20 steps of recipes/base.yaml: got $got, want $want"
    exit 1
fi
