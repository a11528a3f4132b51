/* SPDX-License-Identifier: MIT */
/* The weights of a model's linear maps rounded to bf16 once, for products in bf16 of many
 * blocks of rows. Without them every product rounds its weights again, to the same bytes.
 */
#ifndef AT_MODEL_ROUNDED_H
#define AT_MODEL_ROUNDED_H

#include "base/session.h"
#include "model/matrix.h"

typedef struct attrib_model attrib_model;

/* Round all maps. Weights that their file holds in bf16, in the order of the maps' rows,
 * are read there. */
attrib_status at_rounded_new(attrib_session *session,
                             const attrib_model *model,
                             at_rounded **out,
                             attrib_error *err);
void at_rounded_free(at_rounded *rounded);

/* Bytes of all that is rounded. */
attrib_status at_rounded_bytes(const attrib_model *model, double *out, attrib_error *err);

/* The weights of a map, as its matrix orders them. */
const uint16_t *at_rounded_weights(const at_rounded *rounded, size_t i_module);

#endif
