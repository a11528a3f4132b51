/* SPDX-License-Identifier: MIT */
/* What is said of scores whose products were in bf16. */
#ifndef AT_EXPORT_PRECISION_H
#define AT_EXPORT_PRECISION_H

#include "attrib/run.h"
#include "base/file.h"

/* Append what the precision of a run means for an answer, or for the run where `answer`
 * is NULL: how many documents were scored again in f32, which errors were seen, and
 * whether these are large compared with the scores. Nothing for f32. */
attrib_status at_append_precision(at_buffer *out,
                                  const attrib_run_info *info,
                                  const attrib_answer *answer,
                                  attrib_error *err);

#endif
