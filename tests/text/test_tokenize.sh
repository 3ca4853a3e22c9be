#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/text/test_tokenize.sh: r1 tokenize as commands: rows in and out, for people, training, wrong use. $1 is the program.
set -u
r1=$1
tiny=$(cd "$(dirname "$0")" && pwd)/tiny
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# same NAME WANTED GOT
same() {
    [ "$2" = "$3" ] && return
    printf 'FAILED %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# refused NAME PART COMMAND...: status 2 and one line with PART in it
refused() {
    local name=$1 part=$2 out status
    shift 2
    out=$("$@" 2>&1 >"$work/stdout")
    status=$?
    same "$name: status" 2 $status
    same "$name: lines" 1 "$(printf '%s\n' "$out" | wc -l)"
    case $out in *"$part"*) ;; *) same "$name: message" "...$part..." "$out" ;; esac
}

# ---- rows ----
printf '%s\n' '{"text": "<think>a</think>"}' '' '{"id": 7, "text": ""}' '{"id": "x", "text": "a\u0000b"}' '{"text": 3}' '{}' 'no' \
    '{"text": "\ud800"}' >"$work/in"
"$r1" tokenize --model "$tiny" --input "$work/in" >"$work/out" 2>"$work/err"
same "rows: status" 2 $?
same "rows: a line each" 7 "$(wc -l <"$work/out")"
same "rows: ids" '{"ids": [2, 68, 3]}' "$(sed -n 1p "$work/out")"
same "rows: an empty text, the id kept" '{"id": 7, "ids": []}' "$(sed -n 2p "$work/out")"
same "rows: NUL" '{"id": "x", "ids": [68, 192, 69]}' "$(sed -n 3p "$work/out")"
same "rows: errors in place" 3 "$(sed -n 4,6p "$work/out" | grep -c '"error"')"
same "rows: a lone surrogate is U+FFFD" '{"ids": [175, 127, 125]}' "$(sed -n 7p "$work/out")"
same "rows: one line on stderr" 1 "$(wc -l <"$work/err")"

# ---- there and back, on one thread and on more ----
sed 's/.*"text": \(.*\), "ids": .*/{"text": \1}/' "$tiny/golden.jsonl" >"$work/texts"
"$r1" tokenize --model "$tiny" --input "$work/texts" --threads 1 >"$work/ids1" || same "encode" 0 $?
"$r1" tokenize --model "$tiny" --threads 3 <"$work/texts" >"$work/ids3" || same "encode, 3 threads" 0 $?
cmp -s "$work/ids1" "$work/ids3" || same "threads do not show" equal different
"$r1" tokenize --model "$tiny" --input "$work/ids1" --decode >"$work/back" || same "decode" 0 $?
"$r1" tokenize --model "$tiny" --input "$work/back" >"$work/again" || same "encode again" 0 $?
cmp -s "$work/ids1" "$work/again" || same "ids come back" equal different
printf '%s\n' '{"ids": [0, 68, 1]}' '{"ids": [600]}' '{"ids": ["a"]}' '{"ids": [202]}' >"$work/in"
"$r1" tokenize --model "$tiny" --decode --input "$work/in" >"$work/out" 2>/dev/null
same "decode: status" 2 $?
same "decode: special tokens are kept" '{"text": "<|endoftext|>a<|pad|>"}' "$(sed -n 1p "$work/out")"
same "decode: errors" 2 "$(grep -c '"error"' "$work/out")"

# ---- for people ----
same "text" '     68  "a"' "$("$r1" tokenize --model "$tiny" --text a --quiet)"
same "text, JSON" '{"ids": [2, 68], "tokens": ["<think>", "a"]}' "$("$r1" tokenize --model "$tiny" --text '<think>a' --json --quiet 2>/dev/null)"
same "ids" '<think>a' "$("$r1" tokenize --model "$tiny" --ids 2,68)"

# ---- how fast ----
same "bench, rows of a file" 1 "$("$r1" bench tokenize --model "$tiny" --input "$work/texts" --repeats 1 --json --quiet | grep -c '"unit": "MB/s"')"
same "bench, texts of its own" 2 "$("$r1" bench tokenize --model "$tiny" --repeats 1 --json --quiet | grep -c '"unit": "MB/s"')"
printf '{"text": "a"}\n{"txt": "b"}\n' >"$work/in"
refused "bench, a bad row" "$work/in:2: \"text\" is missing" "$r1" bench tokenize --model "$tiny" --input "$work/in"

# ---- training ----
"$r1" tokenize --train "$tiny/corpus.txt" --vocab 600 --out "$work/tok" --special '<|endoftext|>' --special '<|pad|>' \
    --added '<think>' --added '</think>' >/dev/null || same "train" 0 $?
for file in tokenizer.json tokenizer_config.json; do
    cmp -s "$work/tok/$file" "$tiny/$file" || same "training gives the carried $file" equal different
done
same "training, JSON" "{\"out\": \"$work/few\", \"vocab_size\": 258}" \
    "$(printf 'ab' >"$work/ab" && "$r1" tokenize --train "$work/ab" --vocab 1000 --out "$work/few" --json --quiet 2>/dev/null)"
rm "$work/few/tokenizer_config.json"
same "tokenizer.json alone is enough" '    257  "ab"' "$("$r1" tokenize --model "$work/few" --text ab --quiet)"
R1_FAILPOINT=tokenizer.write=enospc "$r1" tokenize --train "$tiny/corpus.txt" --vocab 300 --out "$work/full" 2>"$work/err" >/dev/null
same "a full disk: status" 3 $?
same "a full disk: one line" 1 "$(wc -l <"$work/err")"
same "a full disk: nothing left" "" "$(ls "$work/full")"

# ---- wrong use and bad files ----
refused "nothing to do" "--model DIR is needed" "$r1" tokenize
refused "two things to do" "not several" "$r1" tokenize --model "$tiny" --text a --ids 1
refused "no model" "--model DIR is needed" "$r1" tokenize --text a
refused "train without out" "--train needs" "$r1" tokenize --train "$tiny/corpus.txt" --vocab 300
refused "decode without input" "--decode goes with --input" "$r1" tokenize --model "$tiny" --decode --text a
refused "no such folder" "/nowhere/tokenizer.json: not there" "$r1" tokenize --model /nowhere --text a
refused "no such corpus" "/nowhere/corpus.txt" "$r1" tokenize --train /nowhere/corpus.txt --vocab 300 --out "$work/x"
refused "vocabulary too small" "allowed are 258" "$r1" tokenize --train "$tiny/corpus.txt" --vocab 257 --out "$work/x" --added '<a>'
head -c 5000 "$tiny/tokenizer.json" >"$work/few/tokenizer.json"
refused "a cut file" "$work/few/tokenizer.json:1:" "$r1" tokenize --model "$work/few" --text a
sed 's/"Ġthe": /"Ġteh": /' "$tiny/tokenizer.json" >"$work/few/tokenizer.json"
refused "a missing token" 'is not in model.vocab' "$r1" tokenize --model "$work/few" --text a

[ $failures = 0 ] && echo "all as wanted"
exit $((failures > 0))
