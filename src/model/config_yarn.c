/* SPDX-License-Identifier: MIT */
/* model/config_yarn.c: the keys of YaRN, as transformers reads them: betas of 32 and 1, a ramp between whole channels, and an
 * attention factor that follows from "mscale" and "mscale_all_dim" where it is not given. */
#include "model/config_parts.h"

bool yarn_parse(ModelConfig *c, const json_t *rope, Error *err)
{
    c->rope_scaling = ROPE_YARN;
    c->yarn = (YarnConfig){.beta_fast = 32.0, .beta_slow = 1.0, .truncate = true};
    return json_require(rope, "factor", err) && json_get_double(rope, "factor", &c->rope_factor, err) &&
           json_get_double(rope, "beta_fast", &c->yarn.beta_fast, err) &&
           json_get_double(rope, "beta_slow", &c->yarn.beta_slow, err) &&
           json_get_double(rope, "mscale", &c->yarn.mscale, err) &&
           json_get_double(rope, "mscale_all_dim", &c->yarn.mscale_all_dim, err) &&
           json_get_double(rope, "attention_factor", &c->yarn.attention_factor, err) &&
           json_get_bool(rope, "truncate", &c->yarn.truncate, err);
}

static bool in_range(const char *what, double value, double low, double high, Error *err)
{
    if (value >= low && value <= high) return true; /* a NaN fails */
    return error_set(err, ERROR_INPUT, "rope scaling: %s is %g, must be %g to %g", what, value, low, high);
}

bool yarn_check(const ModelConfig *c, Error *err)
{
    const YarnConfig *const y = &c->yarn;
    if (c->rope_theta <= 1.0)
        return error_set(err, ERROR_INPUT, "rope_theta is %g, yarn needs more than 1", c->rope_theta);
    return in_range("beta_slow", y->beta_slow, 1e-3, 1e6, err) &&
           in_range("beta_fast", y->beta_fast, y->beta_slow, 1e6, err) &&
           in_range("mscale", y->mscale, 0.0, 1e3, err) &&
           in_range("mscale_all_dim", y->mscale_all_dim, 0.0, 1e3, err) &&
           in_range("attention_factor", y->attention_factor, 0.0, 1e3, err);
}

void yarn_write(const ModelConfig *c, JsonOut *out)
{
    const YarnConfig *const y = &c->yarn;
    if (y->attention_factor > 0.0) config_write_real(out, "attention_factor", y->attention_factor);
    config_write_real(out, "beta_fast", y->beta_fast);
    config_write_real(out, "beta_slow", y->beta_slow);
    if (y->mscale > 0.0) config_write_real(out, "mscale", y->mscale);
    if (y->mscale_all_dim > 0.0) config_write_real(out, "mscale_all_dim", y->mscale_all_dim);
    if (!y->truncate) json_out_kv_bool(out, "truncate", false);
}
