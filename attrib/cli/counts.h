/* SPDX-License-Identifier: MIT */
/* What was read of a corpus and left out, in the statistics of a job. */
#ifndef CLI_COUNTS_H
#define CLI_COUNTS_H

#include "cli/shared.h"

/* A row of text for the rows that were left out, with the reasons. */
void counts_add_bad_rows(const attrib_corpus *corpus, cli_job *job);

/* All numbers, for programs. */
void counts_add_numbers(const attrib_corpus *corpus, cli_job *job);

#endif
