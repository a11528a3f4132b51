/* SPDX-License-Identifier: MIT */
/* What attrib plan is told: its arguments and their table. */
#ifndef CLI_PLAN_OPTIONS_H
#define CLI_PLAN_OPTIONS_H

#include "cli/scoring.h"

typedef struct plan_args {
    common_options common;
    source_options source; /* model, corpus, text_field, no_eos, context, max_documents */
    several_options several; /* models that all are scored by */
    const char *shape_text;
    attrib_shape shape;
    size_t n_documents, n_tokens, fit_documents;
    attrib_fit_options fit;
    attrib_score_options score;
    attrib_index_options index;
    bool has_index;
    size_t n_exact;       /* documents of either end that questions score exactly */
    char prefilter[40];   /* index:N, where an index is planned */
    const char *baseline; /* as typed; NULL where none was */
    size_t n_queries, query_tokens, query_rows;
    size_t i_shard, n_shards;
    size_t n_cores, n_hosts, n_processes;
    double gflops, bf16_gflops, ram;
    int format;
} plan_args;

enum { PLAN_TEXT, PLAN_JSON };

extern const option_group plan_groups[];

/* Options that exclude or need each other; reads --shape. */
bool plan_check(void *arguments, const cli_given *given, char *message, size_t size);

#endif
