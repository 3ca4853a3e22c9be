#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The examples of docs/your-own-reward.md, as a new user would try them: taken from the page, built, run; stored verdicts are used
# again; what is wrong with a reward is said in one line.
set -u
r1=$(readlink -f "$1")
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "FAILED: $*"; status=1; }
# block LANGUAGE: the page's fenced block of that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence {on = 1; next} /^```/ {on = 0} on' docs/your-own-reward.md; }

block python >"$work/short.py"
block c >"$work/lines.c"
cc -shared -fPIC -O2 -Wall -Wextra -Werror -I src/reward -o "$work/lines.so" "$work/lines.c" || fail "the plug-in does not build"
command -v python3 >/dev/null || { echo "skipped: no python3 for the example"; exit 77; }

cat >"$work/recipe.yaml" <<EOF
stage: grpo
model: $root/models/base
steps: 2
prompts_per_step: 2
group_size: 4
max_completion_tokens: 32
checkpoint: {every: 1}
EOF
cd "$work" || exit 1
run() { "$r1" run recipe.yaml --quiet "$@" 2>"$work/err" >/dev/null; }
metric() { sed -n "2s|.*\"$2\": \([^,}]*\).*|\1|p" "$1/metrics.jsonl"; }

run --out plain || fail "plain: $(cat err)"
run --out both --set reward.command="python3 $work/short.py" --set reward.command_weight=0.2 --set reward.plugin=./lines.so || fail "both: $(cat err)"
for name in command plugin; do
    [ "$(metric both rewards/$name/frac_undecided)" = 0 ] || fail "$name: undecided $(metric both rewards/$name/frac_undecided)"
    awk -v x="$(metric both rewards/$name/mean)" 'BEGIN { exit !(x >= 0 && x <= 1) }' || fail "$name: mean $(metric both rewards/$name/mean)"
done
[ "$(metric both rewards/command/mean)" != 0 ] || fail "the command's rewards are all 0"

# Nothing that runs a reward is left.
pgrep -f "$work/short.py" >/dev/null && fail "a reward command outlives its run"

# The verdicts of that run do for another one, whose command would not answer.
cp -r both again && rm -rf again/checkpoints again/model again/metrics.jsonl
mv short.py gone.py # the same command, and nobody there
run --out third --verdicts both --set reward.command="python3 $work/short.py" --set reward.command_weight=0.2 --set reward.plugin=./lines.so || fail "third: $(cat err)"
[ "$("$r1" digest both/model --json)" = "$("$r1" digest third/model --json)" ] || fail "stored verdicts give other weights"

# Without them: undecided, not 0, and the run goes on.
run --out lost --set reward.command="python3 $work/short.py" || fail "lost: $(cat err)"
[ "$(metric lost rewards/command/frac_undecided)" = 1 ] || fail "a command that does not run is not undecided"
run --out late --set reward.command="sleep 100" --set reward.command_seconds=0.05 --set steps=1 || fail "late: $(cat err)"

for bad in reward.plugin=./none.so reward.plugin=recipe.yaml 'reward.frame=<a>...<a>' reward.language_target=tlh; do
    run --out bad --set "$bad" && fail "$bad was taken"
    [ "$(grep -c '^r1: ' err)" = 1 ] || fail "$bad: $(cat err)"
done
exit $status
