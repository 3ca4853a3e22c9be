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
want='{"digest": "b327d10293ef5824571c1fa63f9bce21", "optimizer_digest": "6942915097c8735204c3ce1a0aeb49a3"}'
if [ "$got" != "$want" ]; then
    echo "20 steps of recipes/base.yaml: got $got, want $want"
    exit 1
fi
