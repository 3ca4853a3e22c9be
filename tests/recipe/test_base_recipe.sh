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
want='{"digest": "1b1a9ab90b38fc9d1ac76e3cb1a3d0c6", "optimizer_digest": "1fd5ae6b649531c62bb9e544e676279c"}'
if [ "$got" != "$want" ]; then
    echo "20 steps of recipes/base.yaml: got $got, want $want"
    exit 1
fi
