#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# soak_sandbox.sh: 10,080 tests of 6,720 programs through the sandbox (right, wrong, failing, leaving daemons, writing without end,
# asking for all memory), and what is left of it: no process, no descriptor, no thread, no memory. Takes some minutes; ends with 0
# when nothing is, with 77 where no sandbox can be made.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/release/test_reward_soak ] || { echo 'soak_sandbox.sh: build first (make release)' >&2; exit 2; }
containers() { { grep -lzs '^bwrap\|/bwrap$' /proc/[0-9]*/cmdline || true; } | wc -l; }
before=$(containers) start=$SECONDS status=0
R1_TEST_LONG=1 build/release/test_reward_soak || status=$?
[ "$status" = 0 ] || exit "$status"
echo "containers before $before, after $(containers); $((SECONDS - start)) s, load $(cut -d' ' -f1 /proc/loadavg)"
