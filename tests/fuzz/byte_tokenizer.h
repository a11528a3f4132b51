/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of the corpus share: a tokenizer of bytes, in place of the
 * library's, and what to do where a promise is broken. Included once a program. */
#ifndef FUZZ_BYTE_TOKENIZER_H
#define FUZZ_BYTE_TOKENIZER_H

#include <stdio.h>
#include <stdlib.h>

#include "attrib/tokenizer.h"
#include "tokenizer/chat.h"

struct attrib_tokenizer {
    int32_t bos, eos;
};

int32_t attrib_tokenizer_eos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

int32_t attrib_tokenizer_bos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t at_tokenizer_special(const attrib_tokenizer *tokenizer, size_t i)
{
    (void)tokenizer;
    (void)i;
    return -1;
}

size_t at_tokenizer_n_own_stops(const attrib_tokenizer *tokenizer)
{
    (void)tokenizer;
    return 0;
}

bool at_tokenizer_has(const attrib_tokenizer *tokenizer, const char *token)
{
    (void)tokenizer;
    (void)token;
    return true;
}

const struct at_jinja *at_tokenizer_template(const attrib_tokenizer *tokenizer,
                                             const attrib_error **problem)
{
    (void)tokenizer;
    (void)problem;
    return NULL; /* it has none, so nobody asks */
}

const int32_t *attrib_tokenizer_stops(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    (void)tokenizer;
    *n_ids = 0;
    return NULL;
}

const int32_t *attrib_tokenizer_ends(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    (void)tokenizer;
    *n_ids = 0;
    return NULL;
}

const char *attrib_tokenizer_piece(const attrib_tokenizer *tokenizer,
                                   int32_t id,
                                   size_t *n_bytes)
{
    *n_bytes = 1;
    return id == tokenizer->bos ? "^" : "$";
}

const char *attrib_tokenizer_chat_template(const attrib_tokenizer *tokenizer)
{
    (void)tokenizer;
    return NULL;
}

attrib_status attrib_tokenizer_encode(const attrib_tokenizer *tokenizer,
                                      const char *text,
                                      size_t n_bytes,
                                      bool add_special,
                                      int32_t **ids,
                                      size_t *n_ids,
                                      attrib_error *err)
{
    (void)err;
    int32_t *out = malloc((n_bytes + 1) * sizeof *out);
    if (!out) {
        return ATTRIB_ENOMEM;
    }
    size_t n = 0;
    if (add_special) {
        out[n++] = tokenizer->bos;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        out[n++] = (unsigned char)text[i];
    }
    *ids = out;
    *n_ids = n;
    return ATTRIB_OK;
}

#define PROMISE(condition)                                                               \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "broken: %s\n", #condition);                                 \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#endif
