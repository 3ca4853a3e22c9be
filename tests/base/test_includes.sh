#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The law of the house: which folder may include which, and what may stand only in one place. Prints every line that breaks it.
set -euo pipefail

order=(base dist num format text model data reward rollout train eval record recipe serve cli)
status=0

# breach MESSAGE LINES: LINES, when there are any, break the law.
breach() {
    [ -z "$2" ] && return
    echo "$1:"
    printf '%s\n' "$2" | sed 's/^/  /'
    status=1
}
# Lines of src/ that match an extended regular expression, comments left out as far as a line can tell.
lines() { grep -rnE --include='*.[ch]' "$1" src | grep -vE '^[^:]*:[0-9]*: *(/\*|\*)' || true; }

# A folder may include itself and what stands before it.
declare -A rank
for i in "${!order[@]}"; do rank[${order[$i]}]=$i; done
for folder in src/*/; do
    folder=$(basename "$folder")
    breach "a folder that the order of the house does not know" "$([ -n "${rank[$folder]:-}" ] || echo "src/$folder")"
done
while IFS= read -r line; do
    from=${line#src/}
    from=${from%%/*}
    to=$(sed -E 's/^[^"]*"([^"/]*).*/\1/' <<<"$line")
    if [ -z "${rank[$to]:-}" ] || [ "${rank[$to]}" -gt "${rank[$from]}" ]; then
        breach "$from/ may not include $to/" "$line"
    fi
done < <(grep -rnE --include='*.[ch]' '^ *# *include "' src)

# arena.c ends the program when its plan was wrong; nothing else below cli/ does.
breach "ends the program below cli/" "$(lines '(^|[^a-z_])(exit|_exit|abort|quick_exit)\(' | grep -vE '^src/(cli/|base/arena\.c:)' || true)"
breach "prints below cli/" "$(lines '(^|[^a-z_])(printf|puts|putchar|vprintf|perror)\(|(fprintf|fputs|fwrite)\(.*(stdout|stderr)' | grep -vE '^src/(cli/|base/arena\.c:)' || true)"
breach "allocates outside base/" "$(lines '(^|[^a-z_])(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|strdup|strndup|asprintf|vasprintf)\(' | grep -v '^src/base/' || true)"
breach "MPI outside dist/" "$(lines 'include <mpi\.h>' | grep -v '^src/dist/' || true)"
breach "intrinsics outside num/vec_*.h" "$(lines '(^|[^a-z_])_mm[0-9]*_|include <[a-z]*intrin\.h>' | grep -vE '^src/(num/vec_[a-z0-9_]*\.h|base/threads\.c):' || true)"
breach "random numbers that no key names" "$(lines '(^|[^a-z_])(s?rand|rand_r|[delmn]rand48|s?random|arc4random)\(' || true)"
breach "arithmetic that is not what is written" "$(grep -rnE -e '-ffast-math|-Ofast|funsafe-math' CMakeLists.txt src Makefile || true)"

# Every file says under which licence it stands.
breach "no licence line" "$(find src tests tools -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) -print0 |
    xargs -0 -I{} sh -c 'head -n 3 "{}" | grep -q "SPDX-License-Identifier: MIT" || echo "{}"')"

exit $status
