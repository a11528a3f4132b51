/* SPDX-License-Identifier: MIT */
/* Documents chosen by the scores of a query, or by an aggregate of those of all. */
#include "export/choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"

void attrib_choice_options_init(attrib_choice_options *options, size_t size)
{
    const attrib_choice_options standard = {.aggregate = ATTRIB_AGGREGATE_SUM};
    at_sized_fill(&standard, sizeof standard, options, size);
}

static attrib_status check_options(const attrib_choice_options *options,
                                   const attrib_run_info *info,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(options->share >= 0 && options->share <= 1, ATTRIB_EINVAL,
             "share: %g is not in [0, 1]", options->share);
    AT_CHECK(options->i_setting < info->options->n_settings, ATTRIB_EINVAL,
             "setting %zu of %zu", options->i_setting + 1, info->options->n_settings);
    AT_CHECK(info->n_queries > 0, ATTRIB_EINVAL, "a run without queries ranks nothing");
done:
    return status;
}

static attrib_status find_query(const attrib_run *run,
                                const char *id,
                                size_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_run_describe(run)->n_queries;
    *out = SIZE_MAX;
    if (!id) {
        return ATTRIB_OK;
    }
    for (size_t q = 0; q < n && *out == SIZE_MAX; q++) {
        *out = strcmp(attrib_run_answer(run, q)->query.id, id) == 0 ? q : SIZE_MAX;
    }
    AT_CHECK(*out != SIZE_MAX, ATTRIB_EINVAL,
             "the run has no query \"%.100s\"; the first of its %zu is \"%.100s\"", id, n,
             attrib_run_answer(run, 0)->query.id);
done:
    return status;
}

/* How many of n documents are chosen: at least one. */
static size_t count_chosen(const attrib_choice_options *options, size_t n)
{
    size_t chosen = n;
    if (options->share > 0) {
        chosen = (size_t)(options->share * (double)n + 0.5);
    }
    if (options->top) {
        chosen = at_smaller(chosen, options->top);
    }
    return at_larger(chosen, 1);
}

/* By what documents are ranked, all of them. */
static attrib_status rank_options(const attrib_run *run,
                                  const attrib_choice_options *options,
                                  attrib_rank_options *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t i_query = 0;
    attrib_rank_options_default(out);
    AT_TRY(find_query(run, options->query, &i_query, err));
    if (options->query) {
        out->i_answer = options->i_setting * info->n_queries + i_query;
    } else {
        AT_CHECK(options->aggregate != ATTRIB_AGGREGATE_NONE, ATTRIB_EINVAL,
                 "neither a query nor an aggregate of all of them ranks");
        out->aggregate = options->aggregate;
    }
    out->i_setting = options->i_setting;
    out->where = options->where;
    out->n_top = info->n_documents;
    out->n_bottom = 0;
done:
    return status;
}

attrib_status at_choose_documents(attrib_run *run,
                                  const attrib_choice_options *options,
                                  size_t **out,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_rank_options rank;
    attrib_ranking ranking = {0};
    size_t *documents = NULL;
    AT_TRY(check_options(options, attrib_run_describe(run), err));
    AT_TRY(rank_options(run, options, &rank, err));
    AT_TRY(attrib_run_rank(run, &rank, &ranking, err));
    AT_CHECK(ranking.n_top > 0, ATTRIB_EINVAL,
             "no document of the run meets the conditions");
    *n = count_chosen(options, ranking.n_top);
    AT_TRY(at_array(*n, sizeof *documents, &documents, err));
    for (size_t i = 0; i < *n; i++) {
        documents[i] = ranking.top[i].document;
    }
    *out = documents;
done:
    attrib_ranking_free(&ranking);
    return status;
}
