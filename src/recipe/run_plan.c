/* SPDX-License-Identifier: MIT */
/* recipe/run_plan.c: what a run will need, told and checked before it starts: what it names (plan_check.c), what it takes
 * (plan_needs.c), and the time that this machine needs for that. Training is taken to run at 65% and sampling at 45% of the rate
 * of a matrix product that is measured here. */
#include "recipe/plan_parts.h"

#include "base/arena.h"
#include "base/clock.h"
#include "num/gemm.h"
#include "record/checkpoint.h"
#include "recipe/stage_type.h"

#include <math.h>
#include <unistd.h>

static const double TRAIN_SHARE = 0.65, SAMPLE_SHARE = 0.45, MEASURE_SECONDS = 0.25;

/* Memory that is never touched costs nothing and plans are generous, so only what is far beyond the machine is refused. */
static bool check_memory(const Recipe *r, const RunPlan *plan, Error *err)
{
    const double has = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (plan->memory_bytes >= 0 && (double)plan->memory_bytes <= 2.0 * has) return true;
    return recipe_error(
        r, r->stage == STAGE_PRETRAIN ? "shape" : "model", err,
        "the run would need about %.0f GiB of memory, this machine has %.0f: choose a smaller model, or lower "
        "%s or the size of an evaluation",
        plan->memory_bytes >= 0 ? (double)plan->memory_bytes / 0x1p30 : (double)INFINITY, has / 0x1p30,
        !stage_trains(r->stage)      ? "max_active, or the size of a step"
        : r->stage == STAGE_GRPO     ? "micro_batch_tokens, max_active, the size of a rollout"
        : r->stage == STAGE_PRETRAIN ? "micro_batch_tokens, tokens_per_step, tokenizer.documents"
                                     : "micro_batch_tokens, batch_size, max_length");
}

double plan_measure_rate(const Compute *compute)
{
    enum { M = 256, N = 768, K = 256 };
    const int64_t panel_floats = gemm_packed_floats(N, K);
    Arena memory;
    Error ignored = {0};
    const size_t bytes = arena_piece_bytes((size_t)panel_floats, sizeof(float)) +
                         arena_piece_bytes((size_t)M * K, sizeof(float)) +
                         arena_piece_bytes((size_t)M * N, sizeof(float));
    if (!arena_create(&memory, "rate", bytes, &ignored)) return (double)NAN;
    float *const panels = ARENA_ARRAY(&memory, float, panel_floats, 1), *const x = ARENA_ARRAY(&memory, float, M, K);
    float *const y = ARENA_ARRAY(&memory, float, M, N);
    const Gemm gemm = gemm_forward(y, N, x, K, panels, NULL, M, N, K);
    gemm_run(compute->k, compute->threads, &gemm); /* touches the pages */
    const double start = clock_seconds();
    double seconds = 0;
    int64_t n = 0;
    for (; seconds < MEASURE_SECONDS; n++) {
        gemm_run(compute->k, compute->threads, &gemm);
        seconds = clock_seconds() - start;
    }
    arena_free(&memory);
    return 2.0 * M * N * K * (double)n / seconds;
}

static bool plan_resume(const Recipe *r, RunPlan *plan, const char *folder, bool same_inputs, bool finished, Error *err)
{
    int64_t *steps, n_steps;
    if (!run_folder_check(r, folder, same_inputs, err) || !checkpoint_list(folder, &steps, &n_steps, err)) return false;
    plan->finished = finished || run_folder_finished(r, folder);
    plan->resumes = n_steps > 0;
    plan->resume_step = n_steps > 0 ? steps[n_steps - 1] : 0;
    base_free(steps);
    return true;
}

bool recipe_plan_ahead(const Recipe *r, const char *folder, bool same_inputs, const PlanAhead *ahead,
                       const Compute *compute, RunPlan *plan, Error *err)
{
    *plan = (RunPlan){.steps = r->common->steps, .seconds = (double)NAN};
    if (!plan_check(r, folder, ahead, plan, err) || !plan_needs(r, ahead, plan, threads_count(compute->threads), err) ||
        !check_memory(r, plan, err) || !plan_resume(r, plan, folder, same_inputs, ahead->finished, err))
        return false;
    if (!isnan(ahead->rate))
        plan->seconds =
            plan->train_flops / (TRAIN_SHARE * ahead->rate) + plan->sample_flops / (SAMPLE_SHARE * ahead->rate);
    return true;
}

bool recipe_plan(const Recipe *r, const RunOptions *options, const Compute *compute, bool timed, RunPlan *plan,
                 Error *err)
{
    const PlanAhead ahead = {.rate = timed ? plan_measure_rate(compute) : (double)NAN};
    char *const folder = recipe_run_folder(r, options);
    const bool ok = recipe_plan_ahead(r, folder, options->same_inputs, &ahead, compute, plan, err);
    base_free(folder);
    return ok;
}
