/* SPDX-License-Identifier: MIT */
/* What GGUF files of each architecture are called and say. */
#ifndef AT_MODEL_GGUF_FAMILY_H
#define AT_MODEL_GGUF_FAMILY_H

#include "format/gguf.h"

#define AT_GGUF_THETA 10000.0 /* the rotary base where a file says none */

typedef enum at_gguf_key_kind {
    AT_GGUF_KEY_NEEDED, /* a size that must be there */
    AT_GGUF_KEY_SIZE,
    AT_GGUF_KEY_WINDOW, /* a size, 0 for none */
    AT_GGUF_KEY_NEEDED_NUMBER,
    AT_GGUF_KEY_NUMBER,
    AT_GGUF_KEY_BOOL,
    AT_GGUF_KEY_TRUE, /* refused where it is false */
    AT_GGUF_KEY_APART /* read with the windows of layers or with their positions */
} at_gguf_key_kind;

typedef struct at_gguf_key {
    const char *gguf; /* after the architecture's name and a point */
    const char *ours; /* in config.json; NULL where it is read apart */
    at_gguf_key_kind kind;
} at_gguf_key;

/* What an architecture is called, and how its files differ from Hugging Face's. */
typedef struct at_gguf_family {
    const char *gguf, *model_type;
    const char *told_by;     /* a key that only this one of its name has; or NULL */
    const at_gguf_key *keys; /* the last is {0} */
    const char *share;       /* key of the share of a head that is turned; or NULL */
    bool is_paired;          /* the rows of Q and K */
    bool has_whole_gains;    /* gains are held as they are, not as distances from 1 */
    size_t narrow_layers; /* with so many layers, queries are scaled by width / heads */
    size_t window_period; /* where it is not 0, some layers have a window, and positions
                             of their own: all but each so many-th, where the file does
                             not say which */
    double local_theta; /* their rotary base, where the file says none; 0: the others' */
} at_gguf_family;

/* The family of a file's general.architecture; or NULL. */
const at_gguf_family *at_gguf_family_of(const at_gguf *gguf, const char *architecture);

#endif
