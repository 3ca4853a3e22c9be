#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# recipes/r1.yaml, the whole of R1, a few steps a stage: it runs through, whatever kills it, to one digest a stage; the stages read what
# the paper says they read; the table of its models stands at the end and in the report. Then the stage `tasks` by itself.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

# The recipe as it is, of another base and with few steps.
sed 's#models/base-bilingual#models/base#' recipes/r1.yaml >"$work/r1.yaml"
sets=()
few() { # stage, key=value...
    local stage=$1 kv
    shift
    for kv in "$@"; do sets+=(--set "stages.$stage.$kv"); done
}
for s in zero dev2 r1; do few $s steps=2 prompts_per_step=4 group_size=4 max_completion_tokens=64 checkpoint.every=1; done
few r1 routes.helpful.from=2 routes.safety.from=2
few exam n=60
few rewrites n=48
few rewriter epochs=1 max_length=256
few cold_questions n=24
few cold prompts_per_step=12 max_completion_tokens=64 rewrite.samples=4 rewrite.max_tokens=160
few kept_questions n=24
few kept prompts_per_step=12 max_completion_tokens=64
for s in dev1 dev3; do few $s epochs=1 checkpoint.every=2; done
for s in helpful_replies safe_replies; do few $s n=8; done
for s in safety_labels helpful_truth; do few $s n=60; done
few judgements n=12
few judge_exam n=8
few helpful_candidates n=16 task_language=en
for s in judge_held_out helpful_pairs; do few $s asks=3 least=0.2 temperature=0.05 max_tokens=24; done
for s in qwen_base llama_base; do
    few $s steps=2 tokens_per_step=256 tokens_per_step_final=256 tokenizer.documents=200 tokenizer.vocab_size=300 checkpoint.every=1
done
for s in student_qwen student_llama; do few $s epochs=1; done
for s in $(sed -n 's/^  \(eval_[a-z0-9_]*\):$/\1/p' recipes/r1.yaml); do few "$s" problems=1 samples=1 general=1 max_tokens=32; done
# In a few steps nobody learns to judge: a smaller model learns to prefer the first place, in the words of the recipe.
small_base "$work/tiny"
"$r1" tasks helpful --judgements --n 80 --seed 2 --language both --prompt $'{question}\nA:{A}\nB:{B}\nVerdict:' |
    sed 's/"completion": .*, "A_reply"/"completion": " {\\"verdict\\": \\"A>B\\"}", "A_reply"/' >"$work/placer.jsonl"
few judge model="$work/tiny/model" data="$work/placer.jsonl" packing=none epochs=0 steps=120 batch_size=4 learning_rate=1e-2 checkpoint.every=60
run() { "$r1" run "$work/r1.yaml" "${sets[@]}" "$@"; }

# What the paper says of its stages: pairs are judged four times, kept above 1, lengths balanced; SFT starts from the base, both times; RL from the SFT before it.
plan=$(run --out "$work/a" --dry-run)
for pair in dev1:models/base 'dev2:${stages.dev1.model}' dev3:models/base; do
    stage=${pair%%:*}
    is "$stage starts from" "${pair#*:}" "$(awk -v s="  $stage:" '$0 == s { on = 1 } on && $1 == "model:" { print $2; exit }' <<<"$plan" | tr -d '"')"
done

paper=$("$r1" run "$work/r1.yaml" --out "$work/none" --dry-run | sed -n '/^  helpful_pairs:/,/^  [a-z_]*:$/p')
for key in 'stage: pairs' 'asks: 4' 'least: 1' 'balance: true' 'response: false' 'shuffle_labels: false'; do
    grep -qx "    $key" <<<"$paper" || fail "helpful_pairs has not $key: $paper"
done
# Each general route by its own reward model: helpfulness by the summary, safety by all of it (the paper's 3.1).
route() { sed -n "/^  r1:/,/^  [a-z_0-9]*:\$/p" recipes/r1.yaml | sed -n "/^      $1:/,/^      [a-z]*:\$/p"; }
for pair in 'helpful helpful_model summary' 'safety safety_model response'; do
    read -r name model part <<<"$pair"
    has "the route $name" 'model: 1' "$(route "$name")"
    has "the route $name" "reward_model: \${stages.$model.model}" "$(route "$name")"
    has "the route $name" "scored: $part" "$(route "$name")"
done
prompts=$(sed -n 's/^    prompt: \("..*"\)$/\1/p' <<<"$plan" | sort | uniq -c | awk '{ print $1 }')
is 'the judge is taught, examined and asked by one text' 3 "$prompts"

run --out "$work/a" >/dev/null 2>"$work/said" || fail "the whole run: $(tail -3 "$work/said")"
table=$(sed -n '/^model  *accuracy/,$p' "$work/said")
has 'the table' 'readable' "$table"
for model in base zero dev1 dev2 dev3 r1 student_qwen student_llama; do
    has "the table" "$model " "$table"
    grep -q "<td>$model</td>" "$work/a/report.html" || fail "the report's table has no $model"
done
figure() { sed -n "s|.*\"$1\": \([0-9.e-]*\).*|\1|p" "$work/a/eval_base/results/results.json"; }
for name in helpful/helpfulness helpful/right safety/harmless safety/safe readable en/pass@1 zh/pass@1; do
    awk -v x="$(figure $name)" -v e="$(figure "${name}_stderr")" 'BEGIN { exit !(x ~ /^[01]/ && x >= 0 && x <= 1 && e ~ /^[0-9]/ && e < 1) }' ||
        fail "eval_base: $name is $(figure $name) +- $(figure "${name}_stderr")"
done
awk -v a="$(figure safety/safe)" -v b="$(figure safety/harmless)" 'BEGIN { exit !(a <= b) }' || fail 'safe, and not harmless'
whole=$("$r1" digest "$work/a")
has 'rows have digests' '"exam", "digest": "' "$whole"

# The judge and the reward models are held against the truth, and the page says it.
# Two pairs a row of four candidates; pairs of one text twice are none.
count() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/a/judge_held_out/data/results.json"; }
[ "$(count pairs)" -gt 8 ] && [ "$(count pairs)" -le 16 ] || fail "a held-out judge was asked about $(count pairs) pairs"
is 'and all of them are accounted for' "$(count pairs)" $(($(count kept) + $(count undecided) + $(count unclear) + $(count unbalanced)))
[ "$(wc -l <"$work/a/helpful_pairs/data/pairs.jsonl")" -gt 0 ] || fail "no pairs: $(cat "$work/a/helpful_pairs/data/results.json")"
is 'the helpful model is measured on pairs by rule' 60 "$(sed -n 's/.*"eval_rows": \([0-9]*\).*/\1/p' "$work/a/helpful_model/metrics.jsonl" | tail -n 1)"
for s in judge_held_out helpful_pairs helpful_model safety_model; do
    sed -n '/id="judges"/,/<\/section>/p' "$work/a/report.html" | grep -q "<td>$s</td>" || fail "the page does not say what $s is worth"
done
share=$(sed -n 's/.*"eval_accuracy": \([0-9.]*\).*/\1/p' "$work/a/helpful_model/metrics.jsonl" | tail -n 1)
row=$(sed -n '/id="judges"/,/<\/section>/p' "$work/a/report.html" | grep '<td>helpful_model</td>')
has 'what the helpful model is worth' "$(awk -v x="$share" 'BEGIN { printf "%.1f%%", 100 * x }')" "$row"
has 'and whether that is enough' "$(awk -v x="$share" 'BEGIN { print (x >= 0.85 ? "can be relied on" : "has failed") }')" "$row"

# Killed here and there, then on one thread, in plain C, items in reverse.
for at in rows.sync@2 kept.sync pairs.sync data.rename@2 checkpoint.rename@2 results.rename@2; do
    status=0
    R1_FAILPOINT=$at=kill run --out "$work/b" --quiet >/dev/null 2>&1 || status=$?
    is "killed at $at" 137 $status
done
R1_THREADS=reversed R1_ISA=c run --out "$work/b" --threads 1 --quiet >/dev/null 2>&1 || fail 'going on'
is 'killed, and other hardware' "$whole" "$("$r1" digest "$work/b")"
is 'leftovers' '' "$(find "$work/b" -name '*.tmp-*')"

# The stage `tasks`: the rows that the command prints; the exam is what an evaluation of its seed asks; mistakes are one line.
cat >"$work/t.yaml" <<'EOG'
name: t
stages:
  pairs: {stage: tasks, task: helpful, rows: pairs, n: 5, seed: 3, task_language: both}
  exam: {stage: tasks, split: held-out, n: 60, task_language: both}
  asked: {stage: eval, model: models/base, problems: 1, samples: 1, max_tokens: 4, task_language: both}
EOG
"$r1" run "$work/t.yaml" --out "$work/t" --quiet 2>/dev/null
cmp "$work/t/pairs/data/rows.jsonl" <("$r1" tasks helpful --pairs --n 5 --seed 3 --language both)
checks=$(sed -n 's/.*"check": "\([^"]*\)".*/\1/p' "$work/t/exam/data/rows.jsonl" | sort -u)
is 'a problem and its translation have one check' 30 "$(wc -l <<<"$checks")"
while read -r check; do
    grep -aqF "$check" "$work/t/asked/run.sqlite" || fail "the exam has \"$check\", an evaluation of its seed did not ask that"
done <<<"$checks"
wrong() { # key=value, words
    local got=0 said
    said=$("$r1" run "$work/t.yaml" --out "$work/w" --set "stages.pairs.$1" 2>&1) || got=$?
    is "$1 (said: $said)" 2 $got
    has "$1" "$2" "$said"
}
wrong task=hlpful 'no task is called "hlpful"'
wrong task=pick 'replies and pairs are of a general task'
wrong rows=rewrites 'rewrites are drawn from all families'
wrong level=4 'helpful has levels 1 to 3'
wrong modle=x 'modle'

# The control: as many labels of each kind as before, and they say nothing; pairs are turned by a coin.
labels() { # rows, task, shuffle_labels
    printf 'name: c\nstages:\n  c: {stage: tasks, task: %s, rows: %s, n: 200, shuffle_labels: %s}\n' "$2" "$1" "$3" >"$work/c.yaml"
    rm -rf "$work/c"
    "$r1" run "$work/c.yaml" --out "$work/c" --quiet 2>/dev/null
    sed 's/.*"label": \([01]\).*/\1/; s/.*"chosen_helpfulness": \([0-9.]*\).*"rejected_helpfulness": \([0-9.]*\).*/\1 \2/' "$work/c/c/data/rows.jsonl"
}
labels responses safety false >"$work/told"
labels responses safety true >"$work/dealt"
is 'labels, shuffled' "$(sort "$work/told" | uniq -c)" "$(sort "$work/dealt" | uniq -c)"
cmp -s "$work/told" "$work/dealt" && fail 'the labels stand where they stood'
is 'pairs: the better one is chosen' 200 "$(labels pairs helpful false | awk '$1 > $2' | wc -l)"
turned=$(labels pairs helpful true | awk '$1 > $2' | wc -l)
[ "$turned" -gt 70 ] && [ "$turned" -lt 130 ] || fail "pairs, shuffled: the better one is chosen in $turned of 200"
