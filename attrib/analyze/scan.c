/* SPDX-License-Identifier: MIT */
/* Scores of all documents, block by block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "base/session.h"

#define BLOCK_BYTES ((size_t)8 << 20)

/* Documents of a block, which depend on the run alone. */
static size_t block_documents(const attrib_run_info *info)
{
    size_t bytes = at_larger(info->n_queries, 1) * sizeof(double);
    return at_larger(at_smaller(BLOCK_BYTES / bytes, info->n_documents), 1);
}

static attrib_status check_finite(const at_subject *subject,
                                  const double *scores,
                                  size_t first,
                                  size_t n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = subject->info->n_queries;
    for (size_t i = 0; i < n * n_queries; i++) {
        AT_CHECK(isfinite(scores[i]), ATTRIB_ENUMERIC,
                 "the score of document %zu for query \"%s\" is not finite",
                 first + i / n_queries,
                 at_subject_answer(subject, i % n_queries)->query.id);
    }
done:
    return status;
}

attrib_status at_check_unfiltered(const at_subject *subject, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!subject->info->options->prefilter, ATTRIB_ENOTSUP,
             "%zu of %zu documents are scored (prefilter %s), which do not stand for the "
             "others: this analysis needs a run without a filter",
             subject->info->n_passed, subject->info->n_documents,
             subject->info->options->prefilter);
done:
    return status;
}

attrib_status at_scan(const at_inquiry *inquiry,
                      const at_subject *subject,
                      at_scan_fn fn,
                      void *context,
                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = subject->info;
    size_t n_block = block_documents(info);
    size_t n_scores = 0;
    double *scores = NULL;
    at_stage stage;
    AT_TRY(at_check_unfiltered(subject, err));
    at_stage_begin(&stage, inquiry->session, "analyze", "documents", info->n_documents);
    AT_TRY(at_mul(n_block, info->n_queries, &n_scores, err));
    AT_TRY(at_array(n_scores, sizeof *scores, (void *)&scores, err));
    for (size_t first = 0; first < info->n_documents; first += n_block) {
        size_t n = at_smaller(n_block, info->n_documents - first);
        AT_TRY(at_poll_cancel(inquiry->session, err));
        AT_TRY(attrib_run_scores(subject->run, subject->i_plane, first, n, scores, err));
        AT_TRY(check_finite(subject, scores, first, n, err));
        AT_TRY(fn(context, first, n, scores, err));
        at_stage_report(&stage, first + n);
    }
    at_stage_end(&stage, info->n_documents, 0);
done:
    free(scores);
    return status;
}

typedef struct columns {
    size_t n_queries, n_documents; /* of the run */
    size_t first, n;               /* queries that are kept */
    double *out;
} columns;

static attrib_status keep_columns(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    const columns *c = context;
    (void)err;
    for (size_t q = 0; q < c->n; q++) {
        for (size_t d = 0; d < n; d++) {
            c->out[q * c->n_documents + first + d] =
                scores[d * c->n_queries + c->first + q];
        }
    }
    return ATTRIB_OK;
}

attrib_status at_scan_columns(const at_inquiry *inquiry,
                              const at_subject *subject,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    columns c = {subject->info->n_queries, subject->info->n_documents, first, n, out};
    return at_scan(inquiry, subject, keep_columns, &c, err);
}
