/* SPDX-License-Identifier: MIT */
/* Influence explained by documents' tags: least squares, one fit for each group of
 * queries, whose scores it takes in the mean.
 *
 * 1. Sums over documents.
 * 2. Tables.
 * 3. The analysis. */
#include <math.h>
#include <stdlib.h>

#include "analyze/design.h"
#include "analyze/stats.h"

/* A regression takes the square of this in memory, and the cube in time. */
#define MAX_COLUMNS ((size_t)1000)

/* 1. Sums over documents */

typedef struct fits {
    const at_inquiry *inquiry;
    at_design design;
    at_grouping queries;
    size_t n_queries, n; /* n: documents that have all tags */
    at_entry *row;       /* [columns] scratch */
    size_t *members;     /* [columns] documents that are not 0 there */
    double *means;       /* [H] scratch: scores in the mean over a group's queries */
    double *xx;          /* [columns, columns] */
    double *xy;          /* [H, columns] */
    double *yy;          /* [H] */
    double *rates;       /* [H, columns] */
    double *r_squared;   /* [H] */
    size_t degrees;      /* of freedom, the same for all fits */
    at_coefficient *coefficients; /* [H, columns] */
} fits;

static void fits_free(fits *f)
{
    at_design_free(&f->design);
    at_grouping_free(&f->queries);
    free(f->row);
    free(f->members);
    free(f->means);
    free(f->xx);
    free(f->xy);
    free(f->yy);
    free(f->rates);
    free(f->r_squared);
    free(f->coefficients);
}

static attrib_status fits_new(const at_inquiry *inquiry, fits *f, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_columns = 0;
    size_t n_groups = 0;
    size_t n_cells = 0;
    f->inquiry = inquiry;
    f->n_queries = inquiry->subject.info->n_queries;
    AT_TRY(at_design_new(inquiry, &f->design, err));
    AT_TRY(at_group_queries(inquiry, &f->queries, err));
    n_columns = f->design.n_columns;
    n_groups = f->queries.n_groups;
    AT_CHECK(n_columns <= MAX_COLUMNS, ATTRIB_ERANGE,
             "tags: %zu values and numbers, at most %zu can explain influence", n_columns,
             MAX_COLUMNS);
    AT_TRY(at_mul(n_groups, n_columns, &n_cells, err));
    AT_TRY(
        at_array(at_design_capacity(&f->design), sizeof *f->row, (void *)&f->row, err));
    AT_TRY(at_array(n_columns, sizeof *f->members, (void *)&f->members, err));
    AT_TRY(at_array(n_groups, sizeof *f->means, (void *)&f->means, err));
    AT_TRY(at_array(n_columns * n_columns, sizeof *f->xx, (void *)&f->xx, err));
    AT_TRY(at_array(n_cells, sizeof *f->xy, (void *)&f->xy, err));
    AT_TRY(at_array(n_groups, sizeof *f->yy, (void *)&f->yy, err));
    AT_TRY(at_array(n_cells, sizeof *f->rates, (void *)&f->rates, err));
    AT_TRY(at_array(n_groups, sizeof *f->r_squared, (void *)&f->r_squared, err));
    AT_TRY(at_array(n_cells, sizeof *f->coefficients, (void *)&f->coefficients, err));
done:
    return status;
}

/* The scores [Q] of a document in the mean over each group's queries. */
static void find_means(fits *f, const double *scores)
{
    const at_grouping *g = &f->queries;
    for (size_t h = 0; h < g->n_groups; h++) {
        f->means[h] = 0;
    }
    for (size_t q = 0; q < f->n_queries; q++) {
        for (size_t i = g->first[q]; i < g->first[q + 1]; i++) {
            f->means[g->groups[i]] += scores[q] / (double)g->sizes[g->groups[i]];
        }
    }
}

/* Add a document whose row has n entries. */
static void add_document(fits *f, size_t n, const double *scores)
{
    size_t n_columns = f->design.n_columns;
    find_means(f, scores);
    for (size_t i = 0; i < n; i++) {
        const at_entry *x = &f->row[i];
        f->members[x->column]++;
        for (size_t j = 0; j < n; j++) {
            f->xx[x->column * n_columns + f->row[j].column] += x->value * f->row[j].value;
        }
        for (size_t h = 0; h < f->queries.n_groups; h++) {
            f->xy[h * n_columns + x->column] += x->value * f->means[h];
        }
    }
    for (size_t h = 0; h < f->queries.n_groups; h++) {
        f->yy[h] += f->means[h] * f->means[h];
    }
    f->n++;
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    fits *f = context;
    (void)err;
    for (size_t d = first; d < first + n; d++, scores += f->n_queries) {
        size_t n_entries = at_design_row(&f->design, d, f->row);
        if (n_entries > 0) {
            add_document(f, n_entries, scores);
        }
    }
    return ATTRIB_OK;
}

/* 2. Tables */

static const attrib_column coefficient_columns[] = {
    {"queries", "text", "group of queries", false},
    {"tag", "text", "of documents", false},
    {"value", "text", "of the tag; none for a number", false},
    {"documents", "documents", "that have the value", false},
    {"coefficient", "score",
     "more for documents with the value than for those with the "
     "reference, or for 1 more of a number",
     false},
    {"low", "score", "95 %, Student", false},
    {"high", "score", "95 %, Student", false},
    {"error", "score", "standard error", true},
    {"t", "ratio", "coefficient / error", true},
    {"p", "probability", "that t is as far from 0 by chance", true},
    {"rate", "probability", "false discovery rate of p over all rows", false},
    {"deviation", "number",
     "of a number over documents: times it, the coefficient is of "
     "one standard deviation",
     true},
};

static const attrib_column fit_columns[] = {
    {"queries", "text", "group of queries", false},
    {"documents", "documents", "that have all tags", false},
    {"degrees", "number", "of freedom that are left", false},
    {"r_squared", "share", "of the variance of scores that the tags explain", false},
};

/* A row of a column of the design. */
static attrib_status add_row(const fits *f,
                             size_t h,
                             const at_factor *factor,
                             size_t i,
                             attrib_analysis *out,
                             attrib_error *err)
{
    size_t column = factor ? factor->first_column + i : 0;
    size_t cell = h * f->design.n_columns + column;
    const at_coefficient *c = &f->coefficients[cell];
    bool is_number = factor && factor->numbers;
    double unit = is_number ? factor->deviation : 1;
    const char *value = NULL;
    if (factor && !is_number) {
        value = factor->grouping.names[i + (i >= factor->reference)];
    }
    const attrib_cell row[] = {at_text_cell(f->queries.names[h]),
                               at_text_cell(factor ? factor->tag : "(constant)"),
                               at_text_cell(value),
                               at_count_cell(is_number ? f->n : f->members[column]),
                               at_number_cell(c->value / unit),
                               at_number_cell(c->interval.low / unit),
                               at_number_cell(c->interval.high / unit),
                               at_number_cell(c->error / unit),
                               at_number_cell(c->t),
                               at_number_cell(c->p),
                               at_number_cell(f->rates[cell]),
                               at_number_cell(is_number ? unit : (double)NAN)};
    return at_analysis_row(out, row, err);
}

static attrib_status add_coefficients(const fits *f,
                                      attrib_analysis *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t h = 0; h < f->queries.n_groups; h++) {
        AT_TRY(add_row(f, h, NULL, 0, out, err));
        for (size_t k = 0; k < f->design.n_factors; k++) {
            const at_factor *factor = &f->design.factors[k];
            for (size_t i = 0; i < factor->n_columns; i++) {
                AT_TRY(add_row(f, h, factor, i, out, err));
            }
        }
    }
done:
    return status;
}

/* What coefficients are compared with. */
static attrib_status say_references(const fits *f,
                                    attrib_analysis *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    for (size_t k = 0; k < f->design.n_factors; k++) {
        const at_factor *factor = &f->design.factors[k];
        const char *gap = text.n_bytes ? ", " : "";
        if (factor->numbers) {
            AT_TRY(at_buffer_print(&text, err, "%s%s = %.6g", gap, factor->tag,
                                   factor->mean));
        } else if (factor->reference != SIZE_MAX) {
            AT_TRY(at_buffer_print(&text, err, "%s%s = %s", gap, factor->tag,
                                   factor->grouping.names[factor->reference]));
        }
    }
    AT_TRY(at_analysis_say(out, err,
                           "The constant is the score of a document of reference: %s.",
                           text.n_bytes ? text.bytes : "none of the values"));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status add_fits(const fits *f, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t h = 0; h < f->queries.n_groups; h++) {
        const attrib_cell row[] = {at_text_cell(f->queries.names[h]), at_count_cell(f->n),
                                   at_count_cell(f->degrees),
                                   at_number_cell(f->r_squared[h])};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    return status;
}

/* 3. The analysis */

static attrib_status solve(fits *f, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t m = f->design.n_columns;
    AT_CHECK(f->n > 0, ATTRIB_ESHAPE, "tags: no document has all of them");
    for (size_t h = 0; h < f->queries.n_groups; h++) {
        const at_regression sums = {m, f->n, f->xx, f->xy + h * m, f->yy[h]};
        AT_TRY(at_regression_solve(&sums, f->coefficients + h * m, &f->r_squared[h],
                                   &f->degrees, err));
    }
    for (size_t i = 0; i < f->queries.n_groups * m; i++) {
        /* That the constant is not 0 is no finding. */
        f->rates[i] = i % m == 0 ? (double)NAN : f->coefficients[i].p;
    }
    AT_TRY(at_discovery_rates(f->rates, f->queries.n_groups * m, err));
done:
    return status;
}

attrib_status at_analyze_relations(const at_inquiry *inquiry,
                                   attrib_analysis *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fits f = {0};
    AT_TRY(fits_new(inquiry, &f, err));
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, &f, err));
    AT_TRY(solve(&f, err));
    AT_TRY(at_analysis_begin(out, "relations", "Influence explained by documents' tags",
                             coefficient_columns, AT_N_COLUMNS(coefficient_columns),
                             err));
    AT_TRY(add_coefficients(&f, out, err));
    AT_TRY(at_analysis_begin(out, "fits", "How much the tags explain", fit_columns,
                             AT_N_COLUMNS(fit_columns), err));
    AT_TRY(add_fits(&f, out, err));
    AT_TRY(say_references(&f, out, err));
    AT_TRY(at_analysis_say(out, err,
                           "%zu of %zu documents have all tags. Intervals and p take "
                           "documents for independent, with errors of one size.",
                           f.n, inquiry->subject.info->n_documents));
done:
    fits_free(&f);
    return status;
}
