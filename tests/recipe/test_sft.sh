#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Supervised fine-tuning: one digest however it is run, what is trained and what not, and what is said about bad data.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

small_base "$work/base"
model=$work/base/model
"$r1" tasks sum --n 60 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "completion": " <think> I add. <\/think> <answer> \2 <\/answer>"}/' >"$work/data.jsonl"
is 'rows of data' 60 "$(grep -c '^{"prompt": "User: .*answer>"}$' "$work/data.jsonl")"
head -n 8 "$work/data.jsonl" >"$work/validation.jsonl"

# run FOLDER OPTION...: two epochs of packs of at most 128 tokens.
run() {
    local out=$1
    shift
    "$r1" sft --model "$model" --data "$work/data.jsonl" --out "$out" --quiet --set epochs=2 --set batch_size=4 --set max_length=128 \
        --set learning_rate=3e-3 --set checkpoint.every=2 --set seed=7 "$@" 2>/dev/null
}

# One digest: threads, micro-batches, recomputation, the order of parallel items, kernels, kill and resume.
run "$work/a" --set validation.data="$work/validation.jsonl" --set validation.every=3
whole=$(digest "$work/a/model")
[ "$whole" != "$(digest "$model")" ] || fail 'nothing was learnt'
run "$work/b" --threads 1 --set micro_batch_tokens=1
is 'one thread, a sequence a micro-batch' "$whole" "$(digest "$work/b/model")"
run "$work/c" --threads 2 --set micro_batch_tokens=300 --set recompute=true
is 'two threads, recomputed' "$whole" "$(digest "$work/c/model")"
R1_THREADS=reversed run "$work/d" --set micro_batch_tokens=300
is 'parallel items in reverse' "$whole" "$(digest "$work/d/model")"
R1_ISA=c run "$work/e"
is 'plain C' "$whole" "$(digest "$work/e/model")"
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill run "$work/f"; } 2>/dev/null || status=$?
is 'killed (status)' 137 $status
run "$work/f"
is 'killed and resumed' "$whole" "$(digest "$work/f/model")"
[ "$(digest "$work/a/checkpoints/$(ls "$work/a/checkpoints" | tail -n 1)")" = \
    "$(digest "$work/f/checkpoints/$(ls "$work/f/checkpoints" | tail -n 1)")" ] || fail 'other optimiser state after resuming'

# What is trained: completions and their end, each once an epoch; ids are as good as text.
steps=$(metric "$work/a" step | tail -n 1)
n_tokens=$("$r1" tokenize --model "$model" --input <(sed 's/.*"completion": \("[^"]*"\)}/{"text": \1}/' "$work/data.jsonl") |
    tr -cd ',\n' | awk '{ n += length($0) + 2 } END { print n }') # commas + 1 ids, and the end
is 'tokens of two epochs' $((2 * n_tokens)) "$(metric "$work/a" num_tokens | tail -n 1)"
is 'epochs' 2 "$(metric "$work/a" epoch | tail -n 1)"
metric "$work/a" eval_loss | awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR >= 3 && last < 0.8 * first) }' ||
    fail "the validation loss does not fall: $(metric "$work/a" eval_loss | xargs)"
"$r1" tokenize --model "$model" --input <(sed 's/{"prompt": \("[^"]*"\).*/{"text": \1}/' "$work/data.jsonl") | sed 's/.*\(\[.*\]\).*/\1/' >"$work/prompts"
"$r1" tokenize --model "$model" --input <(sed 's/.*"completion": \("[^"]*"\)}/{"text": \1}/' "$work/data.jsonl") |
    sed 's/.*\[\(.*\)\].*/[\1, 0]/' >"$work/completions"
paste -d ' ' "$work/prompts" "$work/completions" | sed 's/^\(\[.*\]\) \(\[.*\]\)$/{"prompt_ids": \1, "completion_ids": \2}/' >"$work/ids.jsonl"
"$r1" sft --model "$model" --data "$work/ids.jsonl" --out "$work/g" --quiet --set epochs=2 --set batch_size=4 --set max_length=128 \
    --set learning_rate=3e-3 --set checkpoint.every=2 --set seed=7 2>/dev/null
is 'rows of ids' "$whole" "$(digest "$work/g/model")"
run "$work/h" --set prompt_weight=0.5
[ "$(digest "$work/h/model")" != "$whole" ] || fail 'prompt_weight does nothing'
run "$work/i" --set packing=none --set epochs=1
is 'updates of an epoch without packing' 15 "$(metric "$work/i" step | tail -n 1)"
[ "$steps" -lt 30 ] || fail "packing saves no update: $steps"

# Conversations go through the model's chat template; the answer behind the generation prompt is what is trained.
cp -r "$model" "$work/chat"
printf '%s' '{% for m in messages %}{{ m.role }}: {{ m.content.split("</think>")[-1] }}
{% endfor %}{% if add_generation_prompt %}assistant: <think>
{% endif %}' >"$work/chat/chat_template.jinja"
for i in 1 2 3 4; do
    printf '{"messages": [{"role": "user", "content": "%s?"}, {"role": "assistant", "content": "<think>\\nI add.</think> %s"}]}\n' $i $i >>"$work/messages.jsonl"
    printf '{"prompt": "user: %s?\\nassistant: <think>\\n", "completion": "I add.</think> %s"}\n' $i $i >>"$work/texts.jsonl"
done
for rows in messages texts; do
    said=$("$r1" sft --model "$work/chat" --data "$work/$rows.jsonl" --out "$work/from-$rows" --quiet --set epochs=1 --set batch_size=2 2>&1) ||
        fail "$said"
done
is 'conversations' "$(digest "$work/from-texts/model")" "$(digest "$work/from-messages/model")"
gives 2 'messages.jsonl:1: "messages": ' sft --model "$model" --data "$work/messages.jsonl" --out "$work/x"
printf '{"messages": [{"role": "user", "content": "a"}]}\n' >"$work/bad.jsonl"
gives 2 'bad.jsonl:1: "messages" must end with' sft --model "$work/chat" --data "$work/bad.jsonl" --out "$work/x"

"$r1" sft --model "$model" --data "$work/data.jsonl" --out "$work/steps" --quiet --set steps=1 2>/dev/null
is 'steps given alone' 1 "$(metric "$work/steps" step | tail -n 1)"

# Long rows: left out and counted, cut, or refused; what is wrong with a file names its line.
gives 2 'data.jsonl:1: ' sft --model "$model" --data "$work/data.jsonl" --out "$work/x" --set max_length=20 --set overlong=error
gives 2 'every one of its 60 rows is longer than max_length 8' sft --model "$model" --data "$work/data.jsonl" --out "$work/x" --set max_length=8
"$r1" sft --model "$model" --data "$work/data.jsonl" --out "$work/j" --set epochs=1 --set max_length=36 2>"$work/said"
grep -q 'examples are longer than max_length: [1-9][0-9]* left out, 0 cut; [1-9][0-9]* are used' "$work/said" || fail "$(cat "$work/said")"
sed '3s/.*/{"prompt": "a"}/' "$work/data.jsonl" >"$work/bad.jsonl"
gives 2 'bad.jsonl:3: expected "prompt" and "completion"' sft --model "$model" --data "$work/bad.jsonl" --out "$work/x"
sed '2s/.*/{"prompt_ids": [1, 99999], "completion_ids": [1]}/' "$work/data.jsonl" >"$work/bad.jsonl"
gives 2 'bad.jsonl:2: "prompt_ids"[1] is not an id from 0 to 319' sft --model "$model" --data "$work/bad.jsonl" --out "$work/x"
gives 2 'the key "data" is missing' run <(printf 'stage: sft\nmodel: %s\n' "$model")
gives 2 'none.jsonl' sft --model "$model" --data "$work/none.jsonl" --out "$work/x"
[ ! -e "$work/x" ] || fail 'a refused run left a folder'
gives 2 'a sft run samples no completions' replay "$work/a" --step 1
plan=$("$r1" sft --model "$model" --data "$work/data.jsonl" --out "$work/x" --set epochs=3 --set packing=none --set batch_size=20 --dry-run 2>&1)
case $plan in *'steps: 9'*) ;; *) fail "the dry run does not count steps: $plan" ;; esac
