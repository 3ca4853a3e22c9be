# SPDX-License-Identifier: MIT
# tests.sh: for check.sh and .ci/run: runs steps, counts what passed and failed, says so in one line at the end. A step shows
# its output when it fails. Sourced, in the root of the checkout.

passed=0
failed=0
skipped=0
step_log=$(mktemp)
trap 'rm -f "$step_log"' EXIT

# step NAME COMMAND...: one thing that passes or fails.
step() {
    local name=$1 begin=$SECONDS
    shift
    if "$@" >"$step_log" 2>&1 </dev/null; then
        echo "ok: $name ($((SECONDS - begin)) s)"
        passed=$((passed + 1))
    else
        cat "$step_log"
        echo "FAILED: $name"
        failed=$((failed + 1))
    fi
}

# count_tests LOG: adds ctest's "...% tests passed, F tests failed out of N" to the sums; false when there is no such line. ctest
# counts a test that this machine cannot run (SKIP_RETURN_CODE) as passed; here it is neither, and is named.
count_tests() {
    local failures total skips
    read -r failures total < <(sed -n 's/.*tests passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\).*/\1 \2/p' "$1" | tail -n 1)
    [ -n "${total:-}" ] || return 1
    skips=$(grep -c '^[[:space:]]*[0-9]* - .* (Skipped)$' "$1" || true)
    grep '^[[:space:]]*[0-9]* - .* (Skipped)$' "$1" | sed 's/^/skipped:/' || true
    failed=$((failed + failures))
    skipped=$((skipped + skips))
    passed=$((passed + total - failures - skips))
}

# run_tests NAME FOLDER [COMMAND...]: every test of one build (or those whose names match $only), ctest being run by COMMAND.
# Each test counts.
run_tests() {
    local name=$1 folder=$2 begin=$SECONDS status=0
    shift 2
    "$@" ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(nproc)" ${only:+-R "$only"} >"$step_log" 2>&1 </dev/null || status=$?
    if ! count_tests "$step_log"; then
        failed=$((failed + 1))
        status=1
    fi
    if [ "$status" -eq 0 ]; then
        echo "ok: tests with $name ($((SECONDS - begin)) s)"
    else
        cat "$step_log"
        echo "FAILED: tests with $name"
    fi
}

check_format() {
    step format bash -c 'find src tests bench -name "*.[ch]" -print0 | xargs -0 "$0" --dry-run -Werror' "$(tools/find-tool.sh clang-format)"
}

# The last line; the status is 1 when anything failed or nothing ran.
summary() {
    [ "$skipped" -eq 0 ] || echo "$skipped skipped: this machine cannot run them (the lines \"skipped:\" above name them)"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
