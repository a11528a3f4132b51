/* SPDX-License-Identifier: MIT */
/* How documents are ranked: the options of it that commands share, and what they make. */
#ifndef CLI_RANKING_H
#define CLI_RANKING_H

#include "cli/shared.h"

typedef struct ranking_options {
    const char *factors;  /* NULL where none were given */
    choice_list strategy; /* attrib_strategy */
    bool is_strategy_given;
    number_list damping, damping_abs;
    bool is_damping_abs_given;
    attrib_score_options score; /* but for its settings */
} ranking_options;

/* Factors, and what settings are made of: the rest is the library's table. */
extern const option ranking_table[];

/* Check options that exclude each other, and note which were given. */
bool ranking_check(ranking_options *options,
                   const cli_given *given,
                   char *message,
                   size_t size);

/* Whether every strategy that was given does without factors. */
bool ranking_is_identity(const ranking_options *options);

/* Make a setting of every strategy with every damping. Where no strategy was given it is
 * the one of the factors, which may be NULL. */
attrib_score_options ranking_choose(const ranking_options *options,
                                    const attrib_factors *factors,
                                    const cli_job *job);

/* The rows of a finished run in the statistics. */
void ranking_count(const attrib_run *run, cli_job *job);

#endif
