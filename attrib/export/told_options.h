/* SPDX-License-Identifier: MIT */
/* Options of a run as members of JSON, by their table. */
#ifndef AT_EXPORT_TOLD_OPTIONS_H
#define AT_EXPORT_TOLD_OPTIONS_H

#include "attrib/run.h"
#include "base/memory.h"
#include "format/json.h"

/* Append the member of one option, "refine_steps": 20. */
attrib_status at_append_option(at_buffer *out,
                               const attrib_score_options *options,
                               const char *name,
                               attrib_error *err);

/* Put every option that scores depend on and that has another value than by default, but
 * for those whose key is there. */
attrib_status at_put_options(json_t *out,
                             const attrib_score_options *options,
                             attrib_error *err);

#endif
