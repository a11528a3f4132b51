/* SPDX-License-Identifier: MIT */
/* JSON by jansson, with this library's errors: where in which text, in one line. */
#ifndef AT_FORMAT_JSON_H
#define AT_FORMAT_JSON_H

#include <jansson.h>

#include "base/memory.h"

/* Parse `n` bytes of UTF-8. `name` is what messages call the text
 * ("models/x/config.json"). Duplicate keys, trailing bytes, invalid UTF-8 and nesting
 * beyond jansson's limit are EFORMAT. */
attrib_status at_json_parse(
    const char *name, const char *text, size_t n, json_t **out, attrib_error *err);

/* Parse a whole file of at most max_bytes bytes. */
attrib_status at_json_read(const char *path,
                           size_t max_bytes,
                           json_t **out,
                           attrib_error *err);

/* Members of an object, checked for kind: EFORMAT "NAME: key "k": expected a string".
 * Where the key is missing or null, *out keeps what the caller put there (the default)
 * and *is_there (may be NULL) says so. Strings are borrowed from the object. */
attrib_status at_json_text(const char *name,
                           const json_t *object,
                           const char *key,
                           const char **out,
                           bool *is_there,
                           attrib_error *err);
attrib_status at_json_size(const char *name,
                           const json_t *object,
                           const char *key,
                           size_t *out,
                           bool *is_there,
                           attrib_error *err);
attrib_status at_json_number(const char *name,
                             const json_t *object,
                             const char *key,
                             double *out,
                             bool *is_there,
                             attrib_error *err);
attrib_status at_json_bool(const char *name,
                           const json_t *object,
                           const char *key,
                           bool *out,
                           bool *is_there,
                           attrib_error *err);

/* Append a value as compact JSON, numbers with 17 significant digits, UTF-8 kept as it
 * is. */
attrib_status at_json_append(at_buffer *out, const json_t *value, attrib_error *err);

/* Append text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
 */
attrib_status at_json_append_text(at_buffer *out,
                                  const char *text,
                                  size_t n,
                                  attrib_error *err);

#endif
