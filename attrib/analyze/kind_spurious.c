/* SPDX-License-Identifier: MIT */
/* Documents whose score stands on few of their tokens: the reported ones, and counts of
 * all where the run has the shares of every token. */
#include <math.h>
#include <stdlib.h>

#include "analyze/analyze.h"
#include "analyze/spurious.h"
#include "base/session.h"

static const attrib_column result_columns[] = {
    {"query", "text", "id of the query", false},
    {"rank", "number", "of the document, 1 the first", false},
    {"score", "score", "of the document", false},
    {"document", "text", "id of the document", false},
    {"counted", "tokens", "with a share of the score", false},
    {"ratio", "ratio", "|a|_2 / |a|_1 of the shares of tokens", false},
    {"token", "text", "with the largest share", false},
};

static const attrib_column count_columns[] = {
    {"query", "text", "id of the query", false},
    {"reported", "documents", "at both ends of the ranking", false},
    {"spurious", "documents", "of those", false},
    {"spurious_of_all", "documents",
     "of the whole corpus, where shares of all tokens are "
     "kept",
     false},
};

static const char *strongest_token(const attrib_result *result)
{
    const attrib_token_score *best = NULL;
    for (size_t i = 0; i < result->n_tokens; i++) {
        const attrib_token_score *token = &result->tokens[i];
        best = !best || fabs(token->score) > fabs(best->score) ? token : best;
    }
    return best ? best->text : NULL;
}

/* Add the spurious ones of a list, and count them. */
static attrib_status add_results(const attrib_answer *answer,
                                 const attrib_result *results,
                                 size_t n,
                                 size_t *n_spurious,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        at_token_concentration c = at_concentration_of(&results[i]);
        if (!at_concentration_is_spurious(&c)) {
            continue;
        }
        const attrib_cell row[] = {at_text_cell(answer->query.id),
                                   at_count_cell(results[i].rank),
                                   at_number_cell(results[i].score),
                                   at_text_cell(results[i].document.id),
                                   at_count_cell(c.n_counted),
                                   at_number_cell(at_concentration_ratio(&c)),
                                   at_text_cell(strongest_token(&results[i]))};
        (*n_spurious)++;
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    return status;
}

/* Count the spurious documents of the corpus for each query: counts [Q]. */
static attrib_status count_all(const at_inquiry *inquiry,
                               size_t *counts,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &inquiry->subject;
    size_t n_queries = subject->info->n_queries;
    double *shares = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < subject->info->n_documents; i++) {
        size_t n = 0;
        size_t n_shares = 0;
        AT_TRY(at_poll_cancel(inquiry->session, err));
        AT_TRY(attrib_run_n_tokens(subject->run, i, &n, err));
        AT_TRY(at_mul(n, n_queries, &n_shares, err));
        AT_TRY(at_grow(&shares, &capacity, n_shares, sizeof *shares, err));
        AT_TRY(attrib_run_tokens(subject->run, subject->i_setting, i, shares, err));
        for (size_t q = 0; q < n_queries; q++) {
            at_token_concentration c = {0};
            for (size_t t = 0; t < n; t++) {
                at_concentration_add(&c, shares[t * n_queries + q]);
            }
            counts[q] += at_concentration_is_spurious(&c);
        }
    }
done:
    free(shares);
    return status;
}

static attrib_status add_counts(const at_inquiry *inquiry,
                                const size_t *n_spurious,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = inquiry->subject.info;
    /* Shares of all documents' tokens are there only where no filter left some out. */
    bool has_tokens = info->options->with_tokens && !info->options->prefilter;
    size_t *counts = NULL;
    AT_TRY(at_array(info->n_queries, sizeof *counts, (void *)&counts, err));
    if (has_tokens) {
        AT_TRY(count_all(inquiry, counts, err));
    }
    AT_TRY(at_analysis_begin(out, "counts", "Spurious documents of each query",
                             count_columns, AT_N_COLUMNS(count_columns), err));
    for (size_t q = 0; q < info->n_queries; q++) {
        const attrib_answer *answer = at_subject_answer(&inquiry->subject, q);
        const attrib_cell row[] = {
            at_text_cell(answer->query.id),
            at_count_cell(answer->n_top + answer->n_bottom), at_count_cell(n_spurious[q]),
            at_number_cell(has_tokens ? (double)counts[q] : (double)NAN)};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    free(counts);
    return status;
}

attrib_status at_analyze_spurious(const at_inquiry *inquiry,
                                  attrib_analysis *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    size_t *n_spurious = NULL;
    AT_TRY(at_array(n_queries, sizeof *n_spurious, (void *)&n_spurious, err));
    AT_TRY(at_analysis_begin(out, "spurious",
                             "Reported documents whose score stands on few tokens",
                             result_columns, AT_N_COLUMNS(result_columns), err));
    for (size_t q = 0; q < n_queries; q++) {
        const attrib_answer *a = at_subject_answer(&inquiry->subject, q);
        AT_TRY(at_subject_load(&inquiry->subject, q, err));
        AT_TRY(add_results(a, a->top, a->n_top, &n_spurious[q], out, err));
        AT_TRY(add_results(a, a->bottom, a->n_bottom, &n_spurious[q], out, err));
    }
    AT_TRY(add_counts(inquiry, n_spurious, out, err));
    AT_TRY(at_analysis_say(out, err,
                           "Spurious: |a|_2 / |a|_1 > 2/3 for the shares a of a "
                           "document's tokens, of which at least 8 are not 0 (Grosse et "
                           "al. 2023, section 5.3)."));
done:
    free(n_spurious);
    return status;
}
