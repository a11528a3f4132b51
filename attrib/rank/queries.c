/* SPDX-License-Identifier: MIT */
/* Completions that the model writes for queries that have none. */
#include <stdlib.h>

#include "rank/rank.h"

#define MAX_NEW_TOKENS 32

static bool has_counted_token(const attrib_query *query)
{
    for (size_t t = 1; t < query->n_tokens; t++) {
        if (query->mask[t]) {
            return true;
        }
    }
    return false;
}

static attrib_status write_completion(const at_ranking *ranking,
                                      size_t i_query,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = attrib_queries_get(ranking->queries, i_query);
    const attrib_tokenizer *tokenizer = ranking->tokenizer;
    const int32_t *stops = NULL;
    size_t n_stops = 0;
    int32_t new_ids[MAX_NEW_TOKENS];
    size_t n_new = 0;
    char *text = NULL;
    size_t n_bytes = 0;
    if (tokenizer) {
        stops = attrib_tokenizer_stops(tokenizer, &n_stops);
    }
    AT_TRY(attrib_model_generate(ranking->model, query->ids, query->n_tokens,
                                 MAX_NEW_TOKENS, stops, n_stops, new_ids, &n_new, err));
    AT_CHECK(n_new > 0, ATTRIB_EINVAL,
             "query %s: the model writes nothing after the prompt, give a completion",
             query->id);
    if (tokenizer) {
        AT_TRY(attrib_tokenizer_decode(tokenizer, new_ids, n_new, true, &text, &n_bytes,
                                       err));
    }
    AT_TRY(attrib_queries_set_completion(ranking->queries, i_query, new_ids, n_new,
                                         text ? text : "", err));
done:
    free(text);
    return status;
}

attrib_status at_complete_queries(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < attrib_queries_count(ranking->queries); i++) {
        const attrib_query *query = attrib_queries_get(ranking->queries, i);
        if (query->prompt && !query->completion && !query->is_generated) {
            AT_TRY(at_poll_cancel(ranking->session, err));
            AT_TRY(write_completion(ranking, i, err));
        }
        query = attrib_queries_get(ranking->queries, i);
        AT_CHECK(has_counted_token(query), ATTRIB_EINVAL,
                 "query %s: no token of its completion counts", query->id);
    }
done:
    return status;
}
