#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every command's help, wrong use, exit statuses, and a stdout that holds JSON lines only.
set -uo pipefail
r1=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
status=0

# expect STATUS STDERR COMMAND...: runs COMMAND; its exit status and its stderr (a glob) must be these. stdout: $folder/out.
expect() {
    local wanted=$1 pattern=$2 got=0 text
    shift 2
    "$@" >"$folder/out" 2>"$folder/err" </dev/null || got=$?
    text=$(cat "$folder/err")
    # shellcheck disable=SC2053
    if [ "$got" -ne "$wanted" ] || [[ $text != $pattern ]]; then
        echo "$*"
        echo "  status $got, expected $wanted"
        echo "  stderr   $text"
        echo "  expected $pattern"
        status=1
    fi
}
# stdout_has PATTERN: the last command's stdout.
stdout_has() {
    # shellcheck disable=SC2053
    [[ $(cat "$folder/out") == $1 ]] && return
    echo "stdout lacks $1:"
    sed 's/^/  /' "$folder/out"
    status=1
}

expect 2 'r1: no command given; `r1 help` lists them' "$r1"
expect 0 '' "$r1" help
stdout_has '*usage: r1 COMMAND*doctor*'
cp "$folder/out" "$folder/help"
expect 0 '' "$r1" --help
cmp -s "$folder/out" "$folder/help" || { echo "r1 --help is not r1 help"; status=1; }
expect 0 '' "$r1" version
stdout_has 'r1 [0-9]*.[0-9]*.[0-9]*'
expect 0 '' "$r1" --version

expect 2 'r1: unknown command "docter" (did you mean doctor?); `r1 help` lists them' "$r1" docter
expect 2 'r1: unknown command "xyzzy"; `r1 help` lists them' "$r1" xyzzy
expect 2 'r1: help: unknown command "versoin" (did you mean version?)*' "$r1" help versoin
expect 2 'r1: --json: the command comes first*' "$r1" --json doctor
expect 2 'r1: doctor: unknown option --jsn (did you mean --json?)*' "$r1" doctor --jsn
expect 2 'r1: doctor: unknown option --failpoint (did you mean --failpoints?)*' "$r1" doctor --failpoint=1
expect 2 'r1: doctor: --failpoints takes no value' "$r1" doctor --failpoints=1
expect 2 'r1: doctor: one argument too many: x*' "$r1" doctor x
expect 2 'r1: doctor: --threads 0: expected an integer from 1 to 1024' "$r1" doctor --threads 0
expect 2 'r1: doctor: --threads two: expected an integer*' "$r1" doctor --threads=two
expect 2 'r1: doctor: --threads needs a value (N)' "$r1" doctor --threads
expect 2 'r1: doctor: --threads needs a value (N)' "$r1" doctor --threads --json
expect 2 'r1: doctor: one argument too many: --json*' "$r1" doctor -- --json

# The ISA that runs, and those that cannot.
expect 0 '' env R1_ISA=c "$r1" doctor
stdout_has '*in use*c (R1_ISA)*'
expect 2 'r1: doctor: R1_ISA=mmx*' env R1_ISA=mmx "$r1" doctor
expect 0 '' "$r1" doctor --threads 3
stdout_has '*threads*3*'
expect 2 'r1: R1_FAILPOINT=nowhere*' env R1_FAILPOINT=nowhere "$r1" version
expect 2 'r1: R1_FAILPOINT=nowhere=kill: no such failpoint*' env R1_FAILPOINT=nowhere=kill "$r1" version
expect 0 '' "$r1" doctor --failpoints
stdout_has '*checkpoint.rename*'

# A stdout that cannot be written is a fault, and a closed pipe is no silent death.
if [ -w /dev/full ]; then
    "$r1" help >/dev/full 2>"$folder/err"
    [ $? -eq 3 ] && grep -q 'cannot write output: No space left' "$folder/err" || { echo "a full disk behind stdout went unseen"; status=1; }
fi

# json_lines: every line of the last stdout is one JSON object.
json_lines() {
    if [ ! -s "$folder/out" ] || grep -vqE '^\{.*\}$' "$folder/out"; then
        echo "not JSON lines: $*"
        sed 's/^/  /' "$folder/out"
        status=1
    fi
}
for arguments in version doctor 'doctor --failpoints'; do
    # shellcheck disable=SC2086
    expect 0 '?*' "$r1" $arguments --json
    json_lines "$arguments"
done
expect 0 '?*' "$r1" --help --json
[ -s "$folder/out" ] && { echo "help with --json wrote to stdout"; status=1; }

# What every command must have: help that names it, shows its use, and an example that begins as one would paste it.
for command in $("$r1" help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'); do
    expect 0 '' "$r1" "$command" --help
    stdout_has "$command: *usage: r1 $command*example:*$r1 $command*"
    cp "$folder/out" "$folder/help"
    expect 0 '' "$r1" help "$command"
    cmp -s "$folder/out" "$folder/help" || { echo "r1 help $command is not r1 $command --help"; status=1; }
    expect 2 "r1: $command: unknown option --no-such-option*" "$r1" "$command" --no-such-option
done
exit $status
