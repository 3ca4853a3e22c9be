#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The first steps of recipes/base.yaml and base-bilingual.yaml end in known digests, whatever the machine: a change that moves a bit of
# a corpus, the tokenizer, the decoder or the optimiser is seen here. (When such a change is meant, models/base or
# models/base-bilingual has to be made again.)
set -euo pipefail
r1=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
expect_digest() { # recipe, steps, digest, optimizer_digest, more settings...
    local recipe=$1 steps=$2 want="{\"digest\": \"$3\", \"optimizer_digest\": \"$4\"}" got
    shift 4
    "$r1" run "recipes/$recipe.yaml" --out "$folder/$recipe" --set steps="$steps" --set eval.every=0 --quiet "$@"
    got=$("$r1" digest "$folder/$recipe/checkpoints/step-$(printf %06d "$steps")")
    if [ "$got" != "$want" ]; then
        echo "$steps steps of recipes/$recipe.yaml: got $got, want $want"
        exit 1
    fi
}
expect_digest base 20 1b1a9ab90b38fc9d1ac76e3cb1a3d0c6 1fd5ae6b649531c62bb9e544e676279c
# schedule_steps stands in this recipe, so these are the very first steps of the run that models/base-bilingual is from.
expect_digest base-bilingual 12 9d11e4f76103a02c922560ae7efcccc3 4a8a20dbe05a7c0bd4e12b205a1cc37a
