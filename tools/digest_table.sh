#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# digest_table.sh: one recipe, one digest. Runs a short version of a recipe over compilers, kernels and threads, killed at each
# failpoint and at random times and resumed, and prints a table of what came out: the digests of weights and moments, and a sum
# of the metrics without their times. Status 1 when any row differs from the first.
#
#   tools/digest_table.sh [--short] [--recipe FILE] [--r1 NAME=PROGRAM]... [--set a.b=v]...
#
# --short: a smaller version, a few failpoints and two random kills (a test of every build). Default programs: gcc as
# build/release/r1 and clang as build/check/clang/r1; one that is not there is skipped, which is printed. The default recipe is
# recipes/r1-zero.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."

short= recipe=recipes/r1-zero.yaml programs=() sets=()
while [ $# -gt 0 ]; do
    case $1 in
    --short) short=1 ;;
    --recipe) recipe=$2; shift ;;
    --r1) programs+=("$2"); shift ;;
    --set) sets+=(--set "$2"); shift ;;
    *) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
    shift
done
[ ${#programs[@]} -gt 0 ] || programs=(gcc=build/release/r1 clang=build/check/clang/r1)
if [ ${#sets[@]} = 0 ] && grep -q '^stage: grpo' "$recipe"; then
    # Whole groups in two minibatches, a reference that is renewed, an evaluation, a checkpoint a step.
    sets=(steps=4 prompts_per_step=4 group_size=8 max_completion_tokens=96 kl_coef=0.02 reference_every=2 inner_epochs=2
        eval.every=2 eval.problems=1 eval.samples=1 eval.max_tokens=24 checkpoint.every=1 checkpoint.keep=2)
    [ -z "$short" ] || sets=(steps=3 prompts_per_step=2 group_size=4 max_completion_tokens=48 kl_coef=0.02
        reference_every=2 eval.every=2 eval.problems=1 eval.samples=1 eval.max_tokens=8 checkpoint.every=1 checkpoint.keep=2)
    for i in "${!sets[@]}"; do sets[i]="--set=${sets[i]}"; done
fi

place=${TMPDIR:-/tmp}
[ -w /dev/shm ] && place=/dev/shm
work=$(mktemp -d "$place/r1-digests-XXXXXX")
trap 'rm -rf "$work"' EXIT
first='' n_rows=0 n_different=0

# run PROGRAM ISA THREADS OUT: what the program says goes to $work/said.
run() { R1_ISA=$2 "$1" run "$recipe" --out "$4" --threads "$3" --quiet "${sets[@]}" >"$work/said" 2>&1; }

# The sum of what a finished run left.
result() {
    local last
    last=$(ls -d "$2"/checkpoints/step-* | tail -n 1)
    "$1" digest "$last" | sed 's/[{}":,]//g; s/optimizer_digest //; s/digest //'
    sed -E 's/"(time\/[a-z]+|step_time|tokens_per_second)": [^,}]*//g' "$2/metrics.jsonl" | cksum | cut -d' ' -f1
}

row() { # compiler isa threads how program folder
    local got mark=''
    got=$(result "$5" "$6" | xargs)
    [ -n "$first" ] || first=$got
    if [ "$got" != "$first" ]; then
        mark='  <- differs'
        n_different=$((n_different + 1))
    fi
    n_rows=$((n_rows + 1))
    printf '%-9s %-7s %-8s %-34s %s%s\n' "$1" "$2" "$3" "$4" "$got" "$mark"
    rm -rf "$6"
}

must_finish() { # how, then run's arguments
    local how=$1
    shift
    run "$@" && return
    echo "$how: the run does not end:"
    cat "$work/said"
    exit 1
}

printf '%-9s %-7s %-8s %-34s %-32s %-32s %s\n' compiler isa threads run digest optimizer_digest metrics

# ---- compilers, kernels, threads ----
base=() base_ms=0
for named in "${programs[@]}"; do
    compiler=${named%%=*} program=${named#*=}
    if [ ! -x "$program" ]; then
        printf '%-9s skipped: %s is not there\n' "$compiler" "$program"
        continue
    fi
    isas=$("$program" doctor --json 2>/dev/null | sed -n 's/.*"isas": \[\([^]]*\)\].*/\1/p' | tr -d '",')
    for isa in c avx2 avx512; do
        case " $isas " in *" $isa "*) ;; *)
            printf '%-9s %-7s skipped: this machine has no %s\n' "$compiler" "$isa" "$isa"
            continue
            ;;
        esac
        for threads in 1 2; do
            begun=$(date +%s%3N)
            must_finish "$compiler $isa $threads" "$program" "$isa" "$threads" "$work/run"
            taken=$(($(date +%s%3N) - begun))
            row "$compiler" "$isa" "$threads" uninterrupted "$program" "$work/run"
            if [ "$compiler" = "${base[3]:-$compiler}" ]; then
                base=("$program" "$isa" "$threads" "$compiler")
                base_ms=$taken
            fi
        done
    done
done
[ ${#base[@]} -gt 0 ] || { echo "no program to run; build one with make release"; exit 1; }
r1=${base[0]} isa=${base[1]} threads=${base[2]} compiler=${base[3]}

# ---- killed at each failpoint, by its second arrival where it has one, and resumed ----
names=$("$r1" doctor --failpoints | grep -vE '^(test|samples|dump)\.')
[ -z "$short" ] || names='checkpoint-model.write checkpoint.rename checkpoint.remove metrics.sync store.commit final.rename'
for name in $names; do
    how=
    for point in "$name@2=kill" "$name=kill"; do
        status=0
        # bash says "Killed" on its own stderr
        { R1_FAILPOINT=$point run "$r1" "$isa" "$threads" "$work/run"; } 2>/dev/null || status=$?
        [ $status -gt 128 ] && how=$point && break
        rm -rf "$work/run"
    done
    if [ -z "$how" ]; then
        printf '%-9s %-7s %-8s %-34s not met by this recipe\n' "$compiler" "$isa" "$threads" "$name"
        continue
    fi
    must_finish "$how" "$r1" "$isa" "$threads" "$work/run"
    row "$compiler" "$isa" "$threads" "${how%=kill} killed" "$r1" "$work/run"
done

# ---- killed at random times and resumed ----
RANDOM=20260601
n_kills=20 killed=0 number=0
[ -z "$short" ] || n_kills=2
while [ $killed -lt $n_kills ]; do
    number=$((number + 1)) here=0
    while [ $killed -lt $n_kills ]; do
        (export R1_ISA=$isa; exec "$r1" run "$recipe" --out "$work/run" --threads "$threads" --quiet "${sets[@]}") \
            >"$work/said" 2>&1 &
        process=$!
        sleep "$(awk -v r=$RANDOM -v ms=$base_ms 'BEGIN { print 0.001 * ms * r / 32768 }')"
        kill -KILL $process 2>/dev/null || true
        status=0
        { wait $process; } 2>/dev/null || status=$?
        [ $status -gt 128 ] || break # it was done before
        killed=$((killed + 1)) here=$((here + 1))
    done
    must_finish "run $number after $here SIGKILLs" "$r1" "$isa" "$threads" "$work/run"
    row "$compiler" "$isa" "$threads" "$here random SIGKILLs, run $number" "$r1" "$work/run"
done

if [ $n_different -gt 0 ]; then
    echo "$n_different of $n_rows rows differ from the first"
    exit 1
fi
echo "$n_rows rows, one digest"
