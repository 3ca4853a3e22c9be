#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The short form of tools/digest_table.sh with this build: one digest over kernels, threads, kills and resumes.
set -euo pipefail
exec tools/digest_table.sh --short --r1 "this=$1"
