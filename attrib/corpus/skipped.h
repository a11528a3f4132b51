/* SPDX-License-Identifier: MIT */
/* Rows that were left out because they cannot be read: counted by reason, some of each
 * named, all of them listed. */
#ifndef AT_CORPUS_SKIPPED_H
#define AT_CORPUS_SKIPPED_H

#include "base/session.h"
#include "corpus/store.h"

typedef struct at_skipped at_skipped;

attrib_status at_skipped_new(at_skipped **out, attrib_error *err);
void at_skipped_free(at_skipped *skipped);

/* Whether a failure is a row's own, not the machine's or the user's: what a limit of
 * memory refuses (ENOMEM) would be there under another limit. */
bool at_skipped_may(attrib_status status);

/* Count a row that is left out, and append its line of the list; `name` is what its
 * message begins with. */
attrib_status at_skipped_add(at_skipped *skipped,
                             const at_origin *origin,
                             const char *name,
                             const attrib_error *why,
                             at_buffer *line,
                             attrib_error *err);

/* Reason i; false where there are no more. */
bool at_skipped_get(const at_skipped *skipped, size_t i, attrib_skipped *out);

/* One warning for each reason. */
void at_skipped_log(const at_skipped *skipped, attrib_session *session);

#endif
