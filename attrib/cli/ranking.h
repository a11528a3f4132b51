/* SPDX-License-Identifier: MIT */
/* How documents are ranked: the options of it that commands share, and what they make. */
#ifndef CLI_RANKING_H
#define CLI_RANKING_H

#include "cli/shared.h"

/* The index that documents are chosen by. */
typedef struct index_choice {
    const char *folder;  /* NULL: none */
    size_t n_exact;      /* documents of either end that are scored; 0: no limit */
    const char *time;    /* as typed; NULL: no limit */
    double seconds;      /* 0: no limit */
    const char *certify; /* as typed; NULL: not */
    double share;        /* attrib_question.certify */
    char prefilter[32];  /* attrib_score_options.prefilter */
} index_choice;

typedef struct ranking_options {
    const char *factors;  /* NULL where none were given */
    choice_list strategy; /* words of --strategy, by number */
    bool is_strategy_given;
    const char *baseline; /* as typed; NULL where none was */
    attrib_setting baselines[ATTRIB_MAX_SETTINGS];
    size_t n_baselines;
    number_list damping, damping_abs;
    bool is_damping_abs_given;
    attrib_score_options score; /* but for its settings */
    index_choice index;
    const cli_given *given; /* what was typed; while the command runs */
} ranking_options;

/* The options of an index: of an answer that is waited for, and of a run of many, which
 * scores more documents exactly. */
extern const option index_choice_table[];
extern const option batch_choice_table[];

/* Factors, and what settings are made of: the rest is the library's table. */
extern const option ranking_table[];

/* Check options that exclude each other, and note which were given. */
bool ranking_check(ranking_options *options,
                   const cli_given *given,
                   char *message,
                   size_t size);

/* Read baselines between commas, out [ATTRIB_MAX_SETTINGS]; a text that is NULL has none.
 */
bool ranking_read_baselines(
    const char *text, attrib_setting *out, size_t *n_out, char *message, size_t size);

/* Whether every strategy that was given does without factors; so do baselines alone. */
bool ranking_is_identity(const ranking_options *options);

/* The settings that were given, where no strategy stands for the one of the factors. */
size_t ranking_count_settings(const ranking_options *options);

/* Make a setting of every strategy with every damping, and of every baseline. Where
 * neither was given it is the strategy of the factors, which may be NULL. */
attrib_score_options ranking_choose(const ranking_options *options,
                                    const attrib_factors *factors,
                                    const cli_job *job);

/* The rows of a finished run in the statistics. */
void ranking_count(const attrib_run *run, cli_job *job);

#endif
