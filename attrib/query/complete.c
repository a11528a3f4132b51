/* SPDX-License-Identifier: MIT */
/* Completions that the model writes for queries that have none. */
#include <stdlib.h>
#include <string.h>

#include "query/setup.h"

static bool has_counted_token(const attrib_query *query)
{
    for (size_t t = 1; t < attrib_query_side(query); t++) {
        if (query->mask[t]) {
            return true;
        }
    }
    return false;
}

/* The most tokens that a completion may have: as many as were asked for, or as the
 * contexts of the queries and of the model leave, if that is less. */
static size_t choose_limit(const at_setup *setup, size_t i_query)
{
    const attrib_query *query = attrib_queries_get(setup->queries, i_query);
    size_t context = attrib_model_describe(setup->model)->context;
    size_t limit = setup->options.max_new_tokens;
    size_t room = attrib_queries_room(setup->queries, i_query);
    limit = room < limit ? room : limit;
    size_t n_prompt = attrib_query_side(query);
    room = n_prompt < context ? context - n_prompt : 0;
    return room < limit ? room : limit;
}

static bool has_position(const attrib_query *query)
{
    return memchr(query->direction->positions, 1, query->n_tokens) != NULL;
}

/* A direction is measured of a prompt alone, unless it is that of a completion. */
static bool lacks_completion(const attrib_query *query)
{
    return query->prompt && !query->completion && !query->is_generated &&
           !(query->direction && has_position(query));
}

/* What can be said of a query before the model writes a token. */
static attrib_status check_query(const at_setup *setup, size_t i_query, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = attrib_queries_get(setup->queries, i_query);
    if (lacks_completion(query)) {
        AT_CHECK(choose_limit(setup, i_query) > 0, ATTRIB_ERANGE,
                 "query %s: its %zu tokens leave no room for a completion in the context",
                 query->id, attrib_query_side(query));
    } else if (query->direction) {
        AT_CHECK(has_position(query), ATTRIB_EINVAL,
                 "query %s: no token whose hidden state is measured", query->id);
    } else {
        AT_CHECK(has_counted_token(query), ATTRIB_EINVAL,
                 "query %s: no token of its completion counts", query->id);
    }
done:
    return status;
}

static attrib_status write_completion(const at_setup *setup,
                                      size_t i_query,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = attrib_queries_get(setup->queries, i_query);
    const attrib_tokenizer *tokenizer = setup->tokenizer;
    attrib_generate_job job;
    attrib_completion written;
    int32_t *new_ids = NULL;
    char *text = NULL;
    size_t n_bytes = 0;
    attrib_generate_job_default(&job);
    attrib_completion_default(&written);
    job.ids = query->ids;
    job.n_tokens = attrib_query_side(query);
    job.max_new = choose_limit(setup, i_query);
    if (tokenizer) {
        job.stop_ids = attrib_tokenizer_stops(tokenizer, &job.n_stop_ids);
    }
    AT_TRY(at_array(job.max_new, sizeof *new_ids, &new_ids, err));
    AT_TRY(attrib_model_generate(setup->model, &job, new_ids, &written.n_ids, err));
    AT_CHECK(written.n_ids > 0, ATTRIB_EINVAL,
             "query %s: the model writes nothing after the prompt: give what it said "
             "(--completion, or in the row), or ask in another way (--chat-template)",
             query->id);
    if (tokenizer) {
        AT_TRY(attrib_tokenizer_decode(tokenizer, (attrib_ids){new_ids, written.n_ids},
                                       true, &text, &n_bytes, err));
    }
    written.ids = new_ids;
    written.text = text ? text : "";
    written.is_cut = written.n_ids == job.max_new;
    AT_TRY(attrib_queries_set_completion(setup->queries, i_query, &written, err));
done:
    free(new_ids);
    free(text);
    return status;
}

attrib_status at_complete_queries(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_queries_count(setup->queries);
    size_t n_lacking = 0;
    size_t n_written = 0;
    at_stage stage = {0};
    for (size_t i = 0; i < n; i++) {
        AT_TRY(check_query(setup, i, err));
        n_lacking += lacks_completion(attrib_queries_get(setup->queries, i));
    }
    if (n_lacking == 0) {
        goto done;
    }
    at_stage_begin(&stage, setup->session, "complete", "queries", n_lacking);
    for (size_t i = 0; i < n; i++) {
        if (lacks_completion(attrib_queries_get(setup->queries, i))) {
            AT_TRY(at_poll_cancel(setup->session, err));
            AT_TRY(write_completion(setup, i, err));
            at_stage_report(&stage, ++n_written);
        }
    }
    at_stage_end(&stage, n_lacking, 0);
done:
    return status;
}
