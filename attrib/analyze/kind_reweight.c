/* SPDX-License-Identifier: MIT */
/* What more or less of some groups of documents would do to groups of queries, to first
 * order:
 *
 *     change of log p_q = sum over groups g  w_g / N  sum over z in g  score(z, q)
 *
 * where w_g is the change of the group's weight, +0.1 for a tenth more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/groups.h"
#include "analyze/stats.h"

/* Disjoint parts of the documents, whose forecasts differ by chance. */
#define N_PARTS ((size_t)32)
/* 1.96 standard errors: 95 % of a normal distribution. */
#define CLEAR_ERRORS 1.96

typedef struct forecast {
    const at_inquiry *inquiry;
    size_t n_queries, n_parts;
    at_grouping documents, queries;
    double *weights; /* [G] */
    double *parts;   /* [n_parts, Q] sums over the documents of a part, over N */
} forecast;

static void forecast_free(forecast *f)
{
    at_grouping_free(&f->documents);
    at_grouping_free(&f->queries);
    free(f->weights);
    free(f->parts);
}

/* Names of groups for a message. */
static attrib_status list_names(const at_grouping *grouping,
                                at_buffer *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < grouping->n_groups && i < 12; i++) {
        AT_TRY(at_buffer_print(out, err, "%s%s", i ? ", " : "", grouping->names[i]));
    }
    AT_TRY(at_buffer_print(out, err, "%s", grouping->n_groups > 12 ? ", ..." : ""));
done:
    return status;
}

/* Read one change, "code=+0.1". A value may hold = itself: the last one counts. */
static attrib_status read_change(forecast *f,
                                 const char *text,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer names = {0};
    const char *equals = memrchr(text, '=', n);
    char *end = NULL;
    size_t group = 0;
    double weight = 0;
    AT_CHECK(equals && equals > text, ATTRIB_EINVAL,
             "changes: \"%.*s\" is not as in code=+0.1", (int)at_smaller(n, 80), text);
    weight = strtod(equals + 1, &end);
    AT_CHECK(end == text + n && end > equals + 1 && isfinite(weight) && weight >= -1,
             ATTRIB_EINVAL, "changes: \"%.*s\": expected a number of at least -1",
             (int)at_smaller(n, 80), text);
    group = at_find_group(&f->documents, text, (size_t)(equals - text));
    AT_TRY(list_names(&f->documents, &names, err));
    AT_CHECK(group != SIZE_MAX, ATTRIB_EINVAL,
             "changes: no document has %s \"%.*s\": there are %s",
             f->inquiry->options.document_tag,
             (int)at_smaller((size_t)(equals - text), 80), text, names.bytes);
    AT_CHECK(f->weights[group] == 0, ATTRIB_EINVAL, "changes: \"%s\" twice",
             f->documents.names[group]);
    f->weights[group] = weight;
done:
    at_buffer_free(&names);
    return status;
}

static attrib_status read_changes(forecast *f, const char *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(f->documents.n_groups, sizeof *f->weights, (void *)&f->weights, err));
    do {
        size_t n = strcspn(text, ",");
        AT_TRY(read_change(f, text, n, err));
        text += n + (text[n] == ',');
    } while (*text);
done:
    return status;
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    forecast *f = context;
    const at_grouping *g = &f->documents;
    (void)err;
    for (size_t d = first; d < first + n; d++, scores += f->n_queries) {
        double *part = f->parts + d % f->n_parts * f->n_queries;
        double weight = 0;
        for (size_t i = g->first[d]; i < g->first[d + 1]; i++) {
            weight += f->weights[g->groups[i]];
        }
        for (size_t q = 0; q < f->n_queries; q++) {
            part[q] += weight * scores[q] / (double)g->n_items;
        }
    }
    return ATTRIB_OK;
}

/* The change of a group of queries in the mean over them, and its standard error. */
typedef struct change {
    size_t h;
    double mean, error;
} change;

/* The error of a sum over parts that are alike but for chance:
 *     sqrt(P / (P - 1) sum over parts (f_p - mean)^2) */
static change find_change(const forecast *f, size_t h)
{
    change out = {.h = h};
    double parts[N_PARTS] = {0};
    double squares = 0;
    double n_parts = (double)f->n_parts;
    for (size_t q = 0; q < f->n_queries; q++) {
        for (size_t i = f->queries.first[q]; i < f->queries.first[q + 1]; i++) {
            for (size_t p = 0; p < f->n_parts && f->queries.groups[i] == h; p++) {
                parts[p] += f->parts[p * f->n_queries + q] / (double)f->queries.sizes[h];
            }
        }
    }
    for (size_t p = 0; p < f->n_parts; p++) {
        out.mean += parts[p];
    }
    for (size_t p = 0; p < f->n_parts; p++) {
        squares += pow(parts[p] - out.mean / n_parts, 2);
    }
    out.error = sqrt(n_parts / (n_parts - 1) * squares);
    return out;
}

static const attrib_column columns[] = {
    {"queries", "text", "group of queries", false},
    {"n_queries", "queries", "of the group", false},
    {"sign", "text", "up, down, or unclear: within 1.96 errors of 0", false},
    {"relative", "factor", "change of log p over the largest change of any group", false},
    {"relative_error", "factor", "standard error, from 32 parts of the documents", false},
    {"nats", "nats", "change of log p, with --scale", false},
};

static attrib_status add_row(const forecast *f,
                             const change *c,
                             double largest,
                             attrib_analysis *out,
                             attrib_error *err)
{
    double scale = f->inquiry->options.scale;
    bool is_clear = fabs(c->mean) > CLEAR_ERRORS * c->error;
    const attrib_cell row[] = {at_text_cell(f->queries.names[c->h]),
                               at_count_cell(f->queries.sizes[c->h]),
                               at_text_cell(!is_clear     ? "unclear"
                                            : c->mean > 0 ? "up"
                                                          : "down"),
                               at_number_cell(c->mean / largest),
                               at_number_cell(c->error / largest),
                               at_number_cell(scale > 0 ? scale * c->mean : (double)NAN)};
    return at_analysis_row(out, row, err);
}

/* The groups of queries, the one that gains most first. */
static attrib_status add_rows(const forecast *f, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = f->queries.n_groups;
    change *changes = NULL;
    at_indexed *order = NULL;
    double largest = 0;
    AT_TRY(at_array(n, sizeof *changes, (void *)&changes, err));
    AT_TRY(at_array(n, sizeof *order, (void *)&order, err));
    for (size_t h = 0; h < n; h++) {
        changes[h] = find_change(f, h);
        order[h] = (at_indexed){changes[h].mean, h};
        largest = fmax(largest, fabs(changes[h].mean));
    }
    at_sort_indexed(order, n);
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_row(f, &changes[order[i].index], largest, out, err));
    }
done:
    free(changes);
    free(order);
    return status;
}

static attrib_status forecast_new(const at_inquiry *inquiry,
                                  forecast *f,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = inquiry->subject.info;
    f->inquiry = inquiry;
    f->n_queries = info->n_queries;
    f->n_parts = at_smaller(N_PARTS, info->n_documents);
    AT_CHECK(f->n_parts > 1, ATTRIB_ESHAPE, "a forecast of one document");
    AT_TRY(
        at_group_documents(inquiry, inquiry->options.document_tag, &f->documents, err));
    AT_TRY(at_group_queries(inquiry, &f->queries, err));
    AT_TRY(read_changes(f, inquiry->changes, err));
    AT_TRY(at_array(f->n_parts * f->n_queries, sizeof *f->parts, (void *)&f->parts, err));
done:
    return status;
}

attrib_status at_analyze_reweight(const at_inquiry *inquiry,
                                  attrib_analysis *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    forecast f = {0};
    AT_TRY(forecast_new(inquiry, &f, err));
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, &f, err));
    AT_TRY(at_analysis_begin(out, "reweight", "What the changes would do to queries",
                             columns, AT_N_COLUMNS(columns), err));
    AT_TRY(add_rows(&f, out, err));
    AT_TRY(
        at_analysis_say(out, err,
                        "A forecast to first order: rely on the signs and the order of "
                        "groups, not on sizes%s.",
                        inquiry->options.scale > 0 ? ", but for those of --scale" : ""));
    AT_TRY(at_say_untagged(&f.documents, inquiry->options.document_tag, out, err));
done:
    forecast_free(&f);
    return status;
}
