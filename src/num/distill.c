/* SPDX-License-Identifier: MIT */
/* num/distill.c: the definition of how far a student's row of logits is from its teacher's, and of its gradient: see kernels.h.
 *
 * Sums run as those of num/head.c: blocks of HEAD_BLOCK ids in 16 f32 lanes, blocks ascending in f64. Between the ends of beta
 * both distributions are compared with their mixture; its logarithm is taken from the two logarithms, larger one first, so that
 * no probability has to be a normal number. */
#include "num/distill.h"

#include "num/definitions.h"
#include "num/math.h"
#include "num/math_inline.h"

DistillMode distill_mode(float beta)
{
    return beta <= 0.0f ? DISTILL_FORWARD : beta >= 1.0f ? DISTILL_REVERSE : DISTILL_MIXTURE;
}

DistillScale distill_scale(const HeadRow *student, const HeadRow *teacher, float beta, float inv_temperature)
{
    const bool mixed = distill_mode(beta) == DISTILL_MIXTURE;
    return (DistillScale){.t = inv_temperature,
                          .student = {student->y_max, (float)math_log(student->sum), (float)(1.0 / student->sum)},
                          .teacher = {teacher->y_max, (float)math_log(teacher->sum), (float)(1.0 / teacher->sum)},
                          .log_student_share = mixed ? (float)math_log(1.0 - (double)beta) : 0.0f,
                          .log_teacher_share = mixed ? (float)math_log((double)beta) : 0.0f};
}

double distill_divergence(const DistillSums *sums, float beta)
{
    switch (distill_mode(beta)) {
    case DISTILL_FORWARD:
        return sums->teacher;
    case DISTILL_REVERSE:
        return sums->student;
    case DISTILL_MIXTURE:
        break;
    }
    return (double)beta * sums->teacher + (1.0 - (double)beta) * sums->student;
}

float distill_factor(float beta, float inv_temperature, float weight)
{
    const double share = distill_mode(beta) == DISTILL_MIXTURE ? 1.0 - (double)beta : 1.0;
    return (float)((double)weight * (double)inv_temperature * share);
}

/* One id: probability and its logarithm under one of the two. */
typedef struct Mass {
    float p, log_p;
} Mass;

static inline Mass mass_of(float logit, float t, const DistillSoftmax *softmax)
{
    const float y = logit * t - softmax->y_max;
    return (Mass){math_exp_inline(y) * softmax->inv_sum, y - softmax->log_sum};
}

static inline float log_mixture(float log_student, float log_teacher, const DistillScale *k)
{
    const float a = log_student + k->log_student_share, b = log_teacher + k->log_teacher_share;
    const float high = a > b ? a : b, low = a < b ? a : b;
    return high + math_log_inline(1.0f + math_exp_inline(low - high));
}

/* Both sums over n <= HEAD_BLOCK ids. */
static void block_sums(float *teacher_sum, float *student_sum, const float *restrict student,
                       const float *restrict teacher, int64_t n, const DistillScale *k, DistillMode mode)
{
    float teacher_lane[NUM_LANES] = {0}, student_lane[NUM_LANES] = {0};
    for (int64_t i = 0; i < n; i += NUM_LANES) {
        const int width = n - i < NUM_LANES ? (int)(n - i) : NUM_LANES;
        for (int l = 0; l < width; l++) {
            const Mass s = mass_of(student[i + l], k->t, &k->student), q = mass_of(teacher[i + l], k->t, &k->teacher);
            const float mixture = mode == DISTILL_MIXTURE ? log_mixture(s.log_p, q.log_p, k) : 0.0f;
            if (mode != DISTILL_REVERSE)
                teacher_lane[l] = fmaf(q.p, q.log_p - (mode == DISTILL_FORWARD ? s.log_p : mixture), teacher_lane[l]);
            if (mode != DISTILL_FORWARD)
                student_lane[l] = fmaf(s.p, s.log_p - (mode == DISTILL_REVERSE ? q.log_p : mixture), student_lane[l]);
        }
    }
    *teacher_sum = lanes_sum(teacher_lane);
    *student_sum = lanes_sum(student_lane);
}

void distill_row_c(DistillSums *sums, const float *restrict student, const float *restrict teacher, int64_t V,
                   const DistillScale *scale, DistillMode mode)
{
    *sums = (DistillSums){0};
    for (int64_t begin = 0; begin < V; begin += HEAD_BLOCK) {
        const int64_t n = V - begin < HEAD_BLOCK ? V - begin : HEAD_BLOCK;
        float of_teacher, of_student;
        block_sums(&of_teacher, &of_student, student + begin, teacher + begin, n, scale, mode);
        sums->teacher += (double)of_teacher;
        sums->student += (double)of_student;
    }
}

void distill_row_backward_c(float *restrict student, const float *restrict teacher, const DistillSums *sums, int64_t V,
                            const DistillScale *k, DistillMode mode, float a)
{
    const float mean = (float)sums->student;
    for (int64_t i = 0; i < V; i++) {
        const Mass s = mass_of(student[i], k->t, &k->student), q = mass_of(teacher[i], k->t, &k->teacher);
        if (mode == DISTILL_FORWARD) {
            student[i] = a * (s.p - q.p);
            continue;
        }
        const float beside = mode == DISTILL_REVERSE ? q.log_p : log_mixture(s.log_p, q.log_p, k);
        student[i] = (a * s.p) * ((s.log_p - beside) - mean);
    }
}
