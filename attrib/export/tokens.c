/* SPDX-License-Identifier: MIT */
/* Shares of tokens as arrays, document by document:
 *
 *     tokens [all tokens, Q] f32,   token_offsets [N + 1] i64 of each document in them */
#include <math.h>
#include <stdlib.h>

#include "export/write.h"

attrib_status at_count_all_tokens(attrib_run *run, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t total = 0;
    for (size_t i = 0; i < attrib_run_describe(run)->n_documents; i++) {
        size_t n = 0;
        AT_TRY(attrib_run_n_tokens(run, i, &n, err));
        AT_TRY(at_add(total, n, &total, err));
    }
    *out = total;
done:
    return status;
}

attrib_status at_write_token_offsets(attrib_run *run,
                                     at_bytes_fn write,
                                     void *context,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t offset = 0;
    AT_TRY(write(context, &offset, sizeof offset, err));
    for (size_t i = 0; i < attrib_run_describe(run)->n_documents; i++) {
        size_t n = 0;
        AT_TRY(attrib_run_n_tokens(run, i, &n, err));
        offset += (int64_t)n;
        AT_TRY(write(context, &offset, sizeof offset, err));
    }
done:
    return status;
}

/* Buffers for the shares of one document, in f64 and as f32; both grow. */
typedef struct token_rows {
    double *shares;
    float *narrowed;
    size_t n_shares, n_narrowed; /* capacities */
} token_rows;

static attrib_status write_document(attrib_run *run,
                                    size_t i_setting,
                                    size_t i,
                                    token_rows *rows,
                                    at_bytes_fn write,
                                    void *context,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(attrib_run_n_tokens(run, i, &n, err));
    AT_TRY(at_mul(n, attrib_run_describe(run)->n_queries, &n, err));
    AT_TRY(at_grow(&rows->shares, &rows->n_shares, n, sizeof *rows->shares, err));
    AT_TRY(at_grow(&rows->narrowed, &rows->n_narrowed, n, sizeof *rows->narrowed, err));
    AT_TRY(attrib_run_tokens(run, i_setting, i, rows->shares, err));
    for (size_t k = 0; k < n; k++) {
        rows->narrowed[k] = (float)rows->shares[k];
        AT_CHECK(isfinite(rows->narrowed[k]), ATTRIB_ENOTSUP,
                 "document %zu: a share of %g, F32 does not hold it", i, rows->shares[k]);
    }
    AT_TRY(write(context, rows->narrowed, n * sizeof *rows->narrowed, err));
done:
    return status;
}

attrib_status at_write_tokens(attrib_run *run,
                              size_t i_setting,
                              at_bytes_fn write,
                              void *context,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    token_rows rows = {0};
    for (size_t i = 0; i < attrib_run_describe(run)->n_documents; i++) {
        AT_TRY(write_document(run, i_setting, i, &rows, write, context, err));
    }
done:
    free(rows.shares);
    free(rows.narrowed);
    return status;
}

attrib_status at_append_tokens_name(at_buffer *out,
                                    const attrib_run *run,
                                    size_t i_setting,
                                    attrib_error *err)
{
    return at_append_plane(out, run, "tokens",
                           i_setting * (1 + attrib_run_describe(run)->n_groups), err);
}
