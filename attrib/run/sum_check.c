/* SPDX-License-Identifier: MIT */
/* Whether runs are of the same documents and queries, so that their scores can be added.
 *
 * 1. Queries.
 * 2. Documents.
 * 3. All. */
#include <string.h>

#include "run/sum.h"

/* 1. Queries */

static bool is_same_query(const attrib_query *a, const attrib_query *b)
{
    return strcmp(a->id, b->id) == 0 && a->n_tokens == b->n_tokens &&
           memcmp(a->ids, b->ids, a->n_tokens * sizeof *a->ids) == 0 &&
           memcmp(a->mask, b->mask, a->n_tokens) == 0;
}

/* Append which query is the first that differs. */
static attrib_status compare_queries(const attrib_run *a,
                                     const attrib_run *b,
                                     at_buffer *out,
                                     attrib_error *err)
{
    const char *comma = out->n_bytes ? ", " : "";
    size_t q = 0;
    if (a->info.n_queries != b->info.n_queries) {
        return at_buffer_print(out, err, "%snumber of queries (%zu and %zu)", comma,
                               b->info.n_queries, a->info.n_queries);
    }
    while (q < a->info.n_queries &&
           is_same_query(&a->answers[q].query, &b->answers[q].query)) {
        q++;
    }
    if (q < a->info.n_queries) {
        const attrib_query *one = &b->answers[q].query;
        return at_buffer_print(
            out, err, "%squery %zu \"%.40s\"%s", comma, q + 1, one->id,
            one->is_generated ? ", whose completion each model wrote itself" : "");
    }
    return strcmp(a->queries_hash, b->queries_hash) == 0
               ? ATTRIB_OK
               : at_buffer_print(out, err, "%swhat queries measure, or their weights",
                                 comma);
}

/* 2. Documents */

static bool has_same_parts(const attrib_run *a, const attrib_run *b)
{
    for (size_t p = 0; p < a->n_parts && p < b->n_parts; p++) {
        const at_part *x = &a->parts[p];
        const at_part *y = &b->parts[p];
        if (strcmp(x->corpus_hash, y->corpus_hash) != 0 || x->first != y->first ||
            x->end != y->end || x->n_corpus != y->n_corpus) {
            return false;
        }
    }
    return a->n_parts == b->n_parts;
}

/* Append how documents differ: in their number, which they are, or in their tokens. */
static attrib_status compare_documents(attrib_run *a,
                                       attrib_run *b,
                                       at_buffer *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *comma = out->n_bytes ? ", " : "";
    size_t n = a->info.n_documents;
    if (has_same_parts(a, b)) {
        return ATTRIB_OK;
    }
    if (n != b->info.n_documents) {
        return at_buffer_print(out, err, "%sdocuments (%zu and %zu)", comma,
                               b->info.n_documents, n);
    }
    for (size_t i = 0; i < n; i++) {
        attrib_document x;
        attrib_document y;
        AT_TRY(attrib_run_document(a, i, &x, err));
        AT_TRY(attrib_run_document(b, i, &y, err));
        if (strcmp(x.hash, y.hash) != 0 || strcmp(x.id, y.id) != 0) {
            return at_buffer_print(out, err, "%sdocuments, first %zu \"%.40s\"", comma,
                                   i + 1, y.id);
        }
    }
    AT_TRY(at_buffer_print(out, err,
                           "%stokens of the same documents (tokenizer, chat "
                           "template or shards)",
                           comma));
done:
    return status;
}

/* 3. All */

static attrib_status compare_groups(const attrib_run *a,
                                    const attrib_run *b,
                                    at_buffer *out,
                                    attrib_error *err)
{
    bool is_same = a->info.n_groups == b->info.n_groups;
    for (size_t g = 0; is_same && g < a->info.n_groups; g++) {
        is_same = strcmp(a->groups[g], b->groups[g]) == 0;
    }
    return is_same ? ATTRIB_OK
                   : at_buffer_print(out, err, "%sgroups of maps (--split)",
                                     out->n_bytes ? ", " : "");
}

attrib_status at_sum_check(attrib_run *a, attrib_run *b, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer list = {0};
    AT_CHECK(b->n_parts > 0, ATTRIB_EINVAL, "%s: does not say which documents it is of",
             b->info.folder);
    AT_CHECK(b->info.n_sampled == 0, ATTRIB_EINVAL,
             "%s: --prefilter-sample measured the filter of its own ranking, and cannot "
             "be added",
             b->info.folder);
    AT_CHECK(
        !b->options.prefilter || strncmp(b->options.prefilter, "index:", 6) != 0,
        ATTRIB_EINVAL,
        "%s: --prefilter %s chose its documents by its own model, and cannot be added",
        b->info.folder, b->options.prefilter);
    AT_TRY(at_run_compare(a, b, AT_SAME_QUESTION, &list, err));
    AT_TRY(compare_documents(a, b, &list, err));
    AT_TRY(compare_queries(a, b, &list, err));
    AT_TRY(compare_groups(a, b, &list, err));
    AT_CHECK(list.n_bytes == 0, ATTRIB_EINVAL, "%s: cannot be added to %s: other %.160s",
             b->info.folder, a->info.folder, list.bytes);
done:
    at_buffer_free(&list);
    return status;
}
