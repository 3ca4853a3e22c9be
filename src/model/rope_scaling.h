/* SPDX-License-Identifier: MIT */
/* model/rope_scaling.h: rotary frequencies as a model's config stretches them. Private to model/. */
#ifndef R1_MODEL_ROPE_SCALING_H
#define R1_MODEL_ROPE_SCALING_H

#include "model/config.h"

/* Radians a position of pair i < head_dim / 2, f32 as the reference implementations round it. */
float rope_frequency(const ModelConfig *c, int64_t i);
/* What cos and sin are multiplied with: YaRN's attention factor, else 1. */
double rope_attention_factor(const ModelConfig *c);
/* What MLA's scores are multiplied with: (N + P)^-1/2, and m^2 with YaRN (m = 0.1 mscale_all_dim ln factor + 1). */
float mla_score_scale(const ModelConfig *c);

#endif
