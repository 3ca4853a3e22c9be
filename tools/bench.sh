#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bench.sh R1 [BENCH...]: measures this machine with one thread and with all, on every ISA it has (or on R1_ISA alone), and appends
# the lines to bench/results/<machine>.csv. A machine that does something else at the time gives lower rates and, since limits are
# short measurements, lower fractions.
set -euo pipefail
cd "$(dirname "$0")/.."
r1=$1
shift
benches=("$@")
[ ${#benches[@]} -gt 0 ] || benches=(peak gemm attention train grpo decode rollout speculation)

# A field of one line of JSON: a string as it stands, a number with four digits.
text() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" <<<"$2"; }
number() {
    local value
    value=$(sed -n "s/.*\"$1\": \([-+.0-9e]*\).*/\1/p" <<<"$2")
    [ -z "$value" ] || LC_ALL=C printf '%.4g' "$value"
}

doctor=$("$r1" doctor --json 2>/dev/null)
processors=$(nproc)
file="bench/results/$(text cpu "$doctor" | tr -cs 'A-Za-z0-9\n' '-' | sed 's/-*$//')-$processors.csv"
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
isas=${R1_ISA:-$(sed -n 's/.*"isas": \[\([^]]*\)\].*/\1/p' <<<"$doctor" | tr -d '",' | tr ' ' '\n' | grep -v '^c$' || true)}
mkdir -p bench/results
[ -f "$file" ] || echo "date,commit,bench,case,threads,isa,value,unit,limit,limit_kind,fraction_of_limit" >"$file"

for isa in $isas; do
    for threads in $(printf '%s\n' 1 "$processors" | sort -nu); do
        for bench in "${benches[@]}"; do
            R1_ISA=$isa "$r1" bench "$bench" --json --threads "$threads" | while read -r line; do
                row=$(date +%F),$commit
                for name in bench case; do row+=,$(text "$name" "$line"); done
                row+=,$threads,$isa,$(number value "$line"),$(text unit "$line"),$(number limit "$line")
                echo "$row,$(text limit_kind "$line"),$(number fraction_of_limit "$line")" | tee -a "$file"
            done
        done
    done
done
