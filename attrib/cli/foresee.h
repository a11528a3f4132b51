/* SPDX-License-Identifier: MIT */
/* What a fit and a run are predicted to take, before they begin, by which progress weighs
 * their stages. With -v: measure this machine, unless memory is limited, and log what
 * attrib plan predicts for every stage, or why it predicts nothing. A prediction that
 * fails does not stop the work. */
#ifndef CLI_FORESEE_H
#define CLI_FORESEE_H

#include "cli/ranking.h"
#include "cli/shared.h"

/* Tell progress what reading these files will take, and, roughly, what follows. */
void foresee_reading(const attrib_paths *paths,
                     const attrib_model_info *info,
                     cli_job *job);

void foresee_fit(const cli_source *source,
                 const attrib_fit_options *options,
                 cli_job *job);

/* Foresee a run of one of n_shards of the corpus; `factors` may be NULL. */
void foresee_run(const cli_source *source,
                 const attrib_factors *factors,
                 const attrib_queries *queries,
                 const attrib_score_options *options,
                 size_t n_shards,
                 cli_job *job);

/* Foresee a question to an index, which scores n_exact documents of either end by
 * explaining them; 0: as many as a certificate or a time takes, of which the documents
 * that are reported are the fewest. */
void foresee_question(const cli_source *source,
                      const attrib_factors *factors,
                      const attrib_queries *queries,
                      const attrib_score_options *options,
                      size_t n_exact,
                      cli_job *job);

/* Tell progress what an answer will take, before its factors are there. Without queries
 * (NULL) it is a run of self-influences. */
void foresee_answer(const cli_source *source,
                    const ranking_options *ranking,
                    const attrib_queries *queries,
                    cli_job *job);

#endif
