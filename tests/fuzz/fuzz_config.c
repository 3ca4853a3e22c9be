/* SPDX-License-Identifier: MIT */
/* Any bytes as a config.json and a generation_config.json: one line, or a config that all of model/ may trust and that reads back as it was
 * written. */
#include "model/params.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const Error *err)
{
    if (err->kind != ERROR_INPUT || !err->text[0] || strchr(err->text, '\n')) abort();
}

static void check_written(const ModelConfig *config)
{
    JsonOut once = {0}, again = {0};
    Error err = {0};
    ModelConfig read;
    model_config_write(config, &once);
    json_t *const json = json_read_text(once.text, once.length, "written", 1, &err);
    if (!json || !model_config_parse(&read, json, "written", &err)) abort();
    model_config_write(&read, &again);
    if (strcmp(once.text, again.text) != 0) abort();
    json_decref(json);
    json_out_free(&once);
    json_out_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = {0};
    ModelConfig config;
    json_t *const json = json_read_text((const char *)data, size, "config.json", 1, &err);
    if (!json || !model_config_parse(&config, json, "config.json", &err)) {
        check_refusal(&err);
        json_decref(json);
        return 0;
    }
    if (!model_config_check(&config, &err)) abort();
    check_written(&config);
    if (!model_generation_config_parse(&config, json, "generation_config.json", &err))
        abort(); /* its keys are among config.json's */
    ParamLayout layout;
    if (config.n_layers <= 64 && !param_layout_create(&layout, &config, &err)) abort();
    if (config.n_layers <= 64) param_layout_free(&layout);
    json_decref(json);
    return 0;
}
