/* SPDX-License-Identifier: MIT */
/* What normalizers, pre-tokenizers, post-processors and decoders have in common in
 * tokenizer.json: an object with a "type", or a "Sequence" of them. */
#ifndef AT_TOKENIZER_SEQUENCE_H
#define AT_TOKENIZER_SEQUENCE_H

#include "format/json.h"

/* Steps that one stage may have, nested sequences laid flat. */
#define AT_MAX_STEPS 64

typedef struct at_sequence {
    const json_t *steps[AT_MAX_STEPS]; /* borrowed objects, each with a "type" */
    size_t n_steps;
} at_sequence;

/* Lay a stage flat; `stage` is NULL or null for none. `members` is the key of a
 * Sequence's steps. */
attrib_status at_sequence_read(const char *name,
                               const json_t *stage,
                               const char *members,
                               at_sequence *out,
                               attrib_error *err);

/* The "type" of a step; "" where it has none that is text. */
const char *at_step_type(const json_t *step);

/* ENOTSUP "NAME: normalizer "X" is not supported". */
attrib_status at_refuse_step(const char *name,
                             const char *stage,
                             const json_t *step,
                             attrib_error *err);

/* Read a member that is text, with its length. EFORMAT where it is missing. */
attrib_status at_step_text(const char *name,
                           const json_t *step,
                           const char *key,
                           const char **out,
                           size_t *n,
                           attrib_error *err);

#endif
