#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A corpus for each reward of completions that are after the reward and not after the answer (tests/adversarial): none is paid more
# than its row's "most"; rows with "least" are honest ones and are paid at least that, so that a reward that pays nobody fails too.
set -u
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "FAILED: $*"; status=1; }

# value KEY FILE: a number, or null, of each line; "" where the key is missing
value() { sed -E "s/.*\"$1\": (null|-?[0-9.e+-]+).*/\1/; t; s/.*//" "$2"; }

# corpus FILE REWARD SETTING...: REWARD is a part's name, or reward for the total
corpus() {
    local file=tests/adversarial/$1.jsonl name=$2 n
    shift 2
    "$r1" score-rewards --input "$file" --quiet "${@/#/--set=}" >"$work/out" 2>"$work/err" || fail "$file: $(cat "$work/err")"
    n=$(wc -l <"$file")
    [ "$n" -gt 5 ] && [ "$(wc -l <"$work/out")" = "$n" ] || fail "$file: $(wc -l <"$work/out") lines of $n"
    paste -d '\t' <(value most "$file") <(value least "$file") <(value "$name" "$work/out") <(sed -E 's/^\{"id": "([^"]*)".*/\1/' "$file") |
        awk -F '\t' -v file="$file" '
            $1 == "" { print file ": " $4 ": no most"; bad = 1 }
            $3 == "" { print file ": " $4 ": no value"; bad = 1 }
            $3 != "null" && $3 > $1 + 1e-9 { print file ": " $4 ": paid " $3 ", at most " $1; bad = 1 }
            $2 != "" && ($3 == "null" || $3 < $2 - 1e-9) { print file ": " $4 ": paid " $3 ", an honest one gets " $2; bad = 1 }
            END { exit bad }' || status=1
}

corpus accuracy-math accuracy
corpus accuracy-check accuracy
corpus accuracy-text accuracy reward.answer_from=text
corpus format format
corpus format-partial format reward.format_partial=true
corpus format-r1 format reward.frame=r1
corpus language-en language reward.language=1
corpus language-zh language reward.language=1
corpus length-cosine cosine reward.cosine=1 max_completion_tokens=100
corpus length-overlong overlong reward.overlong=1 reward.overlong_tokens=60 max_completion_tokens=100
corpus repetition repetition reward.repetition=1
# Commands that know no better than to hand back what they got, and one that prints what is in it.
corpus outside command reward.command=cat
corpus outside command "reward.command=while read -r line; do printf '%b\\n' \"\$line\"; done"
corpus gated reward reward.format=0 reward.language=1 'reward.gates=accuracy if format; language if accuracy and format'
if "$r1" doctor --json 2>/dev/null | grep -q '"sandbox": {"holds": true.*python'; then
    corpus code accuracy
else
    echo "skipped: no sandbox holds here, tests/adversarial/code.jsonl was not run"
    [ $status -eq 0 ] && exit 77
fi
exit $status
