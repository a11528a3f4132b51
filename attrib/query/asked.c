/* SPDX-License-Identifier: MIT */
/* Queries as they are asked: each row by itself, or weighted sums of rows that share a
 * tag.
 *
 *     G_q = sum over its rows  weight G_row,   f_q = sum  weight f_row
 *
 * Scores are linear in the query's gradient, so the score of a sum is the weighted sum of
 * its rows' scores. So a behaviour minus its control can be asked as one query.
 *
 * 1. What rows say.
 * 2. Sums.
 * 3. All of it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "query/setup.h"

/* A row's part in a sum. */
typedef struct part {
    char *value; /* the tag's value, as text; owned */
    double weight;
    size_t i_query;
    size_t leader; /* the first row with the same value */
} part;

/* The value of a query's tag, which is JSON; NULL where it has no such tag. */
static const char *find_tag(const attrib_query *query, const char *key)
{
    for (size_t i = 0; i < query->n_tags; i++) {
        if (strcmp(query->tags[i].key, key) == 0) {
            return query->tags[i].value;
        }
    }
    return NULL;
}

/* 1. What rows say */

static attrib_status read_weight(const attrib_query *query,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = find_tag(query, "weight");
    json_t *value = NULL;
    *out = 1;
    if (text) {
        AT_TRY(at_json_parse("weight", text, strlen(text), &value, err));
        AT_CHECK(
            json_is_number(value) && fabs(json_number_value(value)) <= (double)FLT_MAX,
            ATTRIB_EINVAL, "query %s: weight %.40s, expected a number", query->id, text);
        *out = json_number_value(value);
    }
done:
    json_decref(value);
    return status;
}

/* Read the tag's value: a JSON string without its quotes, any other JSON as it is. */
static attrib_status read_value(const attrib_query *query,
                                const char *field,
                                char **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = find_tag(query, field);
    json_t *value = NULL;
    AT_CHECK(text, ATTRIB_EINVAL,
             "query %s: no tag \"%s\", which queries are summed up by", query->id, field);
    AT_TRY(at_json_parse(field, text, strlen(text), &value, err));
    if (json_is_string(value)) {
        text = json_string_value(value);
    }
    AT_TRY(at_copy_text(text, strlen(text), out, err));
done:
    json_decref(value);
    return status;
}

/* Whether a tracked map has a part in the hidden state that a layer reads. */
static bool has_map_below(const at_setup *setup, size_t layer)
{
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        if (module->kind != ATTRIB_MODULE_HEAD && module->layer < layer) {
            return true;
        }
    }
    return false;
}

/* A direction of the model's width, in a layer that maps which count lead to. */
static attrib_status check_direction(const at_setup *setup,
                                     const attrib_query *row,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_direction *direction = row->direction;
    const attrib_model_info *model = attrib_model_describe(setup->model);
    AT_CHECK(direction->n_values == model->width, ATTRIB_ESHAPE,
             "query %s: direction %s has %zu values, the model's hidden states %zu",
             row->id, direction->path, direction->n_values, model->width);
    AT_CHECK(direction->layer <= model->n_layers, ATTRIB_ERANGE,
             "query %s: layer %zu, the model has %zu", row->id, direction->layer,
             model->n_layers);
    AT_CHECK(has_map_below(setup, direction->layer), ATTRIB_EINVAL,
             "query %s: layer %zu: no map that counts has a part in what is there",
             row->id, direction->layer);
done:
    return status;
}

/* Nats divide what is in nats, and more than 0: those of a margin may be neither. */
static attrib_status check_measure(const at_setup *setup,
                                   const attrib_query *row,
                                   attrib_error *err)
{
    if (setup->options.normalize == ATTRIB_NORMALIZE_NATS &&
        row->measure != ATTRIB_MEASURE_LOGPROB) {
        return at_fail(err, ATTRIB_EINVAL,
                       "query %s: scores of a %s cannot be divided by nats (normalize)",
                       row->id, attrib_measure_name(row->measure));
    }
    return row->direction ? check_direction(setup, row, err) : ATTRIB_OK;
}

attrib_status at_ask_check(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *field = setup->options.aggregate;
    char *value = NULL;
    double weight = 0;
    for (size_t i = 0; i < attrib_queries_count(setup->queries); i++) {
        const attrib_query *row = attrib_queries_get(setup->queries, i);
        AT_TRY(check_measure(setup, row, err));
        if (field) {
            AT_TRY(read_value(row, field, &value, err));
            free(value);
            value = NULL;
            AT_TRY(read_weight(row, &weight, err));
        }
    }
done:
    free(value);
    return status;
}

static int compare_values(const void *left, const void *right)
{
    const part *a = *(const part *const *)left;
    const part *b = *(const part *const *)right;
    int order = strcmp(a->value, b->value);
    return order ? order : (a > b) - (a < b);
}

/* Number the values in the order of their first rows. */
static attrib_status number_values(part *parts,
                                   size_t n,
                                   size_t *n_queries,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    part **order = NULL;
    size_t leader = 0;
    AT_TRY(at_array(n, sizeof *order, &order, err));
    for (size_t i = 0; i < n; i++) {
        order[i] = &parts[i];
    }
    qsort(order, n, sizeof *order, compare_values);
    for (size_t i = 0; i < n; i++) { /* the first row of each value gives its number */
        if (i == 0 || strcmp(order[i]->value, order[i - 1]->value) != 0) {
            leader = (size_t)(order[i] - parts);
        }
        order[i]->leader = leader;
    }
    *n_queries = 0;
    for (size_t i = 0; i < n; i++) {
        parts[i].i_query =
            parts[i].leader == i ? (*n_queries)++ : parts[parts[i].leader].i_query;
    }
done:
    free(order);
    return status;
}

/* 2. Sums */

/* Sort rows by their query; rows of one query stay in their order. */
static void sort_rows(at_asked *asked, const part *parts, size_t n_rows, size_t n_queries)
{
    for (size_t i = 0; i < n_rows; i++) {
        asked->first[parts[i].i_query + 1]++;
    }
    for (size_t q = 0; q < n_queries; q++) {
        asked->first[q + 1] += asked->first[q];
    }
    for (size_t i = 0; i < n_rows; i++) { /* first[q] is where the next row of q goes */
        size_t k = asked->first[parts[i].i_query]++;
        asked->rows[k] = i;
        asked->weights[k] = parts[i].weight;
    }
    for (size_t q = n_queries; q > 0; q--) {
        asked->first[q] = asked->first[q - 1];
    }
    asked->first[0] = 0;
}

/* Join prompts and completions of all rows of a query, one row after the other. The first
 * token of a row is never predicted. */
static attrib_status join_tokens(const at_setup *setup,
                                 const at_asked *asked,
                                 size_t q,
                                 at_sum *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    for (size_t k = asked->first[q]; k < asked->first[q + 1]; k++) {
        const attrib_query *row = attrib_queries_get(setup->queries, asked->rows[k]);
        AT_TRY(at_add(n, attrib_query_side(row), &n, err));
    }
    AT_TRY(at_array(n, sizeof *out->ids, &out->ids, err));
    AT_TRY(at_array(n, 1, &out->mask, err));
    out->query.n_tokens = n;
    n = 0;
    for (size_t k = asked->first[q]; k < asked->first[q + 1]; k++) {
        const attrib_query *row = attrib_queries_get(setup->queries, asked->rows[k]);
        size_t n_row = attrib_query_side(row);
        memcpy(out->ids + n, row->ids, n_row * sizeof *row->ids);
        memcpy(out->mask + n, row->mask, n_row);
        out->mask[n] = 0;
        out->query.is_generated = out->query.is_generated || row->is_generated;
        out->query.is_cut = out->query.is_cut || row->is_cut;
        out->query.is_turn = out->query.is_turn || row->is_turn;
        n += n_row;
    }
    out->query.ids = out->ids;
    out->query.mask = out->mask;
done:
    return status;
}

/* Set what a sum measures, which is what every row of it does. */
static attrib_status choose_measure(const at_setup *setup,
                                    const at_asked *asked,
                                    size_t q,
                                    at_sum *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *first =
        attrib_queries_get(setup->queries, asked->rows[asked->first[q]]);
    for (size_t k = asked->first[q] + 1; k < asked->first[q + 1]; k++) {
        const attrib_query *row = attrib_queries_get(setup->queries, asked->rows[k]);
        AT_CHECK(row->measure == first->measure, ATTRIB_EINVAL,
                 "query %s: measures %s, and query %s %s: a sum (aggregate) is one of "
                 "equal measurements",
                 first->id, attrib_measure_name(first->measure), row->id,
                 attrib_measure_name(row->measure));
    }
    out->query.measure = first->measure;
done:
    return status;
}

/* Set what a sum is called and shows. A sum of a single row shows that row's prompt. */
static attrib_status describe_sum(
    const at_setup *setup, at_asked *asked, part *parts, size_t q, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sum *sum = &asked->sums[q];
    size_t first = asked->rows[asked->first[q]];
    const attrib_query *row = attrib_queries_get(setup->queries, first);
    sum->id = parts[first].value;
    parts[first].value = NULL;
    sum->tag =
        (attrib_tag){setup->options.aggregate, find_tag(row, setup->options.aggregate)};
    AT_TRY(join_tokens(setup, asked, q, sum, err));
    AT_TRY(choose_measure(setup, asked, q, sum, err));
    sum->query.id = sum->id;
    sum->query.tags = &sum->tag;
    sum->query.n_tags = 1;
    if (asked->first[q + 1] - asked->first[q] == 1) {
        sum->query.prompt = row->prompt;
        sum->query.completion = row->completion;
        sum->query.against = row->against;
        sum->query.direction = row->direction;
    }
done:
    return status;
}

static attrib_status sum_rows(at_setup *setup, part *parts, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_asked *asked = &setup->asked;
    const char *field = setup->options.aggregate;
    size_t n_rows = attrib_queries_count(setup->queries);
    for (size_t i = 0; i < n_rows; i++) {
        const attrib_query *row = attrib_queries_get(setup->queries, i);
        AT_TRY(read_value(row, field, &parts[i].value, err));
        AT_TRY(read_weight(row, &parts[i].weight, err));
    }
    AT_TRY(number_values(parts, n_rows, &setup->n_queries, err));
    sort_rows(asked, parts, n_rows, setup->n_queries);
    AT_TRY(at_array(setup->n_queries, sizeof *asked->sums, &asked->sums, err));
    asked->n_sums = setup->n_queries;
    for (size_t q = 0; q < setup->n_queries; q++) {
        AT_TRY(describe_sum(setup, asked, parts, q, err));
    }
done:
    return status;
}

/* 3. All of it */

attrib_status at_ask(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_asked *asked = &setup->asked;
    size_t n_rows = attrib_queries_count(setup->queries);
    part *parts = NULL;
    AT_TRY(at_array(n_rows, sizeof *asked->rows, &asked->rows, err));
    AT_TRY(at_array(n_rows, sizeof *asked->weights, &asked->weights, err));
    AT_TRY(at_array(n_rows + 1, sizeof *asked->first, &asked->first, err));
    AT_TRY(at_array(n_rows, sizeof *parts, &parts, err));
    for (size_t i = 0; i < n_rows; i++) {
        double n = (double)attrib_queries_get(setup->queries, i)->n_tokens;
        setup->longest_row = n > setup->longest_row ? n : setup->longest_row;
    }
    if (setup->options.aggregate) {
        AT_TRY(sum_rows(setup, parts, err));
        goto done;
    }
    setup->n_queries = n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        parts[i] = (part){.weight = 1, .i_query = i};
    }
    sort_rows(asked, parts, n_rows, n_rows);
done:
    for (size_t i = 0; parts && i < n_rows; i++) {
        free(parts[i].value);
    }
    free(parts);
    return status;
}

const attrib_query *at_query(const at_setup *setup, size_t q)
{
    return setup->asked.sums ? &setup->asked.sums[q].query
                             : attrib_queries_get(setup->queries, setup->asked.rows[q]);
}

size_t at_n_rows(const at_setup *setup, size_t q)
{
    return setup->asked.first[q + 1] - setup->asked.first[q];
}

void at_asked_free(at_asked *asked)
{
    for (size_t q = 0; q < asked->n_sums; q++) {
        free(asked->sums[q].id);
        free(asked->sums[q].ids);
        free(asked->sums[q].mask);
    }
    free(asked->sums);
    free(asked->rows);
    free(asked->weights);
    free(asked->first);
    *asked = (at_asked){0};
}
