/* SPDX-License-Identifier: MIT */
/* Candidates: documents whose interval lets them stand among the first or last k.
 *
 *   1. The k-th largest lower end of all intervals is a floor: the k-th full score is not
 *      below it. Documents whose upper end is below the floor are ruled out.
 *   2. The others are listed to be scored in full, the largest scores first. A document
 *      is left out where its upper end is below the k-th full score found so far.
 *
 * The last k documents are found in the same way with the signs reversed. */
#include "score/candidates.h"

#include <math.h>
#include <stdlib.h>

/* 1. Intervals */

/* The k-th score of a list. Where it has fewer, `otherwise`: an infinite threshold, which
 * every document passes. */
static double threshold(const at_ranked *list, size_t n, size_t k, double otherwise)
{
    return n < k ? otherwise : list[k - 1].score;
}

/* Documents are visited to find the floor and the ceiling of each case. */
typedef struct finding {
    at_settling *self;
    at_top *ends; /* [n_cases] lower ends of intervals among the first, upper ends among
                     the last */
} finding;

static attrib_status add_ends(void *context,
                              size_t i_case,
                              size_t document,
                              double score,
                              double bound,
                              attrib_error *err)
{
    const finding *here = context;
    at_settling *self = here->self;
    double width = bound + self->cases[i_case].assumed;
    attrib_run_info *info = &self->scores.run->info;
    (void)err;
    at_top_add_best(&here->ends[i_case], document, score - width);
    at_top_add_worst(&here->ends[i_case], document, score + width);
    info->largest_bound = fmax(info->largest_bound, bound);
    return ATTRIB_OK;
}

static int compare_known(const void *left, const void *right)
{
    const at_known *a = left;
    const at_known *b = right;
    return (a->document > b->document) - (a->document < b->document);
}

static bool is_known(const at_open_case *c, size_t document)
{
    const at_known wanted = {.document = document};
    return c->n_known > 0 && bsearch(&wanted, c->known, c->n_known, sizeof *c->known,
                                     compare_known) != NULL;
}

static attrib_status add_candidate(void *context,
                                   size_t i_case,
                                   size_t document,
                                   double score,
                                   double bound,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settling *self = context;
    at_open_case *c = &self->cases[i_case];
    double width = bound + c->assumed;
    if (score + width >= c->floor || score - width <= c->ceiling) {
        AT_TRY(at_grow(&c->list, &c->capacity, c->n + 1, sizeof *c->list, err));
        c->list[c->n++] = (at_candidate){document, score, bound, is_known(c, document)};
    }
done:
    return status;
}

static int compare_first(const void *left, const void *right)
{
    const at_candidate *a = *(at_candidate *const *)left;
    const at_candidate *b = *(at_candidate *const *)right;
    return a->score != b->score
               ? (a->score < b->score) - (a->score > b->score)
               : (a->document > b->document) - (a->document < b->document);
}

static int compare_last(const void *left, const void *right)
{
    return compare_first(right, left);
}

/* Set floors and ceilings. */
static attrib_status find_ends(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->out->n_cases;
    finding here = {.self = self};
    AT_TRY(at_array(n, sizeof *here.ends, &here.ends, err));
    for (size_t v = 0; v < n; v++) {
        AT_TRY(at_top_new(self->k, &here.ends[v], err));
    }
    AT_TRY(at_stream_visit(&self->scores, add_ends, &here, err));
    for (size_t v = 0; v < n; v++) {
        const at_top *ends = &here.ends[v];
        at_open_case *c = &self->cases[v];
        c->floor = threshold(ends->best, ends->n_best, self->k, -HUGE_VAL);
        c->ceiling = threshold(ends->worst, ends->n_worst, self->k, HUGE_VAL);
    }
done:
    for (size_t v = 0; here.ends && v < n; v++) {
        at_top_free(&here.ends[v]);
    }
    free(here.ends);
    return status;
}

/* Order the candidates of a case for both ends. */
static attrib_status order_candidates(at_open_case *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t e = 0; e < AT_N_ENDS; e++) {
        free(c->order[e]);
        c->order[e] = NULL;
        c->next[e] = 0;
        AT_TRY(at_array(c->n, sizeof *c->order[e], &c->order[e], err));
        for (size_t i = 0; i < c->n; i++) {
            c->order[e][i] = &c->list[i];
        }
        qsort(c->order[e], c->n, sizeof *c->order[e],
              e == AT_FIRST ? compare_first : compare_last);
    }
done:
    return status;
}

attrib_status at_candidates_find(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(find_ends(self, err));
    for (size_t v = 0; v < self->out->n_cases; v++) {
        at_open_case *c = &self->cases[v];
        c->n = 0;
        if (c->n_known > 0) {
            qsort(c->known, c->n_known, sizeof *c->known, compare_known);
        }
    }
    AT_TRY(at_stream_visit(&self->scores, add_candidate, self, err));
    for (size_t v = 0; v < self->out->n_cases; v++) {
        AT_TRY(order_candidates(&self->cases[v], err));
    }
done:
    return status;
}

/* 2. Which documents are scored in full */

/* Whether a candidate has not been scored in full, and may still stand among the k of an
 * end. */
static bool is_open(const at_settling *self,
                    size_t i_case,
                    size_t e,
                    const at_candidate *c)
{
    const at_top *top = &self->out->tops[i_case];
    double width = c->bound + self->cases[i_case].assumed;
    if (c->is_listed) {
        return false;
    }
    if (e == AT_FIRST) {
        return c->score + width >= threshold(top->best, top->n_best, self->k, -HUGE_VAL);
    }
    return c->score - width <= threshold(top->worst, top->n_worst, self->k, HUGE_VAL);
}

/* List the next pairs of one case at one end: as many as were listed before, within the
 * limits of a round, or k if that is more. What a limit leaves is shared between the
 * ends. */
static attrib_status list_end(const at_settling *self,
                              size_t i_case,
                              size_t e,
                              at_pair_list *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_open_case *c = &self->cases[i_case];
    size_t limit = self->setup->options.max_rescored;
    size_t n_round = at_larger(AT_FIRST_ROUND, at_smaller(c->n_listed[e], AT_ROUND));
    size_t n_wanted = at_larger(self->k, n_round);
    if (limit) {
        size_t left = limit - c->n_rescored;
        size_t share = e == AT_FIRST ? left - left / 2 : left;
        n_wanted = share < n_wanted ? share : n_wanted;
    }
    for (; n_wanted && c->next[e] < c->n; c->next[e]++) {
        at_candidate *next = c->order[e][c->next[e]];
        if (!is_open(self, i_case, e, next)) {
            continue;
        }
        AT_TRY(at_pair_list_add(out,
                                (at_pair){.i_case = i_case,
                                          .document = next->document,
                                          .estimate = next->score,
                                          .bound = next->bound},
                                err));
        next->is_listed = true;
        c->n_listed[e]++;
        c->n_rescored++;
        n_wanted--;
    }
done:
    return status;
}

attrib_status at_candidates_list_round(const at_settling *self,
                                       at_pair_list *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t v = 0; v < self->out->n_cases; v++) {
        AT_TRY(list_end(self, v, AT_FIRST, out, err));
        AT_TRY(list_end(self, v, AT_LAST, out, err));
    }
done:
    return status;
}

/* Count the candidates of a case that a limit left open: all of them (returned), and
 * those of each end. */
static size_t count_open(const at_settling *self, size_t i_case, size_t of_end[AT_N_ENDS])
{
    size_t n = 0;
    const at_open_case *c = &self->cases[i_case];
    for (size_t i = 0; i < c->n; i++) {
        bool is_first = is_open(self, i_case, AT_FIRST, &c->list[i]);
        bool is_last = is_open(self, i_case, AT_LAST, &c->list[i]);
        of_end[AT_FIRST] += is_first;
        of_end[AT_LAST] += is_last;
        n += is_first || is_last;
    }
    return n;
}

size_t at_candidates_open(const at_settling *self)
{
    size_t n = 0;
    for (size_t v = 0; v < self->out->n_cases; v++) {
        size_t of_end[AT_N_ENDS] = {0};
        n += count_open(self, v, of_end);
    }
    return n;
}

void at_candidates_close(const at_settling *self)
{
    for (size_t v = 0; v < self->out->n_cases; v++) {
        const at_open_case *c = &self->cases[v];
        at_top *top = &self->out->tops[v];
        size_t of_end[AT_N_ENDS] = {0};
        self->scores.run->info.n_open += count_open(self, v, of_end);
        if (of_end[AT_FIRST]) {
            top->n_best = at_smaller(top->n_best, c->n_listed[AT_FIRST]);
        }
        if (of_end[AT_LAST]) {
            top->n_worst = at_smaller(top->n_worst, c->n_listed[AT_LAST]);
        }
    }
}

attrib_status at_pair_list_add(at_pair_list *list, at_pair pair, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&list->pairs, &list->capacity, list->n + 1, sizeof pair, err));
    list->pairs[list->n++] = pair;
done:
    return status;
}

void at_open_cases_free(at_settling *self)
{
    size_t n_cases = self->scores.prepared->n_cases;
    for (size_t v = 0; self->cases && v < n_cases; v++) {
        at_open_case *c = &self->cases[v];
        free(c->list);
        free(c->order[AT_FIRST]);
        free(c->order[AT_LAST]);
        free(c->known);
        free(c->errors);
    }
    free(self->cases);
    self->cases = NULL;
}

/* The lists have room for at most twice what they hold, as they grow by doubling; there
 * is an order for each end. */
double at_candidates_bytes(const at_setup *setup)
{
    double n = (double)setup->n_documents;
    double k = fmin((double)setup->options.top, n);
    double of_document = 2 * sizeof(at_candidate) + AT_N_ENDS * sizeof(at_candidate *);
    if (setup->options.precision != ATTRIB_F32_PRODUCTS) {
        of_document += 2 * (sizeof(at_known) + sizeof(double));
    }
    return n * of_document + 2 * k * sizeof(at_ranked);
}
