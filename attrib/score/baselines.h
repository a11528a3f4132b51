/* SPDX-License-Identifier: MIT */
/* The baselines of a run: settings that rank documents without gradients, after those
 * that take them. Their scores stand in the same slices and their answers in the same
 * list. */
#ifndef AT_SCORE_BASELINES_H
#define AT_SCORE_BASELINES_H

#include "score/settle.h"

typedef struct at_baselines at_baselines;

/* Check the baselines among the settings of a run: they come last, and what else is asked
 * for is what they have. */
attrib_status at_baselines_check(const attrib_score_options *options,
                                 const attrib_model *model,
                                 attrib_error *err);

/* Move the baselines of options.settings to setup->baselines, with the layers that they
 * are of. */
void at_baselines_split(at_setup *setup);

/* The settings of setup->baselines after those of options. */
void at_baselines_join(const at_setup *setup, attrib_score_options *options);

/* Prepare the queries of a tile; `prepared` has their losses. */
attrib_status at_baselines_new(const at_setup *setup,
                               const at_prepared *prepared,
                               at_baselines **out,
                               attrib_error *err);
void at_baselines_free(at_baselines *baselines);

/* Fill the columns of the baselines in a slice. */
attrib_status at_baselines_score(const at_baselines *baselines,
                                 at_slice *slice,
                                 attrib_error *err);

/* Find the first and last documents of a tile under all baselines, and build the answers.
 */
attrib_status at_baselines_answer(const at_baselines *baselines,
                                  attrib_run *run,
                                  size_t i_tile,
                                  attrib_error *err);

/* Bytes that baselines take while documents are scored. */
attrib_status at_baselines_bytes(const at_setup *setup,
                                 size_t n_queries,
                                 double *out,
                                 attrib_error *err);

#endif
