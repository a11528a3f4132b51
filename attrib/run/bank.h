/* SPDX-License-Identifier: MIT */
/* Copies of queries, documents and results in a run's bank. */
#ifndef AT_RUN_BANK_H
#define AT_RUN_BANK_H

#include "run/run.h"

/* Copy *text, which may be NULL, and point to the copy. */
attrib_status at_bank_string(at_arena *bank, const char **text, attrib_error *err);
attrib_status at_bank_query(at_arena *bank,
                            const attrib_query *query,
                            attrib_query *out,
                            attrib_error *err);
/* Copy all that a document points to. */
attrib_status at_bank_document(at_arena *bank,
                               attrib_document *document,
                               attrib_error *err);
attrib_status at_bank_result(at_arena *bank,
                             const attrib_result *result,
                             attrib_result *out,
                             attrib_error *err);

#endif
