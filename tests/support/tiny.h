/* SPDX-License-Identifier: MIT */
/* A decoder small enough for dense algebra and fuzzing, with random weights that never
 * change. */
#ifndef SUPPORT_TINY_H
#define SUPPORT_TINY_H

#include "attrib/model.h"

#define TINY_VOCABULARY 11
#define TINY_CONTEXT    16

/* One llama layer of width 4 with an MLP of 6; aborts where memory is out. */
attrib_model *tiny_model(void);

#endif
