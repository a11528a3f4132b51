/* SPDX-License-Identifier: MIT */
/* A run whose rank of queries is chosen when it begins. A pilot tells it how many
 * documents a rank would have scored again, which shapes do not say, so what is planned
 * is between the best rank with one round of these, and whole queries, which it takes
 * where that would cost more. */
#include <math.h>
#include <string.h>

#include "plan/planner.h"
#include "score/counted.h"

/* Plan a run whose queries have this rank into `out`. */
static attrib_status plan_at_rank(const at_planner *p,
                                  size_t rank,
                                  attrib_plan *out,
                                  attrib_error *err)
{
    attrib_score_options score = *p->work->score;
    attrib_work work = *p->work;
    at_planner own = *p;
    score.query_rank = rank;
    work.score = &score;
    own.work = &work;
    own.out = out;
    *out = (attrib_plan){0};
    return at_plan_score(&own, err);
}

static double total_seconds(const attrib_plan *plan)
{
    double sum = 0;
    for (size_t i = 0; i < plan->n_stages; i++) {
        sum += plan->stages[i].seconds;
    }
    return sum;
}

/* Widen a stage to what whole queries would take. */
static void join(attrib_plan_stage *stage, const attrib_plan_stage *whole)
{
    stage->most_flop = fmax(stage->flop, whole->flop);
    stage->most_seconds = fmax(stage->seconds, whole->seconds);
    stage->memory_bytes = fmax(stage->memory_bytes, whole->memory_bytes);
    stage->disk_bytes = fmax(stage->disk_bytes, whole->disk_bytes);
}

/* Add to the scores what a pilot takes: a share of its documents' passes. */
static void add_pilot(const at_planner *p, attrib_plan_stage *stage)
{
    double share = fmin((double)AT_PILOT_DOCUMENTS / p->work->scored.n_documents, 1);
    stage->flop *= 1 + share;
    stage->seconds *= 1 + share;
    stage->busy_seconds *= 1 + share;
}

/* As at_has_pilot(). */
static bool has_pilot(const at_planner *p)
{
    return p->work->score->max_rescored == 0 &&
           p->work->scored.n_documents >= (double)(AT_PILOT_SHARE * AT_PILOT_DOCUMENTS);
}

static void append(attrib_plan *out, const attrib_plan *run)
{
    for (size_t i = 0; i < run->n_stages; i++) {
        out->stages[out->n_stages++] = run->stages[i];
    }
    out->query_rank = run->query_rank;
}

attrib_status at_plan_run(const at_planner *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_plan whole;
    attrib_plan best;
    if (p->work->score->query_rank != ATTRIB_RANK_AUTO) {
        return at_plan_score(p, err);
    }
    AT_TRY(plan_at_rank(p, at_auto_rank(0), &whole, err));
    best = whole;
    for (size_t i = 1; i < AT_N_AUTO_RANKS; i++) {
        attrib_plan cut;
        AT_TRY(plan_at_rank(p, at_auto_rank(i), &cut, err));
        best = total_seconds(&cut) < total_seconds(&best) ? cut : best;
    }
    if (best.query_rank != ATTRIB_RANK_FULL && p->work->score->max_rescored == 0 &&
        !has_pilot(p)) { /* nothing would tell whether a rank pays */
        best = whole;
    }
    for (size_t i = 0; best.query_rank != ATTRIB_RANK_FULL && i < best.n_stages; i++) {
        attrib_plan_stage *stage = &best.stages[i];
        if (!has_pilot(p)) {
            break; /* the rank is chosen by shapes alone, as here */
        }
        if (strcmp(stage->name, "score") == 0) {
            add_pilot(p, stage);
        }
        join(stage, &whole.stages[i]);
    }
    append(p->out, &best);
done:
    return status;
}
