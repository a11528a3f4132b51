/* SPDX-License-Identifier: MIT */
/* Documents chosen by the scores of a query, or by their sum over all queries. */
#include "export/choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "export/rows.h"

/* A document with what it is ranked by. */
typedef struct candidate {
    size_t document;
    double score;
} candidate;

typedef struct choosing {
    const attrib_choice_options *options;
    size_t i_query; /* SIZE_MAX: all */
    candidate *all; /* [N] */
} choosing;

void attrib_choice_options_init(attrib_choice_options *options, size_t size)
{
    const attrib_choice_options standard = {0};
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
             "setting %zu of %zu", options->i_setting, info->options->n_settings);
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

static attrib_status add_score(void *context, const at_row *row, attrib_error *err)
{
    choosing *self = context;
    bool is_asked = self->i_query == SIZE_MAX || row->i_query == self->i_query;
    (void)err;
    if (row->i_setting == self->options->i_setting && is_asked) {
        self->all[row->document->index].score += row->score;
    }
    return ATTRIB_OK;
}

/* Keep the documents that meet the conditions, in their order. */
static attrib_status keep_met(choosing *self,
                              attrib_run *run,
                              size_t *n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = attrib_run_describe(run)->n_documents;
    *n = 0;
    for (size_t i = 0; i < n_documents; i++) {
        attrib_document document;
        AT_TRY(attrib_run_document(run, i, &document, err));
        if (attrib_where_holds(self->options->where, &document)) {
            self->all[(*n)++] = (candidate){i, self->all[i].score};
        }
    }
    AT_CHECK(*n > 0, ATTRIB_EINVAL, "no document of the run meets the conditions");
done:
    return status;
}

/* By score, equal ones by index. */
static int compare_candidates(const void *a, const void *b)
{
    const candidate *x = a;
    const candidate *y = b;
    int order = (x->score < y->score) - (x->score > y->score);
    return order ? order : (x->document > y->document) - (x->document < y->document);
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

attrib_status at_choose_documents(attrib_run *run,
                                  const attrib_choice_options *options,
                                  size_t **out,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    choosing self = {.options = options};
    size_t *documents = NULL;
    AT_TRY(check_options(options, info, err));
    AT_TRY(find_query(run, options->query, &self.i_query, err));
    AT_TRY(at_array(info->n_documents, sizeof *self.all, &self.all, err));
    AT_TRY(at_each_score(run, add_score, &self, err));
    AT_TRY(keep_met(&self, run, n, err));
    qsort(self.all, *n, sizeof *self.all, compare_candidates);
    *n = count_chosen(options, *n);
    AT_TRY(at_array(*n, sizeof *documents, &documents, err));
    for (size_t i = 0; i < *n; i++) {
        documents[i] = self.all[i].document;
    }
    *out = documents;
done:
    free(self.all);
    return status;
}
