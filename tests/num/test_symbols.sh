#!/bin/bash
# SPDX-License-Identifier: MIT
# No libm result but fma, sqrt, fabs, rint, ldexp, floor and ceil may reach a number that is kept (docs/numerics.md): every
# other function of libm must be absent from what the library and the program import.
set -u
program=$1
library=$(dirname "$program")/libr1_core.a
[ -e "$library" ] || { echo "$library: not there"; exit 1; }

# Roots of the names; each also as f32 (f), long double (l), finite and vector variants.
roots='exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sin|cos|sincos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh'
roots="$roots|cbrt|hypot|erf|erfc|lgamma|tgamma|fmod|remainder|drem|cexp|clog|cpow|cabs"
found=$({ nm -A -u "$library"; nm -A -u -D "$program"; } 2>/dev/null |
    grep -E " (U|w) (__)?(_ZGV[a-z]N[0-9]+v+_)?($roots)(f|l)?(_finite|_r)?(@.*)?\$" || true)
if [ -n "$found" ]; then
    echo "functions of libm that may differ between versions:"
    echo "$found"
    exit 1
fi
