/* SPDX-License-Identifier: MIT */
/* How well sums of scores order random subsets by what training on them did.
 *
 * 1. Columns.
 * 2. Numbers.
 * 3. Rows.
 * 4. Tables. */
#include <math.h>
#include <stdlib.h>

#include "validate/contest.h"
#include "validate/counted.h"

/* 1. Columns */

static const attrib_column lds_columns[] = {
    {"group", "text", "of subsets", false},
    {"run", "text", "whose scores predict", false},
    {"setting", "text", "that they were found by", false},
    {"subsets", "subsets", "that were trained on", false},
    {"queries", "queries", "whose measured losses differ between subsets", false},
    {"lds", "correlation",
     "Spearman's, over subsets, of predicted and measured effects; mean over queries",
     false},
    {"low", "correlation", "95 %: subsets and queries drawn again", false},
    {"high", "correlation", "95 %: subsets and queries drawn again", false},
    {"subsets_low", "correlation", "95 %: subsets drawn again", true},
    {"subsets_high", "correlation", "95 %: subsets drawn again", true},
    {"queries_low", "correlation", "95 %: queries drawn again", true},
    {"queries_high", "correlation", "95 %: queries drawn again", true},
    {"slope", "ratio",
     "measured nats for a nat that sum of scores / N predicts, least squares; median "
     "over "
     "queries",
     false},
    {"slope_low", "ratio", "95 %: queries drawn again", true},
    {"slope_high", "ratio", "95 %: queries drawn again", true},
};

static const attrib_column difference_columns[] = {
    {"group", "text", "of subsets", false},
    {"run", "text", "whose scores predict", false},
    {"setting", "text", "that they were found by", false},
    {"less_run", "text", "that it is compared with", false},
    {"less_setting", "text", "that it is compared with", false},
    {"difference", "correlation", "of their lds", false},
    {"low", "correlation", "95 %, paired: the same subsets and queries drawn again",
     false},
    {"high", "correlation", "95 %, paired: the same subsets and queries drawn again",
     false},
};

static const attrib_column ceiling_columns[] = {
    {"group", "text", "of subsets", false},
    {"subsets", "subsets", "that were trained on by two seeds", false},
    {"queries", "queries", "whose measured losses differ between subsets", false},
    {"ceiling", "correlation",
     "Spearman's, over subsets, of losses by both seeds; mean over queries", false},
    {"low", "correlation", "95 %: subsets and queries drawn again", false},
    {"high", "correlation", "95 %: subsets and queries drawn again", false},
};

static const attrib_column query_columns[] = {
    {"group", "text", "of subsets", false},
    {"query", "text", "id", false},
    {"run", "text", "whose scores predict", false},
    {"setting", "text", "that they were found by", false},
    {"lds", "correlation", "Spearman's, over subsets", false},
    {"slope", "ratio", "measured nats for a nat that is predicted, least squares", false},
    {"measured_sd", "nats", "deviation of measured losses over subsets", false},
};

/* 2. Numbers */

/* The values that are known of x [n], in `out`; how many. */
static size_t take_known(const double *x, size_t n, double *out)
{
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(x[i])) {
            out[n_known++] = x[i];
        }
    }
    return n_known;
}

/* The median of what is known of x [n], and its 95 % interval by drawing again. */
static attrib_status median_interval(const at_trial *trial,
                                     const double *x,
                                     size_t n,
                                     double *median,
                                     at_interval *interval,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_replicates = trial->options.replicates;
    double *known = NULL;
    double *drawn = NULL;
    double *medians = NULL;
    size_t n_known = 0;
    AT_TRY(at_array(n, sizeof *known, (void *)&known, err));
    AT_TRY(at_array(n, sizeof *drawn, (void *)&drawn, err));
    AT_TRY(at_array(n_replicates, sizeof *medians, (void *)&medians, err));
    n_known = take_known(x, n, known);
    *interval = (at_interval){(double)NAN, (double)NAN};
    for (size_t r = 0; r < n_replicates && n_known > 1; r++) {
        for (size_t i = 0; i < n_known; i++) {
            drawn[i] =
                known[at_draw(trial->options.seed, UINT64_MAX, r * n_known + i, n_known)];
        }
        medians[r] = at_median(drawn, n_known);
    }
    if (n_known > 1) {
        at_sort_ascending(medians, n_replicates);
        *interval = (at_interval){at_quantile(medians, n_replicates, 0.025),
                                  at_quantile(medians, n_replicates, 0.975)};
    }
    *median = at_median(known, n_known);
done:
    free(known);
    free(drawn);
    free(medians);
    return status;
}

/* 3. Rows */

static attrib_status add_lds_rows(const at_contest *c,
                                  attrib_analysis *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = c->trial;
    for (size_t p = 0; p < trial->n_predictors; p++) {
        const at_agreement *a = &c->agreements[p];
        double slope = 0;
        at_interval range = {0, 0};
        AT_TRY(median_interval(trial, c->slopes + p * trial->n_queries, trial->n_queries,
                               &slope, &range, err));
        const attrib_cell row[] = {
            at_text_cell(c->group.name),
            at_text_cell(trial->predictors[p].run),
            at_text_cell(trial->predictors[p].setting),
            at_count_cell(c->group.n_parts),
            at_count_cell(a->n_counted),
            at_number_cell(a->mean),
            at_number_cell(a->interval.low),
            at_number_cell(a->interval.high),
            at_number_cell(a->over_parts.low),
            at_number_cell(a->over_parts.high),
            at_number_cell(a->over_queries.low),
            at_number_cell(a->over_queries.high),
            at_number_cell(slope),
            at_number_cell(range.low),
            at_number_cell(range.high),
        };
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    return status;
}

static attrib_status add_difference_rows(const at_contest *c,
                                         attrib_analysis *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = c->trial;
    double *scratch = NULL;
    AT_TRY(at_array(trial->options.replicates, sizeof *scratch, (void *)&scratch, err));
    for (size_t p = 1; p < trial->n_predictors; p++) {
        at_interval range =
            at_agreement_difference(&c->agreements[p], &c->agreements[0], scratch);
        const attrib_cell row[] = {
            at_text_cell(c->group.name),
            at_text_cell(trial->predictors[p].run),
            at_text_cell(trial->predictors[p].setting),
            at_text_cell(trial->predictors[0].run),
            at_text_cell(trial->predictors[0].setting),
            at_number_cell(c->agreements[p].mean - c->agreements[0].mean),
            at_number_cell(range.low),
            at_number_cell(range.high),
        };
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    free(scratch);
    return status;
}

static double deviation(const double *x, size_t n)
{
    double mean = 0;
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        square += (x[i] - mean) * (x[i] - mean) / (double)n;
    }
    return sqrt(square);
}

static attrib_status add_query_rows(const at_contest *c,
                                    attrib_analysis *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = c->trial;
    size_t n = c->group.n_parts;
    for (size_t q = 0; q < trial->n_queries; q++) {
        for (size_t p = 0; p < trial->n_predictors; p++) {
            const attrib_cell row[] = {
                at_text_cell(c->group.name),
                at_text_cell(trial->truth->queries[trial->queries[q]]),
                at_text_cell(trial->predictors[p].run),
                at_text_cell(trial->predictors[p].setting),
                at_number_cell(c->agreements[p].correlations[q]),
                at_number_cell(c->slopes[p * trial->n_queries + q]),
                at_number_cell(deviation(c->measured + q * n, n)),
            };
            AT_TRY(at_analysis_row(out, row, err));
        }
    }
done:
    return status;
}

static attrib_status add_ceiling_row(const at_contest *c,
                                     attrib_analysis *out,
                                     attrib_error *err)
{
    const at_agreement *a = &c->ceiling;
    const attrib_cell row[] = {
        at_text_cell(c->group.name),     at_count_cell(c->n_repeated),
        at_count_cell(a->n_counted),     at_number_cell(a->mean),
        at_number_cell(a->interval.low), at_number_cell(a->interval.high),
    };
    return c->n_repeated ? at_analysis_row(out, row, err) : ATTRIB_OK;
}

/* 4. Tables */

typedef attrib_status (*add_rows_fn)(const at_contest *c,
                                     attrib_analysis *out,
                                     attrib_error *err);

typedef struct table_kind {
    const char *name, *title;
    const attrib_column *columns;
    size_t n_columns;
    add_rows_fn add_rows;
} table_kind;

enum { LDS, DIFFERENCES, CEILING, QUERIES, N_TABLES };

static const table_kind tables[N_TABLES] = {
    [LDS] = {"lds", "Random subsets: how well sums of scores order them by training",
             lds_columns, AT_N_COLUMNS(lds_columns), add_lds_rows},
    [DIFFERENCES] = {"differences", "The same against the first row", difference_columns,
                     AT_N_COLUMNS(difference_columns), add_difference_rows},
    [CEILING] = {"ceiling", "How well a second training orders the same subsets",
                 ceiling_columns, AT_N_COLUMNS(ceiling_columns), add_ceiling_row},
    [QUERIES] = {"queries", "Each query of the first table", query_columns,
                 AT_N_COLUMNS(query_columns), add_query_rows},
};

static attrib_status add_table(const at_contests *contests,
                               const table_kind *kind,
                               attrib_analysis *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_analysis_begin(out, kind->name, kind->title, kind->columns, kind->n_columns,
                             err));
    for (size_t i = 0; i < contests->n; i++) {
        AT_TRY(kind->add_rows(&contests->items[i], out, err));
    }
done:
    return status;
}

attrib_status at_add_lds(const at_contests *contests,
                         attrib_analysis *out,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_ceiling = false;
    for (size_t i = 0; i < contests->n; i++) {
        has_ceiling = has_ceiling || contests->items[i].n_repeated > 0;
    }
    if (contests->n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(add_table(contests, &tables[LDS], out, err));
    if (contests->items[0].trial->n_predictors > 1) {
        AT_TRY(add_table(contests, &tables[DIFFERENCES], out, err));
    }
    if (has_ceiling) {
        AT_TRY(add_table(contests, &tables[CEILING], out, err));
    }
done:
    return status;
}

attrib_status at_add_queries(const at_contests *contests,
                             attrib_analysis *out,
                             attrib_error *err)
{
    return contests->n ? add_table(contests, &tables[QUERIES], out, err) : ATTRIB_OK;
}
