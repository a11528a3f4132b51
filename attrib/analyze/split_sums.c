/* SPDX-License-Identifier: MIT */
/* Where in the model the influence of all documents lies, in runs that keep the scores of
 * groups of maps apart. */
#include <stdlib.h>

#include "analyze/analyze.h"
#include "base/session.h"

#define BLOCK_BYTES ((size_t)8 << 20)

/* Sums over documents whose score is above 0, and over those whose score is below. */
typedef struct split_sums {
    const at_subject *subject;
    size_t n_queries, n_groups, n_block;
    double *totals, *groups; /* [n_block, Q] scratch */
    double *above, *below;   /* [1 + n_groups, Q]: of all maps, then of each group */
} split_sums;

static attrib_status sums_new(const at_subject *subject,
                              split_sums *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = subject->info;
    size_t n = 0;
    *out = (split_sums){
        .subject = subject, .n_queries = info->n_queries, .n_groups = info->n_groups};
    out->n_block =
        at_smaller(BLOCK_BYTES / (info->n_queries * sizeof(double)), info->n_documents);
    out->n_block = at_larger(out->n_block, 1);
    AT_TRY(at_mul(out->n_block, info->n_queries, &n, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&out->totals, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&out->groups, err));
    AT_TRY(at_mul(1 + info->n_groups, info->n_queries, &n, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&out->above, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&out->below, err));
done:
    return status;
}

static void sums_free(split_sums *self)
{
    free(self->totals);
    free(self->groups);
    free(self->above);
    free(self->below);
}

/* Add the scores [n, Q] of documents of a block to the sums of group g, 0 for all maps.
 */
static void add_block(split_sums *self, size_t g, const double *scores, size_t n)
{
    for (size_t i = 0; i < n * self->n_queries; i++) {
        size_t to = g * self->n_queries + i % self->n_queries;
        self->above[to] += self->totals[i] > 0 ? scores[i] : 0;
        self->below[to] += self->totals[i] < 0 ? scores[i] : 0;
    }
}

static attrib_status find_sums(const at_inquiry *inquiry,
                               split_sums *self,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = self->subject;
    size_t n_documents = subject->info->n_documents;
    for (size_t first = 0; first < n_documents; first += self->n_block) {
        size_t n = at_smaller(n_documents - first, self->n_block);
        AT_TRY(at_poll_cancel(inquiry->session, err));
        AT_TRY(attrib_run_scores(subject->run, subject->i_plane, first, n, self->totals,
                                 err));
        add_block(self, 0, self->totals, n);
        for (size_t g = 1; g <= self->n_groups; g++) {
            AT_TRY(attrib_run_scores(subject->run, subject->i_plane + g, first, n,
                                     self->groups, err));
            add_block(self, g, self->groups, n);
        }
    }
done:
    return status;
}

/* The share of group g in the sums, in the mean over the queries that have any. */
static double share_of(const split_sums *self, const double *sums, size_t g)
{
    double share = 0;
    size_t n = 0;
    for (size_t q = 0; q < self->n_queries; q++) {
        if (sums[q] != 0) {
            share += sums[g * self->n_queries + q] / sums[q];
            n++;
        }
    }
    return share / (double)n;
}

static const attrib_column columns[] = {
    {"group", "text", "of maps whose scores the run keeps apart", false},
    {"favour", "share", "of the scores of all documents above 0", false},
    {"oppose", "share", "of the scores of all documents below 0", false},
};

attrib_status at_add_split(const at_inquiry *inquiry,
                           attrib_analysis *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &inquiry->subject;
    split_sums sums = {0};
    if (subject->info->n_groups == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(sums_new(subject, &sums, err));
    AT_TRY(find_sums(inquiry, &sums, err));
    AT_TRY(at_analysis_begin(out, "split", "Influence of all documents by group of maps",
                             columns, AT_N_COLUMNS(columns), err));
    for (size_t g = 1; g <= sums.n_groups; g++) {
        const attrib_cell row[] = {
            at_text_cell(attrib_run_plane(subject->run, subject->i_plane + g).group),
            at_number_cell(share_of(&sums, sums.above, g)),
            at_number_cell(share_of(&sums, sums.below, g))};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    sums_free(&sums);
    return status;
}
