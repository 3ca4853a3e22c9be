#!/bin/bash
# SPDX-License-Identifier: MIT
# r1 tasks and r1 verify from the outside: every problem's own answer meets its check, splits do not meet, mistakes give one line.
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

expect_status 0 "$r1" tasks --list
tasks=$(sed 's/.*"task": *"\([a-z]*\)".*/\1/' "$dir/out")
[ "$(echo "$tasks" | wc -l)" -ge 10 ] || fail "fewer than ten families"

for task in $tasks; do
    for split in train held-out; do
        expect_status 0 "$r1" tasks "$task" --n 40 --seed 3 --split $split
        cp "$dir/out" "$dir/$task.$split"
        [ "$(wc -l <"$dir/out")" = 40 ] || fail "$task: not 40 problems"
        expect_status 0 "$r1" verify --input "$dir/$task.$split"
        [ "$(grep -c '"equal": *true' "$dir/out")" = 40 ] || fail "$task: an answer does not meet its check"
    done
    sed 's/.*"check": *//' "$dir/$task.train" | sort -u >"$dir/a"
    sed 's/.*"check": *//' "$dir/$task.held-out" | sort -u >"$dir/b"
    [ -z "$(comm -12 "$dir/a" "$dir/b")" ] || fail "$task: a problem is in both splits"
done

expect_status 0 "$r1" tasks make --n 5 --level 5
[ "$(grep -c '"level": *5' "$dir/out")" = 5 ] || fail "--level"
expect_status 2 "$r1" tasks make --level 6
grep -q 'levels 1 to 5' "$dir/err" || fail "the levels are not named"
expect_status 2 "$r1" tasks nothing
expect_status 2 "$r1" tasks
expect_status 2 "$r1" tasks make --split both
expect_status 2 "$r1" tasks make --corpus

# Two languages: the same problems, checks and splits; no --language means English, byte for byte as without the option.
expect_status 0 "$r1" tasks pick --n 40 --seed 3 --split train --language en
sed 's/"language": "en", //' "$dir/out" | cmp -s - "$dir/pick.train" || fail "--language en is not what no option gives"
expect_status 0 "$r1" tasks pick --n 40 --seed 3 --split train --language zh
sed 's/.*"check": *//' "$dir/out" | sort -u | cmp -s - <(sed 's/.*"check": *//' "$dir/pick.train" | sort -u) || fail "checks depend on the language"
[ "$(grep -c '"language": "zh".*选两个和为' "$dir/out")" = 40 ] || fail "--language zh"
expect_status 0 "$r1" tasks pick --n 40 --language both
[ "$(grep -c '"language": "zh"' "$dir/out")" = 20 ] || fail "--language both is not half of each"
expect_status 2 "$r1" tasks pick --language fr
expect_status 2 "$r1" tasks --corpus --language zh

# Word problems: English alone, and any question of one answer as a turn through a chat template.
expect_status 0 "$r1" tasks words --n 4 --language zh
[ "$(grep -c '"language": "en"' "$dir/out")" = 4 ] || fail "words are not English"
mkdir "$dir/model"
printf '{"chat_template": "{%% for m in messages %%}[{{ m.role }}]{{ m.content }}{%% endfor %%}{%% if add_generation_prompt %%}[assistant]{%% endif %%}"}' \
    >"$dir/model/tokenizer_config.json"
expect_status 0 "$r1" tasks words --n 2 --level 1 --chat "$dir/model" --system "Be brief."
[ "$(grep -c '"prompt": "\[system\]Be brief.\[user\][A-Z].*?\[assistant\]", "answer": "[0-9]*"}' "$dir/out")" = 2 ] || fail "--chat: $(cat "$dir/out")"
expect_status 2 "$r1" tasks make --chat "$dir/model"
expect_status 2 "$r1" tasks words --system "Be brief."
expect_status 2 "$r1" tasks words --chat "$dir/nowhere"
for check in 'words ' 'words 4 *' 'words 4 /0' 'words 7 /2' 'words 4*6' 'words 99999 +1' 'words 3 -5'; do
    "$r1" verify --check "$check" --answer 4 >"$dir/out" 2>&1
    [ $? = 1 ] && grep -q undecided "$dir/out" || fail "a bad check decides: $check"
done

# The general tasks: replies meet their checks, labels are those of the rules, a chosen reply is worth more.
for task in helpful safety; do
    for split in train held-out; do
        expect_status 0 "$r1" tasks $task --n 60 --language both --split $split
        cp "$dir/out" "$dir/$task.$split"
        expect_status 0 "$r1" verify --input "$dir/$task.$split"
        [ "$(grep -c '"equal": *true' "$dir/out")" = 60 ] || fail "$task: a good reply does not meet its check"
    done
    expect_status 0 "$r1" tasks $task --n 200 --language both --pairs
    [ "$(wc -l <"$dir/out")" = 200 ] || fail "$task: not 200 pairs"
    sed 's/.*"chosen_helpfulness": \([0-9.]*\),.*"rejected_helpfulness": \([0-9.]*\),.*/\1 \2/' "$dir/out" |
        awk '!($1 > $2) { exit 1 }' || fail "$task: a rejected reply is worth as much as the chosen one"
    expect_status 0 "$r1" tasks $task --n 200 --language both --responses good
    [ "$(grep -c '"label": 1, "helpfulness": 1,' "$dir/out")" = 200 ] || fail "$task: a good reply is not labelled so"
    expect_status 0 "$r1" tasks $task --n 200 --language both --responses any
    [ "$(grep -c '"label": 0' "$dir/out")" -gt 20 ] || fail "$task: hardly a bad reply"
done
grep -q '"reply": "good", "label": 0' "$dir/out" || fail "safety: no harm is thought and then refused"
expect_status 1 "$r1" verify --check 'safety harm cat steal Tom 0' --answer 'take it at night.'
expect_status 1 "$r1" verify --check 'helpful fact cat colour 7' --answer red --json
grep -q '"equal": *null' "$dir/out" || fail "a check of no request is decided"
expect_status 0 "$r1" tasks --rewrites --n 30
[ "$(grep -c 'Rewrite:", "completion": "<think>.*</think>\(so \|所以\).*<answer>' "$dir/out")" = 30 ] || fail "--rewrites"
expect_status 2 "$r1" tasks sum --rewrites
expect_status 2 "$r1" tasks sum --pairs
expect_status 2 "$r1" tasks helpful --stats
expect_status 2 "$r1" tasks helpful --pairs --responses any
expect_status 2 "$r1" tasks helpful --level 4

expect_status 0 "$r1" tasks --corpus --n 300 --seed 1
cp "$dir/out" "$dir/corpus"
[ "$(wc -l <"$dir/corpus")" = 300 ] || fail "not 300 documents"
expect_status 0 "$r1" tasks --corpus --n 300 --seed 1
cmp -s "$dir/out" "$dir/corpus" || fail "the corpus differs between runs"
grep -q 'wait' "$dir/corpus" || fail "no document goes on after a miss"
expect_status 0 "$r1" tasks --corpus --n 2000 --mix no-checking
grep -qE 'wait|check' "$dir/out" && fail "no-checking has a check"
expect_status 0 "$r1" tasks --corpus --n 400 --mix bilingual
grep -q '等等' "$dir/out" || fail "bilingual: no Chinese document goes on after a miss"
grep -q '"mixed": true' "$dir/out" || fail "bilingual: no document mixes"
expect_status 0 "$r1" tasks pick --stats --n 200
expect_status 0 "$r1" tasks pick --stats --n 200 --json
[ "$(grep -c '"distinct"' "$dir/out")" = 5 ] || fail "--stats --json"

expect_status 0 "$r1" verify --check 'make 56 3 5 7' --answer '(3+5)*7'
expect_status 0 "$r1" verify --check 'make 56 3 5 7' --answer '<think>x</think><answer>(3+5)*7</answer>'
expect_status 1 "$r1" verify --check 'make 56 3 5 7' --answer '3+5*7' --explain
expect_status 1 "$r1" verify --check 'nothing 1' --answer 1 --json
grep -q '"equal": *null' "$dir/out" || fail "undecided is not null"
expect_status 0 "$r1" verify --gold 0.5 --answer '\boxed{\frac{1}{2}}'
expect_status 0 "$r1" verify --gold 2 --answer two
expect_status 0 "$r1" verify --gold 50% --answer 0.5
expect_status 1 "$r1" verify --gold 50% --answer 50 --same
expect_status 0 "$r1" verify --gold '\frac{\sqrt2}{2}' --answer 'So \boxed{\sin 45^\circ}.' --explain
grep -q 'normal form' "$dir/out" || fail "--explain does not name the rule: $(cat "$dir/out")"
grep -q 'read as an expression' "$dir/out" || fail "--explain does not say how it was read"
expect_status 1 "$r1" verify --gold 3 --answer $'\\boxed{2}\nso 3.\n3'
expect_status 0 "$r1" verify --gold 3 --answer $'\\boxed{2}\nso 3.\n3' --extract last_line,box
expect_status 2 "$r1" verify --gold 3 --answer 3 --extract lines
grep -q 'extract: "lines" is none of' "$dir/err" || fail "--extract: $(cat "$dir/err")"
expect_status 1 "$r1" verify --gold 3 --answer '\boxed{3' --explain
grep -q '^answer: "" (unclosed box)' "$dir/out" && grep -q '^  not read: there is nothing' "$dir/out" || fail "an unclosed box: $(cat "$dir/out")"
expect_status 2 "$r1" verify --gold 2
expect_status 2 "$r1" verify --gold 2 --check 'sum 1 1' --answer 2
expect_status 2 "$r1" verify --input "$dir/not-there"

cat >"$dir/rows" <<'ROWS'
{"id": 1, "gold": "3", "answer": "3.0"}
{"id": "b", "gold": "3", "answer": "4"}
{"id": 3, "gold": "3 m", "answer": "300 cm"}

{"id": 4, "check": "sum 1 2", "answer": "3\u0000"}
ROWS
expect_status 0 "$r1" verify --input "$dir/rows"
[ "$(sed 's/.*"equal": *\([a-z]*\).*/\1/' "$dir/out" | tr '\n' ' ')" = 'true false null false ' ] || fail "rows: $(cat "$dir/out")"
printf '{"id": 1, "answer": "3"}\n{"id": 2, "gold": 3, "answer": "3"}\nno json\n{"id": 4, "gold": "3", "answer": "3"}\n' >"$dir/rows"
expect_status 2 "$r1" verify --input "$dir/rows"
[ "$(grep -c '"error"' "$dir/out")" = 3 ] || fail "three rows should fail: $(cat "$dir/out")"
[ "$(wc -l <"$dir/out")" = 4 ] || fail "one line for each row"
[ "$(wc -l <"$dir/err")" = 1 ] || fail "more than one line of error"
echo ok
