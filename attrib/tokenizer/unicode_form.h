/* SPDX-License-Identifier: MIT */
/* Unicode normalization forms. */
#ifndef AT_TOKENIZER_UNICODE_FORM_H
#define AT_TOKENIZER_UNICODE_FORM_H

#include "base/memory.h"

typedef struct at_unicode_form {
    bool is_compatible; /* NFKC, NFKD */
    bool is_composed;   /* NFC, NFKC */
} at_unicode_form;

/* The characters of a text, as scratch that grows; zeroed = none yet. The caller frees
 * `items`. */
typedef struct at_form_scratch {
    int32_t *items; /* [n] */
    size_t n, capacity;
} at_form_scratch;

/* Append valid UTF-8 text [n] in a form. */
attrib_status at_append_form(at_unicode_form form,
                             const char *text,
                             size_t n,
                             at_form_scratch *scratch,
                             at_buffer *out,
                             attrib_error *err);

#endif
