/* SPDX-License-Identifier: MIT */
/* Usual mistakes in what --model and --corpus name. */
#ifndef CLI_MISTAKES_H
#define CLI_MISTAKES_H

#include "cli/shared.h"

/* Where what failed to open is no model for a reason that the path shows (a hub's name, a
 * file of weights, a folder of GGUF files, ...), say that in place of what `err` says.
 * Returns `status`. `adapter` is
 * the folder of --adapter, or NULL. */
attrib_status mistake_explain_model(const char *path,
                                    const char *adapter,
                                    attrib_status status,
                                    attrib_error *err);

/* The same of a corpus: paths that are not there, as words of an unquoted prompt, and the
 * folder of a model. */
attrib_status mistake_explain_corpus(const path_list *corpus,
                                     attrib_status status,
                                     attrib_error *err);

/* The same of --optimizer: what torch.save() and NumPy write is no safetensors. */
attrib_status mistake_explain_optimizer(const char *path,
                                        attrib_status status,
                                        attrib_error *err);

#endif
