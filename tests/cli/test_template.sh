#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 template: a line for each line, the row's own variables, a folder's tokens, mistakes as rows.
set -euo pipefail
r1=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_template: $*" >&2
    exit 1
}
expect() {
    local want=$1 text=$2 status=0
    shift 2
    "$r1" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    [ "$status" = "$want" ] || fail "r1 $*: status $status, expected $want: $(cat "$tmp/err")"
    grep -qF -- "$text" "$tmp/err" || fail "r1 $*: expected \"$text\", got: $(cat "$tmp/err")"
}

# ---- published templates, from a file and from a folder ----
for name in deepseek-r1 deepseek-v3 llama31 qwen3; do
    folder=tests/fixtures/chat/$name
    sed -E 's/.*("text": ".*")\}$/{\1}/' "$folder/golden.jsonl" >"$tmp/want"
    "$r1" template --template "$folder/chat_template.jinja" --input "$folder/golden.jsonl" | cmp - "$tmp/want" || fail "$name as a file"
    "$r1" template --model "$folder" --threads 2 <"$folder/golden.jsonl" | cmp - "$tmp/want" || fail "$name as a folder"
done

# ---- rows that fail stand in their place ----
cat >"$tmp/t.jinja" <<'T'
{% if not messages %}
{{ raise_exception('no messages, ' + who) }}
{% endif %}
{{ who }}:{{ messages | length }}{{ tools is defined }}
T
cat >"$tmp/rows" <<'ROWS'
{"id": 1, "messages": [1], "who": "a"}

{"id": 2, "messages": [], "who": "b"}
{"messages": [1]}
[1]
{"messages": [1, 2], "who": "\u0000\ud800c"}
ROWS
expect 2 "2 of 5 rows failed, first line 3: $tmp/t.jinja:2:19: no messages, b" template --template "$tmp/t.jinja" --input "$tmp/rows"
cat >"$tmp/want" <<WANT
{"id": 1, "text": "a:1False"}
{"id": 2, "error": "$tmp/t.jinja:2:19: no messages, b"}
{"text": ":1False"}
{"error": "$tmp/rows:5: expected a JSON object"}
{"text": "\u0000�c:2False"}
WANT
diff "$tmp/want" "$tmp/out" || fail "rows"

# ---- wrong use ----
expect 2 'either --model DIR or --template' template
expect 2 'either --model DIR or --template' template --model a --template b
expect 2 'none.jinja' template --template "$tmp/none.jinja"
mkdir "$tmp/empty"
expect 2 'no chat template' template --model "$tmp/empty"
printf '{%% if x %%}\na\n' >"$tmp/open.jinja"
expect 2 'open.jinja:2:2: the template ends inside {% if %}' template --template "$tmp/open.jinja"
expect 2 'there is no chat template named "x"; there are ["default"]' template --model tests/fixtures/chat/qwen3 --name x
printf '{%% set l = range(9999) %%}{%% for a in l %%}{%% for b in l %%}{%% endfor %%}{%% endfor %%}' >"$tmp/ever.jinja"
echo '{}' >"$tmp/rows"
expect 2 'it may loop for ever' template --template "$tmp/ever.jinja" --input "$tmp/rows"
