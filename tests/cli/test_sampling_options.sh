#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How tokens are drawn for people: stop strings cut the text exactly, biases and penalties change what is drawn and not what logprobs say,
# speculation changes nothing, and mistakes get a line.
set -euo pipefail
r1=$1
model=models/base
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_sampling_options: $*" >&2
    exit 1
}
expect() {
    local want=$1 text=$2 status=0
    shift 2
    "$r1" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = "$want" ] || fail "r1 $*: status $status, expected $want: $(cat "$tmp/err")"
    grep -qF -- "$text" "$tmp/err" || fail "r1 $*: expected \"$text\", got: $(cat "$tmp/err")"
}
field() { sed -E "s/.*\"$1\": ?\[([^]]*)\].*/\1/; s/ //g"; }
text() { sed -E 's/.*"text": "((\\.|[^"\\])*)".*/\1/'; }
sample=(sample --model "$model" --prompt 'What is 2 + 3?' --max-tokens 60)

# ---- stop strings: the text is that of a free run, cut just before the string, which no token border hides ----
"$r1" "${sample[@]}" -n 6 --seed 2 >"$tmp/free"
"$r1" "${sample[@]}" -n 6 --seed 2 --stop 'ans' --stop '</think' >"$tmp/cut"
for i in 1 2 3 4 5 6; do
    whole=$(sed -n "${i}p" "$tmp/free" | text)
    want=${whole%%ans*}
    want=${want%%</think*}
    [ "$(sed -n "${i}p" "$tmp/cut" | text)" = "$want" ] || fail "stop: $(sed -n "${i}p" "$tmp/cut" | text) | $want"
    ids=$(sed -n "${i}p" "$tmp/cut" | field ids)
    case ",$(sed -n "${i}p" "$tmp/free" | field ids)," in ",$ids,"*) ;; *) fail "ids of a stopped completion are not those of the free one" ;; esac
done
cmp -s "$tmp/free" "$tmp/cut" && fail "nothing was stopped"

# ---- bias: a banned id never comes, a favoured one always does; logprobs are still those of the model ----
"$r1" "${sample[@]}" --max-tokens 8 --logit-bias 21=1000 | field ids | grep -qx '21,21,21,21,21,21,21,21' || fail "a favoured id"
first=$("$r1" "${sample[@]}" --temperature 0 --max-tokens 1 | field ids)
[ "$("$r1" "${sample[@]}" --temperature 0 --max-tokens 1 --logit-bias "$first=-1000" | field ids)" != "$first" ] || fail "a banned id"
"$r1" "${sample[@]}" --seed 5 --repetition-penalty 1.3 --frequency-penalty 0.5 --presence-penalty 0.5 >"$tmp/penalised"
"$r1" "${sample[@]}" --seed 5 | cmp -s - "$tmp/penalised" && fail "penalties make no difference"
grep -q '"sampled_logprobs"' "$tmp/penalised" || fail "no sampled_logprobs beside penalties"
prompt=$(printf '{"text":"What is 2 + 3?"}\n' | "$r1" tokenize --model "$model" --add-special --input - | field ids)
scored=$(echo "{\"ids\":[$prompt,$(field ids <"$tmp/penalised")]}" | "$r1" score --model "$model" | field logprobs)
n=$(field logprobs <"$tmp/penalised" | tr ',' '\n' | wc -l)
[ "$(tr ',' '\n' <<<"$scored" | tail -n "$n" | paste -sd,)" = "$(field logprobs <"$tmp/penalised")" ] || fail "penalties reach logprobs"

# ---- speculation moves nothing ----
for options in "--temperature 0" "--temperature 0.3 --top-p 0.9" "--temperature 0.5 --repetition-penalty 1.1 --stop ans"; do
    # shellcheck disable=SC2086 # words are what it is for
    "$r1" "${sample[@]}" -n 4 --max-tokens 300 --ignore-eos $options >"$tmp/with"
    # shellcheck disable=SC2086
    "$r1" "${sample[@]}" -n 4 --max-tokens 300 --ignore-eos $options --no-speculation --threads 1 | cmp - "$tmp/with" || fail "speculation: $options"
done

# ---- eval takes the same options ----
"$r1" eval --model "$model" --task make --n 4 --k 2 --stop '</answer>' --repetition-penalty 1.05 --json 2>/dev/null >"$tmp/eval"
grep -q '"repetition_penalty": 1.05' "$tmp/eval" || fail "eval does not say its penalty"
grep -q '"format": 0' "$tmp/eval" || fail "an answer was closed behind the stop string: $(cat "$tmp/eval")"

# ---- mistakes ----
expect 2 '--logit-bias 5: expected ID=BIAS' "${sample[@]}" --logit-bias 5
expect 2 'the model has ids 0 to 351' "${sample[@]}" --logit-bias 352=1
expect 2 'expected a number' "${sample[@]}" --logit-bias 5=x
expect 2 'expected a number' "${sample[@]}" --logit-bias 5=nan
expect 2 '--stop: a stop string is empty' "${sample[@]}" --stop ''
expect 2 '--repetition-penalty 0' "${sample[@]}" --repetition-penalty 0
expect 2 'no tokenizer.json' sample --model tests/fixtures/qwen2-tied --ids 1 --stop x

# ---- grammars: every text is of the grammar, with and without speculation ----
cat >"$tmp/schema.json" <<'JSON'
{"type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 50}, "ok": {"type": "boolean"},
 "l": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 3}}, "required": ["a", "ok"]}
JSON
printf 'root ::= "It is " [1-9] [0-9]? "." # a comment\n' >"$tmp/number.gbnf"
"$r1" "${sample[@]}" -n 12 --max-tokens 400 --json-schema "$tmp/schema.json" >"$tmp/json"
[ "$(grep -c '"finish_reason": "stop"' "$tmp/json")" = 12 ] || fail "a JSON text did not come to its end"
text <"$tmp/json" | sed 's/\\"/"/g; s/\\n/ /g; s/  */ /g' >"$tmp/texts"
grep -vE '^\{ ?"a" ?: ?([0-9]|[1-4][0-9]|50) ?, ?"ok" ?: ?(true|false)( ?, ?"l" ?: ?\[ ?("[xy]"( ?, ?"[xy]"){0,2} ?)?\])? ?\}$' "$tmp/texts" && fail "a text that is not of the schema"
"$r1" "${sample[@]}" -n 12 --max-tokens 400 --json-schema "$tmp/schema.json" --no-speculation --threads 1 | cmp - "$tmp/json" || fail "speculation under a schema"
"$r1" "${sample[@]}" -n 8 --grammar "$tmp/number.gbnf" --temperature 30 >"$tmp/numbers"
text <"$tmp/numbers" | grep -vxE 'It is [1-9][0-9]?\.' && fail "a text that is not of the grammar"
[ "$(sort -u "$tmp/numbers" | wc -l)" -gt 3 ] || fail "the grammar leaves a choice"
# Without stop tokens the grammar's end is the text's.
"$r1" "${sample[@]}" --grammar "$tmp/number.gbnf" --ignore-eos --logit-bias "$(printf '{"text":"."}\n' | "$r1" tokenize --model "$model" --input - | field ids)=100" | grep -q '"finish_reason": "stop"' || fail "no end without a stop token"
printf 'root ::= "a"\n  b ::= root c\n' >"$tmp/bad.gbnf"
expect 2 "$tmp/bad.gbnf:2:14: rule \"c\" is used here and defined nowhere" "${sample[@]}" --grammar "$tmp/bad.gbnf"
printf 'root ::= root "a" | "a"\n' >"$tmp/bad.gbnf"
expect 2 'left recursion' "${sample[@]}" --grammar "$tmp/bad.gbnf"
echo '{"not": {}}' >"$tmp/bad.json"
expect 2 "$tmp/bad.json: #: keyword \"not\" is not understood" "${sample[@]}" --json-schema "$tmp/bad.json"
expect 2 'give either --grammar or --json-schema' "${sample[@]}" --json-schema "$tmp/bad.json" --grammar "$tmp/number.gbnf"
expect 2 'none.gbnf' "${sample[@]}" --grammar "$tmp/none.gbnf"
expect 2 'no tokenizer.json' sample --model tests/fixtures/qwen2-tied --ids 1 --grammar "$tmp/number.gbnf"
