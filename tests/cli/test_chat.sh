#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 chat in a pipe and r1 sample --chat: turns, commands, thinking apart, what is left out, Ctrl-C.
set -euo pipefail
r1=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_chat: $*" >&2
    cat "$tmp/out" "$tmp/err" >&2 2>/dev/null || true
    exit 1
}
cp -r models/base "$tmp/model"
# chat ARGUMENTS: turns from stdin.
chat() {
    "$r1" chat --model "$tmp/model" "$@" >"$tmp/out" 2>"$tmp/err" || fail "r1 chat $*: status $?"
}
says() { grep -qF -- "$1" "$tmp/err" || fail "expected \"$1\""; }

# ---- without a template each turn stands for itself ----
printf 'What is 2 + 3?\nWhat is 2 + 3?\n' | chat --temperature 0 --max-tokens 8
says 'no chat template'
[ "$(grep -c . "$tmp/out")" = 2 ] && [ "$(sort -u "$tmp/out" | grep -c .)" = 1 ] || fail "two equal turns"
"$r1" sample --model "$tmp/model" --chat --prompt x 2>"$tmp/err" && fail "--chat without a template"
says 'no chat template'

# ---- sample --chat is the template's text ----
printf '%s' '{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}{% if add_generation_prompt %}<think>{{ "\n" }}{% endif %}' >"$tmp/model/chat_template.jinja"
ids=$(printf '{"text":"[user:What is 2 + 3?]<think>\\n"}\n' | "$r1" tokenize --model "$tmp/model" | sed 's/.*\[//; s/\].*//; s/ //g')
"$r1" sample --model "$tmp/model" --ids "$ids" -n 2 --max-tokens 12 >"$tmp/want"
"$r1" sample --model "$tmp/model" --chat --prompt 'What is 2 + 3?' -n 2 --max-tokens 12 | cmp - "$tmp/want" || fail "--chat is not its template's text"
"$r1" sample --model "$tmp/model" --chat --ids 1 2>"$tmp/err" && fail "--chat with --ids"

# ---- thinking apart: the prompt ends in <think>, so the answer begins inside ----
echo 'What is 2 + 3?' | chat --max-tokens 6 --logit-bias 0=-1000 --logit-bias 2=-1000
[ "$(head -n 1 "$tmp/out")" = '<think>' ] || fail "no <think>"
tail -n 2 "$tmp/out" | grep -qx '</think>' || fail "no </think>"
says '(cut after 6 tokens'
echo 'What is 2 + 3?' | chat --max-tokens 6 --logit-bias 0=-1000 --logit-bias 2=-1000 --hide-thinking
grep -q . "$tmp/out" && fail "thinking is hidden"
echo 'What is 2 + 3?' | chat --max-tokens 6 --logit-bias 0=-1000 --logit-bias 2=-1000 --json
grep -qE '^\{"role": "assistant", "content": "", "thinking": ".+", "finish_reason": "length", "n_tokens": 6, "n_prompt_tokens": [0-9]+, "n_reused_tokens": 0\}$' "$tmp/out" || fail "--json"

# ---- history, commands, files ----
printf '%s\n' 'one' '/save '"$tmp/talk.json" '/reset' '/load '"$tmp/talk.json" '/set temperature=0' '/set temperature=x' '/set nope=1' '/nope' \
    'a \' 'b' '"""' 'c' '' 'd' '"""' '//e' '/system S' "/save $tmp/more.json" '/quit' 'never' | chat --max-tokens 3
says "$tmp/talk.json: 2 messages"
says '/set temperature=x: the value does not fit'
says '/set nope=1: there is no such setting'
says '  top_p=0.95'
says '/nope: there is no such command'
for content in '"role":"system","content":"S"' '"content":"one"' '"content":"a \nb"' '"content":"c\n\nd"' '"content":"/e"'; do
    grep -qF -- "$content" "$tmp/more.json" || fail "$content is not in the conversation: $(cat "$tmp/more.json")"
done
grep -q never "$tmp/more.json" && fail "/quit goes on"
printf '%s\n' '/retry' 'one' '/retry' '/retry' "/save $tmp/talk.json" "/save $tmp/none/x" '/load' | chat --max-tokens 3
says 'there is no turn to answer'
says "$tmp/talk.json: 2 messages"
says 'No such file'
says '/load needs a file'
[ "$(grep -c '<think>' "$tmp/out")" = 3 ] || fail "/retry"

printf '%s\n' 'one' "/save $tmp/full.json" 'two' | R1_FAILPOINT=conversation.write=enospc chat --max-tokens 3
says 'No space left'
[ -e "$tmp/full.json" ] && fail "half a conversation"

# ---- a conversation that grows too long ----
printf 'first %s\nsecond\n' "$(printf 'word %.0s' {1..10})" | chat --max-tokens 10 --context 90
says 'the conversation is longer than 90 tokens: its first 2 messages are left out'
status=0
printf '%s\n' "$(printf 'word %.0s' {1..99})" | "$r1" chat --model "$tmp/model" --context 50 >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 2 ] || fail "a turn longer than the context: status $status"
says 'that prompt and answer may have'

# ---- a turn runs only what is new, and no bit depends on that: the same turns, each in a program that has seen none of the others ----
# same OPTIONS LINE...: leaves in $tmp/reused how many tokens each turn of the one chat took over.
answers() { sed 's/, "n_reused_tokens".*//' "$1"; }
same() {
    local options=$1 line
    shift
    printf '%s\n' "$@" "/save $tmp/whole.json" | chat $options --json
    answers "$tmp/out" >"$tmp/together"
    grep -o '"n_reused_tokens": [0-9]*' "$tmp/out" | grep -o '[0-9]*$' >"$tmp/reused"
    echo '[]' >"$tmp/one.json"
    for line in "$@"; do
        printf '%s\n' "/load $tmp/one.json" "$line" "/save $tmp/one.json" | chat $options --json
        answers "$tmp/out"
    done >"$tmp/apart"
    cmp "$tmp/together" "$tmp/apart" || fail "turns that share keys: other answers ($options)"
    cmp "$tmp/whole.json" "$tmp/one.json" || fail "turns that share keys: another conversation"
}
same '--max-tokens 30 --seed 2' 'What is 2 + 3?' 'And 7 + 8?' 'Once more: 3 + 4?'
[ "$(head -n 1 "$tmp/reused")" = 0 ] && awk 'NR > 1 && $1 < 20 { exit 1 }' "$tmp/reused" || fail "what is reused: $(cat "$tmp/reused")"
same '--max-tokens 30 --context 120' 'What is 2 + 3?' 'And 7 + 8?' 'Once more: 3 + 4?' 'And 1 + 1?'
printf '%s\n' 'What is 2 + 3?' '/retry' '/system Be brief.' '/retry' '/reset' 'What is 2 + 3?' | chat --max-tokens 9 --json
grep -o '"n_reused_tokens": [0-9]*' "$tmp/out" | grep -o '[0-9]*$' >"$tmp/reused"
n=$(grep -o '"n_prompt_tokens": [0-9]*' "$tmp/out" | head -n 1 | grep -o '[0-9]*$')
[ "$(sed -n 2p "$tmp/reused")" = $((n - 1)) ] || fail "/retry runs its prompt again"
[ "$(sed -n 3p "$tmp/reused")" -lt 5 ] || fail "another system message"

# ---- Ctrl-C stops the answer, not the program ----
mkfifo "$tmp/turns"
"$r1" chat --model "$tmp/model" --max-tokens 1000 --logit-bias 0=-1000 --logit-bias 2=-1000 --no-speculation <"$tmp/turns" >"$tmp/out" 2>"$tmp/err" &
pid=$!
exec 3>"$tmp/turns"
echo 'one' >&3
for _ in $(seq 600); do
    [ "$(wc -c <"$tmp/out")" -gt 20 ] && break
    sleep 0.05
done
kill -INT $pid
printf '/set max_tokens=2\ntwo\n/save %s\n' "$tmp/stopped.json" >&3
exec 3>&-
wait $pid || fail "Ctrl-C ended the program: $?"
[ "$(grep -o '"role"' "$tmp/stopped.json" | wc -l)" = 4 ] || fail "what was said before Ctrl-C is lost: $(cat "$tmp/stopped.json")"
says '(stopped)'
