/* SPDX-License-Identifier: MIT */
/* Normalizers: text to the text that is split into tokens. */
#ifndef AT_TOKENIZER_NORMALIZE_H
#define AT_TOKENIZER_NORMALIZE_H

#include "tokenizer/characters.h"
#include "tokenizer/pattern.h"
#include "tokenizer/unicode_form.h"

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
    bool continues;    /* set by the owner: what came before was normalized already */
    at_buffer buffers[2];
    at_form_scratch characters;
    at_matcher matcher;
} at_normalized;

void at_normalized_free(at_normalized *normalized);

/* Normalize valid UTF-8 text [n] into *out. Text that Unicode normalization leaves as it
 * is takes no memory. */
attrib_status at_normalize(const at_normalizer *normalizer,
                           const char *text,
                           size_t n,
                           at_normalized *out,
                           attrib_error *err);

/* Whether all steps make one character of each, but for what is put before the text: then
 * a text may be normalized in parts, of which all but the first are continued. */
bool at_normalizer_is_local(const at_normalizer *normalizer);

/* Replace a character by what such steps make of it. */
void at_normalizer_map(const at_normalizer *normalizer, char character[AT_UTF8_MAX + 1]);

#endif
