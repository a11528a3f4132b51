/* SPDX-License-Identifier: MIT */
/* Both ends of each ranking of a sum of runs. Where queries were cut or scored in bf16, a
 * document that every run reports for a query has an exact score, and any other lies
 * within the sum of the runs' bounds, or of the errors that these assume.
 *
 * 1. Scores that are known exactly.
 * 2. A tile, document by document.
 * 3. What is not certain.
 * 4. All. */
#include <math.h>
#include <stdlib.h>

#include "base/session.h"
#include "run/sum.h"

/* 1. Scores that are known exactly */

/* A document that a run reports for a query of a tile. */
typedef struct known {
    size_t document, i_answer, i_run;
    double score; /* as the run divides it */
} known;

static int compare_known(const void *left, const void *right)
{
    const known *a = left;
    const known *b = right;
    if (a->document != b->document) {
        return a->document < b->document ? -1 : 1;
    }
    if (a->i_answer != b->i_answer) {
        return a->i_answer < b->i_answer ? -1 : 1;
    }
    return (a->i_run > b->i_run) - (a->i_run < b->i_run);
}

/* What goes through the documents of a tile. */
typedef struct walk {
    const at_summing *sum;
    size_t i_tile;
    at_tile tile;
    known *list; /* [n_known] in the order in which they are met */
    size_t n_known, i_known, capacity;
    double *scores, *bounds; /* [tile.n] of a document under a setting */
    size_t n_exact;          /* pairs whose exact scores took the place of others */
    double largest_error;    /* of these others */
    double assumed_error;    /* the largest that a score may have besides its bound */
    double largest_bound;
} walk;

static attrib_status list_known(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_summing *sum = self->sum;
    size_t n_queries = sum->out->info.n_queries;
    for (size_t a = 0; a < sum->out->info.n_answers; a++) {
        size_t q = a % n_queries;
        if (q < self->tile.first || q >= self->tile.first + self->tile.n) {
            continue;
        }
        for (size_t r = 0; r < sum->n_runs; r++) {
            const attrib_answer *answer = &sum->runs[r]->answers[a];
            size_t n = answer->n_top + answer->n_bottom;
            AT_TRY(at_grow(&self->list, &self->capacity, self->n_known + n,
                           sizeof *self->list, err));
            for (size_t i = 0; i < n; i++) {
                const attrib_result *one = i < answer->n_top
                                               ? &answer->top[i]
                                               : &answer->bottom[i - answer->n_top];
                self->list[self->n_known++] =
                    (known){one->document.index, a, r, one->score};
            }
        }
    }
    if (self->n_known > 0) {
        qsort(self->list, self->n_known, sizeof *self->list, compare_known);
    }
done:
    return status;
}

/* Take what is known of a pair, which follows the one before. */
static const known *take_known(walk *self, size_t document, size_t i_answer, size_t *n)
{
    const known key = {.document = document, .i_answer = i_answer};
    while (self->i_known < self->n_known &&
           compare_known(&self->list[self->i_known], &key) < 0) {
        self->i_known++;
    }
    *n = 0;
    while (self->i_known + *n < self->n_known &&
           self->list[self->i_known + *n].document == document &&
           self->list[self->i_known + *n].i_answer == i_answer) {
        ++*n;
    }
    return self->list + self->i_known;
}

/* 2. A tile, document by document */

/* A score of the sum, and how far the full one may be from it. */
typedef struct estimate {
    double score, slack;
} estimate;

/* sum_r w_r score_r / scale_r, times the scale of the sum. */
static attrib_status add_known(const walk *self,
                               const known *list,
                               double *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_summing *sum = self->sum;
    double total = 0;
    double scale = 0;
    for (size_t r = 0; r < sum->n_runs; r++) {
        AT_TRY(
            at_run_scale(sum->runs[r], list[r].i_answer, list[r].document, &scale, err));
        total += scale > 0 ? sum->weights[r] * (list[r].score / scale) : 0;
    }
    AT_TRY(at_run_scale(sum->out, list->i_answer, list->document, &scale, err));
    *out = total * scale;
done:
    return status;
}

/* The errors in bf16 that the runs assume, sum_r |w_r| error_r / scale_r, times the scale
 * of the sum. */
static attrib_status add_assumed(
    const walk *self, size_t i_answer, size_t document, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_summing *sum = self->sum;
    double total = 0;
    double scale = 0;
    *out = 0;
    for (size_t r = 0; r < sum->n_runs; r++) {
        double error = sum->runs[r]->info.assumed_error;
        if (error > 0) {
            AT_TRY(at_run_scale(sum->runs[r], i_answer, document, &scale, err));
            total += scale > 0 ? fabs(sum->weights[r]) * (error / scale) : 0;
        }
    }
    if (total > 0) {
        AT_TRY(at_run_scale(sum->out, i_answer, document, &scale, err));
        *out = total * scale;
    }
done:
    return status;
}

static attrib_status estimate_pair(
    walk *self, size_t i_answer, size_t document, estimate *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double exact = 0;
    double assumed = 0;
    size_t n = 0;
    const known *list = NULL;
    if (self->sum->is_exact || isnan(out->score)) {
        return ATTRIB_OK;
    }
    list = take_known(self, document, i_answer, &n);
    self->largest_bound = fmax(self->largest_bound, out->slack);
    AT_TRY(add_assumed(self, i_answer, document, &assumed, err));
    self->assumed_error = fmax(self->assumed_error, assumed);
    out->slack += assumed;
    if (n == self->sum->n_runs) {
        AT_TRY(add_known(self, list, &exact, err));
        self->largest_error = fmax(self->largest_error, fabs(exact - out->score));
        self->n_exact++;
        *out = (estimate){exact, 0};
    }
done:
    return status;
}

/* Takes the estimate of a pair. */
typedef void (*pair_fn)(void *context, size_t i_answer, size_t document, estimate it);

static attrib_status visit_document(
    walk *self, size_t document, pair_fn fn, void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->sum->out;
    for (size_t s = 0; s < out->options.n_settings; s++) {
        AT_TRY(at_run_tile_read(out, self->i_tile, s, document, self->scores,
                                self->bounds, err));
        for (size_t q = 0; q < self->tile.n; q++) {
            size_t a = s * out->info.n_queries + self->tile.first + q;
            estimate it = {self->scores[q], self->bounds[q]};
            AT_TRY(estimate_pair(self, a, document, &it, err));
            if (!isnan(it.score)) { /* a filter left it out */
                fn(context, a, document, it);
            }
        }
    }
done:
    return status;
}

static attrib_status visit(walk *self, pair_fn fn, void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self->i_known = self->n_exact = 0;
    for (size_t i = 0; i < self->sum->out->info.n_documents; i++) {
        AT_TRY(i % AT_SLICE_DOCUMENTS == 0 ? at_poll_cancel(self->sum->session, err)
                                           : ATTRIB_OK);
        AT_TRY(visit_document(self, i, fn, context, err));
    }
done:
    return status;
}

/* 3. What is not certain */

/* The ends of rankings on their way. */
typedef struct ends {
    const at_summing *sum;
    at_top *borders; /* [n_answers] of the lowest and highest that scores may be; NULL
                        where all are exact */
    size_t n_open;
} ends;

static void add_pair(void *context, size_t i_answer, size_t document, estimate it)
{
    ends *self = context;
    at_top_add(&self->sum->tops[i_answer], document, it.score);
    if (self->borders) {
        at_top_add_best(&self->borders[i_answer], document, it.score - it.slack);
        at_top_add_worst(&self->borders[i_answer], document, it.score + it.slack);
    }
}

/* Count a pair that is not known exactly and may stand among the first or last k: fewer
 * than k others are sure to precede it, or to follow. */
static void count_open(void *context, size_t i_answer, size_t document, estimate it)
{
    ends *self = context;
    const at_top *border = &self->borders[i_answer];
    size_t k = border->k;
    bool is_first =
        border->n_best < k || it.score + it.slack >= border->best[k - 1].score;
    bool is_last =
        border->n_worst < k || it.score - it.slack <= border->worst[k - 1].score;
    (void)document;
    self->n_open += it.slack > 0 && (is_first || is_last);
}

/* 4. All */

static attrib_status rank_tile(const at_summing *sum,
                               size_t i_tile,
                               ends *found,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &sum->out->info;
    walk self = {.sum = sum, .i_tile = i_tile, .tile = at_run_tile(sum->out, i_tile)};
    AT_TRY(at_array(self.tile.n, sizeof *self.scores, &self.scores, err));
    AT_TRY(at_array(self.tile.n, sizeof *self.bounds, &self.bounds, err));
    AT_TRY(sum->is_exact ? ATTRIB_OK : list_known(&self, err));
    AT_TRY(visit(&self, add_pair, found, err));
    if (found->borders) {
        AT_TRY(visit(&self, count_open, found, err));
    }
    info->n_rescored += self.n_exact;
    info->largest_error = fmax(info->largest_error, self.largest_error);
    info->largest_bound = fmax(info->largest_bound, self.largest_bound);
    info->assumed_error = fmax(info->assumed_error, self.assumed_error);
    if (i_tile > 0) {
        at_slice_free(&sum->out->read[i_tile]);
    }
done:
    free(self.list);
    free(self.scores);
    free(self.bounds);
    return status;
}

static attrib_status open_tops(size_t n, size_t k, at_top **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n, sizeof **out, out, err));
    for (size_t a = 0; a < n; a++) {
        AT_TRY(at_top_new(k, &(*out)[a], err));
    }
done:
    return status;
}

attrib_status at_sum_tops(at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    size_t n = out->info.n_answers;
    size_t k = at_smaller(out->options.top, out->info.n_documents);
    ends found = {.sum = self};
    out->info.n_rescored = out->info.n_open = 0;
    out->info.largest_error = out->info.largest_bound = out->info.assumed_error = 0;
    AT_TRY(open_tops(n, k, &self->tops, err));
    if (!self->is_exact && !out->options.is_unsettled) {
        AT_TRY(open_tops(n, k, &found.borders, err));
    }
    for (size_t t = 0; n > 0 && t < out->n_tiles; t++) {
        AT_TRY(rank_tile(self, t, &found, err));
    }
    for (size_t a = 0; a < n; a++) {
        at_top_separate(&self->tops[a]);
    }
    out->info.n_open = found.n_open;
    if (found.n_open > 0) {
        at_log(
            self->session, ATTRIB_LOG_WARNING,
            "%zu pairs of query and document have scores that are not exact, and may "
            "stand among those reported: score the runs with a larger --top, in f32 or "
            "without --query-rank",
            found.n_open);
    }
done:
    for (size_t a = 0; found.borders && a < n; a++) {
        at_top_free(&found.borders[a]);
    }
    free(found.borders);
    return status;
}
