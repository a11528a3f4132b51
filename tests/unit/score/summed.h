/* SPDX-License-Identifier: MIT */
/* Two runs, and their sum that is compared with what they say, added up here. */
#ifndef TEST_SCORE_SUMMED_H
#define TEST_SCORE_SUMMED_H

#include "attrib.h"

enum { N_DOCUMENTS = 1060, N_QUERIES = 5, N_RUNS = 2, MAX_PATH = 300 };

/* What the runs are multiplied by. */
extern const double weights[N_RUNS];

/* What a run is read into. */
typedef struct numbers {
    attrib_run *run;
    double *scores, *bounds, *raw, *self; /* [N, Q] of a plane, [N] of its setting */
} numbers;

/* n zeros, owned by the caller. */
double *room(size_t n);

void open_numbers(const char *folder, numbers *out);
void close_numbers(numbers *of);

/* Raw scores: those of a run that divides none are its scores. */
void read_numbers(numbers *of, size_t i_plane);

/* scores, bounds, self-influences, and what each run said. */
void check_plane(numbers *runs, numbers *sum, size_t i_plane);

/* Shares of every token of every document. */
void check_token_arrays(numbers *runs, numbers *sum);

/* Both ends of all rankings. Those of whole queries, is_exact, are those of all scores,
 * in their order. Returns how many documents have shares. */
size_t check_answers(numbers *runs, numbers *sum, bool is_exact);

/* The addends and what follows from them. */
void check_description(const numbers *runs, const numbers *sum);

#endif
