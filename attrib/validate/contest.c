/* SPDX-License-Identifier: MIT */
/* 1. Sizes.
 * 2. Ceilings.
 * 3. Contests. */
#include "validate/contest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "validate/counted.h"

/* Fewer subsets than this have no correlation that says anything. */
#define MIN_PARTS ((size_t)3)

/* 1. Sizes */

/* A query that was not measured on all subsets says nothing: its row becomes constant. */
static void drop_unmeasured(double *measured, size_t n_queries, size_t n_parts)
{
    for (size_t q = 0; q < n_queries; q++) {
        double *row = measured + q * n_parts;
        bool is_whole = true;
        for (size_t i = 0; i < n_parts; i++) {
            is_whole = is_whole && !isnan(row[i]);
        }
        if (!is_whole) {
            memset(row, 0, n_parts * sizeof *row);
        }
    }
}

static void find_slopes(at_contest *c)
{
    const at_trial *trial = c->trial;
    size_t n = c->group.n_parts;
    for (size_t p = 0; p < trial->n_predictors; p++) {
        for (size_t q = 0; q < trial->n_queries; q++) {
            double slope = at_slope(c->predicted[p] + q * n, c->measured + q * n, n);
            bool is_known = !trial->predictors[p].is_baseline &&
                            !isnan(c->agreements[p].correlations[q]);
            c->slopes[p * trial->n_queries + q] =
                is_known ? slope * (double)trial->truth->n_documents : (double)NAN;
        }
    }
}

/* 2. Ceilings */

/* Leave of a group the subsets that two seeds trained on, with the losses of either. */
static void take_seeds(const at_trial *trial,
                       at_group *group,
                       double *first,
                       double *second)
{
    const at_truth *truth = trial->truth;
    size_t n = 0;
    for (size_t i = 0; i < group->n_parts; i++) {
        if (truth->parts[group->parts[i]].n_trainings >= 2) {
            group->parts[n++] = group->parts[i];
        }
    }
    group->n_parts = n;
    for (size_t q = 0; q < trial->n_queries; q++) {
        for (size_t i = 0; i < n; i++) {
            const at_training *training =
                &truth->trainings[truth->parts[group->parts[i]].first_training];
            first[q * n + i] = training[0].losses[trial->queries[q]];
            second[q * n + i] = training[1].losses[trial->queries[q]];
        }
    }
    drop_unmeasured(first, trial->n_queries, n);
    drop_unmeasured(second, trial->n_queries, n);
}

/* Compare the losses by the first seed of subsets with those by their second. */
static attrib_status find_ceiling(at_contest *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = c->trial;
    at_group group = c->group;
    double *first = NULL;
    double *second = NULL;
    size_t n = trial->n_queries * group.n_parts;
    group.parts = NULL;
    AT_TRY(at_array(group.n_parts, sizeof *group.parts, (void *)&group.parts, err));
    memcpy(group.parts, c->group.parts, group.n_parts * sizeof *group.parts);
    AT_TRY(at_array(n, sizeof *first, (void *)&first, err));
    AT_TRY(at_array(n, sizeof *second, (void *)&second, err));
    take_seeds(trial, &group, first, second);
    if (group.n_parts >= MIN_PARTS) {
        const double *predicted[] = {second};
        const at_agreement_job job = {.measured = first,
                                      .predicted = predicted,
                                      .n_predicted = 1,
                                      .n_queries = trial->n_queries,
                                      .n_parts = group.n_parts,
                                      .n_replicates = trial->options.replicates,
                                      .seed = trial->options.seed,
                                      .stream = c->stream};
        AT_TRY(at_agree(&job, &c->ceiling, err));
        c->n_repeated = group.n_parts;
    }
done:
    free(group.parts);
    free(first);
    free(second);
    return status;
}

/* 3. Contests */

static at_agreement_job agreement_job(const at_contest *c)
{
    const at_trial *trial = c->trial;
    return (at_agreement_job){.measured = c->measured,
                              .predicted = (const double *const *)c->predicted,
                              .n_predicted = trial->n_predictors,
                              .n_queries = trial->n_queries,
                              .n_parts = c->group.n_parts,
                              .n_replicates = trial->options.replicates,
                              .seed = trial->options.seed,
                              .stream = c->stream};
}

static attrib_status hold_contest(at_contest *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = c->trial;
    size_t n = trial->n_queries * c->group.n_parts;
    size_t n_seeds = 0;
    at_agreement_job job;
    AT_TRY(at_array(n, sizeof *c->measured, (void *)&c->measured, err));
    AT_TRY(at_group_measured(trial, &c->group, c->measured, &n_seeds, err));
    drop_unmeasured(c->measured, trial->n_queries, c->group.n_parts);
    AT_TRY(
        at_array(trial->n_predictors, sizeof *c->predicted, (void *)&c->predicted, err));
    AT_TRY(at_array(trial->n_predictors, sizeof *c->agreements, (void *)&c->agreements,
                    err));
    AT_TRY(at_array(trial->n_predictors * trial->n_queries, sizeof *c->slopes,
                    (void *)&c->slopes, err));
    for (size_t p = 0; p < trial->n_predictors; p++) {
        AT_TRY(at_array(n, sizeof **c->predicted, (void *)&c->predicted[p], err));
        at_group_predicted(trial, &trial->predictors[p], &c->group, c->predicted[p]);
    }
    job = agreement_job(c);
    AT_TRY(at_agree(&job, c->agreements, err));
    find_slopes(c);
    AT_TRY(find_ceiling(c, err));
done:
    return status;
}

static void contest_free(at_contest *c)
{
    for (size_t p = 0; p < c->trial->n_predictors; p++) {
        if (c->predicted) {
            free(c->predicted[p]);
        }
        if (c->agreements) {
            at_agreement_free(&c->agreements[p]);
        }
    }
    at_agreement_free(&c->ceiling);
    free(c->predicted);
    free(c->agreements);
    free(c->measured);
    free(c->slopes);
    free(c->group.parts);
}

attrib_status at_contests_hold(const at_trial *trial,
                               at_contests *out,
                               attrib_analysis *analysis,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_truth *truth = trial->truth;
    AT_TRY(at_array(truth->n_parts, sizeof *out->items, (void *)&out->items, err));
    for (size_t i = 0; i < truth->n_parts; i++) {
        at_contest *c = &out->items[out->n];
        if (truth->parts[i].method[0] || !at_group_begins(truth, i)) {
            continue;
        }
        *c = (at_contest){.trial = trial, .stream = i};
        out->n++;
        AT_TRY(at_group_take(truth, i, &c->group, err));
        if (c->group.n_parts >= MIN_PARTS) {
            AT_TRY(hold_contest(c, err));
            continue;
        }
        if (c->group.n_parts > 0) {
            AT_TRY(at_analysis_say(analysis, err,
                                   "The group \"%s\" has %zu subsets of documents: a "
                                   "correlation needs at least %zu.",
                                   c->group.name, c->group.n_parts, MIN_PARTS));
        }
        contest_free(c);
        out->n--;
    }
done:
    return status;
}

void at_contests_free(at_contests *contests)
{
    for (size_t i = 0; i < contests->n; i++) {
        contest_free(&contests->items[i]);
    }
    free(contests->items);
    *contests = (at_contests){0};
}
