/* SPDX-License-Identifier: MIT */
/* A run as a SQLite database.
 *
 * 1. The run and its settings.
 * 2. Queries.
 * 3. Documents.
 * 4. Scores, and what the score of a reported document is made of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/rows.h"
#include "export/sqlite_tables.h"
#include "export/write.h"

typedef struct writer {
    attrib_run *run;
    const attrib_run_info *info;
    at_database *database;
} writer;

/* 1. The run and its settings */

static attrib_status write_meta(writer *self, bool with_all, attrib_error *err)
{
    const char *const texts[][2] = {
        {"attrib_version", attrib_version()},
        {"scores", with_all ? "all" : "reported"},
        {"sign", "score > 0: more weight on the document raises what the query measures, "
                 "log p(completion | prompt) or what its measure says"},
        {"tables", "one row a fact; tables are joined by the columns setting, query and "
                   "document"}};
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const at_value values[] = {at_text(texts[i][0]), at_text(texts[i][1])};
        AT_TRY(at_database_insert(self->database, AT_META, values, err));
    }
done:
    return status;
}

static attrib_status write_run(writer *self, attrib_error *err)
{
    const attrib_run_info *info = self->info;
    const at_value values[] = {
        at_integer(0),
        at_integer(info->n_queries),
        at_integer(info->n_documents),
        at_integer(info->n_modules),
        at_integer(info->n_tokens),
        at_text(attrib_normalize_name(info->options->normalize)),
        at_integer(info->query_rank),
        at_text(attrib_precision_name(info->options->precision)),
        at_integer(info->n_rescored),
        at_integer(info->n_open),
        at_real(info->largest_error),
        at_real(info->largest_bound),
        at_real(info->assumed_error),
        at_real(info->tracked_share),
        at_text(info->options->aggregate),
        at_text(info->model_hash),
        at_text(info->corpus_hash),
        at_text(info->factors_hash),
        at_text(info->corpus_date),
        at_text(info->command),
    };
    return at_database_insert(self->database, AT_RUNS, values, err);
}

/* Write setting i, whose name and meaning are made already. */
static attrib_status insert_setting(
    writer *self, size_t i, const char *name, const char *meaning, attrib_error *err)
{
    const attrib_setting *setting = &self->info->options->settings[i];
    bool has_damping = attrib_strategy_is_damped(setting->strategy);
    const at_value values[] = {at_integer(i),
                               at_integer(0),
                               at_text(name),
                               at_text(attrib_strategy_name(setting->strategy)),
                               has_damping ? at_real(setting->damping) : at_none(),
                               at_integer(setting->is_damping_absolute),
                               at_text(meaning)};
    return at_database_insert(self->database, AT_SETTINGS, values, err);
}

static attrib_status write_setting(writer *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_setting *setting = &self->info->options->settings[i];
    at_buffer name = {0};
    at_buffer meaning = {0};
    AT_TRY(at_append_setting(&name, setting, err));
    AT_TRY(
        at_append_scale(&meaning, self->info, setting, at_common_query(self->run), err));
    AT_TRY(insert_setting(self, i, name.bytes, meaning.bytes, err));
done:
    at_buffer_free(&name);
    at_buffer_free(&meaning);
    return status;
}

static attrib_status write_groups(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->info->n_groups; i++) {
        const at_value values[] = {at_integer(i),
                                   at_text(attrib_run_plane(self->run, 1 + i).group)};
        AT_TRY(at_database_insert(self->database, AT_GROUPS, values, err));
    }
done:
    return status;
}

/* 2. Queries */

/* Where the values of a tag go. */
typedef struct tag_rows {
    at_database *database;
    size_t i_table, i_owner;
    const char *key;
} tag_rows;

static attrib_status insert_tag(void *context,
                                size_t i,
                                const at_tag_value *value,
                                attrib_error *err)
{
    const tag_rows *rows = context;
    const at_value values[] = {at_integer(rows->i_owner), at_text(rows->key),
                               at_integer(i), at_text(value->type), value->value};
    return at_database_insert(rows->database, rows->i_table, values, err);
}

/* Write the tags of a query or document. */
static attrib_status write_tags(tag_rows rows,
                                const attrib_tag *tags,
                                size_t n_tags,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n_tags; i++) {
        rows.key = tags[i].key;
        AT_TRY(at_each_tag_value(tags[i].value, insert_tag, &rows, err));
    }
done:
    return status;
}

static attrib_status write_query(writer *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = attrib_run_answer(self->run, i);
    const attrib_query *query = &answer->query;
    const tag_rows rows = {self->database, AT_QUERY_TAGS, i, NULL};
    const at_value values[] = {at_integer(i),
                               at_text(query->id),
                               at_text(query->prompt),
                               at_text(query->completion),
                               at_integer(query->is_generated),
                               at_integer(query->is_cut),
                               at_integer(query->is_turn),
                               at_integer(answer->n_rows)};
    AT_TRY(at_database_insert(self->database, AT_QUERIES, values, err));
    AT_TRY(write_tags(rows, query->tags, query->n_tags, err));
done:
    return status;
}

static attrib_status write_answer(writer *self,
                                  size_t i_setting,
                                  size_t i_query,
                                  attrib_error *err)
{
    const attrib_answer *answer =
        attrib_run_answer(self->run, i_setting * self->info->n_queries + i_query);
    const at_value values[] = {
        at_integer(i_setting), at_integer(i_query), at_real(answer->loss),
        at_integer(answer->n_completion_tokens), at_real(answer->self_influence)};
    return at_database_insert(self->database, AT_ANSWERS, values, err);
}

static attrib_status write_queries(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t q = 0; q < self->info->n_queries; q++) {
        AT_TRY(write_query(self, q, err));
        for (size_t s = 0; s < self->info->options->n_settings; s++) {
            AT_TRY(write_answer(self, s, q, err));
        }
    }
done:
    return status;
}

/* 3. Documents */

static attrib_status insert_document(writer *self,
                                     const attrib_document *document,
                                     attrib_error *err)
{
    const at_value values[] = {at_integer(document->index),
                               at_text(document->id),
                               at_text(document->source),
                               at_text(document->member),
                               document->line ? at_integer(document->line) : at_none(),
                               at_integer(document->span_start),
                               at_integer(document->span_end),
                               at_integer(document->n_tokens),
                               at_integer(document->n_predicted),
                               at_text(document->hash),
                               at_chosen_text(document),
                               at_rejected_text(document)};
    return at_database_insert(self->database, AT_DOCUMENTS, values, err);
}

/* Write document i; `reported` is NULL where no query reported it, and no text is held.
 */
static attrib_status write_document(writer *self,
                                    size_t i,
                                    const attrib_document *reported,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    const tag_rows rows = {self->database, AT_DOCUMENT_TAGS, i, NULL};
    if (reported) {
        document = *reported;
    } else {
        AT_TRY(attrib_run_document(self->run, i, &document, err));
    }
    AT_TRY(insert_document(self, &document, err));
    AT_TRY(write_tags(rows, document.tags, document.n_tags, err));
done:
    return status;
}

static int compare_documents(const void *a, const void *b)
{
    const at_row *const *x = a;
    const at_row *const *y = b;
    size_t i = (*x)->document->index;
    size_t k = (*y)->document->index;
    return (i > k) - (i < k);
}

static attrib_status load_row(writer *self, const at_row *row, attrib_error *err)
{
    return attrib_run_load_result(self->run,
                                  row->i_setting * self->info->n_queries + row->i_query,
                                  row->result, err);
}

/* Documents in order of the corpus, those that were reported with their texts. */
static attrib_status write_documents(writer *self,
                                     const at_reported *reported,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_row **held = NULL;
    size_t next = 0;
    AT_TRY(at_array(at_larger(reported->n, 1), sizeof *held, &held, err));
    for (size_t i = 0; i < reported->n; i++) {
        held[i] = &reported->rows[i];
    }
    qsort(held, reported->n, sizeof *held, compare_documents);
    for (size_t i = 0; i < self->info->n_documents; i++) {
        bool is_reported = next < reported->n && held[next]->document->index == i;
        if (is_reported) {
            AT_TRY(load_row(self, held[next], err));
        }
        AT_TRY(write_document(self, i, is_reported ? held[next]->document : NULL, err));
        while (next < reported->n && held[next]->document->index == i) {
            next++;
        }
    }
done:
    free(held);
    return status;
}

static attrib_status write_self(writer *self, attrib_array array, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (; array.i < self->info->options->n_settings; array.i++) {
        for (size_t d = 0; d < self->info->n_documents; d++) {
            double number = 0;
            AT_TRY(attrib_run_read(self->run, &array, d, 1, &number, err));
            if (isnan(number)) {
                continue; /* baselines have none */
            }
            const at_value values[] = {at_integer(array.i), at_integer(d),
                                       at_real(number)};
            AT_TRY(at_database_insert(self->database, AT_SELF_INFLUENCES, values, err));
        }
    }
done:
    return status;
}

static attrib_status write_self_influences(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_array array;
    for (size_t k = 0; attrib_run_array(self->run, k, &array); k++) {
        if (array.shape == ATTRIB_ARRAY_SETTINGS) {
            AT_TRY(write_self(self, array, err));
        }
    }
done:
    return status;
}

/* 4. Scores, and what the score of a reported document is made of */

/* The runs of a sum. */
static attrib_status write_checkpoints(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < self->info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &self->info->checkpoints[c];
        const at_value values[] = {at_integer(c), at_real(one->weight),
                                   at_text(one->model_hash), at_text(one->factors_hash),
                                   at_text(one->command)};
        AT_TRY(at_database_insert(self->database, AT_CHECKPOINT_ROWS, values, err));
    }
done:
    return status;
}

/* What each run of a sum says of a row. */
static attrib_status write_checkpoint_scores(const writer *self,
                                             const at_row *row,
                                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < row->n_checkpoints; c++) {
        const at_value values[] = {
            at_integer(row->i_setting), at_integer(row->document->index),
            at_integer(row->i_query), at_integer(c), at_real(row->checkpoints[c])};
        AT_TRY(at_database_insert(self->database, AT_CHECKPOINT_SCORES, values, err));
    }
done:
    return status;
}

static attrib_status write_score(void *context, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer *self = context;
    const at_value values[] = {at_integer(row->i_setting),
                               at_integer(row->document->index),
                               at_integer(row->i_query),
                               at_real(row->score),
                               row->has_bound ? at_real(row->bound) : at_none(),
                               at_text(at_side_name(row->side)),
                               row->result ? at_integer(row->result->rank) : at_none(),
                               row->has_raw ? at_real(row->raw) : at_none()};
    AT_TRY(at_database_insert(self->database, AT_SCORE_ROWS, values, err));
    AT_TRY(write_checkpoint_scores(self, row, err));
done:
    return status;
}

static attrib_status write_tokens(writer *self, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t border = row->document->rejected_token;
    for (size_t t = 0; t < row->result->n_tokens; t++) {
        const attrib_token_score *token = &row->result->tokens[t];
        const at_value values[] = {
            at_integer(row->i_setting),    at_integer(row->document->index),
            at_integer(row->i_query),      at_integer(t),
            at_integer((size_t)token->id), at_bytes(token->text, token->n_bytes),
            at_integer(token->is_special), at_integer(border && t >= border),
            at_real(token->score)};
        AT_TRY(at_database_insert(self->database, AT_TOKEN_ROWS, values, err));
    }
done:
    return status;
}

static attrib_status write_modules(writer *self, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t m = 0; m < row->result->n_modules; m++) {
        const at_value values[] = {at_integer(row->i_setting),
                                   at_integer(row->document->index),
                                   at_integer(row->i_query), at_integer(m),
                                   at_real(row->result->modules[m].score)};
        AT_TRY(at_database_insert(self->database, AT_MODULE_SCORES, values, err));
    }
done:
    return status;
}

/* The maps of a run, as its first reported document names them. */
static attrib_status write_module_names(writer *self,
                                        const attrib_result *result,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t m = 0; m < result->n_modules; m++) {
        const at_value values[] = {at_integer(m), at_text(result->modules[m].name)};
        AT_TRY(at_database_insert(self->database, AT_MODULES, values, err));
    }
done:
    return status;
}

/* The scores of groups of maps of a row; `scores` [Q] is scratch. */
static attrib_status write_group_scores(writer *self,
                                        const at_row *row,
                                        double *scores,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_groups = self->info->n_groups;
    for (size_t g = 0; g < n_groups; g++) {
        size_t i_plane = row->i_setting * (1 + n_groups) + 1 + g;
        AT_TRY(
            attrib_run_scores(self->run, i_plane, row->document->index, 1, scores, err));
        const at_value values[] = {
            at_integer(row->i_setting), at_integer(row->document->index),
            at_integer(row->i_query), at_integer(g), at_real(scores[row->i_query])};
        AT_TRY(at_database_insert(self->database, AT_GROUP_SCORES, values, err));
    }
done:
    return status;
}

/* Rows are in order of documents, so that each part of the run is read once. */
static attrib_status write_explanations(writer *self,
                                        const at_reported *reported,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *scores = NULL;
    AT_TRY(at_array(at_larger(self->info->n_queries, 1), sizeof *scores, &scores, err));
    for (size_t i = 0; i < reported->n; i++) {
        AT_TRY(load_row(self, &reported->rows[i], err));
        if (i == 0) {
            AT_TRY(write_module_names(self, reported->rows[i].result, err));
        }
        AT_TRY(write_tokens(self, &reported->rows[i], err));
        AT_TRY(write_modules(self, &reported->rows[i], err));
        AT_TRY(write_group_scores(self, &reported->rows[i], scores, err));
    }
done:
    free(scores);
    return status;
}

static attrib_status write_all(writer *self,
                               const at_reported *reported,
                               bool with_all,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_database_run(self->database, at_sqlite_marks, err));
    AT_TRY(write_meta(self, with_all, err));
    AT_TRY(write_run(self, err));
    for (size_t i = 0; i < self->info->options->n_settings; i++) {
        AT_TRY(write_setting(self, i, err));
    }
    AT_TRY(write_groups(self, err));
    AT_TRY(write_checkpoints(self, err));
    AT_TRY(write_queries(self, err));
    AT_TRY(write_documents(self, reported, err));
    AT_TRY(write_self_influences(self, err));
    if (with_all) {
        AT_TRY(at_each_score(self->run, write_score, self, err));
    }
    if (!with_all) {
        AT_TRY(at_each_score_of(self->run, reported, write_score, self, err));
    }
    AT_TRY(write_explanations(self, reported, err));
    AT_TRY(at_database_run(self->database, at_sqlite_finish, err));
done:
    return status;
}

attrib_status at_export_sqlite(attrib_run *run,
                               const attrib_export_options *options,
                               const char *path,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer self = {.run = run, .info = attrib_run_describe(run)};
    at_reported reported = {0};
    AT_TRY(at_reported_new(run, &reported, err));
    AT_TRY(at_database_new(path, at_sqlite_tables, AT_N_TABLES, &self.database, err));
    AT_TRY(write_all(&self, &reported, options->with_all, err));
    AT_TRY(at_database_commit(self.database, err));
done:
    at_database_free(self.database);
    at_reported_free(&reported);
    return status;
}
