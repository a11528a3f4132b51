/* SPDX-License-Identifier: MIT */
/* Whether what was prepared before is of the same run, and what is different
 * (preparing.h). */
#include <string.h>

#include "score/preparing.h"

size_t at_preparing_n_rows(const at_preparing *self)
{
    return self->setup->queries ? attrib_queries_count(self->setup->queries) : 0;
}

size_t at_preparing_first_row(const at_preparing *self)
{
    return self->growth ? self->growth->first_query : 0;
}

static const char *comma(const at_buffer *list)
{
    return list->n_bytes ? ", " : "";
}

/* Append how the corpus differs. */
static attrib_status compare_corpora(const at_preparing *self,
                                     const attrib_run *was,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &self->run->info;
    if (strcmp(was->info.corpus_hash, info->corpus_hash) == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_print(out, err, "%scorpus", comma(out)));
    if (was->info.n_documents != info->n_documents) {
        AT_TRY(at_buffer_print(out, err, " (%zu documents, here %zu)",
                               was->info.n_documents, info->n_documents));
    } else if (strcmp(was->info.corpus_date, info->corpus_date) != 0) {
        AT_TRY(at_buffer_print(out, err, " (--date %s, here %s)", was->info.corpus_date,
                               info->corpus_date));
    }
done:
    return status;
}

/* Append how the rows of queries differ: which one is the first that does. A run that
 * grows may have more. */
static attrib_status compare_rows(const at_preparing *self,
                                  const at_preparation *was,
                                  at_buffer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = at_preparing_first_row(self);
    size_t n = at_preparing_n_rows(self) - first;
    size_t i = 0;
    while (i < n && i < was->n_rows &&
           strcmp(was->rows[i].hash, self->rows[first + i].hash) == 0) {
        i++;
    }
    if (i < n && i < was->n_rows) {
        AT_TRY(at_buffer_print(out, err, "%squery %zu \"%.40s\"", comma(out),
                               first + i + 1,
                               attrib_queries_get(self->setup->queries, first + i)->id));
    } else if (n < was->n_rows || (n > was->n_rows && !self->is_outline)) {
        AT_TRY(at_buffer_print(out, err, "%squeries (%zu, here %zu)", comma(out),
                               was->n_rows, n));
    }
done:
    return status;
}

/* Options that decide on completions and sizes, where these were chosen before. */
static attrib_status compare_choices(const at_preparing *self,
                                     const at_preparation *was,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *now = &self->run->options;
    const attrib_score_options *then = &was->run->options;
    bool is_written = false;
    for (size_t i = 0; i < was->n_rows; i++) {
        is_written |= was->rows[i].is_written;
    }
    if (is_written && now->max_new_tokens != then->max_new_tokens) {
        AT_TRY(at_buffer_print(out, err, "%s--max-new-tokens", comma(out)));
    }
    if ((now->aggregate || then->aggregate) &&
        (!now->aggregate || !then->aggregate ||
         strcmp(now->aggregate, then->aggregate) != 0)) {
        AT_TRY(at_buffer_print(out, err, "%s--aggregate", comma(out)));
    }
done:
    return status;
}

/* Refuse a preparation of another run, saying what is different. */
attrib_status at_preparing_check_same(const at_preparing *self,
                                      const at_preparation *was,
                                      at_agreement how,
                                      const char *what,
                                      const char *path,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer list = {0};
    if (!was->run) {
        return ATTRIB_OK;
    }
    AT_TRY(at_run_compare(was->run, self->run, how, &list, err));
    if (!self->is_outline) { /* else documents are compared one by one */
        AT_TRY(compare_corpora(self, was->run, &list, err));
    }
    AT_TRY(compare_rows(self, was, &list, err));
    AT_TRY(compare_choices(self, was, &list, err));
    AT_CHECK(list.n_bytes == 0, ATTRIB_ESHAPE, "%s: %s: other %.160s", path, what,
             list.bytes);
done:
    at_buffer_free(&list);
    return status;
}
