/* SPDX-License-Identifier: MIT */
/* Text that is given in parts: [{"type": "text", "text": "..."}, ...]. */
#ifndef AT_CORPUS_PARTS_H
#define AT_CORPUS_PARTS_H

#include "base/error.h"
#include "format/json.h"

/* Whether a value is a list of parts, and not one of messages. */
bool at_parts_are(const json_t *value);

/* ENOTSUP for parts that are no text, by their type. A thought is text for templates that
 * take parts as they are (takes_thoughts). */
attrib_status at_parts_check(const char *name,
                             const json_t *parts,
                             bool takes_thoughts,
                             attrib_error *err);

/* The text of all parts, one after another, as a string of the caller's. */
attrib_status at_parts_join(const char *name,
                            const json_t *parts,
                            json_t **out,
                            attrib_error *err);

/* Where a field of a row is in parts, put their text into the row as a member of its own
 * and let *field name that. */
attrib_status at_parts_join_field(const char *name,
                                  json_t *row,
                                  const char *member,
                                  const char **field,
                                  attrib_error *err);

#endif
