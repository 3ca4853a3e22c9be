/* SPDX-License-Identifier: MIT */
/* num/kernels.simd.h: every template, and the table they make. Included once after a vec_*.h, in a file that is compiled for
 * that instruction set. */
#ifndef R1_NUM_KERNELS_SIMD_H
#define R1_NUM_KERNELS_SIMD_H

#include "num/vec_math.simd.h"
#include "num/gemm.simd.h"
#include "num/panels.simd.h"
#include "num/attention.simd.h"
#include "num/rms_norm.simd.h"
#include "num/rope.simd.h"
#include "num/swiglu.simd.h"
#include "num/elementwise.simd.h"
#include "num/head.simd.h"
#include "num/distill.simd.h"

static void kernels_add_simd(Kernels *k)
{
    k->gemm = gemm_simd;
    k->dequantize_panel = dequantize_panel_simd;
    k->gemm_few = gemm_few_simd;
    k->few_rows = PANEL_FEW_ROWS;
    k->attention_forward = attention_forward_simd;
    k->attention_backward = attention_backward_simd;
    k->rms_norm = rms_norm_simd;
    k->rms_norm_backward = rms_norm_backward_simd;
    k->rms_norm_backward_weight = rms_norm_backward_weight_simd;
    k->sum_rows = sum_rows_simd;
    k->dot = dot_simd;
    k->add = add_simd;
    k->rope = rope_simd;
    k->swiglu = swiglu_simd;
    k->swiglu_backward = swiglu_backward_simd;
    k->head_row = head_row_simd;
    k->head_row_backward = head_row_backward_simd;
    k->distill_row = distill_row_simd;
    k->distill_row_backward = distill_row_backward_simd;
    k->adamw = adamw_simd;
    k->exp_f32 = exp_f32_simd;
    k->log_f32 = log_f32_simd;
}

#endif
