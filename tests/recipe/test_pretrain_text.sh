#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pretraining on texts from the outside: the same model on any threads, memory and interruption; packed and plain files are the same; a
# model is trained on; a held-out loss; mistakes name their place.
set -euo pipefail
r1=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

small=(--set steps=6 --set tokens_per_step=300 --set shape.hidden_size=32 --set shape.head_dim=8 --set shape.ffn_size=64 --set shape.n_layers=2
    --set checkpoint.every=2 --set eval.every=3 --set text.context=64 --set text.held_out=0.2 --set text.section_bytes=1024
    --set tokenizer.vocab_size=400 --quiet)
digest() { "$r1" digest "$1/model" | sed 's/.*"digest": "\([0-9a-f]*\)".*/\1/'; }

cat docs/world.md docs/numerics.md >"$folder/text.txt"
gzip -c "$folder/text.txt" >"$folder/text.txt.gz"
"$r1" pretrain --data "$folder/text.txt" --out "$folder/a" "${small[@]}" --threads 1
want=$(digest "$folder/a")
grep -q '"step": 3,.*"eval_loss": [0-9.]*' "$folder/a/metrics.jsonl" || fail "no held-out loss at step 3"
grep -q '"step": 2,.*"eval_loss"' "$folder/a/metrics.jsonl" && fail "a held-out loss at step 2"

"$r1" pretrain --data "$folder/text.txt.gz" --out "$folder/b" "${small[@]}" --threads 3 --set micro_batch_tokens=70
[ "$(digest "$folder/b")" = "$want" ] || fail "threads, memory or packing moved the model"

# Killed while the tokens are written, then while a checkpoint is; the text is gone by the time it ends.
cp "$folder/text.txt" "$folder/gone.txt"
for point in tokens.write@2=kill tokens.sync=kill tokens.dirsync=kill tokens.rename@3=kill checkpoint-model.write@2=kill; do
    R1_FAILPOINT=$point "$r1" pretrain --data "$folder/gone.txt" --out "$folder/c" "${small[@]}" 2>/dev/null && fail "$point did not come"
    case $point in tokens*) [ ! -e "$folder/c/tokens" ] || fail "$point left half a folder" ;; esac
done
rm "$folder/gone.txt"
"$r1" pretrain --data "$folder/gone.txt" --out "$folder/c" "${small[@]}"
[ "$(digest "$folder/c")" = "$want" ] || fail "an interruption moved the model"
ls "$folder/c" | grep -q tmp- && fail "leftovers: $(ls "$folder/c")"

# A model and its tokenizer go on, and are not looked at again once there is a checkpoint.
cp -r models/base "$folder/start"
further=(--model "$folder/start" --data "$folder/text.txt" --set steps=3 --set tokens_per_step=200 --set learning_rate=1e-3 --set warmup_steps=0
    --set text.context=100 --set text.section_bytes=1024 --set eval.every=1 --set text.held_out=0.2 --set checkpoint.every=1 --quiet)
"$r1" pretrain --out "$folder/d" "${further[@]}"
R1_FAILPOINT=checkpoint.rename@2=kill "$r1" pretrain --out "$folder/e" "${further[@]}" 2>/dev/null && fail "no second checkpoint"
sed -i 's/"normalizer": *null/"normalizer": {"type": "NFC"}/' "$folder/start/tokenizer.json"
"$r1" pretrain --out "$folder/e" "${further[@]}"
[ "$(digest "$folder/e")" = "$(digest "$folder/d")" ] || fail "an interruption moved the model that went on"
cmp -s models/base/tokenizer.json "$folder/e/model/tokenizer.json" || fail "another tokenizer"
first=$(sed -n 's/.*"step": 0,.*"eval_loss": \([0-9.]*\).*/\1/p' "$folder/d/metrics.jsonl")
last=$(sed -n 's/.*"step": 3,.*"eval_loss": \([0-9.]*\).*/\1/p' "$folder/d/metrics.jsonl")
awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a) }' || fail "nothing learnt: $first to $last"

# refused WORDS ARGUMENTS...
refused() {
    local words=$1 status=0
    shift
    rm -rf "$folder/x"
    "$r1" pretrain "$@" --out "$folder/x" --quiet 2>"$folder/err" || status=$?
    [ $status = 2 ] || fail "status $status: $*"
    [ "$(wc -l <"$folder/err")" = 1 ] || fail "$(cat "$folder/err")"
    grep -qF "$words" "$folder/err" || fail "$(cat "$folder/err") (wanted: $words)"
}
printf '{"text": "a"}\n\n{"txt": "b"}\n' >"$folder/bad.jsonl"
: >"$folder/empty.txt"
refused "none.txt: No such file" --data "$folder/none.txt"
refused "empty.txt: holds no text" --data "$folder/empty.txt"
refused 'bad.jsonl:3: "text" is missing' --data "$folder/bad.jsonl"
refused "unless \`data\` names texts" --model models/base
refused "text.context: 2000 is more than" --data "$folder/text.txt" --set text.context=2000
refused "text.context: 2000 is more than the model's 1024 positions" --model models/base --data "$folder/text.txt" --set text.context=2000
