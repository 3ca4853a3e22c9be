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
breach "an include that goes against the order (${order[*]}), or a folder that it does not name" "$(
    grep -rnE --include='*.[ch]' '^ *# *include "' src | awk -v order="${order[*]}" '
        BEGIN { n = split(order, names, " "); for (i = 1; i <= n; i++) rank[names[i]] = i }
        {
            split($0, path, "/")
            split($0, quoted, "\"")
            split(quoted[2], target, "/")
            if (!(path[2] in rank) || !(target[1] in rank) || rank[target[1]] > rank[path[2]]) print
        }'
)"

# arena.c ends the program when its plan was wrong, helper.c a worker that nobody asks any more, reward/inside/ is a program of its
# own; nothing else below cli/ does.
breach "ends the program below cli/" "$(lines '(^|[^a-z_])(exit|_exit|abort|quick_exit)\(' | grep -vE '^src/(cli/|reward/inside/|base/(arena|helper)\.c:)' || true)"
breach "prints below cli/" "$(lines '(^|[^a-z_])(printf|puts|putchar|vprintf|perror)\(|(fprintf|fputs|fwrite)\(.*(stdout|stderr)' | grep -vE '^src/(cli/|base/arena\.c:)' || true)"
breach "allocates outside base/" "$(lines '(^|[^a-z_])(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|strdup|strndup|asprintf|vasprintf)\(' | grep -v '^src/base/' || true)"
breach "MPI outside dist/" "$(lines 'include <mpi\.h>' | grep -v '^src/dist/' || true)"
breach "intrinsics outside num/vec_*.h" "$(lines '(^|[^a-z_])_mm[0-9]*_|include <[a-z]*intrin\.h>' | grep -vE '^src/(num/vec_[a-z0-9_]*\.h|base/threads\.c):' || true)"
breach "FLINT outside math_exact.h" "$(lines 'include <(flint|calcium)/|include <(arb|acb)\.h>' | grep -v '^src/reward/math_exact\.h:' || true)"
breach "random numbers that no key names" "$(lines '(^|[^a-z_])(s?rand|rand_r|[delmn]rand48|s?random|arc4random)\(' || true)"
breach "arithmetic that is not what is written" "$(grep -rnE -e '-ffast-math|-Ofast|funsafe-math' CMakeLists.txt src Makefile || true)"

# Every file says under which licence it stands.
breach "no licence line" "$(grep -rL --include='*.[ch]' --include='*.sh' --include='*.py' 'SPDX-License-Identifier: MIT' src tests tools || true)"

exit $status
