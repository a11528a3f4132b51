/* SPDX-License-Identifier: MIT */
/* A decoder small enough for dense algebra and fuzzing, with random weights that never
 * change. */
#ifndef SUPPORT_TINY_H
#define SUPPORT_TINY_H

#include <stddef.h>

#include "attrib/model.h"

#define TINY_VOCABULARY 11
#define TINY_CONTEXT    16

/* One llama layer of width 4 with an MLP of 6; aborts where memory is out. */
attrib_model *tiny_model(void);

/* The same with other sizes. */
attrib_model *wide_model(size_t n_layers, size_t width, size_t mlp_width);

/* JSONL of n documents of 2 to TINY_CONTEXT ids; aborts where it cannot be written. */
void tiny_write_corpus(const char *path, size_t n);

#endif
