/* SPDX-License-Identifier: MIT */
/* What scores predict for subsets of documents: their sums. */
#include <stdlib.h>
#include <string.h>

#include "validate/trial.h"

/* 1. Sums over subsets */

typedef struct summing {
    const at_trial *trial;
    const at_places *places;
    size_t n_run_queries;
    double weight; /* of a member in its predictor */
    double *row;   /* [n_queries of the trial] */
    double *effects, *totals;
} summing;

static attrib_status add_documents(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    const summing *s = context;
    const at_truth *truth = s->trial->truth;
    size_t n_queries = s->trial->n_queries;
    (void)err;
    for (size_t d = 0; d < n; d++) {
        size_t document = s->places->documents[first + d];
        if (document == SIZE_MAX) {
            continue;
        }
        for (size_t q = 0; q < n_queries; q++) {
            s->row[q] = s->weight * scores[d * s->n_run_queries + s->places->queries[q]];
            s->totals[q] += s->row[q];
        }
        for (size_t i = 0; i < truth->n_parts; i++) {
            double *effects = s->effects + i * n_queries;
            for (size_t q = 0; truth->parts[i].kept[document] && q < n_queries; q++) {
                effects[q] += s->row[q];
            }
        }
    }
    return ATTRIB_OK;
}

attrib_status at_sum_effects(at_trial *trial, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_inquiry inquiry = {.session = trial->session};
    summing s = {.trial = trial};
    size_t n = 0;
    AT_TRY(at_array(trial->n_queries, sizeof *s.row, (void *)&s.row, err));
    AT_TRY(at_mul(trial->truth->n_parts, trial->n_queries, &n, err));
    for (size_t p = 0; p < trial->n_predictors; p++) {
        at_predictor *predictor = &trial->predictors[p];
        AT_TRY(at_array(n, sizeof *s.effects, (void *)&predictor->effects, err));
        AT_TRY(at_array(trial->n_queries, sizeof *s.totals, (void *)&predictor->totals,
                        err));
        s.effects = predictor->effects;
        s.totals = predictor->totals;
        s.weight = 1 / (double)predictor->n_members;
        for (size_t m = 0; m < predictor->n_members; m++) {
            const at_member *member = &predictor->members[m];
            s.places = member->places;
            s.n_run_queries = member->places->info->n_queries;
            AT_TRY(at_scan(&inquiry, &member->subject, add_documents, &s, err));
        }
    }
done:
    free(s.row);
    return status;
}

/* 2. Scores of single documents */

typedef struct gathering {
    const at_member *member;
    size_t first, n, n_documents;
    double weight;
    double *out;
} gathering;

static attrib_status gather_documents(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    const gathering *g = context;
    const at_places *places = g->member->places;
    (void)err;
    for (size_t d = 0; d < n; d++) {
        size_t document = places->documents[first + d];
        for (size_t q = 0; document != SIZE_MAX && q < g->n; q++) {
            g->out[q * g->n_documents + document] +=
                g->weight *
                scores[d * places->info->n_queries + places->queries[g->first + q]];
        }
    }
    return ATTRIB_OK;
}

attrib_status at_predictor_scores(const at_trial *trial,
                                  const at_predictor *predictor,
                                  size_t first,
                                  size_t n,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_inquiry inquiry = {.session = trial->session};
    gathering g = {.first = first,
                   .n = n,
                   .n_documents = trial->truth->n_documents,
                   .weight = 1 / (double)predictor->n_members,
                   .out = out};
    memset(out, 0, n * g.n_documents * sizeof *out);
    for (size_t m = 0; m < predictor->n_members; m++) {
        g.member = &predictor->members[m];
        AT_TRY(at_scan(&inquiry, &g.member->subject, gather_documents, &g, err));
    }
done:
    return status;
}
