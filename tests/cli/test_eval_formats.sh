#!/bin/bash
# SPDX-License-Identifier: MIT
# r1 eval on published formats: completions are forced by a grammar, so that what should be right is known; damaged rows; two
# models; judges.
set -u
r1=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
samples=tests/data/evaluation
# forced TEXT FILE OPTIONS...: every completion is TEXT (as a GBNF string); the JSON line stands in $dir/out.
forced() {
    printf 'root ::= "%s"\n' "$1" >"$dir/grammar"
    "$r1" eval --model models/base --data "$samples/$2" --k 2 --grammar "$dir/grammar" --json "${@:3}" >"$dir/out" 2>"$dir/err" ||
        fail "$2: $(head -c 400 "$dir/err")"
}
has() { grep -qF -- "$1" "$dir/out" || fail "no $1 in $(head -c 1500 "$dir/out")"; }

forced 'So it is \\boxed{\\frac{10}{12}}.' math500.jsonl --out "$dir/lines"
has '{"level": "1", "n": 1, "k": 2, "pass@1": 1,'
has '{"level": "2", "n": 2, "k": 2, "pass@1": 0,'
has '{"subject": "Prealgebra", "n": 1, "k": 2, "pass@1": 1,'
cmp -s "$dir/out" "$dir/lines" || fail "--out is not what --json prints"
forced 'The answer is 30.' aime.jsonl
has '"n": 2, "k": 2, "pass@1": 0.5, "stderr": 0.5, "pass@k": 0.5, "pass@k_stderr": 0.5, "cons@k": 0.5, "cons@k_stderr": 0.5'
forced '#### 72 is \\boxed{1000}' gsm8k.jsonl
has '"pass@1": 0.3333333333333333,'
forced 'Sides of a hexagon.\n\nANSWER: C' mmlu.jsonl
has '"n": 4, "k": 2, "pass@1": 0.25,'
forced 'ANSWER: (C)' gpqa.jsonl --samples-out "$dir/gpqa"
right=$(grep -c '"gold": "C"' "$dir/gpqa")
[ "$(grep -c '"equal": true' "$dir/gpqa")" = "$right" ] || fail "the letter decides"
grep -q '"answer": "C"' "$dir/gpqa" || fail "the letter is the answer that votes"
forced '<think>well, what?</think>rivers end in a delta\nthat is all' ifeval.jsonl
has '"prompts_strict": 1, "prompts_loose": 1, "instructions_strict": 1, "instructions_loose": 1'
has '"cons@k": null'
forced 'Sure,\nRivers end in a delta\nthat is all' ifeval.jsonl
has '"prompts_strict": 0, "prompts_loose": 0.5, "instructions_strict": 0.6, "instructions_loose": 0.8'

# A judge that cannot be read leaves answers undecided; a thought that never ends is wrong, and nobody is asked.
forced 'Rayleigh scattering.' open.jsonl --format open --judge models/base
has '"undecided": 1,'
forced '<think>hm' open.jsonl --format open --judge models/base
has '"undecided": 0,'

# Two models: against itself nothing differs; against the samples of a run, the same problems.
forced '\\boxed{\\frac{5}{6}}' math500.jsonl --samples-out "$dir/math"
forced '\\boxed{385}' math500.jsonl --against "$dir/math"
has '"n": 3, "difference": 0, "stderr": 0.57735026918962'
has '"wins": 1, "losses": 1, "ties": 1, "p_sign": 1'
forced '\\boxed{385}' math500.jsonl --against models/base
[ "$(wc -l <"$dir/out")" = 3 ] || fail "two models and a comparison are three lines"
has '"difference": 0, "stderr": 0, "z": 0, "p": 1, "wins": 0, "losses": 0, "ties": 3'
"$r1" eval --model models/base --data $samples/aime.jsonl --k 1 --max-tokens 4 --against "$dir/math" >/dev/null 2>"$dir/err"
[ $? = 2 ] && grep -qF 'the same problems must be asked' "$dir/err" || fail "other problems: $(cat "$dir/err")"

# Damage: a row cut anywhere is one line that names file and line.
for name in aime math500 gsm8k gpqa mmlu ifeval livecodebench; do
    head -n 1 "$samples/$name.jsonl" >"$dir/cut.jsonl"
    sed -n 2p "$samples/$name.jsonl" | head -c 60 >>"$dir/cut.jsonl"
    "$r1" eval --model models/base --data "$dir/cut.jsonl" --quiet >"$dir/out" 2>"$dir/err"
    [ $? = 2 ] && grep -qF "$dir/cut.jsonl:2" "$dir/err" && [ "$(wc -l <"$dir/err")" = 1 ] || fail "$name: $(cat "$dir/err")"
done
status_2() { # what it says, then options
    local says=$1; shift
    "$r1" eval --model models/base "$@" >"$dir/out" 2>"$dir/err"
    [ $? = 2 ] && grep -qF -- "$says" "$dir/err" || fail "$*: $(cat "$dir/err")"
}
status_2 'gsm8k.jsonl:1: "Question" is missing' --data $samples/gsm8k.jsonl --format gpqa
status_2 'no chat template' --data $samples/gsm8k.jsonl --chat
status_2 '--format open needs --judge' --data $samples/open.jsonl --format open
status_2 '--judge goes with --data' --task make --judge models/base
status_2 'the judge' --data $samples/open.jsonl --format open --judge "$dir/none"
status_2 '--against goes with' --text README.md --against models/base

# --chat: the question is a user's turn of the model's template, and a judge is asked through it.
cp -r models/base "$dir/chat"
printf '{%% for m in messages %%}[{{ m.role }}] {{ m.content }} {%% endfor %%}[assistant]' >"$dir/chat/chat_template.jinja"
"$r1" eval --model "$dir/chat" --data $samples/open.jsonl --format open --judge "$dir/chat" --chat --k 1 --max-tokens 4 --quiet \
    --samples-out "$dir/turns" >/dev/null 2>"$dir/err" || fail "--chat: $(cat "$dir/err")"
grep -qF '"prompt": "[user] Why is the sky blue? [assistant]"' "$dir/turns" || fail "--chat: $(head -c 300 "$dir/turns")"

# Rows of published formats train as well, but for those that no reward reads.
"$r1" grpo --model models/base --data $samples/gpqa.jsonl --out "$dir/run" --set steps=1 --dry-run >"$dir/out" 2>&1 ||
    fail "grpo on choices: $(cat "$dir/out")"
"$r1" grpo --model models/base --data $samples/ifeval.jsonl --out "$dir/run" --set steps=1 --dry-run >/dev/null 2>"$dir/err"
[ $? = 2 ] && grep -qF 'ifeval.jsonl:1: a row with instructions' "$dir/err" || fail "grpo on instructions: $(cat "$dir/err")"

# Programs run in the sandbox, many at once, and nothing shows in which order they ended.
"$r1" verify --tests <(echo '{"tests": [{"input": "", "output": "1"}]}') --answer '```python
print(1)
```' >/dev/null 2>&1 || { echo "skipped from here: no sandbox holds"; exit 77; }
program='```python\nprint(sum(map(int, input().split())))\n```'
forced "$program" livecodebench.jsonl --samples-out "$dir/code"
has '{"level": "easy", "n": 1, "k": 2, "pass@1": 1,'
has '{"level": "medium", "n": 1, "k": 2, "pass@1": 0,'
cp "$dir/out" "$dir/figures"
R1_THREADS=reversed forced "$program" livecodebench.jsonl --samples-out "$dir/code2" --threads 1 --max-active 1
cmp -s "$dir/out" "$dir/figures" && cmp -s "$dir/code" "$dir/code2" || fail "threads moved a figure or a sample"
forced '```python\nclass Solution:\n    def scale(self, nums: List[int], k: int) -> List[int]:\n        return [k * n for n in nums]\n```' \
    livecodebench.jsonl
has '{"level": "medium", "n": 1, "k": 2, "pass@1": 1,'
exit 0
