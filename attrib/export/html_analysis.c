/* SPDX-License-Identifier: MIT */
/* The chunks of a page that hold analyses: `tail-S` and `queries-S` under setting S,
 * `groups-I` under the setting and of the tags that item I of the chunk `groups` names,
 * `compare-S` of the page's first setting and setting S, which is of another run.
 *
 *     notes [{text}], texts [{text}],
 *     tables [{name, title, nRows, columns [{name, unit, help, isDetail, isText,
 * cells}]}]
 *
 * `cells` are [nRows]: of a column of texts u32 places in `texts`, or MISSING; else f32.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/analyze.h"
#include "export/html.h"

/* Each takes time and room that grow with the pairs of queries, or with the resamplings
 * of each answer: attrib analyze does it for more. */
#define MAX_CORRELATED  300
#define MAX_TAILS       100
#define MAX_GROUPED     40 /* queries by themselves, as columns of a table */
#define TAIL_REPLICATES 100
#define MANY_SCORES     5e7 /* of a setting: beyond them, one grouping is enough */

#define MISSING         UINT32_MAX

/* 1. Texts, each once */

typedef struct texts {
    const char **items; /* [n] ascending */
    size_t n, capacity;
} texts;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_text(const attrib_column *column)
{
    return strcmp(column->unit, "text") == 0;
}

/* Collect the texts of all tables. */
static attrib_status collect_texts(const attrib_analysis *analysis,
                                   texts *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_table *table = NULL;
    size_t n = 0;
    for (size_t t = 0; (table = attrib_analysis_table(analysis, t)); t++) {
        for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
            if (table->cells[i].text) {
                AT_TRY(at_grow((void *)&out->items, &out->capacity, n + 1,
                               sizeof *out->items, err));
                out->items[n++] = table->cells[i].text;
            }
        }
    }
    if (n) {
        qsort((void *)out->items, n, sizeof *out->items, by_text);
    }
    for (size_t i = 0; i < n; i++) {
        if (out->n == 0 || strcmp(out->items[i], out->items[out->n - 1]) != 0) {
            out->items[out->n++] = out->items[i];
        }
    }
done:
    return status;
}

static uint32_t place_of(const texts *self, const char *text)
{
    if (!text) {
        return MISSING;
    }
    const char **found = bsearch((const void *)&text, (const void *)self->items, self->n,
                                 sizeof *self->items, by_text);
    return (uint32_t)(found - self->items);
}

static attrib_status add_line(json_t *list, const char *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *item = NULL;
    AT_TRY(at_add_object(list, &item, err));
    AT_TRY(at_put_text(item, "text", text, err));
done:
    return status;
}

/* 2. Tables */

static attrib_status add_cells(at_chunk *chunk,
                               const attrib_table *table,
                               size_t i_column,
                               const texts *all,
                               json_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer cells = {0};
    bool are_texts = is_text(&table->columns[i_column]);
    for (size_t i = 0; i < table->n_rows; i++) {
        const attrib_cell *cell = &table->cells[i * table->n_columns + i_column];
        uint32_t place = are_texts ? place_of(all, cell->text) : MISSING;
        float number = (float)cell->number;
        AT_TRY(are_texts ? at_buffer_append(&cells, &place, sizeof place, err)
                         : at_buffer_append(&cells, &number, sizeof number, err));
    }
    AT_TRY(at_chunk_add(chunk, out, "cells", &cells, err));
done:
    at_buffer_free(&cells);
    return status;
}

static attrib_status add_column(at_chunk *chunk,
                                const attrib_table *table,
                                size_t i_column,
                                const texts *all,
                                json_t *list,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_column *column = &table->columns[i_column];
    json_t *item = NULL;
    AT_TRY(at_add_object(list, &item, err));
    AT_TRY(at_put_text(item, "name", column->name, err));
    AT_TRY(at_put_text(item, "unit", column->unit, err));
    AT_TRY(at_put_text(item, "help", column->help, err));
    AT_TRY(at_put(item, "isDetail", json_boolean(column->is_detail), err));
    AT_TRY(at_put(item, "isText", json_boolean(is_text(column)), err));
    AT_TRY(add_cells(chunk, table, i_column, all, item, err));
done:
    return status;
}

static attrib_status add_tables(at_chunk *chunk,
                                const attrib_analysis *analysis,
                                const texts *all,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_table *table = NULL;
    json_t *list = NULL;
    AT_TRY(at_put_array(chunk->json, "tables", &list, err));
    for (size_t t = 0; (table = attrib_analysis_table(analysis, t)); t++) {
        json_t *item = NULL;
        json_t *columns = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_text(item, "name", table->name, err));
        AT_TRY(at_put_text(item, "title", table->title, err));
        AT_TRY(at_put_size(item, "nRows", table->n_rows, err));
        AT_TRY(at_put_array(item, "columns", &columns, err));
        for (size_t c = 0; c < table->n_columns; c++) {
            AT_TRY(add_column(chunk, table, c, all, columns, err));
        }
    }
done:
    return status;
}

static attrib_status add_lines(at_chunk *chunk,
                               const attrib_analysis *analysis,
                               const texts *all,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *notes = NULL;
    json_t *list = NULL;
    const char *note = NULL;
    AT_TRY(at_put_array(chunk->json, "notes", &notes, err));
    for (size_t i = 0; (note = attrib_analysis_note(analysis, i)); i++) {
        AT_TRY(add_line(notes, note, err));
    }
    AT_TRY(at_put_array(chunk->json, "texts", &list, err));
    for (size_t i = 0; i < all->n; i++) {
        AT_TRY(add_line(list, all->items[i], err));
    }
done:
    return status;
}

/* 3. Analyses */

/* What is analyzed, under which name it stands in the page. */
typedef struct inquiry {
    const char *kind, *document_tag, *query_tag;
    size_t i_setting; /* of the page */
    const char *chunk;
    size_t i_chunk;
    bool is_compared; /* with the first setting of the page */
} inquiry;

static attrib_status write_analysis(const at_shown *shown,
                                    const inquiry *what,
                                    at_output *output,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_analysis *analysis = NULL;
    at_chunk chunk = {0};
    texts all = {0};
    char name[32];
    attrib_analyze_options options;
    attrib_analyze_job job;
    const at_shown_setting setting = at_shown_setting_of(shown, what->i_setting);
    attrib_analyze_options_default(&options);
    options.setting = what->is_compared ? 1 : setting.i_setting + 1;
    options.other_setting = setting.i_setting + 1;
    options.query_tag = what->query_tag;
    if (what->document_tag) {
        options.document_tag = what->document_tag;
    }
    options.replicates = TAIL_REPLICATES;
    attrib_analyze_job_default(&job);
    job.kind = what->kind;
    job.run = what->is_compared ? shown->run : setting.run;
    job.other = what->is_compared ? setting.run : NULL;
    job.options = &options;
    AT_TRY(attrib_analyze(NULL, &job, &analysis, err));
    AT_TRY(collect_texts(analysis, &all, err));
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(add_lines(&chunk, analysis, &all, err));
    AT_TRY(add_tables(&chunk, analysis, &all, err));
    snprintf(name, sizeof name, "%s-%zu", what->chunk, what->i_chunk);
    AT_TRY(at_chunk_write(&chunk, name, output, err));
done:
    free((void *)all.items);
    at_chunk_free(&chunk);
    attrib_analysis_free(analysis);
    return status;
}

static attrib_status put_grouping(json_t *list, const inquiry *what, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *item = NULL;
    AT_TRY(at_add_object(list, &item, err));
    AT_TRY(at_put_text(item, "documents", what->document_tag, err));
    AT_TRY(at_put_text(item, "queries", what->query_tag, err));
    AT_TRY(at_put_size(item, "setting", what->i_setting, err));
done:
    return status;
}

/* Every tag of documents with every tag of queries, under every setting; where no tag
 * groups queries, each by itself. */
static attrib_status write_pairs(const at_shown *shown,
                                 const at_names *documents,
                                 const at_names *queries,
                                 json_t *list,
                                 at_output *output,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = shown->info;
    size_t n_columns = at_larger(queries->n, 1);
    size_t n = shown->n_settings * documents->n * n_columns;
    if ((double)info->n_queries * (double)info->n_documents > MANY_SCORES) {
        n = at_smaller(n, 1);
    }
    for (size_t i = 0; i < n; i++) {
        inquiry what = {.kind = "groups", .chunk = "groups", .i_chunk = i};
        what.query_tag = queries->n ? queries->items[i % n_columns] : NULL;
        what.document_tag = documents->items[i / n_columns % documents->n];
        what.i_setting = i / n_columns / documents->n;
        AT_TRY(write_analysis(shown, &what, output, err));
        AT_TRY(put_grouping(list, &what, err));
    }
done:
    return status;
}

/* Put a sentence, which says numbers. */
static attrib_status put_sentence(json_t *out,
                                  const char *key,
                                  at_buffer *sentence,
                                  attrib_error *err)
{
    attrib_status status = at_put_text(out, key, sentence->bytes, err);
    at_buffer_free(sentence);
    return status;
}

/* Which groups are not in the page, where there are any; `n_groupings` are in it. */
static attrib_status put_groups_left_out(const at_shown *shown,
                                         const at_names *documents,
                                         const at_names *queries,
                                         size_t n_groupings,
                                         json_t *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t n_pairs = documents->n * at_larger(queries->n, 1);
    size_t n = n_pairs * shown->n_settings;
    if (documents->n && n_groupings == 0) {
        AT_TRY(at_buffer_print(
            &text, err,
            "Groups of documents are not in this page: no tag groups the queries, and "
            "%zu by themselves are more than %d. attrib analyze RUN groups has them.",
            shown->info->n_queries, MAX_GROUPED));
    } else if (n_groupings < n) {
        AT_TRY(at_buffer_print(
            &text, err,
            "Of %zu groupings by tags, %zu is in this page: for more than %.0f million "
            "scores they take long. attrib analyze RUN groups --document-tag TAG "
            "--query-tag TAG has the others.",
            n, n_groupings, MANY_SCORES / 1e6));
    }
    if (text.n_bytes) {
        AT_TRY(put_sentence(out, "leftOut", &text, err));
    }
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status write_groups(const at_shown *shown,
                                  at_output *output,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chunk chunk = {0};
    at_names documents = {0};
    at_names queries = {0};
    json_t *list = NULL;
    AT_TRY(at_document_groups(shown->run, &documents, err));
    AT_TRY(at_query_groups(shown->run, &queries, err));
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(at_put_array(chunk.json, "groupings", &list, err));
    /* Analyses are of whole corpora: with a filter there are none. */
    if ((queries.n || shown->info->n_queries <= MAX_GROUPED) &&
        !shown->info->options->prefilter) {
        AT_TRY(write_pairs(shown, &documents, &queries, list, output, err));
    }
    AT_TRY(put_groups_left_out(shown, &documents, &queries, json_array_size(list),
                               chunk.json, err));
    AT_TRY(at_chunk_write(&chunk, "groups", output, err));
done:
    at_names_free(&documents);
    at_names_free(&queries);
    at_chunk_free(&chunk);
    return status;
}

bool at_page_has_tails(const at_shown *shown)
{
    return shown->n_answers <= MAX_TAILS && !shown->info->options->prefilter;
}

attrib_status at_page_left_out(const at_shown *shown, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = shown->info;
    at_buffer text = {0};
    if (!at_page_has_tails(shown)) {
        AT_TRY(at_buffer_print(
            &text, err,
            "Power laws of tails are not in this page, which has them of at most %d "
            "answers, and here are %zu. attrib analyze RUN tail has them.",
            MAX_TAILS, shown->n_answers));
        AT_TRY(put_sentence(out, "tails", &text, err));
    }
    if (info->n_queries > MAX_CORRELATED) {
        AT_TRY(at_buffer_print(
            &text, err,
            "Correlations of queries are not in this page, which has them of at most %d, "
            "and the run has %zu. attrib analyze RUN queries has them.",
            MAX_CORRELATED, info->n_queries));
        AT_TRY(put_sentence(out, "correlations", &text, err));
    }
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_page_tails(const at_shown *shown,
                            size_t i_setting,
                            at_output *output,
                            attrib_error *err)
{
    const inquiry tails = {
        .kind = "tail", .i_setting = i_setting, .chunk = "tail", .i_chunk = i_setting};
    return at_page_has_tails(shown) ? write_analysis(shown, &tails, output, err)
                                    : ATTRIB_OK;
}

attrib_status at_page_analyses(const at_shown *shown,
                               at_output *output,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t n_queries = shown->info->n_queries;
    for (size_t s = 0; s < shown->n_settings; s++) {
        const inquiry queries = {
            .kind = "queries", .i_setting = s, .chunk = "queries", .i_chunk = s};
        const inquiry both = {.kind = "queries",
                              .i_setting = s,
                              .chunk = "compare",
                              .i_chunk = s,
                              .is_compared = true};
        if (at_shown_setting_of(shown, s).i_run > 0) {
            AT_TRY(write_analysis(shown, &both, output, err));
        }
        if (s > 0) {
            AT_TRY(at_page_tails(shown, s, output, err));
        }
        if (n_queries >= 2 && n_queries <= MAX_CORRELATED &&
            !shown->info->options->prefilter) {
            AT_TRY(write_analysis(shown, &queries, output, err));
        }
    }
    AT_TRY(write_groups(shown, output, err));
done:
    return status;
}
