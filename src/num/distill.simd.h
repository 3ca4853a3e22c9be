/* SPDX-License-Identifier: MIT */
/* num/distill.simd.h: distill_row and its backward of distill.c over 16 ids. Lanes that a last vector does not have keep what
 * they held. */
#ifndef R1_NUM_DISTILL_SIMD_H
#define R1_NUM_DISTILL_SIMD_H

#include "num/distill.h"

typedef struct DistillMass {
    f32x16 p, log_p;
} DistillMass;

VEC_INLINE DistillMass distill_mass(f32x16 logits, float t, const DistillSoftmax *softmax)
{
    const f32x16 y = vec_sub(vec_mul(logits, vec_set(t)), vec_set(softmax->y_max));
    return (DistillMass){vec_mul(vec_exp(y), vec_set(softmax->inv_sum)), vec_sub(y, vec_set(softmax->log_sum))};
}

VEC_INLINE f32x16 distill_log_mixture(f32x16 log_student, f32x16 log_teacher, const DistillScale *k)
{
    const f32x16 a = vec_add(log_student, vec_set(k->log_student_share));
    const f32x16 b = vec_add(log_teacher, vec_set(k->log_teacher_share));
    const f32x16 high = vec_max(a, b), low = vec_min(a, b);
    return vec_add(high, vec_log(vec_add(vec_set(1.0f), vec_exp(vec_sub(low, high)))));
}

typedef struct DistillLanes {
    f32x16 teacher, student;
} DistillLanes;

/* Takes 16 ids in. */
VEC_INLINE void distill_add(DistillLanes *lanes, f32x16 student, f32x16 teacher, const DistillScale *k,
                            DistillMode mode)
{
    const DistillMass s = distill_mass(student, k->t, &k->student), q = distill_mass(teacher, k->t, &k->teacher);
    const f32x16 mixture = mode == DISTILL_MIXTURE ? distill_log_mixture(s.log_p, q.log_p, k) : vec_zero();
    if (mode != DISTILL_REVERSE)
        lanes->teacher = vec_fma(q.p, vec_sub(q.log_p, mode == DISTILL_FORWARD ? s.log_p : mixture), lanes->teacher);
    if (mode != DISTILL_FORWARD)
        lanes->student = vec_fma(s.p, vec_sub(s.log_p, mode == DISTILL_REVERSE ? q.log_p : mixture), lanes->student);
}

VEC_INLINE DistillLanes distill_block(const float *restrict student, const float *restrict teacher, int64_t n,
                                      const DistillScale *k, DistillMode mode)
{
    DistillLanes lanes = {vec_zero(), vec_zero()};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) distill_add(&lanes, vec_load(student + i), vec_load(teacher + i), k, mode);
    if (i < n) {
        DistillLanes last = lanes;
        distill_add(&last, vec_load_first(student + i, n - i), vec_load_first(teacher + i, n - i), k, mode);
        lanes.teacher = vec_select_first(n - i, last.teacher, lanes.teacher);
        lanes.student = vec_select_first(n - i, last.student, lanes.student);
    }
    return lanes;
}

static void distill_row_simd(DistillSums *sums, const float *restrict student, const float *restrict teacher, int64_t V,
                             const DistillScale *k, DistillMode mode)
{
    *sums = (DistillSums){0};
    for (int64_t begin = 0; begin < V; begin += HEAD_BLOCK) {
        const int64_t n = V - begin < HEAD_BLOCK ? V - begin : HEAD_BLOCK;
        const DistillLanes lanes = distill_block(student + begin, teacher + begin, n, k, mode);
        sums->teacher += (double)vec_sum(lanes.teacher);
        sums->student += (double)vec_sum(lanes.student);
    }
}

VEC_INLINE f32x16 distill_gradient(f32x16 student, f32x16 teacher, const DistillScale *k, DistillMode mode, f32x16 mean,
                                   f32x16 a)
{
    const DistillMass s = distill_mass(student, k->t, &k->student), q = distill_mass(teacher, k->t, &k->teacher);
    if (mode == DISTILL_FORWARD) return vec_mul(a, vec_sub(s.p, q.p));
    const f32x16 beside = mode == DISTILL_REVERSE ? q.log_p : distill_log_mixture(s.log_p, q.log_p, k);
    return vec_mul(vec_mul(a, s.p), vec_sub(vec_sub(s.log_p, beside), mean));
}

static void distill_row_backward_simd(float *restrict student, const float *restrict teacher, const DistillSums *sums,
                                      int64_t V, const DistillScale *k, DistillMode mode, float a)
{
    const f32x16 mean = vec_set((float)sums->student), factor = vec_set(a);
    int64_t i = 0;
    for (; i + 16 <= V; i += 16)
        vec_store(student + i, distill_gradient(vec_load(student + i), vec_load(teacher + i), k, mode, mean, factor));
    if (i == V) return;
    const f32x16 last =
        distill_gradient(vec_load_first(student + i, V - i), vec_load_first(teacher + i, V - i), k, mode, mean, factor);
    vec_store_first(student + i, last, V - i);
}

#endif
