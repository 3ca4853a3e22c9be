/* SPDX-License-Identifier: MIT */
/* Any bytes as a recipe: read, or refused with one line. */
#include "recipe/recipe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    Recipe recipe;
    Error err = {0};
    if (recipe_open_text(&recipe, "fuzz.yaml", text, NULL, 0, &err))
        recipe_close(&recipe);
    else if (!err.text[0] || strchr(err.text, '\n'))
        abort(); /* every refusal is one line */
    free(text);
    return 0;
}
