/* SPDX-License-Identifier: MIT */
/* Runs before a bank: which of their documents and queries are the bank's, and what each
 * of their settings predicts for the bank's subsets.
 *
 * 1. Predictors.
 * 2. Trials.
 * 3. Tables. */
#ifndef AT_VALIDATE_TRIAL_H
#define AT_VALIDATE_TRIAL_H

#include "analyze/analyze.h"
#include "attrib/validate.h"
#include "validate/truth.h"

/* 1. Predictors (predictors.c) */

/* Where a run has what the bank names. */
typedef struct at_places {
    attrib_run *run;
    const attrib_run_info *info;
    size_t *documents; /* [n_documents of the run] of the bank; SIZE_MAX: not in it */
    size_t *queries;   /* [n_queries of the trial] of the run */
    size_t n_outside;  /* documents that the bank lacks */
} at_places;

/* A run under one setting, or the mean of several runs. */
typedef struct at_member {
    const at_places *places;
    at_subject subject;
} at_member;

typedef struct at_predictor {
    const char *run, *setting; /* in words; in the trial's arena */
    at_member *members;        /* [n_members] whose mean it is */
    size_t n_members;
    bool is_baseline; /* its scores have no unit */
    double *effects;  /* [n_parts, n_queries of the trial] sums of scores */
    double *totals;   /* [n_queries of the trial] the same of all documents */
} at_predictor;

/* 2. Trials (trial.c) */

typedef struct at_trial {
    attrib_session *session;
    attrib_validate_options options;
    const at_truth *truth;
    at_arena *arena;
    at_places *places; /* [n_runs] */
    size_t n_runs;
    size_t *queries; /* [n_queries] of the bank: those that all runs have */
    size_t n_queries;
    at_predictor *predictors;
    size_t n_predictors;
} at_trial;

/* Match runs with the bank, list the predictors, and sum up their effects. */
attrib_status at_trial_begin(const attrib_validate_job *job,
                             at_trial *trial,
                             attrib_error *err);
void at_trial_end(at_trial *trial);

/* Find the documents and queries of a run in the bank: ESHAPE where one of the bank's
 * documents is not there, or has other bytes (places.c). */
attrib_status at_places_find(const at_truth *truth,
                             attrib_run *run,
                             const char *name,
                             at_places *out,
                             attrib_error *err);
/* The query of a run with this id; SIZE_MAX where there is none. */
size_t at_places_query(const at_places *places, const char *id);

/* Fill the effects of every predictor. */
attrib_status at_sum_effects(at_trial *trial, attrib_error *err);

/* The mean over a predictor's members of the scores of the bank's documents, for queries
 * first .. first + n of the trial: out [n, n_documents of the bank]. */
attrib_status at_predictor_scores(const at_trial *trial,
                                  const at_predictor *predictor,
                                  size_t first,
                                  size_t n,
                                  double *out,
                                  attrib_error *err);

/* 3. Tables: each adds what the bank has something for */

/* removals and sizes (table_removals.c). */
attrib_status at_add_removals(const at_trial *trial,
                              attrib_analysis *out,
                              attrib_error *err);
/* labels (table_labels.c). */
attrib_status at_add_labels(const at_trial *trial,
                            attrib_analysis *out,
                            attrib_error *err);

#endif
