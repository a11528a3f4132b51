/* SPDX-License-Identifier: MIT */
/* One step of a pre-tokenizer: what pretokenize_read.c reads and pretokenize.c runs. */
#ifndef AT_TOKENIZER_PRETOKENIZE_STEP_H
#define AT_TOKENIZER_PRETOKENIZE_STEP_H

#include "tokenizer/characters.h"
#include "tokenizer/pretokenize.h"

typedef enum at_prepend_scheme {
    AT_PREPEND_NEVER,
    AT_PREPEND_FIRST,
    AT_PREPEND_ALWAYS
} at_prepend_scheme;

/* What becomes of the matches of a split's pattern. */
typedef enum at_split_behavior {
    AT_SPLIT_ISOLATED,
    AT_SPLIT_REMOVED,
    AT_SPLIT_MERGED_WITH_PREVIOUS,
    AT_SPLIT_MERGED_WITH_NEXT,
    AT_SPLIT_CONTIGUOUS
} at_split_behavior;

struct at_pretokenizer_step {
    at_prepend_scheme scheme; /* whether the mark is put before a piece that lacks it */
    char mark[AT_UTF8_MAX + 1];
    size_t n_mark;
    bool replaces_spaces; /* by the mark */
    at_pattern pattern;   /* AT_PATTERN_NONE: no split */
    at_split_behavior behavior;
    bool is_inverted; /* what does not match is the match */
    bool maps_bytes;
};

#endif
