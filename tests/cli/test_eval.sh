#!/bin/bash
# SPDX-License-Identifier: MIT
# r1 eval from the outside: its lines, what moves no figure, samples that add up to the figures, texts, mistakes.
set -u
r1=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
expect_status() { # status, then the command
    local want=$1; shift
    "$@" >"$dir/out" 2>"$dir/err"
    local got=$?
    [ "$got" = "$want" ] || fail "status $got, not $want: $* ($(head -c 300 "$dir/err"))"
}
says() { # text, in what it said on stderr, in one line
    grep -qF -- "$1" "$dir/err" || fail "\"$1\" is not in: $(head -c 300 "$dir/err")"
}
field() { # key, of JSON lines on stdin
    sed -nE "s/.*\"$1\": ?\"?([^,\"}]*).*/\1/p"
}
near() { # a, b, tolerance
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d <= t && -d <= t) }' ||
        fail "$1 is not $2 within $3"
}

# A small random model with a tokenizer of its own.
model=$dir/model
mkdir "$model"
cp tests/fixtures/qwen2-tied/config.json tests/fixtures/qwen2-tied/model.safetensors "$model"
chmod -R u+w "$model"
"$r1" tasks --corpus --n 500 --seed 1 >"$dir/corpus.jsonl" || fail "no corpus"
sed -E 's/.*"text": ?"(([^"\\]|\\.)*)".*/\1/; s/\\n/\n/g' "$dir/corpus.jsonl" >"$dir/corpus.txt"
"$r1" tokenize --train "$dir/corpus.txt" --vocab 300 --out "$model" --added '<think>' --added '</think>' \
    --added '<answer>' --added '</answer>' >"$dir/out" 2>&1 || fail "no tokenizer: $(cat "$dir/out")"

# One family: one line, its levels inside.
expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 4 --max-tokens 24 --json --samples-out "$dir/samples"
[ "$(wc -l <"$dir/out")" = 1 ] || fail "not one line"
for key in task n k 'pass@1' 'pass@k' 'cons@k' mean_length stderr levels; do
    grep -qF "\"$key\"" "$dir/out" || fail "no $key"
done
grep -qiE '[^a-z](nan|inf)' "$dir/out" && fail "a number that is no JSON"
[ "$(field task <"$dir/out")" = make ] || fail "task"
cp "$dir/out" "$dir/make"

# The samples: all, in order, and their means are the figures.
[ "$(wc -l <"$dir/samples")" = 24 ] || fail "not 24 samples"
awk 'BEGIN { for (p = 0; p < 6; p++) for (c = 0; c < 4; c++) print p, c }' >"$dir/expected"
paste -d' ' <(field problem <"$dir/samples") <(field completion <"$dir/samples") | cmp -s - "$dir/expected" ||
    fail "samples are not in order"
total=$(sed 's/"levels".*//' "$dir/make")
near "$(echo "$total" | field mean_length)" "$(field length <"$dir/samples" | awk '{ s += $1 } END { print s / NR }')" 1e-4
near "$(echo "$total" | field truncated)" "$(grep -c '"finish_reason": "length"' "$dir/samples" | awk '{ print $1 / 24 }')" 1e-4
near "$(echo "$total" | field reflective_per_completion)" \
    "$(field reflective_words <"$dir/samples" | awk '{ s += $1 } END { print s / NR }')" 1e-4

# Slots, threads and kernels move nothing; a seed does.
expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 4 --max-tokens 24 --json --max-active 3 --threads 1 \
    --samples-out "$dir/samples2"
cmp -s "$dir/out" "$dir/make" || fail "--max-active or --threads moved a figure"
cmp -s "$dir/samples" "$dir/samples2" || fail "--max-active or --threads moved a sample"
R1_ISA=c expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 4 --max-tokens 24 --json
cmp -s "$dir/out" "$dir/make" || fail "R1_ISA=c moved a figure"
expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 2 --max-tokens 24 --samples-out "$dir/samples2"
grep -E '"completion": [01],' "$dir/samples" | cmp -s - "$dir/samples2" || fail "--k moved the first samples"
expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 4 --max-tokens 24 --seed 1 --samples-out "$dir/samples2"
cmp -s "$dir/samples" "$dir/samples2" && fail "--seed moved nothing"
expect_status 0 "$r1" eval --model "$model" --task make --n 2 --k 2 --max-tokens 8 --force-working --samples-out "$dir/samples2"
[ "$(grep -c '"text": "<think>try' "$dir/samples2")" = 4 ] || fail "--force-working"
expect_status 0 "$r1" eval --model "$model" --task make --n 2 --k 2 --max-tokens 8 --temperature 0 --samples-out "$dir/samples2"
[ "$(sed -E 's/"completion": [01],//' "$dir/samples2" | uniq | wc -l)" = 2 ] || fail "greedy samples differ"

# All families: a line a family and level, then macro.
cells=$("$r1" tasks --list | grep -Ev '"general"|"words"' | field train_levels | awk '{ s += $1 } END { print s }')
levels=$("$r1" tasks --list | grep -Ev '"general"|"words"' | field levels | awk '{ s += $1 } END { print s }')
expect_status 0 "$r1" eval --model "$model" --task all --n 1 --k 1 --max-tokens 4 --json
[ "$(wc -l <"$dir/out")" = $((cells + 1)) ] || fail "not a line a cell and one macro"
[ "$(tail -n 1 "$dir/out" | field task)" = macro ] || fail "macro is not the last line"
[ "$(tail -n 1 "$dir/out" | field n)" = "$cells" ] || fail "macro has not all problems"
expect_status 0 "$r1" eval --model "$model" --task all --n 1 --k 1 --max-tokens 4 --levels all --json
[ "$(wc -l <"$dir/out")" = $((levels + 2)) ] || fail "--levels all"
[ "$(tail -n 1 "$dir/out" | field task)" = macro-unseen ] || fail "macro-unseen is not the last line"
expect_status 0 "$r1" eval --model "$model" --task make --n 3 --k 1 --max-tokens 4 --level 5
grep -qE '^make +5\*' "$dir/out" || fail "--level 5 is not marked as unseen"

# Two languages: each cell twice, a macro of each; an English cell's samples are those of English alone. General tasks by name.
expect_status 0 "$r1" eval --model "$model" --task all --n 1 --k 1 --max-tokens 4 --language both --json
[ "$(wc -l <"$dir/out")" = $((2 * cells + 3)) ] || fail "--language both: not a line a cell and language"
[ "$(tail -n 1 "$dir/out" | field task)" = macro-zh ] || fail "no macro of the Chinese questions"
expect_status 0 "$r1" eval --model "$model" --task make --n 6 --k 2 --max-tokens 24 --samples-out "$dir/samples2"
expect_status 0 "$r1" eval --model "$model" --task make --n 12 --k 2 --max-tokens 24 --language both --samples-out "$dir/samples3"
for id in $(field id <"$dir/samples2" | sort -u); do
    cmp -s <(grep "\"$id\"" "$dir/samples2" | sed 's/"problem": [0-9]*,//') \
        <(grep "\"$id\"" "$dir/samples3" | sed 's/"problem": [0-9]*,//') || fail "another language moved the samples of $id"
done
expect_status 0 "$r1" eval --model "$model" --task helpful --n 6 --k 1 --max-tokens 4 --language zh --json
grep -q "\"task\": \"helpful\", \"n\": 6" "$dir/out" || fail "--task helpful"

# Another frame: what R1-Zero's is not may be of it.
expect_status 0 "$r1" eval --model "$model" --task make --n 3 --k 1 --max-tokens 8 --json --frame r1
expect_status 0 "$r1" eval --model "$model" --task make --n 3 --k 1 --max-tokens 8 --json --frame '<think>...</think>...<answer>...</answer>'
expect_status 2 "$r1" eval --model "$model" --task make --n 3 --k 1 --frame '<think>...<think>'

# A file of problems; those of `r1 tasks` are one.
"$r1" tasks sum --n 3 >"$dir/data.jsonl"
printf '{"question":"2+2","answer":"four"}\n{"id":"e","question":"x","answer":""}\n{"question":"x","answer":"\\\\sqrt{2}"}\n' >>"$dir/data.jsonl"
expect_status 0 "$r1" eval --model "$model" --data "$dir/data.jsonl" --k 2 --max-tokens 4 --json
[ "$(field n <"$dir/out")" = 6 ] || fail "--data: not 6 problems"
grep -qF '"unreadable": ["e"]' "$dir/out" || fail "the unreadable answer is not listed"
says "data.jsonl:5: problem e: its answer cannot be read"
expect_status 0 "$r1" eval --model "$model" --data "$dir/data.jsonl" --n 2 --k 2 --max-tokens 4 --json
[ "$(field n <"$dir/out")" = 2 ] || fail "--data --n"
printf '{"question":"2+2"}\n' >>"$dir/data.jsonl"
expect_status 2 "$r1" eval --model "$model" --task all --n 1000000 --k 60000
expect_status 2 "$r1" eval --model "$model" --data "$dir/data.jsonl" --k 2
says "data.jsonl:7:"
[ "$(wc -l <"$dir/err")" = 1 ] || fail "a bad row takes more than a line"

# Texts: the sum is that of `r1 score`.
head -c 300 "$dir/corpus.txt" >"$dir/text"
expect_status 0 "$r1" eval --model "$model" --text "$dir/text" --json
cp "$dir/out" "$dir/perplexity"
ids=$("$r1" tokenize --model "$model" --json --input <(awk 'BEGIN { RS = "\001" } { gsub(/\n/, "\\n"); printf "{\"text\":\"%s\"}", $0 }' "$dir/text"))
nats=$(echo "$ids" | "$r1" score --model "$model" --input - --json | sed 's/.*\[//; s/\].*//' | tr ',' '\n' | awk '{ s -= $1 } END { print s }')
near "$(field nats <"$dir/perplexity")" "$nats" 0.01
# "User" is the first token, which nothing comes before.
near "$(field bits_per_byte <"$dir/perplexity")" "$(awk -v n="$nats" 'BEGIN { print n / log(2) / 296 }')" 0.001
expect_status 0 "$r1" eval --model "$model" --text "$dir/corpus.jsonl" --context 64 --stride 16 --json
[ "$(field documents <"$dir/out")" = 500 ] || fail "not 500 documents"

# Mistakes.
expect_status 2 "$r1" eval --model "$model"
expect_status 2 "$r1" eval --model "$model" --task make --text "$dir/text"
expect_status 2 "$r1" eval --model "$model" --task maks
says "did you mean make"
expect_status 2 "$r1" eval --model "$model" --task make --level 6
expect_status 2 "$r1" eval --model "$model" --task make --k 0
expect_status 2 "$r1" eval --model "$model" --task make --stride 3
expect_status 2 "$r1" eval --model "$model" --task make --max-tokens 512
says "512 positions"
expect_status 2 "$r1" eval --model "$dir/none" --task make
expect_status 2 "$r1" eval --model "$model" --data "$dir/none"
expect_status 2 "$r1" eval --model "$model" --text "$dir/none"
expect_status 2 "$r1" eval --model "$model" --text "$dir/text" --context 1000
: >"$dir/empty"
expect_status 2 "$r1" eval --model "$model" --text "$dir/empty"
head -c 100000 tests/fixtures/qwen2-tied/model.safetensors >"$model/model.safetensors"
expect_status 2 "$r1" eval --model "$model" --task make
says "model.safetensors"
echo ok
