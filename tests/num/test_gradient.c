/* SPDX-License-Identifier: MIT */
/* Every backward kernel against central differences in double.
 *
 * Each case writes its forward once more in double, as the scalar loss(x) = sum of dy * forward(x). What the kernel says the
 * gradient of one input is must agree with (loss(x + h) - loss(x - h)) / 2h. */
#include "num/attention_case.h"

#include "num/distill.h"
#include "num/head.h"

typedef double (*Loss)(const void *context, const double *x);

static void assert_gradient(Loss loss, const void *context, double *x, int64_t n, const float *gradient,
                            double tolerance, const char *what)
{
    const double h = 1e-4;
    double largest = 1e-6;
    double *numeric = calloc((size_t)n, sizeof *numeric);
    for (int64_t i = 0; i < n; i++) {
        const double at = x[i];
        x[i] = at + h;
        const double above = loss(context, x);
        x[i] = at - h;
        const double below = loss(context, x);
        x[i] = at;
        numeric[i] = (above - below) / (2.0 * h);
        if (fabs(numeric[i]) > largest) largest = fabs(numeric[i]);
    }
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)gradient[i] - numeric[i]) <= tolerance * largest))
            fail_msg("%s: gradient %lld is %.9g, differences say %.9g (largest %.3g)", what, (long long)i,
                     (double)gradient[i], numeric[i], largest);
    free(numeric);
}

static double *doubles_of(const float *x, int64_t n)
{
    double *y = calloc((size_t)n, sizeof *y);
    for (int64_t i = 0; i < n; i++) y[i] = (double)x[i];
    return y;
}

/* ---- rms_norm ---- */

typedef struct NormLoss {
    int64_t T, D;
    const float *x, *w, *dy;
    double eps;
} NormLoss;

static double norm_loss_of(const NormLoss *c, const double *x, const double *w)
{
    double loss = 0.0;
    for (int64_t t = 0; t < c->T; t++) {
        double squares = 0.0;
        for (int64_t i = 0; i < c->D; i++) squares += x[t * c->D + i] * x[t * c->D + i];
        const double rstd = 1.0 / sqrt(squares / (double)c->D + c->eps);
        for (int64_t i = 0; i < c->D; i++) loss += (double)c->dy[t * c->D + i] * x[t * c->D + i] * rstd * w[i];
    }
    return loss;
}

static double norm_loss_by_x(const void *context, const double *x)
{
    const NormLoss *c = context;
    double *w = doubles_of(c->w, c->D);
    const double loss = norm_loss_of(c, x, w);
    free(w);
    return loss;
}

static double norm_loss_by_w(const void *context, const double *w)
{
    const NormLoss *c = context;
    double *x = doubles_of(c->x, c->T * c->D);
    const double loss = norm_loss_of(c, x, w);
    free(x);
    return loss;
}

static void rms_norm_backward_is_the_derivative_of_rms_norm(void **state)
{
    (void)state;
    enum { T = 3, D = 19 };
    const Kernels k = kernels_for(ISA_C);
    float *x = fenced_fill(T * D, 1, -2, 2), *w = fenced_fill(D, 2, 0.5f, 1.5f), *dy = fenced_fill(T * D, 3, -1, 1);
    float *y = fenced(T * D), *rstd = fenced(T), *dx = fenced_fill(T * D, 4, 0, 0), *dw = fenced_fill(D, 5, 0, 0);
    k.rms_norm(y, rstd, x, w, T, D, 1e-3f);
    k.rms_norm_backward(dx, dy, x, rstd, w, T, D);
    k.rms_norm_backward_weight(dw, dy, x, rstd, T, D, D);
    const NormLoss c = {T, D, x, w, dy, (double)1e-3f};
    double *at_x = doubles_of(x, T * D), *at_w = doubles_of(w, D);
    assert_gradient(norm_loss_by_x, &c, at_x, T * D, dx, 1e-5, "rms_norm by x");
    assert_gradient(norm_loss_by_w, &c, at_w, D, dw, 1e-5, "rms_norm by w");
    free(at_x), free(at_w);
    fenced_free(x), fenced_free(w), fenced_free(dy), fenced_free(y), fenced_free(rstd), fenced_free(dx),
        fenced_free(dw);
}

/* ---- rope: the inverse rotation is the transpose ---- */

enum { ROPE_T = 2, ROPE_HEADS = 2, ROPE_C = 10, ROPE_N = ROPE_T * ROPE_HEADS * ROPE_C };

typedef struct RopeLoss {
    const float *cos, *sin, *dy;
    const int32_t *position;
} RopeLoss;

static double rope_loss(const void *context, const double *x)
{
    const RopeLoss *c = context;
    double loss = 0.0;
    for (int t = 0; t < ROPE_T; t++)
        for (int h = 0; h < ROPE_HEADS; h++)
            for (int i = 0; i < ROPE_C / 2; i++) {
                const int low = (t * ROPE_HEADS + h) * ROPE_C + i, high = low + ROPE_C / 2;
                const double cos = (double)c->cos[c->position[t] * (ROPE_C / 2) + i];
                const double sin = (double)c->sin[c->position[t] * (ROPE_C / 2) + i];
                loss += (double)c->dy[low] * (x[low] * cos - x[high] * sin);
                loss += (double)c->dy[high] * (x[high] * cos + x[low] * sin);
            }
    return loss;
}

static void inverse_rope_is_the_derivative_of_rope(void **state)
{
    (void)state;
    const int32_t position[ROPE_T] = {3, 1};
    float *cos = fenced_fill(4 * ROPE_C / 2, 1, -1, 1), *sin = fenced_fill(4 * ROPE_C / 2, 2, -1, 1);
    float *x = fenced_fill(ROPE_N, 3, -1, 1), *dy = fenced_fill(ROPE_N, 4, -1, 1), *dx = fenced_fill(ROPE_N, 4, -1, 1);
    kernels_for(ISA_C).rope(dx, cos, sin, position, ROPE_T, ROPE_HEADS, ROPE_C, ROPE_HEADS * ROPE_C, true);
    const RopeLoss c = {cos, sin, dy, position};
    double *at = doubles_of(x, ROPE_N);
    assert_gradient(rope_loss, &c, at, ROPE_N, dx, 1e-5, "rope");
    free(at);
    fenced_free(cos), fenced_free(sin), fenced_free(x), fenced_free(dy), fenced_free(dx);
}

/* ---- swiglu ---- */

enum { SWIGLU_T = 2, SWIGLU_F = 21, SWIGLU_N = 2 * SWIGLU_T * SWIGLU_F };

static double swiglu_loss(const void *context, const double *x)
{
    const float *dh = context;
    double loss = 0.0;
    for (int t = 0; t < SWIGLU_T; t++)
        for (int i = 0; i < SWIGLU_F; i++) {
            const double g = x[2 * t * SWIGLU_F + i], u = x[(2 * t + 1) * SWIGLU_F + i];
            loss += (double)dh[t * SWIGLU_F + i] * g / (1.0 + exp(-g)) * u;
        }
    return loss;
}

static void swiglu_backward_is_the_derivative_of_swiglu(void **state)
{
    (void)state;
    float *x = fenced_fill(SWIGLU_N, 1, -5, 5), *dh = fenced_fill(SWIGLU_T * SWIGLU_F, 2, -1, 1),
          *dx = fenced(SWIGLU_N);
    float *becomes_h = fenced_fill(SWIGLU_T * SWIGLU_F, 2, -1, 1);
    kernels_for(ISA_C).swiglu_backward(dx, becomes_h, x, SWIGLU_T, SWIGLU_F);
    double *at = doubles_of(x, SWIGLU_N);
    assert_gradient(swiglu_loss, dh, at, SWIGLU_N, dx, 1e-5, "swiglu");
    free(at);
    fenced_free(x), fenced_free(dh), fenced_free(dx), fenced_free(becomes_h);
}

/* ---- attention ---- */

typedef enum Operand { BY_Q, BY_K, BY_V } Operand;

typedef struct AttentionLoss {
    const AttentionCase *t;
    Operand operand; /* which of the three x stands for */
} AttentionLoss;

static double element(const AttentionLoss *c, Operand operand, const double *x, const float *own, int64_t i)
{
    return c->operand == operand ? x[i] : (double)own[i];
}

static double attention_row_loss(const AttentionLoss *c, const double *x, int64_t query, int64_t head)
{
    const AttentionCase *t = c->t;
    const int64_t n_keys = t->shape.first_position + query + 1, head_dim = t->shape.head_dim;
    const int64_t q = query * t->q_row + head * t->q_head, out = query * t->out_row + head * t->out_head;
    double p[64], sum = 0.0, loss = 0.0;
    assert_true(n_keys <= 64);
    for (int64_t j = 0; j < n_keys; j++) {
        double s = 0.0;
        for (int64_t i = 0; i < head_dim; i++)
            s += element(c, BY_Q, x, t->q, q + i) * element(c, BY_K, x, t->k, j * t->channels + i);
        p[j] = exp(s * (double)t->scale);
        sum += p[j];
    }
    for (int64_t j = 0; j < n_keys; j++)
        for (int64_t i = 0; i < t->value_dim; i++)
            loss += (double)t->dout[out + i] * p[j] / sum * element(c, BY_V, x, t->v, j * t->channels + i);
    return loss;
}

static double attention_loss(const void *context, const double *x)
{
    const AttentionLoss *c = context;
    double loss = 0.0;
    for (int64_t query = 0; query < c->t->n_queries; query++)
        for (int64_t head = 0; head < c->t->shape.n_heads; head++) loss += attention_row_loss(c, x, query, head);
    return loss;
}

/* Gaps between heads are no inputs: their numeric gradient is 0, and so must be what stands there. */
static void attention_backward_is_the_derivative_of_attention(void **state)
{
    (void)state;
    static const AttentionShape cases[] = {{7, 0, 2, 5, 0}, {19, 3, 1, 16, 0}, {34, 30, 3, 6, 0}, {18, 2, 2, 6, 4}};
    const Kernels k = kernels_for(ISA_C);
    for (int i = 0; i < 4; i++) {
        AttentionCase t;
        attention_case_build(&t, cases[i], (uint32_t)i + 1);
        float *out = fenced_fill(t.out_floats, 1, 0, 0), *row_max = fenced_fill(t.stat_floats, 1, 0, 0);
        float *row_sum = fenced_fill(t.stat_floats, 1, 0, 0), *dq = fenced_fill(t.q_floats, 1, 0, 0);
        float *dk = fenced_fill(t.kv_floats, 1, 0, 0), *dv = fenced_fill(t.kv_floats, 1, 0, 0);
        attention_case_forward(&t, &k, 0, t.n_queries, out, row_max, row_sum);
        attention_case_backward(&t, &k, 0, t.n_queries, out, row_max, row_sum, dq, dk, dv);
        double *q = doubles_of(t.q, t.q_floats), *keys = doubles_of(t.k, t.kv_floats),
               *values = doubles_of(t.v, t.kv_floats);
        assert_gradient(attention_loss, &(AttentionLoss){&t, BY_Q}, q, t.q_floats, dq, 1e-5, "attention by q");
        assert_gradient(attention_loss, &(AttentionLoss){&t, BY_K}, keys, t.kv_floats, dk, 1e-5, "attention by k");
        assert_gradient(attention_loss, &(AttentionLoss){&t, BY_V}, values, t.kv_floats, dv, 1e-5, "attention by v");
        free(q), free(keys), free(values);
        fenced_free(out), fenced_free(row_max), fenced_free(row_sum), fenced_free(dq), fenced_free(dk), fenced_free(dv);
        attention_case_free(&t);
    }
}

/* ---- head ---- */

enum { HEAD_V = 37, HEAD_TARGET = 11 };
static const float head_a = 0.8f, head_b = -0.3f, head_t = 1.25f;

/* a * logprob(target) + b * entropy of softmax(z * t) */
static double head_loss(const void *context, const double *z)
{
    (void)context;
    double sum = 0.0, entropy = 0.0;
    for (int i = 0; i < HEAD_V; i++) sum += exp(z[i] * (double)head_t);
    for (int i = 0; i < HEAD_V; i++) {
        const double logprob = z[i] * (double)head_t - log(sum);
        entropy -= exp(logprob) * logprob;
    }
    return (double)head_a * (z[HEAD_TARGET] * (double)head_t - log(sum)) + (double)head_b * entropy;
}

static void head_backward_is_the_derivative_of_logprob_and_entropy(void **state)
{
    (void)state;
    const Kernels k = kernels_for(ISA_C);
    float *z = fenced_fill(HEAD_V, 2, -3, 3);
    double *at = doubles_of(z, HEAD_V);
    HeadRow row;
    k.head_row(&row, NULL, NULL, z, HEAD_V, head_t);
    k.head_row_backward(z, &row, HEAD_V, HEAD_TARGET, head_a, head_b, head_t);
    assert_gradient(head_loss, NULL, at, HEAD_V, z, 1e-5, "head");
    free(at);
    fenced_free(z);
}

/* ---- distillation ---- */

typedef struct DistillCase {
    double beta;
    double log_teacher[HEAD_V]; /* of softmax(q * t) */
} DistillCase;

static void log_softmax(double *out, const double *z)
{
    double sum = 0.0;
    for (int i = 0; i < HEAD_V; i++) sum += exp(z[i] * (double)head_t);
    for (int i = 0; i < HEAD_V; i++) out[i] = z[i] * (double)head_t - log(sum);
}

/* The generalised Jensen-Shannon divergence, as its paper writes it. */
static double distill_loss(const void *context, const double *z)
{
    const DistillCase *const c = context;
    double log_student[HEAD_V], to_teacher = 0.0, to_student = 0.0;
    log_softmax(log_student, z);
    for (int i = 0; i < HEAD_V; i++) {
        const double s = exp(log_student[i]), q = exp(c->log_teacher[i]);
        const double mixture = c->beta == 0.0   ? log_student[i]
                               : c->beta == 1.0 ? c->log_teacher[i]
                                                : log(c->beta * q + (1.0 - c->beta) * s);
        to_teacher += q * (c->log_teacher[i] - mixture);
        to_student += s * (log_student[i] - mixture);
    }
    if (c->beta == 0.0) return to_teacher;
    if (c->beta == 1.0) return to_student;
    return c->beta * to_teacher + (1.0 - c->beta) * to_student;
}

static void distill_backward_is_the_derivative_of_the_divergence(void **state)
{
    (void)state;
    static const float betas[] = {0.0f, 0.1f, 0.5f, 0.9f, 1.0f};
    const Kernels k = kernels_for(ISA_C);
    float *q = fenced_fill(HEAD_V, 9, -3, 3);
    double *const teacher_logits = doubles_of(q, HEAD_V);
    for (size_t i = 0; i < sizeof betas / sizeof *betas; i++) {
        float *z = fenced_fill(HEAD_V, 2, -3, 3);
        double *at = doubles_of(z, HEAD_V);
        DistillCase c = {.beta = (double)betas[i]};
        HeadRow student, teacher;
        DistillSums sums;
        log_softmax(c.log_teacher, teacher_logits);
        k.head_row(&student, NULL, NULL, z, HEAD_V, head_t);
        k.head_row(&teacher, NULL, NULL, q, HEAD_V, head_t);
        const DistillScale scale = distill_scale(&student, &teacher, betas[i], head_t);
        k.distill_row(&sums, z, q, HEAD_V, &scale, distill_mode(betas[i]));
        const double want = distill_loss(&c, at);
        if (!(fabs(distill_divergence(&sums, betas[i]) - want) < 2e-6))
            fail_msg("beta %g: divergence %.9g, not %.9g", c.beta, distill_divergence(&sums, betas[i]), want);
        k.distill_row_backward(z, q, &sums, HEAD_V, &scale, distill_mode(betas[i]),
                               distill_factor(betas[i], head_t, 1.0f));
        assert_gradient(distill_loss, &c, at, HEAD_V, z, 1e-5, "distill");
        free(at);
        fenced_free(z);
    }
    free(teacher_logits);
    fenced_free(q);
}

/* A student that is its teacher has nothing to learn: exactly, at both ends of beta. */
static void the_teacher_itself_is_at_no_distance(void **state)
{
    (void)state;
    const Kernels k = kernels_for(ISA_C);
    for (float beta = 0.0f; beta <= 1.0f; beta += 1.0f) {
        float *z = fenced_fill(HEAD_V, 2, -3, 3), *q = fenced_fill(HEAD_V, 2, -3, 3);
        HeadRow row;
        DistillSums sums;
        k.head_row(&row, NULL, NULL, z, HEAD_V, head_t);
        const DistillScale scale = distill_scale(&row, &row, beta, head_t);
        k.distill_row(&sums, z, q, HEAD_V, &scale, distill_mode(beta));
        assert_true(distill_divergence(&sums, beta) == 0.0);
        k.distill_row_backward(z, q, &sums, HEAD_V, &scale, distill_mode(beta), 1.0f);
        for (int i = 0; i < HEAD_V; i++) assert_true(z[i] == 0.0f);
        fenced_free(z), fenced_free(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rms_norm_backward_is_the_derivative_of_rms_norm),
        cmocka_unit_test(inverse_rope_is_the_derivative_of_rope),
        cmocka_unit_test(swiglu_backward_is_the_derivative_of_swiglu),
        cmocka_unit_test(attention_backward_is_the_derivative_of_attention),
        cmocka_unit_test(head_backward_is_the_derivative_of_logprob_and_entropy),
        cmocka_unit_test(distill_backward_is_the_derivative_of_the_divergence),
        cmocka_unit_test(the_teacher_itself_is_at_no_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
