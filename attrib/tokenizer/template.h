/* SPDX-License-Identifier: MIT */
/* Post-processors: the special tokens before and after a text's own. */
#ifndef AT_TOKENIZER_TEMPLATE_H
#define AT_TOKENIZER_TEMPLATE_H

#include "format/json.h"
#include "tokenizer/ids.h"
#include "tokenizer/vocabulary.h"

typedef struct at_template {
    at_ids before, after;
    bool is_there; /* the file has a post-processor, if only of offsets */
    bool adds;     /* one of its steps adds tokens */
} at_template;

/* Read the "post_processor" of a tokenizer.json; NULL or null is none. */
attrib_status at_template_read(const char *name,
                               const json_t *json,
                               const at_vocabulary *vocabulary,
                               at_template *out,
                               attrib_error *err);
void at_template_free(at_template *template);

#endif
