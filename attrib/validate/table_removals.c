/* SPDX-License-Identifier: MIT */
/* What removing the documents that a method puts first did to the query that it put them
 * first for, and what scores had predicted.
 *
 * 1. Columns.
 * 2. Rises of losses.
 * 3. Tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "validate/counted.h"
#include "validate/groups.h"

/* 1. Columns */

static const attrib_column removal_columns[] = {
    {"group", "text", "of subsets", false},
    {"method", "text", "that chose the documents, as the bank names it", false},
    {"removed", "documents", "in the mean", false},
    {"queries", "queries", "that they were chosen for", false},
    {"rise", "nats", "of the query's loss, mean over queries", false},
    {"low", "nats", "95 %: queries drawn again", false},
    {"high", "nats", "95 %: queries drawn again", false},
    {"over_random", "nats", "the rise less that of the method \"random\"", false},
    {"over_random_low", "nats", "95 %, paired: the same queries drawn again", true},
    {"over_random_high", "nats", "95 %, paired: the same queries drawn again", true},
};

static const attrib_column size_columns[] = {
    {"group", "text", "of subsets", false},
    {"method", "text", "that chose the documents, as the bank names it", false},
    {"run", "text", "whose scores predict", false},
    {"setting", "text", "that they were found by", false},
    {"queries", "queries", "that documents were chosen for", false},
    {"predicted", "nats", "sum of the removed documents' scores / N, mean over queries",
     false},
    {"measured", "nats", "rise of the query's loss, mean over queries", false},
    {"ratio", "ratio", "predicted over measured", false},
    {"order", "correlation", "Spearman's of both over queries", false},
};

/* 2. Rises of losses */

/* Removals of one group and method. */
typedef struct removals {
    const at_trial *trial;
    at_group group;
    double *rises; /* [Q of the trial] nats; NAN where nothing was removed for it */
    double n_removed;
} removals;

/* The loss of a query after training on all documents by a seed, in the mean over all
 * seeds where it was not trained by that one. NAN where there is none. */
static double full_loss(const at_truth *truth, const char *seed, size_t query)
{
    double sum = 0;
    size_t n = 0;
    for (size_t t = 0; t < truth->n_trainings; t++) {
        const at_training *training = &truth->trainings[t];
        if (truth->parts[training->part].n_kept < truth->n_documents) {
            continue;
        }
        if (strcmp(training->seed, seed) == 0) {
            return training->losses[query];
        }
        sum += training->losses[query];
        n++;
    }
    return sum / (double)n;
}

static double part_rise(const at_truth *truth, size_t part, size_t query)
{
    const at_part *of = &truth->parts[part];
    double sum = 0;
    for (size_t t = of->first_training; t < of->first_training + of->n_trainings; t++) {
        sum += truth->trainings[t].losses[query] -
               full_loss(truth, truth->trainings[t].seed, query);
    }
    return sum / (double)of->n_trainings;
}

/* Whether documents were removed for a query, by any method, in subsets of this group. */
static bool is_asked(const at_truth *truth, const char *group, size_t query)
{
    for (size_t i = 0; i < truth->n_parts; i++) {
        const at_part *part = &truth->parts[i];
        if (part->method[0] && part->query == query && strcmp(part->group, group) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether part i of the group is one of this query, of the bank: chosen for it, or for
 * none. */
static bool is_for(const removals *self, size_t i, size_t query)
{
    const at_part *part = &self->trial->truth->parts[self->group.parts[i]];
    return part->query == query || part->query == SIZE_MAX;
}

static attrib_status find_rises(removals *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = self->trial;
    const at_truth *truth = trial->truth;
    AT_TRY(at_array(trial->n_queries, sizeof *self->rises, (void *)&self->rises, err));
    for (size_t q = 0; q < trial->n_queries; q++) {
        size_t query = trial->queries[q];
        size_t n = 0;
        bool is_wanted = is_asked(truth, self->group.name, query);
        for (size_t i = 0; is_wanted && i < self->group.n_parts; i++) {
            if (is_for(self, i, query)) {
                self->rises[q] += part_rise(truth, self->group.parts[i], query);
                n++;
            }
        }
        self->rises[q] /= (double)n; /* 0 / 0 is NAN */
    }
    for (size_t i = 0; i < self->group.n_parts; i++) {
        self->n_removed +=
            (double)(truth->n_documents - truth->parts[self->group.parts[i]].n_kept);
    }
    self->n_removed /= (double)self->group.n_parts;
done:
    return status;
}

/* What a predictor says of the same rise, N = all documents. */
static double predicted_rise(const removals *self,
                             const at_predictor *predictor,
                             size_t q)
{
    const at_trial *trial = self->trial;
    const at_truth *truth = trial->truth;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < self->group.n_parts; i++) {
        if (is_for(self, i, trial->queries[q])) {
            sum += predictor->totals[q] -
                   predictor->effects[self->group.parts[i] * trial->n_queries + q];
            n++;
        }
    }
    return sum / (double)n / (double)truth->n_documents;
}

/* 3. Tables */

/* The values of x, less those of `less` unless it is NULL, that are known, in `out`. */
static size_t take_known(const double *x, const double *less, size_t n, double *out)
{
    size_t n_known = 0;
    for (size_t q = 0; q < n; q++) {
        double value = x[q] - (less ? less[q] : 0);
        if (!isnan(value)) {
            out[n_known++] = value;
        }
    }
    return n_known;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum / (double)n;
}

/* A mean over queries and its 95 % interval. */
typedef struct mean_rise {
    size_t n;
    double mean;
    at_interval interval;
} mean_rise;

/* The mean of rises [Q], minus those of `less` where it is not NULL. */
static attrib_status find_mean(const at_trial *trial,
                               const double *rises,
                               const double *less,
                               mean_rise *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_validate_options *o = &trial->options;
    double *known = NULL;
    double *scratch = NULL;
    AT_TRY(at_array(trial->n_queries, sizeof *known, (void *)&known, err));
    AT_TRY(at_array(o->replicates, sizeof *scratch, (void *)&scratch, err));
    out->n = take_known(rises, less, trial->n_queries, known);
    out->mean = mean_of(known, out->n);
    out->interval =
        at_bootstrap_mean(known, out->n, o->seed, UINT64_MAX - 2, o->replicates, scratch);
done:
    free(known);
    free(scratch);
    return status;
}

static attrib_status add_removal_row(const removals *self,
                                     const double *random,
                                     attrib_analysis *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double unknown = (double)NAN;
    mean_rise rise = {0};
    mean_rise over = {0, unknown, {unknown, unknown}};
    AT_TRY(find_mean(self->trial, self->rises, NULL, &rise, err));
    if (random && random != self->rises) {
        AT_TRY(find_mean(self->trial, self->rises, random, &over, err));
    }
    status = at_analysis_row(out,
                             (const attrib_cell[]){
                                 at_text_cell(self->group.name),
                                 at_text_cell(self->group.method),
                                 at_number_cell(self->n_removed),
                                 at_count_cell(rise.n),
                                 at_number_cell(rise.mean),
                                 at_number_cell(rise.interval.low),
                                 at_number_cell(rise.interval.high),
                                 at_number_cell(over.mean),
                                 at_number_cell(over.interval.low),
                                 at_number_cell(over.interval.high),
                             },
                             err);
done:
    return status;
}

/* What a predictor says of rises, and what was measured: both [Q], of the queries that
 * documents were removed for. */
typedef struct sizes {
    double *predicted, *measured;
    size_t n;
} sizes;

static attrib_status find_sizes(const removals *self,
                                const at_predictor *predictor,
                                sizes *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = self->trial->n_queries;
    AT_TRY(at_array(n_queries, sizeof(double), (void *)&out->predicted, err));
    AT_TRY(at_array(n_queries, sizeof(double), (void *)&out->measured, err));
    for (size_t q = 0; q < n_queries; q++) {
        if (!isnan(self->rises[q])) {
            out->predicted[out->n] = predicted_rise(self, predictor, q);
            out->measured[out->n++] = self->rises[q];
        }
    }
done:
    return status;
}

static attrib_status add_size_row(const removals *self,
                                  const at_predictor *predictor,
                                  attrib_analysis *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sizes found = {0};
    at_indexed *scratch = NULL;
    double predicted = 0;
    double measured = 0;
    AT_TRY(find_sizes(self, predictor, &found, err));
    AT_TRY(at_array(found.n, sizeof *scratch, (void *)&scratch, err));
    predicted = mean_of(found.predicted, found.n);
    measured = mean_of(found.measured, found.n);
    at_rank(found.predicted, found.n, scratch);
    at_rank(found.measured, found.n, scratch);
    status = at_analysis_row(
        out,
        (const attrib_cell[]){
            at_text_cell(self->group.name),
            at_text_cell(self->group.method),
            at_text_cell(predictor->run),
            at_text_cell(predictor->setting),
            at_count_cell(found.n),
            at_number_cell(predicted),
            at_number_cell(measured),
            at_number_cell(predicted / measured),
            at_number_cell(at_correlation(found.predicted, found.measured, found.n)),
        },
        err);
done:
    free(found.predicted);
    free(found.measured);
    free(scratch);
    return status;
}

typedef struct removal_list {
    removals *items;
    size_t n;
} removal_list;

static void free_list(removal_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].group.parts);
        free(list->items[i].rises);
    }
    free(list->items);
}

static attrib_status list_removals(const at_trial *trial,
                                   removal_list *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_truth *truth = trial->truth;
    AT_TRY(at_array(truth->n_parts, sizeof *out->items, (void *)&out->items, err));
    for (size_t i = 0; i < truth->n_parts; i++) {
        if (truth->parts[i].method[0] && at_group_begins(truth, i)) {
            removals *next = &out->items[out->n++];
            next->trial = trial;
            AT_TRY(at_group_take(truth, i, &next->group, err));
            AT_TRY(find_rises(next, err));
        }
    }
done:
    return status;
}

/* The rises of random removals of the same group; NULL where there are none. */
static const double *find_random(const removal_list *list, const char *group)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].group.name, group) == 0 &&
            strcmp(list->items[i].group.method, "random") == 0) {
            return list->items[i].rises;
        }
    }
    return NULL;
}

static attrib_status add_tables(const at_trial *trial,
                                const removal_list *list,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_analysis_begin(out, "removals",
                             "Removals: how much the loss of a query rose without the "
                             "documents chosen for it",
                             removal_columns, AT_N_COLUMNS(removal_columns), err));
    for (size_t i = 0; i < list->n; i++) {
        const double *random = find_random(list, list->items[i].group.name);
        AT_TRY(add_removal_row(&list->items[i], random, out, err));
    }
    AT_TRY(
        at_analysis_begin(out, "sizes",
                          "The same as sums of scores / N predict it: what the sizes of "
                          "scores are worth",
                          size_columns, AT_N_COLUMNS(size_columns), err));
    for (size_t i = 0; i < list->n; i++) {
        for (size_t p = 0; p < trial->n_predictors; p++) {
            if (!trial->predictors[p].is_baseline) {
                AT_TRY(add_size_row(&list->items[i], &trial->predictors[p], out, err));
            }
        }
    }
done:
    return status;
}

attrib_status at_add_removals(const at_trial *trial,
                              attrib_analysis *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    removal_list list = {0};
    bool has_full = false;
    for (size_t i = 0; i < trial->truth->n_parts; i++) {
        has_full = has_full || trial->truth->parts[i].n_kept == trial->truth->n_documents;
    }
    AT_TRY(list_removals(trial, &list, err));
    if (list.n > 0 && has_full) {
        AT_TRY(add_tables(trial, &list, out, err));
    } else if (list.n > 0) {
        AT_TRY(
            at_analysis_say(out, err,
                            "The bank has no subset with all documents, which removals "
                            "are compared with."));
    }
done:
    free_list(&list);
    return status;
}
