/* SPDX-License-Identifier: MIT */
/* Walking over what a run says of documents and queries, in bounded memory.
 *
 * 1. Self-influences, scores before they were divided, and those of the runs of a sum.
 * 2. What was reported.
 * 3. All scores, a block of documents at a time. */
#include "export/rows.h"

#include <math.h>
#include <stdlib.h>

#include "export/write.h"

/* 1. Self-influences, scores before they were divided, and those of the runs of a sum */

/* Self-influences of consecutive documents under a setting. */
typedef struct self_row {
    attrib_array array;
    bool is_held;    /* the run has them */
    double *numbers; /* [n] */
} self_row;

static attrib_status self_open(attrib_run *run,
                               size_t n,
                               self_row *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; attrib_run_array(run, k, &out->array); k++) {
        if (out->array.shape == ATTRIB_ARRAY_SETTINGS) {
            out->is_held = true;
            AT_TRY(at_array(n, sizeof *out->numbers, &out->numbers, err));
            break;
        }
    }
done:
    return status;
}

static attrib_status self_read(attrib_run *run,
                               self_row *self,
                               size_t i_setting,
                               size_t first,
                               size_t n,
                               attrib_error *err)
{
    self->array.i = i_setting;
    return self->is_held
               ? attrib_run_read(run, &self->array, first, n, self->numbers, err)
               : ATTRIB_OK;
}

/* What the score was divided by, times the score. */
static double raw_of(attrib_normalize normalize, const at_row *row)
{
    return normalize == ATTRIB_NORMALIZE_NATS
               ? row->score * row->answer->loss
               : row->score * sqrt(row->answer->self_influence) * sqrt(row->self);
}

/* Set what is known of the row from number i of these. */
static void self_set(const attrib_run_info *info,
                     const self_row *self,
                     size_t i,
                     at_row *row)
{
    row->has_self = self->is_held;
    row->self = self->is_held ? self->numbers[i] : 0;
    row->has_raw = info->options->normalize != ATTRIB_NORMALIZE_NONE;
    row->raw = row->has_raw ? raw_of(info->options->normalize, row) : 0;
}

/* Scores of consecutive documents by each run of a sum, under a setting. */
typedef struct sum_rows {
    attrib_array array;
    size_t n_queries, n_checkpoints; /* 0: the run is no sum */
    size_t capacity;                 /* documents */
    double *numbers;                 /* [n_checkpoints, capacity, Q] */
    double *row;                     /* [n_checkpoints] */
} sum_rows;

static attrib_status sum_open(attrib_run *run, size_t n, sum_rows *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t n_numbers = 0;
    *out = (sum_rows){.n_queries = info->n_queries, .capacity = n};
    for (size_t k = 0; attrib_run_array(run, k, &out->array); k++) {
        if (out->array.shape == ATTRIB_ARRAY_CHECKPOINTS) {
            out->n_checkpoints = info->n_checkpoints;
            break;
        }
    }
    AT_TRY(at_mul(n, info->n_queries, &n_numbers, err));
    AT_TRY(at_mul(n_numbers, out->n_checkpoints, &n_numbers, err));
    AT_TRY(at_array(at_larger(n_numbers, 1), sizeof *out->numbers, &out->numbers, err));
    AT_TRY(at_array(at_larger(out->n_checkpoints, 1), sizeof *out->row, &out->row, err));
done:
    return status;
}

static void sum_free(sum_rows *self)
{
    free(self->numbers);
    free(self->row);
}

static attrib_status sum_read(attrib_run *run,
                              sum_rows *self,
                              size_t i_setting,
                              size_t first,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < self->n_checkpoints; c++) {
        self->array.i = i_setting * self->n_checkpoints + c;
        AT_TRY(attrib_run_read(run, &self->array, first, n,
                               self->numbers + c * self->capacity * self->n_queries,
                               err));
    }
done:
    return status;
}

/* Set what is known of the row from document d of these. */
static void sum_set(const sum_rows *self, size_t d, at_row *row)
{
    for (size_t c = 0; c < self->n_checkpoints; c++) {
        self->row[c] =
            self->numbers[(c * self->capacity + d) * self->n_queries + row->i_query];
    }
    row->n_checkpoints = self->n_checkpoints;
    row->checkpoints = self->n_checkpoints ? self->row : NULL;
}

/* 2. What was reported */

const char *at_side_name(at_report_side side)
{
    static const char *const names[] = {
        [AT_SIDE_NONE] = NULL, [AT_SIDE_TOP] = "top", [AT_SIDE_BOTTOM] = "bottom"};
    return names[side];
}

static at_row reported_row(const attrib_answer *answer,
                           size_t i_query,
                           const attrib_result *result,
                           at_report_side side)
{
    return (at_row){.i_setting = answer->i_setting,
                    .i_query = i_query,
                    .answer = answer,
                    .document = &result->document,
                    .result = result,
                    .side = side,
                    .score = result->score};
}

/* Append the rows of an answer by rank: the last documents stand worst first, so they are
 * taken in reverse. Returns how many there are; NULL counts them. */
static size_t append_answer(const attrib_run *run, size_t i_answer, at_row *out)
{
    const attrib_answer *answer = attrib_run_answer(run, i_answer);
    size_t i_query = i_answer % attrib_run_describe(run)->n_queries;
    for (size_t i = 0; out && i < answer->n_top; i++) {
        *out++ = reported_row(answer, i_query, &answer->top[i], AT_SIDE_TOP);
    }
    for (size_t i = answer->n_bottom; out && i-- > 0;) {
        *out++ = reported_row(answer, i_query, &answer->bottom[i], AT_SIDE_BOTTOM);
    }
    return answer->n_top + answer->n_bottom;
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const void *a, const void *b)
{
    const at_row *x = a;
    const at_row *y = b;
    int order = compare_sizes(x->i_setting, y->i_setting);
    order = order ? order : compare_sizes(x->document->index, y->document->index);
    return order ? order : compare_sizes(x->i_query, y->i_query);
}

/* Set what is known of the rows besides their answers; they are in order of settings and
 * documents, so that each part of the run is read once. */
static attrib_status complete_rows(attrib_run *run, at_reported *all, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self_row self = {0};
    AT_TRY(self_open(run, 1, &self, err));
    for (size_t i = 0; i < all->n; i++) {
        at_row *row = &all->rows[i];
        AT_TRY(self_read(run, &self, row->i_setting, row->document->index, 1, err));
        self_set(attrib_run_describe(run), &self, 0, row);
    }
done:
    free(self.numbers);
    return status;
}

attrib_status at_reported_new(attrib_run *run, at_reported *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_answers = attrib_run_describe(run)->n_answers;
    at_reported all = {0};
    size_t n = 0;
    for (size_t i = 0; i < n_answers; i++) {
        n += append_answer(run, i, NULL);
    }
    AT_TRY(at_array(at_larger(n, 1), sizeof *all.rows, &all.rows, err));
    for (size_t i = 0; i < n_answers; i++) {
        all.n += append_answer(run, i, all.rows + all.n);
    }
    qsort(all.rows, n, sizeof *all.rows, compare_rows);
    AT_TRY(complete_rows(run, &all, err));
    *out = all;
    all = (at_reported){0};
done:
    at_reported_free(&all);
    return status;
}

attrib_status at_each_score_of(attrib_run *run,
                               const at_reported *reported,
                               at_row_fn fn,
                               void *context,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sum_rows sum = {0};
    AT_TRY(sum_open(run, 1, &sum, err));
    for (size_t i = 0; i < reported->n; i++) {
        at_row row = reported->rows[i];
        AT_TRY(sum_read(run, &sum, row.i_setting, row.document->index, 1, err));
        sum_set(&sum, 0, &row);
        AT_TRY(fn(context, &row, err));
    }
done:
    sum_free(&sum);
    return status;
}

void at_reported_free(at_reported *reported)
{
    free(reported->rows);
    *reported = (at_reported){0};
}

/* Hand every reported document to `fn`: by setting, query and rank. */
static attrib_status each_reported(attrib_run *run,
                                   at_row_fn fn,
                                   void *context,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    self_row self = {0};
    sum_rows sum = {0};
    at_row *rows = NULL;
    size_t capacity = 0;
    AT_TRY(self_open(run, info->n_documents, &self, err));
    AT_TRY(sum_open(run, 1, &sum, err));
    for (size_t i = 0; i < info->n_answers; i++) {
        if (i % info->n_queries == 0) {
            AT_TRY(self_read(run, &self, i / info->n_queries, 0, info->n_documents, err));
        }
        size_t n = append_answer(run, i, NULL);
        AT_TRY(attrib_run_load(run, i, err));
        AT_TRY(at_grow(&rows, &capacity, n, sizeof *rows, err));
        append_answer(run, i, rows);
        for (size_t k = 0; k < n; k++) {
            self_set(info, &self, rows[k].document->index, &rows[k]);
            AT_TRY(
                sum_read(run, &sum, rows[k].i_setting, rows[k].document->index, 1, err));
            sum_set(&sum, 0, &rows[k]);
            AT_TRY(fn(context, &rows[k], err));
        }
    }
done:
    free(rows);
    free(self.numbers);
    sum_free(&sum);
    return status;
}

/* 3. All scores, a block of documents at a time */

typedef struct walk {
    attrib_run *run;
    const attrib_run_info *info;
    at_reported reported;
    size_t i_reported; /* the next of these that the walk comes by */
    size_t block;      /* documents of a block */
    size_t first;      /* document of the block */
    bool has_bounds;
    double *scores, *bounds; /* [block, Q] */
    self_row self;
    sum_rows sum;
} walk;

static attrib_status walk_open(attrib_run *run, walk *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t n = 0;
    *out = (walk){.run = run, .info = info, .has_bounds = info->query_rank > 0};
    out->block = at_block_documents(info);
    AT_TRY(at_mul(out->block, info->n_queries, &n, err));
    AT_TRY(at_array(at_larger(n, 1), sizeof *out->scores, &out->scores, err));
    if (out->has_bounds) {
        AT_TRY(at_array(at_larger(n, 1), sizeof *out->bounds, &out->bounds, err));
    }
    AT_TRY(self_open(run, out->block, &out->self, err));
    AT_TRY(sum_open(run, out->block, &out->sum, err));
    AT_TRY(at_reported_new(run, &out->reported, err));
done:
    return status;
}

static attrib_status walk_read(walk *self, size_t i_setting, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_plane = i_setting * (1 + self->info->n_groups);
    AT_TRY(attrib_run_scores(self->run, i_plane, self->first, n, self->scores, err));
    if (self->has_bounds) {
        AT_TRY(attrib_run_bounds(self->run, i_plane, self->first, n, self->bounds, err));
    }
    AT_TRY(self_read(self->run, &self->self, i_setting, self->first, n, err));
    AT_TRY(sum_read(self->run, &self->sum, i_setting, self->first, n, err));
done:
    return status;
}

/* Set the row of document d of the block under a query. */
static attrib_status walk_row(walk *self,
                              const attrib_document *document,
                              size_t i_setting,
                              size_t q,
                              at_row *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t d = document->index - self->first;
    size_t i = d * self->info->n_queries + q;
    size_t i_answer = i_setting * self->info->n_queries + q;
    const at_row *reported = &self->reported.rows[self->i_reported];
    at_row row = {.i_setting = i_setting, .i_query = q, .document = document};
    if (self->i_reported < self->reported.n && compare_rows(reported, &row) == 0) {
        AT_TRY(attrib_run_load_result(self->run, i_answer, reported->result, err));
        row = *reported;
        self->i_reported++;
    } else {
        row.answer = attrib_run_answer(self->run, i_answer);
        row.score = self->scores[i];
        row.has_bound = self->has_bounds;
        row.bound = self->has_bounds ? self->bounds[i] : 0;
    }
    self_set(self->info, &self->self, d, &row);
    sum_set(&self->sum, d, &row);
    *out = row;
done:
    return status;
}

static attrib_status walk_block(walk *self,
                                size_t i_setting,
                                size_t n,
                                at_row_fn fn,
                                void *context,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(walk_read(self, i_setting, n, err));
    for (size_t d = 0; d < n; d++) {
        attrib_document document;
        AT_TRY(attrib_run_document(self->run, self->first + d, &document, err));
        for (size_t q = 0; q < self->info->n_queries; q++) {
            at_row row;
            AT_TRY(walk_row(self, &document, i_setting, q, &row, err));
            if (isnan(row.score)) {
                continue; /* a filter left the document out */
            }
            AT_TRY(fn(context, &row, err));
        }
    }
done:
    return status;
}

attrib_status at_each_score(attrib_run *run,
                            at_row_fn fn,
                            void *context,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    walk self = {0};
    AT_TRY(walk_open(run, &self, err));
    for (size_t s = 0; s < self.info->options->n_settings; s++) {
        for (self.first = 0; self.first < self.info->n_documents;) {
            size_t n = at_smaller(self.info->n_documents - self.first, self.block);
            AT_TRY(walk_block(&self, s, n, fn, context, err));
            self.first += n;
        }
    }
done:
    free(self.scores);
    free(self.bounds);
    free(self.self.numbers);
    sum_free(&self.sum);
    at_reported_free(&self.reported);
    return status;
}

attrib_status at_each_row(
    attrib_run *run, bool with_all, at_row_fn fn, void *context, attrib_error *err)
{
    return with_all ? at_each_score(run, fn, context, err)
                    : each_reported(run, fn, context, err);
}
