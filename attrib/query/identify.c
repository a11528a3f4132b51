/* SPDX-License-Identifier: MIT */
/* What of queries a run's identity depends on, and hashes by which rows are known again.
 */
#include <string.h>

#include "query/setup.h"

/* What a row measures, where that is not the log-probability of its completion. */
static attrib_status identify_measure(const attrib_query *row,
                                      at_buffer *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = attrib_query_side(row);
    size_t n = row->n_tokens - first;
    if (row->measure == ATTRIB_MEASURE_LOGPROB) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_print(out, err, " measures %s against %zu ",
                           attrib_measure_name(row->measure), n));
    AT_TRY(at_buffer_append(out, row->ids + first, n * sizeof *row->ids, err));
    AT_TRY(at_buffer_append(out, row->mask + first, n, err));
    if (row->direction) {
        AT_TRY(at_buffer_print(out, err, " direction %zu layer %zu ",
                               row->direction->n_values, row->direction->layer));
        AT_TRY(at_buffer_append(out, row->direction->values,
                                row->direction->n_values * sizeof(float), err));
        AT_TRY(at_buffer_append(out, row->direction->positions, row->n_tokens, err));
    }
done:
    return status;
}

/* All that scores depend on of query q: tokens, weights, and what it measures. */
static attrib_status print_query(const at_setup *setup,
                                 size_t q,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_asked *asked = &setup->asked;
    const attrib_query *query = at_query(setup, q);
    for (size_t k = asked->first[q]; k < asked->first[q + 1]; k++) {
        const attrib_query *row = attrib_queries_get(setup->queries, asked->rows[k]);
        if (setup->options.aggregate) {
            AT_TRY(at_buffer_print(out, err, " row %zu x %a", row->n_tokens,
                                   asked->weights[k]));
        }
        AT_TRY(identify_measure(row, out, err));
    }
    AT_TRY(at_buffer_print(out, err, " query %zu ", query->n_tokens));
    AT_TRY(at_buffer_append(out, query->ids, query->n_tokens * sizeof *query->ids, err));
    AT_TRY(at_buffer_append(out, query->mask, query->n_tokens, err));
done:
    return status;
}

attrib_status at_query_hash(const at_setup *setup,
                            size_t q,
                            char out[AT_HASH_SIZE],
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(print_query(setup, q, &text, err));
    at_hash_bytes(text.bytes, text.n_bytes, out);
done:
    at_buffer_free(&text);
    return status;
}

/* Tokens that were given of a row: all, or of one that the model completes its prompt. */
static size_t n_given(const attrib_query *row)
{
    size_t n = 0;
    if (!row->prompt || (row->completion && !row->is_generated)) {
        return row->n_tokens;
    }
    while (n < row->n_tokens && !row->mask[n]) {
        n++;
    }
    return n;
}

/* What a row measures, as it was given. */
static attrib_status print_measure(const attrib_query *row,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_direction *direction = row->direction;
    AT_TRY(at_buffer_print(out, err, " measures %s against %s",
                           attrib_measure_name(row->measure),
                           row->against ? row->against : "nothing"));
    if (direction) {
        AT_TRY(at_buffer_print(out, err, " direction %zu layer %zu ", direction->n_values,
                               direction->layer));
        AT_TRY(at_buffer_append(out, direction->values,
                                direction->n_values * sizeof *direction->values, err));
    }
done:
    return status;
}

attrib_status at_row_hash(const attrib_query *row,
                          char out[AT_HASH_SIZE],
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t n = n_given(row);
    AT_TRY(at_buffer_print(&text, err, "id %zu %s tags %zu ", strlen(row->id), row->id,
                           row->n_tags));
    for (size_t i = 0; i < row->n_tags; i++) { /* with the NULs of both */
        const attrib_tag *tag = &row->tags[i];
        AT_TRY(at_buffer_append(&text, tag->key, strlen(tag->key) + 1, err));
        AT_TRY(at_buffer_append(&text, tag->value, strlen(tag->value) + 1, err));
    }
    AT_TRY(at_buffer_print(&text, err, " tokens %zu ", n));
    AT_TRY(at_buffer_append(&text, row->ids, n * sizeof *row->ids, err));
    AT_TRY(at_buffer_append(&text, row->mask, n, err));
    AT_TRY(print_measure(row, &text, err));
    at_hash_bytes(text.bytes, text.n_bytes, out);
done:
    at_buffer_free(&text);
    return status;
}
