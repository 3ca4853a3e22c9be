/* SPDX-License-Identifier: MIT */
/* tests/text/fuzz_tokenizer.c: a libFuzzer target for tokenizer.json, not part of the build:
 *
 *   clang-14 -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -DR1_CHECK=2 -Isrc -Itests \
 *     tests/text/fuzz_tokenizer.c src/text/[a-z]*.c src/base/[!y]*.c -ljansson -lpcre2-8 -lutf8proc -lxxhash -o build/fuzz_tokenizer
 *   build/fuzz_tokenizer -max_len=4096 build/fuzz-corpus tests/text/fuzz
 *
 * What it finds goes into tests/text/fuzz, which test_tokenizer_damage replays. */
#include "text/fuzz_tokenizer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tokenizer((const char *)data, size);
    return 0;
}
