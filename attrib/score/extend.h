/* SPDX-License-Identifier: MIT */
/* A finished run that grows by documents after its own, by queries after its own, or by
 * both. What is new is scored as parts of the whole run, which are merged with it:
 *
 *                       queries of the run   new queries
 *     documents of it   the run              RUN.extend/queries
 *     new documents     RUN.extend/documents, against all queries
 *
 * Slices have 512 documents, so those of a last slice that is not full are scored again.
 * A run of one query under one setting is scored in another way than one of several
 * (score.c), so it is scored again where it gets a second query. */
#ifndef AT_SCORE_EXTEND_H
#define AT_SCORE_EXTEND_H

#include "score/preparing.h"

/* As attrib_run_score() of a job that extends its folder. */
attrib_status at_extend(attrib_session *session,
                        const attrib_score_job *job,
                        attrib_run **out,
                        attrib_error *err);

/* Refuse a corpus that does not begin with the documents of a run, as they were scored
 * (extend_check.c). */
attrib_status at_extend_check_documents(const attrib_run *run,
                                        const attrib_corpus *corpus,
                                        attrib_error *err);

#endif
