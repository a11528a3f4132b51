/* SPDX-License-Identifier: MIT */
/* The errors of scores in bf16, estimated from documents that are scored both ways.
 *
 * Roundings of products are known only by their size, and what they do to a score depends
 * on how the gradients cancel, so that a bound would be far above any error that occurs.
 * In place of a bound the error is assumed that 99 of 100 documents stay below: first
 * those of a sample, then those that were scored in full because they might be reported,
 * too, whose errors are larger as their scores are. It is an estimate, and reported. */
#include <math.h>
#include <stdlib.h>

#include "baseline/candidates.h"
#include "score/candidates.h"

#define QUANTILE 0.99

/* Document i of n_sampled of a corpus of n. */
static size_t sampled(size_t i, size_t n_sampled, size_t n)
{
    return n_sampled == n ? i
                          : (size_t)(((double)i + 0.5) * (double)n / (double)n_sampled);
}

/* How many documents of the run are scored under a case. */
static size_t count_documents(const at_settling *self, size_t i_case)
{
    const at_prepared *prepared = self->scores.prepared;
    const at_candidates *candidates = self->setup->candidates;
    size_t i_query = prepared->tile.first + i_case % prepared->tile.n;
    size_t n = self->scores.run->info.n_documents;
    size_t first = self->scores.run->first;
    return candidates ? at_candidates_count(candidates, i_query, first, first + n) : n;
}

/* The sample, while documents stream by. */
typedef struct sampling {
    at_settling *self;
    at_pair_list *out;
    size_t *next; /* [n_cases] how many of its documents were met */
    size_t *seen; /* [n_cases] documents that were visited */
} sampling;

static attrib_status add_sampled(void *context,
                                 size_t i_case,
                                 size_t document,
                                 double score,
                                 double bound,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const sampling *here = context;
    size_t n = count_documents(here->self, i_case);
    size_t n_sampled = at_smaller(n, AT_SAMPLED);
    size_t *next = &here->next[i_case];
    size_t i = here->seen[i_case]++;
    if (*next < n_sampled && i == sampled(*next, n_sampled, n)) {
        (*next)++;
        AT_TRY(at_pair_list_add(here->out,
                                (at_pair){.i_case = i_case,
                                          .document = document,
                                          .estimate = score,
                                          .bound = bound},
                                err));
    }
done:
    return status;
}

attrib_status at_sample_list(at_settling *self, at_pair_list *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sampling here = {self, out, NULL, NULL};
    AT_TRY(at_array(self->out->n_cases, sizeof *here.next, &here.next, err));
    AT_TRY(at_array(self->out->n_cases, sizeof *here.seen, &here.seen, err));
    AT_TRY(at_stream_visit(&self->scores, add_sampled, &here, err));
done:
    free(here.next);
    free(here.seen);
    return status;
}

attrib_status at_error_add(at_open_case *c, const at_pair *pair, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double error = fmax(0, fabs(pair->score - pair->estimate) - pair->bound);
    AT_TRY(at_grow(&c->known, &c->known_capacity, c->n_known + 1, sizeof *c->known, err));
    AT_TRY(
        at_grow(&c->errors, &c->errors_capacity, c->n_known + 1, sizeof *c->errors, err));
    c->known[c->n_known++] = (at_known){pair->document, error};
done:
    return status;
}

static int compare_errors(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

void at_errors_assume(at_settling *self, bool *has_grown)
{
    attrib_run_info *info = &self->scores.run->info;
    *has_grown = false;
    for (size_t v = 0; v < self->out->n_cases; v++) {
        at_open_case *c = &self->cases[v];
        double assumed = 0;
        for (size_t i = 0; i < c->n_known; i++) {
            c->errors[i] = c->known[i].error;
        }
        if (c->n_known > 0) {
            qsort(c->errors, c->n_known, sizeof *c->errors, compare_errors);
            assumed = c->errors[(size_t)ceil(QUANTILE * (double)c->n_known) - 1];
        }
        if (assumed > c->assumed) {
            c->assumed = assumed;
            *has_grown = true;
        }
        info->assumed_error = fmax(info->assumed_error, c->assumed);
    }
}
