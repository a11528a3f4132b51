/* SPDX-License-Identifier: MIT */
/* Arrays of tokens, document by document:
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

/* Buffers for the numbers of one document, in f64 and as f32; both grow. */
typedef struct token_rows {
    double *numbers;
    float *narrowed;
    size_t n_numbers, n_narrowed; /* capacities */
} token_rows;

/* Read document i into rows->narrowed; *out is how many numbers it has. Shares of a
 * document that a filter left out are NaN. */
static attrib_status read_document(attrib_run *run,
                                   const attrib_array *array,
                                   size_t i,
                                   token_rows *rows,
                                   size_t *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(attrib_run_n_tokens(run, i, &n, err));
    AT_TRY(at_mul(n, attrib_run_describe(run)->n_queries, &n, err));
    AT_TRY(at_grow(&rows->numbers, &rows->n_numbers, n, sizeof *rows->numbers, err));
    AT_TRY(at_grow(&rows->narrowed, &rows->n_narrowed, n, sizeof *rows->narrowed, err));
    AT_TRY(attrib_run_read(run, array, i, 1, rows->numbers, err));
    for (size_t k = 0; k < n; k++) {
        rows->narrowed[k] = (float)rows->numbers[k];
        AT_CHECK(!isfinite(rows->numbers[k]) || isfinite(rows->narrowed[k]),
                 ATTRIB_ENOTSUP, "document %zu: a share of %g, F32 does not hold it", i,
                 rows->numbers[k]);
    }
    *out = n;
done:
    return status;
}

attrib_status at_write_tokens(attrib_run *run,
                              const attrib_array *array,
                              at_bytes_fn write,
                              void *context,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    token_rows rows = {0};
    for (size_t i = 0; i < attrib_run_describe(run)->n_documents; i++) {
        size_t n = 0;
        AT_TRY(read_document(run, array, i, &rows, &n, err));
        AT_TRY(write(context, rows.narrowed, n * sizeof *rows.narrowed, err));
    }
done:
    free(rows.numbers);
    free(rows.narrowed);
    return status;
}
