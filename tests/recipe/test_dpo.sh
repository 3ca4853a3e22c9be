#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Preference optimisation: one digest however it is run, a first step at the reference itself, rows in all their forms, and what is said
# about bad data and a damaged reference.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

small_base "$work/base"
model=$work/base/model
"$r1" tasks sum --n 22 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "chosen": " \2", "rejected": " no, not \2"}/' >"$work/data.jsonl"
head -n 3 "$work/data.jsonl" >"$work/validation.jsonl"

# run FOLDER OPTION...: two epochs of 22 pairs, 8 an update: the last one has 6.
run() {
    local out=$1
    shift
    "$r1" dpo --model "$model" --data "$work/data.jsonl" --out "$out" --quiet --set epochs=2 --set batch_size=8 --set learning_rate=1e-3 \
        --set beta=0.2 --set label_smoothing=0.05 --set rpo_alpha=0.1 --set checkpoint.every=2 --set seed=7 "$@" 2>"$work/said" ||
        fail "$out: $(cat "$work/said")"
}

# One digest: threads, micro-batches that cut groups, recomputation, the order of parallel items, kernels, kill and resume.
run "$work/a" --set validation.data="$work/validation.jsonl" --set validation.every=3
whole=$(digest "$work/a/model")
run "$work/b" --threads 1 --set micro_batch_tokens=1
is 'one thread, a completion a micro-batch' "$whole" "$(digest "$work/b/model")"
R1_THREADS=reversed run "$work/c" --threads 2 --set micro_batch_tokens=100 --set recompute=true
is 'two threads in reverse, recomputed' "$whole" "$(digest "$work/c/model")"
R1_ISA=c run "$work/d"
is 'plain C' "$whole" "$(digest "$work/d/model")"
for point in reference-logprobs.{write,sync,rename,dirsync} checkpoint.rename@2; do
    status=0
    { R1_FAILPOINT=$point=kill "$r1" run "$work/a/recipe.yaml" --out "$work/e" --quiet; } 2>/dev/null || status=$?
    is "killed at $point (status)" 137 $status
done
cp -r "$work/e" "$work/killed"
said=$("$r1" run "$work/a/recipe.yaml" --out "$work/e" --quiet 2>&1) || fail "$said"
is 'killed and resumed' "$whole" "$(digest "$work/e/model")"
is 'leftovers' '' "$(ls "$work/e" | grep tmp || true)"
cmp "$work/a/reference-logprobs.safetensors" "$work/e/reference-logprobs.safetensors"

# It begins at its reference, and leaves it for the chosen ones.
is 'updates' '0 1 2 3 4 5 6' "$(metric "$work/a" step | xargs)"
for name in rewards/chosen rewards/rejected rewards/margins rewards/accuracies; do
    is "$name of the first update" 0 "$(metric "$work/a" $name | head -n 1)"
    is "eval_$name before it" 0 "$(metric "$work/a" eval_$name | head -n 1)"
done
for name in loss eval_loss rewards/margins eval_rewards/accuracies logps/chosen logps/rejected nll_loss entropy grad_norm epoch; do
    [ -n "$(metric "$work/a" $name)" ] || fail "no $name"
done
is 'epochs' 2 "$(metric "$work/a" epoch | tail -n 1)"
metric "$work/a" eval_loss | awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR == 3 && last < first) }' ||
    fail "the loss does not fall: $(metric "$work/a" eval_loss | xargs)"
metric "$work/a" rewards/margins | awk '{ last = $1 } END { exit !(last > 0) }' || fail 'no margin was learnt'
run "$work/plain" --set rpo_alpha=0 --set label_smoothing=0 --set epochs=1
is 'log 2' 0.6931471805599453 "$(metric "$work/plain" loss | head -n 1)"
run "$work/ipo" --set loss=ipo --set label_smoothing=0 --set rpo_alpha=0 --set epochs=1
is '(1 / 2 beta)^2' 6.25 "$(metric "$work/ipo" loss | head -n 1)"
run "$work/lora" --set lora.rank=4 --set epochs=1
is 'adapters begin at the reference' 0 "$(metric "$work/lora" rewards/margins | head -n 1)"
[ -e "$work/lora/model/adapter_model.safetensors" ] || fail 'no adapters were trained'

for title in 'Pairs in the right order' 'Reward margin'; do
    grep -q "$title" "$work/a/report.html" || fail "the report shows no \"$title\""
done

# Rows of ids and conversations are as good as texts.
column() { sed "s/.*\"$1\": \(\"[^\"]*\"\).*/{\"text\": \1}/" "$work/data.jsonl" | "$r1" tokenize --model "$model" | sed 's/.*\[\(.*\)\].*/\1/'; }
paste -d '|' <(column prompt) <(column chosen) <(column rejected) |
    sed 's/^\(.*\)|\(.*\)|\(.*\)$/{"prompt_ids": [\1], "chosen_ids": [\2, 0], "rejected_ids": [\3, 0]}/' >"$work/ids.jsonl"
run "$work/g" --set data="$work/ids.jsonl"
is 'rows of ids' "$whole" "$(digest "$work/g/model")"
cp -r "$model" "$work/chat"
printf '%s' '{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}' >"$work/chat/chat_template.jinja"
for i in 1 2 3 4; do
    user="{\"role\": \"user\", \"content\": \"$i?\"}" yes='{"role": "assistant", "content": "yes"}' no='{"role": "assistant", "content": "no"}'
    printf '{"prompt": "user: %s?\\nassistant: ", "chosen": "yes", "rejected": "no"}\n' $i >>"$work/texts.jsonl"
    printf '{"prompt": [%s], "chosen": [%s], "rejected": [%s]}\n' "$user" "$yes" "$no" >>"$work/messages.jsonl"
    printf '{"chosen": [%s, %s], "rejected": [%s, %s]}\n' "$user" "$yes" "$user" "$no" >>"$work/whole.jsonl"
done
for rows in texts messages whole; do
    run "$work/from-$rows" --set model="$work/chat" --set data="$work/$rows.jsonl"
    is "rows as $rows" "$(digest "$work/from-texts/model")" "$(digest "$work/from-$rows/model")"
done

# What cannot be learnt from is left out and counted; what is wrong names its line.
bad() { # words, line number, row
    sed "$2s/.*/$3/" "$work/data.jsonl" >"$work/bad.jsonl"
    gives 2 "$1" dpo --model "$model" --data "$work/bad.jsonl" --out "$work/x"
}
bad 'bad.jsonl:3: expected "prompt", "chosen" and "rejected"' 3 '{"prompt": "a"}'
bad 'bad.jsonl:3: "rejected" must be a text or a list of messages' 3 '{"prompt": "a", "chosen": "b"}'
bad 'bad.jsonl:2: "chosen" must end with {"role": "assistant"' 2 '{"chosen": [{"role": "user"}, {"role": "assistant"}], "rejected": []}'
bad 'bad.jsonl:2: "chosen" and "rejected" differ before their answers' 2 '{"prompt": "a", "chosen": [{"role": "user"}, {"role": "assistant", "content": "b"}], "rejected": "c"}'
bad 'bad.jsonl:2: "prompt" must be a text or a list of messages' 2 '{"prompt": 3, "chosen": "a", "rejected": "c"}'
bad 'bad.jsonl:2: "prompt_ids" without' 2 '{"prompt_ids": [1], "chosen_ids": [2]}'
bad 'bad.jsonl:2: rejected: "completion_ids"[0] is not an id from 0 to 319' 2 '{"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [999]}'
bad 'bad.jsonl:4: the prompt is empty' 4 '{"prompt": "", "chosen": "b", "rejected": "c"}'
gives 2 'no row can be learnt from: 22 are longer than max_length 8' dpo --model "$model" --data "$work/data.jsonl" --out "$work/x" --set max_length=8
sed '1s/"chosen": "[^"]*", "rejected": "[^"]*"/"chosen": "a", "rejected": "a"/' "$work/data.jsonl" >"$work/same.jsonl"
"$r1" dpo --model "$model" --data "$work/same.jsonl" --out "$work/same" --set epochs=1 --set max_length=22 2>"$work/said"
grep -qE '[1-9][0-9]* pairs are longer than max_length, [01] have two equal sides: left out; [1-9][0-9]* are used' "$work/said" || fail "$(cat "$work/said")"
gives 2 'label_smoothing: belongs to the sigmoid loss' dpo --model "$model" --data "$work/data.jsonl" --out "$work/x" --set loss=ipo --set label_smoothing=0.1
gives 2 'the key "data" is missing' run <(printf 'stage: dpo\nmodel: %s\n' "$model")
[ ! -e "$work/x" ] || fail 'a refused run left a folder'

# A run that goes on needs what it computed when it began, whole and of the same data.
again() { gives 2 "$1" run "$work/a/recipe.yaml" --out "$work/killed"; }
reference=$work/killed/reference-logprobs.safetensors
mv "$reference" "$work/kept"
again 'reference-logprobs.safetensors'
head -c 100 "$work/kept" >"$reference"
again 'reference-logprobs.safetensors'
cp "$work/plain/reference-logprobs.safetensors" "$reference"
again 'tensor "validation" is missing'
cp "$work/kept" "$reference"
cp "$work/data.jsonl" "$work/before.jsonl"
sed -i '5s/"rejected": "/"rejected": " well,/' "$work/data.jsonl"
again 'tensor "train" is of other pairs than the data holds'
cp "$work/before.jsonl" "$work/data.jsonl"
said=$("$r1" run "$work/a/recipe.yaml" --out "$work/killed" --quiet 2>&1) || fail "$said"
is 'mended and resumed' "$whole" "$(digest "$work/killed/model")"
plan=$("$r1" dpo --model "$model" --data "$work/data.jsonl" --out "$work/x" --set epochs=3 --set batch_size=8 --dry-run 2>&1)
case $plan in *'steps: 9'*) ;; *) fail "the dry run does not count steps: $plan" ;; esac
