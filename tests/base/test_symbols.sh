#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the program calls of libm: only functions whose result is the same everywhere (correctly rounded or exact). exp, log, pow
# and their like differ from library to library by a bit, and one bit is another checkpoint.
set -euo pipefail
r1=$1
inexact='(exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sincos|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot|erf|erfc|lgamma|tgamma|__[a-z0-9]*_finite)[fl]?'
found=$(nm -u "$r1" | grep -oE "\b$inexact(@.*)?$" || true)
if [ -n "$found" ]; then
    echo "the program calls libm for:"
    printf '  %s\n' $found
    exit 1
fi
