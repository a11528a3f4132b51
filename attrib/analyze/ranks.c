/* SPDX-License-Identifier: MIT */
/* Ranks of documents for every query. */
#include "analyze/ranks.h"

#include <stdlib.h>

#include "analyze/stats.h"
#include "base/thread.h"

static attrib_status keep_rows(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    const at_rank_table *table = context;
    (void)err;
    for (size_t d = 0; d < n; d++) {
        if ((first + d) % table->stride == 0) {
            size_t row = (first + d) / table->stride;
            for (size_t q = 0; q < table->n_queries; q++) {
                table->ranks[row * table->n_queries + q] =
                    scores[d * table->n_queries + q];
            }
        }
    }
    return ATTRIB_OK;
}

static attrib_status rank_query(void *context,
                                size_t i_worker,
                                size_t q,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_rank_table *table = context;
    size_t n = table->n_documents;
    double *column = NULL;
    at_indexed *scratch = NULL;
    (void)i_worker;
    AT_TRY(at_array(n, sizeof *column, (void *)&column, err));
    AT_TRY(at_array(n, sizeof *scratch, (void *)&scratch, err));
    for (size_t d = 0; d < n; d++) {
        column[d] = table->ranks[d * table->n_queries + q];
    }
    at_rank(column, n, scratch);
    for (size_t d = 0; d < n; d++) {
        table->ranks[d * table->n_queries + q] = column[d] - 0.5 * (double)(n + 1);
    }
done:
    free(column);
    free(scratch);
    return status;
}

attrib_status at_rank_documents(const at_inquiry *inquiry,
                                const at_subject *subject,
                                at_rank_table *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = subject->info;
    at_rank_table table = {.n_queries = info->n_queries};
    size_t widest = at_larger(info->n_queries, 1); /* it has one: analyze.c checks */
    size_t n_fits = 0;
    size_t n_ranks = 0;
    if (inquiry->other.run) {
        widest = at_larger(widest, inquiry->other.info->n_queries);
    }
    n_fits = at_larger(AT_COLUMN_BYTES / 2 / sizeof(double) / widest, 1);
    table.stride = (info->n_documents + n_fits - 1) / n_fits;
    table.n_documents = (info->n_documents + table.stride - 1) / table.stride;
    AT_TRY(at_mul(table.n_documents, table.n_queries, &n_ranks, err));
    AT_TRY(at_array(n_ranks, sizeof *table.ranks, (void *)&table.ranks, err));
    AT_TRY(at_scan(inquiry, subject, keep_rows, &table, err));
    AT_TRY(at_parallel_for(inquiry->session, table.n_queries, rank_query, &table, err));
    *out = table;
    table.ranks = NULL;
done:
    free(table.ranks);
    return status;
}

attrib_status at_say_ranked(const at_rank_table *table,
                            attrib_analysis *out,
                            attrib_error *err)
{
    if (table->stride == 1) {
        return ATTRIB_OK;
    }
    return at_analysis_say(out, err,
                           "Spearman's correlations are of %zu documents, each %zuth of "
                           "all, whose ranks fit into memory.",
                           table->n_documents, table->stride);
}
