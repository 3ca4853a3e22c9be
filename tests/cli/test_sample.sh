#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 sample and r1 score: completions that depend on prompt, settings, seed and number alone, and whose log-probabilities are the scorer's.
set -euo pipefail
r1=$1
model=tests/fixtures/qwen2-tied
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_sample: $*" >&2
    exit 1
}
expect() {
    local want=$1 text=$2 status=0
    shift 2
    "$r1" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = "$want" ] || fail "r1 $*: status $status, expected $want: $(cat "$tmp/err")"
    grep -qF -- "$text" "$tmp/err" || fail "r1 $*: expected \"$text\", got: $(cat "$tmp/err")"
}
# field NAME <LINES: the list behind "NAME" in each line, without blanks.
field() { sed -E "s/.*\"$1\": ?\[([^]]*)\].*/\1/; s/ //g"; }

sample=(sample --model "$model" --ids 5,17,300,4)

# ---- completions do not depend on how many there are, on threads, on kernels ----
"$r1" "${sample[@]}" -n 9 --max-tokens 40 --seed 3 --threads 1 >"$tmp/nine"
[ "$(wc -l <"$tmp/nine")" = 9 ] || fail "-n 9 gives $(wc -l <"$tmp/nine") lines"
[ "$(sort -u "$tmp/nine" | wc -l)" = 9 ] || fail "completions are alike"
for n in 1 4; do
    "$r1" "${sample[@]}" -n "$n" --max-tokens 40 --seed 3 >"$tmp/some"
    head -n "$n" "$tmp/nine" | cmp - "$tmp/some" || fail "-n $n gives other completions"
done
for isa in c avx2 avx512; do
    R1_ISA=$isa "$r1" doctor >/dev/null 2>&1 || continue
    R1_ISA=$isa "$r1" "${sample[@]}" -n 9 --max-tokens 40 --seed 3 --threads 2 | cmp - "$tmp/nine" || fail "R1_ISA=$isa gives other completions"
done
"$r1" "${sample[@]}" -n 9 --max-tokens 40 --seed 4 2>"$tmp/err" | cmp -s - "$tmp/nine" && fail "the seed makes no difference"
"$r1" "${sample[@]}" -n 70 --max-tokens 5 | wc -l | grep -qx 70 || fail "more completions than slots"

# ---- log-probabilities are the scorer's, digit by digit ----
check_score() {
    paste -d' ' <(field ids <"$1") <(field logprobs <"$1") | while read -r ids logprobs; do
        scored=$(echo "{\"ids\":[5,17,300,4,$ids]}" | "$r1" score --model "$model" | field logprobs)
        n=$(tr ',' '\n' <<<"$logprobs" | wc -l)
        [ "$(tr ',' '\n' <<<"$scored" | tail -n "$n" | paste -sd,)" = "$logprobs" ] || fail "score differs from sample: $scored | $logprobs"
    done
}
check_score "$tmp/nine"
grep -q sampled_logprobs "$tmp/nine" && fail "sampled_logprobs at temperature 1"
"$r1" "${sample[@]}" -n 3 --max-tokens 20 --temperature 0.6 --top-p 0.9 --top-k 50 --min-p 0.01 >"$tmp/cut"
check_score "$tmp/cut"
[ "$(grep -c '"sampled_logprobs"' "$tmp/cut")" = 3 ] || fail "no sampled_logprobs"

# ---- greedy: what the golden file says (the prompt and ids stand in it as I32) ----
"$r1" parity --model "$model" --golden "$model/golden.safetensors" 2>/dev/null | grep -q '"greedy.ids", "max_error": 0,' || fail "greedy ids"
"$r1" "${sample[@]}" -n 2 --max-tokens 30 --temperature 0 --seed 1 >"$tmp/greedy"
[ "$(sort -u "$tmp/greedy" | wc -l)" = 1 ] || fail "greedy completions differ"
"$r1" "${sample[@]}" --max-tokens 30 --temperature 0 --seed 2 | cmp - <(head -n 1 "$tmp/greedy") || fail "greedy depends on the seed"
"$r1" "${sample[@]}" --max-tokens 30 --top-k 1 | field ids | cmp - <(head -n 1 "$tmp/greedy" | field ids) || fail "top-k 1 is not greedy"

# ---- where they end ----
"$r1" "${sample[@]}" -n 60 --max-tokens 100 >"$tmp/many"
grep -q '"finish_reason": "stop"' "$tmp/many" || fail "no completion stops"
grep '"finish_reason": "stop"' "$tmp/many" | field ids | grep -vqE '(^|,)1$' && fail "a stopped completion does not end in the stop id"
field ids <"$tmp/many" | grep -qE '(^|,)1,' && fail "a completion goes on past the stop id"
grep '"finish_reason": "length"' "$tmp/many" | field ids | awk -F, 'NF != 100 { exit 1 }' || fail "a completion is shorter than its reason says"
"$r1" "${sample[@]}" -n 20 --max-tokens 60 --ignore-eos >"$tmp/on"
grep -q '"stop"' "$tmp/on" && fail "--ignore-eos stops"
field ids <"$tmp/on" | awk -F, 'NF != 60 { exit 1 }' || fail "--ignore-eos is short"
# The model has 512 positions.
long=$(seq -s, 1 300)
"$r1" sample --model "$model" --ids "$long" --ignore-eos 2>"$tmp/err" | field ids | awk -F, 'NF != 212 { exit 1 }' || fail "room for 212"
grep -q 'room for 212' "$tmp/err" || fail "the cut is not told"
expect 2 'no room for a new one' sample --model "$model" --ids "$(seq -s, 1 300),$(seq -s, 1 212)"

# ---- text ----
grep -q '"text": null' "$tmp/nine" || fail "text without a tokenizer"
expect 2 'the model has no tokenizer' sample --model "$model" --prompt hello
cp -r "$model" "$tmp/with"
"$r1" tokenize --train tests/fixtures/README.md --vocab 300 --out "$tmp/tok" >/dev/null # 20 ids of the model have no text
cp "$tmp"/tok/tokenizer*.json "$tmp/with/"
"$r1" sample --model "$tmp/with" --prompt 'Hello, wörld' -n 3 --max-tokens 20 >"$tmp/texts"
ids=$(printf '{"text":"Hello, wörld"}\n' | "$r1" tokenize --model "$tmp/with" --add-special --input - | field ids)
"$r1" sample --model "$tmp/with" --ids "$ids" -n 3 --max-tokens 20 | cmp - "$tmp/texts" || fail "--prompt is not --ids of its tokens"
grep -q '"text": "' "$tmp/texts" || fail "no text with a tokenizer"

# ---- wrong use ----
expect 2 'either --prompt TEXT or --ids' sample --model "$model"
expect 2 'either --prompt TEXT or --ids' sample --model "$model" --ids 1 --prompt x
expect 2 '--ids 1,x' sample --model "$model" --ids 1,x
expect 2 'expected token ids' sample --model "$model" --ids ''
expect 2 'token id 320 at place 1 is outside the vocabulary of 320' sample --model "$model" --ids 1,320
expect 2 '--temperature' sample --model "$model" --ids 1 --temperature -1
expect 2 '--temperature 1e-05' sample --model "$model" --ids 1 --temperature 1e-05
expect 2 '--top-p' sample --model "$model" --ids 1 --top-p 1.5
expect 2 '-n 0' sample --model "$model" --ids 1 -n 0
expect 2 'none/config.json' sample --model "$tmp/none" --ids 1

# ---- score: a line for each line ----
cat >"$tmp/rows" <<'ROWS'
{"id":"a","ids":[5,17,300,4]}

{"ids":[7]}
{"id":2,"ids":[]}
{"ids":[3,320]}
{"ids":[3,-1]}
{"ids":[3,1.5]}
{"ids":"3"}
{"id":9}
not json
{"ids":[5,17]}
ROWS
expect 2 '7 of 10 rows failed, first line 4' score --model "$model" --input "$tmp/rows"
[ "$(wc -l <"$tmp/out")" = 10 ] || fail "score gives $(wc -l <"$tmp/out") lines for 10"
[ "$(grep -c '"error"' "$tmp/out")" = 7 ] || fail "seven rows should fail"
sed -n 1p "$tmp/out" | grep -qE '^\{"id": "a", "logprobs": \[-[0-9.]+, -[0-9.]+, -[0-9.]+\]\}$' || fail "line 1: $(sed -n 1p "$tmp/out")"
sed -n 2p "$tmp/out" | grep -qx '{"logprobs": \[\]}' || fail "one id has no log-probability"
sed -n 3p "$tmp/out" | grep -q '"id": 2' || fail "the id is not echoed beside an error"
sed -n 10p "$tmp/out" | grep -qF -- "$(sed -n 1p "$tmp/out" | field logprobs | cut -d, -f1)" || fail "a row depends on the rows before it"
echo "{\"ids\":[$(seq -s, 1 300),$(seq -s, 1 214)]}" >"$tmp/rows"
expect 2 'max_position_embeddings 512' score --model "$model" --input "$tmp/rows"
echo "{\"ids\":[$(seq -s, 1 300),$(seq -s, 1 213)]}" | "$r1" score --model "$model" | field logprobs | awk -F, 'NF != 512 { exit 1 }' || fail "a full row"
