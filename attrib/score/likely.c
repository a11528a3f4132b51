/* SPDX-License-Identifier: MIT */
/* 1. Order.   2. What is scored next.   3. What was scored.   4. The ranking. */
#include "score/likely.h"

#include <math.h>
#include <stdlib.h>

/* 1. Order */

static int compare_documents(const void *left, const void *right)
{
    const at_likely_document *a = left;
    const at_likely_document *b = right;
    return (a->document > b->document) - (a->document < b->document);
}

static int compare_first(const void *left, const void *right)
{
    const at_likely_document *a = *(at_likely_document *const *)left;
    const at_likely_document *b = *(at_likely_document *const *)right;
    return a->score != b->score ? (a->score < b->score) - (a->score > b->score)
                                : compare_documents(a, b);
}

static int compare_last(const void *left, const void *right)
{
    return compare_first(right, left);
}

attrib_status at_likely_open(at_likely *self, size_t k, double certify, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self->k = at_smaller(k, self->n);
    self->certify = certify;
    self->share = certify == 1 ? 1 : HUGE_VAL;
    qsort(self->items, self->n, sizeof *self->items, compare_documents);
    AT_TRY(at_top_new(self->k, &self->top, err));
    for (size_t e = 0; e < AT_LIKELY_ENDS; e++) {
        AT_TRY(at_array(self->n, sizeof *self->order[e], &self->order[e], err));
        AT_TRY(at_array(self->k, sizeof *self->listed[e], &self->listed[e], err));
        for (size_t i = 0; i < self->n; i++) {
            self->order[e][i] = &self->items[i];
        }
        qsort(self->order[e], self->n, sizeof *self->order[e],
              e == AT_LIKELY_FIRST ? compare_first : compare_last);
    }
done:
    return status;
}

void at_likely_free(at_likely *self)
{
    for (size_t e = 0; e < AT_LIKELY_ENDS; e++) {
        free(self->order[e]);
        free(self->listed[e]);
    }
    at_top_free(&self->top);
    free(self->items);
    free(self->errors);
    *self = (at_likely){0};
}

at_likely_document *at_likely_find(const at_likely *self, size_t document)
{
    const at_likely_document wanted = {.document = document};
    return bsearch(&wanted, self->items, self->n, sizeof wanted, compare_documents);
}

/* 2. What is scored next */

/* What is taken for the error of an estimate. */
static double error_of(const at_likely *self, const at_likely_document *one)
{
    return self->certify > 0 && one->bound > 0 ? self->share * one->bound : 0;
}

/* Whether a document that is not exact may stand among the k of an end. */
static bool is_open(const at_likely *self, size_t end, const at_likely_document *one)
{
    const at_top *top = &self->top;
    if (one->is_exact) {
        return false;
    }
    if (end == AT_LIKELY_FIRST) {
        return top->n_best < self->k ||
               one->score + error_of(self, one) >= top->best[self->k - 1].score;
    }
    return top->n_worst < self->k ||
           one->score - error_of(self, one) <= top->worst[self->k - 1].score;
}

static attrib_status take_one(at_likely_document *one,
                              at_pair_list *out,
                              attrib_error *err)
{
    one->is_exact = true; /* or the question fails */
    return at_pair_list_add(
        out,
        (at_pair){.document = one->document, .estimate = one->score, .bound = one->bound},
        err);
}

attrib_status at_likely_take(at_likely *self,
                             size_t end,
                             size_t n,
                             bool open_only,
                             at_pair_list *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n && n > 0; i++) {
        at_likely_document *one = self->order[end][i];
        if (!one->is_exact && (!open_only || is_open(self, end, one))) {
            AT_TRY(take_one(one, out, err));
            self->n_scored[end]++;
            n--;
        }
    }
done:
    return status;
}

attrib_status at_likely_spread(at_likely *self,
                               size_t n,
                               at_pair_list *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_taken = at_smaller(n, self->n);
    for (size_t i = 0; i < n_taken; i++) {
        at_likely_document *one = &self->items[i * self->n / n_taken];
        if (!one->is_exact) {
            AT_TRY(take_one(one, out, err));
        }
    }
done:
    return status;
}

/* 3. What was scored */

static int compare_numbers(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Take the error for certain that this share of the known ones stays below. */
static void take_share(at_likely *self)
{
    if (self->certify <= 0 || self->certify >= 1 || self->n_exact == 0) {
        return;
    }
    qsort(self->errors, self->n_exact, sizeof *self->errors, compare_numbers);
    double place = ceil(self->certify * (double)self->n_exact);
    self->share = self->errors[at_smaller((size_t)place, self->n_exact) - 1];
}

attrib_status at_likely_enter(at_likely *self,
                              const at_pair *pairs,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&self->errors, &self->errors_capacity, self->n_exact + n,
                   sizeof *self->errors, err));
    for (size_t i = 0; i < n; i++) {
        double error = fabs(pairs[i].score - pairs[i].estimate);
        at_likely_find(self, pairs[i].document)->score = pairs[i].score;
        at_top_add(&self->top, pairs[i].document, pairs[i].score);
        self->errors[self->n_exact++] =
            error > 0 && pairs[i].bound > 0 ? error / pairs[i].bound : 0;
    }
    take_share(self);
done:
    return status;
}

size_t at_likely_count_open(const at_likely *self)
{
    size_t n = 0;
    for (size_t i = 0; self->certify > 0 && i < self->n; i++) {
        n += is_open(self, AT_LIKELY_FIRST, &self->items[i]) ||
             is_open(self, AT_LIKELY_LAST, &self->items[i]);
    }
    return n;
}

/* 4. The ranking */

/* Put the exact documents of an end into its list. */
static void list_exact(at_likely *self, size_t end, const at_ranked *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        self->listed[end][i] = (attrib_listed){from[i].document, from[i].score, 0, true};
    }
    self->n_listed[end] = n;
}

static bool is_among_first(const at_likely *self, size_t document)
{
    bool is = false;
    for (size_t i = 0; i < self->n_listed[AT_LIKELY_FIRST]; i++) {
        is = is || self->listed[AT_LIKELY_FIRST][i].document == document;
    }
    return is;
}

/* Put the likeliest of the others after them. */
static void list_estimates(at_likely *self, size_t end)
{
    size_t *n = &self->n_listed[end];
    for (size_t i = 0; i < self->n && *n < self->k; i++) {
        const at_likely_document *one = self->order[end][i];
        if (!one->is_exact &&
            (end == AT_LIKELY_FIRST || !is_among_first(self, one->document))) {
            self->listed[end][(*n)++] =
                (attrib_listed){one->document, one->score, error_of(self, one), false};
        }
    }
}

/* A document that was scored because it was likely for one end may well stand after
 * others at the other end, so that is not listed there. */
attrib_status at_likely_rank(at_likely *self, bool is_certain, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_all = is_certain || self->n_exact == self->n;
    at_top top = {0};
    AT_TRY(at_top_new(self->k, &top, err));
    for (size_t i = 0; i < self->top.n_best; i++) {
        at_top_add_best(&top, self->top.best[i].document, self->top.best[i].score);
    }
    for (size_t i = 0; i < self->top.n_worst; i++) {
        at_top_add_worst(&top, self->top.worst[i].document, self->top.worst[i].score);
    }
    if (!is_all) {
        top.n_best = at_smaller(top.n_best, self->n_scored[AT_LIKELY_FIRST]);
        top.n_worst = at_smaller(top.n_worst, self->n_scored[AT_LIKELY_LAST]);
    }
    at_top_separate(&top);
    list_exact(self, AT_LIKELY_FIRST, top.best, top.n_best);
    list_exact(self, AT_LIKELY_LAST, top.worst, top.n_worst);
    list_estimates(self, AT_LIKELY_FIRST);
    list_estimates(self, AT_LIKELY_LAST);
done:
    at_top_free(&top);
    return status;
}
