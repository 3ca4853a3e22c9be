#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A recipe of several stages: pretrain, grpo, reject, sft, eval. One digest a stage however it is run, killed anywhere; what has
# not changed is skipped, what has is done again; what is wrong is one line.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

# What every stage left: digests of models, the bytes of data and figures.
left() { "$r1" digest "$1"; }
outcomes() { sed -n 's/.*"stage": "\([a-z]*\)".*"outcome": "\(.*\)"}/\1 \2/p' | xargs; }

cat >"$work/g.yaml" <<'EOG'
name: small
seed: 3
stages:
  final: {stage: eval, model: "${stages.dev.model}", problems: 1, samples: 2, max_tokens: 12}
  base:
    stage: pretrain
    steps: 4
    tokens_per_step: 600
    shape: {hidden_size: 48, n_layers: 2, n_heads: 2, n_kv_heads: 1, head_dim: 24, ffn_size: 96, max_positions: 768}
    tokenizer: {vocab_size: 300, documents: 100}
    checkpoint: {every: 2}
  zero:
    stage: grpo
    model: models/base
    steps: 2
    prompts_per_step: 4
    group_size: 4
    max_completion_tokens: 48
    checkpoint: {every: 1}
  kept:
    stage: reject
    model: ${stages.zero.model}
    prompts: 24
    prompts_per_step: 10
    max_completion_tokens: 48
  dev:
    stage: sft
    model: ${stages.base.model}
    data: ${stages.kept.data}
    epochs: 2
    batch_size: 2
    max_length: 128
    checkpoint: {every: 1}
EOG
g=$work/g.yaml

# The plan, before anything is there: the order, figures for what is still to be made, nothing touched.
plan=$("$r1" run "$g" --out "$work/a" --dry-run --json 2>/dev/null)
is 'plan (stages in order)' 'base zero kept dev final' "$(sed -n 's/.*"stage": "\([a-z]*\)", "kind".*/\1/p' <<<"$plan" | xargs)"
is 'plan (states)' 5 "$(grep -c '"state": "runs", "skipped": false' <<<"$plan")"
is 'plan (figures)' 5 "$(grep '"kind"' <<<"$plan" | grep -c '"memory_bytes": [1-9].*"flops": [1-9].*"seconds": [0-9]')"
has 'plan (steps of data that is still to be made)' '"steps_estimated": true' "$(grep '"dev"' <<<"$plan")"
is 'plan (steps of what is counted now)' 4 "$(sed -n 's/.*"stage": "kept".*"steps": \([0-9]*\),.*/\1/p' <<<"$plan")"
is 'the seed of every stage' 6 "$("$r1" run "$g" --out "$work/a" --dry-run --set seed=77 | grep -c '^ *seed: 77$')"
has 'plan for people' 'to be done' "$("$r1" run "$g" --out "$work/a" --dry-run)"
[ ! -e "$work/a" ] || fail 'the dry run left a folder'

# A whole run; then it is finished, wherever it was moved to.
is 'outcomes' 'base done zero done kept done dev done final done' "$("$r1" run "$g" --out "$work/a" --json --quiet 2>/dev/null | outcomes)"
whole=$(left "$work/a")
is 'a digest a stage' 'base zero kept dev final' "$(sed -n 's/.*"stage": "\([a-z]*\)", "digest": "[0-9a-f]\{32\}".*/\1/p' <<<"$whole" | xargs)"
is 'the digest of a stage' "$("$r1" digest "$work/a/dev/model" | sed 's/.*"digest"/"digest"/')" "$(sed -n 's/.*"dev", //p' <<<"$whole")"
grep -q '"source": "sampled"}' "$work/a/kept/data/kept.jsonl" || fail 'nothing was kept'
gives 0 'is finished' run "$g" --out "$work/a" --verdicts "$work/a"
mv "$work/a" "$work/b"
is 'moved' 'base skipped zero skipped kept skipped dev skipped final skipped' "$("$r1" run "$g" --out "$work/b" --json 2>/dev/null | outcomes)"
is 'its own resolved recipe' 'base skipped zero skipped kept skipped dev skipped final skipped' \
    "$("$r1" run "$work/b/recipe.yaml" --out "$work/b" --json 2>/dev/null | outcomes)"
for words in '<svg' 'href="kept/report.html"' '5 of 5 stages done' 'What kept kept'; do
    has 'report' "$words" "$(cat "$work/b/report.html")"
done
before=$(cksum <"$work/b/report.html")
rm "$work/b/report.html"
"$r1" report "$work/b" >/dev/null
is 'report again' "$before" "$(cksum <"$work/b/report.html")"

# What moves no bit, moves no bit: another ISA, one thread, other memory, parallel items in reverse.
R1_THREADS=reversed R1_ISA=c "$r1" run "$g" --out "$work/c" --threads 2 --quiet --set stages.zero.micro_batch_tokens=100 \
    --set stages.kept.max_active=3 2>/dev/null
is 'plain C, two threads in reverse' "$whole" "$(left "$work/c")"

# A full disk, then a kill, at every failpoint that stages of a graph have of their own, in the order in which a run comes by them; and
# kills at some of the others. What was done is not done again.
dies() { # failpoint, option...: whatever the status
    local at=$1
    shift
    status=0
    { R1_FAILPOINT=$at "$r1" run "$g" --threads 1 --quiet "$@"; } >"$work/said" 2>&1 || status=$?
}
at_each() { # pattern, option...
    for at in $("$r1" doctor --failpoints | grep -E "^($1)\."); do
        case $at in
        data.dirsync | results-folder.dirsync | previous.dirsync) ;; # the name is there by then, and is not met a second time
        *)
            dies "$at=enospc" "${@:2}"
            is "full disk at $at" 3 $status
            grep -q 'No space left on device' "$work/said" || fail "full disk at $at: $(cat "$work/said")"
            ;;
        esac
        dies "$at=kill" "${@:2}"
        is "killed at $at" 137 $status
    done
}
at_each 'graph|inputs' --out "$work/d"
for at in recipe.rename tokenizer.rename checkpoint.rename@2 final.rename store.committed checkpoint-model.sync store.begin@2 \
    metrics.write@2; do
    dies "$at=kill" --out "$work/d"
    is "killed at $at ($(cat "$work/said"))" 137 $status
done
at_each 'kept|dropped|data' --out "$work/d"
at_each 'results' --out "$work/d"
at_each 'results-folder' --out "$work/d"
gives 0 '' run "$g" --out "$work/d" --quiet
is 'killed again and again' "$whole" "$(left "$work/d")"
for seconds in 0.2 0.5 0.8 1.2 1.6; do
    timeout -s KILL $seconds "$r1" run "$g" --out "$work/e" --quiet >/dev/null 2>&1 || true
done
gives 0 '' run "$g" --out "$work/e" --quiet
is 'killed at any time' "$whole" "$(left "$work/e")"
is 'leftovers' '' "$(find "$work/d" "$work/e" -name '*.tmp-*')"

# Other inputs: that stage and what reads from it, and only if what it reads has changed.
changed=$("$r1" run "$g" --out "$work/b" --dry-run --json --set stages.kept.seed=9 2>/dev/null)
is 'plan after a change' 'skipped skipped runs-again waits waits' \
    "$(sed -n 's/.*"state": "\([a-z ]*\)".*/\1/p' <<<"$changed" | tr ' ' '-' | sed 's/^done$/skipped/' | xargs)"
at_each previous --out "$work/b" --set stages.kept.seed=9
is 'a stage with another key' 'base skipped zero skipped kept done dev done final done' \
    "$("$r1" run "$g" --out "$work/b" --json --quiet --set stages.kept.seed=9 2>/dev/null | outcomes)"
[ -s "$work/b/previous/kept/data/kept.jsonl" ] || fail 'what the stage was is gone'
is 'a changeable key' 'base skipped zero skipped kept skipped dev skipped final skipped' \
    "$("$r1" run "$g" --out "$work/b" --json --quiet --set stages.kept.seed=9 --set stages.dev.checkpoint.keep=9 2>/dev/null | outcomes)"
"$r1" run "$g" --out "$work/b" --quiet 2>/dev/null
is 'and back' "$whole" "$(left "$work/b")"
printf 'x' >>"$work/b/kept/data/kept.jsonl"
gives 2 'kept.jsonl:' run "$g" --out "$work/b" --quiet
rm -r "$work/b/kept/data"
is 'an output that is gone is made again' 'base skipped zero skipped kept done dev skipped final skipped' \
    "$("$r1" run "$g" --out "$work/b" --json --quiet 2>/dev/null | outcomes)"
is 'made again' "$whole" "$(left "$work/b")"

# Stages that read a teacher, preferences, a judge: planned before any of it is there, then run; what reads a file that changed is done
# again.
for i in 1 2 3 4 5 6; do printf '{"prompt": "User: What is %s + 1?\\nAssistant:", "chosen": " %s", "rejected": " no"}\n' $i $((i + 1)); done \
    >"$work/pairs.jsonl"
cat >"$work/k.yaml" <<EOG
name: kinds
stages:
  says: {stage: eval, model: "\${stages.better.model}", data: tests/data/evaluation/ifeval.jsonl, samples: 2, max_tokens: 8}
  taste: {stage: reward-model, model: "\${stages.student.model}", data: $work/pairs.jsonl, batch_size: 2, max_length: 64}
  better: {stage: dpo, model: "\${stages.student.model}", data: $work/pairs.jsonl, batch_size: 2, max_length: 64}
  student:
    stage: distill
    teacher: \${stages.teacher.model}
    steps: 2
    data: $work/texts.jsonl
    batch_size: 1
    max_length: 64
    shape: {hidden_size: 32, n_layers: 1, n_heads: 2, n_kv_heads: 1, head_dim: 16, ffn_size: 32, max_positions: 512}
  teacher:
    stage: pretrain
    steps: 1
    tokens_per_step: 300
    tokens_per_step_final: 300
    shape: {hidden_size: 32, n_layers: 1, n_heads: 2, n_kv_heads: 1, head_dim: 16, ffn_size: 64, max_positions: 512}
    tokenizer: {vocab_size: 300, documents: 50}
EOG
printf '{"prompt": "User: 1 + 1?\\nAssistant:", "completion": " 2"}\n' >"$work/texts.jsonl"
plan=$("$r1" run "$work/k.yaml" --out "$work/k" --dry-run --json 2>/dev/null)
is 'kinds (order)' 'teacher student taste better says' "$(sed -n 's/.*"stage": "\([a-z]*\)", "kind".*/\1/p' <<<"$plan" | xargs)"
is 'kinds (figures)' 5 "$(grep '"kind"' <<<"$plan" | grep -c '"memory_bytes": [1-9].*"flops": [1-9].*"seconds": [0-9]')"
is 'kinds (steps of epochs)' 2 "$(grep -E '"(taste|better)", "kind"' <<<"$plan" | grep -c '"steps_estimated": true')"
gives 2 'has a scalar head' run "$work/k.yaml" --out "$work/k" --set 'stages.says.model=${stages.taste.model}'
gives 2 'model: ' run "$work/k.yaml" --out "$work/k" --set stages.better.model=models/none
is 'kinds' 'teacher done student done taste done better done says done' \
    "$("$r1" run "$work/k.yaml" --out "$work/k" --json --quiet 2>/dev/null | outcomes)"
printf '{"prompt": "User: 8 + 1?", "chosen": " 9", "rejected": " 8"}\n' >>"$work/pairs.jsonl"
is 'kinds, after a change of pairs' 'teacher skipped student skipped taste done better done says done' \
    "$("$r1" run "$work/k.yaml" --out "$work/k" --json --quiet 2>/dev/null | outcomes)"

# An evaluation stage says what r1 eval says: published formats, a chat template, a judge.
cp -r models/base "$work/chat"
printf '{%% for m in messages %%}[{{ m.role }}] {{ m.content }} {%% endfor %%}[assistant]' >"$work/chat/chat_template.jinja"
figure() { sed -n "s|.*\"$1\": \([0-9.e-]*\)[,}].*|\1|p"; }
for set in ifeval.jsonl:auto open.jsonl:open; do
    data=tests/data/evaluation/${set%:*} format=${set#*:}
    rm -rf "$work/v"
    printf 'name: v\nseed: 3\nstages: {says: {stage: eval, model: %s, data: %s, format: %s, chat: true, judge: models/base, samples: 2, max_tokens: 16}}\n' \
        "$work/chat" $data $format >"$work/v.yaml"
    gives 0 '' run "$work/v.yaml" --out "$work/v" --quiet
    said=$("$r1" eval --model "$work/chat" --data $data --format $format --chat --judge models/base --k 2 --max-tokens 16 --seed 3 \
        --temperature 0.6 --top-p 0.95 --json 2>/dev/null)
    for name in pass@1 mean_length undecided instructions_strict instructions_loose; do
        is "$set: $name" "$(figure $name <<<"$said")" "$(figure $name <"$work/v/says/results/results.json")"
    done
done
gives 2 'belongs to the rows of a file' run "$work/v.yaml" --out "$work/x" --set 'stages.says.data=""'
gives 2 'give it as "judge"' run "$work/v.yaml" --out "$work/x" --set 'stages.says.judge=""'
gives 2 'judge: models/none' run "$work/v.yaml" --out "$work/x" --set stages.says.judge=models/none
gives 2 'no chat template' run "$work/v.yaml" --out "$work/x" --set stages.says.model=models/base

# Mistakes.
gives 2 '--set stages.zer: there is no stage "zer" (did you mean zero?)' run "$g" --out "$work/x" --set stages.zer.steps=3
wrong() { # words, sed script
    sed "$2" "$g" >"$work/w.yaml"
    gives 2 "$1" run "$work/w.yaml" --out "$work/x"
}
wrong 'w.yaml:22:12: model: there is no stage "zeor" (did you mean zero?)' 's/stages.zero.model/stages.zeor.model/'
wrong 'w.yaml:22:12: model: stage "zero" (grpo) has no model "data"; it has model' 's/stages.zero.model/stages.zero.data/'
wrong 'w.yaml:29:11: data: stage "zero" (grpo) has no data "model"; it has none' 's/stages.kept.data/stages.zero.model/'
wrong 'w.yaml:22:12: model: write what another stage leaves as ${stages.NAME.OUTPUT}' 's/{stages.zero.model}/{zero.model}/'
wrong 'w.yaml:14:11: data: the stages go round in a circle: zero, which reads from kept, which reads from zero' \
    's/model: models.base/data: "${stages.kept.data}"\n    model: models\/base/'
wrong 'w.yaml:5:3: stages: "a b" cannot name a stage' 's/^  base:/  a b:/'
wrong 'w.yaml:5:3: stages: "previous" is where' 's/^  base:/  previous:/'
wrong 'w.yaml:7:5: unknown key "stps" (did you mean steps?)' 's/    steps: 4/    stps: 4/'
wrong 'w.yaml:2:1: unknown key "sed"' 's/^seed: 3/sed: 3/'
wrong 'w.yaml:6:12: stage: "pretrian" is not one of' 's/stage: pretrain/stage: pretrian/'
wrong 'out: the folder of a stage' 's/    steps: 4/    steps: 4\n    out: here/'
printf 'stages: 3\n' >"$work/w.yaml"
gives 2 'w.yaml:1:9: stages: give a map' run "$work/w.yaml" --out "$work/x"
gives 2 'data: none.jsonl: there is no such file' run "$g" --out "$work/x" --set stages.dev.data=none.jsonl
[ ! -e "$work/x" ] || fail 'a refused run left a folder'
gives 2 'these keys differ: name' run "$g" --out "$work/b" --set name=other
gives 2 'holds a run of one stage' run "$g" --out "$work/b/base"
gives 2 'there is no stage' run "$g" --out "$work/b" --set stages.zeor.steps=1
printf '{"digest": 3}' >"$work/b/dev/inputs.json"
gives 2 'inputs.json' run "$g" --out "$work/b"
rm "$work/b/dev/inputs.json"
gives 2 'holds files but no inputs.json' run "$g" --out "$work/b"
mkdir "$work/f"
mkdir "$work/f/zero"
gives 2 'holds "zero" but no recipe.yaml' run "$g" --out "$work/f"
