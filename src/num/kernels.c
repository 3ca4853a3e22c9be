/* SPDX-License-Identifier: MIT */
/* num/kernels.c: the table. Definitions fill every field; each ISA overrides what it has. */
#include "num/definitions.h"

static Kernels kernels_of_definitions(void)
{
    return (Kernels){
        .isa = ISA_C,
        .gemm = gemm_c,
        .dequantize_panel = dequantize_panel_c,
        .attention_forward = attention_forward_c,
        .attention_backward = attention_backward_c,
        .rms_norm = rms_norm_c,
        .rms_norm_backward = rms_norm_backward_c,
        .rms_norm_backward_weight = rms_norm_backward_weight_c,
        .sum_rows = sum_rows_c,
        .dot = dot_c,
        .add = add_c,
        .rope = rope_c,
        .rope_neighbours = rope_neighbours_c,
        .swiglu = swiglu_c,
        .swiglu_backward = swiglu_backward_c,
        .head_row = head_row_c,
        .head_row_backward = head_row_backward_c,
        .distill_row = distill_row_c,
        .distill_row_backward = distill_row_backward_c,
        .adamw = adamw_c,
        .row_squares = row_squares_c,
        .exp_f32 = exp_f32_c,
        .log_f32 = log_f32_c,
    };
}

Kernels kernels_for(Isa isa)
{
    Kernels k = kernels_of_definitions();
    if (isa >= ISA_AVX2) kernels_add_avx2(&k);
    if (isa >= ISA_AVX512) kernels_add_avx512(&k);
    k.isa = isa;
    return k;
}
