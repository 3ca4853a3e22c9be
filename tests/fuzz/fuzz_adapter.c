/* SPDX-License-Identifier: MIT */
/* Any bytes as an adapter_config.json: one line, or adapters that a model can have. */
#include "model/adapter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = {0};
    ModelConfig config;
    json_t *const json = json_read_text((const char *)data, size, "adapter_config.json", 1, &err);
    if (!model_config_named(&config, "tiny-5m")) abort();
    if (json && adapter_config_parse(&config.lora, json, "adapter_config.json", &err)) {
        ParamLayout layout;
        if (config.lora.rank < 1 || config.lora.targets == 0) abort();
        if (model_config_check(&config, &err)) { /* an alpha may still be out of bounds */
            if (!param_layout_create_adapters(&layout, &config, &err)) abort();
            param_layout_free(&layout);
        }
    } else if (err.kind != ERROR_INPUT || !err.text[0] || strchr(err.text, '\n')) {
        abort();
    }
    json_decref(json);
    return 0;
}
