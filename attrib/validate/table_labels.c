/* SPDX-License-Identifier: MIT */
/* Whether the documents that are known to matter for a query stand first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "validate/counted.h"
#include "validate/trial.h"

static const attrib_column columns[] = {
    {"run", "text", "whose scores rank", false},
    {"setting", "text", "that they were found by", false},
    {"queries", "queries", "with labelled documents", false},
    {"recall_1", "share", "of queries whose first document is labelled", false},
    {"recall", "share",
     "labelled documents among the first --top, over the most that could be; mean over "
     "queries",
     false},
    {"mrr", "share", "1 / rank of the first labelled document, mean over queries", false},
    {"mrr_low", "share", "95 %: queries drawn again", true},
    {"mrr_high", "share", "95 %: queries drawn again", true},
    {"auprc", "share", "area under precision and recall, mean over queries", false},
    {"low", "share", "95 %: queries drawn again", false},
    {"high", "share", "95 %: queries drawn again", false},
    {"difference", "share", "of auprc, from the first row", true},
    {"difference_low", "share", "95 %, paired: the same queries drawn again", true},
    {"difference_high", "share", "95 %, paired: the same queries drawn again", true},
};

/* Labelled queries of the trial, with what each predictor finds of theirs. */
typedef struct labelled {
    const at_trial *trial;
    size_t *queries;  /* [n] of the trial */
    size_t *first;    /* [n] first label of each */
    size_t *n_labels; /* [n] */
    size_t n;
    at_found *found;             /* [P, n] */
    double *scores;              /* [n_at_once, n_documents] */
    size_t n_at_once;            /* rows that are held at once */
    uint8_t *marked;             /* [n_documents] */
    double *values, *replicates; /* [n], [R] scratch */
} labelled;

static attrib_status list_labelled(labelled *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = self->trial;
    const at_truth *truth = trial->truth;
    size_t q = 0;
    AT_TRY(at_array(trial->n_queries, sizeof(size_t), (void *)&self->queries, err));
    AT_TRY(at_array(trial->n_queries, sizeof(size_t), (void *)&self->first, err));
    AT_TRY(at_array(trial->n_queries, sizeof(size_t), (void *)&self->n_labels, err));
    for (size_t i = 0, end = 0; i < truth->n_labels; i = end) {
        while (end < truth->n_labels &&
               truth->labels[end].query == truth->labels[i].query) {
            end++;
        }
        while (q < trial->n_queries && trial->queries[q] < truth->labels[i].query) {
            q++;
        }
        if (q < trial->n_queries && trial->queries[q] == truth->labels[i].query) {
            self->queries[self->n] = q;
            self->first[self->n] = i;
            self->n_labels[self->n++] = end - i;
        }
    }
done:
    return status;
}

/* Read the scores of the trial's query q into the row: the next queries' come with them.
 */
static attrib_status read_row(labelled *self,
                              const at_predictor *predictor,
                              size_t q,
                              size_t *first,
                              attrib_error *err)
{
    size_t n = self->trial->n_queries;
    if (q >= *first && q - *first < self->n_at_once) {
        return ATTRIB_OK;
    }
    *first = q;
    return at_predictor_scores(self->trial, predictor, q,
                               at_smaller(self->n_at_once, n - q), self->scores, err);
}

static attrib_status find_all(labelled *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = self->trial;
    const at_truth *truth = trial->truth;
    for (size_t p = 0; p < trial->n_predictors; p++) {
        size_t first = SIZE_MAX; /* query of the first row that is held */
        for (size_t i = 0; i < self->n; i++) {
            size_t q = self->queries[i];
            AT_TRY(read_row(self, &trial->predictors[p], q, &first, err));
            memset(self->marked, 0, truth->n_documents);
            for (size_t k = 0; k < self->n_labels[i]; k++) {
                self->marked[truth->labels[self->first[i] + k].document] = 1;
            }
            AT_TRY(at_find_marked(self->scores + (q - first) * truth->n_documents,
                                  self->marked, truth->n_documents, trial->options.top,
                                  &self->found[p * self->n + i], err));
        }
    }
done:
    return status;
}

enum { RECALL_1, RECALL, RECIPROCAL, PRECISION };

static double value_of(const at_found *found, int which)
{
    const double values[] = {found->recall_1, found->recall, found->reciprocal,
                             found->precision};
    return values[which];
}

/* The mean of a number of predictor p, less that of predictor `less` unless it is
 * SIZE_MAX, and its interval. */
static double mean_of(
    const labelled *self, size_t p, size_t less, int which, at_interval *interval)
{
    const attrib_validate_options *options = &self->trial->options;
    double sum = 0;
    for (size_t i = 0; i < self->n; i++) {
        self->values[i] = value_of(&self->found[p * self->n + i], which);
        self->values[i] -=
            less == SIZE_MAX ? 0 : value_of(&self->found[less * self->n + i], which);
        sum += self->values[i];
    }
    *interval = at_bootstrap_mean(self->values, self->n, options->seed, UINT64_MAX - 1,
                                  options->replicates, self->replicates);
    return sum / (double)self->n;
}

static attrib_status add_row(const labelled *self,
                             size_t p,
                             attrib_analysis *out,
                             attrib_error *err)
{
    at_interval unused;
    at_interval reciprocal;
    at_interval precision;
    at_interval difference;
    double recall_1 = mean_of(self, p, SIZE_MAX, RECALL_1, &unused);
    double recall = mean_of(self, p, SIZE_MAX, RECALL, &unused);
    double mrr = mean_of(self, p, SIZE_MAX, RECIPROCAL, &reciprocal);
    double auprc = mean_of(self, p, SIZE_MAX, PRECISION, &precision);
    double less = mean_of(self, p, 0, PRECISION, &difference);
    const attrib_cell row[] = {
        at_text_cell(self->trial->predictors[p].run),
        at_text_cell(self->trial->predictors[p].setting),
        at_count_cell(self->n),
        at_number_cell(recall_1),
        at_number_cell(recall),
        at_number_cell(mrr),
        at_number_cell(reciprocal.low),
        at_number_cell(reciprocal.high),
        at_number_cell(auprc),
        at_number_cell(precision.low),
        at_number_cell(precision.high),
        at_number_cell(less),
        at_number_cell(difference.low),
        at_number_cell(difference.high),
    };
    return at_analysis_row(out, row, err);
}

static attrib_status take_memory(labelled *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_trial *trial = self->trial;
    size_t n_documents = trial->truth->n_documents;
    size_t n = 0;
    self->n_at_once = at_smaller(
        at_larger(AT_COLUMN_BYTES / sizeof(double) / n_documents, 1), trial->n_queries);
    AT_TRY(at_mul(self->n_at_once, n_documents, &n, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&self->scores, err));
    AT_TRY(at_array(n_documents, 1, (void *)&self->marked, err));
    AT_TRY(at_array(trial->n_predictors * self->n, sizeof(at_found), (void *)&self->found,
                    err));
    AT_TRY(at_array(self->n, sizeof(double), (void *)&self->values, err));
    AT_TRY(at_array(trial->options.replicates, sizeof(double), (void *)&self->replicates,
                    err));
done:
    return status;
}

attrib_status at_add_labels(const at_trial *trial,
                            attrib_analysis *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    labelled self = {.trial = trial};
    AT_TRY(list_labelled(&self, err));
    if (self.n == 0) {
        goto done;
    }
    AT_TRY(take_memory(&self, err));
    AT_TRY(find_all(&self, err));
    AT_TRY(at_analysis_begin(out, "labels",
                             "Labelled documents: how near the first places they stand",
                             columns, AT_N_COLUMNS(columns), err));
    for (size_t p = 0; p < trial->n_predictors; p++) {
        AT_TRY(add_row(&self, p, out, err));
    }
done:
    free(self.queries);
    free(self.first);
    free(self.n_labels);
    free(self.found);
    free(self.scores);
    free(self.marked);
    free(self.values);
    free(self.replicates);
    return status;
}
