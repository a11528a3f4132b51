/* SPDX-License-Identifier: MIT */
/* Which queries the runs of a merge have: those of one column are the same, and those of
 * two columns have none in common.
 *
 * 1. Columns.
 * 2. The merged run's queries. */
#include <stdlib.h>
#include <string.h>

#include "run/merge.h"

/* 1. Columns */

static bool same_rows(const at_preparation *a, const at_preparation *b)
{
    for (size_t i = 0; i < a->n_rows && i < b->n_rows; i++) {
        if (strcmp(a->rows[i].hash, b->rows[i].hash) != 0) {
            return false;
        }
    }
    return a->n_rows == b->n_rows;
}

/* Refuse a row that both have. */
static attrib_status check_apart(const at_preparation *a,
                                 const at_preparation *b,
                                 const char *name_a,
                                 const char *name_b,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < b->n_rows; i++) {
        for (size_t k = 0; k < a->n_rows; k++) {
            AT_CHECK(strcmp(a->rows[k].hash, b->rows[i].hash) != 0, ATTRIB_EINVAL,
                     "%s: query %zu is query %zu of %s: runs with other queries may have "
                     "none in common",
                     name_b, i + 1, k + 1, name_a);
        }
    }
done:
    return status;
}

/* Runs a and b have other queries: they must have none in common. */
static attrib_status check_columns(const attrib_run *a,
                                   const attrib_run *b,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_preparation of_a = {0};
    at_preparation of_b = {0};
    const char *name_a = a->info.folder;
    const char *name_b = b->info.folder;
    AT_TRY(at_preparation_read(name_a, &of_a, err));
    AT_TRY(at_preparation_read(name_b, &of_b, err));
    AT_CHECK(of_a.run && of_b.run, ATTRIB_EINVAL,
             "%s: of another run than %s: other queries, and no %s to merge them by",
             name_b, name_a, AT_RUN_PREPARED);
    AT_CHECK(!same_rows(&of_a, &of_b), ATTRIB_EINVAL,
             "%s: of another run than %s: other completions that the model wrote (attrib "
             "prepare fixes them)",
             name_b, name_a);
    AT_CHECK(
        !a->options.aggregate, ATTRIB_EINVAL,
        "%s: other queries than %s: sums of queries (--aggregate) are of the rows of "
        "one run, and cannot be merged",
        name_b, name_a);
    AT_CHECK(
        !a->options.prefilter, ATTRIB_EINVAL,
        "%s: other queries than %s: --prefilter %s chose documents by all queries of "
        "one run, and cannot be merged",
        name_b, name_a, a->options.prefilter);
    AT_TRY(check_apart(&of_a, &of_b, name_a, name_b, err));
done:
    at_preparation_free(&of_a);
    at_preparation_free(&of_b);
    return status;
}

attrib_status at_merge_enter(at_merging *self, size_t i_run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merged_run *entered = &self->runs[i_run];
    const attrib_run *run = entered->run;
    size_t end = 0;
    for (size_t c = 0; c < self->n_columns; c++) {
        at_merged_column *column = &self->columns[c];
        const attrib_run *first = self->runs[column->i_run].run;
        if (strcmp(first->queries_hash, run->queries_hash) == 0) {
            entered->i_column = c;
            return ATTRIB_OK;
        }
        AT_TRY(check_columns(first, run, err));
        end = column->first + column->n;
    }
    entered->i_column = self->n_columns;
    self->columns[self->n_columns++] =
        (at_merged_column){.i_run = i_run, .first = end, .n = run->info.n_queries};
done:
    return status;
}

/* 2. The merged run's queries */

/* Queries at a time: all, where every run holds all of its own at a time; else as many as
 * the run that holds the most of those that do not. */
static size_t choose_tile(const at_merging *self)
{
    size_t n = 0;
    for (size_t c = 0; c < self->n_columns; c++) {
        const attrib_run *run = self->runs[self->columns[c].i_run].run;
        if (run->n_tile < run->info.n_queries) {
            n = at_larger(n, run->n_tile);
        }
    }
    return n ? n : self->out->info.n_queries;
}

static attrib_status add_rows(const at_preparation *from,
                              at_preparation *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < from->n_rows; i++) {
        at_prepared_row *row = &out->rows[out->n_rows++];
        int32_t *ids = NULL;
        *row = from->rows[i];
        AT_TRY(
            at_arena_text(out->run->bank, row->text, strlen(row->text), &row->text, err));
        AT_TRY(at_arena_take(out->run->bank, row->n_ids, sizeof *ids, &ids, err));
        if (row->n_ids) {
            memcpy(ids, row->ids, row->n_ids * sizeof *ids);
        }
        row->ids = ids;
    }
done:
    return status;
}

/* Add the queries of a column to those before. */
static attrib_status add_column(const at_merged_column *column,
                                const char *folder,
                                at_preparation *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_preparation from = {0};
    size_t capacity = out->n_rows;
    size_t n = column->first;
    AT_TRY(at_preparation_read(folder, &from, err));
    AT_TRY(at_grow(&out->rows, &capacity, out->n_rows + from.n_rows, sizeof *out->rows,
                   err));
    AT_TRY(add_rows(&from, out, err));
    capacity = n;
    AT_TRY(at_grow(&out->queries, &capacity, n + column->n, sizeof *out->queries, err));
    memcpy(out->queries + n, from.queries, column->n * sizeof *out->queries);
done:
    at_preparation_free(&from);
    return status;
}

attrib_status at_merge_queries(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    at_preparation *made = &self->made;
    const at_merged_column *last = &self->columns[self->n_columns - 1];
    AT_TRY(at_preparation_read(self->runs[0].run->info.folder, made, err));
    if (self->n_columns == 1) {
        goto done;
    }
    for (size_t c = 1; c < self->n_columns; c++) {
        const at_merged_column *column = &self->columns[c];
        AT_TRY(add_column(column, self->runs[column->i_run].run->info.folder, made, err));
    }
    out->info.n_queries = last->first + last->n;
    AT_TRY(
        at_mul(out->options.n_settings, out->info.n_queries, &out->info.n_answers, err));
    out->n_tile = choose_tile(self);
    at_queries_name(made->queries, out->info.n_queries, out->queries_hash);
    made->run->info.n_queries = out->info.n_queries;
    made->run->n_tile = out->n_tile;
    memcpy(made->run->queries_hash, out->queries_hash, AT_HASH_SIZE);
    free(out->read);
    out->read = NULL;
    AT_TRY(at_run_place_slices(out, false, err));
done:
    return status;
}
