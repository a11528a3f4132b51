/* SPDX-License-Identifier: MIT */
/* What a run says of cut queries. The first and last k documents are exact when every
 * document was scored in full whose interval score -/+ bound reaches the k-th full score
 * of either end. Which others were, on the way there, depends on the order of the work;
 * this set does not, so that shards together say what one process says. */
#include <math.h>
#include <stdlib.h>

#include "run/run.h"

/* The k-th full scores of both ends of an answer. */
typedef struct ends {
    double floor, ceiling;
} ends;

static int compare_scores(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a < b) - (a > b);
}

/* All reported documents of both lists are in order together: with fewer than 2 k
 * documents one list has some of the other's. */
static attrib_status find_ends(const attrib_answer *answer,
                               size_t k,
                               ends *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = answer->n_top + answer->n_bottom;
    double *scores = NULL;
    *out = (ends){-HUGE_VAL, HUGE_VAL};
    AT_TRY(at_array(n, sizeof *scores, &scores, err));
    for (size_t i = 0; i < n; i++) {
        scores[i] = i < answer->n_top ? answer->top[i].score
                                      : answer->bottom[i - answer->n_top].score;
    }
    qsort(scores, n, sizeof *scores, compare_scores);
    if (n >= k) {
        *out = (ends){scores[k - 1], scores[n - k]};
    }
done:
    free(scores);
    return status;
}

/* A reported document of a query of a tile, with its full score. */
typedef struct reported {
    size_t document, q;
    double score;
} reported;

/* What is certified together: the answers of a tile under a setting. */
typedef struct group {
    attrib_run *run;
    size_t i_tile, i_setting;
    at_tile tile;
    ends *of;       /* [tile.n] */
    reported *list; /* [n_listed] by document */
    size_t n_listed, i_listed;
    double *scores, *bounds; /* [tile.n] of one document */
} group;

static int compare_reported(const void *left, const void *right)
{
    const reported *a = left;
    const reported *b = right;
    return (a->document > b->document) - (a->document < b->document);
}

static attrib_status open_group(group *self, size_t k, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->tile.n;
    size_t first = self->i_setting * self->run->info.n_queries + self->tile.first;
    const attrib_answer *answers = self->run->answers + first;
    size_t capacity = 0;
    AT_TRY(at_array(n, sizeof *self->of, &self->of, err));
    AT_TRY(at_array(n, sizeof *self->scores, &self->scores, err));
    AT_TRY(at_array(n, sizeof *self->bounds, &self->bounds, err));
    for (size_t q = 0; q < n; q++) {
        const attrib_answer *answer = &answers[q];
        size_t n_results = answer->n_top + answer->n_bottom;
        AT_TRY(find_ends(answer, k, &self->of[q], err));
        AT_TRY(at_grow(&self->list, &capacity, self->n_listed + n_results,
                       sizeof *self->list, err));
        for (size_t i = 0; i < n_results; i++) {
            const attrib_result *result =
                i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
            self->list[self->n_listed++] =
                (reported){result->document.index, q, result->score};
        }
    }
    if (self->n_listed > 0) { /* none of a shard that a filter leaves empty */
        qsort(self->list, self->n_listed, sizeof *self->list, compare_reported);
    }
done:
    return status;
}

static void close_group(group *self)
{
    free(self->of);
    free(self->list);
    free(self->scores);
    free(self->bounds);
}

/* Count where a document reaches an end, and note its error where it was reported. */
static attrib_status certify_document(group *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &self->run->info;
    const double *scores = self->scores;
    const double *bounds = self->bounds;
    AT_TRY(at_run_tile_read(self->run, self->i_tile, self->i_setting, i, self->scores,
                            self->bounds, err));
    for (size_t q = 0; q < self->tile.n; q++) {
        info->n_rescored += scores[q] + bounds[q] >= self->of[q].floor ||
                            scores[q] - bounds[q] <= self->of[q].ceiling;
    }
    for (; self->i_listed < self->n_listed && self->list[self->i_listed].document == i;
         self->i_listed++) {
        const reported *one = &self->list[self->i_listed];
        info->largest_error =
            fmax(info->largest_error, fabs(one->score - scores[one->q]));
    }
done:
    return status;
}

static attrib_status certify_group(
    attrib_run *run, size_t i_tile, size_t i_setting, size_t k, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    group self = {.run = run,
                  .i_tile = i_tile,
                  .i_setting = i_setting,
                  .tile = at_run_tile(run, i_tile)};
    AT_TRY(open_group(&self, k, err));
    for (size_t i = 0; i < run->info.n_documents; i++) {
        AT_TRY(certify_document(&self, i, err));
    }
done:
    close_group(&self);
    return status;
}

attrib_status at_run_certify(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t k = at_smaller(run->options.top, run->info.n_documents);
    if (!at_run_holds(run, AT_BOUNDS) || run->info.n_open > 0) {
        return ATTRIB_OK;
    }
    run->info.n_rescored = 0;
    run->info.largest_error = 0;
    for (size_t t = 0; t < run->n_tiles; t++) {
        for (size_t s = 0; s < run->options.n_settings; s++) {
            AT_TRY(certify_group(run, t, s, k, err));
        }
        if (run->read && t > 0) { /* as tiles are scored: one is in memory at a time */
            at_slice_free(&run->read[t]);
        }
    }
done:
    return status;
}
