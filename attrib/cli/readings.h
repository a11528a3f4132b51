/* SPDX-License-Identifier: MIT */
/* The options that a corpus was read with: an index keeps those that were given, and
 * questions take them over. */
#ifndef CLI_READINGS_H
#define CLI_READINGS_H

#include "cli/shared.h"

typedef struct readings {
    attrib_reading *list; /* [n] */
    char **texts;         /* [n] their values; owned */
    size_t n;
} readings;

/* List the options of `source` that were given. Paths are from the root. */
attrib_status readings_list(const source_options *source,
                            const cli_given *given,
                            readings *out,
                            attrib_error *err);

/* Put options that an index was read with into those of a question, where they were not
 * given. EINVAL for one that was given and contradicts: it would read other documents
 * than are in the index, or other tokens of them. Conditions of --where add up, and
 * options that choose fewer documents than the index has are fine. Where the index's own
 * store is read, `reads_store`, what chose its documents is not asked again. Texts are
 * borrowed; *owns_where is set where the list of conditions is to be freed. */
attrib_status readings_take(const attrib_index_info *info,
                            const char *folder,
                            const cli_given *given,
                            bool reads_store,
                            source_options *source,
                            bool *owns_where,
                            attrib_error *err);

/* Whether options name documents, their tags or bad rows in a way of their own, which a
 * store has as the index was made. */
bool readings_label(const cli_given *given);

void readings_free(readings *self);

#endif
