/* SPDX-License-Identifier: MIT */
/* Normalizers: text to the text that is split into tokens. */
#ifndef AT_TOKENIZER_NORMALIZE_H
#define AT_TOKENIZER_NORMALIZE_H

#include "tokenizer/pattern.h"

typedef struct at_normalizer_step at_normalizer_step;

typedef struct at_normalizer {
    at_normalizer_step *steps; /* [n_steps] */
    size_t n_steps;
} at_normalizer;

/* Read the "normalizer" of a tokenizer.json; NULL or null is none. */
attrib_status at_normalizer_read(const char *name,
                                 const json_t *json,
                                 at_normalizer *out,
                                 attrib_error *err);
void at_normalizer_free(at_normalizer *normalizer);

/* What normalizing needs of one thread, and the last result; zeroed = none yet. */
typedef struct at_normalized {
    const char *text; /* the result, valid until the next call; may be the input itself */
    size_t n_bytes;
    bool starts_later; /* characters at the beginning of the text were dropped */
    size_t limit;      /* bytes that it may not pass */
    at_buffer buffers[2];
    int32_t *characters; /* of Unicode normalization */
    size_t capacity;
    at_matcher matcher;
} at_normalized;

void at_normalized_free(at_normalized *normalized);

/* Normalize valid UTF-8 text [n] into *out. */
attrib_status at_normalize(const at_normalizer *normalizer,
                           const char *text,
                           size_t n,
                           at_normalized *out,
                           attrib_error *err);

#endif
