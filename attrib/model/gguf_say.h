/* SPDX-License-Identifier: MIT */
/* The configuration of a GGUF file while it is said in the words of config.json. */
#ifndef AT_MODEL_GGUF_SAY_H
#define AT_MODEL_GGUF_SAY_H

#include "model/checkpoint.h"
#include "model/gguf_family.h"

#define AT_GGUF_MAX_KEY 160

typedef struct at_gguf_saying {
    const at_gguf *gguf;
    const at_gguf_family *family;
    json_t *root;
} at_gguf_saying;

/* Set a key of an object to `value`, which is taken: NULL is ENOMEM. */
attrib_status at_say(json_t *object, const char *key, json_t *value, attrib_error *err);

/* "llama.block_count" */
const char *at_gguf_key_of(const at_gguf_saying *s,
                           const char *suffix,
                           char buffer[AT_GGUF_MAX_KEY]);

/* A number of the file's metadata, or `fallback`. */
attrib_status at_gguf_get(const at_gguf_saying *s,
                          const char *suffix,
                          double fallback,
                          double *out,
                          attrib_error *err);

/* Refuse a number, where it is there, that is another than the configuration's. */
attrib_status at_gguf_expect(const at_gguf_saying *s,
                             const char *suffix,
                             double expected,
                             attrib_error *err);

/* 1. Rotary positions (gguf_rope.c) */

/* Whether a tensor holds settings of positions, not weights. */
bool at_gguf_is_setting(const char *tensor);

attrib_status at_gguf_say_rope(const at_gguf_saying *s, attrib_error *err);

/* Check the file's further settings of positions against the configuration that was read.
 */
attrib_status at_gguf_check_rope(const at_gguf_saying *s,
                                 const at_config *config,
                                 attrib_error *err);

#endif
