#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `r1 run`, `r1 pretrain`, `r1 grpo` and `r1 replay` as a person meets them: folders, statuses, signals, full disks, output.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"
mounted=
trap '[ -z "$mounted" ] || umount "$mounted"; rm -rf "$work"' EXIT

files() { (cd "$1" && find . -type f ! -name lock | sort | xargs -r cksum); } # names, sizes and sums of all files below
digest() { "$r1" digest "$1"; }

cat >"$work/pre.yaml" <<EOF
name: tiny
stage: pretrain
seed: 3
steps: 120
tokens_per_step: 600
learning_rate: 8e-3
warmup_steps: 4
micro_batch_tokens: 256
shape: {hidden_size: 48, n_layers: 2, n_heads: 2, n_kv_heads: 1, head_dim: 24, ffn_size: 96, max_positions: 768}
tokenizer: {vocab_size: 300, documents: 100}
checkpoint: {every: 60}
EOF
cat >"$work/grpo.yaml" <<EOF
name: tiny
stage: grpo
seed: 5
model: $work/base/model
steps: 4
prompts_per_step: 4
group_size: 6
minibatches: 2
max_completion_tokens: 64
learning_rate: 2e-3
kl_coef: 0.05
micro_batch_tokens: 96
checkpoint: {every: 1, keep: 2}
EOF
"$r1" run "$work/pre.yaml" --out "$work/base" --quiet 2>/dev/null
g=$work/grpo.yaml

# The dry run says what it would take and touches nothing.
before=$(files "$work")
plan=$("$r1" run "$g" --out "$work/a" --dry-run)
has 'dry run' 'group_size: 6' "$plan"
has 'dry run' 'memory ' "$plan"
has 'dry run' 'TFLOP' "$plan"
has 'dry run' 'time ' "$plan"
is 'dry run (folders)' no "$([ -e "$work/a" ] && echo yes || echo no)"
plan=$("$r1" run "$g" --out "$work/a" --dry-run --json 2>/dev/null)
is 'dry run as JSON (lines)' 1 "$(wc -l <<<"$plan")"
has 'dry run as JSON' '"memory_bytes": ' "$plan"
is 'dry run (files)' "$before" "$(files "$work")"

# With --json stdout holds JSON alone; in a pipe progress is plain lines on stderr.
out=$("$r1" run "$g" --out "$work/a" --json 2>"$work/said")
is 'JSON output' "{\"folder\": \"$work/a\", \"outcome\": \"done\"}" "$out"
has 'progress' 'step 4/4' "$(cat "$work/said")"
whole=$(digest "$work/a/checkpoints/step-000004")
[ "$(digest "$work/a/model")" != "$(digest "$work/base/model")" ] || fail 'the run has learnt nothing'
is 'model/ is the last checkpoint' "$(digest "$work/a/model" | cut -d, -f1)" "$(cut -d, -f1 <<<"$whole")"
for name in recipe.yaml metrics.jsonl run.sqlite report.html events.out.tfevents.r1 model/config.json \
    checkpoints/step-000004/{optimizer.safetensors,state.json,manifest.json,tokenizer.json}; do
    [ -s "$work/a/$name" ] || fail "$name is missing"
done
is 'checkpoints kept' 'step-000003 step-000004' "$(ls "$work/a/checkpoints" | xargs)"

# Again: it is finished. Another recipe: refused, with the keys. Changeable keys: fine.
before=$(files "$work/a")
gives 0 'is finished' run "$g" --out "$work/a"
is 'finished run, JSON' "{\"folder\": \"$work/a\", \"outcome\": \"was finished\"}" "$("$r1" run "$g" --out "$work/a" --json)"
gives 2 'these keys differ: seed, steps, kl_coef.' run "$g" --out "$work/a" --set steps=5 --set kl_coef=0 --set seed=6
gives 2 'these keys differ: steps.' run "$g" --out "$work/a" --set steps=5 --dry-run
gives 2 'a run of another stage (grpo)' run "$work/pre.yaml" --out "$work/a"
gives 0 'is finished' run "$g" --out "$work/a" --threads 2 --set threads=1 --set micro_batch_tokens=2000 \
    --set max_active=3 --set checkpoint.every=2 --set checkpoint.keep=9
gives 0 'is finished' run "$work/a/recipe.yaml" --out "$work/a"
is 'finished run (files)' "$before" "$(files "$work/a")"

# What moves no bit, moves no bit.
"$r1" run "$g" --out "$work/b" --quiet --set micro_batch_tokens=2000 --set max_active=3 --set checkpoint.every=3 \
    --set recompute=true --threads 2 2>/dev/null
is 'digest with other memory knobs' "$whole" "$(digest "$work/b/checkpoints/step-000004")"
R1_THREADS=reversed "$r1" run "$g" --out "$work/reversed" --quiet 2>/dev/null
is 'digest when no item may lean on an earlier one' "$whole" "$(digest "$work/reversed/checkpoints/step-000004")"

# A run goes on with the tokenizer it began with, whatever stands in the start model's folder by then.
"$r1" run "$work/pre.yaml" --out "$work/corpus-9" --quiet --set corpus.seed=9 --set steps=1 2>/dev/null
cmp -s "$work/base/model/tokenizer.json" "$work/corpus-9/model/tokenizer.json" && fail 'two corpora, one tokenizer'
cp -r "$work/base/model" "$work/start"
status=0
{ R1_FAILPOINT=checkpoint.rename@3=kill "$r1" run "$g" --out "$work/moved" --quiet --set model="$work/start"; } 2>/dev/null || status=$?
is 'killed before its third checkpoint (status)' 137 $status
cp "$work/corpus-9/model/"* "$work/start/"
"$r1" run "$g" --out "$work/moved" --quiet --set model="$work/start" 2>/dev/null
is 'digest after the start model changed' "$whole" "$(digest "$work/moved/checkpoints/step-000004")"
cmp "$work/base/model/tokenizer.json" "$work/moved/model/tokenizer.json" || fail 'the finished model has the other tokenizer'

# Folders of others are left as they are.
mkdir "$work/mine" "$work/theirs" "$work/foreign"
echo "my notes" >"$work/mine/notes.tmp-1.txt"
echo "stage: grpo" >"$work/theirs/recipe.yaml"
mkdir -p "$work/foreign/checkpoints/step-000100"
before=$(files "$work/theirs"; files "$work/foreign")
gives 2 'was not written by a run' run "$g" --out "$work/theirs"
gives 2 'holds "checkpoints" but no recipe.yaml' run "$g" --out "$work/foreign"
is "others' folders" "$before" "$(files "$work/theirs"; files "$work/foreign")"
"$r1" run "$g" --out "$work/mine" --quiet --set steps=1 2>/dev/null
is 'a file beside the run' 'my notes' "$(cat "$work/mine/notes.tmp-1.txt")"
gives 2 'is a file, a run needs a folder' run "$g" --out "$g"
gives 2 'there is no such folder' run "$g" --out "$work/none" --set model="$work/nothing"
is 'no folder of a bad recipe' no "$([ -e "$work/none" ] && echo yes || echo no)"
gives 2 "group_sise\" (did you mean group_size?)" run "$g" --out "$work/none" --set group_sise=4
gives 2 'No such file' run "$work/nothing.yaml"
gives 2 'something is missing' run
if [ -d /proc/self ]; then gives 2 '/proc/r1-run' run "$g" --out /proc/r1-run; fi
if [ "$(id -u)" != 0 ]; then
    mkdir -m 555 "$work/readonly"
    gives 3 'Permission denied' run "$g" --out "$work/readonly/run"
    gives 3 'Permission denied' run "$g" --out "$work/readonly"
fi

# SIGINT and SIGTERM: 130 and 143, nothing half-done, and it goes on to the same bytes. A second process is refused meanwhile.
interrupted() { # signal, status
    local out=$work/signal-$1 status=0
    "$r1" run "$g" --out "$out" --set steps=1000000 --set checkpoint.every=1 --quiet 2>"$work/said" &
    local process=$!
    # Any checkpoint: the first ones may have been rotated away before this looks.
    for _ in $(seq 600); do compgen -G "$out/checkpoints/step-??????" >/dev/null && break; sleep 0.05; done
    gives 2 "locked by process $process" run "$g" --out "$out" --set steps=1000000
    kill "-$1" $process
    wait $process || status=$?
    is "$1 (status; said: $(cat "$work/said"))" "$2" $status
    has "$1" "interrupted by SIG$1" "$(tail -n 1 "$work/said")"
    is "$1: half-written files" '' "$(find "$out" -name '*.tmp-*')"
    for checkpoint in "$out"/checkpoints/step-*; do "$r1" digest "$checkpoint" >/dev/null; done
    gives 2 'these keys differ: steps.' run "$g" --out "$out"
}
interrupted INT 130
interrupted TERM 143

# A disk that is really full: one line, and the run goes on when there is room again.
full=$work/full
mkdir "$full"
if mount -t tmpfs -o size=700k none "$full" 2>/dev/null; then
    mounted=$full
    status=0
    "$r1" run "$g" --out "$full/run" --quiet 2>"$work/said" || status=$?
    is "a full disk (status; said: $(cat "$work/said"))" 3 $status
    grep -q 'No space left on device\|disk is full' "$work/said" || fail "a full disk: $(cat "$work/said")"
    is 'a full disk: error lines' 1 "$(grep -c '^r1: ' "$work/said")"
    mount -o remount,size=64m "$full"
    "$r1" run "$g" --out "$full/run" --quiet 2>/dev/null
    is 'digest after a full disk' "$whole" "$(digest "$full/run/checkpoints/step-000004")"
    umount "$full"
    mounted=
else
    echo "skipped: a full disk (no permission to mount a tmpfs); failpoints stand in for it in recipe/resume"
fi

# The database is damaged: named, and nothing is lost.
cp -r "$work/a" "$work/damaged"
rm -r "$work/damaged/model"
printf 'rubbish rubbish rubbish' | dd of="$work/damaged/run.sqlite" conv=notrunc status=none
gives 2 'run.sqlite' run "$g" --out "$work/damaged"

# Completions made again.
lines=$("$r1" replay "$work/a" --step 4 2>"$work/said")
has 'replay says the cost' 'from the checkpoint of step 3: 0 steps to train again' "$(cat "$work/said")"
is 'replay (lines)' 24 "$(grep -c '"equal": true, "first_difference": null' <<<"$lines")"
is 'replay from the start' 24 "$("$r1" replay "$work/a" --step 2 --threads 2 2>/dev/null | grep -c '"equal": true')"
is 'replay of one' '{"step": 1, "prompt": 2, "completion": 3, "equal": true, "first_difference": null}' \
    "$("$r1" replay "$work/a" --step 1 --prompt 2 --completion 3 --json 2>/dev/null)"
gives 2 'holds no completions of step 5' replay "$work/a" --step 5
gives 2 'none of this prompt and completion' replay "$work/a" --step 1 --prompt 4
gives 2 'pretrain run samples no completions' replay "$work/base" --step 1
gives 2 'is it a run folder?' replay "$work" --step 1
cp -r "$work/a" "$work/other"
sed -i 's/^seed: 5/seed: 6/' "$work/other/recipe.yaml"
status=0
lines=$("$r1" replay "$work/other" --step 4 2>/dev/null) || status=$?
is 'replay of another run (status)' 1 $status
has 'replay of another run' '"equal": false, "first_difference": 0' "$lines"

# Recipes of one stage without a file.
printf '%s\n' '{"id":"a","question":"What is 2+3?","answer":"5"}' '{"id":7,"prompt":"Say 4","answer":4}' \
    '{"prompt":"Reach 24","check":"make 24 3 5 9"}' >"$work/d.jsonl"
"$r1" grpo --model "$work/base/model" --data "$work/d.jsonl" --out "$work/rows" --quiet --set steps=3 \
    --set prompts_per_step=2 --set group_size=3 --set max_completion_tokens=24 --set entropy_coef=0.01 2>/dev/null
is 'replay of rows' 6 "$("$r1" replay "$work/rows" --step 3 2>/dev/null | grep -c '"equal": true')"
gives 2 'd2.jsonl' grpo --model "$work/base/model" --data "$work/d2.jsonl" --out "$work/rows2"
gives 2 '--model' grpo --out "$work/rows2"
gives 0 'is done' pretrain --out "$work/pre" --set steps=2 --set shape.hidden_size=32 --set shape.head_dim=8 \
    --set shape.n_layers=1 --set tokenizer.documents=50 --set tokenizer.vocab_size=280 --set checkpoint.every=1
