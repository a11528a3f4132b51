/* SPDX-License-Identifier: MIT */
/* The one list of fields, and columns chosen from it.
 *
 * 1. Values.
 * 2. The list.
 * 3. Columns. */
#include "export/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/write.h"
#include "format/json.h"

struct at_field {
    const char *name;
    at_value_kind kind;
    at_field_level level;
    at_value (*get)(const at_row *row); /* NULL: made in at_row_columns_get() */
};

/* 1. Values */

static at_value get_query(const at_row *row)
{
    return at_text(row->answer->query.id);
}

static at_value get_query_index(const at_row *row)
{
    return at_integer(row->i_query);
}

static at_value get_prompt(const at_row *row)
{
    return at_text(row->answer->query.prompt);
}

static at_value get_completion(const at_row *row)
{
    return at_text(row->answer->query.completion);
}

/* Who wrote the completion: "row" for one that was given. */
static at_value get_completion_by(const at_row *row)
{
    const attrib_query *query = &row->answer->query;
    return at_text(!query->is_generated ? "row" : query->is_cut ? "model, cut" : "model");
}

/* A number that is NaN where it is not known, as self-influences of baselines are. */
static at_value known_real(double value)
{
    return isnan(value) ? at_none() : at_real(value);
}

static at_value get_loss(const at_row *row)
{
    return at_real(row->answer->loss);
}

static at_value get_n_completion_tokens(const at_row *row)
{
    return at_integer(row->answer->n_completion_tokens);
}

static at_value get_query_self_influence(const at_row *row)
{
    return known_real(row->answer->self_influence);
}

static at_value get_rank(const at_row *row)
{
    return row->result ? at_integer(row->result->rank) : at_none();
}

static at_value get_side(const at_row *row)
{
    return at_text(at_side_name(row->side));
}

static at_value get_score(const at_row *row)
{
    return at_real(row->score);
}

static at_value get_spurious(const at_row *row)
{
    return row->result ? at_integer(attrib_result_is_spurious(row->result, NULL))
                       : at_none();
}

static at_value get_bound(const at_row *row)
{
    return row->has_bound ? at_real(row->bound) : at_none();
}

static at_value get_raw_score(const at_row *row)
{
    return row->has_raw ? at_real(row->raw) : at_none();
}

static at_value get_document(const at_row *row)
{
    return at_text(row->document->id);
}

static at_value get_document_index(const at_row *row)
{
    return at_integer(row->document->index);
}

static at_value get_source(const at_row *row)
{
    return at_text(row->document->source);
}

static at_value get_member(const at_row *row)
{
    return at_text(row->document->member);
}

static at_value get_line(const at_row *row)
{
    return row->document->line ? at_integer(row->document->line) : at_none();
}

static at_value get_span_start(const at_row *row)
{
    return at_integer(row->document->span_start);
}

static at_value get_span_end(const at_row *row)
{
    return at_integer(row->document->span_end);
}

static at_value get_n_tokens(const at_row *row)
{
    return at_integer(row->document->n_tokens);
}

static at_value get_n_predicted(const at_row *row)
{
    return at_integer(row->document->n_predicted);
}

static at_value get_hash(const at_row *row)
{
    return at_text(row->document->hash);
}

static at_value get_text(const at_row *row)
{
    return at_chosen_text(row->document);
}

static at_value get_rejected(const at_row *row)
{
    return at_rejected_text(row->document);
}

static at_value get_self_influence(const at_row *row)
{
    return row->has_self ? known_real(row->self) : at_none();
}

/* 2. The list */

enum { SETTING, QUERY_TAGS, TAGS, CHECKPOINTS };

/* The fields whose values are made from what a row says stand first. */
static const at_field fields[] = {
    [SETTING] = {"setting", AT_TEXT, AT_OF_PAIR, NULL},
    [QUERY_TAGS] = {"query_tags", AT_JSON, AT_OF_QUERY, NULL},
    [TAGS] = {"tags", AT_JSON, AT_OF_DOCUMENT, NULL},
    [CHECKPOINTS] = {"checkpoint_scores", AT_JSON, AT_OF_PAIR, NULL},
    {"query", AT_TEXT, AT_OF_QUERY, get_query},
    {"query_index", AT_INTEGER, AT_OF_QUERY, get_query_index},
    {"prompt", AT_TEXT, AT_OF_QUERY, get_prompt},
    {"completion", AT_TEXT, AT_OF_QUERY, get_completion},
    {"completion_by", AT_TEXT, AT_OF_QUERY, get_completion_by},
    {"loss", AT_REAL, AT_OF_QUERY, get_loss},
    {"n_completion_tokens", AT_INTEGER, AT_OF_QUERY, get_n_completion_tokens},
    {"query_self_influence", AT_REAL, AT_OF_PAIR, get_query_self_influence},
    {"rank", AT_INTEGER, AT_OF_PAIR, get_rank},
    {"side", AT_TEXT, AT_OF_PAIR, get_side},
    {"score", AT_REAL, AT_OF_PAIR, get_score},
    {"bound", AT_REAL, AT_OF_PAIR, get_bound},
    {"raw_score", AT_REAL, AT_OF_PAIR, get_raw_score},
    {"spurious", AT_INTEGER, AT_OF_PAIR, get_spurious},
    {"document", AT_TEXT, AT_OF_DOCUMENT, get_document},
    {"document_index", AT_INTEGER, AT_OF_DOCUMENT, get_document_index},
    {"source", AT_TEXT, AT_OF_DOCUMENT, get_source},
    {"member", AT_TEXT, AT_OF_DOCUMENT, get_member},
    {"line", AT_INTEGER, AT_OF_DOCUMENT, get_line},
    {"span_start", AT_INTEGER, AT_OF_DOCUMENT, get_span_start},
    {"span_end", AT_INTEGER, AT_OF_DOCUMENT, get_span_end},
    {"n_tokens", AT_INTEGER, AT_OF_DOCUMENT, get_n_tokens},
    {"n_predicted", AT_INTEGER, AT_OF_DOCUMENT, get_n_predicted},
    {"hash", AT_TEXT, AT_OF_DOCUMENT, get_hash},
    {"text", AT_TEXT, AT_OF_PAIR, get_text},
    {"rejected", AT_TEXT, AT_OF_PAIR, get_rejected},
    {"self_influence", AT_REAL, AT_OF_PAIR, get_self_influence},
};

#define N_FIELDS (sizeof fields / sizeof *fields)

const char *at_standard_fields(const attrib_run_info *info, bool with_all)
{
    bool is_cut = info->query_rank > 0;
    if (with_all) {
        return is_cut ? "setting,query,document,score,bound,rank,side"
                      : "setting,query,document,score,rank,side";
    }
    return info->options->with_self
               ? "setting,query,prompt,completion,completion_by,side,rank,score,document,"
                 "source,member,line,n_tokens,tags,self_influence,text"
               : "setting,query,prompt,completion,completion_by,side,rank,score,document,"
                 "source,member,line,n_tokens,tags,text";
}

static attrib_status fail_unknown(const char *name, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer names = {0};
    for (size_t i = 0; i < N_FIELDS; i++) {
        AT_TRY(at_buffer_print(&names, err, "%s%s", i ? ", " : "", fields[i].name));
    }
    status = at_fail(err, ATTRIB_EINVAL,
                     "no field is called \"%.*s\"; there are %s, tags.KEY and "
                     "query_tags.KEY",
                     (int)at_smaller(n, 40), name, names.bytes);
done:
    at_buffer_free(&names);
    return status;
}

/* Find the field that a name [n] begins with: whole, or, of tags, up to ".KEY". */
static const at_field *find_field(const char *name, size_t n)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        size_t n_field = strlen(fields[i].name);
        bool is_whole = n == n_field;
        bool is_tag =
            fields[i].kind == AT_JSON && n > n_field + 1 && name[n_field] == '.';
        if ((is_whole || is_tag) && strncmp(name, fields[i].name, n_field) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* 3. Columns */

static attrib_status add_column(at_row_columns *list,
                                const char *name,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_row_column *column = &list->columns[list->n];
    size_t n_field = 0;
    *column = (at_row_column){.field = find_field(name, n)};
    if (!column->field) {
        return fail_unknown(name, n, err);
    }
    column->kind = column->field->kind;
    column->level = column->field->level;
    AT_TRY(at_copy_text(name, n, &column->name, err));
    list->n++;
    for (size_t i = 0; i + 1 < list->n; i++) {
        AT_CHECK(strcmp(list->columns[i].name, column->name) != 0, ATTRIB_EINVAL,
                 "field \"%s\" stands there twice", column->name);
    }
    n_field = strlen(column->field->name);
    column->key = n > n_field ? column->name + n_field + 1 : NULL;
done:
    return status;
}

attrib_status at_row_columns_new(const attrib_run *run,
                                 const char *names,
                                 const char *standard,
                                 at_row_columns *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_row_columns list = {.info = attrib_run_describe(run)};
    const char *rest = names ? names : standard;
    size_t n_commas = 0;
    for (const char *c = rest; *c; c++) {
        n_commas += *c == ',';
    }
    AT_TRY(at_array(n_commas + 1, sizeof *list.columns, &list.columns, err));
    for (size_t i = 0; i < list.info->options->n_settings; i++) {
        AT_TRY(
            at_append_setting(&list.settings[i], &list.info->options->settings[i], err));
    }
    for (size_t i = 0; i <= n_commas; i++) {
        size_t n = strcspn(rest, ",");
        AT_TRY(add_column(&list, rest, n, err));
        rest += n + (rest[n] == ',');
    }
    *out = list;
    list = (at_row_columns){0};
done:
    at_row_columns_free(&list);
    return status;
}

void at_row_columns_free(at_row_columns *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->columns[i].name);
        at_buffer_free(&list->columns[i].scratch);
    }
    for (size_t i = 0; i < ATTRIB_MAX_SETTINGS; i++) {
        at_buffer_free(&list->settings[i]);
    }
    free(list->columns);
    *list = (at_row_columns){0};
}

/* The tag of a key, or NULL. */
static const attrib_tag *find_tag(const attrib_tag *tags, size_t n_tags, const char *key)
{
    for (size_t i = 0; i < n_tags; i++) {
        if (strcmp(tags[i].key, key) == 0) {
            return &tags[i];
        }
    }
    return NULL;
}

/* All tags as one object, or the value of one. */
static attrib_status get_tags(at_row_column *column,
                              const attrib_tag *tags,
                              size_t n_tags,
                              at_value *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tag *tag = column->key ? find_tag(tags, n_tags, column->key) : NULL;
    at_buffer_clear(&column->scratch);
    if (tag) {
        AT_TRY(at_append_tag_value(&column->scratch, tag->value, err));
    } else if (!column->key) {
        AT_TRY(at_append_tags(&column->scratch, tags, n_tags, err));
    }
    *out = at_none();
    if (column->scratch.n_bytes) {
        *out = at_bytes(column->scratch.bytes, column->scratch.n_bytes);
        out->kind = AT_JSON;
    }
done:
    return status;
}

/* The scores of a row by the runs of a sum, as a JSON list. */
static attrib_status get_checkpoints(at_row_column *column,
                                     const at_row *row,
                                     at_value *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = at_none();
    at_buffer_clear(&column->scratch);
    for (size_t c = 0; c < row->n_checkpoints; c++) {
        AT_TRY(at_buffer_print(&column->scratch, err, "%s", c ? "," : "["));
        AT_TRY(at_append_number(&column->scratch, row->checkpoints[c], err));
    }
    if (row->n_checkpoints > 0) {
        AT_TRY(at_buffer_append(&column->scratch, "]", 1, err));
        *out = at_bytes(column->scratch.bytes, column->scratch.n_bytes);
        out->kind = AT_JSON;
    }
done:
    return status;
}

attrib_status at_row_columns_get(
    at_row_columns *list, size_t i, const at_row *row, at_value *out, attrib_error *err)
{
    at_row_column *column = &list->columns[i];
    const attrib_query *query = &row->answer->query;
    if (column->field->get) {
        *out = column->field->get(row);
        return ATTRIB_OK;
    }
    switch (column->field - fields) {
    case SETTING:
        *out = at_bytes(list->settings[row->i_setting].bytes,
                        list->settings[row->i_setting].n_bytes);
        return ATTRIB_OK;
    case QUERY_TAGS:
        return get_tags(column, query->tags, query->n_tags, out, err);
    case CHECKPOINTS:
        return get_checkpoints(column, row, out, err);
    default:
        return get_tags(column, row->document->tags, row->document->n_tags, out, err);
    }
}

attrib_status at_value_plain(at_value *value, at_buffer *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *parsed = NULL;
    if (value->kind != AT_JSON) {
        return ATTRIB_OK;
    }
    value->kind = AT_TEXT;
    if (value->n_bytes && value->text[0] == '"' &&
        at_json_parse("tag", value->text, value->n_bytes, &parsed, NULL) == ATTRIB_OK) {
        at_buffer_clear(scratch);
        AT_TRY(at_buffer_append(scratch, json_string_value(parsed),
                                json_string_length(parsed), err));
        value->text = scratch->bytes ? scratch->bytes : "";
        value->n_bytes = scratch->n_bytes;
    }
done:
    json_decref(parsed);
    return status;
}
