/* SPDX-License-Identifier: MIT */
/* Any bytes as a recipe, of one stage or of several: read, or refused with one line. */
#include "recipe/graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    YamlDocument document;
    Recipe recipe;
    Graph graph;
    Error err = {0};
    bool ok = yaml_read_text(&document, "fuzz.yaml", text, size, &err);
    if (ok && graph_is(&document)) {
        ok = graph_open(&graph, &document, &err);
        if (ok) {
            graph_bind(&graph, "out");
            graph_close(&graph);
        }
    } else if (ok) {
        ok = recipe_open_document(&recipe, &document, &err);
        if (ok) recipe_close(&recipe);
    }
    if (!ok && (!err.text[0] || strchr(err.text, '\n'))) abort(); /* every refusal is one line */
    free(text);
    return 0;
}
