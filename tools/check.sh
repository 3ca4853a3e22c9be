#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh: what has to hold before a commit. gcc and clang, each as a release and under ASan and UBSan with R1_CHECK=2; clang
# under ThreadSanitizer; the release of gcc once more for every ISA this machine has on one and on two threads, and with the
# items of every parallel region in reverse; formatting. R1_TEST_LONG=1 adds the long
# tests. Prints a line a step and, at the end, what passed and failed.
set -uo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh check || exit 1
. tools/tests.sh

# run_build NAME OPTION...: configures and builds build/check/NAME.
run_build() {
    local name=$1
    shift
    step "build $name" bash -c 'cmake -S . -B "$0" -G Ninja "$@" && ninja -C "$0"' "build/check/$name" "$@"
}

clang=$(tools/find-tool.sh clang)
sanitized=(-DCMAKE_BUILD_TYPE=Release -DR1_SANITIZE=address,undefined -DR1_CHECK=2)
run_build gcc -DCMAKE_BUILD_TYPE=Release -DR1_WERROR=ON -DCMAKE_C_COMPILER=gcc
run_build clang -DCMAKE_BUILD_TYPE=Release -DR1_WERROR=ON -DCMAKE_C_COMPILER="$clang"
run_build gcc-sanitized "${sanitized[@]}" -DCMAKE_C_COMPILER=gcc
run_build clang-sanitized "${sanitized[@]}" -DCMAKE_C_COMPILER="$clang"
run_build clang-tsan -DCMAKE_BUILD_TYPE=Release -DR1_SANITIZE=thread -DCMAKE_C_COMPILER="$clang"

# The program takes as many threads as it has processors, so a number of threads is a number of processors.
mapfile -t allowed < <(taskset -cp $$ | sed 's/.*: *//' | tr ',' '\n' |
    awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }')
processors=([1]="${allowed[0]}" [2]="${allowed[0]},${allowed[1]:-}")
isas=$(build/check/gcc/r1 doctor --json 2>/dev/null | sed -n 's/.*"isas": \[\([^]]*\)\].*/\1/p' | tr -d '",')
for isa in c avx2 avx512; do
    case " $isas " in
    *" $isa "*)
        for threads in 1 2; do
            [ "$threads" -le ${#allowed[@]} ] || { echo "skipped: this machine has no $threads processors"; continue; }
            R1_ISA=$isa run_tests "gcc, $isa, $threads thread(s)" build/check/gcc taskset -c "${processors[$threads]}"
        done
        ;;
    *) echo "skipped: this machine has no $isa" ;;
    esac
done
run_tests clang build/check/clang
run_tests "gcc, sanitized" build/check/gcc-sanitized
run_tests "clang, sanitized" build/check/clang-sanitized
run_tests "clang, ThreadSanitizer" build/check/clang-tsan
R1_THREADS=reversed run_tests "gcc, work items from the last to the first" build/check/gcc
check_format
summary
