/* SPDX-License-Identifier: MIT */
/* Documents of a run chosen by their scores. Private to the export room. */
#ifndef AT_EXPORT_CHOICE_H
#define AT_EXPORT_CHOICE_H

#include "attrib/export.h"
#include "base/memory.h"

/* The documents of a choice, best first: *out [*n] is the caller's to free. EINVAL for a
 * query that the run does not have, and where no document is left. */
attrib_status at_choose_documents(attrib_run *run,
                                  const attrib_choice_options *options,
                                  size_t **out,
                                  size_t *n,
                                  attrib_error *err);

#endif
