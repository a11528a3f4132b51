/* SPDX-License-Identifier: MIT */
/* Unicode normalization forms. */
#ifndef AT_TOKENIZER_UNICODE_FORM_H
#define AT_TOKENIZER_UNICODE_FORM_H

#include "base/memory.h"

typedef struct at_unicode_form {
    bool is_compatible; /* NFKC, NFKD */
    bool is_composed;   /* NFC, NFKC */
} at_unicode_form;

/* Append valid UTF-8 text [n] in a form. `characters` is scratch that grows, owned by the
 * caller. */
attrib_status at_append_form(at_unicode_form form,
                             const char *text,
                             size_t n,
                             int32_t **characters,
                             size_t *capacity,
                             at_buffer *out,
                             attrib_error *err);

#endif
