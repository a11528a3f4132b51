/* SPDX-License-Identifier: MIT */
/* A question to an index: how far its answer is made exact, and what is shown of it until
 * then. */
#ifndef CLI_QUESTION_H
#define CLI_QUESTION_H

#include "cli/ranking.h"

/* --certify and --time, of an index_choice. */
extern const option question_table[];

/* Read what was typed of them. */
bool question_check(index_choice *choice,
                    const cli_given *given,
                    char *message,
                    size_t size);

/* How stages are shown while more is scored: on a terminal as a listing that is written
 * again, and where `as_lines` as a line of JSON for each on standard output. */
typedef struct question_view {
    const attrib_corpus *corpus;
    cli_job *job;
    bool as_lines;
    size_t n_shown;                      /* lines on the terminal */
    size_t n_exact, n_documents, n_open; /* of the last stage */
    bool certifies;
} question_view;

/* Answer one query from an index. `scored` is the job of a run without a folder. */
attrib_status question_answer(const index_choice *choice,
                              const attrib_score_job *scored,
                              bool as_lines,
                              cli_job *job,
                              attrib_run **out,
                              attrib_error *err);

#endif
